//! The recorder: the thread that turns finished requests into records and keeps them.
//!
//! Tokenising and writing happen here and never on a worker. Workers and services hand over without waiting; what
//! services may have waiting is bounded, what workers have waiting is counted.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{self, Receiver, Sender, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use prony_plugin_api::{
    Message, PublishError,
    message::{PhaseKind, PhaseRecorded, RecordBatch, RecordSummary},
};

use super::{
    Frame, Record,
    build::{Recipe, build},
    journal::{JournalError, Writer},
    mask,
};
use crate::{
    config::redact::Redactor,
    dataset::{Conversation, Tokenizer},
    request::exchange::Finished,
    service::{allowance::Ticket, bus::Bus},
};

/// Records that are written and announced together, at most.
const BATCH: usize = 256;

/// So many requests waiting to be recorded are worth a word in the report.
const NOTABLE_BACKLOG: usize = 10_000;

/// Why a run was not recorded to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecorderError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A bug of ours, or of a library that counts tokens.
    #[error("record the run: the recorder panicked, and what came after that is not in the journal")]
    Panicked,
}

/// What the recorder is asked to keep.
#[derive(Debug)]
enum Input {
    Finished(Box<Finished>),
    Frame(Box<Frame>),
    ServiceMessage {
        service: String,
        message_type: String,
        payload: Vec<u8>,
        ticket: Ticket,
    },
    /// Say when everything before this is in the journal and announced.
    Settle(SyncSender<()>),
    /// The last one: nothing comes after it.
    End(Box<Frame>),
}

/// What an input asks for beyond being kept.
enum Then {
    /// Nothing.
    GoOn,
    /// To be told to the services, behind the records before it.
    Tell(PhaseRecorded),
    /// An answer, behind the records before it.
    Answer(SyncSender<()>),
    /// The end.
    End,
}

/// What the progress display shows, updated as records are made.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// Requests of the current phase that ended well.
    pub(crate) succeeded: AtomicU64,
    /// Requests of the current phase that failed.
    pub(crate) failed: AtomicU64,
    /// Output tokens of the current phase.
    pub(crate) output_tokens: AtomicU64,
}

impl Live {
    /// Starts a phase at zero.
    pub(crate) fn reset(&self) {
        for counter in [&self.succeeded, &self.failed, &self.output_tokens] {
            counter.store(0, Ordering::Relaxed);
        }
    }

    fn note(&self, record: &Record) {
        let outcome = if record.error.is_none() { &self.succeeded } else { &self.failed };
        outcome.fetch_add(1, Ordering::Relaxed);
        self.output_tokens.fetch_add(output_tokens(record), Ordering::Relaxed);
    }
}

/// A handle for those who have something to keep. Clones go to every worker and service.
#[derive(Clone, Debug)]
pub(crate) struct RecorderHandle {
    inputs: Sender<Input>,
    waiting: Arc<Waiting>,
}

/// What waits for the recorder.
#[derive(Debug, Default)]
struct Waiting {
    requests: AtomicUsize,
    most_requests: AtomicUsize,
}

impl RecorderHandle {
    /// Hands over a request that is over. Never waits: what the recorder cannot keep up with waits in memory.
    pub(crate) fn finished(&self, finished: Finished) {
        let waiting = self.waiting.requests.fetch_add(1, Ordering::Relaxed) + 1;
        self.waiting.most_requests.fetch_max(waiting, Ordering::Relaxed);
        self.send(Input::Finished(Box::new(finished)));
    }

    /// Keeps a frame of the run's own.
    pub(crate) fn frame(&self, frame: Frame) {
        self.send(Input::Frame(Box::new(frame)));
    }

    /// Keeps a service's message. Its ticket bounds how much of one service may wait.
    ///
    /// # Errors
    /// Closed after the end of the run.
    pub(crate) fn service_message(
        &self,
        service: &str,
        message_type: &str,
        payload: &[u8],
        ticket: Ticket,
    ) -> Result<(), PublishError> {
        let input = Input::ServiceMessage {
            service: service.to_owned(),
            message_type: message_type.to_owned(),
            payload: payload.to_vec(),
            ticket,
        };
        self.inputs.send(input).map_err(|_| PublishError::Closed)
    }

    /// What the report should say about how far the recorder was behind.
    pub(crate) fn note(&self) -> Option<String> {
        let most = self.waiting.most_requests.load(Ordering::Relaxed);
        (most >= NOTABLE_BACKLOG).then(|| {
            format!("up to {most} requests waited for their tokens to be counted: memory grew, the measurement did not suffer")
        })
    }

    /// Waits until everything handed over so far is in the journal, and the services have been sent its records.
    pub(crate) fn settle(&self) {
        let (answer, settled) = sync_channel(1);
        self.send(Input::Settle(answer));
        // A thread that has ended answers by closing.
        let _ = settled.recv();
    }

    fn send(&self, input: Input) {
        // The thread ends early only when the journal cannot be written, and then the run is ending.
        let _ = self.inputs.send(input);
    }
}

/// The thread and the way to it.
#[derive(Debug)]
pub(crate) struct Recorder {
    handle: RecorderHandle,
    thread: JoinHandle<Result<(), RecorderError>>,
}

/// What the recorder needs to make and keep records.
pub(crate) struct Keeping {
    /// What the requests said.
    pub(crate) dataset: Arc<[Conversation]>,
    /// What counts tokens, if anything does.
    pub(crate) tokenizer: Option<Arc<Tokenizer>>,
    /// Keep the generated texts.
    pub(crate) keep_outputs: bool,
    /// Kind of each phase.
    pub(crate) phases: Vec<PhaseKind>,
    /// Told about records.
    pub(crate) bus: Arc<Bus>,
    /// Counts for the progress display.
    pub(crate) live: Arc<Live>,
    /// Finds what must not be written down.
    pub(crate) redactor: Arc<Redactor>,
}

impl Recorder {
    /// Creates the journal with its header and starts the thread. `on_failure` is called once, from that thread, when
    /// the journal cannot be written any more.
    ///
    /// # Errors
    /// The journal cannot be created.
    pub(crate) fn start(
        dir: &Path,
        header: &Frame,
        keeping: Keeping,
        on_failure: impl FnOnce() + Send + 'static,
    ) -> Result<Self, JournalError> {
        let mut journal = Writer::create(dir)?;
        journal.append(header)?;
        journal.flush()?;
        let (inputs, received) = mpsc::channel();
        let handle = RecorderHandle { inputs, waiting: Arc::default() };
        let waiting = Arc::clone(&handle.waiting);
        let alarm = Alarm(Some(Box::new(on_failure)));
        let thread = thread::Builder::new()
            .name("recorder".into())
            .spawn(move || {
                keeping.run(journal, &received, &waiting)?;
                alarm.disarm();
                Ok(())
            })
            .map_err(|source| JournalError::Create { path: dir.to_owned(), source })?;
        Ok(Self { handle, thread })
    }

    /// A handle for someone who has something to keep.
    pub(crate) fn handle(&self) -> RecorderHandle {
        self.handle.clone()
    }

    /// Writes the last frame and waits until everything is in the journal.
    ///
    /// # Errors
    /// The journal could not be written at some point; what stands before that point is good.
    pub(crate) fn end(self, end: Frame) -> Result<(), RecorderError> {
        self.handle.send(Input::End(Box::new(end)));
        self.thread.join().unwrap_or(Err(RecorderError::Panicked))
    }
}

/// Goes off when the recorder's thread ends before its time, by an error or by a panic.
struct Alarm(Option<Box<dyn FnOnce() + Send>>);

impl Alarm {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(on_failure) = self.0.take() {
            on_failure();
        }
    }
}

impl Keeping {
    fn run(
        self,
        mut journal: Writer,
        inputs: &Receiver<Input>,
        waiting: &Waiting,
    ) -> Result<(), JournalError> {
        while let Ok(first) = inputs.recv() {
            let mut batch = RecordBatch::default();
            // What has piled up goes into one write and one message, up to a limit: it must reach the disk, too.
            for input in std::iter::once(first).chain(inputs.try_iter().take(BATCH)) {
                let then = self.keep(input, &mut journal, &mut batch, waiting)?;
                if let Then::GoOn = then {
                    continue;
                }
                self.announce(&mut journal, &mut batch)?;
                match then {
                    Then::Tell(recorded) => self.bus.send(&recorded),
                    // Whoever asked may have lost patience.
                    Then::Answer(answer) => drop(answer.send(())),
                    Then::GoOn => {}
                    Then::End => return Ok(()),
                }
            }
            self.announce(&mut journal, &mut batch)?;
        }
        Ok(())
    }

    /// Sees to it that what was kept is on its way to the disk, and tells the services of the records in it.
    fn announce(&self, journal: &mut Writer, batch: &mut RecordBatch) -> Result<(), JournalError> {
        journal.flush()?;
        if !batch.records.is_empty() {
            self.bus.send(&std::mem::take(batch));
        }
        Ok(())
    }

    /// Keeps one input.
    fn keep(
        &self,
        input: Input,
        journal: &mut Writer,
        batch: &mut RecordBatch,
        waiting: &Waiting,
    ) -> Result<Then, JournalError> {
        match input {
            Input::Finished(finished) => {
                waiting.requests.fetch_sub(1, Ordering::Relaxed);
                let mut record = build(*finished, self.recipe());
                mask::record(&mut record, &self.redactor);
                self.live.note(&record);
                if self.bus.has_listener(RecordBatch::TYPE) {
                    batch.records.push(self.summary(&record));
                }
                append(journal, &Frame::Record(Box::new(record)))?;
            }
            Input::Frame(frame) => {
                append(journal, &frame)?;
                if let Frame::PhaseEnded { index, .. } = *frame {
                    return Ok(Then::Tell(PhaseRecorded { index, kind: self.phase_kind(index) }));
                }
            }
            Input::ServiceMessage { service, message_type, payload, ticket } => {
                let payload = mask::message(payload, &self.redactor);
                append(journal, &Frame::Message { service, message_type, payload })?;
                drop(ticket);
            }
            Input::End(mut frame) => {
                if let Frame::End(end) = &mut *frame {
                    mask::end(end, &self.redactor);
                }
                journal.append(&frame)?;
                return Ok(Then::End);
            }
            Input::Settle(answer) => return Ok(Then::Answer(answer)),
        }
        Ok(Then::GoOn)
    }

    fn recipe(&self) -> Recipe<'_> {
        Recipe {
            dataset: &self.dataset,
            tokenizer: self.tokenizer.as_deref(),
            keep_outputs: self.keep_outputs,
        }
    }

    fn phase_kind(&self, index: u32) -> PhaseKind {
        self.phases.get(index as usize).copied().unwrap_or_default()
    }

    fn summary(&self, record: &Record) -> RecordSummary {
        let sent = record.instants.sent.unwrap_or(record.instants.started);
        RecordSummary {
            request_id: record.request_id.clone(),
            phase: self.phase_kind(record.phase),
            sent_ns: sent,
            time_to_first_token_ns: record.instants.first_token.map(|at| at.saturating_sub(sent)),
            request_latency_ns: record.instants.end.saturating_sub(sent),
            output_tokens: output_tokens(record),
            error: record.error.clone(),
        }
    }
}

/// Appends a frame. One that cannot be kept is left out, loudly, and the run goes on.
fn append(journal: &mut Writer, frame: &Frame) -> Result<(), JournalError> {
    match journal.append(frame) {
        Err(error @ (JournalError::TooLarge { .. } | JournalError::Encode(_))) => {
            tracing::error!(%error, "a frame is missing from the journal");
            Ok(())
        }
        appended => appended,
    }
}

/// The server's count, else ours.
fn output_tokens(record: &Record) -> u64 {
    record.usage.and_then(|usage| usage.completion).or(record.counted.output).unwrap_or(0)
}
