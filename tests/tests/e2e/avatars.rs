//! What people look like: set by one, seen by everybody, and never in anybody's way.

use crate::terminal::Terminal;
use chalktalk_client::chat::{Avatar, Kind, MAX_AVATAR, Saying};
use chalktalk_ipc::{AppId, request::From};
use chalktalk_tests::{
    desktop::{Desktop, OPEN},
    lab::{Host, Lab, require},
    offer::Offer,
    runner::Test,
    tests, wait,
};
use std::path::PathBuf;

pub(crate) const TESTS: &[Test] = tests![
    a_picture_is_seen_by_all_and_by_who_comes_later,
    a_picture_is_set_in_the_window,
    pictures_that_are_none_harm_nobody,
    what_the_lobby_has_dropped_is_said_again,
];

const SCREEN: [u32; 2] = [1280, 800];

/// No other colour is near it.
const PINK: [u8; 3] = [255, 0, 200];

/// A PNG file of one colour: its name, and its sides.
const PNG: &str = r#"
import struct, sys, zlib
name, width, height = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
row = b"\0" + b"\xff\x00\xc8" * width
head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
data = zlib.compress(row * height, 9)
open(name, "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b""))
"#;

/// A picture of one colour in the host's folder.
fn pink(host: &Host, name: &str, [width, height]: [u32; 2]) -> PathBuf {
    require("python3", "python3");
    let file = host.dir().join(name);
    let mut python = host.command("python3");
    python.args(["-c", PNG]).arg(&file).args([width, height].map(|side| side.to_string()));
    assert!(host.spawn("python3", python).await_end(OPEN).success(), "no picture");
    file
}

/// How many pixels of a display are pink; a photograph's are nearly so.
fn count(desktop: &Desktop) -> usize {
    let display = desktop.colours([0, 0], SCREEN.map(|side| side as u16));
    display
        .iter()
        .filter(|colour| colour.iter().zip(PINK).all(|(part, wanted)| part.abs_diff(wanted) < 12))
        .count()
}

fn await_pink(desktop: &Desktop, what: &str, least: usize, most: usize) {
    let what = format!("{what}: {least} to {most} pink pixels");
    wait::until(OPEN, &what, || (least..=most).contains(&count(desktop)));
}

fn keep_picture(desktop: &Desktop, name: &str) {
    if let Some(folder) = std::env::var_os("CHALKTALK_PICTURES").map(PathBuf::from) {
        desktop.does("sleep 0.6");
        desktop.picture(&folder.join(format!("{name}.png")));
    }
}

fn set(host: &Host, picture: &str) -> (i32, String) {
    let output = host.chalktalk(&["avatar", picture]);
    (output.code(), output.out.join("\n") + &output.log)
}

fn a_picture_is_seen_by_all_and_by_who_comes_later() {
    let lab = Lab::new(3);
    let [ana, ben, cleo] = [1, 2, 3].map(|n| lab.host(n));
    let mut daemons = vec![ana.daemon(), ben.daemon()];
    ana.send("#lobby", "what do I look like?");
    let mut window = Desktop::open_chat(ben, &[], SCREEN);
    wait::until(OPEN, "what ana says", || {
        ben.history("#lobby").iter().any(|text| text.contains("look like"))
    });
    await_pink(&window, "nobody has set a picture", 0, 0);
    keep_picture(&window, "avatars-generated");
    let photo = pink(ana, "ana.png", [300, 200]);
    let (code, said) = set(ana, photo.to_str().unwrap());
    assert!(code == 0 && said.contains("Everybody sees this picture"), "{code}: {said}");
    // In the list of people a disc of 24 pixels, in the talk one of 34.
    await_pink(&window, "ana among the people and in the talk", 1000, 1500);
    keep_picture(&window, "avatars-set");
    // It is no line of the talk.
    let export = ben.dir().join("talk.txt");
    assert_eq!(ben.chalktalk(&["history", "#lobby", "--export", export.to_str().unwrap()]).code(), 0);
    let export = std::fs::read_to_string(export).unwrap();
    assert!(export.contains("look like") && !export.contains("picture"), "{export}");
    // The terminal says that there is one.
    let at_ben = Terminal::chat_in(ben, "of-ben", "#lobby");
    at_ben.await_text("look like");
    wait::until(OPEN, "what the terminal says of it", || {
        at_ben.type_line("/who ana");
        at_ben.screen().contains("has set a picture")
    });
    // Somebody comes when ana has gone, and to a conversation of two.
    ben.send("@ana", "see you");
    wait::until(OPEN, "it at ana's", || ana.history("@ben").iter().any(|text| text == "see you"));
    daemons.remove(0).kill();
    daemons.push(cleo.daemon());
    let late = Desktop::open_chat(cleo, &[], SCREEN);
    await_pink(&late, "ana in the talk of a newcomer", 600, 1000);
    keep_picture(&late, "avatars-late");
    // What was kept is there at once the next time.
    window.window.kill();
    window.show(&["@ana"]);
    await_pink(&window, "ana beside a conversation with her", 200, 1500);
    keep_picture(&window, "avatars-direct");
    daemons.push(ana.daemon());
    let (code, said) = set(ana, "none");
    assert_eq!(code, 0, "{said}");
    await_pink(&window, "none any more", 0, 0);
    await_pink(&late, "none at the newcomer's", 0, 0);
}

fn a_picture_is_set_in_the_window() {
    let (lab, _daemons) = Lab::talking(2);
    let [ana, ben] = [1, 2].map(|n| lab.host(n));
    let photo = pink(ana, "a photo.png", [300, 200]);
    let own = Desktop::open_chat(ana, &[], SCREEN);
    let other = Desktop::open_chat(ben, &[], SCREEN);
    let profile = |desktop: &Desktop| desktop.does("mousemove 60 25 sleep 0.3 click 1 sleep 0.5");
    await_pink(&own, "no picture yet", 0, 0);
    // Pasted over what others see of her, as a picture.
    profile(&own);
    keep_picture(&own, "avatars-profile");
    Offer::new(&own, "image/png", std::fs::read(&photo).unwrap()).on_clipboard(|| {
        own.does("key ctrl+v");
        await_pink(&own, "her own, large and small", 5000, 8000);
    });
    keep_picture(&own, "avatars-profile-set");
    await_pink(&other, "ana among ben's people", 350, 550);
    assert!(ben.history("#lobby").iter().all(|text| !text.contains("Picture")), "it was offered to all");
    // Taken back by a command, in the line.
    own.does("key Escape sleep 0.3");
    own.does("type --delay 15 /avatar");
    own.does("key space");
    own.does("type --delay 15 none");
    own.does("key Return");
    await_pink(&own, "none", 0, 0);
    await_pink(&other, "none at ben's", 0, 0);
    // Dropped over what others see of her.
    profile(&own);
    let list = format!("file://{}\r\n", photo.to_str().unwrap().replace(' ', "%20")).into_bytes();
    Offer::new(&own, "text/uri-list", list).drop_at(&own, [640, 300]);
    await_pink(&other, "ana among ben's people again", 350, 550);
    await_pink(&own, "her own, large and small", 5000, 8000);
    assert!(ben.history("#lobby").iter().all(|text| !text.contains("photo")), "it was offered to all");
}

fn pictures_that_are_none_harm_nobody() {
    let (lab, _daemons) = Lab::talking(2);
    let [ana, ben] = [1, 2].map(|n| lab.host(n));
    // What is no picture is refused with the reason, and nothing is said.
    let script = ana.dir().join("script.jpg");
    std::fs::write(&script, "#!/bin/sh\n").unwrap();
    let cut = pink(ana, "cut.png", [300, 200]);
    std::fs::write(&cut, &std::fs::read(&cut).unwrap()[..60]).unwrap();
    for (path, why) in [
        (script.to_str().unwrap(), "not a picture that can be read"),
        (cut.to_str().unwrap(), "is damaged"),
        (ana.dir().to_str().unwrap(), "not a picture that can be read"),
        ("/dev/zero", "not a picture that can be read"),
        ("nowhere.png", "cannot be read"),
    ] {
        let (code, said) = set(ana, path);
        assert!(code == 1 && said.contains(why), "{path}: {code}, {said}");
    }
    // Somebody whose program says what it likes.
    let app = ana.app(AppId::chat().as_str());
    let lobby = app.enter("#lobby", From::Start);
    let bomb = std::fs::read(pink(ana, "bomb.png", [1000, 1000])).unwrap();
    assert!(bomb.len() <= MAX_AVATAR, "{} bytes: not small enough to be a bomb", bomb.len());
    let window = Desktop::open_chat(ben, &[], SCREEN);
    for bytes in [&bomb[..], b"rubbish", &bomb[..100], &[0; MAX_AVATAR]] {
        let saying = Saying::new("x", Kind::Avatar { picture: Some(Avatar(bytes.into())) });
        app.publish(lobby, saying.payload().unwrap());
    }
    app.publish(lobby, "still here");
    wait::until(OPEN, "what is said after it", || {
        ben.history("#lobby").iter().any(|text| text == "still here")
    });
    // The window answers, and shows nothing of it.
    wait::until(OPEN, "what is typed into the window", || {
        window.does("key ctrl+a key BackSpace");
        window.does("type --delay 15 alive");
        window.does("key Return sleep 0.5");
        ana.history("#lobby").iter().any(|text| text.contains("alive"))
    });
    await_pink(&window, "nothing of a bomb", 0, 0);
    keep_picture(&window, "avatars-hostile");
    // And what is set after that counts.
    let photo = pink(ana, "ana.png", [300, 200]);
    assert_eq!(set(ana, photo.to_str().unwrap()).0, 0);
    await_pink(&window, "a picture after all", 1000, 1600);
}

fn what_the_lobby_has_dropped_is_said_again() {
    let (lab, daemons) = Lab::talking(1);
    let ana = lab.host(1);
    let photo = pink(ana, "ana.png", [300, 200]);
    assert_eq!(set(ana, photo.to_str().unwrap()).0, 0);
    let said = |host: &Host| host.history("#lobby").iter().any(|text| text.contains("has a new picture"));
    assert!(said(ana));
    let kept = ana.dir().join("state/chalktalk/chat/avatars");
    {
        let _first = Terminal::chat_in(ana, "first", "#lobby");
        wait::until(OPEN, "what is kept of it", || kept.exists());
    }
    let app = ana.app(AppId::chat().as_str());
    let lobby = app.enter("#lobby", From::Start);
    let last = app.publish_each(lobby, (0..3000).map(|n| format!("{n} {}", "x".repeat(1000))));
    app.await_stored(lobby, last);
    let path = ana.dir().join("config/chalktalk/config.toml");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, "[retention]\nchat = 1\n").unwrap();
    wait::until(OPEN, "the oldest to be dropped", || {
        daemons[0].signal(rustix::process::Signal::HUP);
        std::thread::sleep(std::time::Duration::from_millis(500));
        !said(ana)
    });
    let _second = Terminal::chat_in(ana, "second", "#lobby");
    wait::until(OPEN, "it to be said again", || said(ana));
}
