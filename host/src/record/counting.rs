//! Counts tokens beside the recorder, on several threads, so that nothing waits for it to be kept.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use super::{CountedTokens, Texts, build::try_count};
use crate::dataset::{Tokenizer, yield_to_others};

/// Threads that count, at most.
const MOST_THREADS: usize = 4;

/// Texts that wait to be counted are kept in memory up to this size. What goes beyond it is not counted in the run.
const MOST_BYTES: usize = 64 << 20;

/// The threads that count. They end with this value, when they are done with the text at hand.
pub(super) struct Counters(Arc<Queue>);

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<(u64, Texts)>,
    bytes: usize,
    is_closed: bool,
}

impl Counters {
    /// Starts the threads. `done` is told what was counted, by number; nothing for a text that the tokenizer panicked on.
    ///
    /// # Errors
    /// There is no thread left.
    pub(super) fn start(
        tokenizer: &Arc<Tokenizer>,
        done: impl Fn(u64, Option<CountedTokens>) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let counters = Self(Arc::default());
        let wanted = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        for number in 0..wanted {
            let (queue, tokenizer, done) = (Arc::clone(&counters.0), Arc::clone(tokenizer), done.clone());
            let spawned = thread::Builder::new().name(format!("counter {number}")).spawn(move || {
                // One of them goes on where others want the processor.
                if number > 0 {
                    yield_to_others();
                }
                while let Some((number, texts)) = queue.next() {
                    done(number, try_count(&texts, &tokenizer));
                }
            });
            match spawned {
                Err(error) if number == 0 => return Err(error),
                // Fewer will do.
                Err(_) => break,
                Ok(_) => {}
            }
        }
        Ok(counters)
    }

    /// Takes a text to be counted, unless too much waits.
    pub(super) fn take(&self, number: u64, texts: Texts) -> bool {
        let mut state = self.0.state();
        let bytes = texts.bytes();
        if state.bytes.saturating_add(bytes) > MOST_BYTES {
            return false;
        }
        state.bytes += bytes;
        state.jobs.push_back((number, texts));
        drop(state);
        self.0.changed.notify_one();
        true
    }

    /// Forgets what waits.
    pub(super) fn give_up(&self) {
        let mut state = self.0.state();
        state.jobs.clear();
        state.bytes = 0;
    }
}

impl Drop for Counters {
    fn drop(&mut self) {
        self.give_up();
        self.0.state().is_closed = true;
        self.0.changed.notify_all();
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next text; none when there will be none.
    fn next(&self) -> Option<(u64, Texts)> {
        let mut state = self.state();
        loop {
            if let Some((number, texts)) = state.jobs.pop_front() {
                state.bytes = state.bytes.saturating_sub(texts.bytes());
                return Some((number, texts));
            }
            if state.is_closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
