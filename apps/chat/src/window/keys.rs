//! Which key means what in the window.
//!
//! Invariant: everything the pointer can do can be done by keys; what is typed always goes where one writes.

use super::{overlay::HELP_ROW, pen::Act, writing::Writing};
use crate::{
    editor::Edit,
    keep::Settings,
    model::{Action, Mode, Model, OnMessage},
};
use eframe::egui::{Event, ImeEvent, Key, Modifiers};

/// What an event means now; `page`: how much a page scrolls.
pub(super) fn acts(event: &Event, model: &Model, writing: &mut Writing, page: i32) -> Vec<Act> {
    let action = match event {
        // Input methods, and some keys, give several letters at once.
        Event::Text(text) | Event::Paste(text) | Event::Ime(ImeEvent::Commit(text))
            if model.mode == Mode::Switching =>
        {
            writing.preedit.clear();
            return text.chars().map(|c| Act::Do(Action::Narrow(Some(c)))).collect();
        }
        Event::Text(text) => typed(text, model),
        Event::Paste(text) => Some(Action::Edit(Edit::Insert(text.clone()))),
        Event::Ime(ime) => composed(ime, writing),
        Event::Copy => return copied(model, false),
        Event::Cut => return copied(model, true),
        Event::Key { key, pressed: true, modifiers, .. } => match model.mode {
            Mode::Help(_) => help(*key, page),
            Mode::Selecting(_) => selecting(*key),
            Mode::Switching => switching(*key, *modifiers),
            Mode::Finding => finding(*key, page),
            Mode::Writing => writing_key(*key, *modifiers, model, writing, page),
        },
        _ => None,
    };
    action.into_iter().map(Act::Do).collect()
}

fn typed(text: &str, model: &Model) -> Option<Action> {
    let mut letters = text.chars();
    match (model.mode, letters.next(), letters.next()) {
        (Mode::Writing, ..) => Some(Action::Edit(Edit::Insert(text.to_owned()))),
        (Mode::Selecting(_), Some('y'), None) => Some(Action::Copy),
        (Mode::Selecting(_), Some(c), None) => match OnMessage::of_letter(c) {
            Some(what) => Some(Action::On(what)),
            // Whoever goes on writing means to write.
            None => Some(Action::Edit(Edit::Insert(text.to_owned()))),
        },
        _ => None,
    }
}

/// An input method is making something, or has made it.
fn composed(ime: &ImeEvent, writing: &mut Writing) -> Option<Action> {
    match ime {
        ImeEvent::Preedit { text, .. } => {
            writing.preedit.clone_from(text);
            None
        }
        ImeEvent::Commit(text) => {
            writing.preedit.clear();
            Some(Action::Edit(Edit::Insert(text.clone())))
        }
        _ => None,
    }
}

/// What is selected in the line being written; else the chosen message. What is selected in a message is copied before.
fn copied(model: &Model, cut: bool) -> Vec<Act> {
    if let Mode::Selecting(_) = model.mode {
        return vec![Act::Do(Action::Copy)];
    }
    let Some(c) = model.current() else { return Vec::new() };
    let Some(range) = c.editor.selection() else { return Vec::new() };
    let copy = Act::Copy(c.editor.text()[range].to_owned());
    let delete = cut.then_some(Act::Do(Action::Edit(Edit::Delete)));
    [copy].into_iter().chain(delete).collect()
}

fn help(key: Key, page: i32) -> Option<Action> {
    let rows = page / HELP_ROW as i32;
    Some(match key {
        Key::ArrowUp => Action::Up,
        Key::ArrowDown => Action::Down,
        Key::PageUp => Action::Scroll(rows),
        Key::PageDown | Key::Space => Action::Scroll(-rows),
        _ => Action::Escape,
    })
}

fn selecting(key: Key) -> Option<Action> {
    match key {
        Key::ArrowUp => Some(Action::Up),
        Key::ArrowDown => Some(Action::Down),
        Key::Enter => Some(Action::Copy),
        Key::Escape | Key::F2 => Some(Action::Escape),
        _ => None,
    }
}

fn switching(key: Key, held: Modifiers) -> Option<Action> {
    match key {
        Key::ArrowUp => Some(Action::Up),
        Key::Tab if held.shift => Some(Action::Up),
        Key::ArrowDown | Key::Tab => Some(Action::Down),
        Key::K if held.command => Some(Action::Escape),
        Key::Enter => Some(Action::Choose),
        Key::Backspace => Some(Action::Narrow(None)),
        Key::Escape => Some(Action::Escape),
        _ => None,
    }
}

fn finding(key: Key, page: i32) -> Option<Action> {
    let rows = page / 40;
    match key {
        Key::ArrowUp => Some(Action::Up),
        Key::ArrowDown => Some(Action::Down),
        Key::PageUp => Some(Action::Scroll(rows)),
        Key::PageDown => Some(Action::Scroll(-rows)),
        Key::Enter => Some(Action::Choose),
        Key::Escape => Some(Action::Escape),
        _ => None,
    }
}

fn writing_key(key: Key, held: Modifiers, model: &Model, writing: &Writing, page: i32) -> Option<Action> {
    // What an input method is making is its own.
    if !writing.preedit.is_empty() {
        return None;
    }
    match key {
        Key::Enter if held.shift || held.alt => Some(Action::Edit(Edit::NewLine)),
        Key::Enter => Some(Action::Send),
        Key::Tab => Some(Action::Complete),
        Key::Escape => Some(Action::Escape),
        Key::F1 => Some(Action::Help),
        Key::F2 => Some(Action::Select),
        Key::F8 => Some(Action::Call),
        Key::F9 => Some(Action::Run("/coming".into())),
        Key::PageUp => Some(Action::Scroll(page)),
        Key::PageDown => Some(Action::Scroll(-page)),
        Key::ArrowUp if held.alt => Some(Action::Switch(-1)),
        Key::ArrowDown if held.alt => Some(Action::Switch(1)),
        Key::ArrowUp if held.command => Some(Action::Scroll(40)),
        Key::ArrowDown if held.command => Some(Action::Scroll(-40)),
        Key::End if held.command => Some(Action::Newest),
        Key::ArrowUp | Key::ArrowDown => Some(vertical(key == Key::ArrowDown, held, model, writing)),
        Key::A if held.command => Some(Action::Edit(Edit::All)),
        Key::Z if held.command && held.shift => Some(Action::Edit(Edit::Redo)),
        Key::Z if held.command => Some(Action::Edit(Edit::Undo)),
        Key::K if held.command => Some(Action::Switcher),
        Key::N if held.command => Some(Action::Switch(1)),
        Key::P if held.command => Some(Action::Switch(-1)),
        Key::F if held.command => Some(Action::Edit(Edit::Insert("/search ".into()))),
        Key::Plus | Key::Equals if held.command => sized(model, 10),
        Key::Minus if held.command => sized(model, -10),
        Key::Num0 if held.command => Some(Action::Run("/size 100".into())),
        Key::Q if held.command => Some(Action::Quit),
        Key::U if held.alt => Some(Action::New),
        Key::A if held.alt => Some(Action::Unread),
        key => place(key, held, model).or_else(|| moving(key, held).map(Action::Edit)),
    }
}

/// A line up or down in the text; from its first or last line on, other messages and completions.
fn vertical(down: bool, held: Modifiers, model: &Model, writing: &Writing) -> Action {
    let cursor = model.current().map_or(0, |c| c.editor.cursor());
    let to = writing.line_from(cursor, down).filter(|_| model.completions().is_none());
    match (to, held.shift, down) {
        (Some(to), true, _) => Action::Edit(Edit::Holding(Box::new(Edit::To(to)))),
        (Some(to), false, _) => Action::Edit(Edit::To(to)),
        (None, _, true) => Action::Down,
        (None, _, false) => Action::Up,
    }
}

/// Everything larger or smaller, by so many parts of a hundred.
fn sized(model: &Model, by: i16) -> Option<Action> {
    let size = model.settings.size.saturating_add_signed(by);
    Settings::SIZES.contains(&size).then(|| Action::Run(format!("/size {size}")))
}

/// Alt and a digit: the conversation at this place of the list.
fn place(key: Key, held: Modifiers, model: &Model) -> Option<Action> {
    let digits =
        [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];
    let at = digits.iter().position(|digit| held.alt && *digit == key)?;
    model.conversations.get(at).map(|c| Action::Go(c.session()))
}

fn moving(key: Key, held: Modifiers) -> Option<Edit> {
    let by_word = held.command || held.alt;
    let edit = match (key, by_word) {
        (Key::ArrowLeft, false) => Edit::Left,
        (Key::ArrowRight, false) => Edit::Right,
        (Key::ArrowLeft, true) => Edit::WordLeft,
        (Key::ArrowRight, true) => Edit::WordRight,
        (Key::Home, _) => Edit::Home,
        (Key::End, _) => Edit::End,
        (Key::Backspace, false) => return Some(Edit::Backspace),
        (Key::Backspace, true) => return Some(Edit::KillWordLeft),
        (Key::Delete, false) => return Some(Edit::Delete),
        (Key::Delete, true) => return Some(Edit::KillWordRight),
        _ => return None,
    };
    Some(if held.shift { Edit::Holding(Box::new(edit)) } else { edit })
}
