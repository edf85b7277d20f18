//! Standard error: the one place that writes to it, so that no other thread ever waits for its reader.
//!
//! A pipe that nobody empties blocks its writer, a full disk and a closed terminal are errors; none of them may hold up or
//! end a run. So a thread of its own writes, and everybody else leaves lines with it. When it does not come on for
//! [`TIMEOUT`], lines are dropped and counted until it does. What cannot be written at all is dropped: there is nobody to
//! tell.
//!
//! The [`LineQueue`] in front of it also stands in front of a log file: a disk may be as slow as a reader. A thread that logs does not wait
//! for it at all.
//!
//! A drawing that fills the terminal would be spoilt by lines in between. The code that draws has lines held back meanwhile:
//! [`hold`] and [`release`].

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::Duration,
};

/// Lines that may wait to be written.
const CAPACITY: usize = 1024;

/// How long a line waits for room, and the end of the process for the last line.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Time between two looks at a descriptor that takes nothing now and does not block.
const RETRY_EVERY: Duration = Duration::from_millis(5);

/// Starts the thread that writes. Later, a library that does not finish to open may hold what a new thread needs.
pub(crate) fn start() {
    queue();
}

/// Writes a text, which ends its own lines, soon.
pub(crate) fn write(text: impl Into<Vec<u8>>) {
    match queue() {
        Some(queue) => queue.leave(text.into()),
        // Without a thread to do it, this one must.
        None => put(&mut io::stderr(), &text.into()),
    }
}

/// Writes a text if nothing else waits: one that the next replaces anyway.
pub(crate) fn offer(text: impl Into<Vec<u8>>) {
    match queue() {
        Some(queue) if !queue.state().is_empty() => {}
        _ => write(text),
    }
}

/// From here on, texts are kept back until [`release`], the latest [`CAPACITY`] of them. Drawings are not.
pub(crate) fn hold() {
    if let Some(queue) = queue() {
        queue.state().held.get_or_insert_default();
    }
}

/// Writes what was held back, and holds nothing back any more.
pub(crate) fn release() {
    let held = queue().and_then(|queue| queue.state().held.take());
    if let Some(Held { texts, lost }) = held {
        if lost > 0 {
            write(format!("({lost} earlier lines are left out)\n"));
        }
        texts.into_iter().for_each(write);
    }
}

/// Writes a part of a drawing, whether texts are held back or not.
pub(crate) fn draw(drawing: Vec<u8>) {
    match queue() {
        Some(queue) => queue.leave_for_now(drawing),
        None => put(&mut io::stderr(), &drawing),
    }
}

/// Whether all is written: a drawing would not have to wait.
pub(crate) fn is_idle() -> bool {
    queue().is_none_or(|queue| queue.state().is_empty())
}

/// Waits until everything is written, or the reader takes nothing.
pub(crate) fn flush() {
    if let Some(queue) = queue() {
        queue.wait_until_empty();
    }
}

/// Waits for that when it is dropped: by a function that a panic may leave, too.
#[derive(Debug)]
pub(crate) struct FlushedAtEnd;

impl Drop for FlushedAtEnd {
    fn drop(&mut self) {
        flush();
    }
}

/// The same as a writer: each write is a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        write(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The queue of this process; `None` when there was no thread left for it.
fn queue() -> Option<&'static Arc<LineQueue>> {
    static QUEUE: OnceLock<Option<Arc<LineQueue>>> = OnceLock::new();
    QUEUE.get_or_init(|| LineQueue::start("stderr", io::stderr(), WhenFull::Wait).ok()).as_ref()
}

/// Has the line in the place of lost ones be this one, in place of words. The first such wish holds.
pub(crate) fn note_losses_by(note: LossNote) {
    if let Some(queue) = queue() {
        queue.note_losses_by(note);
    }
}

/// The line that a writer gets in the place of so many that were dropped.
pub(crate) type LossNote = fn(u64) -> String;

/// The usual one, in words.
pub(crate) fn loss_in_words(lost: u64) -> String {
    format!("({lost} lines could not be written in time)\n")
}

/// What becomes of a line for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// It waits for room, for [`TIMEOUT`] at the longest.
    #[default]
    Wait,
    /// It is dropped and counted at once.
    Drop,
}

/// Lines on their way to one writer.
#[derive(Debug, Default)]
pub(crate) struct LineQueue {
    state: Mutex<State>,
    changed: Condvar,
    when_full: WhenFull,
    /// The usual one, until there is another.
    note: OnceLock<LossNote>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Vec<u8>>,
    /// One is being written.
    writing: bool,
    /// A thread has waited for too long: no thread waits again before a line was written.
    stuck: bool,
    /// Lines that were written, or could not be.
    written: u64,
    /// Lines that were dropped since.
    lost: u64,
    /// Those that are held back, if they are.
    held: Option<Held>,
}

#[derive(Debug, Default)]
struct Held {
    texts: VecDeque<Vec<u8>>,
    /// Older ones, for which there was no room.
    lost: u64,
}

impl Held {
    fn keep(&mut self, text: Vec<u8>) {
        if self.texts.len() >= CAPACITY {
            self.texts.pop_front();
            self.lost += 1;
        }
        self.texts.push_back(text);
    }
}

impl State {
    fn is_full(&self) -> bool {
        self.waiting.len() >= CAPACITY
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && !self.writing
    }
}

impl LineQueue {
    /// One with a thread of its own that writes.
    ///
    /// # Errors
    /// There is no thread left.
    pub(crate) fn start(
        name: &str,
        mut out: impl Write + Send + 'static,
        when_full: WhenFull,
    ) -> io::Result<Arc<Self>> {
        let queue = Arc::new(Self { when_full, ..Self::default() });
        let writer = Arc::clone(&queue);
        thread::Builder::new().name(name.into()).spawn(move || writer.write_to(&mut out))?;
        Ok(queue)
    }

    /// What its writer gets in the place of lost lines. The first such wish holds.
    pub(crate) fn note_losses_by(&self, note: LossNote) {
        // A second log of one process is that of a test.
        let _ = self.note.set(note);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while the state is so, unless the writer is stuck.
    fn wait_while(&self, is_so: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let waiting =
            self.changed.wait_timeout_while(self.state(), TIMEOUT, |state| is_so(state) && !state.stuck);
        let (mut state, waited) = waiting.unwrap_or_else(PoisonError::into_inner);
        state.stuck |= waited.timed_out();
        state
    }

    /// Leaves a text to be written soon.
    pub(crate) fn leave(&self, text: Vec<u8>) {
        if let Some(held) = &mut self.state().held {
            held.keep(text);
            return;
        }
        self.leave_for_now(text);
    }

    /// Whether others are held back or not.
    fn leave_for_now(&self, text: Vec<u8>) {
        let mut state = match self.when_full {
            WhenFull::Wait => self.wait_while(State::is_full),
            WhenFull::Drop => self.state(),
        };
        if state.is_full() {
            state.lost += 1;
        } else {
            state.waiting.push_back(text);
            self.changed.notify_all();
        }
    }

    /// Waits until everything is written, or the reader takes nothing.
    pub(crate) fn wait_until_empty(&self) {
        // A second for each line, and not for all of them: a slow reader reads on.
        loop {
            let before = self.state().written;
            let state = self.wait_while(|state| !state.is_empty() && state.written == before);
            if state.is_empty() || state.stuck {
                return;
            }
        }
    }

    /// Writes line after line, for good.
    fn write_to(&self, out: &mut impl Write) {
        loop {
            let text = self.next();
            put(out, &text);
            self.written();
        }
    }

    fn next(&self) -> Vec<u8> {
        let waiting = self.changed.wait_while(self.state(), |state| state.waiting.is_empty());
        let mut state = waiting.unwrap_or_else(PoisonError::into_inner);
        state.writing = true;
        let text = state.waiting.pop_front().unwrap_or_default();
        self.changed.notify_all();
        text
    }

    fn written(&self) {
        let mut state = self.state();
        (state.writing, state.stuck) = (false, false);
        state.written += 1;
        let lost = std::mem::take(&mut state.lost);
        if lost > 0 {
            let note = self.note.get().copied().unwrap_or(loss_in_words);
            state.waiting.push_back(note(lost).into_bytes());
        }
        self.changed.notify_all();
    }
}

/// Writes a text, or drops what cannot be written.
fn put(out: &mut impl Write, mut text: &[u8]) {
    while !text.is_empty() {
        match out.write(text) {
            Ok(0) => return,
            Ok(count) => text = &text[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // A descriptor that another process has made so.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY_EVERY),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// Takes a line when it is told to, and says which it was.
    struct Slow {
        may: std::sync::mpsc::Receiver<()>,
        took: Sender<Vec<u8>>,
    }

    impl Write for Slow {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.may.recv().map_err(io::Error::other)?;
            self.took.send(text.to_vec()).map_err(io::Error::other)?;
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_reader_that_does_not_read_and_it_hears_what_was_lost() {
        let queue = Arc::new(LineQueue::default());
        let (allow, may) = channel();
        let (took, taken) = channel();
        let writer = Arc::clone(&queue);
        thread::spawn(move || writer.write_to(&mut Slow { may, took }));
        // One is being written, as many as there is room for wait, and ten are too many.
        queue.leave(b"first\n".to_vec());
        drop(queue.changed.wait_while(queue.state(), |state| !state.writing).unwrap());
        (0..CAPACITY + 10).for_each(|_| queue.leave(b"more\n".to_vec()));
        queue.wait_until_empty();
        assert!(taken.try_recv().is_err());

        (0..CAPACITY + 2).for_each(|_| allow.send(()).unwrap());
        let all: Vec<String> =
            taken.iter().take(CAPACITY + 2).map(|text| String::from_utf8(text).unwrap()).collect();
        assert_eq!(all[0], "first\n");
        assert!(all[1..=CAPACITY].iter().all(|line| line == "more\n"));
        assert_eq!(all[CAPACITY + 1], "(10 lines could not be written in time)\n");
    }

    #[test]
    fn a_line_is_dropped_at_once_where_nobody_is_to_wait() {
        let queue = LineQueue { when_full: WhenFull::Drop, ..LineQueue::default() };
        queue.note_losses_by(|lost| format!("{lost} are lost\n"));
        (0..CAPACITY + 3).for_each(|_| queue.leave(b"line\n".to_vec()));
        {
            let state = queue.state();
            // A thread that had waited for a writer that there is not would have found it stuck.
            assert!(!state.stuck);
            assert_eq!((state.lost, state.waiting.len()), (3, CAPACITY));
        }
        queue.written();
        assert_eq!(queue.state().waiting.back().unwrap(), b"3 are lost\n");
    }

    #[test]
    fn lines_that_are_held_back_are_written_later_and_the_oldest_are_left_out() {
        let queue = LineQueue::default();
        queue.leave(b"before\n".to_vec());
        queue.state().held = Some(Held::default());
        (0..CAPACITY + 3).for_each(|number| queue.leave(format!("{number}\n").into_bytes()));
        queue.leave_for_now(b"drawing".to_vec());
        assert_eq!(queue.state().waiting, [b"before\n".to_vec(), b"drawing".to_vec()]);
        let held = queue.state().held.take().unwrap();
        assert_eq!((held.lost, held.texts.len(), held.texts[0].as_slice()), (3, CAPACITY, &b"3\n"[..]));
    }

    #[test]
    fn what_cannot_be_written_is_dropped() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::StorageFull.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        put(&mut Full, b"text");
    }
}
