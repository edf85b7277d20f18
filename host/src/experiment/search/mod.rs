//! Searches: the highest load that keeps to objectives.
//!
//! [`search`] is a loop over runs, like that of a sweep. All runs together say where the edge may be ([`edge`], by the curves of
//! [`curve`]), and the next load follows from that ([`next`]). All that was found is in `search.json`, which is written after each run
//! ([`mod@file`]).

mod answer;
mod curve;
mod edge;
mod file;
mod next;
mod page;
mod plan;
mod slo;
mod text;
mod verdict;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

pub(crate) use self::{
    answer::{Answer, SearchEnded},
    file::{FILE, Kept, KeptError},
    next::{Bracket, Range},
    page::charts,
    plan::{Probe, ProbeRun, SearchInputs, SearchPlan},
    slo::{Slo, SloError},
    text::text,
    verdict::Verdict,
};
use self::{edge::Edge, next::Next};
use super::{
    best::Key,
    between,
    folder::{ExperimentFolder, FolderError},
    manifest::{self, Made},
    measured::Measured,
    order::PlannedRun,
    outcome::RunEnd,
    run_executor::{RunExecutor, Upcoming},
};
use crate::{
    config::words::Said,
    metrics::{Statistic, tags},
    report::file_names,
    run::ending::Ending,
};

/// What the screen showed at the end.
pub(crate) const TEXT: &str = "search_console.txt";

/// The folder in a search's folder that has those of its runs.
const RUNS: &str = "runs";

/// Looks for the highest load. `probes` are those of a search that goes on. Returns how that ended, and what was found up to there.
///
/// # Errors
/// What was found could not be written.
pub(crate) fn search(
    wanted: SearchInputs<'_>,
    probes: Vec<Probe>,
    folder: &ExperimentFolder,
    executor: &mut dyn RunExecutor,
) -> Result<(SearchEnded, Vec<Probe>), FolderError> {
    let edge = wanted.plan.edge(&probes);
    let mut search = Search { wanted, folder, executor, probes, edge };
    manifest::withdraw(folder)?;
    search.save(None)?;
    let ended = loop {
        match search.next() {
            Step::Answer(answer) => break SearchEnded::Answered(answer),
            Step::Run(load) => {
                if let Some(ended) = search.probe(load)? {
                    break ended;
                }
            }
        }
    };
    search.save(Some(&ended))?;
    Ok((ended, search.probes))
}

/// Runs in a row without a result that end the search.
const RUNS_THAT_SAY_NOTHING: usize = 3;

/// The exit code of a command line that cannot be used.
const USAGE: u8 = 2;

/// Whether the server has answered a request, well or not.
fn has_answers(measured: &Measured) -> bool {
    measured.get(&Key::known(tags::COMPLETED_REQUEST_COUNT, Statistic::Avg)).is_some_and(|count| count > 0.0)
}

/// Whether a request succeeded.
fn has_successes(measured: &Measured) -> bool {
    measured.get(&Key::known(tags::REQUEST_COUNT, Statistic::Avg)).is_some_and(|count| count > 0.0)
}

/// What the search does next.
enum Step {
    Run(f64),
    Answer(Answer),
}

/// Keeps what the screen shows at the end, the same as a page, and the manifest of all files.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn keep(
    plan: &SearchPlan,
    ended: &SearchEnded,
    probes: &[Probe],
    folder: &ExperimentFolder,
    text: &str,
) -> Result<(), FolderError> {
    folder.write(TEXT, text.as_bytes())?;
    // A vector takes everything.
    folder.write(file_names::PAGE, &page::page(plan, ended, probes).unwrap_or_default())?;
    let made = Made {
        kind: "search",
        prony_version: env!("CARGO_PKG_VERSION"),
        random_seed: plan.seed,
        plan: FILE,
        is_complete: matches!(ended, SearchEnded::Answered(_)),
    };
    let runs: Vec<_> =
        probes.iter().flat_map(|probe| &probe.runs).map(|run| run.folder.to_string_lossy()).collect();
    manifest::write(&made, &[FILE, file_names::PAGE, TEXT], runs.iter().map(AsRef::as_ref), folder)
}

struct Search<'a> {
    wanted: SearchInputs<'a>,
    folder: &'a ExperimentFolder,
    executor: &'a mut dyn RunExecutor,
    /// In the order of their first runs.
    probes: Vec<Probe>,
    /// What they say.
    edge: Edge,
}

impl Search<'_> {
    /// Runs of all loads.
    fn runs(&self) -> u32 {
        self.probes.iter().map(|probe| u32::try_from(probe.runs.len()).unwrap_or(u32::MAX)).sum()
    }

    fn next(&self) -> Step {
        let plan = self.wanted.plan;
        let edge = &self.edge;
        let confidence = plan.confidence_of_a_look();
        let answer = || Answer::of(plan.range, edge, confidence);
        if self.learns_nothing() {
            return Step::Answer(Answer::unknown());
        }
        match plan.range.next(&plan.tried(&self.probes), edge, confidence) {
            Next::Done(_) => Step::Answer(answer()),
            Next::Try(_) if self.runs() >= plan.most_runs => Step::Answer(answer()),
            Next::Try(load) => Step::Run(load),
        }
    }

    /// Whether a load was run several times, and it says nothing.
    fn learns_nothing(&self) -> bool {
        let says_nothing = |run: &ProbeRun| !run.says_something(&self.wanted.plan.slos);
        self.probes
            .iter()
            .any(|probe| probe.runs.len() >= RUNS_THAT_SAY_NOTHING && probe.runs.iter().all(says_nothing))
    }

    /// Runs a load once.
    fn probe(&mut self, load: f64) -> Result<Option<SearchEnded>, FolderError> {
        if let Some(exit_code) = self.executor.interrupted() {
            return Ok(Some(SearchEnded::Interrupted { exit_code }));
        }
        if let Some(stopped) = self.pass_over()? {
            return Ok(Some(stopped));
        }
        let known = self.probes.iter().position(|probe| probe.load.total_cmp(&load).is_eq());
        let run = match self.run(load, known)? {
            Ok(run) => run,
            Err(ended) => return Ok(Some(ended)),
        };
        match known {
            Some(at) => self.probes[at].runs.push(run),
            None => self.probes.push(Probe { load, verdict: Verdict::Unclear, runs: vec![run] }),
        }
        self.edge = self.wanted.plan.edge(&self.probes);
        self.wanted.plan.judge(&mut self.probes, &self.edge);
        self.save(None)?;
        Ok(None)
    }

    /// What lies between the run before and the next one.
    fn pass_over(&mut self) -> Result<Option<SearchEnded>, FolderError> {
        let (plan, runs) = (self.wanted.plan, self.runs());
        if runs == 0 {
            return Ok(None);
        }
        if plan.pause_s > 0.0 {
            self.executor.pause(plan.pause_s);
        }
        let Some(command) = &plan.between else { return Ok(None) };
        let failed = between::carry_out(command, runs as usize + 1, self.folder, self.executor)?;
        Ok(failed.map(|reason| SearchEnded::Stopped { reason, exit_code: 1 }))
    }

    /// Runs a load, which has these runs already.
    fn run(&mut self, load: f64, known: Option<usize>) -> Result<Result<ProbeRun, SearchEnded>, FolderError> {
        let SearchInputs { plan, base } = self.wanted;
        let before = known.map_or(&[][..], |at| self.probes[at].runs.as_slice());
        // Where a run was ended early and says nothing, another one that is ended early would say nothing, either.
        let goes_on_to_its_end = before.iter().any(|run| run.is_saturated && !run.says_something(&plan.slos));
        let (place, repeat) = (self.runs() as usize + 1, before.len() + 1);
        let folder = run_folder(&plan.over, load, repeat);
        self.folder.make_room(&folder)?;
        let upcoming = Upcoming {
            run: PlannedRun { cell: 0, repeat: u32::try_from(repeat).unwrap_or(u32::MAX) },
            place,
            runs: 0,
            cells: 1,
            repeats: 1,
            label: format!("{} {load}", plan.over),
            dir: self.folder.dir().join(&folder),
            ends_saturated: plan.ends_saturated && !goes_on_to_its_end,
        };
        let random_seed = plan.seed.wrapping_add(place as u64 - 1);
        let mut settings = plan.settings(base, load);
        settings.set(Said {
            name: "random-seed".to_owned(),
            values: vec![OsString::from(random_seed.to_string())],
        });
        let end = self.executor.measure(&upcoming, &settings);
        let measured = Measured::read(&upcoming.dir).ok();
        self.executor.has_ended(&upcoming, &end, measured.as_ref());
        Ok(self.judged(&upcoming, end, measured).map(|run| ProbeRun { folder, random_seed, ..run }))
    }

    /// What a run says, if it says something.
    fn judged(
        &self,
        upcoming: &Upcoming,
        end: RunEnd,
        measured: Option<Measured>,
    ) -> Result<ProbeRun, SearchEnded> {
        let slos = &self.wanted.plan.slos;
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
                if upcoming.place == 1 || !measured.as_ref().is_some_and(has_answers) =>
            {
                let reason = format!("a run with {} measured nothing: {reason}", upcoming.label);
                return Err(SearchEnded::Stopped { reason, exit_code });
            }
            RunEnd::Failed { reason, .. } => Some(reason),
            RunEnd::Measured => None,
        };
        let measured = measured.unwrap_or_default();
        let values: Vec<Option<f64>> = slos.iter().map(|slo| slo.value(&measured)).collect();
        let lacking = slos.iter().zip(&values).find(|(_, value)| value.is_none());
        if let Some((slo, _)) = lacking.filter(|_| has_successes(&measured)) {
            let reason = format!(
                "no request has the metric of `{}`: `prony metrics {}` says what it needs",
                slo.text,
                slo.metric()
            );
            return Err(SearchEnded::Stopped { reason, exit_code: USAGE });
        }
        let number = |tag: &str| measured.get(&Key::known(tag, Statistic::Avg)).unwrap_or(0.0);
        Ok(ProbeRun {
            folder: PathBuf::new(),
            random_seed: 0,
            values,
            requests: number(tags::REQUEST_COUNT),
            failed_percent: number(tags::REQUEST_ERROR_RATE),
            is_saturated: reason.as_deref().is_some_and(Ending::is_saturated),
            reason,
        })
    }

    fn save(&self, ended: Option<&SearchEnded>) -> Result<(), FolderError> {
        let text = file::text(self.wanted, &self.probes, ended);
        self.folder.write(FILE, text.as_bytes())
    }
}

/// `runs/concurrency_8`, and `runs/concurrency_8_run_2` for the second run.
fn run_folder(over: &str, load: f64, repeat: usize) -> PathBuf {
    let name = format!("{}_{load}", over.replace('-', "_"));
    Path::new(RUNS).join(if repeat > 1 { format!("{name}_run_{repeat}") } else { name })
}

#[cfg(test)]
pub(super) mod tests {
    use std::{fs, time::Duration};

    use super::*;
    use crate::{config::words::Words, report::file_names};

    pub(super) fn plan(slo: &str) -> SearchPlan {
        SearchPlan {
            slos: vec![Slo::read(slo).unwrap()],
            over: "request-rate".to_owned(),
            rate_of_user: None,
            pause_s: 0.0,
            between: None,
            range: Range { low: 1.0, high: 2000.0, is_whole: false, precision: 0.05 },
            most_runs: 40,
            confidence: 0.95,
            ends_saturated: true,
            seed: 42,
        }
    }

    /// A server whose latency is in proportion to the rate: 40 ms at 300 a second.
    #[derive(Default)]
    struct Simulated {
        ends: Vec<RunEnd>,
        runs: Vec<(f64, bool)>,
    }

    impl RunExecutor for Simulated {
        fn measure(&mut self, upcoming: &Upcoming, settings: &Words) -> RunEnd {
            let rate: f64 = settings.get("request-rate").unwrap()[0].to_str().unwrap().parse().unwrap();
            self.runs.push((rate, upcoming.ends_saturated));
            let latency = rate / 7.5;
            fs::create_dir_all(&upcoming.dir).unwrap();
            let text =
                format!(r#"{{"request_latency": {{"unit": "ms", "p99": {latency}}}, "is_complete": true}}"#);
            fs::write(upcoming.dir.join(file_names::SUMMARY), text).unwrap();
            self.ends.pop().unwrap_or(RunEnd::Measured)
        }

        fn pause(&mut self, _: f64) {}

        fn between(&mut self, _: &str, _: &Path) -> Result<(), String> {
            Ok(())
        }

        fn has_ended(&mut self, _: &Upcoming, _: &RunEnd, _: Option<&Measured>) {}

        fn warn(&mut self, _: &str) {}

        fn interrupted(&self) -> Option<u8> {
            None
        }
    }

    fn wanted_in(dir: &Path, plan: &SearchPlan, server: &mut Simulated) -> (SearchEnded, Vec<Probe>) {
        let folder = ExperimentFolder::named(&dir.join("s")).unwrap();
        let wanted = SearchInputs { plan, base: &Words::default() };
        search(wanted, Vec::new(), &folder, server).unwrap()
    }

    fn ended(server: &mut Simulated) -> (SearchEnded, Vec<Probe>) {
        let dir = tempfile::tempdir().unwrap();
        wanted_in(dir.path(), &plan("request_latency p99 < 40ms"), server)
    }

    #[test]
    fn the_edge_of_a_quiet_server_is_found() {
        let (ended, probes) = ended(&mut Simulated::default());
        let SearchEnded::Answered(answer) = ended else { panic!("{ended:?}") };
        let Bracket::Between { kept, broken } = answer.bracket else { panic!("{answer:?}") };
        assert!(kept <= 300.0 && 300.0 <= broken && broken < kept * 1.06 && !answer.is_noisy, "{answer:?}");
        let verdicts = probes.iter().map(|probe| (probe.load < 200.0, probe.verdict == Verdict::Kept));
        assert!(verdicts.filter(|(is_below, _)| *is_below).all(|(_, is_kept)| is_kept), "{probes:?}");
    }

    #[test]
    fn a_run_that_ended_early_keeps_to_nothing() {
        let end = RunEnd::Failed { reason: "the deadline".to_owned(), exit_code: 6, in_part: true };
        let mut server = Simulated { ends: vec![end; 3], ..Simulated::default() };
        let (ended, probes) = ended(&mut server);
        assert_eq!(ended, SearchEnded::Answered(Answer::unknown()));
        assert!(probes.len() == 1 && probes[0].verdict == Verdict::Unclear, "{probes:?}");
    }

    #[test]
    fn a_run_that_was_ended_early_and_says_nothing_is_repeated_to_its_end() {
        let mut server = Simulated::default();
        let reason =
            Ending::Saturated { after: Duration::from_secs(3), in_flight: 500, more_a_second: 40 }.reason();
        server.ends = vec![RunEnd::Failed { reason, exit_code: 6, in_part: true }];
        let (ended, _) = ended(&mut server);
        assert_eq!(server.runs[..2], [(1.0, true), (1.0, false)]);
        assert!(matches!(ended, SearchEnded::Answered(_)), "{ended:?}");
    }

    #[test]
    fn a_search_that_goes_on_takes_the_runs_that_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let plan = plan("request_latency p99 < 40ms");
        let mut whole = Simulated::default();
        let (_, probes) = wanted_in(dir.path(), &plan, &mut whole);
        let first = |probe: &Probe| Probe { runs: vec![probe.runs[0].clone()], ..probe.clone() };
        let first_five: Vec<Probe> = probes[..5].iter().map(first).collect();
        let folder = ExperimentFolder::named(&dir.path().join("again")).unwrap();
        let mut rest = Simulated::default();
        let wanted = SearchInputs { plan: &plan, base: &Words::default() };
        let (_, again) = search(wanted, first_five, &folder, &mut rest).unwrap();
        assert_eq!(again, probes);
        assert_eq!(rest.runs, whole.runs[5..]);
    }

    #[test]
    fn a_target_that_cannot_be_reached_ends_the_search() {
        let ends = vec![RunEnd::Unreachable { reason: "refused".to_owned(), exit_code: 4 }];
        let mut server = Simulated { ends, ..Simulated::default() };
        let (ended, probes) = ended(&mut server);
        assert!(matches!(ended, SearchEnded::Stopped { exit_code: 4, .. }), "{ended:?}");
        assert!(probes.is_empty());
    }
}
