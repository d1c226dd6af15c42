//! Files of a conversation: which were offered, which are on their way, and which are here.
//!
//! Nothing is fetched unasked, but from people of whom one has said so, and then nothing large.
//!
//! Invariant: every name and reason kept here is fit for display.

use super::{Effect, Model, Pixels, TransferNews};
use crate::{
    command::Completions,
    conversation::{Conversation, Fate, Line, Tone},
    filing::Filing,
    keep::Change,
    t,
    transcript::moment,
};
use chalktalk_client::{
    Message, Transferred,
    chat::{Kind, Place, Saying},
    files::{Meant, Offer, size_for_people},
};
use chalktalk_ipc::{
    BlobId, Position, SessionId, UserId,
    text::{label, printable},
};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};

/// Transfers at once: the daemon takes 64 of a program, and nobody can follow more.
const MAX_TRANSFERS: usize = 32;

/// Bytes that are fetched without asking.
const MAX_UNASKED: u64 = 100 << 20;

/// Files listed at once.
const MAX_LISTED: usize = 40;

/// Completions offered at once.
const MAX_COMPLETIONS: usize = 12;

/// Cells of a bar.
const BAR: u64 = 10;

/// What is known of files.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// Whose files are fetched without asking.
    pub always: BTreeSet<UserId>,
    transfers: BTreeMap<u64, Transfer>,
    begun: u64,
    /// What is whole on this host, by session; and whether it is given to nobody for now.
    here: BTreeMap<SessionId, BTreeMap<BlobId, bool>>,
    /// Where fetched ones were written.
    saved: BTreeMap<Position, String>,
    /// Why others could not be fetched.
    failed: BTreeMap<Position, String>,
    /// What was offered longer ago than the lines at hand go back.
    old: BTreeMap<SessionId, Vec<Offered>>,
    /// Where a list was asked for.
    listing: Option<SessionId>,
}

/// A file or folder that somebody has offered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offered {
    /// The message.
    pub place: Position,
    /// What.
    pub offer: Offer,
    /// By whom.
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// Hosts that have it, as far as they have said so.
    pub hosts: usize,
}

#[derive(Clone, Debug)]
struct Transfer {
    session: SessionId,
    name: String,
    /// What is fetched; nothing: it is being shared.
    offered: Option<Offered>,
    progress: Transferred,
    /// When it has first told, and how far it was.
    began: Option<(u64, u64)>,
    /// Bytes a second.
    speed: u64,
}

impl Files {
    /// How it stands with something that was offered, and what to do about it.
    pub fn state(&self, c: &Conversation, offered: &Offered, me: UserId) -> String {
        let (blob, name) = (offered.offer.blob.id, &offered.offer.name);
        if let Some(transfer) = self.moving(offered.place) {
            return t!("file-moving", state = transfer.so_far(), name = name);
        }
        let hosts = on_hosts(c, offered);
        match (self.saved.get(&offered.place), self.failed.get(&offered.place)) {
            _ if self.is_paused(c.session(), blob) => t!("file-paused", hosts = hosts, name = name),
            (Some(path), _) => t!("file-here", path = path, hosts = hosts),
            (None, Some(why)) => t!("file-failed", why = why, name = name),
            _ if offered.user == me => hosts,
            _ if self.is_here(c.session(), blob) => t!("file-kept", hosts = hosts, name = name),
            _ => t!("file-offered", hosts = hosts, name = name),
        }
    }

    /// Where it was written, if it was.
    pub fn saved(&self, offered: &Offered) -> Option<&str> {
        self.saved.get(&offered.place).map(String::as_str)
    }

    /// Whether it is on its way, or was written.
    pub fn is_coming(&self, offered: &Offered) -> bool {
        self.moving(offered.place).is_some() || self.saved.contains_key(&offered.place)
    }

    /// Whether it is whole on this host.
    pub fn is_here(&self, session: SessionId, blob: BlobId) -> bool {
        self.here.get(&session).is_some_and(|here| here.contains_key(&blob))
    }

    /// Whether this host gives it to nobody for now.
    pub fn is_paused(&self, session: SessionId, blob: BlobId) -> bool {
        self.here.get(&session).and_then(|here| here.get(&blob)) == Some(&true)
    }

    /// Whether it is being fetched.
    pub fn is_moving(&self, offered: &Offered) -> bool {
        self.moving(offered.place).is_some()
    }

    fn moving(&self, place: Position) -> Option<&Transfer> {
        let fetched = |transfer: &&Transfer| transfer.offered.as_ref().is_some_and(|it| it.place == place);
        self.transfers.values().find(fetched)
    }
}

impl Offered {
    /// What a line offers, if it offers something.
    pub fn of(line: &Line) -> Option<Self> {
        let said = line.said().filter(|said| !said.fate.deleted)?;
        let offer = Offer::read(said.original())?;
        let place = line.order.position()?;
        let hosts = hosts(place, &said.fate);
        Some(Self { place, offer, user: said.user, name: said.name.clone(), hosts })
    }

    fn of_message(message: &Message) -> Option<Self> {
        let offer = Offer::read(&Saying::read(&message.payload).text)?;
        let author = &message.author;
        let name = label(&author.name);
        Some(Self { place: message.position, offer, user: author.user, name, hosts: 1 })
    }
}

/// The host of who offered it, and those that say that they have it.
fn hosts(place: Position, fate: &Fate) -> usize {
    fate.got.len() + usize::from(!fate.got.contains(&place.origin))
}

fn on_hosts(c: &Conversation, offered: &Offered) -> String {
    let all = c.members.len().max(offered.hosts);
    t!("file-hosts", n = offered.hosts, all = all)
}

impl Transfer {
    /// `▮▮▮▯▯▯▯▯▯▯ 34% of 2.3 MiB, 1.1 MiB/s from 2`
    fn so_far(&self) -> String {
        let Transferred { done, size, holders } = self.progress;
        if done == 0 && holders == 0 && self.offered.is_some() {
            return t!("file-waits");
        }
        let filled = (done.saturating_mul(BAR)).checked_div(size).unwrap_or(0).min(BAR) as usize;
        let bar = format!("{}{}", "▮".repeat(filled), "▯".repeat(BAR as usize - filled));
        let percent = done.saturating_mul(100).checked_div(size).unwrap_or(0);
        let from = if holders > 1 { format!(" {}", t!("file-from", n = holders)) } else { String::new() };
        let speed =
            if self.speed > 0 { format!(", {}/s", size_for_people(self.speed)) } else { String::new() };
        let part = t!("file-part", percent = percent, size = size_for_people(size));
        format!("{bar} {part}{speed}{from}")
    }
}

impl Model {
    pub(super) fn file(&mut self, filing: Filing) {
        match filing {
            Filing::List => {
                self.files.listing = self.focus;
                self.effects.extend(self.focus.map(|here| Effect::Files(here, true)));
            }
            Filing::Get(name) => self.get(name.as_deref()),
            Filing::GetAll(name) => self.get_all(name.as_deref()),
            Filing::Share(path) => self.share(path),
            Filing::Export(path) => {
                let summary = self.current().map(|c| c.summary.clone());
                self.flash = Some((Tone::Quiet, t!("file-writing")));
                self.effects.extend(summary.map(|summary| Effect::Export(summary, path)));
            }
            Filing::Stop(name) => self.stop(name.as_deref()),
            Filing::Pause(name, paused) => self.pause(name.as_deref(), paused),
        }
    }

    /// Everything offered in the conversation in view, as far as it is known; the oldest first.
    pub fn offers(&self) -> Vec<Offered> {
        let Some(c) = self.current() else { return Vec::new() };
        let at_hand: Vec<Offered> = c.lines.iter().filter_map(Offered::of).collect();
        let known: BTreeSet<Position> = at_hand.iter().map(|offered| offered.place).collect();
        let as_it_is = |offered: &Offered| {
            let fate = c.fate_of(offered.place, offered.user);
            let hosts = hosts(offered.place, &fate);
            (!fate.deleted && !known.contains(&offered.place)).then(|| Offered { hosts, ..offered.clone() })
        };
        let old = self.files.old.get(&c.session()).into_iter().flatten().filter_map(as_it_is);
        old.chain(at_hand).collect()
    }

    /// Fetches what the message at this place offers.
    pub(super) fn get_at(&mut self, place: Position) {
        self.mode = super::Mode::Writing;
        match self.offers().into_iter().find(|offered| offered.place == place) {
            Some(offered) => self.fetch(offered),
            None => self.alarm(&t!("file-none-offered")),
        }
    }

    /// A transfer goes on, or is over.
    pub(super) fn on_transfer(&mut self, id: u64, news: TransferNews) {
        let now = self.now;
        if let TransferNews::Moved(progress) = news {
            let Some(transfer) = self.files.transfers.get_mut(&id) else { return };
            transfer.progress = progress;
            let (began, first) = *transfer.began.get_or_insert((now, progress.done));
            let (done, passed) = (progress.done.saturating_sub(first), now.saturating_sub(began));
            transfer.speed = done.saturating_mul(1000).checked_div(passed).unwrap_or(0);
            if transfer.offered.is_none() && !matches!(self.flash, Some((Tone::Alarm, _))) {
                let text = t!("file-sharing", name = &transfer.name, state = transfer.so_far());
                self.flash = Some((Tone::Quiet, text));
            }
            return;
        }
        let Some(transfer) = self.files.transfers.remove(&id) else { return };
        let Transfer { session, name, offered, .. } = transfer;
        match (news, offered) {
            (TransferNews::Saved(path, failed), Some(offered)) => {
                self.on_saved(session, &offered, path);
                self.tell(session, t!("file-not-written"), failed);
            }
            (TransferNews::Shared(offer, left_out), _) => {
                self.files.here.entry(session).or_default().insert(offer.blob.id, false);
                self.flash = None;
                self.publish_in(session, Saying::plain(&offer.to_string()));
                self.tell(session, t!("file-left-out"), left_out);
            }
            (TransferNews::Failed(why), offered) => {
                let why = printable(&why);
                self.alarm(&t!("file-line", name = name, state = &why));
                if let Some(offered) = offered {
                    self.files.failed.insert(offered.place, why);
                }
            }
            (TransferNews::Stopped, Some(_)) => {
                self.flash = Some((Tone::Quiet, t!("file-stopped", name = name)));
            }
            (TransferNews::Stopped, None) => {
                self.flash = Some((Tone::Quiet, t!("file-not-shared", name = name)));
            }
            (TransferNews::Saved(..) | TransferNews::Moved(_), _) => {}
        }
    }

    fn on_saved(&mut self, session: SessionId, offered: &Offered, path: String) {
        let blob = offered.offer.blob.id;
        self.flash = Some((Tone::Quiet, t!("file-arrived", name = &offered.offer.name, path = &path)));
        self.files.failed.remove(&offered.place);
        self.files.saved.insert(offered.place, path);
        // Others learn by it from whom else to have it; once is enough.
        let before = self.files.here.entry(session).or_default().insert(blob, false);
        if before.is_none() && offered.user != self.me.user {
            let got = Kind::Got { of: Place(offered.place) };
            self.publish_in(session, Saying::new(t!("said-has-file"), got));
        }
    }

    /// What is here, and what was offered long ago.
    pub(super) fn on_files(&mut self, session: SessionId, found: &[Message], here: BTreeMap<BlobId, bool>) {
        self.files.here.insert(session, here);
        let Some(c) = self.conversation_mut(session) else { return };
        c.take_marks(found);
        if self.files.listing != Some(session) {
            return;
        }
        self.files.listing = None;
        let mut old: Vec<Offered> = found.iter().filter_map(Offered::of_message).collect();
        old.reverse();
        self.files.old.insert(session, old);
        if self.focus == Some(session) {
            let list = self.file_list();
            self.notice(Tone::Quiet, &list);
        }
    }

    /// Somebody may have offered a file whose files come without asking.
    pub(super) fn on_offer(&mut self, message: &Message) {
        let known = message.flags.redelivered || message.instance == self.me.instance;
        if known || !self.files.always.contains(&message.author.user) {
            return;
        }
        let caught_up = self.conversations.iter().any(|c| c.session() == message.session && c.caught_up);
        let small = |offered: &Offered| !offered.offer.folder && offered.offer.blob.size <= MAX_UNASKED;
        if let Some(offered) = Offered::of_message(message).filter(small).filter(|_| caught_up) {
            self.fetch_in(message.session, offered);
        }
    }

    /// How a command about files could go on.
    pub(super) fn file_completions(&self, before: &str) -> Option<Completions> {
        let (command, rest) = before.split_once(' ')?;
        let mut items: Vec<(String, String)> = match command {
            "/get" => {
                let about = |one: &Offered| t!("file-about", about = &one.offer.about, name = &one.name);
                self.offers().iter().rev().map(|one| (one.offer.name.clone(), about(one))).collect()
            }
            "/stop" => {
                let here = self.files.transfers.values().filter(|t| Some(t.session) == self.focus);
                here.map(|transfer| (transfer.name.clone(), transfer.so_far())).collect()
            }
            "/pause" | "/resume" => {
                let session = self.focus?;
                let wanted = command == "/resume";
                let kept = |one: &&Offered| {
                    let blob = one.offer.blob.id;
                    self.files.is_here(session, blob) && self.files.is_paused(session, blob) == wanted
                };
                let offers = self.offers();
                offers
                    .iter()
                    .rev()
                    .filter(kept)
                    .map(|one| (one.offer.name.clone(), one.offer.about.clone()))
                    .collect()
            }
            _ => return None,
        };
        let lower = rest.to_lowercase();
        let mut names = BTreeSet::new();
        items.retain(|(name, _)| {
            name.to_lowercase().starts_with(&lower) && name != rest && names.insert(name.clone())
        });
        items.truncate(MAX_COMPLETIONS);
        (!items.is_empty()).then_some(Completions { start: command.len() + 1, items })
    }

    fn get(&mut self, name: Option<&str>) {
        let offers = self.offers();
        let Some(name) = name else {
            let me = self.me.user;
            return match offers.into_iter().rev().find(|offered| offered.user != me) {
                Some(offered) => self.fetch(offered),
                None => self.alarm(&t!("file-nobody-offers")),
            };
        };
        match Meant::find(name, &offers, |offered| &offered.offer) {
            Meant::This(offered) => self.fetch(offered.clone()),
            Meant::Nothing => self.alarm(&t!("file-unknown", name = label(name))),
            Meant::Several => self.alarm(&t!("file-several", name = label(name))),
        }
    }

    /// Gives it to nobody from this host, or again; nothing: the newest of one's own that is not so yet.
    fn pause(&mut self, name: Option<&str>, paused: bool) {
        let Some(session) = self.focus else { return };
        let (offers, me) = (self.offers(), self.me.user);
        let other = |offered: &&Offered| {
            offered.user == me && self.files.is_paused(session, offered.offer.blob.id) != paused
        };
        let meant = match name {
            Some(name) => Meant::find(name, &offers, |offered| &offered.offer),
            None => offers.iter().rev().find(other).map_or(Meant::Nothing, Meant::This),
        };
        match meant {
            Meant::This(offered) if self.files.is_here(session, offered.offer.blob.id) => {
                self.effects.push(Effect::Pause(session, offered.offer.clone(), paused));
            }
            Meant::Several => self.alarm(&t!("file-several", name = label(name.unwrap_or_default()))),
            Meant::This(_) | Meant::Nothing => self.alarm(&t!("file-not-given")),
        }
    }

    fn fetch(&mut self, offered: Offered) {
        let Some(session) = self.focus else { return };
        if self.fetch_in(session, offered) {
            self.flash = None;
        }
    }

    /// Fetches it, unless it is on its way; false: too much is.
    fn fetch_in(&mut self, session: SessionId, offered: Offered) -> bool {
        let (offer, from) = (offered.offer.clone(), offered.place.origin);
        if self.files.moving(offered.place).is_some() {
            return true;
        }
        self.files.failed.remove(&offered.place);
        let Some(id) = self.begin(session, offer.name.clone(), Some(offered)) else { return false };
        self.effects.push(Effect::Fetch { id, session, offer, from });
        true
    }

    pub(super) fn share(&mut self, path: String) {
        let Some(session) = self.focus else { return };
        let name = label(path.trim_end_matches('/').rsplit('/').next().unwrap_or(&path));
        if let Some(id) = self.begin(session, name, None) {
            self.effects.push(Effect::Share { id, session, path });
        }
    }

    pub(super) fn share_picture(&mut self, pixels: Pixels) {
        let Some(session) = self.focus else { return };
        let time = moment(self.now).to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H.%M.%S");
        let name = format!("{} {time}.png", t!("file-picture"));
        if let Some(id) = self.begin(session, name.clone(), None) {
            self.effects.push(Effect::SharePicture { id, session, name, pixels });
        }
    }

    /// Shows the folder of what the message at this place offers.
    pub(super) fn open_folder(&mut self, place: Position) {
        match self.files.saved.get(&place) {
            Some(path) => self.effects.push(Effect::OpenFolder(path.clone())),
            None => self.alarm(&t!("file-not-here")),
        }
    }

    fn begin(&mut self, session: SessionId, name: String, offered: Option<Offered>) -> Option<u64> {
        if self.files.transfers.len() >= MAX_TRANSFERS {
            self.alarm(&t!("file-too-many"));
            return None;
        }
        self.files.begun += 1;
        let progress = Transferred::default();
        let transfer = Transfer { session, name, offered, progress, began: None, speed: 0 };
        self.files.transfers.insert(self.files.begun, transfer);
        Some(self.files.begun)
    }

    fn stop(&mut self, name: Option<&str>) {
        let here = self.files.transfers.iter().filter(|(_, transfer)| Some(transfer.session) == self.focus);
        let meant = here.filter(|(_, transfer)| name.is_none_or(|name| transfer.name == name));
        match meant.map(|(id, _)| *id).collect::<Vec<_>>()[..] {
            [id] => self.effects.push(Effect::StopTransfer(id)),
            [] => self.alarm(&t!("file-none-moving")),
            _ => self.alarm(&t!("file-several-moving")),
        }
    }

    /// Fetches what a person offers without asking, or asks again.
    fn get_all(&mut self, name: Option<&str>) {
        let Some(name) = name else {
            let of = |user: &UserId| {
                let known = self.people.iter().find(|person| person.user == *user);
                known.map_or_else(|| user.to_string().chars().take(8).collect(), |person| person.name.clone())
            };
            let names: Vec<String> = self.files.always.iter().map(of).collect();
            let text = match names.is_empty() {
                true => t!("file-all-none"),
                false => t!("file-all", names = names.join(", ")),
            };
            return self.flash = Some((Tone::Quiet, text));
        };
        let lower = name.to_lowercase();
        let named = |user: UserId, other: &str| {
            other.to_lowercase() == lower || name.len() >= 8 && user.to_string().starts_with(&lower)
        };
        let users: BTreeSet<(UserId, String)> = self
            .people
            .iter()
            .filter(|person| !person.me && named(person.user, &person.name))
            .map(|person| (person.user, person.name.clone()))
            .collect();
        match users.into_iter().collect::<Vec<_>>()[..] {
            [(user, ref name)] => {
                let on = self.files.always.insert(user);
                let most = size_for_people(MAX_UNASKED);
                let text = match on {
                    true => t!("file-all-on", name = name, most = most),
                    false => {
                        self.files.always.remove(&user);
                        t!("file-all-off", name = name)
                    }
                };
                self.flash = Some((Tone::Quiet, text));
                self.effects.push(Effect::Keep(Change::Always(user, on)));
            }
            [] => self.alarm(&t!("person-unknown", name = label(name))),
            _ => self.alarm(&t!("person-several")),
        }
    }

    fn file_list(&self) -> String {
        let Some(c) = self.current() else { return String::new() };
        let offers = self.offers();
        let of = |offered: &Offered| {
            let state = self.files.state(c, offered, self.me.user);
            t!("file-listed", name = offered.offer.for_people(), who = &offered.name, state = state)
        };
        let older = offers.len().saturating_sub(MAX_LISTED);
        let more = (older > 0).then(|| t!("file-older", n = older));
        let shares =
            self.files.transfers.values().filter(|t| t.offered.is_none() && t.session == c.session());
        let shares =
            shares.map(|transfer| t!("file-being-shared", name = &transfer.name, state = transfer.so_far()));
        let lines: Vec<String> =
            more.into_iter().chain(offers.iter().skip(older).map(of)).chain(shares).collect();
        if lines.is_empty() {
            return t!("file-none");
        }
        lines.join("\n")
    }

    fn tell(&mut self, session: SessionId, what: String, those: Vec<String>) {
        let now = self.now;
        if let Some(c) = self.conversation_mut(session).filter(|_| !those.is_empty()) {
            c.notice(Tone::Alarm, &format!("{what}: {}", those.join("; ")), now);
        }
    }
}

#[cfg(test)]
mod tests;
