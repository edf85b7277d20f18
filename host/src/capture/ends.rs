//! Where conversations end that say the same: which of them a request goes on with.

use std::collections::HashMap;

use crate::clock::RunNs;

/// Ends of conversations, by what was said and the session that a header names.
#[derive(Debug, Default)]
pub(super) struct Ends(HashMap<u64, Equal>);

/// Steps after which the same was said, each with the instant at which it ended, in that order.
#[derive(Debug, Default)]
struct Equal {
    /// No request has continued them.
    open: Vec<(RunNs, usize)>,
    /// A request has continued them.
    continued: Vec<(RunNs, usize)>,
}

impl Ends {
    /// Adds a step that no request has continued.
    pub(super) fn add(&mut self, key: u64, step: usize, end_ns: RunNs) {
        insert(&mut self.0.entry(key).or_default().open, (end_ns, step));
    }

    /// A request continues a step.
    pub(super) fn go_on(&mut self, key: u64, step: usize, end_ns: RunNs) {
        let Some(equal) = self.0.get_mut(&key) else { return };
        if let Ok(place) = equal.open.binary_search(&(end_ns, step)) {
            equal.open.remove(place);
            insert(&mut equal.continued, (end_ns, step));
        }
    }

    /// The step that a request goes on with which was sent at this instant: the last one to end before it of those that nobody has
    /// gone on with, or else of all.
    pub(super) fn before(&self, key: u64, sent_ns: RunNs, only_open: bool) -> Option<usize> {
        let equal = self.0.get(&key)?;
        let open = last(&equal.open, sent_ns);
        open.or_else(|| last(&equal.continued, sent_ns).filter(|_| !only_open))
    }
}

/// Most come in the order of their ends, so that nothing has to move.
fn insert(list: &mut Vec<(RunNs, usize)>, new: (RunNs, usize)) {
    let place = list.partition_point(|known| *known <= new);
    list.insert(place, new);
}

fn last(list: &[(RunNs, usize)], sent_ns: RunNs) -> Option<usize> {
    let ended = list.partition_point(|(end_ns, _)| *end_ns <= sent_ns);
    ended.checked_sub(1).map(|place| list[place].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_open_end_before_a_request_comes_first() {
        let mut ends = Ends::default();
        for (step, end_ns) in [(0, 10), (1, 30), (2, 20)] {
            ends.add(7, step, end_ns);
        }
        let before = |ends: &Ends, sent_ns| ends.before(7, sent_ns, false);
        assert_eq!([before(&ends, 9), before(&ends, 25), before(&ends, 30)], [None, Some(2), Some(1)]);
        ends.go_on(7, 2, 20);
        assert_eq!(before(&ends, 25), Some(0), "nobody has gone on with it");
        ends.go_on(7, 0, 10);
        assert_eq!((before(&ends, 25), ends.before(7, 25, true)), (Some(2), None));
        assert_eq!(ends.before(8, 25, false), None);
    }

    /// As many as there are: none is forgotten, however many say the same.
    #[test]
    fn every_end_is_gone_on_with_once() {
        let mut ends = Ends::default();
        (0..50_000).for_each(|step| ends.add(7, step, 10));
        for expected in (0..50_000).rev() {
            let step = ends.before(7, 20, true).unwrap();
            assert_eq!(step, expected);
            ends.go_on(7, step, 10);
        }
        assert_eq!((ends.before(7, 20, true), ends.before(7, 20, false)), (None, Some(49_999)));
    }
}
