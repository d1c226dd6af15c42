//! Who may have the blobs of a session, and which hosts may have them to give.
//!
//! Invariant: who is not in a session now is given no key of it, and so learns nothing of its blobs.

use super::{Node, local::refuse};
use crate::{blob::Access, net::Way, session::Session};
use chalktalk_ipc::{HostId, OriginId, Refusal, RefusalCode, SessionId, UserId};
use std::net::SocketAddr;

impl Node {
    /// What a local user's programs fetch and offer under in a session.
    ///
    /// # Errors
    /// The user has not joined it, or its key is not known at the moment.
    pub fn blob_access(&self, user: UserId, session: SessionId) -> Result<Access, Refusal> {
        let joined = self.sessions.get(&session).is_some_and(|found| found.joined.contains(&user));
        if !joined {
            return refuse(RefusalCode::NotJoined, "you have not joined this session");
        }
        match self.blob_key(session) {
            Some(access) => Ok(access),
            None => refuse(
                RefusalCode::Busy,
                "the session has no key at the moment: wait until its members have made one",
            ),
        }
    }

    /// What other hosts have to know to be given blobs of a session. `None`: nothing is given.
    pub fn blob_key(&self, session: SessionId) -> Option<Access> {
        let keys = &self.sessions.get(&session).filter(|session| session.is_active())?.keys;
        let multicast = self.paths.mode.allows(Way::Multicast4);
        let cast = multicast.then(|| self.paths.payload());
        keys.can_send().then(|| Access { key: keys.sending_key().cloned(), cast })
    }

    /// Sessions that a local user is in.
    pub fn is_in(&self, user: UserId, session: SessionId) -> bool {
        self.sessions.get(&session).is_some_and(|session| session.joined.contains(&user))
    }

    /// Where to ask for a blob: the host of who offered it, then every other one in the session, each asker in an order of
    /// its own.
    pub fn blob_holders(&self, session: SessionId, from: Option<OriginId>) -> Vec<SocketAddr> {
        let author = from.and_then(|origin| self.authors.get(&origin)).map(|author| author.host);
        let present = self.sessions.get(&session).into_iter().flat_map(Session::present);
        let mut hosts: Vec<HostId> =
            present.filter(|host| Some(*host) != author && *host != self.host).collect();
        hosts.sort_by_cached_key(|host| *blake3::hash(&[self.host.0, host.0].concat()).as_bytes());
        author.into_iter().chain(hosts).filter_map(|host| self.address_of(host)).collect()
    }
}
