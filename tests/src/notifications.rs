//! What shows notifications on a host's desktop: a D-Bus of its own, and a server on it that writes down what it is asked to show
//! and does what people would.
//!
//! Invariant: the bus is where the host's programs look for one, and ends with this.

use crate::{
    lab::{Host, Process, skip, tool},
    wait,
};
use std::{
    collections::HashMap,
    fs,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use zbus::{
    blocking::{Connection, connection::Builder},
    zvariant::OwnedValue,
};

/// How long a program may take to show something on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

const NAME: &str = "org.freedesktop.Notifications";
const PLACE: &str = "/org/freedesktop/Notifications";

/// The server.
pub struct Notifications {
    connection: Connection,
    seen: Arc<Mutex<Seen>>,
    _bus: Process,
}

/// Something that was to be shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// Its number.
    pub number: u32,
    /// Whether it took the place of an earlier one.
    pub replaces: bool,
    /// Its title.
    pub title: String,
    /// What is below.
    pub text: String,
    /// Keys and labels of what can be done.
    pub actions: Vec<String>,
    /// Whether the server is not to keep it.
    pub passing: bool,
}

#[derive(Default)]
struct Seen {
    all: Vec<Shown>,
    /// Numbers of those that are shown now.
    now: Vec<u32>,
    last: u32,
}

impl Notifications {
    /// Starts a bus on a host, and on it a server that is able to do this. Where the machine lacks the tools the test is skipped.
    ///
    /// # Panics
    /// When the bus does not come up.
    pub fn start(host: &Host, abilities: &[&str]) -> Self {
        if !tool::has("dbus-daemon") {
            skip("dbus-daemon is missing (package dbus)");
        }
        let address = format!("unix:path={}", host.dir().join("run/bus").display());
        let config = host.dir().join("bus.conf");
        let text = format!(
            "<busconfig><listen>{address}</listen><auth>EXTERNAL</auth><policy context=\"default\">\
             <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>"
        );
        fs::write(&config, text).expect("the host's folder can be written to");
        let mut command = host.command("dbus-daemon");
        command.arg("--nofork").arg(format!("--config-file={}", config.display()));
        let bus = host.spawn("the bus", command);
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut connection = None;
        wait::until(PATIENCE, "the bus", || {
            let abilities = abilities.iter().map(|ability| (*ability).to_owned()).collect();
            let server = Server { abilities, seen: seen.clone() };
            let serve = || {
                Builder::address(address.as_str())?
                    .method_timeout(PATIENCE)
                    .serve_at(PLACE, server)?
                    .name(NAME)?
                    .build()
            };
            connection = serve().ok();
            connection.is_some()
        });
        Self { connection: connection.expect("it was waited for"), seen, _bus: bus }
    }

    /// Everything that was to be shown so far.
    pub fn all(&self) -> Vec<Shown> {
        self.seen().all.clone()
    }

    /// What is shown now.
    pub fn now(&self) -> Vec<u32> {
        self.seen().now.clone()
    }

    /// Waits until something with this in its title or text is to be shown.
    ///
    /// # Panics
    /// When it is not in time.
    pub fn await_text(&self, text: &str) -> Shown {
        let mut found = None;
        wait::until(PATIENCE, &format!("a notification with {text:?}"), || {
            found =
                self.all().into_iter().rev().find(|one| one.title.contains(text) || one.text.contains(text));
            found.is_some()
        });
        found.expect("it was waited for")
    }

    /// Waits until nothing is shown.
    ///
    /// # Panics
    /// When something still is.
    pub fn await_none(&self) {
        wait::until(PATIENCE, "every notification to be taken back", || self.now().is_empty());
    }

    /// Somebody clicks.
    pub fn act(&self, number: u32, key: &str) {
        self.tell("ActionInvoked", &(number, key));
        self.close(number);
    }

    /// Somebody answers.
    pub fn reply(&self, number: u32, text: &str) {
        self.tell("NotificationReplied", &(number, text));
        self.close(number);
    }

    fn close(&self, number: u32) {
        self.seen().now.retain(|one| *one != number);
        self.tell("NotificationClosed", &(number, 2u32));
    }

    fn tell<B: serde::Serialize + zbus::zvariant::DynamicType>(&self, signal: &str, body: &B) {
        let told = self.connection.emit_signal(None::<&str>, PLACE, NAME, signal, body);
        told.expect("the bus is there");
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

struct Server {
    abilities: Vec<String>,
    seen: Arc<Mutex<Seen>>,
}

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Server {
    fn get_capabilities(&self) -> Vec<String> {
        self.abilities.clone()
    }

    #[expect(clippy::too_many_arguments, reason = "they are the protocol's")]
    fn notify(
        &self,
        _program: String,
        replaces: u32,
        _icon: String,
        title: String,
        text: String,
        actions: Vec<String>,
        hints: HashMap<String, OwnedValue>,
        _lasts: i32,
    ) -> u32 {
        let mut seen = self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let known = replaces > 0 && seen.now.contains(&replaces);
        let number = if known { replaces } else { seen.last + 1 };
        seen.last = seen.last.max(number);
        if !known {
            seen.now.push(number);
        }
        let passing = hints.get("transient").is_some_and(|value| **value == true.into());
        seen.all.push(Shown { number, replaces: known, title, text, actions, passing });
        number
    }

    fn close_notification(&self, number: u32) {
        let mut seen = self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        seen.now.retain(|one| *one != number);
    }

    fn get_server_information(&self) -> (&str, &str, &str, &str) {
        ("a server for tests", "Chalktalk", "1", "1.2")
    }
}
