//! A search that goes on where it was.

use std::{num::NonZeroU32, path::Path};

use super::{
    super::{
        exit::{Exit, Failure},
        settings,
    },
    args::SearchFlags,
    asked::check_precision,
    mistakes::Mistakes,
    prepared::{Prepared, checked},
    words::WordsOfAiperf,
};
use crate::{
    config::keys::Keys,
    experiment::{ExperimentFolder, Fit, search::Kept},
};

/// Settings that may be others than before.
const FREE: [&str; 6] = ["ui", "quiet", "auto-plot", "no-auto-plot", "plot-required", "resume"];

/// Takes the folder of a search that is to go on. Runs that did not come to their ends are not in its file, and count for nothing.
///
/// # Errors
/// There is none, another process has it, or something else is typed than it has.
pub(super) fn prepared(own: &SearchFlags, asked: settings::Asked, dir: &Path) -> Result<Prepared, Failure> {
    let mut mistakes = Mistakes::default();
    mistakes.extend(asked.has_mistakes().then(|| asked.failure()));
    mistakes.note(check_typed(own, &asked));
    let numbers = own.numbers(&mut mistakes);
    mistakes.note(numbers.precision.map_or(Ok(()), check_precision));
    mistakes.finish()?;
    Kept::check_is_there(dir)?;
    let folder = ExperimentFolder::entered(dir)?;
    let kept = Kept::read(dir)?;
    let mut typed = asked.words.only(|name| !FREE.contains(&name));
    settings::make_absolute(&mut typed, &Keys::all());
    let look_up = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let base = match kept.fit(&typed, &look_up) {
        Fit::Same(base) => base,
        Fit::Different(names) => {
            let names = flags(&names);
            let message = format!("go on in `{}`: it was begun with another {names}", dir.display());
            let hint = "leave out all settings: they are in the folder; or begin a new search";
            return Err(Failure::new(Exit::Usage, message).with_hint(hint));
        }
        Fit::Lacking(names) => {
            let message = format!("go on in `{}`: the folder does not keep secrets", dir.display());
            return Err(Failure::new(Exit::Usage, message).with_hint(format!("give {} again", flags(&names))));
        }
    };
    let mut plan = kept.plan.clone();
    plan.most_runs = numbers.max_runs.map_or(plan.most_runs, NonZeroU32::get);
    plan.range.precision = numbers.precision.unwrap_or(plan.range.precision);
    let registry = checked(&asked, &plan, &base)?;
    Ok(Prepared { asked, plan, base, probes: kept.probes, folder, registry })
}

/// What is looked for stands in the folder; only how closely may be another one.
fn check_typed(own: &SearchFlags, asked: &settings::Asked) -> Result<(), Failure> {
    let is_typed = !asked.flags.objectives.slo.is_empty()
        || own.over.is_some()
        || own.range.is_some()
        || own.no_early_end
        || own.aiperf != WordsOfAiperf::default()
        || asked.values("artifact-dir").is_some();
    if is_typed {
        let message = "use `--resume` together with what is looked for, and where: both are in the folder";
        let hint = "leave out everything but `--max-runs`, `--precision`, `--ui` and secrets";
        return Err(Failure::new(Exit::Usage, message).with_hint(hint));
    }
    Ok(())
}

fn flags(names: &[String]) -> String {
    names.iter().map(|name| format!("`--{name}`")).collect::<Vec<_>>().join(", ")
}
