//! `prony search`: the highest load that keeps to objectives.

use std::{
    num::{NonZeroU32, NonZeroU64},
    path::PathBuf,
    sync::Arc,
};

use clap::{ArgMatches, Args};

use super::{
    exit::{Exit, Failure, HasExit},
    experiment::{Runner, Signals, named_folder, seed_of, unwaited},
    logging::LogFlags,
    profile::{self, Common},
    settings, terminal,
};
use crate::{
    clock::Clock,
    config::{
        flags::{ChoiceParser, ProfileFlags, experiment_settings},
        origins::Source,
        units::{self, Choice},
        words::{Said, Words},
    },
    experiment::{
        ExperimentFolder, FolderError,
        search::{self, Bracket, Range, SearchEnded, SearchPlan, Slo, SloError},
    },
    run::until,
};

/// Seconds of a run, where nothing else ends it.
const USUAL_DURATION: &str = "30";

/// Runs of one load at most.
const USUAL_REPEATS: u32 = 5;

/// How near the ends of the interval are to be.
const USUAL_PRECISION: f64 = 0.05;

/// Nothing finer can be asked for.
const LEAST_PRECISION: f64 = 0.001;

/// Of intervals.
const USUAL_CONFIDENCE: f64 = 0.95;

/// Loads that are tried, where the user does not say which.
const USUAL_RANGE: (f64, f64) = (1.0, 1000.0);

/// What is looked for, and what each run is.
#[derive(Args, Debug)]
pub(super) struct SearchArgs {
    /// Objective that runs are to keep to, `METRIC [STATISTIC] < VALUE`; may be repeated. `time_to_first_token p99 < 500ms`,
    /// `error_rate < 1%`, `good_request_fraction > 95%`. `prony metrics` lists what there is.
    #[arg(long, value_name = "OBJECTIVE", required = true, help_heading = "Search")]
    #[arg(alias = "search-sla")]
    slo: Vec<String>,

    /// What is raised: `rate` (--request-rate), `concurrency` (--concurrency; sessions at once in conversations) or `users`
    /// (--num-users; --user-centric-rate is then that of one user) [default: concurrency].
    #[arg(long, value_name = "LOAD", value_parser = ChoiceParser::<Over>::new(), help_heading = "Search")]
    over: Option<Over>,

    /// Lowest and highest load to try, as `1..2000` [default: 1..1000].
    #[arg(long, value_name = "LOW..HIGH", value_parser = range, help_heading = "Search")]
    range: Option<(f64, f64)>,

    /// Runs of one load at most, where one or two do not tell [default: 5].
    #[arg(long, value_name = "N", value_parser = units::non_zero::<NonZeroU32>, help_heading = "Search")]
    repeats: Option<NonZeroU32>,

    /// How near the ends of the answer's interval are to be, as a part of it [default: 0.05].
    #[arg(long, value_name = "PART", value_parser = units::inner_share, help_heading = "Search")]
    precision: Option<f64>,

    #[command(flatten)]
    flags: ProfileFlags,
}

/// What is raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Rate,
    Concurrency,
    Users,
}

impl Choice for Over {
    const NAMES: &'static [(&'static str, Self)] =
        &[("rate", Self::Rate), ("concurrency", Self::Concurrency), ("users", Self::Users)];
    const SYNONYMS: &'static [(&'static str, Self)] =
        &[("request-rate", Self::Rate), ("sessions", Self::Concurrency), ("num-users", Self::Users)];
}

impl Over {
    /// The setting, by the long name of its flag.
    fn setting(self) -> &'static str {
        match self {
            Self::Rate => "request-rate",
            Self::Concurrency => "concurrency",
            Self::Users => "num-users",
        }
    }
}

/// A text that is no range of loads.
#[derive(Clone, Debug, thiserror::Error)]
#[error("a range is two numbers above 0, the lower one first, as in 1..2000")]
struct RangeError;

fn range(text: &str) -> Result<(f64, f64), RangeError> {
    let (low, high) = text.split_once("..").ok_or(RangeError)?;
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| RangeError);
    let (low, high) = (number(low)?, number(high)?);
    let is_range = low > 0.0 && low < high && high.is_finite();
    if is_range { Ok((low, high)) } else { Err(RangeError) }
}

impl HasExit for SloError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// Looks for the load, and says what was found.
pub(super) fn run(args: &SearchArgs, matches: &ArgMatches, log: &LogFlags) -> Result<Exit, Failure> {
    let asked = settings::asked(matches, args.flags.config.as_deref())?;
    if asked.has_mistakes() {
        return Err(asked.failure(None));
    }
    let over = args.over.unwrap_or(Over::Concurrency);
    check_alone(&asked, over)?;
    let plan = plan(args, &asked, over)?;
    check_is_reached(&asked.flags, &plan)?;
    let base = base(&asked, over);
    let registry = profile::discover(&asked.flags)?;
    for load in [plan.range.low, plan.range.high] {
        profile::check(&asked.with(plan.settings(&base, load))?, &registry)?;
    }
    let folder = match &asked.flags.artifact_dir {
        Some(dir) => ExperimentFolder::named(dir)?,
        None => ExperimentFolder::dated(&usual_name(&asked.flags, over), Clock::start().wall_start_ns())?,
    };
    profile::own_the_process();
    let signals = Arc::new(Signals::default());
    let common = Common { registry, log_words: log.words() };
    let mut runner = Runner::new(asked.clone(), &asked.flags, common, true, Arc::clone(&signals));
    let dir = folder.dir().to_owned();
    let work = move || {
        let found = search::search(&plan, &base, &folder, &mut runner);
        let (ended, probes) = found.map_err(|error| unkept(error, &folder))?;
        tell(&plan, &ended, &probes, &folder)
    };
    match until(|interrupt| signals.hear(interrupt), work) {
        Ok(Ok(done)) => done,
        Ok(Err(interrupt)) => {
            signals.end_shell();
            terminal::warn(&format!(
                "interrupted; what was found is in `{}`",
                dir.join(search::FILE).display()
            ));
            Ok(interrupt.into())
        }
        Err(error) => Err(unwaited(&error)),
    }
}

/// Prints what was found, and says how the process ends.
fn tell(
    plan: &SearchPlan,
    ended: &SearchEnded,
    probes: &[search::Probe],
    folder: &ExperimentFolder,
) -> Result<Exit, Failure> {
    let answer = match ended {
        SearchEnded::Answered(answer) => Some(answer),
        SearchEnded::Interrupted { .. } | SearchEnded::Stopped { .. } => None,
    };
    let text = search::text(plan, probes, answer, terminal::screen());
    terminal::print(&format!("{text}\nthe runs are in {}\n", folder.dir().display()))?;
    search::keep_text(folder, &text).map_err(|error| unkept(error, folder))?;
    match ended {
        SearchEnded::Answered(answer) => Ok(match answer.bracket {
            Bracket::Between { .. } | Bracket::AllKept { .. } => Exit::Success,
            Bracket::NoneKept { .. } => Exit::Failed,
            Bracket::Unknown { .. } => Exit::Incomplete,
        }),
        SearchEnded::Interrupted { exit_code } => Ok(Exit::of_code(*exit_code).unwrap_or(Exit::Interrupted)),
        SearchEnded::Stopped { reason, exit_code } => {
            terminal::warn(&format!("the search ends before its time: {reason}"));
            let has_any = probes.iter().any(|probe| !probe.runs.is_empty());
            let alone = Exit::of_code(*exit_code).unwrap_or(Exit::Failed);
            Ok(if has_any { Exit::Incomplete } else { alone })
        }
    }
}

/// What was found could not be written.
fn unkept(error: FolderError, folder: &ExperimentFolder) -> Failure {
    let hint = format!(
        "look at the space on the disk of `{}` and at its permissions, and search once more in another folder",
        folder.dir().display()
    );
    Failure::from(error).with_hint(hint)
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

fn plan(args: &SearchArgs, asked: &settings::Asked, over: Over) -> Result<SearchPlan, Failure> {
    let slos: Vec<Slo> = args.slo.iter().map(|text| Slo::read(text)).collect::<Result<_, _>>()?;
    let (low, high) = args.range.unwrap_or(USUAL_RANGE);
    let is_whole = over != Over::Rate;
    if is_whole && (low.fract() != 0.0 || high.fract() != 0.0) {
        let message = format!("use `--range {low}..{high}`: {} is a whole number", over.setting());
        return Err(Failure::new(Exit::Usage, message).with_hint("give two whole numbers"));
    }
    let precision = args.precision.unwrap_or(USUAL_PRECISION);
    if precision < LEAST_PRECISION {
        let message = format!("use `--precision {precision}`: runs cannot tell loads so near to each other");
        return Err(Failure::new(Exit::Usage, message).with_hint(format!("use {LEAST_PRECISION} or more")));
    }
    let flags = &asked.flags;
    Ok(SearchPlan {
        slos,
        over: over.setting(),
        rate_of_user: flags.users.user_centric_rate.filter(|_| over == Over::Users),
        pause_s: flags.experiment.parameter_sweep_cooldown_seconds.unwrap_or(0.0),
        between: flags.experiment.between.clone(),
        range: Range { low, high, is_whole, precision },
        most_runs: args.repeats.map_or(USUAL_REPEATS, NonZeroU32::get),
        confidence: asked.flags.experiment.confidence_level.unwrap_or(USUAL_CONFIDENCE),
        seed: seed_of(&asked.words)?,
    })
}

/// Flags about several runs that a search has as well.
const SHARED: [&str; 3] = ["confidence-level", "parameter-sweep-cooldown-seconds", "between"];

/// Flags that make sense for one run alone.
const OF_ONE_RUN: [&str; 4] = ["dry-run", "dry-run-output", "overwrite", "phases"];

/// What the search decides itself is not said beside it. The load of a file or of a variable gives way.
fn check_alone(asked: &settings::Asked, over: Over) -> Result<(), Failure> {
    let experiment = experiment_settings();
    let is_typed = |name: &str| asked.origins.source(name) == Source::Typed;
    let all = asked.all();
    let mut names = all.iter().map(|said| said.name.as_str());
    let is_its_own = |name: &str| {
        let is_load = name == over.setting();
        let is_list = asked.lists.get(name).is_some() && !is_load;
        let is_of_experiment = !SHARED.contains(&name) && experiment.iter().any(|known| known == name);
        is_load && is_typed(name) || is_list || is_of_experiment || OF_ONE_RUN.contains(&name)
    };
    let Some(name) = names.find(|name| is_its_own(name)) else { return Ok(()) };
    let place = match asked.origins.source(name) {
        Source::File(place) => format!(" ({place})"),
        Source::Typed | Source::Variable => String::new(),
    };
    let message = format!("use `--{name}` in a search{place}: it decides itself what is run, and how often");
    Err(Failure::new(Exit::Usage, message).with_hint(format!("leave out `{name}`")))
}

/// What all runs have in common. They end after some time, if nothing else ends them.
fn base(asked: &settings::Asked, over: Over) -> Words {
    let mut base = asked.words.clone();
    for name in SHARED.into_iter().chain(["artifact-dir", over.setting()]) {
        base.remove(name);
    }
    let ends = ["request-count", "benchmark-duration", "num-conversations"];
    if ends.iter().all(|name| base.get(name).is_none()) {
        base.set(Said { name: "benchmark-duration".to_owned(), values: vec![USUAL_DURATION.into()] });
    }
    base
}

/// `artifacts/chat_search_rate`: the API format, and what is raised.
fn usual_name(flags: &ProfileFlags, over: Over) -> PathBuf {
    named_folder(flags, &format!("search_{}", over.setting().replace('-', "_")))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1..2000", Some((1.0, 2000.0)))]
    #[case("0.5..8", Some((0.5, 8.0)))]
    #[case("8..1", None)]
    #[case("0..8", None)]
    #[case("5", None)]
    #[case("1..inf", None)]
    fn a_range_is_two_numbers(#[case] text: &str, #[case] expected: Option<(f64, f64)>) {
        assert_eq!(range(text).ok(), expected);
    }
}
