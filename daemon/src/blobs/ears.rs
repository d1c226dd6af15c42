//! Where casts are heard: a socket for each family in the group that casts go to, open while there is something to hear.
//!
//! Invariant: without a cast that somebody here takes part in, no group is entered.

use super::casting::Where;
use crate::net::udp::{ANY6, Buffers, Udp};
use mio::{Registry, Token};
use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, SocketAddr},
};

/// More are not to be on their way: enough for a gigabit (256 KiB), and little for messages to wait behind.
const MOST: u32 = 180;

/// System calls for each family before something else is done.
const CALLS: usize = 4;

pub(super) struct Ears {
    at: Where,
    ears: [Option<Ear>; 2],
    buffers: Option<Buffers>,
}

struct Ear {
    socket: Udp,
    /// Where the group was entered: the local addresses (IPv4) or scopes.
    on: BTreeSet<(IpAddr, u32)>,
}

impl Ears {
    pub(super) fn new(at: Where) -> Self {
        Self { at, ears: [None, None], buffers: None }
    }

    /// Listens on the link of a local address. How many datagrams have room.
    ///
    /// # Errors
    /// There is no such socket or membership to be had.
    pub(super) fn open(&mut self, registry: &Registry, token: Token, local: SocketAddr) -> io::Result<u32> {
        let v6 = local.is_ipv6();
        let group = if v6 { IpAddr::V6(self.at.groups.v6) } else { IpAddr::V4(self.at.groups.v4) };
        let ear = match &mut self.ears[usize::from(v6)] {
            Some(ear) => ear,
            none => {
                // Bound to the group itself, so that broadcasts to the port do not come here.
                let socket = Udp::bind(if v6 { ANY6 } else { group }, self.at.port, true, token)?;
                socket.register(registry)?;
                none.insert(Ear { socket, on: BTreeSet::new() })
            }
        };
        let scope = if let SocketAddr::V6(local) = local { local.scope_id() } else { 0 };
        let on = (if v6 { IpAddr::V6(self.at.groups.v6) } else { local.ip() }, scope);
        if !ear.on.contains(&on) {
            ear.socket.join_at(group, local)?;
            ear.on.insert(on);
        }
        self.buffers.get_or_insert_default();
        Ok(ear.socket.room().min(MOST))
    }

    /// Listens no longer.
    pub(super) fn close(&mut self) {
        (self.ears, self.buffers) = ([None, None], None);
    }

    /// Something has arrived for one of them.
    pub(super) fn on_readable(&mut self, token: Token) {
        self.ears
            .iter_mut()
            .flatten()
            .filter(|ear| ear.socket.token() == token)
            .for_each(|ear| ear.socket.on_readable());
    }

    /// Hands over what has arrived, a few system calls' worth at most. True: there may be more.
    pub(super) fn receive(&mut self, mut each: impl FnMut(IpAddr, &[u8])) -> bool {
        let Some(buffers) = &mut self.buffers else { return false };
        let mut more = false;
        for ear in self.ears.iter_mut().flatten() {
            for _ in 0..CALLS {
                more = ear.socket.receive(buffers, |meta, datagram| each(meta.addr.ip(), datagram));
                if !more {
                    break;
                }
            }
        }
        more
    }
}
