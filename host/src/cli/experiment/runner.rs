//! Carries out the runs of an experiment, one after the other, in this process.

use std::{collections::HashSet, path::Path, sync::Arc, thread, time::Duration};

use prony_plugin_api::live::RunNow;

use super::{
    super::{
        exit::{Exit, Failure, Form},
        profile::{self, Common, HowRun},
        run_end::NoResult,
        settings, terminal,
        view::View,
    },
    shell,
    signals::Signals,
};
use crate::{
    config::{
        flags::{ProfileFlags, Ui},
        redact,
        words::Words,
    },
    experiment::{Measured, RunEnd, RunExecutor, Upcoming},
    plan::Phase,
    run::{Observer, Snapshot, ending::Ending},
    stderr,
};

/// Who carries out the runs.
pub(in crate::cli) struct Runner {
    common: Common,
    /// Who says which setting.
    settings: settings::Asked,
    view: View,
    /// A line for each run that is over.
    tells: bool,
    signals: Arc<Signals>,
    /// What the user was warned of: what holds for all runs is said once.
    said: HashSet<String>,
    /// Names of the agents of the last run that had any, in order.
    agents: Vec<String>,
}

impl Runner {
    pub(in crate::cli) fn new(
        settings: settings::Asked,
        flags: &ProfileFlags,
        common: Common,
        tells: bool,
        signals: Arc<Signals>,
    ) -> Self {
        Self {
            common,
            settings,
            view: View::of(flags),
            tells: tells && flags.ui != Some(Ui::None) && !flags.quiet,
            signals,
            said: HashSet::new(),
            agents: Vec::new(),
        }
    }

    fn carry_out(&mut self, upcoming: &Upcoming, settings: &Words) -> Result<Exit, NoResult> {
        let mut asked = self.settings.with(settings.clone()).map_err(NoResult::NotBegun)?;
        asked.flags.artifact_dir = Some(upcoming.dir.clone());
        let line = settings.line();
        let words = ["prony".into(), "profile".into()]
            .into_iter()
            .chain(line.iter().map(|word| word.to_string_lossy()));
        let words: Vec<_> = words.collect();
        let command = redact::command_line(words.iter().map(AsRef::as_ref)).join(" ");
        let mut new = HashSet::new();
        let known = &self.said;
        let mut warn = |text: &str| {
            if !known.contains(text) && new.insert(text.to_owned()) {
                terminal::warn(text);
            }
        };
        let mut observer = OneOfSeveral {
            view: self.view.observer(short_place(upcoming)),
            signals: &self.signals,
            known,
            said: HashSet::new(),
            agents: &mut self.agents,
        };
        let how = HowRun { command, ends_saturated: upcoming.ends_saturated };
        let ended = profile::run_one_of_several(&asked, &self.common, how, &mut observer, &mut warn);
        let said = std::mem::take(&mut observer.said);
        drop(observer);
        self.said.extend(new);
        self.said.extend(said);
        ended
    }
}

impl RunExecutor for Runner {
    fn measure(&mut self, upcoming: &Upcoming, settings: &Words) -> RunEnd {
        let ended = self.carry_out(upcoming, settings);
        self.signals.set_measuring(false);
        if let Err(NoResult::Unkept(failure) | NoResult::Nothing(failure) | NoResult::NotBegun(failure)) =
            &ended
            && !is_interrupt(failure.exit)
        {
            terminal::explain(failure);
        }
        run_end(ended, &upcoming.dir)
    }

    fn pause(&mut self, seconds: f64) {
        thread::sleep(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
    }

    fn between(&mut self, command: &str, output: &Path) -> Result<(), String> {
        shell::carry_out(command, output, &self.signals)
    }

    fn has_ended(&mut self, upcoming: &Upcoming, end: &RunEnd, measured: Option<&Measured>) {
        if self.tells {
            let ended = match (end, measured) {
                (RunEnd::Measured, Some(measured)) => measured.in_words(),
                (RunEnd::Measured, None) => "measured".to_owned(),
                (RunEnd::Failed { reason, .. }, _) if Ending::is_saturated(reason) => {
                    format!("ended early: {reason}")
                }
                (RunEnd::Failed { .. }, _) => "failed".to_owned(),
                (RunEnd::Unreachable { .. }, _) => "the target cannot be reached".to_owned(),
                (RunEnd::NotBegun { .. }, _) => "could not begin".to_owned(),
                (RunEnd::Unkept { .. }, _) => "not kept".to_owned(),
                (RunEnd::Interrupted { .. }, _) => "interrupted".to_owned(),
            };
            stderr::write(format!("{}: {ended}\n", redact::shown(&place(upcoming))));
        }
    }

    fn warn(&mut self, text: &str) {
        terminal::warn(text);
    }

    fn interrupted(&self) -> Option<u8> {
        self.signals.exit_code()
    }
}

/// Which run of how many it is, and of what.
fn place(upcoming: &Upcoming) -> String {
    let Upcoming { run, place, runs, cells, repeats, label, .. } = upcoming;
    if *runs == 0 {
        return format!("run {place} ({label})");
    }
    let of_all = format!("run {place} of {runs}");
    let of_cells = format!("cell {} of {cells} ({label})", run.cell + 1);
    match (*cells > 1, *repeats > 1) {
        (true, true) => format!("{of_all}, {of_cells}, repeat {} of {repeats}", run.repeat),
        (true, false) => of_cells,
        (false, _) => of_all,
    }
}

/// The same where there is little room.
fn short_place(Upcoming { run, place, runs, cells, repeats, .. }: &Upcoming) -> String {
    if *runs == 0 {
        return format!("run {place}");
    }
    let of_cells = format!("cell {} of {cells}", run.cell + 1);
    match (*cells > 1, *repeats > 1) {
        (true, true) => format!("{of_cells}, repeat {} of {repeats}", run.repeat),
        (true, false) => of_cells,
        (false, _) => format!("run {place} of {runs}"),
    }
}

fn is_interrupt(exit: Exit) -> bool {
    matches!(exit, Exit::HungUp | Exit::Interrupted | Exit::Terminated)
}

/// What the end of a run, as a program would tell it, means for an experiment.
fn run_end(ended: Result<Exit, NoResult>, dir: &Path) -> RunEnd {
    let is_unkept = matches!(ended, Err(NoResult::Unkept(_)));
    let is_not_begun = matches!(ended, Err(NoResult::NotBegun(_)));
    let (exit, reason) = match ended {
        Ok(Exit::Success) => return RunEnd::Measured,
        Ok(exit) => (exit, incomplete_reason(dir)),
        Err(NoResult::Unkept(failure) | NoResult::Nothing(failure) | NoResult::NotBegun(failure)) => {
            (failure.exit, reason(&failure))
        }
    };
    let (reason, exit_code) = (redact::shown(&reason).into_owned(), exit as u8);
    match exit {
        _ if is_unkept => RunEnd::Unkept { reason, exit_code },
        _ if is_interrupt(exit) => RunEnd::Interrupted { exit_code },
        Exit::Unreachable => RunEnd::Unreachable { reason, exit_code },
        _ if is_not_begun => RunEnd::NotBegun { reason, exit_code },
        _ => RunEnd::Failed { reason, exit_code, in_part: exit == Exit::Incomplete },
    }
}

fn incomplete_reason(dir: &Path) -> String {
    let measured = Measured::read(dir).ok().and_then(|measured| measured.incomplete);
    measured.unwrap_or_else(|| "the run did not come to its end".to_owned())
}

fn reason(failure: &Failure) -> String {
    let begin = match failure.form {
        Form::Attempt => "failed to ",
        Form::Statement => "",
    };
    let causes = failure.causes.iter().flat_map(|cause| [": ", cause]).collect::<String>();
    format!("{begin}{}{causes}", failure.message)
}

/// Hears of one of several runs.
struct OneOfSeveral<'a> {
    view: Box<dyn Observer>,
    signals: &'a Signals,
    known: &'a HashSet<String>,
    said: HashSet<String>,
    agents: &'a mut Vec<String>,
}

impl Observer for OneOfSeveral<'_> {
    fn notice(&mut self, text: &str) {
        if !self.known.contains(text) && self.said.insert(text.to_owned()) {
            self.view.notice(text);
        }
    }

    fn said(&mut self, text: &str) {
        self.view.said(text);
    }

    fn agents_take_part(&mut self, names: &[String]) {
        let mut sorted = names.to_vec();
        sorted.sort();
        if *self.agents == sorted {
            self.view.same_agents_take_part(names);
        } else {
            *self.agents = sorted;
            self.view.agents_take_part(names);
        }
    }

    fn hears_interrupts(&mut self, hears: bool) {
        self.signals.set_measuring(hears);
    }

    fn phase_started(&mut self, phase: &Phase) {
        self.signals.set_measuring(true);
        self.view.phase_started(phase);
    }

    fn snapshot(&mut self, snapshot: &Snapshot) {
        self.view.snapshot(snapshot);
    }

    fn wants_now(&self) -> bool {
        self.view.wants_now()
    }

    fn now(&mut self, now: &RunNow) {
        self.view.now(now);
    }

    fn phase_ended(&mut self) {
        self.view.phase_ended();
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::experiment::PlannedRun;

    #[test]
    fn a_run_is_called_after_its_cell_and_its_number() {
        let upcoming = |cells, repeats| Upcoming {
            run: PlannedRun { cell: 2, repeat: 2 },
            place: 7,
            runs: 18,
            cells,
            repeats,
            label: "isl 5".to_owned(),
            dir: PathBuf::new(),
            ends_saturated: false,
        };
        let both = upcoming(9, 2);
        assert_eq!(place(&both), "run 7 of 18, cell 3 of 9 (isl 5), repeat 2 of 2");
        assert_eq!(short_place(&both), "cell 3 of 9, repeat 2 of 2");
        assert_eq!(place(&upcoming(9, 1)), "cell 3 of 9 (isl 5)");
        assert_eq!(short_place(&upcoming(1, 2)), "run 7 of 18");
    }

    #[test]
    fn the_end_of_a_run_is_what_its_exit_code_says() {
        let dir = tempfile::tempdir().unwrap();
        let end = |ended| run_end(ended, dir.path());
        let failure = |exit| Failure { causes: vec!["b".to_owned()], ..Failure::new(exit, "a") };
        assert_eq!(end(Ok(Exit::Success)), RunEnd::Measured);
        let nothing = |exit| Err(NoResult::Nothing(failure(exit)));
        assert_eq!(end(nothing(Exit::Interrupted)), RunEnd::Interrupted { exit_code: 130 });
        assert_eq!(end(Ok(Exit::Terminated)), RunEnd::Interrupted { exit_code: 143 });
        let reason = "failed to a: b".to_owned();
        assert_eq!(
            end(nothing(Exit::Unreachable)),
            RunEnd::Unreachable { reason: reason.clone(), exit_code: 4 }
        );
        let not_begun = |exit| Err(NoResult::NotBegun(failure(exit)));
        assert_eq!(end(not_begun(Exit::Usage)), RunEnd::NotBegun { reason: reason.clone(), exit_code: 2 });
        assert!(matches!(end(not_begun(Exit::Unreachable)), RunEnd::Unreachable { .. }));
        assert!(matches!(end(not_begun(Exit::Interrupted)), RunEnd::Interrupted { .. }));
        let unkept = RunEnd::Unkept { reason: reason.clone(), exit_code: 1 };
        assert_eq!(end(Err(NoResult::Unkept(failure(Exit::Failed)))), unkept);
        assert_eq!(end(nothing(Exit::Failed)), RunEnd::Failed { reason, exit_code: 1, in_part: false });
        assert!(matches!(end(Ok(Exit::Incomplete)), RunEnd::Failed { exit_code: 6, in_part: true, .. }));
    }
}
