//! What is asked for: settings of all runs, and flags about several ones.

use std::path::Path;

use super::super::{
    exit::{Exit, Failure},
    settings::{flags_of, make_absolute},
};
use crate::{
    config::{
        flags::{ExperimentFlags, experiment_settings},
        keys::Keys,
        words::Words,
    },
    experiment::{self, Design, DesignError, Fit, State},
};

/// Settings that an experiment may have or not have when it goes on.
const FREE: [&str; 8] =
    ["ui", "quiet", "artifact-dir", "auto-plot", "no-auto-plot", "plot-required", "no-sweep-table", "resume"];

pub(super) struct Asked {
    /// Settings of runs; some may be lists.
    pub(super) base: Words,
    /// What is said about several runs, as texts and read.
    of_experiment: Words,
    pub(super) flags: ExperimentFlags,
}

impl Asked {
    /// Divides settings into both.
    ///
    /// # Errors
    /// A flag about several runs has a value that it does not take.
    pub(super) fn of(settings: &Words) -> Result<Self, Failure> {
        let names = experiment_settings();
        let is_one = |name: &str| names.iter().any(|known| known == name);
        let of_experiment = settings.only(is_one);
        let flags = flags_of(&of_experiment)?.experiment;
        Ok(Self { base: settings.only(|name| !is_one(name)), of_experiment, flags })
    }

    /// The design that it means.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn design(&self, seed: u64) -> Result<Design, Failure> {
        self.try_design(seed).map_err(|errors| {
            let mut failures = errors.into_iter().map(Failure::from);
            let first = failures.next().unwrap_or_else(|| Failure::new(Exit::Usage, "read the settings"));
            Failure { beside: failures.collect(), ..first }
        })
    }

    /// The same, or what is wrong with it, one by one.
    pub(super) fn try_design(&self, seed: u64) -> Result<Design, Vec<DesignError>> {
        experiment::design(&self.base, &self.flags, seed)
    }

    /// The setting that something is wrong with. A value stands in a list of its own setting, in `--sweep` or in `--variant`.
    pub(super) fn setting_of<'a>(&self, error: &'a DesignError) -> &'a str {
        let name = error.setting();
        let is_listed = || self.base.lists().iter().any(|(listed, _)| *listed == name);
        if !error.is_about_values() || is_listed() {
            name
        } else if self.flags.sweep.is_empty() {
            "variant"
        } else {
            "sweep"
        }
    }

    /// What an experiment keeps of its settings. It may go on in another working directory.
    pub(super) fn kept(&self) -> Words {
        let all = self.base.clone().over(self.of_experiment.clone());
        let mut kept = all.only(|name| !FREE.contains(&name));
        make_absolute(&mut kept, &Keys::all());
        kept
    }

    /// The settings of an experiment that goes on, with what is typed beside it.
    ///
    /// # Errors
    /// Something else is typed than the experiment has, or a secret is missing.
    pub(super) fn over_kept(&self, state: &State, dir: &Path) -> Result<Self, Failure> {
        if self.base.get("artifact-dir").is_some() {
            let message = "use `--resume` together with `--artifact-dir`: the experiment has a folder";
            return Err(Failure::new(Exit::Usage, message).with_hint("leave out `--artifact-dir`"));
        }
        let flags =
            |names: &[String]| names.iter().map(|name| format!("`--{name}`")).collect::<Vec<_>>().join(", ");
        let look_up = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        match state.fit(&self.kept(), &look_up) {
            Fit::Same(kept) => {
                let free =
                    self.base.clone().over(self.of_experiment.clone()).only(|name| FREE.contains(&name));
                Self::of(&kept.over(free))
            }
            Fit::Different(names) => {
                let message =
                    format!("go on in `{}`: it was begun with another {}", dir.display(), flags(&names));
                let hint = "leave out all settings: they are in the folder; or begin a new experiment";
                Err(Failure::new(Exit::Usage, message).with_hint(hint))
            }
            Fit::Lacking(names) => {
                let message = format!("go on in `{}`: the folder does not keep secrets", dir.display());
                Err(Failure::new(Exit::Usage, message).with_hint(format!("give {} again", flags(&names))))
            }
        }
    }
}
