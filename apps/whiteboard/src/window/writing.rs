//! Words being written on the board.
//!
//! Invariant: what somebody else wrote meanwhile stays.

use super::app::App;
use crate::{
    model::{Edits, Kind, ObjectId, Property, Shape, weave},
    render::Letters,
    tool::Tool,
};
use eframe::egui::Id;

/// Text being written.
pub(super) struct Writing {
    /// What it will be, or is.
    pub(super) shape: Shape,
    /// An object that is there already.
    pub(super) existing: Option<ObjectId>,
    /// What was written there when writing began.
    pub(super) base: String,
    pub(super) text: String,
    pub(super) fresh: bool,
}

impl App {
    pub(super) fn rewrite(&mut self, id: ObjectId) {
        if !self.may_draw() {
            return;
        }
        if let Some(shape) = self.sitting.board.shape(id).map(|shape| Shape::clone(shape)) {
            let (base, text) = (shape.text.clone(), shape.text.clone());
            self.writing = Some(Writing { shape, existing: Some(id), base, text, fresh: true });
        }
    }

    /// Puts what was written onto the board.
    pub(super) fn finish_writing(&mut self) {
        let Some(Writing { mut shape, existing, base, text, .. }) = self.writing.take() else { return };
        shape.text = text.trim_end().to_owned();
        if let Some(now) = existing.and_then(|id| self.sitting.board.shape(id)).filter(|now| now.text != base)
        {
            // Somebody else has written there meanwhile: what both wrote stays.
            shape.text = weave(&base, &now.text, &shape.text);
            self.say("Somebody else wrote there too: both texts were put together");
        }
        if shape.kind == Kind::Text {
            shape.size = self.painter.letters().measure(&shape.text, shape.font);
        }
        let mut edits = Edits::new();
        match existing {
            Some(id) if shape.kind == Kind::Text && shape.text.is_empty() => edits.delete(id),
            Some(id) if self.sitting.board.shape(id).is_some_and(|old| old.text != shape.text) => {
                edits.set(id, [Property::Text(shape.text), Property::Size(shape.size)]);
            }
            Some(_) => {}
            None if shape.kind == Kind::Text && shape.text.is_empty() => {}
            None => edits.make(shape),
        }
        if !edits.is_empty() {
            self.edit(|sitting| sitting.board.commit(edits).map(drop));
        }
        let missing: String = Letters::missing(&text).into_iter().take(8).collect();
        if !missing.is_empty() {
            self.say(format!("No font on this machine has {missing}: install one that does, such as Noto Sans CJK or Symbola"));
        }
        self.desk.take(Tool::Select);
    }
}

/// Where the text that is being written is edited.
pub(super) fn writing_id() -> Id {
    Id::unique("writing")
}
