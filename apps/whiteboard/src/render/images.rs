//! Pictures from files: checked, decoded, at hand by their hash.
//!
//! Invariant: nothing is decoded whose size was not looked at before.

use crate::model::ImageRef;
use image::{DynamicImage, ImageFormat, ImageReader, Limits};
use std::{collections::BTreeMap, io::Cursor, sync::Arc};

/// Longest file.
pub const MAX_FILE: usize = 64 << 20;

/// Widest and highest picture, in pixels: 100 megapixels are 400 MB when decoded.
const MAX_SIDE: u32 = 10_000;

/// Why a file does not become a picture.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The file is too long.
    #[error("the file has {0} bytes; pictures may have {MAX_FILE}")]
    FileTooLong(usize),
    /// Too many pixels.
    #[error(
        "the picture is {0} × {1} pixels large; at most {MAX_SIDE} × {MAX_SIDE} are possible: make it smaller"
    )]
    TooLarge(u32, u32),
    /// Not PNG, JPEG, GIF or WebP.
    #[error("this is not a picture that can be read (PNG, JPEG, GIF and WebP can)")]
    Unknown,
    /// It breaks off, or worse.
    #[error("the picture is damaged: {0}")]
    Damaged(image::ImageError),
}

/// A decoded picture.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// Red, green, blue, opacity for each pixel, row by row, not premultiplied.
    pub rgba: Vec<u8>,
    /// Width and height, in pixels.
    pub pixels: [u32; 2],
    /// The file.
    pub file: Vec<u8>,
    /// Its media type.
    pub media: &'static str,
}

/// Pictures by the hashes of their files.
#[derive(Clone, Debug, Default)]
pub struct Images(BTreeMap<[u8; 32], Arc<Decoded>>);

impl Images {
    /// Takes in a file.
    ///
    /// # Errors
    /// It is no picture, or too large a one.
    pub fn insert(&mut self, file: Vec<u8>) -> Result<ImageRef, ImageError> {
        let (hash, length) = (*blake3::hash(&file).as_bytes(), file.len() as u64);
        let decoded = decode(file)?;
        let pixels = decoded.pixels;
        self.0.insert(hash, Arc::new(decoded));
        Ok(ImageRef { hash, length, pixels })
    }

    /// Takes in all of others.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The picture of this hash, if it is at hand.
    pub fn get(&self, image: &ImageRef) -> Option<&Arc<Decoded>> {
        self.0.get(&image.hash)
    }
}

fn decode(file: Vec<u8>) -> Result<Decoded, ImageError> {
    if file.len() > MAX_FILE {
        return Err(ImageError::FileTooLong(file.len()));
    }
    let reader = || ImageReader::new(Cursor::new(&file)).with_guessed_format();
    let media = match reader().ok().and_then(|r| r.format()) {
        Some(ImageFormat::Png) => "image/png",
        Some(ImageFormat::Jpeg) => "image/jpeg",
        Some(ImageFormat::Gif) => "image/gif",
        Some(ImageFormat::WebP) => "image/webp",
        _ => return Err(ImageError::Unknown),
    };
    let sized = reader().map_err(|_| ImageError::Unknown)?;
    let (width, height) = sized.into_dimensions().map_err(ImageError::Damaged)?;
    if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE {
        return Err(ImageError::TooLarge(width, height));
    }
    let mut whole = reader().map_err(|_| ImageError::Unknown)?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    whole.limits(limits);
    let picture: DynamicImage = whole.decode().map_err(ImageError::Damaged)?;
    let rgba = picture.into_rgba8().into_raw();
    Ok(Decoded { rgba, pixels: [width, height], file, media })
}
