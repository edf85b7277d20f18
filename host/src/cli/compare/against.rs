//! `prony compare --against A B`: two servers are measured by turns.

use std::ffi::OsString;

use super::args::CompareArgs;
use crate::{
    cli::{
        exit::{Exit, Failure},
        experiment,
        logging::LogFlags,
        settings, terminal,
    },
    config::{redact, words::Words},
    experiment::compare::Side,
    stderr,
};

/// Reads a command line of `prony profile`: its settings, and what is said about the log.
pub(in crate::cli) type Read = fn(&[OsString]) -> Result<(Words, LogFlags), clap::Error>;

/// Runs of each server where nothing is said: enough to decide among six numbers.
const REPEATS: u32 = 5;

/// Names of the cells.
const CELLS: [&str; 2] = ["first", "second"];

/// Settings that a comparison decides itself.
const DECIDED: [&str; 10] = [
    "url",
    "variant",
    "sweep",
    "sweep-type",
    "num-profile-runs",
    "parameter-sweep-mode",
    "parameter-sweep-same-seed",
    "artifact-dir",
    "config",
    "resume",
];

/// Measures both servers, and gives their runs as sides, if there are any; and how the process ends by that.
pub(super) fn measured(
    args: &CompareArgs,
    urls: &[String],
    log: &LogFlags,
    read: Read,
) -> Result<(Option<Vec<Side>>, Exit), Failure> {
    match read(&line(args.flags.clone())) {
        Ok((settings, log)) => check(&settings, &log, urls)?,
        Err(error) => return Ok((None, terminal::answer(&error)?)),
    }
    let all = match read(&line([args.flags.clone(), decided(args, urls)].concat())) {
        Ok((settings, _)) => settings,
        Err(error) => return Ok((None, terminal::answer(&error)?)),
    };
    let asked = settings::of_words(all)?;
    terminal::be_quiet_if(asked.flags.quiet);
    asked.warn();
    let (exit, dir) = experiment::measured(&asked, log)?;
    stderr::write(format!("the runs are in {}\n", dir.display()));
    if !matches!(exit, Exit::Success | Exit::Incomplete | Exit::Objective) {
        return Ok((None, exit));
    }
    let (mut sides, empty) = Side::of_cells(&dir)?;
    for (side, url) in sides.iter_mut().zip(urls) {
        side.name = redact::shown(url).into_owned();
    }
    for cell in &empty {
        terminal::say_why(&format!("the {cell} server has no complete run: there is nothing to compare"));
    }
    Ok((empty.is_empty().then_some(sides), exit))
}

fn line(flags: Vec<OsString>) -> Vec<OsString> {
    [["prony", "profile"].map(OsString::from).to_vec(), flags].concat()
}

/// What is typed behind `--` is about the runs of one server, and the same for both.
fn check(settings: &Words, log: &LogFlags, urls: &[String]) -> Result<(), Failure> {
    let refused = |what: String, hint: &str| Err(Failure::new(Exit::Usage, what).with_hint(hint));
    if let Some(name) = DECIDED.iter().find(|name| settings.get(name).is_some()) {
        let hint = "`--against`, `--repeats`, `--config` and `--artifact-dir` of `prony compare` say it";
        return refused(format!("use `--{name}` behind `--`"), hint);
    }
    if let Some((name, _)) = settings.lists().first() {
        let what = format!("use a list of values for `--{name}` behind `--`");
        return refused(what, "both servers are measured with the same settings: give one value");
    }
    if !log.words().is_empty() {
        return refused("use flags of the log behind `--`".to_owned(), "write them in front of it");
    }
    if let Some(url) = urls.iter().find(|url| url.contains(',')) {
        let what = format!("use the URL `{}`", redact::shown(url));
        return refused(what, "it has a comma; write it as `%2C`");
    }
    Ok(())
}

/// What makes an experiment of it: both servers have the same prompts, and what drifts over time is no advantage of either.
fn decided(args: &CompareArgs, urls: &[String]) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    if let Some(file) = &args.config {
        words.extend(["--config".into(), file.clone().into_os_string()]);
    }
    if let Some(dir) = &args.artifact_dir {
        words.extend(["--artifact-dir".into(), dir.clone().into_os_string()]);
    }
    for (name, url) in CELLS.iter().zip(urls) {
        words.extend(["--variant".into(), format!("{name}: url={url}").into()]);
    }
    let repeats = args.repeats.map_or(REPEATS, std::num::NonZero::get);
    words.extend(["--num-profile-runs".into(), repeats.to_string().into()]);
    words
        .extend(["--parameter-sweep-mode", "alternating", "--parameter-sweep-same-seed"].map(OsString::from));
    words
}
