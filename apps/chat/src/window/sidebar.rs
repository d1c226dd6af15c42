//! The left column: invitations, rooms, direct sessions.
//!
//! Invariant: what can be clicked is exactly what is drawn.

use super::icon::{self, Icon};
use super::pen::{ACCENT, ALARM, Act, BODY, PLAIN, Pen, SMALL, STRONG, WEAK};
use crate::{
    conversation::Conversation,
    model::{Action, Model},
    t,
};
use chalktalk_ipc::{SessionId, UserId, event::Scope, text::label};
use eframe::egui::{Id, Rect, Role, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};

/// Sessions that are known and not open are offered below the open ones, so many at most.
const MAX_OTHERS: usize = 30;

/// Unread messages are counted so far.
const MAX_COUNT: usize = 999;

const ROW: f32 = 30.0;

/// One row.
struct Entry {
    title: String,
    /// Whom one talks with there, if that is one person who is known.
    with: Option<UserId>,
    /// Behind the title, small.
    about: String,
    /// Something is being written there.
    draft: bool,
    badge: Option<(String, bool)>,
    chosen: bool,
    strong: bool,
    weak: bool,
    action: Action,
}

/// Draws the column.
pub(super) fn show(ui: &mut Ui, rect: Rect, model: &Model, pen: &mut Pen<'_>) {
    ui.painter().rect_filled(rect, 0.0, pen.palette.side);
    let head = Rect::from_min_size(rect.min + vec2(10.0, 8.0), vec2(rect.width() - 20.0, 34.0));
    me(ui, head, model, pen);
    let find = Rect::from_min_size(rect.min + vec2(10.0, 46.0), vec2(rect.width() - 20.0, 30.0));
    let response = pen.place(ui, find, Id::unique("go-to"), Role::Button, &t!("window-go-to-name"), false);
    let fill = if response.hovered() { pen.palette.rule } else { pen.palette.hover };
    ui.painter().rect_filled(find, 8.0, fill);
    pen.line_in(ui, find.shrink2(vec2(10.0, 0.0)), &t!("window-go-to"), SMALL + 0.5, WEAK);
    pen.line_right(ui, find.shrink2(vec2(10.0, 0.0)), "Ctrl K", SMALL - 1.0, WEAK);
    if response.clicked() {
        pen.acts.push(Act::Do(Action::Switcher));
    }
    let list = Rect::from_min_max(pos2(rect.left(), rect.top() + 84.0), rect.max);
    ui.scope_builder(UiBuilder::new().max_rect(list), |ui| {
        ScrollArea::vertical().id_salt("sidebar").auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing = vec2(0.0, 0.0);
            for (title, entries) in sections(model) {
                if entries.is_empty() {
                    continue;
                }
                let (heading, _) = ui.allocate_exact_size(vec2(list.width(), 28.0), Sense::hover());
                pen.line_in(
                    ui,
                    heading.shrink2(vec2(14.0, 0.0)).translate(vec2(0.0, 3.0)),
                    &title,
                    SMALL,
                    WEAK,
                );
                for entry in entries {
                    row(ui, &entry, pen, list.width());
                }
            }
            ui.add_space(10.0);
        });
    });
}

/// Who is writing, and a click for what others see of them.
fn me(ui: &Ui, rect: Rect, model: &Model, pen: &mut Pen<'_>) {
    let name = label(&model.me.name);
    let named = t!("window-profile", name = &name);
    let response = pen.place(ui, rect, Id::unique("me"), Role::Button, &named, false);
    if response.hovered() {
        ui.painter().rect_filled(rect, 7.0, pen.palette.rule);
    }
    pen.face(ui, pos2(rect.left() + 18.0, rect.center().y), 13.0, model.me.user, &name);
    pen.line_in(
        ui,
        rect.with_min_x(rect.left() + 40.0).shrink2(vec2(4.0, 0.0)),
        &name,
        super::pen::TITLE,
        STRONG,
    );
    if response.clicked() {
        pen.acts.push(Act::Profile(model.me.user));
    }
}

fn row(ui: &mut Ui, entry: &Entry, pen: &mut Pen<'_>, width: f32) {
    let (space, _) = ui.allocate_exact_size(vec2(width, ROW), Sense::hover());
    if !ui.is_rect_visible(space) {
        return;
    }
    let rect = space.shrink2(vec2(8.0, 1.0));
    let id = Id::unique(("conversation", &entry.title, format!("{:?}", entry.action)));
    let name = match &entry.badge {
        Some((count, _)) => t!("window-unread", title = &entry.title, n = count),
        None => entry.title.clone(),
    };
    let response = pen.place(ui, rect, id, Role::ListItem, &name, entry.chosen);
    if entry.chosen || response.hovered() {
        let fill = if entry.chosen { pen.palette.chosen } else { pen.palette.rule };
        ui.painter().rect_filled(rect, 7.0, fill);
    }
    let mut inner = rect.shrink2(vec2(9.0, 0.0));
    if let Some(user) = entry.with {
        pen.face(
            ui,
            pos2(inner.left() + 9.0, inner.center().y),
            10.0,
            user,
            entry.title.trim_start_matches(['★', ' ', '@']),
        );
        inner.set_left(inner.left() + 26.0);
    }
    if let Some((count, loud)) = &entry.badge {
        let left = pen.badge(ui, pos2(inner.right(), inner.center().y), count, *loud);
        inner.set_right(left - 6.0);
    }
    if entry.draft {
        let (rest, sign) = inner.split_left_right_at_x(inner.right() - 20.0);
        icon::draw(ui.painter(), sign, Icon::Pencil, pen.palette.inks.weak);
        inner = rest;
    }
    let look = match (entry.strong, entry.weak, entry.chosen) {
        (true, ..) => STRONG,
        (_, true, _) => WEAK,
        (_, _, true) => ACCENT,
        _ => PLAIN,
    };
    let used = pen.line_in(ui, inner, &entry.title, BODY - 0.5, look);
    if !entry.about.is_empty() {
        let rest = Rect::from_min_max(pos2(inner.left() + used + 6.0, inner.top()), inner.max);
        if rest.width() > 20.0 {
            pen.line_in(ui, rest, &entry.about, SMALL, WEAK);
        }
    }
    if response.clicked() {
        pen.acts.push(Act::Do(entry.action.clone()));
    }
}

fn sections(model: &Model) -> [(String, Vec<Entry>); 3] {
    let invitations = model.invitations.iter().flatten().take(MAX_OTHERS).map(|invitation| Entry {
        title: format!("✉ {}", label(&invitation.title)),
        with: None,
        about: t!("sidebar-by", name = label(&invitation.name)),
        draft: false,
        badge: None,
        chosen: false,
        strong: true,
        weak: false,
        action: Action::Accept(invitation.session),
    });
    [
        (t!("window-invitations"), invitations.collect()),
        (t!("window-rooms"), conversations(model, false)),
        (t!("window-direct"), conversations(model, true)),
    ]
}

fn conversations(model: &Model, direct: bool) -> Vec<Entry> {
    let fits = |scope: Scope| (scope == Scope::Direct) == direct;
    let open = model.conversations.iter().filter(|c| fits(c.summary.scope)).map(|c| of(c, model));
    let others = model.others.iter().filter(|other| fits(other.scope)).take(MAX_OTHERS).map(|other| {
        let stirred = model.stirred.contains(&other.session);
        Entry {
            title: label(&other.title),
            with: model.partner(other.scope, &other.title, None),
            about: String::new(),
            draft: false,
            badge: stirred.then(|| ("•".into(), true)),
            chosen: false,
            strong: stirred,
            weak: !stirred,
            action: Action::Enter(other.session),
        }
    });
    open.chain(others).collect()
}

fn of(c: &Conversation, model: &Model) -> Entry {
    let chosen = model.focus == Some::<SessionId>(c.session());
    let liked = if model.favourites.contains(&c.session()) { "★ " } else { "" };
    let count = c.unread.min(MAX_COUNT);
    let more = if c.unread > MAX_COUNT { "+" } else { "" };
    let badge = (!chosen && count > 0).then(|| {
        let at = if c.mentions > 0 { "@" } else { "" };
        (format!("{at}{count}{more}"), c.mentions > 0)
    });
    Entry {
        title: format!("{liked}{}", c.title()),
        with: model.partner(c.summary.scope, &c.summary.title, Some(c)),
        about: String::new(),
        draft: !chosen && !c.editor.is_empty(),
        strong: badge.is_some(),
        badge,
        chosen,
        weak: false,
        action: Action::Go(c.session()),
    }
}

/// How somebody's key is thought of, if that needs an eye.
pub(super) fn mark_look(changed: bool) -> chalktalk_look::Look {
    if changed { ALARM } else { WEAK }
}
