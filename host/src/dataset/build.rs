//! Building: from the configuration to the conversations of a run.
//!
//! [`build`] is the stage's entry. It knows where content comes from, not how it is sent.

use prony_plugin_api::PartKind;
use rayon::prelude::*;

use super::{
    Conversation, Part, Turn,
    conversation::session_id,
    formats,
    formats::FileError,
    length,
    media::{self, MediaError},
    rankings,
    synthetic::Writer,
    tokenizer::Tokenizer,
};
use crate::{
    plan::{DatasetConfig, LengthLaw},
    seed::Seed,
};

/// Why there is no dataset.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatasetError {
    /// No conversation was asked for.
    #[error("make a dataset of 0 conversations")]
    NoConversations,
    /// Conversations without texts were asked for.
    #[error("make conversations of 0 texts")]
    NoTexts,
    /// The input file is not what it should be.
    #[error(transparent)]
    File(#[from] FileError),
    /// Media that cannot be made.
    #[error(transparent)]
    Media(#[from] MediaError),
}

impl DatasetError {
    /// Whether the text says what is wrong, rather than what was tried.
    pub(crate) fn is_statement(&self) -> bool {
        matches!(self, Self::File(error) if error.is_statement())
    }

    /// What the user can do about it; empty when there is nothing to say.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NoConversations | Self::NoTexts => "ask for at least one".to_owned(),
            Self::File(error) => error.hint(),
            Self::Media(error) => error.hint(),
        }
    }
}

/// Makes the conversations of a run; at least one. They are the same for the same seed, and the first ones do not
/// change when more are asked for.
///
/// Without a tokenizer (the endpoint's input is not counted in tokens) nothing is counted: `input_tokens` stays
/// `None`, and synthetic texts are as long as asked for in tokens of the built-in vocabulary.
pub(crate) fn build(
    config: &DatasetConfig,
    tokenizer: Option<&Tokenizer>,
    seed: Seed,
) -> Result<Vec<Conversation>, DatasetError> {
    match config {
        DatasetConfig::Synthetic { entries: 0, .. }
        | DatasetConfig::Rankings { entries: 0, .. }
        | DatasetConfig::File { entries: Some(0), .. }
        | DatasetConfig::RawPayloads { entries: Some(0), .. } => Err(DatasetError::NoConversations),
        DatasetConfig::Synthetic { batch_size: 0, media, .. } if media.is_empty() => {
            Err(DatasetError::NoTexts)
        }
        DatasetConfig::Synthetic { entries, isl, osl, batch_size, media } => {
            let mut conversations = synthetic_outlines(*entries, *osl, seed);
            write_texts(&mut conversations, *isl, *batch_size, tokenizer, seed);
            media::add(&mut conversations, media, seed)?;
            Ok(conversations)
        }
        &DatasetConfig::Rankings { entries, passages, passage, query } => {
            let mut conversations = synthetic_outlines(entries, None, seed);
            let laws = rankings::Laws { passages, passage, query };
            rankings::write(&mut conversations, laws, tokenizer, seed);
            Ok(conversations)
        }
        DatasetConfig::RawPayloads { path, entries } => {
            let mut conversations = formats::raw_payload::read(path, *entries)?;
            if let Some(tokenizer) = tokenizer {
                count_prompts(&mut conversations, tokenizer);
            }
            Ok(conversations)
        }
        DatasetConfig::File { path, entries, osl } => {
            let mut conversations = formats::single_turn::read(path, *entries)?;
            if let Some(osl) = *osl {
                fill_output_lengths(&mut conversations, osl, seed);
            }
            if let Some(tokenizer) = tokenizer {
                count_texts(&mut conversations, tokenizer);
            }
            Ok(conversations)
        }
    }
}

/// Conversations of one turn that says nothing yet.
fn synthetic_outlines(entries: usize, osl: Option<LengthLaw>, seed: Seed) -> Vec<Conversation> {
    let mut output_lengths = osl.map(|osl| length::output_lengths(osl, seed));
    let outline = |number| Conversation {
        id: session_id(number),
        turns: vec![Turn {
            role: "user".into(),
            parts: Vec::new(),
            max_tokens: output_lengths.as_mut().and_then(Iterator::next),
            extra_json: String::new(),
            headers: Vec::new(),
            input_tokens: None,
        }],
    };
    (0..entries).map(outline).collect()
}

/// Writes every turn's texts. Each text draws a length of its own.
fn write_texts(
    conversations: &mut [Conversation],
    isl: LengthLaw,
    batch_size: usize,
    tokenizer: Option<&Tokenizer>,
    seed: Seed,
) {
    let writer = Writer::new(tokenizer, seed);
    let lengths: Vec<u64> =
        length::input_lengths(isl, seed).take(conversations.len().saturating_mul(batch_size)).collect();
    conversations.par_iter_mut().enumerate().for_each(|(number, conversation)| {
        let texts = number * batch_size..(number + 1) * batch_size;
        for turn in &mut conversation.turns {
            let written = texts.clone().zip(&lengths[texts.clone()]);
            let written: Vec<_> = written.map(|(text, &tokens)| writer.write(text as u64, tokens)).collect();
            turn.input_tokens = tokenizer.map(|_| written.iter().map(|written| written.tokens).sum());
            turn.parts = written.into_iter().map(|written| Part::text(written.text)).collect();
        }
    });
}

/// Gives a length to every turn that has none. One is drawn for the others too, so that a turn's does not depend on
/// what the file says about those before it.
fn fill_output_lengths(conversations: &mut [Conversation], osl: LengthLaw, seed: Seed) {
    let turns = conversations.iter_mut().flat_map(|conversation| &mut conversation.turns);
    for (turn, length) in turns.zip(length::output_lengths(osl, seed)) {
        turn.max_tokens.get_or_insert(length);
    }
}

fn count_texts(conversations: &mut [Conversation], tokenizer: &Tokenizer) {
    conversations.par_iter_mut().for_each(|conversation| {
        for turn in &mut conversation.turns {
            let texts = turn.parts.iter().filter(|part| part.kind == PartKind::TEXT);
            turn.input_tokens = Some(texts.map(|text| tokenizer.count(&text.data) as u64).sum());
        }
    });
}

fn count_prompts(conversations: &mut [Conversation], tokenizer: &Tokenizer) {
    let count = |text: &str| tokenizer.count(text) as u64;
    conversations.par_iter_mut().flat_map_iter(|conversation| &mut conversation.turns).for_each(|turn| {
        let payload = turn.parts.iter().find(|part| part.kind == PartKind::RAW);
        turn.input_tokens =
            payload.and_then(|payload| formats::raw_payload::prompt_tokens(&payload.data, count));
    });
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, fs, path::PathBuf, sync::LazyLock};

    use proptest::prelude::*;
    use rstest::rstest;
    use tempfile::NamedTempFile;

    use super::{Conversation, build};
    use crate::{
        dataset::tokenizer::Tokenizer,
        plan::{DatasetConfig, LengthLaw, TokenizerChoice, media::MediaConfig},
        seed::Seed,
    };

    static BUILTIN: LazyLock<Tokenizer> =
        LazyLock::new(|| Tokenizer::load(&TokenizerChoice::Builtin).unwrap());

    const SEED: u64 = 42;
    const OSL: LengthLaw = LengthLaw { mean: 128.0, stddev: 16.0 };

    fn synthetic(entries: usize, batch_size: usize, osl: Option<LengthLaw>) -> DatasetConfig {
        let (isl, media) = (LengthLaw { mean: 100.0, stddev: 20.0 }, MediaConfig::default());
        DatasetConfig::Synthetic { entries, isl, osl, batch_size, media }
    }

    fn built(config: &DatasetConfig) -> Vec<Conversation> {
        build(config, Some(&BUILTIN), Seed::new(SEED)).unwrap()
    }

    fn file(rows: &str, entries: Option<usize>, osl: Option<LengthLaw>) -> Vec<Conversation> {
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), rows).unwrap();
        built(&DatasetConfig::File { path: file.path().into(), entries, osl })
    }

    fn max_tokens(conversations: &[Conversation]) -> Vec<Option<u64>> {
        conversations.iter().map(|conversation| conversation.turns[0].max_tokens).collect()
    }

    #[test]
    fn a_synthetic_conversation_is_one_turn_of_the_user() {
        let config = DatasetConfig::Synthetic {
            entries: 2,
            isl: LengthLaw { mean: 12.0, stddev: 0.0 },
            osl: Some(LengthLaw { mean: 32.0, stddev: 0.0 }),
            batch_size: 1,
            media: MediaConfig::default(),
        };
        insta::assert_debug_snapshot!(built(&config)[1], @r#"
        Conversation {
            id: "session_000001",
            turns: [
                Turn {
                    role: "user",
                    parts: [
                        Part {
                            kind: PartKind(
                                0,
                            ),
                            name: "",
                            data: "Kind iron helped some angle through our pure side. Every.",
                        },
                    ],
                    max_tokens: Some(
                        32,
                    ),
                    extra_json: "",
                    headers: [],
                    input_tokens: Some(
                        12,
                    ),
                },
            ],
        }
        "#);
    }

    #[rstest]
    fn texts_are_counted_together(#[values(1, 3)] batch_size: usize) {
        for conversation in built(&synthetic(50, batch_size, None)) {
            let turn = &conversation.turns[0];
            let counted: usize = turn.parts.iter().map(|part| BUILTIN.count(&part.data)).sum();
            assert_eq!(turn.parts.len(), batch_size);
            assert_eq!(turn.input_tokens, Some(counted as u64));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn more_conversations_leave_the_first_ones_as_they_were(few in 1_usize..40, more in 0_usize..40, batch_size in 1_usize..4) {
            let osl = Some(OSL);
            let all = built(&synthetic(few + more, batch_size, osl));
            prop_assert_eq!(&all[..few], &built(&synthetic(few, batch_size, osl))[..]);
        }
    }

    fn rankings(entries: usize) -> DatasetConfig {
        DatasetConfig::Rankings {
            entries,
            passages: LengthLaw { mean: 4.0, stddev: 2.0 },
            passage: LengthLaw { mean: 30.0, stddev: 5.0 },
            query: LengthLaw { mean: 8.0, stddev: 0.0 },
        }
    }

    #[test]
    fn a_ranking_is_a_query_and_its_passages() {
        let conversations = built(&rankings(50));
        let mut texts = HashSet::new();
        for conversation in &conversations {
            let turn = &conversation.turns[0];
            let (query, passages) = turn.parts.split_first().unwrap();
            assert_eq!((query.name.as_str(), BUILTIN.count(&query.data)), ("query", 8));
            assert!(!passages.is_empty() && passages.iter().all(|passage| passage.name == "passages"));
            let counted: usize = turn.parts.iter().map(|part| BUILTIN.count(&part.data)).sum();
            assert_eq!(turn.input_tokens, Some(counted as u64));
            texts.extend(turn.parts.iter().map(|part| &part.data));
        }
        let parts = conversations.iter().map(|conversation| conversation.turns[0].parts.len());
        assert_eq!(texts.len(), parts.clone().sum::<usize>(), "two texts are the same");
        assert!(parts.clone().min() < parts.max(), "all have as many passages");
        assert_eq!(conversations[..20], built(&rankings(20)));
    }

    #[test]
    fn asking_for_output_lengths_changes_no_text() {
        let texts = |osl| -> Vec<_> {
            built(&synthetic(20, 1, osl))
                .into_iter()
                .map(|conversation| conversation.turns[0].parts.clone())
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
        let mut uncounted = build(&config, None, Seed::new(SEED)).unwrap();
        assert!(uncounted.iter().all(|conversation| conversation.turns[0].input_tokens.is_none()));
        for (conversation, counted) in uncounted.iter_mut().zip(built(&config)) {
            conversation.turns[0].input_tokens = counted.turns[0].input_tokens;
            assert_eq!(*conversation, counted);
        }
    }

    #[test]
    fn texts_of_a_file_are_counted() {
        let conversations =
            file(r#"{"texts": ["hello world", "hello"], "image": "data:image/png;base64,AAAA"}"#, None, None);
        assert_eq!(conversations[0].turns[0].input_tokens, Some(3));
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

    #[rstest]
    #[case::no_conversations(synthetic(0, 1, None), "make a dataset of 0 conversations")]
    #[case::no_rankings(rankings(0), "make a dataset of 0 conversations")]
    #[case::no_texts(synthetic(1, 0, None), "make conversations of 0 texts")]
    #[case::no_rows(
        DatasetConfig::File { path: "d.jsonl".into(), entries: Some(0), osl: None },
        "make a dataset of 0 conversations"
    )]
    fn a_dataset_of_nothing_is_refused(#[case] config: DatasetConfig, #[case] error: &str) {
        assert_eq!(build(&config, None, Seed::new(SEED)).unwrap_err().to_string(), error);
    }

    #[test]
    fn a_file_s_error_is_passed_on_with_its_hint() {
        let config = DatasetConfig::File { path: PathBuf::from("no-such.jsonl"), entries: None, osl: None };
        let error = build(&config, None, Seed::new(SEED)).unwrap_err();
        insta::assert_snapshot!(format!("failed to {error}\n{}", error.hint()), @r"
        failed to read the input file `no-such.jsonl`
        give a JSONL file that exists and may be read
        ");
    }
}
