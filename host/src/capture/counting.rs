//! Reads and counts what has passed, on a thread of its own that yields to the traffic.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    exchange::Exchange,
    output::{Output, OutputError},
    sessions::{Passed, Sessions},
};
use crate::{
    clock::{Clock, RunNs, as_ns},
    dataset::{Replied, Tokenizer, asked, replied, yield_to_others},
    explain::Explain,
    request::transport::decoded,
};

/// Bodies that may wait to be counted, in bytes. What passes beyond is not recorded, and counted as such.
const MOST_WAITING: usize = 1 << 30;

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
    bytes: AtomicUsize,
    overrun: AtomicU64,
}

impl Sink {
    pub(super) fn take(&self, exchange: Exchange) {
        let bytes = exchange.bytes();
        if self.waiting.bytes.fetch_add(bytes, Relaxed) + bytes > MOST_WAITING {
            self.waiting.bytes.fetch_sub(bytes, Relaxed);
            self.waiting.overrun.fetch_add(1, Relaxed);
            return;
        }
        // Nobody counts any more only when that thread has panicked, which is told at the end.
        let _ = self.queue.send(exchange);
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
        Ok(self.told())
    }

    fn told(&self) -> Recorded {
        let mut recorded = self.recorded;
        recorded.sessions = self.sessions.count() as u64;
        recorded.overrun = self.waiting.overrun.load(Relaxed);
        for step in self.sessions.recorded() {
            recorded.input_tokens += step.input_tokens.unwrap_or(0);
            recorded.output_tokens += step.output_tokens.unwrap_or(0);
        }
        recorded
    }

    fn take(&mut self, exchange: &Exchange) {
        let bytes = exchange.bytes();
        match read(exchange) {
            None => self.recorded.unreadable += 1,
            Some(passed) => {
                self.recorded.requests += 1;
                self.recorded.failed += u64::from(passed.reply.is_none());
                self.recorded.cut += u64::from(passed.reply.is_some() && !exchange.is_whole);
                self.sessions.take(passed);
            }
        }
        self.waiting.bytes.fetch_sub(bytes, Relaxed);
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

/// What a request asked, and what was replied; `None` if its body cannot be read.
fn read(exchange: &Exchange) -> Option<Passed> {
    if exchange.request.is_lost {
        return None;
    }
    let request = decoded(&exchange.request_encoding, &exchange.request.bytes)?;
    let asked = asked(exchange.format, &request)?;
    Some(Passed {
        session: exchange.session,
        sent_ns: exchange.sent_ns,
        end_ns: exchange.end_ns,
        tools: asked.tools,
        messages: asked.messages,
        max_tokens: asked.max_tokens,
        previous_id: asked.previous_id,
        reply: reply(exchange),
    })
}

/// What was replied, as far as it can be read; `None` if that is an error, or nothing.
fn reply(exchange: &Exchange) -> Option<Replied> {
    exchange.status.filter(|status| (200..300).contains(status))?;
    if exchange.response.is_lost {
        return Some(Replied::default());
    }
    let Some(response) = decoded(&exchange.response_encoding, &exchange.response.bytes) else {
        return Some(Replied::default());
    };
    let begins_like_events = response.starts_with(b"data:") || response.starts_with(b"event:");
    let read = replied(exchange.format, &response, exchange.is_stream || begins_like_events);
    Some(read).filter(|read| !read.is_error)
}

#[cfg(test)]
mod tests {
    use super::*;

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
