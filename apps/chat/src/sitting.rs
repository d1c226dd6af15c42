//! One person's chat at work: the model, its way to the daemon, and what it keeps. Faces show it and hand it what people do.
//!
//! Invariant: what a face need not do itself is done here, and the same for every face.

use crate::{
    desktop::Desktop,
    downloads,
    keep::{Keep, Kept},
    link::Link,
    model::{Effect, Input, Me, Model},
    place::{self, Opening},
    t,
};
use chalktalk_client::{Client, ClientError, Events, location};
use chalktalk_ipc::request::{From, Topic};
use jiff::Timestamp;
use std::{io, time::Duration};

/// What was published gets this long to leave when the chat ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a chat could not begin.
#[derive(Debug, thiserror::Error)]
pub enum SittingError {
    /// The daemon.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A thread could not be started, or there were no random bytes.
    #[error("{}", t!("system-failed", reason = .0.to_string()))]
    Thread(#[from] io::Error),
}

/// A chat at work.
#[derive(Debug)]
pub struct Sitting {
    /// What is shown.
    pub model: Model,
    client: Client,
    link: Link,
    desktop: Desktop,
    keep: Option<Keep>,
    /// Where the person is to be found, if that could not be written down.
    at: Option<String>,
}

impl Sitting {
    /// Enters the session that the chat is opened for. `put` gets what happens from then on; `ended` is called when the client was
    /// closed.
    pub fn open<P>(
        client: &Client,
        events: Events,
        opening: &Opening,
        put: P,
        ended: impl FnOnce() + Send + 'static,
    ) -> Result<Self, SittingError>
    where
        P: Fn(Input) + Clone + Send + 'static,
    {
        let welcome = client.welcome();
        let (host_id, instance) = (welcome.host_id, client.instance());
        let me = Me { user: welcome.user, name: welcome.name, host: welcome.host, host_id, instance };
        let summary = place::enter(client, opening)?;
        let opened = client.open(summary.session, From::Saved)?;
        client.watch(&[Topic::Who, Topic::Sessions, Topic::Invitations, Topic::Warnings])?;
        let keep = Keep::of_user();
        if let Some(keep) = &keep {
            let tell = put.clone();
            // Unheard, it is known the next time.
            let _ = keep.watch(location::file().as_deref(), move || tell(Input::Rekept));
        }
        let kept = Kept { location: location::load(), ..keep.as_ref().map(Keep::load).unwrap_or_default() };
        let mut model = Model::new(me);
        model.seed(chance()?);
        model.update(Input::Kept(kept), now());
        let session = opened.session.session;
        let (summary, members) = (opened.session, opened.members);
        model.update(Input::Opened { summary, members, focus: true, say: None }, now());
        if opened.start.is_empty() {
            model.update(Input::NewHere(session), now());
        }
        let desktop = Desktop::start(put.clone())?;
        let link = Link::start(client, events, session, put, ended)?;
        Ok(Self { model, client: client.clone(), link, desktop, keep, at: None })
    }

    /// Does what the model wants done. What is left is for the face: to ring, to come forward, to copy, to end.
    pub fn carry_out(&mut self) -> Vec<Effect> {
        let mut left = Vec::new();
        for effect in self.model.take_effects() {
            match effect {
                Effect::KeepDraft(session, text) => self.keep(|keep| keep.draft(session, &text)),
                Effect::Keep(change) => self.keep(|keep| keep.change(change)),
                // Here and now, so that it has what this face has kept before.
                Effect::LookUpWants => {
                    if let Some(keep) = &self.keep {
                        let at = self.at.clone().or_else(location::load);
                        self.model.update(Input::Wants(keep.wants(), at), now());
                        left.extend(self.carry_out());
                    }
                }
                Effect::KeepLocation(at) => {
                    self.at = None;
                    if let Err(e) = location::store(&at) {
                        self.model.update(Input::Failed(t!("location-lost", reason = e.to_string())), now());
                        self.at = Some(at);
                    }
                }
                Effect::OpenFolder(path) => {
                    if let Err(e) = downloads::open_folder_of(&path) {
                        self.model.update(Input::Failed(e.to_string()), now());
                    }
                }
                Effect::Notify(new) => self.desktop.show(new),
                Effect::Unnotify(session) => self.desktop.take_back(session),
                Effect::Quit | Effect::Copy(_) | Effect::Bell | Effect::Raise => left.push(effect),
                other => self.link.carry_out(other),
            }
        }
        left
    }

    /// Ends it, when what was said has left.
    pub fn end(&self) {
        self.desktop.end();
        // Those who wait for the daemon's return in vain need not wait for the farewell.
        let _ = self.client.flush(FAREWELL);
        self.client.close();
    }

    /// What cannot be kept is not missed before the next time.
    fn keep(&self, what: impl FnOnce(&Keep) -> io::Result<()>) {
        let _ = self.keep.as_ref().map(what);
    }
}

/// The wall clock, in milliseconds since 1970 UTC.
pub fn now() -> u64 {
    Timestamp::now().as_millisecond().try_into().unwrap_or(0)
}

/// Bytes that nobody else knows.
fn chance() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    if filled == bytes.len() {
        Ok(bytes)
    } else {
        Err(io::Error::other("the system gave too few random bytes"))
    }
}
