//! An object as people see it: its registers, understood.
//!
//! Invariant: a shape shows what its object's registers say and nothing else; what no register says is as in [`Shape::new`].

use super::{
    property::{Body, Colour, Dash, Font, Heads, Kind, Property},
    rank,
    replica::Registers,
    stamp::ObjectId,
};

/// How an object looks.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Style {
    /// Colour of lines and letters.
    pub ink: Colour,
    /// Colour of areas.
    pub fill: Colour,
    /// Width of lines, in board units.
    pub width: f32,
    /// In per cent.
    pub opacity: u8,
    /// How lines are broken.
    pub dash: Dash,
    /// How lines end.
    pub heads: Heads,
    /// Radius of corners, in board units.
    pub corner: f32,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            ink: Colour::INK,
            fill: Colour::NONE,
            width: 2.0,
            opacity: 100,
            dash: Dash::Solid,
            heads: Heads::default(),
            corner: 0.0,
        }
    }
}

/// An object.
#[derive(Clone, PartialEq, Debug)]
pub struct Shape {
    /// Which one.
    pub id: ObjectId,
    /// What it is.
    pub kind: Kind,
    /// What it consists of, where that is more than its box.
    pub body: Option<Body>,
    /// Upper left corner of its box before rotation.
    pub at: [f32; 2],
    /// Width and height of its box.
    pub size: [f32; 2],
    /// Clockwise about the middle of the box, in radians.
    pub angle: f32,
    /// How it looks.
    pub style: Style,
    /// What is written.
    pub text: String,
    /// How it is written.
    pub font: Font,
    /// Groups it belongs to, the innermost first.
    pub groups: Vec<u64>,
    /// Whether it keeps still.
    pub locked: bool,
    pub(crate) deleted: bool,
    pub(crate) rank: Vec<u8>,
}

/// A rectangle on the board.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bounds {
    /// Left and top.
    pub min: [f32; 2],
    /// Right and bottom.
    pub max: [f32; 2],
}

impl Bounds {
    /// Around these points; none if there are none.
    pub fn around(points: impl IntoIterator<Item = [f32; 2]>) -> Option<Self> {
        points.into_iter().map(|p| Self { min: p, max: p }).reduce(Self::union)
    }

    /// Around both.
    pub fn union(self, other: Self) -> Self {
        let pair = |f: fn(f32, f32) -> f32, a: [f32; 2], b: [f32; 2]| [f(a[0], b[0]), f(a[1], b[1])];
        Self { min: pair(f32::min, self.min, other.min), max: pair(f32::max, self.max, other.max) }
    }

    /// Larger by this on each side.
    pub fn grown(self, by: f32) -> Self {
        Self { min: self.min.map(|c| c - by), max: self.max.map(|c| c + by) }
    }

    /// Whether they have a point in common.
    pub fn meets(&self, other: &Self) -> bool {
        (0..2).all(|axis| self.min[axis] <= other.max[axis] && other.min[axis] <= self.max[axis])
    }

    /// Whether the point is inside.
    pub fn holds(&self, point: [f32; 2]) -> bool {
        self.meets(&Self { min: point, max: point })
    }

    /// Whether the other lies inside as a whole.
    pub fn encloses(&self, other: &Self) -> bool {
        self.holds(other.min) && self.holds(other.max)
    }

    /// Width and height.
    pub fn size(&self) -> [f32; 2] {
        [self.max[0] - self.min[0], self.max[1] - self.min[1]]
    }

    /// The middle.
    pub fn centre(&self) -> [f32; 2] {
        [(self.min[0] + self.max[0]) / 2.0, (self.min[1] + self.max[1]) / 2.0]
    }
}

impl Shape {
    /// A new object of a kind, which is not on a board yet.
    pub fn new(kind: Kind) -> Self {
        Self::of(ObjectId(super::Stamp { time: 0, actor: super::Actor(0) }), kind)
    }

    /// With this body, which gives it its size, at this corner.
    pub fn with_body(kind: Kind, body: Body, at: [f32; 2]) -> Self {
        let size = extent(&body);
        Self { body: Some(body), at, size, ..Self::new(kind) }
    }

    fn of(id: ObjectId, kind: Kind) -> Self {
        Self {
            id,
            kind,
            body: None,
            at: [0.0; 2],
            size: [0.0; 2],
            angle: 0.0,
            style: Style::default(),
            text: String::new(),
            font: Font::default(),
            groups: Vec::new(),
            locked: false,
            deleted: false,
            rank: rank::of_time(id.0.time),
        }
    }

    /// Understands the registers of an object; `None`: it is not there (yet, or any more).
    pub(crate) fn read(id: ObjectId, registers: &Registers) -> Option<Self> {
        let mut shape = Self::of(id, Kind::Unknown(0));
        let mut kind = None;
        for (key, register) in registers {
            match Property::read(*key, &register.value) {
                Ok(Some(Property::Kind(known))) => kind = Some(known),
                Ok(Some(property)) => shape.set(property),
                // What is of a newer version or was refused shows nothing.
                Ok(None) | Err(_) => {}
            }
        }
        shape.kind = kind?;
        (!shape.deleted).then_some(shape)
    }

    fn set(&mut self, property: Property) {
        match property {
            Property::Kind(kind) => self.kind = kind,
            Property::Body(body) => self.body = Some(body),
            Property::At(at) => self.at = at,
            Property::Size(size) => self.size = size,
            Property::Angle(angle) => self.angle = angle,
            Property::Ink(ink) => self.style.ink = ink,
            Property::Fill(fill) => self.style.fill = fill,
            Property::Width(width) => self.style.width = width,
            Property::Opacity(opacity) => self.style.opacity = opacity,
            Property::Dash(dash) => self.style.dash = dash,
            Property::Heads(heads) => self.style.heads = heads,
            Property::Corner(corner) => self.style.corner = corner,
            Property::Text(text) => self.text = text,
            Property::Font(font) => self.font = font,
            Property::Groups(groups) => self.groups = groups,
            Property::Rank(rank) => self.rank = rank,
            Property::Locked(locked) => self.locked = locked,
            Property::Deleted(deleted) => self.deleted = deleted,
        }
    }

    /// Everything that can be said of it.
    fn all(&self) -> Vec<Property> {
        let mut all = vec![Property::Kind(self.kind), Property::At(self.at), Property::Size(self.size)];
        all.extend(self.body.clone().map(Property::Body));
        all.extend([
            Property::Angle(self.angle),
            Property::Ink(self.style.ink),
            Property::Fill(self.style.fill),
            Property::Width(self.style.width),
            Property::Opacity(self.style.opacity),
            Property::Dash(self.style.dash),
            Property::Heads(self.style.heads),
            Property::Corner(self.style.corner),
            Property::Text(self.text.clone()),
            Property::Font(self.font),
            Property::Groups(self.groups.clone()),
            Property::Locked(self.locked),
        ]);
        all
    }

    /// The properties in which it differs from a new object of no kind: what has to be said to make it.
    pub(crate) fn properties(&self) -> Vec<Property> {
        let mut all = self.all();
        let plain = Self::new(Kind::Unknown(0));
        let said = |property: &Property| match property {
            Property::Kind(_) | Property::Body(_) => true,
            other => other != &plain.like(other),
        };
        all.retain(said);
        all
    }

    /// What has to be written for `from`, an earlier or later state of the same object, to look like this.
    pub(crate) fn differences(&self, from: &Self) -> Vec<Property> {
        let all = self.all().into_iter().chain([Property::Rank(self.rank.clone())]);
        all.filter(|property| *property != from.like(property)).collect()
    }

    /// Refuses what no board takes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), super::Flaw> {
        self.properties().iter().try_for_each(Property::check)
    }

    /// What this shape has of the same property.
    pub(crate) fn like(&self, property: &Property) -> Property {
        match property {
            Property::Kind(_) => Property::Kind(self.kind),
            Property::Body(body) => Property::Body(self.body.clone().unwrap_or_else(|| body.clone())),
            Property::At(_) => Property::At(self.at),
            Property::Size(_) => Property::Size(self.size),
            Property::Angle(_) => Property::Angle(self.angle),
            Property::Ink(_) => Property::Ink(self.style.ink),
            Property::Fill(_) => Property::Fill(self.style.fill),
            Property::Width(_) => Property::Width(self.style.width),
            Property::Opacity(_) => Property::Opacity(self.style.opacity),
            Property::Dash(_) => Property::Dash(self.style.dash),
            Property::Heads(_) => Property::Heads(self.style.heads),
            Property::Corner(_) => Property::Corner(self.style.corner),
            Property::Text(_) => Property::Text(self.text.clone()),
            Property::Font(_) => Property::Font(self.font),
            Property::Groups(_) => Property::Groups(self.groups.clone()),
            Property::Rank(_) => Property::Rank(self.rank.clone()),
            Property::Locked(_) => Property::Locked(self.locked),
            Property::Deleted(_) => Property::Deleted(self.deleted),
        }
    }

    /// The box, as it lies after rotation, with the width of its lines.
    pub fn bounds(&self) -> Bounds {
        let reach = match self.kind {
            Kind::Stroke => self.style.width,
            // Heads of arrows and sharp corners reach further out than half of the line.
            Kind::Arrow => 4.0 * self.style.width + 12.0,
            _ => self.style.width,
        };
        self.placed_box().grown(reach)
    }

    /// The box, as it lies after rotation: what people put in line, and pull at.
    pub fn placed_box(&self) -> Bounds {
        let corners = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]];
        let placed = corners.map(|[x, y]| self.to_board([x * self.size[0], y * self.size[1]]));
        Bounds::around(placed).unwrap_or(Bounds { min: self.at, max: self.at })
    }

    /// The middle of the box, about which it is rotated.
    pub fn centre(&self) -> [f32; 2] {
        [self.at[0] + self.size[0] / 2.0, self.at[1] + self.size[1] / 2.0]
    }

    /// Where on the board a point of the box is, given relative to its upper left corner.
    pub fn to_board(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        rotated([self.at[0] + x, self.at[1] + y], self.centre(), self.angle)
    }

    /// Where in the box a point of the board is, relative to its upper left corner.
    pub fn to_box(&self, point: [f32; 2]) -> [f32; 2] {
        let [x, y] = rotated(point, self.centre(), -self.angle);
        [x - self.at[0], y - self.at[1]]
    }

    /// How much what it consists of is stretched to fill the box.
    pub fn stretch(&self) -> [f32; 2] {
        let natural = self.body.as_ref().map_or([0.0; 2], extent);
        [0, 1].map(|axis| if natural[axis] > 0.0 { self.size[axis] / natural[axis] } else { 1.0 })
    }
}

/// Width and height of what an object consists of.
fn extent(body: &Body) -> [f32; 2] {
    match body {
        Body::Points(points) => points.extent(),
        Body::Outline(outline) => outline.extent(),
        Body::Image(image) => image.pixels.map(|p| p as f32),
    }
}

/// A point, rotated about another.
pub(crate) fn rotated(point: [f32; 2], about: [f32; 2], angle: f32) -> [f32; 2] {
    if angle == 0.0 {
        return point;
    }
    let (sin, cos) = angle.sin_cos();
    let (x, y) = (point[0] - about[0], point[1] - about[1]);
    [about[0] + x * cos - y * sin, about[1] + x * sin + y * cos]
}
