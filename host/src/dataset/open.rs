//! Opening: from the configuration to the scripts of a run.
//!
//! [`open_for`] is the stage's entry. It knows where content comes from, not how it is sent.

use std::sync::Arc;

use prony_plugin_api::metadata::EndpointMetadata;
use rayon::prelude::*;

use super::{
    Source,
    acceptance::{self, Audience},
    ahead::{Ahead, Maker},
    error::DatasetError,
    file::FileContent,
    generate::{Content, Generator},
    media::Media,
    sampling::Order,
    tokenizer::Tokenizer,
};
use crate::{
    lockfile::Lockfile,
    plan::{
        CacheFilling, ContextConfig, DatasetConfig, DialogueConfig, SessionOrder, StepTiming,
        media::MediaConfig,
    },
    seed::Seed,
};

/// Generated scripts that take no more memory than this together are made before the load, and kept.
const KEPT_BYTES: u64 = 32 << 20;

/// Said of a recording that is not replayed as it was.
const INSTANTS_UNUSED: &str = "the input file says when its sessions began, and they start as the load says: \
    `--fixed-schedule` replays them at their own instants";

/// A dataset that is ready, and what is to be said of it.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The scripts.
    pub(crate) source: Source,
    /// Sentences on what is allowed but hardly meant, without a final stop.
    pub(crate) warnings: Vec<String>,
}

/// Who the dataset is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purpose<'a> {
    /// What the endpoint takes.
    pub(crate) endpoint: &'a EndpointMetadata,
    pub(crate) name: &'a str,
    /// Responses are to be streams.
    pub(crate) streaming: bool,
    /// Members are added to bodies.
    pub(crate) has_extra_inputs: bool,
    /// The flag by which sessions are of several classes, if they are.
    pub(crate) classes: Option<&'static str>,
    /// Conversations get markers.
    pub(crate) is_marked: bool,
    /// How a warm-up fills the server's cache with them, if one does.
    pub(crate) filling: Option<CacheFilling>,
    /// What decides which session comes when.
    pub(crate) order: SessionOrder,
    /// What its files must be, if they must be as they were locked.
    pub(crate) lock: Option<&'a Lockfile>,
}

/// Opens the dataset of a run, all of which the endpoint takes.
///
/// # Errors
/// There is no such dataset, or the endpoint does not take it.
pub(crate) fn open_for(
    purpose: Purpose<'_>,
    config: &DatasetConfig,
    tokenizer: Option<&Arc<Tokenizer>>,
    seed: Seed,
) -> Result<Opened, DatasetError> {
    let audience = Audience { endpoint: purpose.endpoint, name: purpose.name };
    let Some(content) = FileContent::of(config) else {
        let opened = open_locked(config, purpose.order, tokenizer, seed, None)?;
        // Generated scripts are all alike.
        acceptance::check_script(&opened.source.script(0), 0, audience)?;
        return Ok(opened);
    };
    let (source, facts) = content.open(purpose.order, tokenizer, seed, Some(audience), purpose.lock)?;
    if let Some(filling) = purpose.filling.filter(|_| facts.has_payloads()) {
        return Err(DatasetError::PayloadsInCache { flag: filling.flag() });
    }
    let mut warnings = Vec::new();
    let is_timeless =
        matches!(config, DatasetConfig::File { timing, .. } if timing.steps == Some(StepTiming::AtOnce));
    if purpose.order.replay().is_none() && facts.has_instants && !is_timeless {
        warnings.push(INSTANTS_UNUSED.to_owned());
    }
    warnings.extend_from_slice(&facts.notes);
    warnings.extend(facts.other_streaming(purpose.streaming));
    if let DatasetConfig::File { timing, .. } = config {
        warnings.extend(facts.unknown_pauses(timing));
    }
    if let DatasetConfig::File { osl, system, .. } = config
        && facts.are_payloads()
    {
        warnings.extend(without_effect([
            (osl.is_some(), "--osl"),
            (system.is_some(), "--system-prompt"),
            (purpose.has_extra_inputs, "--extra-inputs"),
            (purpose.is_marked, "--cache-bust"),
            (purpose.classes.is_some(), purpose.classes.unwrap_or_default()),
        ]));
    }
    Ok(Opened { source, warnings })
}

/// What is said of settings that would change bodies, where a file is found to hold nothing but such.
fn without_effect(settings: [(bool, &'static str); 5]) -> impl Iterator<Item = String> {
    let given = settings.into_iter().filter(|(is_given, _)| *is_given);
    given.map(|(_, flag)| {
        format!("`{flag}` changes no request body of the input file: whole bodies are sent as they are")
    })
}

/// Opens a dataset of at least one script; a replay has the part of it that is replayed, with its instants. Scripts are the same
/// for the same seed, and the first ones do not change when more are asked for.
///
/// With a lock file, what is read of files is what was locked.
///
/// Without a tokenizer (the endpoint's input is not counted in tokens) nothing is counted: `input_tokens` stays
/// `None`, and synthetic texts are as long as asked for in tokens of the built-in vocabulary.
///
/// # Errors
/// There is no such dataset, or it is not what was locked.
pub(crate) fn open_locked(
    config: &DatasetConfig,
    order: SessionOrder,
    tokenizer: Option<&Arc<Tokenizer>>,
    seed: Seed,
    lock: Option<&Lockfile>,
) -> Result<Opened, DatasetError> {
    let drawn = || Order::of(order.sampling(), seed);
    match config {
        DatasetConfig::Synthetic { entries: Some(0), .. }
        | DatasetConfig::Rankings { entries: Some(0), .. } => Err(DatasetError::NoScripts),
        DatasetConfig::Synthetic { batch_size: 0, media, .. } if media.is_empty() => {
            Err(DatasetError::NoTexts)
        }
        DatasetConfig::Synthetic { entries, lengths, batch_size, media, dialogue, context, corpus } => {
            let content = Content::Prompts { lengths, batch_size: *batch_size as u64, corpus: *corpus };
            let media = Media::make(media, entries.map(|entries| entries as u64), seed)?;
            let generator = Generator::new(content, media, tokenizer, seed, *dialogue, context)?;
            generated(generator, *entries, drawn())
        }
        &DatasetConfig::Rankings { entries, passages, passage, query } => {
            let content = Content::Rankings { passages, passage, query };
            let media = Media::make(&MediaConfig::default(), None, seed)?;
            let (dialogue, before) = (DialogueConfig::default(), ContextConfig::default());
            generated(Generator::new(content, media, tokenizer, seed, dialogue, &before)?, entries, drawn())
        }
        DatasetConfig::RawPayloads { .. } | DatasetConfig::File { .. } => {
            let Some(content) = FileContent::of(config) else { return Err(DatasetError::NoScripts) };
            let (source, _) = content.open(order, tokenizer, seed, None, lock)?;
            Ok(Opened { source, warnings: Vec::new() })
        }
    }
}

fn generated(generator: Generator, entries: Option<usize>, order: Order) -> Result<Opened, DatasetError> {
    let entries = entries.map(|entries| entries as u64);
    let warnings = generator.shared_media(entries).into_iter().collect();
    let kept = entries.filter(|entries| entries.saturating_mul(generator.bytes_a_script()) <= KEPT_BYTES);
    let source = match kept {
        Some(entries) => {
            Source::listed((0..entries).into_par_iter().map(|number| generator.script(number)).collect())
        }
        None => Source::generated(Ahead::start(generator, entries, order).map_err(DatasetError::Thread)?),
    };
    Ok(Opened { source, warnings })
}

#[cfg(test)]
pub(super) mod tests {
    use std::{
        collections::HashSet,
        fs,
        sync::{Arc, LazyLock},
    };

    use proptest::prelude::*;
    use rstest::rstest;
    use tempfile::{NamedTempFile, TempDir};

    use super::{Opened, open_locked};
    use crate::{
        dataset::{DatasetError, Message, Part, Script, Step, tokenizer::Tokenizer},
        explain::Explain,
        plan::{
            ContextConfig, DatasetConfig, DialogueConfig, FileFormat, LengthLaw, PromptCorpus,
            RecordedTiming, Reshaping, SequenceLaw, SequenceLengths, SessionOrder, TokenizerChoice,
            media::MediaConfig,
        },
        seed::Seed,
    };

    static BUILTIN: LazyLock<Arc<Tokenizer>> =
        LazyLock::new(|| Tokenizer::load(&TokenizerChoice::Builtin).unwrap().into());

    const SEED: u64 = 42;
    fn law(mean: f64) -> SequenceLaw {
        SequenceLaw::Normal(LengthLaw { mean, stddev: 0.0 })
    }

    const OSL: SequenceLaw = SequenceLaw::Normal(LengthLaw { mean: 128.0, stddev: 16.0 });

    fn synthetic(entries: usize, batch_size: usize, osl: Option<SequenceLaw>) -> DatasetConfig {
        let isl = SequenceLaw::Normal(LengthLaw { mean: 100.0, stddev: 20.0 });
        let (lengths, media) = (SequenceLengths::Apart { isl, osl }, MediaConfig::default());
        DatasetConfig::Synthetic {
            entries: Some(entries),
            lengths,
            batch_size,
            media,
            dialogue: DialogueConfig::default(),
            context: ContextConfig::default(),
            corpus: PromptCorpus::default(),
        }
    }

    fn open(
        config: &DatasetConfig,
        order: SessionOrder,
        tokenizer: Option<&Arc<Tokenizer>>,
        seed: Seed,
    ) -> Result<Opened, DatasetError> {
        open_locked(config, order, tokenizer, seed, None)
    }

    /// All scripts of a dataset that has an end.
    pub(in crate::dataset) fn scripts(
        config: &DatasetConfig,
        tokenizer: Option<&Arc<Tokenizer>>,
        seed: Seed,
    ) -> Vec<Script> {
        let source = open(config, SessionOrder::default(), tokenizer, seed).unwrap().source;
        (0..source.len().unwrap()).map(|position| Script::clone(&source.script(position))).collect()
    }

    fn built(config: &DatasetConfig) -> Vec<Script> {
        scripts(config, Some(&BUILTIN), Seed::new(SEED))
    }

    fn file(rows: &str, entries: Option<usize>, osl: Option<SequenceLaw>) -> Vec<Script> {
        reshaped(rows, entries, osl, Reshaping::default())
    }

    fn reshaped(
        rows: &str,
        entries: Option<usize>,
        osl: Option<SequenceLaw>,
        reshaping: Reshaping,
    ) -> Vec<Script> {
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), rows).unwrap();
        built(&DatasetConfig::File {
            path: file.path().into(),
            entries,
            pool_requests: None,
            osl,
            format: FileFormat::default(),
            delay_ratio: 1.0,
            timing: RecordedTiming::default(),
            reshaping,
            system: None,
            media: None,
        })
    }

    fn max_tokens(scripts: &[Script]) -> Vec<Option<u64>> {
        scripts.iter().map(|script| script.steps[0].max_tokens).collect()
    }

    #[test]
    fn no_row_asks_for_more_than_the_most_output_whoever_says_its_length() {
        let rows = "{\"input_length\":5,\"output_length\":90}\n{\"input_length\":5}\n{\"input_length\":5,\"output_length\":7}\n";
        let most = Reshaping { most_output: std::num::NonZeroU64::new(50), ..Reshaping::default() };
        assert_eq!(max_tokens(&reshaped(rows, None, Some(law(100.0)), most)), [Some(50), Some(50), Some(7)]);
    }

    #[test]
    fn a_synthetic_conversation_is_one_turn_of_the_user() {
        let config = DatasetConfig::Synthetic {
            entries: Some(2),
            lengths: SequenceLengths::Apart { isl: law(12.0), osl: Some(law(32.0)) },
            batch_size: 1,
            media: MediaConfig::default(),
            dialogue: DialogueConfig::default(),
            context: ContextConfig::default(),
            corpus: PromptCorpus::default(),
        };
        let text = "Kind iron helped some angle through our pure side. Every.";
        let step = Step {
            max_tokens: Some(32),
            input_tokens: Some(12),
            ..Step::first(Message::user(vec![Part::text(text.into())]))
        };
        assert_eq!(built(&config)[1], Script::single("session_000001".into(), step));
    }

    #[rstest]
    fn texts_are_counted_together(#[values(1, 3)] batch_size: usize) {
        for script in built(&synthetic(50, batch_size, None)) {
            let step = &script.steps[0];
            let counted: usize = step.parts().map(|part| BUILTIN.count(&part.data)).sum();
            assert_eq!(step.messages[0].parts.len(), batch_size);
            assert_eq!(step.input_tokens, Some(counted as u64));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn more_conversations_leave_the_first_ones_as_they_were(few in 1_usize..40, more in 0_usize..40, batch_size in 1_usize..4) {
            let all = built(&synthetic(few + more, batch_size, Some(OSL)));
            prop_assert_eq!(&all[..few], &built(&synthetic(few, batch_size, Some(OSL)))[..]);
        }
    }

    fn rankings(entries: usize) -> DatasetConfig {
        DatasetConfig::Rankings {
            entries: Some(entries),
            passages: LengthLaw { mean: 4.0, stddev: 2.0 },
            passage: LengthLaw { mean: 30.0, stddev: 5.0 },
            query: LengthLaw { mean: 8.0, stddev: 0.0 },
        }
    }

    #[test]
    fn scripts_that_are_made_as_they_are_needed_are_those_that_would_be_kept() {
        let few = synthetic(50, 2, Some(OSL));
        let many = synthetic(10_000_000, 2, Some(OSL));
        let source = open(&many, SessionOrder::default(), Some(&BUILTIN), Seed::new(SEED)).unwrap().source;
        assert!(source.list().is_none());
        for (position, script) in (0..).zip(built(&few)) {
            assert_eq!(*source.script(position), script);
        }
        assert_eq!(source.script(10_000_007), source.script(7));
    }

    #[test]
    fn a_ranking_is_a_query_and_its_passages() {
        let scripts = built(&rankings(50));
        let mut texts = HashSet::new();
        for script in &scripts {
            let step = &script.steps[0];
            let (query, passages) = step.messages[0].parts.split_first().unwrap();
            assert_eq!((query.name.as_str(), BUILTIN.count(&query.data)), ("query", 8));
            assert!(!passages.is_empty() && passages.iter().all(|passage| passage.name == "passages"));
            let counted: usize = step.parts().map(|part| BUILTIN.count(&part.data)).sum();
            assert_eq!(step.input_tokens, Some(counted as u64));
            texts.extend(step.parts().map(|part| &part.data));
        }
        let parts = scripts.iter().map(|script| script.steps[0].messages[0].parts.len());
        assert_eq!(texts.len(), parts.clone().sum::<usize>(), "two texts are the same");
        assert!(parts.clone().min() < parts.max(), "all have as many passages");
        assert_eq!(scripts[..20], built(&rankings(20)));
    }

    #[test]
    fn asking_for_output_lengths_changes_no_text() {
        let texts = |osl| -> Vec<_> {
            built(&synthetic(20, 1, osl))
                .into_iter()
                .map(|script| script.steps[0].messages[0].parts.clone())
                .collect()
        };
        assert_eq!(texts(None), texts(Some(OSL)));
    }

    #[test]
    fn output_lengths_are_asked_for_only_when_there_is_a_law() {
        assert_eq!(max_tokens(&built(&synthetic(3, 1, None))), [None; 3]);
        assert!(max_tokens(&built(&synthetic(3, 1, Some(OSL)))).iter().all(Option::is_some));
    }

    #[test]
    fn without_a_tokenizer_texts_are_the_builtin_ones_and_nothing_is_counted() {
        let config = synthetic(5, 2, None);
        let mut uncounted = scripts(&config, None, Seed::new(SEED));
        assert!(uncounted.iter().all(|script| script.steps[0].input_tokens.is_none()));
        for (script, counted) in uncounted.iter_mut().zip(built(&config)) {
            script.steps[0].input_tokens = counted.steps[0].input_tokens;
            assert_eq!(*script, counted);
        }
    }

    #[test]
    fn texts_of_a_file_are_counted() {
        let scripts =
            file(r#"{"texts": ["hello world", "hello"], "image": "data:image/png;base64,AAAA"}"#, None, None);
        assert_eq!(scripts[0].steps[0].input_tokens, Some(3));
    }

    #[test]
    fn a_file_s_own_output_length_wins_and_disturbs_no_other() {
        let rows = |first| format!("{{\"text\": \"a\"{first}}}\n{{\"text\": \"b\"}}");
        let drawn = max_tokens(&file(&rows(""), None, Some(OSL)));
        let given = max_tokens(&file(&rows(", \"output_length\": 7"), None, Some(OSL)));
        assert_eq!(given, [Some(7), drawn[1]]);
    }

    #[test]
    fn a_file_is_read_as_far_as_wanted() {
        assert_eq!(file("{\"text\": \"a\"}\n{\"text\": \"b\"}", Some(1), None).len(), 1);
    }

    #[test]
    fn a_folder_of_pools_gives_as_many_requests_as_are_wanted() {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("a.jsonl"), "{\"text\": \"a\"}\n{\"text\": \"b\"}\n").unwrap();
        let count = |entries, pool_requests| {
            built(&DatasetConfig::File {
                path: folder.path().into(),
                entries,
                pool_requests,
                osl: None,
                format: FileFormat::default(),
                delay_ratio: 1.0,
                timing: RecordedTiming::default(),
                reshaping: Reshaping::default(),
                system: None,
                media: None,
            })
            .len()
        };
        assert_eq!([count(None, None), count(None, Some(250)), count(Some(7), Some(250))], [100, 250, 7]);
    }

    #[rstest]
    #[case::no_conversations(synthetic(0, 1, None), "make a dataset of 0 prompts")]
    #[case::no_rankings(rankings(0), "make a dataset of 0 prompts")]
    #[case::no_texts(synthetic(1, 0, None), "make prompts of 0 texts")]
    #[case::no_rows(
        DatasetConfig::File { path: "d.jsonl".into(), entries: Some(0), pool_requests: None, osl: None, format: FileFormat::default(), delay_ratio: 1.0, timing: RecordedTiming::default(), reshaping: Reshaping::default(), system: None, media: None },
        "make a dataset of 0 prompts"
    )]
    fn a_dataset_of_nothing_is_refused(#[case] config: DatasetConfig, #[case] error: &str) {
        assert_eq!(
            open(&config, SessionOrder::default(), None, Seed::new(SEED)).unwrap_err().to_string(),
            error
        );
    }

    #[test]
    fn a_file_s_error_is_passed_on_with_its_hint() {
        let config = DatasetConfig::of_file("no-such.jsonl");
        let error = open(&config, SessionOrder::default(), None, Seed::new(SEED)).unwrap_err();
        insta::assert_snapshot!(format!("failed to {error}\n{}", error.hint()), @r"
        failed to read the input file `no-such.jsonl`
        give a JSONL file that exists and may be read
        ");
    }
}
