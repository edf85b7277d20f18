//! Reads and counts what has passed, on a thread of its own that yields to the traffic.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    budget::Budget,
    exchange::{Body, Exchange},
    output::{Output, OutputError},
    sessions::{Passed, Sessions},
};
use crate::{
    clock::{Clock, RunNs, as_ns},
    dataset::{Asked, Replied, Tokenizer, asked, replied, yield_to_others},
    explain::Explain,
    request::transport::decoded,
};

/// How often the file is written.
const WRITE_EVERY: Duration = Duration::from_secs(30);

/// A file that takes long to write is written less often: this many times as long passes in between.
const REST: u64 = 20;

/// What was recorded, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) requests: u64,
    pub(crate) sessions: u64,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    /// The server answered with an error, or not at all.
    pub(crate) failed: u64,
    /// The response did not come to its end: the client or the server left.
    pub(crate) cut: u64,
    /// Their responses could not be read, and they are in the file without one.
    pub(crate) unread_replies: u64,
    /// They ended before the whole of their bodies had come, and are not in the file.
    pub(crate) unheard: u64,
    /// Their bodies could not be read, and they are not in the file.
    pub(crate) unreadable: u64,
    /// They came faster than they could be counted, and are not in the file.
    pub(crate) overrun: u64,
}

/// Why the sessions are not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CountingError {
    #[error("start the thread that counts tokens")]
    Thread { source: io::Error },
    #[error("count the tokens of what was recorded: the thread that does so has panicked")]
    Panicked,
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl Explain for CountingError {
    fn hint(&self) -> String {
        match self {
            Self::Output(error) => error.hint(),
            Self::Thread { .. } | Self::Panicked => String::new(),
        }
    }
}

/// Where exchanges go when they are over.
#[derive(Clone, Debug)]
pub(crate) struct Sink {
    queue: Sender<Exchange>,
    waiting: Arc<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Memory of all bodies that are kept.
    budget: Budget,
    overrun: AtomicU64,
    /// The counting thread has ended, and that was reported.
    is_reported: AtomicBool,
}

impl Sink {
    /// A body whose memory is counted from its first byte on.
    pub(super) fn body(&self) -> Body {
        Body::within(&self.waiting.budget)
    }

    pub(super) fn take(&self, exchange: Exchange) {
        if exchange.request.is_overrun || exchange.response.is_overrun {
            self.waiting.overrun.fetch_add(1, Relaxed);
            return;
        }
        // Nobody counts any more only when that thread has panicked. The end of the recording says so again.
        if self.queue.send(exchange).is_err() && !self.waiting.is_reported.swap(true, Relaxed) {
            tracing::warn!("nothing more is recorded: the thread that counts tokens has ended");
        }
    }
}

/// The thread that counts.
#[derive(Debug)]
pub(crate) struct Counting {
    thread: JoinHandle<Result<Recorded, OutputError>>,
    sink: Sink,
}

/// How things are counted.
#[derive(Debug)]
pub(crate) struct Manner {
    pub(crate) tokenizer: Tokenizer,
    /// Tokens of a block.
    pub(crate) block_size: u32,
    /// Texts are kept, rather than lengths and ids of blocks.
    pub(crate) keeps_text: bool,
}

impl Counting {
    /// Starts it.
    ///
    /// # Errors
    /// There is no thread left.
    pub(crate) fn start(manner: Manner, output: Output, clock: Clock) -> Result<Self, CountingError> {
        let (queue, exchanges) = channel();
        let waiting = Arc::<Waiting>::default();
        let counter = Counter {
            sessions: Sessions::new(manner.tokenizer, manner.block_size, manner.keeps_text),
            recorded: Recorded::default(),
            output,
            clock,
            waiting: Arc::clone(&waiting),
        };
        let thread = thread::Builder::new()
            .name("counter".into())
            .spawn(move || counter.run(&exchanges))
            .map_err(|source| CountingError::Thread { source })?;
        Ok(Self { thread, sink: Sink { queue, waiting } })
    }

    /// Where exchanges go.
    pub(crate) fn sink(&self) -> Sink {
        self.sink.clone()
    }

    /// Counts what is left, writes the sessions, and tells what they are. All other sinks must be gone.
    ///
    /// # Errors
    /// The sessions cannot be written.
    pub(crate) fn finish(self) -> Result<Recorded, CountingError> {
        drop(self.sink);
        Ok(self.thread.join().map_err(|_| CountingError::Panicked)??)
    }
}

struct Counter {
    sessions: Sessions,
    recorded: Recorded,
    output: Output,
    clock: Clock,
    waiting: Arc<Waiting>,
}

impl Counter {
    fn run(mut self, exchanges: &Receiver<Exchange>) -> Result<Recorded, OutputError> {
        yield_to_others();
        let mut rhythm = Rhythm::default();
        loop {
            match exchanges.recv_timeout(WRITE_EVERY) {
                Ok(exchange) => self.take(&exchange),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let began_ns = self.clock.now();
            if self.output.is_file() && rhythm.is_due(began_ns, self.recorded.requests) {
                let written = self.output.write(&self.sessions);
                if let Err(error) = &written {
                    tracing::warn!(%error, "what was recorded so far cannot be written; it is tried again");
                }
                let requests = written.ok().map(|()| self.recorded.requests);
                rhythm.tried(began_ns, self.clock.now(), requests);
            }
        }
        self.output.write(&self.sessions)?;
        Ok(self.recorded())
    }

    fn recorded(&self) -> Recorded {
        let mut recorded = self.recorded;
        recorded.sessions = self.sessions.count() as u64;
        recorded.overrun = self.waiting.overrun.load(Relaxed);
        for step in self.sessions.recorded() {
            recorded.input_tokens = recorded.input_tokens.saturating_add(step.input_tokens.unwrap_or(0));
            recorded.output_tokens = recorded.output_tokens.saturating_add(step.output_tokens.unwrap_or(0));
        }
        recorded
    }

    fn take(&mut self, exchange: &Exchange) {
        let recorded = &mut self.recorded;
        match asked_by(exchange) {
            None if exchange.request.is_whole || exchange.request.is_lost => recorded.unreadable += 1,
            None => recorded.unheard += 1,
            Some(asked) => {
                let answer = answer(exchange);
                recorded.requests += 1;
                recorded.failed += u64::from(matches!(answer, Answer::Failure));
                recorded.cut += u64::from(!matches!(answer, Answer::Failure) && !exchange.is_whole);
                recorded.unread_replies +=
                    u64::from(matches!(answer, Answer::Unreadable) && exchange.is_whole);
                self.sessions.take(passed(exchange, asked, answer));
            }
        }
    }
}

/// When the file is written. Pure.
#[derive(Debug)]
struct Rhythm {
    due_ns: RunNs,
    /// Requests that are in the file.
    written: u64,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self { due_ns: as_ns(WRITE_EVERY), written: 0 }
    }
}

impl Rhythm {
    fn is_due(&self, now_ns: RunNs, requests: u64) -> bool {
        now_ns >= self.due_ns && requests > self.written
    }

    /// It was tried to write the file, with so many requests in it if that went well.
    fn tried(&mut self, began_ns: RunNs, now_ns: RunNs, requests: Option<u64>) {
        self.written = requests.unwrap_or(self.written);
        let took_ns = now_ns.saturating_sub(began_ns);
        self.due_ns = now_ns + as_ns(WRITE_EVERY).max(REST * took_ns);
    }
}

/// What a request asked; `None` if its body cannot be read.
fn asked_by(exchange: &Exchange) -> Option<Asked> {
    if exchange.request.is_lost {
        return None;
    }
    let request = decoded(&exchange.request_encoding, &exchange.request.bytes)?;
    asked(exchange.format, &request)
}

fn passed(exchange: &Exchange, asked: Asked, answer: Answer) -> Passed {
    Passed {
        session: exchange.session,
        sent_ns: exchange.sent_ns,
        end_ns: exchange.end_ns,
        tools: asked.tools,
        messages: asked.messages,
        max_tokens: asked.max_tokens,
        previous_id: asked.previous_id,
        reply: match answer {
            Answer::Failure => None,
            Answer::Unreadable => Some(Replied::default()),
            Answer::Reply(reply) => Some(*reply),
        },
    }
}

/// What became of a request.
#[derive(Debug)]
enum Answer {
    /// An error, or nothing.
    Failure,
    /// A response that is too long, or in an encoding or a form that is not known.
    Unreadable,
    /// As far as it came.
    Reply(Box<Replied>),
}

fn answer(exchange: &Exchange) -> Answer {
    if !exchange.status.is_some_and(|status| (200..300).contains(&status)) {
        return Answer::Failure;
    }
    match reply(exchange) {
        None => Answer::Unreadable,
        Some(reply) if reply.is_error => Answer::Failure,
        Some(reply) => Answer::Reply(Box::new(reply)),
    }
}

fn reply(exchange: &Exchange) -> Option<Replied> {
    if exchange.response.is_lost {
        return None;
    }
    let response = decoded(&exchange.response_encoding, &exchange.response.bytes)?;
    let begins_like_events = response.starts_with(b"data:") || response.starts_with(b"event:");
    replied(exchange.format, &response, exchange.is_stream || begins_like_events)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header::CONTENT_ENCODING};
    use rstest::rstest;

    use super::*;
    use crate::{dataset::BodyFormat, plan::TokenizerChoice};

    fn body(text: &str) -> Body {
        let mut body = Body::default();
        body.add(text.as_bytes());
        body.is_whole = true;
        body
    }

    fn exchange(request: Body, response: Body) -> Exchange {
        Exchange {
            format: BodyFormat::Completions,
            session: None,
            sent_ns: 0,
            end_ns: 1,
            status: Some(200),
            is_whole: true,
            request_encoding: HeaderMap::new(),
            response_encoding: HeaderMap::new(),
            is_stream: false,
            request,
            response,
        }
    }

    fn encoded(name: &'static str, exchange: Exchange) -> Exchange {
        let response_encoding = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(name))]);
        Exchange { response_encoding, ..exchange }
    }

    const ASKS: &str = r#"{"prompt": "a"}"#;
    const SAYS: &str = r#"{"choices": [{"text": "b"}]}"#;

    #[rstest]
    #[case::fine(exchange(body(ASKS), body(SAYS)), Recorded { requests: 1, ..Recorded::default() })]
    #[case::html(
        exchange(body(ASKS), body("<html>")),
        Recorded { requests: 1, unread_replies: 1, ..Recorded::default() }
    )]
    #[case::an_unknown_encoding(
        encoded("zstd", exchange(body(ASKS), body(SAYS))),
        Recorded { requests: 1, unread_replies: 1, ..Recorded::default() }
    )]
    #[case::too_long(
        exchange(body(ASKS), Body::lost()),
        Recorded { requests: 1, unread_replies: 1, ..Recorded::default() }
    )]
    #[case::cut(
        Exchange { is_whole: false, ..exchange(body(ASKS), body("{")) },
        Recorded { requests: 1, cut: 1, ..Recorded::default() }
    )]
    #[case::an_error(
        exchange(body(ASKS), body(r#"{"error": "busy"}"#)),
        Recorded { requests: 1, failed: 1, ..Recorded::default() }
    )]
    #[case::no_request(exchange(body("{"), body(SAYS)), Recorded { unreadable: 1, ..Recorded::default() })]
    #[case::a_request_that_is_too_long(
        exchange(Body::lost(), body(SAYS)),
        Recorded { unreadable: 1, ..Recorded::default() }
    )]
    #[case::before_it_was_read(
        Exchange { status: None, is_whole: false, ..exchange(Body::default(), Body::default()) },
        Recorded { unheard: 1, ..Recorded::default() }
    )]
    fn each_end_of_a_request_is_counted(#[case] exchange: Exchange, #[case] expected: Recorded) {
        let mut counter = Counter {
            sessions: Sessions::new(Tokenizer::load(&TokenizerChoice::Builtin).unwrap(), 64, false),
            recorded: Recorded::default(),
            output: Output::Standard,
            clock: Clock::start(),
            waiting: Arc::default(),
        };
        counter.take(&exchange);
        assert_eq!(counter.recorded, expected);
    }

    #[test]
    fn when_nobody_counts_any_more_it_is_noticed_and_nothing_waits() {
        let (queue, exchanges) = channel();
        let sink = Sink { queue, waiting: Arc::default() };
        let kept = |text: &str| {
            let mut body = sink.body();
            body.add(text.as_bytes());
            body
        };
        sink.take(exchange(kept(ASKS), kept(SAYS)));
        let before = sink.waiting.budget.used();
        assert!(!sink.waiting.is_reported.load(Relaxed) && before == ASKS.len() + SAYS.len());
        drop(exchanges);
        sink.take(exchange(kept(ASKS), kept(SAYS)));
        assert!(sink.waiting.is_reported.load(Relaxed) && sink.waiting.budget.used() == 0);
    }

    const S: u64 = 1_000_000_000;

    #[test]
    fn the_file_is_written_when_there_is_something_new_and_not_all_the_time() {
        let mut rhythm = Rhythm::default();
        assert!(!rhythm.is_due(29 * S, 5) && !rhythm.is_due(30 * S, 0) && rhythm.is_due(30 * S, 5));
        rhythm.tried(30 * S, 31 * S, Some(5));
        assert!(!rhythm.is_due(60 * S, 6) && !rhythm.is_due(61 * S, 5) && rhythm.is_due(61 * S, 6));
        rhythm.tried(61 * S, 71 * S, None);
        assert!(!rhythm.is_due(270 * S, 6), "what takes 10 s is not done again for 200 s");
        assert!(rhythm.is_due(271 * S, 6), "what failed is tried again");
    }
}
