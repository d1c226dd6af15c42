//! Boards in several windows at once: their past played, light that fades, work taken back, several boards side by side, hosts apart.

use crate::board_window::{
    SCREEN, count, count_on, dragged, draws, draws_at, enter, place, typed, wait_a_moment,
};
use chalktalk_tests::{
    desktop::{Desktop, OPEN},
    lab::{Host, Lab},
    runner::Test,
    tests, wait,
};
use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

pub(crate) const TESTS: &[Test] = tests![
    the_past_is_played_to_any_moment_at_any_speed,
    a_laser_is_seen_by_the_others_and_fades,
    what_one_person_did_is_taken_back_and_nothing_else,
    boards_side_by_side_keep_apart,
    what_is_drawn_in_windows_apart_becomes_one_board,
    how_far_a_large_board_is_read_is_seen,
];

/// Pictures for people, where they want to see them.
fn picture(desk: &Desktop, name: &str) {
    if let Some(folder) = std::env::var_os("CHALKTALK_PICTURES") {
        desk.picture(&Path::new(&folder).join(format!("windows-{name}.png")));
    }
}

/// Which of these colours are seen in a window, on more than a few pixels.
fn seen(desk: &Desktop, colours: [[u8; 3]; 4]) -> [bool; 4] {
    let all = desk.colours([0, 0], SCREEN.map(|side| side as u16));
    colours.map(|colour| all.iter().filter(|pixel| **pixel == colour).count() > 100)
}

/// How far down the replay's controls are.
const BAR: i32 = 708;

fn pressed(at: [i32; 2]) -> String {
    dragged(at, at)
}

fn the_past_is_played_to_any_moment_at_any_speed() {
    let (lab, _daemons) = Lab::talking(1);
    let host = lab.host(1);
    let fills = [[0xff, 0, 0], [0, 0xc0, 0], [0, 0, 0xff], [0xff, 0xc0, 0]];
    for (n, [red, green, blue]) in fills.into_iter().enumerate() {
        let drawing = format!(
            r##"{{"format": "chalktalk-board", "objects": [{{"kind": "rectangle", "at": [{}, 0], "size": [90, 90],
                "fill": "#{red:02x}{green:02x}{blue:02x}"}}]}}"##,
            n * 100
        );
        assert_eq!(host.chalktalk_fed(&["board", "draw", "#plans", "-"], drawing).code(), 0);
        // Pauses of more than a second are played as one: the four are a second apart.
        thread::sleep(Duration::from_millis(1_100));
    }
    let desk = Desktop::open(host, "#plans", SCREEN);
    let until = |what: &str, wanted: usize| {
        wait::until(OPEN, what, || seen(&desk, fills) == std::array::from_fn(|n| n < wanted));
    };
    until("the whole board", 4);
    desk.does(&format!("key ctrl+k sleep 0.4 {} sleep 0.3 key Return", typed("repl")));
    // The first frames of a window hear nothing yet, and what is pressed is not heard twice.
    wait::until(OPEN, "the first, alone", || {
        desk.does("key Home");
        wait_a_moment(|| seen(&desk, fills) == [true, false, false, false])
    });
    // By the pointer: half of the time is half of the board.
    desk.does(&pressed([528, BAR]));
    until("half of it", 2);
    picture(&desk, "replay-half");
    desk.does(&dragged([528, BAR], [630, BAR]));
    until("three quarters", 3);
    desk.does(&format!("{} key Home", pressed([721, BAR])));
    until("the beginning", 1);
    // Faster is faster: three seconds at once the speed, and at sixty-four times.
    let play = |act: &str| {
        desk.does(act);
        let started = Instant::now();
        until("the end", 4);
        started.elapsed()
    };
    let slow = play(&pressed([365, BAR]));
    assert!(slow > Duration::from_millis(2_000), "{slow:?}");
    let fast = play(&format!("{} key Home key space", pressed([855, BAR])));
    assert!(fast < slow / 2, "{fast:?}, slowly {slow:?}");
    // By keys.
    desk.does("key Home key Right");
    until("one change on", 2);
    desk.does("key End key Left");
    until("one change back", 3);
    assert_eq!(count(host, "rectangle"), 4, "playing changes nothing");
    desk.does("key Escape");
    until("the present", 4);
    draws(&desk, "o", "ellipse");
}

fn a_laser_is_seen_by_the_others_and_fades() {
    let (lab, _daemons) = Lab::talking(2);
    enter(&lab);
    let ana = Desktop::open(lab.host(1), "#plans", SCREEN);
    let ben = Desktop::open(lab.host(2), "#plans", SCREEN);
    // Where the light goes along, and not where it ends: there the pointer stays.
    let along = |desk: &Desktop| desk.colours([450, 280], [250, 40]);
    let paper = along(&ben);
    assert!(paper.iter().all(|pixel| *pixel == paper[0]), "the board is empty there");
    let swept = "mousemove 400 300 mousedown 1 mousemove 500 300 sleep 0.03 mousemove 600 300 sleep 0.03 \
        mousemove 700 300 sleep 0.03 mousemove 800 300 sleep 0.1";
    wait::until(OPEN, "the light at Ben's", || {
        ana.does(&format!("mouseup 1 key k {swept}"));
        along(&ben).iter().filter(|pixel| **pixel != paper[0]).count() > 200
    });
    picture(&ben, "laser");
    ana.does("mouseup 1");
    wait::until(Duration::from_secs(5), "it to fade", || along(&ben) == paper && along(&ana) == paper);
    let output = lab.host(2).chalktalk(&["board", "export", "#plans", "-"]);
    assert!(!output.out.join("\n").contains("\"kind\""), "light is on no board");
}

/// Pulls the newest object of this kind from one place to another.
fn moves(desk: &Desktop, kind: &str, from: [i32; 2], to: [i32; 2]) -> [f64; 2] {
    let before = place(&desk.host, kind).unwrap();
    wait::until(OPEN, &format!("the {kind} moved"), || {
        desk.does(&format!("key Escape key v {} key Escape", dragged(from, to)));
        wait_a_moment(|| place(&desk.host, kind) != Some(before))
    });
    place(&desk.host, kind).unwrap()
}

fn what_one_person_did_is_taken_back_and_nothing_else() {
    let (lab, _daemons) = Lab::talking(3);
    enter(&lab);
    let ana = Desktop::open(lab.host(1), "#plans", SCREEN);
    let ben = Desktop::open(lab.host(2), "#plans", SCREEN);
    let everywhere = |what: &str, holds: &dyn Fn(&Host) -> bool| {
        lab.hosts().iter().for_each(|host| {
            wait::until(OPEN, what, || holds(host));
        });
    };
    // Ana draws a rectangle and an arrow. Ben draws, and moves both.
    draws_at(&ana, "r", "rectangle", [500, 300]);
    draws_at(&ana, "a", "arrow", [800, 300]);
    let [rectangle, arrow] = ["rectangle", "arrow"].map(|kind| place(lab.host(1), kind).unwrap());
    everywhere("Ana's", &|host| {
        place(host, "rectangle") == Some(rectangle) && place(host, "arrow") == Some(arrow)
    });
    draws_at(&ben, "o", "ellipse", [500, 450]);
    let moved = moves(&ben, "rectangle", [500, 315], [530, 315]);
    let once = moves(&ben, "arrow", [870, 315], [870, 375]);
    everywhere("Ben's", &|host| {
        place(host, "arrow") == Some(once) && place(host, "rectangle") == Some(moved)
    });
    // Later Ana moves the arrow on, and draws.
    let twice = moves(&ana, "arrow", [870, 375], [870, 435]);
    draws_at(&ana, "d", "diamond", [700, 520]);
    let [ellipses, diamonds] = ["ellipse", "diamond"].map(|kind| count(lab.host(1), kind));
    // Behind Ben's face: what he did in the last thirty minutes.
    ana.does("mousemove 1014 36 sleep 0.2 click 1 sleep 0.5");
    picture(&ana, "revert-menu");
    ana.does("mousemove 1115 163 sleep 0.2 click 1");
    everywhere("Ben's to vanish", &|host| {
        count(host, "ellipse") == 0 && place(host, "rectangle") == Some(rectangle)
    });
    everywhere("Ana's to stay", &|host| {
        place(host, "arrow") == Some(twice) && count(host, "diamond") == diamonds
    });
    picture(&ana, "revert-after");
    ana.does("key ctrl+z");
    everywhere("Ben's again", &|host| {
        count(host, "ellipse") == ellipses
            && place(host, "rectangle") == Some(moved)
            && place(host, "arrow") == Some(twice)
    });
}

fn boards_side_by_side_keep_apart() {
    let (lab, _daemons) = Lab::talking(2);
    let boards = ["#plans", "#other"];
    for host in lab.hosts() {
        boards.iter().for_each(|board| assert_eq!(host.chalktalk(&["board", "new", board]).code(), 0));
    }
    // On each screen both boards, the second to the right of the first.
    let mut ids = Vec::new();
    let mut first = Vec::new();
    let mut desk = |host: &Host| {
        let mut desk = Desktop::open(host, boards[0], [1800, 800]);
        desk.resize([900, 800]);
        ids.push([desk.id().to_owned(), String::new()]);
        first.push(desk.leave_open());
        desk.show(&[boards[1]]);
        desk.resize([900, 800]);
        desk.does(&format!("windowmove {} 900 0", desk.id()));
        ids.last_mut().unwrap()[1] = desk.id().to_owned();
        desk
    };
    let desks = [desk(lab.host(1)), desk(lab.host(2))];
    // Four programs, each an instance of its own, each on one board.
    let board_of = |session: &serde_json::Value| {
        let sessions = lab.host(1).facts(&["sessions"]);
        let all = sessions.as_array().unwrap().iter();
        let mut boards = all.filter(|s| s["app"] == "chalktalk.whiteboard");
        boards.find(|s| s["session"] == *session).map(|s| s["title"].as_str().unwrap().to_owned())
    };
    let mut instances = Vec::new();
    for host in lab.hosts() {
        let here = host.facts(&["instances"]);
        let here = here.as_array().unwrap();
        let mut shown: Vec<String> = Vec::new();
        for one in here {
            shown.extend(one["sessions"].as_array().unwrap().iter().filter_map(board_of));
            instances.push(one["instance"].as_str().unwrap().to_owned());
        }
        shown.sort();
        assert_eq!((here.len(), shown), (2, vec!["#other".to_owned(), "#plans".to_owned()]), "{here:?}");
    }
    instances.sort();
    instances.dedup();
    assert_eq!(instances.len(), 4, "{instances:?}");
    let middle = |window: usize| desks[1].colours([300 + 900 * window as i16, 250], [500, 300]);
    let paper = [middle(0), middle(1)];
    let draws = |window: usize, key: &str, kind: &str| {
        wait::until(OPEN, &format!("a {kind}"), || {
            let id = &ids[0][window];
            let x = 400 + 900 * window as i32;
            desks[0].raise(id);
            desks[0].does(&format!("key {key} {}", dragged([x, 300], [x + 140, 360])));
            wait_a_moment(|| count_on(lab.host(1), boards[window], kind) > 0)
        });
    };
    draws(0, "r", "rectangle");
    let on = |host: &Host| {
        boards.map(|board| ["rectangle", "ellipse"].map(|kind| count_on(host, board, kind).min(1)))
    };
    wait::until(OPEN, "it on the one board, at Ben's", || on(lab.host(2)) == [[1, 0], [0, 0]]);
    wait::until(OPEN, "it in the one window, at Ben's", || middle(0) != paper[0]);
    assert!(middle(1) == paper[1], "and not in the other");
    draws(1, "o", "ellipse");
    for host in lab.hosts() {
        wait::until(OPEN, "each on its board", || on(host) == [[1, 0], [0, 1]]);
    }
    wait::until(OPEN, "each in its window", || middle(1) != paper[1]);
    desks[0].does("sleep 0.5");
    picture(&desks[1], "side-by-side");
    // What is taken back in one window is another board's nothing.
    desks[0].raise(&ids[0][1]);
    desks[0].does("key ctrl+z");
    wait::until(OPEN, "one less", || {
        on(lab.host(2))[1] != [0, 1] || count_on(lab.host(2), "#other", "ellipse") == 0
    });
    assert_eq!(on(lab.host(2))[0], [1, 0]);
}

fn what_is_drawn_in_windows_apart_becomes_one_board() {
    let (lab, _daemons) = Lab::talking(3);
    enter(&lab);
    let ana = Desktop::open(lab.host(1), "#plans", SCREEN);
    let cleo = Desktop::open(lab.host(3), "#plans", SCREEN);
    draws_at(&ana, "r", "rectangle", [500, 300]);
    let start = place(lab.host(1), "rectangle").unwrap();
    wait::until(OPEN, "it at Cleo's", || place(lab.host(3), "rectangle") == Some(start));
    lab.host(3).link_down();
    // Each draws something, and both move the same rectangle.
    draws_at(&ana, "a", "arrow", [500, 400]);
    draws_at(&cleo, "o", "ellipse", [700, 450]);
    let by_ana = moves(&ana, "rectangle", [500, 315], [440, 315]);
    let by_cleo = moves(&cleo, "rectangle", [500, 315], [560, 315]);
    draws_at(&cleo, "p", "stroke", [800, 300]);
    let apart = |host: &Host| ["arrow", "ellipse", "stroke"].map(|kind| count(host, kind) > 0);
    assert_eq!(apart(lab.host(1)), [true, false, false]);
    assert_eq!(apart(lab.host(3)), [false, true, true]);
    picture(&cleo, "apart");
    lab.host(3).link_up();
    let exported = |host: &Host| host.chalktalk(&["board", "export", "#plans", "-"]).out;
    let mut boards = Vec::new();
    wait::until(OPEN, "one board everywhere", || {
        boards = lab.hosts().iter().map(exported).collect();
        apart(lab.host(2)) == [true; 3] && boards.iter().all(|board| *board == boards[0])
    });
    let at = place(lab.host(2), "rectangle").unwrap();
    assert!(at == by_ana || at == by_cleo, "{at:?} is neither {by_ana:?} nor {by_cleo:?}");
    // And in both windows, once nobody's pointer is shown any more.
    let canvas = |desk: &Desktop| desk.colours([300, 120], [900, 560]);
    [&ana, &cleo].into_iter().for_each(|desk| desk.does("key Escape mousemove 640 36"));
    wait::until(OPEN, "one picture in both windows", || canvas(&ana) == canvas(&cleo));
    picture(&ana, "together-again");
    // Either goes on, and the other hears it.
    draws_at(&ana, "d", "diamond", [900, 520]);
    wait::until(OPEN, "what is drawn after that", || count(lab.host(3), "diamond") > 0);
}

fn how_far_a_large_board_is_read_is_seen() {
    let (lab, _daemons) = Lab::talking(1);
    let host = lab.host(1);
    let points: Vec<String> = (0..60).map(|n| format!("[{n},{}]", n * n % 17)).collect();
    let stroke = |n: usize| {
        let (x, y) = (n % 200 * 70, n / 200 * 30);
        format!(r#"{{"kind": "stroke", "at": [{x}, {y}], "points": [{}]}}"#, points.join(","))
    };
    let objects: Vec<String> = (0..40_000).map(stroke).collect();
    let drawing = format!(r#"{{"format": "chalktalk-board", "objects": [{}]}}"#, objects.join(","));
    assert_eq!(host.chalktalk_fed(&["board", "draw", "#plans", "-"], drawing).code(), 0);
    let desk = Desktop::open(host, "#plans", SCREEN);
    // How far the bar, of a lighter colour than what is drawn, reaches through the middle of the window.
    let reached = || {
        let row = desk.colours([480, 418], [320, 1]);
        row.iter().filter(|[red, green, blue]| blue > red && blue > green && *red > 0x80).count()
    };
    let (mut shares, started) = (Vec::new(), Instant::now());
    loop {
        let share = reached();
        match shares.last() {
            Some(_) if share == 0 => break,
            Some(last) if *last < 160 && share >= 160 => picture(&desk, "reading"),
            _ => {}
        }
        shares.extend(Some(share).filter(|share| *share > 0));
        assert!(started.elapsed() < OPEN, "the bar was so long: {shares:?}");
    }
    shares.dedup();
    assert!(shares.len() > 2 && shares.is_sorted(), "{shares:?}");
}
