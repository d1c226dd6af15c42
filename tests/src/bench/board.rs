//! Boards: how long a large one takes to open at a newcomer, how smoothly one draws on it, how soon a pen is seen here and elsewhere.
//!
//! The windows are real ones on displays without a screen, drawn in software, with a pointer that a program moves; they write down what
//! each of their frames took (`chalktalk-whiteboard --gauge`), on the machine's one monotonic clock.

use super::report::{Bound, Row};
use crate::{
    desktop::Desktop,
    lab::{Host, Lab, Process},
    programs::Daemon,
    wait,
};
use chalktalk_ipc::{InstanceId, request::From};
use rustix::process::Signal;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// Objects of a large board, and strokes of an ordinary one.
const LARGE: usize = 50_000;
const ORDINARY: usize = 5_000;

/// Every link carries so many Mbit/s.
const RATE: u32 = 1_000;

const PATIENCE: Duration = Duration::from_secs(180);

/// A screen of today.
const SCREEN: [u32; 2] = [1920, 1080];

/// Measures boards.
pub(super) fn board(disk: &Path, each: &mut impl FnMut(Row)) {
    let lab = Lab::on_disk(3, disk.join("board"));
    let _daemons = lab.start_daemons();
    lab.rate(RATE);
    draw(lab.host(1), "#large", &strokes(LARGE, 8));
    opening(lab.host(2), "#large", "drawn at once", each);
    draw_by_hand(lab.host(1));
    opening(lab.host(2), "#by-hand", "drawn one by one", each);
    drawing(&lab, "#large", "on 50,000 objects", each);
    draw(lab.host(1), "#ordinary", &strokes(ORDINARY, 8));
    together(&lab, each);
    drop(lab);
    shortened(disk, each);
}

/// The same long board, for who comes before a snapshot stands for most of its log, and for who comes after.
fn shortened(disk: &Path, each: &mut impl FnMut(Row)) {
    let lab = Lab::on_disk(4, disk.join("shortened"));
    for host in lab.hosts() {
        host.configure("[retention]\naway = 0\ncovered = 0\n");
    }
    let mut daemons: Vec<Daemon> = lab.hosts()[..3].iter().map(Host::daemon).collect();
    lab.rate(RATE);
    draw(lab.host(1), "#long", &strokes(LARGE, 60));
    opening(lab.host(2), "#long", "of a long log", each);
    let keeper = |host: &Host| host.program("chalktalk-whiteboard", &["#long", "--headless"]);
    let _keepers: Vec<Process> =
        lab.hosts()[..3].iter().map(|host| host.spawn("a keeper", keeper(host))).collect();
    wait::until(PATIENCE, "the log to be shortened on all hosts", || {
        // Daemons look at what may go each time they are told how much to keep.
        daemons.iter().for_each(|daemon| daemon.signal(Signal::HUP));
        lab.hosts()[..3].iter().all(|host| entries(host) < 1_000)
    });
    daemons.push(lab.host(4).daemon());
    opening(lab.host(4), "#long", "of a snapshot", each);
}

fn entries(host: &Host) -> u64 {
    let sessions = host.facts(&["sessions"]);
    let all = sessions.as_array().into_iter().flatten();
    all.filter(|one| one["title"] == "#long").filter_map(|one| one["entries"].as_u64()).sum()
}

/// Somebody who has never seen a board opens it.
fn opening(host: &Host, board: &str, how: &str, each: &mut impl FnMut(Row)) {
    let gauge = host.dir().join("opening.jsonl");
    let began = now();
    let arguments = [board, "--headless", "--gauge", gauge.to_str().expect("paths here are plain")];
    let mut window = host.spawn("a newcomer", host.program("chalktalk-whiteboard", &arguments));
    let mut opened = 0;
    wait::until(PATIENCE, "all objects at the newcomer", || {
        let whole = |line: &Value| line["objects"].as_u64() >= Some(LARGE as u64);
        opened = lines(&gauge)
            .iter()
            .find(|line| whole(line))
            .and_then(|line| line["frame"].as_u64())
            .unwrap_or(0);
        opened > began
    });
    let took = (opened - began) as f64 / 1e6;
    let row = Row::new(format!("board of 50,000 objects, {how}: open at a newcomer"), took, "s");
    each(row.goal(Bound::AtMost(3.0)).alarm(Bound::AtMost(20.0)));
    let memory = window.memory() as f64 / 1024.0;
    each(Row::new(format!("board of 50,000 objects, {how}: memory"), memory, "MiB"));
    window.stop();
}

/// As many rectangles, each a message of its own, as hands make them.
fn draw_by_hand(host: &Host) {
    let app = host.app("chalktalk.whiteboard");
    let session = app.enter("#by-hand", From::Now);
    let message = |n: usize| {
        // Operations of the actor 7 at this time: one new object with kind, place and size.
        let mut bytes = vec![1];
        bytes.extend(7u64.to_le_bytes());
        let mut time = n as u64 + 1;
        while time >= 0x80 {
            bytes.push(time as u8 | 0x80);
            time >>= 7;
        }
        bytes.extend([time as u8, 0, 3, 1, 1, 4, 3, 8]);
        bytes.extend([(n % 224 * 24) as f32, (n / 224 * 18) as f32].iter().flat_map(|c| c.to_le_bytes()));
        bytes.extend([4, 8]);
        bytes.extend([20f32, 12.0].iter().flat_map(|c| c.to_le_bytes()));
        bytes
    };
    let mut last = 0;
    for first in (0..LARGE).step_by(500) {
        let messages: Vec<Vec<u8>> = (first..first + 500).map(message).collect();
        let slices: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        last = app.publish_all(session, InstanceId::NIL, &slices);
    }
    app.await_stored(session, last);
}

/// Draws on a board in a window.
fn drawing(lab: &Lab, board: &str, what: &str, each: &mut impl FnMut(Row)) {
    let host = lab.host(2);
    let gauge = host.dir().join("drawing.jsonl");
    let arguments = [board, "--gauge", gauge.to_str().expect("paths here are plain")];
    let mut desktop = Desktop::open_with(host, &arguments, SCREEN);
    await_whole(&gauge);
    scribble(&desktop);
    let frames = own_frames(&lines(&gauge));
    each(Row::new(format!("drawing {what}: frames"), rate(&frames), "/s").goal(Bound::AtLeast(20.0)));
    each(Row::new(
        format!("drawing {what}: our own work a frame, p95"),
        percentile(works(&frames), 95),
        "ms",
    ));
    let memory = desktop.window.memory() as f64 / 1024.0;
    each(Row::new(format!("drawing {what}: memory of the window"), memory, "MiB"));
    desktop.window.stop();
}

/// Two people on one board: what one draws is seen by the other.
fn together(lab: &Lab, each: &mut impl FnMut(Row)) {
    let gauges: Vec<PathBuf> = [2, 3].map(|n| lab.host(n).dir().join("together.jsonl")).into();
    let desktops: Vec<Desktop> = [2, 3]
        .iter()
        .zip(&gauges)
        .map(|(n, gauge)| {
            let arguments = ["#ordinary", "--gauge", gauge.to_str().expect("paths here are plain")];
            Desktop::open_with(lab.host(*n), &arguments, SCREEN)
        })
        .collect();
    gauges.iter().for_each(|gauge| await_whole(gauge));
    let before = lab.host(2).sent().bytes;
    scribble(&desktops[0]);
    let sent = lab.host(2).sent().bytes - before;
    let (here, there) = (lines(&gauges[0]), lines(&gauges[1]));
    let frames = own_frames(&here);
    each(Row::new("drawing on 5,000 strokes: frames", rate(&frames), "/s").goal(Bound::AtLeast(20.0)));
    let work =
        Row::new("drawing on 5,000 strokes: our own work a frame", percentile(works(&frames), 50), "ms");
    each(work.goal(Bound::AtMost(2.0)));
    let ways = ways(&here, &there);
    let row = Row::new("pen here to picture there: p50", percentile(ways.clone(), 50), "ms");
    each(row.goal(Bound::AtMost(50.0)));
    each(Row::new("pen here to picture there: p95", percentile(ways, 95), "ms"));
    let points = here.iter().filter_map(|line| line["points"].as_u64()).max().unwrap_or(1).max(1);
    let each_point = sent as f64 / points as f64;
    each(Row::new("a stroke by hand on the wire, live points and all: bytes a point", each_point, "B"));
}

/// So many strokes of so many points, in rows.
fn strokes(count: usize, points: usize) -> String {
    let wide = (count as f64).sqrt().ceil() as usize;
    let stroke = |n: usize| {
        let (x, y) = (n % wide * 24, n / wide * 18);
        let points: Vec<String> = (0..points)
            .map(|i| format!("[{},{}]", x + i * 16 / points, y + (n * 7 + i * i * 5) % 13))
            .collect();
        format!(r##"{{"kind":"stroke","ink":"#1971c2","points":[{}]}}"##, points.join(","))
    };
    let all: Vec<String> = (0..count).map(stroke).collect();
    format!(r#"{{"format":"chalktalk-board","objects":[{}]}}"#, all.join(","))
}

fn draw(host: &Host, board: &str, drawing: &str) {
    let file = host.dir().join("drawing.json");
    fs::write(&file, drawing).expect("there is room for it");
    let mut drawn =
        host.start_chalktalk(&["board", "draw", board, file.to_str().expect("paths here are plain")]);
    assert!(drawn.await_end(PATIENCE).success(), "{}", drawn.log());
}

/// Until everything is drawn that is seen.
fn await_whole(gauge: &Path) {
    let whole = |line: &Value| line["complete"] == true && line["objects"].as_u64() >= Some(ORDINARY as u64);
    wait::until(PATIENCE, "the whole board in the window", || lines(gauge).iter().rev().take(3).any(whole));
}

/// Draws one long stroke across the screen, a hundred points a second.
fn scribble(desktop: &Desktop) {
    let mut script = String::from("key p mousemove 400 300 mousedown 1");
    for i in 0..200 {
        let (x, y) = (400 + i * 6, 500 + ((f64::from(i) * 0.2).sin() * 300.0) as i32);
        script += &format!(" mousemove {x} {y} sleep 0.01");
    }
    desktop.does(&(script + " mouseup 1"));
}

fn lines(gauge: &Path) -> Vec<Value> {
    let text = fs::read_to_string(gauge).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Frames in which something was drawn here: when they began, and our own work, in µs.
fn own_frames(lines: &[Value]) -> Vec<(u64, u64)> {
    let drawn = lines.iter().filter(|line| line["own"].as_u64() > Some(1));
    drawn.filter_map(|line| Some((line["frame"].as_u64()?, line["work"].as_u64()?))).collect()
}

fn rate(frames: &[(u64, u64)]) -> f64 {
    let (Some(first), Some(last)) = (frames.first(), frames.last()) else { return 0.0 };
    (frames.len() - 1) as f64 / ((last.0 - first.0).max(1) as f64 / 1e6)
}

fn works(frames: &[(u64, u64)]) -> Vec<f64> {
    frames.iter().map(|(_, work)| *work as f64 / 1e3).collect()
}

/// From telling of points to the frame on the other's screen that shows them, in ms.
fn ways(here: &[Value], there: &[Value]) -> Vec<f64> {
    let seen: Vec<(u64, u64, u64)> = there
        .iter()
        .filter_map(|line| Some((line["seen"].as_u64()?, line["strokes"].as_array()?.first()?)))
        .filter_map(|(when, stroke)| Some((when, stroke[0].as_u64()?, stroke[1].as_u64()?)))
        .collect();
    let said = here.iter().filter_map(|line| {
        Some((line["said"].as_u64()?, line["stroke"].as_u64()?, line["points"].as_u64()?))
    });
    let first_seen = |(when, stroke, points): (u64, u64, u64)| {
        let shows = |seen: &&(u64, u64, u64)| seen.0 >= when && seen.1 == stroke && seen.2 >= points;
        seen.iter().find(shows).map(|seen| (seen.0 - when) as f64 / 1e3)
    };
    said.filter_map(first_seen).collect()
}

fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() * percent / 100).min(values.len().saturating_sub(1));
    values.get(at).copied().unwrap_or(f64::NAN)
}

/// The machine's monotonic clock, in µs.
fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1_000
}
