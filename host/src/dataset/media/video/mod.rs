//! Videos: frames that are drawn here, and encoded by the system's ffmpeg.
//!
//! The same seed and the same ffmpeg give the same bytes.

mod canvas;
mod ffmpeg;
mod frames;

use self::{ffmpeg::Encoding, frames::Film};
use super::{
    audio::ClipOutline,
    outline::{MediaError, Outline},
};
use crate::{
    plan::media::{AudioFormat, VideoConfig, VideoContent, VideoFormat},
    seed::Seed,
};

/// About what a pixel of a frame takes at most, as a data URL: of noise 0.8 bytes were measured, of the others 0.01 to 0.1.
const BYTES_OF_NOISE: u64 = 1;
const PIXELS_OF_A_BYTE: u64 = 10;

/// A video that is still to be made.
pub(super) struct VideoOutline<'a>(&'a VideoConfig);

/// One video after the other, without end.
pub(super) fn outlines(config: &VideoConfig) -> impl Iterator<Item = VideoOutline<'_>> {
    std::iter::repeat_with(|| VideoOutline(config))
}

impl VideoOutline<'_> {
    /// Its frames; at least one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, which is meant"
    )]
    fn frames(&self) -> u64 {
        ((self.0.length_s * f64::from(self.0.fps)).round() as u64).max(1)
    }

    /// Its sound before it is encoded.
    fn sound(&self) -> Option<ClipOutline> {
        self.0.sound.as_ref().map(|sound| ClipOutline {
            seconds: self.frames() as f64 / f64::from(self.0.fps),
            depth: sound.depth,
            sample_rate_hz: sound.sample_rate_hz,
            channels: sound.channels,
            format: AudioFormat::Wav,
        })
    }
}

impl Outline for VideoOutline<'_> {
    fn what(&self) -> String {
        let VideoConfig { width, height, .. } = self.0;
        format!("a video of {} frames of {width} x {height} pixels", self.frames())
    }

    fn size(&self) -> u64 {
        let frame = u64::from(self.0.width) * u64::from(self.0.height);
        let pixels = frame.saturating_mul(self.frames());
        let pictures = match self.0.content {
            VideoContent::Noise => pixels.saturating_mul(BYTES_OF_NOISE),
            VideoContent::MovingShapes | VideoContent::GridClock => pixels / PIXELS_OF_A_BYTE,
        };
        // Encoded sound is much smaller than what it is made of.
        pictures.saturating_add(self.sound().map_or(0, |sound| sound.size() / 2))
    }

    fn encode(&self, seed: Seed) -> Result<(&'static str, Vec<u8>), MediaError> {
        let what = || self.what();
        let sound = self.sound().map(|sound| sound.encode(seed)).transpose()?;
        let film = Film::new(self.0, seed);
        let encoding = Encoding { config: self.0, sound: sound.as_ref().map(|(_, bytes)| &**bytes) };
        let bytes = encoding.run(&what, self.frames(), |number, pixels| film.draw(number, pixels))?;
        let media_type = match self.0.format {
            VideoFormat::Webm => "video/webm",
            VideoFormat::Mp4 => "video/mp4",
        };
        Ok((media_type, bytes))
    }
}
