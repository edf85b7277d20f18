//! [`Bundle`]: which tokens share a frame.

use std::ops::Range;

use super::options::Framing;

/// Where a token appears in a chat answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Reasoning,
    Content,
    /// The arguments of the call of a tool with this number, from 0.
    Call(usize),
}

/// A part of an answer that is on one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) channel: Channel,
    pub(super) tokens: Range<u64>,
    /// Its tokens must not be sent apart.
    pub(super) is_whole: bool,
}

/// The tokens of one frame: at least one, all on one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bundle {
    pub(super) tokens: Range<u64>,
    pub(super) channel: Channel,
    /// It is the first and the last one of its section.
    pub(super) begins: bool,
    pub(super) ends: bool,
}

/// Cuts an answer's sections into frames.
pub(super) fn bundles(framing: Framing, sections: Vec<Section>) -> impl Iterator<Item = Bundle> {
    sections.into_iter().flat_map(move |section| {
        let Section { channel, tokens, is_whole } = section;
        let mut next = tokens.start;
        std::iter::from_fn(move || {
            let start = next;
            let first = framing.bundle_first.filter(|_| start == 0);
            let size = if is_whole { u64::MAX } else { first.unwrap_or(framing.bundle).get() };
            next = start.saturating_add(size).min(tokens.end);
            let (begins, ends) = (start == tokens.start, next == tokens.end);
            (start < tokens.end).then_some(Bundle { tokens: start..next, channel, begins, ends })
        })
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

    fn section(channel: Channel, tokens: Range<u64>) -> Section {
        Section { channel, tokens, is_whole: false }
    }

    #[test]
    fn a_first_bundle_of_its_own_size_comes_before_the_others() {
        let answer = vec![section(Channel::Content, 0..12)];
        let ranges: Vec<_> = bundles(framing(3, Some(5)), answer).map(|bundle| bundle.tokens).collect();
        assert_eq!(ranges, [0..5, 5..8, 8..11, 11..12]);
    }

    #[test]
    fn what_must_not_be_sent_apart_is_one_bundle() {
        let call = Section { is_whole: true, ..section(Channel::Call(0), 2..6) };
        let answer = vec![section(Channel::Content, 0..2), call];
        let found: Vec<_> = bundles(framing(1, None), answer).collect();
        let last = Bundle { tokens: 2..6, channel: Channel::Call(0), begins: true, ends: true };
        assert_eq!((found.len(), &found[2]), (3, &last));
    }

    proptest! {
        #[test]
        fn every_token_is_in_one_frame_in_order_and_on_its_channel(
            size in 1_u64..9, first in prop::option::of(1_u64..9), reasoning in 0_u64..40, content in 0_u64..40,
        ) {
            let total = reasoning + content;
            let answer =
                vec![section(Channel::Reasoning, 0..reasoning), section(Channel::Content, reasoning..total)];
            let mut next = 0;
            for Bundle { tokens, channel, begins, ends } in bundles(framing(size, first), answer) {
                prop_assert_eq!(tokens.start, next);
                prop_assert!(!tokens.is_empty());
                let limit = first.filter(|_| tokens.start == 0).unwrap_or(size);
                prop_assert!(tokens.end - tokens.start <= limit);
                for token in tokens.clone() {
                    prop_assert_eq!(channel == Channel::Reasoning, token < reasoning);
                }
                prop_assert_eq!(begins, tokens.start == 0 || tokens.start == reasoning);
                prop_assert_eq!(ends, tokens.end == total || tokens.end == reasoning);
                next = tokens.end;
            }
            prop_assert_eq!(next, total);
        }
    }
}
