//! When the sessions of users start.
//!
//! Requests of all users together are due at equal distances, and each user has every N-th of them. A session of as many turns
//! as its script has steps takes as many places of its user in a row; the next session begins at the place behind them. So the
//! starts are a function of the numbers of turns alone, and no answer is waited for.

use std::{cmp::Reverse, collections::BinaryHeap};

use crate::{clock::RunNs, plan::Users};

/// The starts of sessions, ascending and without end, in nanoseconds since the phase's start.
#[derive(Debug)]
pub(super) struct UserStarts {
    users: Users,
    /// For each user, the number of the request that the next session begins with, over all users.
    next: BinaryHeap<Reverse<u64>>,
}

impl UserStarts {
    /// Those of these users, who begin one after the other.
    pub(super) fn new(users: Users) -> Self {
        Self { users, next: (0..users.number.get()).map(|user| Reverse(user.into())).collect() }
    }

    /// When the next session starts, which has so many turns.
    pub(super) fn next(&mut self, turns: u64) -> RunNs {
        // There is a user at least.
        let Some(mut first) = self.next.peek_mut() else { return RunNs::MAX };
        let request = first.0;
        let places = turns.max(1).saturating_mul(self.users.number.get().into());
        first.0 = request.saturating_add(places);
        self.users.due_ns(request)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    fn users(number: u32, rate: f64) -> Users {
        Users { number: NonZeroU32::new(number).unwrap(), rate }
    }

    #[test]
    fn a_user_is_replaced_when_all_turns_have_had_their_time() {
        let mut starts = UserStarts::new(users(3, 10.0));
        let at_ms: Vec<_> = [1, 2, 3, 1, 1, 1].map(|turns| starts.next(turns) / 1_000_000).into();
        assert_eq!(at_ms, [0, 100, 200, 300, 600, 700]);
    }

    proptest! {
        /// Each request of the whole rate belongs to exactly one turn of one session.
        #[test]
        fn turns_of_all_users_have_the_whole_rate(turns in prop::collection::vec(1_u64..9, 60..200), number in 1_u32..20) {
            let of = users(number, 8.0);
            let mut starts = UserStarts::new(of);
            let mut due: Vec<_> = turns
                .iter()
                .flat_map(|turns| {
                    let start_ns = starts.next(*turns);
                    (0..*turns).map(move |turn| start_ns + turn * of.gap_ns())
                })
                .collect();
            due.sort_unstable();
            // Behind the start of the last session, places are free.
            let whole: Vec<_> = (0..).map(|request| of.due_ns(request)).take(turns.len()).collect();
            prop_assert_eq!(&due[..turns.len()], &whole);
        }
    }
}
