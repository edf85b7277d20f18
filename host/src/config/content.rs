//! The content of the requests: where prompts come from, how long they are, and what counts their tokens.
//!
//! Knows what is asked for and the phases' request counts; opens no file.

use std::path::PathBuf;

use prony_plugin_api::metadata::EndpointMetadata;

use super::{
    agents, dialogues,
    error::{ConfigError, Said},
    lengths,
    problems::Problems,
    reshaping, size,
    spec::{Origin, RunSpec},
};
use crate::plan::{DatasetConfig, FileFormat, Phase, Sampling, TokenizerChoice, media::MediaConfig};

/// Why settings about generated texts stay without effect.
pub(super) const FROM_FILE: &str = "the file says what is sent";

/// How the type of a file is typed whose lines are whole bodies.
const RAW_PAYLOAD: &str = "raw-payload";

/// The dataset that is asked for: a file if one is named, generated text otherwise.
pub(super) fn dataset(spec: &RunSpec, phases: &[Phase], problems: &mut Problems) -> DatasetConfig {
    let Some(path) = spec.input_file.get() else {
        problems.require(&spec.custom_dataset_type, &spec.input_file);
        agents::timing(spec, problems);
        reshaping::reshaping(spec, problems);
        return DatasetConfig::Synthetic {
            entries: entries(spec, phases),
            lengths: lengths::sequences(spec, problems),
            batch_size: spec.batch_size.value().unwrap_or(1),
            media: MediaConfig::default(),
            dialogue: dialogues::dialogue(spec, problems),
            context: dialogues::context(spec, problems),
            corpus: lengths::corpus(spec, problems),
        };
    };
    for typed in generated_only(spec).chain(dialogues::generated_only(spec)) {
        problems.push(from_file(spec, typed));
    }
    let osl = lengths::of_outputs(spec, problems);
    let (path, entries) = (path.clone(), spec.num_dataset_entries.value());
    if let Some((FileFormat::RawPayload, by)) = spec.custom_dataset_type.given() {
        let additions = [
            spec.osl.origin(),
            spec.osl_distribution.origin(),
            spec.system_prompt.origin(),
            spec.system_prompt_file.origin(),
            spec.cache_bust.origin(),
        ];
        for addition in additions.into_iter().flatten() {
            problems.push(payload_is_fixed(addition, by));
        }
        let timeless = agents::of_recorded_times(spec).map(|typed| (typed, "such a file says no times"));
        let bare = reshaping::typed(spec).map(|typed| (typed, "such a file says no lengths"));
        for (typed, reason) in timeless.chain(bare) {
            let with = Said::with_value(by, RAW_PAYLOAD);
            problems.push(ConfigError::Clash { flag: typed.into(), with, reason });
        }
        return DatasetConfig::RawPayloads { path, entries };
    }
    let format = spec.custom_dataset_type.value().unwrap_or_default();
    let (timing, reshaping) = (agents::timing(spec, problems), reshaping::reshaping(spec, problems));
    // Rows are drawn for each request, as texts are generated.
    let pool_requests = self::entries(spec, phases);
    let entries = if format == FileFormat::RandomPool { pool_requests } else { entries };
    let (delay_ratio, system) = (dialogues::delay_ratio(spec), dialogues::context(spec, problems).system);
    DatasetConfig::File {
        path,
        entries,
        pool_requests,
        osl,
        format,
        delay_ratio,
        timing,
        reshaping,
        system,
        media: None,
    }
}

/// Settings that say how long generated texts are, and how many are in a request; those that are given.
pub(super) fn generated_only(spec: &RunSpec) -> impl Iterator<Item = Origin> + use<> {
    lengths::of_generated(spec).chain(spec.batch_size.origin())
}

/// The error for a setting that a file leaves without effect.
pub(super) fn from_file(spec: &RunSpec, typed: Origin) -> ConfigError {
    let file = spec.input_file.origin().unwrap_or(Origin::Flag(spec.input_file.flag()));
    ConfigError::Clash { flag: typed.into(), with: file.into(), reason: FROM_FILE }
}

/// Checks that an endpoint takes the payloads of a file, if the dataset is one.
///
/// # Errors
/// Its requests are forms.
pub(super) fn check_takes_payloads(
    dataset: &DatasetConfig,
    endpoint: &EndpointMetadata,
    name: &str,
) -> Result<(), ConfigError> {
    if matches!(dataset, DatasetConfig::RawPayloads { .. }) && endpoint.requires_form_data {
        return Err(ConfigError::NoPayloads { endpoint: name.to_owned() });
    }
    Ok(())
}

/// The error for extra inputs that would be added to payloads of a file. What the endpoint takes out of them by these names is no
/// part of a body.
pub(super) fn added_to_payloads<'a>(
    spec: &RunSpec,
    mut names: impl Iterator<Item = &'a String>,
    own: &[String],
) -> Option<ConfigError> {
    let (FileFormat::RawPayload, by) = spec.custom_dataset_type.given()? else { return None };
    let added = spec.extra_inputs.origin().filter(|_| spec.input_file.is_given())?;
    names.any(|name| !own.contains(name)).then(|| payload_is_fixed(added, by))
}

/// The error for a setting that would change payloads of a file.
fn payload_is_fixed(setting: Origin, by: Origin) -> ConfigError {
    ConfigError::Clash {
        flag: setting.into(),
        with: Said::with_value(by, RAW_PAYLOAD),
        reason: "a payload is sent as it is",
    }
}

/// Generated content with these media beside its texts; without texts where the endpoint wants media and counts no
/// text.
pub(super) fn with_media(
    dataset: DatasetConfig,
    media: MediaConfig,
    endpoint: &EndpointMetadata,
) -> DatasetConfig {
    match dataset {
        DatasetConfig::Synthetic { entries, lengths, batch_size, media: _, dialogue, context, corpus } => {
            let batch_size = if takes_only_media(endpoint) { 0 } else { batch_size };
            DatasetConfig::Synthetic { entries, lengths, batch_size, media, dialogue, context, corpus }
        }
        other => other,
    }
}

/// The endpoint has a use for media and none for texts.
pub(super) fn takes_only_media(endpoint: &EndpointMetadata) -> bool {
    !endpoint.tokenizes_input && (endpoint.requires_images || endpoint.requires_audio)
}

/// How many different conversations there are to be: one for each that can start, unless the user says how many. Without a
/// number of them there is no end to them.
pub(super) fn entries(spec: &RunSpec, phases: &[Phase]) -> Option<usize> {
    let sessions = || size::sessions(phases).map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    spec.num_dataset_entries.value().or_else(sessions)
}

/// How sessions are taken from the dataset. Where each session has a prompt of its own, there is nothing to take.
pub(super) fn sampling(spec: &RunSpec, problems: &mut Problems) -> Sampling {
    let wanted = spec.dataset_sampling_strategy.value().unwrap_or_default();
    if let Some(flag) = spec.dataset_sampling_strategy.origin().filter(|_| !wanted.is_sequential())
        && let Some(with) = spec.fixed_schedule.origin()
    {
        let reason = "each recorded session starts at its own instant then, once";
        problems.push(ConfigError::Clash { flag: flag.into(), with: with.into(), reason });
    }
    if has_pool(spec) { wanted } else { Sampling::Sequential }
}

/// There is a number of sessions that the load may take again.
pub(super) fn has_pool(spec: &RunSpec) -> bool {
    spec.input_file.is_given() || spec.num_dataset_entries.is_given()
}

/// What counts tokens. Without a wish it is what is always there: nothing is fetched because a model has a name.
pub(super) fn tokenizer(spec: &RunSpec) -> TokenizerChoice {
    named_tokenizer(spec.tokenizer.get().map(String::as_str))
}

/// The same for the name that a command has, if it has one.
pub(crate) fn named_tokenizer(name: Option<&str>) -> TokenizerChoice {
    match name {
        None => TokenizerChoice::Builtin,
        Some(name) => {
            TokenizerChoice::of_name(name).unwrap_or_else(|| TokenizerChoice::Local(PathBuf::from(name)))
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::{load, spec::tests::spec};
    use crate::plan::Encoding;

    fn resolved(line: &str) -> DatasetConfig {
        let (spec, mut problems) = (spec(line), Problems::default());
        let dataset = dataset(&spec, &load::phases(&spec, &mut problems), &mut problems);
        problems.finish().unwrap();
        dataset
    }

    #[rstest]
    #[case("", Some(10))]
    #[case("--request-count 200", Some(200))]
    #[case("--benchmark-duration 5", None)]
    #[case("--benchmark-duration 5 --num-dataset-entries 7", Some(7))]
    #[case("--request-count 1000000", Some(1_000_000))]
    #[case("--request-count 1000000 --num-dataset-entries 20000", Some(20_000))]
    #[case("--warmup-request-count 20 --request-count 200", Some(220))]
    #[case("--request-count 200 --num-dataset-entries 3", Some(3))]
    fn there_is_a_prompt_for_every_request(#[case] line: &str, #[case] expected: Option<usize>) {
        let dataset = resolved(line);
        assert!(
            matches!(dataset, DatasetConfig::Synthetic { entries, .. } if entries == expected),
            "{dataset:?}"
        );
    }

    #[rstest]
    #[case("", None)]
    #[case("--num-prompts 5 --custom-dataset-type single_turn", Some(5))]
    fn a_file_is_used_whole_unless_told_otherwise(#[case] line: &str, #[case] entries: Option<usize>) {
        let dataset = resolved(&format!("--input-file p.jsonl {line}"));
        assert!(matches!(dataset, DatasetConfig::File { entries: found, osl: None, .. } if found == entries));
    }

    #[rstest]
    #[case("--request-count 1000", (None, Some(1000)))]
    #[case("--request-count 1000 --num-dataset-entries 50", (Some(50), Some(50)))]
    #[case("--request-count 1000 --custom-dataset-type random-pool", (Some(1000), Some(1000)))]
    #[case("--benchmark-duration 5", (None, None))]
    fn a_pool_gives_a_row_for_each_request(
        #[case] line: &str,
        #[case] expected: (Option<usize>, Option<usize>),
    ) {
        let dataset = resolved(&format!("--input-file folder {line}"));
        let found = match dataset {
            DatasetConfig::File { entries, pool_requests, .. } => (entries, pool_requests),
            other => panic!("{other:?}"),
        };
        assert_eq!(found, expected);
    }

    #[rstest]
    fn a_file_of_whole_bodies_says_no_times(
        #[values(
            "--open-loop-replay",
            "--no-open-loop-replay",
            "--inter-turn-delay-cap-seconds 5",
            "--trace-idle-gap-cap-seconds 5",
            "--max-idle-gap-cap-seconds 5"
        )]
        typed: &str,
    ) {
        let line = format!("--input-file p.jsonl --custom-dataset-type raw-payload {typed}");
        let (spec, mut problems) = (spec(&line), Problems::default());
        dataset(&spec, &load::phases(&spec, &mut problems), &mut problems);
        let error = problems.finish().unwrap_err().to_string();
        let flag = typed.split(' ').next().unwrap();
        assert!(error.contains(&format!("`{flag}` together with")), "{error}");
        assert!(error.contains("such a file says no times"), "{error}");
    }

    #[rstest]
    #[case("--tokenizer builtin", TokenizerChoice::Builtin)]
    #[case("--tokenizer Builtin", TokenizerChoice::Builtin)]
    #[case("--tokenizer o200k_base", TokenizerChoice::Builtin)]
    #[case("--tokenizer cl100k_base", TokenizerChoice::Encoding(Encoding::Cl100k))]
    #[case("--tokenizer gpt2", TokenizerChoice::Encoding(Encoding::R50k))]
    #[case("", TokenizerChoice::Builtin)]
    #[case("--tokenizer a/tokenizer.json", TokenizerChoice::Local("a/tokenizer.json".into()))]
    fn tokens_are_counted_without_a_network(#[case] line: &str, #[case] choice: TokenizerChoice) {
        assert_eq!(tokenizer(&spec(line)), choice);
    }
}
