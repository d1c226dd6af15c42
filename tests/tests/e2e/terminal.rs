//! The chat in a real terminal: what is on the screen, and what the keys do.

use chalktalk_tests::{
    binaries,
    lab::{Host, Lab, skip, tool},
    programs::SOON,
    runner::Test,
    tests, wait,
};

pub(crate) const TESTS: &[Test] = tests![
    a_chat_in_a_terminal_shows_what_comes_and_sends_what_is_typed,
    a_terminal_of_any_size_is_good_enough,
    what_others_write_cannot_drive_the_terminal,
    leaving_the_chat_leaves_the_terminal_as_it_was,
    keys_are_compared_and_people_blocked_from_the_chat,
    people_are_asked_in_and_out_from_the_chat,
    a_passphrase_is_not_shown_while_it_is_typed,
];

/// A terminal on a host, kept by tmux.
pub(crate) struct Terminal<'a> {
    host: &'a Host,
    name: &'static str,
}

impl<'a> Terminal<'a> {
    /// A program in a terminal of this name.
    pub(crate) fn open(host: &'a Host, name: &'static str, program: &str) -> Self {
        if !tool::has("tmux") {
            skip("tmux is missing (package tmux)");
        }
        let this = Self { host, name };
        this.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", program]);
        this
    }

    /// A chat in the host's first terminal.
    pub(crate) fn chat(host: &'a Host, target: &str) -> Self {
        Self::chat_in(host, "terminal", target)
    }

    /// A chat in a terminal of this name.
    pub(crate) fn chat_in(host: &'a Host, name: &'static str, target: &str) -> Self {
        Self::chat_speaking(host, name, target, "C.UTF-8")
    }

    /// A chat in the language of this locale.
    pub(crate) fn chat_speaking(host: &'a Host, name: &'static str, target: &str, locale: &str) -> Self {
        let chat = binaries::path("chalktalk-chat");
        Self::open(host, name, &format!("LANG={locale} {} '{target}' --tui; exec cat", chat.display()))
    }

    /// A chat that is not told where to show itself, with this in its environment, in a terminal of that name.
    pub(crate) fn chat_untold(host: &'a Host, name: &'static str, environment: &str) -> Self {
        let chat = binaries::path("chalktalk-chat");
        Self::open(host, name, &format!("LANG=C.UTF-8 {environment} {}; exec cat", chat.display()))
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = self.host.command("tmux");
        command
            .env("TMUX_TMPDIR", self.host.dir())
            .env("TERM", "xterm-256color")
            .env("LANG", "C.UTF-8")
            .args(["-L", self.name])
            .args(arguments);
        let mut process = self.host.spawn("tmux", command);
        let status = process.await_end(SOON);
        assert!(status.success(), "tmux {arguments:?}: {}", process.log());
        process.output().join("\n")
    }

    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Puts what is on the screen, with its colours, into the folder `CHALKTALK_PICTURES`: to be looked at with `cat`.
    pub(crate) fn picture(&self, name: &str) {
        if let Some(folder) = std::env::var_os("CHALKTALK_PICTURES") {
            let file = std::path::Path::new(&folder).join(name).with_extension("ansi");
            std::fs::write(file, self.tmux(&["capture-pane", "-p", "-e"])).unwrap();
        }
    }

    pub(crate) fn type_line(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
        self.tmux(&["send-keys", "Enter"]);
    }

    /// Presses keys, by tmux's names; what is no name is typed.
    pub(crate) fn keys(&self, keys: &[&str]) {
        keys.iter().for_each(|key| drop(self.tmux(&["send-keys", key])));
    }

    /// Waits until a text is on the screen no more.
    pub(crate) fn await_no_text(&self, text: &str) {
        wait::until(SOON, &format!("{text:?} to leave the screen"), || !self.screen().contains(text));
    }

    /// Waits until a text is on the screen.
    pub(crate) fn await_text(&self, text: &str) {
        let start = std::time::Instant::now();
        while !self.screen().contains(text) {
            assert!(start.elapsed() < SOON, "no {text:?} on the screen:\n{}", self.screen());
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}

fn a_chat_in_a_terminal_shows_what_comes_and_sends_what_is_typed() {
    let (lab, _daemons) = Lab::talking(2);
    let terminal = Terminal::chat(lab.host(2), "#lobby");
    terminal.await_text("#lobby");
    lab.host(1).send("#lobby", "good morning, 日本語 👍");
    terminal.await_text("good morning, 日本語");
    terminal.await_text("ana");
    terminal.type_line("good morning to you");
    wait::until(SOON, "what was typed to arrive", || {
        lab.host(1).history("#lobby").contains(&"good morning to you".to_owned())
    });
    terminal.await_text("good morning to you");
}

fn a_terminal_of_any_size_is_good_enough() {
    let (lab, _daemons) = Lab::talking(1);
    let terminal = Terminal::chat(lab.host(1), "#lobby");
    terminal.await_text("#lobby");
    terminal.type_line("here before");
    for (columns, rows) in [("4", "2"), ("300", "60"), ("20", "5"), ("100", "30")] {
        terminal.tmux(&["resize-window", "-x", columns, "-y", rows]);
    }
    terminal.await_text("here before");
}

fn what_others_write_cannot_drive_the_terminal() {
    let (lab, _daemons) = Lab::talking(2);
    let terminal = Terminal::chat(lab.host(2), "#lobby");
    terminal.await_text("#lobby");
    lab.host(1).send("#lobby", "first");
    terminal.await_text("first");
    lab.host(1).send("#lobby", "\u{1b}[2J\u{1b}[H\u{1b}]0;owned\u{7}second");
    terminal.await_text("second");
    assert!(terminal.screen().contains("first"), "the screen was not cleared:\n{}", terminal.screen());
    assert!(!terminal.tmux(&["display-message", "-p", "#{pane_title}"]).contains("owned"));
}

fn leaving_the_chat_leaves_the_terminal_as_it_was() {
    let (lab, _daemons) = Lab::talking(1);
    let terminal = Terminal::chat(lab.host(1), "#lobby");
    terminal.await_text("#lobby");
    terminal.type_line("/quit");
    wait::until(SOON, "the chat to end", || lab.host(1).chats().is_empty());
    terminal.type_line("plain again");
    // Echoed by the terminal and repeated by cat: neither raw mode nor the other screen is left behind.
    wait::until(SOON, "a plain terminal", || terminal.screen().matches("plain again").count() == 2);
}

fn keys_are_compared_and_people_blocked_from_the_chat() {
    let (lab, _daemons) = Lab::talking(2);
    let compared = lab.host(1).chalktalk(&["verify", "@ben", "--json"]).json_lines().remove(0);
    let terminal = Terminal::chat(lab.host(2), "#lobby");
    terminal.await_text("ana h1");
    terminal.type_line("/verify @ana");
    terminal.await_text("/verify @ana same");
    let screen = terminal.screen();
    let words = compared["words"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
    words.for_each(|word| assert!(screen.contains(word), "{word} is missing:\n{screen}"));
    terminal.type_line("/verify @ana same");
    terminal.await_text("ana is verified");
    terminal.await_text("ana ✔");
    terminal.type_line("/block @ana");
    terminal.await_text("ana ✕");
    lab.host(1).send("#lobby", "nobody hears me");
    lab.host(1).send("#lobby", "nobody at all");
    terminal.type_line("/unblock @ana");
    terminal.await_text("nobody at all");
}

fn people_are_asked_in_and_out_from_the_chat() {
    let (lab, _daemons) = Lab::talking(2);
    let ana = lab.host(1);
    let terminal = Terminal::chat(lab.host(2), "#lobby");
    terminal.await_text("ana h1");
    let done = |arguments: &[&str]| {
        let output = ana.chalktalk(arguments);
        assert_eq!(output.code(), 0, "{arguments:?}: {}", output.log);
    };
    done(&["room", "create", "plans", "--invite", "ben"]);
    done(&["send", "#plans", "at eight"]);
    terminal.await_text("ana invites you to #plans");
    terminal.await_text("INVITATIONS");
    terminal.type_line("/accept #plans");
    terminal.await_text("sealed: by invitation");
    terminal.await_text("at eight");
    terminal.type_line("/members");
    terminal.await_text("#plans: sealed for its members, by key");
    terminal.await_text("here: ben (you), ana");
    terminal.type_line("/remove @ana");
    terminal.await_text("only who made #plans");

    terminal.type_line("/invite #club @ana");
    wait::until(SOON, "ana to be asked", || {
        ana.facts(&["invitations"]).as_array().unwrap().iter().any(|one| one["title"] == "#club")
    });
    done(&["accept", "#club"]);
    terminal.await_text("#club  sealed");
    terminal.type_line("good to have you here");
    wait::until(SOON, "what was typed to arrive", || {
        ana.history("#club").contains(&"good to have you here".to_owned())
    });
    terminal.type_line("/remove @ana");
    let is_in = || ana.facts(&["sessions"]).as_array().unwrap().iter().any(|one| one["title"] == "#club");
    wait::until(SOON, "ana to be out", || !is_in());
    done(&["members", "#plans"]);
}

fn a_passphrase_is_not_shown_while_it_is_typed() {
    let (lab, _daemons) = Lab::talking(1);
    let program = binaries::path("chalktalk");
    let terminal =
        Terminal::open(lab.host(1), "terminal", &format!("{} passphrase set; exec cat", program.display()));
    terminal.await_text("Passphrase of this network");
    terminal.type_line("copper lantern kettle");
    terminal.await_text("Once more");
    terminal.type_line("copper lantern kettle");
    terminal.await_text("is sealed");
    assert!(!terminal.screen().contains("lantern"), "{}", terminal.screen());
    terminal.type_line("plain again");
    wait::until(SOON, "the terminal to show what is typed", || {
        terminal.screen().matches("plain again").count() == 2
    });
}
