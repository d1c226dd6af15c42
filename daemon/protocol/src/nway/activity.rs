//! One app session as a member of its parent sees it, and what that member has to do about it.
//!
//! The view is a set of registers, one for each user on a host, that only they write: the latest notice of each counts. So any
//! two hosts that hold the same notices see the same, in whatever order these came. Whether a host is present is the one
//! thing that is looked at besides; everything is derived anew from both, and nothing is kept that could go stale.
//!
//! Invariant: nobody is started who has not accepted, and nobody beyond the most that can take part, as far as is known.

use super::notice::{Invite, Notice, Stand};
use crate::members::statement::Place;
use chalktalk_ipc::{
    HostId, SessionId, UserId,
    nway::{Model, Part, Standing},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Members of whom something is known in one app session; more are somebody's invention.
pub const MAX_MEMBERS: usize = 4096;

/// A user on a host: who takes part.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Member {
    /// The person.
    pub user: UserId,
    /// Where they sit.
    pub host: HostId,
}

/// An app session.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Activity {
    /// What everybody is asked into.
    pub invite: Invite,
    /// Who of the members asked whom in person: those who had not heard the first invitation.
    pub asked: BTreeSet<UserId>,
    /// Whether who made it has called it off.
    pub cancelled: bool,
    stands: BTreeMap<Member, (Place, Stand)>,
}

/// What a member has to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Duty {
    /// Say that the invitation has come.
    Note,
    /// Launch the app.
    Start,
    /// Say that one is out: it cannot begin any more.
    Withdraw(&'static str),
    /// Say that the copy does not run, of which one has said that it does.
    Lost,
}

/// A local user, and what their host knows besides what was said.
#[derive(Clone, Copy)]
pub struct Here<'a> {
    /// Who.
    pub me: Member,
    /// Their last word.
    pub stand: Option<&'a Stand>,
    /// Which hosts are in the parent now.
    pub present: &'a dyn Fn(HostId) -> bool,
    /// Whether an invitation has come to them that counts.
    pub invited: bool,
    /// Whether it is too old to begin.
    pub expired: bool,
    /// Whether their copy runs; `None`: their agent has not come back yet to say so.
    pub copy: Option<bool>,
}

/// Why somebody cannot accept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Barred {
    /// They have already.
    TakesPart,
    /// Nobody is let in any more.
    Closed(Closed),
    /// The invitation is too old.
    Expired,
}

/// Why somebody cannot take part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closed {
    /// Nobody takes part any more.
    Ended,
    /// It was called off.
    Cancelled,
}

impl Activity {
    /// One of which the invitation has come.
    pub fn new(invite: Invite) -> Self {
        let invite = Invite { to: None, ..invite };
        Self { invite, asked: BTreeSet::new(), cancelled: false, stands: BTreeMap::new() }
    }

    /// Which.
    pub fn session(&self) -> SessionId {
        self.invite.session
    }

    /// Takes in what a member has said. True if that is news.
    pub fn apply(&mut self, author: Member, place: Place, notice: &Notice) -> bool {
        match notice {
            Notice::Invite(invite) => invite.to.is_some_and(|user| self.asked.insert(user)),
            Notice::Cancel { .. } => {
                let news = author.user == self.invite.creator && !self.cancelled;
                self.cancelled |= news;
                news
            }
            Notice::Stand(stand) => {
                let known = self.stands.get(&author);
                let full = known.is_none() && self.stands.len() >= MAX_MEMBERS;
                if full || known.is_some_and(|(before, _)| *before >= place) {
                    return false;
                }
                self.stands.insert(author, (place, stand.clone()));
                true
            }
        }
    }

    /// How a member stands, if they have said so.
    pub fn stand(&self, member: &Member) -> Option<&Stand> {
        self.stands.get(member).map(|(_, stand)| stand)
    }

    /// All who have said something, and where they said it.
    pub fn stands(&self) -> impl Iterator<Item = (Member, Place, &Stand)> {
        self.stands.iter().map(|(member, (place, stand))| (*member, *place, stand))
    }

    /// Those who take part or are about to, in the order of their places: who accepted first. Who only looks on comes last.
    pub fn active(&self, present: &dyn Fn(HostId) -> bool) -> Vec<Member> {
        let takes_part = |(member, (_, stand)): (&Member, &(Place, Stand))| {
            let is_in = stand.standing.is_active() && present(member.host);
            is_in.then_some((stand.part == Part::Observer, stand.since, *member))
        };
        let mut active: Vec<_> = self.stands.iter().filter_map(takes_part).collect();
        active.sort();
        active.into_iter().map(|(_, _, member)| member).collect()
    }

    /// Which place a member has, from 1. Who looks on has none.
    pub fn place(&self, member: &Member, present: &dyn Fn(HostId) -> bool) -> Option<u16> {
        let looks_on = self.stand(member).is_none_or(|stand| stand.part == Part::Observer);
        let at = self.active(present).iter().position(|other| other == member);
        at.filter(|_| !looks_on).and_then(|at| u16::try_from(at + 1).ok())
    }

    /// Whether it has begun: somebody's copy runs, or enough have accepted.
    pub fn has_begun(&self, present: &dyn Fn(HostId) -> bool) -> bool {
        let active = self.active(present);
        let runs = |member: &Member| {
            self.stand(member)
                .is_some_and(|stand| matches!(stand.standing, Standing::Starting | Standing::In))
        };
        let plays = |member: &&Member| self.stand(member).is_some_and(|stand| stand.part != Part::Observer);
        active.iter().any(runs)
            || active.iter().filter(plays).count() >= usize::from(self.invite.least.max(2))
    }

    /// Whose copy is the one that the others connect to, if it is ready.
    pub fn host(&self, present: &dyn Fn(HostId) -> bool) -> Option<(Member, &Stand)> {
        let ready = |stand: &Stand| stand.part == Part::Host && stand.standing == Standing::In;
        let mut hosts =
            self.stands.iter().filter(|(member, (_, stand))| ready(stand) && present(member.host));
        hosts.next().map(|(member, (_, stand))| (*member, stand))
    }

    /// Whether, and why, nobody is let in any more. Who invited takes part from the start.
    pub fn closed(&self, present: &dyn Fn(HostId) -> bool) -> Option<Closed> {
        match self.active(present).is_empty() {
            true if !self.stands.is_empty() => Some(Closed::Ended),
            _ if self.cancelled => Some(Closed::Cancelled),
            _ => None,
        }
    }

    /// Whether a member can accept.
    pub fn may_accept(&self, here: &Here<'_>) -> Result<(), Barred> {
        if here.stand.is_some_and(|stand| stand.standing.is_active()) {
            return Err(Barred::TakesPart);
        }
        match self.closed(here.present) {
            Some(why) => Err(Barred::Closed(why)),
            None if here.expired && !self.has_begun(here.present) => Err(Barred::Expired),
            None => Ok(()),
        }
    }

    /// Whether an invitation waits for a member's answer.
    pub fn waits(&self, here: &Here<'_>) -> bool {
        let unanswered = |stand: &Stand| matches!(stand.standing, Standing::Asked | Standing::Missing);
        here.invited && here.stand.is_some_and(unanswered) && self.may_accept(here).is_ok()
    }

    /// What a member has to do.
    pub fn duty(&self, here: &Here<'_>) -> Option<Duty> {
        let (Here { me, present, expired, .. }, closed) = (*here, self.closed(here.present));
        let Some(stand) = here.stand else {
            let goes_on = closed.is_none() && (!expired || self.has_begun(present));
            return (here.invited && goes_on).then_some(Duty::Note);
        };
        let runs = matches!(stand.standing, Standing::Starting | Standing::In);
        if runs && here.copy == Some(false) {
            return Some(Duty::Lost);
        }
        if stand.standing != Standing::Accepted || here.copy.is_none() {
            return None;
        }
        if !self.has_begun(present) {
            return match self.cancelled {
                true => Some(Duty::Withdraw("it was called off")),
                false if expired => Some(Duty::Withdraw("too few accepted")),
                false => None,
            };
        }
        if stand.part != Part::Observer && !self.is_free(&me, present) {
            return self.cancelled.then_some(Duty::Withdraw("it was called off before a place was free"));
        }
        let waits =
            self.invite.model == Model::Host && stand.part != Part::Host && self.host(present).is_none();
        match waits {
            true if expired && !self.host_may_come(present) => Some(Duty::Withdraw("the host has gone")),
            true => None,
            false => Some(Duty::Start),
        }
    }

    /// Whether there is a place for a member's copy: one of theirs, that nobody's copy has taken while they were away.
    fn is_free(&self, me: &Member, present: &dyn Fn(HostId) -> bool) -> bool {
        let runs = |(member, (_, stand)): &(&Member, &(Place, Stand))| {
            let runs = matches!(stand.standing, Standing::Starting | Standing::In);
            runs && stand.part != Part::Observer && *member != me && present(member.host)
        };
        let others = self.stands.iter().filter(runs).count();
        let place = self.place(me, present);
        place.is_some_and(|place| place <= self.invite.most) && others < usize::from(self.invite.most)
    }

    /// Whether the host's copy is on its way.
    fn host_may_come(&self, present: &dyn Fn(HostId) -> bool) -> bool {
        let coming = |(member, (_, stand)): (&Member, &(Place, Stand))| {
            stand.part == Part::Host && stand.standing.is_active() && present(member.host)
        };
        self.stands.iter().any(coming)
    }

    /// Members who should be asked in person: they are in the parent and have never said that the invitation came.
    pub fn unasked(
        &self,
        parent: impl Iterator<Item = Member>,
        present: &dyn Fn(HostId) -> bool,
    ) -> Vec<Member> {
        if self.closed(present).is_some() {
            return Vec::new();
        }
        let known = |member: &Member| self.stands.contains_key(member);
        parent.filter(|member| !known(member) && !self.asked.contains(&member.user)).collect()
    }

    /// Who tells of the end: of those who took part, the one who left last.
    pub fn last_out(&self) -> Option<Member> {
        let out =
            |stand: &Stand| stand.since > 0 && matches!(stand.standing, Standing::Left | Standing::Failed);
        let left = self.stands.iter().filter(|(_, (_, stand))| out(stand));
        left.max_by_key(|(_, (place, _))| *place).map(|(member, _)| *member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{self, Epoch, LogId, Seq};
    use chalktalk_ipc::{AppId, OriginId};

    fn game(most: u16) -> Activity {
        let (app, creator, nonce): (AppId, _, _) =
            ("org.example.game".parse().unwrap(), UserId([1; 32]), [3; 16]);
        let session = ids::created(&app, &creator, &nonce);
        let (version, title, model, least) = (String::new(), "Game".into(), Model::Peers, 2);
        Activity::new(Invite {
            session,
            app,
            creator,
            nonce,
            version,
            title,
            model,
            least,
            most,
            lifetime: 60,
            to: None,
        })
    }

    fn member(n: u8) -> Member {
        Member { user: UserId([n; 32]), host: HostId([n; 16]) }
    }

    /// Member `n` says for the `seq`th time how they stand; they accepted at stamp `since`.
    fn say(activity: &mut Activity, n: u8, seq: u64, since: u64, standing: Standing) {
        let log = LogId { origin: OriginId([n; 16]), epoch: Epoch(1) };
        let place = Place { stamp: 10 * seq + u64::from(n), log, seq: Seq(seq) };
        let stand = Stand { since, ..Stand::new(activity.session(), standing) };
        assert!(activity.apply(member(n), place, &Notice::Stand(stand)));
    }

    #[test]
    fn a_place_that_was_given_twice_in_a_partition_goes_to_who_accepted_first_and_nobody_is_ended() {
        let everybody = |_| true;
        let mut game = game(2);
        // Apart from each other, two have taken the second place; a fourth waits for one.
        for (n, since) in [(1, 1), (2, 5), (3, 4)] {
            say(&mut game, n, 1, since, Standing::In);
        }
        say(&mut game, 4, 1, 6, Standing::Accepted);
        let places = |game: &Activity| [1, 2, 3, 4].map(|n| game.place(&member(n), &everybody));
        let duty = |game: &Activity, n| {
            let (me, stand) = (member(n), game.stand(&member(n)));
            let copy = Some(stand.is_some_and(|stand| stand.standing == Standing::In));
            game.duty(&Here { me, stand, present: &everybody, invited: true, expired: false, copy })
        };
        assert_eq!(places(&game), [Some(1), Some(3), Some(2), Some(4)], "each place is one member's");
        assert_eq!(
            [1, 2, 3, 4].map(|n| duty(&game, n)),
            [None, None, None, None],
            "who runs goes on, who waits waits"
        );
        say(&mut game, 3, 2, 4, Standing::Left);
        assert_eq!(
            places(&game),
            [Some(1), Some(2), None, Some(3)],
            "who is one too many takes the place first"
        );
        assert_eq!(duty(&game, 4), None);
        say(&mut game, 2, 2, 5, Standing::Failed);
        assert_eq!(duty(&game, 4), Some(Duty::Start));
    }

    #[test]
    fn who_hears_of_it_too_late_to_begin_is_asked_into_what_goes_on() {
        let mut game = game(3);
        say(&mut game, 1, 1, 1, Standing::Accepted);
        let duty = |game: &Activity| {
            let (me, present, invited, expired) = (member(3), &|_| true, true, true);
            game.duty(&Here { me, stand: None, present, invited, expired, copy: Some(false) })
        };
        assert_eq!(duty(&game), None, "it will not begin");
        say(&mut game, 1, 2, 1, Standing::In);
        assert_eq!(duty(&game), Some(Duty::Note));
        say(&mut game, 1, 3, 1, Standing::Left);
        assert_eq!(duty(&game), None, "it has ended");
    }

    #[test]
    fn who_comes_back_before_they_were_started_waits_if_their_place_was_taken() {
        let mut game = game(2);
        say(&mut game, 1, 1, 1, Standing::Accepted);
        say(&mut game, 2, 1, 2, Standing::In);
        say(&mut game, 3, 1, 3, Standing::In);
        let duty = |game: &Activity, present: &dyn Fn(HostId) -> bool| {
            let (me, copy) = (member(1), Some(false));
            game.duty(&Here { me, stand: game.stand(&me), present, invited: true, expired: false, copy })
        };
        assert_eq!(game.place(&member(1), &|_| true), Some(1), "the place is theirs");
        assert_eq!(duty(&game, &|_| true), None, "two copies run, of at most two");
        assert_eq!(duty(&game, &|host| host != member(3).host), Some(Duty::Start));
        say(&mut game, 3, 2, 3, Standing::Left);
        assert_eq!(duty(&game, &|_| true), Some(Duty::Start));
    }
}
