//! The chat in a window: a real one, on a display without a screen, with a pointer and a keyboard that a program moves.

use crate::terminal::Terminal;
use chalktalk_tests::{
    desktop::{Desktop, OPEN},
    lab::{Host, Lab},
    offer::Offer,
    runner::Test,
    tests, wait,
};
use std::path::PathBuf;

pub(crate) const TESTS: &[Test] = tests![
    a_window_and_a_terminal_talk,
    one_conversation_is_the_same_in_every_face,
    what_is_wanted_in_one_face_holds_in_the_other_at_once,
    without_a_display_there_is_the_terminal,
    files_are_dropped_onto_the_window_and_pasted,
    pictures_are_pasted_and_shown,
    help_is_called_from_a_window_and_answered_in_another,
    the_keyboard_alone_suffices,
    a_window_shows_what_chats_are_made_of,
];

/// A display of ordinary size.
const SCREEN: [u32; 2] = [1280, 800];

/// Types text.
fn types(desktop: &Desktop, text: &str) {
    assert!(desktop.xdotool(&["type", "--delay", "15", text]).is_some(), "{text:?} cannot be typed");
}

fn is_in(host: &Host, target: &str, text: &str) -> bool {
    host.history(target).iter().any(|line| line.contains(text))
}

/// Types a line and sends it, until the host's room has it: the first frames of a window hear nothing yet.
fn says(desktop: &Desktop, text: &str) {
    wait::until(OPEN, &format!("{text:?} in the room"), || {
        if is_in(&desktop.host, "#lobby", text) {
            return true;
        }
        desktop.does("key ctrl+a key BackSpace");
        types(desktop, text);
        desktop.does("key Return sleep 0.5");
        false
    });
}

/// Keeps a picture of a display in the folder `CHALKTALK_PICTURES`, to be looked at.
fn picture(desktop: &Desktop, name: &str) {
    if let Some(folder) = std::env::var_os("CHALKTALK_PICTURES").map(PathBuf::from) {
        desktop.does("sleep 0.6");
        desktop.picture(&folder.join(format!("{name}.png")));
    }
}

fn a_window_and_a_terminal_talk() {
    let (lab, _daemons) = Lab::talking(2);
    let ana = Desktop::open_chat(lab.host(1), &[], SCREEN);
    let ben = Terminal::chat_in(lab.host(2), "of-ben", "#lobby");
    says(&ana, "hello from a window");
    ben.await_text("hello from a window");
    ben.type_line("hello from a **terminal**");
    wait::until(OPEN, "the answer where the window is", || {
        is_in(lab.host(1), "#lobby", "from a **terminal**")
    });
    // What stands in the window is chosen, copied, and said again.
    wait::until(OPEN, "what the window shows", || {
        ana.does("key F2 sleep 0.3 key Return sleep 0.3 key ctrl+a key BackSpace key ctrl+v sleep 0.3");
        types(&ana, " it says");
        ana.does("key Return sleep 0.5");
        is_in(lab.host(2), "#lobby", "hello from a **terminal** it says")
    });
    picture(&ana, "chat-first");
}

fn one_conversation_is_the_same_in_every_face() {
    let (lab, _daemons) = Lab::talking(2);
    let host = lab.host(1);
    let window = Desktop::open_chat(host, &[], SCREEN);
    let terminal = Terminal::chat_in(host, "of-ana", "#lobby");
    let at_ben = Terminal::chat_in(lab.host(2), "of-ben", "#lobby");
    says(&window, "from the window");
    terminal.await_text("from the window");
    terminal.type_line("from the terminal");
    at_ben.await_text("from the terminal");
    host.send("#lobby", "from the command line");
    // What was said in the window is chosen there, and changed: everywhere.
    wait::until(OPEN, "the window's own words in it", || {
        window.does("key Escape key F2 sleep 0.3 key Up sleep 0.2 key Up sleep 0.2 key e sleep 0.3");
        window.does("key ctrl+a key BackSpace");
        types(&window, "changed in the window");
        window.does("key Return sleep 1");
        at_ben.screen().contains("changed in the window")
    });
    let export = host.dir().join("talk.txt");
    let written = host.chalktalk(&["history", "#lobby", "--export", export.to_str().unwrap()]);
    assert_eq!(written.code(), 0, "{}", written.log);
    let written = std::fs::read_to_string(export).unwrap();
    for text in ["changed in the window", "from the terminal", "from the command line"] {
        [&terminal, &at_ben].iter().for_each(|face| face.await_text(text));
        assert!(written.contains(text), "{text:?} is not in the export:\n{written}");
    }
    // What the window shows of the others is chosen, copied, and said again.
    for (n, text) in ["from the command line", "from the terminal"].into_iter().enumerate() {
        wait::until(OPEN, &format!("{text:?} in the window"), || {
            window.does("key Escape sleep 0.2 key F2 sleep 0.2");
            (0..2 * n).for_each(|_| window.does("key Up sleep 0.1"));
            window.does("key Return sleep 0.3 key ctrl+a key BackSpace key ctrl+v sleep 0.3");
            types(&window, " it says");
            window.does("key Return sleep 0.5");
            is_in(lab.host(2), "#lobby", &format!("{text} it says"))
        });
    }
    picture(&window, "chat-faces");
}

fn what_is_wanted_in_one_face_holds_in_the_other_at_once() {
    let (lab, _daemons) = Lab::talking(1);
    let host = lab.host(1);
    let window = Desktop::open_chat(host, &[], SCREEN);
    let terminal = Terminal::chat_in(host, "of-ana", "#lobby");
    terminal.await_text("Message #lobby");
    says(&window, "hello");
    let wants = |line: &str| {
        window.does("key ctrl+a key BackSpace");
        types(&window, line);
        window.does("key Return sleep 0.5");
    };
    let is_dark = || {
        let middle = window.colours([500, 300], [200, 100]);
        middle.iter().filter(|colour| colour.iter().all(|part| *part < 80)).count() > middle.len() / 2
    };
    assert!(!is_dark());
    terminal.type_line("/theme dark");
    wait::until(OPEN, "the window to be dark", is_dark);
    terminal.type_line("/size 150");
    picture(&window, "chat-rekept");
    wants("/read-marks off");
    wait::until(OPEN, "the terminal to tell of it", || {
        terminal.type_line("/settings");
        terminal.screen().contains("How far you have read: nobody sees it")
    });
    wants("/location Room 5");
    wait::until(OPEN, "the place in the terminal", || {
        terminal.type_line("/location");
        terminal.screen().contains("You are to be found in Room 5")
    });
    wants("/language de");
    terminal.await_text("Nachricht an #lobby");
    terminal.type_line("/join #garden");
    terminal.await_text("Nachricht an #garden");
    wants("/join #garden");
    wants("/favourite");
    wait::until(OPEN, "the garden to stand first", || {
        let screen = terminal.screen();
        screen.find(" #garden").zip(screen.find(" #lobby")).is_some_and(|(first, then)| first < then)
    });
    // Whoever wrote last has overwritten nothing of the other.
    terminal.type_line("/theme light");
    wait::until(OPEN, "the window to be light", || !is_dark());
    let kept = std::fs::read_to_string(host.dir().join("state/chalktalk/chat/settings")).unwrap();
    assert_eq!(kept, "typing on\nread-marks off\nlanguage de\ntheme light\nsize 150\n");
}

fn without_a_display_there_is_the_terminal() {
    let (lab, _daemons) = Lab::talking(1);
    let host = lab.host(1);
    let chat = Terminal::chat_untold(host, "untold", "WAYLAND_DISPLAY= DISPLAY=");
    chat.await_text("Message #lobby");
    let told = Terminal::chat_untold(host, "misled", "WAYLAND_DISPLAY= DISPLAY=:77");
    told.await_text("--tui uses the terminal");
    let mut nowhere = host.spawn("a chat nowhere", host.program("chalktalk-chat", &[]));
    assert_eq!(nowhere.await_end(OPEN).code(), Some(1));
    assert!(nowhere.log().contains("neither a display nor a terminal"), "{}", nowhere.log());
}

fn files_are_dropped_onto_the_window_and_pasted() {
    let (lab, _daemons) = Lab::talking(2);
    let host = lab.host(1);
    let ben = Terminal::chat_in(lab.host(2), "of-ben", "#lobby");
    let window = Desktop::open_chat(host, &[], SCREEN);
    says(&window, "some files for you");
    let [notes, plan, pasted] = ["notes of ana.txt", "plan.txt", "pasted.txt"].map(|name| {
        let path = host.dir().join(name);
        std::fs::write(&path, format!("what {name} says")).unwrap();
        format!("file://{}", path.to_str().unwrap().replace(' ', "%20"))
    });
    let list = format!("{notes}\r\n{plan}\r\n").into_bytes();
    Offer::new(&window, "text/uri-list", list).drop_at(&window, [600, 400]);
    ["notes of ana.txt", "plan.txt"].iter().for_each(|name| ben.await_text(name));
    Offer::new(&window, "UTF8_STRING", pasted.into_bytes()).on_clipboard(|| {
        window.does("key ctrl+v");
        ben.await_text("pasted.txt");
    });
    ben.type_line("/get plan.txt");
    ben.await_text("here: ~/Downloads/plan.txt");
    let found = std::fs::read_to_string(lab.host(2).dir().join("Downloads/plan.txt"));
    assert_eq!(found.unwrap(), "what plan.txt says");
    picture(&window, "chat-dropped");
}

fn pictures_are_pasted_and_shown() {
    let (lab, _daemons) = Lab::talking(2);
    let host = lab.host(1);
    let ben = Terminal::chat_in(lab.host(2), "of-ben", "#lobby");
    let window = Desktop::open_chat(host, &[], SCREEN);
    says(&window, "a picture for you");
    let file = host.dir().join("plain.png");
    image::RgbImage::from_pixel(300, 200, image::Rgb([255, 0, 200])).save(&file).unwrap();
    let shown = |what: &str, least: usize, most: usize| {
        wait::until(OPEN, what, || {
            let display = window.colours([0, 0], SCREEN.map(|side| side as u16));
            (least..=most).contains(&display.iter().filter(|colour| **colour == [255, 0, 200]).count())
        });
    };
    shown("nothing pink", 0, 0);
    Offer::new(&window, "image/png", std::fs::read(&file).unwrap()).on_clipboard(|| {
        window.does("key ctrl+v");
        picture(&window, "chat-pasted");
        shown("what is about to be sent", 55_000, 60_000);
    });
    assert!(!is_in(host, "#lobby", "Picture"), "it is sent before one says so");
    window.does("key Return");
    ben.await_text("📎 Picture 20");
    // In the talk it is as large as it is; its corners are round.
    shown("the picture in the talk", 55_000, 60_000);
    picture(&window, "chat-preview");
    ben.type_line("/get");
    ben.await_text("here: ~/Downloads/Picture 20");
    let folder = std::fs::read_dir(lab.host(2).dir().join("Downloads")).unwrap();
    let [fetched] = &folder.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()[..] else { panic!() };
    let fetched = std::fs::read(fetched).unwrap();
    assert!(fetched.starts_with(b"\x89PNG"), "{:?}", &fetched[..8]);
}

fn help_is_called_from_a_window_and_answered_in_another() {
    let (lab, _daemons) = Lab::talking(3);
    let [ana, ben, cleo] = [1, 2, 3].map(|n| lab.host(n));
    let at_cleo = Terminal::chat_in(cleo, "of-cleo", "#lobby");
    let caller = Desktop::open_chat(ana, &[], SCREEN);
    says(&caller, "the beamer is dark");
    caller.does("key F8");
    types(&caller, "no light at all | Room 4.12");
    caller.does("key Return");
    at_cleo.await_text("🆘 Help wanted in Room 4.12: no light at all");
    let helper = Desktop::open_chat(ben, &[], SCREEN);
    says(&helper, "which cable is it?");
    picture(&helper, "chat-help-asked");
    helper.does("key F9");
    at_cleo.await_text("1 is coming: ben");
    picture(&caller, "chat-help-coming");
    types(&caller, "/helped");
    caller.does("key Return");
    at_cleo.await_text("Helped, thank you: ben");
    picture(&helper, "chat-help-over");
}

fn the_keyboard_alone_suffices() {
    let (lab, _daemons) = Lab::talking(2);
    let ana = Desktop::open_chat(lab.host(1), &[], SCREEN);
    let ben = Terminal::chat_in(lab.host(2), "of-ben", "#lobby");
    says(&ana, "where is the blue teapot");
    says(&ana, "nobody knows");
    // A room by a command, and back by the quick switcher.
    types(&ana, "/join #garden");
    ana.does("key Return sleep 1");
    types(&ana, "in the garden");
    ana.does("key Return");
    wait::until(OPEN, "the garden", || is_in(lab.host(1), "#garden", "in the garden"));
    ana.does("key ctrl+k sleep 0.3");
    types(&ana, "lob");
    picture(&ana, "chat-switcher");
    ana.does("key Return sleep 0.5");
    says(&ana, "back in the lobby");
    // Search, go there, and answer what was found.
    ana.does("key ctrl+f");
    types(&ana, "teapot");
    ana.does("key Return sleep 1");
    picture(&ana, "chat-found");
    ana.does("key Return sleep 0.5");
    picture(&ana, "chat-there");
    types(&ana, "r");
    types(&ana, "in the kitchen");
    ana.does("key Return");
    ben.await_text("in the kitchen");
    ben.await_text("↳ ana: where is the blue teapot");
    // Keys and commands, over everything; then one goes on writing.
    ana.does("key F1 sleep 0.5");
    picture(&ana, "chat-help");
    ana.does("key Next sleep 0.3 key Next sleep 0.3");
    picture(&ana, "chat-help-below");
    ana.does("key Escape");
    says(&ana, "thank you");
    // A reaction to what one has just said.
    ana.does("key F2 sleep 0.3");
    picture(&ana, "chat-chosen");
    types(&ana, "1");
    ben.await_text("👍");
    ana.does("key Escape");
    types(&ana, "/st");
    picture(&ana, "chat-completions");
}

/// A talk as people have them, on one display.
fn a_window_shows_what_chats_are_made_of() {
    let (lab, _daemons) = Lab::talking(4);
    let hosts @ [ana, ben, cleo, dan] = [1, 2, 3, 4].map(|n| lab.host(n));
    ana.send("#lobby", "Good morning! Who comes to the allotment on Saturday?");
    ben.send("#lobby", "Me 🌱 I bring the *long* ladder and the **saw**");
    cleo.send("#lobby", "/me puts the kettle on ☕");
    let at_ben = Terminal::chat_in(ben, "of-ben", "#lobby");
    let at_cleo = Terminal::chat_in(cleo, "of-cleo", "#lobby");
    at_ben.await_text("kettle");
    at_cleo.await_text("kettle");
    at_cleo.type_line("/poll When? | Saturday at ten | Saturday at two | Sunday");
    at_ben.await_text("Saturday at two");
    at_ben.keys(&["F2", "1", "Escape"]);
    cleo.send("#lobby", "The pump runs again, this was it:\n```rust\nlet tide = moon.phase() * 0.5;\nif tide < LOW { pump.stop(); }\n```");
    dan.send("#lobby", "مرحبا! سأحضر الشاي والنعناع");
    dan.send("#lobby", "The forecast says dry: <https://weather.example/sat>");
    for host in hosts {
        wait::until(OPEN, "the talk", || is_in(host, "#lobby", "weather"));
    }
    let window = Desktop::open_chat(ana, &[], [1120, 780]);
    says(&window, "@ben the ladder would be great, mine is broken");
    at_ben.await_text("mine is broken");
    at_ben.keys(&["F2", "1", "Escape"]);
    at_cleo.await_text("mine is broken");
    at_cleo.keys(&["F2", "1", "Escape"]);
    at_ben.type_line("@ana then I come by at nine");
    ben.send("#garden", "the beans are up");
    ben.send("@ana", "may I bring my sister?");
    wait::until(OPEN, "the answer", || is_in(ana, "#lobby", "at nine"));
    window.does("mousemove 1 1 key Escape sleep 2");
    picture(&window, "chat");
    window.does("mousemove 600 560 sleep 0.5");
    picture(&window, "chat-hover");
    window.does("key F2 key Up");
    picture(&window, "chat-selecting");
    window.does("key Escape");
    types(&window, "/theme dark");
    window.does("key Return mousemove 1 1 sleep 0.5");
    picture(&window, "chat-dark");
    window.does("key ctrl+plus key ctrl+plus sleep 0.5 key F2");
    picture(&window, "chat-large");
}
