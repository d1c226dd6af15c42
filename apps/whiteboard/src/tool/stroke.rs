//! A stroke on its way: told to others as it grows, and laid down with no more points than are seen.

use super::{Effect, PORTION};
use crate::{live::Live, model::Style};

/// Tells the others of the points that they do not have yet.
pub(super) fn say_stroke(stroke: u32, pen: Style, places: &[[f32; 2]], said: &mut usize) -> Vec<Effect> {
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

/// The pressure at each point, if the device has told any: where it told none, for one when a pen is lifted, it is what it was.
/// With them all points stay.
pub(super) fn told(pressures: &[Option<f32>]) -> Option<Vec<f32>> {
    let mut last = pressures.iter().copied().flatten().next()?;
    let each = pressures.iter().map(|pressure| {
        last = pressure.unwrap_or(last);
        last
    });
    Some(each.collect())
}

/// Without the points that lie on the way between others: a hand that is slow leaves many.
pub(super) fn simplified(places: &[[f32; 2]]) -> Vec<[f32; 2]> {
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
