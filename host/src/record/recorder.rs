//! The recorder: the thread that turns finished requests into records and keeps them.
//!
//! Tokenising and writing never happen on a worker. Workers and services hand over without waiting; what services may have
//! waiting is bounded, what workers have waiting is counted. A record is written before its tokens are counted, which other
//! threads do ([`Counters`]): what is waited for is never what is measured.

use std::{
    path::Path,
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use prony_plugin_api::message::{PhaseKind, PhaseRecorded};

use super::{
    CountedTokens, Frame, Record, RunHeader, Texts,
    announce::{Addresses, Announcement},
    build::{Recipe, build},
    counting::Counters,
    handle::Input,
    journal::{JournalError, JournalLocation, TextStore, Writer},
    live::{Listener, Live},
    mask,
    merge::{Hear, MergeError, Merged, NodeJournal, Target, merge},
    open::{Entry, Next, Open},
    prefixes::{Heard, Prefixes},
    raw::{self, RawFile},
    raw_merge::merge_bodies,
    replies::Replies,
    waiting::Waiting,
};
pub(crate) use super::{handle::RecorderHandle, open::CountingWait};
use crate::{
    clock::Clock,
    config::redact::Redactor,
    dataset::Tokenizer,
    request::{
        bodies::{Bodies, BodyRoom},
        exchange::Finished,
    },
    service::bus::Bus,
    session::Addition,
};

/// Inputs that are kept before what was written goes to the system, at most. Nothing of it takes long.
const BATCH: usize = 64;

/// How long the thread rests when it has kept everything. Who hands over to a thread that waits has to wake it up, which
/// costs a worker more than handing over; and what is not written yet is lost with the process.
const REST: Duration = Duration::from_millis(5);

/// Why a run was not recorded to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecorderError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A bug of ours, or of a library that counts tokens.
    #[error("record the run: the recorder panicked, and what came after that is not in the journal")]
    Panicked,
}

/// The thread and the way to it.
#[derive(Debug)]
pub(crate) struct Recorder {
    handle: RecorderHandle,
    /// Gone when it was asked for.
    location: Option<JournalLocation>,
    /// Gone when it was waited for.
    thread: Option<JoinHandle<Result<(), RecorderError>>>,
}

/// What the recorder needs to make and keep records.
pub(crate) struct RecorderConfig {
    /// What counts tokens, if anything does.
    pub(crate) tokenizer: Option<Arc<Tokenizer>>,
    /// Keep the generated texts.
    pub(crate) keep_outputs: bool,
    /// Kind of each phase, by its number.
    pub(crate) phases: Vec<PhaseKind>,
    pub(crate) clock: Clock,
    /// Told about records.
    pub(crate) bus: Arc<Bus>,
    /// Counts for the progress display.
    pub(crate) live: Arc<Live>,
    /// Hears of every record.
    pub(crate) listener: Arc<dyn Listener>,
    /// Finds what must not be written down.
    pub(crate) redactor: Arc<Redactor>,
    /// Whether bodies are kept.
    pub(crate) bodies: BodyRoom,
}

impl Recorder {
    /// Creates the journal with its header and starts the thread. `on_failure` is called once, from that thread, when
    /// the journal cannot be written any more.
    ///
    /// # Errors
    /// The journal cannot be created, or there is no thread left.
    pub(crate) fn start(
        dir: &Path,
        header: &RunHeader,
        config: RecorderConfig,
        on_failure: impl FnOnce() + Send + 'static,
    ) -> Result<Self, JournalError> {
        let mut journal = Writer::create(dir)?;
        let header_frame = Frame::Header(Box::new(header.clone()));
        // Twice: nothing says what was run if it is damaged.
        journal.append(&header_frame)?;
        journal.append(&header_frame)?;
        journal.flush()?;
        let location = Some(journal.location(dir)?);
        let no_thread = JournalError::Thread;
        let (inputs, received) = mpsc::channel();
        let handle = RecorderHandle {
            inputs,
            waiting: Arc::default(),
            bodies: config.bodies.clone(),
            raw_file: Arc::from(&*header.settings.exports.file_name(raw::FILE_NAME)),
        };
        let counters = config.tokenizer.as_ref().map(|tokenizer| {
            let inputs = handle.inputs.clone();
            Counters::start(tokenizer, move |number, counted| {
                // Without a recorder the run is over.
                let _ = inputs.send(Input::Counted(number, counted));
            })
        });
        let recording = Recording {
            run_id: header.run_id.clone(),
            texts: TextStore::new(dir, &header.run_id),
            raw: RawFile::of(dir, header),
            counters: counters.transpose().map_err(no_thread)?,
            waiting: Arc::clone(&handle.waiting),
            open: Open::default(),
            replies: Replies::default(),
            prefixes: Prefixes::of(&header.settings),
            addresses: Addresses::of(&header.settings),
            counted: Vec::new(),
            ready: Vec::new(),
            config,
            journal,
        };
        let alarm = Alarm(Some(Box::new(on_failure)));
        let thread = thread::Builder::new()
            .name("recorder".into())
            .spawn(move || {
                recording.run(&received)?;
                alarm.disarm();
                Ok(())
            })
            .map_err(no_thread)?;
        Ok(Self { handle, location, thread: Some(thread) })
    }

    /// Where its journal is, whatever becomes of the file's name. Once.
    pub(crate) fn take_location(&mut self) -> Option<JournalLocation> {
        self.location.take()
    }

    /// A handle for someone who has something to keep.
    pub(crate) fn handle(&self) -> RecorderHandle {
        self.handle.clone()
    }

    /// Writes the last frame and waits until everything is in the journal. What is not counted by then stays so.
    ///
    /// # Errors
    /// The journal could not be written at some point; what stands before that point is good.
    pub(crate) fn end(mut self, end: Frame) -> Result<(), RecorderError> {
        self.handle.send(Input::End(Box::new(end)));
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            Some(Err(_)) | None => Err(RecorderError::Panicked),
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.handle.send(Input::Abandon);
        }
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

/// What the thread has.
struct Recording {
    run_id: String,
    config: RecorderConfig,
    journal: Writer,
    texts: TextStore,
    /// Bodies, if the run keeps them.
    raw: Option<RawFile>,
    counters: Option<Counters>,
    waiting: Arc<Waiting>,
    open: Open,
    replies: Replies,
    prefixes: Prefixes,
    addresses: Addresses,
    /// Counts that are not in the journal yet.
    counted: Vec<(u64, CountedTokens)>,
    /// What the services are to be told of, behind the next flush.
    ready: Vec<Next>,
}

/// Whether there is more to come.
enum Then {
    GoOn,
    End,
}

impl Recording {
    fn run(mut self, inputs: &Receiver<Input>) -> Result<(), JournalError> {
        loop {
            let first = match self.next(inputs) {
                Ok(input) => Some(input),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {
                    self.give_up();
                    None
                }
            };
            // What has piled up goes into one write and one message, up to a limit: it must reach the disk, too.
            let mut room = BATCH;
            for input in first.into_iter().chain(inputs.try_iter().take(BATCH)) {
                if let Then::End = self.keep(input)? {
                    return self.end();
                }
                room = room.saturating_sub(1);
            }
            self.take_ready();
            self.flush()?;
            self.serve();
            if room > 0 {
                rest();
            }
        }
    }

    /// Waits for the next input, no longer than the end of the run does for counting.
    fn next(&self, inputs: &Receiver<Input>) -> Result<Input, RecvTimeoutError> {
        match self.open.time_left(self.config.clock.now()) {
            None => inputs.recv().map_err(RecvTimeoutError::from),
            // Counts that come all the time would go on for ever.
            Some(Duration::ZERO) => Err(RecvTimeoutError::Timeout),
            Some(left) => inputs.recv_timeout(left),
        }
    }

    /// Counting is not waited for any more.
    fn give_up(&mut self) {
        self.counters.iter().for_each(Counters::give_up);
        self.open.give_up();
    }

    /// Takes out of the queue what nothing more is to be known of, with the counts that the journal lacks.
    fn take_ready(&mut self) {
        while let Some(mut next) = self.open.pop() {
            match &mut next {
                Next::Record(Entry { record, heard }, number) => {
                    self.replies.complete(record);
                    if let Some(heard) = heard.take() {
                        self.prefixes.complete(record, &heard);
                    }
                    self.counted.extend(number.map(|number| (number, record.counted)));
                }
                Next::Phase(recorded) => {
                    self.replies.forget(recorded.index);
                    self.prefixes.forget(recorded.index);
                }
                Next::Settle(_) => {}
            }
            self.ready.push(next);
        }
    }

    /// Hands what was written to the system.
    fn flush(&mut self) -> Result<(), JournalError> {
        if !self.counted.is_empty() {
            append(&mut self.journal, &Frame::Counted(std::mem::take(&mut self.counted)))?;
        }
        self.journal.flush()?;
        if let Some(raw) = &mut self.raw {
            raw.flush();
            self.waiting.lack_bodies(raw.missing().saturating_add(self.config.bodies.left_out()));
        }
        if self.open.is_done() {
            self.texts.forget();
        }
        Ok(())
    }

    /// Tells the services of records, and those who have waited for them that they are told.
    fn serve(&mut self) {
        let config = &self.config;
        let mut announcement = Announcement::new(&config.bus, &self.addresses);
        for next in self.ready.drain(..) {
            match next {
                Next::Record(Entry { record, .. }, _) => {
                    self.waiting.go();
                    config.live.note_tokens(&record);
                    config.listener.counted(&record);
                    announcement.add(&record, config.phase_kind(record.phase));
                }
                Next::Phase(recorded) => {
                    announcement.send();
                    config.bus.send(&recorded);
                }
                Next::Settle(answer) => {
                    announcement.send();
                    // The caller may have stopped waiting.
                    let _ = answer.send(());
                }
            }
        }
        announcement.send();
    }

    fn end(mut self) -> Result<(), JournalError> {
        self.take_ready();
        self.flush()?;
        if self.open.is_done() {
            self.texts.remove();
        }
        Ok(())
    }

    fn keep(&mut self, input: Input) -> Result<Then, JournalError> {
        let now = self.config.clock.now();
        match input {
            Input::Finished(finished) => self.keep_finished(*finished)?,
            Input::Counted(number, counted) => {
                self.open.count(number, counted);
            }
            Input::Frame(mut frame) => {
                if let Frame::Mark(mark) = &mut *frame {
                    mask::mark(mark, &self.config.redactor);
                }
                append(&mut self.journal, &frame)?;
                if let Frame::PhaseEnded { index, .. } = *frame {
                    let recorded = PhaseRecorded { index, kind: self.config.phase_kind(index) };
                    self.open.tell(recorded);
                }
            }
            Input::ServiceMessage { service, message_type, payload, permit } => {
                let payload = mask::message(payload, &self.config.redactor);
                append(&mut self.journal, &Frame::Message { service, message_type, payload })?;
                drop(permit);
            }
            Input::Merge(journals, answer) => {
                let nodes = journals.clone();
                let merged = match self.merge(journals) {
                    Err(MergeError::Journal(error)) => return Err(error),
                    merged => merged,
                };
                if merged.is_ok() {
                    self.take_bodies(&nodes)?;
                }
                // The caller may have stopped waiting.
                let _ = answer.send(merged);
            }
            Input::Settle(answer, wait) => self.open.settle(answer, wait, now),
            Input::End(mut frame) => {
                if let Frame::End(end) = &mut *frame {
                    mask::end(end, &self.config.redactor);
                }
                // Nobody looks for counts behind the end.
                self.take_ready();
                self.flush()?;
                self.journal.append(&frame)?;
                return Ok(Then::End);
            }
            Input::Abandon => return Ok(Then::End),
        }
        Ok(Then::GoOn)
    }

    /// Takes records of other journals in, and tells the services of them.
    fn merge(&mut self, journals: Vec<NodeJournal>) -> Result<Merged, MergeError> {
        let config = &self.config;
        let mut announcement = Announcement::new(&config.bus, &self.addresses);
        let is_heard = announcement.is_heard();
        let mut tell = |records: &[Record]| {
            for record in records {
                announcement.add(record, config.phase_kind(record.phase));
            }
            announcement.send();
        };
        let hear: Option<Hear<'_>> = if is_heard { Some(&mut tell) } else { None };
        let mut target = Target { journal: &mut self.journal, texts: &mut self.texts, hear };
        let merged = merge(journals, &self.run_id, &mut target)?;
        self.open.leave_uncounted(merged.uncounted);
        Ok(merged)
    }

    /// Takes the bodies in that nodes have kept, if the run keeps any.
    fn take_bodies(&mut self, nodes: &[NodeJournal]) -> Result<(), JournalError> {
        let Some(raw) = &mut self.raw else { return Ok(()) };
        for node in nodes {
            merge_bodies(raw, node);
        }
        self.flush()
    }

    fn keep_finished(&mut self, mut finished: Finished) -> Result<(), JournalError> {
        let addition = finished.addition.take().filter(|_| self.config.tokenizer.is_some());
        let addition = addition.filter(|_| !self.prefixes.is_full());
        let bodies = finished.exchange.bodies.take();
        let (mut record, texts) = build(finished, self.config.recipe());
        mask::record(&mut record, &self.config.redactor);
        self.config.live.note(&record);
        self.config.listener.ended(&record);
        // After the journal has the record: to cut a prompt costs a look at all of it, media too.
        let heard = |record: &Record, texts: Option<&Texts>| {
            addition.and_then(Addition::cut).map(|asked| Box::new(Heard::of(asked, record, texts)))
        };
        let record = Box::new(record);
        let Some(texts) = texts else {
            let frame = Frame::Record(record);
            append(&mut self.journal, &frame)?;
            if let Frame::Record(record) = frame {
                self.keep_bodies(&record, bodies);
                let heard = heard(&record, None);
                self.open.keep(Entry { record, heard });
            }
            return Ok(());
        };
        // If the journal does not take the record, the number and the place of its texts are the next one's.
        let number = self.journal.next_number();
        self.texts.keep(number, &mask::texts(&texts, &self.config.redactor));
        let frame = Frame::Uncounted(record);
        let is_kept = append(&mut self.journal, &frame)?;
        let Frame::Uncounted(record) = frame else { return Ok(()) };
        self.keep_bodies(&record, bodies);
        let heard = heard(&record, Some(&texts));
        if is_kept {
            let is_being_counted =
                self.counters.as_ref().is_some_and(|counters| counters.take(number, texts));
            self.open.keep_uncounted(number, Entry { record, heard }, is_being_counted);
        } else {
            self.open.keep(Entry { record, heard });
        }
        Ok(())
    }

    /// Writes the bodies of a request, behind its record.
    fn keep_bodies(&mut self, record: &Record, bodies: Option<Box<Bodies>>) {
        let Some((raw, bodies)) = self.raw.as_mut().zip(bodies) else { return };
        raw.keep(record, self.config.phase_kind(record.phase), &bodies, &self.config.redactor);
        self.config.bodies.release(&bodies);
        if raw.is_over() {
            self.config.bodies.close();
        }
    }
}

impl RecorderConfig {
    fn recipe(&self) -> Recipe {
        Recipe { counts: self.tokenizer.is_some(), keep_outputs: self.keep_outputs }
    }

    fn phase_kind(&self, index: u32) -> PhaseKind {
        self.phases.get(index as usize).copied().unwrap_or_default()
    }
}

/// Until some more has piled up.
fn rest() {
    thread::sleep(REST);
}

/// Appends a frame. One that cannot be kept is left out, loudly, and the run goes on. Whether it was kept.
fn append(journal: &mut Writer, frame: &Frame) -> Result<bool, JournalError> {
    match journal.append(frame) {
        Ok(()) => Ok(true),
        Err(error @ (JournalError::TooLarge { .. } | JournalError::Encode(_))) => {
            tracing::error!(%error, "a frame is missing from the journal");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        metrics::sample,
        record::{ClockShift, NodeFacts, RunEnd, journal::Reader},
    };

    struct Nobody;

    impl Listener for Nobody {
        fn ended(&self, _: &Record) {}

        fn counted(&self, _: &Record) {}
    }

    fn config() -> RecorderConfig {
        RecorderConfig {
            tokenizer: None,
            keep_outputs: false,
            phases: vec![PhaseKind::Warmup, PhaseKind::Profiling],
            clock: Clock::start(),
            bus: Arc::default(),
            live: Arc::default(),
            listener: Arc::new(Nobody),
            redactor: Arc::default(),
            bodies: BodyRoom::of(false),
        }
    }

    #[test]
    fn records_of_other_journals_stand_before_the_end() {
        let of_node = tempfile::tempdir().unwrap();
        let mut journal = Writer::create(of_node.path()).unwrap();
        journal.append(&Frame::Header(Box::new(sample::header()))).unwrap();
        journal.append(&Frame::Record(Box::new(sample::a()))).unwrap();
        journal.flush().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let recorder = Recorder::start(dir.path(), &sample::header(), config(), || {}).unwrap();
        let (clock, facts) = (ClockShift::default(), NodeFacts::default());
        let merged =
            recorder.handle().merge(vec![NodeJournal { dir: of_node.path().to_owned(), facts, clock }]);
        let merged = merged.recv_timeout(Duration::from_secs(60)).unwrap().unwrap();
        assert_eq!(merged.records, 1);
        recorder.end(Frame::End(RunEnd::default())).unwrap();
        let frames: Vec<Frame> = Reader::open(dir.path()).unwrap().collect();
        let [Frame::Header(_), Frame::Header(_), Frame::Node(_), record, Frame::Node(_), Frame::End(_)] =
            &frames[..]
        else {
            panic!("{frames:?}");
        };
        assert_eq!(*record, Frame::Record(Box::new(sample::a())));
    }
}
