//! On which track of a timeline a span of time stands: [`Lanes`]. Pure.

/// Tracks of which each has one span at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes {
    /// Until when each of them is taken, and its number.
    taken: Vec<(u64, u32)>,
}

impl Lanes {
    /// The number of a track that is free from `start` to `end`, in nanoseconds. Where none is, `another` gives the number of a new
    /// one. Spans come about in the order of their ends (with agents those of each agent together, each in that order): of several
    /// free tracks, the one that was taken last is taken again, so that few are needed.
    pub(super) fn take(&mut self, start: u64, end: u64, another: impl FnOnce() -> u32) -> u32 {
        let free = self.taken.iter_mut().filter(|(until, _)| *until <= start);
        if let Some((until, number)) = free.max_by_key(|(until, _)| *until) {
            *until = end;
            return *number;
        }
        let number = another();
        self.taken.push((end, number));
        number
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_follows_each_other_shares_a_track_and_what_overlaps_does_not() {
        let mut lanes = Lanes::default();
        let mut count = 0;
        let mut take = |start, end| {
            lanes.take(start, end, || {
                count += 1;
                count
            })
        };
        assert_eq!([take(0, 10), take(5, 12), take(10, 20), take(12, 25), take(1, 26)], [1, 2, 1, 2, 3]);
    }

    proptest! {
        /// Whatever comes in which order: no track has two spans at once.
        #[test]
        fn no_track_has_two_spans_at_once(spans in proptest::collection::vec((0_u64..100, 1_u64..20), 1..60)) {
            let (mut lanes, mut count) = (Lanes::default(), 0);
            let mut by_track: Vec<Vec<(u64, u64)>> = Vec::new();
            for (start, length) in spans {
                let end = start + length;
                let track = lanes.take(start, end, || { count += 1; count - 1 });
                by_track.resize(count as usize, Vec::new());
                let others = &mut by_track[track as usize];
                prop_assert!(others.iter().all(|(from, to)| *to <= start || end <= *from));
                others.push((start, end));
            }
        }
    }
}
