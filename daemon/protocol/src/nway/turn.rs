//! How a member comes from one standing to the next: whatever a user, their agent or time can do to it, in one table.
//!
//! The node asks it before it says anything for a local user, and so do the tests that go through every order of things.
//!
//! Invariant: only a word of the user, or a policy that they have set, leads to [`Standing::Accepted`], and a copy starts from
//! there alone.

use super::notice::{Stand, short};
use chalktalk_ipc::{
    SessionId,
    nway::{MAX_DETAIL, Part, Standing},
};
use std::net::IpAddr;

/// What happens to how a local user stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Turn {
    /// The invitation has reached them; what they should know besides.
    Asked(String),
    /// What it takes is not there; what.
    Lacks(String),
    /// They take part.
    Accept {
        /// As what.
        part: Part,
        /// The stamp of this, for who accepts for the first time.
        since: u64,
        /// Where their copy can be reached.
        addresses: Vec<IpAddr>,
        /// What others should know.
        detail: String,
    },
    /// They do not, or not any more.
    Decline,
    /// Their agent is told to launch the copy; what others should know.
    Launch(String),
    /// The copy is a process of this id.
    Started(u32),
    /// Others can connect to it, on this port if it is not 0.
    Ready(u16),
    /// Their screen is locked: nothing is opened, and they are asked again.
    Locked,
    /// The copy cannot be started; why.
    Fails(String),
    /// The copy has ended, with this status if that is known.
    Ended(Option<i32>),
    /// The copy is said to run, and nobody knows of it.
    Lost,
    /// The copy has been running all along.
    Found {
        /// Its process id.
        pid: u32,
        /// Its port; 0: none.
        port: u16,
        /// Whether it is ready.
        ready: bool,
    },
    /// There is nothing to wait for any more; why.
    Withdraw(&'static str),
}

impl Turn {
    /// How they stand afterwards, who stood like this (`None`: they had said nothing). `None`: it cannot happen to them.
    pub fn of(self, session: SessionId, before: Option<&Stand>) -> Option<Stand> {
        use Standing::{Accepted, Asked, Declined, Failed, In, Left, Missing, Starting};
        let was = before.map(|stand| stand.standing);
        let stand = before.cloned().unwrap_or_else(|| Stand::new(session, Asked));
        let runs = matches!(was, Some(Starting | In));
        Some(match (self, was) {
            (Self::Asked(detail), None | Some(Missing)) => Stand { standing: Asked, detail, ..stand },
            (Self::Lacks(detail), None | Some(Accepted | Starting)) => {
                Stand { standing: Missing, detail, pid: 0, ..stand }
            }
            (Self::Accept { part, since, addresses, detail }, _)
                if was.is_none_or(|was| !was.is_active()) =>
            {
                let since = if stand.since > 0 { stand.since } else { since };
                Stand { part, since, addresses, detail, ..Stand::new(session, Accepted) }
            }
            (Self::Decline, None | Some(Asked | Missing)) => {
                Stand { standing: Declined, detail: String::new(), ..stand }
            }
            (Self::Decline, Some(Accepted)) => Stand { standing: Left, detail: String::new(), ..stand },
            (Self::Launch(detail), Some(Accepted)) => {
                Stand { standing: Starting, pid: 0, status: None, detail, ..stand }
            }
            (Self::Started(pid), _) if runs => Stand { pid, ..stand },
            (Self::Ready(port), _) if runs => {
                Stand { standing: In, port: if port == 0 { stand.port } else { port }, ..stand }
            }
            (Self::Locked, Some(Starting)) => Stand { standing: Asked, pid: 0, ..stand },
            (Self::Fails(detail), Some(Accepted | Starting)) => {
                Stand { standing: Failed, detail: short(&detail, MAX_DETAIL), pid: 0, ..stand }
            }
            (Self::Ended(status), _) if runs => ended(stand, status),
            (Self::Lost, _) if runs => {
                let detail = "it ended while nobody watched".to_owned();
                Stand { standing: Failed, detail, pid: 0, port: 0, ..stand }
            }
            (Self::Found { pid, port, ready }, Some(_)) if stand.since > 0 => {
                let detail = if runs { stand.detail } else { String::new() };
                Stand { standing: if ready { In } else { Starting }, pid, port, detail, ..stand }
            }
            (Self::Withdraw(why), Some(Accepted)) => {
                Stand { standing: Left, detail: why.to_owned(), ..stand }
            }
            _ => return None,
        })
    }
}

/// The copy of who stood like this has ended.
fn ended(stand: Stand, status: Option<i32>) -> Stand {
    let (standing, detail) = match status {
        None => (Standing::Left, "how it ended is not known".to_owned()),
        Some(0) => (Standing::Left, String::new()),
        Some(status) if status > 128 => {
            (Standing::Failed, format!("it was ended by signal {}", status - 128))
        }
        Some(status) => (Standing::Failed, format!("it ended with status {status}")),
    };
    Stand { standing, status, detail, pid: 0, port: 0, ..stand }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Standing; 8] = [
        Standing::Asked,
        Standing::Accepted,
        Standing::Starting,
        Standing::In,
        Standing::Declined,
        Standing::Missing,
        Standing::Failed,
        Standing::Left,
    ];

    fn stand(standing: Standing) -> Stand {
        Stand { since: 7, pid: 3, port: 9, ..Stand::new(SessionId([1; 16]), standing) }
    }

    fn every_turn() -> Vec<Turn> {
        let yes =
            |since| Turn::Accept { part: Part::Player, since, addresses: Vec::new(), detail: String::new() };
        let found = |ready| Turn::Found { pid: 5, port: 0, ready };
        vec![
            Turn::Asked(String::new()),
            Turn::Lacks(String::new()),
            yes(8),
            Turn::Decline,
            Turn::Launch(String::new()),
            Turn::Started(4),
            Turn::Ready(0),
            Turn::Locked,
            Turn::Fails(String::new()),
            Turn::Ended(Some(0)),
            Turn::Lost,
            found(true),
            Turn::Withdraw("why"),
        ]
    }

    #[test]
    fn only_a_yes_makes_anybody_take_part_and_a_copy_starts_from_there_alone() {
        for before in ALL.map(stand).iter().map(Some).chain([None]) {
            for turn in every_turn() {
                let Some(after) = turn.clone().of(SessionId([1; 16]), before) else { continue };
                let was = before.is_some_and(|before| before.standing.is_active());
                let by_own_word = matches!(turn, Turn::Accept { .. } | Turn::Found { .. });
                assert!(
                    was || by_own_word || !after.standing.is_active(),
                    "{before:?} by {turn:?}: {after:?}"
                );
                let starts = after.standing == Standing::Starting && !matches!(turn, Turn::Started(_));
                let accepted = before.is_some_and(|before| before.standing == Standing::Accepted);
                assert!(!starts || accepted, "{before:?} by {turn:?}: {after:?}");
                let kept = before.is_none_or(|before| after.since == before.since);
                assert!(kept, "who has a place keeps it: {before:?} by {turn:?}: {after:?}");
            }
        }
    }

    #[test]
    fn what_has_ended_is_not_ready_any_more_and_does_not_end_again() {
        for over in [Standing::Left, Standing::Failed, Standing::Declined].map(stand) {
            for turn in [Turn::Ready(80), Turn::Started(9), Turn::Ended(Some(1)), Turn::Lost, Turn::Locked] {
                assert_eq!(
                    turn.clone().of(over.session, Some(&over)),
                    None,
                    "{:?} by {turn:?}",
                    over.standing
                );
            }
        }
        let runs = stand(Standing::In);
        let of = |status| Turn::Ended(status).of(runs.session, Some(&runs)).map(|s| (s.standing, s.detail));
        assert_eq!(of(Some(0)), Some((Standing::Left, String::new())));
        assert_eq!(of(Some(3)), Some((Standing::Failed, "it ended with status 3".into())));
        assert_eq!(of(Some(137)), Some((Standing::Failed, "it was ended by signal 9".into())));
        assert_eq!(of(None), Some((Standing::Left, "how it ended is not known".into())));
    }
}
