//! From the core to programs: deliveries as runs of messages, events and answers as control frames.
//!
//! Invariant: consecutive messages with the same head share one frame, and a frame never outgrows a batch by more than
//! one message.

use crate::{
    blobs::Told,
    clients::Clients,
    local::{ConnectionId, Local, OUTBOX},
};
use chalktalk_ipc::{
    Answer, Down, Event, FrameKind, InstanceId, Refusal, SessionId, UserId,
    batch::{DeliverHead, Incoming, MAX_BATCH, put_incoming},
    codec::put_control,
    request::Topic,
};
use chalktalk_protocol::{Instant, node::Node, session::delivery::Delivery};
use std::{collections::BTreeSet, time};

/// Events are small and must not be lost; who has left this much unread does not read at all.
const MOST_UNREAD: usize = 4 * OUTBOX;

/// Hands every instance that has something waiting what its outbox has room for.
pub fn deliver(now: Instant, node: &mut Node, local: &mut Local, clients: &Clients) {
    for instance in local.shares.in_turn(node.ready()) {
        let started = time::Instant::now();
        let Some(connection) = clients.connection(instance).and_then(|id| local.get(id)) else { continue };
        let (uid, room) = (connection.peer.uid, connection.output.room());
        if room == 0 || !local.shares.has_left(uid) {
            continue;
        }
        let Some(connection) = clients.connection(instance).and_then(|id| local.get(id)) else { continue };
        let mut writer = Writer::new(connection.output.bytes());
        node.deliver(now, instance, room, &mut |session, delivery| {
            put(&mut writer, clients, session, delivery)
        });
        drop(writer);
        local.shares.take(uid, started.elapsed());
    }
}

/// Whether an instance has both something waiting and room for it.
pub fn can_deliver(node: &Node, local: &mut Local, clients: &Clients) -> bool {
    let has_room = |id: ConnectionId| local.get(id).is_some_and(|connection| connection.output.room() > 0);
    node.ready().into_iter().filter_map(|instance| clients.connection(instance)).any(has_room)
}

fn put(writer: &mut Writer<'_>, clients: &Clients, session: SessionId, delivery: Delivery<'_>) {
    match delivery {
        Delivery::Message(head, message) => writer.message(&head, &message),
        Delivery::Author { origin, user, name, host } => {
            let (name, host) = (chalktalk_ipc::text::label(name), clients.host_name(host));
            writer.event(Event::Author { origin, user, name, host });
        }
        Delivery::CaughtUp => writer.event(Event::CaughtUp { session }),
        Delivery::Lost { log, first, last } => writer.event(Event::Lost {
            session,
            origin: log.origin,
            epoch: log.epoch.0,
            first: first.0,
            last: last.0,
        }),
    }
}

/// Tells an instance that something happened.
pub fn notify(local: &mut Local, clients: &Clients, instance: InstanceId, event: Event) {
    if let Some(id) = clients.connection(instance) {
        tell(local, id, event);
    }
}

/// Tells a user's agent.
pub fn notify_agent(local: &mut Local, clients: &Clients, user: UserId, event: Event) {
    let of_user = |local: &mut Local, id| local.get(id).and_then(|c| clients.user(c.peer.uid)) == Some(user);
    let agents: Vec<ConnectionId> =
        clients.iter().filter(|(_, client)| client.agent).map(|(id, _)| id).collect();
    if let Some(id) = agents.into_iter().find(|id| of_user(local, *id)) {
        tell(local, id, event);
    }
}

/// Tells those who follow a topic that it changed.
pub fn tell_changed(local: &mut Local, clients: &Clients, changed: &BTreeSet<Topic>) {
    for topic in changed {
        let followers = clients.iter().filter(|(_, client)| client.watched.contains(topic));
        followers.for_each(|(id, _)| tell(local, id, Event::Changed { topic: *topic }));
    }
}

/// Tells a connection what has come of its transfer.
pub fn tell_transfer(local: &mut Local, id: ConnectionId, transfer: u64, told: Told) {
    let (blob, file, refusal) = match told {
        Told::Progress(done, size, holders) => {
            return tell(local, id, Event::Transfer { transfer, done, size, holders });
        }
        Told::Done(blob, file) => {
            let fetched = file.is_some();
            if let Some((connection, file)) = local.get(id).zip(file) {
                connection.output.attach(file.into());
            }
            (blob, fetched, None)
        }
        Told::Refused(blob, refusal) => (blob, false, Some(refusal)),
    };
    tell(local, id, Event::Transferred { transfer, blob: blob.id, size: blob.size, file, refusal });
}

fn tell(local: &mut Local, id: ConnectionId, event: Event) {
    let Some(connection) = local.get(id) else { return };
    Writer::new(connection.output.bytes()).event(event);
    if connection.output.queued() > MOST_UNREAD {
        local.close(id, "it does not read what it is told");
    }
}

/// Writes frames into a program's outbox.
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    run: Option<Run>,
}

/// The deliver frame that is being written.
struct Run {
    head: DeliverHead,
    /// Where its length stands.
    start: usize,
}

impl<'a> Writer<'a> {
    /// Appends to these bytes.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, run: None }
    }

    /// Appends a message; to the frame before it, if that is about the same run.
    pub fn message(&mut self, head: &DeliverHead, message: &Incoming<'_>) {
        let fits = |run: &Run| run.head == *head && self.out.len() - run.start < MAX_BATCH;
        if !self.run.as_ref().is_some_and(fits) {
            self.end_run();
            let start = self.out.len();
            self.out.extend_from_slice(&[0, 0, 0, 0, FrameKind::Deliver as u8]);
            head.put(self.out);
            self.run = Some(Run { head: *head, start });
        }
        put_incoming(self.out, message);
    }

    /// Appends an event.
    pub fn event(&mut self, event: Event) {
        self.end_run();
        put_control(self.out, &Down::Event(event));
    }

    /// Appends an answer.
    pub fn answer(&mut self, id: u32, body: Result<Answer, Refusal>) {
        self.end_run();
        put_control(self.out, &Down::Reply { id, body });
    }

    fn end_run(&mut self) {
        if let Some(run) = self.run.take() {
            let length = (self.out.len() - run.start - 4) as u32;
            self.out[run.start..run.start + 4].copy_from_slice(&length.to_le_bytes());
        }
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        self.end_run();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_ipc::{
        FrameBuf, InstanceId, OriginId, SessionId, UserId,
        batch::{DeliverFlags, read_deliver},
    };

    fn head(n: u8) -> DeliverHead {
        DeliverHead {
            session: SessionId([n; 16]),
            origin: OriginId([2; 16]),
            user: UserId([3; 32]),
            instance: InstanceId([4; 16]),
            epoch: 1,
            flags: DeliverFlags::default(),
        }
    }

    fn message(seq: u64, payload: &[u8]) -> Incoming<'_> {
        Incoming { seq, index: 0, stamp: seq, time: 0, urgent: false, mentions_you: false, payload }
    }

    #[test]
    fn runs_share_frames_and_events_keep_their_place() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        (1..=3).for_each(|seq| writer.message(&head(1), &message(seq, b"x")));
        writer.event(Event::CaughtUp { session: SessionId([1; 16]) });
        writer.message(&head(1), &message(4, b"y"));
        writer.message(&head(2), &message(5, b"z"));
        writer.answer(9, Ok(Answer::Done));
        writer.message(&head(2), &message(6, b""));
        drop(writer);
        let mut input = FrameBuf::default();
        input.extend(&out);
        let mut seen = Vec::new();
        while let Some(frame) = input.next_frame().unwrap() {
            seen.push(match frame.kind {
                FrameKind::Deliver => {
                    let (head, messages) = read_deliver(frame.body).unwrap();
                    let seqs: Vec<String> = messages.map(|m| m.unwrap().seq.to_string()).collect();
                    format!("{}:{}", head.session.0[0], seqs.join(","))
                }
                _ => "control".into(),
            });
        }
        assert_eq!(seen, ["1:1,2,3", "control", "1:4", "2:5", "control", "2:6"]);
    }

    #[test]
    fn a_long_run_is_cut_into_batches() {
        let mut out = Vec::new();
        let payload = vec![7; 60_000];
        let mut writer = Writer::new(&mut out);
        (1..=10).for_each(|seq| writer.message(&head(1), &message(seq, &payload)));
        drop(writer);
        let mut input = FrameBuf::default();
        input.extend(&out);
        let mut sizes = Vec::new();
        while let Some(frame) = input.next_frame().unwrap() {
            sizes.push(frame.body.len());
        }
        assert!(sizes.iter().all(|size| *size <= MAX_BATCH + payload.len() + 200), "{sizes:?}");
        assert!(sizes.len() >= 3);
    }
}
