//! A medium before it is made, and why it is not.

use crate::{explain::Explain, seed::Seed};

/// About as many bytes of media as one request may hold. Workers hold several requests at a time.
pub(super) const MOST_OF_A_REQUEST: u64 = 128 << 20;

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
}

impl Explain for MediaError {
    fn hint(&self) -> String {
        match self {
            Self::TooLarge { .. } => "ask for smaller ones, or for fewer in a request".to_owned(),
            Self::Encoder { .. } => "ask for another format or size".to_owned(),
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
