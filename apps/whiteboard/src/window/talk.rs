//! Talk beside the board: a session of the chat, whose words are shown in a panel.
//!
//! Which session it is follows from the board's (`docs/board.md`): everybody who has the board finds the same one.
//!
//! Invariant: the chat's positions are not moved here; what was read beside a board is still there in the chat.

use super::{app::App, aside::Aside, theme};
use crate::model::Author;
use chalktalk_client::{Batch, Client, ClientError, Publish, chat::Kind, chat::Saying};
use chalktalk_ipc::{
    AppId, SessionId,
    event::{Scope, SessionSummary},
    request::{From, SessionKind},
};
use eframe::egui::{self, Align2, Color32, Context, Key, RichText, ScrollArea, TextEdit, Ui, vec2};
use std::collections::VecDeque;

/// Lines that are kept: a long talk, and no more than one scrolls.
const LINES: usize = 500;

/// Something somebody said.
struct Line {
    who: String,
    user: Author,
    text: String,
}

/// The talk.
#[derive(Default)]
pub(super) struct Talk {
    pub(super) open: bool,
    session: Option<SessionId>,
    coming: Option<Aside<Result<Option<SessionId>, String>>>,
    opening: Option<Aside<Result<(), String>>>,
    lines: VecDeque<Line>,
    pub(super) unread: usize,
    writing: String,
    trouble: Option<String>,
    /// What is there when the session is opened is nothing new.
    settled: bool,
}

impl Talk {
    /// Enters the session beside a board. `make`: also where it has to be made first.
    pub(super) fn enter(&mut self, ctx: &Context, client: &Client, board: &SessionSummary, make: bool) {
        if self.session.is_some() || self.coming.is_some() {
            return;
        }
        let (client, board) = (client.clone(), board.clone());
        let work = move || match companion(&client, &board, make) {
            Ok(found) => Ok(found.map(|session| session.session)),
            Err(e) => Err(e.to_string()),
        };
        self.coming = Aside::start(ctx, "talk", work).ok();
    }

    /// Takes what has come of entering. A session is known here before it is opened, so that nothing said in it is missed.
    pub(super) fn tick(&mut self, ctx: &Context, client: &Client) {
        if let Some(found) = self.coming.as_ref().and_then(Aside::poll) {
            self.coming = None;
            match found {
                Ok(Some(session)) => {
                    self.session = Some(session);
                    let client = client.clone();
                    let open = move || client.open(session, From::Start).map(drop).map_err(|e| e.to_string());
                    self.opening = Aside::start(ctx, "talk", open).ok();
                }
                Ok(None) => {}
                Err(why) => self.trouble = Some(why),
            }
        }
        if let Some(Err(why)) = self.opening.as_ref().and_then(Aside::poll) {
            self.trouble = Some(why);
        }
    }

    /// Takes in what was said, if it was said here.
    pub(super) fn on_messages(&mut self, batch: &Batch) -> bool {
        if self.session != Some(batch.session()) {
            return false;
        }
        for message in batch.iter().filter(|_| !batch.flags().volatile) {
            let saying = Saying::read(message.payload);
            if !matches!(saying.kind, Kind::Say | Kind::Announce) {
                continue;
            }
            let author = batch.author();
            let user = author.user.0;
            self.lines.push_back(Line { who: author.name.clone(), user, text: saying.for_people() });
            self.unread += usize::from(!self.open && self.settled);
        }
        while self.lines.len() > LINES {
            self.lines.pop_front();
        }
        true
    }

    /// The session has been read up to now.
    pub(super) fn on_caught_up(&mut self, session: SessionId) {
        self.settled |= self.session == Some(session);
    }

    fn say(&mut self, client: &Client) {
        let text = std::mem::take(&mut self.writing);
        let Some(session) = self.session.filter(|_| !text.trim().is_empty()) else {
            self.writing = text;
            return;
        };
        let payload = Saying::plain(text.trim()).payload().unwrap_or_default();
        if let Err(e) = client.try_publish(session, Publish::durable(&payload)) {
            (self.writing, self.trouble) = (text, Some(e.to_string()));
        }
    }
}

/// The session of the chat that belongs to a board: of an open board the room of the same name, of a direct one the conversation of
/// the two, of one by invitation the oldest one of its name that has the same people invited.
fn companion(
    client: &Client,
    board: &SessionSummary,
    make: bool,
) -> Result<Option<SessionSummary>, ClientError> {
    let app = AppId::chat();
    if board.scope != Scope::Invite {
        return client.join(&board.title, &app, SessionKind::Kept, true).map(Some);
    }
    let ours = |s: &SessionSummary| s.app == app && s.scope == Scope::Invite && s.title == board.title;
    if let Some(found) = client.sessions()?.into_iter().find(|s| s.joined && ours(s)) {
        return Ok(Some(found));
    }
    if let Some(asked) =
        client.invitations()?.into_iter().find(|asked| asked.app == app && asked.title == board.title)
    {
        return client.accept(asked.session).map(Some);
    }
    if !make {
        return Ok(None);
    }
    let people = client.membership(&board.session.to_string(), &board.app)?.people;
    let me = client.welcome().user;
    let others: Vec<String> =
        people.iter().filter(|person| person.user != me).map(|person| format!("@{}", person.user)).collect();
    let name = board.title.trim_start_matches('#');
    client.create(name, &app, SessionKind::Kept, true, &others).map(Some)
}

/// The panel.
pub(super) fn show(app: &mut App, ctx: &Context) {
    if !app.talk.open {
        return;
    }
    app.talk.unread = 0;
    super::bars::floating(ctx, "talk", Align2::RIGHT_BOTTOM, vec2(-12.0, -12.0), |ui| panel(app, ui));
}

fn panel(app: &mut App, ui: &mut Ui) {
    ui.set_width(270.0);
    ui.horizontal(|ui| {
        ui.label(RichText::new("Talk").family(theme::strong()));
        ui.label(RichText::new(format!("in {}", app.sitting.title())).small().weak());
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if ui.small_button("×").on_hover_text("Close").clicked() {
                app.talk.open = false;
            }
        });
    });
    let height = (ui.ctx().content_rect().height() * 0.4).clamp(120.0, 340.0);
    ScrollArea::vertical().max_height(height).auto_shrink([false, true]).stick_to_bottom(true).show(
        ui,
        |ui| {
            for line in &app.talk.lines {
                let colour = app.colours.get(&line.user);
                ui.horizontal_wrapped(|ui| {
                    ui.label(RichText::new(&line.who).family(theme::strong()).color(colour));
                    ui.label(&line.text);
                });
            }
            if app.talk.lines.is_empty() {
                ui.label(RichText::new("Nothing was said yet.").weak());
            }
        },
    );
    if let Some(trouble) = &app.talk.trouble {
        ui.label(RichText::new(trouble).small().color(Color32::from_rgb(0xe0, 0x31, 0x31)));
    }
    let edit = TextEdit::singleline(&mut app.talk.writing)
        .id(egui::Id::unique("talking"))
        .hint_text("Say something…")
        .desired_width(f32::INFINITY);
    let response = ui.add(edit);
    if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
        app.talk.say(app.sitting.client());
        response.request_focus();
    }
}
