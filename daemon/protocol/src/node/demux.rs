//! Which instance a message goes to, and whether one has to be launched for it (DESIGN §4).
//!
//! Invariant: only a durable entry that a user has not read, in a session they have joined and where no app of theirs
//! reads, can launch anything.

use super::{Action, Node};
use crate::{
    control::Failure,
    entry::Entry,
    frame::{Header, Kind},
    ids::{LogId, Seq},
    launch::{Delayed, Key, Need, Trigger},
    outbox::News,
    seal::Ring,
    session::Session,
    stream::StreamReader,
};
use chalktalk_ipc::{AppId, Event, FailReason, InstanceId, SessionId, UserId, request::Role};

impl Node {
    /// Makes sure of a session that a frame names: a direct session with a user we know begins with the first frame that
    /// nobody else can have made.
    pub(super) fn find_session(&mut self, header: &Header, datagram: &[u8], rest: &[u8]) -> bool {
        self.sessions.get(&header.session).is_some_and(Session::is_active)
            || self.is_of_pair(header, datagram, rest) && self.join_if_direct(header.session)
    }

    /// Joins the direct session of a local user and one that is known, if it is one.
    pub(super) fn join_if_direct(&mut self, id: SessionId) -> bool {
        if self.sessions.get(&id).is_some_and(Session::is_active) {
            return true;
        }
        let Some((local, other, app)) = self.directs.get(&id).cloned() else { return false };
        if self.is_blocked(local, other) || !self.has_room_for(local, id) {
            return false;
        }
        self.join_direct(id, local, other, &app);
        true
    }

    /// Whether a frame of a direct session that has not begun here is by somebody who has its key.
    fn is_of_pair(&mut self, header: &Header, datagram: &[u8], rest: &[u8]) -> bool {
        let Some(ring) = self.direct_key(header.session).map(Ring::of) else { return false };
        let mut scratch = Vec::new();
        if header.kind != Kind::Entry {
            return ring
                .open_frame(header, datagram, &mut scratch)
                .is_some_and(|number| self.is_present(number));
        }
        Entry::parse(header, datagram, rest).is_ok_and(|entry| ring.open_entry(entry, &mut scratch).is_some())
    }

    /// Entries of others were accepted.
    pub(super) fn on_news(&mut self, news: News) {
        let Some(session) = self.sessions.get(&news.session) else { return };
        let Some(author) = session.logs().get(&news.log).and_then(|log| log.author()).cloned() else {
            return;
        };
        let is_own = session.is_own(news.log);
        if news.first == Seq(1) {
            self.on_claim(&author);
        }
        let (author, host) = (author.user, author.host);
        if host == self.host && self.users.contains_key(&author) && !is_own {
            return self.on_own_tail(news);
        }
        let session = &self.sessions[&news.session];
        let users: Vec<UserId> = session.joined.iter().copied().filter(|user| *user != author).collect();
        for user in users.into_iter().filter(|user| !self.is_shut(*user, author)).collect::<Vec<_>>() {
            let session = &self.sessions[&news.session];
            let addressed = self.first_unread(session, user, author, news);
            let Some((trigger, destination)) = addressed else { continue };
            if !destination.is_nil() && self.instances.contains_key(&destination) {
                continue;
            }
            if self.gone.contains(&destination) {
                self.report(news.session, trigger, FailReason::Gone, String::new());
            } else if destination.is_nil() {
                self.consider((news.session, user), trigger);
            }
        }
    }

    /// The first of these messages that nobody of this user's apps has read or is reading, and whom it is for.
    fn first_unread(
        &self,
        session: &Session,
        user: UserId,
        author: UserId,
        news: News,
    ) -> Option<(Trigger, InstanceId)> {
        let log = session.logs().get(&news.log)?;
        let mut reader = StreamReader::in_middle();
        let mut found: Option<(Trigger, InstanceId)> = None;
        let attended = session.app_readers(user).next().is_some();
        let mut scratch = Vec::new();
        for seq in news.first.0..=news.last.0 {
            let Some(datagram) = log.entry(Seq(seq)) else { continue };
            let entry = Entry::from_datagram(datagram).expect("accepted entries were parsed");
            if session.is_history(news.log, entry.seq) || (attended && entry.destination.is_nil()) {
                continue;
            }
            // Opening costs: what is being read anyway has been passed over by now.
            let Some(entry) = session.keys.open_entry(entry, &mut scratch) else { continue };
            let personal = session.pair.is_some() || !entry.destination.is_nil();
            let _ = reader.read(&entry, |message| {
                if session.has_read(user, news.log, (entry.seq, message.index)) {
                    return;
                }
                let mention = message.mentions(&user) || message.urgent;
                let trigger = Trigger {
                    log: news.log,
                    author,
                    instance: message.author.instance,
                    number: message.author.number,
                    personal,
                    mention: mention || found.is_some_and(|(before, _)| before.mention),
                };
                found = Some((trigger, entry.destination));
            });
        }
        found
    }

    /// Entries of a former life of ours came back from others: our instances' numbers go on behind them.
    fn on_own_tail(&mut self, news: News) {
        let Some(session) = self.sessions.get_mut(&news.session) else { return };
        let writes = session.learn_numbers(news.log, news.first, news.last);
        self.out.writes.extend(writes);
    }

    /// A message has no instance to show it: offer its session to one, or have one launched.
    fn consider(&mut self, key: Key, trigger: Trigger) {
        let (id, user) = key;
        let (Some(session), Some(local)) = (self.sessions.get(&id), self.users.get(&user)) else { return };
        if session.descriptor.parent.is_some() {
            return; // copies of an app that is run together are launched by notices alone
        }
        let app = &session.descriptor.app;
        let closed = local.closed.contains(app) && !trigger.personal && !trigger.mention;
        if closed || self.launcher.has_job(&key) || session.app_readers(user).next().is_some() {
            return;
        }
        self.start(key, trigger);
    }

    fn start(&mut self, key: Key, trigger: Trigger) {
        let (id, user) = key;
        let Some(session) = self.sessions.get(&id) else { return self.launcher.on_opened(&key) };
        if session.app_readers(user).next().is_some() {
            return self.launcher.on_opened(&key);
        }
        let app = session.descriptor.app.clone();
        let candidate = if session.pair.is_none() && self.takes_many(user, &app) {
            let fits = |instance: &super::Instance| {
                instance.user == user && instance.app == app && instance.role == Role::App
            };
            let candidates =
                self.instances.iter().filter(|(id, i)| fits(i) && !self.launcher.refused(&key, **id));
            candidates.max_by_key(|(_, instance)| instance.order).map(|(id, _)| *id)
        } else {
            None
        };
        match candidate {
            Some(instance) => {
                self.launcher.offer(key, app, trigger, instance, self.out.now);
                let session = self.summary(id, user);
                self.out.events.push_back((instance, Event::Offer { session }));
                self.out.counters.add("offers", 1);
            }
            None => self.launch(key, app, trigger),
        }
    }

    fn launch(&mut self, key: Key, app: AppId, trigger: Trigger) {
        let (id, user) = key;
        let Some(local) = self.users.get_mut(&user) else { return };
        let registered = local.agent.as_ref().map(|agent| agent.apps.contains_key(&app));
        if registered != Some(true) {
            self.launcher.on_opened(&key);
            let reason = if registered.is_none() { FailReason::NoAgent } else { FailReason::NoApp };
            if reason == FailReason::NoAgent {
                local.waiting.insert(id);
            }
            return self.report(id, trigger, reason, String::new());
        }
        match self.launcher.launch(key, app.clone(), trigger, self.out.now, &mut self.out.rng) {
            Ok((launch, token)) => {
                let session = self.summary(id, user);
                self.actions
                    .push_back(Action::NotifyAgent(user, Event::Launch { launch, app, session, token }));
                self.out.counters.add("launches", 1);
            }
            Err(Delayed::Resting(why)) => self.report(id, trigger, FailReason::LaunchFailed, why),
            Err(Delayed::Queued) => self.out.counters.add("launches.queued", 1),
        }
    }

    pub(super) fn on_need(&mut self, need: Need) {
        match need {
            Need::Start(key, trigger) => self.start(key, trigger),
            Need::Failed((session, _), trigger, reason, detail) => {
                self.report(session, trigger, reason, detail)
            }
        }
    }

    /// A message could not be handed over: its sender is told if it was meant for somebody in person.
    fn report(&mut self, session: SessionId, trigger: Trigger, reason: FailReason, detail: String) {
        self.out.counters.add("undelivered", 1);
        if !trigger.personal {
            return;
        }
        let host =
            self.sessions.get(&session).and_then(|s| s.logs().get(&trigger.log)?.author().map(|a| a.host));
        let Some(host) = host else { return };
        let said = Self::fail_reason_text(reason);
        let detail = if detail.is_empty() { said.to_owned() } else { format!("{said}: {detail}") };
        let failure = Failure {
            host: self.host,
            instance: trigger.instance,
            number: trigger.number,
            reason,
            detail: detail.chars().take(300).collect(),
        };
        self.tell_failure(session, host, failure);
    }

    fn takes_many(&self, user: UserId, app: &AppId) -> bool {
        let registered = self.users.get(&user).and_then(|local| local.agent.as_ref()?.apps.get(app));
        registered.map_or(*app == AppId::chat(), |app| app.many)
    }

    /// An agent has come: what had waited for one is looked at again, and what was not read before the daemon stopped.
    pub(super) fn on_agent(&mut self, user: UserId) {
        let Some(local) = self.users.get_mut(&user) else { return };
        local.look_at = None;
        let mut ids = std::mem::take(&mut local.waiting);
        let unread = |session: &&Session| session.joined.contains(&user) && session.has_old_unread(user);
        ids.extend(self.sessions.values().filter(unread).map(Session::id));
        for id in ids {
            let Some(trigger) = self.waiting_trigger(id, user) else { continue };
            self.consider((id, user), trigger);
        }
    }

    /// Stands for messages that wait in a session; which of them is not known any more, so nobody is told of a failure.
    fn waiting_trigger(&self, id: SessionId, user: UserId) -> Option<Trigger> {
        let session = self.sessions.get(&id)?;
        let others = session.logs().iter().filter_map(|(log, l)| Some((*log, l.author()?.user)));
        let speaks = |author: UserId| author != user && !self.is_shut(user, author);
        let (log, author): (LogId, UserId) = others.rev().find(|(_, author)| speaks(*author))?;
        Some(Trigger {
            log,
            author,
            instance: InstanceId::NIL,
            number: 0,
            personal: false,
            mention: session.pair.is_some(),
        })
    }

    /// Who is in a session has changed: those who follow it are told.
    pub(super) fn on_roster_changed(&mut self, id: SessionId) {
        self.stir_children(id);
        let Some(session) = self.sessions.get(&id) else { return };
        let readers: Vec<InstanceId> = session.readers().collect();
        if readers.is_empty() {
            return;
        }
        let members = self.members(id);
        for instance in readers {
            self.out.events.push_back((instance, Event::Roster { session: id, members: members.clone() }));
        }
    }
}
