//! Notifications on the desktop: what is shown there, answered and opened from there, and what is not shown.

use crate::{
    terminal::Terminal,
    together::{SLEEPER, await_standing, register, run, start},
};
use chalktalk_tests::{
    desktop::{Desktop, OPEN},
    lab::{Host, Lab},
    notifications::Notifications,
    runner::Test,
    tests, wait,
};
use std::{thread, time::Duration};

pub(crate) const TESTS: &[Test] = tests![
    what_is_for_one_is_shown_and_answered_from_the_desktop,
    what_one_does_not_want_is_not_shown_and_unread_all_the_same,
    a_window_that_nobody_looks_at_tells_and_opens_where_it_was_said,
    who_is_invited_is_told_once_and_answers_on_the_desktop,
    who_is_called_comes_from_the_desktop,
];

/// What a good server is able to do.
const ALL: [&str; 5] = ["actions", "body", "body-markup", "inline-reply", "persistence"];

/// What is not shown after so long is not shown at all.
const WHILE: Duration = Duration::from_secs(2);

fn is_in(host: &Host, target: &str, text: &str) -> bool {
    host.history(target).iter().any(|line| line == text)
}

/// ana looks at the lobby and has the garden open beside it; ben is in the garden.
fn lobby_and_garden(lab: &Lab) -> [Terminal<'_>; 2] {
    let ben = Terminal::chat_in(lab.host(2), "of-ben", "#garden");
    let ana = Terminal::chat_in(lab.host(1), "of-ana", "#lobby");
    ana.await_text("Message #lobby");
    ana.type_line("/join #garden");
    ben.await_text("2 here: ");
    ana.await_text("Message #garden");
    ana.type_line("/join #lobby");
    ana.await_text("Message #lobby");
    [ana, ben]
}

fn what_is_for_one_is_shown_and_answered_from_the_desktop() {
    let (lab, _daemons) = Lab::talking(2);
    let [ana, ben] = lobby_and_garden(&lab);
    // Nothing is there to show it: nothing breaks, and who asks is told.
    ben.type_line("@ana is anybody there?");
    ana.await_text("@1 ");
    wait::until(OPEN, "word that nothing shows it", || {
        ana.type_line("/notify");
        thread::sleep(Duration::from_millis(500));
        ana.screen().contains("The desktop shows nothing (")
    });
    let desktop = Notifications::start(lab.host(1), &ALL);
    ben.type_line("nothing for anyone");
    ben.type_line("@ana <b>two</b> & a half");
    let shown = desktop.await_text("a half");
    assert_eq!((&*shown.title, shown.passing), ("ben in #garden (3)", false));
    assert_eq!(shown.text, "@ana &lt;b&gt;two&lt;/b&gt; &amp; a half");
    assert_eq!(shown.actions, ["default", "Open", "open", "Open", "inline-reply", "Reply"]);
    assert_eq!(desktop.all().len(), 1, "only what is for ana");
    // One for each conversation, in the place of the one before.
    ben.type_line("@ana three");
    let third = desktop.await_text("three");
    assert!(third.replaces && third.number == shown.number, "{third:?}");
    desktop.reply(third.number, "four & five");
    ben.await_text("four & five");
    wait::until(OPEN, "the answer in the room", || is_in(lab.host(2), "#garden", "four & five"));
    ana.await_text("Message #lobby");
    // Two faces beside each other show a thing once.
    let beside = Terminal::chat_in(lab.host(1), "beside", "#lobby");
    beside.await_text("#garden");
    ben.type_line("@ana six");
    let sixth = desktop.await_text("six");
    beside.await_text("@");
    thread::sleep(WHILE);
    assert_eq!(desktop.all().iter().filter(|one| one.text.contains("six")).count(), 1, "{:?}", desktop.all());
    assert_eq!(desktop.now(), [sixth.number]);
    beside.type_line("/quit");
    ana.keys(&["M-a"]);
    ana.await_text("Message #garden");
    desktop.await_none();
    ana.type_line("/join #lobby");
    ben.type_line("@ana seven");
    let seventh = desktop.await_text("seven");
    desktop.act(seventh.number, "default");
    ana.await_text("Message #garden");
    ana.type_line("/join #lobby");
    ben.type_line("@ana eight");
    desktop.await_text("eight");
    ana.type_line("/quit");
    desktop.await_none();
}

fn what_one_does_not_want_is_not_shown_and_unread_all_the_same() {
    let (lab, _daemons) = Lab::talking(2);
    let [ana, ben] = lobby_and_garden(&lab);
    let desktop = Notifications::start(lab.host(1), &ALL);
    let level = |ana: &Terminal<'_>, level: &str, told: &str| {
        ana.type_line("/join #garden");
        ana.await_text("Message #garden");
        ana.type_line(&format!("/notify {level}"));
        ana.await_text(told);
        ana.type_line("/join #lobby");
        ana.await_text("Message #lobby");
    };
    let not_shown = |text: &str| {
        thread::sleep(WHILE);
        let found = desktop.all().into_iter().find(|one| one.text.contains(text));
        assert_eq!(found, None, "it was not wanted");
    };
    level(&ana, "nothing", "nothing notified");
    ben.type_line("@ana one");
    ana.await_text("@1 ");
    not_shown("one");
    level(&ana, "all", "everything notified");
    ben.type_line("two, for whoever reads it");
    desktop.await_text("two, for");
    // What was wanted is so the next time.
    ana.type_line("/quit");
    wait::until(OPEN, "the chat to end", || lab.host(1).chats().is_empty());
    let ana = Terminal::chat_in(lab.host(1), "again", "#lobby");
    ana.await_text("Message #lobby");
    // What was unread then is so still.
    ana.await_text("#garden            1 ");
    ben.type_line("three, for whoever reads it");
    desktop.await_text("three, for");
    // Quiet hours around now, over midnight if it is late.
    let hour = |text: String| text.trim().parse::<u32>().unwrap();
    let mut clock = lab.host(1).command("date");
    clock.arg("+%H");
    let mut clock = lab.host(1).spawn("date", clock);
    clock.await_end(OPEN);
    let now = hour(clock.output().concat());
    let quiet = format!("{:02}:00-{:02}:00", (now + 23) % 24, (now + 2) % 24);
    ana.type_line(&format!("/quiet {quiet}"));
    ana.await_text(&format!("Quiet hours: {quiet}."));
    ana.await_text(&format!("quiet until {:02}:00", (now + 2) % 24));
    ben.type_line("@ana four");
    ana.await_text("@3 ");
    not_shown("four");
    ana.type_line("/quiet off");
    ana.await_text("There are no quiet hours.");
    ana.type_line("/status busy");
    ana.await_text("Nothing rings.");
    ben.type_line("@ana five");
    ana.await_text("@4 ");
    not_shown("five");
    ana.type_line("/status online");
    ana.await_text("You are online.");
    ben.type_line("six");
    desktop.await_text("six");
}

fn a_window_that_nobody_looks_at_tells_and_opens_where_it_was_said() {
    let (lab, _daemons) = Lab::talking(2);
    let host = lab.host(1);
    // This server cannot take answers.
    let desktop = Notifications::start(host, &["actions", "body"]);
    let ben = Terminal::chat_in(lab.host(2), "of-ben", "#garden");
    let window = Desktop::open_chat(host, &["#garden"], [1100, 780]);
    let types = |text: &str| {
        assert!(window.xdotool(&["type", "--delay", "15", text]).is_some(), "{text:?} cannot be typed");
        window.does("key Return sleep 0.5");
    };
    wait::until(OPEN, "a word from the window", || {
        types("hello");
        is_in(host, "#garden", "hello")
    });
    ben.await_text("hello");
    ben.type_line("@ana in view");
    wait::until(OPEN, "it in the room", || is_in(host, "#garden", "@ana in view"));
    thread::sleep(WHILE);
    assert_eq!(desktop.all(), [], "somebody looks");
    // The keyboard is elsewhere.
    let leave = || window.leave_keyboard();
    let come_back = || window.does(&format!("windowfocus {} sleep 0.5", window.id()));
    leave();
    ben.type_line("@ana <out> of view");
    let shown = desktop.await_text("of view");
    assert_eq!((&*shown.title, &*shown.text), ("ben in #garden", "@ana <out> of view"));
    assert_eq!(shown.actions, ["default", "Open", "open", "Open"], "it was not asked for more than it can");
    come_back();
    desktop.await_none();
    types("/join #lobby");
    wait::until(OPEN, "the lobby", || {
        types("in the lobby");
        is_in(host, "#lobby", "in the lobby")
    });
    leave();
    ben.type_line("@ana where are you?");
    desktop.act(desktop.await_text("where are you?").number, "open");
    desktop.await_none();
    thread::sleep(Duration::from_secs(1));
    come_back();
    types("here in the garden");
    ben.await_text("here in the garden");
}

fn who_is_invited_is_told_once_and_answers_on_the_desktop() {
    let (lab, _daemons) = Lab::talking(2);
    let [ana, ben] = [1, 2].map(|n| lab.host(n));
    let desktop = Notifications::start(ana, &ALL);
    // Two faces beside each other.
    let at_ana = Terminal::chat_in(ana, "of-ana", "#lobby");
    at_ana.await_text("Message #lobby");
    let beside = Terminal::chat_in(ana, "beside", "#lobby");
    beside.await_text("Message #lobby");
    let invite = |room: &str| {
        run(ben, &["room", "create", room, "--invite", "ana"]);
        [&at_ana, &beside].iter().for_each(|face| face.await_text(&format!("invites you to #{room}")));
    };
    let none_waits = || ana.facts(&["invitations"]).as_array().unwrap().is_empty();
    invite("plans");
    let shown = desktop.await_text("#plans");
    assert_eq!((&*shown.title, &*shown.text, shown.passing), ("ben invites you", "#plans", true));
    assert_eq!(
        shown.actions,
        ["default", "Open", "accept", "Accept", "decline", "Decline", "open", "Open"],
        "it is nothing to reply to"
    );
    thread::sleep(WHILE);
    assert_eq!(desktop.all().len(), 1, "{:?}", desktop.all());
    // Answered elsewhere.
    run(ana, &["decline", "#plans"]);
    desktop.await_none();
    invite("club");
    desktop.act(desktop.await_text("#club").number, "accept");
    wait::until(OPEN, "the room", || {
        [&at_ana, &beside].iter().any(|face| face.screen().contains("#club  sealed: by invitation"))
    });
    invite("attic");
    desktop.act(desktop.await_text("#attic").number, "decline");
    wait::until(OPEN, "it to be declined", none_waits);
    beside.type_line("/quit");
    at_ana.type_line("/join #lobby");
    at_ana.type_line("/status busy");
    at_ana.await_text("Nothing rings.");
    run(ben, &["room", "create", "quiet", "--invite", "ana"]);
    at_ana.await_text("invites you to #quiet");
    thread::sleep(WHILE);
    assert_eq!(desktop.now(), [] as [u32; 0], "who is busy is shown nothing");
    at_ana.type_line("/status online");
    at_ana.await_text("You are online.");
    run(ana, &["decline", "#quiet"]);
    wait::until(OPEN, "it to be declined", none_waits);
    // A program.
    [ana, ben].into_iter().for_each(|host| register(host, SLEEPER));
    at_ana.type_line("/join #garden");
    at_ana.await_text("Message #garden");
    at_ana.type_line("/join #lobby");
    at_ana.await_text("Message #lobby");
    ben.send("#garden", "a nap, anybody?");
    let id = start(ben, "org.example.sleeper", "#garden", &[]);
    let asked = desktop.await_text("run Sleeper together");
    assert_eq!(asked.title, "ben in #garden");
    thread::sleep(WHILE);
    assert_eq!(desktop.now(), [asked.number], "once");
    desktop.act(asked.number, "accept");
    await_standing(&[ana, ben], &id, "ana", "in");
}

fn who_is_called_comes_from_the_desktop() {
    let (lab, _daemons) = Lab::talking(3);
    let [ana, ben, cleo] = [1, 2, 3].map(|n| lab.host(n));
    let desktop = Notifications::start(ana, &ALL);
    let at_ana = Terminal::chat_in(ana, "of-ana", "#lobby");
    at_ana.await_text("Message #lobby");
    at_ana.type_line("/join #garden");
    at_ana.await_text("Message #garden");
    let [at_ben, at_cleo] =
        [(ben, "of-ben"), (cleo, "of-cleo")].map(|(host, name)| Terminal::chat_in(host, name, "#lobby"));
    [&at_ben, &at_cleo].iter().for_each(|face| face.await_text("3 here: "));
    at_ben.type_line("/help-wanted no paper | Room 4");
    let shown = desktop.await_text("Help wanted in Room 4: no paper");
    assert_eq!(shown.title, "ben in #lobby");
    assert_eq!(shown.actions[2..4], ["come", "I am coming"]);
    desktop.act(shown.number, "come");
    at_ben.await_text("1 is coming: ana");
    // Who needs nobody any more is shown no longer.
    at_cleo.type_line("/help-wanted no light | Room 5");
    desktop.await_text("no light");
    at_cleo.type_line("/helped");
    desktop.await_none();
}
