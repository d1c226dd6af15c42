//! Where something was let go over the window.
//!
//! While something is dragged here from another program, that program has the pointer: no window hears where it is, and the toolkit does not
//! tell where it was let go. The display knows. (Under Wayland the toolkit takes nothing that is dragged, so that nothing is asked there.)

use eframe::egui::{Context, Pos2, pos2};
use x11rb::{connection::Connection, protocol::xproto::ConnectionExt};

/// Where the pointer is now, in the window; none: the display does not say.
pub(super) fn place(ctx: &Context) -> Option<Pos2> {
    let (connection, screen) = x11rb::connect(None).ok()?;
    let root = connection.setup().roots.get(screen)?.root;
    let at = connection.query_pointer(root).ok()?.reply().ok()?;
    let window = ctx.input(|input| input.viewport().inner_rect)?;
    Some(pos2(at.root_x.into(), at.root_y.into()) / ctx.pixels_per_point() - window.min.to_vec2())
}
