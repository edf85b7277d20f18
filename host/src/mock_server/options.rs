//! [`Options`]: everything a mock server can be told. It does not know where the values come from.

use std::{
    num::{NonZeroU32, NonZeroU64},
    time::Duration,
};

use super::{canned::Canned, fault::FaultPlan, jobs::JobPlan};

/// What a mock server is told once, at its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Name or address to listen on.
    pub(crate) host: String,
    /// Port to listen on; 0 takes a free one.
    pub(crate) port: u16,
    /// The name that `GET /v1/models` lists. Requests may name any model; the answer repeats theirs.
    pub(crate) model: String,
    /// Output tokens of a request that sets no limit of its own.
    pub(crate) tokens: NonZeroU64,
    /// How many of a chat answer's first tokens are sent as reasoning.
    pub(crate) reasoning_tokens: u64,
    /// How many tools an answer calls at most, where the request offers any.
    pub(crate) tool_calls: usize,
    /// Chats and completions say what of their prompts was in the prefix cache.
    pub(crate) has_prefix_cache: bool,
    /// GPUs that it pretends to have; none without any.
    pub(crate) gpus: u32,
    /// The truth has the bodies of requests, and what was said in answers.
    pub(crate) keeps_texts: bool,
    /// Seed of jitter and of TCP splits.
    pub(crate) seed: u64,
    /// How many tokens the usage counts for each word.
    pub(crate) usage: UsageRatio,
    /// When tokens go out.
    pub(crate) pacing: Pacing,
    /// How many requests are answered at once.
    pub(crate) capacity: Capacity,
    /// How each response is slower than the one before it.
    pub(crate) drift: Drift,
    /// How they are packed.
    pub(crate) framing: Framing,
    /// How long jobs take, and which of them fail.
    pub(crate) jobs: JobPlan,
    /// Which requests are broken, and how.
    pub(crate) faults: FaultPlan,
    /// A recorded response that is sent in the place of the server's own.
    pub(crate) canned: Option<Canned>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 0,
            model: "mock-model".to_owned(),
            tokens: NonZeroU64::MIN.saturating_add(63),
            reasoning_tokens: 0,
            tool_calls: 0,
            has_prefix_cache: false,
            gpus: 0,
            keeps_texts: false,
            seed: 42,
            usage: UsageRatio::default(),
            pacing: Pacing::default(),
            capacity: Capacity::default(),
            drift: Drift::default(),
            framing: Framing::default(),
            jobs: JobPlan::default(),
            faults: FaultPlan::default(),
            canned: None,
        }
    }
}

/// How many tokens the usage counts for each word that is read or sent, as a server does whose tokenizer is not the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UsageRatio {
    /// In millionths: a ratio that can be compared.
    millionths: NonZeroU64,
}

/// Larger ratios are refused: no tokenizer makes so many tokens of a word.
const MOST_TOKENS_A_WORD: f64 = 1000.0;

impl UsageRatio {
    /// A number of tokens a word; `None` where that is no number from a millionth to a thousand.
    pub(crate) fn of(tokens: f64) -> Option<Self> {
        if !(0.0..=MOST_TOKENS_A_WORD).contains(&tokens) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in range")]
        let millionths = (tokens * 1e6).round() as u64;
        NonZeroU64::new(millionths).map(|millionths| Self { millionths })
    }

    pub(super) fn tokens_per_word(self) -> f64 {
        self.millionths.get() as f64 / 1e6
    }

    /// The nearest number of tokens for so many words: none for none, else at least one.
    pub(super) fn tokens(self, words: u64) -> u64 {
        let millionths = u128::from(words) * u128::from(self.millionths.get());
        let tokens = u64::try_from((millionths + 500_000) / 1_000_000).unwrap_or(u64::MAX);
        tokens.max(u64::from(words > 0))
    }
}

impl Default for UsageRatio {
    fn default() -> Self {
        Self { millionths: NonZeroU64::MIN.saturating_add(999_999) }
    }
}

/// The deadlines of an answer: token `k` (from 0) is due `ttft + k * itl` after the request arrived.
///
/// tokio's timer counts whole milliseconds and rounds up, so a token leaves up to about 1 ms after its deadline, never
/// before it. Deadlines are absolute: a late token does not push the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pacing {
    /// From the request's arrival to the first token.
    pub(crate) ttft: Duration,
    /// From one token to the next.
    pub(crate) itl: Duration,
    /// Each deadline is put off by a uniform random time of up to this; the order of tokens is kept.
    pub(crate) jitter: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self { ttft: Duration::from_millis(50), itl: Duration::from_millis(10), jitter: Duration::ZERO }
    }
}

/// How many requests are worked on at once, and how long each takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capacity {
    /// Requests at once; no limit without it.
    pub(crate) slots: Option<NonZeroU32>,
    /// The time that a response takes in its slot; without it, what the deadlines of its tokens say.
    pub(crate) service: Option<ServiceTime>,
}

/// The time that a response takes in its slot. Its tokens go out at equal distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServiceTime {
    /// Every response takes this time.
    Constant(Duration),
    /// An exponential law with this mean.
    Exponential(Duration),
}

/// By which part of the first one's time each response takes longer than the one before it, as of a server that heats up or whose
/// caches fill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drift {
    /// In millionths: a share that can be compared.
    millionths: u32,
}

impl Drift {
    /// This share; `None` where it is no number from 0 to 1.
    pub(crate) fn of(share: f64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in range")]
        let millionths = |share: f64| (share * 1e6).round() as u32;
        (0.0..=1.0).contains(&share).then(|| Self { millionths: millionths(share) })
    }

    /// The deadlines of the request with this number.
    pub(super) fn slower(self, pacing: Pacing, number: u64) -> Pacing {
        if self.millionths == 0 {
            return pacing;
        }
        let factor = 1.0 + f64::from(self.millionths) / 1e6 * number as f64;
        let slower = |time: Duration| {
            Duration::try_from_secs_f64(time.as_secs_f64() * factor).unwrap_or(Duration::MAX)
        };
        Pacing { ttft: slower(pacing.ttft), itl: slower(pacing.itl), ..pacing }
    }
}

/// How an answer is cut into frames and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Framing {
    /// Tokens in one stream chunk. A bundle leaves when its last token is due.
    pub(crate) bundle: NonZeroU64,
    /// Tokens in a stream's first chunk; `bundle` if not given.
    pub(crate) bundle_first: Option<NonZeroU64>,
    /// Whether one write becomes many.
    pub(crate) splits: Splits,
    /// Pause between the status line and the rest of an API response's head.
    pub(crate) slow_header: Duration,
}

impl Default for Framing {
    fn default() -> Self {
        Self {
            bundle: NonZeroU64::MIN,
            bundle_first: None,
            splits: Splits::None,
            slow_header: Duration::ZERO,
        }
    }
}

/// Where the boundaries of TCP writes fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Splits {
    /// One write a frame.
    None,
    /// Every frame is written in pieces of seeded random length, anywhere in the bytes.
    Random,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::each_word(1.0, 7, 7)]
    #[case::three_a_word(3.0, 7, 21)]
    #[case::one_for_three(0.33, 60, 20)]
    #[case::never_none_for_some(0.001, 1, 1)]
    #[case::none_for_none(3.0, 0, 0)]
    fn usage_is_the_nearest_number(#[case] tokens_per_word: f64, #[case] words: u64, #[case] tokens: u64) {
        assert_eq!(UsageRatio::of(tokens_per_word).unwrap().tokens(words), tokens);
    }

    #[test]
    fn each_response_takes_a_little_longer() {
        let drift = Drift::of(0.01).unwrap();
        let ttft = |number| drift.slower(Pacing::default(), number).ttft.as_millis();
        assert_eq!([0, 10, 100].map(ttft), [50, 55, 100]);
        assert_eq!(Drift::default().slower(Pacing::default(), 1000), Pacing::default());
        assert!(Drift::of(f64::NAN).is_none() && Drift::of(-0.1).is_none());
    }

    #[test]
    fn the_default_counts_words_and_odd_ratios_are_none() {
        assert_eq!(UsageRatio::of(1.0), Some(UsageRatio::default()));
        for odd in [0.0, -1.0, f64::NAN, f64::INFINITY, 1001.0, 1e-9] {
            assert_eq!(UsageRatio::of(odd), None);
        }
    }
}
