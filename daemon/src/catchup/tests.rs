use super::*;
use crate::catchup::wire::MAX_WANTS;
use chalktalk_ipc::OriginId;
use chalktalk_protocol::ids::Epoch;
use mio::{Events, Poll, net::TcpListener};
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::Ipv4Addr,
};

const BASE: usize = 50;
const LISTENER: Token = Token(1);

fn session() -> SessionId {
    SessionId([9; 16])
}

fn log(n: u8) -> LogId {
    LogId { origin: OriginId([n; 16]), epoch: Epoch(1) }
}

fn datagram(n: u8, seq: u64) -> Bytes {
    Bytes::from(vec![n; 1 + (seq as usize * 131) % 1400])
}

/// Two ends in one poll, and a store that holds so many entries of each log.
struct Pair {
    ends: CatchUps,
    poll: Poll,
    listener: TcpListener,
    held: BTreeMap<u8, u64>,
    now: Instant,
}

impl Pair {
    fn new(held: &[(u8, u64)]) -> Self {
        let poll = Poll::new().unwrap();
        let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE).unwrap();
        let ends = CatchUps::new(poll.registry(), BASE).unwrap();
        Self { ends, poll, listener, held: held.iter().copied().collect(), now: Instant::now() }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    fn ask(&mut self, id: u64, wants: &[(u8, u64, u64)]) {
        let wants = wants.iter().map(|(n, from, to)| Want { log: log(*n), from: Seq(*from), to: Seq(*to) });
        let request = Request { session: session(), port: 1000 + id as u16, wants: wants.collect() };
        self.ends.ask(self.now, id, self.address(), &request);
    }

    fn turn(&mut self, max_bytes: usize, got: &mut Vec<Bytes>) {
        let mut events = Events::with_capacity(64);
        self.poll.poll(&mut events, Some(Duration::from_millis(1))).unwrap();
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((stream, _)) = self.listener.accept() {
                    self.ends.accept(self.now, stream);
                }
            } else {
                self.ends.on_event(event.token(), event.is_readable(), event.is_writable());
            }
        }
        let held = &self.held;
        self.ends.serve(self.now, |of, log, from, max| {
            let n = log.origin.0[0];
            let last = if of == session() { held.get(&n).copied().unwrap_or(0) } else { 0 };
            let mut size = 0;
            let fits = |entry: &Bytes| {
                size += entry.len();
                size <= max
            };
            (from.0..=last).map(|seq| datagram(n, seq)).take_while(fits).collect()
        });
        self.ends.receive(self.now, max_bytes, |_, entry| got.push(Bytes::copy_from_slice(entry)));
    }

    fn run(&mut self, finished: usize) -> (Vec<Bytes>, Vec<(u64, Outcome)>) {
        let (mut got, mut outcomes) = (Vec::new(), Vec::new());
        let end = Instant::now() + Duration::from_secs(10);
        while outcomes.len() < finished && Instant::now() < end {
            self.turn(usize::MAX, &mut got);
            outcomes.extend(self.ends.take_finished());
        }
        outcomes.sort_by_key(|(id, _)| *id);
        (got, outcomes)
    }
}

#[test]
fn what_is_asked_for_comes_whole_and_in_order() {
    let mut pair = Pair::new(&[(1, 5000), (2, 10)]);
    pair.ask(1, &[(1, 101, 3000), (3, 1, 9), (2, 4, 99)]);
    let (got, outcomes) = pair.run(1);
    assert_eq!(outcomes, [(1, Outcome::Done)]);
    let want: Vec<Bytes> =
        (101..=3000).map(|s| datagram(1, s)).chain((4..=10).map(|s| datagram(2, s))).collect();
    assert!(got == want, "{} of {}", got.len(), want.len());
    assert_eq!(pair.ends.served(), 2907);
    assert!(pair.ends.slots.iter().all(Option::is_none), "both ends are gone");
}

#[test]
fn the_third_asker_is_told_to_ask_another() {
    let mut pair = Pair::new(&[(1, 20_000)]);
    (1..=3).for_each(|id| pair.ask(id, &[(1, 1, 20_000)]));
    let (got, outcomes) = pair.run(3);
    let served = |id: u16| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1000 + id);
    let (last, others) = (outcomes[2].clone(), |ids: [u16; 2]| Outcome::Busy(ids.map(served).into()));
    assert_eq!(outcomes[..2], [(1, Outcome::Done), (2, Outcome::Done)]);
    assert!(last == (3, others([1, 2])) || last == (3, others([2, 1])), "{last:?}");
    assert_eq!(got.len(), 40_000);
    let strange = Request { session: SessionId([8; 16]), port: 1, wants: vec![] };
    (4..=6).for_each(|id| pair.ends.ask(pair.now, id, pair.address(), &strange));
    let busy = pair.run(3).1.into_iter().find(|(_, outcome)| *outcome != Outcome::Done);
    assert!(busy.is_none_or(|(_, outcome)| outcome == Outcome::Busy(vec![])), "others have nothing of it");
}

#[test]
fn reading_pauses_while_the_store_is_behind() {
    let mut pair = Pair::new(&[(1, 20_000)]);
    pair.ask(1, &[(1, 1, 20_000)]);
    let mut got = Vec::new();
    for _ in 0..50 {
        pair.turn(0, &mut got);
    }
    assert_eq!(got.len(), 0);
    assert_eq!(pair.run(1).0.len(), 20_000);

    pair.ask(2, &[(1, 1, 20_000)]);
    for _ in 0..50 {
        pair.turn(0, &mut got);
    }
    pair.now += IDLE;
    pair.turn(0, &mut got);
    pair.ends.handle_timeout(pair.now);
    assert_eq!(pair.ends.take_finished(), [], "waiting for our own store is not the provider's silence");
}

#[test]
fn silence_and_refusal_end_it_with_a_reason() {
    let mut pair = Pair::new(&[]);
    let nobody = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let silent = nobody.local_addr().unwrap();
    let request = Request { session: session(), port: 9, wants: vec![] };
    pair.ends.ask(pair.now, 1, silent, &request);
    pair.turn(usize::MAX, &mut Vec::new());
    pair.now += IDLE + Duration::from_secs(1);
    pair.ends.handle_timeout(pair.now);
    assert!(matches!(&pair.ends.take_finished()[..], [(1, Outcome::Failed(_))]));
    drop(nobody);
    pair.ends.ask(pair.now, 2, silent, &request);
    let (_, outcomes) = pair.run(1);
    assert!(matches!(outcomes[..], [(2, Outcome::Failed(_))]), "{outcomes:?}");
}

#[test]
fn strange_bytes_end_the_connection_and_nothing_else() {
    let mut pair = Pair::new(&[(1, 10)]);
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"CTCU\x01", &[b'C'; 60_000], b"CTCU\x02abc"] {
        let mut stranger = std::net::TcpStream::connect(pair.address()).unwrap();
        let _ = stranger.write_all(bytes);
        stranger.shutdown(std::net::Shutdown::Write).unwrap();
        for _ in 0..20 {
            pair.turn(usize::MAX, &mut Vec::new());
        }
        assert!(pair.ends.slots.iter().all(Option::is_none), "{:?}", &bytes[..4]);
        let _ = stranger.read(&mut [0; 10]);
    }
    pair.ask(1, &[(1, 1, 10)]);
    assert_eq!(pair.run(1).0.len(), 10, "others are still served");
}

#[test]
fn requests_read_back_and_every_cut_of_one_waits_for_the_rest() {
    let wants = (1..=5).map(|n| Want { log: log(n), from: Seq(n.into()), to: Seq(1 << 40) }).collect();
    let request = Request { session: session(), port: 47475, wants };
    let bytes = request.encode();
    assert_eq!(Request::decode(&bytes), Ok(Some(request.clone())));
    for cut in 0..bytes.len() {
        assert_eq!(Request::decode(&bytes[..cut]), Ok(None));
    }
    assert!(Request::decode(&[&bytes[..], &[0]].concat()).is_err());
    let backwards =
        Request { wants: vec![Want { log: log(1), from: Seq(2), to: Seq(1) }], ..request.clone() };
    assert!(Request::decode(&backwards.encode()).is_err());
    let many = Request { wants: vec![request.wants[0]; MAX_WANTS + 1], ..request };
    assert_eq!(Request::decode(&many.encode()).unwrap().unwrap().wants.len(), MAX_WANTS);
}
