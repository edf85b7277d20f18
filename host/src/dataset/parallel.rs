//! Work on many items by all cores, before the load starts.
//!
//! Knows nothing of datasets. What is done to an item must not depend on the others: which core does it, and when, is
//! left to chance.

use std::{num::NonZero, thread};

/// Does the work to every item, with the item's position. A panic in the work is passed on.
pub(super) fn for_each<T: Send>(items: &mut [T], work: impl Fn(usize, &mut T) + Sync) {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let share = items.len().div_ceil(cores).max(1);
    thread::scope(|scope| {
        for (chunk, items) in items.chunks_mut(share).enumerate() {
            let work = &work;
            scope.spawn(move || {
                for (position, item) in items.iter_mut().enumerate() {
                    work(chunk * share + position, item);
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    fn every_item_is_worked_on_once_at_its_position(#[values(0, 1, 2, 3, 1000)] count: usize) {
        let mut items = vec![0; count];
        super::for_each(&mut items, |position, item| *item += position + 1);
        assert_eq!(items, (1..=count).collect::<Vec<_>>());
    }
}
