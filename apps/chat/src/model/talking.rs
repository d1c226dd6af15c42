//! What the person does with messages: says them, answers, changes, marks them.
//!
//! Invariant: everything that leaves is a [`Saying`] that fits into a message; what does not fit stays where it was
//! being written.

use super::{Effect, Mode, Model, OnMessage};
use crate::{
    command,
    conversation::{Conversation, Deed, Filter, Line, Order, Said, Scroll, Standing, Tone, Writing},
    doing::{Doing, Part},
    emoji,
    keep::Change,
    roll::{self, Outcome},
    t,
};
use chalktalk_client::{
    Message,
    chat::{Kind, Place, Saying},
};
use chalktalk_ipc::{SessionId, UserId, text::label};
use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// What the digits react with when a message is chosen.
pub const PALETTE: [&str; 8] = ["👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "👀"];

/// So much of a message is quoted.
const QUOTE: usize = 60;

impl Model {
    /// Says what was written, or puts it in the place of what it edits.
    pub(super) fn say(&mut self, text: String) {
        let Some(c) = self.current_mut() else { return };
        let (topic, writing) = (c.topic.clone(), c.writing);
        let saying = match writing {
            Writing::New => Saying { topic, ..Saying::plain(&text) },
            Writing::Reply(to) => Saying { topic, reply: Some(Place(to)), ..Saying::plain(&text) },
            Writing::Edit(of) => Saying { topic, ..Saying::new(text.as_str(), Kind::Edit { of: Place(of) }) },
        };
        if self.publish(saying) {
            if let Some(c) = self.current_mut() {
                c.writing = Writing::New;
            }
        } else if let Some(c) = self.current_mut() {
            c.editor.set(&text);
        }
    }

    /// Publishes something in the conversation in view; false, with a word about it, if it is too long.
    pub(super) fn publish(&mut self, saying: Saying) -> bool {
        let Some(session) = self.focus else { return false };
        self.publish_in(session, saying)
    }

    pub(super) fn publish_in(&mut self, session: SessionId, mut saying: Saying) -> bool {
        if saying.kind.of().is_none() || matches!(saying.kind, Kind::Edit { .. }) {
            saying.text = emoji::expand(&saying.text);
        }
        let Some(payload) = saying.payload() else {
            self.alarm(&t!("too-long"));
            return false;
        };
        let (me, now) = (self.me.clone(), self.now);
        let said = saying.kind.of().is_none();
        let mut mentions = if said { command::mentions(&saying.text, &self.people) } else { Vec::new() };
        let Some(c) = self.conversation_mut(session) else { return false };
        if said
            && (matches!(saying.kind, Kind::Announce | Kind::Call { .. })
                || command::mentions_all(&saying.text))
        {
            mentions.extend(c.members.iter().map(|member| member.user));
            mentions.sort_unstable();
            mentions.dedup();
        }
        mentions.retain(|user| *user != me.user);
        mentions.truncate(chalktalk_ipc::batch::MAX_MENTIONS);
        let local = if said { c.say(&me, saying, &payload, now) } else { c.number_without_line() };
        self.effects.push(Effect::Publish { session, local, payload, mentions });
        true
    }

    /// Carries out a command about what is said.
    pub(super) fn carry_out(&mut self, doing: Doing) {
        match doing {
            Doing::React(emoji) => match self.newest_of_others() {
                Some(order) => self.react(order, &emoji),
                None => self.alarm(&t!("nothing-to-react-to")),
            },
            Doing::Reply(text) => match self.newest_of_others().and_then(Order::position) {
                Some(to) => drop(self.publish(Saying { reply: Some(Place(to)), ..Saying::plain(&text) })),
                None => self.alarm(&t!("nothing-to-answer")),
            },
            Doing::Topic(topic) => {
                let said = match &topic {
                    Some(topic) => t!("topic-on", topic = topic),
                    None => t!("topic-off"),
                };
                if let Some(c) = self.current_mut() {
                    c.topic = topic;
                    self.flash = Some((Tone::Quiet, said));
                }
            }
            Doing::Topics => self.notice(Tone::Quiet, &self.topics()),
            Doing::Only(part) => self.show_only(part),
            Doing::Poll(question, answers) => {
                let lines = answers.iter().enumerate().map(|(at, answer)| format!("\n{}. {answer}", at + 1));
                let text = format!("📊 {question}{}", lines.collect::<String>());
                self.publish(Saying::new(text, Kind::Poll { question, answers }));
            }
            Doing::Vote(answer) => self.vote_newest(answer),
            Doing::Roll(dice, sides) => self.throw(dice, sides),
            Doing::Announce(text) => drop(self.publish(Saying::new(text, Kind::Announce))),
            Doing::Call(what, at) => self.call(&what, at),
            Doing::Come => self.come(),
            Doing::Thank => self.thank(),
            Doing::Location(location) => self.set_location(location),
            Doing::WhoHas => {
                let own = |line: &&Line| line.said().is_some_and(|said| said.own.is_some());
                match self.current().and_then(|c| c.lines.iter().rev().find(own)).map(|line| line.order) {
                    Some(order) => self.who_has(order),
                    None => self.alarm(&t!("nothing-said-yet")),
                }
            }
            Doing::Watch(words) => {
                let list = words.join(", ");
                let said = if words.is_empty() { t!("watch-none") } else { t!("watch-words", list = list) };
                self.watched = words.iter().map(|word| word.to_lowercase()).collect();
                self.flash = Some((Tone::Quiet, said));
                self.effects.push(Effect::Keep(Change::Watched(words)));
            }
        }
    }

    /// Does something with the chosen message.
    pub(super) fn act_on(&mut self, what: OnMessage) {
        let Mode::Selecting(order) = self.mode else { return };
        let sure = self.sure.take() == Some(order);
        let Some(said) = self.line(order).and_then(Line::said).cloned() else { return };
        let me = self.me.user;
        let position = order.position();
        match (what, position) {
            (OnMessage::WhoHas, _) => self.who_has(order),
            (OnMessage::Retry, _) => self.retry(order, &said),
            (_, None) => self.alarm(&t!("not-gone-out-yet")),
            (OnMessage::Reply, Some(position)) => self.write(Writing::Reply(position), None),
            (OnMessage::Edit, Some(position)) if said.user == me && said.editable() => {
                let text =
                    if said.action { format!("{}{}", command::ACTION, said.text) } else { said.text.clone() };
                self.write(Writing::Edit(position), Some(&text));
            }
            (OnMessage::Edit, _) => self.alarm(&t!("not-yours-to-edit")),
            (OnMessage::Delete, Some(_)) if said.user != me => self.alarm(&t!("not-yours-to-delete")),
            (OnMessage::Delete, Some(position)) if sure => {
                let kind = Kind::Delete { of: Place(position) };
                self.publish(Saying::new(t!("said-deleted"), kind));
                self.mode = Mode::Writing;
            }
            (OnMessage::Delete, Some(_)) => {
                self.sure = Some(order);
                self.alarm(&t!("delete-sure"));
            }
            (OnMessage::Digit(n), Some(position)) => match &said.kind {
                Kind::Poll { answers, .. } => self.vote(position, &said, n, answers.len()),
                _ => {
                    if let Some(emoji) = PALETTE.get(n) {
                        self.react(order, emoji);
                    }
                }
            },
            (OnMessage::Pin, Some(position)) => {
                let off = said.fate.pinned.is_some();
                let text = if off { t!("said-unpinned") } else { t!("said-pinned") };
                self.publish(Saying::new(text, Kind::Pin { of: Place(position), off }));
            }
            (OnMessage::Coming | OnMessage::Helped, Some(position)) => {
                let open = self.current().and_then(|c| c.standing(c.line(position)?)) == Some(Standing::Open);
                let own = said.user == me;
                match (self.focus, open && own == (what == OnMessage::Helped)) {
                    (Some(here), true) if own => self.thank_for(here, position),
                    (Some(here), true) => self.come_to(here, position, said.fate.coming.contains(&me)),
                    _ if what == OnMessage::Helped => self.alarm(&t!("call-none-own")),
                    _ => self.alarm(&t!("call-none")),
                }
            }
            (OnMessage::Get, Some(position)) => self.get_at(position),
            (OnMessage::Folder, Some(position)) => self.open_folder(position),
            (OnMessage::Original, Some(_)) => self.go_to_original(&said),
        }
    }

    /// Goes to where the new begins; the divider stands near the top.
    pub(super) fn go_to_new(&mut self) {
        match self.current_mut() {
            Some(Conversation { new_from: Some(first), scroll, .. }) => {
                *scroll = Scroll { bottom: Some(*first), top: Some(*first), ..Scroll::default() };
            }
            Some(_) => self.flash = Some((Tone::Quiet, t!("nothing-new-here"))),
            None => {}
        }
    }

    /// Something was done to a message: the author is told of reactions, and rolls go on.
    pub(super) fn on_deed(&mut self, message: &Message, target: chalktalk_ipc::Position, deed: &Deed) {
        if message.flags.redelivered || message.flags.history {
            return;
        }
        self.take_back_over(message, target, deed);
        let (session, me) = (message.session, self.me.user);
        let Some(c) = self.conversations.iter().find(|c| c.session() == session) else { return };
        let Some(said) = c.line(target).and_then(Line::said).filter(|said| said.user == me) else { return };
        match deed {
            Deed::React(emoji, true) if message.author.user != me && c.caught_up => {
                let (name, text, title) = (label(&message.author.name), quote(&said.text), c.title());
                let text = match self.focus == Some(session) {
                    true => t!("reacted", name = name, emoji = emoji, text = text),
                    false => t!("reacted-in", name = name, emoji = emoji, text = text, title = title),
                };
                self.flash = Some((Tone::Quiet, text));
            }
            Deed::Coming(on) if message.author.user != me && c.caught_up => {
                let name = label(&message.author.name);
                let text = if *on { t!("comes", name = name) } else { t!("comes-not", name = name) };
                self.flash = Some((Tone::Quiet, text.clone()));
                self.ring();
                self.notify_coming(session, target, text);
            }
            Deed::Witness(share) => {
                let Kind::Roll { dice, sides, witness: Some(witness), seal } = said.kind.clone() else {
                    return;
                };
                if witness == message.author.user {
                    self.reveal(session, target, (dice, sides, &seal), share);
                }
            }
            _ => {}
        }
    }

    /// A new message may ask this person's chat to vouch for a roll, or be a roll of one's own that nobody vouches for.
    pub(super) fn on_roll(&mut self, message: &Message) {
        let (session, position) = (message.session, message.position);
        let Some(c) = self.conversations.iter().find(|c| c.session() == session) else { return };
        let Some(said) = c.line(position).and_then(Line::said) else { return };
        let Kind::Roll { dice, sides, witness, seal } = said.kind.clone() else { return };
        let caught_up = c.caught_up;
        // Whoever vouches may have been quicker than this host's disk.
        let shares = c.fate_of(position, said.user).shares;
        let share = match witness {
            None => Some(String::new()),
            Some(user) => shares.into_iter().find(|(by, _)| *by == user).map(|(_, share)| share),
        };
        if let Some(share) = share.filter(|_| message.instance == self.me.instance) {
            self.reveal(session, position, (dice, sides, &seal), &share);
        }
        if witness == Some(self.me.user) && caught_up && !message.flags.redelivered {
            let share = self.secret();
            let kind = Kind::Witness { of: Place(position), share };
            self.publish_in(session, Saying::new(t!("said-share"), kind));
        }
    }

    fn throw(&mut self, dice: u32, sides: u32) {
        let Some(c) = self.current() else { return };
        // Rather somebody whose programs are known to be there: others would let the dice wait.
        let others = c.members.iter().filter(|member| member.user != self.me.user);
        let witness = others.map(|member| (member.instances.is_empty(), member.user)).min();
        let witness = witness.map(|(_, user)| user);
        let secret = self.secret();
        let seal = roll::seal(&secret);
        self.thrown.insert(seal.clone(), secret);
        let kind = Kind::Roll { dice, sides, witness, seal };
        self.publish(Saying::new(t!("said-throws", dice = format!("{dice}d{sides}")), kind));
    }

    fn reveal(
        &mut self,
        session: SessionId,
        of: chalktalk_ipc::Position,
        (dice, sides, seal): (u32, u32, &str),
        share: &str,
    ) {
        let Some(secret) = self.thrown.remove(seal) else { return };
        let sum = sum(&roll::faces(&secret, share, dice, sides));
        let kind = Kind::Reveal { of: Place(of), secret, share: share.to_owned() };
        self.publish_in(session, Saying::new(format!("🎲 {dice}d{sides}: {sum}"), kind));
    }

    /// Something that nobody can guess.
    fn secret(&mut self) -> String {
        self.drawn += 1;
        let mut hasher = blake3::Hasher::new_keyed(&self.chance);
        hasher.update(&self.drawn.to_le_bytes());
        hasher.finalize().to_hex()[..32].to_owned()
    }

    pub(super) fn react(&mut self, order: Order, emoji: &str) {
        let me = self.me.user;
        let Some((of, said)) = self.line(order).and_then(|line| Some((line.order.position()?, line.said()?)))
        else {
            return;
        };
        let off = said.fate.reactions.iter().any(|(known, users)| known == emoji && users.contains(&me));
        let text = if off { t!("said-took-back", emoji = emoji) } else { emoji.to_owned() };
        self.publish(Saying::new(text, Kind::React { of: Place(of), emoji: emoji.to_owned(), off }));
    }

    fn vote_newest(&mut self, answer: usize) {
        let poll = |line: &Line| {
            let said = line.said().filter(|said| !said.fate.deleted)?;
            let Kind::Poll { answers, .. } = &said.kind else { return None };
            Some((line.order.position()?, said.clone(), answers.len()))
        };
        match self.current().and_then(|c| c.lines.iter().rev().find_map(poll)) {
            Some((of, said, answers)) => self.vote(of, &said, answer, answers),
            None => self.alarm(&t!("poll-none")),
        }
    }

    fn vote(&mut self, of: chalktalk_ipc::Position, poll: &Said, answer: usize, answers: usize) {
        if answer >= answers {
            return self.alarm(&t!("poll-answers", n = answers));
        }
        let again = poll.fate.votes.get(&self.me.user) == Some(&answer);
        let text = if again { t!("said-vote-taken-back") } else { t!("said-voted", n = answer + 1) };
        self.publish(Saying::new(text, Kind::Vote { of: Place(of), answer: (!again).then_some(answer) }));
    }

    fn write(&mut self, writing: Writing, text: Option<&str>) {
        self.mode = Mode::Writing;
        let Some(c) = self.current_mut() else { return };
        c.writing = writing;
        if let Some(text) = text {
            c.editor.set(text);
        }
    }

    /// Publishes again what could not be published.
    fn retry(&mut self, order: Order, said: &Said) {
        let failed = said.own.as_ref().is_some_and(|own| !own.failures.is_empty());
        if !failed || order.position().is_some() {
            return self.alarm(&t!("no-second-try"));
        }
        let (kind, reply, topic) = (said.kind.clone(), said.reply.map(Place), said.topic.clone());
        let text = said.original().to_owned();
        if let Some(c) = self.current_mut() {
            c.lines.retain(|line| line.order != order);
        }
        self.mode = Mode::Writing;
        self.publish(Saying { text, kind, reply, topic });
    }

    fn go_to_original(&mut self, said: &Said) {
        let line = said.reply.and_then(|to| self.current()?.line(to)).map(|line| line.order);
        match (said.reply, line) {
            (None, _) => self.alarm(&t!("answers-nothing")),
            (Some(_), Some(order)) => self.mode = Mode::Selecting(order),
            (Some(_), None) => {
                self.want_past();
                self.alarm(&t!("answers-older"));
            }
        }
    }

    fn topics(&self) -> String {
        let mut topics: BTreeMap<&str, usize> = BTreeMap::new();
        for said in self.current().into_iter().flat_map(|c| &c.lines).filter_map(Line::said) {
            *topics.entry(said.topic.as_deref().unwrap_or("")).or_default() += 1;
        }
        topics.remove("");
        let lines: Vec<String> = topics.iter().map(|(topic, count)| format!("{topic}: {count}")).collect();
        if lines.is_empty() {
            t!("topics-none")
        } else {
            format!("{}\n{}", lines.join("\n"), t!("topics-hint"))
        }
    }

    fn show_only(&mut self, part: Part) {
        let me = self.me.user;
        let Some(c) = self.current_mut() else { return };
        let filter = match part {
            Part::All => None,
            Part::New => match c.new_from {
                Some(first) => Some(Filter::New(first)),
                None => return self.flash = Some((Tone::Quiet, t!("nothing-new-here"))),
            },
            Part::Mine => Some(Filter::Mine(me)),
            Part::Pinned => Some(Filter::Pinned),
            Part::Topic(topic) => Some(Filter::Topic(topic)),
        };
        c.filter = filter;
        c.scroll = Scroll::default();
    }

    fn newest_of_others(&self) -> Option<Order> {
        let others =
            |line: &&Line| line.said().is_some_and(|said| said.user != self.me.user && !said.fate.deleted);
        self.current()?.lines.iter().rev().find(others).map(|line| line.order)
    }

    pub(super) fn line(&self, order: Order) -> Option<&Line> {
        let lines = &self.current()?.lines;
        lines.binary_search_by_key(&order, |line| line.order).ok().map(|at| &lines[at])
    }

    /// Whether a text has a word in it that the person watches for.
    pub(super) fn is_watched(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let stands = |word: &String| {
            text.match_indices(word.as_str()).any(|(at, found)| {
                let before = text[..at].chars().next_back().is_some_and(is_word);
                let behind = text[at + found.len()..].chars().next().is_some_and(is_word);
                !before && !behind
            })
        };
        self.watched.iter().any(stands)
    }
}

/// How dice fell, and their sum.
fn sum(faces: &[u32]) -> String {
    let total: u64 = faces.iter().map(|face| u64::from(*face)).sum();
    match faces {
        [] | [_] => total.to_string(),
        faces => format!("{} = {total}", faces.iter().map(u32::to_string).collect::<Vec<_>>().join(" + ")),
    }
}

/// The beginning of a text, in one row.
pub fn quote(text: &str) -> String {
    let mut out: String = text.chars().take(QUOTE).map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    if text.chars().nth(QUOTE).is_some() {
        out.push('…');
    }
    out
}

/// How a throw of dice came out, in words; `name`: of whom it names.
pub fn outcome(said: &Said, name: impl Fn(UserId) -> String) -> Option<String> {
    Some(match (roll::outcome(said)?, &said.kind) {
        (Outcome::Waits(user), _) => t!("dice-wait", name = name(user)),
        (Outcome::Sealed, _) => t!("dice-sealed"),
        (Outcome::Thrown(faces, false), _) => t!("dice-alone", sum = sum(&faces)),
        (Outcome::Thrown(faces, true), Kind::Roll { witness: Some(witness), .. }) => {
            t!("dice-vouched", sum = sum(&faces), name = name(*witness))
        }
        (Outcome::Thrown(faces, true), _) => sum(&faces),
    })
}
