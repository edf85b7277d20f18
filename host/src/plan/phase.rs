//! A phase: a named part of a run with one load.

use std::time::Duration;

use prony_plugin_api::message::PhaseKind;

use super::{load::Load, rules::Rules, stop::StopRule};

/// Seconds for which requests in flight may go on, unless the user says otherwise. Containers are killed 10 s after SIGTERM,
/// and the report takes its time as well.
pub(crate) const DEFAULT_DRAIN_S: f64 = 8.0;

/// A named part of a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Phase {
    /// Its number: its place in the run, from 0.
    pub(crate) id: u32,
    /// Its name, for people.
    pub(crate) name: String,
    pub(crate) role: Role,
    /// How sessions start.
    pub(crate) load: Load,
    /// When it stops sending.
    pub(crate) stop: StopRule,
    /// How long requests in flight may go on when the run ends before its time, in seconds.
    pub(crate) drain_s: f64,
    /// What else holds for its requests.
    pub(crate) rules: Rules,
    /// The next phase begins when this one has started all of its sessions, while the last of them go on.
    pub(crate) hands_over: bool,
}

/// What a phase is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It prepares the server, and its requests are left out of the results.
    Warmup,
    /// Its requests are the result.
    Measured,
}

impl Role {
    /// The name of a phase that nobody has given one.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Warmup => "warm-up",
            Self::Measured => "profiling",
        }
    }

    /// What plugins and files call it.
    pub(crate) fn kind(self) -> PhaseKind {
        match self {
            Self::Warmup => PhaseKind::Warmup,
            Self::Measured => PhaseKind::Profiling,
        }
    }
}

impl From<PhaseKind> for Role {
    fn from(kind: PhaseKind) -> Self {
        match kind {
            PhaseKind::Warmup => Self::Warmup,
            PhaseKind::Profiling => Self::Measured,
        }
    }
}

impl Phase {
    /// The only phase of a run that says nothing of phases but its load and its end.
    #[cfg(test)]
    pub(crate) fn measured(load: Load, stop: StopRule) -> Self {
        let role = Role::Measured;
        let rules = Rules::default();
        Self {
            id: 0,
            name: role.name().to_owned(),
            role,
            load,
            stop,
            drain_s: DEFAULT_DRAIN_S,
            rules,
            hands_over: false,
        }
    }

    /// How long requests in flight may go on when the run ends before its time.
    pub(crate) fn drain(&self) -> Duration {
        Duration::try_from_secs_f64(self.drain_s).unwrap_or(Duration::MAX)
    }
}
