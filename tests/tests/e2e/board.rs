//! What is drawn on one host is on the board of all.

use crate::terminal::Terminal;
use chalktalk_ipc::request::From;
use chalktalk_tests::{
    binaries,
    lab::{Host, Lab, process},
    programs::Output,
    runner::Test,
    tests, wait,
};
use std::{fs, time::Duration};

pub(crate) const TESTS: &[Test] = tests![
    what_one_draws_all_export,
    a_newcomer_gets_the_whole_board,
    boards_drawn_apart_become_one,
    a_board_that_is_killed_loses_nothing,
    drawing_starts_the_board_at_others,
    pictures_travel_with_the_board,
    what_is_no_drawing_is_refused_with_a_reason,
    all_formats_are_written,
    a_frame_is_exported_alone,
    what_a_faulty_program_says_harms_no_board,
    who_waits_sees_how_far_it_is_and_who_stops_leaves_nothing_half_done,
];

/// Long enough for a board to become the same on every host, also on a busy machine.
const SAME: Duration = Duration::from_secs(30);

/// A drawing of so many objects, unlike any other.
pub(crate) fn drawing(name: &str, count: usize) -> String {
    let object = |n: usize| {
        let (x, y) = (n % 40 * 60, n / 40 * 60);
        format!(
            r##"{{"kind": "stroke", "points": [[{x}, {y}, 0.2], [{}, {}, 0.9], [{}, {y}, 0.4]], "ink": "#1971c2"}},
            {{"kind": "note", "at": [{x}, {}], "size": [50, 30], "text": "{name} {n}", "font": 8}}"##,
            x + 20,
            y + 9,
            x + 40,
            y + 20
        )
    };
    let objects: Vec<String> = (0..count).map(object).collect();
    format!(r#"{{"format": "chalktalk-board", "objects": [{}]}}"#, objects.join(","))
}

pub(crate) fn draw(host: &Host, board: &str, drawing: String) {
    ok(&host.chalktalk_fed(&["board", "draw", board, "-"], drawing));
}

pub(crate) fn ok(output: &Output) {
    assert_eq!(output.code(), 0, "{}", output.log);
}

/// The board as one host has it now.
pub(crate) fn exported(host: &Host, board: &str) -> String {
    let output = host.chalktalk(&["board", "export", board, "-"]);
    ok(&output);
    output.out.join("\n")
}

/// Waits until every host has the same board, with all these words on it.
pub(crate) fn await_same(hosts: &[Host], board: &str, words: &[&str]) -> String {
    let mut last = Vec::new();
    let what = format!("the same board with {words:?} everywhere");
    wait::until(SAME, &what, || {
        last = hosts.iter().map(|host| exported(host, board)).collect();
        words.iter().all(|word| last[0].contains(word)) && last.iter().all(|board| *board == last[0])
    });
    last.swap_remove(0)
}

pub(crate) fn enter(hosts: &[Host], board: &str) {
    hosts.iter().for_each(|host| ok(&host.chalktalk(&["board", "new", board])));
}

fn what_one_draws_all_export() {
    let (lab, _daemons) = Lab::talking(3);
    enter(lab.hosts(), "#plans");
    draw(lab.host(1), "#plans", drawing("ana", 3));
    draw(lab.host(2), "#plans", drawing("ben", 40));
    let board = await_same(lab.hosts(), "#plans", &["ana 0", "ana 2", "ben 39"]);
    assert_eq!(board.matches("\"kind\":\"stroke\"").count(), 43);
}

fn a_newcomer_gets_the_whole_board() {
    let (lab, _daemons) = Lab::talking(3);
    enter(&lab.hosts()[..2], "#plans");
    draw(lab.host(1), "#plans", drawing("early", 600));
    await_same(&lab.hosts()[..2], "#plans", &["early 599"]);
    // Host 3 has not been in it: exporting enters.
    await_same(lab.hosts(), "#plans", &["early 0", "early 599"]);
}

fn boards_drawn_apart_become_one() {
    let (lab, _daemons) = Lab::talking(3);
    enter(lab.hosts(), "#plans");
    draw(lab.host(1), "#plans", drawing("before", 2));
    await_same(lab.hosts(), "#plans", &["before 1"]);
    lab.host(3).link_down();
    draw(lab.host(1), "#plans", drawing("ashore", 5));
    draw(lab.host(3), "#plans", drawing("adrift", 5));
    assert!(!exported(lab.host(3), "#plans").contains("ashore 0"));
    lab.host(3).link_up();
    await_same(lab.hosts(), "#plans", &["before 0", "ashore 4", "adrift 4"]);
}

fn a_board_that_is_killed_loses_nothing() {
    let (lab, _daemons) = Lab::talking(2);
    enter(lab.hosts(), "#plans");
    draw(lab.host(1), "#plans", drawing("first", 3));
    let keeper = |name| {
        lab.host(2).spawn(name, lab.host(2).program("chalktalk-whiteboard", &["#plans", "--headless"]))
    };
    let copies = lab.host(2).dir().join("state/chalktalk/boards");
    let copy = || {
        let file = fs::read_dir(&copies)
            .ok()?
            .flatten()
            .find(|file| file.path().extension().is_some_and(|e| e == "board"))?;
        fs::read(file.path()).ok()
    };
    let holds = |word: &str| {
        copy().is_some_and(|bytes| bytes.windows(word.len()).any(|part| part == word.as_bytes()))
    };
    let mut board = keeper("whiteboard");
    wait::until(SAME, "a copy with what was drawn", || holds("first 2"));
    board.kill();
    draw(lab.host(1), "#plans", drawing("second", 3));
    let mut board = keeper("whiteboard again");
    wait::until(SAME, "a copy with all that was drawn", || holds("first 2") && holds("second 2"));
    board.stop();
    await_same(lab.hosts(), "#plans", &["first 0", "second 2"]);
}

fn drawing_starts_the_board_at_others() {
    let (lab, _daemons) = Lab::talking(2);
    enter(lab.hosts(), "#plans");
    let running = |host: &Host| {
        let home = format!("HOME={}", host.dir().display());
        let here = |pid: &u32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|b| *b == 0).any(|variable| variable == home.as_bytes())
        };
        process::running("chalktalk-whiteboard").into_iter().filter(here).count()
    };
    draw(lab.host(1), "#plans", drawing("come", 1));
    wait::until(SAME, "a board on host 2", || running(lab.host(2)) == 1);
    draw(lab.host(1), "#plans", drawing("again", 1));
    let copies = lab.host(2).dir().join("state/chalktalk/boards");
    wait::until(SAME, "the copy of the board that was started", || {
        fs::read_dir(&copies).into_iter().flatten().flatten().any(|file| {
            fs::read(file.path()).is_ok_and(|bytes| bytes.windows(7).any(|part| part == b"again 0"))
        })
    });
    assert_eq!((running(lab.host(1)), running(lab.host(2))), (0, 1), "one, and none where it was drawn");
}

fn pictures_travel_with_the_board() {
    let (lab, _daemons) = Lab::talking(2);
    enter(lab.hosts(), "#plans");
    draw(lab.host(1), "#sketch", drawing("ana", 2));
    let picture = lab.host(1).dir().join("sketch.png");
    ok(&lab.host(1).chalktalk(&["board", "export", "#sketch", picture.to_str().unwrap()]));
    ok(&lab.host(1).chalktalk(&["board", "draw", "#plans", picture.to_str().unwrap()]));
    await_same(lab.hosts(), "#plans", &["\"image\""]);
    let there = lab.host(2).dir().join("plans.svg");
    ok(&lab.host(2).chalktalk(&["board", "export", "#plans", there.to_str().unwrap()]));
    let svg = fs::read_to_string(&there).unwrap();
    assert!(svg.contains("data:image/png;base64,iVBOR"), "the picture itself is in the other's export");
}

fn what_is_no_drawing_is_refused_with_a_reason() {
    let (lab, _daemons) = Lab::talking(1);
    let host = lab.host(1);
    ok(&host.chalktalk(&["board", "new", "plans"]));
    for (bad, why) in [
        ("", "is empty"),
        ("{\"format\": 1}", "neither a board"),
        ("<svg xmlns='http://www.w3.org/2000/svg'><path", "no SVG"),
        (
            r#"{"format":"chalktalk-board","objects":[{"kind":"stroke","points":[[1e9,0]]}]}"#,
            "1,000,000 units",
        ),
        ("{\"format\":\"chalktalk-board\",\"objects\":[]}", "nothing in it"),
    ] {
        let output = host.chalktalk_fed(&["board", "draw", "#plans", "-"], bad);
        assert!(output.code() == 1 && output.log.contains(why), "{bad}: {}", output.log);
    }
    let output = host.chalktalk(&["board", "export", "#nowhere", "-"]);
    assert!(output.code() == 1 && output.log.contains("board new '#nowhere'"), "{}", output.log);
    let output = host.chalktalk(&["board", "export", "#plans", "x.docx"]);
    assert!(output.code() == 1 && output.log.contains(".excalidraw"), "{}", output.log);
    assert!(!exported(host, "#plans").contains("\"kind\""), "nothing was drawn");
}

fn all_formats_are_written() {
    let (lab, _daemons) = Lab::talking(1);
    let host = lab.host(1);
    draw(host, "#plans", drawing("ana", 2));
    for (ending, start) in [
        ("png", &b"\x89PNG"[..]),
        ("pdf", b"%PDF-"),
        ("svg", b"<svg "),
        ("json", b"{\"format\""),
        ("excalidraw", b"{"),
    ] {
        let file = host.dir().join(format!("board.{ending}"));
        ok(&host.chalktalk(&["board", "export", "#plans", file.to_str().unwrap()]));
        let bytes = fs::read(&file).unwrap();
        assert!(bytes.starts_with(start) && bytes.len() > 500, "{ending}: {} bytes", bytes.len());
    }
    // What was exported can be drawn: onto another board, with the same objects.
    for ending in ["json", "excalidraw", "svg"] {
        let file = host.dir().join(format!("board.{ending}"));
        let board = format!("#from-{ending}");
        ok(&host.chalktalk(&["board", "draw", &board, file.to_str().unwrap()]));
    }
    assert_eq!(exported(host, "#from-json").matches("\"kind\":").count(), 4);
}

fn a_frame_is_exported_alone() {
    let (lab, _daemons) = Lab::talking(1);
    let host = lab.host(1);
    let drawing = r#"{"format": "chalktalk-board", "objects": [
        {"kind": "frame", "at": [0, 0], "size": [300, 200], "text": "Plan"},
        {"kind": "note", "at": [20, 20], "size": [100, 80], "text": "within"},
        {"kind": "note", "at": [900, 20], "size": [100, 80], "text": "beside"}]}"#;
    draw(host, "#plans", drawing.into());
    let output = host.chalktalk(&["board", "export", "#plans", "-", "--frame", "Plan"]);
    ok(&output);
    let text = output.out.join("\n");
    assert!(text.contains("within") && !text.contains("beside"), "{text}");
    let svg = host.dir().join("plan.svg");
    ok(&host.chalktalk(&["board", "export", "#plans", svg.to_str().unwrap(), "--frame", "Plan"]));
    assert!(fs::read_to_string(&svg).unwrap().contains("viewBox=\"0 0 300 200\""));
    let output = host.chalktalk(&["board", "export", "#plans", "-", "--frame", "Other"]);
    assert!(output.code() == 1 && output.log.contains("\"Plan\""), "it says which there are: {}", output.log);
}

fn what_a_faulty_program_says_harms_no_board() {
    let (lab, _daemons) = Lab::talking(2);
    enter(lab.hosts(), "#plans");
    draw(lab.host(1), "#plans", drawing("before", 2));
    let faulty = lab.host(2).app("chalktalk.whiteboard");
    let board = faulty.enter("#plans", From::Start);
    // A message of operations: the byte 1, an actor, the time, and one new object with these registers.
    let message = |time: u64, registers: &[(u8, &[u8])]| {
        let mut bytes = vec![1];
        bytes.extend(66u64.to_le_bytes());
        let mut rest = time;
        while rest >= 0x80 {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.extend([rest as u8, 0, registers.len() as u8]);
        for (key, value) in registers {
            bytes.extend([*key, value.len() as u8]);
            bytes.extend(*value);
        }
        bytes
    };
    let nowhere = [f32::NAN.to_le_bytes(), 1e30f32.to_le_bytes()].concat();
    let far = [1e30f32.to_le_bytes(), 0f32.to_le_bytes()].concat();
    // Ten million points are claimed, none is there.
    let points = [1, 0x80, 0xad, 0xe2, 0x04, 0];
    let messages: [Vec<u8>; 9] = [
        b"".to_vec(),
        b"not a board at all".to_vec(),
        vec![0xff; 60_000],
        message(5, &[(1, &[4]), (3, &nowhere)]),
        message(5, &[(1, &[4]), (3, &far)]),
        message(5, &[(1, &[1]), (2, &points)]),
        message((1 << 48) - 1, &[(1, &[4])]),
        message((1 << 62) - 1, &[(1, &[4])]),
        message(u64::MAX, &[(1, &[4])]),
    ];
    for bytes in messages.iter().filter(|bytes| !bytes.is_empty()) {
        faulty.publish(board, bytes);
    }
    // What a newer version draws is none of them: it is kept, and shown as a placeholder.
    faulty.publish(board, message(900, &[(1, &[77]), (200, b"from the future")]));
    draw(lab.host(1), "#plans", drawing("after", 2));
    let same = await_same(lab.hosts(), "#plans", &["before 1", "after 1", "\"unknown\""]);
    assert_eq!(same.matches("\"kind\"").count(), 9, "nothing of the rest is on it: {same}");
    let file = lab.host(1).dir().join("all.json");
    fs::write(&file, same).unwrap();
    let output = lab.host(1).chalktalk(&["board", "draw", "#again", file.to_str().unwrap()]);
    assert!(output.code() == 0 && output.log.contains("newer version"), "{}", output.log);
}

fn who_waits_sees_how_far_it_is_and_who_stops_leaves_nothing_half_done() {
    let (lab, _daemons) = Lab::talking(1);
    let host = lab.host(1);
    ok(&host.chalktalk(&["board", "new", "plans"]));
    fs::write(host.dir().join("large.json"), drawing("large", 40_000)).unwrap();
    // Its exit status is what the terminal shows at last.
    let run = |name, arguments: &str| {
        let program = binaries::path("chalktalk-whiteboard");
        Terminal::open(host, name, &format!("{} {arguments}; echo ended $?; exec cat", program.display()))
    };
    let draws = run("draws", "draw '#plans' large.json");
    let (mut seen, parts) = (Vec::new(), ["Objects read: ", "Messages stored: "]);
    wait::until(2 * SAME, "how far the drawing is", || {
        let screen = draws.screen();
        seen.extend(parts.iter().filter(|part| screen.contains(**part)));
        assert!(!screen.contains("ended"), "{screen}");
        seen.contains(&&parts[1])
    });
    draws.keys(&["C-c"]);
    wait::until(2 * SAME, "its end", || draws.screen().contains("ended 130"));
    assert!(seen.contains(&&parts[0]) && draws.screen().contains("stopped"), "{seen:?} {}", draws.screen());
    assert!(!exported(host, "#plans").contains("\"kind\""), "what was on the board already is taken back");

    draw(host, "#plans", drawing("small", 2_000));
    let (file, before) = (host.dir().join("plans.svg"), "what was there before");
    fs::write(&file, before).unwrap();
    let exports = run("exports", "export '#plans' plans.svg");
    wait::until(2 * SAME, "how far the export is", || {
        let screen = exports.screen();
        assert!(!screen.contains("ended"), "{screen}");
        screen.contains("Objects drawn: ") && screen.contains("of 4000")
    });
    exports.keys(&["C-c"]);
    wait::until(SAME, "its end", || exports.screen().contains("ended 130"));
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    let left: Vec<_> = fs::read_dir(host.dir()).unwrap().flatten().map(|file| file.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{left:?}");
    ok(&host.chalktalk(&["board", "export", "#plans", file.to_str().unwrap()]));
    assert!(fs::read_to_string(&file).unwrap().ends_with("</svg>\n"));
}
