//! What is wrong with a configuration file: where, what, and what to do.

use super::variables::VariableError;
use crate::{
    config::{
        flags::{PHASES, PhaseRole},
        place::Place,
    },
    explain::Explain,
};

/// What the role of a phase may be.
const NAMES: [&str; 2] = [PhaseRole::NAMES[0].0, PhaseRole::NAMES[1].0];

/// Flags of a search, which are no settings of a run.
const OF_SEARCH: [&str; 4] = ["over", "range", "repeats", "precision"];

/// Keys that only a phase has, told with the list of phases.
const OF_PHASES: [&str; 3] = ["name", "role", "seamless"];

/// Something that is wrong, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub(crate) struct Mistake {
    pub(crate) place: Place,
    pub(crate) problem: Problem,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// It cannot be parsed.
    #[error("this is no YAML: {0}")]
    Yaml(String),
    /// There are no keys.
    #[error("a configuration has keys with values, and this is {0}")]
    NoKeys(&'static str),
    /// A key that no setting has.
    #[error("there is no setting `{key}`")]
    Unknown {
        key: String,
        /// What was probably meant.
        near: Option<String>,
    },
    /// A key, or another name of the same setting, stands there again.
    #[error("`{key}` is set again: it is set in line {line} already")]
    Twice { key: String, line: u32 },
    /// A value of another kind.
    #[error("`{key}` takes {expected}, and this is {found}")]
    Kind { key: String, found: &'static str, expected: String },
    /// A key without a value.
    #[error("`{key}` has no value; it takes {expected}")]
    NoValue { key: String, expected: String },
    /// A reference to a variable that leads nowhere.
    #[error("`{key}` cannot be read: {error}")]
    Variable { key: String, error: VariableError },
    /// Several values of a setting that has one.
    #[error("`{key}` takes one value, and this is a list")]
    SeveralTexts { key: String },
    /// A value of a sweep that would be taken for several.
    #[error("a value of `{key}` has {} in it, which stands between values", if *.is_only { "`,` or `;`" } else { "`;`" })]
    Divided { key: String, is_only: bool },
    /// A phase without a name.
    #[error("a phase has no `name`")]
    NoPhaseName,
    /// A name that phases cannot have.
    #[error("a phase cannot be called `{0}`")]
    PhaseName(String),
    /// Two phases have one name.
    #[error("there is another phase `{name}` in line {line}")]
    PhaseTwice { name: String, line: u32 },
    /// A role that phases do not have.
    #[error("`role` is `{}`, and not `{role}`", NAMES.join("` or `"))]
    PhaseRole { role: String },
    /// A setting that holds for all phases.
    #[error("a phase cannot set `{key}` for itself")]
    NotOfPhase { key: String },
    /// Several values of a setting of one phase.
    #[error("`{key}` of a phase takes one value, and this is a list")]
    SeveralInPhase { phase: String, key: String },
    /// Nothing comes behind it.
    #[error("`seamless` says how the next phase begins, and this is the last one")]
    SeamlessLast,
    /// All phases are left out of the results.
    #[error("no phase is measured: each has `role: warmup`")]
    NothingMeasured,
    /// A key of AIPerf's files that has no meaning here.
    #[error("`{key}` of AIPerf is not supported")]
    NotOurs {
        key: String,
        /// What to do.
        instead: String,
    },
}

impl Explain for Mistake {
    fn hint(&self) -> String {
        match &self.problem {
            Problem::Yaml(_) => {
                "correct that line; `prony config init` prints files that can be read".to_owned()
            }
            Problem::NoKeys(_) => "write a setting a line, as in `concurrency: 8`".to_owned(),
            Problem::Unknown { key, .. } if OF_SEARCH.contains(&key.as_str()) => {
                format!("`--{key}` is a flag of `prony search`, which takes the rest from this file")
            }
            Problem::Unknown { near: Some(near), .. } => format!("did you mean `{near}`?"),
            Problem::Unknown { near: None, .. } => {
                "`prony config explain` lists all settings; each has the name of a flag of `prony profile`"
                    .to_owned()
            }
            Problem::Twice { key, .. } => format!("give `{key}` once; several values are a list: `[a, b]`"),
            Problem::Kind { key, .. } | Problem::NoValue { key, .. } => {
                let key = if OF_PHASES.contains(&key.as_str()) { PHASES } else { key.as_str() };
                format!("correct it, or leave it out; `prony config explain {key}` says what it takes")
            }
            Problem::Variable { error: VariableError::NotSet(name), .. } => {
                format!("set `{name}`, or give it a default: `${{{name}:default}}`")
            }
            Problem::Variable { .. } => {
                "write `${NAME}` or `${NAME:default}`; `$${` is a `${` that means nothing".to_owned()
            }
            Problem::SeveralTexts { key } => {
                format!("give it one value; for a run with each of them use `sweep: {{{key}: [a, b]}}`")
            }
            Problem::Divided { is_only: true, key } => {
                format!(
                    "give `{key}` a key of its own, since one value is no sweep, or another value beside it"
                )
            }
            Problem::Divided { key, .. } => format!("leave it out; values of `{key}` may have commas"),
            Problem::NoPhaseName => "write one, as in `- {name: steady, request_rate: 10}`".to_owned(),
            Problem::PhaseName(_) => {
                "use letters, digits, `-` and `_`, and a letter or digit at first".to_owned()
            }
            Problem::PhaseTwice { .. } => "give each phase a name of its own".to_owned(),
            Problem::PhaseRole { .. } => {
                "a phase that is left out of the results is `warmup`, wherever it stands".to_owned()
            }
            Problem::NotOfPhase { key } => {
                format!("write `{key}` outside of `phases`, where it holds for all of them")
            }
            Problem::SeveralInPhase { phase, key } => {
                format!("for a run with each of them use `sweep: {{phases.{phase}.{key}: [a, b]}}`")
            }
            Problem::SeamlessLast => "leave it out".to_owned(),
            Problem::NothingMeasured => "leave `role` out of the phases that are to be measured".to_owned(),
            Problem::NotOurs { instead, .. } => instead.clone(),
        }
    }

    fn is_statement(&self) -> bool {
        true
    }
}
