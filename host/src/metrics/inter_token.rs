//! The time from one token to the next of a stream, in the tokens of one counter: [`InterToken`].
//!
//! Time to first token ends with the first read that brought tokens. The time after it belongs to the tokens that came
//! later: (last token - first token) / later tokens. How many came later is known exactly where one counter counted both the
//! whole response and its first read. The server's usage mostly counts the whole only. Then the first read's share of the
//! text is taken, in tokens of the local tokenizer or in characters, and applied to the server's count. Tokens of two
//! tokenizers are never subtracted from each other: 9 local tokens may be 3 of the server's.
//!
//! Choices of one response alternate, and each has its own first read. Their times are added up, and so are their later tokens:
//! what is between tokens of two choices is no part of it.

use super::request::{Request, TokenCounting};
use crate::record::Record;

/// How it is known which part of the tokens came after the first read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    /// The local tokenizer counted the whole and the first read.
    Counted,
    /// The server told its count with the first read.
    Usage,
    /// The server counts as many tokens as it sends events with text.
    Events,
    /// The server's count of the whole, and the first read's share of it in local tokens.
    Scaled,
    /// The same, but the share in characters: an estimate.
    Characters,
    /// The first read is taken for one token, so that the time per token is too short if it brought more.
    LowerBound,
}

impl Basis {
    /// All of them, from the most certain to the least.
    pub(crate) const ALL: [Self; 6] =
        [Self::Counted, Self::Usage, Self::Events, Self::Scaled, Self::Characters, Self::LowerBound];

    /// Its name in files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Usage => "usage",
            Self::Events => "events",
            Self::Scaled => "scaled",
            Self::Characters => "characters",
            Self::LowerBound => "lower_bound",
        }
    }
}

/// The inter-token latency of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct InterToken {
    /// In milliseconds.
    pub(super) ms: f64,
    /// How certain it is.
    pub(super) basis: Basis,
}

impl InterToken {
    /// Of a request; `None` where all tokens came at one time, or nobody counted them.
    pub(super) fn of(request: &Request<'_>) -> Option<Self> {
        let ns = streamed_ns(request.record).filter(|ns| *ns > 0)?;
        let (later, basis) = later_tokens(request)?;
        Some(Self { ms: ns as f64 / 1e6 / later, basis })
    }
}

/// Tokens that came after the first read of their choice, of a request that has an inter-token latency.
pub(super) fn later(request: &Request<'_>) -> Option<f64> {
    streamed_ns(request.record).filter(|ns| *ns > 0)?;
    later_tokens(request).map(|(later, _)| later)
}

/// From the first token of each choice to its last one, in nanoseconds, together; `None` where none arrived.
pub(super) fn streamed_ns(record: &Record) -> Option<u64> {
    if let Some(choices) = record.choices {
        return Some(choices.streamed_ns);
    }
    record.instants.last_token?.checked_sub(record.instants.first_token?)
}

/// Output tokens by the server's count that can have arrived as text. Reasoning that the server counts and does not send
/// was generated before the first token arrived.
pub(super) fn visible_usage(record: &Record) -> Option<u64> {
    let usage = record.usage?;
    let hidden = if record.reasoning_chars > 0 { 0 } else { usage.reasoning.unwrap_or(0) };
    usage.completion?.checked_sub(hidden)
}

/// Tokens that arrived after the first read of their choice; more than none.
fn later_tokens(request: &Request<'_>) -> Option<(f64, Basis)> {
    let record = request.record;
    let by_server = visible_usage(record).filter(|tokens| *tokens > 0);
    let by_client = record.counted.output.filter(|_| request.counting == TokenCounting::PreferServer);
    let known = match by_server {
        Some(_) => later_by_usage(record).or_else(|| later_by_events(record, by_server?)),
        None => later_counted(record).map(|(later, _)| (later, Basis::Counted)),
    };
    let whole = by_server.or(by_client).filter(|tokens| *tokens > 0)?;
    known
        .or_else(|| later_counted(record).map(|(later, all)| (whole as f64 * later / all, Basis::Scaled)))
        .or_else(|| Some((whole as f64 * later_characters(record)?, Basis::Characters)))
        .or_else(|| {
            let later = whole.checked_sub(choices(record)).filter(|later| *later > 0)?;
            Some((later as f64, Basis::LowerBound))
        })
}

/// How many choices brought tokens, at least one.
fn choices(record: &Record) -> u64 {
    record.choices.map_or(1, |choices| choices.count.into())
}

fn later_by_usage(record: &Record) -> Option<(f64, Basis)> {
    let first = record.first_read_usage.filter(|first| *first > 0)?;
    // As much as the whole is the count of the whole, which came first, and not of what had arrived.
    let later = record.usage?.completion?.checked_sub(first).filter(|later| *later > 0)?;
    Some((later as f64, Basis::Usage))
}

/// One token in fifty may come without text of its own: a stop token, a piece of a character that is not whole yet. It may
/// also have come with the first event, which then moves the result by no more than that.
fn later_by_events(record: &Record, whole: u64) -> Option<(f64, Basis)> {
    let first = record.choices.map_or(record.first_read_events, |choices| choices.first_events);
    let events = record.token_events;
    let is_one_each = whole.checked_sub(events)? <= events / 50;
    (is_one_each && first > 0 && first < events).then(|| ((whole - first) as f64, Basis::Events))
}

/// Local tokens that came later, and all of them.
fn later_counted(record: &Record) -> Option<(f64, f64)> {
    let (all, first) = (record.counted.output?, record.counted.first_arrival?);
    let later = all.checked_sub(first).filter(|later| *later > 0)?;
    Some((later as f64, all as f64))
}

/// The part of the characters that came later.
fn later_characters(record: &Record) -> Option<f64> {
    let (all, first) = (record.text_chars, record.first_read_chars);
    (first > 0 && first < all).then(|| (all - first) as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::TokenUsage;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::{
        metrics::request::LatencyOrigin,
        record::{CountedTokens, Instants},
        request::choice_times::ChoiceStreams,
    };

    const MS: u64 = 1_000_000;

    /// 90 ms from the first of 12 events to the last; three of them in the first read. A local token is 4 characters long.
    fn record(usage: Option<u64>, local: Option<(u64, u64)>) -> Record {
        Record {
            instants: Instants {
                first_token: Some(10 * MS),
                last_token: Some(100 * MS),
                ..Instants::default()
            },
            chunk_gaps_ns: vec![10 * MS; 9],
            token_events: 12,
            first_read_events: 3,
            first_read_chars: 36,
            text_chars: 144,
            counted: CountedTokens {
                output: local.map(|(all, _)| all),
                first_arrival: local.map(|(_, first)| first),
                ..CountedTokens::default()
            },
            usage: usage
                .map(|completion| TokenUsage { completion: Some(completion), ..TokenUsage::default() }),
            ..Record::default()
        }
    }

    fn found(record: &Record, counting: TokenCounting) -> Option<(f64, Basis)> {
        let request = Request { record, origin: LatencyOrigin::Sent, counting };
        InterToken::of(&request).map(|found| (found.ms, found.basis))
    }

    fn preferring_the_server(record: &Record) -> Option<(f64, Basis)> {
        found(record, TokenCounting::PreferServer)
    }

    #[rstest]
    #[case::of_one_counter(record(None, Some((36, 9))), 90.0 / 27.0, Basis::Counted)]
    #[case::of_a_server_with_an_event_a_token(record(Some(12), Some((36, 9))), 10.0, Basis::Events)]
    #[case::of_one_whose_first_event_may_be_two_tokens(record(Some(13), Some((13, 4))), 10.0, Basis::Scaled)]
    #[case::of_a_server_that_counts_a_third(record(Some(4), Some((12, 3))), 30.0, Basis::Scaled)]
    #[case::of_a_server_that_counts_thrice(record(Some(36), Some((12, 3))), 90.0 / 27.0, Basis::Scaled)]
    #[case::of_a_local_count_that_would_use_up_all(record(Some(6), Some((36, 9))), 20.0, Basis::Scaled)]
    #[case::without_a_tokenizer(record(Some(36), None), 90.0 / 27.0, Basis::Characters)]
    #[case::where_local_tokens_end_elsewhere(record(Some(36), Some((3, 3))), 90.0 / 27.0, Basis::Characters)]
    #[case::of_a_server_that_counts_nothing(record(Some(0), Some((36, 9))), 90.0 / 27.0, Basis::Counted)]
    fn the_time_per_token_is_in_the_tokens_of_one_counter(
        #[case] record: Record,
        #[case] expected_ms: f64,
        #[case] basis: Basis,
    ) {
        let (ms, found) = preferring_the_server(&record).unwrap();
        assert!((ms - expected_ms).abs() < 1e-9 && found == basis, "{ms} by {found:?}");
    }

    #[test]
    fn a_stop_token_is_counted_and_has_no_event() {
        let long = Record { token_events: 99, first_read_events: 1, ..record(Some(100), None) };
        assert_eq!(preferring_the_server(&long), Some((90.0 / 99.0, Basis::Events)));
        let short = Record { token_events: 3, first_read_events: 1, ..record(Some(4), None) };
        assert_eq!(preferring_the_server(&short), Some((30.0, Basis::Characters)));
    }

    #[test]
    fn usage_that_comes_with_the_first_read_is_exact() {
        let with = |first: u64| Record { first_read_usage: Some(first), ..record(Some(40), Some((36, 9))) };
        assert_eq!(preferring_the_server(&with(10)), Some((3.0, Basis::Usage)));
        assert_eq!(found(&with(10), TokenCounting::ServerOnly), Some((3.0, Basis::Usage)));
        // All of it at once was handled above, and none of it is no count.
        for first in [0, 40] {
            assert_eq!(preferring_the_server(&with(first)), Some((3.0, Basis::Scaled)));
        }
    }

    #[test]
    fn reasoning_that_was_counted_and_not_sent_took_no_time_here() {
        let mut record = record(Some(112), Some((12, 3)));
        record.usage = record.usage.map(|usage| TokenUsage { reasoning: Some(100), ..usage });
        assert_eq!(preferring_the_server(&record), Some((10.0, Basis::Events)));
        record.reasoning_chars = 12;
        let (ms, basis) = preferring_the_server(&record).unwrap();
        assert!((ms - 90.0 / 84.0).abs() < 1e-9 && basis == Basis::Scaled, "{ms} by {basis:?}");
    }

    /// Two choices of six tokens each, which take turns: 90 ms from the first token of each to its last.
    fn two_choices(usage: Option<u64>, local: Option<(u64, u64)>) -> Record {
        let choices = ChoiceStreams { count: 2, streamed_ns: 180 * MS, first_events: 2, reads: 12 };
        Record { choices: Some(choices), first_read_events: 1, ..record(usage, local) }
    }

    #[rstest]
    #[case::of_one_counter(two_choices(None, Some((12, 2))), 18.0, Basis::Counted)]
    #[case::of_a_server_with_an_event_a_token(two_choices(Some(12), None), 18.0, Basis::Events)]
    #[case::of_a_server_that_counts_twice(two_choices(Some(24), Some((12, 2))), 9.0, Basis::Scaled)]
    #[case::without_any_first_read(
        Record { first_read_chars: 0, token_events: 0, ..two_choices(Some(12), None) }, 18.0, Basis::LowerBound)]
    fn times_and_tokens_of_choices_are_added_up(
        #[case] record: Record,
        #[case] expected_ms: f64,
        #[case] basis: Basis,
    ) {
        let (ms, found) = preferring_the_server(&record).unwrap();
        assert!((ms - expected_ms).abs() < 1e-9 && found == basis, "{ms} by {found:?}");
    }

    #[test]
    fn a_journal_without_texts_gives_a_lower_bound() {
        let old =
            Record { first_read_events: 0, first_read_chars: 0, text_chars: 0, ..record(Some(37), None) };
        assert_eq!(found(&old, TokenCounting::ServerOnly), Some((2.5, Basis::LowerBound)));
    }

    #[test]
    fn one_instant_or_no_count_is_no_latency() {
        let mut at_once = record(Some(12), Some((12, 12)));
        at_once.instants.last_token = at_once.instants.first_token;
        assert_eq!(preferring_the_server(&at_once), None);
        assert_eq!(found(&record(None, Some((36, 9))), TokenCounting::ServerOnly), None);
    }

    /// Where a server tells its usage.
    #[derive(Clone, Copy, Debug)]
    enum UsageAt {
        First,
        Each,
        Last,
    }

    proptest! {
        /// A server that counts `server` of its tokens where this side counts `local`, for each of the equal pieces of
        /// its text, which it sends 10 ms apart, so many of them with the first.
        #[test]
        fn the_servers_truth_is_found_for_any_ratio_bundle_and_place_of_usage(
            server in 1u64..20,
            local in 1u64..20,
            pieces in 2u64..200,
            bundle in 1u64..20,
            usage_at in prop_oneof![Just(UsageAt::First), Just(UsageAt::Each), Just(UsageAt::Last)],
            counting in prop_oneof![Just(TokenCounting::PreferServer), Just(TokenCounting::ServerOnly)],
        ) {
            let first = bundle.min(pieces - 1);
            let later = pieces - first;
            let whole = server * pieces;
            let counts = counting == TokenCounting::PreferServer;
            let record = Record {
                instants: Instants {
                    first_token: Some(10 * MS),
                    last_token: Some((10 + 10 * later) * MS),
                    ..Instants::default()
                },
                token_events: later + 1,
                first_read_events: 1,
                first_read_usage: match usage_at {
                    UsageAt::First => Some(whole),
                    UsageAt::Each => Some(server * first),
                    UsageAt::Last => None,
                },
                first_read_chars: 5 * first,
                text_chars: 5 * pieces,
                ..record(Some(whole), counts.then_some((local * pieces, local * first)))
            };
            let (ms, _) = found(&record, counting).unwrap();
            let truth = 10.0 / server as f64;
            prop_assert!((ms / truth - 1.0).abs() < 0.05, "{ms} for {truth}");
        }
    }
}
