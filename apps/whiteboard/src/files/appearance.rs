//! What objects of a board cannot be, as pictures of it: what is masked, blurred, shadowed, filled with a pattern, or cut by more than areas.
//!
//! Invariant: what drawing costs is known before anything is drawn, however things refer to each other.

use super::shade::Frame;
use kurbo::Rect;
use resvg::tiny_skia::{Pixmap, Transform};
use usvg::{BlendMode, Group, Node, Paint};

/// Most pixels that the drawing of one file goes over, one on top of another: some seconds.
pub(super) const MAX_WORK: u64 = 2_000_000_000;

/// What anything costs, however small, in pixels.
pub(super) const LEAST: u64 = 2_000;

/// Things that refer to each other, at most so deep.
const MAX_DEPTH: usize = 64;

/// How much may still be drawn of a file.
#[derive(Debug)]
pub(super) struct Allowance(u64);

impl Default for Allowance {
    fn default() -> Self {
        Self(MAX_WORK)
    }
}

/// Whether a group is more than what is in it.
pub(super) fn is_more(group: &Group) -> bool {
    group.mask().is_some() || !group.filters().is_empty()
}

/// Whether the colours of what is below go into a group's.
pub(super) fn is_blended(group: &Group) -> bool {
    group.blend_mode() != BlendMode::Normal
}

/// Whether this is filled or drawn with a pattern.
pub(super) fn has_pattern(path: &usvg::Path) -> bool {
    let paints = path.fill().map(usvg::Fill::paint).into_iter().chain(path.stroke().map(usvg::Stroke::paint));
    paints.into_iter().any(|paint| matches!(paint, Paint::Pattern(_)))
}

/// All that a node shows, its own opacity and all.
pub(super) fn around(node: &Node) -> Option<Rect> {
    let seen = match node {
        // A layer's box leaves out the lines of a path alone.
        Node::Path(path) => path.abs_stroke_bounding_box(),
        _ => node.abs_layer_bounding_box()?.to_rect(),
    };
    Some(Rect::new(seen.left().into(), seen.top().into(), seen.right().into(), seen.bottom().into()))
}

impl Allowance {
    /// Draws a node as it is seen in a frame: red, green, blue, opacity (0 to 1, not premultiplied) for each pixel, row by row. `outer`: from
    /// where the node is to the board. None: it would cost too much.
    pub(super) fn draw(&mut self, node: &Node, outer: Transform, frame: &Frame) -> Option<Vec<[f32; 4]>> {
        let mut left = self.0;
        spend(node, Some(frame), frame, MAX_DEPTH, &mut left)?;
        self.0 = left;
        let [width, height] = frame.size.map(u32::from);
        let mut pixels = Pixmap::new(width, height)?;
        let seen = node.abs_layer_bounding_box()?;
        let (x, y) = (frame.around.x0 as f32, frame.around.y0 as f32);
        // The renderer moves the corner of what it draws to that of the pixels, by where it is on the board.
        let place = Transform::from_scale(frame.scale as f32, frame.scale as f32)
            .pre_translate(-x, -y)
            .pre_concat(outer)
            .pre_translate(seen.x(), seen.y());
        resvg::render_node(node, place, &mut pixels.as_mut())?;
        let straight = pixels.pixels().iter().map(|pixel| {
            let pixel = pixel.demultiply();
            [pixel.red(), pixel.green(), pixel.blue(), pixel.alpha()].map(|c| f32::from(c) / 255.0)
        });
        Some(straight.collect())
    }
}

/// Takes what a node costs, with all it refers to. `seen`: where it is seen; none: as often as may be.
fn spend(node: &Node, seen: Option<&Frame>, frame: &Frame, depth: usize, left: &mut u64) -> Option<()> {
    let deeper = depth.checked_sub(1)?;
    let all = u64::from(frame.size[0]) * u64::from(frame.size[1]);
    let own = |frame: &Frame| {
        let around = around(node).map(|around| around.intersect(frame.around));
        around.map_or(0, |around| {
            (around.width().max(0.0) * around.height().max(0.0) * frame.scale * frame.scale) as u64
        })
    };
    let once = seen.map_or(all, own).clamp(LEAST, all.max(LEAST));
    let times = match node {
        Node::Group(group) => {
            2 + group.filters().iter().map(|filter| 8 * filter.primitives().len() as u64).sum::<u64>()
        }
        Node::Path(_) | Node::Image(_) | Node::Text(_) => 1,
    };
    *left = left.checked_sub(once.saturating_mul(times))?;
    let mut enough = Some(());
    let mut through = |group: &Group, seen: Option<&Frame>| {
        for child in group.children() {
            enough = enough.and_then(|()| spend(child, seen, frame, deeper, left));
        }
    };
    match node {
        Node::Group(group) => through(group, seen),
        Node::Text(text) => through(text.flattened(), seen),
        Node::Path(_) | Node::Image(_) => {}
    }
    node.subroots(|group| through(group, None));
    enough
}

#[cfg(test)]
mod tests {
    use super::*;
    use usvg::{Options, Tree};

    fn frame(side: u16) -> Frame {
        Frame { around: Rect::new(0.0, 0.0, side.into(), side.into()), scale: 1.0, size: [side, side] }
    }

    fn first(svg: &str) -> Tree {
        Tree::from_str(svg, &Options::default()).unwrap()
    }

    #[test]
    fn a_node_is_drawn_where_it_is() {
        let tree = first(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100"><g transform="translate(10 20) scale(2)"><g opacity="0.5">
            <rect x="5" y="5" width="20" height="10" fill="#ff0000"/></g></g></svg>"##,
        );
        let Node::Group(outer) = &tree.root().children()[0] else { panic!("{:?}", tree.root()) };
        let inner = &outer.children()[0];
        let drawn = Allowance::default().draw(inner, outer.abs_transform(), &frame(100)).unwrap();
        let at = |x: usize, y: usize| drawn[y * 100 + x];
        // From 20, 30 to 60, 50.
        assert_eq!((at(18, 40)[3], at(62, 40)[3], at(40, 28)[3], at(40, 52)[3]), (0.0, 0.0, 0.0, 0.0));
        let [r, g, b, a] = at(40, 40);
        assert!(r > 0.98 && g < 0.02 && b < 0.02 && (a - 0.5).abs() < 0.01, "{:?}", at(40, 40));
    }

    #[test]
    fn what_refers_to_itself_a_thousand_times_is_not_drawn() {
        let uses = |of: usize| format!(r##"<rect width="9" height="9" fill="url(#p{of})"/>"##).repeat(10);
        let pattern = |n: usize| {
            format!(
                r##"<pattern id="p{n}" width="9" height="9" patternUnits="userSpaceOnUse">{}</pattern>"##,
                uses(n + 1)
            )
        };
        let bomb = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100"><defs>{}<pattern id="p8" width="9" height="9"
            patternUnits="userSpaceOnUse"><rect width="5" height="5" fill="blue"/></pattern></defs><rect width="90" height="90" fill="url(#p0)"/></svg>"##,
            (0..8).map(pattern).collect::<String>()
        );
        let tree = first(&bomb);
        let start = std::time::Instant::now();
        let node = &tree.root().children()[0];
        assert!(Allowance::default().draw(node, Transform::identity(), &frame(100)).is_none());
        assert!(start.elapsed() < std::time::Duration::from_secs(10), "{:?}", start.elapsed());
    }
}
