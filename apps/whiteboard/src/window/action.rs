//! Everything that can be done, by name and by key: what the palette, the list of shortcuts and the keyboard share.

use crate::{model::Order, tool::Tool};
use eframe::egui::{Key, Modifiers};

/// Something to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    Take(Tool),
    Undo,
    Redo,
    Delete,
    Duplicate,
    SelectAll,
    Group,
    Ungroup,
    Order(Order),
    Lock,
    UnlockAll,
    ZoomIn,
    ZoomOut,
    ZoomReset,
    Fit,
    Dark,
    BringHere,
    Palette,
    Help,
}

/// Held with a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Held {
    Nothing,
    Shift,
    Control,
    ControlShift,
}

use Held::{Control, ControlShift, Nothing, Shift};

/// Name, key, what it does.
type Entry = (&'static str, Option<(Held, Key)>, Action);

const ALL: [Entry; 34] = [
    ("Select", Some((Nothing, Key::V)), Action::Take(Tool::Select)),
    ("Move the view", Some((Nothing, Key::H)), Action::Take(Tool::Hand)),
    ("Pen", Some((Nothing, Key::P)), Action::Take(Tool::Pen)),
    ("Highlighter", Some((Shift, Key::P)), Action::Take(Tool::Highlighter)),
    ("Eraser", Some((Nothing, Key::E)), Action::Take(Tool::Eraser)),
    ("Line", Some((Nothing, Key::L)), Action::Take(Tool::Line)),
    ("Arrow", Some((Nothing, Key::A)), Action::Take(Tool::Arrow)),
    ("Rectangle", Some((Nothing, Key::R)), Action::Take(Tool::Rectangle)),
    ("Ellipse", Some((Nothing, Key::O)), Action::Take(Tool::Ellipse)),
    ("Diamond", Some((Nothing, Key::D)), Action::Take(Tool::Diamond)),
    ("Text", Some((Nothing, Key::T)), Action::Take(Tool::Text)),
    ("Note", Some((Nothing, Key::N)), Action::Take(Tool::Note)),
    ("Frame", Some((Nothing, Key::F)), Action::Take(Tool::Frame)),
    ("Laser pointer", Some((Nothing, Key::K)), Action::Take(Tool::Laser)),
    ("Undo", Some((Control, Key::Z)), Action::Undo),
    ("Redo", Some((ControlShift, Key::Z)), Action::Redo),
    ("Delete", Some((Nothing, Key::Delete)), Action::Delete),
    ("Delete (other key)", Some((Nothing, Key::Backspace)), Action::Delete),
    ("Duplicate", Some((Control, Key::D)), Action::Duplicate),
    ("Select all", Some((Control, Key::A)), Action::SelectAll),
    ("Group", Some((Control, Key::G)), Action::Group),
    ("Ungroup", Some((ControlShift, Key::G)), Action::Ungroup),
    ("Bring to front", Some((ControlShift, Key::CloseBracket)), Action::Order(Order::Front)),
    ("Send to back", Some((ControlShift, Key::OpenBracket)), Action::Order(Order::Back)),
    ("Bring forward", Some((Control, Key::CloseBracket)), Action::Order(Order::Up)),
    ("Send backward", Some((Control, Key::OpenBracket)), Action::Order(Order::Down)),
    ("Lock", Some((Control, Key::L)), Action::Lock),
    ("Unlock everything", None, Action::UnlockAll),
    ("Zoom to fit", Some((Shift, Key::Num1)), Action::Fit),
    ("Zoom to 100 %", Some((Control, Key::Num0)), Action::ZoomReset),
    ("Dark or light", Some((Shift, Key::D)), Action::Dark),
    ("Bring everyone here", None, Action::BringHere),
    ("Commands", Some((Control, Key::K)), Action::Palette),
    ("Shortcuts", Some((Nothing, Key::Questionmark)), Action::Help),
];

impl Action {
    /// Everything, with names and keys for people.
    pub(super) fn all() -> impl Iterator<Item = (&'static str, String, Self)> {
        ALL.into_iter().map(|(name, key, action)| (name, key.map(written).unwrap_or_default(), action))
    }

    /// What a key means; `None`: nothing.
    pub(super) fn of_key(key: Key, modifiers: Modifiers) -> Option<Self> {
        // A question mark is typed with shift on many keyboards, and without it on some; so are plus and equals.
        match key {
            Key::Questionmark => return Some(Self::Help),
            Key::Plus | Key::Equals if modifiers.command => return Some(Self::ZoomIn),
            Key::Minus if modifiers.command => return Some(Self::ZoomOut),
            Key::Y if modifiers.command => return Some(Self::Redo),
            _ => {}
        }
        let held = match (modifiers.command, modifiers.shift) {
            (false, false) => Nothing,
            (false, true) => Shift,
            (true, false) => Control,
            (true, true) => ControlShift,
        };
        ALL.iter().find(|(_, keys, _)| *keys == Some((held, key))).map(|(_, _, action)| *action)
    }
}

fn written((held, key): (Held, Key)) -> String {
    let held = match held {
        Nothing => "",
        Shift => "Shift ",
        Control => "Ctrl ",
        ControlShift => "Ctrl Shift ",
    };
    format!("{held}{}", key.symbol_or_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things() {
        for (index, (name, key, _)) in ALL.iter().enumerate() {
            let same = ALL[..index].iter().find(|(_, other, _)| key.is_some() && other == key);
            assert!(same.is_none(), "{name} and {same:?}");
        }
        assert_eq!(Action::of_key(Key::Z, Modifiers::COMMAND | Modifiers::SHIFT), Some(Action::Redo));
        assert_eq!(Action::of_key(Key::P, Modifiers::NONE), Some(Action::Take(Tool::Pen)));
        assert_eq!(Action::of_key(Key::Q, Modifiers::NONE), None);
    }
}
