//! Several users on one daemon: each sees what is theirs and what the whole LAN hears, and none takes another's part.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use chalktalk_ipc::{
    Answer, AppId, Event, InstanceId, RefusalCode, SessionId, UserId,
    batch::{Class, Outgoing, PublishHead},
    event::SessionSummary,
    request::{Availability, From, LaunchOutcome, RegisteredApp, Role, SessionKind},
};
use chalktalk_protocol::{
    Action, Instant, Node, NodeConfig, UserSeeds,
    frame::{Header, Kind},
    net::{Link, LinkId, Way},
    node::{Attach, Quota, Wish},
    session::delivery::Delivery,
    store::Restored,
};
use std::time::Duration;

const QUOTA: Quota = Quota { instances: 4, sessions: 30, stored: 50_000 };

struct World {
    now: Instant,
    node: Node,
    ana: UserId,
    ben: UserId,
}

impl World {
    fn new() -> Self {
        Self::restored(Restored::default(), 1)
    }

    fn restored(restored: Restored, incarnation: u64) -> Self {
        let mut config = NodeConfig::new("shared", [1; 32], [incarnation as u8; 32], incarnation);
        config.quota = Some(QUOTA);
        let now = Instant::ZERO;
        let mut node = Node::new(config, restored, now, 1);
        let mut user = |n: u8, name: &str| {
            node.add_user(now, UserSeeds { user: [n; 32], origin: [n + 1; 32], name: name.into() })
        };
        let (ana, ben) = (user(10, "ana"), user(20, "ben"));
        let v4 = vec![("10.0.0.1".parse().unwrap(), 24)];
        let link =
            Link { id: LinkId(1), name: "eth0".into(), mtu: 1500, v4, v6: None, ways: Way::GROUP.to_vec() };
        node.set_links(now, vec![link]);
        Self { now, node, ana, ben }
    }

    fn attach(&mut self, user: UserId, instance: Option<InstanceId>) -> InstanceId {
        let wish = Attach { instance, app: AppId::chat(), pid: 1, role: Role::App, token: None };
        match self.node.attach(self.now, user, wish) {
            Ok(Answer::Attached { instance, .. }) => instance,
            other => panic!("{other:?}"),
        }
    }

    fn join(&mut self, user: UserId, target: &str) -> SessionSummary {
        match self.node.join(self.now, user, target, &AppId::chat(), SessionKind::Kept, true) {
            Ok(Answer::Session(session)) => session,
            other => panic!("{target}: {other:?}"),
        }
    }

    fn enter(&mut self, user: UserId, target: &str) -> (InstanceId, SessionId) {
        let (instance, session) = (self.attach(user, None), self.join(user, target).session);
        self.node.open(self.now, instance, session, &From::Start).unwrap();
        (instance, session)
    }

    fn publish(&mut self, instance: InstanceId, session: SessionId, first: u64, payload: &[u8]) {
        let head = PublishHead { session, destination: InstanceId::NIL, first, class: Class::Durable };
        self.node.publish(self.now, instance, &head, [Ok(Outgoing::new(payload))].into_iter()).unwrap();
    }

    /// Everything leaves, and all of it is stored.
    fn settle(&mut self) -> Vec<Action> {
        self.now += Duration::from_millis(20);
        self.node.handle_timeout(self.now);
        while self.node.poll_transmit(self.now).is_some() {}
        while let Some(batch) = self.node.poll_write() {
            self.node.stored(self.now, batch.number);
        }
        std::iter::from_fn(|| self.node.poll_action()).collect()
    }

    fn texts(&mut self, instance: InstanceId) -> Vec<String> {
        let mut texts = Vec::new();
        self.node.deliver(self.now, instance, 1 << 20, &mut |_, delivery| {
            if let Delivery::Message(_, message) = delivery {
                texts.push(String::from_utf8_lossy(message.payload).into_owned());
            }
        });
        texts
    }

    fn titles(&self, user: UserId) -> Vec<String> {
        self.node.session_list(user).into_iter().map(|session| session.title).collect()
    }
}

fn chat() -> Vec<RegisteredApp> {
    let app = RegisteredApp {
        app: AppId::chat(),
        name: "Chat".into(),
        version: "1".into(),
        many: true,
        headless: true,
        together: Default::default(),
    };
    vec![app]
}

#[test]
fn each_sees_their_own_and_what_the_lan_hears() {
    let mut world = World::new();
    let (ana, ben) = (world.ana, world.ben);
    let (mine, _) = world.enter(ana, "#open");
    world.join(ana, "#gone");
    world.node.leave(world.now, ana, "#gone", &AppId::chat()).unwrap();
    let secret = world.join(ana, "@ben").session;
    world.node.leave(world.now, ben, &secret.to_string(), &AppId::chat()).unwrap();
    let third =
        world.node.add_user(world.now, UserSeeds { user: [30; 32], origin: [31; 32], name: "cleo".into() });

    assert_eq!(world.titles(ana), ["#lobby", "#open", "@ben", "#gone"], "the joined ones first");
    assert_eq!(
        world.titles(third),
        ["#lobby", "#open"],
        "neither a conversation nor a room that all have left"
    );
    let refused =
        world.node.join(world.now, third, &secret.to_string(), &AppId::chat(), SessionKind::Kept, true);
    let unknown = SessionId([9; 16]).to_string();
    let nothing = world.node.join(world.now, third, &unknown, &AppId::chat(), SessionKind::Kept, true);
    let (refused, nothing) = (refused.unwrap_err(), nothing.unwrap_err());
    assert_eq!(
        refused.message.replace(&secret.to_string(), &unknown),
        nothing.message,
        "it is not even there"
    );
    assert_eq!(refused.code, RefusalCode::Unknown);
    assert!(!world.node.has_joined(third, secret));

    let listed = |user, all| -> Vec<InstanceId> {
        world.node.instance_list(user, all).into_iter().map(|item| item.instance).collect()
    };
    assert_eq!((listed(ana, false), listed(third, false), listed(third, true)), (vec![mine], vec![], vec![]));
    let status = world.node.status(third, world.now);
    assert_eq!((status.sessions, status.instances, status.agent), (1, 0, false));
    assert_eq!(world.node.who(third).len(), 3, "people are announced to the whole LAN");
}

#[test]
fn nobody_goes_on_as_an_instance_of_somebody_else() {
    let mut world = World::new();
    let (ana, ben) = (world.ana, world.ben);
    let was = world.attach(ana, None);
    world.node.detach(world.now, was);
    let stolen = world.attach(ben, Some(was));
    assert_ne!(stolen, was);
    assert_eq!(world.attach(ana, Some(was)), was, "its owner does");
    assert_eq!(was.0[6] >> 4, 4, "a GUID of version 4");
    assert_eq!(was.0[8] >> 6, 2);
    // Also when the daemon has been started again, and knows of nobody yet.
    let mut later = World::restored(Restored::default(), 2);
    assert_ne!(later.attach(ben, Some(was)), was);
    assert_eq!(later.attach(ana, Some(was)), was);
    assert_ne!(
        later.attach(ben, Some(InstanceId([7; 16]))),
        InstanceId([7; 16]),
        "nor as one that was made up"
    );
}

#[test]
fn two_users_of_one_host_talk_alone() {
    let mut world = World::new();
    let (ana, ben) = (world.ana, world.ben);
    world.node.attach_agent(world.now, ben, chat()).unwrap();
    let (here, session) = world.enter(ana, "@ben");
    assert_eq!(world.join(ben, "@ana").session, session);
    let title = |world: &World, user| {
        world.node.session_list(user).into_iter().find(|s| s.session == session).map(|s| s.title)
    };
    assert_eq!((title(&world, ana).unwrap(), title(&world, ben).unwrap()), ("@ben".into(), "@ana".into()));
    world.publish(here, session, 1, b"psst");
    let actions = world.settle();
    let launch = actions.iter().find_map(|action| match action {
        Action::NotifyAgent(user, Event::Launch { launch, session, token, .. }) => {
            Some((*user, *launch, session.clone(), token.clone()))
        }
        _ => None,
    });
    let (whose, launch, summary, token) = launch.expect("her message starts his chat");
    assert_eq!((whose, summary.session, summary.title), (ben, session, "@ana".to_owned()));

    // The token is his, for that session, once.
    let wish = |token| Attach { instance: None, app: AppId::chat(), pid: 2, role: Role::App, token };
    let stolen = world.node.attach(world.now, ana, wish(Some(&token)));
    assert_eq!(stolen.unwrap_err().code, RefusalCode::NotAllowed);
    world.node.launch_result(world.now, ana, launch, LaunchOutcome::Failed("says a stranger".into()));
    world.node.launch_result(world.now, ben, launch, LaunchOutcome::Started(2));
    let Ok(Answer::Attached { instance: there, session: Some(for_it) }) =
        world.node.attach(world.now, ben, wish(Some(&token)))
    else {
        panic!("his token is good")
    };
    assert_eq!(for_it.session, session);
    assert_eq!(
        world.node.attach(world.now, ben, wish(Some(&token))).unwrap_err().code,
        RefusalCode::NotAllowed
    );
    world.node.open(world.now, there, session, &From::Saved).unwrap();
    assert_eq!(world.texts(there), ["psst"]);
    world.publish(there, session, 1, b"yes?");
    world.settle();
    assert_eq!(world.texts(here), ["psst", "yes?"]);
}

#[test]
fn who_shares_a_daemon_is_offline_until_a_program_of_theirs_is_there() {
    let mut world = World::new();
    let ben = world.ben;
    let status = |world: &World| world.node.who(ben)[0].status;
    assert_eq!(status(&world), Availability::Offline);
    world.node.attach_agent(world.now, ben, chat()).unwrap();
    assert_eq!(status(&world), Availability::Online);
    let app = world.attach(ben, None);
    world.node.detach_agent(world.now, ben);
    assert_eq!(status(&world), Availability::Online);
    world.node.detach(world.now, app);
    assert_eq!(status(&world), Availability::Offline);
}

#[test]
fn who_is_at_none_of_their_programs_is_away_unless_they_have_said_more() {
    let mut world = World::new();
    let ben = world.ben;
    let status = |world: &World| world.node.who(ben)[0].status;
    let (one, other, silent) = (world.attach(ben, None), world.attach(ben, None), world.attach(ben, None));
    world.node.set_idle(world.now, one, true);
    assert_eq!(status(&world), Availability::Away, "the others do not say");
    world.node.set_idle(world.now, other, false);
    assert_eq!(status(&world), Availability::Online);
    world.node.set_idle(world.now, other, true);
    assert_eq!(status(&world), Availability::Away);
    world.node.set_availability(world.now, ben, Availability::Busy);
    assert_eq!(status(&world), Availability::Busy, "said once, for all of them");
    world.node.set_availability(world.now, ben, Availability::Online);
    world.node.detach(world.now, one);
    world.node.detach(world.now, other);
    assert_eq!(status(&world), Availability::Online, "nobody says any more that they are away");
    world.node.detach(world.now, silent);
}

#[test]
fn what_somebody_says_of_themselves_is_over_when_they_said() {
    let mut world = World::new();
    let (ana, ben) = (world.ana, world.ben);
    let said = |world: &World| world.node.who(ben)[0].saying.clone();
    world.node.set_saying(world.now, ben, " \u{202e}tea\n time ", Some(60));
    assert_eq!(said(&world), "tea time");
    assert!(world.node.who(ben)[0].saying_until.is_some());
    let seen = world.node.who(ana).into_iter().find(|person| person.user == ben).unwrap();
    assert_eq!((seen.saying.as_str(), seen.saying_until), ("tea time", None), "when is for who said it");
    world.now += Duration::from_secs(59);
    world.node.handle_timeout(world.now);
    assert_eq!(said(&world), "tea time");
    assert!(world.node.poll_timeout().is_some_and(|at| at <= world.now + Duration::from_secs(1)));
    world.now += Duration::from_secs(1);
    world.node.handle_timeout(world.now);
    assert_eq!(said(&world), "");
    world.node.set_saying(world.now, ben, "for good", None);
    world.now += Duration::from_secs(1_000_000);
    world.node.handle_timeout(world.now);
    assert_eq!(said(&world), "for good");
}

#[test]
fn one_users_quota_is_not_anothers() {
    let mut world = World::new();
    let (ana, ben) = (world.ana, world.ben);
    let instances: Vec<InstanceId> = (0..QUOTA.instances).map(|_| world.attach(ana, None)).collect();
    let one_more = Attach { instance: None, app: AppId::chat(), pid: 1, role: Role::App, token: None };
    assert_eq!(world.node.attach(world.now, ana, one_more.clone()).unwrap_err().code, RefusalCode::Busy);
    world.attach(ben, None);

    // One that is left goes on counting: its log stays on the disk.
    for n in 1..QUOTA.sessions {
        world.join(ana, &format!("#room{n}"));
        world.node.leave(world.now, ana, &format!("#room{n}"), &AppId::chat()).unwrap();
    }
    let full = world.node.join(world.now, ana, "#more", &AppId::chat(), SessionKind::Kept, true);
    assert_eq!(full.unwrap_err().code, RefusalCode::Busy);
    let session = world.join(ana, "#room1").session;
    world.join(ben, "#bens");

    world.node.open(world.now, instances[0], session, &From::Start).unwrap();
    assert!(!world.node.has_stored_all(ana));
    world.publish(instances[0], session, 1, &[7; 60_000]);
    assert!(world.node.pending(ana) >= 60_000);
    while world.node.poll_transmit(world.now).is_some() {}
    let batch = world.node.poll_write().unwrap();
    assert!(world.node.pending(ana) >= 60_000, "sent, and not stored");
    world.node.stored(world.now, batch.number);
    assert_eq!((world.node.pending(ana), world.node.pending(ben)), (0, 0));
    assert!(world.node.has_stored_all(ana));
    assert!(!world.node.has_stored_all(ben));
}

#[test]
fn what_a_user_has_stored_is_known_after_a_restart() {
    let mut world = World::new();
    let (app, session) = world.enter(world.ana, "#ops");
    world.publish(app, session, 1, &[7; 60_000]);
    while world.node.poll_transmit(world.now).is_some() {}
    let mut records = std::collections::BTreeMap::new();
    while let Some(batch) = world.node.poll_write() {
        for write in batch.writes {
            if let chalktalk_protocol::store::Write::Record { key, value } = write {
                records.insert(key, value);
            }
        }
    }
    let restored = Restored { records: records.into_iter().collect(), ..Restored::default() };
    let later = World::restored(restored, 2);
    assert!(later.node.has_stored_all(later.ana) && !later.node.has_stored_all(later.ben));
}

/// However many sessions one user floods, the other's message goes out second at the latest.
#[test]
fn users_take_turns_on_the_wire() {
    let mut world = World::new();
    let (ana, ben) = (world.ana, world.ben);
    let flooding = world.attach(ana, None);
    for n in 0..20 {
        let session = world.join(ana, &format!("#flood{n}")).session;
        world.node.open(world.now, flooding, session, &From::Now).unwrap();
        (1..10).for_each(|number| world.publish(flooding, session, number, &[0; 60_000]));
    }
    for n in 0..10 {
        let (talking, session) = (world.attach(ben, None), world.join(ben, &format!("#talk{n}")).session);
        world.node.open(world.now, talking, session, &From::Now).unwrap();
        world.publish(talking, session, 1, b"hello");
        let mut bursts = std::iter::from_fn(|| world.node.poll_transmit(world.now)).filter_map(|transmit| {
            let (header, _) = Header::parse(&transmit.datagrams[0]).unwrap();
            (header.kind == Kind::Entry).then_some(header.session)
        });
        let place = bursts.position(|sent| sent == session).unwrap();
        // A burst may leave by several ways, each a transmit of its own.
        assert!(place < 2 * Way::GROUP.len(), "{place} bursts of a flood went before");
        world.node.detach(world.now, talking);
    }
}

#[test]
fn who_is_asked_in_here_reads_what_was_written_while_they_were_in() {
    let mut world = World::new();
    let (ana, ben, chat) = (world.ana, world.ben, AppId::chat());
    let wish = Wish { title: "den", app: &chat, kind: SessionKind::Kept, history: false, invite: &[] };
    let Ok(Answer::Session(den)) = world.node.create(world.now, ana, &wish) else { panic!() };
    let den = den.session;
    let anas = world.attach(ana, None);
    world.node.open(world.now, anas, den, &From::Start).unwrap();
    let mut number = 0;
    let mut say = |world: &mut World, text: &str| {
        number += 1;
        world.publish(anas, den, number, text.as_bytes());
        (0..3).for_each(|_| drop(world.settle()));
    };
    say(&mut world, "before ben");
    assert!(world.node.session_list(ben).iter().all(|session| session.session != den));
    world.node.invite(world.now, ana, &den.to_string(), &chat, &["ben".into()]).unwrap();
    (0..3).for_each(|_| drop(world.settle()));
    assert_eq!(world.node.invitations(ben).len(), 1, "nobody is put into a session");
    world.node.answer_invitation(world.now, ben, den, true).unwrap();
    (0..3).for_each(|_| drop(world.settle()));
    say(&mut world, "while ben is in");
    let bens = world.attach(ben, None);
    world.node.open(world.now, bens, den, &From::Start).unwrap();
    (0..3).for_each(|_| drop(world.settle()));
    assert_eq!(world.texts(bens), ["while ben is in"]);

    world.node.remove(world.now, ana, &den.to_string(), &chat, "ben").unwrap();
    (0..3).for_each(|_| drop(world.settle()));
    say(&mut world, "while ben is out");
    assert!(world.node.open(world.now, bens, den, &From::Start).is_err());
    assert!(world.node.session_list(ben).iter().all(|session| session.session != den));
    world.node.invite(world.now, ana, &den.to_string(), &chat, &["ben".into()]).unwrap();
    (0..3).for_each(|_| drop(world.settle()));
    world.node.answer_invitation(world.now, ben, den, true).unwrap();
    (0..3).for_each(|_| drop(world.settle()));
    say(&mut world, "ben again");
    let again = world.attach(ben, None);
    world.node.open(world.now, again, den, &From::Start).unwrap();
    (0..3).for_each(|_| drop(world.settle()));
    assert_eq!(world.texts(again), ["while ben is in", "ben again"]);
    assert_eq!(world.texts(anas).len(), 4, "{:?}", world.texts(anas));
}
