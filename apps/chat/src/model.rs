//! The chat without a toolkit: inputs go in, state and effects come out.
//!
//! Invariant: the model does nothing itself. What is to be asked of the daemon or done to the terminal is an
//! [`Effect`], and what comes of it is an [`Input`].

use crate::{
    command::{self, Command, Completions, Line},
    conversation::{Body, Conversation, Novelty, Order, Past, Progress, Tone},
    editor::Edit,
    place::{self, LOBBY},
};
use chalktalk_client::Message;
use chalktalk_ipc::{
    AppId, Event, FailReason, InstanceId, Position, SessionId, UserId,
    event::{Member, Person, Scope, SessionSummary},
    request::{Availability, HistoryPoint, Topic},
    text,
};
use std::collections::{BTreeMap, BTreeSet};

/// Who is writing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Me {
    /// The person.
    pub user: UserId,
    /// Their name on the LAN.
    pub name: String,
    /// This host's name.
    pub host: String,
    /// This process.
    pub instance: InstanceId,
}

/// What a key, a click or the wheel means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Changes the text being written.
    Edit(Edit),
    /// Sends it.
    Send,
    /// Takes the chosen completion.
    Complete,
    /// Leaves what is open: completions, help, selection; then goes to the newest line.
    Escape,
    /// One up (or down) among completions, lines to select, or earlier messages: whatever is in front.
    Up,
    /// See [`Action::Up`].
    Down,
    /// So many conversations further.
    Switch(isize),
    /// To this conversation.
    Go(SessionId),
    /// To a session that is known and not open.
    Enter(SessionId),
    /// To the direct session with this person.
    Talk(UserId),
    /// So many rows up, or down.
    Scroll(i32),
    /// To the newest line.
    Newest,
    /// Shows or hides the keys.
    Help,
    /// Starts choosing a line to copy.
    Select,
    /// Copies the chosen line.
    Copy,
    /// Ends the chat, but first drops what is being written.
    Interrupt,
    /// Ends the chat.
    Quit,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The person did something.
    Act(Action),
    /// A session was opened.
    Opened {
        /// What it is.
        summary: SessionSummary,
        /// Who is in it.
        members: Vec<Member>,
        /// Whether to look at it now.
        focus: bool,
        /// What to say there first.
        say: Option<String>,
    },
    /// A session was left.
    Left(SessionId),
    /// Messages were delivered.
    Delivered(Vec<Message>),
    /// Older messages came.
    Past {
        /// Of this session.
        session: SessionId,
        /// The messages.
        messages: Vec<Message>,
        /// What to ask for next.
        before: Option<HistoryPoint>,
    },
    /// An own message was published, or was not.
    Published {
        /// In this session.
        session: SessionId,
        /// Its local number.
        local: u64,
        /// Its number there, or what went wrong.
        result: Result<u64, String>,
    },
    /// The daemon says so.
    Event(Event),
    /// Who is on the network.
    People(Vec<Person>),
    /// Which sessions there are.
    Sessions(Vec<SessionSummary>),
    /// Something that was asked for was not done.
    Failed(String),
    /// The daemon is away.
    Away(String),
    /// It is back.
    Back,
}

/// Something to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Enter a session and open it, look at it, and say something there.
    Join {
        /// `#room`, `@user` or a GUID.
        target: String,
        /// What to say there.
        say: Option<String>,
    },
    /// Open a session that was joined.
    Open(SessionSummary),
    /// Leave a session.
    Leave(SessionId),
    /// Publish a text.
    Publish {
        /// In this session.
        session: SessionId,
        /// Its local number.
        local: u64,
        /// The text.
        text: String,
        /// Whom it mentions.
        mentions: Vec<UserId>,
    },
    /// Acknowledge what was in view.
    Ack(SessionId, Vec<Position>),
    /// Ask for older messages.
    Past(SessionId, Option<HistoryPoint>),
    /// Ask who is there.
    Who,
    /// Ask which sessions there are.
    Sessions,
    /// Say how available one is.
    Availability(Availability),
    /// Answer an offer; if it is accepted, open the session.
    Answer(SessionSummary, bool),
    /// Put a text on the clipboard.
    Copy(String),
    /// Ring.
    Bell,
    /// End the chat.
    Quit,
}

/// What is in front.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// The line being written.
    Writing,
    /// The keys.
    Help,
    /// Choosing a line to copy.
    Selecting(Order),
}

/// The state of the chat.
#[derive(Debug)]
pub struct Model {
    /// Who is writing.
    pub me: Me,
    /// Open sessions: rooms first, the lobby before all.
    pub conversations: Vec<Conversation>,
    /// Sessions known on the LAN and not open here.
    pub others: Vec<SessionSummary>,
    /// Direct sessions among them in which something has happened.
    pub stirred: BTreeSet<SessionId>,
    /// Entries held of each direct session among them, once that is known.
    held: Option<BTreeMap<SessionId, u64>>,
    /// The user roster.
    pub people: Vec<Person>,
    /// Which conversation is in view.
    pub focus: Option<SessionId>,
    /// What is in front.
    pub mode: Mode,
    /// Why the daemon is away, if it is.
    pub away: Option<String>,
    /// The last thing to tell, until the next key.
    pub flash: Option<(Tone, String)>,
    /// Which completion is chosen.
    pub chosen: usize,
    dismissed: bool,
    /// Whether the person knows that ending now drops messages.
    warned: bool,
    /// Whether this chat was opened for a direct session, which is its own.
    direct: bool,
    now: u64,
    effects: Vec<Effect>,
}

impl Model {
    /// A chat in which nothing is open yet.
    pub fn new(me: Me) -> Self {
        Self {
            me,
            conversations: Vec::new(),
            others: Vec::new(),
            stirred: BTreeSet::new(),
            held: None,
            people: Vec::new(),
            focus: None,
            mode: Mode::Writing,
            away: None,
            flash: None,
            chosen: 0,
            dismissed: false,
            warned: false,
            direct: false,
            now: 0,
            effects: vec![Effect::Who, Effect::Sessions],
        }
    }

    /// Takes in what happened; `now` is the wall clock, milliseconds since 1970 UTC, for display only.
    pub fn update(&mut self, input: Input, now: u64) {
        self.now = now;
        match input {
            Input::Act(action) => self.act(action),
            Input::Opened { summary, members, focus, say } => self.on_opened(summary, members, focus, say),
            Input::Left(session) => self.remove(session),
            Input::Delivered(messages) => messages.iter().for_each(|message| self.on_message(message)),
            Input::Past { session, messages, before } => {
                let me = self.me.user;
                if let Some(c) = self.conversation_mut(session) {
                    c.on_past(&messages, before, me);
                }
            }
            Input::Published { session, local, result } => {
                if let Some(c) = self.conversation_mut(session) {
                    c.on_published(local, result);
                }
            }
            Input::Event(event) => self.on_event(event),
            Input::People(people) => self.people = people.into_iter().map(fit_for_display).collect(),
            Input::Sessions(sessions) => self.on_sessions(sessions),
            Input::Failed(what) => self.flash = Some((Tone::Alarm, text::printable(&what))),
            Input::Away(reason) => self.away = Some(text::printable(&reason)),
            Input::Back => {
                self.away = None;
                self.effects.extend([Effect::Who, Effect::Sessions]);
            }
        }
        self.acknowledge();
    }

    /// What is to be done now.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The view went past the first line: older ones are wanted.
    pub fn want_past(&mut self) {
        let Some(c) = self.current_mut() else { return };
        if let Past::More(before) = c.past {
            c.past = Past::Asked;
            let session = c.session();
            self.effects.push(Effect::Past(session, Some(before)));
        }
    }

    /// The conversation in view.
    pub fn current(&self) -> Option<&Conversation> {
        self.conversations.iter().find(|c| Some(c.session()) == self.focus)
    }

    /// The conversation in view, to change it.
    pub fn current_mut(&mut self) -> Option<&mut Conversation> {
        self.conversations.iter_mut().find(|c| Some(c.session()) == self.focus)
    }

    /// Names that several people have: they are shown with their hosts.
    pub fn shared_names(&self) -> BTreeSet<String> {
        command::shared_names(&self.people)
    }

    /// How the word at the cursor could go on; none if the person does not want to know.
    pub fn completions(&self) -> Option<Completions> {
        if self.dismissed || self.mode != Mode::Writing {
            return None;
        }
        let editor = &self.current()?.editor;
        let open = self.conversations.iter().map(Conversation::title);
        let known = self.others.iter().map(|s| text::label(&s.title));
        let rooms: Vec<String> = open.chain(known).filter(|title| title.starts_with('#')).collect();
        command::completions(&editor.text()[..editor.cursor()], &self.people, &rooms)
    }

    fn act(&mut self, action: Action) {
        self.flash = None;
        match action {
            Action::Edit(edit) => self.edit(edit),
            Action::Send => self.send(),
            Action::Complete => self.complete(),
            Action::Escape => self.escape(),
            Action::Up => self.step(-1),
            Action::Down => self.step(1),
            Action::Switch(by) => self.switch(by),
            Action::Go(session) => self.look_at(session),
            Action::Enter(session) => self.join(session.to_string(), None),
            Action::Talk(user) if user != self.me.user => self.join(format!("@{user}"), None),
            Action::Talk(_) => {}
            Action::Scroll(rows) => {
                if let Some(c) = self.current_mut() {
                    c.scroll.wanted = c.scroll.wanted.saturating_add(rows);
                }
            }
            Action::Newest => self.show_newest(),
            Action::Help if self.mode == Mode::Help => self.mode = Mode::Writing,
            Action::Help => self.mode = Mode::Help,
            Action::Select => self.select(),
            Action::Copy => self.copy(),
            Action::Interrupt if self.current().is_some_and(|c| !c.editor.is_empty()) => {
                if let Some(c) = self.current_mut() {
                    c.editor.take();
                }
            }
            Action::Interrupt | Action::Quit => self.quit(),
        }
    }

    /// Ends the chat; while the daemon is away and something has not gone out yet, only when told twice.
    fn quit(&mut self) {
        let waiting: usize = self.conversations.iter().map(Conversation::on_its_way).sum();
        if waiting == 0 || self.away.is_none() || self.warned {
            self.effects.push(Effect::Quit);
            return;
        }
        self.warned = true;
        self.alarm(&format!("{waiting} of your messages have not gone out yet; Ctrl-C again drops them."));
    }

    fn edit(&mut self, edit: Edit) {
        self.mode = Mode::Writing;
        let Some(c) = self.current_mut() else { return };
        let before = c.editor.text().len();
        let fits = c.editor.apply(edit);
        if c.editor.text().len() != before {
            self.chosen = 0;
            self.dismissed = false;
        }
        if !fits {
            self.alarm("A message is at most 64 KiB: send longer things as a file.");
        }
    }

    fn complete(&mut self) {
        let Some(Completions { start, items }) = self.completions() else { return };
        let item = items.get(self.chosen).or(items.first()).map(|(text, _)| text.clone());
        if let (Some(item), Some(c)) = (item, self.current_mut()) {
            c.editor.complete(start, &item);
        }
        self.chosen = 0;
    }

    fn escape(&mut self) {
        match self.mode {
            Mode::Writing if self.completions().is_some() => self.dismissed = true,
            Mode::Writing => self.show_newest(),
            Mode::Help | Mode::Selecting(_) => self.mode = Mode::Writing,
        }
    }

    fn step(&mut self, by: isize) {
        match (self.mode, self.completions()) {
            (Mode::Selecting(at), _) => self.select_from(at, by),
            (Mode::Writing, Some(completions)) => {
                let count = completions.items.len();
                self.chosen = self.chosen.min(count - 1).saturating_add_signed(by) % count;
            }
            (Mode::Writing, None) => {
                if let Some(c) = self.current_mut() {
                    c.editor.apply(if by < 0 { Edit::Up } else { Edit::Down });
                    self.dismissed = true;
                }
            }
            (Mode::Help, _) => self.mode = Mode::Writing,
        }
    }

    fn send(&mut self) {
        let Some(c) = self.current_mut() else { return };
        if c.editor.text().trim().is_empty() {
            return;
        }
        let line = c.editor.take();
        self.dismissed = false;
        match command::parse(&line) {
            Line::Say(text) => self.say(text),
            Line::Run(command) => self.run(command),
            Line::Wrong(why) => {
                if let Some(c) = self.current_mut() {
                    c.editor.set(&line);
                }
                self.alarm(&why);
            }
        }
    }

    fn say(&mut self, text: String) {
        let (me, now) = (self.me.clone(), self.now);
        let mut mentions = command::mentions(&text, &self.people);
        mentions.retain(|user| *user != me.user);
        let Some(c) = self.current_mut() else { return };
        let (session, local) = (c.session(), c.say(&me, &text, now));
        self.effects.push(Effect::Publish { session, local, text, mentions });
    }

    fn run(&mut self, command: Command) {
        match command {
            Command::Join(target) => self.join(target, None),
            Command::Msg(rest) => {
                let (target, text) = command::split_person(&rest, &self.people);
                let text = (!text.is_empty()).then(|| text.to_owned());
                self.join(target, text);
            }
            Command::Leave => self.effects.extend(self.focus.map(Effect::Leave)),
            Command::Who => self.notice(Tone::Quiet, &self.who()),
            Command::Help => self.mode = Mode::Help,
            Command::Quit => self.quit(),
            Command::Clear => {
                if let Some(c) = self.current_mut() {
                    c.clear();
                }
            }
            Command::Status(availability) => {
                self.effects.push(Effect::Availability(availability));
                self.flash = Some((Tone::Quiet, format!("You are {}.", word(availability))));
            }
            Command::Copy => self.select(),
        }
    }

    fn who(&self) -> String {
        let line = |p: &Person| format!("{} on {}: {}", p.name, p.host, word(p.status));
        let lines: Vec<String> = self.people.iter().map(line).collect();
        if lines.is_empty() { "Nobody is there.".into() } else { lines.join("\n") }
    }

    fn join(&mut self, target: String, say: Option<String>) {
        let named = |c: &&Conversation| c.summary.title == target || c.session().to_string() == target;
        match self.conversations.iter().find(named).map(Conversation::session) {
            Some(session) => {
                self.look_at(session);
                say.into_iter().for_each(|text| self.say(text));
            }
            None => self.effects.push(Effect::Join { target, say }),
        }
    }

    fn on_opened(&mut self, summary: SessionSummary, members: Vec<Member>, focus: bool, say: Option<String>) {
        let session = summary.session;
        if self.conversations.is_empty() {
            self.direct = summary.scope == Scope::Direct;
        }
        self.others.retain(|s| s.session != session);
        match self.conversation_mut(session) {
            Some(c) => c.summary = summary,
            None => {
                let mut c = Conversation::new(summary, members);
                c.past = Past::Asked;
                self.conversations.push(c);
                self.conversations.sort_by_key(place_in_list);
                self.effects.push(Effect::Past(session, None));
            }
        }
        if focus || self.focus.is_none() {
            self.look_at(session);
        }
        say.into_iter().for_each(|text| self.say(text));
    }

    fn on_message(&mut self, message: &Message) {
        if message.flags.volatile || message.flags.history {
            return;
        }
        let (me, focus) = (self.me.clone(), self.focus);
        let Some(c) = self.conversation_mut(message.session) else { return };
        let mine = message.instance == me.instance;
        let Novelty::New { mention } = c.on_delivered(message, me.user, mine) else { return };
        let in_view = focus == Some(message.session);
        let mention = mention || c.summary.scope == Scope::Direct;
        if !in_view || c.scroll.bottom.is_some() {
            c.count_new(Conversation::order_of(message), mention);
        } else if !c.caught_up {
            c.mark_new(Conversation::order_of(message));
        }
        if !in_view && mention && !message.flags.redelivered {
            self.effects.push(Effect::Bell);
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Progress { session, appended, stored, held_by, delivered } => {
                if let Some(c) = self.conversation_mut(session) {
                    c.on_progress(Progress { appended, stored, held_by, delivered });
                }
            }
            Event::Failed { session, number, host_name, reason, detail, .. } => {
                let now = self.now;
                let why = failure(&host_name, reason, &detail);
                if let Some(c) = self.conversation_mut(session)
                    && !c.on_failed(number, why.clone())
                {
                    c.notice(Tone::Alarm, &why, now);
                }
            }
            Event::Lost { session, first, last, .. } => {
                let now = self.now;
                if let Some(c) = self.conversation_mut(session) {
                    let entries = last.saturating_sub(first).saturating_add(1);
                    c.notice(
                        Tone::Alarm,
                        &format!("{entries} entries are lost: no host has them any more."),
                        now,
                    );
                }
            }
            Event::CaughtUp { session } => {
                if let Some(c) = self.conversation_mut(session) {
                    c.caught_up = true;
                }
            }
            Event::Roster { session, members } => {
                if let Some(c) = self.conversation_mut(session) {
                    c.members = members;
                }
            }
            Event::Offer { session } => {
                let accept = place::takes(self.direct, &session);
                self.effects.push(Effect::Answer(session, accept));
            }
            Event::Changed { topic: Topic::Who } => self.effects.push(Effect::Who),
            Event::Changed { topic: Topic::Sessions } => self.effects.push(Effect::Sessions),
            Event::Detached { session: Some(session), reason } => {
                self.remove(session);
                self.alarm(&text::printable(&reason));
            }
            Event::Detached { session: None, reason } => self.away = Some(text::printable(&reason)),
            _ => {}
        }
    }

    /// Rooms that the user has joined are opened, so that what is said there is counted. A direct session is left to
    /// an instance of its own until the person goes there.
    fn on_sessions(&mut self, sessions: Vec<SessionSummary>) {
        let ours = sessions.into_iter().filter(|s| s.app == AppId::chat());
        let (open, others): (Vec<_>, Vec<_>) =
            ours.partition(|s| self.conversations.iter().any(|c| c.session() == s.session));
        for summary in open {
            if let Some(c) = self.conversation_mut(summary.session) {
                c.summary = summary;
            }
        }
        if !self.direct {
            let joined = others.iter().filter(|s| s.joined && s.scope != Scope::Direct);
            self.effects.extend(joined.cloned().map(Effect::Open));
        }
        self.on_others(others);
    }

    /// Something may be going on in a direct session that another instance shows, without a screen perhaps.
    fn on_others(&mut self, others: Vec<SessionSummary>) {
        let direct = |s: &&SessionSummary| s.scope == Scope::Direct && s.joined;
        let held: BTreeMap<SessionId, u64> =
            others.iter().filter(direct).map(|s| (s.session, s.entries)).collect();
        if let Some(before) = &self.held {
            let stirred = held.iter().filter(|(id, entries)| before.get(*id).unwrap_or(&0) < *entries);
            self.stirred.extend(stirred.map(|(id, _)| *id));
        }
        self.stirred.retain(|id| held.contains_key(id));
        self.held = Some(held);
        self.others = others;
    }

    fn look_at(&mut self, session: SessionId) {
        if self.focus != Some(session)
            && let Some(c) = self.current_mut()
        {
            c.new_from = None;
        }
        self.focus = Some(session);
        self.mode = Mode::Writing;
        self.dismissed = true;
    }

    fn switch(&mut self, by: isize) {
        let count = self.conversations.len() as isize;
        let at = self.conversations.iter().position(|c| Some(c.session()) == self.focus);
        if let Some(at) = at {
            let next = (at as isize + by).rem_euclid(count) as usize;
            self.look_at(self.conversations[next].session());
        }
    }

    fn remove(&mut self, session: SessionId) {
        self.conversations.retain(|c| c.session() != session);
        if self.focus == Some(session) {
            self.focus = self.conversations.first().map(Conversation::session);
            self.mode = Mode::Writing;
        }
        self.effects.push(Effect::Sessions);
    }

    fn show_newest(&mut self) {
        if let Some(c) = self.current_mut() {
            c.scroll = Default::default();
        }
    }

    fn select(&mut self) {
        match self.current().and_then(|c| c.lines.last()) {
            Some(last) => self.mode = Mode::Selecting(last.order),
            None => self.alarm("There is nothing to copy yet."),
        }
    }

    fn select_from(&mut self, at: Order, by: isize) {
        let Some(c) = self.current() else { return };
        let here = c.lines.partition_point(|line| line.order < at);
        let there = here.saturating_add_signed(by).min(c.lines.len().saturating_sub(1));
        if let Some(line) = c.lines.get(there) {
            self.mode = Mode::Selecting(line.order);
        }
        if here == 0 && by < 0 {
            self.want_past();
        }
    }

    fn copy(&mut self) {
        let Mode::Selecting(at) = self.mode else { return };
        let line = self.current().and_then(|c| c.lines.iter().find(|line| line.order == at));
        let text = line.map(|line| match &line.body {
            Body::Said(said) => said.text.clone(),
            Body::Notice(_, text) => text.clone(),
        });
        if let Some(text) = text {
            self.effects.push(Effect::Copy(text));
            self.flash = Some((Tone::Quiet, "Copied.".into()));
        }
        self.mode = Mode::Writing;
    }

    /// What is in view has been shown.
    fn acknowledge(&mut self) {
        let Some(c) = self.current_mut() else { return };
        if c.scroll.bottom.is_none() {
            c.mark_read();
        }
        let (session, positions) = (c.session(), c.take_unacked());
        if !positions.is_empty() {
            self.effects.push(Effect::Ack(session, positions));
        }
    }

    fn notice(&mut self, tone: Tone, text: &str) {
        let now = self.now;
        if let Some(c) = self.current_mut() {
            c.notice(tone, text, now);
        }
    }

    fn alarm(&mut self, text: &str) {
        self.flash = Some((Tone::Alarm, text.to_owned()));
    }

    fn conversation_mut(&mut self, session: SessionId) -> Option<&mut Conversation> {
        self.conversations.iter_mut().find(|c| c.session() == session)
    }
}

fn place_in_list(c: &Conversation) -> (bool, bool, String) {
    let title = c.title();
    (c.summary.scope == Scope::Direct, title != LOBBY, title.to_lowercase())
}

fn fit_for_display(person: Person) -> Person {
    Person { name: text::label(&person.name), host: text::label(&person.host), ..person }
}

/// How available somebody is, in a word.
pub fn word(availability: Availability) -> &'static str {
    match availability {
        Availability::Online => "online",
        Availability::Away => "away",
        Availability::Busy => "busy",
        Availability::Offline => "offline",
    }
}

fn failure(host: &str, reason: FailReason, detail: &str) -> String {
    let (host, detail) = (text::label(host), text::label(detail));
    let why = match reason {
        FailReason::Gone => "the program it was for has ended",
        FailReason::NoApp => "the app is not installed there",
        FailReason::NoDisplay => "the app needs a display and there is none",
        FailReason::LaunchFailed => "the app could not be started",
        FailReason::NeverAttached => "the app was started but did not answer",
        FailReason::NoAgent => "nobody is logged in there; the message waits",
    };
    if detail.is_empty() { format!("{host}: {why}") } else { format!("{host}: {why} ({detail})") }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::conversation::tests::{message, summary};
    use chalktalk_ipc::HostId;

    /// A person for tests.
    pub(crate) fn person(n: u8, name: &str, host: &str, status: Availability) -> Person {
        Person {
            user: UserId([n; 32]),
            name: name.into(),
            host: host.into(),
            host_id: HostId([n; 16]),
            addresses: vec![],
            status,
            verified: false,
            me: n == 1,
        }
    }

    /// A chat of ana's, in which nothing is open.
    pub(crate) fn ana() -> Model {
        let mut model = Model::new(Me {
            user: UserId([1; 32]),
            name: "ana".into(),
            host: "ana-laptop".into(),
            instance: InstanceId([1; 16]),
        });
        model.take_effects();
        model
    }

    /// Opens a session.
    pub(crate) fn open(model: &mut Model, n: u8, title: &str, scope: Scope) {
        let summary = summary(n, title, scope);
        model.update(Input::Opened { summary, members: vec![], focus: false, say: None }, 0);
        let session = SessionId([n; 16]);
        model.update(Input::Past { session, messages: vec![], before: None }, 0);
        model.update(Input::Event(Event::CaughtUp { session }), 0);
    }

    /// Delivers a message.
    pub(crate) fn deliver(model: &mut Model, session: u8, n: u8, stamp: u64, text: &str) {
        model.update(Input::Delivered(vec![message(session, n, stamp, text)]), 0);
    }

    pub(crate) fn typed(model: &mut Model, text: &str) {
        model.update(Input::Act(Action::Edit(Edit::Insert(text.into()))), 1_732_225_900_000);
    }

    pub(crate) fn act(model: &mut Model, action: Action) {
        model.update(Input::Act(action), 1_732_225_900_000);
    }

    fn rooms() -> Model {
        let mut model = ana();
        open(&mut model, 2, "#garden", Scope::Open);
        open(&mut model, 1, "#lobby", Scope::Open);
        model.take_effects();
        model
    }

    fn unread(model: &Model) -> Vec<(String, usize)> {
        model.conversations.iter().map(|c| (c.title(), c.unread)).collect()
    }

    #[test]
    fn what_is_in_view_is_acknowledged_and_the_rest_is_counted() {
        let mut model = rooms();
        assert_eq!(model.focus, Some(SessionId([2; 16])));
        deliver(&mut model, 2, 2, 1, "seen");
        assert!(matches!(&model.take_effects()[..], [Effect::Ack(s, p)] if s.0 == [2; 16] && p.len() == 1));
        deliver(&mut model, 1, 2, 1, "unseen");
        deliver(&mut model, 1, 2, 1, "unseen");
        deliver(&mut model, 1, 1, 2, "mine, from elsewhere");
        assert_eq!(model.take_effects(), []);
        assert_eq!(unread(&model), [("#lobby".into(), 1), ("#garden".into(), 0)]);
        act(&mut model, Action::Switch(1));
        assert!(matches!(&model.take_effects()[..], [Effect::Ack(s, p)] if s.0 == [1; 16] && p.len() == 2));
        assert_eq!(model.current().unwrap().unread, 0);
        assert!(model.current().unwrap().new_from.is_some());
        act(&mut model, Action::Switch(-1));
        assert!(model.conversations[0].new_from.is_none());
    }

    #[test]
    fn what_came_while_the_chat_was_closed_is_marked() {
        let mut model = ana();
        let summary = summary(1, "#lobby", Scope::Open);
        model.update(Input::Opened { summary, members: vec![], focus: true, say: None }, 0);
        deliver(&mut model, 1, 2, 7, "while you were away");
        model.update(Input::Event(Event::CaughtUp { session: SessionId([1; 16]) }), 0);
        deliver(&mut model, 1, 2, 8, "now");
        let c = model.current().unwrap();
        assert_eq!((c.new_from, c.unread), (Some(c.lines[0].order), 0));
    }

    #[test]
    fn a_direct_message_rings_and_counts_as_a_mention() {
        let mut model = rooms();
        open(&mut model, 3, "@ben", Scope::Direct);
        model.take_effects();
        deliver(&mut model, 3, 2, 1, "psst");
        assert_eq!(model.take_effects(), [Effect::Bell]);
        assert_eq!(model.conversations[2].mentions, 1);
    }

    #[test]
    fn offers_are_taken_for_rooms_only_and_by_a_room_chat_only() {
        let offer = |model: &mut Model, title: &str, scope| {
            model.update(Input::Event(Event::Offer { session: summary(9, title, scope) }), 0);
            match model.take_effects().pop() {
                Some(Effect::Answer(_, accept)) => accept,
                other => panic!("{other:?}"),
            }
        };
        let mut model = rooms();
        assert!(offer(&mut model, "#ops", Scope::Open));
        assert!(!offer(&mut model, "@ben", Scope::Direct));
        let mut private = ana();
        open(&mut private, 3, "@ben", Scope::Direct);
        assert!(!offer(&mut private, "#ops", Scope::Open));
        private.update(Input::Sessions(vec![summary(1, "#lobby", Scope::Open)]), 0);
        assert!(!private.take_effects().iter().any(|e| matches!(e, Effect::Open(_))));
    }

    #[test]
    fn joined_rooms_are_opened_and_direct_sessions_are_not() {
        let mut model = rooms();
        let ours = vec![
            summary(1, "#lobby", Scope::Open),
            summary(4, "#ops", Scope::Open),
            summary(5, "@ben", Scope::Direct),
            SessionSummary { joined: false, ..summary(6, "#other", Scope::Open) },
            SessionSummary { app: AppId::whiteboard(), ..summary(7, "#board", Scope::Open) },
        ];
        model.update(Input::Sessions(ours), 0);
        let effects = model.take_effects();
        assert!(matches!(&effects[..], [Effect::Open(s)] if s.title == "#ops"), "{effects:?}");
        assert_eq!(model.others.len(), 3);
    }

    #[test]
    fn a_direct_session_that_another_instance_shows_is_marked_when_something_happens_there() {
        let mut model = rooms();
        let listed = |entries| vec![SessionSummary { entries, ..summary(5, "@ben", Scope::Direct) }];
        model.update(Input::Sessions(listed(3)), 0);
        assert!(model.stirred.is_empty());
        model.update(Input::Sessions(listed(4)), 0);
        assert_eq!(model.stirred.iter().collect::<Vec<_>>(), [&SessionId([5; 16])]);
        open(&mut model, 5, "@ben", Scope::Direct);
        model.update(Input::Sessions(listed(4)), 0);
        assert!(model.stirred.is_empty());
    }

    #[test]
    fn lines_are_said_and_commands_are_carried_out() {
        let mut model = rooms();
        model.update(Input::People(vec![person(2, "ben", "laptop", Availability::Online)]), 0);
        typed(&mut model, "hello @ben");
        act(&mut model, Action::Send);
        let session = SessionId([2; 16]);
        let publish =
            Effect::Publish { session, local: 1, text: "hello @ben".into(), mentions: vec![UserId([2; 32])] };
        assert_eq!(model.take_effects(), [publish]);
        typed(&mut model, "/msg ben psst");
        act(&mut model, Action::Send);
        assert_eq!(model.take_effects(), [Effect::Join { target: "@ben".into(), say: Some("psst".into()) }]);
        typed(&mut model, "/frob");
        act(&mut model, Action::Send);
        assert_eq!((model.take_effects().len(), model.current().unwrap().editor.text()), (0, "/frob"));
        assert!(matches!(&model.flash, Some((Tone::Alarm, why)) if why.contains("/frob is no command")));
        act(&mut model, Action::Interrupt);
        typed(&mut model, "/join #lobby");
        act(&mut model, Action::Send);
        assert_eq!(model.focus, Some(SessionId([1; 16])), "it is open already");
        model.update(Input::Away("it closed the connection".into()), 0);
        act(&mut model, Action::Interrupt);
        assert_eq!(model.take_effects(), [], "what was said has not gone out");
        act(&mut model, Action::Interrupt);
        assert_eq!(model.take_effects(), [Effect::Quit]);
    }

    #[test]
    fn a_draft_stays_in_its_conversation() {
        let mut model = rooms();
        typed(&mut model, "for the garden");
        act(&mut model, Action::Switch(1));
        assert_eq!(model.current().unwrap().editor.text(), "");
        act(&mut model, Action::Switch(1));
        assert_eq!(model.current().unwrap().editor.text(), "for the garden");
    }

    #[test]
    fn a_completion_is_chosen_and_taken() {
        let mut model = rooms();
        let people = [(2, "ben"), (3, "bea")].map(|(n, name)| person(n, name, "h", Availability::Online));
        model.update(Input::People(people.into()), 0);
        typed(&mut model, "hi @b");
        act(&mut model, Action::Down);
        act(&mut model, Action::Complete);
        assert_eq!(model.current().unwrap().editor.text(), "hi @ben ");
        typed(&mut model, "@b");
        act(&mut model, Action::Escape);
        assert_eq!(model.completions(), None);
        typed(&mut model, "e");
        assert!(model.completions().is_some());
    }

    #[test]
    fn the_past_is_asked_for_once() {
        let mut model = rooms();
        let before = HistoryPoint { stamp: 5, position: message(2, 2, 5, "").position };
        let session = SessionId([2; 16]);
        model.update(Input::Past { session, messages: vec![message(2, 2, 5, "x")], before: Some(before) }, 0);
        model.want_past();
        model.want_past();
        assert_eq!(model.take_effects(), [Effect::Past(session, Some(before))]);
    }

    #[test]
    fn a_line_is_selected_and_copied() {
        let mut model = rooms();
        deliver(&mut model, 2, 2, 1, "first");
        deliver(&mut model, 2, 2, 2, "second\nline");
        model.take_effects();
        act(&mut model, Action::Select);
        act(&mut model, Action::Up);
        act(&mut model, Action::Up);
        act(&mut model, Action::Copy);
        assert_eq!(model.take_effects(), [Effect::Copy("first".into())]);
        assert_eq!(model.mode, Mode::Writing);
    }

    #[test]
    fn failures_stand_with_the_message_they_concern() {
        let mut model = rooms();
        let session = SessionId([2; 16]);
        typed(&mut model, "hello");
        act(&mut model, Action::Send);
        model.update(Input::Published { session, local: 1, result: Ok(1) }, 0);
        let failed = |number| Event::Failed {
            session,
            number,
            host: HostId::NIL,
            host_name: "ben\u{1b}-laptop".into(),
            reason: FailReason::NoApp,
            detail: String::new(),
        };
        model.update(Input::Event(failed(1)), 0);
        model.update(Input::Event(failed(9)), 0);
        let c = model.current().unwrap();
        let Body::Said(said) = &c.lines[0].body else { panic!("a notice") };
        assert_eq!(said.own.as_ref().unwrap().failures, ["ben-laptop: the app is not installed there"]);
        assert!(matches!(&c.lines[1].body, Body::Notice(Tone::Alarm, _)));
    }
}
