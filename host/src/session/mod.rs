//! Sessions: scripts as they are played, request by request. Pure: who plays one decides when, and sends what it says.
//!
//! A session is the unit of work of a worker. It begins with its script; each answer that came makes the steps ready that waited
//! for it, and is what their requests repeat ([`history`]). A single request is a session of one step.

pub(crate) mod history;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::history::{Reply, Said};
use crate::{
    dataset::{Script, StepPlace},
    plan::ReplyPolicy,
};

/// A script that is being played.
#[derive(Debug)]
pub(crate) struct Session {
    number: u64,
    script: Arc<Script>,
    replies: ReplyPolicy,
    /// Of each step of a script that has several.
    steps: Vec<StepState>,
    /// Steps that are not over.
    left: usize,
}

#[derive(Debug, Default)]
struct StepState {
    /// Steps that it still waits for.
    waits_for: usize,
    /// Steps that go on with its conversation and do not have it yet.
    wanted_by: usize,
    /// What was said up to its reply, once it is over and as long as it is wanted.
    said: Vec<Said>,
}

/// A step that is ready, with all that its request says.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    /// The session's place in the phase, from 0.
    pub(crate) session: u64,
    /// The step's position in the script.
    pub(crate) position: usize,
    /// What was said before it, oldest first.
    pub(crate) history: Vec<Said>,
    script: Arc<Script>,
}

impl Turn {
    /// The step.
    pub(crate) fn step(&self) -> StepPlace<'_> {
        self.script.place(self.position)
    }
}

impl Session {
    /// A session at its start. `number` is its place in the phase, from 0.
    pub(crate) fn new(number: u64, script: Arc<Script>, replies: ReplyPolicy) -> Self {
        let left = script.steps.len();
        let mut session = Self { number, script, replies, steps: Vec::new(), left };
        // Most sessions are single requests, and need no list.
        if left > 1 {
            session.steps = session.script.steps.iter().map(|step| StepState::of(step.after.len())).collect();
            for step in &session.script.steps {
                if let Some(context) = step.context {
                    session.steps[context as usize].wanted_by += 1;
                }
            }
        }
        session
    }

    /// The first step, which waits for nothing.
    pub(crate) fn first(&self) -> Turn {
        Turn { session: self.number, position: 0, history: Vec::new(), script: Arc::clone(&self.script) }
    }

    /// The steps beside the first one that wait for nothing either.
    pub(crate) fn others_at_start(&mut self) -> Vec<Turn> {
        let ready: Vec<_> = (1..self.steps.len()).filter(|at| self.steps[*at].waits_for == 0).collect();
        ready.into_iter().map(|position| self.turn(position)).collect()
    }

    /// Whether this step is all that is left: nothing comes after it, and nothing goes on beside it.
    pub(crate) fn is_last(&self) -> bool {
        self.left <= 1
    }

    /// The request of a step was answered. Gives the steps that were waiting for that alone.
    pub(crate) fn answered(&mut self, turn: Turn, reply: Option<Reply>) -> Vec<Turn> {
        self.left = self.left.saturating_sub(1);
        let Some(state) = self.steps.get_mut(turn.position) else { return Vec::new() };
        if state.wanted_by > 0 {
            let mut said = turn.history;
            said.extend(history::scripted(&self.script, turn.position));
            let recorded = history::recorded(&self.script, turn.position)
                .filter(|_| self.replies == ReplyPolicy::Recorded || reply.is_none());
            said.extend(recorded.or_else(|| reply.map(history::replied)));
            state.said = said;
        }
        let over = u32::try_from(turn.position).unwrap_or(u32::MAX);
        let mut ready = Vec::new();
        for (position, step) in self.script.steps.iter().enumerate().skip(turn.position + 1) {
            if step.after.contains(&over) {
                self.steps[position].waits_for -= 1;
                if self.steps[position].waits_for == 0 {
                    ready.push(position);
                }
            }
        }
        ready.into_iter().map(|position| self.turn(position)).collect()
    }

    fn turn(&mut self, position: usize) -> Turn {
        let history = match self.script.steps[position].context {
            None => Vec::new(),
            Some(context) => self.steps[context as usize].give(),
        };
        Turn { session: self.number, position, history, script: Arc::clone(&self.script) }
    }
}

impl StepState {
    fn of(waits_for: usize) -> Self {
        Self { waits_for, ..Self::default() }
    }

    /// What was said, to one of those who want it; the last one takes it.
    fn give(&mut self) -> Vec<Said> {
        self.wanted_by = self.wanted_by.saturating_sub(1);
        if self.wanted_by == 0 { std::mem::take(&mut self.said) } else { self.said.clone() }
    }
}
