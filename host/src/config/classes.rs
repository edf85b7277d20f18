//! Classes of sessions: what `--class` and several `--model` ask for.

use super::{
    class::{self, Surroundings},
    error::{ConfigError, Said},
    flags::ModelStrategy,
    problems::Problems,
    spec::{Origin, RunSpec},
};
use crate::plan::{Class, ClassKind, Classes, DatasetConfig, DealOrder, FileFormat, SequenceLengths};

/// The classes that are asked for.
pub(super) fn classes(spec: &RunSpec, around: Surroundings<'_>, problems: &mut Problems) -> Classes {
    let (models, by_class) = (spec.model.list(), spec.class.given());
    let several_models = spec.model.origin().filter(|_| models.len() > 1);
    if let Some(by) = spec.class.origin().or(several_models) {
        check_sent_as_said(spec, by, problems);
    }
    match (by_class, models) {
        (Some((texts, by)), _) => {
            for other in [several_models, spec.model_selection_strategy.origin()] {
                let clash = |flag: Origin| ConfigError::Clash {
                    flag: flag.into(),
                    with: by.into(),
                    reason: "each class says its model and its share",
                };
                problems.note_some(other.map(clash));
            }
            let list = problems.note(class::read(texts, by, spec, around)).unwrap_or_default();
            let classes = Classes { kind: ClassKind::Class, order: DealOrder::Even, list };
            check_entries(spec, &classes, by, problems);
            classes
        }
        (None, models) if models.len() > 1 => by_model(spec, models),
        _ => Classes::default(),
    }
}

/// A class for each model.
fn by_model(spec: &RunSpec, models: &[String]) -> Classes {
    let share = 1.0 / models.len() as f64;
    let class =
        |model: &String| Class { name: model.clone(), share, model: Some(model.clone()), ..Class::default() };
    let order = match spec.model_selection_strategy.value() {
        None | Some(ModelStrategy::RoundRobin) => DealOrder::RoundRobin,
        Some(ModelStrategy::Random) => DealOrder::Random,
    };
    Classes { kind: ClassKind::Model, order, list: models.iter().map(class).collect() }
}

/// A body that is sent as it is names its own model.
fn check_sent_as_said(spec: &RunSpec, by: Origin, problems: &mut Problems) {
    if let Some((FileFormat::RawPayload, format)) = spec.custom_dataset_type.given() {
        problems.push(ConfigError::Clash {
            flag: by.into(),
            with: Said::with_value(format, "raw-payload"),
            reason: "a payload is sent as it is",
        });
    }
}

/// Prompts that are used again have the length of the class that they were made for.
fn check_entries(spec: &RunSpec, classes: &Classes, by: Origin, problems: &mut Problems) {
    if let Some(flag) = spec.num_dataset_entries.origin().filter(|_| classes.have_lengths()) {
        problems.push(ConfigError::Clash {
            flag: flag.into(),
            with: by.into(),
            reason: "prompts that are used in turn have no lengths by class",
        });
    }
}

/// The same dataset, with the lengths of the classes.
pub(super) fn with_lengths(dataset: DatasetConfig, classes: &Classes) -> DatasetConfig {
    match dataset {
        DatasetConfig::Synthetic {
            entries,
            lengths: SequenceLengths::Apart { isl, osl },
            batch_size,
            media,
            dialogue,
            context,
        } if classes.have_lengths() => {
            let lengths = classes.lengths(&isl, osl.as_ref());
            DatasetConfig::Synthetic { entries, lengths, batch_size, media, dialogue, context }
        }
        other => other,
    }
}
