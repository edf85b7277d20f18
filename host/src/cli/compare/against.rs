//! `prony compare --against A B`: two servers are measured by turns.

use std::ffi::OsString;

use super::{CompareArgs, Side};
use crate::{
    cli::{
        exit::{Exit, Failure},
        experiment, lists,
        logging::LogFlags,
        settings, terminal,
    },
    config::redact,
    stderr,
};

/// Runs of each server where nothing is said: enough to decide among six numbers.
const REPEATS: u32 = 5;

/// Measures both servers, and gives their runs as sides; or how the process ends, where not all runs came to their ends.
pub(super) fn measured(
    args: &CompareArgs,
    urls: &[String],
    log: &LogFlags,
) -> Result<Result<Vec<Side>, Exit>, Failure> {
    let typed = match lists::typed(&words(args, urls)) {
        Ok(typed) => typed,
        Err(error) => return terminal::answer(&error).map(Err),
    };
    let (exit, dir) = experiment::measured(&settings::of_words(typed.settings)?, log)?;
    if exit != Exit::Success {
        return Ok(Err(exit));
    }
    stderr::write(format!("the runs are in {}\n", dir.display()));
    let mut sides = Side::of_cells(&dir)?;
    for (side, url) in sides.iter_mut().zip(urls) {
        side.name = redact::shown(url).into_owned();
    }
    Ok(Ok(sides))
}

/// The command line of the experiment: both servers have the same prompts, and what drifts over time is no advantage of either.
fn words(args: &CompareArgs, urls: &[String]) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["prony", "profile"].map(OsString::from).to_vec();
    words.extend(args.flags.iter().cloned());
    if let Some(file) = &args.config {
        words.extend(["--config".into(), file.clone().into_os_string()]);
    }
    if let Some(dir) = &args.artifact_dir {
        words.extend(["--artifact-dir".into(), dir.clone().into_os_string()]);
    }
    for (name, url) in ["first", "second"].iter().zip(urls) {
        words.extend(["--variant".into(), format!("{name}: url={url}").into()]);
    }
    let repeats = args.repeats.map_or(REPEATS, std::num::NonZero::get);
    words.extend(["--num-profile-runs".into(), repeats.to_string().into()]);
    words
        .extend(["--parameter-sweep-mode", "alternating", "--parameter-sweep-same-seed"].map(OsString::from));
    words
}
