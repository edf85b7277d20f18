//! The flags about generated videos, which the system's ffmpeg encodes.

use clap::Args;

use super::choice::{ChoiceParser, DATASET};
use crate::{
    config::units::{self, Choice},
    plan::media::{VideoContent, VideoFormat},
};

/// Generated videos beside generated texts.
#[derive(Args, Clone, Debug, Default)]
#[expect(
    clippy::struct_field_names,
    reason = "clap knows all arguments of a command by the names of the fields"
)]
pub(crate) struct VideoFlags {
    /// Width of a generated video, in pixels; with --video-height, each request shows one. Videos are encoded before
    /// the load by the program `ffmpeg`, which must be installed; at most 100 different ones, which requests share.
    #[arg(long, value_name = "PIXELS", value_parser = units::positive::<u32>, help_heading = DATASET)]
    pub(crate) video_width: Option<u32>,

    /// Height of a generated video, in pixels.
    #[arg(long, value_name = "PIXELS", value_parser = units::positive::<u32>, help_heading = DATASET)]
    pub(crate) video_height: Option<u32>,

    /// Length of a generated video [default: 5].
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = DATASET)]
    pub(crate) video_duration: Option<f64>,

    /// Frames a second [default: 4].
    #[arg(long, value_name = "N", value_parser = units::positive::<u32>, help_heading = DATASET)]
    pub(crate) video_fps: Option<u32>,

    /// What is seen in a generated video [default: moving-shapes].
    #[arg(long, value_name = "TYPE", value_parser = ChoiceParser::<VideoContent>::new(), help_heading = DATASET)]
    pub(crate) video_synth_type: Option<VideoContent>,

    /// Container of generated videos [default: webm].
    #[arg(long, value_name = "FORMAT", value_parser = ChoiceParser::<VideoFormat>::new(), help_heading = DATASET)]
    pub(crate) video_format: Option<VideoFormat>,

    /// Encoder of their pictures, as `ffmpeg -encoders` names it [default: libvpx-vp9].
    #[arg(long, value_name = "NAME", help_heading = DATASET)]
    pub(crate) video_codec: Option<String>,

    /// Generated videos in one request [default: 1].
    #[arg(long, alias = "batch-size-video", value_name = "N", value_parser = units::positive::<usize>)]
    #[arg(help_heading = DATASET)]
    pub(crate) video_batch_size: Option<usize>,

    /// Channels of the noise that is heard in generated videos, 1 or 2; 0 is silence without a track [default: 0].
    #[arg(long, value_name = "N", value_parser = units::track_channels, help_heading = DATASET)]
    pub(crate) video_audio_num_channels: Option<u16>,

    /// Its samples a second, in Hz, or in kHz up to 96 [default: 44100].
    #[arg(long, value_name = "HZ", value_parser = units::audio_rate, help_heading = DATASET)]
    pub(crate) video_audio_sample_rate: Option<u32>,

    /// Its encoder, as `ffmpeg -encoders` names it; auto is libvorbis in webm and aac in mp4 [default: auto].
    #[arg(long, value_name = "NAME", help_heading = DATASET)]
    pub(crate) video_audio_codec: Option<String>,

    /// Bits of a sample before it is encoded, 8, 16, 24 or 32 [default: 16].
    #[arg(long, value_name = "BITS", value_parser = units::audio_depth, help_heading = DATASET)]
    pub(crate) video_audio_depth: Option<u16>,
}

impl Choice for VideoContent {
    const NAMES: &'static [(&'static str, Self)] =
        &[("moving-shapes", Self::MovingShapes), ("grid-clock", Self::GridClock), ("noise", Self::Noise)];
}

impl Choice for VideoFormat {
    const NAMES: &'static [(&'static str, Self)] = &[("webm", Self::Webm), ("mp4", Self::Mp4)];
}
