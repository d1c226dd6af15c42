//! Which key means what.
//!
//! Invariant: a key means one thing in each mode, and the help lists every one that is not obvious.

use crate::{
    editor::Edit,
    model::{Action, Mode, Model, OnMessage},
};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// Rows of a turn of the wheel.
pub(super) const WHEEL: i32 = 3;

/// What a key means now; `page`: rows of a page.
pub(super) fn action(key: KeyEvent, model: &Model, page: i32) -> Option<Action> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    match model.mode {
        Mode::Help(_) => help(key, page),
        Mode::Selecting(_) => selecting(key),
        Mode::Switching => switching(key),
        Mode::Finding => finding(key, page),
        Mode::Writing => writing(key, model, page),
    }
}

fn help(key: KeyEvent, page: i32) -> Option<Action> {
    match (key.code, key.modifiers.contains(KeyModifiers::CONTROL)) {
        (KeyCode::Char('c' | 'q'), true) => Some(Action::Quit),
        (KeyCode::Up | KeyCode::Char('k'), _) => Some(Action::Up),
        (KeyCode::Down | KeyCode::Char('j'), _) => Some(Action::Down),
        (KeyCode::PageUp, _) => Some(Action::Scroll(page)),
        (KeyCode::PageDown | KeyCode::Char(' '), _) => Some(Action::Scroll(-page)),
        _ => Some(Action::Escape),
    }
}

fn selecting(key: KeyEvent) -> Option<Action> {
    match key.code {
        KeyCode::Up | KeyCode::Char('k') => Some(Action::Up),
        KeyCode::Down | KeyCode::Char('j') => Some(Action::Down),
        KeyCode::Char('y') | KeyCode::Enter => Some(Action::Copy),
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Action::Copy),
        KeyCode::Esc | KeyCode::F(2) | KeyCode::Char('q') => Some(Action::Escape),
        KeyCode::Char(c) => OnMessage::of_letter(c).map(Action::On),
        _ => None,
    }
}

fn switching(key: KeyEvent) -> Option<Action> {
    let held = key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
    match key.code {
        KeyCode::Up | KeyCode::BackTab => Some(Action::Up),
        KeyCode::Down | KeyCode::Tab => Some(Action::Down),
        KeyCode::Char('p') if held => Some(Action::Up),
        KeyCode::Char('n') if held => Some(Action::Down),
        KeyCode::Char('k' | 'c') if held => Some(Action::Escape),
        KeyCode::Enter => Some(Action::Choose),
        KeyCode::Backspace => Some(Action::Narrow(None)),
        KeyCode::Char(c) if !held => Some(Action::Narrow(Some(c))),
        KeyCode::Esc => Some(Action::Escape),
        _ => None,
    }
}

fn finding(key: KeyEvent, page: i32) -> Option<Action> {
    match key.code {
        KeyCode::Up | KeyCode::Char('k') => Some(Action::Up),
        KeyCode::Down | KeyCode::Char('j') => Some(Action::Down),
        KeyCode::PageUp => Some(Action::Scroll(page)),
        KeyCode::PageDown => Some(Action::Scroll(-page)),
        KeyCode::Enter => Some(Action::Choose),
        KeyCode::Esc | KeyCode::Char('q' | 'c') => Some(Action::Escape),
        _ => None,
    }
}

fn writing(key: KeyEvent, model: &Model, page: i32) -> Option<Action> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    match key.code {
        KeyCode::Char(c) if control && alt => typed(c),
        KeyCode::Char(c) if control => with_control(c, model),
        KeyCode::Char(c) if alt => with_alt(c, model),
        KeyCode::Char('?') if model.current().is_none_or(|c| c.editor.is_empty()) => Some(Action::Help),
        KeyCode::Char(c) => typed(c),
        KeyCode::Enter if alt || key.modifiers.contains(KeyModifiers::SHIFT) => {
            Some(Action::Edit(Edit::NewLine))
        }
        KeyCode::Enter => Some(Action::Send),
        KeyCode::Tab => Some(Action::Complete),
        KeyCode::Esc => Some(Action::Escape),
        KeyCode::F(1) => Some(Action::Help),
        KeyCode::F(2) => Some(Action::Select),
        KeyCode::F(8) => Some(Action::Call),
        KeyCode::F(9) => Some(Action::Run("/coming".into())),
        KeyCode::PageUp => Some(Action::Scroll(page)),
        KeyCode::PageDown => Some(Action::Scroll(-page)),
        KeyCode::Up if alt => Some(Action::Switch(-1)),
        KeyCode::Down if alt => Some(Action::Switch(1)),
        KeyCode::Up if control => Some(Action::Scroll(1)),
        KeyCode::Down if control => Some(Action::Scroll(-1)),
        KeyCode::End if control => Some(Action::Newest),
        KeyCode::Up => Some(Action::Up),
        KeyCode::Down => Some(Action::Down),
        code => moving(code, control || alt).map(Action::Edit),
    }
}

fn typed(c: char) -> Option<Action> {
    Some(Action::Edit(Edit::Insert(c.into())))
}

fn moving(code: KeyCode, by_word: bool) -> Option<Edit> {
    Some(match (code, by_word) {
        (KeyCode::Left, false) => Edit::Left,
        (KeyCode::Right, false) => Edit::Right,
        (KeyCode::Left, true) => Edit::WordLeft,
        (KeyCode::Right, true) => Edit::WordRight,
        (KeyCode::Home, _) => Edit::Home,
        (KeyCode::End, _) => Edit::End,
        (KeyCode::Backspace, false) => Edit::Backspace,
        (KeyCode::Backspace, true) => Edit::KillWordLeft,
        (KeyCode::Delete, false) => Edit::Delete,
        (KeyCode::Delete, true) => Edit::KillWordRight,
        _ => return None,
    })
}

fn with_control(c: char, model: &Model) -> Option<Action> {
    Some(match c {
        'c' => Action::Interrupt,
        'q' => Action::Quit,
        'd' if model.current().is_none_or(|c| c.editor.is_empty()) => Action::Quit,
        'n' => Action::Switch(1),
        'p' => Action::Switch(-1),
        'k' => Action::Switcher,
        _ => Action::Edit(match c {
            'a' => Edit::Home,
            'e' => Edit::End,
            'b' => Edit::Left,
            'f' => Edit::Right,
            'd' => Edit::Delete,
            'h' => Edit::Backspace,
            'j' => Edit::NewLine,
            'u' => Edit::KillToStart,
            'w' => Edit::KillWordLeft,
            'y' => Edit::Yank,
            _ => return None,
        }),
    })
}

fn with_alt(c: char, model: &Model) -> Option<Action> {
    if let Some(place) = c.to_digit(10).and_then(|digit| digit.checked_sub(1)) {
        return model.conversations.get(place as usize).map(|c| Action::Go(c.session()));
    }
    match c {
        'u' => return Some(Action::New),
        'a' => return Some(Action::Unread),
        _ => {}
    }
    Some(Action::Edit(match c {
        'b' => Edit::WordLeft,
        'f' => Edit::WordRight,
        'd' => Edit::KillWordRight,
        'k' => Edit::KillToEnd,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{ana, open};
    use chalktalk_ipc::event::Scope;

    /// Keys as people write them: `C-a`, `M-Enter`, `Esc`; anything else is typed.
    fn key(name: &str) -> KeyEvent {
        let (modifiers, name) = match name.split_at_checked(2) {
            Some(("C-", rest)) => (KeyModifiers::CONTROL, rest),
            Some(("M-", rest)) => (KeyModifiers::ALT, rest),
            _ => (KeyModifiers::NONE, name),
        };
        let code = match name {
            "Enter" => KeyCode::Enter,
            "Esc" => KeyCode::Esc,
            "Tab" => KeyCode::Tab,
            "Up" => KeyCode::Up,
            "Down" => KeyCode::Down,
            "Left" => KeyCode::Left,
            "Home" => KeyCode::Home,
            "F1" => KeyCode::F(1),
            "BS" => KeyCode::Backspace,
            other => KeyCode::Char(other.chars().next().unwrap()),
        };
        KeyEvent::new(code, modifiers)
    }

    /// The draft after these keys, with `|` for the cursor.
    fn check(keys: &str, after: &str) {
        let mut model = ana();
        open(&mut model, 1, "#lobby", Scope::Open);
        for name in keys.split(' ') {
            if let Some(action) = action(key(name), &model, 10) {
                model.update(crate::model::Input::Act(action), 0);
            }
        }
        let editor = &model.current().unwrap().editor;
        let (left, right) = editor.text().split_at(editor.cursor());
        assert_eq!(format!("{left}|{right}"), after, "{keys}");
    }

    #[test]
    fn keys_edit_the_line() {
        check("a b C-a x", "x|ab");
        check("a M-Enter b C-j c", "a\nb\nc|");
        check("o n e C-u C-y C-y", "oneone|");
        check("a b c M-BS d", "d|");
        check("/ h e Tab", "/help |");
        check("a Enter b Enter c Up Up Up Down", "b|");
        check("a Enter x Up Down", "x|");
        check("F1 a b", "b|");
        check("F1 Down j Up a b", "b|");
        check("? Esc a ?", "a?|");
        check("a b C-c", "|");
    }

    #[test]
    fn every_key_in_every_mode_is_harmless() {
        let mut model = ana();
        open(&mut model, 1, "#lobby", Scope::Open);
        let codes = [KeyCode::Insert, KeyCode::Null, KeyCode::BackTab, KeyCode::CapsLock, KeyCode::Menu];
        let letters = (' '..='~').map(KeyCode::Char).chain((0..=12).map(KeyCode::F));
        for code in codes.into_iter().chain(letters).collect::<Vec<_>>() {
            for bits in 0..8 {
                let event = KeyEvent::new(code, KeyModifiers::from_bits_truncate(bits));
                if let Some(action) = action(event, &model, 0) {
                    model.update(crate::model::Input::Act(action), 0);
                }
            }
        }
    }
}
