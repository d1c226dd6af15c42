//! One session as a person sees it: its lines in order, what of them is new, and how far one's own have come.
//!
//! Invariant: lines are sorted by [`Order`] and no message stands twice, however often and by whatever way it comes. What
//! is shown follows from the set of messages at hand, not from the order in which they came.

mod calls;
mod filter;
mod line;
mod marks;
mod readers;
mod sight;
mod viewing;

#[cfg(test)]
mod convergence;
#[cfg(test)]
pub(crate) mod tests;

pub use calls::{OPEN_FOR, Standing};
pub use filter::Filter;
pub use line::{Body, Line, Order, Own, Said, Tone, harmless};
pub use marks::{Deed, Fate};
pub use viewing::{InView, Measure};

use crate::{editor::Editor, model::Me};
use calls::Calls;
use chalktalk_client::{Message, chat::Saying};
use chalktalk_ipc::{
    OriginId, Position, SessionId, UserId,
    event::{Member, SessionSummary},
    request::HistoryPoint,
    text,
};
use line::{NOWHERE, deed, is_shown};
use marks::{Mark, Marks};
use readers::Readers;
use sight::Sight;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

/// Lines kept in memory; the daemon has the older ones. At 200 bytes a line this is about a megabyte a conversation.
pub const MAX_LINES: usize = 5000;

/// Reactions and other marks kept in memory; the daemon has the older ones.
pub const MAX_MARKS: usize = 20_000;

/// How many lines are let go at once beyond [`MAX_LINES`] and [`MAX_MARKS`], so that it does not happen for each one.
const SLACK: usize = 500;

/// How far an own message has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// Not yet in the log.
    Sending,
    /// In the log and sent; live sessions store nothing.
    Sent,
    /// On this host's disk.
    Stored,
    /// Held by so many of so many other hosts.
    Held(usize, usize),
    /// Acknowledged by an app of every member present.
    Delivered,
}

/// What `progress` said last.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// In the log up to this number.
    pub appended: u64,
    /// Stored up to this number.
    pub stored: u64,
    /// Held by at least k+1 other hosts up to this number.
    pub held_by: Vec<u64>,
    /// Acknowledged by everybody up to this number.
    pub delivered: u64,
}

/// What is known of the past before the first line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Past {
    /// Nothing: it was not asked for.
    Unasked,
    /// The answer is on its way.
    Asked,
    /// There is more before this point.
    More(HistoryPoint),
    /// The first line is the first there is.
    Complete,
}

/// Where the reader looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Scroll {
    /// The line at the bottom of the view; none: the newest, whatever comes.
    pub bottom: Option<Order>,
    /// How much of that line is below the view, in rows, or in whatever the face draws in.
    pub below: usize,
    /// How much to go up (or down, if negative) at the next drawing.
    pub wanted: i32,
    /// The line that is to stand at the top at the next drawing.
    pub top: Option<Order>,
}

/// A session as a person sees it.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// What it is.
    pub summary: SessionSummary,
    /// Who is in it.
    pub members: Vec<Member>,
    /// Everything said and noticed, oldest first.
    pub lines: Vec<Line>,
    /// Messages that have not been in view.
    pub unread: usize,
    /// Of these, the ones that mention the reader.
    pub mentions: usize,
    /// The first line that was new when it came: a marker is drawn before it.
    pub new_from: Option<Order>,
    /// What is being written.
    pub editor: Editor,
    /// What of it was kept for the next time.
    pub kept: String,
    /// What becomes of it when it is sent.
    pub writing: Writing,
    /// What it is about.
    pub topic: Option<String>,
    /// Which lines are in view; none: all.
    pub filter: Option<Filter>,
    /// Where the reader looks.
    pub scroll: Scroll,
    /// What is known of the past.
    pub past: Past,
    /// Whether everything that was there when it was opened has come.
    pub caught_up: bool,
    marks: Marks,
    readers: Readers,
    sight: Sight,
    calls: Calls,
    /// The clock, when something happened last.
    now: u64,
    /// What of others has been in view, in the latest of each log.
    seen: BTreeMap<(OriginId, u32), (u64, u16)>,
    /// Messages whose marks have changed.
    touched: BTreeSet<Position>,
    progress: Progress,
    /// The own messages that were not taken last, and why.
    refused: Option<(RangeInclusive<u64>, String)>,
    unacked: BTreeMap<(OriginId, u32), (u64, u16)>,
    next_local: u64,
}

/// What becomes of a text when it is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writing {
    /// It is said.
    New,
    /// It answers this message.
    Reply(Position),
    /// It takes the place of this one.
    Edit(Position),
}

/// What a delivered message was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Novelty {
    /// It was shown before.
    Known,
    /// New, and one's own.
    Own,
    /// Somebody has done something to this message.
    Marked(Position, Deed),
    /// New, of somebody else.
    New {
        /// It mentions the reader.
        mention: bool,
    },
}

impl Conversation {
    /// A conversation of which nothing is known but its name.
    pub fn new(summary: SessionSummary, members: Vec<Member>) -> Self {
        Self {
            summary,
            members,
            lines: Vec::new(),
            unread: 0,
            mentions: 0,
            new_from: None,
            editor: Editor::default(),
            kept: String::new(),
            writing: Writing::New,
            topic: None,
            filter: None,
            scroll: Scroll::default(),
            past: Past::Unasked,
            caught_up: false,
            marks: Marks::default(),
            readers: Readers::default(),
            sight: Sight::default(),
            calls: Calls::default(),
            now: 0,
            seen: BTreeMap::new(),
            touched: BTreeSet::new(),
            progress: Progress::default(),
            refused: None,
            unacked: BTreeMap::new(),
            next_local: 1,
        }
    }

    /// Its id.
    pub fn session(&self) -> SessionId {
        self.summary.session
    }

    /// Its title, fit for display.
    pub fn title(&self) -> String {
        let title = text::label(&self.summary.title);
        if title.is_empty() { self.summary.session.to_string() } else { title }
    }

    /// Takes a message that was delivered; `mine`: this process published it.
    pub fn on_delivered(&mut self, message: &Message, me: UserId, mine: bool) -> Novelty {
        let p = message.position;
        let unacked = self.unacked.entry((p.origin, p.epoch)).or_default();
        *unacked = (*unacked).max((p.seq, p.index));
        if message.author.user == me {
            self.readers.on_own(p.origin);
        } else {
            self.readers.on_typing(message.author.user, String::new(), 0);
        }
        let saying = Saying::read(&message.payload);
        if !is_shown(&saying) {
            return Novelty::Known;
        }
        if let Some((target, deed)) = deed(&saying) {
            let new = self.mark(message, target, deed.clone());
            return if new { Novelty::Marked(target, deed) } else { Novelty::Known };
        }
        let order = Order::of(message);
        let place = |lines: &[Line]| lines.binary_search_by_key(&order, |line| line.order);
        if place(&self.lines).is_ok_and(|at| self.lines[at].delivered) {
            return Novelty::Known;
        }
        let own = if mine { self.take_pending(&message.payload) } else { None };
        match place(&self.lines) {
            // It came with the past before.
            Ok(at) => {
                self.lines[at].delivered = true;
                self.lines[at].said_mut().into_iter().for_each(|said| said.own = own.clone());
            }
            Err(_) => {
                let mut said = Said::new(message, saying, me);
                said.own = own;
                let body = Body::Said(said.into());
                self.insert(Line { order, time: message.time, body, delivered: true });
                self.let_go();
            }
        }
        match message.author.user == me {
            true => Novelty::Own,
            false => Novelty::New { mention: message.mentions_you },
        }
    }

    /// Takes older messages, and what comes before them.
    pub fn on_past(&mut self, messages: &[Message], before: Option<HistoryPoint>, me: UserId) {
        for message in messages {
            let saying = Saying::read(&message.payload);
            if let Some((target, deed)) = deed(&saying) {
                self.mark(message, target, deed);
                continue;
            }
            if !is_shown(&saying) {
                continue;
            }
            let body = Body::Said(Said::new(message, saying, me).into());
            self.insert(Line { order: Order::of(message), time: message.time, body, delivered: false });
        }
        self.past = before.map_or(Past::Complete, Past::More);
    }

    /// Shows something that is about to be published, and returns its local number.
    pub fn say(&mut self, me: &Me, saying: Saying, payload: &[u8], now: u64) -> u64 {
        let order = self.local_order();
        let mut said = Said::by(me.user, me.name.clone(), saying);
        said.host = me.host.clone();
        said.own = Some(Own { local: order.local, payload: payload.to_vec(), ..Own::default() });
        self.lines.push(Line { order, time: now, body: Body::Said(said.into()), delivered: true });
        self.new_from = None;
        self.scroll = Scroll::default();
        order.local
    }

    /// A number for something that is published and is no line, as [`Conversation::say`] gives one.
    pub fn number_without_line(&mut self) -> u64 {
        self.local_order().local
    }

    /// The line of a message, if it is at hand.
    pub fn line(&self, position: Position) -> Option<&Line> {
        self.lines.iter().rev().find(|line| line.order.position() == Some(position))
    }

    /// What somebody is called.
    pub fn name_of(&self, user: UserId) -> String {
        let member =
            self.members.iter().find(|member| member.user == user).map(|member| text::label(&member.name));
        let said = || self.lines.iter().rev().filter_map(Line::said).find(|said| said.user == user);
        let name = member.or_else(|| said().map(|said| said.name.clone()));
        name.unwrap_or_else(|| user.to_string().chars().take(8).collect())
    }

    /// This message has a word in it that the reader watches for.
    pub fn note_mention(&mut self, position: Position) {
        let line = self.lines.iter_mut().rev().find(|line| line.order.position() == Some(position));
        if let Some(said) = line.and_then(Line::said_mut) {
            said.mentions_me = true;
        }
    }

    /// Takes what was done to messages, and nothing else, of messages from further back than the lines go.
    pub fn take_marks(&mut self, messages: &[Message]) {
        for message in messages {
            if let Some((target, deed)) = deed(&Saying::read(&message.payload)) {
                self.mark(message, target, deed);
            }
        }
    }

    /// What has become of a message of this author, as far as it is known.
    pub fn fate_of(&self, position: Position, author: UserId) -> Fate {
        self.marks.fate(position, author)
    }

    /// Lets lines show what has become of them by now.
    pub fn settle(&mut self, now: u64) {
        self.now = now;
        let touched = std::mem::take(&mut self.touched);
        if touched.is_empty() {
            return;
        }
        for line in &mut self.lines {
            if let (Some(position), Body::Said(said)) = (line.order.position(), &mut line.body)
                && touched.contains(&position)
            {
                said.settle(self.marks.fate(position, said.user));
            }
        }
    }

    /// Shows a line of the chat's own.
    pub fn notice(&mut self, tone: Tone, text: &str, now: u64) {
        let order = self.local_order();
        self.lines.push(Line {
            order,
            time: now,
            body: Body::Notice(tone, text::printable(text)),
            delivered: true,
        });
    }

    /// An own message was published under this number, or was not.
    /// False: it is no line, and the reason is to be told otherwise.
    pub fn on_published(&mut self, local: u64, result: &Result<u64, String>) -> bool {
        let refused = self.refused.clone();
        let Some(own) = self.own_lines().find(|own| own.local == local) else { return result.is_ok() };
        match result {
            Ok(number) => {
                own.number = Some(*number);
                if let Some((_, reason)) = refused.filter(|(numbers, _)| numbers.contains(number)) {
                    own.refuse(&reason);
                }
            }
            Err(reason) => own.failures.push(text::printable(reason)),
        }
        true
    }

    /// Own messages with these numbers were not taken.
    pub fn on_refused(&mut self, numbers: RangeInclusive<u64>, reason: &str) {
        for own in self.own_lines() {
            if own.number.is_some_and(|number| numbers.contains(&number)) {
                own.refuse(reason);
            }
        }
        // Their numbers may not have come back from publishing yet.
        self.refused = Some((numbers, reason.to_owned()));
    }

    /// An own message could not be handed over somewhere.
    pub fn on_failed(&mut self, number: u64, reason: String) -> bool {
        let Some(own) = self.own_lines().find(|own| own.number == Some(number)) else { return false };
        if !own.failures.contains(&reason) {
            own.failures.push(reason);
        }
        true
    }

    /// Own messages have come this far.
    pub fn on_progress(&mut self, progress: Progress) {
        self.progress = progress;
    }

    /// How far an own message has come.
    pub fn delivery(&self, own: &Own) -> Delivery {
        let Some(number) = own.number else { return Delivery::Sending };
        let p = &self.progress;
        let held = p.held_by.iter().take_while(|held| **held >= number).count();
        match () {
            () if p.delivered >= number && held > 0 => Delivery::Delivered,
            () if held > 0 => Delivery::Held(held, p.held_by.len()),
            () if p.stored >= number => Delivery::Stored,
            () if p.appended >= number => Delivery::Sent,
            () => Delivery::Sending,
        }
    }

    /// Own messages that are not in the log yet.
    pub fn on_its_way(&self) -> usize {
        let own = self.lines.iter().filter_map(|line| line.said()?.own.as_ref());
        own.filter(|own| own.failures.is_empty() && self.delivery(own) == Delivery::Sending).count()
    }

    /// What has come and not been acknowledged, once it has been in view.
    pub fn take_unacked(&mut self) -> Vec<Position> {
        let unacked = std::mem::take(&mut self.unacked);
        unacked.into_iter().map(position).collect()
    }

    /// These have been in view; which of them are news of others.
    pub fn note_seen(&mut self, positions: &[Position]) -> Vec<Position> {
        let others = positions.iter().filter(|p| !self.readers.is_own(p.origin));
        let news: Vec<Position> = others.copied().collect();
        self.seen.extend(news.iter().map(|p| ((p.origin, p.epoch), (p.seq, p.index))));
        news
    }

    /// Up to where others' logs have been in view.
    pub fn seen(&self) -> Vec<Position> {
        self.seen.iter().map(|(log, at)| position((*log, *at))).collect()
    }

    /// Somebody says that they have read up to here.
    pub fn on_read(&mut self, user: UserId, at: Position) {
        self.readers.on_read(user, at);
    }

    /// Who says that they have read an own message.
    pub fn readers(&self, at: Position) -> BTreeSet<UserId> {
        self.readers.of(at).collect()
    }

    /// Somebody is typing until then, unless they say so again; 0: no more.
    pub fn on_typing(&mut self, user: UserId, name: String, until: u64) {
        self.readers.on_typing(user, name, until);
    }

    /// Names of those who are typing.
    pub fn typing(&self) -> Vec<&str> {
        self.readers.names()
    }

    /// When the first of them is taken to have stopped.
    pub fn typing_until(&self) -> Option<u64> {
        self.readers.next()
    }

    /// Forgets who has stopped typing by now.
    pub fn settle_typing(&mut self, now: u64) {
        self.readers.settle(now);
    }

    /// Everything there is has been in view.
    pub fn mark_read(&mut self) {
        self.unread = 0;
        self.mentions = 0;
    }

    /// Something new came that is not in view.
    pub fn count_new(&mut self, order: Order, mention: bool) {
        self.unread += 1;
        self.mentions += usize::from(mention);
        self.mark_new(order);
    }

    /// Something came that the reader has not seen before.
    pub fn mark_new(&mut self, order: Order) {
        self.new_from = Some(self.new_from.map_or(order, |first| first.min(order)));
    }

    /// Empties the view. Nothing is deleted; what is older can be scrolled to.
    pub fn clear(&mut self) {
        let on_its_way = |line: &Line| {
            line.said().and_then(|said| said.own.as_ref()).is_some_and(|own| own.number.is_none())
        };
        let newest = self.lines.iter().rev().map(|line| line.order).find(|order| order.local == 0);
        if let Some(order) = newest {
            self.past =
                Past::More(HistoryPoint { stamp: order.stamp.saturating_add(1), position: order.position });
        }
        self.lines.retain(on_its_way);
        self.new_from = None;
        self.scroll = Scroll::default();
    }

    fn local_order(&mut self) -> Order {
        let local = self.next_local;
        self.next_local += 1;
        Order { stamp: self.lines.last().map_or(0, |line| line.order.stamp), local, position: NOWHERE }
    }

    fn insert(&mut self, line: Line) {
        if let Err(at) = self.lines.binary_search_by_key(&line.order, |line| line.order) {
            self.touched.extend(line.order.position());
            self.calls.note(&line);
            self.lines.insert(at, line);
        }
    }

    fn mark(&mut self, message: &Message, target: Position, deed: Deed) -> bool {
        let deed = match deed {
            Deed::Edit(text) => Deed::Edit(harmless(&text)),
            other => other,
        };
        let new = self.marks.add(target, Mark { order: Order::of(message), user: message.author.user, deed });
        self.touched.insert(target);
        if self.marks.count() > MAX_MARKS + SLACK
            && let Some(first) = self.marks.start_of_newest(MAX_MARKS)
        {
            self.forget_before(first);
        }
        new
    }

    fn own_lines(&mut self) -> impl Iterator<Item = &mut Own> {
        self.lines.iter_mut().rev().filter_map(|line| line.said_mut()?.own.as_mut())
    }

    /// The oldest own message of this payload that has not come back yet leaves its provisional place.
    fn take_pending(&mut self, payload: &[u8]) -> Option<Own> {
        let provisional = |line: &Line| {
            let own = line.said().and_then(|said| said.own.as_ref());
            line.order.local > 0 && own.is_some_and(|own| !own.refused && own.payload == payload)
        };
        let at = self.lines.iter().position(provisional)?;
        match self.lines.remove(at).body {
            Body::Said(said) => said.own.map(|own| Own { payload: Vec::new(), ..own }),
            Body::Notice(..) => None,
        }
    }

    /// Lets the oldest lines go when there are too many and nobody looks at them.
    fn let_go(&mut self) {
        if self.lines.len() <= MAX_LINES + SLACK || self.scroll.bottom.is_some() {
            return;
        }
        let kept = &self.lines[self.lines.len() - MAX_LINES..];
        if let Some(first) = kept.iter().map(|line| line.order).find(|order| order.local == 0) {
            self.forget_before(first);
        }
    }

    /// Everything before this message can be asked for again.
    fn forget_before(&mut self, first: Order) {
        self.lines.drain(..self.lines.partition_point(|line| line.order < first));
        self.marks.forget_before(first);
        self.past = Past::More(HistoryPoint { stamp: first.stamp, position: first.position });
    }
}

fn position(((origin, epoch), (seq, index)): ((OriginId, u32), (u64, u16))) -> Position {
    Position { origin, epoch, seq, index }
}
