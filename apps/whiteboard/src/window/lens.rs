//! Whose work is seen: everybody's, one person's, or everybody's in the colours of people.
//!
//! Invariant: a lens changes what is shown, and never the board.

use super::colours::Colours;
use crate::model::{Author, Board, Bounds, Colour, Kind, Shape};
use std::sync::Arc;

/// How the board is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Lens {
    /// As it is.
    #[default]
    All,
    /// Only what this person drew.
    Only(Author),
    /// Everything in the colour of whoever drew it.
    Coloured,
}

impl Lens {
    /// What is shown of a board, from the back to the front, with bounds.
    pub(super) fn shown(self, board: &Board, colours: &Colours) -> Vec<(Bounds, Arc<Shape>)> {
        let wanted = |shape: &&Arc<Shape>| match self {
            Self::Only(author) => board.author(shape.id) == Some(author),
            _ => true,
        };
        let look = |shape: &Arc<Shape>| match self {
            Self::Coloured => Arc::new(coloured(shape, board.author(shape.id), colours)),
            _ => shape.clone(),
        };
        board.shapes().filter(wanted).map(|shape| (shape.bounds(), look(shape))).collect()
    }
}

fn coloured(shape: &Shape, author: Option<Author>, colours: &Colours) -> Shape {
    let [r, g, b, _] = author.map_or([0x86, 0x8e, 0x96, 255], |author| colours.get(&author).to_array());
    let mut shape = shape.clone();
    let opaque = |alpha: u8| Colour([r, g, b, alpha]);
    if !shape.style.ink.is_none() {
        shape.style.ink = opaque(shape.style.ink.0[3]);
    }
    if !shape.style.fill.is_none() || shape.kind == Kind::Note {
        shape.style.fill = opaque(50);
    }
    shape
}
