//! Pictures over the window: one that was offered, as large as there is room, and one that was pasted, before it is sent.
//!
//! Invariant: what was pasted is sent to nobody before the person says so.

use super::{
    overlay::panel,
    pen::{Act, Pen, SMALL, WEAK},
    preview::{self, Shown},
};
use crate::{
    model::{Action, Model, Pixels},
    t,
};
use chalktalk_client::files::Offer;
use chalktalk_ipc::SessionId;
use eframe::egui::{
    Color32, ColorImage, Context, CornerRadius, Id, Rect, Role, Sense, Shape, TextureHandle, TextureOptions,
    Ui, Vec2, WidgetInfo, epaint::RectShape, pos2, vec2,
};
use std::sync::Arc;

/// A picture that was pasted.
pub(super) struct Pasted {
    pixels: Pixels,
    texture: TextureHandle,
}

impl Pasted {
    pub(super) fn new(ctx: &Context, image: &Arc<ColorImage>) -> Self {
        let texture = ctx.load_texture("pasted", Arc::clone(image), TextureOptions::LINEAR);
        Self { pixels: pixels(image), texture }
    }

    /// Sends it.
    pub(super) fn action(self) -> Action {
        Action::SharePicture(self.pixels)
    }
}

/// The pixels of a picture on the clipboard.
pub(super) fn pixels(image: &ColorImage) -> Pixels {
    let [width, height] = image.size.map(|side| side as u32);
    Pixels { width, height, rgba: image.pixels.iter().flat_map(Color32::to_srgba_unmultiplied).collect() }
}

/// Paints a picture into a rectangle.
pub(super) fn paint(ui: &Ui, area: Rect, texture: &TextureHandle, pen: &Pen<'_>) {
    // What is clear in it is on a ground on which anything can be seen.
    ui.painter().rect_filled(area, 6.0, pen.palette.hover);
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    let shape =
        RectShape::filled(area, CornerRadius::same(6), Color32::WHITE).with_texture(texture.id(), whole);
    ui.painter().add(Shape::Rect(shape));
}

/// One that was offered, over everything; true: it is to be closed.
pub(super) fn enlarged(ui: &Ui, whole: Rect, session: SessionId, offer: &Offer, pen: &mut Pen<'_>) -> bool {
    let response = ui.interact(whole, Id::unique("enlarged"), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Window, true, &offer.name));
    ui.painter().rect_filled(whole, 0.0, Color32::from_black_alpha(225));
    let room = whole.shrink(40.0);
    let text = match pen.previews.of(session, offer, true) {
        Some(Shown::Picture(texture, size)) => {
            paint(
                ui,
                Rect::from_center_size(room.center(), preview::fitted(size, room.size())),
                &texture,
                pen,
            );
            format!("{} · {} × {} · {}", offer.name, size.x, size.y, offer.about)
        }
        Some(Shown::Nothing(why)) => t!("preview-none", why = why),
        _ => offer.name.clone(),
    };
    let sheet = pen.line(&text, SMALL + 0.5, WEAK, room.width());
    let at = pos2(whole.center().x - sheet.size().x / 2.0, whole.bottom() - 29.0);
    pen.paint_in(ui, at, &sheet, Color32::from_gray(210));
    response.clicked()
}

/// One that was pasted; true: it is sent, or dropped.
pub(super) fn pasted(ui: &mut Ui, whole: Rect, pasted: &Pasted, model: &Model, pen: &mut Pen<'_>) -> bool {
    let Some(c) = model.current() else { return true };
    let [width, height] = [pasted.pixels.width as f32, pasted.pixels.height as f32];
    let shown = preview::fitted(vec2(width, height), whole.size() - Vec2::splat(180.0));
    let title = t!("window-pasted", title = c.title());
    let Some(area) = panel(ui, whole, vec2(shown.x.max(300.0), shown.y + 74.0), &title, pen) else {
        return true;
    };
    let top = Rect::from_min_size(area.min, vec2(area.width(), shown.y));
    paint(ui, Rect::from_center_size(top.center(), shown), &pasted.texture, pen);
    let mut at = pos2(area.left() + 2.0, top.bottom() + 14.0);
    let send = pen.button(ui, at, Id::unique("send-pasted"), &t!("window-send"), &t!("window-send"), true);
    at.x = send.rect.right() + 8.0;
    let drop =
        pen.button(ui, at, Id::unique("drop-pasted"), &t!("window-not-send"), &t!("window-not-send"), false);
    if send.clicked() {
        pen.acts.push(Act::Do(Action::SharePicture(pasted.pixels.clone())));
    }
    send.clicked() || drop.clicked()
}
