//! One line of the talk, laid out: what of it stands where.
//!
//! Invariant: a block is as high as it says, whatever is in it; long texts are cut in view, and nobody's window belongs to one of them.

use super::icon::Icon;
use super::pen::{ACCENT, ALARM, Act, BODY, PLAIN, Pen, SMALL, STRONG, WEAK};
use super::preview::{self, Shown};
use crate::{
    card::{Card, Offer},
    code::Token,
    conversation::{Body, Conversation, Line, Order, Said, Standing, Tone, harmless},
    markdown::{self, Marked},
    model::{Action, Files, Offered, OnMessage, outcome},
    t,
    telling::{self, Weight},
    transcript::moment,
};
use chalktalk_client::{chat::Kind, files};
use chalktalk_ipc::{SessionId, UserId, nway::AppSession};
use chalktalk_look::{Ink, Look, Sheet, is_emoji};
use eframe::egui::{Rect, TextureHandle, Vec2, pos2, vec2};
use jiff::tz::TimeZone;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    rc::Rc,
};

/// Where texts begin: behind the face.
pub(super) const INDENT: f32 = 62.0;

/// Space at the right.
const RIGHT: f32 = 24.0;

/// Longer texts are cut in view.
const MAX_BYTES: usize = 6000;
const MAX_LINES: usize = 60;

/// Letters of a message that is nothing but a few emoji.
const LARGE: f32 = 30.0;
const FEW: usize = 12;

/// What lines are laid out with.
pub(super) struct Scene<'a> {
    pub(super) zone: &'a TimeZone,
    pub(super) width: f32,
    /// Names that several people have.
    pub(super) shared: &'a BTreeSet<String>,
    /// What stands beside names.
    pub(super) marks: &'a BTreeMap<UserId, &'static str>,
    /// Programs that people run together.
    pub(super) apps: &'a [AppSession],
    pub(super) me: UserId,
    pub(super) files: &'a Files,
}

/// A line, laid out.
pub(super) struct Block {
    pub(super) order: Order,
    pub(super) height: f32,
    /// What of it belongs to the line itself, and not to the day before it.
    pub(super) top: f32,
    pub(super) pieces: Vec<Piece>,
    /// As it is read out.
    pub(super) name: String,
    pub(super) mentions_me: bool,
    /// What can be done with it.
    pub(super) tools: Vec<Tool>,
}

/// A part of it, from its upper left corner.
pub(super) struct Piece {
    pub(super) area: Rect,
    pub(super) what: What,
}

/// What a part is.
pub(super) enum What {
    /// Words across the talk, between lines; those that begin what is new.
    Rule(Rc<Sheet>, bool),
    Face(UserId, String),
    Name(Rc<Sheet>, UserId),
    Text(Rc<Sheet>),
    /// What was said.
    Words(Words),
    /// What it answers.
    Quote(Rc<Sheet>),
    /// An answer of a poll, with its share of the votes.
    Answer {
        text: Rc<Sheet>,
        votes: Rc<Sheet>,
        share: f32,
        mine: bool,
        at: usize,
        name: String,
    },
    /// A reaction.
    Chip {
        text: Rc<Sheet>,
        emoji: String,
        mine: bool,
        name: String,
    },
    Button {
        text: String,
        act: Act,
    },
    /// A picture that was offered, to be enlarged.
    Picture {
        texture: TextureHandle,
        session: SessionId,
        offer: files::Offer,
    },
    /// How a text begins that was offered.
    Sample(Rc<Sheet>),
}

/// What was said, to be selected in.
pub(super) struct Words {
    pub(super) sheet: Rc<Sheet>,
    pub(super) text: String,
    /// Code is on a ground of its own, lines of it on one that goes across.
    pub(super) code: Vec<Range<usize>>,
    pub(super) blocks: Vec<Range<usize>>,
    pub(super) links: Vec<(Range<usize>, String)>,
}

/// Something to do with a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Tool {
    pub(super) icon: Icon,
    pub(super) name: String,
    pub(super) what: OnMessage,
}

/// Lays a line out.
pub(super) fn block(c: &Conversation, at: usize, scene: &Scene<'_>, pen: &mut Pen<'_>) -> Block {
    let line = &c.lines[at];
    let mut page = Page { pieces: Vec::new(), y: 0.0, width: scene.width };
    if !c.shows(line) {
        return page.end(line.order, 0.0, String::new());
    }
    let before = telling::before(c, at, scene.zone);
    if let Some(day) = &before.day {
        page.rule(pen.set(day, SMALL, WEAK, None), false);
    }
    if before.new {
        page.rule(pen.set(&t!("window-new"), SMALL, ACCENT, None), true);
    }
    let top = page.y;
    match &line.body {
        Body::Notice(tone, text) => {
            let look = if *tone == Tone::Alarm { ALARM } else { WEAK };
            page.y += 3.0;
            let (text, _) = cut(text);
            let sheet = pen.set(text, SMALL + 0.5, look, Some(page.room()));
            page.text(sheet);
            page.y += 3.0;
            page.end(line.order, top, text.to_owned())
        }
        Body::Said(said) => {
            let block = Message { c, line, said, scene }.lay_out(page, before.grouped, top, pen);
            Block { mentions_me: said.mentions_me, tools: tools(line, said, scene), ..block }
        }
    }
}

/// Pieces below each other.
struct Page {
    pieces: Vec<Piece>,
    y: f32,
    width: f32,
}

impl Page {
    fn room(&self) -> f32 {
        (self.width - INDENT - RIGHT).max(40.0)
    }

    fn put(&mut self, x: f32, size: Vec2, what: What) {
        self.pieces.push(Piece { area: Rect::from_min_size(pos2(x, self.y), size), what });
    }

    fn rule(&mut self, sheet: Rc<Sheet>, new: bool) {
        self.put(0.0, vec2(self.width, 30.0), What::Rule(sheet, new));
        self.y += 30.0;
    }

    fn text(&mut self, sheet: Rc<Sheet>) {
        let size = sheet.size();
        self.put(INDENT, size, What::Text(sheet));
        self.y += size.y;
    }

    fn end(self, order: Order, top: f32, name: String) -> Block {
        let height = self.y.ceil();
        Block { order, height, top, pieces: self.pieces, name, mentions_me: false, tools: Vec::new() }
    }
}

struct Message<'a> {
    c: &'a Conversation,
    line: &'a Line,
    said: &'a Said,
    scene: &'a Scene<'a>,
}

impl Message<'_> {
    fn lay_out(&self, mut page: Page, grouped: bool, top: f32, pen: &mut Pen<'_>) -> Block {
        let (said, scene) = (self.said, self.scene);
        let time = moment(self.line.time).to_zoned(scene.zone.clone()).strftime("%H:%M").to_string();
        let name = self.author();
        page.y += if grouped { 2.0 } else { 9.0 };
        if !grouped && !said.action {
            page.put(16.0, vec2(34.0, 34.0), What::Face(said.user, said.name.clone()));
            let sheet = pen.line(&name, BODY, STRONG, page.room() - 50.0);
            let size = sheet.size();
            page.put(INDENT, size, What::Name(sheet, said.user));
            let clock = pen.set(&time, SMALL - 0.5, WEAK, None);
            let (y, width) = (page.y, clock.size());
            page.y += size.y - width.y - 1.0;
            page.put(INDENT + size.x + 8.0, width, What::Text(clock));
            page.y = y + size.y + 1.0;
        } else if said.action {
            let clock = pen.set(&time, SMALL - 0.5, WEAK, None);
            page.put(INDENT - 8.0 - clock.size().x, clock.size(), What::Text(clock));
        }
        let words = match telling::card(said, scene.apps, scene.me) {
            Some(card) => self.card(&mut page, &card, pen),
            None => {
                let words = self.words(&mut page, pen);
                self.below(&mut page, pen);
                words
            }
        };
        page.y += 2.0;
        page.end(self.line.order, top, format!("{name}, {time}: {words}"))
    }

    /// The author's name; with the host where several have that name, and what is thought of their key.
    fn author(&self) -> String {
        let said = self.said;
        let shared = self.scene.shared.contains(&said.name) && !said.host.is_empty();
        let name = if shared { format!("{}@{}", said.name, said.host) } else { said.name.clone() };
        match self.scene.marks.get(&said.user) {
            Some(mark) => format!("{name} {mark}"),
            None => name,
        }
    }

    fn words(&self, page: &mut Page, pen: &mut Pen<'_>) -> String {
        let said = self.said;
        if let Some(quoted) = telling::answered(self.c, said) {
            let sheet = pen.line(&quoted, SMALL + 0.5, WEAK, page.room() - 14.0);
            let size = vec2(page.room(), sheet.size().y + 6.0);
            page.put(INDENT, size, What::Quote(sheet));
            page.y += size.y + 2.0;
        }
        let words = telling::words(said, &self.author());
        let (part, is_cut) = cut(&words);
        let marked = match telling::is_marked(said) {
            true => markdown::read(part),
            false => Marked { text: part.to_owned(), ..Marked::default() },
        };
        let few = marked.text.chars().count() <= FEW && !marked.text.is_empty();
        let joins = |c: char| matches!(c, '\u{fe0f}' | '\u{200d}' | ' ');
        let large = few && marked.text.chars().all(|c| is_emoji(c) || joins(c));
        let size = if large { LARGE } else { BODY };
        let look = self.look();
        let runs: Vec<(usize, Look)> =
            marked.runs.iter().map(|(at, part)| (*at, with(look, *part))).collect();
        let sheet = pen.setter.set(&marked.text, size, look, &runs, Some(page.room()));
        let end = sheet.caret(marked.text.len());
        let place = page.y;
        let rtl = sheet.is_rtl();
        let area = sheet.size();
        let ends = marked.runs.iter().skip(1).map(|(at, _)| *at).chain([marked.text.len()]);
        let code = marked.runs.iter().zip(ends).filter(|((_, look), _)| look.code.is_some());
        let code = code.map(|((at, _), end)| *at..end);
        let code = code.filter(|range| !marked.blocks.iter().any(|block| block.contains(&range.start)));
        let code: Vec<Range<usize>> = code.collect();
        let text = marked.text.clone();
        let width = if rtl || !marked.blocks.is_empty() { page.room() } else { area.x };
        let Marked { text: shown, links, blocks, .. } = marked;
        let words = Words { sheet, text: shown, code, blocks, links };
        page.put(INDENT, vec2(width, area.y), What::Words(words));
        page.y += area.y;
        self.behind(page, pen, place + end.top(), if rtl { page.width } else { end.right() });
        if is_cut {
            page.text(pen.set(&format!("… ({})", t!("window-cut")), SMALL, WEAK, None));
        }
        text
    }

    fn look(&self) -> Look {
        match &self.said.kind {
            _ if self.said.fate.deleted => WEAK,
            _ if self.said.action => Look { italic: true, ..PLAIN },
            Kind::Announce | Kind::Poll { .. } => STRONG,
            _ => PLAIN,
        }
    }

    /// Whether it was changed, and how far it has come: behind the last word, or below it.
    fn behind(&self, page: &mut Page, pen: &mut Pen<'_>, top: f32, right: f32) {
        let changed = telling::changed(self.said).map(|text| (text, WEAK));
        let own = self.said.own.as_ref();
        let tick = own.map(|own| telling::tick(self.c, self.line, own, self.scene.me));
        let tick = tick.map(|(text, weight)| (text, weighed(weight)));
        let mut x = right + 8.0;
        for (text, look) in changed.into_iter().chain(tick) {
            let sheet = pen.set(&text, SMALL - 0.5, look, None);
            let size = sheet.size();
            if x + size.x <= page.room() {
                let below = std::mem::replace(&mut page.y, top + 3.0);
                page.put(INDENT + x, size, What::Text(sheet));
                page.y = below;
            } else {
                page.text(sheet);
            }
            x += size.x + 8.0;
        }
    }

    /// The answers of a poll, how dice fell, the state of a file, reactions, failures.
    fn below(&self, page: &mut Page, pen: &mut Pen<'_>) {
        let (c, said, scene) = (self.c, self.said, self.scene);
        if said.fate.deleted {
            return;
        }
        if let Some((answers, voters)) = telling::poll(said, scene.me) {
            for (at, answer) in answers.into_iter().enumerate() {
                let width = page.room().min(420.0);
                let text = pen.line(&answer.text, BODY - 0.5, PLAIN, width - 60.0);
                let votes = pen.set(&answer.votes.to_string(), SMALL, WEAK, None);
                let share = answer.votes as f32 / voters.max(1) as f32;
                let name = t!("window-votes", answer = &answer.text, votes = answer.votes, all = voters);
                page.y += 3.0;
                let what = What::Answer { text, votes, share, mine: answer.mine, at, name };
                page.put(INDENT, vec2(width, 28.0), what);
                page.y += 28.0;
            }
        }
        if let Some(text) = outcome(said, |user| c.name_of(user)) {
            page.text(pen.set(&text, BODY, ACCENT, Some(page.room())));
        }
        self.call(page, pen);
        if let Some(offered) = Offered::of(self.line) {
            let state = scene.files.state(c, &offered, scene.me);
            page.text(pen.set(&state, SMALL + 0.5, WEAK, Some(page.room())));
            self.preview(page, &offered.offer, pen);
            self.buttons(page, pen, self.about_file(&offered));
        }
        self.reactions(page, pen);
        for failure in said.own.iter().flat_map(|own| &own.failures) {
            page.text(pen.set(&format!("✗ {failure}"), SMALL + 0.5, ALARM, Some(page.room())));
        }
        if said.own.as_ref().is_some_and(|own| !own.failures.is_empty()) {
            let again = Act::On(self.line.order, OnMessage::Retry);
            self.buttons(page, pen, vec![(t!("window-retry"), again)]);
        }
    }

    /// What is in a file that is on this host.
    fn preview(&self, page: &mut Page, offer: &files::Offer, pen: &mut Pen<'_>) {
        let session = self.c.session();
        if !self.scene.files.is_here(session, offer.blob.id) {
            return;
        }
        match pen.previews.of(session, offer, false) {
            Some(Shown::Picture(texture, size)) => {
                let size = preview::fitted(size, preview::in_talk(page.room()));
                page.y += 4.0;
                page.put(INDENT, size, What::Picture { texture, session, offer: offer.clone() });
                page.y += size.y + 4.0;
            }
            Some(Shown::Text(text)) if !text.is_empty() => {
                let mono = Look { mono: true, ..WEAK };
                let sheet = pen.set(&text, SMALL + 0.5, mono, Some(page.room() - 20.0));
                let size = vec2(page.room(), sheet.size().y + 12.0);
                page.y += 4.0;
                page.put(INDENT, size, What::Sample(sheet));
                page.y += size.y + 4.0;
            }
            Some(Shown::Nothing(why)) => {
                let text = t!("preview-none", why = why);
                page.text(pen.set(&text, SMALL + 0.5, WEAK, Some(page.room())));
            }
            Some(Shown::Text(_) | Shown::Waits) | None => {}
        }
    }

    /// What one can do with a file that was offered.
    fn about_file(&self, offered: &Offered) -> Vec<(String, Act)> {
        let (files, order) = (self.scene.files, self.line.order);
        match () {
            () if files.is_moving(offered) => {
                let stop = Act::Do(Action::Run(format!("/stop {}", offered.offer.name)));
                vec![(t!("window-stop"), stop)]
            }
            () if files.saved(offered).is_some() => {
                vec![(t!("window-folder"), Act::On(order, OnMessage::Folder))]
            }
            () if offered.user == self.scene.me => self.giving(offered),
            () => vec![(t!("window-get"), Act::On(order, OnMessage::Get))],
        }
    }

    /// What one can do with a file of one's own: others are given it, or not.
    fn giving(&self, offered: &Offered) -> Vec<(String, Act)> {
        let (session, blob, name) = (self.c.session(), offered.offer.blob.id, &offered.offer.name);
        let act = |command: &str| Act::Do(Action::Run(format!("{command} {name}")));
        match () {
            () if !self.scene.files.is_here(session, blob) => Vec::new(),
            () if self.scene.files.is_paused(session, blob) => vec![(t!("window-resume"), act("/resume"))],
            () => vec![(t!("window-pause"), act("/pause"))],
        }
    }

    /// How it stands with a call for help, and what one can do.
    fn call(&self, page: &mut Page, pen: &mut Pen<'_>) {
        let Some((text, weight)) = telling::call(self.c, self.line) else { return };
        page.text(pen.set(&text, BODY, weighed(weight), Some(page.room())));
        if self.c.standing(self.line) != Some(Standing::Open) {
            return;
        }
        let (name, what) = match () {
            () if self.said.user == self.scene.me => (t!("window-helped"), OnMessage::Helped),
            () if self.said.fate.coming.contains(&self.scene.me) => {
                (t!("window-not-coming"), OnMessage::Coming)
            }
            () => (t!("window-coming"), OnMessage::Coming),
        };
        self.buttons(page, pen, vec![(name, Act::On(self.line.order, what))]);
    }

    fn reactions(&self, page: &mut Page, pen: &mut Pen<'_>) {
        let (reactions, more) = telling::reactions(self.said);
        if reactions.is_empty() {
            return;
        }
        page.y += 3.0;
        let mut x = 0.0;
        for (emoji, users) in reactions {
            let names: Vec<String> = users.iter().take(20).map(|user| self.c.name_of(*user)).collect();
            let others = users.len() - names.len();
            let names = names.join(", ");
            let names = if others > 0 { t!("list-and-more", list = names, n = others) } else { names };
            let name = format!("{} {names}", harmless(emoji));
            let text = pen.line(&format!("{} {}", harmless(emoji), users.len()), SMALL + 0.5, PLAIN, 120.0);
            let size = vec2(text.size().x + 16.0, 26.0);
            if x > 0.0 && x + size.x > page.room() {
                (x, page.y) = (0.0, page.y + 30.0);
            }
            let mine = users.contains(&self.scene.me);
            page.put(INDENT + x, size, What::Chip { text, emoji: emoji.to_owned(), mine, name });
            x += size.x + 5.0;
        }
        if more > 0 {
            let sheet = pen.set(&t!("and-more", n = more), SMALL, WEAK, None);
            page.y += 5.0;
            page.put(INDENT + x + 4.0, sheet.size(), What::Text(sheet));
            page.y -= 5.0;
        }
        page.y += 29.0;
    }

    /// A program that is run together: what, who stands how, and what one can do.
    fn card(&self, page: &mut Page, card: &Card, pen: &mut Pen<'_>) -> String {
        let (sign, look) = if card.over { ("■", WEAK) } else { ("▶", STRONG) };
        page.y += 2.0;
        page.text(pen.set(&format!("{sign} {}", card.head), BODY, look, Some(page.room())));
        for (word, who) in &card.rows {
            let sheet = pen.set(word, SMALL + 0.5, WEAK, None);
            page.put(INDENT + 14.0, sheet.size(), What::Text(sheet));
            let sheet = pen.set(who, BODY - 0.5, PLAIN, Some((page.room() - 100.0).max(40.0)));
            let size = sheet.size();
            page.put(INDENT + 90.0, size, What::Text(sheet));
            page.y += size.y;
        }
        let offers =
            card.offers.iter().map(|offer| (name(*offer), Act::Do(Action::Run(card.command(*offer)))));
        self.buttons(page, pen, offers.collect());
        card.head.clone()
    }

    fn buttons(&self, page: &mut Page, pen: &mut Pen<'_>, all: Vec<(String, Act)>) {
        if all.is_empty() {
            return;
        }
        page.y += 4.0;
        let mut x = 0.0;
        for (text, act) in all {
            let width = pen.set(&text, SMALL + 0.5, PLAIN, None).size().x + 16.0;
            page.put(INDENT + x, vec2(width, 26.0), What::Button { text, act });
            x += width + 6.0;
        }
        page.y += 29.0;
    }
}

fn weighed(weight: Weight) -> Look {
    match weight {
        Weight::Weak => WEAK,
        Weight::Good => ACCENT,
        Weight::Alarm => ALARM,
    }
}

/// What a button for it says.
fn name(offer: Offer) -> String {
    match offer {
        Offer::Accept => t!("window-take-part"),
        Offer::Observe => t!("window-look-on"),
        Offer::Decline => t!("window-decline"),
        Offer::Cancel => t!("window-call-off"),
    }
}

/// What marks add to a look.
fn with(look: Look, part: markdown::Look) -> Look {
    let ink = match (part.code, part.link) {
        (Some(Token::Plain), _) => Ink::Code,
        (Some(Token::Keyword), _) => Ink::Keyword,
        (Some(Token::Literal), _) => Ink::Literal,
        (Some(Token::Comment), _) => Ink::Weak,
        (None, true) => Ink::Accent,
        _ => look.ink,
    };
    Look {
        bold: look.bold || part.bold,
        italic: look.italic || part.italic,
        struck: part.struck,
        underlined: part.link,
        mono: part.code.is_some(),
        ink,
    }
}

/// As much of a text as is shown, and whether something is left out.
fn cut(text: &str) -> (&str, bool) {
    let mut end = text.len().min(MAX_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let lines = text[..end].match_indices('\n').nth(MAX_LINES - 1).map(|(at, _)| at);
    let end = lines.unwrap_or(end);
    (&text[..end], end < text.len())
}

/// What can be done with a message, beyond reacting.
fn tools(line: &Line, said: &Said, scene: &Scene<'_>) -> Vec<Tool> {
    let tool = |icon, name, what| Tool { icon, name, what };
    if line.order.position().is_none() || said.fate.deleted {
        return vec![tool(Icon::Tick, t!("window-who-has"), OnMessage::WhoHas)];
    }
    let mine = said.user == scene.me;
    let mut all = vec![tool(Icon::Reply, t!("window-reply"), OnMessage::Reply)];
    if mine && said.editable() {
        all.push(tool(Icon::Pencil, t!("window-edit"), OnMessage::Edit));
    }
    if said.reply.is_some() {
        all.push(tool(Icon::Up, t!("window-original"), OnMessage::Original));
    }
    let pin = if said.fate.pinned.is_some() { t!("window-unpin") } else { t!("window-pin") };
    all.push(tool(Icon::Pin, pin, OnMessage::Pin));
    all.push(tool(Icon::Tick, t!("window-who-has"), OnMessage::WhoHas));
    if mine {
        all.push(tool(Icon::Bin, t!("window-delete"), OnMessage::Delete));
    }
    all
}
