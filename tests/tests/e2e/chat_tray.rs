//! The chat in the tray: its icon, its menu, and a chat that goes on when its window is closed.

use crate::terminal::Terminal;
use chalktalk_tests::{
    desktop::{Desktop, OPEN},
    lab::{Host, Lab},
    notifications::Notifications,
    runner::Test,
    tests,
    tray::Tray,
    wait,
};
use std::{fs, path::PathBuf, thread, time::Duration};

pub(crate) const TESTS: &[Test] = tests![
    a_closed_window_leaves_the_chat_in_the_tray,
    a_chat_ends_with_its_window_where_there_is_no_tray,
    a_tray_may_come_late_start_again_and_go,
];

const SCREEN: [u32; 2] = [1100, 780];

/// What does not happen after so long does not happen at all.
const WHILE: Duration = Duration::from_secs(2);

fn types(window: &Desktop, text: &str) {
    assert!(window.xdotool(&["type", "--delay", "15", text]).is_some(), "{text:?} cannot be typed");
    window.does("key Return sleep 0.5");
}

/// Says something until it is in the lobby: the first frames of a window hear nothing yet.
fn says(window: &Desktop, text: &str) {
    wait::until(OPEN, &format!("{text:?} in the room"), || {
        types(window, text);
        window.host.history("#lobby").iter().any(|line| line == text)
    });
}

/// Keeps the largest icon in the folder `CHALKTALK_PICTURES`, to be looked at: on the white of a light panel.
fn picture(tray: &Tray, name: &str) {
    let Some(folder) = std::env::var_os("CHALKTALK_PICTURES").map(PathBuf::from) else { return };
    let (width, height, pixels) = tray.icon().pop().unwrap();
    let mut file = format!("P6\n{width} {height}\n255\n").into_bytes();
    for pixel in pixels.chunks_exact(4) {
        let opacity = u32::from(pixel[0]);
        let over = |part: u8| ((u32::from(part) * opacity + 255 * (255 - opacity)) / 255) as u8;
        file.extend(pixel[1..].iter().map(|part| over(*part)));
    }
    fs::write(folder.join(name).with_extension("ppm"), file).unwrap();
}

fn await_told(tray: &Tray, text: &str) {
    wait::until(OPEN, &format!("the tray to tell {text:?}"), || tray.told() == text);
}

/// How long the window's program has used a processor, in hundredths of a second.
fn ticks(window: &Desktop) -> u64 {
    let facts = fs::read_to_string(format!("/proc/{}/stat", window.window.pid())).unwrap();
    let (_, facts) = facts.rsplit_once(')').unwrap();
    facts.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

fn a_closed_window_leaves_the_chat_in_the_tray() {
    let (lab, _daemons) = Lab::talking(2);
    let host = lab.host(1);
    let desktop = Notifications::start(host, &["actions", "body"]);
    let tray = Tray::start(host, true);
    let ben = Terminal::chat_in(lab.host(2), "of-ben", "#lobby");
    let mut window = Desktop::open_chat(host, &[], SCREEN);
    tray.await_item();
    says(&window, "hello");
    ben.await_text("hello");
    let plain = tray.icon();
    assert_eq!(
        plain.iter().map(|(width, height, _)| (*width, *height)).collect::<Vec<_>>(),
        [(22, 22), (32, 32), (64, 64)]
    );
    let labels: Vec<String> = tray.menu().into_iter().map(|entry| entry.label).collect();
    assert_eq!(labels, ["Open Chalktalk", "Do not disturb", "1 other is here", "", "Quit"]);
    assert!(!tray.menu()[2].enabled);
    picture(&tray, "tray-plain");
    // What is unread marks the icon.
    window.leave_keyboard();
    ben.type_line("is anybody there?");
    await_told(&tray, "1 message is unread");
    let marked = tray.icon();
    assert_ne!(marked, plain);
    picture(&tray, "tray-marked");
    window.does(&format!("windowfocus {} sleep 0.5", window.id()));
    await_told(&tray, "Nothing is unread");
    assert_eq!(tray.icon(), plain);
    // A click hides it; what comes is told; a click shows it again.
    tray.click();
    wait::until(OPEN, "the window to be hidden", || !window.has_window());
    desktop.await_text("goes on in the tray");
    ben.type_line("@ana two");
    desktop.await_text("@ana two");
    await_told(&tray, "1 message is unread");
    tray.click();
    window.await_window();
    await_told(&tray, "Nothing is unread");
    desktop.await_none();
    says(&window, "three");
    ben.await_text("three");
    // Closing is no more than hiding; what opens a notification opens the window.
    window.close();
    ben.type_line("@ana four");
    desktop.act(desktop.await_text("@ana four").number, "default");
    window.await_window();
    desktop.await_none();
    assert_eq!(desktop.all().iter().filter(|one| one.title.contains("in the tray")).count(), 1, "told once");
    window.close();
    tray.choose("Do not disturb");
    wait::until(OPEN, "it to be ticked", || tray.menu()[1].ticked == Some(true));
    ben.type_line("@ana five");
    await_told(&tray, "1 message is unread");
    let began = ticks(&window);
    thread::sleep(WHILE);
    assert!(ticks(&window) - began < 20, "a chat in the tray sleeps");
    assert!(desktop.all().iter().all(|one| !one.text.contains("five")), "{:?}", desktop.all());
    tray.choose("Do not disturb");
    wait::until(OPEN, "it to be ticked no more", || tray.menu()[1].ticked == Some(false));
    tray.choose("Open Chalktalk");
    window.await_window();
    says(&window, "six");
    if let Some(folder) = std::env::var_os("CHALKTALK_PICTURES").map(PathBuf::from) {
        window.picture(&folder.join("tray-back.png"));
    }
    // Who opens the chat again gets the one that there is.
    window.close();
    let mut again = host.program("chalktalk-chat", &["#garden"]);
    again.env("DISPLAY", window.display()).env("LIBGL_ALWAYS_SOFTWARE", "1");
    let mut again = host.spawn("the chat again", again);
    assert!(again.await_end(OPEN).success(), "{}", again.log());
    window.await_window();
    assert_eq!(host.chats(), [window.window.pid()]);
    types(&window, "in the garden");
    wait::until(OPEN, "it in the garden", || {
        types(&window, "in the garden");
        host.history("#garden").iter().any(|line| line == "in the garden")
    });
    window.close();
    tray.choose("Quit");
    assert!(window.window.await_end(OPEN).success(), "{}", window.window.log());
    assert!(host.chats().is_empty());
}

/// The chat ends when its window is closed, and has nothing to say about it.
fn ends_with_its_window(window: &mut Desktop) {
    window.close();
    assert!(window.window.await_end(OPEN).success(), "{}", window.window.log());
    assert_eq!(window.window.log(), "");
}

fn a_chat_ends_with_its_window_where_there_is_no_tray() {
    let (lab, _daemons) = Lab::talking(1);
    let host: &Host = lab.host(1);
    // No bus; a bus without a tray; a tray that shows nothing; a tray that is not wanted.
    let mut window = Desktop::open_chat(host, &[], SCREEN);
    says(&window, "one");
    ends_with_its_window(&mut window);
    let _desktop = Notifications::start(host, &["actions", "body"]);
    window.show(&[]);
    says(&window, "two");
    ends_with_its_window(&mut window);
    let blind = Tray::start(host, false);
    window.show(&[]);
    blind.await_item();
    says(&window, "three");
    ends_with_its_window(&mut window);
    drop(blind);
    let tray = Tray::start(host, true);
    window.show(&[]);
    tray.await_item();
    says(&window, "four");
    types(&window, "/tray off");
    thread::sleep(WHILE);
    ends_with_its_window(&mut window);
}

fn a_tray_may_come_late_start_again_and_go() {
    let (lab, _daemons) = Lab::talking(1);
    let host = lab.host(1);
    let desktop = Notifications::start(host, &["actions", "body"]);
    let mut window = Desktop::open_chat(host, &[], SCREEN);
    says(&window, "one");
    let late = Tray::start(host, true);
    late.await_item();
    drop(late);
    let again = Tray::start(host, true);
    again.await_item();
    thread::sleep(Duration::from_millis(500));
    // Of two chats one has the icon; when that ends the other has it.
    let first = window.leave_open();
    window.show(&[]);
    thread::sleep(WHILE);
    assert_eq!(again.items().len(), 1, "{:?}", again.items());
    again.choose("Quit");
    let mut first = first;
    assert!(first.await_end(OPEN).success(), "{}", first.log());
    wait::until(OPEN, "the other's icon", || again.items().len() == 2);
    thread::sleep(Duration::from_millis(500));
    window.close();
    // Nobody is left out of sight.
    drop(again);
    window.await_window();
    says(&window, "two");
    let last = Tray::start(host, true);
    last.await_item();
    thread::sleep(Duration::from_millis(500));
    window.close();
    // The bus itself ends.
    drop(desktop);
    window.await_window();
    says(&window, "three");
    ends_with_its_window(&mut window);
}
