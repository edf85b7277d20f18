//! The content of the requests: where prompts come from, how long they are, and what counts their tokens.
//!
//! Knows the flags and the phases' request counts; opens no file.

use std::path::PathBuf;

use prony_plugin_api::metadata::EndpointMetadata;

use super::{
    error::ConfigError,
    flags::{CustomDataset, ProfileFlags},
    size,
};
use crate::plan::{DatasetConfig, LengthLaw, Phase, Plan, TokenizerChoice, media::MediaConfig};

/// Mean length of a generated prompt, in tokens.
pub(super) const DEFAULT_ISL: u32 = 550;

/// The dataset that the flags ask for: a file if they name one, generated text otherwise.
pub(super) fn dataset(flags: &ProfileFlags, phases: &[Phase]) -> Result<DatasetConfig, ConfigError> {
    let osl = output_length(flags)?;
    let Some(path) = &flags.input_file else {
        if flags.custom_dataset_type.is_some() {
            return Err(ConfigError::Needs { flag: "--custom-dataset-type", needs: "--input-file" });
        }
        return Ok(DatasetConfig::Synthetic {
            entries: entries(flags, phases),
            isl: LengthLaw {
                mean: flags.isl.unwrap_or(DEFAULT_ISL).into(),
                stddev: flags.isl_stddev.unwrap_or(0.0),
            },
            osl,
            batch_size: flags.batch_size.unwrap_or(1),
            media: MediaConfig::default(),
        });
    };
    let synthetic_only = [
        ("--isl", flags.isl.is_some()),
        ("--isl-stddev", flags.isl_stddev.is_some()),
        ("--batch-size", flags.batch_size.is_some()),
    ];
    if let Some((flag, _)) = synthetic_only.into_iter().find(|(_, typed)| *typed) {
        let reason = "the file says what is sent";
        return Err(ConfigError::Clash { flag, with: "--input-file", reason });
    }
    if flags.custom_dataset_type == Some(CustomDataset::RawPayload) {
        if osl.is_some() {
            let reason = "a payload is sent as it is";
            return Err(ConfigError::Clash {
                flag: "--osl",
                with: "--custom-dataset-type raw-payload",
                reason,
            });
        }
        return Ok(DatasetConfig::RawPayloads { path: path.clone(), entries: flags.num_dataset_entries });
    }
    Ok(DatasetConfig::File { path: path.clone(), entries: flags.num_dataset_entries, osl })
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

/// Checks that nothing is to be added to payloads of a file. What the endpoint takes out of the extra inputs is no part of
/// them any more.
///
/// # Errors
/// Something is.
pub(crate) fn check_payloads(plan: &Plan) -> Result<(), ConfigError> {
    if matches!(plan.dataset, DatasetConfig::RawPayloads { .. }) && !plan.target.extra_inputs.is_empty() {
        return Err(ConfigError::Clash {
            flag: "--extra-inputs",
            with: "--custom-dataset-type raw-payload",
            reason: "a payload is sent as it is",
        });
    }
    Ok(())
}

/// Generated content with these media beside its texts; without texts where the endpoint wants media and counts no
/// text.
pub(super) fn with_media(
    dataset: DatasetConfig,
    media: MediaConfig,
    endpoint: &EndpointMetadata,
) -> DatasetConfig {
    match dataset {
        DatasetConfig::Synthetic { entries, isl, osl, batch_size, media: _ } => {
            let batch_size = if takes_only_media(endpoint) { 0 } else { batch_size };
            DatasetConfig::Synthetic { entries, isl, osl, batch_size, media }
        }
        other => other,
    }
}

/// The endpoint has a use for media and none for texts.
pub(super) fn takes_only_media(endpoint: &EndpointMetadata) -> bool {
    !endpoint.tokenizes_input && (endpoint.requires_images || endpoint.requires_audio)
}

fn output_length(flags: &ProfileFlags) -> Result<Option<LengthLaw>, ConfigError> {
    match (flags.osl, flags.osl_stddev) {
        (None, Some(_)) => Err(ConfigError::Needs { flag: "--osl-stddev", needs: "--osl" }),
        (None, None) => Ok(None),
        (Some(mean), stddev) => Ok(Some(LengthLaw { mean: mean.into(), stddev: stddev.unwrap_or(0.0) })),
    }
}

/// How many different prompts there are to be: one for every request, unless the user says how many. Without a number of
/// requests there is no end to them.
pub(super) fn entries(flags: &ProfileFlags, phases: &[Phase]) -> Option<usize> {
    let requests = || size::requests(phases).map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    flags.num_dataset_entries.or_else(requests)
}

/// What counts tokens. Without a wish it is what is always there: nothing is fetched because a model has a name.
pub(super) fn tokenizer(flags: &ProfileFlags) -> TokenizerChoice {
    match flags.tokenizer.as_deref() {
        None => TokenizerChoice::Builtin,
        Some(name) if name.eq_ignore_ascii_case("builtin") => TokenizerChoice::Builtin,
        Some(path) => TokenizerChoice::Local(PathBuf::from(path)),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::{flags::tests::flags, load};

    fn resolved(line: &str) -> DatasetConfig {
        let flags = flags(line).unwrap();
        dataset(&flags, &load::phases(&flags).unwrap()).unwrap()
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
        assert_eq!(dataset, DatasetConfig::File { path: "p.jsonl".into(), entries, osl: None });
    }

    #[rstest]
    #[case("--tokenizer builtin", TokenizerChoice::Builtin)]
    #[case("--tokenizer Builtin", TokenizerChoice::Builtin)]
    #[case("", TokenizerChoice::Builtin)]
    #[case("--tokenizer a/tokenizer.json", TokenizerChoice::Local("a/tokenizer.json".into()))]
    fn tokens_are_counted_without_a_network(#[case] line: &str, #[case] choice: TokenizerChoice) {
        assert_eq!(tokenizer(&flags(line).unwrap()), choice);
    }
}
