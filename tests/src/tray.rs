//! What shows a tray on a host's desktop: somebody on its D-Bus who lets icons register, asks them what to show, and clicks them.
//!
//! Invariant: the bus is another's ([`crate::notifications`]), and this goes from it with its last name.

use crate::{lab::Host, wait};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use zbus::{
    blocking::{Connection, Proxy, connection::Builder},
    zvariant::{OwnedValue, Structure, Value},
};

/// How long a program may take to show something on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The tray.
pub struct Tray {
    connection: Connection,
    items: Arc<Mutex<Vec<String>>>,
}

/// An entry of an icon's menu.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    number: i32,
    /// What it says; nothing: it is a rule.
    pub label: String,
    /// Whether it can be clicked.
    pub enabled: bool,
    /// Whether it is ticked, if it can be.
    pub ticked: Option<bool>,
}

impl Tray {
    /// Comes to the bus of a host; `shows`: there is somewhere to show icons.
    ///
    /// # Panics
    /// When there is no bus.
    pub fn start(host: &Host, shows: bool) -> Self {
        let items = Arc::new(Mutex::new(Vec::new()));
        let address = format!("unix:path={}", host.dir().join("run/bus").display());
        let watcher = Watcher { items: items.clone(), shows };
        let serve = || {
            Builder::address(address.as_str())?
                .method_timeout(PATIENCE)
                .serve_at("/StatusNotifierWatcher", watcher)?
                .name("org.kde.StatusNotifierWatcher")?
                .build()
        };
        Self { connection: serve().expect("a bus without a tray"), items }
    }

    /// Who has registered, in the order in which they came.
    pub fn items(&self) -> Vec<String> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for an icon.
    ///
    /// # Panics
    /// When none comes.
    pub fn await_item(&self) {
        wait::until(PATIENCE, "an icon in the tray", || !self.items().is_empty());
    }

    fn item(&self, place: &'static str, interface: &'static str) -> Proxy<'static> {
        let name = self.items().pop().expect("it was waited for");
        Proxy::new(&self.connection, name, place, interface).expect("a name of somebody on the bus")
    }

    /// Something that the icon tells of itself, asked for anew.
    ///
    /// # Panics
    /// When it does not.
    pub fn fact(&self, name: &str) -> OwnedValue {
        let item = self.item("/StatusNotifierItem", "org.freedesktop.DBus.Properties");
        let told = item.call("Get", &("org.kde.StatusNotifierItem", name));
        told.unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// The icon: side, and opacity, red, green, blue for each pixel; of each size.
    ///
    /// # Panics
    /// When it is none.
    pub fn icon(&self) -> Vec<(i32, i32, Vec<u8>)> {
        let told = self.fact("IconPixmap");
        told.try_into().expect("pictures")
    }

    /// What is told beside the pointer.
    ///
    /// # Panics
    /// When it is nothing.
    pub fn told(&self) -> String {
        let told: Structure<'_> = self.fact("ToolTip").try_into().expect("it has parts");
        let last = told.fields().last().and_then(|value| value.downcast_ref::<String>().ok());
        last.expect("a text")
    }

    /// Somebody clicks the icon.
    ///
    /// # Panics
    /// When nobody hears.
    pub fn click(&self) {
        let item = self.item("/StatusNotifierItem", "org.kde.StatusNotifierItem");
        item.call::<_, _, ()>("Activate", &(0i32, 0i32)).expect("the icon hears");
    }

    /// The icon's menu.
    ///
    /// # Panics
    /// When it has none.
    pub fn menu(&self) -> Vec<Entry> {
        type Below = Vec<OwnedValue>;
        let menu = self.item("/MenuBar", "com.canonical.dbusmenu");
        let asked = (0i32, -1i32, Vec::<String>::new());
        let (_, (_, _, below)): (u32, (i32, HashMap<String, OwnedValue>, Below)) =
            menu.call("GetLayout", &asked).expect("a menu");
        let entry = |value: OwnedValue| {
            let entry: Structure<'_> = value.try_into().expect("an entry");
            let [number, facts, _] = entry.fields() else { panic!("{entry:?}") };
            let facts: HashMap<String, Value<'_>> =
                facts.try_clone().expect("no descriptors").try_into().expect("facts");
            let is = |name: &str| facts.get(name).cloned();
            Entry {
                number: number.downcast_ref().expect("a number"),
                label: is("label").and_then(|label| label.downcast().ok()).unwrap_or_default(),
                enabled: is("enabled").and_then(|value| value.downcast().ok()).unwrap_or(true),
                ticked: is("toggle-state").and_then(|state| state.downcast::<i32>().ok()).map(|on| on == 1),
            }
        };
        below.into_iter().map(entry).collect()
    }

    /// Somebody chooses this entry of the menu.
    ///
    /// # Panics
    /// When there is none.
    pub fn choose(&self, label: &str) {
        let menu = self.menu();
        let entry = menu.iter().find(|entry| entry.label == label);
        let number = entry.unwrap_or_else(|| panic!("no {label:?} in {menu:?}")).number;
        let event = (number, "clicked", Value::from(0i32), 0u32);
        let chosen = self.item("/MenuBar", "com.canonical.dbusmenu").call::<_, _, ()>("Event", &event);
        chosen.expect("the menu hears");
    }
}

struct Watcher {
    items: Arc<Mutex<Vec<String>>>,
    shows: bool,
}

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, item: String) {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        if !items.contains(&item) {
            items.push(item);
        }
    }

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        self.shows
    }
}
