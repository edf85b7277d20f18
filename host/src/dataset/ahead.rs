//! Scripts that are made ahead of time, on a thread beside the workers: making a long prompt on a worker's thread would take
//! time from its streams.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, Thread},
};

use super::{Script, sampling::Order};

/// About the most bytes of scripts that wait to be sent.
const MOST_BYTES: u64 = 16 << 20;

/// Fewest and most scripts that wait.
const FEWEST: u64 = 2;
const MOST: u64 = 4096;

/// What makes scripts, each for itself.
pub(super) trait Maker: fmt::Debug + Send + Sync + 'static {
    /// The script with this number.
    fn script(&self, number: u64) -> Script;

    /// How many steps that script has. Costs much less than making it.
    fn steps(&self, number: u64) -> u64;

    /// A script may have several steps.
    fn has_dialogues(&self) -> bool;

    /// About how many bytes a long script has, without what scripts share.
    fn bytes_a_script(&self) -> u64;
}

/// Makes scripts in the order of their positions, some ahead of the last one that was asked for. One that is not ready is
/// made by the worker that asks for it, without a wait.
#[derive(Debug)]
pub(super) struct Ahead {
    shared: Arc<Shared>,
    maker: Thread,
}

/// A script that is ready, and its position.
type Slot = Mutex<Option<(u64, Arc<Script>)>>;

#[derive(Debug)]
struct Shared {
    maker: Box<dyn Maker>,
    /// How many different scripts there are; without end if none.
    len: Option<u64>,
    order: Order,
    /// A script stands at its position, modulo their number. Twice as many as are made ahead: workers of an open loop ask
    /// out of order.
    slots: Vec<Slot>,
    lead: u64,
    /// One more than the highest position that was asked for.
    asked: AtomicU64,
    /// One more than the last position that was made.
    made: AtomicU64,
    is_resting: AtomicBool,
    is_over: AtomicBool,
}

impl Ahead {
    /// Starts the thread.
    ///
    /// # Errors
    /// There is no thread left.
    pub(super) fn start(maker: impl Maker, len: Option<u64>, order: Order) -> io::Result<Self> {
        let lead = (MOST_BYTES / maker.bytes_a_script().max(1)).clamp(FEWEST, MOST);
        let shared = Arc::new(Shared {
            maker: Box::new(maker),
            len,
            order,
            slots: (0..lead * 2).map(|_| Mutex::default()).collect(),
            lead,
            asked: AtomicU64::new(0),
            made: AtomicU64::new(0),
            is_resting: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        });
        let thread = thread::Builder::new().name("prompts".into()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.make()
        })?;
        Ok(Self { shared, maker: thread.thread().clone() })
    }

    /// The script at this position.
    pub(super) fn script(&self, position: u64) -> Arc<Script> {
        let shared = &*self.shared;
        let asked = position.saturating_add(1);
        let asked = shared.asked.fetch_max(asked, Ordering::SeqCst).max(asked);
        let left = shared.made.load(Ordering::SeqCst).saturating_sub(asked);
        if left < shared.lead / 2 && shared.is_resting.swap(false, Ordering::SeqCst) {
            self.maker.unpark();
        }
        shared.take(position).unwrap_or_else(|| shared.new_script(position))
    }

    /// A script may have several steps.
    pub(super) fn has_dialogues(&self) -> bool {
        self.shared.maker.has_dialogues()
    }

    /// How many steps the script at this position has.
    pub(super) fn steps(&self, position: u64) -> u64 {
        self.shared.maker.steps(self.shared.number(position))
    }

    /// How many different scripts there are.
    pub(super) fn len(&self) -> Option<u64> {
        self.shared.len
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.maker.unpark();
    }
}

impl Shared {
    fn make(&self) {
        let mut next = 0;
        while !self.is_over.load(Ordering::SeqCst) {
            let asked = self.asked.load(Ordering::SeqCst);
            next = asked.max(next);
            if next < asked.saturating_add(self.lead) {
                let script = self.new_script(next);
                *lock(self.slot(next)) = Some((next, script));
                next += 1;
                self.made.store(next, Ordering::SeqCst);
            } else {
                self.is_resting.store(true, Ordering::SeqCst);
                // Somebody may have asked before it was known that this thread rests.
                if self.asked.load(Ordering::SeqCst) == asked {
                    thread::park();
                }
            }
        }
    }

    fn take(&self, position: u64) -> Option<Arc<Script>> {
        lock(self.slot(position)).take_if(|(of, _)| *of == position).map(|(_, script)| script)
    }

    fn slot(&self, position: u64) -> &Slot {
        let slots = self.slots.len() as u64;
        &self.slots[usize::try_from(position % slots).unwrap_or(0)]
    }

    fn new_script(&self, position: u64) -> Arc<Script> {
        Arc::new(self.maker.script(self.number(position)))
    }

    /// The number of the script at a position.
    fn number(&self, position: u64) -> u64 {
        let place = self.order.place(position, self.len);
        place.checked_rem(self.len.unwrap_or(0)).unwrap_or(place)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use rstest::rstest;

    use super::*;
    use crate::{
        clock::Clock,
        dataset::{
            generate::{Content, Generator},
            media::Media,
        },
        plan::{
            ContextConfig, DialogueConfig, LengthLaw, PromptCorpus, SequenceLaw, SequenceLengths,
            media::MediaConfig,
        },
        seed::Seed,
    };

    fn generator() -> Generator {
        let isl = SequenceLaw::Normal(LengthLaw { mean: 8.0, stddev: 2.0 });
        let lengths = &SequenceLengths::Apart { isl, osl: None };
        let content = Content::Prompts { lengths, batch_size: 1, corpus: PromptCorpus::default() };
        let media = Media::make(&MediaConfig::default(), None, Seed::new(42)).unwrap();
        let (dialogue, before) = (DialogueConfig::default(), ContextConfig::default());
        Generator::new(content, media, None, Seed::new(42), dialogue, &before).unwrap()
    }

    #[rstest]
    #[case::endless(None)]
    #[case::few(Some(7))]
    fn threads_that_ask_in_any_order_get_what_one_would(#[case] len: Option<u64>) {
        let (ahead, barrier) = (Ahead::start(generator(), len, Order::InTurn).unwrap(), Barrier::new(4));
        let alone = generator();
        thread::scope(|scope| {
            for worker in 0..4 {
                let (ahead, barrier, alone) = (&ahead, &barrier, &alone);
                scope.spawn(move || {
                    barrier.wait();
                    for position in (worker..20_000).step_by(4) {
                        let number = position % len.unwrap_or(u64::MAX);
                        assert_eq!(*ahead.script(position), alone.script(number));
                    }
                });
            }
        });
    }

    #[test]
    fn what_nobody_has_asked_for_is_made_up_to_the_lead() {
        let ahead = Ahead::start(generator(), None, Order::InTurn).unwrap();
        let (clock, minute) = (Clock::start(), 60_000_000_000);
        while ahead.shared.made.load(Ordering::SeqCst) < ahead.shared.lead {
            assert!(clock.now() < minute, "nothing is made");
            thread::yield_now();
        }
        assert!(ahead.shared.take(0).is_some());
        assert_eq!(ahead.shared.made.load(Ordering::SeqCst), ahead.shared.lead);
    }
}
