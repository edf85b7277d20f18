//! What a search's flags mean: what is looked for, and what all runs have in common.

use std::{ffi::OsString, num::NonZeroU32, path::PathBuf};

use super::{
    super::{
        exit::{Exit, Failure},
        experiment::{named_folder, seed_of},
        settings,
    },
    args::SearchFlags,
    mistakes::Mistakes,
    searched_load::SearchedLoad,
    words::Meaning,
};
use crate::{
    config::{
        flags::{ProfileFlags, experiment_settings},
        origins::Source,
        words::{Said, Words},
    },
    experiment::search::{Range, SearchPlan, Slo},
};

/// What ends a run.
pub(super) const ENDS: [&str; 3] = ["request-count", "benchmark-duration", "num-conversations"];

/// Seconds of a run, where nothing else ends it.
const USUAL_DURATION: &str = "30";

/// Runs at most.
const USUAL_RUNS: u32 = 40;

/// How near the ends of the interval are to be.
const USUAL_PRECISION: f64 = 0.05;

/// Nothing finer can be asked for.
const LEAST_PRECISION: f64 = 0.001;

/// Of the interval.
const USUAL_CONFIDENCE: f64 = 0.95;

/// Loads that are tried, where the user does not say which.
pub(super) const USUAL_RANGE: (f64, f64) = (1.0, 1000.0);

/// What is raised.
///
/// # Errors
/// Two flags say two things.
pub(super) fn over(own: &SearchFlags, meaning: &Meaning) -> Result<SearchedLoad, Failure> {
    match (own.over, meaning.over) {
        (Some(typed), Some(meant)) if typed != meant => {
            let message = format!(
                "use `--over {}` together with a flag that raises `{}`",
                typed.name(),
                meant.setting()
            );
            Err(Failure::new(Exit::Usage, message).with_hint("leave out one of the two"))
        }
        (typed, meant) => Ok(typed.or(meant).unwrap_or(SearchedLoad::Concurrency)),
    }
}

/// What is looked for, as far as nothing is wrong with it, which is noted. `meaning` is not there where something is wrong with AIPerf's
/// words.
pub(super) fn plan(
    own: &SearchFlags,
    meaning: Option<&Meaning>,
    asked: &settings::Asked,
    over: SearchedLoad,
    mistakes: &mut Mistakes,
) -> SearchPlan {
    let slos = slos(asked, meaning, mistakes);
    let numbers = own.numbers(mistakes);
    let range = numbers.range.or(meaning.and_then(|meaning| meaning.range)).unwrap_or(USUAL_RANGE);
    mistakes.note(check_range(range, over));
    let precision = numbers.precision.unwrap_or(USUAL_PRECISION);
    mistakes.note(check_precision(precision));
    let seed = mistakes.note(seed_of(&asked.words)).unwrap_or_default();
    let flags = &asked.flags;
    SearchPlan {
        slos,
        over: over.setting().to_owned(),
        rate_of_user: flags.users.user_centric_rate.filter(|_| over == SearchedLoad::Users),
        pause_s: flags.experiment.parameter_sweep_cooldown_seconds.unwrap_or(0.0),
        between: flags.experiment.between.clone(),
        range: Range { low: range.0, high: range.1, is_whole: over.is_whole(), precision },
        most_runs: numbers.max_runs.map_or(USUAL_RUNS, NonZeroU32::get),
        ends_saturated: !own.no_early_end,
        confidence: asked.flags.experiment.confidence_level.unwrap_or(USUAL_CONFIDENCE),
        seed,
    }
}

fn slos(asked: &settings::Asked, meaning: Option<&Meaning>, mistakes: &mut Mistakes) -> Vec<Slo> {
    let texts =
        asked.flags.objectives.slo.iter().chain(meaning.into_iter().flat_map(|meaning| &meaning.slos));
    let read: Vec<_> = texts.map(|text| Slo::read(text)).collect();
    if read.is_empty() && meaning.is_some() {
        let message = "search for the highest load: there is no objective that it could break";
        let hint = "add one, as in `--slo 'time_to_first_token p99 < 500ms'`, or `--search-metric` for the load at which a metric is best; \
                    `prony metrics` lists what there is";
        mistakes.extend([Failure::new(Exit::Usage, message).with_hint(hint)]);
    }
    read.into_iter().filter_map(|slo| mistakes.note(slo)).collect()
}

/// # Errors
/// An end of the range is no such load.
pub(super) fn check_range((low, high): (f64, f64), over: SearchedLoad) -> Result<(), Failure> {
    if over.is_whole() && (low.fract() != 0.0 || high.fract() != 0.0) {
        let message = format!("use `--range {low}..{high}`: {} is a whole number", over.setting());
        return Err(Failure::new(Exit::Usage, message).with_hint("give two whole numbers"));
    }
    Ok(())
}

/// # Errors
/// It is finer than runs can tell.
pub(super) fn check_precision(precision: f64) -> Result<(), Failure> {
    if precision < LEAST_PRECISION {
        let message = format!("use `--precision {precision}`: runs cannot tell loads so near to each other");
        return Err(Failure::new(Exit::Usage, message).with_hint(format!("use {LEAST_PRECISION} or more")));
    }
    Ok(())
}

/// Flags about several runs that a search has as well.
pub(in crate::cli) const SHARED: [&str; 4] =
    ["confidence-level", "parameter-sweep-cooldown-seconds", "between", "resume"];

/// Flags that make sense for one run alone.
pub(in crate::cli) const OF_ONE_RUN: [&str; 5] =
    ["dry-run", "dry-run-output", "overwrite", "format", "phases"];

/// What the search decides itself is not said beside it. The load of a file or of a variable gives way.
pub(super) fn check_alone(
    asked: &settings::Asked,
    meaning: &Meaning,
    over: SearchedLoad,
) -> Result<(), Failure> {
    if !meaning.goodput.is_empty() && asked.values("goodput").is_some() {
        let message =
            "use `--goodput` together with `max-goodput-under-slo`, whose bounds are the objectives";
        return Err(Failure::new(Exit::Usage, message).with_hint("leave out `--goodput`"));
    }
    let experiment = experiment_settings();
    let is_typed = |name: &str| asked.origins.source(name) == Source::Typed;
    let all = asked.all();
    let mut names = all.iter().map(|said| said.name.as_str());
    let is_load = |name: &str| name == over.setting();
    let is_list = |name: &str| asked.lists.get(name).is_some() && !is_load(name);
    let is_its_own = |name: &str| {
        let is_of_experiment = !SHARED.contains(&name) && experiment.iter().any(|known| known == name);
        is_load(name) && is_typed(name) || is_list(name) || is_of_experiment || OF_ONE_RUN.contains(&name)
    };
    let Some(name) = names.find(|name| is_its_own(name)) else { return Ok(()) };
    let place = match asked.origins.source(name) {
        Source::File(place) => format!(" ({place})"),
        Source::Typed | Source::Variable => String::new(),
    };
    if is_list(name) {
        let message = format!("a search takes one value of `{name}`{place}");
        let hint = "give one value; for several, make a search for each";
        return Err(Failure::statement(Exit::Usage, message).with_hint(hint));
    }
    let message = format!("use `--{name}` in a search{place}: it decides itself what is run, and how often");
    Err(Failure::new(Exit::Usage, message).with_hint(format!("leave out `{name}`")))
}

/// What all runs have in common. They end after some time, if nothing else ends them.
pub(super) fn base(asked: &settings::Asked, meaning: &Meaning, over: SearchedLoad) -> Words {
    let mut base = asked.words.clone();
    for name in SHARED.into_iter().chain(["artifact-dir", "slo", over.setting()]) {
        base.remove(name);
    }
    if !meaning.goodput.is_empty() {
        let values = meaning.goodput.iter().map(OsString::from).collect();
        base.set(Said { name: "goodput".to_owned(), values });
    }
    end_some_time(&mut base);
    base
}

/// Gives runs that nothing else ends a duration.
pub(super) fn end_some_time(words: &mut Words) {
    if ENDS.iter().all(|name| words.get(name).is_none()) {
        words.set(Said { name: "benchmark-duration".to_owned(), values: vec![USUAL_DURATION.into()] });
    }
}

/// `artifacts/chat_search_rate`: the API format, and what is raised.
pub(super) fn usual_name(flags: &ProfileFlags, over: SearchedLoad) -> PathBuf {
    named_folder(flags, &format!("search_{}", over.setting().replace('-', "_")))
}
