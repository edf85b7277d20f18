//! Images of noise: nothing in them repeats, so that no encoder makes them small and no cache takes one for another.

use std::error::Error;

use jpeg_encoder::{ColorType, SamplingFactor};
use png::{BitDepth, Compression, Filter};
use rand::{Rng, RngExt};

use super::outline::{MediaError, Outline};
use crate::{
    dataset::length,
    plan::media::{ImageConfig, ImageFormat},
    seed::Seed,
};

/// Bytes of a pixel.
const RGB: u64 = 3;

/// Of JPEG files.
const QUALITY: u8 = 85;

/// An image that is still to be made.
pub(super) struct ImageOutline {
    width: u64,
    height: u64,
    encoding: Encoding,
}

#[derive(Clone, Copy)]
enum Encoding {
    Png,
    Jpeg,
}

/// One image after the other, without end.
pub(super) fn outlines(config: &ImageConfig, seed: Seed) -> impl Iterator<Item = ImageOutline> + use<> {
    let sizes = length::image_sizes(config.width, config.height, seed);
    let mut formats = seed.stream("dataset.image.format");
    let format = config.format;
    sizes.map(move |(width, height)| {
        let encoding = match format {
            ImageFormat::Jpeg => Encoding::Jpeg,
            ImageFormat::Random if formats.random() => Encoding::Jpeg,
            ImageFormat::Png | ImageFormat::Random => Encoding::Png,
        };
        ImageOutline { width, height, encoding }
    })
}

impl Outline for ImageOutline {
    fn what(&self) -> String {
        format!("an image of {} x {} pixels", self.width, self.height)
    }

    fn size(&self) -> u64 {
        let pixels = self.width.saturating_mul(self.height);
        match self.encoding {
            Encoding::Png => pixels.saturating_mul(4 * RGB / 3),
            // As measured.
            Encoding::Jpeg => pixels.saturating_mul(17) / 8,
        }
    }

    fn encode(&self, seed: Seed) -> Result<(&'static str, Vec<u8>), MediaError> {
        let bytes = usize::try_from(self.width * self.height * RGB);
        let mut pixels = vec![0; bytes.map_err(|error| self.failed(&error))?];
        seed.stream("pixels").fill_bytes(&mut pixels);
        match self.encoding {
            Encoding::Png => Ok(("image/png", self.png(&pixels)?)),
            Encoding::Jpeg => Ok(("image/jpeg", self.jpeg(&pixels)?)),
        }
    }
}

impl ImageOutline {
    fn png(&self, pixels: &[u8]) -> Result<Vec<u8>, MediaError> {
        let (width, height) = self.sides()?;
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(BitDepth::Eight);
        // To look for what repeats in noise would take long and find nothing.
        encoder.set_compression(Compression::NoCompression);
        encoder.set_filter(Filter::NoFilter);
        let written = encoder.write_header().and_then(|mut writer| {
            writer.write_image_data(pixels)?;
            writer.finish()
        });
        written.map_err(|error| self.failed(&error))?;
        Ok(file)
    }

    fn jpeg(&self, pixels: &[u8]) -> Result<Vec<u8>, MediaError> {
        let (width, height) = self.sides()?;
        let mut file = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut file, QUALITY);
        // All colours of all pixels, as in a PNG file.
        encoder.set_sampling_factor(SamplingFactor::F_1_1);
        let written = encoder.encode(pixels, width, height, ColorType::Rgb);
        written.map_err(|error| self.failed(&error))?;
        Ok(file)
    }

    /// Width and height, as an encoder takes them.
    fn sides<T: TryFrom<u64, Error: Error>>(&self) -> Result<(T, T), MediaError> {
        let side = |side: u64| T::try_from(side).map_err(|error| self.failed(&error));
        Ok((side(self.width)?, side(self.height)?))
    }

    fn failed(&self, reason: &dyn Error) -> MediaError {
        MediaError::Encoder { what: self.what(), reason: reason.to_string() }
    }
}
