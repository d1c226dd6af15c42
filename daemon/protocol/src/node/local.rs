//! What local programs ask of the node.
//!
//! Invariant: a program acts for the user the kernel named, in sessions that user has joined, and for no other.

use super::{Agent, Instance, Node};
use crate::{
    session::{delivery::Delivery, snapshots::NotHeld},
    stream,
    time::Instant,
};
use chalktalk_ipc::{
    Answer, AppId, BlobId, Event, FailReason, InstanceId, MAX_VOLATILE, Position, Refusal, RefusalCode,
    SessionId, UserId,
    batch::{Class, Outgoing, PublishHead},
    request::{From, LaunchOutcome, RegisteredApp, Role, Topic},
};
use rand_core::Rng;
use std::time::Duration;

/// Instances that a user may have attached at once, on a daemon of their own.
const MAX_INSTANCES: usize = 1024;

/// How long programs are given to attach again before what was not read opens new ones.
const SETTLE_TIME: Duration = Duration::from_secs(2);

/// Instances that are remembered as gone, so that who writes to one is told.
const MAX_GONE: usize = 1024;

/// Why a published batch was not taken; the connection that sent it does not keep to the protocol, except for `Refused`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The instance has not opened that session.
    #[error("session is not open")]
    NotOpen,
    /// It published more than it was granted.
    #[error("credit is overdrawn")]
    Credit,
    /// The batch is malformed.
    #[error(transparent)]
    Batch(#[from] chalktalk_ipc::batch::BatchError),
    /// A volatile message does not fit one datagram.
    #[error("a volatile message is longer than {MAX_VOLATILE} bytes")]
    Volatile,
}

/// How a process becomes an instance.
#[derive(Clone, Debug)]
pub struct Attach<'a> {
    /// An instance it was before its connection broke.
    pub instance: Option<InstanceId>,
    /// What app it is.
    pub app: AppId,
    /// Its process id, as the kernel names it.
    pub pid: u32,
    /// How it takes part.
    pub role: Role,
    /// The token it was launched with.
    pub token: Option<&'a str>,
}

pub(super) fn refuse<T>(code: RefusalCode, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(code, message))
}

impl Node {
    /// A process becomes an instance. Returns its id, and the session it was launched for.
    pub fn attach(&mut self, now: Instant, user: UserId, wish: Attach<'_>) -> Result<Answer, Refusal> {
        let Attach { instance, app, pid, role, token } = wish;
        self.at(now);
        let most = self.quota.map_or(MAX_INSTANCES, |quota| quota.instances);
        if self.instances.values().filter(|instance| instance.user == user).count() >= most {
            return refuse(RefusalCode::Busy, "too many of your programs are attached; close some");
        }
        let launched_for = match token {
            Some(token) => match self.launcher.redeem(user, token, now) {
                Some(session) => Some(session),
                None => return refuse(RefusalCode::NotAllowed, "the launch token is not valid (any more)"),
            },
            None => None,
        };
        let id = match instance.filter(|id| self.was_given(user, *id)) {
            Some(id) if self.instances.contains_key(&id) => {
                return refuse(RefusalCode::BadRequest, "this instance is attached already");
            }
            Some(id) => id,
            None => self.new_instance_id(user),
        };
        self.gone.retain(|gone| *gone != id);
        self.attached += 1;
        let (sessions, unheard) = Default::default();
        let order = self.attached;
        self.instances
            .insert(id, Instance { user, app: app.clone(), pid, role, sessions, unheard, order, idle: None });
        if role == Role::App {
            self.users.get_mut(&user).map(|local| local.closed.remove(&app));
            self.changed.insert(Topic::Instances);
            self.heartbeat.on_change(now);
            self.on_presence_changed();
        }
        let session = launched_for.map(|session| self.summary(session, user));
        Ok(Answer::Attached { instance: id, session })
    }

    fn new_instance_id(&mut self, user: UserId) -> InstanceId {
        let mut random = [0; 8];
        self.out.rng.fill_bytes(&mut random);
        random[6] = random[6] & 0x0f | 0x40; // UUID version 4
        self.instance_id(user, random)
    }

    /// Whether this user was given that id, in this life of the daemon or an earlier one: ids are no secret, and
    /// nobody may go on as somebody else's instance.
    fn was_given(&self, user: UserId, id: InstanceId) -> bool {
        let random = id.0[..8].try_into().expect("half of 16 bytes");
        !id.is_nil() && self.instance_id(user, random) == id
    }

    /// An id whose second half only this host can make, for this user, from the first.
    fn instance_id(&self, user: UserId, random: [u8; 8]) -> InstanceId {
        let key = self.users.get(&user).map(|local| local.origin_key.to_bytes()).unwrap_or_default();
        let mut mac = blake3::Hasher::new_derive_key("chalktalk 2026 instance id");
        let mac = mac.update(&key).update(&random).finalize();
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&random);
        bytes[8..].copy_from_slice(&mac.as_bytes()[..8]);
        bytes[8] = bytes[8] & 0x3f | 0x80; // RFC 9562 variant
        InstanceId(bytes)
    }

    /// An instance is gone.
    pub fn detach(&mut self, now: Instant, id: InstanceId) {
        self.at(now);
        let Some(instance) = self.instances.remove(&id) else { return };
        for session in &instance.sessions {
            if let Some(found) = self.sessions.get_mut(session) {
                found.close(id, &mut self.out);
            }
            self.on_roster_changed(*session);
        }
        self.out.ready.remove(&id);
        if instance.role == Role::App {
            self.gone.push_back(id);
            if self.gone.len() > MAX_GONE {
                self.gone.pop_front();
            }
            let last = !self
                .instances
                .values()
                .any(|other| other.user == instance.user && other.app == instance.app);
            if let Some(local) = self.users.get_mut(&instance.user).filter(|_| last) {
                local.closed.insert(instance.app);
            }
            self.changed.insert(Topic::Instances);
            self.heartbeat.on_change(now);
            self.on_presence_changed();
        }
        let needs = self.launcher.on_gone(id);
        needs.into_iter().for_each(|need| self.on_need(need));
        self.settle();
    }

    /// A process becomes the agent of its user.
    pub fn attach_agent(
        &mut self,
        now: Instant,
        user: UserId,
        apps: Vec<RegisteredApp>,
    ) -> Result<Answer, Refusal> {
        self.at(now);
        let Some(local) = self.users.get_mut(&user) else {
            return refuse(RefusalCode::Unknown, "unknown user");
        };
        if local.agent.is_some() {
            return refuse(RefusalCode::Busy, "this user has an agent already");
        }
        local.agent = Some(Agent { apps: apps.into_iter().map(|app| (app.app.clone(), app)).collect() });
        // Programs that are running attach again by themselves when a daemon comes back; they go first.
        local.look_at = Some(now + SETTLE_TIME);
        self.on_presence_changed();
        self.on_registry(user);
        self.settle();
        Ok(Answer::Done)
    }

    /// A user's agent is gone.
    pub fn detach_agent(&mut self, now: Instant, user: UserId) {
        self.at(now);
        if let Some(local) = self.users.get_mut(&user) {
            local.agent = None;
            self.on_presence_changed();
        }
    }

    /// Of users who share a daemon it is told whether they are there; of all what they have registered.
    fn on_presence_changed(&mut self) {
        if self.is_shared() || self.tell_apps {
            self.changed.insert(Topic::Who);
            self.heartbeat.on_change(self.out.now);
        }
    }

    /// Whether a user has an agent.
    pub fn has_agent(&self, user: UserId) -> bool {
        self.users.get(&user).is_some_and(|local| local.agent.is_some())
    }

    /// Detaches an instance from a session, and says why. It may not have heard of that when it publishes next.
    pub fn detach_from(&mut self, now: Instant, id: InstanceId, session: SessionId, reason: &str) {
        self.at(now);
        let Some(instance) = self.instances.get_mut(&id) else { return };
        if !instance.sessions.remove(&session) {
            return;
        }
        instance.unheard.insert(session);
        if let Some(found) = self.sessions.get_mut(&session) {
            found.close(id, &mut self.out);
        }
        self.out
            .events
            .push_back((id, Event::Detached { session: Some(session), reason: reason.to_owned() }));
        self.changed.insert(Topic::Instances);
        self.heartbeat.on_change(now);
        self.on_roster_changed(session);
    }

    /// An instance attaches to a session.
    pub fn open(
        &mut self,
        now: Instant,
        id: InstanceId,
        session: SessionId,
        from: &From,
    ) -> Result<Answer, Refusal> {
        self.at(now);
        let Some(instance) = self.instances.get_mut(&id) else {
            return refuse(RefusalCode::BadRequest, "attach first");
        };
        let user = instance.user;
        let Some(found) = self.sessions.get_mut(&session).filter(|found| found.joined.contains(&user)) else {
            return refuse(RefusalCode::NotJoined, "you have not joined this session");
        };
        instance.sessions.insert(session);
        instance.unheard.remove(&session);
        let (start, last_number) = found.open(id, user, instance.role, from, &mut self.out);
        let begins = found.begins();
        found.tell_snapshots(Some(id), self.keeping.keep.away, &mut self.out);
        let app = instance.role == Role::App;
        if app {
            self.launcher.on_opened(&(session, user));
            self.changed.insert(Topic::Instances);
            self.heartbeat.on_change(now);
            self.on_roster_changed(session);
        }
        let granted = crate::session::writer::CREDIT;
        let (summary, members) = (self.summary(session, user), self.members(session));
        Ok(Answer::Opened { session: summary, last_number, granted, start, begins, members })
    }

    /// An instance detaches from a session.
    pub fn close(&mut self, now: Instant, id: InstanceId, session: SessionId) -> Result<Answer, Refusal> {
        self.at(now);
        let instance = self.instances.get_mut(&id);
        if !instance.is_some_and(|instance| instance.sessions.remove(&session)) {
            return refuse(RefusalCode::BadRequest, "the session is not open");
        }
        if let Some(found) = self.sessions.get_mut(&session) {
            found.close(id, &mut self.out);
        }
        self.changed.insert(Topic::Instances);
        self.heartbeat.on_change(now);
        self.on_roster_changed(session);
        Ok(Answer::Done)
    }

    /// An instance has kept everything up to these positions.
    pub fn ack(
        &mut self,
        now: Instant,
        id: InstanceId,
        session: SessionId,
        positions: &[Position],
    ) -> Result<Answer, Refusal> {
        self.at(now);
        match self.sessions.get_mut(&session).filter(|found| found.is_open(id)) {
            Some(found) => found.ack(id, positions, &mut self.out),
            None => return refuse(RefusalCode::BadRequest, "the session is not open"),
        }
        self.settle();
        Ok(Answer::Done)
    }

    /// An instance has made, checked or taken in a snapshot, whose blob is on this host, of everything up to these positions; it was made
    /// behind these ones (its own blob: taken in).
    pub fn hold_snapshot(
        &mut self,
        now: Instant,
        id: InstanceId,
        session: SessionId,
        blob: (BlobId, u64),
        positions: &[Position],
        behind: &[BlobId],
    ) -> Result<Answer, Refusal> {
        self.at(now);
        let user = self.instances.get(&id).map(|instance| instance.user).unwrap_or_default();
        let Some(found) = self.sessions.get_mut(&session).filter(|found| found.is_open(id)) else {
            return refuse(RefusalCode::BadRequest, "the session is not open");
        };
        let away = self.keeping.keep.away;
        match found.hold_snapshot(user, blob, positions, behind, away, &mut self.out) {
            Ok(()) => {}
            Err(NotHeld::KeptWhole) => {
                return refuse(RefusalCode::NotAllowed, "what was said in this session is kept whole");
            }
            Err(NotHeld::Shut) => {
                return refuse(RefusalCode::NotAllowed, "messages in it are held back from this user");
            }
            Err(NotHeld::Needless) => return refuse(RefusalCode::NotAllowed, "later ones stand for more"),
            Err(NotHeld::Lacking) => {
                return refuse(RefusalCode::Busy, "what is here does not tell all that it stands for");
            }
        }
        found.tell_snapshots(None, self.keeping.keep.away, &mut self.out);
        self.settle();
        Ok(Answer::Done)
    }

    /// A blob of a session is to be no longer on this host.
    ///
    /// # Errors
    /// It stands for entries that were dropped here.
    pub fn part_with_snapshot(
        &mut self,
        now: Instant,
        session: SessionId,
        blob: BlobId,
    ) -> Result<(), Refusal> {
        self.at(now);
        let Some(found) = self.sessions.get_mut(&session) else { return Ok(()) };
        if !found.part_with_snapshot(blob, &mut self.out) {
            return refuse(RefusalCode::NotAllowed, "it is a snapshot of what is no longer kept otherwise");
        }
        found.tell_snapshots(None, self.keeping.keep.away, &mut self.out);
        self.settle();
        Ok(())
    }

    /// An instance answers an offer.
    pub fn answer_offer(
        &mut self,
        now: Instant,
        id: InstanceId,
        session: SessionId,
        accept: bool,
    ) -> Result<Answer, Refusal> {
        self.at(now);
        let Some(user) = self.instances.get(&id).map(|instance| instance.user) else {
            return refuse(RefusalCode::BadRequest, "attach first");
        };
        let need = self.launcher.on_answer((session, user), id, accept);
        need.into_iter().for_each(|need| self.on_need(need));
        self.settle();
        Ok(Answer::Done)
    }

    /// A user's agent says how a launch went.
    pub fn launch_result(&mut self, now: Instant, user: UserId, launch: u64, outcome: LaunchOutcome) {
        self.at(now);
        if self.on_copy_launched(user, launch, &outcome) {
            return self.settle();
        }
        let (reason, detail) = match outcome {
            LaunchOutcome::Started(_) => return self.launcher.on_started(user, launch),
            LaunchOutcome::NoApp => (FailReason::NoApp, String::new()),
            LaunchOutcome::NoDisplay | LaunchOutcome::Locked => (FailReason::NoDisplay, String::new()),
            LaunchOutcome::Failed(why) => (FailReason::LaunchFailed, why),
        };
        let need = self.launcher.on_failed(user, launch, reason, detail, now);
        need.into_iter().for_each(|need| self.on_need(need));
        self.settle();
    }

    /// A user's agent says that a program it launched has ended.
    pub fn exited(&mut self, now: Instant, user: UserId, launch: u64, status: i32) {
        self.at(now);
        let detail = format!("the program ended with status {status} before it attached");
        let need = self.launcher.on_failed(user, launch, FailReason::LaunchFailed, detail, now);
        need.into_iter().for_each(|need| self.on_need(need));
        self.settle();
    }

    /// An instance publishes a batch.
    pub fn publish<'a>(
        &mut self,
        now: Instant,
        id: InstanceId,
        head: &PublishHead,
        messages: impl Iterator<Item = Result<Outgoing<'a>, chalktalk_ipc::batch::BatchError>>,
    ) -> Result<(), PublishError> {
        self.at(now);
        let instance = self.instances.get(&id).ok_or(PublishError::NotOpen)?;
        if instance.unheard.contains(&head.session) {
            return self.drop_published(id, head, messages);
        }
        let user = instance.user;
        let session =
            self.sessions.get_mut(&head.session).filter(|s| s.is_open(id)).ok_or(PublishError::NotOpen)?;
        let mut number = head.first;
        for message in messages {
            let message = message?;
            match head.class {
                Class::Durable => {
                    let author = stream::Author { instance: id, number };
                    if !session.publish(user, author, head.destination, &message, now) {
                        return Err(PublishError::Credit);
                    }
                    number = number.saturating_add(1);
                }
                Class::Volatile if message.payload.len() > MAX_VOLATILE => {
                    return Err(PublishError::Volatile);
                }
                Class::Volatile => {
                    session.publish_volatile(user, id, head.destination, &message, &mut self.out)
                }
            }
        }
        self.settle();
        Ok(())
    }

    /// Instances that have something to be handed over.
    pub fn ready(&self) -> Vec<InstanceId> {
        self.out.ready.iter().copied().collect()
    }

    /// Hands an instance what is there for it, up to about `budget` bytes.
    pub fn deliver(
        &mut self,
        now: Instant,
        id: InstanceId,
        budget: usize,
        sink: &mut impl FnMut(SessionId, Delivery<'_>),
    ) {
        self.at(now);
        let sessions: Vec<SessionId> = match self.instances.get(&id) {
            Some(instance) => instance.sessions.iter().copied().collect(),
            None => vec![],
        };
        let share = (budget / sessions.len().max(1)).max(1);
        let mut more = false;
        for session in sessions {
            let Some(found) = self.sessions.get_mut(&session) else { continue };
            let outcome = found.deliver(id, share, now, &mut |delivery| sink(session, delivery));
            more |= self.after_delivery(id, session, outcome);
        }
        if !more {
            self.out.ready.remove(&id);
        }
    }
}
