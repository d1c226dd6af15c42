//! Engines that give to and take from each other over the loopback interface, among holders who lie, stall and vanish.

use super::{
    Access, Blob, Engine, Files, News, Order, Refusal, RefusalCode, SessionId, Taking, UserId,
    casting::Where, engine::Tools,
};
use crate::net::Groups;
use chalktalk_ipc::BlobId;
use chalktalk_protocol::{
    blob::{
        tree::{self, PIECE},
        wire::{Ask, End, GREETING, Greeting, MAX_ASK, Sealing, Tell},
    },
    seal::Key,
};
use mio::{Poll, Waker, net::TcpStream};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

const SESSION: SessionId = SessionId([7; 16]);
const USER: UserId = UserId([1; 32]);
const ENOUGH: Duration = Duration::from_secs(30);

/// Not where daemons of this machine cast to.
fn casts_to() -> Where {
    Where { groups: Groups::default().of_casts(), port: 47_999 }
}

/// One daemon's blobs without the daemon: a thread answers what the engine asks.
struct Rig {
    folder: PathBuf,
    files: Arc<Files>,
    orders: mpsc::Sender<Order>,
    waker: Arc<Waker>,
    ends: mpsc::Receiver<Result<Option<File>, Refusal>>,
    access: Access,
    holders: Arc<Mutex<Vec<SocketAddr>>>,
    address: SocketAddr,
    engine: Option<JoinHandle<()>>,
    _loop: Poll,
}

impl Rig {
    fn new(key: Option<Key>) -> Self {
        Self::at(new_folder(), key)
    }

    fn at(folder: PathBuf, key: Option<Key>) -> Self {
        Self::with(folder, Access { key, cast: None })
    }

    fn with(folder: PathBuf, access: Access) -> Self {
        fs::create_dir_all(&folder).unwrap();
        let files = Files::new(&folder, Some(64 << 20));
        let (poll, event_loop) = (Poll::new().unwrap(), Poll::new().unwrap());
        let waker = Engine::waker(&poll).unwrap();
        let (orders, orders_in) = mpsc::channel();
        let (news_out, news) = mpsc::channel();
        let tools = Tools {
            files: files.clone(),
            back: orders.clone(),
            own_waker: waker.clone(),
            news: news_out,
            loop_waker: Engine::waker(&event_loop).unwrap(),
        };
        let engine = Engine::new(poll, orders_in, tools, casts_to()).unwrap();
        let engine = Some(thread::spawn(move || engine.run()));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (door, door_waker) = (orders.clone(), waker.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                stream.set_nonblocking(true).unwrap();
                if door.send(Order::Accept(TcpStream::from_std(stream))).is_err() {
                    return;
                }
                door_waker.wake().unwrap();
            }
        });
        let holders = Arc::<Mutex<Vec<SocketAddr>>>::default();
        let (end, ends) = mpsc::channel();
        let node = Node {
            access: access.clone(),
            holders: holders.clone(),
            orders: orders.clone(),
            waker: waker.clone(),
        };
        thread::spawn(move || news.into_iter().try_for_each(|news| node.answer(news, &end)));
        Self { folder, files, orders, waker, ends, access, holders, address, engine, _loop: event_loop }
    }

    fn order(&self, order: Order) {
        self.orders.send(order).unwrap();
        self.waker.wake().unwrap();
    }

    fn ask_of(&self, holders: &[SocketAddr]) {
        *self.holders.lock().unwrap() = holders.to_vec();
    }

    fn end(&self) -> Result<Option<File>, Refusal> {
        self.ends.recv_timeout(ENOUGH).expect("it to be through")
    }

    fn put_file(&self, file: impl Into<OwnedFd>) -> Result<(), Refusal> {
        let cancelled = Arc::default();
        let taking = Taking { session: SESSION, user: USER, file: file.into(), cancelled };
        self.order(Order::Put { transfer: 1, taking });
        self.end().map(drop)
    }

    fn put(&self, bytes: &[u8]) -> Blob {
        let path = self.folder.join("to put");
        fs::write(&path, bytes).unwrap();
        self.put_file(File::open(&path).unwrap()).unwrap();
        tree_of(bytes).blob()
    }

    fn begin(&self, blob: Blob) {
        let (access, holders) = (self.access.clone(), self.holders.lock().unwrap().clone());
        self.order(Order::Fetch { transfer: 2, session: SESSION, blob, user: USER, access, holders });
    }

    fn fetch(&self, blob: Blob) -> Vec<u8> {
        self.begin(blob);
        self.fetched()
    }

    fn fetched(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.end().unwrap().unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    }
}

fn new_folder() -> PathBuf {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("chalktalk-blobs-{}-{number}", std::process::id()))
}

/// What the engine asks the loop.
struct Node {
    access: Access,
    holders: Arc<Mutex<Vec<SocketAddr>>>,
    orders: mpsc::Sender<Order>,
    waker: Arc<Waker>,
}

impl Node {
    fn answer(&self, news: News, end: &mpsc::Sender<Result<Option<File>, Refusal>>) -> Result<(), ()> {
        let order = match news {
            News::AskAccess { link, session } => {
                Order::Access { link, access: (session == SESSION).then(|| self.access.clone()) }
            }
            News::AskHolders { fetch, .. } => {
                let holders = self.holders.lock().unwrap().clone();
                Order::Holders { fetch, access: self.access.clone(), holders }
            }
            News::Progress { .. } => return Ok(()),
            News::Put { result, .. } => return end.send(result.map(|_| None)).map_err(drop),
            News::Fetched { result, .. } => return end.send(result.map(Some)).map_err(drop),
        };
        self.orders.send(order).map_err(drop)?;
        self.waker.wake().map_err(drop)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.order(Order::End);
        self.engine.take().unwrap().join().unwrap();
        fs::remove_dir_all(&self.folder).ok();
    }
}

fn bytes(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

fn tree_of(bytes: &[u8]) -> tree::Tree {
    let mut builder = tree::Builder::default();
    bytes.chunks(PIECE).for_each(|piece| builder.push(piece));
    builder.finish()
}

/// How a holder of our own making treats who asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Sends a piece with one byte changed.
    Lies,
    /// Says that it has everything and sends nothing.
    Stalls,
    /// Hangs up in the middle of a piece.
    Breaks,
}

/// Serves an open session's blob badly; says how often somebody has come.
fn bad_holder(bytes: Vec<u8>, manner: Manner) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (address, came) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = came.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::Relaxed);
            let bytes = bytes.clone();
            thread::spawn(move || serve_badly(stream, &bytes, manner));
        }
    });
    (address, came)
}

fn serve_badly(mut stream: std::net::TcpStream, bytes: &[u8], manner: Manner) -> io::Result<()> {
    let mut greeting = [0; GREETING];
    stream.read_exact(&mut greeting)?;
    let greeting = Greeting::decode(&greeting).ok_or(io::ErrorKind::InvalidData)?;
    stream.write_all(&[9; 16])?;
    let mut tells = Sealing::new(None, &greeting, &[9; 16], End::Holder);
    let tree = tree_of(bytes);
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut body = vec![0; (u32::from_le_bytes(length) as usize).min(MAX_ASK)];
        stream.read_exact(&mut body)?;
        let mut out = Vec::new();
        match Ask::read(&body).ok_or(io::ErrorKind::InvalidData)? {
            Ask::Open(..) => tells.put(&mut out, |out| Tell::Has(&[]).put(out)),
            Ask::Leaves(first, _) => {
                tells.put(&mut out, |out| Tell::Leaves(first, tree.leaves().as_flattened()).put(out));
            }
            Ask::Join(_) | Ask::Held(..) | Ask::Caught(_) | Ask::Lacking(..) => {}
            Ask::Piece(_) if manner == Manner::Stalls => continue,
            Ask::Piece(piece) => {
                let start = tree::offset(piece) as usize;
                let mut wrong = bytes[start..start + tree::length(bytes.len() as u64, piece)].to_vec();
                wrong[0] ^= 1; // the last piece may be of one byte
                tells.put(&mut out, |out| Tell::Piece(piece, &wrong).put(out));
                if manner == Manner::Breaks {
                    return stream.write_all(&out[..out.len() / 2]);
                }
            }
        }
        stream.write_all(&out)?;
    }
}

#[test]
fn what_one_has_put_others_fetch_from_all_who_have_it_sealed_or_not() {
    for key in [None, Some(Key::new([5; 32]))] {
        let [one, two, three] = [(); 3].map(|()| Rig::new(key.clone()));
        let large = bytes(9 * PIECE + 12_345);
        let blob = one.put(&large);
        two.ask_of(&[one.address]);
        three.ask_of(&[two.address, one.address]);
        two.begin(blob);
        assert!(three.fetch(blob) == large && two.fetched() == large);
        let kept = three.files.find(SESSION, blob.id).unwrap();
        assert!(kept.whole && kept.size == blob.size);
        assert!(three.fetch(blob) == large, "a second time it is here");
        let again = Rig::at(three.folder.clone(), key);
        assert!(again.fetch(blob) == large, "and after a restart");
    }
}

#[test]
fn who_lies_stalls_or_breaks_off_is_passed_over_and_a_liar_is_not_asked_again() {
    let large = bytes(6 * PIECE + 1);
    let (good, taker) = (Rig::new(None), Rig::new(None));
    let blob = good.put(&large);
    let bad = [Manner::Lies, Manner::Stalls, Manner::Breaks].map(|manner| bad_holder(large.clone(), manner));
    let mut holders = bad.each_ref().map(|(address, _)| *address).to_vec();
    taker.ask_of(&holders);
    taker.begin(blob);
    assert!(taker.ends.recv_timeout(Duration::from_secs(3)).is_err(), "none of them gives it");
    holders.push(good.address);
    taker.ask_of(&holders);
    assert!(taker.fetched() == large);
    let times: Vec<usize> = bad.iter().map(|(_, came)| came.load(Ordering::Relaxed)).collect();
    assert!(times[0] == 1 && times[2] > 1, "{times:?}");
}

#[test]
fn a_part_goes_on_where_it_was_and_what_was_damaged_meanwhile_is_fetched_again() {
    let large = bytes(8 * PIECE);
    let (giver, taker) = (Rig::new(None), Rig::new(None));
    let blob = giver.put(&large);
    // As a daemon leaves it that was killed: some pieces there, one of them damaged, and the rest empty.
    let (_, part) = taker.files.begin(SESSION, tree_of(&large), USER).unwrap();
    let mut half = large[..4 * PIECE].to_vec();
    half[PIECE + 9] ^= 1;
    std::os::unix::fs::FileExt::write_all_at(&part, &half, 0).unwrap();
    let again = Rig::at(taker.folder.clone(), None);
    again.ask_of(&[giver.address]);
    assert!(again.fetch(blob) == large);
}

#[test]
fn strangers_and_those_with_another_key_are_told_nothing() {
    let (ours, other) = (Key::new([5; 32]), Key::new([6; 32]));
    let giver = Rig::new(Some(ours.clone()));
    let blob = giver.put(&bytes(100));
    let greeting = |key_id| Greeting { session: SESSION, key_id, nonce: [3; 16] };
    // How many bytes come besides the nonce that the greeting may draw.
    let told = |greeting: Greeting, key: Option<&Key>, blob: Blob| {
        let mut stream = std::net::TcpStream::connect(giver.address).unwrap();
        stream.set_read_timeout(Some(ENOUGH)).unwrap();
        stream.write_all(&greeting.encode()).unwrap();
        let mut nonce = [0; 16];
        if stream.read_exact(&mut nonce).is_ok() {
            let mut out = Vec::new();
            Sealing::new(key, &greeting, &nonce, End::Asker)
                .put(&mut out, |out| Ask::Open(blob, false).put(out));
            stream.write_all(&out).unwrap();
        }
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).ok();
        rest.len()
    };
    assert_eq!(told(greeting(0), None, blob), 0, "without a key");
    assert_eq!(told(greeting(other.id()), Some(&other), blob), 0, "with another");
    assert_eq!(told(greeting(ours.id()), Some(&other), blob), 0, "that claims to be the right one");
    let elsewhere = Greeting { session: SessionId([8; 16]), ..greeting(ours.id()) };
    assert_eq!(told(elsewhere, Some(&ours), blob), 0, "in another session");
    let absent = Blob { id: BlobId([9; 32]), size: 100 };
    assert_eq!(told(greeting(ours.id()), Some(&ours), absent), 0, "of what is not here");
    let larger = Blob { size: 101, ..blob };
    assert_eq!(told(greeting(ours.id()), Some(&ours), larger), 0, "of another size");
    let mut stranger = std::net::TcpStream::connect(giver.address).unwrap();
    stranger.write_all(&[b'x'; GREETING]).unwrap();
    assert_eq!(stranger.read_to_end(&mut Vec::new()).unwrap_or(0), 0, "strange bytes");
    let mate = Rig::new(Some(ours));
    mate.ask_of(&[giver.address]);
    assert_eq!(mate.fetch(blob).len(), 100, "who has the key is given it");
}

#[test]
fn what_cannot_be_kept_is_refused_with_the_reason() {
    let rig = Rig::new(None);
    let kept = rig.put(b"abc");
    let (reader, _writer) = io::pipe().unwrap();
    let refused = rig.put_file(reader).unwrap_err();
    assert!(refused.message.contains("regular files"), "{refused}");
    let path = rig.folder.join("large");
    File::create(&path).unwrap().set_len(65 << 20).unwrap();
    let refused = rig.put_file(File::open(&path).unwrap()).unwrap_err();
    assert_eq!(refused.code, RefusalCode::Storage);
    let write_only = fs::OpenOptions::new().write(true).open(&path).unwrap();
    write_only.set_len(5).unwrap();
    let refused = rig.put_file(write_only).unwrap_err();
    assert!(refused.message.contains("cannot be read"), "{refused}");
    rig.begin(Blob { id: BlobId([1; 32]), size: 60 << 30 });
    assert_eq!(rig.end().unwrap_err().code, RefusalCode::Storage);
    rig.begin(Blob { size: 4, ..kept });
    assert!(rig.end().unwrap_err().message.contains("3 bytes, and not 4"));
    assert_eq!(rig.files.list(|_| true).len(), 1, "nothing else is left");
    assert_eq!(fs::read_dir(rig.folder.join("blobs/new")).unwrap().count(), 0);
}

#[test]
fn what_several_ask_for_at_once_is_cast_to_them_sealed_or_not() {
    for key in [None, Some(Key::new([5; 32]))] {
        let access = Access { key, cast: Some(1_452) };
        let [giver, one, two, three] = [(); 4].map(|()| Rig::with(new_folder(), access.clone()));
        let large = bytes(100 * PIECE + 12_345);
        let blob = giver.put(&large);
        for taker in [&one, &two, &three] {
            taker.ask_of(&[giver.address]);
            taker.begin(blob);
        }
        for taker in [&one, &two, &three] {
            assert!(taker.fetched() == large);
        }
    }
}
