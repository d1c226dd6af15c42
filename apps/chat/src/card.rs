//! Programs that people of a conversation run together, as a card in the place of the words by which the daemon tells of them.
//!
//! The words are for those who know no better; a card shows what is now. Typed words never become a card that offers anything:
//! whether there is something to accept is only in what the daemon says of its app sessions.
//!
//! Invariant: all texts of a card are fit for display.

use crate::t;
use chalktalk_ipc::{
    SessionId, UserId,
    nway::{AppSession, Part, Participant, Standing},
    text::label,
};

/// People named in one row of a card; the others are counted.
const MAX_NAMES: usize = 12;

/// What stands in the place of the words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Card {
    /// What, and by whom.
    pub head: String,
    /// How people stand: a word, and who.
    pub rows: Vec<(String, String)>,
    /// What to type; empty: there is nothing to do.
    pub hint: String,
    /// What one can do.
    pub offers: Vec<Offer>,
    /// Whether it is over.
    pub over: bool,
    /// Which app session it is, as long as it is known.
    pub session: Option<SessionId>,
}

/// Something that one can do with an app session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offer {
    /// Take part.
    Accept,
    /// Look on.
    Observe,
    /// Decline, or withdraw.
    Decline,
    /// Call it off.
    Cancel,
}

impl Card {
    /// The command that does what is offered.
    pub fn command(&self, offer: Offer) -> String {
        let command = match offer {
            Offer::Accept => "/accept",
            Offer::Observe => "/observe",
            Offer::Decline => "/decline",
            Offer::Cancel => "/cancel",
        };
        self.session.map_or_else(String::new, |id| format!("{command} {id}"))
    }
}

/// The card that belongs in the place of a text, if one does.
pub fn of(text: &str, apps: &[AppSession], me: UserId) -> Option<Card> {
    let rest = text.strip_prefix("invite nway ").or_else(|| text.strip_prefix("nway "))?;
    let (id, rest) = rest.split_once(' ')?;
    let id: SessionId = id.parse().ok()?;
    if let Some(summary) = rest.strip_prefix("ended: ").filter(|_| text.starts_with("nway ")) {
        return Some(over(t!("card-ended", what = label(summary))));
    }
    if !text.starts_with("invite nway ") {
        return None;
    }
    match apps.iter().find(|app| app.session == id) {
        Some(app) => Some(card(app, me)),
        None => {
            let mut words = rest.splitn(3, ' ');
            let (app, _version, title) = (words.next()?, words.next()?, words.next()?);
            Some(over(t!("card-over", title = label(title), app = label(app))))
        }
    }
}

fn over(head: String) -> Card {
    Card { head, rows: Vec::new(), hint: String::new(), offers: Vec::new(), over: true, session: None }
}

fn card(app: &AppSession, me: UserId) -> Card {
    let title = label(&app.title);
    let version = if app.version.is_empty() { String::new() } else { format!(" {}", label(&app.version)) };
    let about = format!("{}{version}", app.app);
    let head = t!("card-head", title = &title, app = about, name = label(&app.creator_name));
    if app.ended {
        return Card { rows: rows(app), ..over(t!("card-head-ended", head = head)) };
    }
    let head = if app.cancelled { t!("card-head-called-off", head = head) } else { head };
    use Offer::{Accept, Cancel, Decline, Observe};
    let (hint, offers) = match standing(app, me) {
        _ if app.cancelled => Default::default(),
        Some(Standing::Asked) => (t!("card-asked", title = title), vec![Accept, Observe, Decline]),
        Some(Standing::Missing) => (t!("card-missing", title = title), vec![Accept]),
        Some(Standing::Failed | Standing::Left | Standing::Declined) => {
            (t!("card-again", title = title), vec![Accept])
        }
        Some(Standing::Accepted) if app.creator != me => (t!("card-withdraw", title = title), vec![Decline]),
        _ if app.creator == me => (t!("card-cancel", title = title), vec![Cancel]),
        _ => Default::default(),
    };
    Card { head, rows: rows(app), hint, offers, over: false, session: Some(app.session) }
}

/// How a person stands to an app session, on whichever host they have gone furthest.
pub fn standing(app: &AppSession, user: UserId) -> Option<Standing> {
    let theirs = app.participants.iter().filter(|one| one.user == user && one.present);
    theirs.map(|one| one.standing).max_by_key(|standing| standing.is_active())
}

fn rows(app: &AppSession) -> Vec<(String, String)> {
    let standings = [
        Standing::In,
        Standing::Starting,
        Standing::Accepted,
        Standing::Asked,
        Standing::Missing,
        Standing::Failed,
        Standing::Left,
        Standing::Declined,
    ];
    let row = |standing: Standing| {
        let those: Vec<&Participant> =
            app.participants.iter().filter(|one| one.standing == standing && one.present).collect();
        let mut names: Vec<String> = those.iter().take(MAX_NAMES).map(|one| named(one, app.most)).collect();
        if those.len() > MAX_NAMES {
            names.push(t!("and-more", n = those.len() - MAX_NAMES));
        }
        (!names.is_empty()).then(|| (word(standing), names.join(", ")))
    };
    let gone = app.participants.iter().filter(|one| !one.present && one.standing.is_active());
    let gone: Vec<String> = gone.take(MAX_NAMES).map(|one| label(&one.name)).collect();
    let gone = (!gone.is_empty()).then(|| (t!("card-gone"), gone.join(", ")));
    standings.into_iter().filter_map(row).chain(gone).collect()
}

fn word(standing: Standing) -> String {
    match standing {
        Standing::In => t!("standing-in"),
        Standing::Starting => t!("standing-starting"),
        Standing::Accepted => t!("standing-accepted"),
        Standing::Asked => t!("standing-asked"),
        Standing::Missing => t!("standing-missing"),
        Standing::Failed => t!("standing-failed"),
        Standing::Left => t!("standing-left"),
        Standing::Declined => t!("standing-declined"),
    }
}

fn named(one: &Participant, most: u16) -> String {
    let waits = one.standing == Standing::Accepted && one.place.is_some_and(|place| place > most);
    let part = match one.part {
        Part::Host => Some(t!("card-host")),
        Part::Observer => Some(t!("card-looks-on")),
        Part::Player => None,
    };
    let about: Vec<String> = [part, waits.then(|| t!("card-waits"))]
        .into_iter()
        .flatten()
        .chain(Some(label(&one.detail)).filter(|detail| !detail.is_empty()))
        .collect();
    let name = label(&one.name);
    if about.is_empty() { name } else { format!("{name} ({})", about.join("; ")) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use chalktalk_ipc::{HostId, nway::Model};

    pub(crate) fn one(name: &str, n: u8, standing: Standing) -> Participant {
        Participant {
            user: UserId([n; 32]),
            name: name.into(),
            host_id: HostId([n; 16]),
            host: format!("h{n}"),
            present: true,
            standing,
            part: Part::Player,
            place: standing.is_active().then_some(n.into()),
            addresses: vec![],
            port: 0,
            pid: 0,
            status: None,
            detail: String::new(),
        }
    }

    /// A game of ben's, to which ana, user 1, is asked from session 1.
    pub(crate) fn chess(participants: Vec<Participant>) -> AppSession {
        AppSession {
            session: SessionId([9; 16]),
            app: "org.example.chess".parse().unwrap(),
            title: "Chess".into(),
            version: "1.0".into(),
            parent: SessionId([1; 16]),
            model: Model::Host,
            least: 2,
            most: 2,
            creator: UserId([2; 32]),
            creator_name: "ben".into(),
            ended: false,
            cancelled: false,
            participants,
            said: vec![],
        }
    }

    fn words() -> String {
        format!("invite nway {} org.example.chess 1.0 Chess", SessionId([9; 16]))
    }

    #[test]
    fn a_card_says_what_and_who_and_what_to_type() {
        let host = Participant { part: Part::Host, ..one("ben", 2, Standing::In) };
        let missing =
            Participant { detail: "the app is not there".into(), ..one("cleo", 3, Standing::Missing) };
        let waits = one("dan", 4, Standing::Accepted);
        let apps = [chess(vec![host, one("ana", 1, Standing::Asked), missing, waits])];
        let card = of(&words(), &apps, UserId([1; 32])).unwrap();
        assert_eq!(card.head, "Chess (org.example.chess 1.0) by ben");
        let rows = [
            ("in", "ben (host)"),
            ("accepted", "dan (waits for a place)"),
            ("asked", "ana"),
            ("missing", "cleo (the app is not there)"),
        ];
        assert_eq!(card.rows, rows.map(|(word, who)| (word.to_owned(), who.to_owned())));
        assert!(card.hint.starts_with("/accept Chess takes part"));
        assert_eq!(of(&words(), &apps, UserId([2; 32])).unwrap().hint, "/cancel Chess calls it off");
    }

    #[test]
    fn what_is_typed_offers_nothing() {
        let typed = of(&words(), &[], UserId([1; 32])).unwrap();
        assert!(typed.over && typed.hint.is_empty() && typed.rows.is_empty(), "{typed:?}");
        for text in ["invite nway", "invite nway you to chess", "nway is nice", "hello"] {
            assert_eq!(of(text, &[], UserId([1; 32])), None, "{text}");
        }
    }

    #[test]
    fn the_end_is_told() {
        let end =
            of(&format!("nway {} ended: Chess, ana, ben, 3 min", SessionId([9; 16])), &[], UserId([1; 32]));
        assert_eq!(end.unwrap().head, "Ended: Chess, ana, ben, 3 min");
    }
}
