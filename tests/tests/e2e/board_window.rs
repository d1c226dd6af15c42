//! Boards in windows: real ones, on displays without a screen, with a pointer and a keyboard that a program moves.

use chalktalk_tests::{
    lab::{Host, Lab, Process, skip, tool},
    runner::Test,
    tests, wait,
};
use std::time::Duration;

pub(crate) const TESTS: &[Test] = tests![
    what_is_drawn_in_one_window_is_on_every_board,
    a_window_killed_in_the_middle_of_a_stroke_harms_nothing
];

/// Windows take seconds to open without a graphics card, and more on a busy machine.
const OPEN: Duration = Duration::from_secs(60);

/// A display of a host's own, and the board's window on it.
struct Desktop {
    host: Host,
    display: String,
    _screen: Process,
    window: Process,
}

impl Desktop {
    fn open(host: &Host, board: &str) -> Self {
        for (program, package) in [("Xvfb", "xvfb"), ("xdotool", "xdotool")] {
            if !tool::has(program) {
                skip(&format!("{program} is missing (package {package})"));
            }
        }
        let display = format!(":{}", 90 + host.index());
        let mut screen = host.command("Xvfb");
        screen.args([&display, "-screen", "0", "1280x800x24", "-nolisten", "tcp"]);
        let screen = host.spawn("Xvfb", screen);
        let mut this = Self {
            host: host.clone(),
            display,
            _screen: screen,
            window: host.spawn("nothing yet", host.command("true")),
        };
        wait::until(OPEN, "a display", || this.xdotool(&["getdisplaygeometry"]).is_some());
        this.show(board);
        this
    }

    fn show(&mut self, board: &str) {
        let mut command = self.host.program("chalktalk-whiteboard", &[board]);
        command.env("DISPLAY", &self.display).env("LIBGL_ALWAYS_SOFTWARE", "1");
        self.window = self.host.spawn("the window", command);
        let mut id = String::new();
        wait::until(OPEN, "the window", || {
            let found = self.xdotool(&["search", "--onlyvisible", "--name", "Chalktalk"]).unwrap_or_default();
            id = found.lines().last().unwrap_or_default().to_owned();
            !id.is_empty()
        });
        // There is no window manager that would.
        wait::until(OPEN, "the keyboard", || self.xdotool(&["windowfocus", "--sync", &id]).is_some());
    }

    /// What `xdotool` says; none if it fails.
    fn xdotool(&self, arguments: &[&str]) -> Option<String> {
        let mut command = self.host.command("xdotool");
        command.args(arguments).env("DISPLAY", &self.display);
        let mut process = self.host.spawn("xdotool", command);
        let status = process.await_end(Duration::from_secs(30));
        status.success().then(|| process.output().join("\n"))
    }

    fn does(&self, arguments: &str) {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        assert!(self.xdotool(&arguments).is_some(), "xdotool {arguments:?}");
    }

    /// Draws from one place to another with the tool of this key, until it is on the board as a new object.
    fn draws(&self, key: &str, kind: &str) {
        let before = count(&self.host, kind);
        // The first frames of a window hear nothing yet.
        wait::until(OPEN, &format!("a {kind} on the board"), || {
            self.does(&format!("key {key}"));
            self.does("mousemove 500 300 mousedown 1 sleep 0.1 mousemove 560 340 sleep 0.1 mousemove 640 330 sleep 0.1 mouseup 1");
            wait_a_moment(|| count(&self.host, kind) > before)
        });
    }
}

fn wait_a_moment(done: impl Fn() -> bool) -> bool {
    let started = std::time::Instant::now();
    while started.elapsed() < Duration::from_secs(5) {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

/// How many objects of a kind a host's board has.
fn count(host: &Host, kind: &str) -> usize {
    let output = host.chalktalk(&["board", "export", "#plans", "-"]);
    assert_eq!(output.code(), 0, "{}", output.log);
    output.out.join("\n").matches(&format!("\"kind\":\"{kind}\"")).count()
}

fn enter(lab: &Lab) {
    for host in lab.hosts() {
        assert_eq!(host.chalktalk(&["board", "new", "#plans"]).code(), 0);
    }
}

fn what_is_drawn_in_one_window_is_on_every_board() {
    let (lab, _daemons) = Lab::talking(3);
    enter(&lab);
    let ana = Desktop::open(lab.host(1), "#plans");
    let ben = Desktop::open(lab.host(2), "#plans");
    ana.draws("p", "stroke");
    ben.draws("r", "rectangle");
    for host in lab.hosts() {
        wait::until(OPEN, "both on every host", || {
            count(host, "stroke") >= 1 && count(host, "rectangle") >= 1
        });
    }
    // Taken back where it was drawn, it is gone everywhere.
    let strokes = count(lab.host(1), "stroke");
    ana.does("key ctrl+z");
    wait::until(OPEN, "one stroke less at the others", || count(lab.host(3), "stroke") == strokes - 1);
    assert!(count(lab.host(3), "rectangle") >= 1, "what somebody else drew stays");
}

fn a_window_killed_in_the_middle_of_a_stroke_harms_nothing() {
    let (lab, _daemons) = Lab::talking(2);
    enter(&lab);
    let mut ana = Desktop::open(lab.host(1), "#plans");
    ana.draws("p", "stroke");
    let strokes = count(lab.host(1), "stroke");
    ana.does("mousemove 300 300 mousedown 1 mousemove 350 400 mousemove 400 300");
    ana.window.kill();
    ana.does("mouseup 1");
    wait::until(OPEN, "what was finished, at the other", || count(lab.host(2), "stroke") == strokes);
    ana.show("#plans");
    ana.draws("a", "arrow");
    wait::until(OPEN, "what was drawn after that", || count(lab.host(2), "arrow") >= 1);
    assert_eq!(count(lab.host(2), "stroke"), strokes, "half a stroke is none");
}
