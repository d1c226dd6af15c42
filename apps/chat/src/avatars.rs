//! Avatars: what people look like, as they have said in `#lobby` (docs/chat.md, ADR 31).
//!
//! A thread reads the lobby for them on a connection of its own, an observer's: so chats know them that are opened for another conversation. What
//! it has found is kept with how far it has read, so that the next time only what has come since is read.
//!
//! Invariant: of each user the last one counts, in the order of the logs, whichever way and how often it comes. What was kept and cannot
//! be read is made anew.

use crate::{
    downloads,
    keep::Keep,
    link::spawn,
    model::{Input, Portrait},
    place::{self, LOBBY},
    t,
};
use chalktalk_client::{
    Client, ClientError, ClientEvent, Events, Message, Publish, Stage,
    chat::{Avatar, Kind, MAX_AVATAR, Saying},
};
use chalktalk_ipc::{
    AppId, Event, Position, SessionId, UserId,
    request::{From, HistoryPoint, Role},
};
use chalktalk_look::{
    avatar,
    picture::{self, MAX_FILE, PictureError},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    sync::{Arc, OnceLock, mpsc::RecvTimeoutError},
    time::{Duration, Instant},
};

/// Of so many people at most: beyond, those are let go who have set theirs longest ago.
const MOST: usize = 1000;

/// When nothing has come for so long, what is known is kept.
const QUIET: Duration = Duration::from_secs(2);

/// So much later than the lobby was read it is looked whether one's own is still in it: by then others have sent what this host had missed.
const SETTLED: Duration = Duration::from_secs(30);

/// And again after so long, since lobbies are shortened while chats run.
const LONG: Duration = Duration::from_secs(6 * 3600);

/// One's own gets so long to be stored.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a picture was not set.
#[derive(Debug, thiserror::Error)]
pub enum AvatarError {
    /// The file cannot be read.
    #[error("{}", t!("avatar-no-file", path = .0, reason = .1.to_string()))]
    File(String, io::Error),
    /// It is no picture, or not one that can be used.
    #[error("{0}")]
    Picture(String),
    /// The daemon.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Says in the lobby what one looks like from now on; `client` must not have the lobby open. What there is to tell of it.
///
/// # Errors
/// There is no such picture, or the daemon refuses.
pub fn set(client: &Client, portrait: &Portrait) -> Result<String, AvatarError> {
    let pixels = match portrait {
        Portrait::Generated => None,
        Portrait::File(path) => Some(picture::decode(&file(path)?).map_err(refused)?.0),
        Portrait::Pixels(pixels) => {
            let raw = picture::raw(pixels.width, pixels.height, pixels.rgba.to_vec());
            Some(raw.ok_or_else(|| AvatarError::Picture(t!("avatar-damaged")))?)
        }
    };
    let small = |pixels| {
        let file = avatar::encode(&pixels, MAX_AVATAR);
        file.map(|file| Avatar(file.into())).ok_or_else(|| AvatarError::Picture(t!("avatar-damaged")))
    };
    let picture = pixels.map(small).transpose()?;
    let told = if picture.is_some() { t!("avatar-set") } else { t!("avatar-none") };
    let lobby = place::join(client, LOBBY)?.session;
    client.open(lobby, From::Now)?;
    say(client, lobby, picture)?;
    Ok(told)
}

/// As [`set`], beside a chat that goes on.
pub(crate) fn set_beside(
    client: &Client,
    portrait: Portrait,
    put: impl Fn(Input) + Send + 'static,
) -> io::Result<()> {
    let builder = client.beside(AppId::chat()).name("avatar").role(Role::Observer);
    spawn("avatar", move || {
        let done = builder.connect().map_err(AvatarError::from).and_then(|(client, _events)| {
            let told = set(&client, &portrait);
            client.close();
            told
        });
        put(done.map_or_else(|e| Input::Failed(e.to_string()), Input::Done));
    })
}

fn say(client: &Client, lobby: SessionId, picture: Option<Avatar>) -> Result<(), ClientError> {
    let text = if picture.is_some() { t!("said-avatar") } else { t!("said-avatar-none") };
    // At most MAX_AVATAR bytes: it fits.
    let payload = Saying::new(text, Kind::Avatar { picture }).payload().unwrap_or_default();
    let number = client.publish_with(lobby, Publish::durable(&payload))?;
    client.wait_for(lobby, number, Stage::Stored, PATIENCE)
}

fn file(path: &str) -> Result<Vec<u8>, AvatarError> {
    let failed = |e| AvatarError::File(path.to_owned(), e);
    let typed = downloads::typed(path);
    // Pipes and devices have no end.
    if !fs::metadata(&typed).map_err(failed)?.is_file() {
        return Err(AvatarError::Picture(t!("avatar-no-picture")));
    }
    let mut bytes = Vec::new();
    File::open(typed)
        .and_then(|file| file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    Ok(bytes)
}

fn refused(error: PictureError) -> AvatarError {
    AvatarError::Picture(match error {
        PictureError::FileTooLong(_) => t!("avatar-too-long", most = MAX_FILE >> 20),
        PictureError::TooLarge(width, height) => t!("avatar-too-large", width = width, height = height),
        PictureError::Unknown => t!("avatar-no-picture"),
        PictureError::Damaged(_) => t!("avatar-damaged"),
    })
}

/// What people look like, as far as it was read.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
struct Album {
    lobby: SessionId,
    /// How far each log was read.
    read: BTreeMap<String, Position>,
    of: BTreeMap<UserId, Portrayed>,
}

/// What somebody has said last of what they look like.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
struct Portrayed {
    at: HistoryPoint,
    picture: Option<Avatar>,
}

/// What people look like now, of whom that has changed.
pub type News = Vec<(UserId, Option<Arc<[u8]>>)>;

impl Album {
    fn new(lobby: SessionId) -> Self {
        Self { lobby, read: BTreeMap::new(), of: BTreeMap::new() }
    }

    /// What was kept of this lobby, if anything.
    fn load(text: &str, lobby: SessionId) -> Option<Self> {
        let album: Self = serde_json::from_str(text).ok()?;
        let small =
            |one: &Portrayed| one.picture.as_ref().is_none_or(|picture| picture.0.len() <= MAX_AVATAR);
        (album.lobby == lobby && album.of.len() <= MOST && album.of.values().all(small)).then_some(album)
    }

    /// Takes a message in; whose picture is another now.
    fn take(&mut self, message: &Message) -> Option<UserId> {
        if message.flags.volatile {
            return None;
        }
        let Position { origin, epoch, .. } = message.position;
        let read = self.read.entry(format!("{origin}.{epoch}")).or_insert(message.position);
        *read = (*read).max(message.position);
        let Kind::Avatar { picture } = Saying::read(&message.payload).kind else { return None };
        let user = message.author.user;
        let at = HistoryPoint { stamp: message.stamp, position: message.position };
        let before = self.of.get(&user);
        if user == UserId::NIL || before.is_some_and(|before| before.at >= at) {
            return None;
        }
        let same = before.map(|before| &before.picture) == Some(&picture);
        self.of.insert(user, Portrayed { at, picture });
        if self.of.len() > MOST {
            let oldest = self.of.iter().min_by_key(|(_, one)| one.at).map(|(user, _)| *user);
            oldest.map(|oldest| self.of.remove(&oldest));
        }
        (!same).then_some(user)
    }

    fn news(&self, users: impl IntoIterator<Item = UserId>) -> News {
        let picture = |user| Some(self.of.get(&user)?.picture.as_ref()?.0.clone());
        users.into_iter().map(|user| (user, picture(user))).collect()
    }
}

/// Follows what people look like.
#[derive(Clone, Debug, Default)]
pub(crate) struct Avatars {
    /// The connection that reads, and the lobby, once there is one.
    reading: Arc<OnceLock<(Client, SessionId)>>,
}

impl Avatars {
    /// Begins, on a thread beside. Without a connection of its own everybody has the picture that is made of their key.
    pub(crate) fn follow(&self, client: &Client, put: impl Fn(Input) + Send + 'static) -> io::Result<()> {
        let builder = client.beside(AppId::chat()).name("avatars").role(Role::Observer);
        let reading = self.reading.clone();
        spawn("avatars", move || {
            let Ok((client, events)) = builder.connect() else { return };
            // Nobody is told: nothing is in the way of talking.
            let _ = read(&client, &events, &reading, &put);
        })
    }

    /// Reads everything again: what somebody said was held back until now.
    pub(crate) fn read_again(&self) -> Result<(), ClientError> {
        let Some((client, lobby)) = self.reading.get() else { return Ok(()) };
        client.close_session(*lobby)?;
        client.open(*lobby, From::Start).map(drop)
    }
}

fn read(
    client: &Client,
    events: &Events,
    reading: &OnceLock<(Client, SessionId)>,
    put: &impl Fn(Input),
) -> Result<(), ClientError> {
    let keep = Keep::of_user();
    let lobby = place::join(client, LOBBY)?.session;
    let kept = keep.as_ref().and_then(Keep::load_avatars).and_then(|text| Album::load(&text, lobby));
    let mut album = kept.unwrap_or_else(|| Album::new(lobby));
    put(Input::Avatars(album.news(album.of.keys().copied())));
    let _ = reading.set((client.clone(), lobby));
    client.open(lobby, From::At(album.read.values().copied().collect()))?;
    let (mut changed, mut own_due) = (false, None::<Instant>);
    loop {
        // Who waits for nothing sleeps.
        let due = own_due.map_or(LONG, |due| due.saturating_duration_since(Instant::now()));
        match events.recv_timeout(if changed { QUIET } else { due }) {
            Ok(ClientEvent::Messages(batch)) => {
                let users: Vec<UserId> =
                    batch.messages().filter_map(|message| album.take(&message)).collect();
                if !users.is_empty() {
                    changed = true;
                    put(Input::Avatars(album.news(users)));
                }
            }
            Ok(ClientEvent::Event(Event::CaughtUp { .. })) => {
                changed = true;
                own_due.get_or_insert_with(|| Instant::now() + SETTLED);
            }
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) if changed => {
                changed = false;
                let text = serde_json::to_string(&album).unwrap_or_default();
                // What cannot be kept is read again.
                let _ = keep.as_ref().map(|keep| keep.avatars(&text));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        if own_due.is_some_and(|due| due <= Instant::now()) {
            own_due = Some(Instant::now() + LONG);
            // Another time, if it cannot be said now.
            let _ = say_again(client, lobby, album.of.get(&client.welcome().user));
        }
    }
}

/// Old messages of the lobby go when all hosts have them (ADR 24); who comes later is to see one's picture all the same.
fn say_again(client: &Client, lobby: SessionId, own: Option<&Portrayed>) -> Result<(), ClientError> {
    let Some(Portrayed { at, picture: Some(picture) }) = own else { return Ok(()) };
    let behind = Position { index: at.position.index.saturating_add(1), ..at.position };
    let (found, _) = client.history(lobby, Some(HistoryPoint { position: behind, ..*at }), 1)?;
    if found.iter().any(|message| message.position == at.position) {
        return Ok(());
    }
    say(client, lobby, Some(picture.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::tests::message;

    fn portrait(n: u8, stamp: u64, picture: Option<&[u8]>) -> Message {
        let kind = Kind::Avatar { picture: picture.map(|bytes| Avatar(bytes.into())) };
        let payload = Saying::new("🖼", kind).payload().unwrap();
        Message { payload, ..message(1, n, stamp, "") }
    }

    fn album() -> Album {
        Album::new(SessionId([1; 16]))
    }

    #[test]
    fn the_last_counts_in_whatever_order_they_come_and_only_ones_own() {
        let (ana, ben) = (UserId([1; 32]), UserId([2; 32]));
        let all = [
            portrait(1, 1, Some(b"first")),
            portrait(1, 5, Some(b"last")),
            portrait(2, 2, Some(b"ben")),
            portrait(2, 9, None),
            message(1, 2, 11, "hello"),
        ];
        let mut orders: Vec<Vec<usize>> = vec![vec![]];
        for n in 0..all.len() {
            orders = orders
                .into_iter()
                .flat_map(|order| (0..=n).map(move |at| [&order[..at], &[n], &order[at..]].concat()))
                .collect();
        }
        assert_eq!(orders.len(), 120);
        for order in orders {
            let mut album = album();
            for n in order.iter().chain(&order) {
                album.take(&all[*n]);
            }
            assert_eq!(album.news([ana, ben]), [(ana, Some(b"last"[..].into())), (ben, None)], "{order:?}");
        }
    }

    #[test]
    fn what_is_told_is_what_has_changed() {
        let mut album = album();
        assert_eq!(album.take(&portrait(1, 1, Some(b"a"))), Some(UserId([1; 32])));
        assert_eq!(album.take(&portrait(1, 1, Some(b"a"))), None);
        assert_eq!(album.take(&portrait(1, 2, Some(b"a"))), None, "said again");
        assert_eq!(album.take(&portrait(1, 3, None)), Some(UserId([1; 32])));
        assert_eq!(album.take(&message(1, 1, 4, "text")), None);
        let mut passing = portrait(1, 9, Some(b"forged"));
        passing.flags.volatile = true;
        assert_eq!(album.take(&passing), None, "anybody can say this in passing");
    }

    #[test]
    fn what_was_kept_comes_back_and_rubbish_or_another_lobby_does_not() {
        let mut album = album();
        album.take(&portrait(1, 1, Some(&[255; MAX_AVATAR])));
        album.take(&portrait(2, 2, None));
        let text = serde_json::to_string(&album).unwrap();
        assert_eq!(Album::load(&text, album.lobby), Some(album.clone()));
        assert_eq!(Album::load(&text, SessionId([2; 16])), None);
        assert_eq!(Album::load(&text[..text.len() - 3], album.lobby), None);
        album.of.get_mut(&UserId([1; 32])).unwrap().picture = Some(Avatar([0; MAX_AVATAR + 1].into()));
        assert_eq!(Album::load(&serde_json::to_string(&album).unwrap(), album.lobby), None);
    }

    #[test]
    fn of_more_people_than_are_kept_the_oldest_go() {
        let mut album = album();
        for n in 0..=MOST {
            let mut one = portrait(1, n as u64, Some(b"x"));
            let mut author = (*one.author).clone();
            author.user.0[..8].copy_from_slice(&(n as u64 + 1).to_le_bytes());
            one.author = author.into();
            album.take(&one);
        }
        assert_eq!(album.of.len(), MOST);
        assert!(album.of.values().all(|one| one.at.stamp > 0));
    }
}
