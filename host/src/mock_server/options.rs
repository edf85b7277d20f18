//! [`Options`]: everything a mock server can be told. It does not know where the values come from.

use std::{num::NonZeroU64, time::Duration};

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
    /// Seed of jitter and of TCP splits.
    pub(crate) seed: u64,
    /// When tokens go out.
    pub(crate) pacing: Pacing,
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
            seed: 42,
            pacing: Pacing::default(),
            framing: Framing::default(),
            jobs: JobPlan::default(),
            faults: FaultPlan::default(),
            canned: None,
        }
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
