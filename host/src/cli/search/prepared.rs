//! A search whose settings are known to be good.

use std::sync::Arc;

use super::{
    super::{exit::Failure, resolved, settings},
    measurable,
    mistakes::Mistakes,
};
use crate::{
    config::words::Words,
    experiment::{
        ExperimentFolder,
        search::{Probe, SearchPlan},
    },
    plugin::Registry,
};

/// A search that is about to begin, or to go on.
pub(super) struct Prepared {
    /// Who says which setting.
    pub(super) asked: settings::Asked,
    pub(super) plan: SearchPlan,
    /// Settings of all runs.
    pub(super) base: Words,
    /// What was found before.
    pub(super) probes: Vec<Probe>,
    pub(super) folder: ExperimentFolder,
    pub(super) registry: Arc<Registry>,
}

/// Looks at both ends of the range before anything is sent.
///
/// # Errors
/// Everything that is wrong with one of them.
pub(super) fn checked(
    asked: &settings::Asked,
    plan: &SearchPlan,
    base: &Words,
) -> Result<Arc<Registry>, Failure> {
    let registry = resolved::discover(&asked.flags)?;
    for load in [plan.range.low, plan.range.high] {
        let of_load = asked.with(plan.settings(base, load))?;
        let resolved = resolved::resolved(&of_load, &of_load.flags, &registry)?;
        let mut mistakes = Mistakes::default();
        mistakes.extend(measurable::mistakes(&plan.slos, &resolved.plan, &registry)?);
        mistakes.finish()?;
    }
    Ok(registry)
}
