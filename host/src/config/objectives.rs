//! What results are judged by: [`Objectives`].

use super::{
    error::ConfigError,
    goodput::{self, Measurable},
    price::{self, PriceError},
    problems::Problems,
    slo::{self, Numbers},
    spec::RunSpec,
};
use crate::plan::{Classes, Objective, Price, RunObjective};

/// What a good request is, what the run costs, and what its numbers are held to.
pub(super) struct Objectives {
    /// What a good request keeps to; nothing where none is judged.
    pub(super) goodput: Vec<Objective>,
    /// Nothing where the user has named no price.
    pub(super) price: Option<Price>,
    /// What numbers of the run are held to, in the order in which it was asked for.
    pub(super) slo: Vec<RunObjective>,
}

impl Objectives {
    /// Reads them together: an objective may be about good requests, and about the price. What is wrong goes to the problems.
    pub(super) fn of(
        spec: &RunSpec,
        measurable: Measurable<'_>,
        classes: &Classes,
        problems: &mut Problems,
    ) -> Self {
        let goodput = goodput(spec, measurable, problems);
        let price = price(spec, measurable, problems);
        let slo = slo(spec, measurable, classes, problems);
        Self { goodput, price, slo }
    }
}

fn goodput(spec: &RunSpec, measurable: Measurable<'_>, problems: &mut Problems) -> Vec<Objective> {
    let Some((texts, by)) = spec.goodput.given() else { return Vec::new() };
    goodput::objectives(texts.iter().map(String::as_str), measurable).unwrap_or_else(|errors| {
        problems.extend(errors.into_iter().map(|error| ConfigError::Objective { by, error }));
        Vec::new()
    })
}

fn price(spec: &RunSpec, measurable: Measurable<'_>, problems: &mut Problems) -> Option<Price> {
    let (texts, by) = spec.price.given()?;
    let price = price::price(texts, measurable.counts_input, measurable.counts_output);
    let noted = |errors: Vec<PriceError>| {
        problems.extend(errors.into_iter().map(|error| ConfigError::Price { by, error }));
    };
    price.map_err(noted).ok()
}

fn slo(
    spec: &RunSpec,
    measurable: Measurable<'_>,
    classes: &Classes,
    problems: &mut Problems,
) -> Vec<RunObjective> {
    let Some((texts, by)) = spec.slo.given() else { return Vec::new() };
    let numbers = Numbers {
        measurable,
        classes,
        // What is wrong with them is told once, and not of the metrics that come of them.
        has_goodput: spec.goodput.is_given() || classes.list.iter().any(|class| class.goodput.is_some()),
        is_replay: spec.fixed_schedule.is_given(),
        has_price: spec.price.is_given(),
        watches_gpus: spec.gpu_telemetry.is_given(),
        measures_network: spec.network_latency.is_given(),
    };
    slo::objectives(texts, numbers).unwrap_or_else(|errors| {
        problems.extend(errors.into_iter().map(|error| ConfigError::RunObjective { by, error }));
        Vec::new()
    })
}
