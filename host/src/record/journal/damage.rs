//! What is missing of a journal: the [`Damage`].

use std::fmt;

use serde::Serialize;

use crate::screen::{agreeing, counted};

/// What could not be read of a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Damage {
    /// Frames that are missing. Where [`Damage::has_lost_end`], it may be more.
    pub(crate) frames: u64,
    /// Bytes that belong to no frame that could be read. Frames that were cut out are missing without them.
    pub(crate) bytes: u64,
    /// Frames that are whole, and do not say what they should: a newer version may have written them.
    pub(crate) not_understood: u64,
    /// It is cut off, or damaged up to its end.
    pub(crate) has_lost_end: bool,
    /// Of a journal of version 1 or 2, or one that the system failed to read: nothing behind that place was read.
    pub(crate) ends_early: bool,
}

impl Damage {
    /// Whether anything is missing.
    pub(crate) fn is_any(&self) -> bool {
        *self != Self::default()
    }
}

/// Why the numbers are incomplete.
impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { frames, bytes, not_understood, has_lost_end, ends_early } = *self;
        if ends_early {
            return f.write_str("the journal is cut off or damaged; everything before that is counted");
        }
        let mut parts = Vec::new();
        if frames > 0 || bytes > 0 {
            let at_least = if has_lost_end { "at least " } else { "" };
            let (frames, are) = (counted(frames, "frame"), agreeing(frames, "is", "are"));
            parts
                .push(format!("{at_least}{frames} {are} missing, {} cannot be read", counted(bytes, "byte")));
        }
        if not_understood > 0 {
            let are = agreeing(not_understood, "is", "are");
            parts.push(format!("{} {are} not understood", counted(not_understood, "frame")));
        }
        let parts = parts.join(", and ");
        write!(f, "the journal is cut off or damaged: {parts}; everything else is counted")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Damage { frames: 1, bytes: 300, ..Damage::default() }, "1 frame is missing, 300 bytes cannot be read")]
    #[case(Damage { frames: 2, bytes: 1, has_lost_end: true, ..Damage::default() }, "at least 2 frames are missing, 1 byte cannot be read")]
    #[case(Damage { not_understood: 3, ..Damage::default() }, "3 frames are not understood")]
    fn it_says_how_much_is_missing(#[case] damage: Damage, #[case] says: &str) {
        let expected = format!("the journal is cut off or damaged: {says}; everything else is counted");
        assert_eq!(damage.to_string(), expected);
    }
}
