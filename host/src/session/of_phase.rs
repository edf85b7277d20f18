//! [`PhaseSessions`]: which session each number of a phase is. Who sends them and who only lists them ask here.

use super::Session;
use crate::{
    dataset::{Markers, Source},
    plan::ReplyPolicy,
    schedule::excerpt::Excerpts,
};

/// What makes sessions of a phase out of the scripts of a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PhaseSessions {
    /// Scripts that earlier phases have played.
    pub(crate) first_script: u64,
    /// What marks the phase's conversations, if anything does.
    pub(crate) markers: Option<Markers>,
    /// Which steps of its script each session plays.
    pub(crate) excerpts: Excerpts,
    /// Whose replies become part of what was said.
    pub(crate) replies: ReplyPolicy,
}

impl PhaseSessions {
    /// The session with this number, from 0.
    pub(crate) fn session(&self, source: &Source, number: u64) -> Session {
        let position = self.first_script.saturating_add(number);
        let script = source.script(position);
        let script = match &self.markers {
            Some(markers) => markers.mark(&script, position),
            None => script,
        };
        let played = self.excerpts.steps(number, script.steps.len());
        Session::of_part(number, script, self.replies, played).of_class(source.class(position))
    }
}
