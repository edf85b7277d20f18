//! [`PhaseSessions`]: which session each number of a phase is. Who sends them and who only lists them ask here.

use super::{Session, unfinished::ContinuedSessions};
use crate::{
    dataset::{Markers, Source},
    plan::ReplyPolicy,
    schedule::excerpt::Excerpts,
};

/// What makes sessions of a phase out of the scripts of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct PhaseSessions {
    /// Scripts that earlier phases have played.
    pub(crate) first_script: u64,
    /// What marks the phase's conversations, if anything does.
    pub(crate) markers: Option<Markers>,
    /// Which steps of its script each session plays.
    pub(crate) excerpts: Excerpts,
    /// Whose replies become part of what was said.
    pub(crate) replies: ReplyPolicy,
    /// Sessions that the phase before has begun.
    pub(crate) continued: ContinuedSessions,
    /// Requests only fill the server's cache.
    pub(crate) fills_cache: bool,
}

impl PhaseSessions {
    /// The session with this number, from 0.
    pub(crate) fn session(&self, source: &Source, number: u64) -> Session {
        let (position, left) = self.continued.place(number, self.first_script);
        let script = source.script(position);
        let script = match &self.markers {
            Some(markers) => markers.mark(&script, position),
            None => script,
        };
        let played = match left {
            Some(left) => self.excerpts.steps_from(number, left.step, script.steps.len()),
            None => self.excerpts.steps(number, script.steps.len()),
        };
        let session = Session::of_part(number, script, self.replies, played)
            .of_class(source.class(position))
            .begun_as(left.map(|left| left.began_as));
        if self.fills_cache { session.filling_cache() } else { session }
    }
}
