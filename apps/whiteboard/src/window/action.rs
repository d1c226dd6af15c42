//! Everything that can be done, by name and by key: what the palette, the list of shortcuts and the keyboard share.

use super::app::VIEW_ONLY;
use crate::{
    command::Format,
    model::{Board, Edge, Order},
    tool::Tool,
};
use eframe::egui::{Key, Modifiers};

/// Something to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    Take(Tool),
    Undo,
    Redo,
    Delete,
    Duplicate,
    Copy,
    Cut,
    SelectAll,
    Group,
    Ungroup,
    Order(Order),
    Align(Edge),
    /// From left to right (0) or from top to bottom (1).
    Distribute(usize),
    Lock,
    UnlockAll,
    Export(Format),
    Texts,
    ZoomIn,
    ZoomOut,
    ZoomReset,
    Fit,
    Grid,
    Dark,
    BringHere,
    Authors,
    Replay,
    Talk,
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

const ALL: [Entry; 57] = [
    ("Select", Some((Nothing, Key::V)), Action::Take(Tool::Select)),
    ("Move the view", Some((Nothing, Key::H)), Action::Take(Tool::Hand)),
    ("Pen", Some((Nothing, Key::P)), Action::Take(Tool::Pen)),
    ("Highlighter", Some((Shift, Key::P)), Action::Take(Tool::Highlighter)),
    ("Eraser", Some((Nothing, Key::E)), Action::Take(Tool::Eraser)),
    ("Rubber: parts of strokes", Some((Shift, Key::E)), Action::Take(Tool::Rubber)),
    ("Lasso", Some((Shift, Key::V)), Action::Take(Tool::Lasso)),
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
    ("Copy", Some((Control, Key::C)), Action::Copy),
    ("Cut", Some((Control, Key::X)), Action::Cut),
    ("Align left", None, Action::Align(Edge::Left)),
    ("Align centres", None, Action::Align(Edge::Centre)),
    ("Align right", None, Action::Align(Edge::Right)),
    ("Align top", None, Action::Align(Edge::Top)),
    ("Align middles", None, Action::Align(Edge::Middle)),
    ("Align bottom", None, Action::Align(Edge::Bottom)),
    ("Distribute from left to right", None, Action::Distribute(0)),
    ("Distribute from top to bottom", None, Action::Distribute(1)),
    ("Lock", Some((Control, Key::L)), Action::Lock),
    ("Unlock everything", None, Action::UnlockAll),
    ("Earlier texts of what is chosen", None, Action::Texts),
    ("Export as PNG (what is chosen, a frame, or all)", None, Action::Export(Format::Png)),
    ("Export as SVG (what is chosen, a frame, or all)", None, Action::Export(Format::Svg)),
    ("Export as PDF (what is chosen, a frame, or all)", None, Action::Export(Format::Pdf)),
    ("Export as Excalidraw drawing", None, Action::Export(Format::Excalidraw)),
    ("Grid that corners lie on", Some((Nothing, Key::G)), Action::Grid),
    ("Zoom in", Some((Control, Key::Plus)), Action::ZoomIn),
    ("Zoom out", Some((Control, Key::Minus)), Action::ZoomOut),
    ("Zoom to fit", Some((Shift, Key::Num1)), Action::Fit),
    ("Zoom to 100 %", Some((Control, Key::Num0)), Action::ZoomReset),
    ("Dark or light", Some((Shift, Key::D)), Action::Dark),
    ("Bring everyone here", Some((Nothing, Key::B)), Action::BringHere),
    ("Colours of who drew it", Some((Nothing, Key::W)), Action::Authors),
    ("Replay from the beginning", None, Action::Replay),
    ("Talk beside the board", Some((Nothing, Key::C)), Action::Talk),
    ("Commands", Some((Control, Key::K)), Action::Palette),
    ("Shortcuts", Some((Nothing, Key::Questionmark)), Action::Help),
];

impl Action {
    /// Everything, with names and keys for people.
    pub(super) fn all() -> impl Iterator<Item = (&'static str, String, Self)> {
        ALL.into_iter().map(|(name, key, action)| (name, key.map(written).unwrap_or_default(), action))
    }

    /// Whether it is for looking alone: what can be done while the past is played.
    pub(super) fn is_for_looking(self) -> bool {
        use Action::{Authors, Dark, Fit, Help, Palette, Talk, ZoomIn, ZoomOut, ZoomReset};
        let view = [ZoomIn, ZoomOut, ZoomReset, Fit, Dark, Authors, Talk, Palette, Help];
        view.contains(&self) || self == Self::Take(Tool::Hand)
    }

    /// Whether it changes nothing on the board: what people can do who may only look.
    fn is_for_viewers(self) -> bool {
        use Action::{BringHere, Copy, Export, Grid, Replay, SelectAll, Texts};
        match self {
            BringHere | Copy | Export(_) | Grid | Replay | SelectAll | Texts => true,
            Self::Take(tool) => !tool.draws(),
            other => other.is_for_looking(),
        }
    }

    /// Why it cannot be done on this board now, for people; none: it can.
    pub(super) fn hindrance(self, board: &Board) -> Option<&'static str> {
        match self {
            _ if board.is_view_only() && !self.is_for_viewers() => Some(VIEW_ONLY),
            Self::Undo if !board.can_undo() => Some("You have done nothing here that could be taken back"),
            Self::Redo if !board.can_redo() => Some("You have taken nothing back"),
            _ => None,
        }
    }

    /// What a key means; `None`: nothing. `physical`: what stands on it, where that is not what is typed with it.
    pub(super) fn of_key(key: Key, physical: Option<Key>, modifiers: Modifiers) -> Option<Self> {
        // A question mark is typed with shift on many keyboards, and without it on some; so are plus and equals.
        match key {
            Key::Questionmark => return Some(Self::Help),
            Key::Plus | Key::Equals if modifiers.command => return Some(Self::ZoomIn),
            Key::Y if modifiers.command => return Some(Self::Redo),
            _ => {}
        }
        let held = match (modifiers.command, modifiers.shift) {
            (false, false) => Nothing,
            (false, true) => Shift,
            (true, false) => Control,
            (true, true) => ControlShift,
        };
        // Digits and brackets are others with shift, and which ones differs from keyboard to keyboard.
        let stands = physical
            .filter(|key| modifiers.shift && [Key::Num1, Key::OpenBracket, Key::CloseBracket].contains(key));
        let is = |wanted: Key| ALL.iter().find(|(_, keys, _)| *keys == Some((held, wanted)));
        is(key).or_else(|| stands.and_then(is)).map(|(_, _, action)| *action)
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
    use crate::model::{Actor, Edits, Kind, Shape};

    #[test]
    fn what_cannot_be_done_says_why() {
        let mut board = Board::new(Actor(1));
        let pen = Action::Take(Tool::Pen);
        let hindered =
            |board: &Board| [pen, Action::Undo, Action::Redo].map(|a| a.hindrance(board).is_some());
        assert_eq!(hindered(&board), [false, true, true]);
        let mut edits = Edits::new();
        edits.make(Shape::new(Kind::Note));
        board.commit(edits).unwrap();
        assert_eq!(hindered(&board), [false, false, true]);
        board.undo();
        assert_eq!(hindered(&board), [false, true, false]);
        board.redo();
        board.set_view_only(true);
        assert_eq!([pen, Action::Undo, Action::Delete].map(|a| a.hindrance(&board)), [Some(VIEW_ONLY); 3]);
        let viewing = [Action::Take(Tool::Hand), Action::Take(Tool::Laser), Action::Fit, Action::Copy];
        assert_eq!(viewing.map(|action| action.hindrance(&board)), [None; 4]);
    }

    #[test]
    fn no_key_means_two_things() {
        for (index, (name, key, _)) in ALL.iter().enumerate() {
            let same = ALL[..index].iter().find(|(_, other, _)| key.is_some() && other == key);
            assert!(same.is_none(), "{name} and {same:?}");
        }
        let (none, redo) = (Modifiers::NONE, Modifiers::COMMAND | Modifiers::SHIFT);
        assert_eq!(Action::of_key(Key::Z, None, redo), Some(Action::Redo));
        assert_eq!(Action::of_key(Key::P, None, none), Some(Action::Take(Tool::Pen)));
        assert_eq!(Action::of_key(Key::Q, None, none), None);
        // With shift an American keyboard types ! and }.
        let typed = [
            (Key::Exclamationmark, Key::Num1, Modifiers::SHIFT),
            (Key::CloseCurlyBracket, Key::CloseBracket, redo),
        ];
        let meant = typed.map(|(key, stands, held)| Action::of_key(key, Some(stands), held));
        assert_eq!(meant, [Some(Action::Fit), Some(Action::Order(Order::Front))]);
        assert_eq!(Action::of_key(Key::Q, Some(Key::B), none), None, "letters are what is typed");
    }
}
