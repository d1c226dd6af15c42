//! Tools: what pointer events mean, without a toolkit.
//!
//! A tool is a state machine: [`Desk::handle`] takes an event and the board, and gives effects; what is in the making is shown by
//! [`Desk::preview`] and reaches the board when the pointer is lifted, as one step that can be taken back.
//!
//! Invariant: the board changes by effects only, and an event that ends nothing changes nothing on it.

mod grip;
mod hit;
mod making;
mod rub;
mod shown;
mod stroke;

pub use grip::{GAP, Grip};
pub use hit::{hit, hit_all};

use crate::{
    live::Live,
    model::{
        Board, Bounds, Edits, Font, Kind, MAX_POINTS, ObjectId, Placement, Points, Property, Shape, Style,
    },
};
use hit::is_within;
use rub::Worn;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use stroke::{say_stroke, simplified, told};

/// What the pointer does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tool {
    /// Chooses, moves, stretches, rotates.
    Select,
    /// Moves the view.
    Hand,
    /// Draws by hand.
    Pen,
    /// Draws by hand, wide and translucent.
    Highlighter,
    /// Chooses what lies within a line drawn around it.
    Lasso,
    /// Removes what it touches.
    Eraser,
    /// Removes the parts of strokes and lines that it touches.
    Rubber,
    /// Draws a line.
    Line,
    /// Draws an arrow.
    Arrow,
    /// Draws a rectangle.
    Rectangle,
    /// Draws an ellipse.
    Ellipse,
    /// Draws a rhombus.
    Diamond,
    /// Writes.
    Text,
    /// Sticks a note.
    Note,
    /// Makes a frame.
    Frame,
    /// Points with light that fades.
    Laser,
}

impl Tool {
    /// Whether it changes the board: what is not for people who may only look.
    pub fn draws(self) -> bool {
        !matches!(self, Self::Select | Self::Hand | Self::Lasso | Self::Laser)
    }
}

/// Something the pointer did, in board units.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Event {
    /// The button or the pen went down.
    Down,
    /// It moved, up or down.
    Move,
    /// It went up.
    Up,
    /// What was begun is given up.
    Cancel,
}

/// Where the pointer is and what is held with it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Pointer {
    /// On the board.
    pub at: [f32; 2],
    /// 0 to 1, if the device tells.
    pub pressure: Option<f32>,
    /// Keeps proportions and directions, and adds to what is chosen.
    pub shift: bool,
    /// Draws from the middle.
    pub alt: bool,
    /// Board units of a pixel, for what has a size on the screen.
    pub pixel: f32,
}

/// What is to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Change the board.
    Commit(Edits),
    /// Tell the others.
    Say(Live),
    /// Let this new object's text be written.
    Write(Box<Shape>),
    /// Let the text of this object be written.
    Rewrite(ObjectId),
    /// Move the view by so much.
    Pan([f32; 2]),
}

/// What is chosen, and what is in the making.
#[derive(Debug)]
pub struct Desk {
    /// The tool in hand.
    pub tool: Tool,
    /// How new objects look.
    pub style: Style,
    /// How new text is written.
    pub font: Font,
    /// Distance of the lines, in board units, on which corners come to lie; none: they lie anywhere.
    pub grid: Option<f32>,
    chosen: BTreeSet<ObjectId>,
    doing: Doing,
    strokes: u32,
}

/// What was begun when the pointer went down.
#[derive(Clone, PartialEq, Debug)]
enum Doing {
    Nothing,
    Drawing { places: Vec<[f32; 2]>, pressures: Vec<Option<f32>>, said: usize },
    Shaping { from: [f32; 2], shape: Box<Shape> },
    Moving { from: [f32; 2], by: [f32; 2] },
    Gripping { grip: Grip, from: Bounds, start: [f32; 2], placed: BTreeMap<ObjectId, Placement> },
    Framing { from: [f32; 2], to: [f32; 2] },
    Circling { places: Vec<[f32; 2]> },
    Rubbing { last: [f32; 2], worn: Worn },
    Erasing { touched: BTreeSet<ObjectId> },
    Panning { from: [f32; 2] },
    Lighting { places: Vec<[f32; 2]> },
}

/// How near in pixels is on it.
const REACH: f32 = 6.0;

/// Points of a stroke are told to others in such portions at most.
const PORTION: usize = 100;

/// Radius of the rubber, in pixels.
pub const RUBBER: f32 = 9.0;

impl Default for Desk {
    fn default() -> Self {
        Self {
            tool: Tool::Pen,
            style: Style { width: 3.0, ..Style::default() },
            font: Font::default(),
            grid: None,
            chosen: BTreeSet::new(),
            doing: Doing::Nothing,
            strokes: 0,
        }
    }
}

impl Desk {
    /// What is chosen.
    pub fn chosen(&self) -> &BTreeSet<ObjectId> {
        &self.chosen
    }

    /// Chooses these.
    pub fn choose(&mut self, ids: impl IntoIterator<Item = ObjectId>) {
        self.chosen = ids.into_iter().collect();
    }

    /// Takes another tool; what was begun is given up.
    pub fn take(&mut self, tool: Tool) {
        self.doing = Doing::Nothing;
        self.tool = tool;
        if !matches!(tool, Tool::Select | Tool::Lasso) {
            self.chosen.clear();
        }
    }

    /// Whether something was begun.
    pub fn is_busy(&self) -> bool {
        self.doing != Doing::Nothing
    }

    /// Forgets what others have deleted.
    pub fn on_board_changed(&mut self, board: &Board) {
        self.chosen.retain(|id| board.shape(*id).is_some());
    }

    /// Around what is chosen; none if nothing is.
    pub fn chosen_bounds(&self, board: &Board) -> Option<Bounds> {
        self.chosen
            .iter()
            .filter_map(|id| board.shape(*id))
            .map(|shape| shape.placed_box())
            .reduce(Bounds::union)
    }

    /// Takes what the pointer did.
    pub fn handle(&mut self, event: Event, pointer: Pointer, board: &Board) -> Vec<Effect> {
        match event {
            Event::Down => self.down(pointer, board),
            Event::Move => self.moved(pointer, board),
            Event::Up => {
                let mut effects = self.moved(pointer, board);
                effects.extend(self.up(pointer, board));
                effects
            }
            Event::Cancel => {
                let stroke = matches!(self.doing, Doing::Drawing { .. }).then_some(self.strokes);
                self.doing = Doing::Nothing;
                stroke.map(|stroke| Effect::Say(Live::Done(stroke))).into_iter().collect()
            }
        }
    }

    fn down(&mut self, pointer: Pointer, board: &Board) -> Vec<Effect> {
        let at = pointer.at;
        self.doing = match self.tool {
            Tool::Select => return self.select(pointer, board),
            // What was circled is moved as what was clicked.
            Tool::Lasso if self.is_on_chosen(pointer, board) => return self.select(pointer, board),
            Tool::Hand => Doing::Panning { from: at },
            Tool::Pen | Tool::Highlighter => {
                self.strokes += 1;
                Doing::Drawing { places: vec![at], pressures: vec![pointer.pressure], said: 0 }
            }
            Tool::Lasso => Doing::Circling { places: vec![at] },
            Tool::Eraser => Doing::Erasing { touched: touched(pointer, board) },
            Tool::Rubber => {
                let mut worn = Worn::default();
                worn.rub(board, at, at, RUBBER * pointer.pixel);
                Doing::Rubbing { last: at, worn }
            }
            Tool::Laser => Doing::Lighting { places: vec![at] },
            Tool::Text => {
                if let Some(id) = hit(board, at, REACH * pointer.pixel).filter(|id| has_text(board, *id)) {
                    return vec![Effect::Rewrite(id)];
                }
                let at = self.on_grid(at);
                let shape = Shape { at, style: self.style, font: self.font, ..Shape::new(Kind::Text) };
                return vec![Effect::Write(Box::new(shape))];
            }
            tool => {
                let at = self.on_grid(at);
                Doing::Shaping { from: at, shape: Box::new(self.shaped(tool, at, at, pointer)) }
            }
        };
        Vec::new()
    }

    fn moved(&mut self, pointer: Pointer, board: &Board) -> Vec<Effect> {
        let (at, pen, snapped) = (pointer.at, self.pen(), self.on_grid(pointer.at));
        let places = self.chosen.iter().filter_map(|id| board.shape(*id)).map(|shape| shape.at);
        let corner = Bounds::around(places).map(|bounds| bounds.min);
        match &mut self.doing {
            Doing::Nothing => {}
            Doing::Drawing { places, pressures, said } => {
                if places.last() != Some(&at) && places.len() < MAX_POINTS {
                    places.push(at);
                    pressures.push(pointer.pressure);
                }
                return say_stroke(self.strokes, pen, places, said);
            }
            Doing::Shaping { from, .. } => {
                let from = *from;
                let shape = Box::new(self.shaped(self.tool, from, snapped, pointer));
                self.doing = Doing::Shaping { from, shape };
            }
            Doing::Moving { from, by } => {
                *by = [at[0] - from[0], at[1] - from[1]];
                if pointer.shift {
                    let along = usize::from(by[0].abs() < by[1].abs());
                    by[1 - along] = 0.0;
                }
                if let (Some(grid), Some(corner)) = (self.grid, corner) {
                    *by = [0, 1].map(|axis| on_line(corner[axis] + by[axis], grid) - corner[axis]);
                }
            }
            Doing::Gripping { grip, from, start, placed } => {
                let shapes = self.chosen.iter().filter_map(|id| board.shape(*id));
                let at = self.grid.map_or(at, |grid| grip.on_grid(*from, *start, at, grid));
                *placed = grip.placed(shapes.map(|s| &**s), *from, *start, at, pointer.shift);
            }
            Doing::Framing { to, .. } => *to = at,
            Doing::Circling { places } => places.push(at),
            Doing::Rubbing { last, worn } => {
                worn.rub(board, *last, at, RUBBER * pointer.pixel);
                *last = at;
            }
            Doing::Erasing { touched: all } => all.extend(touched(pointer, board)),
            Doing::Panning { from } => return vec![Effect::Pan([at[0] - from[0], at[1] - from[1]])],
            Doing::Lighting { places } => {
                places.push(at);
                let recent = places[places.len().saturating_sub(PORTION)..].to_vec();
                return vec![Effect::Say(Live::Laser(recent))];
            }
        }
        Vec::new()
    }

    fn up(&mut self, pointer: Pointer, board: &Board) -> Vec<Effect> {
        let mut edits = Edits::new();
        match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Nothing | Doing::Panning { .. } | Doing::Lighting { .. } => {}
            Doing::Drawing { places, pressures, .. } => {
                let points = match told(&pressures) {
                    Some(pressures) => Points::new(&places, Some(&pressures)),
                    None => Points::new(&simplified(&places), None),
                };
                if let Ok((points, corner)) = points {
                    edits.make(self.stroke(points, corner));
                }
                return vec![Effect::Commit(edits), Effect::Say(Live::Done(self.strokes))];
            }
            Doing::Shaping { from, shape } => return self.shape_done(from, *shape, pointer),
            Doing::Moving { by, .. } if by == [0.0; 2] => {}
            Doing::Moving { by, .. } => {
                for shape in self.movable(board) {
                    edits.set(shape.id, [Property::At([shape.at[0] + by[0], shape.at[1] + by[1]])]);
                }
            }
            Doing::Gripping { placed, .. } => placed.into_iter().for_each(|(id, to)| edits.place(id, to)),
            Doing::Framing { from, to } => {
                let frame = Bounds::around([from, to]).unwrap_or(Bounds { min: from, max: to });
                let inside =
                    board.shapes().filter(|s| !s.locked && frame.encloses(&s.placed_box())).map(|s| s.id);
                let inside: Vec<ObjectId> = inside.collect();
                self.chosen.extend(board.with_groups(&inside));
            }
            Doing::Circling { places } => {
                let inside = board.shapes().filter(|s| !s.locked && is_within(s, &places)).map(|s| s.id);
                let inside: Vec<ObjectId> = inside.collect();
                self.chosen = board.with_groups(&inside).into_iter().collect();
            }
            Doing::Rubbing { worn, .. } => edits = worn.edits(board),
            Doing::Erasing { touched } => touched.into_iter().for_each(|id| edits.delete(id)),
        }
        if edits.is_empty() { Vec::new() } else { vec![Effect::Commit(edits)] }
    }

    fn is_on_chosen(&self, pointer: Pointer, board: &Board) -> bool {
        self.chosen_bounds(board).is_some_and(|bounds| {
            Grip::at(bounds, pointer.at, pointer.pixel).is_some()
                || hit(board, pointer.at, REACH * pointer.pixel).is_some_and(|id| self.chosen.contains(&id))
        })
    }

    /// The place on the grid that is nearest, if there is a grid.
    fn on_grid(&self, at: [f32; 2]) -> [f32; 2] {
        self.grid.map_or(at, |grid| at.map(|c| on_line(c, grid)))
    }

    fn select(&mut self, pointer: Pointer, board: &Board) -> Vec<Effect> {
        let at = pointer.at;
        if let Some(from) = self.chosen_bounds(board)
            && let Some(grip) = Grip::at(from, at, pointer.pixel)
            && self.movable(board).len() == self.chosen.len()
        {
            self.doing = Doing::Gripping { grip, from, start: at, placed: BTreeMap::new() };
            return Vec::new();
        }
        match hit(board, at, REACH * pointer.pixel) {
            Some(id) => {
                let group = board.with_groups(&[id]);
                if pointer.shift && self.chosen.contains(&id) {
                    self.chosen.retain(|id| !group.contains(id));
                } else if pointer.shift {
                    self.chosen.extend(group);
                } else if !self.chosen.contains(&id) {
                    self.chosen = group.into_iter().collect();
                }
                self.doing = Doing::Moving { from: at, by: [0.0; 2] };
            }
            None => {
                if !pointer.shift {
                    self.chosen.clear();
                }
                self.doing = Doing::Framing { from: at, to: at };
            }
        }
        Vec::new()
    }

    fn movable(&self, board: &Board) -> Vec<Arc<Shape>> {
        self.chosen.iter().filter_map(|id| board.shape(*id)).filter(|shape| !shape.locked).cloned().collect()
    }
}

fn on_line(c: f32, grid: f32) -> f32 {
    (c / grid).round() * grid
}

fn touched(pointer: Pointer, board: &Board) -> BTreeSet<ObjectId> {
    hit_all(board, pointer.at, REACH * pointer.pixel).into_iter().collect()
}

fn has_text(board: &Board, id: ObjectId) -> bool {
    board
        .shape(id)
        .is_some_and(|s| !matches!(s.kind, Kind::Stroke | Kind::Line | Kind::Arrow | Kind::Unknown(_)))
}

#[cfg(test)]
mod tests;
