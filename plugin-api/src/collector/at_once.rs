//! Questions to several sources at the same time: [`at_once`].

use std::{
    panic::resume_unwind,
    sync::{Mutex, PoisonError},
    thread,
};

/// Asks all sources at the same time, so that a slow one does not shift the others' instants. Answers stand in the order of the sources.
///
/// # Panics
/// When a question panics.
pub fn at_once<S: Send, T: Send>(sources: &mut [S], ask: impl Fn(&mut S) -> T + Sync) -> Vec<T> {
    let count = sources.len();
    let left = Mutex::new(sources.iter_mut().enumerate());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || std::iter::from_fn(next).map(|(at, source)| (at, ask(source))).collect::<Vec<_>>();
    let mut answers: Vec<(usize, T)> = thread::scope(|scope| {
        // Where there is no thread left, this one takes what the others leave.
        let others: Vec<_> =
            (1..count).map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        let mut answers = work();
        for other in others {
            answers.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        answers
    });
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}
