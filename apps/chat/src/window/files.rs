//! Files that are dropped onto the window, or pasted.
//!
//! Invariant: nothing is read here; what is at a path is offered as by `/share`.

use super::pen::{Pen, STRONG, TITLE};
use crate::{model::Model, t};
use eframe::egui::{Context, Rect, Stroke, StrokeKind, Ui};

/// The paths of what was let go over the window in this frame.
pub(super) fn dropped(ctx: &Context) -> Vec<String> {
    let path = |path: &std::path::Path| path.to_string_lossy().into_owned();
    ctx.input(|input| input.raw.dropped_files.iter().map(|file| path(file.path())).collect())
}

/// Says where it goes what is held over the window.
pub(super) fn held(ui: &Ui, talk: Rect, model: &Model, pen: &mut Pen<'_>) {
    let Some(c) = model.current().filter(|_| ui.input(|input| !input.raw.hovered_files.is_empty())) else {
        return;
    };
    let rect = talk.shrink(10.0);
    ui.painter().rect(
        rect,
        12.0,
        pen.palette.paper.gamma_multiply(0.92),
        Stroke::new(2.0, pen.palette.accent),
        StrokeKind::Inside,
    );
    let sheet = pen.line(&t!("window-drop", title = c.title()), TITLE, STRONG, rect.width() - 20.0);
    pen.paint(ui, rect.center() - sheet.size() / 2.0, &sheet);
}

/// The files of a list of addresses, as programs that show folders copy them; none: it is no such list.
pub(super) fn listed(text: &str) -> Option<Vec<String>> {
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let paths: Option<Vec<String>> = lines
        .map(|line| unescaped(line.strip_prefix("file://").filter(|path| path.starts_with('/'))?))
        .collect();
    paths.filter(|paths| !paths.is_empty())
}

/// A path as it is in an address: `%20` is a blank.
fn unescaped(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push(if byte == b'%' { (digit()? * 16 + digit()?) as u8 } else { byte });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_files_are_told_from_text() {
        let listed = |text: &str| listed(text).map(|paths| paths.join("|"));
        assert_eq!(listed("file:///a%20b\r\nfile:///c/%C3%A9\r\n").as_deref(), Some("/a b|/c/é"));
        for text in
            ["", "\n", "see file:///a", "file:///a\nand more", "file://host/a", "file:///%f", "file:///%ff"]
        {
            assert_eq!(listed(text), None, "{text:?}");
        }
    }
}
