//! Casts: what several ask for at once goes to all of them in one, by multicast beside their connections.
//!
//! Invariant: takers of one cast are on one link, have shown the session's key, and were told of it over their connections.

use super::{giving::Giver, pipe::Pipe};
use crate::{
    log,
    net::{
        Groups,
        udp::{ANY4, ANY6, Udp},
    },
};
use bytes::Bytes;
use chalktalk_ipc::SessionId;
use chalktalk_protocol::{
    Instant as Time,
    blob::{
        Blob,
        cast::{Cast, WORTH},
        download::Pieces,
        slice::{Cut, Sealing},
        tree,
        wire::Ask,
    },
};
use mio::{Registry, Token};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io,
    net::{IpAddr, SocketAddr, SocketAddrV6},
    os::unix::fs::FileExt,
    time::Duration,
};

/// Slices sent in one turn: a burst that the kernel segments, before whoever asks is heard again.
const BURST: usize = 44;

/// Whoever was told of a cast is waited for so long.
const JOIN: Duration = Duration::from_secs(2);

/// Where casts go: everybody who takes part listens there, and nobody else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Where {
    pub(super) groups: Groups,
    pub(super) port: u16,
}

impl Where {
    /// The group as it is reached from a local address. `None`: nothing says on which link that is.
    fn from(self, local: SocketAddr) -> Option<SocketAddr> {
        match local {
            SocketAddr::V4(_) => Some(SocketAddr::new(self.groups.v4.into(), self.port)),
            SocketAddr::V6(local) if local.scope_id() > 0 => {
                Some(SocketAddrV6::new(self.groups.v6, self.port, 0, local.scope_id()).into())
            }
            SocketAddr::V6(_) => None,
        }
    }
}

/// All casts of this daemon.
pub(super) struct Casts {
    to: Where,
    casts: BTreeMap<usize, One>,
    scratch: Vec<u8>,
}

struct One {
    session: SessionId,
    blob: Blob,
    local: SocketAddr,
    cut: Cut,
    sealing: Sealing,
    cast: Cast,
    socket: Udp,
    to: SocketAddr,
    file: File,
    /// The piece of which slices were sent last.
    piece: Option<u32>,
    bytes: Vec<u8>,
    /// What the kernel had no room for.
    waiting: Vec<Bytes>,
    /// Who was told of it, and until when they are waited for.
    told: BTreeSet<usize>,
    wait_until: Time,
}

impl Casts {
    pub(super) fn new(to: Where) -> Self {
        Self { to, casts: BTreeMap::new(), scratch: Vec::new() }
    }

    /// A socket has room again. False: it is none of these.
    pub(super) fn on_writable(&mut self, registry: &Registry, token: usize) -> bool {
        let Some(one) = self.casts.get_mut(&token) else { return false };
        // A socket that cannot be watched is tried again with the next thing that happens.
        let _ = one.socket.want_writable(registry, false);
        true
    }

    /// What a taker says of a cast.
    pub(super) fn on_said(&mut self, now: Time, link: usize, said: Ask) {
        let Some(one) = self.casts.values_mut().find(|one| one.told.contains(&link)) else { return };
        let taker = link as u64;
        match said {
            Ask::Join(room) => one.cast.join(now, taker, Pieces::none(one.cut.pieces()), room),
            Ask::Held(first, count) => {
                let last = first.saturating_add(count).min(one.cut.pieces());
                (first..last).for_each(|piece| one.cast.on_held(now, taker, piece));
            }
            Ask::Caught(number) => one.cast.on_caught(now, taker, number),
            Ask::Lacking(piece, slices) => one.cast.on_lacking(now, taker, piece, slices),
            Ask::Open(..) | Ask::Leaves(..) | Ask::Piece(_) => {}
        }
    }

    /// A taker's connection has ended.
    pub(super) fn on_gone(&mut self, now: Time, link: usize) {
        for one in self.casts.values_mut() {
            one.told.remove(&link);
            one.cast.leave(now, link as u64);
        }
    }

    /// Tells those of a cast who could take part in one: where two or more ask for the same on one link, or there is one already.
    pub(super) fn invite(
        &mut self,
        now: Time,
        registry: &Registry,
        mut token: impl FnMut() -> usize,
        givers: &mut BTreeMap<usize, (Pipe, Giver)>,
    ) {
        let mut alike: BTreeMap<(SessionId, Blob, SocketAddr), Vec<usize>> = BTreeMap::new();
        for (link, (pipe, giver)) in &*givers {
            let Some((session, blob)) = giver.may_be_cast_to() else { continue };
            let Some(local) = local(pipe) else { continue };
            alike.entry((session, blob, local)).or_default().push(*link);
        }
        for ((session, blob, local), links) in alike {
            let of_it = |one: &&mut One| (one.session, one.blob, one.local) == (session, blob, local);
            if self.casts.values_mut().find(of_it).is_none() {
                let Some((_, giver)) =
                    links.first().filter(|_| links.len() >= 2).and_then(|link| givers.get(link))
                else {
                    continue;
                };
                let token = token();
                match One::new(now, registry, token, self.to, (session, blob, local), giver) {
                    Ok(Some(one)) => drop(self.casts.insert(token, one)),
                    Ok(None) => continue,
                    Err(e) => {
                        log::info(
                            "files",
                            format_args!("a file is given to each alone, as it cannot be cast: {e}"),
                        );
                        continue;
                    }
                }
            }
            let Some(one) = self.casts.values_mut().find(of_it) else { continue };
            one.wait_until = now + JOIN;
            for link in links {
                let Some((pipe, giver)) = givers.get_mut(&link) else { continue };
                giver.tell_cast(pipe, one.sealing.id(), one.cut.length());
                one.told.insert(link);
            }
        }
    }

    /// Sends what may be sent of each, a burst at most, and ends what is over. True: there is more at once.
    pub(super) fn turn(
        &mut self,
        now: Time,
        registry: &Registry,
        givers: &mut BTreeMap<usize, (Pipe, Giver)>,
    ) -> bool {
        let (mut more, mut over) = (false, Vec::new());
        for (token, one) in &mut self.casts {
            let sent = one.send(now, registry, &mut self.scratch);
            let out = one.cast.leave_out(now);
            out.iter().for_each(|link| one.part_with(*link as usize, givers));
            match sent {
                Ok(some) => more |= some,
                Err(e) => {
                    log::info("files", format_args!("a file is not cast any more: {e}"));
                    over.push(*token);
                    continue;
                }
            }
            if one.is_over(now) {
                over.push(*token);
            }
        }
        for token in over {
            let Some(mut one) = self.casts.remove(&token) else { continue };
            one.told.clone().into_iter().for_each(|link| one.part_with(link, givers));
        }
        more
    }

    /// When one of them has to be looked at.
    pub(super) fn due(&self, now: Time) -> Option<Time> {
        let waits = self.casts.values().map(|one| one.wait_until).filter(|until| *until > now);
        self.casts.values().filter_map(|one| one.cast.due(now)).chain(waits).min()
    }
}

impl One {
    /// `None`: it is too small, or there is no multicast on that link.
    fn new(
        now: Time,
        registry: &Registry,
        token: usize,
        to: Where,
        (session, blob, local): (SessionId, Blob, SocketAddr),
        giver: &Giver,
    ) -> io::Result<Option<Self>> {
        let Some((access, file)) = giver.source() else { return Ok(None) };
        let cut = access.cast.and_then(|datagram| Cut::of(blob.size, datagram, access.key.is_some()));
        let worth = tree::pieces(blob.size) >= WORTH;
        let Some((cut, to)) = cut.filter(|_| worth).zip(to.from(local)) else { return Ok(None) };
        let any = if local.is_ipv4() { ANY4 } else { ANY6 };
        let socket = Udp::bind(any, 0, false, Token(token))?;
        socket.register(registry)?;
        Ok(Some(Self {
            session,
            blob,
            local,
            cut,
            sealing: Sealing::new(&access, session, super::engine::nonce()?),
            cast: Cast::new(cut, now),
            socket,
            to,
            file: file.try_clone()?,
            piece: None,
            bytes: Vec::new(),
            waiting: Vec::new(),
            told: BTreeSet::new(),
            wait_until: now + JOIN,
        }))
    }

    fn send(&mut self, now: Time, registry: &Registry, scratch: &mut Vec<u8>) -> io::Result<bool> {
        if self.waiting.is_empty() {
            while self.waiting.len() < BURST
                && let Some(place) = self.cast.next(now)
            {
                if self.piece != Some(place.piece) {
                    self.bytes.resize(tree::length(self.blob.size, place.piece), 0);
                    self.file.read_exact_at(&mut self.bytes, tree::offset(place.piece))?;
                    self.piece = Some(place.piece);
                }
                let bytes = &self.bytes[self.cut.range(place.piece, place.slice)];
                self.waiting.push(self.sealing.encode(place, bytes).into());
            }
        }
        let source = Some(self.local.ip()).filter(IpAddr::is_ipv4);
        let sent = self.socket.send(self.to, source, &self.waiting, scratch);
        self.waiting.drain(..sent.done);
        if sent.full {
            self.socket.want_writable(registry, true)?;
        }
        Ok(sent.done > 0 && !sent.full)
    }

    fn is_over(&self, now: Time) -> bool {
        let all_in = self.told.iter().all(|link| self.cast.has(*link as u64));
        self.cast.is_over(now) && (all_in || now >= self.wait_until)
    }

    fn part_with(&mut self, link: usize, givers: &mut BTreeMap<usize, (Pipe, Giver)>) {
        self.told.remove(&link);
        if let Some((pipe, giver)) = givers.get_mut(&link) {
            giver.tell_cast_over(pipe);
        }
    }
}

/// The end of a connection that is here. What was accepted for both families names IPv4 addresses in the manner of IPv6.
fn local(pipe: &Pipe) -> Option<SocketAddr> {
    let local = pipe.stream.local_addr().ok()?;
    match local.ip().to_canonical() {
        IpAddr::V4(v4) => Some(SocketAddr::new(v4.into(), 0)),
        IpAddr::V6(_) => match local {
            SocketAddr::V6(v6) => Some(SocketAddrV6::new(*v6.ip(), 0, 0, v6.scope_id()).into()),
            SocketAddr::V4(_) => None,
        },
    }
}
