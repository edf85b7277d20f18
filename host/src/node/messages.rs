//! The commands of a parent to the node in its child process, and the events that come back.
//!
//! In this order: `Load`, answered by `Loaded`; `Equip`; `Scripts`, or `Generate`, answered by `Generated`; perhaps `Probe`,
//! answered by `Probed`; `Start`, answered by `Started`, and `Ready` follows. Then phases and controls go down, and what the
//! workers produce comes up in batches, until `Dismiss`. What concerns a phase carries its number. Both sides are the same program, so that nothing here needs to be
//! compatible.

use prony_plugin_api::ErrorDetails;
use serde::{Deserialize, Serialize};

use super::{
    batch::{DatasetBatch, LIGHT},
    remote_error::RemoteError,
};
use crate::{
    clock::{Anchor, RunNs},
    plan::{Plan, Secret, WrittenError, WrittenPlan},
    plugin::{DiscoveryOptions, Provenance},
    request::{
        answer::Answer,
        exchange::Finished,
        failure_kind::FailureKind,
        outcome::Outcome,
        worker::{AllStarted, Control},
        worker_statistics::WorkerUsage,
    },
    schedule::{ScheduleCounts, division::Division, numbers::Lease},
    session::Addition,
};

/// A plan with all of its secrets, on its way to workers in another process. No other message, file or text has them.
#[derive(Serialize, Deserialize)]
pub(crate) struct Exposed {
    plan: WrittenPlan,
    api_key: Option<String>,
}

impl Exposed {
    /// Makes a plan ready for its way.
    pub(crate) fn of(plan: Plan) -> Self {
        let api_key = plan.target.api_key.as_ref().map(|key| key.expose().clone());
        Self { plan: WrittenPlan::of(plan), api_key }
    }

    /// The plan.
    ///
    /// # Errors
    /// It makes no sense.
    pub(crate) fn plan(self) -> Result<Plan, WrittenError> {
        let mut plan = self.plan.read()?;
        plan.target.api_key = self.api_key.map(Secret::new);
        Ok(plan)
    }
}

/// What a parent says. It cannot be printed: there are secrets in it.
#[derive(Serialize, Deserialize)]
pub(super) enum NodeCommand {
    /// Load this endpoint.
    Load {
        name: String,
        /// Its options, the text of a JSON object.
        options: String,
        /// Where plugins are.
        discovery: Box<DiscoveryOptions>,
    },
    /// Everything that workers need but the dataset.
    Equip {
        /// The run's plan, with its secrets.
        plan: Box<Exposed>,
        clock: Anchor,
    },
    /// More of a dataset that is a list of scripts.
    Scripts(DatasetBatch),
    /// Generate the dataset as the plan says.
    Generate {
        /// Texts are counted by the run's tokenizer.
        counts: bool,
    },
    /// Wait for the model.
    Probe,
    /// Start the workers, which have this part of the run.
    Start(Division),
    /// Begin a phase.
    Phase(PhaseStart),
    /// More numbers of the phase with this number.
    Lease(u32, Lease),
    /// Drain or cancel the phase with this number.
    Control(u32, Control),
    /// Copy no more bodies: none is written any more.
    LeaveBodies,
    /// End.
    Dismiss,
}

/// A phase to begin.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct PhaseStart {
    /// Position of the phase in the run.
    pub(crate) phase: u32,
    /// When it began.
    pub(crate) start_ns: RunNs,
    /// Scripts that earlier phases have played.
    pub(crate) first_script: u64,
    /// The numbers that a node begins with which has a part of a closed loop. A node that has all of it needs none, and none is
    /// given out in an open loop.
    pub(crate) lease: Option<Lease>,
}

/// What a child says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum NodeEvent {
    /// The endpoint is loaded; with what the report should say about it.
    Loaded(Result<Provenance, RemoteError>),
    /// The dataset is ready.
    Generated(Result<(), RemoteError>),
    /// The model answers.
    Probed(Result<(), RemoteError>),
    /// The workers are there.
    Started(Result<(), RemoteError>),
    /// The connections that are to be open before the load are, as far as they can be.
    Ready,
    /// Nothing is wrong, and there may be nothing else to say.
    Alive,
    /// A request of the phase with this number is being tried.
    Begun(u32),
    /// A request is over.
    Finished(Box<Finished>),
    /// A worker has started all sessions of its part of the phase with this number.
    AllStarted(u32, AllStarted),
    /// The node has few numbers of the phase with this number left, and could use so many more.
    Wants(u32, u64),
    /// A worker has finished its part of the phase with this number.
    Done(u32, ScheduleCounts, WorkerUsage),
    /// The endpoint panicked too often.
    Poisoned,
    /// A worker panicked.
    Lost(String),
    /// A call into the endpoint does not return.
    Hangs(String),
    /// Nothing more is going to be said.
    Bye,
}

impl NodeEvent {
    /// The same with the request's addition in blocks: what is not cut yet cannot be weighed.
    pub(super) fn in_blocks(mut self) -> Self {
        if let Self::Finished(finished) = &mut self {
            finished.addition = finished.addition.take().map(Addition::into_cut);
        }
        self
    }

    /// About how many bytes it has.
    pub(super) fn weight(&self) -> usize {
        let Self::Finished(finished) = self else { return LIGHT };
        let answer = &finished.exchange.answer;
        let texts: usize = answer.texts.iter().map(|passage| passage.text.len()).sum();
        let reasons: usize = answer.finish_reasons.iter().map(|(_, reason)| reason.len() + LIGHT).sum();
        let facts: usize = answer.facts.iter().map(|(name, value)| name.len() + value.len() + LIGHT).sum();
        let model = answer.model.as_ref().map_or(0, String::len);
        let arrivals: usize = answer.choice_times.later_arrivals().map(|text| text.len() + LIGHT).sum();
        let addition = finished.addition.as_ref().map_or(0, Addition::weight);
        let bodies = finished.exchange.bodies.as_ref().map_or(0, |bodies| bodies.weight());
        texts
            + bodies
            + addition
            + reasons
            + facts
            + model
            + answer.first_arrival.len()
            + arrivals
            + 9 * answer.chunk_gaps_ns.len()
            + LIGHT
    }

    /// The same without what makes it heavy: a request whose answer is too long to be handed over has failed.
    pub(super) fn lightened(self) -> Self {
        let Self::Finished(mut finished) = self else { return self };
        finished.exchange.answer = Answer::default();
        finished.addition = None;
        finished.exchange.bodies = None;
        if finished.exchange.outcome.is_ok() {
            finished.exchange.outcome = Outcome::of(Some(ErrorDetails {
                kind: FailureKind::TooLarge.into(),
                message: "the response is too large to be handed from the endpoint's process to ours".into(),
                ..ErrorDetails::default()
            }));
        }
        Self::Finished(finished)
    }
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::TextKind;

    use super::*;
    use crate::{dataset::TextBlock, request::answer::Passage, session::Cut};

    /// What is not weighed makes batches that are too long, and then every answer in them is left out.
    #[test]
    fn a_request_weighs_about_what_it_takes_in_a_frame() {
        let text = || "x".repeat(10_000);
        let mut finished = Finished::default();
        let answer = &mut finished.exchange.answer;
        answer.texts = vec![Passage { choice: 0, kind: TextKind::CONTENT, text: text() }];
        answer.first_arrival = text();
        answer.finish_reasons = vec![(0, text())];
        answer.model = Some(text());
        answer.chunk_gaps_ns = vec![u64::MAX; 1000];
        let blocks = vec![TextBlock { hash: u64::MAX, words: 16 }; 10_000];
        finished.addition = Some(Some(Cut { after: None, blocks, tokens: 160_000 }).into());
        let up = NodeEvent::Finished(Box::new(finished));
        let bytes = rmp_serde::to_vec_named(&up).unwrap().len();
        assert!(up.weight() * 10 > bytes * 9, "{} of {bytes}", up.weight());
        assert!(rmp_serde::to_vec_named(&up.lightened()).unwrap().len() < 10_000);
    }
}
