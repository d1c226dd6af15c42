//! What programs and agents do in the world.
//!
//! Invariant: a program knows only what its daemon has told it.

use super::{Happening, World, is_whole, payload};
use crate::sim::{
    app::{Acks, App, Habits, Seat},
    host::Launches,
    ledger::{Delivered, Reading},
};
use chalktalk_ipc::{
    Answer, AppId, Event, InstanceId, Position, RefusalCode, SessionId, UserId,
    batch::{Class, Outgoing, PublishHead},
    request::{LaunchOutcome, Role, SessionKind},
};
use chalktalk_protocol::{node::Attach, session::delivery::Delivery};
use std::{collections::BTreeMap, time::Duration};

impl World {
    pub(super) fn connect(&mut self, app: usize, instance: Option<InstanceId>) {
        let now = self.now;
        let App { host, user, ref habits, .. } = self.apps[app];
        let node = self.hosts[host].node.as_mut().expect("the host runs");
        let instance = instance.filter(|id| !id.is_nil());
        match node.attach(
            now,
            user,
            Attach { instance, app: habits.app.clone(), pid: app as u32, role: habits.role, token: None },
        ) {
            Ok(Answer::Attached { instance, .. }) => self.on_attached(app, instance),
            other => self.check(Err(format!("app {app} cannot attach: {other:?}"))),
        }
        self.pump(host);
    }

    pub(super) fn on_attached(&mut self, app: usize, instance: InstanceId) {
        self.trace.note(self.now, format_args!("app {app} attaches as {instance:?}"));
        let found = &mut self.apps[app];
        (found.instance, found.attached) = (instance, true);
        let sessions: Vec<SessionId> = found.seats.keys().copied().collect();
        sessions.into_iter().for_each(|session| self.open_seat(app, session));
    }

    pub(in crate::sim) fn open_seat(&mut self, app: usize, session: SessionId) {
        let now = self.now;
        let App { host, user, instance, connection, ref habits, ref seats, .. } = self.apps[app];
        let Some(seat) = seats.get(&session) else { return }; // its user has left meanwhile
        let from = seat.opening(habits.keeps);
        if !habits.keeps {
            self.ledger.forget(app, session);
        }
        let node = self.hosts[host].node.as_mut().expect("the host runs");
        let mut answer = node.open(now, instance, session, &from);
        if matches!(&answer, Err(refusal) if refusal.code == RefusalCode::NotJoined) {
            // The host crashed before it had stored that its user joined.
            let Seat { ref target, kind, history, .. } = seats[&session];
            if node.join(now, user, target, &habits.app, kind, history).is_err() {
                return self.later(Duration::from_millis(100), Happening::Open { app, connection, session });
            }
            answer = node.open(now, instance, session, &from);
        }
        match answer {
            Ok(Answer::Opened { last_number, granted, start, .. }) => {
                let stored = self.ledger.stored(session, instance);
                let seat = self.apps[app].seats.get_mut(&session).expect("it is being opened");
                let forgotten = seat.kind == SessionKind::Kept && last_number < stored;
                seat.on_opened(last_number, granted, &start);
                self.check(if forgotten {
                    Err(format!("app {app} was told stored {stored}, and {last_number} is the last there"))
                } else {
                    Ok(())
                });
                self.hand_over(app, session);
            }
            other => self.check(Err(format!("app {app} cannot open {session:?}: {other:?}"))),
        }
    }

    pub(super) fn queue_message(
        &mut self,
        app: usize,
        session: SessionId,
        destination: InstanceId,
        bytes: usize,
    ) {
        let instance = self.apps[app].instance;
        let Some(seat) = self.apps[app].seats.get_mut(&session) else { return };
        let number = seat.next;
        seat.next += 1;
        let payload = payload(number, bytes);
        self.ledger.publish(session, instance, destination, &payload);
        seat.backlog.push_back(crate::sim::app::Unsafe { number, destination, payload });
    }

    /// Hands over as much of the backlog as the credit allows.
    pub(super) fn hand_over(&mut self, app: usize, session: SessionId) {
        let now = self.now;
        let App { host, instance, attached, .. } = self.apps[app];
        let Some(seat) = self.apps[app].seats.get_mut(&session).filter(|seat| attached && seat.open) else {
            return;
        };
        let node = self.hosts[host].node.as_mut().expect("who is attached is attached to a node");
        let mut outcome = Ok(());
        while let Some(message) = seat.next_to_hand() {
            let head = PublishHead {
                session,
                destination: message.destination,
                first: message.number,
                class: Class::Durable,
            };
            outcome = node.publish(now, instance, &head, [Ok(Outgoing::new(&message.payload))].into_iter());
            if outcome.is_err() {
                break;
            }
        }
        self.check(outcome.map_err(|e| format!("app {app} cannot publish: {e}")));
        self.pump(host);
    }

    pub(super) fn app_of(&self, instance: InstanceId) -> Option<usize> {
        self.apps.iter().rposition(|app| app.attached && app.instance == instance)
    }

    pub(super) fn notify(&mut self, instance: InstanceId, event: Event) {
        let Some(app) = self.app_of(instance) else { return };
        match event {
            Event::Credit { session, granted } => {
                if let Some(seat) = self.apps[app].seats.get_mut(&session) {
                    seat.granted = granted;
                }
                self.later(Duration::ZERO, Happening::Told(Box::new(move |w| w.hand_over(app, session))));
            }
            Event::Progress { session, appended, stored, held_by, delivered } => {
                let outcome = self.ledger.on_stored(session, instance, stored);
                self.check(outcome);
                let found = &mut self.apps[app];
                found.delivered.insert(session, delivered);
                found.held.insert(session, held_by);
                if let Some(seat) = found.seats.get_mut(&session) {
                    seat.on_safe(if seat.kind == SessionKind::Kept { stored } else { appended });
                }
            }
            Event::Failed { session, number, reason, .. } => {
                self.trace.note(self.now, format_args!("app {app} is told that {number} failed: {reason:?}"));
                self.apps[app].failures.push((session, number, reason));
            }
            Event::Snapshots { session, snapshots } => {
                let look = move |world: &mut World| world.on_snapshots(app, session, snapshots);
                self.later(Duration::from_millis(1), Happening::Told(Box::new(look)));
            }
            Event::Offer { session } => {
                let accept = self.apps[app].habits.takes_offers;
                self.later(
                    Duration::from_millis(2),
                    Happening::Told(Box::new(move |w| {
                        w.answer_offer(app, session.session, session.kind, accept)
                    })),
                );
            }
            _ => {}
        }
    }

    pub(super) fn answer_offer(&mut self, app: usize, session: SessionId, kind: SessionKind, accept: bool) {
        let (now, host, instance) = (self.now, self.apps[app].host, self.apps[app].instance);
        if !self.apps[app].attached {
            return;
        }
        let node = self.hosts[host].node.as_mut().expect("who is attached is attached to a node");
        let answered = node.answer_offer(now, instance, session, accept);
        self.check(answered.map(drop).map_err(|e| e.message));
        if accept && !self.apps[app].seats.contains_key(&session) {
            self.apps[app].seats.insert(session, Seat::offered(session, kind));
            self.open_seat(app, session);
        }
        self.pump(host);
    }

    pub(super) fn plan_turn(&mut self, instance: InstanceId) {
        let Some(app) = self.app_of(instance) else { return };
        let found = &mut self.apps[app];
        if !std::mem::replace(&mut found.turn, true) {
            let (pause, connection) = (found.habits.pause, found.connection);
            let wait = self.chance.between(pause, pause * 2);
            self.later(wait, Happening::Turn { app, connection });
        }
    }

    /// A program takes what is there for it.
    pub(super) fn on_turn(&mut self, app: usize, connection: u32) {
        let now = self.now;
        let App { host, instance, ref habits, .. } = self.apps[app];
        if self.apps[app].connection != connection {
            return;
        }
        let budget = habits.budget;
        self.apps[app].turn = false;
        let (apps, ledger) = (&mut self.apps, &mut self.ledger);
        let found = &mut apps[app];
        let (mut shown, mut outcome) = (BTreeMap::<SessionId, Vec<Position>>::new(), Ok(()));
        let (trace, mut told) = (&mut self.trace, Vec::new());
        let node = self.hosts[host].node.as_mut().expect("who is attached is attached to a node");
        node.deliver(now, instance, budget, &mut |session, delivery| {
            let Some(seat) = found.seats.get_mut(&session) else {
                outcome = Err(format!("app {app} is handed a session it has not opened"));
                return;
            };
            match delivery {
                Delivery::Message(head, incoming) if head.flags.volatile => {
                    found.volatile += 1;
                    found.volatile_by.insert(head.user);
                    if outcome.is_ok() {
                        outcome = ledger.hear_volatile(incoming.payload);
                    }
                }
                Delivery::Message(head, incoming) => {
                    let reading = Reading {
                        app,
                        instance,
                        whole: seat.kind == SessionKind::Kept && is_whole(&seat.from),
                    };
                    let message = Delivered {
                        session,
                        author: head.instance,
                        late: head.flags.late,
                        redelivered: head.flags.redelivered,
                        payload: incoming.payload,
                    };
                    let position = head.position(&incoming);
                    trace.note(
                        now,
                        format_args!("app {app} hears {position:?} of {:?} in {session:?}", head.instance),
                    );
                    if head.instance.is_nil() || (told.contains(&head.origin) && head.user.is_nil()) {
                        outcome = Err(format!("app {app} hears somebody without a name"));
                    }
                    if outcome.is_ok() {
                        outcome = ledger.hear(reading, &message);
                    }
                    seat.on_shown(position);
                    if found.habits.app == AppId::whiteboard() {
                        seat.drawing.hear(head.instance, incoming.payload, position);
                    }
                    found.again += u64::from(head.flags.redelivered);
                    shown.entry(session).or_default().push(position);
                }
                Delivery::Author { origin, .. } => told.push(origin),
                Delivery::CaughtUp => seat.caught_up = true,
                Delivery::Lost { log, first, last } => {
                    trace.note(now, format_args!("app {app} lost {first:?} to {last:?} of {log:?}"));
                    seat.lost += last.0 + 1 - first.0;
                }
            }
        });
        self.check(outcome);
        for (session, positions) in shown {
            self.plan_ack(app, session, positions);
            self.look_at_snapshots(app, session);
        }
        self.pump(host);
    }

    pub(super) fn plan_ack(&mut self, app: usize, session: SessionId, positions: Vec<Position>) {
        let connection = self.apps[app].connection;
        let last: BTreeMap<_, Position> = positions.into_iter().map(|p| ((p.origin, p.epoch), p)).collect();
        let positions: Vec<Position> = last.into_values().collect();
        match self.apps[app].habits.acks {
            Acks::AtOnce => self.acknowledge(app, connection, session, &positions),
            Acks::Late(wait) => {
                self.later(wait, Happening::Ack { app, connection, session, positions });
            }
            Acks::Never => {}
        }
    }

    pub(super) fn acknowledge(
        &mut self,
        app: usize,
        connection: u32,
        session: SessionId,
        positions: &[Position],
    ) {
        let (now, host, instance) = (self.now, self.apps[app].host, self.apps[app].instance);
        if self.apps[app].connection != connection || !self.apps[app].attached {
            return;
        }
        let node = self.hosts[host].node.as_mut().expect("who is attached is attached to a node");
        let done = node.ack(now, instance, session, positions);
        self.check(done.map(drop).map_err(|e| format!("app {app} cannot acknowledge: {}", e.message)));
        self.pump(host);
    }

    // --- launching --------------------------------------------------------------------------------------------------

    pub(super) fn launch(
        &mut self,
        host: usize,
        user: UserId,
        launch: u64,
        session: SessionId,
        app: AppId,
        token: String,
    ) {
        self.trace.note(self.now, format_args!("host {host} launches {app} for {session:?}"));
        let found = &mut self.hosts[host];
        let twice = !found.launching.insert((session, user));
        *found.launched.entry(session).or_default() += 1;
        let agent = found.agent.clone();
        let life = found.life;
        self.check(if twice { Err(format!("host {host} launches twice for {session:?}")) } else { Ok(()) });
        let Some(agent) = agent else {
            return self.check(Err(format!("host {host} launches without an agent")));
        };
        self.later(agent.takes, Happening::Launched { host, life, launch, session, app, token });
    }

    pub(super) fn on_launched(
        &mut self,
        host: usize,
        life: u64,
        launch: u64,
        session: SessionId,
        app: AppId,
        token: String,
    ) {
        let now = self.now;
        let found = &mut self.hosts[host];
        let (Some(node), Some(agent)) = (&mut found.node, &found.agent) else { return };
        if found.life != life {
            return;
        }
        let takes = agent.takes;
        let how = agent.launches;
        if how == Launches::Fail {
            found.launching.remove(&(session, found.user));
            node.launch_result(now, found.user, launch, LaunchOutcome::Failed("it is broken".into()));
            return self.pump(host);
        }
        node.launch_result(now, found.user, launch, LaunchOutcome::Started(4711));
        if how != Launches::Work {
            found.launching.remove(&(session, found.user));
        }
        self.pump(host);
        match how {
            Launches::Work => self.later(takes, Happening::Opened { host, life, session, app, token }),
            Launches::Exit => self.later(takes, Happening::Exited { host, life, launch }),
            _ => {}
        }
    }

    /// A launched program attaches with its token and opens its session.
    pub(super) fn on_launched_attaches(
        &mut self,
        host: usize,
        life: u64,
        session: SessionId,
        app: AppId,
        token: &str,
    ) {
        let now = self.now;
        let found = &mut self.hosts[host];
        let user = found.user;
        let Some(node) = found.node.as_mut().filter(|_| found.life == life) else { return };
        found.launching.remove(&(session, user));
        let number = self.apps.len();
        let answer = node.attach(
            now,
            user,
            Attach {
                instance: None,
                app: app.clone(),
                pid: number as u32,
                role: Role::App,
                token: Some(token),
            },
        );
        let (instance, summary) = match answer {
            Ok(Answer::Attached { instance, session: Some(summary) }) => (instance, summary),
            other => return self.check(Err(format!("a launched program cannot attach: {other:?}"))),
        };
        let mut launched = App::new(host, user, Habits { app, ..Habits::chat() });
        launched.seats.insert(summary.session, Seat::offered(session, summary.kind));
        self.apps.push(launched);
        self.on_attached(number, instance);
        self.pump(host);
    }
}
