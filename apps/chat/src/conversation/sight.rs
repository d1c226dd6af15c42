//! Who of a conversation has gone out of sight, and what came with them when they were back: a network that falls in two
//! and merges is shown where people talk.
//!
//! Invariant: somebody is out of sight only if they were in the conversation and their host is nowhere on the network;
//! who has just left is not.

use super::{Conversation, Order, Tone};
use crate::t;
use chalktalk_client::Message;
use chalktalk_ipc::{HostId, UserId, text::label};
use std::collections::{BTreeMap, BTreeSet};

/// Hosts that go, or come, within so many milliseconds of each other do it together.
const TOGETHER: u64 = 30_000;

/// The roster and the list of the network tell of a host that goes within so many milliseconds of each other. Who has been
/// out of the one for longer has left the conversation, and not the network.
const LEFT: u64 = 15_000;

/// What was written before somebody came is told for so many milliseconds after they did.
const COMING: u64 = 60_000;

/// Hosts that are remembered: a room with more tells of the first.
const MAX_HOSTS: usize = 1024;

/// Names in one line; the others are counted.
const MAX_NAMES: usize = 8;

/// Who is, and who is not there.
#[derive(Clone, Debug, Default)]
pub(super) struct Sight {
    known: BTreeMap<HostId, Known>,
    /// The line that tells who has gone last, and when that was.
    going: Option<(Order, u64)>,
    coming: Option<Coming>,
}

#[derive(Clone, Debug)]
struct Known {
    /// `ben on h2`
    name: String,
    users: BTreeSet<UserId>,
    /// Since when they are not in the conversation.
    left: Option<u64>,
    /// Since when they are out of sight.
    gone: Option<u64>,
    /// Messages of theirs that came since: what was said may be heard of before who said it.
    early: usize,
}

/// What comes that was written before.
#[derive(Clone, Debug)]
struct Coming {
    line: Option<Order>,
    at: u64,
    /// How long they were away; nothing: it is the reader who has come.
    away: Option<u64>,
    names: BTreeSet<String>,
    /// Of whom it counts; nobody: of all.
    users: BTreeSet<UserId>,
    count: usize,
}

impl Conversation {
    /// Who is out of sight, and since when.
    pub fn out_of_sight(&self) -> Vec<(&str, u64)> {
        self.sight.known.values().filter_map(|known| Some((known.name.as_str(), known.gone?))).collect()
    }

    /// Compares who is in it with who is on the network.
    pub fn look_around(&mut self, here: HostId, network: &BTreeSet<HostId>, now: u64) {
        let mut members: BTreeMap<HostId, BTreeMap<UserId, String>> = BTreeMap::new();
        for member in self.members.iter().filter(|member| member.host_id != here) {
            let name = t!("name-on-host", name = label(&member.name), host = label(&member.host));
            members.entry(member.host_id).or_default().insert(member.user, name);
        }
        let known = &mut self.sight.known;
        let is_gone = |host: &HostId| !members.contains_key(host) && !network.contains(host);
        known.retain(|host, known| {
            let left = known.left.filter(|_| !members.contains_key(host));
            known.gone.is_some() || left.is_none_or(|since| now < since + LEFT)
        });
        let (mut going, mut back) = (BTreeSet::new(), Vec::new());
        for (host, known) in known.iter_mut() {
            known.left = known.left.or(Some(now)).filter(|_| !members.contains_key(host));
            if known.gone.is_none() && is_gone(host) {
                known.gone = Some(now);
                going.insert(known.name.clone());
            } else if let Some(since) = known.gone.filter(|_| members.contains_key(host)) {
                known.gone = None;
                let early = std::mem::take(&mut known.early);
                back.push((known.clone(), since, early));
            }
        }
        for (host, users) in members {
            if known.contains_key(&host) || known.len() < MAX_HOSTS {
                let names: Vec<&str> = users.values().map(String::as_str).collect();
                let name = names.join(", ");
                known.insert(
                    host,
                    Known { name, users: users.keys().copied().collect(), left: None, gone: None, early: 0 },
                );
            }
        }
        if !going.is_empty() {
            self.tell_gone(now);
        }
        if !back.is_empty() {
            self.tell_back(back, now);
        }
    }

    /// The reader is new here: what was said before comes now.
    pub fn on_new_here(&mut self, now: u64) {
        self.sight.coming = Some(Coming {
            line: None,
            at: now,
            away: None,
            names: BTreeSet::new(),
            users: BTreeSet::new(),
            count: 0,
        });
    }

    /// Something new has come; it may have been written before its author, or the reader, was here.
    pub fn note_coming(&mut self, message: &Message, now: u64) {
        let theirs = |known: &&mut Known| known.gone.is_some() && known.users.contains(&message.author.user);
        if let Some(known) = self.sight.known.values_mut().find(theirs) {
            known.early += 1;
            return;
        }
        let Some(coming) = self.sight.coming.as_mut().filter(|coming| now < coming.at + COMING) else {
            return;
        };
        let counts = coming.users.is_empty() || coming.users.contains(&message.author.user);
        if !counts || message.time >= coming.at {
            return;
        }
        coming.count += 1;
        if coming.away.is_none() {
            coming.names.insert(label(&message.author.name));
        }
        self.show_coming(now);
    }

    fn tell_gone(&mut self, now: u64) {
        let line = self.sight.going.filter(|(_, at)| now < *at + TOGETHER).map(|(line, _)| line);
        let gone: BTreeSet<String> = self
            .sight
            .known
            .values()
            .filter(|known| known.gone.is_some_and(|since| now < since + TOGETHER))
            .map(|known| known.name.clone())
            .collect();
        let line = self.put_notice(line, &t!("sight-gone", names = listed(&gone)), now);
        self.sight.going = Some((line, now));
    }

    fn tell_back(&mut self, back: Vec<(Known, u64, usize)>, now: u64) {
        let away = back.iter().map(|(_, since, _)| now.saturating_sub(*since)).max();
        let together = |coming: &Coming| coming.away.is_some() && now < coming.at + TOGETHER;
        let mut coming = self.sight.coming.take().filter(together).unwrap_or(Coming {
            line: None,
            at: now,
            away,
            names: BTreeSet::new(),
            users: BTreeSet::new(),
            count: 0,
        });
        for (known, _, early) in back {
            coming.names.insert(known.name);
            coming.users.extend(known.users);
            coming.count += early;
        }
        coming.away = coming.away.max(away);
        self.sight.coming = Some(coming);
        self.sight.going = None;
        self.show_coming(now);
    }

    fn show_coming(&mut self, now: u64) {
        let Some(coming) = self.sight.coming.clone() else { return };
        let names = listed(&coming.names);
        let text = match (coming.away, coming.count) {
            (Some(away), 0) => t!("sight-back", span = lasted(away), names = names),
            (Some(away), count) => t!("sight-back-with", n = count, span = lasted(away), names = names),
            (None, count) => {
                t!("sight-new", n = count, from = t!("sight-people", n = coming.names.len(), names = names))
            }
        };
        let line = self.put_notice(coming.line, &text, now);
        if let Some(coming) = &mut self.sight.coming {
            coming.line = Some(line);
        }
    }

    /// Shows a notice behind everything, instead of an earlier one.
    fn put_notice(&mut self, earlier: Option<Order>, text: &str, now: u64) -> Order {
        let at = earlier.and_then(|order| self.lines.binary_search_by_key(&order, |line| line.order).ok());
        at.into_iter().for_each(|at| drop(self.lines.remove(at)));
        self.notice(Tone::Quiet, text, now);
        let newest = self.lines.last().map(|line| line.order);
        newest.unwrap_or_else(|| self.local_order())
    }
}

fn listed(names: &BTreeSet<String>) -> String {
    let shown: Vec<&str> = names.iter().take(MAX_NAMES).map(String::as_str).collect();
    match names.len().saturating_sub(MAX_NAMES) {
        0 => shown.join(", "),
        more => t!("list-and-more", list = shown.join(", "), n = more),
    }
}

/// `12 s`, `3 min`, `2 h`, `5 days`
fn lasted(ms: u64) -> String {
    let s = ms / 1000;
    match (s / 60, s / 3600, s / 86_400) {
        (0, ..) => t!("lasted-seconds", n = s),
        (min, 0, _) => t!("lasted-minutes", n = min),
        (_, h, 0 | 1) => t!("lasted-hours", n = h),
        (.., days) => t!("lasted-days", n = days),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::{
        Body,
        tests::{message, summary},
    };
    use chalktalk_ipc::event::{Member, Scope};

    const ME: HostId = HostId([1; 16]);

    fn member(n: u8, name: &str) -> Member {
        let host = format!("h{n}");
        Member { user: UserId([n; 32]), name: name.into(), host_id: HostId([n; 16]), host, instances: vec![] }
    }

    /// A room with these in it, seen on a network with these hosts.
    fn look(c: &mut Conversation, members: &[u8], network: &[u8], now: u64) {
        let names = ["", "ana", "ben", "cleo", "dan"];
        c.members = members.iter().map(|n| member(*n, names[usize::from(*n)])).collect();
        let network = network.iter().map(|n| HostId([*n; 16])).collect();
        c.look_around(ME, &network, now);
    }

    fn room() -> Conversation {
        let mut c = Conversation::new(summary(1, "#lobby", Scope::Open), vec![]);
        look(&mut c, &[1, 2, 3], &[1, 2, 3, 4], 0);
        c
    }

    fn notices(c: &Conversation) -> Vec<&str> {
        let notice = c.lines.iter().filter(|line| line.said().is_none());
        notice.map(|line| if let Body::Notice(_, text) = &line.body { text.as_str() } else { "" }).collect()
    }

    fn comes(c: &mut Conversation, n: u8, time: u64, now: u64) {
        let mut message = message(1, n, time, "x");
        message.time = time;
        c.note_coming(&message, now);
    }

    #[test]
    fn a_split_and_its_merge_are_told_once_with_what_came_along() {
        let mut c = room();
        look(&mut c, &[1, 3], &[1, 3], 1000);
        look(&mut c, &[1], &[1], 9000);
        assert_eq!(c.out_of_sight(), [("ben on h2", 1000), ("cleo on h3", 9000)]);
        let told =
            "Out of sight: ben on h2, cleo on h3. What is said meanwhile goes to them when they are back.";
        assert_eq!(notices(&c), [told]);
        comes(&mut c, 2, 90_000, 189_900);
        look(&mut c, &[1, 2], &[1, 2], 190_000);
        comes(&mut c, 2, 100_000, 190_100);
        look(&mut c, &[1, 2, 3], &[1, 2, 3], 191_000);
        comes(&mut c, 3, 120_000, 191_500);
        comes(&mut c, 3, 191_600, 191_600);
        comes(&mut c, 1, 100_000, 191_700);
        let back = "Back after 3 min: ben on h2, cleo on h3. 3 messages written meanwhile came along.";
        assert_eq!(notices(&c)[1..], [back]);
        assert!(c.out_of_sight().is_empty());
    }

    #[test]
    fn who_leaves_the_room_is_not_out_of_sight_and_what_is_told_late_changes_nothing() {
        let mut c = room();
        look(&mut c, &[1, 3], &[1, 2, 3], 1000);
        look(&mut c, &[1, 3], &[1, 3], 1000 + LEFT);
        assert_eq!(notices(&c), [] as [&str; 0]);
        // The roster is newer than the list of the network.
        look(&mut c, &[1, 3, 4], &[1, 3], 30_000);
        assert_eq!(notices(&c), [] as [&str; 0]);
    }

    #[test]
    fn the_roster_may_know_of_a_split_before_the_list_of_the_network() {
        let mut c = room();
        look(&mut c, &[1, 3], &[1, 2, 3], 1000);
        look(&mut c, &[1, 3], &[1, 3], 1200);
        assert_eq!(c.out_of_sight(), [("ben on h2", 1200)]);
    }

    #[test]
    fn newcomers_are_told_from_whom_the_past_is() {
        let mut c = room();
        c.on_new_here(5000);
        for (n, time) in [(2, 1000), (3, 2000), (2, 3000), (2, 6000)] {
            comes(&mut c, n, time, 7000);
        }
        comes(&mut c, 2, 100, 5000 + COMING);
        assert_eq!(notices(&c), ["You are new here: 3 messages restored from 2 people (ben, chloé)."]);
    }

    #[test]
    fn spans_are_short() {
        let shown = [900, 59_000, 60_000, 7_200_000, 90_000_000, 900_000_000].map(lasted);
        assert_eq!(shown, ["0 s", "59 s", "1 min", "2 h", "25 h", "10 days"]);
    }
}
