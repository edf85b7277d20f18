//! The flags about images and audio, generated ones and others.
//!
//! What they cost stands in the help texts: media are made once, before the load, and kept until its end.

use std::path::PathBuf;

use clap::Args;

use super::choice::{ChoiceParser, DATASET};
use crate::{
    config::units::{self, Choice, UnitError},
    plan::media::{AudioFormat, ImageFormat, PictureSampling},
};

/// Generated media beside generated texts.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct MediaFlags {
    /// Mean width of a generated image, in pixels; with --image-height-mean, each request shows one [default: 0, none].
    /// Images are noise, which does not compress: a pixel takes about 4 bytes of a request and of memory as PNG, 2 as
    /// JPEG. They are made before the load; once they take 512 MiB, requests share those that there are.
    #[arg(long, value_name = "PIXELS", value_parser = units::non_negative, help_heading = DATASET)]
    pub(crate) image_width_mean: Option<f64>,

    /// Standard deviation of that width, in pixels [default: 0].
    #[arg(long, value_name = "PIXELS", value_parser = units::non_negative, help_heading = DATASET)]
    pub(crate) image_width_stddev: Option<f64>,

    /// Mean height of a generated image, in pixels [default: 0, none].
    #[arg(long, value_name = "PIXELS", value_parser = units::non_negative, help_heading = DATASET)]
    pub(crate) image_height_mean: Option<f64>,

    /// Standard deviation of that height, in pixels [default: 0].
    #[arg(long, value_name = "PIXELS", value_parser = units::non_negative, help_heading = DATASET)]
    pub(crate) image_height_stddev: Option<f64>,

    /// Encoding of generated images; random draws one for each [default: png].
    #[arg(long, value_name = "FORMAT", value_parser = ChoiceParser::<ImageFormat>::new(), help_heading = DATASET)]
    pub(crate) image_format: Option<ImageFormat>,

    /// Where images are from: noise, or a folder of pictures, which are sent as they are [default: noise].
    #[arg(long, value_name = "noise|FOLDER", value_parser = image_source, help_heading = DATASET)]
    pub(crate) image_source: Option<ImageSource>,

    /// Which picture of the folder comes when [default: random-with-replacement].
    #[arg(long, value_name = "ORDER", value_parser = ChoiceParser::<PictureSampling>::new(), help_heading = DATASET)]
    pub(crate) image_source_sampling: Option<PictureSampling>,

    /// Images in one request [default: 1].
    #[arg(long, alias = "batch-size-image", value_name = "N", value_parser = units::positive::<usize>)]
    #[arg(help_heading = DATASET)]
    pub(crate) image_batch_size: Option<usize>,

    /// Mean length of a generated audio clip; above 0, each request plays one [default: 0, none]. Clips are
    /// noise: a second at 16 kHz and 16 bits takes 43 kB of a request and of memory. They are made and shared as images
    /// are, within 512 MiB of their own.
    #[arg(long, value_name = "TIME", value_parser = units::seconds, help_heading = DATASET)]
    pub(crate) audio_length_mean: Option<f64>,

    /// Standard deviation of that length [default: 0].
    #[arg(long, value_name = "TIME", value_parser = units::seconds, help_heading = DATASET)]
    pub(crate) audio_length_stddev: Option<f64>,

    /// Encoding of generated audio; mp3 is made by the system's ffmpeg, and 100 different clips at most [default: wav].
    #[arg(long, value_name = "FORMAT", value_parser = ChoiceParser::<AudioFormat>::new(), help_heading = DATASET)]
    pub(crate) audio_format: Option<AudioFormat>,

    /// Bits of a sample, 8, 16, 24 or 32; of several, each clip draws one [default: 16].
    #[arg(long, value_name = "BITS", num_args = 1.., value_delimiter = ',', value_parser = units::audio_depth)]
    #[arg(help_heading = DATASET)]
    pub(crate) audio_depths: Vec<u16>,

    /// Samples a second, in kHz, or in Hz above 96; of several, each clip draws one [default: 16].
    #[arg(long, value_name = "KHZ", num_args = 1.., value_delimiter = ',', value_parser = units::audio_rate)]
    #[arg(help_heading = DATASET)]
    pub(crate) audio_sample_rates: Vec<u32>,

    /// Channels of generated audio, 1 or 2 [default: 1].
    #[arg(long, value_name = "N", value_parser = units::audio_channels, help_heading = DATASET)]
    pub(crate) audio_num_channels: Option<u16>,

    /// Generated audio clips in one request [default: 1].
    #[arg(long, alias = "batch-size-audio", value_name = "N", value_parser = units::positive::<usize>)]
    #[arg(help_heading = DATASET)]
    pub(crate) audio_batch_size: Option<usize>,
}

/// Where images are from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ImageSource {
    /// They are generated.
    Noise,
    /// They are in a folder of the user's.
    Folder(PathBuf),
}

/// `noise`, or the path of a folder. AIPerf's other names are of pictures that it brings, and of a folder that it looks for.
fn image_source(text: &str) -> Result<ImageSource, UnitError> {
    let instead = match text.to_ascii_lowercase().as_str() {
        "noise" => return Ok(ImageSource::Noise),
        "assets" => "name a folder of pictures of yours: prony brings none",
        "directory" => "name the folder itself, such as `--image-source ./pictures`",
        _ => return Ok(ImageSource::Folder(text.into())),
    };
    Err(UnitError::NotBuilt { choices: vec!["noise"], instead: Some(instead) })
}

impl Choice for PictureSampling {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("random-with-replacement", Self::RandomWithReplacement),
        ("shuffle-cycle", Self::ShuffleCycle),
        ("sequential-cycle", Self::SequentialCycle),
    ];
}

impl Choice for ImageFormat {
    const NAMES: &'static [(&'static str, Self)] =
        &[("png", Self::Png), ("jpeg", Self::Jpeg), ("random", Self::Random)];
    const SYNONYMS: &'static [(&'static str, Self)] = &[("jpg", Self::Jpeg)];
}

impl Choice for AudioFormat {
    const NAMES: &'static [(&'static str, Self)] = &[("wav", Self::Wav), ("mp3", Self::Mp3)];
}
