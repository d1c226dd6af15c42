//! What local users ask of app sessions: to start one, to take part or not, to call one off.
//!
//! Invariant: nobody takes part without a word of theirs, or a policy that they have set.

use super::Running;
use crate::{
    control::Descriptor,
    ids,
    node::{Node, local::refuse},
    nway::{
        activity::{Barred, Closed},
        notice::{self, Invite, Notice},
        turn::Turn,
    },
    seal::Key,
    session::members::Members,
    time::Instant,
};
use chalktalk_ipc::{
    Answer, AppId, HostId, Refusal, RefusalCode, SessionId, UserId,
    event::Scope,
    nway::{Model, Part, Standing},
    request::{SessionKind, Topic},
    text,
};
use rand_core::Rng;

/// How long an invitation waits, if nobody says otherwise, in seconds.
const LIFETIME: u32 = 600;

/// Participants that an app may allow at most.
const MOST: u16 = chalktalk_ipc::nway::MOST;

/// What is to be started.
#[derive(Clone, Debug)]
pub struct StartWish<'a> {
    /// The app.
    pub app: &'a AppId,
    /// From which session.
    pub target: &'a str,
    /// What app that is of.
    pub parent_app: &'a AppId,
    /// What to call it.
    pub title: Option<&'a str>,
    /// How many have to accept.
    pub least: Option<u16>,
    /// How many can take part.
    pub most: Option<u16>,
    /// Seconds.
    pub lifetime: Option<u32>,
}

impl Node {
    /// A user starts an app with the others of a session.
    pub fn start_app(&mut self, now: Instant, user: UserId, wish: &StartWish<'_>) -> Result<Answer, Refusal> {
        self.at(now);
        if wish.target.starts_with('@') {
            self.join(now, user, wish.target, wish.parent_app, SessionKind::Kept, true)?; // nobody has to talk first
        }
        let parent = self.resolve(user, wish.target, wish.parent_app)?;
        if !self.has_joined(user, parent) {
            return refuse(RefusalCode::NotJoined, format!("you are not in {}", wish.target));
        }
        let invite = self.invitation_for(user, wish)?;
        let id = invite.session;
        self.check_session_limit(user, id)?;
        self.make_app_session(id, user, parent, &invite);
        let part = if invite.model == Model::Host { Part::Host } else { Part::Player };
        let text = invite.text();
        let session = self.sessions.get_mut(&parent).expect("the user is in it");
        let since = session.next_stamp();
        session.notify(user, &Notice::Invite(invite.clone()));
        let mut running =
            Running::new(parent, crate::nway::activity::Activity::new(invite), now, self.out.wall);
        let addresses = self.own_reach();
        let detail = String::new();
        self.turn(&mut running, user, Turn::Accept { part, since, addresses, detail });
        self.together.apps.insert(id, running);
        self.say_text(parent, user, id, 1, &text);
        self.changed.insert(Topic::Sessions);
        self.settle();
        Ok(Answer::AppSession(self.app_session(id, user).expect("just made")))
    }

    fn invitation_for(&mut self, user: UserId, wish: &StartWish<'_>) -> Result<Invite, Refusal> {
        if let Some(lacks) = self.what_lacks(user, wish.app) {
            let message = match self.has_agent(user) {
                true => {
                    format!("{} is not registered here; `chalktalk app add MANIFEST` registers it", wish.app)
                }
                false => lacks.replace("there", "here") + "; start chalktalk-agent",
            };
            return refuse(RefusalCode::Unknown, message);
        }
        let agent = self.users[&user].agent.as_ref().expect("what_lacks has looked");
        let (registered, together) = (&agent.apps[wish.app], agent.apps[wish.app].together.clone());
        let title = text::label(wish.title.unwrap_or(&registered.name));
        let version = text::label(&registered.version);
        let most = wish.most.unwrap_or(together.most).clamp(1, MOST);
        let least = wish.least.unwrap_or(together.least);
        let lifetime = wish.lifetime.unwrap_or(LIFETIME);
        if title.is_empty() {
            return refuse(RefusalCode::BadRequest, "the title has no visible character");
        }
        if least > most {
            return refuse(
                RefusalCode::BadRequest,
                format!("it cannot wait for {least} where {most} can take part"),
            );
        }
        if !(1..=notice::LONGEST).contains(&lifetime) {
            return refuse(RefusalCode::BadRequest, "an invitation waits between a second and a day");
        }
        let mut nonce = [0; 16];
        self.out.rng.fill_bytes(&mut nonce);
        let session = ids::created(wish.app, &user, &nonce);
        Ok(Invite {
            session,
            app: wish.app.clone(),
            creator: user,
            nonce,
            version,
            title,
            model: together.model,
            least,
            most,
            lifetime,
            to: None,
        })
    }

    /// Makes the session that the copies share: open where its parent is, else with a key of its own.
    pub(super) fn make_app_session(
        &mut self,
        id: SessionId,
        user: UserId,
        parent: SessionId,
        invite: &Invite,
    ) {
        if self.sessions[&parent].descriptor.scope == Scope::Open {
            return self.enter_open(id, user, parent, invite);
        }
        let mut frames = [0; 32];
        self.out.rng.fill_bytes(&mut frames);
        let descriptor = descriptor(parent, invite, Scope::Invite);
        let members = Members::new(user, invite.nonce, Key::new(frames), true);
        self.enter_invited(id, user, descriptor, members, None);
        self.sessions.get_mut(&id).expect("just entered").rotate(&mut self.out);
    }

    fn enter_open(&mut self, id: SessionId, user: UserId, parent: SessionId, invite: &Invite) {
        self.enter(id, user, descriptor(parent, invite, Scope::Open), None);
    }

    /// A user takes part in an app session, for the first time or again.
    pub fn take_part(
        &mut self,
        now: Instant,
        user: UserId,
        id: SessionId,
        wish: Part,
    ) -> Result<Answer, Refusal> {
        self.at(now);
        self.may_take_part(user, id)?;
        let mut running = self.together.apps.remove(&id).expect("it was looked up");
        self.enter_part(&mut running, user, wish, false);
        self.together.apps.insert(id, running);
        self.changed.insert(Topic::Invitations);
        self.stir(id);
        self.settle();
        Ok(Answer::AppSession(self.app_session(id, user).expect("it was looked up")))
    }

    fn may_take_part(&self, user: UserId, id: SessionId) -> Result<(), Refusal> {
        let running = self.together.apps.get(&id).filter(|app| self.has_joined(user, app.parent));
        let Some(running) = running else {
            let message = format!("no invitation {id} waits; `chalktalk invitations` lists them");
            return refuse(RefusalCode::Unknown, message);
        };
        let hosts = self.hosts_in(running.parent);
        let present = |host: HostId| hosts.contains(&host);
        match running.activity.may_accept(&self.here(running, user, &present)) {
            Err(Barred::TakesPart) => return refuse(RefusalCode::BadRequest, "you take part already"),
            Err(Barred::Closed(Closed::Ended)) => {
                return refuse(RefusalCode::Unknown, "it has ended: nobody takes part any more");
            }
            Err(Barred::Closed(Closed::Cancelled)) => {
                return refuse(RefusalCode::NotAllowed, "it was called off");
            }
            Err(Barred::Expired) => return refuse(RefusalCode::Unknown, "the invitation has expired"),
            Ok(()) => {}
        }
        if let Some(lacks) = self.what_lacks(user, &running.activity.invite.app) {
            let message = format!(
                "{}: {}; `chalktalk app add` registers apps",
                running.activity.invite.app,
                lacks.replace(" there", " here")
            );
            return refuse(RefusalCode::Unknown, message);
        }
        self.check_session_limit(user, id)
    }

    /// Says that a local user takes part. They keep the place they had.
    pub(super) fn enter_part(&mut self, running: &mut Running, user: UserId, wish: Part, automatic: bool) {
        let part = Self::part_of(running, user, wish);
        let Some(parent) = self.sessions.get(&running.parent) else { return };
        let since = parent.next_stamp();
        let open = parent.descriptor.scope == Scope::Open;
        match automatic {
            true => running.automatic.insert(user),
            false => running.automatic.remove(&user),
        };
        if open {
            let invite = running.activity.invite.clone();
            self.enter_open(invite.session, user, running.parent, &invite);
        }
        let (addresses, detail) = (self.own_reach(), self.other_version(running, user));
        self.turn(running, user, Turn::Accept { part, since, addresses, detail });
    }

    /// Whether a local user has accepted, and the key of the app session has not come.
    pub(in crate::node) fn waits_for_key(&self, user: UserId, id: SessionId) -> bool {
        let stand = self.together.apps.get(&id).and_then(|app| app.stand(&self.member(user)));
        stand.is_some_and(|stand| stand.standing.is_active()) && !self.has_joined(user, id)
    }

    /// A user answers an invitation to an app session as they answer others.
    pub(in crate::node) fn answer_app_invitation(
        &mut self,
        user: UserId,
        id: SessionId,
        accept: bool,
    ) -> Result<Answer, Refusal> {
        let now = self.out.now;
        if accept {
            self.take_part(now, user, id, Part::Player)?;
            return Ok(Answer::Session(self.app_summary(id, user)));
        }
        let me = self.member(user);
        let stand = self.together.apps.get(&id).and_then(|app| app.stand(&me)).map(|stand| stand.standing);
        if matches!(stand, Some(Standing::Starting | Standing::In)) {
            return refuse(RefusalCode::BadRequest, "the program runs: end it to leave");
        }
        if stand.is_none() || !self.turn_in(id, user, Turn::Decline) {
            let message = format!("no invitation {id} waits; `chalktalk invitations` lists them");
            return refuse(RefusalCode::Unknown, message);
        }
        self.changed.insert(Topic::Invitations);
        self.settle();
        Ok(Answer::Done)
    }

    /// Who made an app session calls it off.
    pub fn cancel(&mut self, now: Instant, user: UserId, id: SessionId) -> Result<Answer, Refusal> {
        self.at(now);
        let running = self.together.apps.get(&id).filter(|app| self.has_joined(user, app.parent));
        let Some(running) = running else {
            return refuse(
                RefusalCode::Unknown,
                format!("no app session {id} is known; `chalktalk sessions` lists them"),
            );
        };
        if running.activity.invite.creator != user {
            let name = self.name_of_user(running.activity.invite.creator);
            return refuse(RefusalCode::NotAllowed, format!("only {name}, who started it, can call it off"));
        }
        if running.activity.cancelled {
            return refuse(RefusalCode::BadRequest, "it was called off already");
        }
        let parent = running.parent;
        self.sessions
            .get_mut(&parent)
            .expect("the user is in it")
            .notify(user, &Notice::Cancel { session: id });
        self.settle();
        Ok(Answer::Done)
    }
}

fn descriptor(parent: SessionId, invite: &Invite, scope: Scope) -> Descriptor {
    Descriptor {
        app: invite.app.clone(),
        title: invite.title.clone(),
        scope,
        kind: SessionKind::Kept,
        history: true,
        parent: Some(parent),
    }
}
