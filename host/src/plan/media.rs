//! Generated media: what each request shows and plays.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{length::LengthLaw, lossy};

/// Generated media of each request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct MediaConfig {
    /// Images, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) images: Option<ImageConfig>,
    /// Pictures of the user's in place of generated images, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pictures: Option<PictureConfig>,
    /// Audio clips, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) audio: Option<AudioConfig>,
    /// Videos, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) videos: Option<VideoConfig>,
}

impl MediaConfig {
    /// Requests are texts only.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Generated images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ImageConfig {
    /// Width in pixels.
    pub(crate) width: LengthLaw,
    /// Height in pixels.
    pub(crate) height: LengthLaw,
    pub(crate) format: ImageFormat,
    /// Images in one request.
    pub(crate) batch_size: usize,
}

/// Encoding of images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ImageFormat {
    /// Lossless.
    #[default]
    Png,
    /// At quality 85.
    Jpeg,
    /// One of them, drawn for each image.
    Random,
}

/// Pictures of the user's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PictureConfig {
    #[serde(serialize_with = "lossy::path")]
    pub(crate) folder: PathBuf,
    pub(crate) sampling: PictureSampling,
    /// Pictures in one request.
    pub(crate) batch_size: usize,
}

/// Which picture comes when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PictureSampling {
    /// Any one, each time.
    #[default]
    RandomWithReplacement,
    /// All of them in an order that is drawn anew each time.
    ShuffleCycle,
    /// One after the other, in the order of their names.
    SequentialCycle,
}

/// Generated audio clips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AudioConfig {
    /// Length in seconds: not rounded to whole ones.
    pub(crate) length_s: LengthLaw,
    pub(crate) format: AudioFormat,
    /// Bits of a sample; each clip draws one of these.
    pub(crate) depths: Vec<u16>,
    /// Samples a second, in Hz; each clip draws one of these.
    pub(crate) sample_rates_hz: Vec<u32>,
    /// 1 or 2.
    pub(crate) channels: u16,
    /// Clips in one request.
    pub(crate) batch_size: usize,
}

/// Encoding of audio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AudioFormat {
    /// Uncompressed, whole numbers.
    #[default]
    Wav,
    /// Compressed, by ffmpeg.
    Mp3,
}

/// Generated videos.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct VideoConfig {
    /// In pixels.
    pub(crate) width: u32,
    /// In pixels.
    pub(crate) height: u32,
    /// Length in seconds.
    pub(crate) length_s: f64,
    /// Frames a second.
    pub(crate) fps: u32,
    pub(crate) content: VideoContent,
    pub(crate) format: VideoFormat,
    /// The encoder of pictures, as ffmpeg names it.
    pub(crate) codec: String,
    /// What is heard, if anything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sound: Option<SoundtrackConfig>,
    /// Videos in one request.
    pub(crate) batch_size: usize,
}

/// What is seen in a generated video.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VideoContent {
    /// Coloured shapes that move.
    #[default]
    MovingShapes,
    /// A grid, and a hand that turns over it.
    GridClock,
    /// Pixels without a pattern.
    Noise,
}

/// The container of a video.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VideoFormat {
    #[default]
    Webm,
    Mp4,
}

/// The noise that is heard in a generated video.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SoundtrackConfig {
    /// 1 or 2.
    pub(crate) channels: u16,
    pub(crate) sample_rate_hz: u32,
    /// Bits of a sample before it is encoded.
    pub(crate) depth: u16,
    /// The encoder, as ffmpeg names it.
    pub(crate) codec: String,
}
