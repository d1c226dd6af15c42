//! Who may draw: what a board's moderators have said of it, and which messages count by that (`docs/adr/0026`, `docs/board.md`).
//!
//! A statement is a message like any other, and names how far its author has read every log that it is about: the *cut*. What takes a
//! right away holds for everything behind the cut, whatever stamp it carries, so that nobody writes themselves back into the past. What
//! gives a right holds for what was written by somebody who knew of it: behind the cut, and with a greater stamp in the log. Statements are
//! read in the order of the log's stamps.
//!
//! Invariant: a verdict follows from the statements, the message's place and its stamp, and from nothing else: not from what came first.

use super::{
    Author,
    property::Flaw,
    wire::{Reader, put_bytes, put_varint},
};
use std::collections::{BTreeMap, BTreeSet};

/// The first byte of a statement.
pub(crate) const ROLES: u8 = 2;

/// Logs that one statement may name: more than a board has, and 24 KiB.
const MAX_CUT: usize = 1_000;

/// Statements that are taken from one log: more than a life of a program has use for; who writes more fills nobody's memory.
const MAX_STATEMENTS: usize = 1_000;

/// One log: its origin, and its epoch.
pub type Log = ([u8; 16], u32);

/// How far in a log: entry, and message in it.
pub type Place = (u64, u16);

/// Where a message comes from. The daemon vouches for all of it but the stamp, which is its author's daemon's word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Source {
    /// The log's stamp.
    pub stamp: u64,
    /// The log it stands in.
    pub log: Log,
    /// Where in it.
    pub place: Place,
    /// Whose log that is.
    pub author: Author,
}

/// What somebody may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// See everything, point and show.
    Views,
    /// Draw as well.
    Draws,
    /// Say who may do what as well.
    Moderates,
}

/// What a moderator says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setting {
    /// What all may do of whom nothing else is said: draw, or view.
    Everybody(Role),
    /// What one person may do; none: what everybody may.
    Person(Author, Option<Role>),
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It counts.
    Counts,
    /// It does not.
    Void,
    /// It was a statement. True: the board may hold what does not count now, or lack what does, and has to be made anew from its log.
    Said(bool),
}

/// A statement, as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Statement {
    setting: Setting,
    cut: BTreeMap<Log, Place>,
    /// Its author was a moderator.
    counts: bool,
}

/// How far a log has been read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Read {
    author: Author,
    /// The least stamp in it.
    since: u64,
    last: Place,
    /// The last message that was no statement.
    drawn: Option<Place>,
    /// Statements in it.
    said: usize,
}

/// Who may do what on a board, as far as its logs have been read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Roles {
    creator: Option<Author>,
    said: BTreeMap<Source, Statement>,
    read: BTreeMap<Log, Read>,
}

impl Roles {
    /// Of a board that nobody has said anything of. Without a creator there are no roles, and everybody draws.
    pub fn new(creator: Option<Author>) -> Self {
        Self { creator, ..Self::default() }
    }

    /// Who made the board, and moderates it always. None: it is everybody's.
    pub fn creator(&self) -> Option<Author> {
        self.creator
    }

    /// Takes in a message, and says whether it counts.
    pub fn hear(&mut self, source: &Source, message: &[u8]) -> Verdict {
        let statement = message.first() == Some(&ROLES);
        let read = self.read.entry(source.log).or_insert(Read {
            author: source.author,
            since: source.stamp,
            last: source.place,
            drawn: None,
            said: 0,
        });
        (read.last, read.since) = (read.last.max(source.place), read.since.min(source.stamp));
        if !statement {
            read.drawn = read.drawn.max(Some(source.place));
            return if self.role_at(source) == Role::Views { Verdict::Void } else { Verdict::Counts };
        }
        match read_statement(message) {
            Ok(_) if self.said.contains_key(source) => Verdict::Said(false),
            Ok((setting, cut)) if self.creator.is_some() && read.said < MAX_STATEMENTS => {
                read.said += 1;
                self.said.insert(*source, Statement { setting, cut, counts: false });
                // What somebody says who never was a moderator changes nothing, also not how long deciding takes.
                Verdict::Said(self.may_matter(source.author) && self.judge())
            }
            _ => Verdict::Void,
        }
    }

    /// What somebody may do from now on.
    pub fn role(&self, author: Author) -> Role {
        self.role_at(&next(author))
    }

    /// What was said of one person, moderators included; none: they may what everybody may.
    pub fn setting(&self, author: Author) -> Option<Role> {
        let moderates = (self.role(author) == Role::Moderates).then_some(Role::Moderates);
        moderates.or(self.settings(&next(author)).1)
    }

    /// What all may do of whom nothing else is said.
    pub fn everybody(&self) -> Role {
        // Nobody has this key: it is no point of the curve.
        self.settings(&next([0xff; 32])).0
    }

    /// Everybody of whom something is said that holds now, with what it is; the creator first.
    pub fn people(&self) -> Vec<(Author, Role)> {
        let named = self.said.values().filter_map(|said| match said.setting {
            Setting::Person(who, _) => Some(who),
            Setting::Everybody(_) => None,
        });
        let named: BTreeSet<Author> = named.filter(|who| Some(*who) != self.creator).collect();
        let mut people: Vec<(Author, Role)> =
            self.creator.map(|who| (who, Role::Moderates)).into_iter().collect();
        people.extend(named.into_iter().filter_map(|who| Some((who, self.setting(who)?))));
        people
    }

    /// Everybody who has written on the board, whoever was first first.
    pub fn authors(&self) -> Vec<Author> {
        let mut first = BTreeMap::<Author, u64>::new();
        for read in self.read.values() {
            first
                .entry(read.author)
                .and_modify(|since| *since = read.since.min(*since))
                .or_insert(read.since);
        }
        let mut authors: Vec<(u64, Author)> =
            first.into_iter().map(|(author, since)| (since, author)).collect();
        authors.sort_unstable();
        authors.into_iter().map(|(_, author)| author).collect()
    }

    /// Whether somebody may say this: moderators may, but only the creator takes it from a moderator, who may lay it down.
    pub fn may_say(&self, author: Author, setting: Setting) -> bool {
        let laid_down =
            |who: Author| self.role(who) != Role::Moderates || who == author || self.creator == Some(author);
        self.role(author) == Role::Moderates
            && match setting {
                Setting::Everybody(role) => role != Role::Moderates,
                Setting::Person(who, _) if self.creator == Some(who) => false,
                Setting::Person(who, role) => role == Some(Role::Moderates) || laid_down(who),
            }
    }

    /// A statement, to be published.
    pub fn statement(&self, setting: Setting) -> Vec<u8> {
        let about = |read: &Read| match setting {
            Setting::Everybody(_) => true,
            Setting::Person(who, _) => read.author == who,
        };
        let logs = self.read.iter().filter(|(_, read)| about(read));
        // There is room for more logs than a board has. What stands in one that is left out counts as not read.
        write_statement(setting, logs.take(MAX_CUT).map(|(log, read)| (*log, read.last)))
    }

    /// What a snapshot says of a board without roles: who has written how far.
    pub(crate) fn join(&mut self, other: &Self) {
        for (log, there) in &other.read {
            let read = self.read.entry(*log).or_insert(*there);
            (read.since, read.last) = (read.since.min(there.since), read.last.max(there.last));
            read.drawn = read.drawn.max(there.drawn);
        }
    }

    /// All of it, for a copy on the disk.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.read.len() as u64);
        for (log, read) in &self.read {
            out.extend(read.author);
            put_log(&mut out, *log, read.last);
            put_varint(&mut out, read.since);
            let (seq, index) = read.drawn.unwrap_or_default();
            put_varint(&mut out, seq);
            put_varint(&mut out, index.into());
        }
        for (source, said) in &self.said {
            put_varint(&mut out, source.stamp);
            out.extend(source.author);
            put_log(&mut out, source.log, source.place);
            let rest = write_statement(said.setting, said.cut.iter().map(|(log, place)| (*log, *place)));
            put_bytes(&mut out, &rest);
        }
        out
    }

    /// Reads what [`Roles::write`] wrote, of the board that this person made.
    pub(crate) fn read(bytes: &[u8], creator: Option<Author>) -> Result<Self, Flaw> {
        let mut roles = Self::new(creator);
        let mut reader = Reader::new(bytes);
        for _ in 0..reader.varint()? {
            let author = reader.array()?;
            let (log, last) = read_log(&mut reader)?;
            let since = reader.varint()?;
            let drawn = (reader.varint()?, read_index(&mut reader)?);
            // Entries are counted from 1.
            let drawn = Some(drawn).filter(|drawn| drawn.0 > 0);
            roles.read.insert(log, Read { author, since, last, drawn, said: 0 });
        }
        while !reader.is_empty() {
            let stamp = reader.varint()?;
            let author = reader.array()?;
            let (log, place) = read_log(&mut reader)?;
            let (setting, cut) = read_statement(reader.bytes()?)?;
            roles
                .said
                .insert(Source { stamp, log, place, author }, Statement { setting, cut, counts: false });
            roles.read.entry(log).and_modify(|read| read.said += 1);
        }
        roles.judge();
        Ok(roles)
    }

    fn may_matter(&self, author: Author) -> bool {
        let names = Setting::Person(author, Some(Role::Moderates));
        self.creator == Some(author) || self.said.values().any(|said| said.setting == names)
    }

    /// Decides which statements count; true if that makes the verdict on something that was read another one.
    fn judge(&mut self) -> bool {
        let mut changed = Vec::new();
        // Whether somebody is a moderator rests on names with lesser stamps alone, which are decided before.
        let order: Vec<Source> = self.said.keys().copied().collect();
        for source in order {
            let counts = self.moderates(&source);
            if let Some(said) = self.said.get_mut(&source).filter(|said| said.counts != counts) {
                said.counts = counts;
                changed.push(source);
            }
        }
        changed.iter().filter_map(|source| self.said.get(source)).any(|said| {
            let about = |read: &Read| match said.setting {
                Setting::Everybody(_) => Some(read.author) != self.creator,
                Setting::Person(who, _) => read.author == who,
            };
            let read = self.read.iter().filter(|(_, read)| about(read));
            read.into_iter()
                .any(|(log, read)| read.drawn.is_some_and(|drawn| is_behind(&said.cut, log, drawn)))
        })
    }

    /// Whether the author of a message was a moderator when writing it.
    fn moderates(&self, source: &Source) -> bool {
        let mut is = self.creator == Some(source.author);
        if is || self.creator.is_none() {
            return is;
        }
        for (from, said) in self.said.iter().filter(|(from, _)| *from != source) {
            match said.setting {
                Setting::Person(who, _) if who != source.author => {}
                Setting::Everybody(_) => {}
                Setting::Person(_, Some(Role::Moderates)) => is |= said.counts && source.stamp > from.stamp,
                // Only the creator takes it away, and whoever is one lays it down: of these it is plain that they may.
                Setting::Person(who, _) => {
                    let may = Some(from.author) == self.creator || from.author == who;
                    is &= !(may && is_behind(&said.cut, &source.log, source.place));
                }
            }
        }
        is
    }

    fn role_at(&self, source: &Source) -> Role {
        if self.creator.is_none() {
            return Role::Draws;
        }
        if self.moderates(source) {
            return Role::Moderates;
        }
        let (everybody, own) = self.settings(source);
        own.unwrap_or(everybody)
    }

    /// What everybody may do who wrote at that place and time, and what is said of this author alone.
    fn settings(&self, source: &Source) -> (Role, Option<Role>) {
        let mut now = (Role::Draws, None);
        for (from, said) in self.said.iter().filter(|(_, said)| said.counts) {
            let then = match said.setting {
                Setting::Everybody(role) => (role, now.1),
                Setting::Person(_, Some(Role::Moderates)) => continue,
                Setting::Person(who, role) if who == source.author => (now.0, role),
                Setting::Person(..) => continue,
            };
            let gives = then.1.unwrap_or(then.0) > now.1.unwrap_or(now.0);
            if is_behind(&said.cut, &source.log, source.place) && (!gives || source.stamp > from.stamp) {
                now = then;
            }
        }
        now
    }
}

/// What somebody writes next: behind every cut, and after every stamp.
fn next(author: Author) -> Source {
    Source { stamp: u64::MAX, log: ([0xff; 16], u32::MAX), place: (u64::MAX, u16::MAX), author }
}

fn is_behind(cut: &BTreeMap<Log, Place>, log: &Log, place: Place) -> bool {
    cut.get(log).is_none_or(|last| place > *last)
}

const EVERYBODY: u8 = 0;
const PERSON: u8 = 1;

fn role_byte(role: Option<Role>) -> u8 {
    match role {
        Some(Role::Views) => 0,
        Some(Role::Draws) => 1,
        Some(Role::Moderates) => 2,
        None => 3,
    }
}

fn put_log(out: &mut Vec<u8>, (origin, epoch): Log, (seq, index): Place) {
    out.extend(origin);
    put_varint(out, epoch.into());
    put_varint(out, seq);
    put_varint(out, index.into());
}

fn read_log(reader: &mut Reader<'_>) -> Result<(Log, Place), Flaw> {
    let origin = reader.array()?;
    let epoch = u32::try_from(reader.varint()?).map_err(|_| Flaw::Broken)?;
    Ok(((origin, epoch), (reader.varint()?, read_index(reader)?)))
}

fn read_index(reader: &mut Reader<'_>) -> Result<u16, Flaw> {
    u16::try_from(reader.varint()?).map_err(|_| Flaw::Broken)
}

fn write_statement(setting: Setting, cut: impl Iterator<Item = (Log, Place)>) -> Vec<u8> {
    let mut out = vec![ROLES];
    match setting {
        Setting::Everybody(role) => out.extend([EVERYBODY, role_byte(Some(role))]),
        Setting::Person(who, role) => {
            out.push(PERSON);
            out.extend(who);
            out.push(role_byte(role));
        }
    }
    let cut: Vec<(Log, Place)> = cut.collect();
    put_varint(&mut out, cut.len() as u64);
    for (log, place) in cut {
        put_log(&mut out, log, place);
    }
    out
}

fn read_statement(message: &[u8]) -> Result<(Setting, BTreeMap<Log, Place>), Flaw> {
    let mut reader = Reader::new(message);
    if reader.byte()? != ROLES {
        return Err(Flaw::Broken);
    }
    let what = reader.byte()?;
    let who = if what == PERSON { reader.array()? } else { [0; 32] };
    let setting = match (what, reader.byte()?) {
        (EVERYBODY, 0) => Setting::Everybody(Role::Views),
        (EVERYBODY, 1) => Setting::Everybody(Role::Draws),
        (PERSON, 0) => Setting::Person(who, Some(Role::Views)),
        (PERSON, 1) => Setting::Person(who, Some(Role::Draws)),
        (PERSON, 2) => Setting::Person(who, Some(Role::Moderates)),
        (PERSON, 3) => Setting::Person(who, None),
        (EVERYBODY | PERSON, _) => return Err(Flaw::OutOfBounds("role")),
        (newer, _) => return Err(Flaw::Newer(newer)),
    };
    let count = reader.varint()?;
    if count > MAX_CUT as u64 {
        return Err(Flaw::Broken);
    }
    let cut = (0..count).map(|_| read_log(&mut reader)).collect::<Result<_, _>>()?;
    Ok((setting, cut))
}

#[cfg(test)]
mod tests;
