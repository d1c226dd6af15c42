//! Glyphs that were drawn, side by side in textures, so that text is a handful of meshes.
//!
//! Invariant: a glyph stays where it is until [`Atlas::begin_frame`] lets all go; what was painted in a frame is there when it is shown.

use crate::glyph::{Cut, Cutter, Drawn};
use eframe::egui::{
    Color32, ColorImage, Context, Mesh, Pos2, Rect, TextureHandle, TextureId, TextureOptions, pos2, vec2,
};
use std::collections::HashMap;

/// Pixels a side of a texture: what any graphics card takes.
const SIDE: usize = 1024;

/// Textures before all are let go: 32 MiB, many screens of different letters.
const MAX_PAGES: usize = 8;

/// Places of a glyph between two pixels.
pub(crate) const SHIFTS: u8 = 4;

/// Which glyph, and how it is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key {
    /// Of the font's data.
    pub font: u64,
    pub index: u32,
    pub glyph: u32,
    /// Pixels an em, as bits.
    pub size: u32,
    /// In parts of a pixel.
    pub shift: u8,
    pub skew: i8,
    pub bold: bool,
    /// Hash of a variable font's coordinates.
    pub coords: u64,
}

/// Where a glyph is.
#[derive(Clone, Copy, Debug)]
struct Place {
    page: usize,
    uv: Rect,
    corner: [i32; 2],
    size: [usize; 2],
    coloured: bool,
}

/// The textures.
#[derive(Default)]
pub(crate) struct Atlas {
    cutter: Cutter,
    pages: Vec<Page>,
    places: HashMap<Key, Option<Place>>,
}

struct Page {
    texture: TextureHandle,
    /// Where the next glyph goes, and how high its row is.
    next: [usize; 2],
    row: usize,
}

impl Atlas {
    /// Between frames nothing painted is still needed.
    pub(crate) fn begin_frame(&mut self) {
        if self.pages.len() > MAX_PAGES {
            self.pages.clear();
            self.places.clear();
        }
    }

    /// Adds a glyph of a font to meshes; `at`: its origin in pixels, the x of which is a multiple of a shift.
    pub(crate) fn add(
        &mut self,
        ctx: &Context,
        (key, font, coords): (Key, &[u8], &[i16]),
        at: Pos2,
        ink: Color32,
        meshes: &mut Vec<Mesh>,
    ) {
        let place = match self.places.get(&key) {
            Some(known) => *known,
            None => self.draw(ctx, key, font, coords),
        };
        let Some(place) = place else { return };
        let scale = ctx.pixels_per_point();
        let corner = pos2(at.x + place.corner[0] as f32, at.y + place.corner[1] as f32);
        let rect =
            Rect::from_min_size(corner / scale, vec2(place.size[0] as f32, place.size[1] as f32) / scale);
        let texture = self.pages[place.page].texture.id();
        let ink = if place.coloured { Color32::WHITE.gamma_multiply_u8(ink.a()) } else { ink };
        mesh_of(meshes, texture).add_rect_with_uv(rect, place.uv, ink);
    }

    fn draw(&mut self, ctx: &Context, key: Key, font: &[u8], coords: &[i16]) -> Option<Place> {
        let shift = f32::from(key.shift) / f32::from(SHIFTS);
        let size = f32::from_bits(key.size);
        let cut = Cut { size, shift, skew: key.skew.into(), bold: key.bold, coords };
        let drawn = self.cutter.cut(font, key.index, key.glyph, cut);
        let place = drawn.and_then(|drawn| self.put(ctx, &drawn));
        self.places.insert(key, place);
        place
    }

    fn put(&mut self, ctx: &Context, drawn: &Drawn) -> Option<Place> {
        let [width, height] = drawn.image.size;
        let room = self.pages.last_mut().and_then(|page| page.take(width, height));
        let [x, y] = match room {
            Some(corner) => corner,
            None => {
                self.pages.push(Page::new(ctx, self.pages.len()));
                self.pages.last_mut()?.take(width, height)?
            }
        };
        let page = self.pages.len() - 1;
        self.pages[page].texture.set_partial([x, y], drawn.image.clone(), TextureOptions::NEAREST);
        let uv = |x: usize, y: usize| pos2(x as f32 / SIDE as f32, y as f32 / SIDE as f32);
        Some(Place {
            page,
            uv: Rect::from_min_max(uv(x, y), uv(x + width, y + height)),
            corner: drawn.corner,
            size: [width, height],
            coloured: drawn.coloured,
        })
    }
}

impl Page {
    fn new(ctx: &Context, number: usize) -> Self {
        let empty = ColorImage::filled([SIDE, SIDE], Color32::TRANSPARENT);
        let texture = ctx.load_texture(format!("glyphs {number}"), empty, TextureOptions::NEAREST);
        Self { texture, next: [0, 0], row: 0 }
    }

    /// Room for this many pixels, and one between it and the next.
    fn take(&mut self, width: usize, height: usize) -> Option<[usize; 2]> {
        if self.next[0] + width + 1 > SIDE {
            self.next = [0, self.next[1] + self.row];
            self.row = 0;
        }
        if width + 1 > SIDE || self.next[1] + height + 1 > SIDE {
            return None;
        }
        let corner = self.next;
        self.next[0] += width + 1;
        self.row = self.row.max(height + 1);
        Some(corner)
    }
}

fn mesh_of(meshes: &mut Vec<Mesh>, texture: TextureId) -> &mut Mesh {
    let at = meshes.iter().position(|mesh| mesh.texture_id == texture).unwrap_or_else(|| {
        meshes.push(Mesh::with_texture(texture));
        meshes.len() - 1
    });
    &mut meshes[at]
}
