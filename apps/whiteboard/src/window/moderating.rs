//! Who may do what here, shown, and changed by moderators.
//!
//! Invariant: only what would count is offered.

use super::{app::App, bars, icon::Icon, theme};
use crate::model::{Author, Edits, ObjectId, Role, Setting};
use eframe::egui::{Popup, RichText, Ui};

/// What everybody may do here: a sign beside the board's name, and what one does about it behind it. Boards without a creator have no roles.
pub(super) fn everybody(app: &mut App, ui: &mut Ui) {
    if app.sitting.roles().creator().is_none() {
        return;
    }
    let (role, all) = (app.sitting.role(), app.sitting.roles().everybody());
    let (icon, tip) = match (role, all) {
        (Role::Views, _) => (Icon::Eye, "You may only look"),
        (_, Role::Views) => (Icon::Eye, "Everybody may only look, but whom moderators let draw"),
        _ => (Icon::Pencil, "Everybody here may draw"),
    };
    let response = bars::button(ui, icon, tip, role == Role::Views);
    Popup::menu(&response).show(|ui| {
        ui.set_min_width(230.0);
        ui.label(RichText::new(tip).family(theme::strong()));
        ui.label(RichText::new(format!("Moderators: {}", moderators(app))).small().weak());
        if role != Role::Moderates {
            return;
        }
        ui.separator();
        choice(app, ui, "Everybody may draw", all == Role::Draws, Setting::Everybody(Role::Draws));
        choice(app, ui, "Everybody may only look", all == Role::Views, Setting::Everybody(Role::Views));
        ui.separator();
        if ui.button("Clear the board").on_hover_text("Undo brings it back").clicked() {
            clear(app);
        }
    });
}

/// What one person may do here: in their menu.
pub(super) fn person(app: &mut App, ui: &mut Ui, user: Author) {
    let roles = app.sitting.roles();
    let (role, own) = (roles.role(user), roles.setting(user));
    if roles.creator().is_none() {
        return;
    }
    let now = match role {
        Role::Moderates if roles.creator() == Some(user) => "Made this board, and moderates it",
        Role::Moderates => "Moderates this board",
        Role::Draws => "May draw",
        Role::Views => "May only look",
    };
    ui.label(RichText::new(now).small().weak());
    let me = app.sitting.client().welcome().user.0;
    let choices = [
        ("May moderate", Some(Role::Moderates)),
        ("May draw", Some(Role::Draws)),
        ("May only look", Some(Role::Views)),
        ("May do what everybody may", None),
    ];
    let may = |setting| app.sitting.roles().may_say(me, setting);
    let offered: Vec<_> = choices.into_iter().filter(|(_, r)| may(Setting::Person(user, *r))).collect();
    if !offered.is_empty() {
        ui.separator();
    }
    for (label, role) in offered {
        choice(app, ui, label, own == role, Setting::Person(user, role));
    }
}

/// Whether the user may take back what somebody did: where there are roles, their own, or as a moderator.
pub(super) fn may_revert(app: &App, user: Author) -> bool {
    let me = app.sitting.client().welcome().user.0;
    match app.sitting.roles().creator() {
        None => true,
        Some(_) => app.sitting.role() >= if user == me { Role::Draws } else { Role::Moderates },
    }
}

fn choice(app: &mut App, ui: &mut Ui, label: &str, is: bool, setting: Setting) {
    if ui.radio(is, label).clicked() && !is {
        app.sitting.set(setting);
        ui.close();
    }
}

fn moderators(app: &App) -> String {
    let people = app.sitting.roles().people().into_iter();
    let names = people.filter(|(_, role)| *role == Role::Moderates).map(|(who, _)| app.sitting.name_of(who));
    names.collect::<Vec<_>>().join(", ")
}

fn clear(app: &mut App) {
    let all: Vec<ObjectId> = app.sitting.board.shapes().filter(|s| !s.locked).map(|s| s.id).collect();
    let mut edits = Edits::new();
    all.into_iter().for_each(|id| edits.delete(id));
    if edits.is_empty() {
        return app.say("There is nothing to clear");
    }
    app.edit(|sitting| sitting.board.commit(edits).map(drop));
    app.say("The board is cleared, but what is locked; undo brings it back");
}
