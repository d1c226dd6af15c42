//! The line in which a message is written: text, cursor, and what was written before.
//!
//! Invariant: the cursor stands on a grapheme boundary, so that no key ever splits an emoji or a letter from its accent.

use chalktalk_ipc::MAX_MESSAGE;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Messages that Up brings back: as many as anybody presses Up for.
const MAX_HISTORY: usize = 200;

/// Changes that can be taken back: at most a message's length each.
const MAX_UNDO: usize = 100;

/// What a key does to the text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Edit {
    /// Types or pastes.
    Insert(String),
    /// Starts a new line.
    NewLine,
    /// Deletes the grapheme before the cursor.
    Backspace,
    /// Deletes the grapheme behind the cursor.
    Delete,
    /// One grapheme to the left.
    Left,
    /// One grapheme to the right.
    Right,
    /// To the start of the word.
    WordLeft,
    /// Behind the end of the word.
    WordRight,
    /// To the start of the line.
    Home,
    /// To the end of the line.
    End,
    /// One line up, or to an earlier message.
    Up,
    /// One line down, or to a later message.
    Down,
    /// Cuts to the end of the line.
    KillToEnd,
    /// Cuts to the start of the line.
    KillToStart,
    /// Cuts the word before the cursor.
    KillWordLeft,
    /// Cuts the word behind the cursor.
    KillWordRight,
    /// Puts back what was cut last.
    Yank,
    /// To this byte, or to the end of the letter that it is in.
    To(usize),
    /// Moves, and selects what is between.
    Holding(Box<Edit>),
    /// Selects all.
    All,
    /// Takes the last change back.
    Undo,
    /// Makes it again.
    Redo,
}

/// A text being written.
#[derive(Clone, Default, Debug)]
pub struct Editor {
    text: String,
    cursor: usize,
    killed: String,
    history: Vec<String>,
    /// Which of `history` is shown, and what was being written before.
    recalled: Option<(usize, String)>,
    /// The other end of what is selected.
    anchor: Option<usize>,
    /// Texts and cursors as they were before changes, and as they were before those were taken back.
    undo: Vec<(String, usize)>,
    redo: Vec<(String, usize)>,
}

impl Editor {
    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the cursor stands, in bytes.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// The bytes that are selected, if any are.
    pub fn selection(&self) -> Option<Range<usize>> {
        let anchor = self.anchor.filter(|anchor| *anchor != self.cursor)?;
        Some(anchor.min(self.cursor)..anchor.max(self.cursor))
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Changes the text; false if it would become longer than a message may be.
    pub fn apply(&mut self, edit: Edit) -> bool {
        let before = (self.text.clone(), self.cursor);
        let goes_back = matches!(edit, Edit::Undo | Edit::Redo);
        let fits = self.change(edit);
        if !goes_back && self.text != before.0 {
            self.redo.clear();
            self.undo.push(before);
            let excess = self.undo.len().saturating_sub(MAX_UNDO);
            self.undo.drain(..excess);
        }
        fits
    }

    fn change(&mut self, edit: Edit) -> bool {
        match edit {
            Edit::Holding(edit) => {
                let anchor = self.anchor.unwrap_or(self.cursor);
                let fits = self.change(*edit);
                self.anchor = Some(anchor.min(self.text.len()));
                return fits;
            }
            Edit::All => {
                (self.anchor, self.cursor) = (Some(0), self.text.len());
                return true;
            }
            _ => {}
        }
        if let Some(selected) = self.selection()
            && !self.replace(selected, &edit)
        {
            self.anchor = None;
            return true;
        }
        self.anchor = None;
        match edit {
            Edit::Holding(_) | Edit::All => {}
            Edit::To(byte) => self.settle(byte.min(self.text.len())),
            Edit::Undo => self.go_back(),
            Edit::Redo => {
                if let Some((text, cursor)) = self.redo.pop() {
                    self.undo.push((std::mem::replace(&mut self.text, text), self.cursor));
                    self.cursor = cursor;
                }
            }
            Edit::Insert(text) => return self.insert(&typed(&text)),
            Edit::NewLine => return self.insert("\n"),
            Edit::Backspace => self.delete(self.left(), self.cursor),
            Edit::Delete => self.delete(self.cursor, self.right()),
            Edit::Left => self.cursor = self.left(),
            Edit::Right => self.cursor = self.right(),
            Edit::WordLeft => self.cursor = self.word_left(),
            Edit::WordRight => self.cursor = self.word_right(),
            Edit::Home => self.cursor = self.line().0,
            Edit::End => self.cursor = self.line().1,
            Edit::Up => self.up(),
            Edit::Down => self.down(),
            Edit::KillToEnd => {
                let end = self.line().1;
                // At the end of a line it takes the line's end itself, so that pressing on goes on.
                self.kill(self.cursor, if self.cursor == end { self.right() } else { end });
            }
            Edit::KillToStart => self.kill(self.line().0, self.cursor),
            Edit::KillWordLeft => self.kill(self.word_left(), self.cursor),
            Edit::KillWordRight => self.kill(self.cursor, self.word_right()),
            Edit::Yank => {
                let killed = std::mem::take(&mut self.killed);
                let fits = self.insert(&killed);
                self.killed = killed;
                return fits;
            }
        }
        true
    }

    /// What becomes of the selection, and whether the edit still is to be done.
    fn replace(&mut self, selected: Range<usize>, edit: &Edit) -> bool {
        match edit {
            // What does not fit leaves everything as it was.
            Edit::Insert(text) if self.text.len() - selected.len() + typed(text).len() > MAX_MESSAGE => true,
            Edit::Insert(_) | Edit::NewLine | Edit::Yank => {
                self.delete(selected.start, selected.end);
                true
            }
            Edit::Backspace | Edit::Delete | Edit::KillWordLeft | Edit::KillWordRight => {
                self.kill(selected.start, selected.end);
                false
            }
            // An arrow leaves the selection at the side to which it points.
            Edit::Left => {
                self.cursor = selected.start;
                false
            }
            Edit::Right => {
                self.cursor = selected.end;
                false
            }
            _ => true,
        }
    }

    fn go_back(&mut self) {
        if let Some((text, cursor)) = self.undo.pop() {
            self.redo.push((std::mem::replace(&mut self.text, text), self.cursor));
            self.cursor = cursor;
        }
    }

    /// Replaces everything from `start` to the cursor, as a completion does.
    pub fn complete(&mut self, start: usize, text: &str) -> bool {
        let kept = self.text[start..self.cursor].to_owned();
        self.delete(start, self.cursor);
        self.insert(text) || !self.insert(&kept)
    }

    /// Takes the text out, to be sent, and remembers it.
    pub fn take(&mut self) -> String {
        let text = std::mem::take(&mut self.text);
        self.cursor = 0;
        self.recalled = None;
        self.anchor = None;
        self.undo.clear();
        self.redo.clear();
        if self.history.last() != Some(&text) && !text.trim().is_empty() {
            self.history.push(text.clone());
            let excess = self.history.len().saturating_sub(MAX_HISTORY);
            self.history.drain(..excess);
        }
        text
    }

    /// Writes this text instead.
    pub fn set(&mut self, text: &str) {
        self.text = text.to_owned();
        self.cursor = self.text.len();
        self.anchor = None;
    }

    fn insert(&mut self, text: &str) -> bool {
        if self.text.len() + text.len() > MAX_MESSAGE {
            return false;
        }
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
        // An accent joins the letter before it, and a letter the one behind it: stand behind the whole.
        self.settle(self.cursor);
        true
    }

    fn delete(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        // What stood apart may have joined.
        self.settle(from);
    }

    /// Stands on the first boundary that is not before a place.
    fn settle(&mut self, place: usize) {
        let cursor = self.boundaries().find(|at| *at >= place).unwrap_or(self.text.len());
        self.cursor = cursor;
    }

    fn kill(&mut self, from: usize, to: usize) {
        if from < to {
            self.killed = self.text[from..to].to_owned();
            self.delete(from, to);
        }
    }

    fn boundaries(&self) -> impl Iterator<Item = usize> {
        self.text.grapheme_indices(true).map(|(at, _)| at).chain([self.text.len()])
    }

    fn left(&self) -> usize {
        self.text[..self.cursor].grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn right(&self) -> usize {
        let next = self.text[self.cursor..].graphemes(true).next();
        self.cursor + next.map_or(0, str::len)
    }

    fn word_left(&self) -> usize {
        let words = self.text[..self.cursor].split_word_bound_indices();
        words.rev().find(|(_, word)| is_word(word)).map_or(0, |(at, _)| at)
    }

    fn word_right(&self) -> usize {
        let mut words = self.text[self.cursor..].split_word_bound_indices();
        words
            .find(|(_, word)| is_word(word))
            .map_or(self.text.len(), |(at, word)| self.cursor + at + word.len())
    }

    /// Start and end of the line that the cursor is in.
    fn line(&self) -> (usize, usize) {
        let start = self.text[..self.cursor].rfind('\n').map_or(0, |at| at + 1);
        let end = self.text[self.cursor..].find('\n').map_or(self.text.len(), |at| self.cursor + at);
        (start, end)
    }

    fn up(&mut self) {
        let start = self.line().0;
        if start > 0 {
            let column = self.text[start..self.cursor].width();
            let above = self.text[..start - 1].rfind('\n').map_or(0, |at| at + 1);
            self.cursor = self.at_column(above, start - 1, column);
        } else if let Some(at) =
            self.recalled.as_ref().map_or(self.history.len(), |(at, _)| *at).checked_sub(1)
        {
            let written = self.recalled.take().map_or_else(|| self.text.clone(), |(_, written)| written);
            self.set(&self.history[at].clone());
            self.recalled = Some((at, written));
        }
    }

    fn down(&mut self) {
        let (start, end) = self.line();
        if end < self.text.len() {
            let column = self.text[start..self.cursor].width();
            let below = self.text[end + 1..].find('\n').map_or(self.text.len(), |at| end + 1 + at);
            self.cursor = self.at_column(end + 1, below, column);
        } else if let Some((at, written)) = self.recalled.take() {
            match self.history.get(at + 1).cloned() {
                Some(later) => {
                    self.set(&later);
                    self.recalled = Some((at + 1, written));
                }
                None => self.set(&written),
            }
        }
    }

    /// The place in the line `start..end` nearest to a column.
    fn at_column(&self, start: usize, end: usize, column: usize) -> usize {
        let mut width = 0;
        for (at, grapheme) in self.text[start..end].grapheme_indices(true) {
            if width >= column {
                return start + at;
            }
            width += grapheme.width();
        }
        end
    }
}

fn is_word(piece: &str) -> bool {
    piece.chars().any(char::is_alphanumeric)
}

/// What was typed or pasted, without what a message cannot show.
fn typed(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    lines.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Before and after, with `|` for the cursor.
    fn check(before: &str, edits: &[Edit], after: &str) {
        let mut editor = Editor::default();
        editor.set(&before.replace('|', ""));
        editor.cursor = before.find('|').unwrap();
        for edit in edits {
            editor.apply(edit.clone());
        }
        let (left, right) = editor.text.split_at(editor.cursor);
        assert_eq!(format!("{left}|{right}"), after, "{before} {edits:?}");
    }

    fn insert(text: &str) -> Edit {
        Edit::Insert(text.into())
    }

    #[test]
    fn keys_change_text() {
        use Edit::*;
        check("|", &[insert("hello")], "hello|");
        check("ab|cd", &[insert("X"), Left, Left, insert("Y")], "aY|bXcd");
        check("ab|cd", &[Backspace, Delete], "a|d");
        check("|ab", &[Backspace, Left], "|ab");
        check("ab|", &[Delete, Right], "ab|");
        check("one two thr|ee", &[WordLeft, WordLeft], "one |two three");
        check("one| two three", &[WordRight, WordRight], "one two three|");
        check("one two|, three", &[KillWordLeft], "one |, three");
        check("one |two, three", &[KillWordRight, End, Yank], "one , threetwo|");
        check("one\ntw|o\nthree", &[Home, KillToEnd, KillToEnd], "one\n|three");
        check("one\ntwo|\nthree", &[KillToStart, Up, Yank], "two|one\n\nthree");
        check("a|", &[NewLine, insert("b")], "a\nb|");
    }

    #[test]
    fn graphemes_are_never_split() {
        use Edit::*;
        check("a👩‍👩‍👧‍👦|b", &[Backspace], "a|b");
        check("|🇩🇪🇫🇷", &[Right, Delete], "🇩🇪|");
        check("e\u{301}|", &[Left], "|e\u{301}");
        check("नि|", &[Backspace], "|");
        check("e|", &[insert("\u{301}")], "e\u{301}|");
        check("🇩|X🇪", &[Delete], "🇩🇪|");
        check("日本|語", &[Left, Backspace], "|本語");
    }

    #[test]
    fn lines_are_walked_by_column() {
        use Edit::*;
        check("日本語\nabcd|ef", &[Up], "日本|語\nabcdef");
        check("日本|語\nab", &[Down], "日本語\nab|");
        check("a|b\n\ncd", &[Down, Down], "ab\n\n|cd");
    }

    #[test]
    fn what_is_selected_is_replaced_and_what_was_done_is_taken_back() {
        use Edit::*;
        let hold = |edit| Holding(Box::new(edit));
        check("one |two", &[hold(WordRight), insert("2")], "one 2|");
        check("one |two", &[hold(End), Backspace, Undo], "one two|");
        check("one |two", &[All, insert("x"), Undo, Redo], "x|");
        check("ab|cd", &[hold(Left), hold(Left), Right], "ab|cd");
        check("ab|cd", &[To(99), hold(To(1)), NewLine], "a\n|");
        check("a👩‍👩‍👧‍👦b|", &[To(3)], "a👩‍👩‍👧‍👦|b");
        let mut editor = Editor::default();
        editor.set(&"x".repeat(MAX_MESSAGE));
        editor.apply(hold(Left));
        assert!(!editor.apply(insert("yy")) && editor.text().len() == MAX_MESSAGE);
    }

    #[test]
    fn earlier_messages_come_back_and_the_draft_is_not_lost() {
        let mut editor = Editor::default();
        for text in ["one", "one", "two", "  "] {
            editor.set(text);
            editor.take();
        }
        editor.set("draft");
        let mut walk = |edit: Edit| {
            editor.apply(edit);
            editor.text().to_owned()
        };
        assert_eq!([Edit::Up, Edit::Up, Edit::Up].map(&mut walk), ["two", "one", "one"]);
        assert_eq!([Edit::Down, Edit::Down, Edit::Down].map(&mut walk), ["two", "draft", "draft"]);
    }

    #[test]
    fn pasted_control_characters_stay_outside() {
        check("|", &[insert("a\x1b[2J\r\nb\u{7}\rc\td")], "a[2J\nb\nc\td|");
    }

    #[test]
    fn a_text_longer_than_a_message_is_refused_whole() {
        let mut editor = Editor::default();
        assert!(editor.apply(insert(&"x".repeat(MAX_MESSAGE))));
        assert!(!editor.apply(insert("y")));
        assert_eq!(editor.text().len(), MAX_MESSAGE);
    }

    #[test]
    fn any_keys_keep_the_cursor_on_a_boundary() {
        use Edit::*;
        let pieces =
            ["a", " ", "\n", "é", "e\u{301}", "🇩", "🇪", "👩", "\u{200d}", "日", "\u{301}", "ي", "न", "ि"];
        let keys = [
            Backspace,
            Delete,
            Left,
            Right,
            WordLeft,
            WordRight,
            Home,
            End,
            Up,
            Down,
            KillToEnd,
            KillToStart,
            KillWordLeft,
            KillWordRight,
            Yank,
            NewLine,
        ];
        let mut editor = Editor::default();
        let mut seed = 7u64;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let n = (seed >> 33) as usize;
            let edit = if n.is_multiple_of(2) {
                insert(pieces[n / 2 % pieces.len()])
            } else {
                keys[n / 2 % keys.len()].clone()
            };
            editor.apply(edit);
            if editor.text().len() > 300 {
                editor.take();
            }
            let cursor = editor.cursor();
            assert!(editor.boundaries().any(|at| at == cursor), "{:?} at {cursor}", editor.text());
        }
    }
}
