//! Settings in variables of the environment: `PRONY_CONCURRENCY=8`. They are weaker than a file and the command line.

use std::ffi::OsString;

use super::{
    keys::{API_KEY_VARIABLE, Keys, PREFIX, variable},
    near::near,
    words::{Said, Shape, Words},
};
use crate::explain::Explain;

/// Variables that others read: the log, plugins, and the key, which nobody shows.
const OF_OTHERS: [&str; 6] = [
    "PRONY_LOG",
    "PRONY_LOG_FILE",
    "PRONY_LOG_FORMAT",
    "PRONY_PLUGIN_PATH",
    "PRONY_PLUGIN_POLICY",
    API_KEY_VARIABLE,
];

/// How variables begin that a run gives to its own commands (`--before-run` and the like), in which prony may run again.
const OF_A_RUN: &str = "PRONY_RUN_";

/// How variables begin that `prony agent` reads.
const OF_AN_AGENT: &str = "PRONY_AGENT_";

/// Commands whose flags have variables that begin with the name of the command, as `PRONY_RECORD_URL`. Each of them reads its own.
pub(crate) const COMMANDS: [&str; 21] = [
    "calibrate",
    "collect",
    "compare",
    "completions",
    "config",
    "dataset",
    "doctor",
    "export",
    "lock",
    "man",
    "metrics",
    "mock-server",
    "plot",
    "plugins",
    "record",
    "report",
    "runs",
    "schema",
    "search",
    "show",
    "speed-bench-report",
];

/// A variable of a switch that says neither yes nor no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{variable}` takes `true` or `false`, and this is `{value}`")]
pub(crate) struct SwitchError {
    pub(crate) variable: String,
    value: String,
}

impl Explain for SwitchError {
    fn hint(&self) -> String {
        format!("correct the variable, as in `{}=true`, or remove it", self.variable)
    }

    fn is_statement(&self) -> bool {
        true
    }
}

/// What the environment says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Variables {
    pub(crate) words: Words,
    /// Variables that are none of prony's, as sentences.
    pub(crate) warnings: Vec<String>,
    pub(crate) mistakes: Vec<SwitchError>,
}

impl Variables {
    /// Reads variables by their names. One that is set to nothing is not set; those of lists have a value a line.
    pub(crate) fn read(variables: impl IntoIterator<Item = (OsString, OsString)>, keys: &Keys) -> Self {
        let ours = variables.into_iter().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let mut ours: Vec<(String, OsString)> = ours
            .filter(|(name, value)| {
                let is_of_others = OF_OTHERS.contains(&name.as_str())
                    || [OF_A_RUN, OF_AN_AGENT].iter().any(|first| name.starts_with(first));
                name.starts_with(PREFIX) && !value.is_empty() && !is_of_others
            })
            .collect();
        ours.sort_unstable();
        let mut read = Self::default();
        for (name, value) in ours {
            read.add(&name, value, keys);
        }
        read
    }

    fn add(&mut self, variable: &str, value: OsString, keys: &Keys) {
        let Some(key) = keys.iter().find(|key| key.variable() == variable) else {
            self.warnings.extend(unknown(variable, keys));
            return;
        };
        match values(variable, value, key.shape) {
            Ok(Some(values)) => self.words.set(Said { name: key.name.clone(), values }),
            Ok(None) => {}
            Err(mistake) => self.mistakes.push(mistake),
        }
    }
}

/// The values that a variable gives to a flag: none for a switch that is on. Nothing where it is as if it were not set.
///
/// # Errors
/// It is that of a switch, and says neither yes nor no.
pub(crate) fn values(
    variable: &str,
    value: OsString,
    shape: Shape,
) -> Result<Option<Vec<OsString>>, SwitchError> {
    let values = match shape {
        Shape::Switch => {
            let is_on = value.to_str().and_then(is_on).ok_or_else(|| SwitchError {
                variable: variable.to_owned(),
                value: value.to_string_lossy().into_owned(),
            })?;
            return Ok(is_on.then(Vec::new));
        }
        Shape::Single => vec![value],
        Shape::List => match value.to_str() {
            Some(text) => {
                text.lines().map(str::trim).filter(|line| !line.is_empty()).map(OsString::from).collect()
            }
            None => vec![value],
        },
    };
    Ok((!values.is_empty()).then_some(values))
}

/// What the value of a switch says: yes or no.
pub(crate) fn is_on(value: &str) -> Option<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// What is said of a variable that no setting has; nothing where it is one of another command, which looks at it.
fn unknown(name: &str, keys: &Keys) -> Option<String> {
    if COMMANDS.iter().any(|command| name.starts_with(&variable(&format!("{command}-")))) {
        return None;
    }
    let known: Vec<String> =
        keys.iter().map(|key| variable(&key.name)).chain(OF_OTHERS.map(str::to_owned)).collect();
    let hint = match near(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "each flag of `prony profile` has one, as `PRONY_CONCURRENCY`, and those of other commands begin with their names, as \
                 `PRONY_SEARCH_OVER`"
            .to_owned(),
    };
    Some(format!("the variable `{name}` has no effect: {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Variables {
        let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        Variables::read(variables, &Keys::all())
    }

    #[test]
    fn each_setting_has_a_variable() {
        let read = read(&[
            ("PRONY_STREAMING", "yes"),
            ("PRONY_HTTP2", "0"),
            ("PRONY_CONCURRENCY", "8"),
            ("PRONY_HEADER", "A: 1\nB: 2\n"),
            ("PRONY_ISL", ""),
            ("PRONY_LOG", "debug"),
            ("PRONY_LOG_FILE", "run.log"),
            ("PRONY_LOG_FORMAT", "json"),
            ("PRONY_API_KEY", "k"),
            ("PRONY_PLUGIN_POLICY", "any"),
            ("PRONY_AGENT_NAME", "a"),
            ("HOME", "/h"),
        ]);
        let line: Vec<_> = read.words.line();
        assert_eq!(line, ["--concurrency=8", "--header=A: 1", "--header=B: 2", "--streaming"]);
        assert!(read.warnings.is_empty() && read.mistakes.is_empty());
    }

    #[test]
    fn an_unknown_variable_is_a_warning_with_the_nearest_name() {
        // Two are near `PRONY_TOKENIZER` and `PRONY_LOG_FORMAT`, and mean something to other commands.
        let read = read(&[
            ("PRONY_CONCURENCY", "8"),
            ("PRONY_RECORD_URL", "http://h"),
            ("PRONY_LOCK_TOKENIZER", "x"),
            ("PRONY_PLOT_FORMAT", "svg"),
            ("PRONY_X", "5"),
        ]);
        assert_eq!(
            read.warnings,
            [
                "the variable `PRONY_CONCURENCY` has no effect: did you mean `PRONY_CONCURRENCY`?",
                "the variable `PRONY_X` has no effect: each flag of `prony profile` has one, as `PRONY_CONCURRENCY`, and those of \
                 other commands begin with their names, as `PRONY_SEARCH_OVER`"
            ]
        );
        assert!(read.words == Words::default());
    }

    #[test]
    fn a_switch_is_on_or_off() {
        let read = read(&[("PRONY_STREAMING", "maybe")]);
        assert_eq!(
            read.mistakes[0].to_string(),
            "`PRONY_STREAMING` takes `true` or `false`, and this is `maybe`"
        );
    }
}
