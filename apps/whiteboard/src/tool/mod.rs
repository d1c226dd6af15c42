//! Tools: what pointer events mean, without a toolkit.
//!
//! A tool is a state machine: [`Desk::handle`] takes an event and the board, and gives effects; what is in the making is shown by
//! [`Desk::preview`] and reaches the board when the pointer is lifted, as one step that can be taken back.
//!
//! Invariant: the board changes by effects only, and an event that ends nothing changes nothing on it.

mod grip;
mod hit;
mod rub;

pub use grip::{GAP, Grip};
pub use hit::{hit, hit_all};

use crate::{
    live::Live,
    model::{
        Board, Body, Bounds, Colour, Edits, Font, Kind, MAX_POINTS, ObjectId, Placement, Points, Property,
        Shape, Style,
    },
};
use hit::is_within;
use rub::Worn;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

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

/// The pointer may shake so many pixels without meaning it.
const SLOP: f32 = 4.0;

/// How near in pixels is on it.
const REACH: f32 = 6.0;

/// Points of a stroke are told to others in such portions at most.
const PORTION: usize = 100;

/// Radius of the rubber, in pixels.
pub const RUBBER: f32 = 9.0;

/// A note that is only clicked has this size.
const NOTE: [f32; 2] = [180.0, 140.0];

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
        self.chosen.iter().filter_map(|id| board.shape(*id)).map(|shape| shape.bounds()).reduce(Bounds::union)
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
                let at = if *grip == Grip::Turn { at } else { snapped };
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
                    board.shapes().filter(|s| !s.locked && frame.encloses(&s.bounds())).map(|s| s.id);
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

    /// What is in the making, and what is moved, as it will be.
    pub fn preview(&self, board: &Board) -> Vec<Shape> {
        match &self.doing {
            Doing::Drawing { places, .. } => {
                let stroke = Points::new(places, None).map(|(points, corner)| self.stroke(points, corner));
                stroke.into_iter().collect()
            }
            Doing::Shaping { shape, .. } => vec![Shape::clone(shape)],
            Doing::Moving { by, .. } => {
                let moved = |shape: &Arc<Shape>| Shape {
                    at: [shape.at[0] + by[0], shape.at[1] + by[1]],
                    ..Shape::clone(shape)
                };
                self.movable(board).into_iter().map(|shape| moved(&shape)).collect()
            }
            Doing::Gripping { placed, .. } => {
                let moved = |(id, to): (&ObjectId, &Placement)| {
                    let shape = board.shape(*id)?;
                    Some(Shape { at: to.at, size: to.size, angle: to.angle, ..Shape::clone(shape) })
                };
                placed.iter().filter_map(moved).collect()
            }
            Doing::Rubbing { worn, .. } => worn.pieces(board),
            _ => Vec::new(),
        }
    }

    /// Objects that are not shown where the board has them, because they are moved or erased just now.
    pub fn hidden(&self, board: &Board) -> BTreeSet<ObjectId> {
        match &self.doing {
            Doing::Moving { by, .. } if *by != [0.0; 2] => {
                self.movable(board).iter().map(|shape| shape.id).collect()
            }
            Doing::Gripping { placed, .. } => placed.keys().copied().collect(),
            Doing::Erasing { touched } => touched.clone(),
            Doing::Rubbing { worn, .. } => worn.touched(),
            _ => BTreeSet::new(),
        }
    }

    /// The rectangle with which objects are being chosen.
    pub fn frame(&self) -> Option<Bounds> {
        match &self.doing {
            Doing::Framing { from, to } => Bounds::around([*from, *to]),
            _ => None,
        }
    }

    /// The line with which objects are being chosen.
    pub fn lasso(&self) -> &[[f32; 2]] {
        match &self.doing {
            Doing::Circling { places } => places,
            _ => &[],
        }
    }

    /// The light of one's own laser.
    pub fn light(&self) -> &[[f32; 2]] {
        match &self.doing {
            Doing::Lighting { places } => places,
            _ => &[],
        }
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

    fn shape_done(&mut self, from: [f32; 2], mut shape: Shape, pointer: Pointer) -> Vec<Effect> {
        let [w, h] = [0, 1].map(|axis| (pointer.at[axis] - from[axis]).abs());
        let clicked = w.max(h) < SLOP * pointer.pixel;
        if shape.kind == Kind::Note {
            if clicked {
                (shape.size, shape.at) = (NOTE, [from[0] - NOTE[0] / 2.0, from[1] - NOTE[1] / 2.0]);
            }
            return vec![Effect::Write(Box::new(shape))];
        }
        if clicked {
            // A click makes nothing by accident.
            return Vec::new();
        }
        let mut edits = Edits::new();
        edits.make(shape);
        vec![Effect::Commit(edits)]
    }

    /// The shape between two points.
    fn shaped(&self, tool: Tool, from: [f32; 2], to: [f32; 2], pointer: Pointer) -> Shape {
        let kind = match tool {
            Tool::Line => Kind::Line,
            Tool::Arrow => Kind::Arrow,
            Tool::Ellipse => Kind::Ellipse,
            Tool::Diamond => Kind::Diamond,
            Tool::Note => Kind::Note,
            Tool::Frame => Kind::Frame,
            _ => Kind::Rectangle,
        };
        let style = self.style;
        if matches!(kind, Kind::Line | Kind::Arrow) {
            let to = if pointer.shift { snapped(from, to) } else { to };
            if let Ok((points, corner)) = Points::new(&[from, to], None) {
                let style = Style { corner: 0.0, ..style };
                return Shape { style, ..Shape::with_body(kind, Body::Points(points), corner) };
            }
        }
        let mut by = [to[0] - from[0], to[1] - from[1]];
        if pointer.shift {
            let side = by[0].abs().max(by[1].abs());
            by = by.map(|d| side.copysign(d));
        }
        let (a, b) = if pointer.alt {
            ([from[0] - by[0], from[1] - by[1]], [from[0] + by[0], from[1] + by[1]])
        } else {
            (from, [from[0] + by[0], from[1] + by[1]])
        };
        let bounds = Bounds::around([a, b]).unwrap_or(Bounds { min: a, max: a });
        Shape { at: bounds.min, size: bounds.size(), style, font: self.font, ..Shape::new(kind) }
    }

    fn stroke(&self, points: Points, corner: [f32; 2]) -> Shape {
        let style = Style { fill: Colour::NONE, corner: 0.0, ..self.pen() };
        Shape { style, ..Shape::with_body(Kind::Stroke, Body::Points(points), corner) }
    }

    /// How the pen in hand writes.
    fn pen(&self) -> Style {
        match self.tool {
            Tool::Highlighter => {
                let Colour([r, g, b, _]) = self.style.ink;
                Style { ink: Colour([r, g, b, 90]), width: self.style.width * 5.0 + 8.0, ..self.style }
            }
            _ => self.style,
        }
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

/// Tells the others of the points that they do not have yet.
fn say_stroke(stroke: u32, pen: Style, places: &[[f32; 2]], said: &mut usize) -> Vec<Effect> {
    let mut effects = Vec::new();
    while *said < places.len() {
        let end = (*said + PORTION).min(places.len());
        let points = places[*said..end].to_vec();
        effects.push(Effect::Say(Live::Pen {
            stroke,
            first: *said as u32,
            ink: pen.ink,
            width: pen.width,
            points,
        }));
        *said = end;
    }
    effects
}

/// The direction nearest to a multiple of 15 degrees.
fn snapped(from: [f32; 2], to: [f32; 2]) -> [f32; 2] {
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let step = std::f32::consts::PI / 12.0;
    let angle = (dy.atan2(dx) / step).round() * step;
    let length = dx.hypot(dy);
    [from[0] + length * angle.cos(), from[1] + length * angle.sin()]
}

/// The pressure at each point, if the device has told any: where it told none, for one when a pen is lifted, it is what it was.
/// With them all points stay.
fn told(pressures: &[Option<f32>]) -> Option<Vec<f32>> {
    let mut last = pressures.iter().copied().flatten().next()?;
    let each = pressures.iter().map(|pressure| {
        last = pressure.unwrap_or(last);
        last
    });
    Some(each.collect())
}

/// Without the points that lie on the way between others: a hand that is slow leaves many.
fn simplified(places: &[[f32; 2]]) -> Vec<[f32; 2]> {
    if places.len() < 3 {
        return places.to_vec();
    }
    let mut kept = vec![places[0]];
    for pair in places[1..].windows(2) {
        let [from, here, next] = [kept[kept.len() - 1], pair[0], pair[1]];
        let (dx, dy) = (next[0] - from[0], next[1] - from[1]);
        let length = dx.hypot(dy).max(1e-6);
        let off = ((here[0] - from[0]) * dy - (here[1] - from[1]) * dx).abs() / length;
        // A tenth of a unit is not seen, and points ten units apart keep the speed of the hand.
        if off > 0.1 || (here[0] - from[0]).hypot(here[1] - from[1]) > 10.0 {
            kept.push(here);
        }
    }
    kept.push(places[places.len() - 1]);
    kept
}

#[cfg(test)]
mod tests;
