//! Where sessions stand that a phase leaves to the next one.
//!
//! A warm-up that fills the server's cache begins sessions, and the phase behind it goes on with them. The warm-up notes how far
//! each of its sessions has come when it ends ([`Course`], [`Standing`]); the next phase plays these first ([`Begun`]).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::plan::CacheFilling;

/// What the sessions of a phase leave behind. All of them share it.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    /// The position of the phase's first script.
    first_script: u64,
    /// The step with which each session goes on, by its number.
    sessions: Arc<Mutex<BTreeMap<u64, usize>>>,
}

/// How a phase fills the server's cache, and what it leaves behind.
#[derive(Clone, Debug)]
pub(crate) struct Filling {
    pub(crate) how: CacheFilling,
    pub(crate) standing: Standing,
}

/// Sessions that the phase before has begun: the position of each one's script, and the step with which it goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Begun(Arc<[(u64, usize)]>);

/// How far a session has come that fills the cache.
#[derive(Debug)]
pub(crate) struct Course {
    filling: Filling,
    session: u64,
    first_step: usize,
    /// Steps that were answered.
    over: Vec<usize>,
    has_failed: bool,
}

impl Standing {
    /// That of a phase whose first script is at this position. Nothing has begun yet.
    pub(crate) fn new(first_script: u64) -> Self {
        Self { first_script, sessions: Arc::default() }
    }

    /// The sessions that were left, in their order.
    pub(crate) fn begun(&self) -> Begun {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let place = |(number, step): (&u64, &usize)| (self.first_script.saturating_add(*number), *step);
        Begun(sessions.iter().map(place).collect())
    }

    fn note(&self, session: u64, step: usize) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).insert(session, step);
    }
}

impl Filling {
    /// The course of the session with this number, which begins with this step.
    pub(crate) fn course(&self, session: u64, first_step: usize) -> Course {
        Course { filling: self.clone(), session, first_step, over: Vec::new(), has_failed: false }
    }
}

impl Begun {
    /// The position of the script that the session with this number plays, and the step with which it goes on, if it has begun.
    /// Behind those that have begun come new ones, from `first_script` on.
    pub(crate) fn place(&self, number: u64, first_script: u64) -> (u64, Option<usize>) {
        let begun = usize::try_from(number).ok().and_then(|number| self.0.get(number));
        match begun {
            Some((position, step)) => (*position, Some(*step)),
            None => (first_script.saturating_add(number - self.0.len() as u64), None),
        }
    }
}

impl Course {
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
            self.filling.standing.note(self.session, self.next_step());
        }
    }

    /// The first step that was not answered. What goes on beside it may have been, and is sent again.
    fn next_step(&self) -> usize {
        (self.first_step..).find(|step| !self.over.contains(step)).unwrap_or(self.first_step)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn course(standing: &Standing, how: CacheFilling, session: u64, answered: &[usize]) -> Course {
        let filling = Filling { how, standing: standing.clone() };
        Course { filling, session, first_step: 2, over: answered.to_vec(), has_failed: false }
    }

    #[test]
    fn what_was_left_goes_on_first_and_new_sessions_come_behind_it() {
        let standing = Standing::new(10);
        course(&standing, CacheFilling::UntilOver, 4, &[2, 3]).leave(true);
        course(&standing, CacheFilling::UntilOver, 1, &[]).leave(true);
        let begun = standing.begun();
        let places: Vec<_> = (0..4).map(|number| begun.place(number, 20)).collect();
        assert_eq!(places, [(11, Some(2)), (14, Some(4)), (20, None), (21, None)]);
        assert_eq!(Begun::default().place(3, 20), (23, None));
    }

    /// Of calls side by side, the later one was answered.
    #[test]
    fn a_session_goes_on_with_the_first_step_that_was_not_answered() {
        let standing = Standing::new(0);
        course(&standing, CacheFilling::UntilOver, 0, &[2, 4]).leave(true);
        assert_eq!(standing.begun().place(0, 0), (0, Some(3)));
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
        let standing = Standing::new(0);
        Course { has_failed, ..course(&standing, how, 0, answered) }.leave(is_phase_over);
        assert_eq!(standing.begun().place(0, 9).1.is_some(), is_left);
    }
}
