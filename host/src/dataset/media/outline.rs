//! A medium before it is made, and why it is not.

use std::{io, path::PathBuf};

use crate::{explain::Explain, seed::Seed};

/// About as many bytes of media as one request may hold. Workers hold several requests at a time.
pub(super) const MOST_OF_A_REQUEST: u64 = 128 << 20;

/// What ffmpeg makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    /// An MP3 file.
    Clip,
    Video,
}

impl Product {
    /// What it is made of.
    pub(super) fn part(self) -> &'static str {
        match self {
            Self::Clip => "sample",
            Self::Video => "frame",
        }
    }
}

/// Why there are no media.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MediaError {
    /// More than anybody sends, and than memory holds.
    #[error(
        "make {what}: the media of one request would take {bytes} bytes, and may take {MOST_OF_A_REQUEST}"
    )]
    TooLarge {
        what: String,
        /// What they would take.
        bytes: u64,
    },
    /// An encoder has no form for it.
    #[error("encode {what}: {reason}")]
    Encoder {
        what: String,
        /// What the encoder says.
        reason: String,
    },
    /// Videos and MP3 files need a program that is not there.
    #[error("make {what}: there is no program `ffmpeg` on the PATH")]
    NoFfmpeg { what: String, product: Product },
    /// That program gives none.
    #[error("make {what} with ffmpeg: {reason}")]
    Ffmpeg {
        what: String,
        product: Product,
        /// What it says.
        reason: String,
    },
    /// Pictures of the user's cannot be read.
    #[error("read the pictures in `{folder}`")]
    Pictures {
        folder: PathBuf,
        #[source]
        source: io::Error,
    },
    /// There are none.
    #[error("read the pictures in `{folder}`: it holds no picture")]
    NoPictures { folder: PathBuf },
    /// They do not fit into memory.
    #[error("read the pictures in `{folder}`: together they take more than {budget} bytes as data URLs")]
    TooManyPictures {
        folder: PathBuf,
        /// What they may take.
        budget: u64,
    },
    /// Its parts have no place on the disk.
    #[error("make {what}: its files cannot be kept in the folder for temporary files")]
    Files {
        what: String,
        #[source]
        source: io::Error,
    },
}

impl Explain for MediaError {
    fn hint(&self) -> String {
        match self {
            Self::TooLarge { .. } => "ask for smaller ones, or for fewer in a request".to_owned(),
            Self::Encoder { .. } => "ask for another format or size".to_owned(),
            Self::NoFfmpeg { product, .. } => {
                let other = match product {
                    Product::Clip => "use `--audio-format wav`, which needs none",
                    Product::Video => "name media of your own in an `--input-file`",
                };
                format!(
                    "install ffmpeg (`apt-get install ffmpeg`, `dnf install ffmpeg`, `brew install ffmpeg`), or {other}"
                )
            }
            Self::Ffmpeg { product: Product::Clip, .. } => {
                "use `--audio-format wav`, which needs no ffmpeg; `ffmpeg -encoders` says whether yours has one for MP3"
                    .to_owned()
            }
            Self::Ffmpeg { product: Product::Video, .. } => {
                "`ffmpeg -encoders` and `ffmpeg -muxers` say what yours can do: choose `--video-codec`, \
                `--video-audio-codec` and `--video-format` of these; some encoders take even sizes only"
                    .to_owned()
            }
            Self::Pictures { .. } | Self::NoPictures { .. } => {
                "name a folder with files that end in `.png`, `.jpg`, `.jpeg`, `.webp`, `.gif` or `.bmp`"
                    .to_owned()
            }
            Self::TooManyPictures { .. } => "name a folder with fewer or smaller ones".to_owned(),
            Self::Files { .. } => {
                "make room there, or name another folder with the variable `TMPDIR`".to_owned()
            }
        }
    }
}

/// A medium that is still to be made.
pub(super) trait Outline: Sync {
    /// What it is, for people.
    fn what(&self) -> String;

    /// About how many bytes it will take as a data URL.
    fn size(&self) -> u64;

    /// Its media type, and its bytes.
    fn encode(&self, seed: Seed) -> Result<(&'static str, Vec<u8>), MediaError>;
}
