//! The program's icon as pixels: a board on which something is written in chalk, as in `systemd/packaging/desktop/chalktalk.svg`.
//!
//! It is four shapes, for which a window need not be linked to what draws SVG files.

/// The side of the picture that the shapes stand in.
const GRID: f32 = 128.0;

/// A pixel is looked at in so many places, across and down.
const LOOKS: u32 = 4;

/// Each half of what is written is drawn as so many lines.
const LINES: u8 = 12;

const BOARD: [u8; 3] = [0x2f, 0x5d, 0x50];
const FRAME: [u8; 3] = [0xc9, 0xa2, 0x6b];
const CHALK: [u8; 3] = [0xf7, 0xf5, 0xec];
const END: [u8; 3] = [0xf2, 0xc1, 0x4e];
const MARK: [u8; 3] = [0xe0, 0x3e, 0x2f];

/// What is written: two curves, each with the two points that bend it.
const CURVES: [[(f32, f32); 4]; 2] = [
    [(32.0, 66.0), (42.0, 34.0), (52.0, 34.0), (58.0, 54.0)],
    [(58.0, 54.0), (64.0, 74.0), (76.0, 78.0), (96.0, 42.0)],
];

/// The icon: red, green, blue, opacity for each pixel, row by row, not premultiplied. With a mark: something is new.
pub(crate) fn draw(side: u32, marked: bool) -> Vec<u8> {
    let written = written();
    let step = GRID / (side * LOOKS) as f32;
    let mut pixels = Vec::with_capacity((side * side * 4) as usize);
    for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
        let (mut sum, mut inked) = ([0u32; 3], 0);
        for (down, across) in (0..LOOKS).flat_map(|down| (0..LOOKS).map(move |across| (down, across))) {
            let at = |pixel: u32, part: u32| ((pixel * LOOKS + part) as f32 + 0.5) * step;
            if let Some(colour) = colour((at(x, across), at(y, down)), &written, marked) {
                (0..3).for_each(|part| sum[part] += u32::from(colour[part]));
                inked += 1;
            }
        }
        pixels.extend(sum.map(|part| (part / inked.max(1)) as u8));
        pixels.push((inked * 255 / (LOOKS * LOOKS)) as u8);
    }
    pixels
}

/// What is seen at a place, if anything is.
fn colour(at: (f32, f32), written: &[(f32, f32)], marked: bool) -> Option<[u8; 3]> {
    let near = |centre: (f32, f32)| (at.0 - centre.0).hypot(at.1 - centre.1);
    if marked && near((98.0, 98.0)) < 26.0 {
        return Some(MARK);
    }
    if near((96.0, 42.0)) < 6.0 {
        return Some(END);
    }
    if written.windows(2).any(|ends| to_line(at, ends[0], ends[1]) < 3.5) {
        return Some(CHALK);
    }
    // Half of the frame's width is on each side of its edge.
    if to_round(at, (16.0, 22.0), (112.0, 90.0), 8.0).abs() < 2.5 {
        return Some(FRAME);
    }
    let tail = at.0 >= 34.0 && at.1 >= 96.0 && (at.0 - 34.0) / 24.0 + (at.1 - 96.0) / 22.0 <= 1.0;
    (tail || to_round(at, (8.0, 14.0), (120.0, 98.0), 14.0) < 0.0).then_some(BOARD)
}

/// How far it is to the edge of a rectangle with round corners; negative: from within.
fn to_round(at: (f32, f32), from: (f32, f32), to: (f32, f32), corner: f32) -> f32 {
    let beyond = |at: f32, from: f32, to: f32| (from + corner - at).max(at - to + corner);
    let (x, y) = (beyond(at.0, from.0, to.0), beyond(at.1, from.1, to.1));
    x.max(0.0).hypot(y.max(0.0)) + x.max(y).min(0.0) - corner
}

fn to_line(at: (f32, f32), from: (f32, f32), to: (f32, f32)) -> f32 {
    let (along, off) = ((to.0 - from.0, to.1 - from.1), (at.0 - from.0, at.1 - from.1));
    let part = (off.0 * along.0 + off.1 * along.1) / (along.0 * along.0 + along.1 * along.1);
    let part = part.clamp(0.0, 1.0);
    (off.0 - part * along.0).hypot(off.1 - part * along.1)
}

fn written() -> Vec<(f32, f32)> {
    let steps = CURVES.iter().flat_map(|curve| (0..=LINES).map(move |step| (curve, step)));
    let point = |([a, b, c, d], step): (&[(f32, f32); 4], u8)| {
        let (t, u) = (f32::from(step) / f32::from(LINES), 1.0 - f32::from(step) / f32::from(LINES));
        let mix = |a: f32, b: f32, c: f32, d: f32| {
            u * u * u * a + 3.0 * u * u * t * b + 3.0 * u * t * t * c + t * t * t * d
        };
        (mix(a.0, b.0, c.0, d.0), mix(a.1, b.1, c.1, d.1))
    };
    let mut points: Vec<(f32, f32)> = steps.map(point).collect();
    // Where one curve ends the next begins.
    points.dedup();
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_icon_of_the_packages_with_a_mark_or_without() {
        let file = include_str!("../../../systemd/packaging/desktop/chalktalk.svg");
        for colour in [BOARD, FRAME, CHALK, END] {
            let [r, g, b] = colour;
            assert!(file.contains(&format!("#{r:02x}{g:02x}{b:02x}")), "{colour:?} is not in the file");
        }
        assert!(file.contains("M32 66 C42 34 52 34 58 54 S76 78 96 42"));
        let side = 64;
        let at = |pixels: &[u8], x: u32, y: u32| {
            let at = ((y * side + x) * 4) as usize;
            (pixels[at..at + 3].to_vec(), pixels[at + 3])
        };
        let [plain, marked] = [false, true].map(|marked| draw(side, marked));
        assert_eq!(plain.len(), (side * side * 4) as usize);
        assert_eq!(at(&plain, 0, 0).1, 0, "around it is nothing");
        assert_eq!(at(&plain, 14, 40), (BOARD.to_vec(), 255));
        assert_eq!(at(&plain, 32, 11), (FRAME.to_vec(), 255));
        assert_eq!(at(&plain, 48, 20), (END.to_vec(), 255));
        assert_eq!(at(&plain, 29, 27), (CHALK.to_vec(), 255));
        assert_eq!(at(&marked, 49, 49), (MARK.to_vec(), 255));
        assert_eq!(at(&marked, 14, 40), (BOARD.to_vec(), 255));
    }
}
