//! How much memory a generated prompt takes, so that a slip of the keyboard is an error and not the end of the process.
//!
//! An estimate from the lengths that were asked for; nothing is generated here.

use crate::{
    explain::Explain,
    plan::{DatasetConfig, LengthLaw, Phase},
};

/// Most memory that the texts of one request may take: more than any server reads.
const MOST_BYTES: f64 = GIGABYTE;
const GIGABYTE: f64 = 1e9;

/// Memory of a token of text, and of what a text costs beside its tokens.
const BYTES_A_TOKEN: f64 = 6.0;
const BYTES_A_TEXT: f64 = 128.0;

/// Texts that would not fit.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "generate {what} of about {tokens:.0} tokens: one would take {} of memory, and {} is the limit",
    size(*.bytes), size(MOST_BYTES)
)]
pub(crate) struct SizeError {
    what: &'static str,
    tokens: f64,
    bytes: f64,
    /// Flags that decide it.
    flags: &'static str,
}

impl Explain for SizeError {
    fn hint(&self) -> String {
        format!("lower one of {}", self.flags)
    }
}

/// Checks that the texts of a request can be held in memory.
///
/// # Errors
/// They cannot. Files are read as they are, whatever their size.
pub(super) fn check(dataset: &DatasetConfig) -> Result<(), SizeError> {
    let (what, texts, tokens, flags) = match dataset {
        DatasetConfig::Synthetic { lengths, batch_size, dialogue, context, .. } if !dialogue.is_single() => {
            let texts = *batch_size as f64 * longest(dialogue.turns);
            let tokens = texts * lengths.input_rarely_above() + context.tokens() as f64;
            (
                "conversations",
                texts,
                tokens,
                "the lengths of `--isl`, `--isl-distribution` or `--seq-dist`, or `--conversation-turn-mean`",
            )
        }
        DatasetConfig::Synthetic { lengths, batch_size, context, .. } => {
            let texts = *batch_size as f64;
            let tokens = texts * lengths.input_rarely_above() + context.tokens() as f64;
            (
                "prompts",
                texts,
                tokens,
                "`--isl`, `--isl-stddev`, `--isl-distribution`, `--seq-dist`, `--batch-size` and the lengths of what stands in front",
            )
        }
        DatasetConfig::Rankings { passages, passage, query, .. } => {
            let passages = longest(*passages);
            let tokens = longest(*query) + passages * longest(*passage);
            ("rankings", passages + 1.0, tokens, "the `--rankings-...` lengths")
        }
        DatasetConfig::File { .. } | DatasetConfig::RawPayloads { .. } => return Ok(()),
    };
    let bytes = texts * BYTES_A_TEXT + tokens * BYTES_A_TOKEN;
    if bytes <= MOST_BYTES { Ok(()) } else { Err(SizeError { what, tokens, bytes, flags }) }
}

/// A length that hardly any is above.
fn longest(law: LengthLaw) -> f64 {
    law.mean + 2.0 * law.stddev
}

fn size(bytes: f64) -> String {
    let gigabytes = bytes / GIGABYTE;
    if gigabytes < 1e6 { format!("{gigabytes:.0} GB") } else { "more than a million GB".to_owned() }
}

/// Conversations of all phases together, at most; `None` when one has no limit.
pub(super) fn sessions(phases: &[Phase]) -> Option<u64> {
    phases.iter().try_fold(0_u64, |all, phase| Some(all.saturating_add(phase.stop.most_sessions()?)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::plan::{
        ContextConfig, DialogueConfig, PromptCorpus, SequenceLaw, SequenceLengths, media::MediaConfig,
    };

    fn prompts(mean: f64, stddev: f64, batch_size: usize) -> DatasetConfig {
        let isl = SequenceLaw::Normal(LengthLaw { mean, stddev });
        let lengths = SequenceLengths::Apart { isl, osl: None };
        let (media, dialogue, context) =
            (MediaConfig::default(), DialogueConfig::default(), ContextConfig::default());
        DatasetConfig::Synthetic {
            entries: None,
            lengths,
            batch_size,
            media,
            dialogue,
            context,
            corpus: PromptCorpus::default(),
        }
    }

    fn rankings(passages: f64, passage: f64, query: f64) -> DatasetConfig {
        let law = |mean| LengthLaw { mean, stddev: 0.0 };
        let (passages, passage, query) = (law(passages), law(passage), law(query));
        DatasetConfig::Rankings { entries: None, passages, passage, query }
    }

    #[rstest]
    #[case::usual(prompts(550.0, 50.0, 1))]
    #[case::long_contexts(prompts(10e6, 0.0, 1))]
    #[case::rankings(rankings(100.0, 500.0, 50.0))]
    fn loads_that_people_run_fit(#[case] dataset: DatasetConfig) {
        assert_eq!(check(&dataset), Ok(()));
    }

    #[rstest]
    #[case::length(prompts(4_294_967_295.0, 0.0, 1))]
    #[case::spread(prompts(550.0, 1e308, 1))]
    #[case::texts(prompts(1.0, 0.0, usize::MAX))]
    #[case::all_together(prompts(1e300, 1e308, usize::MAX))]
    #[case::passages(rankings(4_294_967_295.0, 1.0, 1.0))]
    #[case::passage(rankings(1.0, 1e308, 1.0))]
    #[case::query(rankings(1.0, 1.0, 4_294_967_295.0))]
    fn what_no_memory_holds_is_refused(#[case] dataset: DatasetConfig) {
        assert!(check(&dataset).is_err());
    }

    #[test]
    fn the_error_says_how_much_it_would_be() {
        assert_eq!(
            check(&prompts(4_294_967_295.0, 0.0, 1)).unwrap_err().to_string(),
            "generate prompts of about 4294967295 tokens: one would take 26 GB of memory, and 1 GB is the limit"
        );
    }
}
