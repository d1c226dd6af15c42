//! What the registers of an object mean, and which values they may have.
//!
//! A register has a key (a byte) and a value (bytes). This is the border: [`Property::read`] either understands a value, or says what
//! is wrong with it, or that a newer version will know; what is not known is kept and passed on as it is.
//!
//! Invariant: a `Property` that was read can be drawn: its numbers are finite and within the board.

use super::{
    outline::Outline,
    points::{MAX_POINTS, Points},
    rank,
    wire::{Reader, put_varint},
};
use std::fmt;

/// Furthest place from the middle of a board, in board units (at zoom 1 a pixel): beyond, single precision loses sixteenths.
pub const MAX_COORDINATE: f32 = 1_000_000.0;

/// Longest text of one object, in bytes: more than is read on a board, less than a message.
pub const MAX_TEXT: usize = 16 * 1024;

/// Deepest nesting of groups: drawings from elsewhere have three or four.
const MAX_GROUPS: usize = 16;

/// Widest line, in board units.
const MAX_WIDTH: f32 = 1_000.0;

/// Largest letters, in board units.
const MAX_FONT: f32 = 10_000.0;

/// Why a message, a value or an edit is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Flaw {
    /// Bytes that mean nothing.
    #[error("it is damaged")]
    Broken,
    /// A message of a newer version.
    #[error("it is of kind {0}, which a newer version will know")]
    Newer(u8),
    /// A time that no board reaches.
    #[error("it carries a time that is out of bounds")]
    Time,
    /// Not finite, or too far away.
    #[error("a coordinate is not a number or lies more than 1,000,000 units from the middle of the board")]
    Coordinate,
    /// Too many points for one object.
    #[error("{0} points are too many for one object; at most {MAX_POINTS} are possible")]
    TooManyPoints(usize),
    /// Too much text for one object.
    #[error("a text of {0} bytes is too long; at most {MAX_TEXT} are possible")]
    TextTooLong(usize),
    /// A number that this property cannot have.
    #[error("the {0} is out of bounds")]
    OutOfBounds(&'static str),
}

/// What kind of object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Drawn by hand, as wide as the pressure.
    Stroke,
    /// A line through points; closed if its ends meet.
    Line,
    /// A line with heads.
    Arrow,
    /// A rectangle.
    Rectangle,
    /// An ellipse.
    Ellipse,
    /// A rhombus.
    Diamond,
    /// Text alone.
    Text,
    /// Text on a coloured note.
    Note,
    /// A picture.
    Image,
    /// A named part of the board, behind what lies in it.
    Frame,
    /// Any shape.
    Outline,
    /// Of a newer version: shown as a placeholder, kept and passed on.
    Unknown(u8),
}

/// Names of the kinds, as they stand in files.
const KINDS: [(Kind, &str); 11] = [
    (Kind::Stroke, "stroke"),
    (Kind::Line, "line"),
    (Kind::Arrow, "arrow"),
    (Kind::Rectangle, "rectangle"),
    (Kind::Ellipse, "ellipse"),
    (Kind::Diamond, "diamond"),
    (Kind::Text, "text"),
    (Kind::Note, "note"),
    (Kind::Image, "image"),
    (Kind::Frame, "frame"),
    (Kind::Outline, "outline"),
];

impl Kind {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or("unknown", |(_, name)| name)
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        KINDS.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    fn code(self) -> u8 {
        match self {
            Self::Unknown(code) => code,
            known => 1 + KINDS.iter().position(|(kind, _)| *kind == known).unwrap_or_default() as u8,
        }
    }

    fn of_code(code: u8) -> Self {
        KINDS.get(usize::from(code).wrapping_sub(1)).map_or(Self::Unknown(code), |(kind, _)| *kind)
    }
}

/// Red, green, blue and how opaque, 0 to 255 each, not premultiplied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Colour(pub [u8; 4]);

impl Colour {
    /// Nothing to be seen.
    pub const NONE: Self = Self([0; 4]);
    /// What one writes with.
    pub const INK: Self = Self([0x1e, 0x1e, 0x24, 0xff]);

    /// An opaque colour.
    pub const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self([red, green, blue, 0xff])
    }

    /// Whether nothing of it is seen.
    pub fn is_none(self) -> bool {
        self.0[3] == 0
    }

    /// From `#rgb`, `#rrggbb` or `#rrggbbaa`, with or without the sign.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text
            .strip_prefix('#')
            .unwrap_or(text)
            .chars()
            .map(|c| c.to_digit(16).map(|d| d as u8))
            .collect::<Option<_>>()?;
        match digits[..] {
            [r, g, b] => Some(Self::rgb(r * 17, g * 17, b * 17)),
            [r, g, b, a] => Some(Self([r * 17, g * 17, b * 17, a * 17])),
            [a, b, c, d, e, f] => Some(Self::rgb(a * 16 + b, c * 16 + d, e * 16 + f)),
            [a, b, c, d, e, f, g, h] => Some(Self([a * 16 + b, c * 16 + d, e * 16 + f, g * 16 + h])),
            _ => None,
        }
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, g, b, a] = self.0;
        write!(f, "#{r:02x}{g:02x}{b:02x}")?;
        if a == 255 { Ok(()) } else { write!(f, "{a:02x}") }
    }
}

/// How a line is broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Dash {
    /// It is not.
    #[default]
    Solid,
    /// Into dashes.
    Dashed,
    /// Into dots.
    Dotted,
}

/// How a line ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Head {
    /// It just ends.
    #[default]
    None,
    /// Two strokes.
    Arrow,
    /// A filled triangle.
    Triangle,
    /// A filled circle.
    Dot,
    /// A stroke across.
    Bar,
}

/// Both ends of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Heads {
    /// At the first point.
    pub start: Head,
    /// At the last point.
    pub end: Head,
}

const HEADS: [Head; 5] = [Head::None, Head::Arrow, Head::Triangle, Head::Dot, Head::Bar];

/// Where lines of text begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Align {
    /// At the left.
    #[default]
    Left,
    /// In the middle.
    Centre,
    /// So that they end at the right.
    Right,
}

const ALIGNS: [Align; 3] = [Align::Left, Align::Centre, Align::Right];

/// How text is written.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Font {
    /// Height of a line of letters, in board units.
    pub size: f32,
    /// Where lines begin.
    pub align: Align,
}

impl Default for Font {
    fn default() -> Self {
        Self { size: 20.0, align: Align::Left }
    }
}

/// A picture that is kept as a blob, by its hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ImageRef {
    /// BLAKE3 of the file.
    pub hash: [u8; 32],
    /// Length of the file, in bytes.
    pub length: u64,
    /// Width and height, in pixels.
    pub pixels: [u32; 2],
}

/// What an object consists of, never changed once it is made.
#[derive(Clone, PartialEq, Debug)]
pub enum Body {
    /// Of strokes, lines and arrows.
    Points(Points),
    /// Of outlines.
    Outline(Outline),
    /// Of images.
    Image(ImageRef),
}

/// One register of an object, understood.
#[derive(Clone, PartialEq, Debug)]
pub enum Property {
    /// What it is. An object without one is not there yet.
    Kind(Kind),
    /// What it consists of.
    Body(Body),
    /// Upper left corner of its box before rotation, as one value: x and y.
    At([f32; 2]),
    /// Width and height of the box; what is in it is stretched.
    Size([f32; 2]),
    /// Clockwise about the middle of the box, in radians.
    Angle(f32),
    /// Colour of lines and letters.
    Ink(Colour),
    /// Colour of areas.
    Fill(Colour),
    /// Width of lines, in board units.
    Width(f32),
    /// In per cent.
    Opacity(u8),
    /// How lines are broken.
    Dash(Dash),
    /// How lines end.
    Heads(Heads),
    /// Radius of corners, in board units.
    Corner(f32),
    /// What is written.
    Text(String),
    /// How it is written.
    Font(Font),
    /// Groups it belongs to, the innermost first.
    Groups(Vec<u64>),
    /// What lies above what; greater is above.
    Rank(Vec<u8>),
    /// Whether it keeps still.
    Locked(bool),
    /// Whether it was deleted. Its other registers stay, so that this can be undone.
    Deleted(bool),
}

/// Keys of the registers, as on the wire. Never given to anything else.
pub(crate) mod key {
    pub(crate) const KIND: u8 = 1;
    pub(crate) const BODY: u8 = 2;
    pub(crate) const AT: u8 = 3;
    pub(crate) const SIZE: u8 = 4;
    pub(crate) const ANGLE: u8 = 5;
    pub(crate) const INK: u8 = 6;
    pub(crate) const FILL: u8 = 7;
    pub(crate) const WIDTH: u8 = 8;
    pub(crate) const OPACITY: u8 = 9;
    pub(crate) const DASH: u8 = 10;
    pub(crate) const HEADS: u8 = 11;
    pub(crate) const CORNER: u8 = 12;
    pub(crate) const TEXT: u8 = 13;
    pub(crate) const FONT: u8 = 14;
    pub(crate) const GROUPS: u8 = 15;
    pub(crate) const RANK: u8 = 16;
    pub(crate) const LOCKED: u8 = 17;
    pub(crate) const DELETED: u8 = 18;
}

impl Property {
    /// Reads a register. `None`: a newer version will know what it means.
    ///
    /// # Errors
    /// What is wrong with a value of a known register.
    pub(crate) fn read(key: u8, value: &[u8]) -> Result<Option<Self>, Flaw> {
        let mut reader = Reader::new(value);
        let r = &mut reader;
        let property = match key {
            key::KIND => Self::Kind(Kind::of_code(r.byte()?)),
            key::BODY => match read_body(r)? {
                Some(body) => Self::Body(body),
                None => return Ok(None),
            },
            key::AT => Self::At(read_pair(r)?),
            key::SIZE => Self::Size(read_pair(r)?),
            key::ANGLE => Self::Angle(r.f32()?),
            key::INK => Self::Ink(Colour(r.array()?)),
            key::FILL => Self::Fill(Colour(r.array()?)),
            key::WIDTH => Self::Width(r.f32()?),
            key::OPACITY => Self::Opacity(r.byte()?),
            key::DASH => Self::Dash(one_of(&[Dash::Solid, Dash::Dashed, Dash::Dotted], r.byte()?)),
            key::HEADS => {
                let both = r.byte()?;
                Self::Heads(Heads { start: one_of(&HEADS, both & 15), end: one_of(&HEADS, both >> 4) })
            }
            key::CORNER => Self::Corner(r.f32()?),
            key::TEXT => Self::Text(std::str::from_utf8(r.rest()).map_err(|_| Flaw::Broken)?.to_owned()),
            key::FONT => Self::Font(Font { size: r.f32()?, align: one_of(&ALIGNS, r.byte()?) }),
            key::GROUPS => {
                let count = r.varint()?.min(MAX_GROUPS as u64 + 1);
                Self::Groups((0..count).map(|_| r.u64()).collect::<Result<_, _>>()?)
            }
            key::RANK => Self::Rank(r.rest().to_vec()),
            key::LOCKED => Self::Locked(r.byte()? != 0),
            key::DELETED => Self::Deleted(r.byte()? != 0),
            _ => return Ok(None),
        };
        property.check()?;
        Ok(Some(property))
    }

    /// Refuses what cannot be drawn.
    pub(crate) fn check(&self) -> Result<(), Flaw> {
        let within = |value: f32, low: f32, high: f32, what| {
            if (low..=high).contains(&value) { Ok(()) } else { Err(Flaw::OutOfBounds(what)) }
        };
        match self {
            Self::At(at) if !at.iter().all(|c| c.abs() <= MAX_COORDINATE) => Err(Flaw::Coordinate),
            Self::Size(size) if !size.iter().all(|c| (0.0..=2.0 * MAX_COORDINATE).contains(c)) => {
                Err(Flaw::Coordinate)
            }
            Self::Angle(angle) => within(*angle, -100.0, 100.0, "angle"),
            Self::Width(width) => within(*width, 0.0, MAX_WIDTH, "width of the line"),
            Self::Opacity(percent) => within(f32::from(*percent), 0.0, 100.0, "opacity"),
            Self::Corner(radius) => within(*radius, 0.0, MAX_COORDINATE, "radius of the corners"),
            Self::Font(font) => within(font.size, 0.1, MAX_FONT, "size of the letters"),
            Self::Text(text) if text.len() > MAX_TEXT => Err(Flaw::TextTooLong(text.len())),
            Self::Groups(groups) if groups.len() > MAX_GROUPS => Err(Flaw::OutOfBounds("number of groups")),
            Self::Rank(rank) if !rank::is_sound(rank) => Err(Flaw::OutOfBounds("rank")),
            Self::Body(Body::Image(image)) => {
                within(image.pixels[0].min(image.pixels[1]) as f32, 1.0, 100_000.0, "size of the picture")
            }
            _ => Ok(()),
        }
    }

    /// Its key.
    pub(crate) fn key(&self) -> u8 {
        match self {
            Self::Kind(_) => key::KIND,
            Self::Body(_) => key::BODY,
            Self::At(_) => key::AT,
            Self::Size(_) => key::SIZE,
            Self::Angle(_) => key::ANGLE,
            Self::Ink(_) => key::INK,
            Self::Fill(_) => key::FILL,
            Self::Width(_) => key::WIDTH,
            Self::Opacity(_) => key::OPACITY,
            Self::Dash(_) => key::DASH,
            Self::Heads(_) => key::HEADS,
            Self::Corner(_) => key::CORNER,
            Self::Text(_) => key::TEXT,
            Self::Font(_) => key::FONT,
            Self::Groups(_) => key::GROUPS,
            Self::Rank(_) => key::RANK,
            Self::Locked(_) => key::LOCKED,
            Self::Deleted(_) => key::DELETED,
        }
    }

    /// Its value.
    pub(crate) fn value(&self) -> Vec<u8> {
        let position = |at: Option<usize>| at.unwrap_or_default() as u8;
        match self {
            Self::Kind(kind) => vec![kind.code()],
            Self::Body(body) => body_value(body),
            Self::At(pair) | Self::Size(pair) => pair.iter().flat_map(|c| c.to_le_bytes()).collect(),
            Self::Angle(number) | Self::Width(number) | Self::Corner(number) => number.to_le_bytes().to_vec(),
            Self::Ink(colour) | Self::Fill(colour) => colour.0.to_vec(),
            Self::Opacity(percent) => vec![*percent],
            Self::Dash(dash) => vec![*dash as u8],
            Self::Heads(heads) => {
                let code = |head| position(HEADS.iter().position(|h| *h == head));
                vec![code(heads.start) | code(heads.end) << 4]
            }
            Self::Text(text) => text.as_bytes().to_vec(),
            Self::Font(font) => {
                let align = position(ALIGNS.iter().position(|a| *a == font.align));
                [&font.size.to_le_bytes()[..], &[align]].concat()
            }
            Self::Groups(groups) => {
                let mut out = Vec::new();
                put_varint(&mut out, groups.len() as u64);
                out.extend(groups.iter().flat_map(|group| group.to_le_bytes()));
                out
            }
            Self::Rank(rank) => rank.clone(),
            Self::Locked(flag) | Self::Deleted(flag) => vec![u8::from(*flag)],
        }
    }
}

const POINTS: u8 = 1;
const OUTLINE: u8 = 2;
const IMAGE: u8 = 3;

fn read_body(r: &mut Reader<'_>) -> Result<Option<Body>, Flaw> {
    Ok(Some(match r.byte()? {
        POINTS => Body::Points(Points::read(r)?),
        OUTLINE => Body::Outline(Outline::read(r)?),
        IMAGE => Body::Image(ImageRef {
            hash: r.array()?,
            length: r.varint()?,
            pixels: [u32::from_le_bytes(r.array()?), u32::from_le_bytes(r.array()?)],
        }),
        _ => return Ok(None),
    }))
}

fn body_value(body: &Body) -> Vec<u8> {
    let mut out = Vec::new();
    match body {
        Body::Points(points) => {
            out.push(POINTS);
            points.put(&mut out);
        }
        Body::Outline(outline) => {
            out.push(OUTLINE);
            outline.put(&mut out);
        }
        Body::Image(image) => {
            out.push(IMAGE);
            out.extend(image.hash);
            put_varint(&mut out, image.length);
            out.extend(image.pixels.iter().flat_map(|p| p.to_le_bytes()));
        }
    }
    out
}

fn read_pair(r: &mut Reader<'_>) -> Result<[f32; 2], Flaw> {
    Ok([r.f32()?, r.f32()?])
}

/// What a newer version calls by a number that is not known here is drawn the plain way.
fn one_of<T: Copy>(all: &[T], code: u8) -> T {
    all.get(usize::from(code)).copied().unwrap_or(all[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Property> {
        let points = Points::new(&[[1.0, 2.0], [3.0, 4.0]], None).unwrap().0;
        vec![
            Property::Kind(Kind::Outline),
            Property::Kind(Kind::Unknown(99)),
            Property::Body(Body::Points(points)),
            Property::Body(Body::Image(ImageRef { hash: [7; 32], length: 1 << 40, pixels: [640, 480] })),
            Property::At([-1.5, 1e6]),
            Property::Size([0.0, 2e6]),
            Property::Angle(-3.0),
            Property::Ink(Colour::INK),
            Property::Fill(Colour::NONE),
            Property::Width(2.5),
            Property::Opacity(100),
            Property::Dash(Dash::Dotted),
            Property::Heads(Heads { start: Head::Dot, end: Head::Bar }),
            Property::Corner(8.0),
            Property::Text("שלום".into()),
            Property::Font(Font { size: 12.0, align: Align::Right }),
            Property::Groups(vec![1, u64::MAX]),
            Property::Rank(vec![0x80, 1]),
            Property::Locked(true),
            Property::Deleted(false),
        ]
    }

    #[test]
    fn every_property_survives_the_way_over_bytes() {
        for property in all() {
            assert_eq!(Property::read(property.key(), &property.value()), Ok(Some(property)));
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_refused_and_says_why() {
        let bad = [
            Property::At([f32::NAN, 0.0]),
            Property::At([0.0, 1.1e6]),
            Property::Size([-1.0, 1.0]),
            Property::Size([f32::INFINITY, 1.0]),
            Property::Angle(f32::NAN),
            Property::Width(f32::NAN),
            Property::Opacity(101),
            Property::Font(Font { size: 0.0, align: Align::Left }),
            Property::Text("x".repeat(MAX_TEXT + 1)),
            Property::Groups(vec![0; 17]),
            Property::Rank(vec![]),
            Property::Rank(vec![5, 0]),
            Property::Body(Body::Image(ImageRef { hash: [0; 32], length: 9, pixels: [0, 5] })),
        ];
        for property in bad {
            let flaw = Property::read(property.key(), &property.value()).unwrap_err();
            assert!(property.check() == Err(flaw.clone()) && !flaw.to_string().is_empty(), "{property:?}");
        }
    }

    #[test]
    fn what_a_newer_version_writes_is_no_flaw() {
        assert_eq!(Property::read(200, b"anything"), Ok(None));
        assert_eq!(Property::read(key::BODY, &[77, 1, 2]), Ok(None));
        assert_eq!(Property::read(key::KIND, &[77, 1]), Ok(Some(Property::Kind(Kind::Unknown(77)))));
        let longer = [Property::At([1.0, 2.0]).value(), vec![9]].concat();
        assert_eq!(Property::read(key::AT, &longer), Ok(Some(Property::At([1.0, 2.0]))));
    }

    #[test]
    fn damaged_values_never_panic() {
        for property in all() {
            let value = property.value();
            for at in 0..value.len() {
                let _read_or_refused = Property::read(property.key(), &value[..at]);
                let mut bad = value.clone();
                bad[at] ^= 0xff;
                let _read_or_refused = Property::read(property.key(), &bad);
            }
        }
    }

    #[test]
    fn colours_are_read_as_people_write_them() {
        assert_eq!(Colour::parse("#fff"), Some(Colour::rgb(255, 255, 255)));
        assert_eq!(Colour::parse("12aB3c"), Some(Colour::rgb(0x12, 0xab, 0x3c)));
        assert_eq!(Colour::parse("#12345678").unwrap().to_string(), "#12345678");
        assert_eq!([Colour::parse("red"), Colour::parse("#12345"), Colour::parse("#é3")], [None; 3]);
    }
}
