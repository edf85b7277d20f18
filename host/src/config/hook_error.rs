//! Why a command around a run or a phase is refused.

use super::spec::Origin;
use crate::explain::Explain;

/// Why a command around a run or a phase is none. Its text does not repeat the command, which may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HookError {
    /// There is nothing to carry out.
    #[error("`{by}` has an empty command")]
    Empty { by: Origin },
    /// No phase is called so.
    #[error("`{by}` names the phase `{name}`, and there is none of this name")]
    NoPhase {
        by: Origin,
        name: String,
        /// Names of those that there are.
        phases: String,
    },
    /// The phase begins or ends beside another one.
    #[error("`{by}` names the phase `{name}`, and there is no time between it and `{other}`")]
    NoGap { by: Origin, name: String, other: String },
}

impl HookError {
    /// The setting that it is about.
    pub(super) fn origin(&self) -> Origin {
        match self {
            Self::Empty { by } | Self::NoPhase { by, .. } | Self::NoGap { by, .. } => *by,
        }
    }
}

impl Explain for HookError {
    fn hint(&self) -> String {
        match self {
            Self::Empty { by } => format!("give `{by}` a command for the shell, or leave it out"),
            Self::NoPhase { phases, .. } => {
                format!(
                    "phases of this run: {phases}; without a name and its `:` the command is for each of them"
                )
            }
            Self::NoGap { .. } => {
                "a phase that is `seamless` hands over to the next one: commands come before the first of them and after the last one"
                    .to_owned()
            }
        }
    }

    fn is_statement(&self) -> bool {
        true
    }
}
