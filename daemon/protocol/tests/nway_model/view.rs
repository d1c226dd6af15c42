//! What a member has heard, and what the core makes of it.
//!
//! The same is seen over and over in other worlds: what the core said of it is remembered.
//!
//! Invariant: nothing is decided here; every answer is the core's.

use crate::{
    hashing::Folding,
    world::{N, Scene, Word},
};
use chalktalk_ipc::{
    AppId, HostId, OriginId, UserId,
    nway::{Model, Part, Standing},
};
use chalktalk_protocol::{
    ids::{self, Epoch, LogId, Seq},
    members::statement::Place,
    nway::{
        activity::{Activity, Duty, Here, Member},
        notice::{Invite, Notice, Stand},
    },
};
use std::{cell::RefCell, collections::HashMap, fmt, hash::BuildHasherDefault};

/// What counts of the beginning of a log, as bits: 0 to 2 how the author stands, 3 whether they have said so, 4 whether that
/// says that they have ever accepted, 5 the invitation, 6 that it is called off, 7 to 9 whom they have asked in person.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Sum(u16);

const STANDINGS: [Standing; 8] = [
    Standing::Asked,
    Standing::Accepted,
    Standing::Starting,
    Standing::In,
    Standing::Declined,
    Standing::Missing,
    Standing::Failed,
    Standing::Left,
];

impl Sum {
    /// One more notice is heard.
    pub(crate) fn and(self, word: Word) -> Self {
        Self(match word {
            Word::Invite => self.0 | 1 << 5,
            Word::Cancel => self.0 | 1 << 6,
            Word::Ask(whom) => self.0 | 1 << (7 + whom),
            Word::Stand(standing, accepted) => {
                let at = STANDINGS.iter().position(|known| *known == standing).unwrap() as u16;
                (self.0 & !0b1_1111) | at | 1 << 3 | u16::from(accepted) << 4
            }
        })
    }

    /// How the author stands, if they have said so.
    pub(crate) fn standing(self) -> Option<Standing> {
        (self.0 & 1 << 3 != 0).then(|| STANDINGS[usize::from(self.0 & 7)])
    }

    pub(crate) fn has_accepted(self) -> bool {
        self.0 & 1 << 4 != 0
    }

    fn invites(self) -> bool {
        self.0 & 1 << 5 != 0
    }

    pub(crate) fn cancels(self) -> bool {
        self.0 & 1 << 6 != 0
    }

    pub(crate) fn asks(self, whom: usize) -> bool {
        self.0 & 1 << (7 + whom) != 0
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked: Vec<usize> = (0..N).filter(|whom| self.asks(*whom)).collect();
        write!(f, "{:?}, {}, ", self.standing(), if self.has_accepted() { "has accepted" } else { "never" })?;
        write!(f, "invites: {}, cancels: {}, asks {asked:?}", self.invites(), self.cancels())
    }
}

/// Everything that a member goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub n: usize,
    pub sums: [Sum; N],
    pub present: [bool; N],
    pub since: [u8; N],
    pub expired: bool,
    pub late: bool,
    pub runs: bool,
}

/// What the core makes of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    pub duty: Option<Duty>,
    pub may_accept: bool,
    /// Whether an invitation waits for the member.
    pub waits: bool,
    pub place: Option<u16>,
    /// Who should be asked in person.
    pub unasked: [bool; N],
    pub begun: bool,
    pub closed: bool,
    pub host: bool,
    pub active: [bool; N],
}

pub(crate) fn member(n: usize) -> Member {
    Member { user: UserId([n as u8 + 1; 32]), host: HostId([n as u8 + 1; 16]) }
}

pub(crate) fn invite(model: Model, most: u16) -> Invite {
    let (app, creator): (AppId, UserId) = ("org.example.game".parse().unwrap(), member(0).user);
    let session = ids::created(&app, &creator, &[7; 16]);
    let (nonce, version, title) = ([7; 16], String::new(), "x".into());
    Invite { session, app, creator, nonce, version, title, model, least: 2, most, lifetime: 600, to: None }
}

pub(crate) fn place(n: usize, seq: usize, stamp: u64) -> Place {
    let log = LogId { origin: OriginId([n as u8 + 1; 16]), epoch: Epoch(1) };
    Place { stamp, log, seq: Seq(seq as u64 + 1) }
}

thread_local! {
    /// Of one scene.
    static SEEN: RefCell<HashMap<u64, Seen, BuildHasherDefault<Folding>>> = RefCell::default();
}

/// Another scene is played.
pub(crate) fn forget() {
    SEEN.with_borrow_mut(HashMap::clear);
}

impl View {
    /// Whether the member knows what everybody is asked into. What they hear before waits for that.
    pub(crate) fn is_known(&self) -> bool {
        self.sums.iter().any(|sum| sum.invites() || (0..N).any(|whom| sum.asks(whom)))
    }

    /// Whether an invitation has come to the member that counts.
    fn invited(&self) -> bool {
        let by_others = |from: usize| from != self.n && self.sums[from].asks(self.n);
        (self.n != 0 && self.sums[0].invites() && !self.late) || (0..N).any(by_others)
    }

    /// What the core makes of it.
    pub(crate) fn seen(&self, scene: &Scene) -> Seen {
        SEEN.with_borrow_mut(|known| *known.entry(self.key()).or_insert_with(|| self.look(scene)))
    }

    /// All of it, as bits.
    fn key(&self) -> u64 {
        let flags = [self.expired, self.late, self.runs].into_iter().chain(self.present);
        let small =
            self.since.into_iter().chain([self.n as u8]).fold(0, |key, two| key << 2 | u64::from(two));
        let key = flags.fold(small, |key, flag| key << 1 | u64::from(flag));
        self.sums.iter().fold(key, |key, sum| key << 10 | u64::from(sum.0))
    }

    fn activity(&self, scene: &Scene) -> Activity {
        let invite = invite(scene.model, scene.most);
        let mut activity = Activity::new(invite.clone());
        for (from, sum) in self.sums.iter().enumerate() {
            let mut say = |notice| activity.apply(member(from), place(from, 0, 1), &notice);
            for whom in (0..N).filter(|whom| sum.asks(*whom)) {
                say(Notice::Invite(Invite { to: Some(member(whom).user), ..invite.clone() }));
            }
            if sum.cancels() {
                say(Notice::Cancel { session: invite.session });
            }
            if let Some(standing) = sum.standing() {
                let host = from == 0 && scene.model == Model::Host;
                let part = if host { Part::Host } else { Part::Player };
                let stand =
                    Stand { part, since: self.since[from].into(), ..Stand::new(invite.session, standing) };
                say(Notice::Stand(stand));
            }
        }
        activity
    }

    fn look(&self, scene: &Scene) -> Seen {
        let nothing = [false; N];
        if !self.is_known() {
            let (duty, place) = (None, None);
            let (may_accept, waits, begun, closed, host) = (false, false, false, false, false);
            let (unasked, active) = (nothing, nothing);
            return Seen { duty, may_accept, waits, place, unasked, begun, closed, host, active };
        }
        let activity = self.activity(scene);
        let me = member(self.n);
        let present = |host: HostId| (0..N).any(|n| member(n).host == host && self.present[n]);
        let here = Here {
            me,
            stand: activity.stand(&me),
            present: &present,
            invited: self.invited(),
            expired: self.expired,
            copy: Some(self.runs),
        };
        let others = (0..N).filter(|n| *n != self.n && self.present[*n]).map(member);
        let among = |members: &[Member]| [0, 1, 2].map(|n| members.contains(&member(n)));
        Seen {
            duty: activity.duty(&here),
            may_accept: activity.may_accept(&here).is_ok(),
            waits: activity.waits(&here),
            place: activity.place(&me, &present),
            unasked: among(&activity.unasked(others, &present)),
            begun: activity.has_begun(&present),
            closed: activity.closed(&present).is_some(),
            host: activity.host(&present).is_some(),
            active: among(&activity.active(&present)),
        }
    }
}
