//! What people look like: small square pictures that they have set, and for everybody else one that is made of their key.
//!
//! Invariant: a picture that comes from the network is small before it is decoded, and after.

use crate::{picture, theme};
use image::{
    DynamicImage, ExtendedColorType, ImageEncoder, Rgba, RgbaImage,
    codecs::{
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType, PngEncoder},
    },
    imageops,
};

/// Pixels of a side: enough for the largest that is shown, on a screen with two pixels a point.
pub const SIDE: u32 = 128;

/// Pixels of a side that pictures of others may have: programs to come may make finer ones.
const MAX_SIDE: u32 = 256;

/// What JPEG files are tried with, from fine to coarse: with the last, noise becomes small too.
const QUALITIES: [u8; 9] = [90, 84, 76, 68, 58, 46, 34, 20, 5];

/// A picture as a file of at most so many bytes: the middle of it, square and small, and white where it is clear. None: there is no
/// way to make it so small.
pub fn encode(picture: &RgbaImage, most: usize) -> Option<Vec<u8>> {
    let (width, height) = picture.dimensions();
    let side = width.min(height);
    if side == 0 {
        return None;
    }
    let middle = imageops::crop_imm(picture, (width - side) / 2, (height - side) / 2, side, side);
    let mut small = picture::within(middle.to_image(), [SIDE, SIDE]);
    small.pixels_mut().for_each(lay_on_white);
    let side = small.width();
    let small = DynamicImage::from(small).into_rgb8();
    // What is drawn stays as it was; photographs are too large for that.
    let mut file = Vec::new();
    let exact = PngEncoder::new_with_quality(&mut file, CompressionType::Best, FilterType::Adaptive);
    if exact.write_image(&small, side, side, ExtendedColorType::Rgb8).is_ok() && file.len() <= most {
        return Some(file);
    }
    QUALITIES.into_iter().find_map(|quality| {
        let mut file = Vec::new();
        JpegEncoder::new_with_quality(&mut file, quality).encode_image(&small).ok()?;
        (file.len() <= most).then_some(file)
    })
}

fn lay_on_white(Rgba([red, green, blue, opacity]): &mut Rgba<u8>) {
    for part in [red, green, blue] {
        let (over, shown) = (u32::from(*part), u32::from(*opacity));
        *part = ((over * shown + 255 * (255 - shown) + 127) / 255) as u8;
    }
    *opacity = 255;
}

/// Reads a picture that somebody has set; none: it is broken, not square, or would not be small.
pub fn decode(file: &[u8]) -> Option<RgbaImage> {
    let (picture, _) = picture::decode_within(file, MAX_SIDE).ok()?;
    (picture.width() == picture.height()).then_some(picture)
}

/// The picture that is made of a key: its colour, with two shapes on it that no other key is likely to have so. All of it is dark enough
/// for a white letter.
pub fn of_key(key: &[u8]) -> RgbaImage {
    let mut chance = Chance::of(key);
    let ground = theme::person(key);
    let other = loop {
        let colour = theme::PEOPLE[chance.below(theme::PEOPLE.len())];
        if colour != ground {
            break colour;
        }
    };
    let [ground, other] = [ground, other].map(|colour| [colour.r(), colour.g(), colour.b()].map(f32::from));
    let moon = Disc { at: chance.direction(0.85), radius: 0.75 + 0.3 * chance.part() };
    let shape = chance.below(3);
    let turned = chance.direction(1.0);
    let (near, wide) = (0.25 + 0.35 * chance.part(), 0.16 + 0.1 * chance.part());
    let disc = Disc { at: turned.map(|part| part * near), radius: 0.3 + 0.25 * chance.part() };
    // How deep a place is within the second shape; negative: outside.
    let depth = |at: [f32; 2]| match shape {
        0 => disc.depth(at),
        1 => wide - disc.depth(at).abs(),
        _ => wide - (at[0] * turned[0] + at[1] * turned[1] - near).abs(),
    };
    let pixel = 2.0 / SIDE as f32;
    RgbaImage::from_fn(SIDE, SIDE, |x, y| {
        let at = [x, y].map(|n| (n as f32 + 0.5) * pixel - 1.0);
        // A light from above, hardly to be seen.
        let mut colour = mixed(ground, [0.0; 3], 0.06 + 0.06 * at[1]);
        colour = mixed(colour, other, 0.65 * covered(moon.depth(at), pixel));
        colour = mixed(colour, [0.0; 3], 0.2 * covered(depth(at), pixel));
        let [red, green, blue] = colour.map(|part| part.round() as u8);
        Rgba([red, green, blue, 255])
    })
}

struct Disc {
    at: [f32; 2],
    radius: f32,
}

impl Disc {
    fn depth(&self, [x, y]: [f32; 2]) -> f32 {
        self.radius - (x - self.at[0]).hypot(y - self.at[1])
    }
}

/// How much of a pixel is within, whose middle is so deep.
fn covered(depth: f32, pixel: f32) -> f32 {
    (depth / pixel + 0.5).clamp(0.0, 1.0)
}

fn mixed(from: [f32; 3], to: [f32; 3], share: f32) -> [f32; 3] {
    std::array::from_fn(|i| from[i] + (to[i] - from[i]) * share)
}

/// Numbers that follow from a key (SplitMix64), the same on every host.
struct Chance(u64);

impl Chance {
    fn of(key: &[u8]) -> Self {
        Self(key.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        }))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    /// From 0 to 1.
    fn part(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 24) as f32
    }

    /// One of sixteen, so far away.
    fn direction(&mut self, far: f32) -> [f32; 2] {
        let angle = self.below(16) as f32 * std::f32::consts::TAU / 16.0;
        [far * angle.cos(), far * angle.sin()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 6 * 1024;

    /// A picture in which nothing can be left out.
    fn noise(width: u32, height: u32, seed: u64) -> RgbaImage {
        let mut chance = Chance(seed);
        RgbaImage::from_fn(width, height, |_, _| Rgba(chance.next().to_le_bytes()[..4].try_into().unwrap()))
    }

    #[test]
    fn every_picture_becomes_small_and_square_and_comes_back() {
        for (width, height, side) in
            [(1, 1, 1), (3, 1, 1), (40, 90, 40), (128, 128, 128), (129, 500, 128), (4000, 300, 128)]
        {
            for seed in 0..5 {
                let file = encode(&noise(width, height, seed), MOST).unwrap();
                assert!(file.len() <= MOST, "{width} × {height}: {} bytes", file.len());
                let back = decode(&file).unwrap();
                assert_eq!(back.dimensions(), (side, side), "{width} × {height}");
            }
        }
        assert_eq!(encode(&noise(128, 128, 1), 100), None);
    }

    #[test]
    fn the_middle_is_kept_and_what_is_clear_is_white() {
        let picture = RgbaImage::from_fn(300, 100, |x, y| match (x, y) {
            (100..200, 0..50) => Rgba([10, 200, 30, 255]),
            (100..200, _) => Rgba([0, 0, 0, 0]),
            _ => Rgba([255, 0, 0, 255]),
        });
        let back = decode(&encode(&picture, MOST).unwrap()).unwrap();
        assert_eq!(back.dimensions(), (100, 100));
        assert_eq!((back.get_pixel(0, 49).0, back.get_pixel(99, 50).0), ([10, 200, 30, 255], [255; 4]));
    }

    #[test]
    fn what_is_broken_or_would_be_large_is_none() {
        let file = encode(&noise(128, 128, 7), MOST).unwrap();
        for end in 0..file.len() / 2 {
            decode(&file[..end]);
        }
        let mut chance = Chance(9);
        for _ in 0..500 {
            let mut broken = file.clone();
            for _ in 0..4 {
                let at = chance.below(broken.len());
                broken[at] = chance.next() as u8;
            }
            // Some are pictures all the same; none is large.
            assert!(decode(&broken).is_none_or(|picture| picture.width() <= MAX_SIDE));
        }
        let plain =
            |width, height| picture::png(width, height, vec![9; (width * height * 4) as usize]).unwrap();
        assert!(decode(&plain(2000, 2000)).is_none());
        assert!(decode(&plain(257, 257)).is_none() && decode(&plain(256, 256)).is_some());
        assert!(decode(&plain(20, 10)).is_none());
        assert!(decode(b"").is_none() && decode(b"GIF89a").is_none());
    }

    #[test]
    fn a_key_has_a_picture_of_its_own_on_which_a_letter_can_be_read() {
        let mut seen = std::collections::BTreeSet::new();
        let mut chance = Chance(3);
        for _ in 0..200 {
            let key: Vec<u8> = (0..32).map(|_| chance.next() as u8).collect();
            let made = of_key(&key);
            assert_eq!(made, of_key(&key));
            let darkest =
                made.pixels().map(|pixel| pixel.0[..3].iter().map(|part| u32::from(*part)).sum::<u32>());
            assert!(darkest.max() < Some(480), "a white letter cannot be read on it");
            seen.insert(made.into_raw());
        }
        assert_eq!(seen.len(), 200);
    }
}
