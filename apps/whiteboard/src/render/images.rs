//! Pictures from files, at hand by their hash.
//!
//! Invariant: what is here was decoded whole.

use crate::model::ImageRef;
use chalktalk_look::picture::{self, PictureError};
use std::{collections::BTreeMap, sync::Arc};

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
    pub fn insert(&mut self, file: Vec<u8>) -> Result<ImageRef, PictureError> {
        let (hash, length) = (*blake3::hash(&file).as_bytes(), file.len() as u64);
        let (picture, media) = picture::decode(&file)?;
        let pixels = picture.dimensions().into();
        self.0.insert(hash, Arc::new(Decoded { rgba: picture.into_raw(), pixels, file, media }));
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
