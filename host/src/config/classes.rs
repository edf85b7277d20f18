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
        check_model_of_all(spec, by, around, problems);
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
            let list = class::read(texts, by, spec, around, problems);
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

/// A body has one model.
fn check_model_of_all(spec: &RunSpec, by: Origin, around: Surroundings<'_>, problems: &mut Problems) {
    if let Some(flag) = spec.extra_inputs.origin().filter(|_| around.extra_inputs.contains_key("model")) {
        problems.push(ConfigError::Clash {
            flag: Said::with_value(flag, "model"),
            with: by.into(),
            reason: "it would be the model of all requests",
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
            corpus,
        } if classes.have_lengths() => {
            let lengths = classes.lengths(&isl, osl.as_ref());
            DatasetConfig::Synthetic { entries, lengths, batch_size, media, dialogue, context, corpus }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::Map;

    use super::*;
    use crate::config::{
        error::ConfigErrors,
        goodput::{Measurable, tests::METRICS},
        spec::tests::spec_of,
    };
    use crate::plan::{LengthLaw, Objective};

    const TEXT: &str = r#"{"endpoint_path": "/x", "supports_streaming": true, "produces_tokens": true, "tokenizes_input": true}"#;
    const NUMBERS: &str = r#"{"endpoint_path": "/x", "supports_streaming": false, "produces_tokens": false, "tokenizes_input": true}"#;

    fn resolved(words: &[&str], endpoint: &str) -> Result<Classes, ConfigErrors> {
        let endpoint = serde_json::from_str(endpoint).unwrap();
        let measurable = Measurable {
            metrics: &METRICS,
            is_stream: true,
            counts_output: true,
            counts_input: true,
            is_scheduled: false,
            has_trace: false,
        };
        let extra_inputs = words.iter().skip_while(|word| **word != "--extra-inputs").nth(1);
        let extra_inputs = extra_inputs.and_then(|pair| pair.split_once(':'));
        let extra_inputs = extra_inputs
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect::<Map<_, _>>();
        let (spec, mut problems) = (spec_of(words), Problems::default());
        let around = Surroundings { endpoint: &endpoint, measurable, extra_inputs: &extra_inputs };
        let classes = classes(&spec, around, &mut problems);
        problems.finish().map(|()| classes)
    }

    #[test]
    fn one_model_is_no_class() {
        assert!(resolved(&["-m", "a"], TEXT).unwrap().is_empty());
    }

    #[rstest]
    #[case::in_turn(&["-m", "a,b"], DealOrder::RoundRobin)]
    #[case::random(&["-m", "a,b", "--model-selection-strategy", "random"], DealOrder::Random)]
    fn several_models_are_classes_of_equal_shares(#[case] words: &[&str], #[case] order: DealOrder) {
        let Classes { kind, order: found, list } = resolved(words, TEXT).unwrap();
        assert_eq!((kind, found), (ClassKind::Model, order));
        let parts: Vec<_> = list.iter().map(|class| (class.model.as_deref(), class.share)).collect();
        assert_eq!(parts, [(Some("a"), 0.5), (Some("b"), 0.5)]);
    }

    #[test]
    fn a_class_is_what_is_typed_of_it() {
        let first = "chat:share=3,model=org/m:v1,priority=-1,isl=100,isl_stddev=9.5,osl=20,goodput=request_latency:1s";
        let classes = resolved(&["--class", first, "--class", "batch:adapter=sql"], TEXT).unwrap();
        assert_eq!((classes.kind, classes.order), (ClassKind::Class, DealOrder::Even));
        let objective = Objective { metric: "request_latency".into(), bound: 1000.0, at_least: false };
        let chat = Class {
            name: "chat".into(),
            share: 0.75,
            model: Some("org/m:v1".into()),
            is_adapter: false,
            priority: Some(-1),
            isl: Some(LengthLaw { mean: 100.0, stddev: 9.5 }),
            osl: Some(LengthLaw { mean: 20.0, stddev: 0.0 }),
            goodput: Some(vec![objective]),
        };
        let batch = Class {
            name: "batch".into(),
            share: 0.25,
            model: Some("sql".into()),
            is_adapter: true,
            ..Class::default()
        };
        assert_eq!(classes.list, [chat, batch]);
    }

    #[rstest]
    #[case::all(
        &["--class", "a:share=-1,isl=0,isl-stddev=5,goodput=joy:5 glee:6", "--class", "b:shares=1", "--class", "a"],
        "read value 1 of `--class`: `share=-1`: it must be a number above 0, at most 1000000000; \
         read value 1 of `--class`: `isl=0`: it must be a whole number of tokens, 1 or more; \
         read value 1 of `--class`: there is no metric `joy`; read value 1 of `--class`: there is no metric `glee`; \
         read value 2 of `--class`: a class has no `shares`; read value 3 of `--class`: another class is called `a`"
    )]
    #[case::name(&["--class", "a b:share=1"], "read value 1 of `--class`: `a b` is no name")]
    #[case::no_name(&["--class", "share=1"], "`share=1` is no name")]
    #[case::twice(&["--class", "a", "--class", "a"], "read value 2 of `--class`: another class is called `a`")]
    #[case::no_pair(&["--class", "a:share"], "`share` is not `KEY=VALUE`")]
    #[case::key(&["--class", "a:shares=5"], "a class has no `shares`")]
    #[case::key_twice(&["--class", "a:isl=5,isl=6"], "`isl` stands there twice")]
    #[case::file(&["--class", "a:input-file=f"], "a class has no input file of its own")]
    #[case::share(&["--class", "a:share=-1"], "`share=-1`: it must be a number above 0, at most 1000000000")]
    #[case::no_model(&["--class", "a:model="], "`model=`: it must be a name")]
    #[case::priority(&["--class", "a:priority=high"], "`priority=high`: it must be a whole number")]
    #[case::length(&["--class", "a:isl=0"], "`isl=0`: it must be a whole number of tokens, 1 or more")]
    #[case::deviation(&["--class", "a:osl-stddev=5"], "`osl-stddev` needs `osl`")]
    #[case::two_names(&["--class", "a:model=x,adapter=y"], "`model` would have no effect: the name of the adapter is sent")]
    #[case::objective(&["--class", "a:goodput=joy:5"], "there is no metric `joy`")]
    #[case::of_a_file(&["--input-file", "f", "--class", "a:isl=5"], "`isl` would have no effect: the file says what is sent")]
    #[case::output_of_a_file(&["--input-file", "f", "--class", "a:osl=5"], "`osl` would have no effect: of a file")]
    #[case::mix(&["--seq-dist", "5,6:100", "--class", "a:osl=5"], "`osl` would have no effect: the pairs of `--seq-dist`")]
    #[case::priority_of_all(
        &["--extra-inputs", "priority:5", "--class", "a:priority=5"],
        "`priority` would have no effect: `--extra-inputs` says it for all requests"
    )]
    #[case::model_of_all(
        &["--extra-inputs", "model:z", "--class", "a:model=x"],
        "use `--extra-inputs model` together with `--class`: it would be the model of all requests"
    )]
    #[case::model_of_all_models(
        &["--extra-inputs", "model:z", "-m", "a,b"],
        "use `--extra-inputs model` together with `--model`: it would be the model of all requests"
    )]
    #[case::models(&["-m", "a,b", "--class", "a"], "use `--model` together with `--class`: each class says its model")]
    #[case::strategy(
        &["--model-selection-strategy", "random", "--class", "a"],
        "use `--model-selection-strategy` together with `--class`"
    )]
    #[case::entries(
        &["--num-dataset-entries", "5", "--class", "a:isl=5"],
        "use `--num-dataset-entries` together with `--class`: prompts that are used in turn"
    )]
    #[case::payload(
        &["--custom-dataset-type", "raw-payload", "--input-file", "f", "--class", "a"],
        "use `--class` together with `--custom-dataset-type raw-payload`: a payload is sent as it is"
    )]
    #[case::payloads_of_two_models(
        &["--custom-dataset-type", "raw-payload", "--input-file", "f", "-m", "a,b"],
        "use `--model` together with `--custom-dataset-type raw-payload`"
    )]
    fn what_is_no_class_is_refused(#[case] words: &[&str], #[case] text: &str) {
        let error = resolved(words, TEXT).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
        assert!(!crate::explain::Explain::hint(&*error.first).is_empty());
    }

    #[test]
    fn an_endpoint_is_not_asked_for_lengths_that_it_does_not_count() {
        let error = resolved(&["--class", "a:osl=5"], NUMBERS).unwrap_err().to_string();
        assert!(error.contains("`osl` would have no effect: the endpoint counts no tokens there"), "{error}");
        assert!(resolved(&["--class", "a:isl=5"], NUMBERS).is_ok());
    }
}
