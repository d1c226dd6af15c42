//! The chat without a toolkit: inputs go in, state and effects come out.
//!
//! Invariant: the model does nothing itself. What is to be asked of the daemon or done to the terminal is an
//! [`Effect`], and what comes of it is an [`Input`].

mod attention;
mod avatars;
mod files;
mod help;
mod holders;
mod invitations;
mod news;
mod notifying;
mod searching;
mod signs;
mod switcher;
mod talking;
mod together;
mod trust;
mod wants;
mod words;

#[cfg(test)]
pub(crate) mod tests;

pub use files::{Files, Offered};
pub use searching::Finding;
pub use switcher::{Goal, Switcher};
pub use talking::{PALETTE, outcome, quote};
pub use words::{
    About, Action, Effect, Input, Me, Mode, Notification, OnMessage, Pixels, Portrait, Response, TransferNews,
};

use crate::{
    command::{self, Command, Completions, Line},
    conversation::{Body, Conversation, Line as Row, Order, Past, Tone, Writing},
    editor::Edit,
    keep::Settings,
    notify::Level,
    t,
};
use chalktalk_client::chat::Saying;
use chalktalk_ipc::{
    HostId, Position, SessionId, UserId,
    event::{InvitationSummary, Person, SessionSummary, Warning},
    nway::{AppSession, OwnedApp},
    request::Availability,
    text,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What is asked when there is a daemon: at the start, and when it is back.
const FIRST_ASKED: [Effect; 5] =
    [Effect::Who, Effect::Sessions, Effect::Invitations, Effect::AppSessions, Effect::Warnings];

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
    /// Pictures that people have set.
    pub avatars: Arc<BTreeMap<UserId, Arc<[u8]>>>,
    /// Whose messages are held back: their keys are blocked, or others than they were.
    pub unheard: BTreeSet<UserId>,
    /// The hosts on the network, once that is known.
    network: Option<BTreeSet<HostId>>,
    /// Invitations that wait for an answer, once that is known.
    pub invitations: Option<Vec<InvitationSummary>>,
    /// Programs that run, or are to run, in the user's sessions.
    pub apps: Arc<[AppSession]>,
    /// The apps registered here.
    registry: Vec<OwnedApp>,
    registry_wanted: bool,
    /// Files: what is on its way, and what is here.
    pub files: Files,
    /// What is wrong with the network or the set-up, what matters most first.
    pub warnings: Vec<Warning>,
    /// Which conversation is in view.
    pub focus: Option<SessionId>,
    /// Whether somebody looks at it: what comes while nobody does is not read.
    pub looking: bool,
    /// What is in front.
    pub mode: Mode,
    /// Why the daemon is away, if it is.
    pub away: Option<String>,
    /// The last thing to tell, until the next key.
    pub flash: Option<(Tone, String)>,
    /// Which completion is chosen.
    pub chosen: usize,
    dismissed: bool,
    /// Whose key the person was shown something to compare of.
    compared: Option<Person>,
    /// What is being looked for in the quick switcher.
    pub switcher: Switcher,
    /// What was found.
    pub finding: Finding,
    /// What the person wants.
    pub settings: Settings,
    signs: signs::Signs,
    attention: attention::Attention,
    /// Conversations that are listed first.
    pub favourites: BTreeSet<SessionId>,
    /// How much of a conversation is shown on the desktop, if that is not the usual.
    levels: BTreeMap<SessionId, Level>,
    /// What the desktop shows of a session: a message, or that one is invited to it.
    notified: BTreeMap<SessionId, Option<Position>>,
    /// Why the desktop shows nothing, if it has failed to.
    mute: Option<String>,
    /// What was being written the last time, by conversation.
    drafts: BTreeMap<SessionId, String>,
    /// Which message the person was asked about whether to delete it.
    sure: Option<Order>,
    /// Words that count as mentions, in lower case.
    pub watched: Vec<String>,
    /// Where the person is to be found.
    location: Option<String>,
    /// A call for help that waits for the lobby to open.
    calling: Option<Saying>,
    /// When somebody's call for help rang last.
    rang: BTreeMap<UserId, u64>,
    /// Where secrets come from, and how many there were.
    chance: [u8; 32],
    drawn: u64,
    /// Secrets of dice that were thrown and not told yet, by their seals.
    thrown: BTreeMap<String, String>,
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
            avatars: Arc::default(),
            unheard: BTreeSet::new(),
            network: None,
            invitations: None,
            apps: Arc::default(),
            registry: Vec::new(),
            registry_wanted: false,
            files: Files::default(),
            warnings: Vec::new(),
            focus: None,
            looking: true,
            mode: Mode::Writing,
            away: None,
            flash: None,
            chosen: 0,
            dismissed: false,
            compared: None,
            switcher: Switcher::default(),
            finding: Finding::default(),
            settings: Settings::default(),
            signs: signs::Signs::default(),
            attention: attention::Attention::default(),
            favourites: BTreeSet::new(),
            levels: BTreeMap::new(),
            notified: BTreeMap::new(),
            mute: None,
            drafts: BTreeMap::new(),
            sure: None,
            watched: Vec::new(),
            location: None,
            calling: None,
            rang: BTreeMap::new(),
            chance: [0; 32],
            drawn: 0,
            thrown: BTreeMap::new(),
            warned: false,
            direct: false,
            now: 0,
            effects: FIRST_ASKED.to_vec(),
        }
    }

    /// Where secrets come from: bytes that nobody else knows.
    pub fn seed(&mut self, chance: [u8; 32]) {
        self.chance = chance;
    }

    /// Takes in what happened; `now` is the wall clock, milliseconds since 1970 UTC, for display only.
    pub fn update(&mut self, input: Input, now: u64) {
        self.now = now;
        match input {
            Input::Act(action) => self.act(action),
            Input::Opened { summary, members, focus, say } => self.on_opened(summary, members, focus, say),
            Input::Left(session) => self.remove(session),
            Input::Delivered(messages) => messages.iter().for_each(|message| self.on_message(message)),
            Input::Passing(messages) => messages.iter().for_each(|message| self.on_passing(message)),
            Input::Tick => self.on_tick(),
            Input::Looking(looking) => self.looking = looking,
            Input::Stowed => self.on_stowed(),
            Input::Past { session, messages, before } => {
                let me = self.me.user;
                if let Some(c) = self.conversation_mut(session) {
                    c.on_past(&messages, before, me);
                }
            }
            Input::Published { session, local, result } => {
                let told = self.conversation_mut(session).is_none_or(|c| c.on_published(local, &result));
                if let (false, Err(reason)) = (told, result) {
                    self.alarm(&t!("not-published", reason = text::printable(&reason)));
                }
            }
            Input::Refused { session, numbers, reason } => {
                if let Some(c) = self.conversation_mut(session) {
                    c.on_refused(numbers, &reason);
                }
                self.alarm(&text::printable(&reason));
            }
            Input::Notified(session, response) => self.on_notified(session, response),
            Input::Desktop(result) => self.mute = result.err().map(|reason| text::printable(&reason)),
            Input::Kept(kept) => {
                self.drafts = kept.drafts;
                self.location = kept.location;
                self.on_wants(kept.wants);
            }
            Input::Rekept => self.effects.push(Effect::LookUpWants),
            Input::Wants(wants, location) => {
                self.location = location;
                self.on_wants(wants);
            }
            Input::Event(event) => self.on_event(event),
            Input::People(people) => self.on_people(people),
            Input::Avatars(news) => self.on_avatars(news),
            Input::Sessions(sessions) => self.on_sessions(sessions),
            Input::Invitations(invitations) => self.on_invitations(invitations),
            Input::AppSessions(sessions) => self.on_app_sessions(sessions),
            Input::AppOwners(owners, tell) => self.on_app_owners(&owners, tell),
            Input::Transfer(id, news) => self.on_transfer(id, news),
            Input::Files { session, found, here } => self.on_files(session, &found, here),
            Input::Warnings(warnings) => self.warnings = warnings,
            Input::Members(membership) => self.on_members(&membership),
            Input::Holders(session, at, holders) => self.on_holders(session, at, &holders),
            Input::NewHere(session) => {
                if let Some(c) = self.conversation_mut(session) {
                    c.on_new_here(now);
                }
            }
            Input::Found(typed, hits) => self.on_found(typed, hits),
            Input::Compare(person, fingerprint) => self.on_compare(fit_for_display(person), &fingerprint),
            Input::Marked(person) => self.on_marked(&fit_for_display(person)),
            Input::Done(what) => self.flash = Some((Tone::Quiet, text::printable(&what))),
            Input::Failed(what) => self.flash = Some((Tone::Alarm, text::printable(&what))),
            Input::Away(reason) => self.away = Some(text::printable(&reason)),
            Input::Back => {
                self.away = None;
                self.warned = false;
                self.flash = None;
                self.effects.extend(FIRST_ASKED);
                self.on_back();
            }
        }
        self.conversations.iter_mut().for_each(|c| c.settle(now));
        self.seek();
        self.keep_draft();
        self.want_registry();
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

    /// Messages that are not read, of all conversations that are open.
    pub fn unread(&self) -> usize {
        self.conversations.iter().map(|c| c.unread).sum()
    }

    /// How many others are on the network.
    pub fn others_here(&self) -> usize {
        let here = self.people.iter().filter(|p| !p.me && p.status != Availability::Offline);
        here.map(|person| person.user).filter(|user| *user != self.me.user).collect::<BTreeSet<_>>().len()
    }

    /// Whether this chat was opened for a direct session, which is its own.
    pub fn is_direct(&self) -> bool {
        self.direct
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
        let before = &editor.text()[..editor.cursor()];
        if let Some(found) = self.app_completions(before).or_else(|| self.file_completions(before)) {
            return Some(found);
        }
        let open = self.conversations.iter().map(Conversation::title);
        let known = self.others.iter().map(|s| text::label(&s.title));
        let asked = self.invitations.iter().flatten().map(|invitation| text::label(&invitation.title));
        let rooms: Vec<String> =
            open.chain(known).chain(asked).filter(|title| title.starts_with('#')).collect();
        command::completions(before, &self.people, &rooms)
    }

    fn act(&mut self, action: Action) {
        self.flash = None;
        self.stop_seeking();
        self.on_activity();
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
            Action::Scroll(rows) if let Mode::Help(row) = self.mode => {
                self.mode = Mode::Help(scrolled(row, rows))
            }
            Action::Scroll(rows) if self.mode == Mode::Finding => self.step_hits(-(rows as isize)),
            Action::Scroll(rows) => {
                if let Some(c) = self.current_mut() {
                    c.scroll.wanted = c.scroll.wanted.saturating_add(rows);
                }
            }
            Action::Newest => self.show_newest(),
            Action::Help if matches!(self.mode, Mode::Help(_)) => self.mode = Mode::Writing,
            Action::Help => self.mode = Mode::Help(0),
            Action::Accept(session) => self.offer_to_accept(session),
            Action::Select => self.select(),
            Action::Copy => self.copy(),
            Action::On(what) => self.act_on(what),
            Action::Pick(order) => self.mode = Mode::Selecting(order),
            Action::React(order, emoji) => self.react(order, &emoji),
            Action::Share(path) => self.share(path),
            Action::Avatar(portrait) => self.set_avatar(portrait),
            Action::SharePicture(pixels) => self.share_picture(pixels),
            Action::Run(line) => match command::parse(&line) {
                Line::Run(command) => self.run(command),
                Line::Say(_) => {}
                Line::Wrong(why) => self.alarm(&why),
            },
            Action::Call => self.begin_call(),
            Action::New => self.go_to_new(),
            Action::Unread => self.go_to_unread(),
            Action::Switcher => self.open_switcher(),
            Action::Narrow(letter) => self.narrow(letter),
            Action::Choose if self.mode == Mode::Finding => self.go_to_hit(),
            Action::Choose => self.choose_goal(),
            Action::Interrupt if self.current().is_some_and(|c| !c.editor.is_empty()) => {
                if let Some(c) = self.current_mut() {
                    c.editor.take();
                }
                self.tell_typed();
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
        self.alarm(&t!("unsent-at-quit", n = waiting));
    }

    fn edit(&mut self, edit: Edit) {
        self.mode = Mode::Writing;
        let Some(c) = self.current_mut() else { return };
        let before = c.editor.text().len();
        let fits = c.editor.apply(edit);
        if c.editor.text().len() != before {
            self.chosen = 0;
            self.dismissed = false;
            self.tell_typing();
        }
        if !fits {
            self.alarm(&t!("too-long"));
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
            Mode::Writing => self.step_back(),
            Mode::Help(_) | Mode::Selecting(_) | Mode::Switching | Mode::Finding => self.mode = Mode::Writing,
        }
    }

    fn step(&mut self, by: isize) {
        match (self.mode, self.completions()) {
            (Mode::Selecting(at), _) => self.select_from(at, by),
            (Mode::Switching, _) => self.step_goals(by),
            (Mode::Finding, _) => self.step_hits(by),
            (Mode::Writing, Some(completions)) => {
                let count = completions.items.len() as isize;
                self.chosen = ((self.chosen as isize).min(count - 1) + by).rem_euclid(count) as usize;
            }
            (Mode::Writing, None) => {
                if let Some(c) = self.current_mut() {
                    c.editor.apply(if by < 0 { Edit::Up } else { Edit::Down });
                    self.dismissed = true;
                }
            }
            (Mode::Help(row), _) => self.mode = Mode::Help(row.saturating_add_signed(by as i16)),
        }
    }

    fn send(&mut self) {
        let Some(c) = self.current_mut() else { return };
        if c.editor.text().trim().is_empty() {
            return;
        }
        let line = c.editor.take();
        self.dismissed = false;
        self.tell_typed();
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

    fn run(&mut self, command: Command) {
        match command {
            Command::Join(target) => self.join(target, None),
            Command::Msg(rest) => {
                let (target, text) = command::split_person(&rest, &self.people);
                let text = (!text.is_empty()).then(|| text.to_owned());
                self.join(target, text);
            }
            Command::Leave => self.effects.extend(self.focus.map(Effect::Leave)),
            Command::Who(None) => self.notice(Tone::Quiet, &self.who()),
            Command::Who(Some(name)) => match self.profile(&name) {
                Some(profile) => self.notice(Tone::Quiet, &profile),
                None => self.alarm(&t!("person-unknown", name = text::label(&name))),
            },
            Command::Favourite => self.like(),
            Command::Notify(level) => self.set_level(level),
            Command::Help => self.mode = Mode::Help(0),
            Command::Quit => self.quit(),
            Command::Clear => {
                if let Some(c) = self.current_mut() {
                    c.clear();
                }
            }
            Command::Status(status) => self.set_status(status),
            Command::Avatar(None) => self.tell_avatar(),
            Command::Avatar(Some(path)) if path == "none" => self.set_avatar(Portrait::Generated),
            Command::Avatar(Some(path)) => self.set_avatar(Portrait::File(path)),
            Command::Copy => self.select(),
            Command::Do(doing) => self.carry_out(doing),
            Command::Settings(Some(setting)) => self.want(setting),
            Command::Settings(None) => self.tell_signs(),
            Command::File(filing) => self.file(filing),
            Command::Verify(name) => self.effects.push(Effect::Compare(name)),
            Command::Same(name) => self.mark_compared(&name),
            Command::Mark(name, mark) => self.effects.push(Effect::MarkNamed(name, mark)),
            Command::Invite(room, people) => self.invite(room, people),
            Command::Remove(name) => self.effects.extend(self.focus.map(|here| Effect::Remove(here, name))),
            Command::Answer(room, accept) => self.answer(room.as_deref(), accept),
            Command::Start(rest) => self.start_app(&rest),
            Command::CancelApp(name) => self.cancel_app(name.as_deref()),
            Command::Observe(name) => self.observe(name.as_deref()),
            Command::Apps => self.effects.extend(self.focus.map(|here| Effect::AppOwners(Some(here)))),
            Command::Members => self.effects.extend(self.focus.map(Effect::Members)),
            Command::Search(typed) => self.search(typed),
        }
    }

    fn who(&self) -> String {
        let line = |p: &Person| {
            let (name, host, mut status) = (&p.name, &p.host, word(p.status));
            if !p.saying.is_empty() {
                status = format!("{status} “{}”", p.saying);
            }
            match trust::in_a_word(p) {
                Some(thought) => {
                    t!("who-line-thought", name = name, host = host, status = status, thought = thought)
                }
                None => t!("who-line", name = name, host = host, status = status),
            }
        };
        let lines: Vec<String> = self.people.iter().map(line).collect();
        if lines.is_empty() { t!("who-nobody") } else { lines.join("\n") }
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
        self.take_back(session);
        if self.focus == Some(session) {
            self.focus = self.conversations.first().map(Conversation::session);
            self.mode = Mode::Writing;
        }
        self.effects.push(Effect::Sessions);
    }

    /// One step towards writing something new at the newest line.
    fn step_back(&mut self) {
        match self.current_mut() {
            Some(c) if matches!(c.writing, Writing::Edit(_)) => {
                c.writing = Writing::New;
                c.editor.take();
            }
            Some(c) if c.writing != Writing::New => c.writing = Writing::New,
            Some(c) if c.scroll.bottom.is_none() && c.filter.is_some() => c.filter = None,
            _ => self.show_newest(),
        }
    }

    fn show_newest(&mut self) {
        if let Some(c) = self.current_mut() {
            c.scroll = Default::default();
        }
    }

    fn select(&mut self) {
        match self.current().and_then(|c| c.lines.last()) {
            Some(last) => self.mode = Mode::Selecting(last.order),
            None => self.alarm(&t!("nothing-to-copy")),
        }
    }

    fn select_from(&mut self, at: Order, by: isize) {
        let Some(c) = self.current() else { return };
        let here = c.lines.partition_point(|line| line.order < at);
        let shown = |line: &&Row| c.filter.as_ref().is_none_or(|filter| filter.shows(line));
        let there = match by < 0 {
            true => c.lines[..here].iter().rev().find(shown),
            false => c.lines.iter().skip(here + 1).find(shown),
        };
        if let Some(order) = there.map(|line| line.order) {
            self.mode = Mode::Selecting(order);
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
            self.flash = Some((Tone::Quiet, t!("copied")));
        }
        self.mode = Mode::Writing;
    }

    /// What is being written is kept as it changes: nothing else would survive a terminal that is closed.
    fn keep_draft(&mut self) {
        for c in &mut self.conversations {
            if matches!(c.writing, Writing::Edit(_)) || c.editor.text() == c.kept {
                continue;
            }
            c.kept = c.editor.text().to_owned();
            self.effects.push(Effect::KeepDraft(c.session(), c.kept.clone()));
        }
    }

    /// What is in view has been shown.
    fn acknowledge(&mut self) {
        if !self.looking {
            return;
        }
        let Some(c) = self.current_mut() else { return };
        if c.scroll.bottom.is_none() {
            c.mark_read();
        }
        let (session, positions) = (c.session(), c.take_unacked());
        if !positions.is_empty() {
            self.tell_read(session, &positions);
            self.effects.push(Effect::Ack(session, positions));
        }
        self.take_back(session);
        let here = |invitation: &&InvitationSummary| {
            invitation.nway.as_ref().is_some_and(|nway| nway.parent == session)
        };
        let cards: Vec<SessionId> =
            self.invitations.iter().flatten().filter(here).map(|one| one.session).collect();
        cards.into_iter().for_each(|card| self.take_back_invitation(card));
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

/// So many rows up (or, negative, down) from this one of the help.
fn scrolled(row: u16, up: i32) -> u16 {
    i32::from(row).saturating_sub(up).clamp(0, i32::from(u16::MAX)) as u16
}

fn fit_for_display(person: Person) -> Person {
    let (name, host) = (text::label(&person.name), text::label(&person.host));
    Person { name, host, saying: text::saying(&person.saying), ..person }
}

/// How available somebody is, in a word.
pub fn word(availability: Availability) -> String {
    match availability {
        Availability::Online => t!("word-online"),
        Availability::Away => t!("word-away"),
        Availability::Busy => t!("word-busy"),
        Availability::Offline => t!("word-offline"),
    }
}
