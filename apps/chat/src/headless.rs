//! The chat without a screen: it keeps a transcript.
//!
//! Invariant: events are taken on one thread that never waits for an answer from the daemon; what needs an answer
//! (opening an offered session) happens on another.

use crate::{
    place::{self, Opening},
    t,
    transcript::{Transcript, TranscriptError},
};
use chalktalk_client::{Batch, Client, ClientError, ClientEvent, Events};
use chalktalk_ipc::{
    Event, SessionId,
    event::{Scope, SessionSummary},
    request::From,
};
use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

/// Messages are flushed when this many bytes wait, even if more are at hand: what is shown late is acknowledged late.
const MAX_PENDING: usize = 1 << 20;

/// Why a headless chat ended.
#[derive(Debug, thiserror::Error)]
pub enum HeadlessError {
    /// The daemon.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The transcript.
    #[error(transparent)]
    Transcript(#[from] TranscriptError),
    /// A thread could not be started.
    #[error("{}", t!("headless-thread", reason = .0.to_string()))]
    Thread(#[from] std::io::Error),
}

/// Shows sessions in a transcript until the client is closed, or its daemon has gone for good.
pub fn run(client: &Client, events: Events, opening: &Opening, path: &Path) -> Result<(), HeadlessError> {
    let transcript = Arc::new(Mutex::new(Transcript::open(path)?));
    let session = place::enter(client, opening)?;
    let direct = session.scope == Scope::Direct;
    let offers = answer_offers(client.clone(), transcript.clone(), direct)?;
    // A session that a person names is shown from its beginning; one that the daemon brings, from what is new.
    let fresh = if opening.launched() { From::Saved } else { From::At(Vec::new()) };
    open(client, &transcript, session.session, fresh)?;
    let mut patience = Patience { limited: opening.launched(), away: None };
    while let Some(event) = patience.wait(&events) {
        patience.on_event(&event);
        let mut transcript = transcript.lock().unwrap_or_else(PoisonError::into_inner);
        on_event(event, &mut transcript, &offers);
        while transcript.pending() < MAX_PENDING
            && let Ok(event) = events.try_recv()
        {
            patience.on_event(&event);
            on_event(event, &mut transcript, &offers);
        }
        for (session, positions) in transcript.flush()? {
            // A connection that is gone now comes back behind what it has handed over; the next one acknowledges.
            let _ = client.ack_positions(session, &positions);
        }
    }
    Ok(())
}

/// How long to wait for a daemon that is away. A chat that a person started waits for ever; one that the agent
/// launched is launched again when there is something to show, and must not be left over from a daemon that is gone.
struct Patience {
    limited: bool,
    away: Option<Instant>,
}

/// A daemon that is started again is back long before.
const PATIENCE: Duration = Duration::from_secs(20);

impl Patience {
    /// The next event; none when the client was closed or patience is at its end.
    fn wait(&self, events: &Events) -> Option<ClientEvent> {
        match self.away.filter(|_| self.limited) {
            None => events.recv().ok(),
            Some(since) => events.recv_timeout(PATIENCE.saturating_sub(since.elapsed())).ok(),
        }
    }

    fn on_event(&mut self, event: &ClientEvent) {
        match event {
            ClientEvent::Disconnected { .. } => self.away = self.away.or(Some(Instant::now())),
            ClientEvent::Reconnected => self.away = None,
            ClientEvent::Messages(_) | ClientEvent::Event(_) | ClientEvent::Refused { .. } => {}
        }
    }
}

fn on_event(event: ClientEvent, transcript: &mut Transcript, offers: &Sender<SessionSummary>) {
    match event {
        ClientEvent::Messages(batch) => show(transcript, &batch),
        ClientEvent::Event(Event::Offer { session }) => drop(offers.send(session)),
        ClientEvent::Event(Event::Lost { session, epoch, first, last, .. }) => {
            let (session, epoch) = (session.to_string(), epoch.to_string());
            let told = t!("headless-lost", first = first, last = last, epoch = epoch, session = session);
            eprintln!("chalktalk-chat: {told}");
        }
        ClientEvent::Refused { refusal, .. } => {
            eprintln!("chalktalk-chat: {}", t!("not-sent", reason = refusal.to_string()));
        }
        ClientEvent::Disconnected { reason } => {
            eprintln!("chalktalk-chat: {}", t!("headless-away", reason = reason));
        }
        ClientEvent::Event(_) | ClientEvent::Reconnected => {}
    }
}

fn show(transcript: &mut Transcript, batch: &Batch) {
    let flags = batch.flags();
    if flags.volatile || flags.history {
        return;
    }
    for message in batch {
        transcript.show(batch.head(), &batch.author().name, &message);
    }
}

/// Opens a session behind what the transcript has shown of it; if it has shown nothing, from `fresh`.
fn open(
    client: &Client,
    transcript: &Mutex<Transcript>,
    session: SessionId,
    fresh: From,
) -> Result<(), ClientError> {
    let positions = transcript.lock().unwrap_or_else(PoisonError::into_inner).positions(session);
    let from = if positions.is_empty() { fresh } else { From::At(positions) };
    client.open(session, from).map(drop)
}

/// A chat that was opened for a direct session is that session's own; any other takes rooms, and leaves direct
/// sessions to instances of their own.
fn answer_offers(
    client: Client,
    transcript: Arc<Mutex<Transcript>>,
    direct: bool,
) -> Result<Sender<SessionSummary>, std::io::Error> {
    let (sender, offers) = channel::<SessionSummary>();
    let answer = move || {
        for offer in offers {
            let accept = place::takes(direct, &offer);
            let answered = client.answer_offer(offer.session, accept);
            let opened = match answered {
                Ok(()) if accept => open(&client, &transcript, offer.session, From::Saved),
                other => other,
            };
            if let Err(e) = opened {
                let (session, reason) = (offer.session.to_string(), e.to_string());
                eprintln!(
                    "chalktalk-chat: {}",
                    t!("headless-not-opened", session = session, reason = reason)
                );
            }
        }
    };
    thread::Builder::new().name("offers".into()).spawn(answer)?;
    Ok(sender)
}
