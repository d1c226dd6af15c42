//! From programs to the core: what a frame asks, asked of the node, and its answer.
//!
//! Invariant: nothing but `hello` is answered before it, and calls are answered in their order.

use crate::{
    blobs::Blobs,
    clients::{Client, Clients, Parked},
    config::Settings,
    health::{Shell, Watch},
    history,
    identity::{IdentityError, State, account_name},
    local::{Connection, ConnectionId, Local, Peer},
    net::{Network, interfaces::Interfaces},
    outputs::Writer,
    passport::Passport,
    store::{Space, Store},
};
use chalktalk_ipc::{
    Answer, AppId, Call, Frame, FrameKind, InstanceId, PROTOCOL, Refusal, RefusalCode, Request, UserId,
    batch::{Class, read_publish},
    descriptors::Arrived,
    event::Warning,
    request::SessionKind,
};
use chalktalk_protocol::{
    Instant,
    blob::Blob,
    node::{Attach, Node, StartWish, Wish},
    seal::Key,
};
use std::time;

/// What requests are about.
pub struct World<'a> {
    /// The core.
    pub node: &'a mut Node,
    /// For history, and whether there is room for more.
    pub store: &'a Store,
    /// For facts.
    pub network: &'a Network,
    /// For what is wrong.
    pub interfaces: &'a Interfaces,
    /// What is wrong.
    pub watch: &'a Watch,
    /// Where keys are kept.
    pub state: &'a State,
    /// Files that are put and fetched.
    pub blobs: &'a mut Blobs,
    /// Whether this host has new keys because another one had the old ones.
    pub anew: bool,
}

/// One connection's side of a request.
struct Caller<'a> {
    connection: ConnectionId,
    peer: Peer,
    user: UserId,
    clients: &'a mut Clients,
    arrived: &'a mut Arrived,
    writer: Writer<'a>,
}

/// Why a connection is ended.
type Farewell = String;

/// Takes what programs have sent, each its part of the turn, and answers.
pub fn take(now: Instant, local: &mut Local, clients: &mut Clients, mut world: World<'_>) {
    answer_parked(local, clients, &world);
    for id in local.talking() {
        while local.read(id) {
            let (started, uid) = (time::Instant::now(), local.get(id).map(|connection| connection.peer.uid));
            if let Err(reason) = take_frames(now, id, local, clients, &mut world) {
                local.close(id, &reason);
            }
            end_replaced(local, clients);
            uid.into_iter().for_each(|uid| local.shares.take(uid, started.elapsed()));
        }
    }
    part_with_closed(now, local, clients, world.node, world.blobs);
}

/// Ends the connections of users who have become others: they come back as those.
fn end_replaced(local: &mut Local, clients: &mut Clients) {
    for uid in clients.take_replaced() {
        let theirs =
            |(id, connection): (ConnectionId, &mut Connection)| (connection.peer.uid == uid).then_some(id);
        let ids: Vec<ConnectionId> = local.iter().filter_map(theirs).collect();
        ids.into_iter().for_each(|id| local.close(id, "your identity was replaced: connect again"));
    }
}

/// Ends a turn for those who ask about the past: all that has been submitted by now belongs to their answer. True:
/// somebody can be answered at once.
pub fn park(clients: &mut Clients, store: &Store) -> bool {
    let mut ready = false;
    for parked in clients.iter_mut().filter_map(|(_, client)| client.parked.as_mut()) {
        let behind = *parked.behind.get_or_insert_with(|| store.submitted());
        ready |= store.has_stored(behind);
    }
    ready
}

fn answer_parked(local: &mut Local, clients: &mut Clients, world: &World<'_>) {
    let is_ready = |parked: &Parked| parked.behind.is_some_and(|batch| world.store.has_stored(batch));
    let ready =
        |(id, client): (ConnectionId, &Client)| client.parked.as_ref().is_some_and(is_ready).then_some(id);
    let ready: Vec<ConnectionId> = clients.iter().filter_map(ready).collect();
    for id in local.shares.in_turn(ready) {
        let started = time::Instant::now();
        let Some(uid) = local.get(id).map(|connection| connection.peer.uid) else { continue };
        if !local.shares.has_left(uid) {
            continue;
        }
        let Some(Parked { call, wish, .. }) = clients.of(id).parked.take() else { continue };
        let Some(connection) = local.get(id) else { continue };
        connection.park(false);
        let mut writer = Writer::new(connection.output.bytes());
        let answer = history::tell(&wish, world.node, world.store, clients, &mut writer);
        if call != 0 {
            writer.answer(call, answer);
        }
        drop(writer);
        local.shares.take(uid, started.elapsed());
    }
}

/// Tells the core who has gone.
pub fn part_with_closed(
    now: Instant,
    local: &mut Local,
    clients: &mut Clients,
    node: &mut Node,
    blobs: &mut Blobs,
) {
    for (id, uid) in local.take_closed() {
        blobs.part_with(id);
        let Some(client) = clients.remove(id) else { continue };
        if let Some(instance) = client.instance {
            node.detach(now, instance);
        }
        if let Some(user) = clients.user(uid).filter(|_| client.agent) {
            node.detach_agent(now, user);
        }
    }
}

fn take_frames(
    now: Instant,
    id: ConnectionId,
    local: &mut Local,
    clients: &mut Clients,
    world: &mut World<'_>,
) -> Result<(), Farewell> {
    let Some(peer) = local.get(id).map(|connection| connection.peer) else { return Ok(()) };
    let user = match clients.user(peer.uid) {
        Some(user) => user,
        None => meet(now, peer.uid, clients, world).map_err(|e| e.to_string())?,
    };
    let (started, left) = (time::Instant::now(), local.shares.left(peer.uid));
    let Some(connection) = local.get(id) else { return Ok(()) };
    loop {
        if connection.output.room() == 0 || started.elapsed() >= left {
            connection.hold_back();
            return Ok(());
        }
        let Some(frame) = connection.input.next_frame().map_err(|e| e.to_string())? else { return Ok(()) };
        let writer = Writer::new(connection.output.bytes());
        let (peer, arrived) = (connection.peer, &mut connection.arrived);
        let mut caller = Caller { connection: id, peer, user, clients, arrived, writer };
        match frame.kind {
            FrameKind::Control => caller.call(now, &frame, world)?,
            FrameKind::Publish => caller.publish(now, frame.body, world)?,
            FrameKind::Deliver => return Err("only the daemon sends deliver frames".into()),
        }
        if caller.clients.has_replaced() {
            return Ok(()); // what comes next was sent by somebody who is not there any more
        }
        let client = caller.clients.of(id);
        let (greeted, parked) = (client.greeted, client.parked.is_some());
        drop(caller);
        if greeted {
            connection.greet();
        }
        if parked {
            connection.park(true);
            return Ok(());
        }
    }
}

/// A uid is here for the first time: it becomes a user, and stays that one.
fn meet(
    now: Instant,
    uid: u32,
    clients: &mut Clients,
    world: &mut World<'_>,
) -> Result<UserId, IdentityError> {
    let user = world.node.add_user(now, world.state.seeds(uid, account_name(uid))?);
    clients.add_user(uid, user);
    Ok(user)
}

impl Caller<'_> {
    fn call(&mut self, now: Instant, frame: &Frame<'_>, world: &mut World<'_>) -> Result<(), Farewell> {
        let Call { id, request } = frame.control().map_err(|e| e.to_string())?;
        let hello = matches!(request, Request::Hello { .. });
        if !hello && !self.clients.of(self.connection).greeted {
            return Err("hello comes first".into());
        }
        let answer = self.answer(now, id, request, world).transpose();
        if let Some(answer) = answer.filter(|_| id != 0) {
            self.writer.answer(id, answer);
        }
        Ok(())
    }

    /// What comes of a request; nothing yet, if its answer has to wait.
    fn answer(
        &mut self,
        now: Instant,
        call: u32,
        request: Request,
        world: &mut World<'_>,
    ) -> Result<Option<Answer>, Refusal> {
        let (user, node) = (self.user, &mut *world.node);
        let answer = match request {
            Request::Hello { protocol, client: _ } => self.welcome(protocol, node)?,
            Request::Attach { instance, app, role, token } => {
                self.only_admitted(&app)?;
                if self.clients.of(self.connection).instance.is_some() {
                    return Err(refusal(RefusalCode::BadRequest, "this connection is an instance already"));
                }
                let wish = Attach { instance, app, pid: self.peer.pid, role, token: token.as_deref() };
                let answer = node.attach(now, user, wish)?;
                if let Answer::Attached { instance, .. } = &answer {
                    self.clients.attached(self.connection, *instance, role);
                }
                answer
            }
            Request::AttachAgent { display: _, mut apps } => {
                let rules = &self.clients.settings.apps;
                apps.retain(|app| rules.launch && rules.admit(&app.app));
                let client = self.clients.of(self.connection);
                if client.agent {
                    node.detach_agent(now, user); // it tells its registry anew
                }
                let answer = node.attach_agent(now, user, apps)?;
                client.agent = true;
                answer
            }
            Request::Join { target, app, kind, history } => {
                node.join(now, user, &target, &app, kind, history)?
            }
            Request::Create { title, app, kind, history, invite } => {
                let wish = Wish { title: &title, app: &app, kind, history, invite: &invite };
                node.create(now, user, &wish)?
            }
            Request::Invite { target, app, users } => node.invite(now, user, &target, &app, &users)?,
            Request::Remove { target, app, user: other } => node.remove(now, user, &target, &app, &other)?,
            Request::Probe => {
                node.probe(now);
                Answer::Done
            }
            Request::Health => {
                let shell = Shell { network: world.network, interfaces: world.interfaces };
                Answer::Health(world.watch.health(now, node, shell))
            }
            Request::Membership { target, app } => node.membership_facts(user, &target, &app)?,
            Request::Holders { session, at } => node.holders(user, session, at)?,
            Request::Invitations => Answer::Invitations(node.invitations(user)),
            Request::AnswerInvitation { session, accept } => {
                node.answer_invitation(now, user, session, accept)?
            }
            Request::Start { app, target, parent_app, title, least, most, lifetime } => {
                let title = title.as_deref();
                let wish = StartWish {
                    app: &app,
                    target: &target,
                    parent_app: &parent_app,
                    title,
                    least,
                    most,
                    lifetime,
                };
                node.start_app(now, user, &wish)?
            }
            Request::TakePart { session, part } => node.take_part(now, user, session, part)?,
            Request::Cancel { session } => node.cancel(now, user, session)?,
            Request::AppSessions => Answer::AppSessions(node.app_sessions(user)),
            Request::Apps { target, parent_app } => {
                Answer::Apps(node.app_owners(user, target.as_deref(), &parent_app)?)
            }
            Request::Ready { session, port } => {
                node.ready_to_be_joined(now, self.instance()?, session, port)?;
                Answer::Done
            }
            Request::RunReady { launch, port } => {
                self.only_agents()?;
                node.run_ready(now, user, launch, port);
                Answer::Done
            }
            Request::RunEnded { launch, session, status, said } => {
                self.only_agents()?;
                node.run_ended(now, user, launch, session, status, said);
                Answer::Done
            }
            Request::StillRunning { running } => {
                self.only_agents()?;
                node.still_running(now, user, running);
                Answer::Done
            }
            Request::Leave { target, app } => node.leave(now, user, &target, &app)?,
            Request::Open { session, from } => {
                let answer = node.open(now, self.instance()?, session, &from)?;
                if let Answer::Opened { session, .. } = &answer {
                    self.clients.of(self.connection).open.insert(session.session, session.kind);
                }
                answer
            }
            Request::Close { session } => {
                self.clients.of(self.connection).open.remove(&session);
                node.close(now, self.instance()?, session)?
            }
            Request::Resume { session } => node.resume(now, self.instance()?, session)?,
            Request::Ack { session, positions } => node.ack(now, self.instance()?, session, &positions)?,
            Request::AnswerOffer { session, accept } => {
                node.answer_offer(now, self.instance()?, session, accept)?
            }
            Request::LaunchResult { launch, outcome } => {
                self.only_agents()?;
                node.launch_result(now, user, launch, outcome);
                Answer::Done
            }
            Request::Exited { launch, status } => {
                self.only_agents()?;
                node.exited(now, user, launch, status);
                Answer::Done
            }
            Request::Status => Answer::Status(status(now, user, self.peer, &self.clients.settings, world)),
            Request::Who => Answer::Who(node.who(user)),
            Request::Instances { all } => Answer::Instances(node.instance_list(user, all)),
            Request::Sessions => Answer::Sessions(node.session_list(user)),
            Request::Watch { topics } => {
                self.clients.of(self.connection).watched = topics.into_iter().collect();
                Answer::Done
            }
            Request::History { session, before, limit } => {
                node.hurry_writes();
                let wish = history::Wish { user, session, before, limit };
                self.clients.of(self.connection).parked = Some(Parked { call, wish, behind: None });
                return Ok(None);
            }
            Request::FindPerson { target } => node.find_person(user, &target)?,
            Request::MarkPerson { user: other, mark } => node.mark_person(now, user, other, mark)?,
            Request::ExportIdentity { key } => {
                let seed = world.state.user_seed(self.peer.uid).map_err(storage)?;
                Answer::Identity { sealed: Passport::new(&seed, &node.user_name(user)).seal(&key)?.into() }
            }
            Request::ImportIdentity { key, sealed } => {
                let passport = Passport::open(&key, &sealed)?;
                node.may_become(user, passport.seed())?;
                let uid = self.peer.uid;
                world.state.adopt(uid, passport.seed(), &passport.name()).map_err(storage)?;
                let seeds = world.state.seeds(uid, passport.name()).map_err(storage)?;
                self.clients.replace_user(uid, node.replace_user(now, user, seeds));
                Answer::Done
            }
            Request::SetPassphrase { key } => {
                self.only_operator()?;
                node.set_lan_key(now, key.map(|key| Key::new(*key.reveal())));
                Answer::Done
            }
            Request::PutBlob { session } => {
                let file = self.arrived.pop_front().ok_or_else(|| {
                    refusal(RefusalCode::BadRequest, "send a descriptor of the file along with put_blob")
                })?;
                node.blob_access(user, session)?;
                world.blobs.put(self.connection, user, session, file)?
            }
            Request::FetchBlob { session, blob, size, from } => {
                let wish = (session, Blob { id: blob, size }, from);
                world.blobs.fetch(node, self.connection, user, wish)?
            }
            Request::CancelTransfer { transfer } => world.blobs.cancel(self.connection, transfer)?,
            Request::Blobs { session } => Answer::Blobs(world.blobs.list(node, user, session)),
            Request::PauseBlob { session, blob, paused } => world.blobs.pause(user, session, blob, paused)?,
            Request::DropBlob { session, blob } => {
                if node.is_in(user, session) {
                    node.part_with_snapshot(now, session, blob)?;
                }
                world.blobs.remove(user, session, blob)?
            }
            Request::HoldSnapshot { session, blob, size, positions, behind } => {
                if !world.blobs.has(session, Blob { id: blob, size }) {
                    let what = "the blob of the snapshot is not here: put it, or fetch it";
                    return Err(refusal(RefusalCode::Unknown, what));
                }
                node.hold_snapshot(now, self.instance()?, session, (blob, size), &positions, &behind)?
            }
            Request::SetAvailability { availability } => {
                node.set_availability(now, user, availability);
                Answer::Done
            }
            Request::SetIdle { idle } => {
                node.set_idle(now, self.instance()?, idle);
                Answer::Done
            }
            Request::SetSaying { text, lasts } => {
                node.set_saying(now, user, &text, lasts);
                Answer::Done
            }
        };
        Ok(Some(answer))
    }

    fn welcome(&mut self, protocol: u16, node: &Node) -> Result<Answer, Refusal> {
        if protocol != PROTOCOL {
            let message = format!(
                "this daemon speaks version {PROTOCOL} of the local protocol, not {protocol}; update the older of the two"
            );
            return Err(Refusal::new(RefusalCode::Version, message));
        }
        self.clients.of(self.connection).greeted = true;
        let host_id = node.host_id();
        Ok(Answer::Welcome {
            protocol: PROTOCOL,
            daemon: concat!("chalktalkd ", env!("CARGO_PKG_VERSION")).to_owned(),
            host_id,
            host: node.host_name(host_id),
            user: self.user,
            name: node.user_name(self.user),
        })
    }

    /// A batch of messages. Nothing of it is encoded again on its way into the log.
    fn publish(&mut self, now: Instant, body: &[u8], world: &mut World<'_>) -> Result<(), Farewell> {
        let (head, messages) = read_publish(body).map_err(|e| e.to_string())?;
        let client = self.clients.of(self.connection);
        let instance = client.instance.ok_or("attach before publishing")?;
        let kept = client.open.get(&head.session) == Some(&SessionKind::Kept);
        let storing = kept && head.class == Class::Durable;
        match full(self.user, world).filter(|_| storing) {
            Some(refusal) => world.node.refuse_publish(now, instance, &head, messages, refusal),
            None => world.node.publish(now, instance, &head, messages),
        }
        .map_err(|e| e.to_string())
    }

    fn instance(&mut self) -> Result<InstanceId, Refusal> {
        self.clients
            .of(self.connection)
            .instance
            .ok_or_else(|| refusal(RefusalCode::BadRequest, "attach first"))
    }

    /// What concerns the whole machine is for root, and for who runs the daemon.
    fn only_operator(&self) -> Result<(), Refusal> {
        match is_operator(self.peer, &self.clients.settings) {
            true => Ok(()),
            false => Err(refusal(
                RefusalCode::NotAllowed,
                "only an operator of this machine may do that: run it as root, or be named in the configuration",
            )),
        }
    }

    fn only_admitted(&self, app: &AppId) -> Result<(), Refusal> {
        match self.clients.settings.apps.admit(app) {
            true => Ok(()),
            false => {
                let message = format!(
                    "{app} may not take part on this machine: its operator has left it out in the configuration"
                );
                Err(Refusal::new(RefusalCode::NotAllowed, message))
            }
        }
    }

    fn only_agents(&mut self) -> Result<(), Refusal> {
        match self.clients.of(self.connection).agent {
            true => Ok(()),
            false => Err(refusal(RefusalCode::NotAllowed, "only the agent says how launches went")),
        }
    }
}

/// Why nothing more can be stored for a user, if so.
fn full(user: UserId, world: &World<'_>) -> Option<Refusal> {
    let text = match world.store.last_space() {
        Space::Low => {
            "the disk of this host is nearly full: nothing more can be kept until there is room; free some space, then send it again"
        }
        Space::Enough if world.node.has_stored_all(user) => {
            "you have stored as much as this daemon keeps for one user; its operator can allow more"
        }
        Space::Enough => return None,
    };
    Some(refusal(RefusalCode::Storage, text))
}

/// Root, who runs the daemon, and whom the configuration names.
fn is_operator(peer: Peer, settings: &Settings) -> bool {
    settings.operators.contains(&peer.uid) || peer.uid == 0 || peer.uid == rustix::process::geteuid().as_raw()
}

/// The core's facts, and the shell's.
fn status(
    now: Instant,
    user: UserId,
    peer: Peer,
    settings: &Settings,
    world: &World<'_>,
) -> chalktalk_ipc::event::Status {
    let mut status = world.node.status(user, now);
    if world.node.is_shared() && !is_operator(peer, settings) {
        // They count what the programs of all users do.
        status.counters.clear();
    }
    let network = world.network.counters();
    status.port = world.network.port();
    status.state = world.state.folder().display().to_string();
    let counted = [
        ("net.own port", u64::from(world.network.own_port())),
        ("net.receive buffer", world.network.receive_buffer() as u64),
        ("net.received", network.received),
        ("net.received bytes", network.received_bytes),
        ("net.sent", network.sent),
        ("net.refused", network.refused),
        ("net.own frames", network.own),
        ("net.stray", network.stray),
        ("net.no peer", network.foreign),
    ];
    status.counters.extend(counted.map(|(name, n)| (name.to_owned(), n)));
    let shell = Shell { network: world.network, interfaces: world.interfaces };
    status.warnings.extend(world.watch.warnings(now, world.node, shell));
    if world.node.has_stored_all(user) {
        let text = "you have stored as much as this daemon keeps for one user: you can publish nothing more in kept sessions until its operator allows more";
        status.warnings.push(Warning::new("quota", text));
    }
    if world.anew {
        let text = "another host has the key that this one had: a disk was copied. This host has drawn a new one and writes logs of its own, but its users are still the same people as those there; `chalktalk identity import` makes them others";
        status.warnings.push(Warning::new("cloned", text));
    }
    if world.store.last_space() == Space::Low {
        let text = format!(
            "the disk that holds {} is nearly full: nothing can be sent in kept sessions, and nothing is received there, until there is room; free at least {} MiB",
            status.state,
            world.store.wanted() >> 20
        );
        status.warnings.push(Warning::new("disk-full", text));
    }
    status
}

fn storage(error: IdentityError) -> Refusal {
    Refusal::new(RefusalCode::Storage, error.to_string())
}

fn refusal(code: RefusalCode, message: &str) -> Refusal {
    Refusal::new(code, message)
}
