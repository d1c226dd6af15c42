//! Who has a message, and who does not.
//!
//! Invariant: that somebody has it follows from what their host has said in a signed frame, or from this host's disk.

use super::{Node, local::refuse};
use crate::ids::{Epoch, LogId, Seq};
use chalktalk_ipc::{
    Answer, HostId, Position, Refusal, RefusalCode, SessionId, UserId,
    event::{Holder, Member},
};
use std::collections::BTreeSet;

impl Node {
    /// How far a message has come at the host of each member, there or not.
    ///
    /// # Errors
    /// The user is not in the session.
    pub fn holders(&self, me: UserId, id: SessionId, at: Position) -> Result<Answer, Refusal> {
        let Some(session) = self.sessions.get(&id).filter(|session| session.joined.contains(&me)) else {
            return refuse(RefusalCode::NotJoined, "you are not in this session");
        };
        let (log, seq) = (LogId { origin: at.origin, epoch: Epoch(at.epoch) }, Seq(at.seq));
        let holder = |Member { user, name, host_id, host, .. }: Member| {
            let (held, shown) = match host_id == self.host {
                true => session.reached_here(&user, log),
                false => session.reached_there(host_id, log),
            };
            let me = user == me && host_id == self.host;
            Holder { user, name, host_id, host, present: true, held: held >= seq, shown: shown >= seq, me }
        };
        let mut holders: Vec<Holder> = self.members(id).into_iter().map(holder).collect();
        let there: BTreeSet<UserId> = holders.iter().map(|holder| holder.user).collect();
        let belong = session.belonging().into_iter().flatten();
        let belong = belong.filter(|(_, invited)| !invited).map(|(user, _)| user);
        let absent = belong.filter(|user| !there.contains(user)).map(|user| Holder {
            user,
            name: self.name_of_user(user),
            host_id: HostId::NIL,
            host: String::new(),
            present: false,
            held: false,
            shown: false,
            me: false,
        });
        holders.extend(absent);
        holders.sort_by(|a, b| (!a.present, &a.name, a.host_id).cmp(&(!b.present, &b.name, b.host_id)));
        Ok(Answer::Holders(holders))
    }
}
