//! How many threads may do something at the same time: [`Permits`].

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A fixed number of permits. A thread that finds none free waits for one.
#[derive(Debug)]
pub(super) struct Permits {
    free: Mutex<usize>,
    /// A permit was given back.
    changed: Condvar,
}

/// A permit. It is given back when this value is dropped.
#[derive(Debug)]
pub(super) struct Permit<'a>(&'a Permits);

impl Permits {
    /// At most `most` threads at the same time.
    pub(super) fn of(most: usize) -> Self {
        Self { free: Mutex::new(most), changed: Condvar::new() }
    }

    /// Waits for a permit. `None` where none was given back within this time.
    pub(super) fn wait(&self, within: Duration) -> Option<Permit<'_>> {
        let waited = self.changed.wait_timeout_while(self.free(), within, |free| *free == 0);
        let (mut free, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *free = free.checked_sub(1)?;
        Some(Permit(self))
    }

    fn free(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
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
    fn no_more_threads_than_permits_work_and_all_get_one() {
        let (permits, at_it, most, done) =
            (Permits::of(2), AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let _permit = permits.wait(Duration::from_secs(60)).unwrap();
                    most.fetch_max(at_it.fetch_add(1, SeqCst) + 1, SeqCst);
                    thread::yield_now();
                    at_it.fetch_sub(1, SeqCst);
                    done.fetch_add(1, SeqCst);
                });
            }
        });
        assert!(most.into_inner() <= 2);
        assert_eq!(done.into_inner(), 8);
        assert_eq!(*permits.free(), 2);
    }

    #[test]
    fn who_waits_too_long_has_none() {
        let permits = Permits::of(1);
        let permit = permits.wait(Duration::ZERO);
        assert!(permit.is_some() && permits.wait(Duration::from_millis(1)).is_none());
        drop(permit);
        assert!(permits.wait(Duration::ZERO).is_some());
    }
}
