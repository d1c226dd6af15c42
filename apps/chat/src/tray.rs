//! The chat's icon in the tray: `org.kde.StatusNotifierItem` on the session's D-Bus, with a menu (`com.canonical.dbusmenu`).
//!
//! One thread speaks to the bus and one listens; those who show the tray ask what they want to know of the item itself. Of the chats of
//! a person one has the icon: the one that has the name [`OURS`] on the bus.
//!
//! Invariant: nobody waits for the tray. Without a bus, or somebody on it who shows a tray, there is none, and all else is as it was.

mod menu;

use crate::{
    emblem,
    link::spawn,
    model::Model,
    t,
    texts::{self, Language},
};
use chalktalk_ipc::HostId;
use menu::Menu;
use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};
use zbus::{
    Message,
    blocking::{Connection, MessageIterator, connection::Builder},
    message::Type,
    zvariant::{DynamicType, ObjectPath, Value},
};

/// What does not answer for so long does not work.
const PATIENCE: Duration = Duration::from_secs(5);

/// The name of the one that has the icon.
const OURS: &str = "org.chalktalk.Chat.Tray";

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const WATCHES_AT: &str = "/StatusNotifierWatcher";
const ITEM: &str = "org.kde.StatusNotifierItem";
const ITEM_AT: &str = "/StatusNotifierItem";
const DOOR_AT: &str = "/Chat";
const BUS: &str = "org.freedesktop.DBus";

/// Sides of the icon, in pixels: whoever shows it takes the one that fits.
const SIDES: [u32; 3] = [22, 32, 64];

/// What is known of the chat in the tray.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Face {
    /// Messages that are not read.
    unread: usize,
    /// The person does not want to be disturbed.
    busy: bool,
    /// Others who are here.
    others: usize,
    language: Language,
    /// It has no window.
    stowed: bool,
}

impl Face {
    pub(crate) fn of(model: &Model, stowed: bool) -> Self {
        let (unread, others) = (model.unread(), model.others_here());
        Self { unread, busy: model.is_busy(), others, language: texts::language(), stowed }
    }

    /// What is told beside the pointer.
    fn told(self) -> String {
        t!("tray-unread", n = self.unread)
    }
}

/// What a person does in the tray, or what becomes of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    /// They click the icon.
    Click,
    /// They want to see the chat.
    Open,
    /// They want to see this in it: `#room`, `@user` or a GUID.
    Target(String),
    /// They want to be disturbed no more, or again.
    Busy(bool),
    /// They end the chat.
    Quit,
    /// The icon is shown, or is shown no more.
    Shown(bool),
}

/// The tray.
#[derive(Debug)]
pub(crate) struct Tray {
    words: Sender<Word>,
    /// What it was told last.
    face: Option<Face>,
}

#[derive(Debug)]
enum Word {
    /// Show this, or nothing.
    Face(Option<Face>),
    /// Somebody has come to the bus, or has gone.
    Look,
    /// The bus is gone, as that of this name on it.
    Gone(String),
}

impl Tray {
    /// The tray of a chat on this host, in which nothing is yet; `put` gets what happens there.
    pub(crate) fn start(host: HostId, put: impl Fn(Asked) + Send + Sync + 'static) -> io::Result<Self> {
        let (words, heard) = channel();
        let speaker = Speaker { host, put: Arc::new(put), words: words.clone(), bus: None, shown: false };
        spawn("tray", move || speaker.run(&heard))?;
        Ok(Self { words, face: None })
    }

    /// Shows this from now on, or nothing.
    pub(crate) fn show(&mut self, face: Option<Face>) {
        if face != self.face {
            self.face = face;
            // The thread ends only with the chat.
            let _ = self.words.send(Word::Face(face));
        }
    }
}

type Put = Arc<dyn Fn(Asked) + Send + Sync>;

/// What item and menu show, and whoever asks them sees.
type Seen = Arc<Mutex<Face>>;

fn seen(face: &Seen) -> MutexGuard<'_, Face> {
    face.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Speaker {
    host: HostId,
    put: Put,
    words: Sender<Word>,
    bus: Option<(Connection, Seen)>,
    shown: bool,
}

impl Speaker {
    fn run(mut self, words: &Receiver<Word>) {
        for first in words {
            let (mut face, mut look) = (None, false);
            for word in std::iter::once(first).chain(words.try_iter()) {
                match word {
                    Word::Face(wanted) => face = Some(wanted),
                    Word::Look => look = true,
                    Word::Gone(name) if self.name().is_some_and(|now| now == name) => self.leave(),
                    Word::Gone(_) => {}
                }
            }
            match face {
                Some(Some(face)) if self.bus.is_none() => {
                    // Without a bus it is tried again when there is something else to show.
                    self.bus = self.begin(face).ok();
                    look = true;
                }
                Some(Some(face)) => self.change(face),
                Some(None) => self.leave(),
                None => {}
            }
            if look {
                let shown = self.bus.as_ref().is_some_and(|(bus, _)| register(bus).unwrap_or(false));
                self.set_shown(shown);
            }
        }
    }

    /// Goes onto the bus, and listens who comes and goes there.
    fn begin(&self, face: Face) -> zbus::Result<(Connection, Seen)> {
        let seen: Seen = Arc::new(Mutex::new(face));
        let item = Item { seen: seen.clone(), put: self.put.clone() };
        let menu = Menu { seen: seen.clone(), put: self.put.clone() };
        let door = Door { host: self.host, seen: seen.clone(), put: self.put.clone() };
        let builder = Builder::session()?.method_timeout(PATIENCE).serve_at(DOOR_AT, door)?;
        let bus = builder.serve_at(ITEM_AT, item)?.serve_at(menu::AT, menu)?.build()?;
        let heard = MessageIterator::from(&bus);
        let comes =
            |name: &str| format!("type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{name}'");
        for rule in [comes(WATCHER), comes(OURS), format!("type='signal',sender='{WATCHER}'")] {
            call(&bus, (BUS, "/org/freedesktop/DBus", BUS), "AddMatch", &rule)?;
        }
        let (words, name) = (self.words.clone(), name(&bus));
        let listen = move || {
            for message in heard.map_while(Result::ok).filter(is_news) {
                drop(message);
                let _ = words.send(Word::Look);
            }
            let _ = words.send(Word::Gone(name));
        };
        spawn("tray-bus", listen)?;
        Ok((bus, seen))
    }

    /// Shows something else.
    fn change(&self, face: Face) {
        let Some((bus, seen_there)) = &self.bus else { return };
        let before = std::mem::replace(&mut *seen(seen_there), face);
        let tell = |signal: &str| drop(bus.emit_signal(None::<&str>, ITEM_AT, ITEM, signal, &()));
        if (before.unread > 0) != (face.unread > 0) {
            tell("NewIcon");
        }
        if before.told() != face.told() || before.language != face.language {
            tell("NewToolTip");
        }
        menu::tell(bus, before, face);
    }

    fn name(&self) -> Option<String> {
        self.bus.as_ref().map(|(bus, _)| name(bus))
    }

    fn leave(&mut self) {
        if let Some((bus, _)) = self.bus.take() {
            // The listener ends with it.
            let _ = bus.close();
        }
        self.set_shown(false);
    }

    fn set_shown(&mut self, shown: bool) {
        if std::mem::replace(&mut self.shown, shown) != shown {
            (self.put)(Asked::Shown(shown));
        }
    }
}

/// Who one is on a bus.
fn name(bus: &Connection) -> String {
    bus.unique_name().map(ToString::to_string).unwrap_or_default()
}

/// Takes the name, if no other chat has it, and lets the icon be shown; false: there is nobody who shows it.
fn register(bus: &Connection) -> zbus::Result<bool> {
    const DO_NOT_QUEUE: u32 = 4;
    const EXISTS: u32 = 3;
    let the_bus = (BUS, "/org/freedesktop/DBus", BUS);
    let taken: u32 = call(bus, the_bus, "RequestName", &(OURS, DO_NOT_QUEUE))?.body().deserialize()?;
    let here: bool = call(bus, the_bus, "NameHasOwner", &WATCHER)?.body().deserialize()?;
    if taken == EXISTS || !here {
        return Ok(false);
    }
    call(bus, (WATCHER, WATCHES_AT, WATCHER), "RegisterStatusNotifierItem", &name(bus))?;
    let get = (WATCHER, WATCHES_AT, "org.freedesktop.DBus.Properties");
    let asked = call(bus, get, "Get", &(WATCHER, "IsStatusNotifierHostRegistered"));
    // Who does not tell shows it.
    let shows = asked.ok().and_then(|answer| match answer.body().deserialize::<Value<'_>>() {
        Ok(Value::Bool(shows)) => Some(shows),
        _ => None,
    });
    Ok(shows.unwrap_or(true))
}

/// Whether it tells that somebody has come or gone: all messages to this connection pass here.
fn is_news(message: &Message) -> bool {
    let header = message.header();
    let member = header.member().map(|member| member.as_str());
    header.message_type() == Type::Signal
        && matches!(
            member,
            Some("NameOwnerChanged" | "StatusNotifierHostRegistered" | "StatusNotifierHostUnregistered")
        )
}

/// Asks somebody on the bus: whom, where, by which interface.
fn call<B>(bus: &Connection, of: (&str, &str, &str), what: &str, body: &B) -> zbus::Result<Message>
where
    B: serde::Serialize + DynamicType,
{
    bus.call_method(Some(of.0), of.1, Some(of.2), what, body)
}

/// The icon.
struct Item {
    seen: Seen,
    put: Put,
}

type Pixmaps = Vec<(i32, i32, Vec<u8>)>;

#[zbus::interface(name = "org.kde.StatusNotifierItem")]
impl Item {
    fn activate(&self, _x: i32, _y: i32) {
        (self.put)(Asked::Click);
    }

    fn secondary_activate(&self, _x: i32, _y: i32) {
        (self.put)(Asked::Click);
    }

    /// Who has no menu of their own for it shows the chat.
    fn context_menu(&self, _x: i32, _y: i32) {
        (self.put)(Asked::Open);
    }

    fn scroll(&self, _delta: i32, _orientation: &str) {}

    #[zbus(property)]
    fn category(&self) -> &str {
        "Communications"
    }

    #[zbus(property)]
    fn id(&self) -> &str {
        "chalktalk-chat"
    }

    #[zbus(property)]
    fn title(&self) -> &str {
        "Chalktalk"
    }

    #[zbus(property)]
    fn status(&self) -> &str {
        "Active"
    }

    #[zbus(property)]
    fn window_id(&self) -> i32 {
        0
    }

    #[zbus(property)]
    fn icon_name(&self) -> &str {
        ""
    }

    #[zbus(property)]
    fn icon_pixmap(&self) -> Pixmaps {
        let marked = seen(&self.seen).unread > 0;
        SIDES.map(|side| (side as i32, side as i32, argb(&emblem::draw(side, marked)))).to_vec()
    }

    #[zbus(property)]
    fn overlay_icon_name(&self) -> &str {
        ""
    }

    #[zbus(property)]
    fn overlay_icon_pixmap(&self) -> Pixmaps {
        Vec::new()
    }

    #[zbus(property)]
    fn attention_icon_name(&self) -> &str {
        ""
    }

    #[zbus(property)]
    fn attention_icon_pixmap(&self) -> Pixmaps {
        Vec::new()
    }

    #[zbus(property)]
    fn attention_movie_name(&self) -> &str {
        ""
    }

    #[zbus(property)]
    fn tool_tip(&self) -> (&str, Pixmaps, &str, String) {
        ("", Vec::new(), "Chalktalk", seen(&self.seen).told())
    }

    #[zbus(property)]
    fn item_is_menu(&self) -> bool {
        false
    }

    #[zbus(property)]
    fn menu(&self) -> ObjectPath<'static> {
        ObjectPath::from_static_str_unchecked(menu::AT)
    }
}

/// Where a chat that is about to open finds one that has no window.
struct Door {
    host: HostId,
    seen: Seen,
    put: Put,
}

#[zbus::interface(name = "org.chalktalk.Chat.Tray")]
impl Door {
    /// Whether this chat opens its window, and there what is wanted: it is one of that host, and has none.
    fn open(&self, host: &str, target: String) -> bool {
        let takes = self.host.to_string() == host && seen(&self.seen).stowed;
        if takes {
            (self.put)(Asked::Target(target));
        }
        takes
    }
}

/// Whether a chat of this host that is in the tray, without a window, shows this now.
pub(crate) fn opens(host: HostId, target: &str) -> bool {
    let ask = || {
        let bus = Builder::session()?.method_timeout(PATIENCE).build()?;
        call(&bus, (OURS, DOOR_AT, OURS), "Open", &(host.to_string(), target))?.body().deserialize()
    };
    ask().unwrap_or(false)
}

/// Pixels as the tray wants them: opacity, red, green, blue.
fn argb(rgba: &[u8]) -> Vec<u8> {
    rgba.chunks_exact(4).flat_map(|pixel| [pixel[3], pixel[0], pixel[1], pixel[2]]).collect()
}
