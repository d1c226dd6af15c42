//! Pictures in files: looked at before they are decoded.
//!
//! Invariant: nothing is decoded whose size was not looked at before.

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbaImage};
use std::io::Cursor;

/// Longest file, in bytes.
pub const MAX_FILE: usize = 64 << 20;

/// Widest and highest picture, in pixels: 100 megapixels are 400 MB when decoded.
const MAX_SIDE: u32 = 10_000;

/// Why a file does not become a picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
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

/// Decodes a file: red, green, blue, opacity for each pixel, row by row, not premultiplied; and its media type. It stands as it is meant to
/// be seen, whichever way the camera was held.
///
/// # Errors
/// It is no picture, or too large a one.
pub fn decode(file: &[u8]) -> Result<(RgbaImage, &'static str), PictureError> {
    decode_within(file, MAX_SIDE)
}

/// As [`decode`], of pictures that have at most so many pixels a side.
pub(crate) fn decode_within(file: &[u8], most: u32) -> Result<(RgbaImage, &'static str), PictureError> {
    if file.len() > MAX_FILE {
        return Err(PictureError::FileTooLong(file.len()));
    }
    let reader = || ImageReader::new(Cursor::new(file)).with_guessed_format();
    let media = match reader().ok().and_then(|r| r.format()) {
        Some(ImageFormat::Png) => "image/png",
        Some(ImageFormat::Jpeg) => "image/jpeg",
        Some(ImageFormat::Gif) => "image/gif",
        Some(ImageFormat::WebP) => "image/webp",
        _ => return Err(PictureError::Unknown),
    };
    let sized = reader().map_err(|_| PictureError::Unknown)?;
    let (width, height) = sized.into_dimensions().map_err(PictureError::Damaged)?;
    if width == 0 || height == 0 || width > most || height > most {
        return Err(PictureError::TooLarge(width, height));
    }
    let mut whole = reader().map_err(|_| PictureError::Unknown)?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(most), Some(most));
    whole.limits(limits);
    let mut decoder = whole.into_decoder().map_err(PictureError::Damaged)?;
    // Cameras say how they were held.
    let orientation = decoder.orientation();
    let mut picture = DynamicImage::from_decoder(decoder).map_err(PictureError::Damaged)?;
    if let Ok(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    Ok((picture.into_rgba8(), media))
}

/// A picture, made smaller where it is larger than `most` pixels wide or high; its sides keep their ratio.
pub fn within(picture: RgbaImage, most: [u32; 2]) -> RgbaImage {
    let (width, height) = picture.dimensions();
    let shrunk = (f64::from(most[0]) / f64::from(width)).min(f64::from(most[1]) / f64::from(height));
    if shrunk >= 1.0 {
        return picture;
    }
    let side = |length: u32| ((f64::from(length) * shrunk).round() as u32).max(1);
    image::imageops::thumbnail(&picture, side(width), side(height))
}

/// A picture of pixels; none: there are not as many bytes as it has pixels.
pub fn raw(width: u32, height: u32, rgba: Vec<u8>) -> Option<RgbaImage> {
    RgbaImage::from_raw(width, height, rgba)
}

/// A picture as the bytes of a PNG file; none: there are not as many bytes as it has pixels.
pub fn png(width: u32, height: u32, rgba: Vec<u8>) -> Option<Vec<u8>> {
    let mut file = Cursor::new(Vec::new());
    let picture = raw(width, height, rgba)?;
    picture.write_to(&mut file, ImageFormat::Png).ok()?;
    Some(file.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(width: u32, height: u32) -> Vec<u8> {
        png(width, height, vec![200; (width * height * 4) as usize]).unwrap()
    }

    #[test]
    fn pictures_are_read_back_and_made_smaller() {
        let (picture, media) = decode(&plain(300, 100)).unwrap();
        assert_eq!((picture.dimensions(), media), ((300, 100), "image/png"));
        assert_eq!(within(picture.clone(), [150, 150]).dimensions(), (150, 50));
        assert_eq!(within(picture.clone(), [150, 10]).dimensions(), (30, 10));
        assert_eq!(within(picture, [400, 400]).dimensions(), (300, 100));
        assert_eq!(within(decode(&plain(1000, 1)).unwrap().0, [10, 10]).dimensions(), (10, 1));
        assert!(png(2, 2, vec![0; 3]).is_none());
    }

    #[test]
    fn a_picture_stands_as_the_camera_was_held() {
        let mut file = Cursor::new(Vec::new());
        let mut encoder = image::codecs::jpeg::JpegEncoder::new(&mut file);
        // One entry: orientation (0x0112), a number of 16 bits, is 6: turned by a quarter (Exif 2.32, 4.6.4).
        let exif = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        image::ImageEncoder::set_exif_metadata(&mut encoder, exif.to_vec()).unwrap();
        encoder.encode_image(&image::RgbImage::new(40, 20)).unwrap();
        let (picture, media) = decode(&file.into_inner()).unwrap();
        assert_eq!((picture.dimensions(), media), ((20, 40), "image/jpeg"));
    }

    #[test]
    fn a_bomb_is_not_decoded() {
        // Its header says what it would become.
        let mut file = plain(1, 1);
        file[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
        file[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
        let crc = crc(&file[12..29]);
        file[29..33].copy_from_slice(&crc.to_be_bytes());
        assert!(matches!(decode(&file), Err(PictureError::TooLarge(60_000, 60_000))), "{:?}", decode(&file));
        assert!(matches!(decode(b"#!/bin/sh\n"), Err(PictureError::Unknown)));
        let half = &plain(64, 64)[..60];
        assert!(matches!(decode(half), Err(PictureError::Damaged(_))), "{:?}", decode(half));
    }

    /// The checksum of a PNG's chunk (ISO 3309).
    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |crc: u32, byte| {
            (0..8).fold(
                crc ^ u32::from(*byte),
                |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
            )
        })
    }
}
