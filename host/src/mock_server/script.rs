//! [`Bundle`]: which tokens share a frame.

use std::ops::Range;

use super::options::Framing;

/// Where a token appears in a chat answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Reasoning,
    Content,
}

/// The tokens of one frame: at least one, all on one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bundle {
    pub(super) tokens: Range<u64>,
    pub(super) channel: Channel,
}

/// Cuts an answer of `total` tokens, the first `reasoning` of which are reasoning, into frames.
pub(super) fn bundles(framing: Framing, reasoning: u64, total: u64) -> impl Iterator<Item = Bundle> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let start = next;
        let first = framing.bundle_first.filter(|_| start == 0);
        let size = first.unwrap_or(framing.bundle).get();
        let (channel, border) = if start < reasoning {
            (Channel::Reasoning, reasoning.min(total))
        } else {
            (Channel::Content, total)
        };
        next = start.saturating_add(size).min(border);
        (start < total).then_some(Bundle { tokens: start..next, channel })
    })
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use proptest::prelude::*;

    use super::*;

    fn framing(bundle: u64, first: Option<u64>) -> Framing {
        Framing {
            bundle: NonZeroU64::new(bundle).unwrap(),
            bundle_first: first.and_then(NonZeroU64::new),
            ..Framing::default()
        }
    }

    #[test]
    fn a_first_bundle_of_its_own_size_comes_before_the_others() {
        let ranges: Vec<_> = bundles(framing(3, Some(5)), 0, 12).map(|bundle| bundle.tokens).collect();
        assert_eq!(ranges, [0..5, 5..8, 8..11, 11..12]);
    }

    proptest! {
        #[test]
        fn every_token_is_in_one_frame_in_order_and_on_its_channel(
            size in 1_u64..9, first in prop::option::of(1_u64..9), reasoning in 0_u64..40, total in 0_u64..40,
        ) {
            let mut next = 0;
            for Bundle { tokens, channel } in bundles(framing(size, first), reasoning, total) {
                prop_assert_eq!(tokens.start, next);
                prop_assert!(!tokens.is_empty());
                let limit = first.filter(|_| tokens.start == 0).unwrap_or(size);
                prop_assert!(tokens.end - tokens.start <= limit);
                for token in tokens.clone() {
                    prop_assert_eq!(channel == Channel::Reasoning, token < reasoning);
                }
                next = tokens.end;
            }
            prop_assert_eq!(next, total);
        }
    }
}
