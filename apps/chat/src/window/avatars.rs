//! Pictures of people, ready to be painted: those that they have set, and for all others one that is made of their key.
//!
//! Invariant: a picture is decoded once while it is shown, at most [`AT_ONCE`] in one frame; at most [`KEPT`] are kept. What cannot be
//! decoded is as if it had not been set.

use crate::model::Model;
use chalktalk_ipc::UserId;
use chalktalk_look::avatar;
use eframe::egui::{ColorImage, Context, TextureFilter, TextureHandle, TextureOptions};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Each has 64 KiB of pixels, and a third more for its smaller versions.
const KEPT: usize = 200;

/// Made in one frame at most: more would be felt when one scrolls. The others follow in the next.
const AT_ONCE: usize = 8;

/// Smooth where it is much smaller than it is.
const SMOOTH: TextureOptions =
    TextureOptions { mipmap_mode: Some(TextureFilter::Linear), ..TextureOptions::LINEAR };

/// The pictures.
#[derive(Default)]
pub(super) struct Avatars {
    set: Arc<BTreeMap<UserId, Arc<[u8]>>>,
    unheard: BTreeSet<UserId>,
    ready: BTreeMap<UserId, Ready>,
    frames: u64,
    left: usize,
}

struct Ready {
    face: Face,
    /// Of what it was made.
    of: Option<Arc<[u8]>>,
    /// In which frame it was painted last.
    shown: u64,
}

/// A picture of somebody.
#[derive(Clone)]
pub(super) struct Face {
    pub(super) texture: TextureHandle,
    /// They have set it: no letter stands on it.
    pub(super) set: bool,
}

impl Avatars {
    /// A frame begins.
    pub(super) fn begin_frame(&mut self, model: &Model) {
        self.set = Arc::clone(&model.avatars);
        self.unheard.clone_from(&model.unheard);
        self.frames += 1;
        self.left = AT_ONCE;
    }

    /// The picture of somebody; none: in the next frame.
    pub(super) fn of(&mut self, ctx: &Context, user: UserId) -> Option<Face> {
        let of = self.set.get(&user).filter(|_| !self.unheard.contains(&user)).cloned();
        let same = |ready: &Ready| match (&ready.of, &of) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            (before, now) => before.is_none() && now.is_none(),
        };
        if let Some(ready) = self.ready.get_mut(&user).filter(|ready| same(ready)) {
            ready.shown = self.frames;
            return Some(ready.face.clone());
        }
        if self.left == 0 {
            ctx.request_repaint();
            return None;
        }
        self.left -= 1;
        let own = of.as_ref().and_then(|file| avatar::decode(file));
        let set = own.is_some();
        let pixels = own.unwrap_or_else(|| avatar::of_key(&user.0));
        let size = [pixels.width() as usize, pixels.height() as usize];
        let image = ColorImage::from_rgba_unmultiplied(size, pixels.as_raw());
        let face = Face { texture: ctx.load_texture(format!("of {user}"), image, SMOOTH), set };
        self.ready.insert(user, Ready { face: face.clone(), of, shown: self.frames });
        if self.ready.len() > KEPT {
            let oldest = self.ready.iter().min_by_key(|(_, ready)| ready.shown).map(|(user, _)| *user);
            oldest.map(|oldest| self.ready.remove(&oldest));
        }
        Some(face)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Input, tests::ana};
    use chalktalk_look::picture;

    fn user(n: u16) -> UserId {
        let mut user = UserId([7; 32]);
        user.0[..2].copy_from_slice(&n.to_le_bytes());
        user
    }

    #[test]
    fn whatever_was_set_something_is_shown_and_not_made_twice() {
        let (mut model, mut avatars, ctx) = (ana(), Avatars::default(), Context::default());
        let good: Arc<[u8]> = picture::png(3, 3, vec![200; 36]).unwrap().into();
        let bomb: Arc<[u8]> = picture::png(4000, 1000, vec![0; 16_000_000]).unwrap().into();
        let news = [good, b"rubbish"[..].into(), bomb, Arc::from(&b""[..])].map(Some);
        model.update(Input::Avatars((0..).map(user).zip(news).collect()), 0);
        avatars.begin_frame(&model);
        let faces: Vec<Face> = (0..5).map(|n| avatars.of(&ctx, user(n)).unwrap()).collect();
        assert_eq!(faces.iter().map(|face| face.set).collect::<Vec<_>>(), [true, false, false, false, false]);
        avatars.begin_frame(&model);
        for (n, face) in (0..).zip(&faces) {
            assert_eq!(avatars.of(&ctx, user(n)).unwrap().texture.id(), face.texture.id(), "{n}");
        }
        assert_eq!(avatars.left, AT_ONCE);
        // Another, and none.
        model.update(Input::Avatars(vec![(user(0), None)]), 0);
        avatars.begin_frame(&model);
        assert!(!avatars.of(&ctx, user(0)).unwrap().set);
    }

    #[test]
    fn five_hundred_people_cost_neither_a_long_frame_nor_their_pictures_for_ever() {
        let (model, mut avatars, ctx) = (ana(), Avatars::default(), Context::default());
        avatars.begin_frame(&model);
        let at_once = (0..500).filter(|n| avatars.of(&ctx, user(*n)).is_some()).count();
        assert_eq!(at_once, AT_ONCE);
        for first in (0..500).step_by(AT_ONCE) {
            avatars.begin_frame(&model);
            for n in first..first + AT_ONCE as u16 {
                avatars.of(&ctx, user(n));
            }
            assert!(avatars.of(&ctx, user(0)).is_some(), "what is in view is kept");
        }
        assert_eq!(avatars.ready.len(), KEPT);
        let textures = ctx.tex_manager().read().num_allocated();
        assert!(textures <= KEPT + 1, "{textures} textures");
    }
}
