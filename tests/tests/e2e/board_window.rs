//! Boards in windows: real ones, on displays without a screen, with a pointer and a keyboard that a program moves.

use chalktalk_tests::{
    desktop::{Desktop, OPEN},
    lab::{Host, Lab},
    offer::Offer,
    runner::Test,
    tests, wait,
};
use std::{fs, path::Path, time::Duration};

pub(crate) const TESTS: &[Test] = tests![
    what_is_drawn_in_one_window_is_on_every_board,
    a_window_killed_in_the_middle_of_a_stroke_harms_nothing,
    what_is_copied_on_one_board_is_pasted_on_another,
    people_talk_beside_the_board,
    everyone_is_brought_to_where_one_looks,
    pictures_and_drawings_are_pasted_and_dropped,
    what_is_brought_in_waits_for_no_picture_and_can_be_stopped,
    three_people_draw_something_together,
    every_tool_does_what_its_name_says,
];

/// A display of ordinary size.
pub(crate) const SCREEN: [u32; 2] = [1280, 800];

/// Draws from one place to another with the tool of this key, until it is on the board as a new object.
pub(crate) fn draws(desktop: &Desktop, key: &str, kind: &str) {
    draws_at(desktop, key, kind, [500, 300]);
}

pub(crate) fn draws_at(desktop: &Desktop, key: &str, kind: &str, [x, y]: [i32; 2]) {
    let before = count(&desktop.host, kind);
    // The first frames of a window hear nothing yet.
    wait::until(OPEN, &format!("a {kind} on the board"), || {
        desktop.does(&format!("key {key}"));
        desktop.does(&format!("mousemove {x} {y} mousedown 1 sleep 0.1"));
        desktop.does(&format!(
            "mousemove {} {} sleep 0.1 mousemove {} {} sleep 0.1 mouseup 1",
            x + 60,
            y + 40,
            x + 140,
            y + 30
        ));
        wait_a_moment(|| count(&desktop.host, kind) > before)
    });
}

pub(crate) fn wait_a_moment(done: impl Fn() -> bool) -> bool {
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
pub(crate) fn count(host: &Host, kind: &str) -> usize {
    count_on(host, "#plans", kind)
}

pub(crate) fn count_on(host: &Host, board: &str, kind: &str) -> usize {
    let output = host.chalktalk(&["board", "export", board, "-"]);
    assert_eq!(output.code(), 0, "{}", output.log);
    output.out.join("\n").matches(&format!("\"kind\":\"{kind}\"")).count()
}

pub(crate) fn enter(lab: &Lab) {
    for host in lab.hosts() {
        assert_eq!(host.chalktalk(&["board", "new", "#plans"]).code(), 0);
    }
}

fn what_is_drawn_in_one_window_is_on_every_board() {
    let (lab, _daemons) = Lab::talking(3);
    enter(&lab);
    let ana = Desktop::open(lab.host(1), "#plans", SCREEN);
    let ben = Desktop::open(lab.host(2), "#plans", SCREEN);
    draws(&ana, "p", "stroke");
    draws(&ben, "r", "rectangle");
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
    let mut ana = Desktop::open(lab.host(1), "#plans", SCREEN);
    draws(&ana, "p", "stroke");
    let strokes = count(lab.host(1), "stroke");
    ana.does("mousemove 300 300 mousedown 1 mousemove 350 400 mousemove 400 300");
    ana.window.kill();
    ana.does("mouseup 1");
    wait::until(OPEN, "what was finished, at the other", || count(lab.host(2), "stroke") == strokes);
    ana.show(&["#plans"]);
    draws(&ana, "a", "arrow");
    wait::until(OPEN, "what was drawn after that", || count(lab.host(2), "arrow") >= 1);
    assert_eq!(count(lab.host(2), "stroke"), strokes, "half a stroke is none");
}

fn what_is_copied_on_one_board_is_pasted_on_another() {
    let (lab, _daemons) = Lab::talking(1);
    let host = lab.host(1);
    for board in ["#plans", "#other"] {
        assert_eq!(host.chalktalk(&["board", "new", board]).code(), 0);
    }
    let mut window = Desktop::open(host, "#plans", SCREEN);
    draws(&window, "r", "rectangle");
    window.does("key ctrl+a key ctrl+c sleep 0.5");
    // The clipboard is the first window's as long as that is open.
    let first = window.leave_open();
    window.show(&["#other"]);
    let pasted = || {
        let output = host.chalktalk(&["board", "export", "#other", "-"]);
        output.out.join("\n").matches("\"kind\":\"rectangle\"").count()
    };
    wait::until(OPEN, "the rectangle on the other board", || {
        window.does("mousemove 640 400 key ctrl+v");
        wait_a_moment(|| pasted() > 0)
    });
    drop(first);
}

fn people_talk_beside_the_board() {
    let (lab, _daemons) = Lab::talking(2);
    enter(&lab);
    let ana = Desktop::open(lab.host(1), "#plans", SCREEN);
    let said = |host: &Host| host.history("#plans").iter().any(|text| text.contains("higher please"));
    // The first frames of a window hear nothing yet.
    draws(&ana, "p", "stroke");
    ana.does("key c sleep 0.5 mousemove 1120 770 click 1 sleep 0.2 type --delay 20 higher");
    ana.does("key space type --delay 20 please");
    ana.does("key Return");
    wait::until(OPEN, "what was said, in the room of the board's name", || said(lab.host(1)));
    assert_eq!(lab.host(2).chalktalk(&["room", "join", "plans"]).code(), 0);
    wait::until(OPEN, "the same at the other", || said(lab.host(2)));
}

/// Where the newest object of a kind lies on a host's board, and how large it is.
pub(crate) fn box_of(host: &Host, kind: &str) -> Option<[[f64; 2]; 2]> {
    let output = host.chalktalk(&["board", "export", "#plans", "-"]);
    let board: serde_json::Value = serde_json::from_str(&output.out.join("\n")).ok()?;
    let newest = board["objects"].as_array()?.iter().rfind(|object| object["kind"] == kind)?;
    let both = |name: &str| Some([newest[name][0].as_f64()?, newest[name][1].as_f64()?]);
    Some([both("at")?, both("size")?])
}

pub(crate) fn place(host: &Host, kind: &str) -> Option<[f64; 2]> {
    box_of(host, kind).map(|[at, _]| at)
}

fn everyone_is_brought_to_where_one_looks() {
    let (lab, _daemons) = Lab::talking(2);
    enter(&lab);
    let ana = Desktop::open(lab.host(1), "#plans", SCREEN);
    let ben = Desktop::open(lab.host(2), "#plans", SCREEN);
    draws(&ana, "r", "rectangle");
    let before = place(lab.host(1), "rectangle").unwrap();
    // Ana moves her view away, and draws at the same place of her screen.
    ana.does("key h mousemove 400 400 mousedown 1 mousemove 500 450 mousemove 700 600 mouseup 1");
    draws(&ana, "d", "diamond");
    let there = place(lab.host(1), "diamond").unwrap();
    assert!((there[0] - before[0]).abs() > 100.0, "{before:?} {there:?}");
    wait::until(OPEN, "Ben's screen to show the same part", || {
        ana.does("mousemove 600 500 key b sleep 0.3");
        draws(&ben, "o", "ellipse");
        place(lab.host(2), "ellipse")
            .is_some_and(|at| (0..2).all(|axis| (at[axis] - there[axis]).abs() < 3.0))
    });
}

fn pictures_and_drawings_are_pasted_and_dropped() {
    let (lab, _daemons) = Lab::talking(2);
    enter(&lab);
    let (ana, ben) = (lab.host(1), lab.host(2));
    // A picture and a drawing, made by another board.
    let drawing = r##"{"format": "chalktalk-board", "objects": [{"kind": "ellipse", "size": [90, 60], "fill": "#ffc9c9"}]}"##;
    assert_eq!(ana.chalktalk_fed(&["board", "draw", "#source", "-"], drawing).code(), 0);
    let [png, svg, broken] = ["ein Bild.png", "drawing.svg", "broken.svg"].map(|name| ana.dir().join(name));
    for file in [&png, &svg] {
        assert_eq!(ana.chalktalk(&["board", "export", "#source", file.to_str().unwrap()]).code(), 0);
    }
    fs::write(&broken, "<svg").unwrap();
    let window = Desktop::open(ana, "#plans", SCREEN);
    draws(&window, "r", "rectangle");
    let picture = Offer::new(&window, "image/png", fs::read(&png).unwrap());
    picture.on_clipboard(|| {
        wait::until(OPEN, "the pasted picture at the other", || {
            window.does("mousemove 640 400 key ctrl+v");
            wait_a_moment(|| count(ben, "image") > 0)
        });
    });
    let pasted = count(ana, "image");
    // Names are as in addresses: a blank is %20.
    let list = [&png, &broken, &svg]
        .map(|file| format!("file://{}\r\n", file.to_str().unwrap().replace(' ', "%20")));
    let files = Offer::new(&window, "text/uri-list", list.concat().into_bytes());
    files.drop_at(&window, [400, 600]);
    wait::until(OPEN, "both of what was dropped at the other", || {
        count(ben, "image") == pasted + 1 && count(ben, "outline") >= 1
    });
    let [at, size] = box_of(ana, "outline").unwrap();
    wait::until(OPEN, "it at the same place", || place(ben, "outline") == Some(at));
    // The rectangle was begun at [500, 300] of the screen.
    let start = place(ana, "rectangle").unwrap();
    let let_go = [start[0] - 100.0, start[1] + 300.0];
    let off = |axis: usize| (at[axis] + size[axis] / 2.0 - let_go[axis]).abs();
    assert!(off(0) < 4.0 && off(1) < 4.0, "{at:?} {size:?}, let go at {let_go:?}");
    if let Some(folder) = std::env::var_os("CHALKTALK_PICTURES") {
        window.does("sleep 0.5");
        window.picture(&Path::new(&folder).join("window-dropped.png"));
    }
}

fn what_is_brought_in_waits_for_no_picture_and_can_be_stopped() {
    let (lab, _daemons) = Lab::talking(1);
    let host = lab.host(1);
    // A picture that nobody has: the window asks for it for a minute.
    let lost = r#"{"format": "chalktalk-board", "objects": [{"kind": "image", "size": [90, 60],
        "image": {"blake3": "HASH", "bytes": 1000, "pixels": [30, 20]}}]}"#;
    let lost = lost.replace("HASH", &"5b".repeat(32));
    assert_eq!(host.chalktalk_fed(&["board", "draw", "#plans", "-"], lost).code(), 0);
    let file = |name: &str, objects: Vec<String>| {
        let path = host.dir().join(name);
        fs::write(&path, format!(r#"{{"format": "chalktalk-board", "objects": [{}]}}"#, objects.join(",")))
            .unwrap();
        format!("file://{}\r\n", path.display()).into_bytes()
    };
    let note = |n: usize| format!(r#"{{"kind": "note", "at": [{n}, 0], "size": [90, 60], "text": "{n}"}}"#);
    let small = file("small.json", (0..3).map(note).collect());
    let points: Vec<String> = (0..100).map(|n| format!("[{n},{}]", n * n % 17)).collect();
    let stroke = format!(r#"{{"kind": "stroke", "points": [{}]}}"#, points.join(","));
    let large = file("large.json", vec![stroke; 30_000]);
    let window = Desktop::open(host, "#plans", SCREEN);
    draws(&window, "r", "rectangle");
    let started = std::time::Instant::now();
    Offer::new(&window, "text/uri-list", small.clone()).drop_at(&window, [400, 600]);
    wait::until(OPEN, "what was dropped", || count(host, "note") == 3);
    assert!(started.elapsed() < Duration::from_secs(30), "it waited {:?} for a picture", started.elapsed());
    // Two at once; the first is stopped, the second comes.
    Offer::new(&window, "text/uri-list", [large, small].concat()).drop_at(&window, [400, 600]);
    window.does("mousemove 786 659 sleep 0.8");
    if let Some(folder) = std::env::var_os("CHALKTALK_PICTURES") {
        window.picture(&Path::new(&folder).join("window-bringing-in.png"));
    }
    window.does("click 1 sleep 0.2");
    wait::until(OPEN, "the second", || count(host, "note") == 6);
    assert!(!wait_a_moment(|| count(host, "stroke") > 0), "what was stopped came all the same");
}

/// What three people draw in three windows is in all of them; with `CHALKTALK_PICTURES`, a folder, one can look at it there.
fn three_people_draw_something_together() {
    let (lab, _daemons) = Lab::talking(3);
    enter(&lab);
    let drawing = include_str!("together.json");
    assert_eq!(lab.host(1).chalktalk_fed(&["board", "draw", "#plans", "-"], drawing).code(), 0);
    let desks: Vec<Desktop> = lab.hosts().iter().map(|host| Desktop::open(host, "#plans", SCREEN)).collect();
    if let Some(folder) = std::env::var_os("CHALKTALK_PICTURES") {
        desks[0].does("sleep 1");
        desks[0].picture(&Path::new(&folder).join("window-first.png"));
    }
    draws_at(&desks[0], "p", "stroke", [880, 625]);
    draws_at(&desks[1], "a", "arrow", [1060, 620]);
    draws_at(&desks[2], "o", "ellipse", [640, 625]);
    for host in lab.hosts() {
        wait::until(OPEN, "all of it on every host", || {
            [("stroke", 1), ("arrow", 1), ("ellipse", 1)]
                .iter()
                .all(|(kind, least)| count(host, kind) >= *least)
        });
    }
    // Pens that are down are seen at the others' before they are lifted.
    desks[1]
        .does("key k mousemove 620 660 mousedown 1 mousemove 680 690 mousemove 740 670 mousemove 800 695");
    desks[2].does("key p mousemove 330 690 mousedown 1");
    for x in 0..30 {
        let y = 690.0 + 18.0 * (f64::from(x) * 0.7).sin();
        desks[2].does(&format!("mousemove {} {y:.0}", 330 + 8 * x));
    }
    desks[0].does("mousemove 1010 330");
    if let Some(folder) = std::env::var_os("CHALKTALK_PICTURES").map(std::path::PathBuf::from) {
        for desk in &desks {
            desk.picture(&folder.join(format!("together-{}.png", desk.host.index())));
        }
        album(&desks[0], &folder);
    }
    desks[1].does("mouseup 1");
    desks[2].does("mouseup 1");
    let strokes = count(lab.host(3), "stroke");
    wait::until(OPEN, "the last stroke at the first", || count(lab.host(1), "stroke") == strokes.max(2));
}

/// Pictures of what else a window shows, to be looked at.
fn album(desk: &Desktop, folder: &Path) {
    let scenes = [
        ("talk", "key c sleep 0.5"),
        ("dark", "key c key shift+d sleep 0.5"),
        ("help", "key shift+d key question sleep 0.5"),
        ("chosen", "key Escape key v key ctrl+a sleep 0.5"),
        ("authors", "key Escape key w key g sleep 0.7"),
        ("person", "key Escape key g mousemove 982 36 click 1 sleep 0.5"),
        ("palette", "key Escape mousemove 640 120 click 1 key ctrl+k sleep 0.5 type --delay 30 repl"),
        ("replay", "key Return sleep 1.2"),
        ("narrow", "key Escape sleep 0.3"),
    ];
    for (name, acts) in scenes {
        desk.does(acts);
        if name == "narrow" {
            desk.resize([900, 640]);
        }
        desk.does("mousemove 640 420 sleep 0.5");
        desk.picture(&folder.join(format!("window-{name}.png")));
    }
    desk.resize(SCREEN);
}

/// A board of one person, with a window whose every step is seen in what the board exports.
struct Bench {
    desk: Desktop,
}

impl Bench {
    fn objects(&self) -> Vec<serde_json::Value> {
        let output = self.desk.host.chalktalk(&["board", "export", "#plans", "-"]);
        let board: serde_json::Value = serde_json::from_str(&output.out.join("\n")).unwrap();
        board["objects"].as_array().unwrap().clone()
    }

    fn of(&self, kind: &str) -> Vec<serde_json::Value> {
        self.objects().into_iter().filter(|object| object["kind"] == kind).collect()
    }

    /// Does this, and waits until the board is so.
    fn does(&self, what: &str, acts: &str, holds: impl Fn(&Self) -> bool) {
        self.desk.does(acts);
        if !wait_a_moment(|| holds(self)) {
            if let Some(folder) = std::env::var_os("CHALKTALK_PICTURES") {
                self.desk.picture(&Path::new(&folder).join("window-tools-failed.png"));
            }
            panic!("{what} ({acts}): {:#?}", self.objects());
        }
    }

    fn picture(&self, name: &str) {
        if let Some(folder) = std::env::var_os("CHALKTALK_PICTURES") {
            self.desk.does("sleep 0.6");
            self.desk.picture(&Path::new(&folder).join(format!("window-tools-{name}.png")));
        }
    }

    /// Width of what is 100 pixels wide on the screen now.
    fn hundred_pixels(&self, what: &str) -> f64 {
        let before = self.of("diamond").len();
        self.does(what, &format!("key d {}", dragged([700, 300], [800, 360])), |b| {
            b.of("diamond").len() > before
        });
        let width = self.of("diamond").last().unwrap()["size"][0].as_f64().unwrap();
        self.does("undo", "key ctrl+z", |b| b.of("diamond").len() == before);
        width
    }
}

/// A pull with the button down.
pub(crate) fn dragged([x, y]: [i32; 2], [to_x, to_y]: [i32; 2]) -> String {
    let (half_x, half_y) = ((x + to_x) / 2, (y + to_y) / 2);
    format!(
        "mousemove {x} {y} sleep 0.05 mousedown 1 sleep 0.05 mousemove {half_x} {half_y} sleep 0.05 \
         mousemove {to_x} {to_y} sleep 0.05 mouseup 1 sleep 0.05"
    )
}

/// Letters and blanks, key by key.
pub(crate) fn typed(text: &str) -> String {
    let keys: Vec<String> =
        text.chars().map(|c| if c == ' ' { "key space".into() } else { format!("key {c}") }).collect();
    keys.join(" ")
}

fn number(object: &serde_json::Value, name: &str, axis: usize) -> f64 {
    object[name][axis].as_f64().unwrap()
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 2.5
}

fn every_tool_does_what_its_name_says() {
    let (lab, _daemons) = Lab::talking(1);
    enter(&lab);
    let b = Bench { desk: Desktop::open(lab.host(1), "#plans", SCREEN) };
    b.picture("empty");
    // The first frames of a window hear nothing yet.
    draws_at(&b.desk, "p", "stroke", [300, 200]);
    let strokes = b.of("stroke").len();
    let is = |kind: &'static str, count: usize| move |b: &Bench| b.of(kind).len() == count;
    b.does(
        "highlighter",
        &format!("key shift+p {}", dragged([300, 270], [500, 270])),
        is("stroke", strokes + 1),
    );
    let marked = b.of("stroke").pop().unwrap();
    assert_eq!(marked["ink"], "#1e1e245a", "one sees through it: {marked}");
    b.does("eraser", &format!("key e {}", dragged([480, 258], [480, 282])), is("stroke", strokes));
    b.does("undo", "key ctrl+z", is("stroke", strokes + 1));
    b.does("rubber", &format!("key shift+e {}", dragged([400, 258], [400, 282])), is("stroke", strokes + 2));
    b.does("undo", "key ctrl+z", is("stroke", strokes + 1));
    b.does("redo", "key ctrl+shift+z", is("stroke", strokes + 2));
    // Shapes, each in its place.
    b.does("rectangle", &format!("key r {}", dragged([300, 300], [400, 360])), is("rectangle", 1));
    b.does("ellipse", &format!("key o {}", dragged([460, 320], [560, 380])), is("ellipse", 1));
    b.does("line", &format!("key l {}", dragged([300, 420], [400, 440])), is("line", 1));
    b.does("arrow", &format!("key a {}", dragged([460, 420], [560, 440])), is("arrow", 1));
    b.does("frame", &format!("key f {}", dragged([900, 120], [1200, 300])), is("frame", 1));
    let note = format!("key n {} sleep 0.3 {}", dragged([300, 480], [440, 580]), typed("milk"));
    b.does("note", &format!("{note} sleep 0.2 key Escape"), |b| {
        b.of("note").iter().any(|n| n["text"] == "milk")
    });
    let text =
        format!("key t mousemove 900 400 click 1 sleep 0.3 {} sleep 0.2 key ctrl+Return", typed("bread"));
    b.does("text", &text, |b| b.of("text").iter().any(|t| t["text"] == "bread"));
    b.picture("drawn");
    // A frame that is chosen is a page: it is exported with what is in it.
    b.does("in the frame", &format!("key o {}", dragged([1000, 180], [1060, 220])), is("ellipse", 2));
    b.desk.does(&format!("key v {} sleep 0.2 key ctrl+k sleep 0.4", dragged([900, 200], [900, 200])));
    b.desk.does(&format!("{} sleep 0.3 key Return", typed("as svg")));
    let page = b.desk.host.dir().join("plans.svg");
    wait::until(OPEN, "the page", || page.exists());
    let page = fs::read_to_string(page).unwrap();
    assert_eq!(
        (page.matches("class=\"ellipse\"").count(), page.matches("class=\"rectangle\"").count()),
        (1, 0)
    );
    assert!(page.contains("width=\"300\" height=\"180\""), "{}", &page[..200]);
    b.does("undo", "key Escape key ctrl+z", is("ellipse", 1));
    // Chosen, moved, stretched, turned.
    let x = number(&b.of("rectangle")[0], "at", 0);
    b.does("move", &format!("key v {}", dragged([300, 330], [310, 330])), |b| {
        near(number(&b.of("rectangle")[0], "at", 0), x + 10.0)
    });
    b.picture("chosen");
    b.does("handle", &dragged([416, 366], [456, 386]), |b| {
        let r = &b.of("rectangle")[0];
        near(number(r, "size", 0), 140.0) && near(number(r, "size", 1), 80.0)
    });
    b.does("duplicate", "key ctrl+d", is("rectangle", 2));
    b.does("delete", "key Delete", is("rectangle", 1));
    b.does(
        "on top",
        &format!("key v {} key ctrl+shift+bracketright", dragged([310, 330], [310, 330])),
        |b| b.objects().last().is_some_and(|object| object["kind"] == "rectangle"),
    );
    // The lasso takes what it goes around: the ellipse and the arrow, and not the line.
    let lasso = "key Escape key shift+v mousemove 440 305 mousedown 1 sleep 0.05 mousemove 580 305 sleep 0.05 mousemove 580 460 sleep 0.05 \
        mousemove 440 460 sleep 0.05 mousemove 440 310 sleep 0.05 mouseup 1";
    b.does("lasso", &format!("{lasso} sleep 0.2 key ctrl+d"), |b| {
        (b.of("ellipse").len(), b.of("arrow").len(), b.of("line").len()) == (2, 2, 1)
    });
    b.does("undo", "key ctrl+z", is("ellipse", 1));
    // By the palette.
    let palette = |name: &str| format!("key ctrl+k sleep 0.4 {} sleep 0.3 key Return", typed(name));
    b.desk.does(&format!("{lasso} key ctrl+k sleep 0.4"));
    b.picture("palette");
    b.does("align", &format!("{} sleep 0.3 key Return", typed("align right")), |b| {
        let right = |kind: &str| {
            let one = &b.of(kind)[0];
            number(one, "at", 0) + number(one, "size", 0)
        };
        near(right("ellipse"), right("arrow"))
    });
    b.does(
        "three",
        &format!("key r {} {} {}", dragged([700, 480], [720, 500]), "key r", dragged([740, 520], [760, 540])),
        is("rectangle", 3),
    );
    b.does("and one", &format!("key r {}", dragged([840, 560], [860, 580])), is("rectangle", 4));
    b.desk.does(&format!("key v {} sleep 0.2", dragged([680, 470], [880, 600])));
    b.does("distribute", &palette("distribute from left"), |b| {
        let mut at: Vec<f64> = b.of("rectangle").iter().map(|r| number(r, "at", 0)).collect();
        at.sort_by(f64::total_cmp);
        near(at[2] - at[1], at[3] - at[2])
    });
    b.does("group", "key ctrl+g", |b| {
        b.of("rectangle").iter().filter(|r| r["groups"].is_array()).count() == 3
    });
    b.does("colour", "mousemove 80 215 click 1", |b| {
        b.of("rectangle").iter().filter(|r| r["ink"] == "#e03131").count() == 3
    });
    b.picture("style");
    b.does("lock", "key ctrl+l", |b| b.of("rectangle").iter().filter(|r| r["locked"] == true).count() == 3);
    b.does("a locked one stays", &format!("key e {}", dragged([700, 475], [700, 505])), is("rectangle", 4));
    b.does("unlock", &palette("unlock"), |b| b.of("rectangle").iter().all(|r| r["locked"] != true));
    // Corners lie on the grid.
    b.does("grid", &format!("key g key o {}", dragged([1003, 507], [1061, 549])), is("ellipse", 2));
    let on_grid = b.of("ellipse").pop().unwrap();
    assert!(
        (0..2)
            .all(|axis| number(&on_grid, "at", axis) % 20.0 == 0.0
                && number(&on_grid, "size", axis) % 20.0 == 0.0),
        "{on_grid}"
    );
    b.picture("grid");
    b.desk.does("key g");
    // Nearer and farther, by wheel and keys, and all of it.
    assert!(near(b.hundred_pixels("as it was"), 100.0));
    b.desk.does("mousemove 640 400 keydown ctrl click 4 sleep 0.2 keyup ctrl sleep 0.3");
    let nearer = b.hundred_pixels("by the wheel");
    assert!(nearer < 95.0, "{nearer}");
    b.desk.does("key ctrl+0 sleep 0.2");
    assert!(near(b.hundred_pixels("at 100 %"), 100.0));
    b.desk.does("key ctrl+plus sleep 0.2");
    assert!(near(b.hundred_pixels("by a key"), 80.0));
    b.desk.does("key ctrl+minus key ctrl+minus sleep 0.2");
    assert!(near(b.hundred_pixels("farther"), 125.0));
    b.desk.does("key ctrl+0 sleep 0.2");
    let there = |b: &Bench| number(b.of("diamond").last().unwrap(), "at", 0);
    b.does("one here", &format!("key d {}", dragged([700, 300], [800, 360])), is("diamond", 1));
    let before = there(&b);
    b.desk.does(&format!("key h {} sleep 0.2", dragged([500, 650], [560, 650])));
    b.does("the hand", &format!("key d {}", dragged([700, 300], [800, 360])), is("diamond", 2));
    assert!(near(there(&b), before - 60.0), "{before} {}", there(&b));
    b.desk.does("mousemove 640 400 click 5 sleep 0.4 key shift+1 sleep 0.5");
    b.picture("fit");
    let fitted = b.hundred_pixels("all of it");
    assert!(fitted < 97.0, "{fitted}");
    b.desk.does("key ctrl+0 sleep 0.2");
    // Everything was one board at all times.
    b.does("all", "key ctrl+a key Delete", |b| b.objects().is_empty());
    b.does("undo", "key ctrl+z", |b| !b.objects().is_empty());
}
