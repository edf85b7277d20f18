//! [`Truth`]: what the server really did, by its own clock.
//!
//! A request is entered when it arrives and written down when it ends; until then only `in_flight` shows it. The number
//! of a request is its place in the order of arrivals, which also decides its fault. At any time
//! `requests_total = ok + rejected + abandoned + failed by fault + in flight`.
//!
//! A reset forgets everything, numbering included; requests that are in flight then are left out of the new count. The
//! clock runs on.

use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Serialize, Serializer};

use super::{gpus::Busy, options::UsageRatio, tools::Call};
use crate::clock::{Clock, RunNs};

/// How many requests are kept in detail.
const KEPT_REQUESTS: usize = 100_000;
/// How many token instants are kept, over all requests: 64 MiB.
const KEPT_INSTANTS: usize = 8 << 20;

/// Upper bounds of the histogram of times to first token, in milliseconds.
pub(super) const TTFT_BOUNDS_MS: [u64; 14] =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 60_000];

/// How many bytes of texts are kept, over all requests: 64 MB.
const KEPT_TEXT: usize = 64_000_000;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The whole answer was sent, if perhaps after a stall.
    Ok,
    /// The request was invalid, and the answer says so.
    Rejected,
    /// The client left before the answer was complete.
    Abandoned,
    /// The fault of this name kept the request from its answer. That includes a client that gave up on a stall.
    Failed(&'static str),
}

impl Outcome {
    /// One word for it; a failure is called by its fault.
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Rejected => "rejected",
            Self::Abandoned => "abandoned",
            Self::Failed(fault) => fault,
        }
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One API request. Instants are nanoseconds since the server's start.
#[derive(Clone, Debug, Serialize)]
pub(super) struct RequestTruth {
    /// The `X-Request-ID`, or `mock-<number>` without one.
    pub(super) request_id: String,
    /// Place in the order of arrivals, from 1.
    pub(super) number: u64,
    /// The connection it came on, from 1.
    pub(super) connection: u64,
    pub(super) path: Cow<'static, str>,
    /// When the read that brought the request's first byte returned.
    pub(super) arrived_ns: RunNs,
    /// Absent if the body was invalid.
    pub(super) model: Option<String>,
    pub(super) streaming: bool,
    /// The limit that the request set.
    pub(super) requested_tokens: Option<u64>,
    pub(super) prompt_tokens: u64,
    /// Prompt tokens that were in the prefix cache, if there is one.
    pub(super) cached_tokens: Option<u64>,
    /// Output tokens that were handed to the kernel, over all choices.
    pub(super) tokens_sent: u64,
    /// When the write with the first token returned; of an answer that does not stream, the write of its body.
    pub(super) first_token_sent_ns: Option<RunNs>,
    /// When the write with each token of a stream returned, in the order of sending. Tokens of one frame share it.
    pub(super) token_sent_ns: Vec<RunNs>,
    /// When the last write of the answer returned, or the server noticed that the client had left.
    pub(super) ended_ns: RunNs,
    /// The HTTP status that was sent; 0 if the client left before.
    pub(super) status: u16,
    pub(super) outcome: Outcome,
    /// The fault that struck; a finite stall can strike a request that ends well.
    pub(super) fault: Option<&'static str>,
    /// The texts of both sides, where they are to be kept.
    #[serde(flatten)]
    pub(super) texts: Option<Texts>,
}

/// What a request and its answer said.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Texts {
    /// The request's body as it came; what is no UTF-8 in it is replaced.
    pub(super) body: String,
    /// Each choice of an answer of generated text; none where the request got none.
    pub(super) said: Vec<Said>,
}

/// What a choice of an answer said.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Said {
    pub(super) reasoning: String,
    pub(super) text: String,
    pub(super) tool_calls: Vec<Call>,
}

impl Texts {
    /// Those of a request that has no answer yet.
    pub(super) fn of_request(body: &[u8]) -> Self {
        Self { body: String::from_utf8_lossy(body).into_owned(), said: Vec::new() }
    }

    /// About how much memory they take.
    fn bytes(&self) -> usize {
        let of = |said: &Said| said.reasoning.len() + said.text.len() + 100 * said.tool_calls.len();
        self.body.len() + self.said.iter().map(of).sum::<usize>()
    }
}

impl RequestTruth {
    /// Notes tokens of a stream that have just been handed to the kernel.
    pub(super) fn sent(&mut self, tokens: u64, at: RunNs) {
        self.tokens_sent += tokens;
        self.first_token_sent_ns.get_or_insert(at);
        self.token_sent_ns.extend((0..tokens).map(|_| at));
    }
}

/// A request that has arrived and not yet ended.
#[derive(Debug)]
pub(super) struct OpenRequest {
    pub(super) number: u64,
    epoch: u64,
}

/// The server's memory of itself.
#[derive(Debug)]
pub(super) struct Truth {
    clock: Clock,
    usage: UsageRatio,
    ledger: Mutex<Ledger>,
}

/// Counts since the start or the last reset.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    pub(super) requests: u64,
    pub(super) connections: u64,
    pub(super) in_flight: u64,
    pub(super) max_in_flight: u64,
    pub(super) ok: u64,
    pub(super) rejected: u64,
    pub(super) abandoned: u64,
    pub(super) failed_by_fault: BTreeMap<&'static str, u64>,
    pub(super) prompt_tokens: u64,
    pub(super) tokens_sent: u64,
    /// Prompt tokens that were looked for in the prefix cache, and those that were there.
    pub(super) looked_up_tokens: u64,
    pub(super) cached_tokens: u64,
    /// Requests whose time to first token is within each bound of [`TTFT_BOUNDS_MS`], not cumulative.
    pub(super) ttft_counts: [u64; TTFT_BOUNDS_MS.len()],
    pub(super) ttft_count: u64,
    pub(super) ttft_sum_ns: u64,
    stalled: u64,
    closed_early: u64,
    polls: u64,
    downloads: u64,
    cache_resets: u64,
    profiles_started: u64,
    profiles_stopped: u64,
}

#[derive(Debug, Default)]
struct Ledger {
    epoch: u64,
    totals: Totals,
    arrivals: VecDeque<RunNs>,
    requests: VecDeque<Arc<RequestTruth>>,
    instants: usize,
    text_bytes: usize,
    busy: Busy,
}

impl Truth {
    pub(super) fn new(clock: Clock, usage: UsageRatio) -> Self {
        Self { clock, usage, ledger: Mutex::default() }
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    /// Counts a new connection and gives its number.
    pub(super) fn connect(&self) -> u64 {
        let mut ledger = self.ledger();
        ledger.totals.connections += 1;
        ledger.totals.connections
    }

    /// Enters a request.
    pub(super) fn arrive(&self, arrived: RunNs) -> OpenRequest {
        let mut ledger = self.ledger();
        ledger.busy.arrive(arrived);
        if ledger.arrivals.len() == KEPT_REQUESTS {
            ledger.arrivals.pop_front();
        }
        ledger.arrivals.push_back(arrived);
        let totals = &mut ledger.totals;
        totals.requests += 1;
        totals.in_flight += 1;
        totals.max_in_flight = totals.max_in_flight.max(totals.in_flight);
        OpenRequest { number: totals.requests, epoch: ledger.epoch }
    }

    /// Writes a request down. Call it in the same turn as the answer's last write, so that a client that has seen its
    /// answer finds it here.
    pub(super) fn finish(&self, open: &OpenRequest, request: RequestTruth) {
        let mut ledger = self.ledger();
        ledger.busy.end(request.ended_ns);
        if ledger.epoch == open.epoch {
            ledger.totals.add(&request);
            ledger.keep(request);
        }
    }

    /// Counts a connection that was closed against its word.
    pub(super) fn close_early(&self) {
        self.ledger().totals.closed_early += 1;
    }

    /// Counts a look at a job, or at what it made, and gives its number.
    pub(super) fn poll(&self) -> u64 {
        let mut ledger = self.ledger();
        ledger.totals.polls += 1;
        ledger.totals.polls
    }

    /// Counts a video that was fetched.
    pub(super) fn download(&self) {
        self.ledger().totals.downloads += 1;
    }

    /// Counts a time at which the prefix cache was emptied.
    pub(super) fn reset_cache(&self) {
        self.ledger().totals.cache_resets += 1;
    }

    /// Counts the start or the end of a profile.
    ///
    /// # Errors
    /// There is one already, or none.
    pub(super) fn profile(&self, starts: bool) -> Result<(), &'static str> {
        let totals = &mut self.ledger().totals;
        let goes_on = totals.profiles_started > totals.profiles_stopped;
        match (starts, goes_on) {
            (true, false) => totals.profiles_started += 1,
            (false, true) => totals.profiles_stopped += 1,
            (true, true) => return Err("a profile is being made already"),
            (false, false) => return Err("no profile is being made"),
        }
        Ok(())
    }

    /// Forgets everything so far.
    pub(super) fn reset(&self) {
        let mut ledger = self.ledger();
        let epoch = ledger.epoch + 1;
        *ledger = Ledger { epoch, busy: ledger.busy, ..Ledger::default() };
    }

    /// How busy it was up to now, whatever was forgotten.
    pub(super) fn busy(&self) -> Busy {
        self.ledger().busy.at(self.clock.now())
    }

    pub(super) fn totals(&self) -> Totals {
        self.ledger().totals.clone()
    }

    /// Everything, or the counts and only the requests with this id.
    pub(super) fn report(&self, request_id: Option<&str>) -> TruthReport {
        let ledger = self.ledger();
        let mut arrivals: Vec<_> = ledger.arrivals.iter().copied().collect();
        arrivals.sort_unstable();
        let asked = |request: &&Arc<RequestTruth>| request_id.is_none_or(|id| request.request_id == id);
        let totals = ledger.totals.clone();
        TruthReport {
            wall_start_ns: self.clock.wall_start_ns(),
            usage_tokens_per_word: self.usage.tokens_per_word(),
            requests_total: totals.requests,
            requests_ok: totals.ok,
            requests_rejected: totals.rejected,
            requests_abandoned: totals.abandoned,
            requests_failed_by_fault: totals.failed_by_fault,
            requests_stalled: totals.stalled,
            polls_total: totals.polls,
            downloads_total: totals.downloads,
            cache_resets_total: totals.cache_resets,
            profiles_started_total: totals.profiles_started,
            profiles_stopped_total: totals.profiles_stopped,
            connections_total: totals.connections,
            connections_closed_early: totals.closed_early,
            in_flight: totals.in_flight,
            max_in_flight: totals.max_in_flight,
            prompt_tokens_total: totals.prompt_tokens,
            tokens_sent_total: totals.tokens_sent,
            arrival_gaps_ns: arrivals.windows(2).map(|pair| pair[1] - pair[0]).collect(),
            arrivals_ns: arrivals,
            requests: ledger.requests.iter().filter(asked).cloned().map(Kept).collect(),
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Totals {
    fn add(&mut self, request: &RequestTruth) {
        self.in_flight = self.in_flight.saturating_sub(1);
        match request.outcome {
            Outcome::Ok => self.ok += 1,
            Outcome::Rejected => self.rejected += 1,
            Outcome::Abandoned => self.abandoned += 1,
            Outcome::Failed(fault) => *self.failed_by_fault.entry(fault).or_default() += 1,
        }
        self.stalled += u64::from(request.fault == Some("stall"));
        self.prompt_tokens += request.prompt_tokens;
        self.tokens_sent += request.tokens_sent;
        if let Some(cached) = request.cached_tokens {
            self.looked_up_tokens += request.prompt_tokens;
            self.cached_tokens += cached;
        }
        if let Some(first) = request.first_token_sent_ns {
            let ttft = first - request.arrived_ns;
            self.ttft_count += 1;
            self.ttft_sum_ns += ttft;
            let slot = TTFT_BOUNDS_MS.partition_point(|bound| *bound * 1_000_000 < ttft);
            if let Some(count) = self.ttft_counts.get_mut(slot) {
                *count += 1;
            }
        }
    }
}

impl Ledger {
    fn keep(&mut self, request: RequestTruth) {
        self.instants += request.token_sent_ns.len();
        self.text_bytes += request.texts.as_ref().map_or(0, Texts::bytes);
        self.requests.push_back(Arc::new(request));
        while self.requests.len() > KEPT_REQUESTS
            || self.instants > KEPT_INSTANTS
            || self.text_bytes > KEPT_TEXT
        {
            let Some(oldest) = self.requests.pop_front() else { break };
            self.instants -= oldest.token_sent_ns.len();
            self.text_bytes -= oldest.texts.as_ref().map_or(0, Texts::bytes);
        }
    }
}

/// The body of `GET /truth`. Instants and gaps are nanoseconds, instants count from the server's start.
#[derive(Debug, Serialize)]
pub(super) struct TruthReport {
    /// The Unix time of the server's start.
    wall_start_ns: u64,
    /// How many tokens the usage counts for each token that is sent here, which is a word.
    usage_tokens_per_word: f64,
    requests_total: u64,
    requests_ok: u64,
    requests_rejected: u64,
    requests_abandoned: u64,
    /// By the fault's name: `error`, `cut`, `stream_error`, `stall` (the client gave up waiting).
    requests_failed_by_fault: BTreeMap<&'static str, u64>,
    /// Requests that paused, whether they were completed later or not.
    requests_stalled: u64,
    /// Looks at jobs, and at what they made: none of them is a request of its own.
    polls_total: u64,
    /// Those that brought what a job made.
    downloads_total: u64,
    /// Times at which the prefix cache was emptied: `POST /reset_prefix_cache`.
    cache_resets_total: u64,
    /// Profiles that were started and stopped: `POST /start_profile`, `POST /stop_profile`.
    profiles_started_total: u64,
    profiles_stopped_total: u64,
    connections_total: u64,
    connections_closed_early: u64,
    in_flight: u64,
    max_in_flight: u64,
    prompt_tokens_total: u64,
    tokens_sent_total: u64,
    /// The last arrivals, ascending.
    arrivals_ns: Vec<RunNs>,
    /// From each of them to the next.
    arrival_gaps_ns: Vec<u64>,
    /// The last requests that ended, in the order of their ends.
    requests: Vec<Kept>,
}

/// A shared request; the newtype only exists to be serialized.
#[derive(Debug)]
struct Kept(Arc<RequestTruth>);

impl Serialize for Kept {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(number: u64, tokens: u64) -> RequestTruth {
        let mut request = RequestTruth {
            request_id: format!("r-{number}"),
            number,
            connection: 1,
            path: "/v1/completions".into(),
            arrived_ns: number,
            model: None,
            streaming: true,
            requested_tokens: None,
            prompt_tokens: 2,
            cached_tokens: None,
            tokens_sent: 0,
            first_token_sent_ns: None,
            token_sent_ns: Vec::new(),
            ended_ns: number,
            status: 200,
            outcome: Outcome::Ok,
            fault: None,
            texts: None,
        };
        request.sent(tokens, number);
        request
    }

    #[test]
    fn details_of_the_oldest_are_dropped_and_their_counts_kept() {
        let truth = Truth::new(Clock::start(), UsageRatio::default());
        let over = KEPT_REQUESTS as u64 + 5;
        for number in 1..=over {
            truth.finish(&truth.arrive(number), request(number, 1));
        }
        let report = truth.report(None);
        assert_eq!((report.requests.len(), report.arrivals_ns.len()), (KEPT_REQUESTS, KEPT_REQUESTS));
        assert_eq!((report.requests[0].0.number, report.arrivals_ns[0]), (6, 6));
        assert_eq!((report.requests_ok, report.tokens_sent_total, report.in_flight), (over, over, 0));
    }

    #[test]
    fn long_answers_are_bounded_by_their_instants() {
        let truth = Truth::new(Clock::start(), UsageRatio::default());
        let half = KEPT_INSTANTS as u64 / 2;
        for number in 1..=3 {
            truth.finish(&truth.arrive(number), request(number, half));
        }
        let report = truth.report(None);
        assert_eq!(report.requests.iter().map(|kept| kept.0.number).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(report.tokens_sent_total, 3 * half);
    }

    #[test]
    fn texts_are_bounded_as_well() {
        let truth = Truth::new(Clock::start(), UsageRatio::default());
        for number in 1..=3 {
            let texts = Texts { body: "x".repeat(KEPT_TEXT / 2), said: Vec::new() };
            truth.finish(&truth.arrive(number), RequestTruth { texts: Some(texts), ..request(number, 1) });
        }
        let report = truth.report(None);
        assert_eq!(report.requests.iter().map(|kept| kept.0.number).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn a_request_from_before_a_reset_is_not_counted_after_it() {
        let truth = Truth::new(Clock::start(), UsageRatio::default());
        let early = truth.arrive(1);
        truth.reset();
        let late = truth.arrive(2);
        truth.finish(&early, request(1, 1));
        assert_eq!((late.number, truth.totals().in_flight, truth.totals().ok), (1, 1, 0));
        truth.finish(&late, request(1, 1));
        assert_eq!((truth.totals().in_flight, truth.totals().ok), (0, 1));
    }
}
