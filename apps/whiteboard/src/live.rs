//! What is of the moment: pointers, strokes while they are drawn, lasers. It travels in volatile messages and is never kept.
//!
//! A stroke on its way is sent in parts: each message carries the points since the one before, and says at which they begin, so that a
//! lost message leaves a straight piece and no more; the durable stroke takes its place in the end.
//!
//! Invariant: a message fits into what a volatile one may be.

use crate::model::{Colour, MAX_COORDINATE, Reader, put_varint};

/// Most points of one message: 8 bytes each, and 1,200 in all.
const MAX_POINTS: usize = 140;

/// Something of the moment.
#[derive(Clone, PartialEq, Debug)]
pub enum Live {
    /// Where somebody points.
    Pointer([f32; 2]),
    /// Somebody has left the canvas.
    Gone,
    /// More of a stroke.
    Pen {
        /// Which stroke of this program: a new one forgets the one before.
        stroke: u32,
        /// At which point these begin.
        first: u32,
        /// Its colour.
        ink: Colour,
        /// Its width, in board units.
        width: f32,
        /// On the board.
        points: Vec<[f32; 2]>,
    },
    /// The stroke is on the board now, or was given up.
    Done(u32),
    /// The light of a laser, which fades.
    Laser(Vec<[f32; 2]>),
    /// Come and look at this part: its middle, and how many board units its width is.
    Look([f32; 2], f32),
    /// Somebody follows the program of this id: it says what it looks at, as long as this is said again and again.
    Follow([u8; 16]),
    /// What somebody looks at, who is followed: the middle, and how many board units its width is.
    View([f32; 2], f32),
}

const POINTER: u8 = 64;
const GONE: u8 = 65;
const PEN: u8 = 66;
const DONE: u8 = 67;
const LASER: u8 = 68;
const LOOK: u8 = 69;
const FOLLOW: u8 = 70;
const VIEW: u8 = 71;

impl Live {
    /// As it travels.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Pointer(at) => {
                out.push(POINTER);
                put_places(&mut out, &[*at]);
            }
            Self::Gone => out.push(GONE),
            Self::Pen { stroke, first, ink, width, points } => {
                out.push(PEN);
                put_varint(&mut out, (*stroke).into());
                put_varint(&mut out, (*first).into());
                out.extend(ink.0);
                out.extend(width.to_le_bytes());
                put_places(&mut out, &points[..points.len().min(MAX_POINTS)]);
            }
            Self::Done(stroke) => {
                out.push(DONE);
                put_varint(&mut out, (*stroke).into());
            }
            Self::Laser(points) => {
                out.push(LASER);
                put_places(&mut out, &points[points.len().saturating_sub(MAX_POINTS)..]);
            }
            Self::Look(at, width) | Self::View(at, width) => {
                out.push(if matches!(self, Self::Look(..)) { LOOK } else { VIEW });
                put_places(&mut out, &[*at]);
                out.extend(width.to_le_bytes());
            }
            Self::Follow(instance) => {
                out.push(FOLLOW);
                out.extend(instance);
            }
        }
        out
    }

    /// Reads a message; `None`: it is damaged, or of a newer version.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let r = &mut reader;
        Some(match r.byte().ok()? {
            POINTER => Self::Pointer(read_place(r)?),
            GONE => Self::Gone,
            PEN => Self::Pen {
                stroke: u32::try_from(r.varint().ok()?).ok()?,
                first: u32::try_from(r.varint().ok()?).ok()?,
                ink: Colour(r.array().ok()?),
                width: Some(r.f32().ok()?).filter(|width| (0.0..=1000.0).contains(width))?,
                points: read_places(r)?,
            },
            DONE => Self::Done(u32::try_from(r.varint().ok()?).ok()?),
            LASER => Self::Laser(read_places(r)?),
            kind @ (LOOK | VIEW) => {
                let at = read_place(r)?;
                let width = Some(r.f32().ok()?).filter(|width| (1.0..=MAX_COORDINATE).contains(width))?;
                if kind == LOOK { Self::Look(at, width) } else { Self::View(at, width) }
            }
            FOLLOW => Self::Follow(r.array().ok()?),
            _ => return None,
        })
    }
}

fn put_places(out: &mut Vec<u8>, places: &[[f32; 2]]) {
    out.extend(places.iter().flatten().flat_map(|c| c.to_le_bytes()));
}

fn read_place(r: &mut Reader<'_>) -> Option<[f32; 2]> {
    let place = [r.f32().ok()?, r.f32().ok()?];
    place.iter().all(|c| c.abs() <= MAX_COORDINATE).then_some(place)
}

fn read_places(r: &mut Reader<'_>) -> Option<Vec<[f32; 2]>> {
    let mut places = Vec::new();
    while !r.is_empty() && places.len() < MAX_POINTS {
        places.push(read_place(r)?);
    }
    Some(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_survives_and_fits() {
        let points: Vec<[f32; 2]> = (0..140).map(|i| [i as f32, -2.5]).collect();
        let all = [
            Live::Pointer([1.0, -2.0]),
            Live::Gone,
            Live::Pen { stroke: u32::MAX, first: 9999, ink: Colour::INK, width: 3.0, points: points.clone() },
            Live::Done(7),
            Live::Laser(points),
            Live::Look([0.0, 0.0], 800.0),
            Live::Follow([7; 16]),
            Live::View([1.0, 1.0], 1000.0),
        ];
        for live in all {
            let bytes = live.write();
            assert!(bytes.len() <= 1200, "{}", bytes.len());
            assert_eq!(Live::read(&bytes), Some(live));
            for at in 0..bytes.len() {
                let _read_or_not = Live::read(&bytes[..at]);
            }
        }
        assert_eq!(
            [Live::read(&[]), Live::read(&[200]), Live::read(&Live::Pointer([f32::NAN, 0.0]).write())],
            [None, None, None]
        );
    }
}
