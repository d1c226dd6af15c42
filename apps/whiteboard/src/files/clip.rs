//! What SVG files cut things with.
//!
//! Invariant: what is said to be whole lies inside as a whole, and what is said to be away outside.

use super::{
    shade::Area,
    svg::{affine, kurbo_path},
};
use kurbo::{Affine, BezPath, Line, ParamCurve, PathSeg, Rect, Shape as _};
use usvg::{ClipPath, FillRule, Group, Node, tiny_skia_path::Transform};

/// How something lies to what it is cut with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lies {
    Whole,
    Away,
    Across,
}

/// The areas that something must lie in, all of them; none where that is more than a few areas can say.
pub(super) fn areas(clip: &ClipPath, place: Transform) -> Option<Vec<Area>> {
    let mut paths = Vec::new();
    gather(clip.root(), affine(place) * affine(clip.transform()), &mut paths)?;
    let own = match &mut paths[..] {
        [one] => one.clone(),
        // Together they are one area if all go round the same way.
        many if many.iter().all(|area| !area.even_odd) => {
            let mut path = BezPath::new();
            for area in many {
                let one =
                    if area.path.area() < 0.0 { area.path.reverse_subpaths() } else { area.path.clone() };
                path.extend(one);
            }
            Area { path, even_odd: false }
        }
        _ => return None,
    };
    let mut all = vec![own];
    if let Some(outer) = clip.clip_path() {
        all.extend(areas(outer, place)?);
    }
    Some(all)
}

fn gather(group: &Group, place: Affine, paths: &mut Vec<Area>) -> Option<()> {
    for node in group.children() {
        match node {
            Node::Group(inner) if inner.clip_path().is_some() || inner.mask().is_some() => return None,
            Node::Group(inner) => gather(inner, place * affine(inner.transform()), paths)?,
            Node::Path(path) => {
                let even_odd = path.fill().is_some_and(|fill| fill.rule() == FillRule::EvenOdd);
                let path = place * kurbo_path(path, Transform::identity());
                paths.push(Area { path, even_odd });
            }
            Node::Text(text) => gather(text.flattened(), place, paths)?,
            Node::Image(_) => return None,
        }
    }
    Some(())
}

/// How what fills this box lies to an area.
pub(super) fn lies(filled: Rect, area: &Area) -> Lies {
    let touches = |segment: PathSeg| match segment {
        PathSeg::Line(line) => crosses(line, filled),
        curve if !meet(curve.bounding_box(), filled) => false,
        curve => {
            let (mut last, mut touches) = (curve.start(), false);
            let fine = (filled.width() + filled.height()).max(1.0) / 1_000.0;
            kurbo::flatten(curve.to_path(fine), fine, |element| {
                if let kurbo::PathEl::LineTo(next) = element {
                    touches |= crosses(Line::new(last, next), filled);
                    last = next;
                }
            });
            touches
        }
    };
    if area.path.segments().any(touches) {
        return Lies::Across;
    }
    let winding = area.path.winding(filled.center());
    let inside = if area.even_odd { winding % 2 != 0 } else { winding != 0 };
    if inside { Lies::Whole } else { Lies::Away }
}

pub(super) fn meet(a: Rect, b: Rect) -> bool {
    a.x0 <= b.x1 && b.x0 <= a.x1 && a.y0 <= b.y1 && b.y0 <= a.y1
}

/// Whether a line and a box have a point in common: what is left of the line between the box's sides.
fn crosses(line: Line, filled: Rect) -> bool {
    let (from, way) = (line.start(), line.p1 - line.p0);
    let (mut first, mut last) = (0.0_f64, 1.0_f64);
    for (at, by, low, high) in [(from.x, way.x, filled.x0, filled.x1), (from.y, way.y, filled.y0, filled.y1)]
    {
        if by == 0.0 {
            if at < low || at > high {
                return false;
            }
        } else {
            let (a, b) = ((low - at) / by, (high - at) / by);
            (first, last) = (first.max(a.min(b)), last.min(a.max(b)));
        }
    }
    first <= last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_lie_in_beside_and_across_areas() {
        let circle = Area { path: kurbo::Circle::new((50.0, 50.0), 40.0).to_path(0.01), even_odd: false };
        let ring = {
            let mut path = circle.path.clone();
            path.extend(kurbo::Circle::new((50.0, 50.0), 20.0).to_path(0.01));
            Area { path, even_odd: true }
        };
        let cases = [
            (Rect::new(30.0, 30.0, 70.0, 70.0), Lies::Whole, Lies::Across),
            (Rect::new(45.0, 45.0, 55.0, 55.0), Lies::Whole, Lies::Away),
            (Rect::new(10.0, 10.0, 20.0, 20.0), Lies::Away, Lies::Away),
            (Rect::new(0.0, 40.0, 100.0, 60.0), Lies::Across, Lies::Across),
            (Rect::new(0.0, 0.0, 100.0, 100.0), Lies::Across, Lies::Across),
            (Rect::new(200.0, 0.0, 300.0, 100.0), Lies::Away, Lies::Away),
            (Rect::new(74.0, 48.0, 86.0, 52.0), Lies::Whole, Lies::Whole),
        ];
        for (filled, in_circle, in_ring) in cases {
            assert_eq!((lies(filled, &circle), lies(filled, &ring)), (in_circle, in_ring), "{filled:?}");
        }
        let square = Area { path: Rect::new(0.0, 0.0, 100.0, 100.0).to_path(0.1), even_odd: false };
        assert_eq!(lies(Rect::new(1.0, 1.0, 99.0, 99.0), &square), Lies::Whole);
        assert_eq!(lies(Rect::new(1.0, 1.0, 101.0, 99.0), &square), Lies::Across);
        let nothing = Area { path: BezPath::new(), even_odd: false };
        assert_eq!(lies(Rect::new(1.0, 1.0, 2.0, 2.0), &nothing), Lies::Away);
    }
}
