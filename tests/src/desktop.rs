//! A display without a screen on a host of the lab, with a window on it, and a pointer and a keyboard that a program moves.
//!
//! Invariant: the display is the host's own, and ends with this.

use crate::{
    lab::{Host, Process, skip, tool},
    wait,
};
use std::{path::Path, process::Command, time::Duration};
use x11rb::{
    connection::Connection,
    protocol::xproto::{ClientMessageEvent, ConnectionExt, EventMask, ImageFormat, InputFocus},
    rust_connection::RustConnection,
};

/// Windows take seconds to open without a graphics card, and more on a busy machine.
pub const OPEN: Duration = Duration::from_secs(60);

/// A display, and the window on it.
pub struct Desktop {
    /// Where it is.
    pub host: Host,
    /// The window's program.
    pub window: Process,
    program: &'static str,
    display: String,
    id: String,
    others: Vec<String>,
    _screen: Process,
}

/// A display without hardware. It heeds no lock file: one that an earlier run left names a process of another namespace,
/// and by now perhaps one of ours.
pub fn display_server(host: &Host, display: &str, [width, height]: [u32; 2]) -> Command {
    let mut command = host.command("Xvfb");
    let screen = format!("{width}x{height}x24");
    command.args([display, "-screen", "0", &screen, "-nolisten", "tcp", "-nolock"]);
    command
}

impl Desktop {
    /// Opens a board's window on a display of this size, in pixels. Where the machine lacks the tools the test is skipped.
    pub fn open(host: &Host, board: &str, size: [u32; 2]) -> Self {
        Self::open_with(host, &[board], size)
    }

    /// As [`Desktop::open`], with arguments of the window's program.
    pub fn open_with(host: &Host, arguments: &[&str], size: [u32; 2]) -> Self {
        Self::open_program(host, "chalktalk-whiteboard", arguments, size)
    }

    /// As [`Desktop::open`], with a chat's window.
    pub fn open_chat(host: &Host, arguments: &[&str], size: [u32; 2]) -> Self {
        Self::open_program(host, "chalktalk-chat", arguments, size)
    }

    fn open_program(
        host: &Host,
        program: &'static str,
        arguments: &[&str],
        [width, height]: [u32; 2],
    ) -> Self {
        for (program, package) in [("Xvfb", "xvfb"), ("xdotool", "xdotool")] {
            if !tool::has(program) {
                skip(&format!("{program} is missing (package {package})"));
            }
        }
        let display = format!(":{}", 90 + host.index());
        let mut screen = display_server(host, &display, [width, height]);
        screen.arg("-noreset");
        let mut this = Self {
            host: host.clone(),
            window: host.spawn("nothing yet", host.command("true")),
            program,
            display,
            id: String::new(),
            others: Vec::new(),
            _screen: host.spawn("Xvfb", screen),
        };
        wait::until(OPEN, "a display", || this.xdotool(&["getdisplaygeometry"]).is_some());
        this.show(arguments);
        this.resize([width, height]);
        this
    }

    /// Gives the window this size, in pixels.
    pub fn resize(&self, [width, height]: [u32; 2]) {
        self.does(&format!("windowsize {} {width} {height}", self.id));
    }

    /// Opens the window (again).
    pub fn show(&mut self, arguments: &[&str]) {
        let mut command = self.host.program(self.program, arguments);
        command.env("DISPLAY", &self.display).env("LIBGL_ALWAYS_SOFTWARE", "1");
        self.window = self.host.spawn("the window", command);
        self.await_window();
    }

    /// Waits for a window, and gives it the keyboard.
    pub fn await_window(&mut self) {
        let mut id = String::new();
        wait::until(OPEN, "the window", || {
            let found = self.xdotool(&["search", "--onlyvisible", "--name", "Chalktalk"]).unwrap_or_default();
            let is_new = |line: &&str| self.others.iter().all(|other| other != line);
            id = found.lines().rfind(is_new).unwrap_or_default().to_owned();
            !id.is_empty()
        });
        // There is no window manager that would.
        wait::until(OPEN, "the keyboard", || self.xdotool(&["windowfocus", "--sync", &id]).is_some());
        self.id = id;
    }

    /// Makes the window the topmost, where pointer and keyboard go. There is no window manager that would.
    pub fn raise(&self, id: &str) {
        self.does(&format!("windowraise {id} windowfocus --sync {id}"));
    }

    /// Leaves the window open, so that another one can be shown beside it.
    pub fn leave_open(&mut self) -> Process {
        self.others.push(std::mem::take(&mut self.id));
        std::mem::replace(&mut self.window, self.host.spawn("nothing yet", self.host.command("true")))
    }

    /// Whether there is a window to be seen.
    pub fn has_window(&self) -> bool {
        self.xdotool(&["search", "--onlyvisible", "--name", "Chalktalk"])
            .is_some_and(|found| !found.is_empty())
    }

    /// Closes the window as a window manager does, and waits until it is gone.
    ///
    /// # Panics
    /// When the display does not answer, or the window stays.
    pub fn close(&self) {
        self.host.inside(|| {
            let (connection, _) = RustConnection::connect(Some(&self.display)).expect("the display is there");
            let atom = |name: &str| {
                let asked = connection.intern_atom(false, name.as_bytes()).expect("the display hears");
                asked.reply().expect("the display answers").atom
            };
            let window = self.id.trim().parse().expect("a window's number");
            let data = [atom("WM_DELETE_WINDOW"), x11rb::CURRENT_TIME, 0, 0, 0];
            let event = ClientMessageEvent::new(32, window, atom("WM_PROTOCOLS"), data);
            let sent = connection.send_event(false, window, EventMask::NO_EVENT, event);
            sent.expect("the display hears").check().expect("the display does it");
        });
        wait::until(OPEN, "the window to close", || !self.has_window());
    }

    /// The display's name.
    pub fn display(&self) -> &str {
        &self.display
    }

    /// The number of the window shown last.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What `xdotool` says; none if it fails.
    pub fn xdotool(&self, arguments: &[&str]) -> Option<String> {
        let mut command = self.host.command("xdotool");
        command.args(arguments).env("DISPLAY", &self.display);
        let mut process = self.host.spawn("xdotool", command);
        let status = process.await_end(OPEN);
        status.success().then(|| process.output().join("\n"))
    }

    /// Lets pointer and keyboard do something, in the words of `xdotool`.
    ///
    /// # Panics
    /// When it does not understand them.
    pub fn does(&self, arguments: &str) {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        assert!(self.xdotool(&arguments).is_some(), "xdotool {arguments:?}");
    }

    /// Takes the keyboard from the window: nobody has it.
    ///
    /// # Panics
    /// When the display does not answer.
    pub fn leave_keyboard(&self) {
        self.host.inside(|| {
            let (connection, _) = RustConnection::connect(Some(&self.display)).expect("the display is there");
            let root = connection.setup().roots[0].root;
            let set = connection.set_input_focus(InputFocus::NONE, root, x11rb::CURRENT_TIME);
            set.expect("the display hears").check().expect("the display does it");
        });
    }

    /// Takes a picture of the display into a PNG file; false where the machine has no `import` (package imagemagick).
    pub fn picture(&self, file: &Path) -> bool {
        if !tool::has("import") {
            return false;
        }
        let mut command = self.host.command("import");
        command.args(["-window", "root"]).arg(file).env("DISPLAY", &self.display);
        self.host.spawn("import", command).await_end(OPEN).success()
    }

    /// The colours on this part of the display, row by row.
    ///
    /// # Panics
    /// When the display does not answer.
    pub fn colours(&self, [x, y]: [i16; 2], [width, height]: [u16; 2]) -> Vec<[u8; 3]> {
        let (connection, screen) = self
            .host
            .inside(|| RustConnection::connect(Some(&self.display)))
            .expect("the display takes one more program");
        let root = connection.setup().roots[screen].root;
        let picture = connection
            .get_image(ImageFormat::Z_PIXMAP, root, x, y, width, height, u32::MAX)
            .expect("the display listens")
            .reply()
            .expect("a part of the display");
        picture.data.chunks_exact(4).map(|pixel| [pixel[2], pixel[1], pixel[0]]).collect()
    }
}
