//! Work of a test that mostly waits, done in several threads.

use std::{
    panic::resume_unwind,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// How many threads.
const THREADS: usize = 4;

/// What comes of each, in no order. A thread that is done with one takes the next one.
///
/// # Panics
/// When `each` does.
pub fn side_by_side<T: Sync, U: Send>(all: &[T], each: impl Fn(&T) -> Option<U> + Sync) -> Vec<U> {
    let next = AtomicUsize::new(0);
    let (each, next) = (&each, &next);
    let work = move || {
        let mut found = Vec::new();
        while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            found.extend(each(one));
        }
        found
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_done_once() {
        let all: Vec<usize> = (0..100).collect();
        let mut found = side_by_side(&all, |one| (one % 3 == 0).then_some(*one));
        found.sort_unstable();
        assert_eq!(found, all.iter().copied().step_by(3).collect::<Vec<_>>());
    }
}
