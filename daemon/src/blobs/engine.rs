//! The thread that moves blobs: every connection about one, every fetch, and the threads that wait for disks.
//!
//! It has a poll of its own and a lower priority than the loop, so that a large file delays no message. What it does not
//! know (keys, who is there) it asks the loop.
//!
//! Invariant: no turn does more than a piece for each connection and each fetch.

use super::{
    News, Order,
    asking::{Asker, Heard},
    casting::{Casts, Where},
    catching::Invitation,
    ears::Ears,
    fetching::{Fetch, MAX_HOLDERS},
    files::Files,
    giving::Giver,
    pipe::Pipe,
    taking::{self, Taking},
};
use crate::{catchup, identity::random_seed, log};
use chalktalk_ipc::{Refusal, RefusalCode, SessionId, UserId};
use chalktalk_protocol::{
    Instant as Time,
    blob::{
        Access, Blob, slice,
        wire::{Ask, NONCE},
    },
};
use mio::{Events, Interest, Poll, Token, Waker, net::TcpStream};
use socket2::SockRef;
use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::SocketAddr,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

/// Askers that are given something at once: each may hold a piece in memory.
const MAX_GIVERS: usize = 128;
/// Holders that are asked at once, for all that is fetched.
const MAX_ASKERS: usize = 128;
/// A holder that owes something and says nothing for so long is given up.
const SILENT: Duration = Duration::from_secs(5);
/// An asker that asks for nothing for so long is let go.
const IDLE: Duration = Duration::from_secs(60);
/// How often progress is told.
const TELL: Duration = Duration::from_millis(100);
/// Files that are taken in at once, of all users and of one: a disk that does not answer holds one of them.
const MAX_TAKING: usize = 16;
const MAX_TAKING_OF_ONE: usize = 2;
/// What the kernel may hold of a connection: enough for a gigabit, and little for messages to wait behind.
const SEND_BUFFER: usize = 256 << 10;
/// Type of service "maximise throughput" (RFC 1349): queues that tell kinds of traffic apart let messages pass first.
const BULK: u32 = 0x08;
/// How much less the thread matters than the loop.
const NICE: i32 = 5;

const WAKER: Token = Token(0);

pub(super) struct Engine {
    poll: Poll,
    orders: mpsc::Receiver<Order>,
    tools: Tools,
    givers: BTreeMap<usize, (Pipe, Giver)>,
    askers: BTreeMap<usize, (Pipe, Asker)>,
    next: usize,
    fetches: BTreeMap<u64, Fetch>,
    last_fetch: u64,
    casts: Casts,
    ears: Ears,
    /// Files that are being taken in: of whom.
    taking: BTreeMap<u64, UserId>,
    taking_later: VecDeque<(u64, Taking)>,
    start: Instant,
    random: u64,
    scratch: Vec<u8>,
}

/// What other threads of the blobs' need, too.
#[derive(Clone)]
pub(super) struct Tools {
    pub(super) files: Arc<Files>,
    pub(super) back: mpsc::Sender<Order>,
    pub(super) own_waker: Arc<Waker>,
    pub(super) news: mpsc::Sender<News>,
    pub(super) loop_waker: Arc<Waker>,
}

impl Tools {
    fn tell(&self, news: News) {
        // Neither fails before the daemon ends.
        let _ = self.news.send(news);
        let _ = self.loop_waker.wake();
    }

    fn order(&self, order: Order) {
        let _ = self.back.send(order);
        let _ = self.own_waker.wake();
    }
}

impl Engine {
    /// What a poll wakes up by.
    pub(super) fn waker(poll: &Poll) -> io::Result<Arc<Waker>> {
        Ok(Arc::new(Waker::new(poll.registry(), WAKER)?))
    }

    pub(super) fn new(
        poll: Poll,
        orders: mpsc::Receiver<Order>,
        tools: Tools,
        casts_to: Where,
    ) -> io::Result<Self> {
        let random = u64::from_le_bytes(nonce()?[..8].try_into().map_err(io::Error::other)?);
        Ok(Self {
            poll,
            orders,
            tools,
            givers: BTreeMap::new(),
            askers: BTreeMap::new(),
            next: WAKER.0 + 1,
            fetches: BTreeMap::new(),
            last_fetch: 0,
            casts: Casts::new(casts_to),
            ears: Ears::new(casts_to),
            taking: BTreeMap::new(),
            taking_later: VecDeque::new(),
            start: Instant::now(),
            random,
            scratch: Vec::new(),
        })
    }

    /// Serves until it is told to end.
    pub(super) fn run(mut self) {
        // Without it, it is merely less polite.
        let _ = rustix::process::setpriority_process(None, NICE);
        if let Err(e) = self.tools.files.scan() {
            log::warn("files", format_args!("files that were kept cannot be read: {e}"));
        }
        let mut events = Events::with_capacity(256);
        let mut more = false;
        loop {
            let timeout = if more { Some(Duration::ZERO) } else { self.due() };
            if let Err(e) = self.poll.poll(&mut events, timeout)
                && e.kind() != io::ErrorKind::Interrupted
            {
                log::warn("files", format_args!("files are no longer moved: {e}"));
                return;
            }
            for event in &events {
                let (readable, writable) = (event.is_readable(), event.is_writable());
                let giver = self.givers.get_mut(&event.token().0).map(|(pipe, _)| pipe);
                let pipe = giver.or_else(|| self.askers.get_mut(&event.token().0).map(|(pipe, _)| pipe));
                match pipe {
                    Some(pipe) => pipe.on_event(readable, writable),
                    None if writable && self.casts.on_writable(self.poll.registry(), event.token().0) => {}
                    None => self.ears.on_readable(event.token()),
                }
            }
            while let Ok(order) = self.orders.try_recv() {
                if matches!(order, Order::End) {
                    return;
                }
                self.take(order);
            }
            let now = Instant::now();
            more = self.give(now) | self.cast(now) | self.catch(now) | self.ask(now) | self.steer(now);
        }
    }

    fn due(&self) -> Option<Duration> {
        let now = Instant::now();
        let idle = self.givers.values().map(|(pipe, _)| pipe.moved + IDLE);
        let silent =
            self.askers.values().filter(|(_, asker)| is_awaited(asker)).map(|(pipe, _)| pipe.moved + SILENT);
        let again = self.fetches.values().filter(|fetch| !fetch.finishing).map(|fetch| fetch.again.0);
        let told = self.fetches.values().filter(|fetch| is_news(fetch)).map(|fetch| fetch.told.0 + TELL);
        let late =
            self.fetches.values().filter_map(|fetch| fetch.due(self.time(now))).map(|after| now + after);
        let cast = self.casts.due(self.time(now)).map(|at| now + at.since(self.time(now)));
        let next = idle.chain(silent).chain(again).chain(told).chain(late).chain(cast).min();
        // A timer of the poll is rounded down, and would find nothing due.
        next.map(|at| at.saturating_duration_since(now) + Duration::from_millis(1))
    }

    fn time(&self, now: Instant) -> Time {
        Time::after_start(now.duration_since(self.start))
    }

    fn take(&mut self, order: Order) {
        let now = Instant::now();
        match order {
            Order::Accept(stream) => self.accept(now, stream),
            Order::Access { link, access } => {
                let found = self.givers.get_mut(&link);
                if found.is_some_and(|(pipe, giver)| giver.on_access(pipe, access.as_ref()).is_err()) {
                    self.givers.remove(&link);
                }
            }
            Order::Put { transfer, taking } => {
                self.taking_later.push_back((transfer, taking));
                self.take_in();
            }
            Order::TakenIn(transfer) => {
                self.taking.remove(&transfer);
                self.take_in();
            }
            Order::Fetch { transfer, session, blob, user, access, holders } => {
                if let Err(refusal) = self.fetch(now, transfer, (session, blob), user, access, holders) {
                    self.tools.tell(News::Fetched { transfer, result: Err(refusal) });
                }
            }
            Order::Holders { fetch, access, holders } => {
                if let Some(fetch) = self.fetches.get_mut(&fetch) {
                    fetch.access = access;
                    fetch.candidates = holders.into();
                }
            }
            Order::Cancel(transfer) => self.cancel(transfer),
            Order::Drop { session, blob } => {
                let of_it = |fetch: &Fetch| fetch.session == session && fetch.blob.id == blob;
                let ids = self.fetches.iter().filter(|(_, fetch)| of_it(fetch)).map(|(id, _)| *id);
                let refusal =
                    Refusal::new(RefusalCode::BadRequest, "the file was dropped while it was fetched");
                ids.collect::<Vec<_>>().into_iter().for_each(|id| self.end(id, Err(refusal.clone())));
                if let Err(e) = self.tools.files.remove(session, blob) {
                    log::warn("files", format_args!("a file that was dropped cannot be removed: {e}"));
                }
            }
            Order::Pause { session, blob } => {
                // Who is being given it is let go in their next turn.
                if let Err(e) = self.tools.files.keep_pause(session, blob) {
                    log::warn("files", format_args!("whether a file is paused will be forgotten: {e}"));
                }
            }
            Order::Finished { fetch, result } => {
                let outcome = result.map_err(taking::disk);
                self.end(fetch, outcome);
            }
            Order::End => {}
        }
    }

    fn accept(&mut self, now: Instant, mut stream: TcpStream) {
        if self.givers.len() >= MAX_GIVERS {
            return;
        }
        let token = self.token();
        let (Ok(nonce), Ok(())) = (nonce(), self.watch(&mut stream, token)) else { return };
        self.givers.insert(token, (Pipe::new(stream, now, true), Giver::new(nonce)));
    }

    fn watch(&self, stream: &mut TcpStream, token: usize) -> io::Result<()> {
        tune(stream);
        self.poll.registry().register(stream, Token(token), Interest::READABLE | Interest::WRITABLE)
    }

    fn token(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    /// Starts to take in what there is a thread for.
    fn take_in(&mut self) {
        let mut later = VecDeque::new();
        while let Some((transfer, taking)) = self.taking_later.pop_front() {
            let of_one = self.taking.values().filter(|user| **user == taking.user).count();
            if self.taking.len() >= MAX_TAKING || of_one >= MAX_TAKING_OF_ONE {
                later.push_back((transfer, taking));
                continue;
            }
            self.taking.insert(transfer, taking.user);
            let (tools, user) = (self.tools.clone(), taking.user);
            let work = move || {
                let _ = rustix::process::setpriority_process(None, NICE);
                let mut told = Instant::now();
                let result = taking.run(&tools.files, |done, size| {
                    if told.elapsed() >= TELL {
                        told = Instant::now();
                        tools.tell(News::Progress { transfer, done, size, holders: 0 });
                    }
                });
                tools.tell(News::Put { transfer, result });
                tools.order(Order::TakenIn(transfer));
            };
            if let Err(e) = thread::Builder::new().name("taking in".into()).spawn(work) {
                log::warn("files", format_args!("no thread can be started for a file of user {user:?}: {e}"));
                self.taking.remove(&transfer);
                self.tools.tell(News::Put { transfer, result: Err(taking::disk(e)) });
            }
        }
        self.taking_later = later;
    }

    fn fetch(
        &mut self,
        now: Instant,
        transfer: u64,
        (session, blob): (SessionId, Blob),
        user: UserId,
        access: Access,
        holders: Vec<SocketAddr>,
    ) -> Result<(), Refusal> {
        let files = &self.tools.files;
        let kept = files.find(session, blob.id);
        if let Some(kept) = kept.filter(|kept| kept.size != blob.size) {
            let text = format!("the file has {} bytes, and not {} as the offer says", kept.size, blob.size);
            return Err(Refusal::new(RefusalCode::BadRequest, text));
        }
        if kept.is_some_and(|kept| kept.whole) {
            let result = files.read(session, blob.id).map_err(taking::disk);
            self.tools.tell(News::Fetched { transfer, result });
            return Ok(());
        }
        if let Some(fetch) = self.fetches.values_mut().find(|f| f.session == session && f.blob == blob) {
            fetch.transfers.insert(transfer);
            return Ok(());
        }
        let room = files.room(user, blob.size, kept.is_some())?;
        files.expect(session, blob, user);
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut fetch = Fetch::new(now, (session, blob), user, access, room, self.random >> 16);
        fetch.transfers.insert(transfer);
        fetch.candidates = holders.into();
        if let Err(e) = fetch.resume(files) {
            files.no_longer_expect(session, blob.id);
            return Err(taking::disk(e));
        }
        self.last_fetch += 1;
        self.fetches.insert(self.last_fetch, fetch);
        Ok(())
    }

    fn cancel(&mut self, transfer: u64) {
        self.taking_later.retain(|(other, _)| *other != transfer);
        let found = self.fetches.iter_mut().find(|(_, fetch)| fetch.transfers.contains(&transfer));
        let Some((id, fetch)) = found else { return };
        fetch.transfers.remove(&transfer);
        if fetch.transfers.is_empty() && !fetch.finishing {
            let id = *id;
            self.end(id, Ok(()));
        }
    }

    /// A fetch is over: who waits is told, and its holders are let go.
    fn end(&mut self, id: u64, outcome: Result<(), Refusal>) {
        let Some(fetch) = self.fetches.remove(&id) else { return };
        self.askers.retain(|_, (_, asker)| asker.fetch != id);
        let files = &self.tools.files;
        files.no_longer_expect(fetch.session, fetch.blob.id);
        for transfer in fetch.transfers {
            let file =
                outcome.clone().and_then(|()| files.read(fetch.session, fetch.blob.id).map_err(taking::disk));
            self.tools.tell(News::Fetched { transfer, result: file });
        }
    }

    /// Gives to all who ask, each a piece at most.
    fn give(&mut self, now: Instant) -> bool {
        let (mut more, mut gone, mut opened) = (false, Vec::new(), false);
        let time = self.time(now);
        let fetches = &self.fetches;
        let part = |session: SessionId, blob: Blob| {
            let of_it = |fetch: &&Fetch| fetch.session == session && fetch.blob == blob;
            fetches.values().find(of_it).and_then(Fetch::part)
        };
        for (link, (pipe, giver)) in &mut self.givers {
            match giver.turn(now, pipe, &self.tools.files, part) {
                Ok(turn) => {
                    more |= turn.more;
                    opened |= turn.opened;
                    giver.take_said().into_iter().for_each(|said| self.casts.on_said(time, *link, said));
                    if let Some(session) = turn.session {
                        self.tools.tell(News::AskAccess { link: *link, session });
                    }
                    if pipe.moved + IDLE <= now {
                        gone.push(*link);
                    }
                }
                Err(_) => gone.push(*link),
            }
        }
        for link in gone {
            self.givers.remove(&link);
            self.casts.on_gone(time, link);
        }
        if opened {
            let next = &mut self.next;
            let token = || {
                *next += 1;
                *next
            };
            self.casts.invite(time, self.poll.registry(), token, &mut self.givers);
        }
        more
    }

    /// Sends to all who ask for the same at once.
    fn cast(&mut self, now: Instant) -> bool {
        self.casts.turn(self.time(now), self.poll.registry(), &mut self.givers)
    }

    /// Hears what is cast, and says what came of it.
    fn catch(&mut self, now: Instant) -> bool {
        let (time, mut failed) = (self.time(now), Vec::new());
        let (fetches, scratch) = (&mut self.fetches, &mut self.scratch);
        let more = self.ears.receive(|from, datagram| {
            let Some(cast) = slice::cast_of(datagram) else { return };
            for (id, fetch) in &mut *fetches {
                match fetch.on_datagram(time, (cast, from), datagram, scratch) {
                    Ok(true) => return,
                    Ok(false) => {}
                    Err(e) => failed.push((*id, taking::disk(e))),
                }
            }
        });
        failed.into_iter().for_each(|(id, refusal)| self.end(id, Err(refusal)));
        let mut catching = false;
        for fetch in self.fetches.values_mut() {
            while let Some((link, ask)) = fetch.says(time) {
                if let Some((pipe, asker)) = self.askers.get_mut(&(link as usize)) {
                    asker.ask(now, pipe, ask);
                    let _ = pipe.write(now); // a connection that broke is noticed when it is read
                }
            }
            catching |= fetch.catching.is_some();
        }
        if !catching {
            self.ears.close();
        }
        more
    }

    /// Takes part in a cast of what is fetched.
    fn join(&mut self, now: Instant, id: u64, invitation: Invitation) {
        let (token, link) = (Token(self.token()), invitation.holder);
        let Some((pipe, asker)) = self.askers.get_mut(&(link as usize)) else { return };
        let Ok(local) = pipe.stream.local_addr() else { return };
        match self.ears.open(self.poll.registry(), token, local) {
            Ok(room) => {
                let Some(fetch) = self.fetches.get_mut(&id) else { return };
                asker.ask(now, pipe, Ask::Join(room));
                fetch.catching = Some(invitation.accept(&asker.access, fetch.session, asker.address.ip()));
            }
            Err(e) => log::info("files", format_args!("a cast of a file cannot be heard: {e}")),
        }
    }

    /// Hears what holders say, each a record at most.
    fn ask(&mut self, now: Instant) -> bool {
        let (mut more, mut gone, mut failed) = (false, Vec::new(), Vec::new());
        for (link, (pipe, asker)) in &mut self.askers {
            let Some(fetch) = self.fetches.get_mut(&asker.fetch) else {
                gone.push(*link);
                continue;
            };
            match hear(now, &self.tools.files, *link as u64, pipe, asker, fetch) {
                Ok(some) => more |= some,
                Err(Trouble::Holder) => gone.push(*link),
                Err(Trouble::Liar) => {
                    fetch.distrust(asker.address);
                    gone.push(*link);
                }
                Err(Trouble::Disk(e)) => failed.push((asker.fetch, taking::disk(e))),
            }
            if is_awaited(asker) && pipe.moved + SILENT <= now {
                gone.push(*link);
            }
        }
        for link in gone {
            let Some((_, asker)) = self.askers.remove(&link) else { continue };
            if let Some(fetch) = self.fetches.get_mut(&asker.fetch) {
                fetch.on_gone(link as u64);
            }
        }
        failed.into_iter().for_each(|(id, refusal)| self.end(id, Err(refusal)));
        more
    }

    /// Sees to every fetch: whom to ask, for what, and whether it is through.
    fn steer(&mut self, now: Instant) -> bool {
        let mut more = false;
        let ids: Vec<u64> = self.fetches.keys().copied().collect();
        for id in ids {
            self.connect(now, id);
            if let Some(invitation) = self.fetches.get_mut(&id).and_then(Fetch::may_join) {
                self.join(now, id, invitation);
            }
            let time = self.time(now);
            let Some(fetch) = self.fetches.get_mut(&id) else { continue };
            more |= fetch.check();
            let links = self.askers.iter_mut().filter(|(_, (_, asker))| asker.fetch == id);
            for (link, (pipe, asker)) in links {
                while let Some(ask) = fetch.next(now, time, *link as u64) {
                    asker.ask(now, pipe, ask);
                }
                // What the kernel does not take it says when it does; a connection that broke is noticed when it is read.
                let _ = pipe.write(now);
            }
            if now >= fetch.told.0 + TELL && is_news(fetch) {
                fetch.told = (now, fetch.done(), fetch.download.useful());
                for transfer in &fetch.transfers {
                    let (_, done, holders) = fetch.told;
                    self.tools.tell(News::Progress {
                        transfer: *transfer,
                        done,
                        size: fetch.blob.size,
                        holders,
                    });
                }
            }
            if fetch.is_whole() {
                self.finish(id);
            }
        }
        more
    }

    fn connect(&mut self, now: Instant, id: u64) {
        let Some(fetch) = self.fetches.get_mut(&id).filter(|fetch| !fetch.finishing) else { return };
        let of_it = self.askers.values().filter(|(_, asker)| asker.fetch == id);
        let mut asked: Vec<SocketAddr> = of_it.map(|(_, asker)| asker.address).collect();
        let due = now >= fetch.again.0;
        if due {
            fetch.ask_later(now);
        }
        if due && fetch.candidates.is_empty() && asked.len() < MAX_HOLDERS {
            self.tools.tell(News::AskHolders { fetch: id, transfer: fetch.transfers.first().copied() });
        }
        while asked.len() < MAX_HOLDERS && self.askers.len() < MAX_ASKERS {
            let Some(fetch) = self.fetches.get_mut(&id) else { return };
            let Some(address) = fetch.candidates.pop_front() else { return };
            if asked.contains(&address) || !fetch.may_ask(address) {
                continue;
            }
            let (what, access) = ((fetch.session, fetch.blob), fetch.access.clone());
            let token = self.token();
            let (Ok(mut stream), Ok(nonce)) = (catchup::connect(address), nonce()) else { continue };
            if self.watch(&mut stream, token).is_ok() {
                let mut pipe = Pipe::new(stream, now, false);
                let asker = Asker::new(id, address, what, access, nonce, &mut pipe);
                self.askers.insert(token, (pipe, asker));
                asked.push(address);
            }
        }
    }

    /// Brings what is whole to the disk, on a thread that may wait for it.
    fn finish(&mut self, id: u64) {
        let Some(fetch) = self.fetches.get_mut(&id) else { return };
        (fetch.finishing, fetch.catching) = (true, None);
        // Nobody owes anything any more, and a cast need not wait for what is heard here.
        self.askers.retain(|_, (_, asker)| asker.fetch != id);
        let (session, blob, tools) = (fetch.session, fetch.blob.id, self.tools.clone());
        let file = fetch.file().map_or_else(|| Err(io::ErrorKind::NotFound.into()), std::fs::File::try_clone);
        let work = move || {
            let result = file.and_then(|file| tools.files.finish(session, blob, &file));
            tools.order(Order::Finished { fetch: id, result });
        };
        if let Err(e) = thread::Builder::new().name("finishing".into()).spawn(work) {
            self.end(id, Err(taking::disk(e)));
        }
    }
}

/// What ends a connection to a holder, or the whole fetch.
enum Trouble {
    /// It has gone, or never had anything.
    Holder,
    /// It has given what is not genuine.
    Liar,
    /// What it gave cannot be kept.
    Disk(io::Error),
}

/// Takes one record in. True: there may be more.
fn hear(
    now: Instant,
    files: &Files,
    link: u64,
    pipe: &mut Pipe,
    asker: &mut Asker,
    fetch: &mut Fetch,
) -> Result<bool, Trouble> {
    pipe.write(now).map_err(|_| Trouble::Holder)?;
    let genuine = match asker.listen(now, pipe) {
        Ok(Some(Heard::Has(bits))) => fetch.on_has(link, bits),
        Ok(Some(Heard::Leaves(first, leaves))) => {
            fetch.on_leaves(now, files, link, first, leaves).map_err(Trouble::Disk)?
        }
        Ok(Some(Heard::Piece(piece, bytes))) => fetch.on_piece(link, piece, bytes).map_err(Trouble::Disk)?,
        Ok(Some(Heard::Also(pieces))) => {
            pieces.into_iter().for_each(|piece| fetch.download.gives(link, piece));
            true
        }
        Ok(Some(Heard::Cast(cast, length))) => {
            fetch.invitation = Invitation::new(link, fetch.blob.size, cast, length);
            fetch.invitation.is_some()
        }
        Ok(Some(Heard::Over)) => {
            fetch.on_cast_over(link);
            true
        }
        Ok(None) => return Ok(false),
        Err(e) if e.kind() == io::ErrorKind::InvalidData => return Err(Trouble::Liar),
        Err(_) => return Err(Trouble::Holder),
    };
    if !genuine {
        return Err(Trouble::Liar);
    }
    if fetch.wants_leaves_of(link) && asker.owes == 0 {
        asker.ask(now, pipe, fetch.leaves_wanted());
    }
    Ok(pipe.is_readable())
}

/// Whether something is expected of a holder now.
fn is_awaited(asker: &Asker) -> bool {
    !asker.answers || asker.owes > 0
}

fn is_news(fetch: &Fetch) -> bool {
    !fetch.finishing && (fetch.told.1, fetch.told.2) != (fetch.done(), fetch.download.useful())
}

pub(super) fn nonce() -> io::Result<[u8; NONCE]> {
    let seed = random_seed().map_err(io::Error::other)?;
    seed.first_chunk().copied().ok_or_else(|| io::ErrorKind::Other.into())
}

/// Little for messages to wait behind. What the system does not know is left.
fn tune(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let _ = socket.set_send_buffer_size(SEND_BUFFER);
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tos_v4(BULK);
    let _ = socket.set_tclass_v6(BULK);
}
