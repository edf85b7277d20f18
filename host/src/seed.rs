//! Randomness: every draw of a run comes from a [`Seed`].
//!
//! A seed never hands out numbers itself. It is split by label into independent streams, so that a feature that draws
//! more numbers, or a new one, leaves the draws of all others as they were. It knows nothing of what is drawn.

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use sha2::{Digest, Sha256};

/// Root of a run's random streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seed(u64);

impl Seed {
    /// The seed that the user gave, or that the run drew for itself.
    pub(crate) const fn new(root: u64) -> Self {
        Self(root)
    }

    /// The seed of the stream with this label: the first eight bytes, big endian, of the SHA-256 of `root:label`.
    ///
    /// `aiperf` has the same rule, so both tools agree on the seeds, though not on the numbers drawn from them.
    pub(crate) fn child(self, label: &str) -> Self {
        let digest = Sha256::digest(format!("{}:{label}", self.0));
        Self(digest.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    /// The stream with this label, from its start. `ChaCha8` gives the same numbers on every machine.
    pub(crate) fn stream(self, label: &str) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.child(label).0)
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rstest::rstest;

    use super::Seed;

    #[rstest]
    #[case::lengths("dataset.prompt.length", 7_521_479_737_366_565_015)]
    #[case::texts("dataset.prompt.corpus", 10_558_974_911_300_946_294)]
    #[case::arrivals("timing.request.poisson_interval", 8_134_544_948_104_704_004)]
    fn children_are_derived_as_aiperf_derives_them(#[case] label: &str, #[case] seed: u64) {
        assert_eq!(Seed::new(42).child(label), Seed::new(seed));
    }

    #[test]
    fn a_stream_starts_anew_each_time_it_is_asked_for() {
        let draw = |root, label| Seed::new(root).stream(label).random::<u64>();
        assert_eq!(draw(42, "a"), draw(42, "a"));
        assert_ne!(draw(42, "a"), draw(42, "b"));
        assert_ne!(draw(42, "a"), draw(43, "a"));
    }

    #[test]
    fn the_numbers_of_a_stream_never_change() {
        let mut rng = Seed::new(42).stream("dataset.prompt.length");
        let numbers: [u32; 3] = std::array::from_fn(|_| rng.random());
        insta::assert_compact_debug_snapshot!(numbers, @"[1395363154, 3407151326, 251775873]");
    }
}
