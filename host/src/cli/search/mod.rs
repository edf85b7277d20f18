//! `prony search`: the highest load that keeps to objectives.

mod args;
mod asked;
mod axis;
mod measurable;
mod mistakes;
mod prepared;
mod question;
mod recipe;
mod resume;
mod searched_load;
mod steps;
mod sweeps;
mod words;

use std::{ffi::OsString, num::NonZeroU64, path::PathBuf, sync::Arc};

use clap::ArgMatches;

pub(super) use self::{
    args::{SearchArgs, SearchFlags},
    asked::{OF_ONE_RUN, SHARED},
    question::Question,
    words::names as names_of_aiperf,
};
use self::{
    mistakes::Mistakes,
    prepared::{Prepared, checked},
    searched_load::SearchedLoad,
};
use super::{
    charts,
    exit::{Exit, Failure, HasExit},
    experiment::{Runner, Signals, unwaited},
    logging::LogFlags,
    profile::{self, Common},
    settings, terminal,
};
use crate::{
    clock::Clock,
    config::{agents_word::are_all_by_ssh, flags::ProfileFlags, keys::Keys, words::Words},
    experiment::{
        ExperimentFolder, FolderError,
        search::{self, Bracket, KeptError, Probe, SearchEnded, SearchInputs, SearchPlan, SloError},
    },
    run::until,
};

impl HasExit for SloError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl HasExit for KeptError {
    fn exit(&self) -> Exit {
        match self {
            Self::Read { .. } => Exit::Failed,
            Self::None(_) | Self::Schema { .. } | Self::Objective(..) => Exit::Usage,
        }
    }
}

/// Looks for what is asked for, and says what was found.
pub(super) fn run(args: &SearchArgs, matches: &ArgMatches, log: &LogFlags) -> Result<Exit, Failure> {
    of_words(&args.own, Words::typed(matches), log)
}

/// The same of settings that are words already. Some of them may be lists.
pub(super) fn of_words(own: &SearchFlags, typed: Words, log: &LogFlags) -> Result<Exit, Failure> {
    let question = Question::of(own);
    if question.is_sweep() {
        return sweeps::run(question, own, typed, log);
    }
    let resumed = typed.get("resume").and_then(<[OsString]>::first).map(PathBuf::from);
    let asked = settings::of_words(typed)?;
    terminal::be_quiet_if(asked.flags.quiet);
    asked.warn();
    let prepared = match resumed.as_deref() {
        Some(dir) => resume::prepared(own, asked, dir)?,
        None => begun(own, asked)?,
    };
    carry_out(prepared, log)
}

/// A search that was not there before.
fn begun(own: &SearchFlags, asked: settings::Asked) -> Result<Prepared, Failure> {
    let mut mistakes = Mistakes::default();
    mistakes.extend(asked.has_mistakes().then(|| asked.failure()));
    mistakes.extend(Question::Highest.without_effect(own));
    let meant = mistakes.note(own.aiperf.meaning(asked::USUAL_RANGE));
    let meaning = meant.clone().unwrap_or_default();
    let over = mistakes.note(asked::over(own, &meaning)).unwrap_or(SearchedLoad::Concurrency);
    mistakes.note(asked::check_alone(&asked, &meaning, over));
    let plan = asked::plan(own, meant.as_ref(), &asked, over, &mut mistakes);
    mistakes.finish()?;
    if let Some(notice) = own.aiperf.other_planner() {
        terminal::warn(&notice);
    }
    check_is_reached(&asked.flags, &plan)?;
    check_agents(&asked.flags)?;
    let mut base = asked::base(&asked, &meaning, over);
    // It may go on in another working directory.
    settings::make_absolute(&mut base, &Keys::all());
    let registry = checked(&asked, &plan, &base)?;
    let folder = match &asked.flags.artifact_dir {
        Some(dir) => ExperimentFolder::named(dir)?,
        None => {
            ExperimentFolder::dated(&asked::usual_name(&asked.flags, over), Clock::start().wall_start_ns())?
        }
    };
    Ok(Prepared { asked, plan, base, probes: Vec::new(), folder, registry })
}

fn carry_out(prepared: Prepared, log: &LogFlags) -> Result<Exit, Failure> {
    let Prepared { asked, plan, base, probes, folder, registry } = prepared;
    profile::own_the_process();
    let signals = Arc::new(Signals::default());
    let common = Common { registry, log_words: log.words() };
    let mut runner = Runner::new(asked.clone(), &asked.flags, common, true, Arc::clone(&signals));
    let (dir, plots) = (folder.dir().to_owned(), asked.flags.plots);
    let work = move || {
        let found = search::search(SearchInputs { plan: &plan, base: &base }, probes, &folder, &mut runner);
        let (ended, probes) = found.map_err(|error| unkept(error, &folder))?;
        let exit = tell(&plan, &ended, &probes, &folder)?;
        charts::automatic(plots, folder.dir(), || Ok(search::charts(&plan, &probes, ended.answer())))?;
        Ok(exit)
    };
    match until(|interrupt| signals.hear(interrupt), work) {
        Ok(Ok(done)) => done,
        Ok(Err(interrupt)) => {
            signals.end_shell();
            terminal::say_why(&format!("interrupted; `prony search --resume {}` goes on", dir.display()));
            Ok(interrupt.into())
        }
        Err(error) => Err(unwaited(&error)),
    }
}

/// Prints what was found, and says how the process ends.
fn tell(
    plan: &SearchPlan,
    ended: &SearchEnded,
    probes: &[Probe],
    folder: &ExperimentFolder,
) -> Result<Exit, Failure> {
    let text = search::text(plan, probes, ended.answer(), terminal::screen());
    search::keep(plan, ended, probes, folder, &text).map_err(|error| unkept(error, folder))?;
    let dir = folder.dir().display();
    let shown =
        if terminal::is_quiet() { format!("{dir}\n") } else { format!("{text}\nthe runs are in {dir}\n") };
    terminal::print(&shown).map_err(as_incomplete)?;
    match ended {
        SearchEnded::Answered(answer) => Ok(match answer.bracket {
            Bracket::Between { .. } | Bracket::AllKept { .. } => Exit::Success,
            Bracket::NoneKept { .. } => Exit::Failed,
            Bracket::Unknown { .. } => Exit::Incomplete,
        }),
        SearchEnded::Interrupted { exit_code } => {
            terminal::say_why(&format!("interrupted; {}", how_to_go_on(folder)));
            Ok(Exit::of_code(*exit_code).unwrap_or(Exit::Interrupted))
        }
        SearchEnded::Stopped { reason, exit_code } => {
            let has_any = !probes.is_empty();
            let more = if has_any { format!("; {}", how_to_go_on(folder)) } else { String::new() };
            terminal::say_why(&format!("the search ends before its time: {reason}{more}"));
            let alone = Exit::of_code(*exit_code).unwrap_or(Exit::Failed);
            Ok(if has_any { Exit::Incomplete } else { alone })
        }
    }
}

fn how_to_go_on(folder: &ExperimentFolder) -> String {
    format!("what was found is kept, and `prony search --resume {}` goes on", folder.dir().display())
}

/// What was found could not be written.
fn unkept(error: FolderError, folder: &ExperimentFolder) -> Failure {
    let hint = format!(
        "look at the space on that disk and at its permissions; `prony search --resume {}` goes on then",
        folder.dir().display()
    );
    as_incomplete(Failure::from(error).with_hint(hint))
}

/// What was found does not reach the user. The exit code is none that answers the question.
fn as_incomplete(failure: Failure) -> Failure {
    Failure { exit: Exit::Incomplete, ..failure }
}

/// Agents are the same from one run of a search to the next.
fn check_agents(flags: &ProfileFlags) -> Result<(), Failure> {
    // Each run starts those that it reaches by ssh.
    if are_all_by_ssh(&flags.machines.agents) || flags.machines.nats.is_some() {
        return Ok(());
    }
    let what =
        "use `--agents` in a search: each run would start a NATS server of its own, which no agent knows";
    Err(Failure::new(Exit::Usage, what).with_hint("name one that stays, with `--nats`"))
}

/// A closed loop with fewer requests than it may have in flight never has as many.
fn check_is_reached(flags: &ProfileFlags, plan: &SearchPlan) -> Result<(), Failure> {
    let counts = [
        ("--request-count", flags.request_count),
        ("--num-conversations", flags.dialogues.num_conversations),
    ];
    for (flag, count) in counts {
        let is_too_small = |count: &NonZeroU64| plan.range.is_whole && (count.get() as f64) < plan.range.high;
        let Some(count) = count.filter(is_too_small) else { continue };
        let SearchPlan { over, range, .. } = plan;
        let message = format!(
            "use `{flag} {count}` in a search up to a {over} of {}: no run would have as many at once",
            range.high
        );
        let hint = format!("raise `{flag}`, lower the end of `--range`, or use `--benchmark-duration`");
        return Err(Failure::new(Exit::Usage, message).with_hint(hint));
    }
    Ok(())
}
