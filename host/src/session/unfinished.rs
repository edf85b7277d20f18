//! Sessions that one phase begins and the next phase continues.
//!
//! A warm-up that fills the server's cache begins sessions, and the next phase continues them. When the warm-up ends, it notes the next
//! step of each of its sessions ([`SessionProgress`], [`UnfinishedSessions`]). The next phase plays these first
//! ([`ContinuedSessions`]), each on the server that it began on, and with the session id that a router knows.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::server::place_of;
use crate::plan::CacheFilling;

/// The sessions of a phase that are not over when it ends. All sessions of the phase share it.
#[derive(Clone, Debug)]
pub(crate) struct UnfinishedSessions {
    /// The number of the phase.
    phase: u32,
    /// The position of its first script.
    first_script: u64,
    /// The step with which each session goes on, by its number.
    sessions: Arc<Mutex<BTreeMap<u64, usize>>>,
}

/// How a phase fills the server's cache, and the sessions that it does not finish.
#[derive(Clone, Debug)]
pub(crate) struct Filling {
    pub(crate) how: CacheFilling,
    pub(crate) unfinished: UnfinishedSessions,
}

/// A session that the phase before has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContinuedSession {
    /// The phase, and its number there.
    pub(crate) began_as: (u32, u64),
    /// The position of its script.
    position: u64,
    /// The step with which it goes on.
    pub(crate) step: usize,
}

/// Sessions that the phase before has begun, by their numbers in this one.
#[derive(Clone, Debug, Default)]
pub(crate) struct ContinuedSessions {
    /// A number that none of them has is a new session's.
    sessions: Arc<[Option<ContinuedSession>]>,
    /// How many of them come before each number.
    before: Arc<[u64]>,
}

/// The steps of a session that are over, in a phase that fills the cache.
#[derive(Debug)]
pub(crate) struct SessionProgress {
    filling: Filling,
    session: u64,
    first_step: usize,
    /// Steps that were answered.
    over: Vec<usize>,
    has_failed: bool,
}

impl UnfinishedSessions {
    /// That of a phase with this number, whose first script is at this position. Nothing has begun yet.
    pub(crate) fn new(phase: u32, first_script: u64) -> Self {
        Self { phase, first_script, sessions: Arc::default() }
    }

    /// The sessions that were left, in their order, where sessions go to so many servers in turn. Each has a number by which it
    /// goes to the same one again.
    pub(crate) fn continued(&self, servers: usize) -> ContinuedSessions {
        let servers = servers.max(1);
        let left = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut sessions, mut next): (Vec<Option<ContinuedSession>>, Vec<usize>) =
            (Vec::new(), (0..servers).collect());
        for (number, step) in &*left {
            let of_server = &mut next[place_of(*number, servers)];
            sessions.resize(sessions.len().max(*of_server + 1), None);
            let position = self.first_script.saturating_add(*number);
            sessions[*of_server] =
                Some(ContinuedSession { began_as: (self.phase, *number), position, step: *step });
            *of_server += servers;
        }
        let counted = sessions.iter().scan(0, |before, session| {
            let own = *before;
            *before += u64::from(session.is_some());
            Some(own)
        });
        let before = counted.collect();
        ContinuedSessions { sessions: sessions.into(), before }
    }

    fn note(&self, session: u64, step: usize) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).insert(session, step);
    }
}

impl Filling {
    /// The progress of the session with this number, which begins with this step.
    pub(crate) fn progress(&self, session: u64, first_step: usize) -> SessionProgress {
        SessionProgress { filling: self.clone(), session, first_step, over: Vec::new(), has_failed: false }
    }
}

impl ContinuedSessions {
    /// The position of the script that the session with this number plays, and what the phase before has left of it, if it has
    /// begun. New ones come from `first_script` on.
    pub(crate) fn place(&self, number: u64, first_script: u64) -> (u64, Option<ContinuedSession>) {
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        if let Some(Some(left)) = self.sessions.get(at) {
            return (left.position, Some(*left));
        }
        let all = || self.sessions.iter().flatten().count() as u64;
        let before = self.before.get(at).copied().unwrap_or_else(all);
        (first_script.saturating_add(number - before), None)
    }
}

impl SessionProgress {
    /// A step was answered.
    pub(crate) fn answered(&mut self, step: usize) {
        self.over.push(step);
    }

    /// A step failed.
    pub(crate) fn failed(&mut self) {
        self.has_failed = true;
    }

    /// Nothing more is sent, since the first turn was enough.
    pub(crate) fn is_enough(&self) -> bool {
        self.filling.how == CacheFilling::FirstTurns && !self.over.is_empty()
    }

    /// The session ends, with steps that are left. It is left to the next phase if it ends since the phase does, or was to end
    /// here, and not since the server failed.
    pub(crate) fn leave(self, is_phase_over: bool) {
        if is_phase_over || (self.is_enough() && !self.has_failed) {
            self.filling.unfinished.note(self.session, self.next_step());
        }
    }

    /// The first step that was not answered. What goes on beside it may have been, and is sent again.
    fn next_step(&self) -> usize {
        let mut step = self.first_step;
        while self.over.contains(&step) {
            step += 1;
        }
        step
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn progress(
        unfinished: &UnfinishedSessions,
        how: CacheFilling,
        session: u64,
        answered: &[usize],
    ) -> SessionProgress {
        let filling = Filling { how, unfinished: unfinished.clone() };
        SessionProgress { filling, session, first_step: 2, over: answered.to_vec(), has_failed: false }
    }

    /// Position and step of the first sessions of the next phase, whose first script is the twentieth.
    fn places(unfinished: &UnfinishedSessions, servers: usize) -> Vec<(u64, Option<usize>)> {
        let continued = unfinished.continued(servers);
        let place = |number| {
            let (position, left) = continued.place(number, 20);
            (position, left.map(|left| left.step))
        };
        (0..5).map(place).collect()
    }

    #[test]
    fn what_was_left_goes_on_first_and_new_sessions_come_behind_it() {
        let unfinished = UnfinishedSessions::new(1, 10);
        progress(&unfinished, CacheFilling::UntilOver, 4, &[2, 3]).leave(true);
        progress(&unfinished, CacheFilling::UntilOver, 1, &[]).leave(true);
        assert_eq!(
            places(&unfinished, 1),
            [(11, Some(2)), (14, Some(4)), (20, None), (21, None), (22, None)]
        );
        assert_eq!(unfinished.continued(1).place(1, 20).1.unwrap().began_as, (1, 4));
        assert_eq!(ContinuedSessions::default().place(3, 20), (23, None));
    }

    /// Of three servers in turn, the first one had the session 3, and the second one 1 and 4.
    #[test]
    fn a_session_goes_to_the_server_again_that_it_began_on() {
        let unfinished = UnfinishedSessions::new(1, 10);
        for session in [4, 1, 3] {
            progress(&unfinished, CacheFilling::UntilOver, session, &[]).leave(true);
        }
        let expected = [(13, Some(2)), (11, Some(2)), (20, None), (21, None), (14, Some(2))];
        assert_eq!(places(&unfinished, 3), expected);
        assert_eq!(unfinished.continued(3).place(5, 20), (22, None));
    }

    /// Of calls side by side, the later one was answered.
    #[test]
    fn a_session_goes_on_with_the_first_step_that_was_not_answered() {
        let unfinished = UnfinishedSessions::new(0, 0);
        progress(&unfinished, CacheFilling::UntilOver, 0, &[2, 4]).leave(true);
        assert_eq!(places(&unfinished, 1)[0], (0, Some(3)));
    }

    #[rstest]
    #[case::the_phase_is_over(CacheFilling::UntilOver, &[2], false, true, true)]
    #[case::it_was_cancelled_at_the_end(CacheFilling::UntilOver, &[2], true, true, true)]
    #[case::it_has_failed(CacheFilling::UntilOver, &[2], true, false, false)]
    #[case::its_first_turn_is_over(CacheFilling::FirstTurns, &[2], false, false, true)]
    #[case::a_call_beside_its_first_turn_has_failed(CacheFilling::FirstTurns, &[2], true, false, false)]
    #[case::its_first_turn_has_failed(CacheFilling::FirstTurns, &[], true, false, false)]
    fn a_session_is_left_where_it_was_not_ended_by_the_server(
        #[case] how: CacheFilling,
        #[case] answered: &[usize],
        #[case] has_failed: bool,
        #[case] is_phase_over: bool,
        #[case] is_left: bool,
    ) {
        let unfinished = UnfinishedSessions::new(0, 0);
        SessionProgress { has_failed, ..progress(&unfinished, how, 0, answered) }.leave(is_phase_over);
        assert_eq!(unfinished.continued(1).place(0, 9).1.is_some(), is_left);
    }
}
