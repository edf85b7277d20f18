//! Images of noise: nothing in them repeats, so that no encoder makes them small and no cache takes one for another.

use image::{
    ExtendedColorType, ImageEncoder,
    codecs::{
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType, PngEncoder},
    },
};
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
        let failed = |reason: String| MediaError::Encoder { what: self.what(), reason };
        let side = |side: u64| u32::try_from(side).map_err(|error| failed(error.to_string()));
        let (width, height) = (side(self.width)?, side(self.height)?);
        let bytes = usize::try_from(self.width * self.height * RGB);
        let mut pixels = vec![0; bytes.map_err(|error| failed(error.to_string()))?];
        seed.stream("pixels").fill_bytes(&mut pixels);
        let mut file = Vec::new();
        let color = ExtendedColorType::Rgb8;
        let (media_type, written) = match self.encoding {
            // To look for what repeats in noise would take long and find nothing.
            Encoding::Png => {
                let encoder = PngEncoder::new_with_quality(
                    &mut file,
                    CompressionType::Uncompressed,
                    FilterType::NoFilter,
                );
                ("image/png", encoder.write_image(&pixels, width, height, color))
            }
            Encoding::Jpeg => {
                let encoder = JpegEncoder::new_with_quality(&mut file, QUALITY);
                ("image/jpeg", encoder.write_image(&pixels, width, height, color))
            }
        };
        written.map_err(|error| failed(error.to_string()))?;
        Ok((media_type, file))
    }
}
