//! Colours: few, and the same meaning everywhere.
//!
//! Invariant: nothing is told by colour alone; with `NO_COLOR` the same screen works in bold, dim and reverse.

use crate::code::Token;
use chalktalk_ipc::{UserId, request::Availability};
use ratatui::style::{Color, Modifier, Style};

/// Authors' colours from the 256-colour cube: of similar, middle lightness, so that they can be read on dark and on
/// light ground.
const AUTHORS: [u8; 10] = [67, 71, 137, 133, 73, 167, 103, 107, 173, 97];

/// What is shown how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theme {
    coloured: bool,
}

impl Theme {
    /// As the environment asks (<https://no-color.org>).
    pub(super) fn from_env() -> Self {
        Self { coloured: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }

    #[cfg(test)]
    pub(super) fn new(coloured: bool) -> Self {
        Self { coloured }
    }

    /// What one looks for: titles, the chosen, the new.
    pub(super) fn accent(self) -> Style {
        self.fg(37).add_modifier(Modifier::BOLD)
    }

    /// What is there if one needs it: times, rules, hints.
    pub(super) fn dim(self) -> Style {
        if self.coloured { self.fg(244) } else { Style::new().add_modifier(Modifier::DIM) }
    }

    /// Code, by what of it it is.
    pub(super) fn code(self, token: Token) -> Style {
        let colour = match token {
            _ if !self.coloured => return Style::new().add_modifier(Modifier::DIM),
            Token::Plain => 137,
            Token::Keyword => 133,
            Token::Literal => 65,
            Token::Comment => 244,
        };
        Style::new().fg(Color::Indexed(colour))
    }

    /// What went wrong.
    pub(super) fn alarm(self) -> Style {
        self.fg(167).add_modifier(Modifier::BOLD)
    }

    /// A bar that asks for attention.
    pub(super) fn banner(self) -> Style {
        let plain = Style::new().add_modifier(Modifier::REVERSED);
        if self.coloured { Style::new().fg(Color::Indexed(231)).bg(Color::Indexed(130)) } else { plain }
    }

    /// The row that is chosen.
    pub(super) fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Somebody's name: the same colour everywhere, made from their key.
    pub(super) fn author(self, user: UserId) -> Style {
        let n = user.0.iter().fold(0usize, |n, byte| n.wrapping_mul(31).wrapping_add(usize::from(*byte)));
        self.fg(AUTHORS[n % AUTHORS.len()]).add_modifier(Modifier::BOLD)
    }

    /// The dot beside a person: its shape says the same as its colour.
    pub(super) fn status(self, availability: Availability) -> (&'static str, Style) {
        match availability {
            Availability::Online => ("●", self.fg(71)),
            Availability::Away => ("◐", self.fg(136)),
            Availability::Busy => ("⊘", self.fg(167)),
            Availability::Offline => ("○", self.dim()),
        }
    }

    fn fg(self, indexed: u8) -> Style {
        if self.coloured { Style::new().fg(Color::Indexed(indexed)) } else { Style::new() }
    }
}
