//! The file of a search: what is looked for, what was found, and what it takes to go on.
//!
//! Compatibility: keys are only ever added within the first number of [`SCHEMA`]; a file of a later one is refused.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    answer::{Answer, SearchEnded},
    next::Range,
    plan::{Probe, SearchInputs, SearchPlan},
    slo::{Slo, SloError},
};
use crate::{
    bounded,
    config::words::Words,
    experiment::state::{Fit, LookUp, StoredSetting, fit},
    explain::Explain,
};

/// The file of what was found.
pub(crate) const FILE: &str = "search.json";

/// Version of the file.
const SCHEMA: &str = "2.0";

/// Largest file that is read, in megabytes.
const LARGEST_MB: u64 = 256;

/// What stands in the file.
#[derive(Serialize, Deserialize)]
struct SearchFile {
    schema_version: String,
    prony_version: String,
    over: String,
    range: [f64; 2],
    is_whole: bool,
    precision: f64,
    max_runs: u32,
    confidence_level: f64,
    random_seed: u64,
    rate_of_user: Option<f64>,
    pause_s: f64,
    between: Option<String>,
    ends_saturated: bool,
    objectives: Vec<Objective>,
    /// Those of all runs, without secrets.
    settings: Vec<StoredSetting>,
    /// What was found, or why nothing was; null while the search goes on.
    answer: Value,
    probes: Vec<Probe>,
}

#[derive(Serialize, Deserialize)]
struct Objective {
    text: String,
    /// The whole of it, for other readers.
    #[serde(flatten)]
    bound: Value,
}

/// The file of a search that is this far.
pub(super) fn text(
    SearchInputs { plan, base }: SearchInputs<'_>,
    probes: &[Probe],
    ended: Option<&SearchEnded>,
) -> String {
    let answer = match ended {
        Some(SearchEnded::Answered(answer)) => serde_json::json!(answer),
        Some(SearchEnded::Interrupted { .. }) => "interrupted".into(),
        Some(SearchEnded::Stopped { reason, .. }) => reason.as_str().into(),
        None => Value::Null,
    };
    let objective = |slo: &Slo| Objective { text: slo.text.clone(), bound: slo.in_json() };
    let file = SearchFile {
        schema_version: SCHEMA.to_owned(),
        prony_version: env!("CARGO_PKG_VERSION").to_owned(),
        over: plan.over.clone(),
        range: [plan.range.low, plan.range.high],
        is_whole: plan.range.is_whole,
        precision: plan.range.precision,
        max_runs: plan.most_runs,
        confidence_level: plan.confidence,
        random_seed: plan.seed,
        rate_of_user: plan.rate_of_user,
        pause_s: plan.pause_s,
        between: plan.between.clone(),
        ends_saturated: plan.ends_saturated,
        objectives: plan.slos.iter().map(objective).collect(),
        settings: base.iter().map(StoredSetting::of).collect(),
        answer,
        probes: probes.to_vec(),
    };
    format!("{:#}\n", serde_json::json!(file))
}

/// A search that stands in a folder.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) plan: SearchPlan,
    pub(crate) probes: Vec<Probe>,
    /// What was found, if it came to its end.
    pub(crate) answer: Option<Answer>,
    settings: Vec<StoredSetting>,
}

/// Why a search cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeptError {
    /// There is none.
    #[error("go on in `{}`: no search is in it", .0.display())]
    None(PathBuf),
    /// Its file is none.
    #[error("read `{}`", .path.display())]
    Read { path: PathBuf, source: io::Error },
    /// Another version of prony has written it.
    #[error("read `{}`: it has schema {found}, and this prony goes on with {SCHEMA}", .path.display())]
    Schema { path: PathBuf, found: String },
    /// An objective in it is none to this version of prony.
    #[error("go on in `{}`", .0.display())]
    Objective(PathBuf, #[source] SloError),
}

impl Explain for KeptError {
    fn hint(&self) -> String {
        match self {
            Self::None(_) => format!("name the folder that has `{FILE}` in it"),
            Self::Schema { .. } => {
                "use the prony that has begun it, or begin a new search in another folder".to_owned()
            }
            Self::Read { .. } | Self::Objective(..) => "begin a new search in another folder".to_owned(),
        }
    }
}

impl Kept {
    /// Looks for a search in a folder, which need not be there.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn check_is_there(dir: &Path) -> Result<(), KeptError> {
        if dir.join(FILE).is_file() { Ok(()) } else { Err(KeptError::None(dir.to_owned())) }
    }

    /// Reads the search in a folder.
    ///
    /// # Errors
    /// There is none, or it cannot go on.
    pub(crate) fn read(dir: &Path) -> Result<Self, KeptError> {
        Self::check_is_there(dir)?;
        let path = dir.join(FILE);
        let unread = |source| KeptError::Read { path: path.clone(), source };
        let bytes = bounded::read(&path, LARGEST_MB).map_err(unread)?;
        let json: Value = serde_json::from_slice(&bytes).map_err(|error| unread(error.into()))?;
        if json["schema_version"] != SCHEMA {
            let found = json["schema_version"].as_str().unwrap_or("none").to_owned();
            return Err(KeptError::Schema { path, found });
        }
        let file: SearchFile = serde_json::from_value(json).map_err(|error| unread(error.into()))?;
        let slos = file.objectives.iter().map(|objective| Slo::read(&objective.text));
        let slos: Vec<Slo> =
            slos.collect::<Result<_, _>>().map_err(|error| KeptError::Objective(dir.to_owned(), error))?;
        if file.probes.iter().flat_map(|probe| &probe.runs).any(|run| run.values.len() != slos.len()) {
            return Err(unread(io::Error::other("a run has not as many values as there are objectives")));
        }
        let [low, high] = file.range;
        let plan = SearchPlan {
            slos,
            over: file.over,
            rate_of_user: file.rate_of_user,
            range: Range { low, high, is_whole: file.is_whole, precision: file.precision },
            most_runs: file.max_runs,
            confidence: file.confidence_level,
            pause_s: file.pause_s,
            between: file.between,
            ends_saturated: file.ends_saturated,
            seed: file.random_seed,
        };
        // In place of an answer, there may be the reason for which there is none.
        let answer = serde_json::from_value(file.answer).ok();
        Ok(Self { plan, probes: file.probes, answer, settings: file.settings })
    }

    /// Compares what is typed with the settings that are kept.
    pub(crate) fn fit(&self, typed: &Words, look_up: LookUp<'_>) -> Fit {
        fit(&self.settings, typed, look_up)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{next::Bracket, tests::plan, verdict::Verdict},
        *,
    };
    use crate::config::words::Said;

    fn said(name: &str, value: &str) -> Said {
        Said { name: name.to_owned(), values: vec![value.into()] }
    }

    #[test]
    fn a_search_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let plan = plan("request_latency p99 < 40ms");
        let base = Words::of([said("model", "m"), said("isl", "5")]);
        let probes = [Probe { load: 2.5, verdict: Verdict::Kept, runs: Vec::new() }];
        let text = text(SearchInputs { plan: &plan, base: &base }, &probes, None);
        std::fs::write(dir.path().join(FILE), &text).unwrap();
        let kept = Kept::read(dir.path()).unwrap();
        assert_eq!((&kept.plan.slos, &kept.probes[..]), (&plan.slos, &probes[..]));
        assert_eq!(kept.fit(&Words::default(), &|_| None), Fit::Same(base.clone()));
        let other = Words::of([said("isl", "6")]);
        assert_eq!(kept.fit(&other, &|_| None), Fit::Different(vec!["isl".to_owned()]));
        let again = self::text(SearchInputs { plan: &kept.plan, base: &base }, &kept.probes, None);
        assert_eq!(again, text);
    }

    #[test]
    fn the_answer_of_a_search_is_read_again_if_it_has_one() {
        let dir = tempfile::tempdir().unwrap();
        let (plan, base) = (plan("request_latency p99 < 40ms"), Words::default());
        let answer = Answer {
            bracket: Bracket::Between { kept: 290.0, broken: 310.5 },
            estimate: Some(300.0),
            is_noisy: false,
        };
        for answer in [answer, Answer::unknown()] {
            let ended = SearchEnded::Answered(answer.clone());
            let text = text(SearchInputs { plan: &plan, base: &base }, &[], Some(&ended));
            std::fs::write(dir.path().join(FILE), text).unwrap();
            assert_eq!(Kept::read(dir.path()).unwrap().answer, Some(answer));
        }
        let interrupted = SearchEnded::Interrupted { exit_code: 130 };
        for ended in [None, Some(&interrupted)] {
            let text = text(SearchInputs { plan: &plan, base: &base }, &[], ended);
            std::fs::write(dir.path().join(FILE), text).unwrap();
            assert_eq!(Kept::read(dir.path()).unwrap().answer, None);
        }
    }

    #[test]
    fn what_is_no_search_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Kept::read(dir.path()), Err(KeptError::None(_))));
        std::fs::write(dir.path().join(FILE), r#"{"schema_version": "1.0"}"#).unwrap();
        assert!(matches!(Kept::read(dir.path()), Err(KeptError::Schema { .. })));
        std::fs::write(dir.path().join(FILE), "{").unwrap();
        assert!(matches!(Kept::read(dir.path()), Err(KeptError::Read { .. })));
    }
}
