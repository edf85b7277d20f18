//! How many may do something at the same time: [`Turns`].

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// So many turns, each of which somebody has or waits for.
#[derive(Debug)]
pub(super) struct Turns {
    free: Mutex<usize>,
    /// One was given back.
    changed: Condvar,
}

/// A turn. It is given back with this value.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a Turns);

impl Turns {
    /// So many at the same time.
    pub(super) fn of(most: usize) -> Self {
        Self { free: Mutex::new(most), changed: Condvar::new() }
    }

    /// Waits for one. Nothing where none was given back within this time.
    pub(super) fn wait(&self, within: Duration) -> Option<Turn<'_>> {
        let waited = self.changed.wait_timeout_while(self.free(), within, |free| *free == 0);
        let (mut free, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *free = free.checked_sub(1)?;
        Some(Turn(self))
    }

    fn free(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.free() += 1;
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
        thread,
    };

    use super::*;

    #[test]
    fn no_more_than_the_turns_are_at_it_and_all_have_one() {
        let (turns, at_it, most, done) =
            (Turns::of(2), AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let _turn = turns.wait(Duration::from_secs(60)).unwrap();
                    most.fetch_max(at_it.fetch_add(1, SeqCst) + 1, SeqCst);
                    thread::yield_now();
                    at_it.fetch_sub(1, SeqCst);
                    done.fetch_add(1, SeqCst);
                });
            }
        });
        assert!(most.into_inner() <= 2);
        assert_eq!(done.into_inner(), 8);
        assert_eq!(*turns.free(), 2);
    }

    #[test]
    fn who_waits_too_long_has_none() {
        let turns = Turns::of(1);
        let turn = turns.wait(Duration::ZERO);
        assert!(turn.is_some() && turns.wait(Duration::from_millis(1)).is_none());
        drop(turn);
        assert!(turns.wait(Duration::ZERO).is_some());
    }
}
