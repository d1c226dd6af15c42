//! Chalktalk itself, as an app sees it through the client library.

use super::{
    job::{Job, Means, Part, ready, ready_to_go, stopped},
    meter::{Got, Meter, Sent, last, now, stamp},
    raw,
};
use chalktalk_client::{Client, ClientEvent, Events};
use chalktalk_ipc::{
    AppId, SessionId,
    request::{From, SessionKind},
};
use std::time::Duration;

/// An app that publishes without pause hands over about this much at once.
const BATCH: usize = 64 * 1024;

/// And never more messages than this.
const BATCH_MESSAGES: usize = 512;

fn enter(job: &Job) -> (Client, Events, SessionId) {
    let app: AppId = "org.example.bench".parse().expect("a valid app id");
    let builder = Client::builder(app.clone()).name("bench").socket(&job.socket);
    let (client, events) = builder.connect().expect("the daemon answers");
    let kind = if job.means == Means::Kept { SessionKind::Kept } else { SessionKind::Live };
    let session = match (job.means, job.part) {
        (Means::Sealed, Part::Send) => invite_everybody(job, &client, &app, kind),
        (Means::Sealed, _) => accept(job, &client),
        _ => client.join(&job.room, &app, kind, true).expect("rooms are open").session,
    };
    client.open(session, From::Start).expect("a session that was joined opens");
    (client, events, session)
}

/// A session of its own for everybody present.
fn invite_everybody(job: &Job, client: &Client, app: &AppId, kind: SessionKind) -> SessionId {
    let others = || {
        let people = client.who().unwrap_or_default();
        people.iter().filter(|person| !person.me).map(|person| person.user.to_string()).collect::<Vec<_>>()
    };
    let all_are_there = || others().len() == job.receivers;
    crate::wait::until(Duration::from_secs(10), "all receivers to be present", all_are_there);
    let created = client.create(&job.room, app, kind, true, &others());
    created.expect("everybody present can be invited").session
}

fn accept(job: &Job, client: &Client) -> SessionId {
    let invitation = crate::wait::for_some(Duration::from_secs(20), "the invitation", || {
        let invitations = client.invitations().unwrap_or_default();
        invitations.iter().find(|invitation| invitation.title == job.room).map(|i| i.session)
    });
    client.accept(invitation).expect("an invitation that waits can be accepted").session
}

/// Publishes for as long as the job says.
pub fn send(job: &Job) -> Sent {
    let (client, events, session) = enter(job);
    let reader = client.clone();
    std::thread::spawn(move || acknowledge_everything(&reader, &events));
    let everybody_is_in = || {
        let sessions = client.sessions().unwrap_or_default();
        sessions.iter().any(|s| s.session == session && s.members.len() == job.receivers + 1)
    };
    crate::wait::until(Duration::from_secs(10), "all receivers to be members", everybody_is_in);
    ready_to_go();
    let sent = match job.rate {
        Some(_) => publish_evenly(job, &client, session),
        None => publish_without_pause(job, &client, session),
    };
    client.publish(session, &last(job.size, sent.messages)).expect("the daemon takes messages");
    client.flush(Duration::from_secs(30)).expect("the daemon reads");
    sent
}

fn publish_evenly(job: &Job, client: &Client, session: SessionId) -> Sent {
    let mut message = vec![0; job.size];
    raw::send_with(job, |number, time| {
        stamp(&mut message, number, time);
        client.publish(session, &message).expect("the daemon takes messages");
    })
}

fn publish_without_pause(job: &Job, client: &Client, session: SessionId) -> Sent {
    let count = (BATCH / job.size).clamp(1, BATCH_MESSAGES);
    let mut batch = vec![0; count * job.size];
    let first = now();
    let end = first + (job.seconds * 1e9) as u64;
    let mut messages = 0;
    while now() < end {
        let time = now();
        for (place, message) in batch.chunks_exact_mut(job.size).enumerate() {
            stamp(message, messages + place as u64, time);
        }
        client.publish_batch(session, batch.chunks_exact(job.size)).expect("the daemon takes messages");
        messages += count as u64;
    }
    Sent { messages, first }
}

/// A sender is delivered its own messages like every member.
fn acknowledge_everything(client: &Client, events: &Events) {
    for event in events.iter() {
        if let ClientEvent::Messages(batch) = event {
            // The process ends with the measurement, and the connection with it.
            let _ending = client.ack_batch(&batch);
        }
    }
}

/// Receives until the last message has come.
pub fn receive(job: &Job) -> Got {
    // The sender waits until all are members.
    ready();
    let (client, events, _) = enter(job);
    let mut meter = Meter::new(job.rate.is_some());
    while !stopped() {
        let Ok(ClientEvent::Messages(batch)) = events.recv_timeout(Duration::from_millis(100)) else {
            continue;
        };
        let now = now();
        let goes_on = batch.iter().all(|message| meter.take(message.payload, now));
        client.ack_batch(&batch).expect("the daemon takes acknowledgements");
        if !goes_on {
            break;
        }
    }
    meter.result()
}
