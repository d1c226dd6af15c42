//! Another program on a display that has something to give: on the clipboard, or dragged over a window and let go there.
//!
//! Clipboard and dragging are the same on X: a *selection* is owned, and whoever wants what it stands for asks its owner. Dragging is the
//! XDND protocol, version 5, as far as a source needs it.
//!
//! Invariant: it gives bytes of one kind, and says of every other kind that it has none.

use crate::{desktop::Desktop, wait};
use std::{sync::atomic::AtomicBool, sync::atomic::Ordering, thread, time::Duration};
use x11rb::{
    connection::Connection,
    protocol::{
        Event,
        xproto::{
            AtomEnum, CLIENT_MESSAGE_EVENT, ClientMessageData, ClientMessageEvent, ConnectionExt,
            CreateWindowAux, EventMask, GrabMode, GrabStatus, PropMode, SELECTION_NOTIFY_EVENT,
            SelectionNotifyEvent, SelectionRequestEvent, Window, WindowClass,
        },
    },
    rust_connection::RustConnection,
    wrapper::ConnectionExt as _,
};

/// How long a window may take to answer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is given.
pub struct Offer {
    connection: RustConnection,
    own: Window,
    kind: u32,
    bytes: Vec<u8>,
}

impl Offer {
    /// Bytes of this kind (`image/png`, `text/uri-list`), on the display of this desktop.
    ///
    /// # Panics
    /// When there is no such display, or it does not answer.
    pub fn new(desktop: &Desktop, kind: &str, bytes: Vec<u8>) -> Self {
        let display = desktop.display();
        let (connection, screen) = desktop.host.inside(|| heard(RustConnection::connect(Some(display))));
        let own = heard(connection.generate_id());
        let root = &connection.setup().roots[screen];
        let aux = CreateWindowAux::new();
        let class = WindowClass::INPUT_ONLY;
        heard(connection.create_window(0, own, root.root, 0, 0, 1, 1, 0, class, root.root_visual, &aux));
        let kind = atom(&connection, kind);
        Self { connection, own, kind, bytes }
    }

    /// Has it on the clipboard while this is done.
    ///
    /// # Panics
    /// When the display refuses.
    pub fn on_clipboard<T>(&self, work: impl FnOnce() -> T) -> T {
        self.take("CLIPBOARD");
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    self.answer();
                    thread::sleep(Duration::from_millis(5));
                }
            });
            // Also when it panics, so that the thread ends.
            let _end = Ended(&done);
            work()
        })
    }

    /// Drags it over the desktop's window, and lets it go there. The window hears nothing of the pointer meanwhile, as when people drag.
    ///
    /// # Panics
    /// When the window takes nothing, or does not answer.
    pub fn drop_at(&self, desktop: &Desktop, [x, y]: [u32; 2]) {
        let target: Window = heard(desktop.id().parse());
        self.take("XdndSelection");
        let root = self.connection.setup().roots[0].root;
        let grab = self.connection.grab_pointer(
            false,
            root,
            EventMask::BUTTON_RELEASE,
            GrabMode::ASYNC,
            GrabMode::ASYNC,
            x11rb::NONE,
            x11rb::NONE,
            x11rb::CURRENT_TIME,
        );
        assert_eq!(heard(heard(grab).reply()).status, GrabStatus::SUCCESS);
        let to = [x, y].map(|side| i16::try_from(side).unwrap_or(i16::MAX));
        heard(self.connection.warp_pointer(x11rb::NONE, target, 0, 0, 0, 0, to[0], to[1]));
        let copy = atom(&self.connection, "XdndActionCopy");
        self.tell(target, "XdndEnter", [self.own, 5 << 24, self.kind, 0, 0]);
        self.tell(target, "XdndPosition", [self.own, 0, x << 16 | y, x11rb::CURRENT_TIME, copy]);
        let status = self.await_answer("XdndStatus");
        assert_eq!(status[1] & 1, 1, "the window takes no files");
        self.tell(target, "XdndDrop", [self.own, 0, x11rb::CURRENT_TIME, 0, 0]);
        self.await_answer("XdndFinished");
        heard(self.connection.ungrab_pointer(x11rb::CURRENT_TIME));
        heard(self.connection.flush());
    }

    fn take(&self, selection: &str) {
        let selection = atom(&self.connection, selection);
        heard(self.connection.set_selection_owner(self.own, selection, x11rb::CURRENT_TIME));
        heard(self.connection.flush());
    }

    fn tell(&self, target: Window, message: &str, data: [u32; 5]) {
        let event = ClientMessageEvent {
            response_type: CLIENT_MESSAGE_EVENT,
            format: 32,
            sequence: 0,
            window: target,
            type_: atom(&self.connection, message),
            data: ClientMessageData::from(data),
        };
        heard(self.connection.send_event(false, target, EventMask::NO_EVENT, event));
        heard(self.connection.flush());
    }

    /// Waits for a message of the window, and gives meanwhile what it asks for.
    fn await_answer(&self, message: &str) -> [u32; 5] {
        let wanted = atom(&self.connection, message);
        let mut data = [0; 5];
        wait::until(PATIENCE, message, || {
            let found = self.answer().into_iter().find(|event| event.type_ == wanted);
            data = found.map_or(data, |event| event.data.as_data32());
            found.is_some()
        });
        data
    }

    /// Gives to everybody who asks; what else was said.
    fn answer(&self) -> Vec<ClientMessageEvent> {
        let mut said = Vec::new();
        while let Some(event) = heard(self.connection.poll_for_event()) {
            match event {
                Event::SelectionRequest(request) => self.give(&request),
                Event::ClientMessage(message) => said.push(message),
                _ => {}
            }
        }
        said
    }

    fn give(&self, request: &SelectionRequestEvent) {
        let targets = atom(&self.connection, "TARGETS");
        let (to, property) = (request.requestor, request.property);
        let given = match request.target {
            target if target == targets => {
                let all = [targets, self.kind];
                self.connection
                    .change_property32(PropMode::REPLACE, to, property, AtomEnum::ATOM, &all)
                    .is_ok()
            }
            target if target == self.kind => {
                self.connection.change_property8(PropMode::REPLACE, to, property, target, &self.bytes).is_ok()
            }
            _ => false,
        };
        let answer = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor: to,
            selection: request.selection,
            target: request.target,
            property: if given { property } else { x11rb::NONE },
        };
        heard(self.connection.send_event(false, to, EventMask::NO_EVENT, answer));
        heard(self.connection.flush());
    }
}

struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn atom(connection: &RustConnection, name: &str) -> u32 {
    heard(heard(connection.intern_atom(false, name.as_bytes())).reply()).atom
}

/// What the display answers, which has to answer.
fn heard<T, E: std::fmt::Debug>(answer: Result<T, E>) -> T {
    answer.unwrap_or_else(|e| panic!("the display: {e:?}"))
}
