//! What is known about a run, as every file of its report tells it: the [`Report`].

use std::path::PathBuf;

use prony_plugin_api::message::PhaseKind;

use super::{
    beside::Beside,
    errors::ErrorGroup,
    messages::Messages,
    models_seen::ModelsSeen,
    prefix_cache::PrefixCacheReport,
    server_metrics::{OtherClient, Speculation},
};
use crate::{
    metrics::{
        ClassResults, ClientReport, NodeResults, PhaseCounts, PhaseSpan, Results, Sessions,
        steady::Steadiness,
    },
    plan::Role,
    plugin::UsedPlugin,
    record::{Mark, RunEnd, RunHeader, journal::Damage},
};

/// Everything that is known about a run.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) header: RunHeader,
    /// The numbers of the profiling phases together.
    pub(crate) profiling: Results,
    /// The numbers of the warm-up, if there was one.
    pub(crate) warmup: Option<Results>,
    /// What each phase came to, in order; empty where only one was profiled.
    pub(crate) by_phase: Vec<PhaseReport>,
    /// What the order of requests says of each measured phase whose load stayed the same, by its name.
    pub(crate) steadiness: Vec<(String, Steadiness)>,
    /// The numbers of the profiling phases for each base URL, where there are several.
    pub(crate) by_url: Vec<Results>,
    /// The same for each class, by its number, where there are classes.
    pub(crate) by_class: Vec<ClassResults>,
    /// The same for each node, in the order of their numbers, where the run had any.
    pub(crate) by_node: Vec<NodeResults>,
    /// Metrics pages whose servers had more to do than prony gave them.
    pub(crate) strangers: Vec<OtherClient>,
    /// Sessions of several requests.
    pub(crate) sessions: Sessions,
    /// What prefix caches had of the prompts.
    pub(crate) prefix_cache: PrefixCacheReport,
    /// What the servers' own metrics say of speculative decoding.
    pub(crate) speculation: Option<Speculation>,
    /// What was measured beside the load.
    pub(crate) beside: Beside,
    /// What services published.
    pub(crate) messages: Messages,
    /// What was done around the load, in order.
    pub(crate) marks: Vec<Mark>,
    /// Every phase that began, in order.
    pub(crate) phases: Vec<PhaseSpan>,
    /// What was measured of the client, and whether it can be believed.
    pub(crate) client: ClientReport,
    /// Failures while profiling.
    pub(crate) errors: Vec<ErrorGroup>,
    /// Failures while warming up.
    pub(crate) warmup_errors: Vec<ErrorGroup>,
    /// Models that the server said it ran while profiling, and for how many requests.
    pub(crate) models_seen: ModelsSeen,
    /// Responses whose tokens were to be counted here and are not.
    pub(crate) uncounted: u64,
    /// How the run ended; unknown when it was killed.
    pub(crate) end: Option<RunEnd>,
    /// What is missing of the journal.
    pub(crate) damage: Damage,
    /// Its header is missing: nothing is known of what was asked for.
    pub(crate) is_header_lost: bool,
    /// Why the report does not cover what was asked for, if so.
    pub(crate) incomplete_reason: Option<String>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
    /// The files that the run has left, in order.
    pub(crate) files: Vec<PathBuf>,
}

/// What one phase came to.
#[derive(Clone, Debug)]
pub(crate) struct PhaseReport {
    /// Its position in the run.
    pub(crate) index: u32,
    /// Its name, for people.
    pub(crate) name: String,
    /// What it was for.
    pub(crate) role: Role,
    pub(crate) results: Results,
    /// Its failures.
    pub(crate) errors: Vec<ErrorGroup>,
}

impl Report {
    /// Whether the run came to the end that was asked for, and its journal is whole.
    pub(crate) fn came_to_its_end(&self) -> bool {
        self.incomplete_reason.is_none()
    }

    /// Whether the user or a service ended the run.
    pub(crate) fn was_cancelled(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.was_cancelled)
    }

    /// Whether every profiled request failed because there was no connection to the server.
    pub(crate) fn never_connected(&self) -> bool {
        let connect = self.errors.iter().filter(|group| group.sample.kind.is_nobody_there());
        let failed: u64 = connect.map(|group| group.count).sum();
        failed > 0 && failed == self.profiling.outcomes.completed()
    }

    /// Why prony cancelled what was in flight at the end.
    pub(crate) fn why_cancelled(&self) -> String {
        match &self.end {
            Some(RunEnd { reason: Some(reason), .. }) => reason.clone(),
            Some(RunEnd { was_cancelled: true, .. }) => "the run was interrupted".to_owned(),
            _ => "the grace period was over".to_owned(),
        }
    }

    /// What is to be said of requests whose kept connection the server had closed, if there were any.
    pub(crate) fn closed_idle(&self) -> Option<String> {
        let outcomes = self.profiling.outcomes;
        let again = match outcomes.retried {
            0 => String::new(),
            retried => format!(
                "; of these, sent again since it was seen only then: {retried}, whose times begin with the first try"
            ),
        };
        let count = outcomes.closed_idle();
        (count > 0).then(|| {
            format!(
                "requests that went over a new connection because the server had closed the kept one before it can have read \
                 them (closed_idle): {count}{again}"
            )
        })
    }

    /// The bookkeeping of the profiling phases; unknown when the run was killed in one, or before it.
    pub(crate) fn counts(&self) -> Option<PhaseCounts> {
        let profiles = |span: &PhaseSpan| span.kind == PhaseKind::Profiling;
        if self.end.is_none() && !self.phases.iter().any(profiles) {
            return None;
        }
        self.phases.iter().filter(|span| span.kind == PhaseKind::Profiling).map(PhaseSpan::counts).sum()
    }

    /// The plugins that were used; of a run that was killed, those that it began with.
    pub(crate) fn plugins(&self) -> &[UsedPlugin] {
        self.end.as_ref().map_or(&self.header.plugins, |end| &end.plugins)
    }

    /// Wall-clock nanoseconds since the Unix epoch of an instant of the run.
    pub(crate) fn wall_ns(&self, run_ns: u64) -> u64 {
        self.header.wall_start_ns.saturating_add(run_ns)
    }
}
