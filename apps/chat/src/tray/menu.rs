//! The menu of the icon in the tray, as `com.canonical.dbusmenu` wants it.
//!
//! Invariant: what an entry does is what it says: both follow from its number.

use super::{Asked, Face, Put, Seen, seen};
use crate::{t, texts};
use std::{
    collections::HashMap,
    sync::atomic::{AtomicU32, Ordering},
};
use zbus::{blocking::Connection, zvariant::Value};

/// Where it is.
pub(super) const AT: &str = "/MenuBar";

const NAME: &str = "com.canonical.dbusmenu";

/// How often it has changed.
static REVISION: AtomicU32 = AtomicU32::new(1);

/// The entries from above, by their numbers; 0 is all of them.
const OPEN: i32 = 1;
const BUSY: i32 = 2;
const HERE: i32 = 3;
const RULE: i32 = 4;
const QUIT: i32 = 5;
const ALL: [i32; 5] = [OPEN, BUSY, HERE, RULE, QUIT];

type Facts = HashMap<&'static str, Value<'static>>;

/// An entry, and what is below it.
type Entry = (i32, Facts, Vec<Value<'static>>);

fn facts(id: i32, face: Face) -> Facts {
    let label = |text: String| ("label", Value::from(text));
    match id {
        OPEN => HashMap::from([label(t!("tray-open"))]),
        BUSY => HashMap::from([
            label(t!("tray-busy")),
            ("toggle-type", Value::from("checkmark")),
            ("toggle-state", Value::from(i32::from(face.busy))),
        ]),
        HERE => HashMap::from([label(t!("tray-here", n = face.others)), ("enabled", Value::from(false))]),
        RULE => HashMap::from([("type", Value::from("separator"))]),
        QUIT => HashMap::from([label(t!("tray-quit"))]),
        _ => HashMap::from([("children-display", Value::from("submenu"))]),
    }
}

/// What an entry does when it is clicked.
fn meant(id: i32, face: Face) -> Option<Asked> {
    match id {
        OPEN => Some(Asked::Open),
        BUSY => Some(Asked::Busy(!face.busy)),
        QUIT => Some(Asked::Quit),
        _ => None,
    }
}

/// Tells those who show it if it is another one than before.
pub(super) fn tell(bus: &Connection, before: Face, face: Face) {
    if (before.busy, before.others, before.language) != (face.busy, face.others, face.language) {
        let revision = REVISION.fetch_add(1, Ordering::Relaxed) + 1;
        // Who has gone need not know.
        let _ = bus.emit_signal(None::<&str>, AT, NAME, "LayoutUpdated", &(revision, 0i32));
    }
}

/// The menu.
pub(super) struct Menu {
    pub(super) seen: Seen,
    pub(super) put: Put,
}

impl Menu {
    fn click(&self, id: i32, event: &str) {
        let face = *seen(&self.seen);
        if let Some(asked) = meant(id, face).filter(|_| event == "clicked") {
            (self.put)(asked);
        }
    }
}

#[zbus::interface(name = "com.canonical.dbusmenu")]
impl Menu {
    /// It is small: whoever asks for a part gets all that is known of that part.
    fn get_layout(&self, parent: i32, depth: i32, _names: Vec<String>) -> (u32, Entry) {
        let face = *seen(&self.seen);
        let below = if parent == 0 && depth != 0 { &ALL[..] } else { &[] };
        let below = below.iter().map(|id| Value::from((*id, facts(*id, face), Vec::<Value<'static>>::new())));
        (REVISION.load(Ordering::Relaxed), (parent, facts(parent, face), below.collect()))
    }

    fn get_group_properties(&self, ids: Vec<i32>, _names: Vec<String>) -> Vec<(i32, Facts)> {
        let face = *seen(&self.seen);
        let ids = if ids.is_empty() { ALL.to_vec() } else { ids };
        ids.into_iter().filter(|id| ALL.contains(id)).map(|id| (id, facts(id, face))).collect()
    }

    fn get_property(&self, id: i32, name: &str) -> zbus::fdo::Result<Value<'static>> {
        let found = facts(id, *seen(&self.seen)).remove(name);
        found.ok_or_else(|| zbus::fdo::Error::InvalidArgs(name.to_owned()))
    }

    fn event(&self, id: i32, event: &str, _data: Value<'_>, _time: u32) {
        self.click(id, event);
    }

    fn event_group(&self, events: Vec<(i32, String, Value<'_>, u32)>) -> Vec<i32> {
        events.iter().for_each(|(id, event, ..)| self.click(*id, event));
        events.iter().map(|(id, ..)| *id).filter(|id| !ALL.contains(id)).collect()
    }

    fn about_to_show(&self, _id: i32) -> bool {
        false
    }

    fn about_to_show_group(&self, _ids: Vec<i32>) -> (Vec<i32>, Vec<i32>) {
        (Vec::new(), Vec::new())
    }

    #[zbus(property)]
    fn version(&self) -> u32 {
        3
    }

    #[zbus(property)]
    fn text_direction(&self) -> &str {
        if texts::language().is_right_to_left() { "rtl" } else { "ltr" }
    }

    #[zbus(property)]
    fn status(&self) -> &str {
        "normal"
    }

    #[zbus(property)]
    fn icon_theme_path(&self) -> Vec<String> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;
    use std::sync::{Arc, Mutex, mpsc::channel};

    #[test]
    fn every_entry_does_what_it_says_and_nothing_else_does_anything() {
        let face = Face { unread: 0, busy: true, others: 2, language: Language::En, stowed: false };
        let (tell, told) = channel();
        let put = Arc::new(move |asked| {
            let _ = tell.send(asked);
        });
        let menu = Menu { seen: Arc::new(Mutex::new(face)), put };
        let (_, (_, _, below)) = menu.get_layout(0, -1, Vec::new());
        assert_eq!(below.len(), ALL.len());
        assert_eq!(menu.get_layout(QUIT, -1, Vec::new()).1.2.len(), 0);
        let label = |id| menu.get_property(id, "label").ok();
        assert_eq!(label(HERE), Some(Value::from("2 others are here")));
        assert_eq!(menu.get_property(BUSY, "toggle-state").ok(), Some(Value::from(1i32)));
        assert_eq!((label(RULE), label(77)), (None, None));
        assert_eq!(menu.get_group_properties(vec![OPEN, 77], Vec::new()).len(), 1);
        for id in [OPEN, BUSY, HERE, RULE, QUIT, 0, 77, -1] {
            menu.event(id, "hovered", Value::from(0i32), 0);
            menu.event(id, "clicked", Value::from(0i32), 0);
        }
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [Asked::Open, Asked::Busy(false), Asked::Quit]);
        let unknown = menu.event_group(vec![
            (QUIT, "clicked".into(), Value::from(0i32), 0),
            (77, String::new(), Value::from(0i32), 0),
        ]);
        assert_eq!((unknown, told.try_recv()), (vec![77], Ok(Asked::Quit)));
    }
}
