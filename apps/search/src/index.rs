//! The view itself: a file of SQLite with one row for each message and the words of its text.
//!
//! A row's number is its author's time, so that the newest comes first and a range of days is a range of rows, both without
//! sorting. Filters are words too, in a column of their own (`marks`): FTS5 intersects them with the words looked for.
//!
//! What goes is wiped out of the file (SQLite's `secure_delete`, and FTS5's option of that name): no word of it is left there.
//!
//! Invariant: messages and the position behind them are written in one transaction, and a message stands once however often it
//! is taken: two programs may fill the view at the same time.

use crate::{
    query::{Has, Query, Word},
    words::{TOKENIZER, folded, has_word, spaced},
};
use chalktalk_client::{
    Message,
    chat::{Kind, Saying},
    files::Offer,
};
use chalktalk_ipc::{OriginId, Position, SessionId, UserId, event::LogBegin, socket::UserDirs, text};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, params};
use std::{
    fs,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};

/// What the file looks like, and how texts are cut into words. Another version's file is made anew.
const VERSION: i64 = 2;

/// Wiping the words of one message out takes as long as putting in those of so many.
const WIPING: u64 = 8;

/// How long another program may hold the file.
const BUSY: Duration = Duration::from_secs(10);

/// Messages of one author's millisecond that have rows in it; for more there is no order.
const ROWS_PER_MS: i64 = 1024;

/// The latest moment that is told apart, ms since 1970: in some 140,000 years.
const LATEST: i64 = 1 << 52;

/// Why the view cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// SQLite says so.
    #[error("the search index cannot be used: {0}; it is only a view, so that deleting it loses nothing")]
    Database(#[from] rusqlite::Error),
    /// The file or its folder cannot be made.
    #[error("the search index cannot be made: {0}")]
    File(#[from] std::io::Error),
}

/// A message that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hit {
    /// Where it was said.
    pub session: SessionId,
    /// The title of that conversation when it was last seen.
    pub title: String,
    /// Where it stands in its author's log.
    pub position: Position,
    /// Who said it.
    pub user: UserId,
    /// Their name then.
    pub name: String,
    /// Its place in the order of the conversation.
    pub stamp: u64,
    /// The author's clock, ms since 1970.
    pub time: u64,
    /// What it is about.
    pub topic: Option<String>,
    /// Its text as a chat shows it now.
    pub text: String,
}

/// The view.
#[derive(Debug)]
pub struct Index {
    db: Connection,
    /// Whether what has gone may still stand in SQLite's log beside the file.
    unsettled: bool,
}

impl Index {
    /// Opens the user's own: `$XDG_STATE_HOME/chalktalk/chat/search.sqlite`.
    ///
    /// # Errors
    /// As [`Index::open`]; also without a home.
    pub fn of_user() -> Result<Self, IndexError> {
        Self::open(&UserDirs::from_env()?.state.join("chat/search.sqlite"))
    }

    /// Opens the file, or makes it: also when it is of another version or damaged. It is for its user alone (0600).
    ///
    /// # Errors
    /// Why it can neither be used nor made anew.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        match Self::try_open(path) {
            Ok(Some(index)) => Ok(index),
            Ok(None) => Self::anew(path),
            Err(IndexError::Database(error)) if is_damage(&error) => Self::anew(path),
            Err(error) => Err(error),
        }
    }

    fn anew(path: &Path) -> Result<Self, IndexError> {
        for end in ["", "-wal", "-shm"] {
            let mut file = path.as_os_str().to_owned();
            file.push(end);
            fs::remove_file(&file)
                .or_else(|e| if e.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(e) })?;
        }
        let made = Self::try_open(path)?;
        Ok(made.expect("a new file is of this version"))
    }

    /// Nothing if the file is of another version.
    fn try_open(path: &Path) -> Result<Option<Self>, IndexError> {
        fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
        let mut db = Connection::open(path)?;
        db.busy_timeout(BUSY)?;
        db.pragma_update(None, "journal_mode", "wal")?;
        db.pragma_update(None, "synchronous", "normal")?;
        db.pragma_update(None, "secure_delete", true)?;
        let change = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let version: i64 = change.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version == 0 {
            change.execute_batch(&schema())?;
            change.pragma_update(None, "user_version", VERSION)?;
        }
        change.commit()?;
        Ok(matches!(version, 0 | VERSION).then_some(Self { db, unsettled: false }))
    }

    /// Up to where a session has been taken.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn positions(&self, session: SessionId) -> Result<Vec<Position>, IndexError> {
        let mut asked =
            self.db.prepare_cached("SELECT origin, epoch, seq, idx FROM position WHERE session = ?1")?;
        let rows = asked.query_map([session.0], |row| {
            Ok(Position {
                origin: OriginId(row.get(0)?),
                epoch: row.get(1)?,
                seq: row.get::<_, i64>(2)? as u64,
                index: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Notes what a conversation is called.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn name_place(&mut self, session: SessionId, title: &str) -> Result<(), IndexError> {
        self.db
            .prepare_cached("INSERT OR REPLACE INTO place(session, title, folded) VALUES (?1, ?2, ?3)")?
            .execute(params![session.0, text::label(title), folded(&text::label(title))])?;
        Ok(())
    }

    /// Takes messages of one session, in the order in which the daemon delivers them.
    ///
    /// # Errors
    /// What SQLite says; then none of them was taken.
    pub fn take<'a>(&mut self, messages: impl IntoIterator<Item = &'a Message>) -> Result<(), IndexError> {
        let change = self.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for message in messages.into_iter().filter(|message| !message.flags.volatile) {
            self.unsettled |= take_one(&change, message)?;
        }
        change.commit()?;
        Ok(())
    }

    /// Lets go of what a session's logs do not hold any more.
    ///
    /// # Errors
    /// What SQLite says; then nothing went.
    pub fn begin_at(&mut self, session: SessionId, begins: &[LogBegin]) -> Result<(), IndexError> {
        let change = self.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut going = Vec::new();
        for LogBegin { origin, epoch, first } in begins {
            let first = i64::try_from(*first).unwrap_or(i64::MAX);
            going.extend(ids(
                &change,
                "SELECT id FROM message WHERE session = ?1 AND origin = ?2 AND epoch = ?3 AND seq < ?4",
                params![session.0, origin.0, epoch, first],
            )?);
            // Edits that wait for a message that is gone, and those that are gone themselves.
            let slot = slot(*origin, *epoch, first as u64);
            self.unsettled |= 0
                < change
                    .prepare_cached(
                        "DELETE FROM waiting WHERE session = ?1 AND (origin = ?2 AND epoch = ?3 AND seq < ?4
                         OR substr(place, 9, 20) = substr(?5, 1, 20) AND substr(place, 29, 8) < substr(?5, 21))",
                    )?
                    .execute(params![session.0, origin.0, epoch, first, slot])?;
        }
        self.unsettled |= !going.is_empty();
        let_go(&change, &going)?;
        change.commit()?;
        Ok(())
    }

    /// Lets go of a session that the user has left. Who comes back has it taken anew.
    ///
    /// # Errors
    /// What SQLite says; then nothing went.
    pub fn leave(&mut self, session: SessionId) -> Result<(), IndexError> {
        let change = self.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let going = ids(&change, "SELECT id FROM message WHERE session = ?1", [session.0])?;
        let_go(&change, &going)?;
        for table in ["waiting", "position", "place"] {
            let gone = change.execute(&format!("DELETE FROM {table} WHERE session = ?1"), [session.0])?;
            self.unsettled |= gone > 0;
        }
        change.commit()?;
        Ok(())
    }

    /// Sees to it that what has gone stands nowhere any more. While another program reads, it stands in SQLite's log until that
    /// is done.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn settle(&mut self) -> Result<(), IndexError> {
        if std::mem::take(&mut self.unsettled) {
            self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
        Ok(())
    }

    /// The newest messages that a query finds, newest first, at most so many.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn find(&self, query: &Query, me: UserId, limit: usize) -> Result<Vec<Hit>, IndexError> {
        let Some(expression) = self.expression(query, me)? else { return Ok(Vec::new()) };
        let row_of = |time: i64| time.clamp(0, LATEST) * ROWS_PER_MS;
        let first = query.after.map_or(0, row_of);
        let last = query.before.map_or(i64::MAX, |before| row_of(before) - 1);
        let source = if expression.is_empty() {
            "message AS m"
        } else {
            "words JOIN message AS m ON m.id = words.rowid"
        };
        let (id, matches) =
            if expression.is_empty() { ("m.id", "?1 = ''") } else { ("words.rowid", "words MATCH ?1") };
        let mut asked = self.db.prepare_cached(&format!(
            "SELECT m.session, m.origin, m.epoch, m.seq, m.idx, m.user, m.name, m.stamp, m.time, m.topic, m.text, p.title
             FROM {source} LEFT JOIN place AS p ON p.session = m.session
             WHERE {matches} AND {id} BETWEEN ?2 AND ?3 AND m.gone = 0 ORDER BY {id} DESC LIMIT ?4"
        ))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = asked.query_map(params![expression, first, last, limit], hit)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many messages are in it.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn len(&self) -> Result<u64, IndexError> {
        Ok(self.db.query_row("SELECT count(*) FROM message", [], |row| row.get::<_, i64>(0))? as u64)
    }

    /// Whether nothing is in it.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn is_empty(&self) -> Result<bool, IndexError> {
        Ok(self.len()? == 0)
    }

    /// What FTS5 is asked; `None`: nobody and no place is called like that, so nothing is found.
    fn expression(&self, query: &Query, me: UserId) -> Result<Option<String>, IndexError> {
        let mut all: Vec<String> =
            query.words.iter().map(|word| format!("body : {}", phrase(word))).collect();
        all.extend(query.topic.iter().map(|word| format!("topic : {}", phrase(word))));
        all.extend(query.has.iter().map(|has| format!("marks : {}", has.name())));
        if !query.from.is_empty() {
            let mut people = Vec::new();
            for name in &query.from {
                people.extend(if name == "me" { vec![me] } else { self.people(name)? });
            }
            let people: Vec<String> = people.into_iter().map(user_mark).collect();
            if people.is_empty() {
                return Ok(None);
            }
            all.push(format!("marks : ({})", people.join(" OR ")));
        }
        if !query.places.is_empty() {
            let mut places = Vec::new();
            for title in &query.places {
                places.extend(self.places(title)?.into_iter().map(place_mark));
            }
            if places.is_empty() {
                return Ok(None);
            }
            all.push(format!("marks : ({})", places.join(" OR ")));
        }
        if all.is_empty() && !query.without.is_empty() {
            all.push(format!("marks : {EVERY}"));
        }
        let mut expression = all.join(" AND ");
        for word in &query.without {
            expression = format!("({expression}) NOT (body : {})", phrase(word));
        }
        Ok(Some(expression))
    }

    fn people(&self, name: &str) -> Result<Vec<UserId>, IndexError> {
        let mut asked = self.db.prepare_cached("SELECT DISTINCT user, folded FROM person")?;
        let rows = asked.query_map([], |row| Ok((UserId(row.get(0)?), row.get::<_, String>(1)?)))?;
        let all: Vec<(UserId, String)> = rows.collect::<Result<_, _>>()?;
        let is_key = |user: &UserId| name.len() >= 8 && user.to_string().starts_with(name);
        Ok(all
            .into_iter()
            .filter(|(user, known)| known == name || is_key(user))
            .map(|(user, _)| user)
            .collect())
    }

    fn places(&self, title: &str) -> Result<Vec<SessionId>, IndexError> {
        let mut asked = self.db.prepare_cached("SELECT session, folded FROM place")?;
        let rows = asked.query_map([], |row| Ok((SessionId(row.get(0)?), row.get::<_, String>(1)?)))?;
        let all: Vec<(SessionId, String)> = rows.collect::<Result<_, _>>()?;
        let is_it = |(session, known): &(SessionId, String)| known == title || session.to_string() == title;
        Ok(all.into_iter().filter(is_it).map(|(session, _)| session).collect())
    }
}

fn schema() -> String {
    format!(
        "CREATE TABLE message(
             id INTEGER PRIMARY KEY, session BLOB NOT NULL, origin BLOB NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
             idx INTEGER NOT NULL, user BLOB NOT NULL, name TEXT NOT NULL, stamp INTEGER NOT NULL, time INTEGER NOT NULL,
             topic TEXT, text TEXT NOT NULL, marks TEXT NOT NULL, edited BLOB, gone INTEGER NOT NULL DEFAULT 0,
             UNIQUE(session, origin, epoch, seq, idx));
         CREATE VIRTUAL TABLE words USING fts5(
             body, topic, marks, content='', prefix='1 2 3', tokenize=\"{TOKENIZER}\");
         INSERT INTO words(words, rank) VALUES('secure-delete', 1);
         CREATE TABLE waiting(
             session BLOB NOT NULL, origin BLOB NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, idx INTEGER NOT NULL,
             user BLOB NOT NULL, place BLOB NOT NULL, text TEXT,
             PRIMARY KEY(session, origin, epoch, seq, idx, place)) WITHOUT ROWID;
         CREATE TABLE position(
             session BLOB NOT NULL, origin BLOB NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, idx INTEGER NOT NULL,
             PRIMARY KEY(session, origin, epoch)) WITHOUT ROWID;
         CREATE TABLE place(session BLOB PRIMARY KEY, title TEXT NOT NULL, folded TEXT NOT NULL) WITHOUT ROWID;
         CREATE TABLE person(user BLOB NOT NULL, folded TEXT NOT NULL, PRIMARY KEY(user, folded)) WITHOUT ROWID;"
    )
}

fn is_damage(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Whether something else has gone for it.
fn take_one(change: &Transaction<'_>, message: &Message) -> Result<bool, IndexError> {
    let saying = Saying::read(&message.payload);
    let alters = match saying.kind {
        Kind::Edit { of } => alter(change, message, of.0, Some(&saying.text)).map(|()| true)?,
        Kind::Delete { of } => alter(change, message, of.0, None).map(|()| true)?,
        ref other if other.of().is_some() => false,
        Kind::Avatar { .. } => false,
        _ => insert(change, message, &saying).map(|()| false)?,
    };
    let Position { origin, epoch, seq, index } = message.position;
    change
        .prepare_cached("INSERT OR REPLACE INTO position VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![message.session.0, origin.0, epoch, seq as i64, index])?;
    Ok(alters)
}

fn ids(change: &Transaction<'_>, query: &str, of: impl rusqlite::Params) -> Result<Vec<i64>, IndexError> {
    let mut asked = change.prepare_cached(query)?;
    let rows = asked.query_map(of, |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Lets go of messages, with their words. Where more go than stay, those of what stays are put in anew, which is sooner.
fn let_go(change: &Transaction<'_>, going: &[i64]) -> Result<(), IndexError> {
    if going.is_empty() {
        return Ok(());
    }
    let all: i64 = change.query_row("SELECT count(*) FROM message", [], |row| row.get(0))?;
    let anew = WIPING * going.len() as u64 > (all as u64).saturating_sub(going.len() as u64);
    if anew {
        change.execute("INSERT INTO words(words) VALUES('delete-all')", [])?;
    }
    let mut delete = change.prepare_cached("DELETE FROM message WHERE id = ?1")?;
    for id in going {
        if !anew {
            write_words(change, *id, false)?;
        }
        delete.execute([id])?;
    }
    if anew {
        for id in ids(change, "SELECT id FROM message WHERE gone = 0", [])? {
            write_words(change, id, true)?;
        }
    }
    change.execute("DELETE FROM person WHERE user NOT IN (SELECT user FROM message)", [])?;
    Ok(())
}

fn insert(change: &Transaction<'_>, message: &Message, saying: &Saying) -> Result<(), IndexError> {
    let Position { origin, epoch, seq, index } = message.position;
    let session = message.session;
    let time = i64::try_from(message.time).unwrap_or(LATEST).min(LATEST);
    let id = free_row(change, time)?;
    let name = text::label(&message.author.name);
    let marks = marks(message, saying);
    let new = change
        .prepare_cached(
            "INSERT OR IGNORE INTO message(id, session, origin, epoch, seq, idx, user, name, stamp, time, topic, text, marks)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            id, session.0, origin.0, epoch, seq as i64, index, message.author.user.0, name, message.stamp as i64, time,
            saying.topic, saying.text, marks
        ])?;
    if new == 0 {
        return Ok(()); // it was taken before
    }
    change
        .prepare_cached("INSERT OR IGNORE INTO person VALUES (?1, ?2)")?
        .execute(params![message.author.user.0, folded(&name)])?;
    write_words(change, id, true)?;
    let waiting: Vec<(Vec<u8>, Option<String>)> = change
        .prepare_cached(
            "SELECT place, text FROM waiting WHERE session = ?1 AND origin = ?2 AND epoch = ?3 AND seq = ?4 AND idx = ?5
             AND user = ?6",
        )?
        .query_map(
            params![session.0, origin.0, epoch, seq as i64, index, message.author.user.0],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?
        .collect::<Result<_, _>>()?;
    for (place, text) in waiting {
        change_text(change, id, &place, text.as_deref())?;
    }
    change
        .prepare_cached(
            "DELETE FROM waiting WHERE session = ?1 AND origin = ?2 AND epoch = ?3 AND seq = ?4 AND idx = ?5",
        )?
        .execute(params![session.0, origin.0, epoch, seq as i64, index])?;
    Ok(())
}

/// The next row of this millisecond. Who says more than fit in one stands behind everybody else.
fn free_row(change: &Transaction<'_>, time: i64) -> Result<i64, IndexError> {
    let (first, end) = (time * ROWS_PER_MS, (time + 1) * ROWS_PER_MS);
    let last: Option<i64> = change
        .prepare_cached("SELECT max(id) FROM message WHERE id >= ?1 AND id < ?2")?
        .query_row([first, end], |row| row.get(0))?;
    match last {
        None => Ok(first),
        Some(last) if last + 1 < end => Ok(last + 1),
        Some(_) => Ok(change.query_row("SELECT max(id) + 1 FROM message", [], |row| row.get(0))?),
    }
}

/// An edit, or a deletion, of a message that may not have come yet.
fn alter(
    change: &Transaction<'_>,
    message: &Message,
    of: Position,
    text: Option<&str>,
) -> Result<(), IndexError> {
    let place = place_in_order(message);
    let target: Option<(i64, [u8; 32])> = change
        .prepare_cached(
            "SELECT id, user FROM message WHERE session = ?1 AND origin = ?2 AND epoch = ?3 AND seq = ?4 AND idx = ?5",
        )?
        .query_row(params![message.session.0, of.origin.0, of.epoch, of.seq as i64, of.index], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    match target {
        Some((id, user)) if user == message.author.user.0 => change_text(change, id, &place, text),
        Some(_) => Ok(()), // somebody else's: it counts for nothing
        None => {
            change
                .prepare_cached("INSERT OR IGNORE INTO waiting VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
                .execute(params![
                message.session.0,
                of.origin.0,
                of.epoch,
                of.seq as i64,
                of.index,
                message.author.user.0,
                place,
                text
            ])?;
            Ok(())
        }
    }
}

/// The last edit counts; a deletion is for good.
fn change_text(
    change: &Transaction<'_>,
    id: i64,
    place: &[u8],
    text: Option<&str>,
) -> Result<(), IndexError> {
    let (edited, gone): (Option<Vec<u8>>, bool) = change
        .prepare_cached("SELECT edited, gone FROM message WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if gone || text.is_some() && edited.is_some_and(|edited| edited.as_slice() >= place) {
        return Ok(());
    }
    write_words(change, id, false)?;
    change
        .prepare_cached(
            "UPDATE message SET text = ?2, edited = ?3, gone = ?4, topic = iif(?4, NULL, topic) WHERE id = ?1",
        )?
        .execute(params![id, text.unwrap_or_default(), place, text.is_none()])?;
    write_words(change, id, true)
}

/// Puts the words of a message into the index, or wipes them out: what is wiped out must be what was put in.
fn write_words(change: &Transaction<'_>, id: i64, put: bool) -> Result<(), IndexError> {
    let (text, topic, marks, gone): (String, Option<String>, String, bool) = change
        .prepare_cached("SELECT text, topic, marks, gone FROM message WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    if gone {
        return Ok(()); // it has none
    }
    let act = if put { None } else { Some("delete") };
    change
        .prepare_cached("INSERT INTO words(words, rowid, body, topic, marks) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![act, id, spaced(&text), spaced(topic.as_deref().unwrap_or_default()), marks])?;
    Ok(())
}

/// Every message has it.
const EVERY: &str = "every";

/// What filters look for, as words.
fn marks(message: &Message, saying: &Saying) -> String {
    let text = &saying.text;
    let has = |has: Has| match has {
        Has::Link => text.contains("://") || text.contains("www."),
        Has::Code => text.contains("```") || text.matches('`').count() >= 2,
        Has::File => Offer::read(text).is_some(),
        Has::Poll => matches!(saying.kind, Kind::Poll { .. }),
        Has::Announcement => saying.kind == Kind::Announce,
        Has::Reply => saying.reply.is_some(),
    };
    let mut marks = format!("{EVERY} {} {}", user_mark(message.author.user), place_mark(message.session));
    for (_, name) in Has::ALL.into_iter().filter(|(each, _)| has(*each)) {
        marks.push(' ');
        marks.push_str(name);
    }
    marks
}

fn user_mark(user: UserId) -> String {
    format!("u{user}")
}

fn place_mark(session: SessionId) -> String {
    format!("s{}", session.to_string().replace('-', ""))
}

/// A word as FTS5 takes it: a string, in which nothing means anything but a quote, and a zero that ends it.
fn phrase(word: &Word) -> String {
    debug_assert!(has_word(&word.text));
    let text = spaced(&word.text).replace(['"', '\0'], " ");
    format!("\"{}\"{}", text.trim(), if word.start { "*" } else { "" })
}

/// The order of messages in a conversation (`docs/chat.md`), as bytes that compare like it.
fn place_in_order(message: &Message) -> Vec<u8> {
    let Position { origin, epoch, seq, index } = message.position;
    let mut place = message.stamp.to_be_bytes().to_vec();
    place.extend(slot(origin, epoch, seq));
    place.extend(index.to_be_bytes());
    place
}

/// The part of it that says which entry of which log.
fn slot(origin: OriginId, epoch: u32, seq: u64) -> [u8; 28] {
    let mut slot = [0; 28];
    slot[..16].copy_from_slice(&origin.0);
    slot[16..20].copy_from_slice(&epoch.to_be_bytes());
    slot[20..].copy_from_slice(&seq.to_be_bytes());
    slot
}

fn hit(row: &rusqlite::Row<'_>) -> rusqlite::Result<Hit> {
    let session = SessionId(row.get(0)?);
    Ok(Hit {
        session,
        title: row
            .get::<_, Option<String>>(11)?
            .filter(|title| !title.is_empty())
            .unwrap_or_else(|| session.to_string()),
        position: Position {
            origin: OriginId(row.get(1)?),
            epoch: row.get(2)?,
            seq: row.get::<_, i64>(3)? as u64,
            index: row.get(4)?,
        },
        user: UserId(row.get(5)?),
        name: row.get(6)?,
        stamp: row.get::<_, i64>(7)? as u64,
        time: row.get::<_, i64>(8)? as u64,
        topic: row.get(9)?,
        text: row.get(10)?,
    })
}

#[cfg(test)]
mod tests;
