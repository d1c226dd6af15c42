//! Between model and daemon: effects become requests, answers and events become inputs.
//!
//! Invariant: nothing here runs on the screen's thread. One thread asks, one publishes, one listens, so that a slow
//! answer holds up neither typing nor what others say.

use crate::{
    avatars::{self, Avatars},
    model::{Effect, Input},
    place,
    transfers::Transfers,
};
use chalktalk_client::{
    Builder, Client, ClientError, ClientEvent, Events, Fingerprint, Opened, Publish, StartApp,
};
use chalktalk_ipc::{
    AppId, Event, SessionId, UserId,
    event::SessionSummary,
    request::{From, HistoryPoint, Mark, Role, SessionKind},
};
use chalktalk_search::{Hit, Index, Query, fill};
use jiff::Zoned;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

/// Older messages asked for at once: some screens full.
const PAGE: u32 = 100;

/// Of what is found, so much is shown, the newest.
const MOST_FOUND: usize = 200;

/// The way to the daemon.
#[derive(Debug)]
pub(crate) struct Link {
    asking: Sender<Effect>,
    publishing: Sender<Effect>,
}

impl Link {
    /// Starts the threads. `opened` is open already. `put` gets the inputs; `ended` is called when the client was closed.
    pub(crate) fn start<P>(
        client: &Client,
        events: Events,
        opened: SessionId,
        put: P,
        ended: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self>
    where
        P: Fn(Input) + Clone + Send + 'static,
    {
        let (asking, requests) = channel();
        let (publishing, publications) = channel();
        let transfers = Transfers::new(client, put.clone());
        let avatars = Avatars::default();
        avatars.follow(client, put.clone())?;
        let open = BTreeSet::from([opened]);
        let early = Early::default();
        let asker = Asker {
            client: client.clone(),
            open,
            early: early.clone(),
            transfers,
            avatars,
            put: put.clone(),
        };
        spawn("asking", move || asker.run(&requests))?;
        let (publisher, put_published) = (client.clone(), put.clone());
        spawn("publishing", move || publish(&publisher, &publications, &put_published))?;
        spawn("listening", move || {
            events.iter().for_each(|event| early.put(session(&event), input(event), &put));
            ended();
        })?;
        Ok(Self { asking, publishing })
    }

    /// Does what concerns the daemon.
    pub(crate) fn carry_out(&self, effect: Effect) {
        let way = if matches!(effect, Effect::Publish { .. } | Effect::Sign(..)) {
            &self.publishing
        } else {
            &self.asking
        };
        // The threads end only with the process.
        let _ = way.send(effect);
    }
}

pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.into()).spawn(work).map(drop)
}

fn input(event: ClientEvent) -> Input {
    match event {
        ClientEvent::Messages(batch) if batch.flags().volatile => Input::Passing(batch.messages().collect()),
        ClientEvent::Messages(batch) => Input::Delivered(batch.messages().collect()),
        ClientEvent::Event(event) => Input::Event(event),
        ClientEvent::Refused { session, numbers, refusal } => {
            Input::Refused { session, numbers, reason: refusal.message }
        }
        ClientEvent::Disconnected { reason } => Input::Away(reason),
        ClientEvent::Reconnected => Input::Back,
    }
}

/// The session that something is about, if there has to be a conversation to take it.
fn session(event: &ClientEvent) -> Option<SessionId> {
    match event {
        ClientEvent::Messages(batch) => Some(batch.session()),
        ClientEvent::Event(
            Event::CaughtUp { session }
            | Event::Progress { session, .. }
            | Event::Lost { session, .. }
            | Event::Roster { session, .. },
        ) => Some(*session),
        _ => None,
    }
}

/// What comes of sessions that are being opened, until there are conversations to take it: the daemon begins before its answer has
/// been read.
#[derive(Clone, Default)]
struct Early(Arc<Mutex<BTreeMap<SessionId, Vec<Input>>>>);

impl Early {
    /// This session is being opened: what comes of it waits.
    fn hold(&self, session: SessionId) {
        self.held().entry(session).or_default();
    }

    /// Something has come.
    fn put(&self, session: Option<SessionId>, input: Input, put: &impl Fn(Input)) {
        let mut held = self.held();
        if let Some(waiting) = session.and_then(|session| held.get_mut(&session)) {
            waiting.push(input);
            return;
        }
        drop(held);
        put(input);
    }

    /// There is a conversation now, or there will be none. Nothing that comes after passes what has waited.
    fn release(&self, session: SessionId, put: &impl Fn(Input)) {
        let mut held = self.held();
        held.remove(&session).into_iter().flatten().for_each(put);
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<SessionId, Vec<Input>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn publish(client: &Client, publications: &Receiver<Effect>, put: &impl Fn(Input)) {
    for effect in publications {
        match effect {
            Effect::Publish { session, local, payload, mentions } => {
                let message = Publish::durable(&payload).mentioning(&mentions);
                let result = client.publish_with(session, message).map_err(|e| e.to_string());
                put(Input::Published { session, local, result });
            }
            // A sign that cannot be given now is none.
            Effect::Sign(session, payload) => drop(client.publish_with(session, Publish::volatile(&payload))),
            _ => {}
        }
    }
}

struct Asker<P> {
    client: Client,
    open: BTreeSet<SessionId>,
    early: Early,
    transfers: Transfers<P>,
    avatars: Avatars,
    put: P,
}

impl<P: Fn(Input) + Clone + Send + 'static> Asker<P> {
    fn run(mut self, requests: &Receiver<Effect>) {
        for effect in requests {
            if let Err(e) = self.ask(effect) {
                (self.put)(Input::Failed(e.to_string()));
            }
        }
    }

    fn ask(&mut self, effect: Effect) -> Result<(), ClientError> {
        match effect {
            Effect::Join { target, say } => {
                let summary = place::join(&self.client, &target)?;
                self.open(summary, true, say)
            }
            Effect::Open(summary) => self.open(summary, false, None),
            Effect::Answer(summary, accept) => {
                self.client.answer_offer(summary.session, accept)?;
                if accept { self.open(summary, false, None) } else { Ok(()) }
            }
            Effect::Leave(session) => self.leave(session),
            Effect::Ack(session, positions) => {
                // Without a connection it is of no use; what comes next is acknowledged with it.
                let _ = self.client.ack_positions(session, &positions);
                Ok(())
            }
            Effect::Past(session, before) => self.past(session, before),
            Effect::Find(typed) => self.find(typed),
            Effect::Fetch { id, session, offer, from } => self.transfers.fetch(id, session, offer, from),
            Effect::Share { id, session, path } => self.transfers.share(id, session, path),
            Effect::SharePicture { id, session, name, pixels } => {
                self.transfers.share_picture(id, session, name, pixels)
            }
            Effect::Avatar(portrait) => {
                avatars::set_beside(&self.client, portrait, self.put.clone()).map_err(ClientError::Io)
            }
            Effect::AvatarsAgain => self.avatars.read_again(),
            Effect::Export(summary, path) => self.transfers.export(summary, path),
            Effect::StopTransfer(id) => {
                self.transfers.stop(id);
                Ok(())
            }
            Effect::Pause(session, offer, paused) => self.transfers.pause(session, offer, paused),
            Effect::Files(session, look_back) => self.transfers.list(session, look_back),
            Effect::Who => self.client.who().map(|people| (self.put)(Input::People(people))),
            Effect::Sessions => self.client.sessions().map(|all| (self.put)(Input::Sessions(all))),
            Effect::Invitations => {
                self.client.invitations().map(|waiting| (self.put)(Input::Invitations(waiting)))
            }
            Effect::Warnings => self.client.status().map(|now| (self.put)(Input::Warnings(now.warnings))),
            Effect::Invite(session, people) => {
                self.client.invite(&session.to_string(), &AppId::chat(), &people)?;
                self.members(session)
            }
            Effect::Create(title, people) => {
                let summary = self.client.create(&title, &AppId::chat(), SessionKind::Kept, true, &people)?;
                self.open(summary, true, None)
            }
            Effect::Remove(session, name) => {
                self.client.remove(&session.to_string(), &AppId::chat(), &name)?;
                self.members(session)
            }
            Effect::Accept(session) => {
                let summary = self.client.accept(session)?;
                self.open(summary, true, None)
            }
            Effect::Decline(session) => self.client.decline(session),
            Effect::AppSessions => self.app_sessions(),
            Effect::AppOwners(session) => {
                let target = session.map(|session| session.to_string());
                let owners = self.client.app_owners(target.as_deref(), &AppId::chat())?;
                (self.put)(Input::AppOwners(owners, session.is_some()));
                Ok(())
            }
            Effect::Start(session, app, title) => {
                let target = session.to_string();
                let start = StartApp { title, ..StartApp::new(app, target, AppId::chat()) };
                self.client.start_app(&start)?;
                self.app_sessions()
            }
            Effect::TakePart(session, part) => {
                self.client.take_part(session, part)?;
                self.app_sessions()
            }
            Effect::CancelApp(session) => {
                self.client.cancel_app(session)?;
                self.app_sessions()
            }
            Effect::Members(session) => self.members(session),
            Effect::Holders(session, at) => {
                self.client.holders(session, at).map(|all| (self.put)(Input::Holders(session, at, all)))
            }
            Effect::Compare(target) => {
                let person = self.client.find_person(&target)?;
                let fingerprint = Fingerprint::of(self.client.welcome().user, person.user);
                (self.put)(Input::Compare(person, fingerprint));
                Ok(())
            }
            Effect::Mark(user, mark) => self.mark(user, mark),
            Effect::MarkNamed(target, mark) => self.mark(self.client.find_person(&target)?.user, mark),
            Effect::Availability(availability) => self.client.set_availability(availability),
            Effect::Saying(text, lasts) => self.client.set_saying(&text, lasts.map(Duration::from_millis)),
            Effect::Idle(idle) => self.client.set_idle(idle),
            Effect::Publish { .. }
            | Effect::Copy(_)
            | Effect::KeepDraft(..)
            | Effect::KeepLocation(_)
            | Effect::OpenFolder(_)
            | Effect::Keep(_)
            | Effect::LookUpWants
            | Effect::Notify(_)
            | Effect::Unnotify(_)
            | Effect::Raise
            | Effect::Sign(..)
            | Effect::Bell
            | Effect::Quit => Ok(()),
        }
    }

    /// On a connection of its own, an observer's: it moves no position, and nobody waits for it.
    fn find(&self, typed: String) -> Result<(), ClientError> {
        let builder = self.client.beside(AppId::chat()).name("search").role(Role::Observer);
        let (put, me) = (self.put.clone(), self.client.welcome().user);
        let work = move || {
            put(match find(builder, &typed, me) {
                Ok(hits) => Input::Found(typed, hits),
                Err(reason) => Input::Failed(reason),
            });
        };
        if let Err(e) = spawn("searching", work) {
            (self.put)(Input::Failed(e.to_string()));
        }
        Ok(())
    }

    fn app_sessions(&self) -> Result<(), ClientError> {
        self.client.app_sessions().map(|sessions| (self.put)(Input::AppSessions(sessions)))
    }

    fn members(&self, session: SessionId) -> Result<(), ClientError> {
        let membership = self.client.membership(&session.to_string(), &AppId::chat())?;
        (self.put)(Input::Members(membership));
        Ok(())
    }

    fn mark(&self, user: UserId, mark: Mark) -> Result<(), ClientError> {
        self.client.mark_person(user, mark).map(|person| (self.put)(Input::Marked(person)))
    }

    fn open(&mut self, summary: SessionSummary, focus: bool, say: Option<String>) -> Result<(), ClientError> {
        if !self.open.insert(summary.session) {
            if focus {
                (self.put)(Input::Opened { summary, members: Vec::new(), focus, say });
            }
            return Ok(());
        }
        self.early.hold(summary.session);
        let opened = match self.client.open(summary.session, From::Saved) {
            Ok(Opened { session, members, start, .. }) => {
                let id = session.session;
                (self.put)(Input::Opened { summary: session, members, focus, say });
                if start.is_empty() {
                    (self.put)(Input::NewHere(id));
                }
                Ok(())
            }
            Err(e) => {
                self.open.remove(&summary.session);
                Err(e)
            }
        };
        self.early.release(summary.session, &self.put);
        opened
    }

    fn leave(&mut self, session: SessionId) -> Result<(), ClientError> {
        self.client.close_session(session)?;
        self.open.remove(&session);
        (self.put)(Input::Left(session));
        self.client.leave(&session.to_string(), &AppId::chat())
    }

    fn past(&self, session: SessionId, before: Option<HistoryPoint>) -> Result<(), ClientError> {
        let answer = self.client.history(session, before, PAGE);
        let failed = answer.as_ref().err().map(ToString::to_string);
        // What could not be asked now can be asked again from the same point.
        let (messages, before) = answer.unwrap_or((Vec::new(), before));
        (self.put)(Input::Past { session, messages, before });
        failed.into_iter().for_each(|e| (self.put)(Input::Failed(e)));
        Ok(())
    }
}

fn find(builder: Builder, typed: &str, me: UserId) -> Result<Vec<Hit>, String> {
    let query = Query::read(typed, &Zoned::now()).map_err(|e| e.to_string())?;
    let mut index = Index::of_user().map_err(|e| e.to_string())?;
    let (client, events) = builder.connect().map_err(|e| e.to_string())?;
    fill(&client, &events, &mut index, |_| ()).map_err(|e| e.to_string())?;
    index.find(&query, me, MOST_FOUND).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn what_comes_while_a_session_is_opened_waits_for_its_conversation() {
        let (early, came) = (Early::default(), RefCell::new(Vec::new()));
        let [garden, lobby] = [2, 1].map(|n| SessionId([n; 16]));
        let put = |input| came.borrow_mut().push(input);
        let caught_up = |session| Input::Event(Event::CaughtUp { session });
        early.hold(garden);
        early.put(Some(garden), caught_up(garden), &put);
        early.put(Some(lobby), caught_up(lobby), &put);
        early.put(None, Input::Back, &put);
        let seen = |came: &RefCell<Vec<Input>>| {
            let session = |input| match input {
                Input::Event(Event::CaughtUp { session }) => session.0[0],
                _ => 0,
            };
            came.take().into_iter().map(session).collect::<Vec<_>>()
        };
        assert_eq!(seen(&came), [1, 0]);
        early.release(garden, &put);
        early.put(Some(garden), Input::Back, &put);
        assert_eq!(seen(&came), [2, 0]);
    }
}
