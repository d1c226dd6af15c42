//! Screens as people see them.

use super::{screen::draw, theme::Theme};
use crate::{
    command::COMMANDS,
    conversation::tests::{message, summary},
    editor::Edit,
    model::{
        Action, Effect, Input, Model, OnMessage,
        tests::{act, ana, deliver, open, person, typed},
    },
};
use chalktalk_client::chat::{Kind, Place, Saying};
use chalktalk_ipc::{
    AppId, Event, FailReason, HostId, InstanceId, SessionId,
    event::{InvitationSummary, Member, Scope, Warning},
    request::{Availability, Topic},
};
use jiff::tz::TimeZone;
use ratatui::{Terminal, backend::TestBackend};

fn screen(model: &mut Model, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| drop(draw(frame, model, Theme::new(true), &TimeZone::UTC))).unwrap();
    let text = terminal.backend().to_string();
    // The backend quotes its rows and notes behind them what wide characters cover.
    let row = |line: &str| {
        let shown = line.split_once("\" Hidden by").map_or(line, |(shown, _)| shown);
        shown.trim_matches('"').trim_end().to_owned()
    };
    text.lines().map(row).collect::<Vec<_>>().join("\n")
}

fn member(n: u8, name: &str) -> Member {
    let user = chalktalk_ipc::UserId([n; 32]);
    Member {
        user,
        name: name.into(),
        host_id: HostId([n; 16]),
        host: "h".into(),
        instances: vec![InstanceId([n; 16])],
    }
}

/// The lobby with some talk in it, a garden, and a direct session with ben.
fn talk() -> Model {
    let mut model = ana();
    open(&mut model, 1, "#lobby", Scope::Open);
    open(&mut model, 2, "#garden", Scope::Open);
    open(&mut model, 3, "@ben", Scope::Direct);
    let members = vec![member(1, "ana"), member(2, "ben"), member(3, "chloé")];
    model.update(Input::Event(Event::Roster { session: SessionId([1; 16]), members }), 0);
    model.update(
        Input::People(vec![
            person(1, "ana", "ana-laptop", Availability::Online),
            person(2, "ben", "workshop", Availability::Away),
            person(3, "chloé", "studio", Availability::Busy),
        ]),
        0,
    );
    deliver(&mut model, 1, 2, 1, "Good morning! Has anybody seen the key of the workshop?");
    deliver(&mut model, 1, 2, 2, "It was on the hook yesterday.");
    let mut mention = message(1, 3, 100, "@ana had it last, I think 🔑 日本語もできる");
    mention.mentions_you = true;
    model.update(Input::Delivered(vec![mention]), 0);
    deliver(&mut model, 1, 3, 101, "/me looks under the table");
    deliver(&mut model, 1, 2, 90_000, "A day later: found.");
    deliver(&mut model, 2, 2, 1, "The tomatoes are ripe.");
    deliver(&mut model, 2, 2, 2, "Take some.");
    deliver(&mut model, 3, 2, 1, "psst");
    model.take_effects();
    model
}

fn say(model: &mut Model, text: &str) {
    typed(model, text);
    act(model, Action::Send);
}

fn progress(model: &mut Model, appended: u64, stored: u64, held_by: &[u64], delivered: u64) {
    let session = SessionId([1; 16]);
    let held_by = held_by.to_vec();
    model.update(Input::Event(Event::Progress { session, appended, stored, held_by, delivered }), 0);
}

#[test]
fn a_talk() {
    insta::assert_snapshot!(screen(&mut talk(), 100, 24));
}

#[test]
fn what_is_wrong_with_the_network_stands_in_the_header_until_it_is_over() {
    let mut model = talk();
    assert!(model.warnings.is_empty());
    model.update(Input::Event(Event::Changed { topic: Topic::Warnings }), 0);
    assert_eq!(model.take_effects(), [Effect::Warnings]);
    let wrong = [
        Warning::new("not-heard-by", "h3 is heard here but does not hear this host\u{1b}[2J"),
        Warning::new("disk-full", "the disk is nearly full"),
    ];
    model.update(Input::Warnings(wrong.to_vec()), 0);
    for width in [20, 60, 120] {
        let shown = screen(&mut model, width, 24);
        let header: Vec<&str> = shown.lines().take(2).collect();
        assert!(header[1].contains("! not-heard-by"), "{shown}");
        assert!(width < 60 || header[1].contains("(and 1 more), see chalktalk doctor"), "{shown}");
        assert!(!shown.contains('\u{1b}'));
    }
    model.update(Input::Warnings(vec![]), 0);
    assert!(!screen(&mut model, 100, 24).contains("doctor"));
}

/// What a person does with messages, each in one view.
fn deeds() -> Model {
    let mut model = ana();
    open(&mut model, 1, "#lobby", Scope::Open);
    let members = vec![member(1, "ana"), member(2, "ben"), member(3, "chloé")];
    model.update(Input::Event(Event::Roster { session: SessionId([1; 16]), members }), 0);
    let mut stamp = 0;
    let mut says = |n: u8, saying: Saying| {
        stamp += 1;
        let mut message = message(1, n, stamp, "");
        message.payload = saying.payload().unwrap();
        let place = Place(message.position);
        model.update(Input::Delivered(vec![message]), 0);
        place
    };
    let tea = says(
        2,
        Saying {
            topic: Some("tea".into()),
            ..Saying::plain("Is there **tea**? See [here](http://tea.example)")
        },
    );
    let yes = says(1, Saying { reply: Some(tea), ..Saying::plain("Yse") });
    says(1, Saying::new("Yes", Kind::Edit { of: yes }));
    says(2, Saying::new("👍", Kind::React { of: yes, emoji: "👍".into(), off: false }));
    says(3, Saying::new("👍", Kind::React { of: yes, emoji: "👍".into(), off: false }));
    says(3, Saying::new("🎉", Kind::React { of: yes, emoji: "🎉".into(), off: false }));
    says(3, Saying::new("pin", Kind::Pin { of: tea, off: false }));
    let gone = says(3, Saying::plain("oops"));
    says(3, Saying::new("", Kind::Delete { of: gone }));
    let answers = vec!["yes, please".into(), "no".into()];
    let poll = says(2, Saying::new("?", Kind::Poll { question: "Cake?".into(), answers }));
    for (n, answer) in [(1, 0), (2, 1), (3, 0)] {
        says(n, Saying::new("", Kind::Vote { of: poll, answer: Some(answer) }));
    }
    let witness = Some(chalktalk_ipc::UserId([3; 32]));
    let roll = Kind::Roll { dice: 2, sides: 6, witness, seal: crate::roll::seal("s") };
    let of = says(2, Saying::new("🎲 throws 2d6", roll));
    says(3, Saying::new("", Kind::Witness { of, share: "t".into() }));
    says(2, Saying::new("", Kind::Reveal { of, secret: "s".into(), share: "t".into() }));
    says(2, Saying::new("We close at six.", Kind::Announce));
    says(
        3,
        Saying::plain(
            "z\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}algo \u{202e}abc `let x = 1;`",
        ),
    );
    model.take_effects();
    model
}

#[test]
fn what_people_do_with_messages() {
    insta::assert_snapshot!(screen(&mut deeds(), 100, 28));
}

#[test]
fn the_quick_switcher_and_a_reply_being_written() {
    let mut model = talk();
    act(&mut model, Action::Select);
    act(&mut model, Action::On(OnMessage::Reply));
    act(&mut model, Action::Switcher);
    act(&mut model, Action::Narrow(Some('e')));
    insta::assert_snapshot!(screen(&mut model, 100, 24));
}

#[test]
fn a_talk_in_a_narrow_terminal() {
    insta::assert_snapshot!(screen(&mut talk(), 40, 24));
}

#[test]
fn own_messages_and_what_became_of_them() {
    let mut model = talk();
    for text in ["seen by all", "held by one", "stored here", "nobody could show this", "on its way"] {
        say(&mut model, text);
    }
    let session = SessionId([1; 16]);
    for number in 1..=4 {
        model.update(Input::Published { session, local: number, result: Ok(number) }, 0);
    }
    progress(&mut model, 4, 4, &[2, 1], 1);
    let failed = Event::Failed {
        session,
        number: 4,
        host: HostId::NIL,
        host_name: "workshop".into(),
        reason: FailReason::NoDisplay,
        detail: String::new(),
    };
    model.update(Input::Event(failed), 0);
    insta::assert_snapshot!(screen(&mut model, 90, 20));
}

#[test]
fn new_messages_below_a_view_that_is_scrolled_up() {
    let mut model = talk();
    screen(&mut model, 90, 11);
    act(&mut model, Action::Scroll(3));
    screen(&mut model, 90, 11);
    deliver(&mut model, 1, 2, 90_001, "new while looking up");
    insta::assert_snapshot!(screen(&mut model, 90, 11));
}

#[test]
fn the_marker_of_what_is_new() {
    let mut model = talk();
    act(&mut model, Action::Switch(-1));
    act(&mut model, Action::Switch(1));
    act(&mut model, Action::Switch(-1));
    deliver(&mut model, 1, 2, 90_002, "while you were elsewhere");
    act(&mut model, Action::Switch(1));
    insta::assert_snapshot!(screen(&mut model, 90, 16));
}

#[test]
fn an_empty_room_with_the_daemon_away() {
    let mut model = ana();
    open(&mut model, 1, "#lobby", Scope::Open);
    model.update(Input::Away("it closed the connection".into()), 0);
    typed(&mut model, "first line\nsecond line");
    insta::assert_snapshot!(screen(&mut model, 100, 16));
}

#[test]
fn people_of_one_name_are_shown_with_their_hosts() {
    let mut model = talk();
    model.update(
        Input::People(vec![
            person(2, "ben", "workshop", Availability::Online),
            person(3, "ben", "studio", Availability::Online),
        ]),
        0,
    );
    assert!(screen(&mut model, 100, 24).contains(" ben@host  Good morning"));
    assert!(screen(&mut model, 20, 24).contains("ben@host 21:51"));
}

#[test]
fn completions_of_a_command() {
    let mut model = talk();
    typed(&mut model, "/");
    act(&mut model, Action::Down);
    insta::assert_snapshot!(screen(&mut model, 90, 18));
}

#[test]
fn the_chosen_completion_is_in_view_where_not_all_have_room() {
    let mut model = talk();
    typed(&mut model, "/");
    act(&mut model, Action::Up);
    let shown = screen(&mut model, 90, 12);
    assert!(shown.contains("/who") && !shown.contains("/accept"), "{shown}");
}

#[test]
fn invitations_stand_above_the_rooms() {
    let mut model = talk();
    let invitation = InvitationSummary {
        session: SessionId([9; 16]),
        app: AppId::chat(),
        title: "#plans".into(),
        user: chalktalk_ipc::UserId([2; 32]),
        name: "ben".into(),
        time: 0,
        nway: None,
    };
    model.update(Input::Invitations(vec![invitation]), 1_732_225_900_000);
    insta::assert_snapshot!(screen(&mut model, 100, 24));
}

#[test]
fn a_help_that_is_taller_than_the_screen_scrolls_to_its_end() {
    let mut model = talk();
    act(&mut model, Action::Help);
    let top = screen(&mut model, 100, 24);
    assert!(top.contains("send") && !top.contains("/stop") && top.contains("more"), "{top}");
    act(&mut model, Action::Scroll(-1000));
    let end = screen(&mut model, 100, 24);
    assert!(end.contains("/stop") && end.contains("verified") && !end.contains("more "), "{end}");
    act(&mut model, Action::Up);
    assert_ne!(screen(&mut model, 100, 24), end, "one up from the end, not from beyond it");
}

#[test]
fn help() {
    let mut model = talk();
    act(&mut model, Action::Help);
    let shown = screen(&mut model, 100, 80);
    assert!(COMMANDS.iter().all(|(name, ..)| shown.contains(name)), "every command is in the help");
    insta::assert_snapshot!(shown);
}

#[test]
fn every_size_can_be_drawn_in_every_state() {
    let mut states = vec![ana(), talk(), talk(), talk(), talk(), talk()];
    act(&mut states[2], Action::Help);
    act(&mut states[3], Action::Select);
    typed(&mut states[4], "/");
    typed(&mut states[5], &"日本語 👩‍👩‍👧‍👦\n".repeat(9));
    states[5].update(Input::Away("gone".into()), 0);
    for model in &mut states {
        for width in [1, 2, 3, 5, 8, 13, 24, 25, 49, 50, 71, 72, 73, 200] {
            for height in [1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 60] {
                act(model, Action::Scroll(i32::from(height) - 4));
                screen(model, width, height);
            }
        }
    }
}

#[test]
fn nothing_from_the_network_can_drive_the_terminal() {
    let evil = "\x1b[2J\x1b]52;c;ZXZpbA==\x07\u{9b}31m\r\u{8}\u{202e}evil\u{2066}\0\u{85}";
    let mut model = ana();
    let mut room = summary(1, "#lobby", Scope::Open);
    room.title = format!("#{evil}");
    let members = vec![member(2, evil)];
    model.update(Input::Opened { summary: room, members, focus: true, say: None }, 0);
    model.update(Input::People(vec![person(2, evil, evil, Availability::Online)]), 0);
    let mut other = summary(5, evil, Scope::Open);
    other.joined = false;
    model.update(Input::Sessions(vec![other]), 0);
    deliver(&mut model, 1, 2, 1, evil);
    deliver(&mut model, 1, 2, 2, &format!("/me {evil}"));
    for input in [Input::Away(evil.into()), Input::Failed(evil.into())] {
        model.update(input, 0);
        let shown = screen(&mut model, 100, 20);
        let bad = |c: &char| {
            (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c) || *c == '\u{2066}'
        };
        assert_eq!(shown.chars().find(bad), None, "{shown:?}");
    }
    assert!(crate::telling::title(&model).chars().all(|c| !c.is_control()));
    typed(&mut model, "@");
    assert!(screen(&mut model, 100, 20).chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn a_very_long_line_and_many_scripts_are_shown_whole() {
    let texts = [
        "العربية: مرحبا بالعالم",
        "עברית: שלום עולם",
        "हिन्दी: नमस्ते दुनिया",
        "বাংলা: ওহে বিশ্ব",
        "ไทย: สวัสดีชาวโลก",
        "မြန်မာ: မင်္ဂလာပါ",
        "ខ្មែរ: សួស្តី\u{200b}ពិភពលោក",
        "日本語: こんにちは世界",
        "中文: 你好，世界",
        "한국어: 안녕 세계",
        "Ελληνικά: γειά σου Κόσμε",
        "Русский: привет, мир",
        "ქართული: გამარჯობა",
        "Հայերեն: բարև",
        "தமிழ்: வணக்கம்",
        "አማርኛ: ሰላም",
        "తెలుగు: నమస్కారం",
        "ಕನ್ನಡ: ನಮಸ್ಕಾರ",
        "മലയാളം: നമസ്കാരം",
        "ગુજરાતી: નમસ્તે",
        "ਪੰਜਾਬੀ: ਸਤ ਸ੍ਰੀ ਅਕਾਲ",
        "සිංහල: ආයුබෝවන්",
        "ລາວ: ສະບາຍດີ",
        "བོད་སྐད: བཀྲ་ཤིས་བདེ་ལེགས",
        "Монгол: Сайн уу",
        "ᏣᎳᎩ: ᎣᏏᏲ",
        "Tiếng Việt: chào thế giới",
        "فارسی: می\u{200c}خواهم",
        "🇩🇪👩‍👩‍👧‍👦👍🏽 e\u{301}",
    ];
    let mut model = ana();
    open(&mut model, 1, "#lobby", Scope::Open);
    let long = "word ".repeat(13_000);
    for (at, text) in texts.iter().chain([&long.as_str()]).enumerate() {
        deliver(&mut model, 1, 2, at as u64 + 1, text);
    }
    screen(&mut model, 80, 24);
    act(&mut model, Action::Scroll(1_000_000));
    let top = screen(&mut model, 80, 40);
    for word in ["世界", "привет", "สวัสดี", "мир", "👩‍👩‍👧‍👦"] {
        assert!(top.replace(' ', "").contains(word), "{word}: {top}");
    }
}

#[test]
fn a_resize_in_the_middle_of_scrolling_keeps_the_same_line_at_the_bottom() {
    let mut model = talk();
    for stamp in 1..40 {
        deliver(&mut model, 1, 2, 100_000 + stamp, "one of many");
    }
    screen(&mut model, 100, 9);
    act(&mut model, Action::Scroll(25));
    screen(&mut model, 100, 9);
    let before = model.current().unwrap().scroll.bottom;
    for (width, height) in [(60, 14), (30, 9), (100, 9)] {
        screen(&mut model, width, height);
    }
    assert!(before.is_some() && model.current().unwrap().scroll.bottom == before);
    act(&mut model, Action::Edit(Edit::Insert("x".into())));
    act(&mut model, Action::Send);
    assert_eq!(model.current().unwrap().scroll.bottom, None, "what one says is in view");
}

#[test]
fn the_name_of_a_file_is_shown_letter_for_letter_with_how_it_stands() {
    let mut model = talk();
    let name = format!("📎 _._.._-rf *x*.exe (1 B) blob:{}:10", "ab".repeat(32));
    deliver(&mut model, 1, 2, 90_001, &name);
    let shown = screen(&mut model, 100, 24);
    assert!(shown.contains("📎 _._.._-rf _x_.exe (10 B)"), "{shown}");
    assert!(shown.contains("on 1 of 3 hosts · /get _._.._-rf _x_.exe fetches it"), "{shown}");
}

#[test]
fn ten_thousand_reactions_and_towers_of_accents_are_shown_harmless_and_quickly() {
    let mut model = talk();
    let start = std::time::Instant::now();
    let target = message(1, 2, 200_000, &format!("z{}algo \u{202e}turned\u{2066}", "\u{0301}".repeat(5_000)));
    let of = Place(target.position);
    model.update(Input::Delivered(vec![target]), 0);
    // As they come from a socket: some at a time.
    for batch in 0..100u64 {
        let react = |n: u64| {
            let stamp = 300_000 + batch * 100 + n;
            let mut message = message(1, 2, stamp, "");
            message.author = std::sync::Arc::new(chalktalk_client::Author {
                user: chalktalk_ipc::UserId(*blake3::hash(&stamp.to_le_bytes()).as_bytes()),
                ..(*message.author).clone()
            });
            let emoji = char::from_u32(0x4e00 + (stamp % 5_000) as u32).unwrap().to_string();
            message.payload = Saying::new("x", Kind::React { of, emoji, off: false }).payload().unwrap();
            message
        };
        model.update(Input::Delivered((0..100).map(react).collect()), 0);
        screen(&mut model, 100, 24);
    }
    let shown = screen(&mut model, 100, 24);
    assert!(shown.contains("and 4,988 more") && shown.contains("algo turned"), "{shown}");
    assert!(!shown.contains(['\u{202e}', '\u{2066}']) && shown.matches('\u{0301}').count() <= 8, "{shown}");
    assert!(start.elapsed() < std::time::Duration::from_secs(60), "{:?}", start.elapsed());
}
