//! Taking the terminal over and giving it back.
//!
//! Invariant: the terminal is given back however the chat ends: by quitting, by an error, by a panic, by a signal.

use chalktalk_ipc::base64;
use ratatui::{
    DefaultTerminal,
    crossterm::{
        event::{
            DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste,
            EnableFocusChange, EnableMouseCapture,
        },
        execute,
        style::Print,
        terminal::SetTitle,
    },
};
use std::{
    io::{self, stdout},
    ops::{Deref, DerefMut},
    panic,
};

/// Terminals refuse longer clipboard texts: 74,994 bytes of base64 is what xterm takes.
const MAX_COPY: usize = 74_994 / 4 * 3;

/// The terminal while the chat has it.
pub(super) struct Terminal(DefaultTerminal);

impl Terminal {
    /// Takes the terminal over.
    pub(super) fn take() -> io::Result<Self> {
        // It puts a hook before the present one that gives the screen back; ours, before that, the mouse and paste.
        let terminal = ratatui::try_init()?;
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            give_back_modes();
            hook(panic);
        }));
        let terminal = Self(terminal);
        execute!(stdout(), EnableBracketedPaste, EnableMouseCapture, EnableFocusChange)?;
        Ok(terminal)
    }

    /// Names the terminal's window. The title is fit for display: no control character ends the sequence early.
    pub(super) fn set_title(&self, title: &str) -> io::Result<()> {
        execute!(stdout(), SetTitle(title))
    }

    /// Puts a text on the clipboard of the terminal that shows this screen, also through ssh (OSC 52).
    pub(super) fn copy(&self, text: &str) -> io::Result<()> {
        let mut end = text.len().min(MAX_COPY);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        execute!(stdout(), Print(format!("\x1b]52;c;{}\x07", base64::encode(&text.as_bytes()[..end]))))
    }

    /// Rings.
    pub(super) fn bell(&self) -> io::Result<()> {
        execute!(stdout(), Print("\x07"))
    }
}

impl Deref for Terminal {
    type Target = DefaultTerminal;
    fn deref(&self) -> &DefaultTerminal {
        &self.0
    }
}

impl DerefMut for Terminal {
    fn deref_mut(&mut self) -> &mut DefaultTerminal {
        &mut self.0
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back_modes();
        ratatui::restore();
    }
}

fn give_back_modes() {
    // Nothing can be done about a terminal that does not listen.
    let _ = execute!(stdout(), DisableFocusChange, DisableMouseCapture, DisableBracketedPaste, SetTitle(""));
}
