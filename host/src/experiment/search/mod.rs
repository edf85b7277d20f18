//! Searches: the highest load that keeps to objectives.
//!
//! [`search`] is a loop over runs, like that of a sweep, whose next load follows from what was found ([`next`]). A load is run again
//! where one run does not tell, up to a number of times ([`verdict`]). All that was found is in `search.json`, which is written
//! after each run.

mod answer;
mod next;
mod plan;
mod slo;
mod text;
mod verdict;

use std::{ffi::OsString, path::Path};

use self::next::{Next, Tried};
pub(crate) use self::{
    answer::Answer,
    next::{Bracket, Range},
    plan::{Probe, ProbeRun, SearchPlan},
    slo::{Slo, SloError},
    text::text,
    verdict::Verdict,
};
use super::{
    bench::{Bench, Upcoming},
    best::Key,
    between,
    folder::{ExperimentFolder, FolderError},
    measured::Measured,
    order::PlannedRun,
    outcome::RunEnd,
};
use crate::config::words::{Said, Words};

/// The file of what was found.
pub(crate) const FILE: &str = "search.json";

/// What the screen showed at the end.
pub(crate) const TEXT: &str = "search_console.txt";

/// The folder in a search's folder that has those of its runs.
const RUNS: &str = "runs";

/// How a search ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SearchEnded {
    /// Everything that the runs can tell is known.
    Answered(Answer),
    /// The user ended it.
    Interrupted { exit_code: u8 },
    /// There is no sense in going on.
    Stopped { reason: String, exit_code: u8 },
}

/// Looks for the highest load. Returns how that ended, and what was found up to there.
///
/// # Errors
/// What was found could not be written.
pub(crate) fn search(
    plan: &SearchPlan,
    base: &Words,
    folder: &ExperimentFolder,
    bench: &mut dyn Bench,
) -> Result<(SearchEnded, Vec<Probe>), FolderError> {
    let mut search = Search { plan, base, folder, bench, probes: Vec::new(), runs: 0 };
    let ended = loop {
        match plan.range.next(&search.tried()) {
            Next::Done(bracket) => match search.ends_again(bracket)? {
                Again::Ended(ended) => break ended,
                Again::Measured => {}
                Again::Enough => break SearchEnded::Answered(Answer::of(plan, bracket, &search.probes)),
            },
            Next::Try(load) => {
                if let Some(ended) = search.probe(load)? {
                    break ended;
                }
            }
        }
    };
    search.save(Some(&ended))?;
    Ok((ended, search.probes))
}

/// The exit code of a command line that cannot be used.
const USAGE: u8 = 2;

/// Whether the server has answered a request, well or not.
fn has_answers(measured: &Measured) -> bool {
    measured.get(&Key::new("completed_request_count", "avg")).is_some_and(|count| count > 0.0)
}

/// Whether a request succeeded.
fn has_successes(measured: &Measured) -> bool {
    measured.get(&Key::new("request_count", "avg")).is_some_and(|count| count > 0.0)
}

/// Whether the ends of an answer have runs enough.
enum Again {
    Enough,
    /// One was run again.
    Measured,
    Ended(SearchEnded),
}

/// Keeps what the screen shows at the end.
///
/// # Errors
/// It cannot be written.
pub(crate) fn keep_text(folder: &ExperimentFolder, text: &str) -> Result<(), FolderError> {
    folder.write(TEXT, text.as_bytes())
}

struct Search<'a> {
    plan: &'a SearchPlan,
    base: &'a Words,
    folder: &'a ExperimentFolder,
    bench: &'a mut dyn Bench,
    probes: Vec<Probe>,
    /// Runs of all loads.
    runs: u32,
}

impl Search<'_> {
    fn tried(&self) -> Vec<Tried> {
        self.probes.iter().map(|probe| Tried { load: probe.load, verdict: probe.verdict }).collect()
    }

    /// Runs a load that was not tried yet.
    fn probe(&mut self, load: f64) -> Result<Option<SearchEnded>, FolderError> {
        self.probes.push(Probe { load, verdict: Verdict::Unclear, runs: Vec::new() });
        self.run_more(self.probes.len() - 1)
    }

    /// Runs the ends of an answer once more that have one run.
    fn ends_again(&mut self, bracket: Bracket) -> Result<Again, FolderError> {
        let Bracket::Between { kept, broken } = bracket else { return Ok(Again::Enough) };
        let is_end = |load: f64| [kept, broken].iter().any(|end| end.total_cmp(&load).is_eq());
        let has_one = |probe: &Probe| is_end(probe.load) && probe.runs.len() == 1;
        match self.probes.iter().position(has_one).filter(|_| self.plan.most_runs > 1) {
            None => Ok(Again::Enough),
            Some(at) => Ok(self.run_more(at)?.map_or(Again::Measured, Again::Ended)),
        }
    }

    /// Runs a load until that tells something, or often enough; once at least.
    fn run_more(&mut self, at: usize) -> Result<Option<SearchEnded>, FolderError> {
        loop {
            if let Some(exit_code) = self.bench.interrupted() {
                return Ok(Some(SearchEnded::Interrupted { exit_code }));
            }
            if let Some(stopped) = self.pass_over()? {
                return Ok(Some(stopped));
            }
            let load = self.probes[at].load;
            let runs = self.probes[at].runs.len();
            let run = match self.run(load, runs + 1) {
                Ok(run) => run,
                Err(ended) => return Ok(Some(ended)),
            };
            let probe = &mut self.probes[at];
            probe.runs.push(run);
            probe.verdict = self.plan.verdict(&probe.runs);
            let is_over =
                probe.verdict != Verdict::Unclear || probe.runs.len() >= self.plan.most_runs as usize;
            self.save(None)?;
            if is_over {
                return Ok(None);
            }
        }
    }

    /// What lies between the run before and the next one.
    fn pass_over(&mut self) -> Result<Option<SearchEnded>, FolderError> {
        if self.runs == 0 {
            return Ok(None);
        }
        if self.plan.pause_s > 0.0 {
            self.bench.pause(self.plan.pause_s);
        }
        let Some(command) = &self.plan.between else { return Ok(None) };
        let failed = between::carry_out(command, self.runs as usize + 1, self.folder, self.bench)?;
        Ok(failed.map(|reason| SearchEnded::Stopped { reason, exit_code: 1 }))
    }

    fn run(&mut self, load: f64, repeat: usize) -> Result<ProbeRun, SearchEnded> {
        let place = self.runs as usize + 1;
        let folder = Path::new(RUNS).join(format!("{}_{load}", self.plan.over.replace('-', "_")));
        let folder = if repeat > 1 {
            folder.with_file_name(format!("{}_run_{repeat}", name(&folder)))
        } else {
            folder
        };
        let upcoming = Upcoming {
            run: PlannedRun { cell: 0, repeat: u32::try_from(repeat).unwrap_or(u32::MAX) },
            place,
            runs: 0,
            cells: 1,
            repeats: self.plan.most_runs,
            label: format!("{} {load}", self.plan.over),
            dir: self.folder.dir().join(&folder),
        };
        let random_seed = self.plan.seed.wrapping_add(u64::from(self.runs));
        self.runs += 1;
        let mut settings = self.plan.settings(self.base, load);
        settings.set(Said {
            name: "random-seed".to_owned(),
            values: vec![OsString::from(random_seed.to_string())],
        });
        let end = self.bench.measure(&upcoming, &settings);
        let measured = Measured::read(&upcoming.dir).ok();
        self.bench.has_ended(&upcoming, &end, measured.as_ref());
        let reason = match end {
            RunEnd::Interrupted { exit_code } => return Err(SearchEnded::Interrupted { exit_code }),
            RunEnd::Unreachable { reason, exit_code } => {
                let reason = format!("the target cannot be reached: {reason}");
                return Err(SearchEnded::Stopped { reason, exit_code });
            }
            RunEnd::Unkept { reason, exit_code } | RunEnd::NotBegun { reason, exit_code } => {
                return Err(SearchEnded::Stopped { reason, exit_code });
            }
            // It says nothing of the server where none of its requests came to an end there.
            RunEnd::Failed { reason, exit_code, in_part: false }
                if place == 1 || !measured.as_ref().is_some_and(has_answers) =>
            {
                let reason = format!("a run with {} {load} measured nothing: {reason}", self.plan.over);
                return Err(SearchEnded::Stopped { reason, exit_code });
            }
            RunEnd::Failed { reason, .. } => Some(reason),
            RunEnd::Measured => None,
        };
        let measured = measured.unwrap_or_default();
        let values: Vec<Option<f64>> = self.plan.slos.iter().map(|slo| slo.value(&measured)).collect();
        let lacking = self.plan.slos.iter().zip(&values).find(|(_, value)| value.is_none());
        if let Some((slo, _)) = lacking.filter(|_| has_successes(&measured)) {
            let reason = format!(
                "no request has the metric of `{}`: `prony metrics {}` says what it needs",
                slo.text,
                slo.metric()
            );
            return Err(SearchEnded::Stopped { reason, exit_code: USAGE });
        }
        let number = |tag: &str| measured.get(&Key::new(tag, "avg")).unwrap_or(0.0);
        let (requests, failed_percent) = (number("request_count"), number("request_error_rate"));
        Ok(ProbeRun { folder, random_seed, values, requests, failed_percent, reason })
    }

    fn save(&self, ended: Option<&SearchEnded>) -> Result<(), FolderError> {
        let answer = ended.map(|ended| match ended {
            SearchEnded::Answered(answer) => serde_json::json!(answer),
            SearchEnded::Interrupted { .. } => "interrupted".into(),
            SearchEnded::Stopped { reason, .. } => reason.as_str().into(),
        });
        let file = serde_json::json!({
            "schema_version": "1.0",
            "prony_version": env!("CARGO_PKG_VERSION"),
            "over": self.plan.over,
            "range": [self.plan.range.low, self.plan.range.high],
            "precision": self.plan.range.precision,
            "repeats": self.plan.most_runs,
            "confidence_level": self.plan.confidence,
            "objectives": self.plan.slos,
            "answer": answer,
            "probes": self.probes,
        });
        self.folder.write(FILE, format!("{file:#}\n").as_bytes())
    }
}

fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;

    use rand::RngExt as _;
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;
    use rstest::rstest;

    use super::*;
    use crate::report::file_names;

    pub(super) fn plan(slo: &str) -> SearchPlan {
        SearchPlan {
            slos: vec![Slo::read(slo).unwrap()],
            over: "request-rate",
            rate_of_user: None,
            pause_s: 0.0,
            between: None,
            range: Range { low: 1.0, high: 2000.0, is_whole: false, precision: 0.05 },
            most_runs: 5,
            confidence: 0.95,
            seed: 42,
        }
    }

    /// A server whose latency rises as that of a queue with this capacity, with noise of so many parts.
    struct Simulated {
        capacity: f64,
        noise: f64,
        dice: ChaCha8Rng,
        ends: Option<RunEnd>,
    }

    impl Simulated {
        fn new(noise: f64, seed: u64) -> Self {
            Self { capacity: 400.0, noise, dice: ChaCha8Rng::seed_from_u64(seed), ends: None }
        }
    }

    impl Bench for Simulated {
        fn measure(&mut self, upcoming: &Upcoming, settings: &Words) -> RunEnd {
            let rate: f64 = settings.get("request-rate").unwrap()[0].to_str().unwrap().parse().unwrap();
            let free = (1.0 - rate / self.capacity).max(0.001);
            // The sum of twelve even numbers, less six, is nearly normal with a deviation of 1.
            let even: f64 = (0..12).map(|_| self.dice.random::<f64>()).sum::<f64>() - 6.0;
            let latency = 10.0 / free * (self.noise * even).exp();
            fs::create_dir_all(&upcoming.dir).unwrap();
            let text =
                format!(r#"{{"request_latency": {{"unit": "ms", "p99": {latency}}}, "is_complete": true}}"#);
            fs::write(upcoming.dir.join(file_names::SUMMARY), text).unwrap();
            self.ends.take().unwrap_or(RunEnd::Measured)
        }

        fn pause(&mut self, _: f64) {}

        fn between(&mut self, _: &str, _: &Path) -> Result<(), String> {
            Ok(())
        }

        fn has_ended(&mut self, _: &Upcoming, _: &RunEnd, _: Option<&Measured>) {}

        fn interrupted(&self) -> Option<u8> {
            None
        }
    }

    fn ended(server: &mut Simulated) -> (SearchEnded, Vec<Probe>) {
        let dir = tempfile::tempdir().unwrap();
        let folder = ExperimentFolder::named(&dir.path().join("s")).unwrap();
        let found = search(&plan("request_latency p99 < 40ms"), &Words::default(), &folder, server).unwrap();
        let file: serde_json::Value =
            serde_json::from_slice(&fs::read(dir.path().join("s").join(FILE)).unwrap()).unwrap();
        assert_eq!(file["probes"].as_array().unwrap().len(), found.1.len());
        found
    }

    /// The load at which the mean latency is 40 ms. Noise makes the mean larger by exp(noise^2 / 2).
    fn edge(noise: f64) -> f64 {
        400.0 * (1.0 - (noise * noise / 2.0).exp() / 4.0)
    }

    #[test]
    fn the_edge_of_a_quiet_server_is_found() {
        let (ended, probes) = ended(&mut Simulated::new(0.0, 1));
        let SearchEnded::Answered(answer) = ended else { panic!("{ended:?}") };
        let Bracket::Between { kept, broken } = answer.bracket else { panic!("{answer:?}") };
        assert!(kept <= edge(0.0) && edge(0.0) <= broken && broken < kept * 1.06, "{answer:?}");
        assert!(probes.len() < 20, "{}", probes.len());
        let ends = probes.iter().filter(|probe| [kept, broken].contains(&probe.load));
        assert!(ends.clone().count() == 2 && ends.clone().all(|probe| probe.runs.len() > 1), "{probes:?}");
    }

    /// Both ends are right with 95 %, so that the edge is between them with 90 %.
    #[rstest]
    #[case(0.1)]
    #[case(0.4)]
    fn the_edge_of_a_noisy_server_is_mostly_in_the_interval(#[case] noise: f64) {
        let (mut within, mut answered) = (0, 0);
        for seed in 0..40 {
            let (ended, _) = ended(&mut Simulated::new(noise, seed));
            let SearchEnded::Answered(answer) = ended else { panic!("{ended:?}") };
            if let Bracket::Between { kept, broken } = answer.bracket {
                answered += 1;
                within += u32::from(kept <= edge(noise) && edge(noise) <= broken);
            }
        }
        assert!(answered >= 10 && within * 10 >= answered * 9, "{within} of {answered}");
    }

    #[test]
    fn a_run_that_ended_early_keeps_to_nothing() {
        let mut server = Simulated::new(0.0, 1);
        server.ends = Some(RunEnd::Failed { reason: "the deadline".to_owned(), exit_code: 6, in_part: true });
        let (_, probes) = ended(&mut server);
        assert!(probes[0].runs[0].reason.is_some() && probes[0].verdict != Verdict::Kept, "{probes:?}");
    }

    #[test]
    fn a_target_that_cannot_be_reached_ends_the_search() {
        let mut server = Simulated::new(0.0, 1);
        server.ends = Some(RunEnd::Unreachable { reason: "refused".to_owned(), exit_code: 4 });
        let (ended, probes) = ended(&mut server);
        assert!(matches!(ended, SearchEnded::Stopped { exit_code: 4, .. }), "{ended:?}");
        assert!(probes[0].runs.is_empty());
    }
}
