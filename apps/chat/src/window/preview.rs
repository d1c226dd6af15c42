//! What is in the files that were offered: pictures, and how texts begin.
//!
//! Only what is whole on this host is looked into, on a thread beside: nothing is fetched for it, and the talk waits for none of it.
//!
//! Invariant: at most [`KEPT`] are kept, none larger than it is shown.

use crate::{conversation::harmless, t};
use chalktalk_client::{Client, ClientError, files::Offer};
use chalktalk_ipc::{BlobId, SessionId};
use chalktalk_look::picture;
use eframe::egui::{ColorImage, Context, TextureHandle, TextureOptions, Vec2, vec2};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    ops::ControlFlow,
    time::{Duration, Instant},
};

/// How many are kept.
const KEPT: usize = 48;

/// The largest that a picture is in the talk, in points.
const IN_TALK: Vec2 = vec2(360.0, 240.0);

/// Pixels of what is kept of one: those of a screen, and in the talk two for each point.
const LARGE: [u32; 2] = [2560, 1600];
const SMALL: [u32; 2] = [720, 480];

/// How much of a text is shown.
const TEXT: u64 = 1500;
const LINES: usize = 6;

/// What is on this disk needs no longer.
const PATIENCE: Duration = Duration::from_secs(5);

const PICTURES: [&str; 5] = ["gif", "jpeg", "jpg", "png", "webp"];
const TEXTS: [&str; 22] = [
    "c", "conf", "cpp", "css", "csv", "diff", "go", "h", "ini", "java", "js", "json", "log", "lua", "md",
    "patch", "py", "rs", "sh", "toml", "txt", "yaml",
];

/// One that is wanted.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    session: SessionId,
    offer: Offer,
    large: bool,
}

/// What was found in a file.
pub(super) enum Found {
    /// Its pixels, and how many it had in the file.
    Picture(ColorImage, [u32; 2]),
    Text(String),
    /// Why there is nothing to show.
    Nothing(String),
}

/// What can be shown of a file.
#[derive(Clone)]
pub(super) enum Shown {
    /// It is being looked into.
    Waits,
    /// A picture, and how large it is, in points.
    Picture(TextureHandle, Vec2),
    Text(String),
    Nothing(String),
}

/// What is known of files, by what they are and whether they are shown large.
#[derive(Default)]
pub(super) struct Previews {
    known: BTreeMap<(BlobId, bool), (Shown, u64)>,
    wanted: Vec<Wanted>,
    looks: u64,
}

impl Previews {
    /// What there is to show of a file that is on this host; none: it is not of a kind that can be shown.
    pub(super) fn of(&mut self, session: SessionId, offer: &Offer, large: bool) -> Option<Shown> {
        if !is_text(offer) && !is_picture(offer) {
            return None;
        }
        self.looks += 1;
        let key = (offer.blob.id, large);
        if let Some((shown, looked)) = self.known.get_mut(&key) {
            *looked = self.looks;
            return Some(shown.clone());
        }
        self.wanted.push(Wanted { session, offer: offer.clone(), large });
        self.keep(key, Shown::Waits);
        Some(Shown::Waits)
    }

    /// What has to be looked into.
    pub(super) fn take_wanted(&mut self) -> Vec<Wanted> {
        std::mem::take(&mut self.wanted)
    }

    /// Something was looked into.
    pub(super) fn put(&mut self, wanted: &Wanted, found: Found, ctx: &Context) {
        let shown = match found {
            Found::Picture(pixels, [width, height]) => {
                let size = vec2(width as f32, height as f32);
                let name = wanted.offer.blob.id.to_string();
                Shown::Picture(ctx.load_texture(name, pixels, TextureOptions::LINEAR), size)
            }
            Found::Text(text) => Shown::Text(text),
            Found::Nothing(why) => Shown::Nothing(why),
        };
        self.keep((wanted.offer.blob.id, wanted.large), shown);
    }

    fn keep(&mut self, key: (BlobId, bool), shown: Shown) {
        self.known.insert(key, (shown, self.looks));
        if self.known.len() > KEPT {
            let oldest = self.known.iter().min_by_key(|(_, (_, looked))| *looked).map(|(key, _)| *key);
            oldest.map(|key| self.known.remove(&key));
        }
    }
}

/// How large a picture is in so much room: as large as it is, or smaller.
pub(super) fn fitted(size: Vec2, room: Vec2) -> Vec2 {
    let scale = (room.x / size.x.max(1.0)).min(room.y / size.y.max(1.0)).min(1.0);
    size * scale
}

/// The room that a picture has in the talk.
pub(super) fn in_talk(width: f32) -> Vec2 {
    vec2(IN_TALK.x.min(width), IN_TALK.y)
}

pub(super) fn is_picture(offer: &Offer) -> bool {
    !offer.folder && offer.blob.size <= picture::MAX_FILE as u64 && ends(offer, &PICTURES)
}

fn is_text(offer: &Offer) -> bool {
    !offer.folder && ends(offer, &TEXTS)
}

fn ends(offer: &Offer, endings: &[&str]) -> bool {
    let ending = offer.name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
    ending.is_some_and(|ending| endings.contains(&&*ending))
}

/// Looks into a file of this host.
pub(super) fn look(client: &Client, wanted: &Wanted) -> Found {
    let found =
        open(client, wanted).map_err(|e| e.to_string()).and_then(|file| match is_picture(&wanted.offer) {
            true => picture_in(file, if wanted.large { LARGE } else { SMALL }),
            false => text_in(file).map_err(|e| e.to_string()),
        });
    found.unwrap_or_else(Found::Nothing)
}

fn open(client: &Client, wanted: &Wanted) -> Result<File, ClientError> {
    let began = Instant::now();
    client.fetch_blob(wanted.session, wanted.offer.blob, None, |now| {
        match now.holders == 0 && began.elapsed() < PATIENCE {
            true => ControlFlow::Continue(()),
            // It is not here after all.
            false => ControlFlow::Break(()),
        }
    })
}

fn picture_in(file: File, most: [u32; 2]) -> Result<Found, String> {
    let mut bytes = Vec::new();
    file.take(picture::MAX_FILE as u64).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    let (pixels, _) = picture::decode(&bytes).map_err(|e| e.to_string())?;
    let size = pixels.dimensions().into();
    let pixels = picture::within(pixels, most);
    let [width, height] = [pixels.width() as usize, pixels.height() as usize];
    Ok(Found::Picture(ColorImage::from_rgba_unmultiplied([width, height], pixels.as_raw()), size))
}

fn text_in(file: File) -> io::Result<Found> {
    let mut bytes = Vec::new();
    file.take(TEXT).read_to_end(&mut bytes)?;
    Ok(beginning(&bytes).map_or_else(|| Found::Nothing(t!("preview-no-text")), Found::Text))
}

/// How a text begins, fit for display; none: it is no text.
fn beginning(bytes: &[u8]) -> Option<String> {
    // It may be cut within a letter, which has four bytes at most.
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) if e.error_len().is_none() => std::str::from_utf8(&bytes[..e.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    if text.contains('\0') {
        return None;
    }
    let lines: Vec<&str> = text.lines().take(LINES).map(str::trim_end).collect();
    Some(harmless(lines.join("\n").trim_end()).replace('\t', "    "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chalktalk_client::Blob;

    fn offer(name: &str, size: u64) -> Offer {
        Offer::file(name, Blob { id: BlobId([7; 32]), size })
    }

    #[test]
    fn only_pictures_and_texts_of_a_fitting_size_are_looked_into() {
        let mut previews = Previews::default();
        for (name, size, wanted) in [
            ("a.PNG", 10, true),
            ("a.png", 1 << 40, false),
            ("a.log", 1 << 40, true),
            ("a.exe", 10, false),
            ("png", 10, false),
        ] {
            let mut file = offer(name, size);
            file.blob.id = BlobId(*blake3::hash(name.as_bytes()).as_bytes());
            let shown = previews.of(SessionId([1; 16]), &file, false);
            assert_eq!(shown.is_some(), wanted, "{name}");
            assert_eq!(previews.take_wanted().len(), usize::from(wanted), "{name}");
            previews.of(SessionId([1; 16]), &file, false);
            assert!(previews.take_wanted().is_empty(), "{name} is looked into twice");
        }
    }

    #[test]
    fn those_longest_out_of_sight_are_forgotten() {
        let mut previews = Previews::default();
        let file = |n: usize| {
            let id = BlobId([n as u8; 32]);
            Offer::file("a.png", Blob { id, size: 1 })
        };
        for n in 0..=KEPT {
            previews.of(SessionId([1; 16]), &file(n), false);
            previews.of(SessionId([1; 16]), &file(0), false);
        }
        assert_eq!(previews.known.len(), KEPT);
        assert!(previews.known.contains_key(&(BlobId([0; 32]), false)));
        assert!(!previews.known.contains_key(&(BlobId([1; 32]), false)));
    }

    #[test]
    fn texts_begin_harmlessly() {
        assert_eq!(beginning(b"a\tb\r\nc\n\n\n").as_deref(), Some("a    b\nc"));
        assert_eq!(beginning("\u{202e}abc\u{1b}[2J".as_bytes()).as_deref(), Some("abc\u{fffd}[2J"));
        assert_eq!(beginning(&"ö".as_bytes()[..1]).as_deref(), Some(""));
        assert_eq!(beginning(b"\xff\xd8\xff\xe0"), None);
        assert_eq!(beginning(b"a\0b"), None);
        assert_eq!(beginning("x\n".repeat(100).as_bytes()).map(|text| text.lines().count()), Some(LINES));
    }

    #[test]
    fn pictures_are_never_larger_than_they_are() {
        assert_eq!(fitted(vec2(100.0, 50.0), in_talk(500.0)), vec2(100.0, 50.0));
        assert_eq!(fitted(vec2(7200.0, 2400.0), in_talk(500.0)), vec2(360.0, 120.0));
        assert_eq!(fitted(vec2(7200.0, 2400.0), in_talk(100.0)).x, 100.0);
    }
}
