//! Shapes of any form: paths of lines and curves, as imported drawings have them.
//!
//! Coordinates are relative to the box, as whole multiples of a grain that each outline chooses: drawings come in all sizes.
//!
//! Invariant: an outline begins each of its parts with a move.

use super::{
    property::{Flaw, MAX_COORDINATE},
    wire::{Reader, put_signed, put_varint},
};

/// Most verbs of one outline; what is larger is imported in parts.
const MAX_VERBS: usize = 10_000;

/// The grain is the larger side divided by this: finer than any screen shows it.
const STEPS: f32 = 16_384.0;

/// One step of a path. Points are in board units, relative to the box.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Verb {
    /// Begins a part.
    Move([f32; 2]),
    /// A straight line.
    Line([f32; 2]),
    /// A cubic Bézier curve: two control points and the end.
    Curve([f32; 2], [f32; 2], [f32; 2]),
    /// Back to the beginning of the part.
    Close,
}

/// A path relative to its box.
#[derive(Clone, PartialEq, Debug)]
pub struct Outline {
    verbs: Vec<Verb>,
    grain: f32,
    /// Whether overlapping parts make holes (even-odd); otherwise they do by their direction (non-zero).
    pub even_odd: bool,
}

impl Outline {
    /// From a path on the board. With it the upper left corner of its box, which holds the control points too.
    ///
    /// # Errors
    /// Nothing to draw, too much of it, or a point that is not a place on a board.
    pub fn new(path: &[Verb], even_odd: bool) -> Result<(Self, [f32; 2]), Flaw> {
        if !matches!(path.first(), Some(Verb::Move(_))) {
            return Err(Flaw::Broken);
        }
        if path.len() > MAX_VERBS {
            return Err(Flaw::TooManyPoints(path.len()));
        }
        let all = || path.iter().flat_map(|verb| verb.points());
        if !all().flatten().all(|c| c.is_finite() && c.abs() <= MAX_COORDINATE) {
            return Err(Flaw::Coordinate);
        }
        let low = [0, 1].map(|axis| all().fold(f32::INFINITY, |low, p| low.min(p[axis])));
        let high = [0, 1].map(|axis| all().fold(f32::NEG_INFINITY, |high, p| high.max(p[axis])));
        let grain = ((high[0] - low[0]).max(high[1] - low[1]) / STEPS).max(1.0 / STEPS);
        let place = |p: [f32; 2]| [0, 1].map(|axis| ((p[axis] - low[axis]) / grain).round() * grain);
        let verbs = path.iter().map(|verb| verb.map(place)).collect();
        Ok((Self { verbs, grain, even_odd }, low))
    }

    /// The path.
    pub fn verbs(&self) -> &[Verb] {
        &self.verbs
    }

    /// Width and height of the box.
    pub fn extent(&self) -> [f32; 2] {
        let points = self.verbs.iter().flat_map(|verb| verb.points());
        points.fold([0.0, 0.0], |[w, h], [x, y]| [w.max(x), h.max(y)])
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.even_odd));
        out.extend(self.grain.to_le_bytes());
        put_varint(out, self.verbs.len() as u64);
        let mut last = [0i64; 2];
        for verb in &self.verbs {
            out.push(match verb {
                Verb::Move(_) => 0,
                Verb::Line(_) => 1,
                Verb::Curve(..) => 2,
                Verb::Close => 3,
            });
            for point in verb.points() {
                let place = point.map(|c| (c / self.grain).round() as i64);
                put_signed(out, place[0] - last[0]);
                put_signed(out, place[1] - last[1]);
                last = place;
            }
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Flaw> {
        let even_odd = reader.byte()? == 1;
        let grain = reader.f32()?;
        // So that no multiple within the limit leaves the board.
        if !(grain > 0.0 && grain * STEPS <= 2.1 * MAX_COORDINATE) {
            return Err(Flaw::Coordinate);
        }
        let count = usize::try_from(reader.varint()?).unwrap_or(usize::MAX);
        if count > MAX_VERBS {
            return Err(Flaw::TooManyPoints(count));
        }
        let mut last = [0i64; 2];
        let mut point = |reader: &mut Reader<'_>| -> Result<[f32; 2], Flaw> {
            for axis in &mut last {
                let next = axis.checked_add(reader.signed()?);
                *axis = next.filter(|c| (0..=2 * STEPS as i64).contains(c)).ok_or(Flaw::Coordinate)?;
            }
            Ok(last.map(|c| c as f32 * grain))
        };
        let mut verbs = Vec::with_capacity(count);
        for _ in 0..count {
            verbs.push(match reader.byte()? {
                0 => Verb::Move(point(reader)?),
                1 => Verb::Line(point(reader)?),
                2 => Verb::Curve(point(reader)?, point(reader)?, point(reader)?),
                3 => Verb::Close,
                _ => return Err(Flaw::Broken),
            });
        }
        match verbs.first() {
            Some(Verb::Move(_)) => Ok(Self { verbs, grain, even_odd }),
            _ => Err(Flaw::Broken),
        }
    }
}

impl Verb {
    pub(crate) fn points(&self) -> impl Iterator<Item = [f32; 2]> + use<> {
        let points = match *self {
            Self::Move(p) | Self::Line(p) => [Some(p), None, None],
            Self::Curve(a, b, c) => [Some(a), Some(b), Some(c)],
            Self::Close => [None; 3],
        };
        points.into_iter().flatten()
    }

    pub(crate) fn map(self, to: impl Fn([f32; 2]) -> [f32; 2]) -> Self {
        match self {
            Self::Move(p) => Self::Move(to(p)),
            Self::Line(p) => Self::Line(to(p)),
            Self::Curve(a, b, c) => Self::Curve(to(a), to(b), to(c)),
            Self::Close => Self::Close,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf() -> Vec<Verb> {
        vec![
            Verb::Move([10.0, 20.0]),
            Verb::Curve([110.0, 20.0], [110.0, 70.0], [10.0, 70.0]),
            Verb::Line([5.0, 45.0]),
            Verb::Close,
        ]
    }

    #[test]
    fn a_path_survives_the_way_over_bytes() {
        let (outline, corner) = Outline::new(&leaf(), true).unwrap();
        assert_eq!((corner, outline.even_odd), ([5.0, 20.0], true));
        let mut bytes = Vec::new();
        outline.put(&mut bytes);
        let back = Outline::read(&mut Reader::new(&bytes)).unwrap();
        for (a, b) in back.verbs().iter().zip(outline.verbs()) {
            a.points()
                .zip(b.points())
                .for_each(|(a, b)| assert!((a[0] - b[0]).abs() < 0.02 && (a[1] - b[1]).abs() < 0.02));
        }
        let mut again = Vec::new();
        back.put(&mut again);
        assert_eq!(again, bytes, "nothing drifts");
        for at in 0..bytes.len() {
            assert!(Outline::read(&mut Reader::new(&bytes[..at])).is_err());
            let mut bad = bytes.clone();
            bad[at] ^= 0x81;
            let _read_or_refused = Outline::read(&mut Reader::new(&bad));
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        assert_eq!(Outline::new(&[], false).unwrap_err(), Flaw::Broken);
        assert_eq!(Outline::new(&leaf()[1..], false).unwrap_err(), Flaw::Broken);
        let far = [Verb::Move([0.0, 0.0]), Verb::Line([f32::NAN, 1.0])];
        assert_eq!(Outline::new(&far, false).unwrap_err(), Flaw::Coordinate);
        let long = vec![Verb::Move([0.0, 0.0]); 10_001];
        assert_eq!(Outline::new(&long, false).unwrap_err(), Flaw::TooManyPoints(10_001));
    }
}
