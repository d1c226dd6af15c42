//! The points of strokes and lines, as one immutable value.
//!
//! Points are relative to the upper left corner of the box around them, in sixteenths of a board unit, each as its difference from
//! where it would be if the hand went on as before: two to three bytes a point, and one for the pressure where a pen gives it.
//!
//! Invariant: there is at least one point; the box is that of the points.

use super::{
    property::{Flaw, MAX_COORDINATE},
    wire::{Reader, put_signed, put_varint},
};

/// Most points of one object: a minute of drawing without lifting the pen, and less than a message holds.
pub const MAX_POINTS: usize = 10_000;

/// Points per unit: finer than a pixel at 16-fold zoom.
const GRAIN: f32 = 16.0;

/// One point of a stroke.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sample {
    /// To the right of the box's left side, in board units.
    pub x: f32,
    /// Below the box's upper side, in board units.
    pub y: f32,
    /// 0 to 1.
    pub pressure: f32,
}

/// Points relative to their box.
#[derive(Clone, PartialEq, Debug)]
pub struct Points {
    samples: Vec<Sample>,
    pressure: bool,
}

impl Points {
    /// From places on the board. With them the upper left corner of the box. `pressure` none: the device gives none.
    ///
    /// # Errors
    /// No points, too many, or one that is not a place on a board.
    pub fn new(places: &[[f32; 2]], pressure: Option<&[f32]>) -> Result<(Self, [f32; 2]), Flaw> {
        if places.is_empty() || pressure.is_some_and(|p| p.len() != places.len()) {
            return Err(Flaw::Broken);
        }
        if places.len() > MAX_POINTS {
            return Err(Flaw::TooManyPoints(places.len()));
        }
        if !places.iter().flatten().all(|c| c.is_finite() && c.abs() <= MAX_COORDINATE) {
            return Err(Flaw::Coordinate);
        }
        let corner = [0, 1].map(|axis| places.iter().fold(f32::INFINITY, |low, place| low.min(place[axis])));
        let relative = |place: &[f32; 2], axis: usize| ((place[axis] - corner[axis]) * GRAIN).round() / GRAIN;
        let samples = places.iter().enumerate().map(|(i, place)| Sample {
            x: relative(place, 0),
            y: relative(place, 1),
            pressure: pressure.map_or(0.5, |p| quantised(p[i])),
        });
        Ok((Self { samples: samples.collect(), pressure: pressure.is_some() }, corner))
    }

    /// The points.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// Whether the device gave pressures.
    pub fn has_pressure(&self) -> bool {
        self.pressure
    }

    /// Width and height of the box.
    pub fn extent(&self) -> [f32; 2] {
        self.samples.iter().fold([0.0, 0.0], |[w, h], s| [w.max(s.x), h.max(s.y)])
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.samples.len() as u64);
        out.push(u8::from(self.pressure));
        let (mut last, mut speed) = ([0i64; 2], [0i64; 2]);
        for sample in &self.samples {
            let place = [sample.x, sample.y].map(|c| (c * GRAIN).round() as i64);
            for axis in 0..2 {
                let step = place[axis] - last[axis];
                put_signed(out, step - speed[axis]);
                (last[axis], speed[axis]) = (place[axis], step);
            }
            if self.pressure {
                out.push((sample.pressure * 255.0).round() as u8);
            }
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Flaw> {
        let count = usize::try_from(reader.varint()?).unwrap_or(usize::MAX);
        if count > MAX_POINTS {
            return Err(Flaw::TooManyPoints(count));
        }
        let pressure = match (count, reader.byte()?) {
            (0, _) | (_, 2..) => return Err(Flaw::Broken),
            (_, flag) => flag == 1,
        };
        let limit = (2.0 * MAX_COORDINATE * GRAIN) as i64;
        let (mut last, mut speed) = ([0i64; 2], [0i64; 2]);
        let mut samples = Vec::with_capacity(count);
        for _ in 0..count {
            for axis in 0..2 {
                let step = speed[axis].checked_add(reader.signed()?);
                let place = step.and_then(|step| last[axis].checked_add(step));
                let place = place.filter(|c| (0..=limit).contains(c)).ok_or(Flaw::Coordinate)?;
                (last[axis], speed[axis]) = (place, place - last[axis]);
            }
            let [x, y] = last.map(|c| c as f32 / GRAIN);
            let pressure = if pressure { f32::from(reader.byte()?) / 255.0 } else { 0.5 };
            samples.push(Sample { x, y, pressure });
        }
        Ok(Self { samples, pressure })
    }
}

fn quantised(pressure: f32) -> f32 {
    // Not a number is no pressure.
    (pressure.clamp(0.0, 1.0) * 255.0).round().max(0.0) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(points: &Points) -> Vec<u8> {
        let mut out = Vec::new();
        points.put(&mut out);
        out
    }

    #[test]
    fn points_survive_to_a_sixteenth_and_are_small() {
        let places: Vec<[f32; 2]> =
            (0..100).map(|i| [500.0 - i as f32 * 3.3, -20.0 + (i as f32 * 0.3).sin() * 40.0]).collect();
        let pressure: Vec<f32> = (0..100).map(|i| i as f32 / 99.0).collect();
        let (points, corner) = Points::new(&places, Some(&pressure)).unwrap();
        let bytes = written(&points);
        let back = Points::read(&mut Reader::new(&bytes)).unwrap();
        assert_eq!(back, points);
        for (place, sample) in places.iter().zip(back.samples()) {
            assert!((place[0] - corner[0] - sample.x).abs() <= 0.04);
            assert!((place[1] - corner[1] - sample.y).abs() <= 0.04);
        }
        let bare = written(&Points::new(&places, None).unwrap().0);
        assert!(bytes.len() < 500 && bare.len() == bytes.len() - 100, "{} {}", bytes.len(), bare.len());
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for bad in [f32::NAN, f32::INFINITY, 2e6, -1e30] {
            assert_eq!(Points::new(&[[0.0, 0.0], [1.0, bad]], None).unwrap_err(), Flaw::Coordinate);
        }
        assert_eq!(Points::new(&[], None).unwrap_err(), Flaw::Broken);
        let many = vec![[0.0, 0.0]; 10_000_000];
        assert_eq!(Points::new(&many, None).unwrap_err(), Flaw::TooManyPoints(10_000_000));
        let (points, _) = Points::new(&[[0.0, 0.0]], Some(&[f32::NAN])).unwrap();
        assert_eq!(points.samples()[0].pressure, 0.0);
    }

    #[test]
    fn damaged_points_are_refused_without_a_panic_and_claims_cost_no_memory() {
        let bytes = written(&Points::new(&[[0.0, 0.0], [30.0, 40.0]], Some(&[0.2, 0.9])).unwrap().0);
        for at in 0..bytes.len() {
            assert!(Points::read(&mut Reader::new(&bytes[..at])).is_err());
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << bit;
                let _read_or_refused = Points::read(&mut Reader::new(&bad));
            }
        }
        let mut claim = Vec::new();
        put_varint(&mut claim, 10_000_000);
        claim.extend([0; 9]);
        assert_eq!(Points::read(&mut Reader::new(&claim)), Err(Flaw::TooManyPoints(10_000_000)));
    }
}
