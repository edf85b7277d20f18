//! What an experiment is and how far it is: the file `experiment.json`.
//!
//! Compatibility: keys are only ever added within a [`FORMAT`]; a file of a later one is refused.

use std::{collections::BTreeMap, ffi::OsString};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{design::Design, measured::Measured, order::PlannedRun, outcome::RunEnd};
use crate::config::{
    keys::{API_KEY_VARIABLE, variable},
    redact::{self, REDACTED},
    words::{Said, Words},
};

/// Settings with a login, which the environment may have where they are not kept.
const LOGINS: [&str; 2] = ["nats", "nats-token"];

/// The value of a variable of the environment, if it has one.
pub(crate) type LookUp<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Version of the file.
pub(super) const FORMAT: u32 = 1;

/// An experiment on its disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct State {
    pub(super) format: u32,
    /// The program that began it.
    pub(crate) prony_version: String,
    /// When its first run was about to begin, in nanoseconds since 1970; 0 where that was not noted.
    #[serde(default)]
    pub(crate) started_ns: u64,
    /// How far it is.
    pub(crate) progress: Progress,
    /// Why it is no further, where there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// What was asked for, as flags say it.
    pub(crate) settings: Vec<StoredSetting>,
    /// Root of all seeds.
    pub(crate) random_seed: u64,
    /// What the settings came to.
    pub(crate) cells: Vec<StoredCell>,
    pub(crate) runs_per_cell: u32,
    /// Runs that are over, in the order of their ends.
    pub(crate) runs: Vec<StoredRun>,
}

/// How far an experiment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Progress {
    /// It goes on, or was killed.
    Running,
    /// The user ended it.
    Interrupted,
    /// It ended before its time for another reason.
    Stopped,
    /// Nothing is missing.
    Complete,
}

/// A setting as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredSetting {
    pub(crate) name: String,
    /// Its values; none of a switch, and nothing if one of them may be a secret or is no text.
    pub(crate) values: Option<Vec<String>>,
    /// What may be shown of them, where that is not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shown: Option<Vec<String>>,
}

/// A cell as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredCell {
    pub(crate) name: String,
    pub(crate) values: Map<String, Value>,
}

/// A run that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredRun {
    /// Name of its cell.
    pub(crate) cell: String,
    /// Which run of the cell it is, from 1.
    pub(crate) repeat: u32,
    /// Its folder, below the experiment's.
    pub(crate) folder: String,
    pub(crate) random_seed: u64,
    pub(crate) state: RunState,
    /// Why, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    pub(crate) exit_code: u8,
    /// Some of its numbers; all of them are in the summary in its folder.
    pub(crate) headline: BTreeMap<String, f64>,
}

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunState {
    Measured,
    Failed,
    /// There was no connection: it is run again when the experiment goes on.
    Unreachable,
    /// Nothing was sent, since prony could not begin it: it is run again as well.
    NotBegun,
}

impl RunState {
    /// Whether it is over and counts.
    pub(super) fn is_over(self) -> bool {
        matches!(self, Self::Measured | Self::Failed)
    }
}

impl StoredSetting {
    pub(super) fn of(Said { name, values }: &Said) -> Self {
        let text = |value: &OsString| {
            let value = value.to_str()?;
            (shown(name, value) == value).then(|| value.to_owned())
        };
        let open: Option<Vec<String>> = values.iter().map(text).collect();
        let in_part = || values.iter().map(|value| shown(name, &value.to_string_lossy())).collect();
        Self { name: name.clone(), shown: open.is_none().then(in_part), values: open }
    }

    /// Whether it may have these values: where they are not kept, what is shown of them decides.
    fn may_be(&self, said: &Said) -> bool {
        match (&self.values, &self.shown) {
            (Some(_), _) => self.said().as_ref() == Some(said),
            (None, None) => true,
            (None, Some(kept)) => {
                let typed = said.values.iter().map(|value| shown(&self.name, &value.to_string_lossy()));
                kept.len() == said.values.len()
                    && kept.iter().zip(typed).all(|(kept, typed)| may_stand_for(kept, &typed))
            }
        }
    }

    /// What the environment says of a login, where that may be the one which is not kept.
    fn of_environment(&self, look_up: LookUp<'_>) -> Option<Said> {
        if !LOGINS.contains(&self.name.as_str()) {
            return None;
        }
        let said = Said { name: self.name.clone(), values: vec![look_up(&variable(&self.name))?] };
        self.may_be(&said).then_some(said)
    }

    fn said(&self) -> Option<Said> {
        let values = self.values.as_ref()?.iter().map(OsString::from).collect();
        Some(Said { name: self.name.clone(), values })
    }
}

/// A value of a setting as it may be kept.
fn shown(name: &str, value: &str) -> String {
    let flag = format!("--{name}=");
    let word = redact::command_line([format!("{flag}{value}").as_str()]).concat();
    redact::shown(word.strip_prefix(&flag).unwrap_or(&word)).into_owned()
}

/// Whether what is shown of a value is the beginning, the middle and the end of this one. Secrets that come out of variables
/// are known as such only to the process that has read them, so that fewer parts of `typed` may be hidden.
fn may_stand_for(kept: &str, typed: &str) -> bool {
    let mut parts = kept.split(REDACTED);
    let Some(mut rest) = parts.next().and_then(|first| typed.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

/// How settings that are typed beside an experiment fit to those that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// These are its settings.
    Same(Words),
    /// Names of those that it does not have, or has with other values.
    Different(Vec<String>),
    /// Names of those whose values are not kept, and that have to be typed.
    Lacking(Vec<String>),
}

/// Compares what is typed with settings that are kept. A key and logins may be in the environment as well.
pub(super) fn fit(settings: &[StoredSetting], typed: &Words, look_up: LookUp<'_>) -> Fit {
    let kept = |name: &str| settings.iter().find(|setting| setting.name == name);
    let is_same = |said: &Said| kept(&said.name).is_some_and(|kept| kept.may_be(said));
    let different: Vec<String> =
        typed.iter().filter(|said| !is_same(said)).map(|said| said.name.clone()).collect();
    if !different.is_empty() {
        return Fit::Different(different);
    }
    let said = |setting: &StoredSetting| {
        let typed = typed.iter().find(|said| said.name == setting.name).cloned();
        let of_environment = || setting.of_environment(look_up);
        setting.said().or(typed).or_else(of_environment).ok_or_else(|| setting.name.clone())
    };
    let has_key = look_up(API_KEY_VARIABLE).is_some();
    let is_elsewhere = |setting: &&StoredSetting| setting.name == "api-key" && has_key;
    let of_flags =
        settings.iter().filter(|setting| !is_elsewhere(setting) || typed.get(&setting.name).is_some());
    let all: Vec<Result<Said, String>> = of_flags.map(said).collect();
    let lacking: Vec<String> = all.iter().filter_map(|said| said.as_ref().err().cloned()).collect();
    if lacking.is_empty() { Fit::Same(Words::of(all.into_iter().flatten())) } else { Fit::Lacking(lacking) }
}

impl State {
    /// One that begins.
    pub(crate) fn new(settings: &Words, design: &Design) -> Self {
        let cell = |cell: &super::Cell| StoredCell {
            name: cell.name.clone(),
            values: cell
                .values
                .iter()
                .map(|(setting, value)| (setting.name.clone(), value.clone().into()))
                .collect(),
        };
        Self {
            format: FORMAT,
            prony_version: env!("CARGO_PKG_VERSION").to_owned(),
            started_ns: 0,
            progress: Progress::Running,
            reason: None,
            settings: settings.iter().map(StoredSetting::of).collect(),
            random_seed: design.seeds.base,
            cells: design.cells.iter().map(cell).collect(),
            runs_per_cell: design.repeats,
            runs: Vec::new(),
        }
    }

    /// Compares what is typed with what is kept. A key and logins may be in the environment as well.
    pub(crate) fn fit(&self, typed: &Words, look_up: LookUp<'_>) -> Fit {
        fit(&self.settings, typed, look_up)
    }

    /// Its settings, as far as they are kept.
    pub(crate) fn known_settings(&self) -> Words {
        Words::of(self.settings.iter().filter_map(StoredSetting::said))
    }

    /// Whether a design leads to the cells and runs that are kept.
    pub(crate) fn is_of(&self, design: &Design) -> bool {
        let names = design.cells.iter().map(|cell| &cell.name);
        names.eq(self.cells.iter().map(|cell| &cell.name)) && design.repeats == self.runs_per_cell
    }

    /// What became of a run, if it is over and counts.
    pub(super) fn result(&self, cell: &str, repeat: u32) -> Option<&StoredRun> {
        let is_one = |run: &&StoredRun| run.cell == cell && run.repeat == repeat;
        self.runs.iter().filter(|run| run.state.is_over()).find(is_one)
    }

    /// What became of the runs of a cell.
    pub(super) fn of_cell<'a>(&'a self, cell: &'a str) -> impl Iterator<Item = &'a StoredRun> {
        self.runs.iter().filter(move |run| run.cell == cell)
    }

    /// Notes the end of a run, in the place of an earlier attempt.
    pub(super) fn note(
        &mut self,
        design: &Design,
        run: PlannedRun,
        end: &RunEnd,
        measured: Option<&Measured>,
    ) {
        let (state, reason, exit_code) = match end {
            RunEnd::Measured => (RunState::Measured, None, 0),
            RunEnd::Failed { reason, exit_code, .. } => (RunState::Failed, Some(reason.clone()), *exit_code),
            RunEnd::Unreachable { reason, exit_code } => {
                (RunState::Unreachable, Some(reason.clone()), *exit_code)
            }
            RunEnd::NotBegun { reason, exit_code } => (RunState::NotBegun, Some(reason.clone()), *exit_code),
            // It is as if it had not begun.
            RunEnd::Unkept { .. } | RunEnd::Interrupted { .. } => return,
        };
        let cell = design.cells[run.cell].name.clone();
        self.runs.retain(|other| (&other.cell, other.repeat) != (&cell, run.repeat));
        self.runs.push(StoredRun {
            cell,
            repeat: run.repeat,
            folder: design.folder(run).to_string_lossy().into_owned(),
            random_seed: design.seed(run),
            state,
            reason,
            exit_code,
            headline: measured.map(Measured::headline).unwrap_or_default(),
        });
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rstest::rstest;

    use super::*;
    use crate::experiment::design::tests::of;

    fn words(pairs: &[(&str, &str)]) -> Words {
        Words::of(
            pairs.iter().map(|(name, value)| Said { name: (*name).to_owned(), values: vec![value.into()] }),
        )
    }

    /// An environment without variables.
    fn nothing(_: &str) -> Option<OsString> {
        None
    }

    #[test]
    fn settings_are_kept_without_secrets() {
        let state =
            State::new(&words(&[("isl", "5"), ("api-key", "sk-1"), ("header", "X-Key:abc")]), &of(&[], 2));
        let text = serde_json::to_string(&state).unwrap();
        assert!(!text.contains("sk-1") && !text.contains("abc"), "{text}");
        let back: State = serde_json::from_str(&text).unwrap();
        assert_eq!(back.settings, state.settings);
    }

    #[test]
    fn what_is_typed_beside_an_experiment_has_to_be_the_same() {
        let all = words(&[("isl", "5"), ("concurrency", "1,2")]);
        let state = State::new(&all, &of(&["1", "2"], 1));
        assert_eq!(state.fit(&Words::default(), &nothing), Fit::Same(all.clone()));
        assert_eq!(state.fit(&words(&[("concurrency", "1,2")]), &nothing), Fit::Same(all));
        let other = words(&[("concurrency", "1,4"), ("osl", "5"), ("isl", "5")]);
        assert_eq!(
            state.fit(&other, &nothing),
            Fit::Different(vec!["concurrency".to_owned(), "osl".to_owned()])
        );
    }

    #[test]
    fn secrets_have_to_be_typed_again() {
        let all = words(&[("isl", "5"), ("api-key", "sk-1")]);
        let state = State::new(&all, &of(&[], 2));
        assert_eq!(state.fit(&Words::default(), &nothing), Fit::Lacking(vec!["api-key".to_owned()]));
        assert_eq!(state.fit(&words(&[("api-key", "sk-1")]), &nothing), Fit::Same(all));
        let has_key = |name: &str| (name == API_KEY_VARIABLE).then(|| OsString::from("sk-1"));
        assert_eq!(state.fit(&Words::default(), &has_key), Fit::Same(words(&[("isl", "5")])));
    }

    #[test]
    fn a_login_of_nats_may_be_in_the_environment() {
        let all = words(&[("nats", "nats://u:a-secret-1@h"), ("nats-token", "a-secret-2")]);
        let state = State::new(&all, &of(&[], 2));
        let lacking = ["nats", "nats-token"].map(str::to_owned).to_vec();
        assert_eq!(state.fit(&Words::default(), &nothing), Fit::Lacking(lacking));
        let variables = |name: &str| match name {
            "PRONY_NATS" => Some(OsString::from("nats://u:a-secret-1@h")),
            "PRONY_NATS_TOKEN" => Some(OsString::from("a-secret-2")),
            _ => None,
        };
        assert_eq!(state.fit(&Words::default(), &variables), Fit::Same(all));
        // Another server is not the one of the experiment.
        let other = |name: &str| match name {
            "PRONY_NATS" => Some(OsString::from("nats://u:a-secret-1@g")),
            _ => variables(name),
        };
        assert_eq!(state.fit(&Words::default(), &other), Fit::Lacking(vec!["nats".to_owned()]));
    }

    #[rstest]
    #[case::password("url", "http://u:pw@h1:1", "http://u:other@h1:1", true)]
    #[case::host("url", "http://u:pw@h1:1", "http://h2:1", false)]
    #[case::host_with_a_login("url", "http://u:pw@h1:1", "http://u:pw@h2:1", false)]
    #[case::header("header", "X-Key:abc", "X-Key:abcd", true)]
    #[case::other_header("header", "X-Key:abc", "X-Token:abc", false)]
    fn what_is_shown_of_a_secret_setting_has_to_be_the_same(
        #[case] name: &str,
        #[case] begun: &str,
        #[case] typed: &str,
        #[case] may_be: bool,
    ) {
        let state = State::new(&words(&[(name, begun)]), &of(&[], 2));
        let typed = words(&[(name, typed)]);
        let expected = if may_be { Fit::Same(typed.clone()) } else { Fit::Different(vec![name.to_owned()]) };
        assert_eq!(state.fit(&typed, &nothing), expected);
    }

    #[rstest]
    #[case("http://<redacted>/v1", "http://h:1/v1", true)]
    #[case("<redacted>", "anything", true)]
    #[case("a<redacted>b<redacted>c", "a1b2c", true)]
    #[case("a<redacted>b<redacted>c", "a1c", false)]
    #[case("plain", "plain-er", false)]
    fn hidden_parts_stand_for_any_text(#[case] kept: &str, #[case] typed: &str, #[case] expected: bool) {
        assert_eq!(may_stand_for(kept, typed), expected);
    }

    #[test]
    fn a_run_without_a_connection_does_not_count() {
        let design = of(&["1", "2"], 1);
        let mut state = State::new(&Words::default(), &design);
        let run = PlannedRun { cell: 1, repeat: 1 };
        let (reason, exit_code) = ("refused".to_owned(), 4);
        let gone = [
            RunEnd::Unreachable { reason: reason.clone(), exit_code },
            RunEnd::NotBegun { reason, exit_code },
        ];
        for end in gone {
            state.note(&design, run, &end, None);
            assert_eq!((state.result("concurrency_2", 1), state.runs.len()), (None, 1));
        }
        state.note(&design, run, &RunEnd::Measured, None);
        assert_eq!((state.runs.len(), state.runs[0].state), (1, RunState::Measured));
        state.note(&design, PlannedRun { cell: 0, repeat: 1 }, &RunEnd::Interrupted { exit_code: 130 }, None);
        assert_eq!(state.runs.len(), 1);
    }
}
