//! How long audio plays, in whichever format it is.

use super::{mp3, wav};

/// Seconds that audio in a data URL, or in the form `wav,<base64>` or `mp3,<base64>`, plays; nothing where its head does not say it.
pub(crate) fn seconds(data: &str) -> Option<f64> {
    wav::seconds(data).or_else(|| mp3::seconds(data))
}
