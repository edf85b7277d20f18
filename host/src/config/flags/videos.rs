//! The flags about generated videos, which the system's ffmpeg encodes.

use clap::Args;

use super::choice::{ChoiceParser, DATASET};
use crate::{
    config::units::{self, Choice},
    plan::media::{VideoContent, VideoFormat},
};

/// Generated videos beside generated texts.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct VideoFlags {
    /// Width of a generated video, in pixels; with --video-height, each request shows one. Videos are encoded before
    /// the load by the program `ffmpeg`, which must be installed; at most 100 different ones, which requests share.
    #[arg(long = "video-width", value_name = "PIXELS", value_parser = units::positive::<u32>, help_heading = DATASET)]
    pub(crate) width: Option<u32>,

    /// Height of a generated video, in pixels.
    #[arg(long = "video-height", value_name = "PIXELS", value_parser = units::positive::<u32>, help_heading = DATASET)]
    pub(crate) height: Option<u32>,

    /// Length of a generated video [default: 5].
    #[arg(long = "video-duration", value_name = "TIME", value_parser = units::positive_seconds, help_heading = DATASET)]
    pub(crate) duration: Option<f64>,

    /// Frames a second [default: 4].
    #[arg(long = "video-fps", value_name = "N", value_parser = units::positive::<u32>, help_heading = DATASET)]
    pub(crate) fps: Option<u32>,

    /// What is seen in a generated video [default: moving-shapes].
    #[arg(long = "video-synth-type", value_name = "TYPE", value_parser = ChoiceParser::<VideoContent>::new(), help_heading = DATASET)]
    pub(crate) synth_type: Option<VideoContent>,

    /// Container of generated videos [default: webm].
    #[arg(long = "video-format", value_name = "FORMAT", value_parser = ChoiceParser::<VideoFormat>::new(), help_heading = DATASET)]
    pub(crate) format: Option<VideoFormat>,

    /// Encoder of their pictures, as `ffmpeg -encoders` names it [default: libvpx-vp9].
    #[arg(long = "video-codec", value_name = "NAME", help_heading = DATASET)]
    pub(crate) codec: Option<String>,

    /// Generated videos in one request [default: 1].
    #[arg(long = "video-batch-size", alias = "batch-size-video", value_name = "N", value_parser = units::positive::<usize>)]
    #[arg(help_heading = DATASET)]
    pub(crate) batch_size: Option<usize>,

    /// Channels of the noise that is heard in generated videos, 1 or 2; 0 is silence without a track [default: 0].
    #[arg(long = "video-audio-num-channels", value_name = "N", value_parser = units::track_channels, help_heading = DATASET)]
    pub(crate) audio_num_channels: Option<u16>,

    /// Its samples a second, in Hz, or in kHz up to 96 [default: 44100].
    #[arg(long = "video-audio-sample-rate", value_name = "HZ", value_parser = units::audio_rate, help_heading = DATASET)]
    pub(crate) audio_sample_rate: Option<u32>,

    /// Its encoder, as `ffmpeg -encoders` names it; auto is libvorbis in webm and aac in mp4 [default: auto].
    #[arg(long = "video-audio-codec", value_name = "NAME", help_heading = DATASET)]
    pub(crate) audio_codec: Option<String>,

    /// Bits of a sample before it is encoded, 8, 16, 24 or 32 [default: 16].
    #[arg(long = "video-audio-depth", value_name = "BITS", value_parser = units::audio_depth, help_heading = DATASET)]
    pub(crate) audio_depth: Option<u16>,
}

impl Choice for VideoContent {
    const NAMES: &'static [(&'static str, Self)] =
        &[("moving-shapes", Self::MovingShapes), ("grid-clock", Self::GridClock), ("noise", Self::Noise)];
}

impl Choice for VideoFormat {
    const NAMES: &'static [(&'static str, Self)] = &[("webm", Self::Webm), ("mp4", Self::Mp4)];
}
