//! Watches how long the opening of a library takes.
//!
//! While its initialisers run, the linker's lock is held. Any other thread waits for that lock when it begins, or when it uses
//! a thread-local value with a destructor for the first time: to wait on a channel is such a use. So an initialiser that
//! does not return stops the whole process sooner or later, no matter who waits with which deadline. The thread that watches has
//! begun before the library is opened, and waits on nothing but a condition.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::Duration,
};

/// How long a library may take to open: less than it and what is made from it may take together.
const LONGEST: Duration = Duration::from_secs(8);

/// Says that a library does not finish to open, and with which code the process ends.
type Say = fn(library: &Path, longest: Duration) -> u8;

static SAY: OnceLock<Say> = OnceLock::new();

/// The process ends when a library does not finish to open, after `say`. Without this, the user who has started the process has to
/// watch it.
pub(crate) fn when_an_opening_hangs(say: Say) {
    SAY.get_or_init(|| say);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The thread has not begun to watch.
    New,
    Watched,
    Open,
}

/// An opening under way. It is over when this is dropped.
pub(super) struct Opening {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    library: PathBuf,
}

/// Watches the opening of a library, if anybody wants to hear of it. Returns when the watch has begun. `end` ends the process.
///
/// # Errors
/// There is no thread left.
pub(super) fn watch(library: &Path, end: fn(u8) -> !) -> io::Result<Option<Opening>> {
    let Some(say) = SAY.get() else { return Ok(None) };
    let shared = Arc::new(Shared {
        state: Mutex::new(State::New),
        changed: Condvar::new(),
        library: library.to_owned(),
    });
    let watched = Arc::clone(&shared);
    thread::Builder::new().name("opening".to_owned()).spawn(move || watched.watch(*say, end))?;
    shared.wait_for_the_watch();
    Ok(Some(Opening { shared }))
}

impl Shared {
    fn watch(&self, say: Say, end: fn(u8) -> !) {
        self.set(State::Watched);
        let in_time = self.changed.wait_timeout_while(self.lock(), LONGEST, |state| *state == State::Watched);
        let (state, _) = in_time.unwrap_or_else(PoisonError::into_inner);
        if *state == State::Watched {
            end(say(&self.library, LONGEST));
        }
    }

    fn wait_for_the_watch(&self) {
        let begun = self.changed.wait_while(self.lock(), |state| *state == State::New);
        drop(begun.unwrap_or_else(PoisonError::into_inner));
    }

    fn set(&self, state: State) {
        *self.lock() = state;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.shared.set(State::Open);
    }
}
