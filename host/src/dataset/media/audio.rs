//! Audio clips of noise, with a normal law of loudness that is cut where samples end.

use std::io::Cursor;

use hound::{SampleFormat, WavSpec, WavWriter};
use rand::{Rng, seq::IndexedRandom};
use rand_distr::{Distribution, Normal, StandardNormal};

use super::{
    mp3,
    outline::{MediaError, Outline},
};
use crate::{
    plan::{
        LengthLaw,
        media::{AudioConfig, AudioFormat},
    },
    seed::Seed,
};

/// The shortest clip, in seconds.
const SHORTEST_S: f64 = 0.01;

/// A law whose mass is almost all below that is given up after so many draws.
const MOST_DRAWS: u32 = 10_000;

/// Standard deviation of the samples; 1 is as loud as can be.
const LOUDNESS: f64 = 0.3;

/// A clip that is still to be made.
pub(super) struct ClipOutline {
    pub(super) seconds: f64,
    pub(super) depth: u16,
    pub(super) sample_rate_hz: u32,
    pub(super) channels: u16,
    pub(super) format: AudioFormat,
}

/// One clip after the other, without end.
pub(super) fn outlines(config: &AudioConfig, seed: Seed) -> impl Iterator<Item = ClipOutline> {
    let mut lengths = seed.stream("dataset.audio.duration");
    let mut formats = seed.stream("dataset.audio.format");
    std::iter::repeat_with(move || ClipOutline {
        seconds: seconds(config.length_s, &mut lengths),
        depth: config.depths.choose(&mut formats).copied().unwrap_or_default(),
        sample_rate_hz: config.sample_rates_hz.choose(&mut formats).copied().unwrap_or_default(),
        channels: config.channels,
        format: config.format,
    })
}

fn seconds(law: LengthLaw, rng: &mut impl Rng) -> f64 {
    let normal = (law.stddev > 0.0).then(|| Normal::new(law.mean, law.stddev).ok()).flatten();
    let drawn = normal
        .and_then(|normal| (0..MOST_DRAWS).map(|_| normal.sample(rng)).find(|&drawn| drawn >= SHORTEST_S));
    drawn.unwrap_or(law.mean).max(SHORTEST_S)
}

impl ClipOutline {
    /// Samples of one channel.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, which is meant"
    )]
    fn samples(&self) -> u64 {
        (self.seconds * f64::from(self.sample_rate_hz)).round() as u64
    }

    /// Bytes of its samples as they are.
    fn bytes(&self) -> u64 {
        self.samples().saturating_mul(u64::from(self.channels) * u64::from(self.depth / 8))
    }

    /// Bytes of them as MP3.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, which is meant"
    )]
    fn bytes_of_mp3(&self) -> u64 {
        (self.seconds * mp3::BITS_A_SECOND / 8.0).ceil() as u64
    }

    /// As a WAV file.
    fn wav(&self, seed: Seed) -> Result<Vec<u8>, MediaError> {
        let failed =
            |error: hound::Error| MediaError::Encoder { what: self.what(), reason: error.to_string() };
        let spec = WavSpec {
            channels: self.channels,
            sample_rate: self.sample_rate_hz,
            bits_per_sample: self.depth,
            sample_format: SampleFormat::Int,
        };
        let mut file = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut file, spec).map_err(failed)?;
        let mut noise = seed.stream("samples");
        for _ in 0..self.samples().saturating_mul(self.channels.into()) {
            writer.write_sample(sample(StandardNormal.sample(&mut noise), self.depth)).map_err(failed)?;
        }
        writer.finalize().map_err(failed)?;
        Ok(file.into_inner())
    }
}

impl Outline for ClipOutline {
    fn what(&self) -> String {
        format!(
            "an audio clip of {:.1} s at {} Hz and {} bits",
            self.seconds, self.sample_rate_hz, self.depth
        )
    }

    fn size(&self) -> u64 {
        let bytes = match self.format {
            AudioFormat::Wav => self.bytes(),
            // Its samples are in memory while it is made, and must not be many times as large.
            AudioFormat::Mp3 => self.bytes_of_mp3().max(self.bytes() / 8),
        };
        bytes.saturating_mul(4) / 3
    }

    fn encode(&self, seed: Seed) -> Result<(&'static str, Vec<u8>), MediaError> {
        let wav = self.wav(seed)?;
        match self.format {
            AudioFormat::Wav => Ok(("audio/wav", wav)),
            AudioFormat::Mp3 => Ok(("audio/mpeg", mp3::of_wav(&|| self.what(), &wav)?)),
        }
    }
}

/// A sample of so many bits.
#[expect(clippy::cast_possible_truncation, reason = "what is cut off is a fraction, and the range fits")]
fn sample(noise: f64, depth: u16) -> i32 {
    let loudest = f64::from(i32::MAX >> (32 - u32::from(depth)));
    ((noise * LOUDNESS).clamp(-1.0, 1.0) * loudest) as i32
}
