//! Tokenizers: what counts tokens in a run.
//!
//! A [`Tokenizer`] is built in or read from a local file; nothing is ever downloaded. It counts plain text: no
//! begin-of-text or other special token is added. It knows nothing of prompts and records.

use std::{
    io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tiktoken_rs::CoreBPE;

use super::{
    chat_template::{Framing, TemplateError},
    pieces::pieces,
    vocabulary,
};
use crate::{
    bounded,
    explain::Explain,
    fingerprint::hex,
    lockfile::{Breach, FileKind, FileSum, Files, Lockfile, Sum},
    plan::{Encoding, Plan, TokenizerChoice},
};

/// The file that a tokenizer's folder must hold.
const FILE_NAME: &str = "tokenizer.json";

/// Largest of these files, in megabytes.
const MOST_MEGABYTES: u64 = 256;

/// SHA-256 of the published vocabulary file `o200k_base.tiktoken`. A test derives it from the vocabulary in use.
const BUILTIN_FINGERPRINT: &str = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d";
/// The same of the other vocabularies of OpenAI's.
const CL100K_FINGERPRINT: &str = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7";
const P50K_FINGERPRINT: &str = "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069";
const R50K_FINGERPRINT: &str = "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930";

/// Text of several scripts. A vocabulary without a token for the unknown fails on it, rather than in the middle of
/// a run.
const PROBE: &str = "The 7 naïve 漢字, \u{1f980} Ωqzjx\n";

/// Counts tokens. May be shared by any number of threads.
pub(crate) struct Tokenizer {
    name: String,
    fingerprint: String,
    engine: Engine,
    /// What the model's chat template adds to conversations, where that is counted.
    framing: Option<Framing>,
    /// Files that were read for it.
    files: Vec<FileSum>,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer").field("name", &self.name).finish_non_exhaustive()
    }
}

/// No vocabulary of OpenAI's has more ids.
const MOST_IDS: u32 = 1 << 18;

enum Engine {
    /// `o200k_base`, which needs nothing.
    Builtin,
    /// Another vocabulary of OpenAI's, which has to be made first.
    Encoding(Box<CoreBPE>),
    Local(Box<tokenizers::Tokenizer>),
}

/// Why there is no tokenizer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenizerError {
    /// Nothing has this path.
    #[error("find the tokenizer `{path}`: there is no such file or folder")]
    Missing {
        /// As the user gave it.
        path: PathBuf,
    },
    /// The folder holds no `tokenizer.json`.
    #[error("find the tokenizer in the folder `{path}`: it holds no `{FILE_NAME}`")]
    NotInFolder { path: PathBuf },
    /// The file cannot be read.
    #[error("read the tokenizer `{path}`")]
    Unreadable {
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is one of those that stand beside a tokenizer, such as `config.json`.
    #[error("`{path}` is JSON, but not a `{FILE_NAME}`")]
    OtherJson { path: PathBuf },
    /// The file holds something else, or a kind of tokenizer that this version does not know.
    #[error("read `{path}` as a tokenizer")]
    NotATokenizer {
        path: PathBuf,
        /// Where it stops making sense.
        source: tokenizers::Error,
    },
    /// A bug of ours: a vocabulary of the program's own is none.
    #[error("make the tokenizer `{name}`")]
    BrokenEncoding {
        name: &'static str,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The model's chat template cannot be used.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// It is not what was locked.
    #[error("read the tokenizer as it was locked")]
    Locked(#[from] Breach),
    /// Its vocabulary cannot express every text.
    #[error("encode a probe text with the tokenizer `{path}`")]
    CannotEncode {
        path: PathBuf,
        /// What it stumbled over.
        source: tokenizers::Error,
    },
}

impl Explain for TokenizerError {
    fn hint(&self) -> String {
        match self {
            Self::Missing { .. } => {
                format!("give a `{FILE_NAME}`, the folder that holds one, or `builtin`")
            }
            Self::NotInFolder { .. } => format!(
                "give a folder that holds a `{FILE_NAME}` (`save_pretrained` of a fast tokenizer writes one), or \
                 `builtin`"
            ),
            Self::Template(error) => error.hint(),
            Self::Locked(breach) => breach.hint(),
            Self::BrokenEncoding { .. } => "use `builtin`".to_owned(),
            Self::Unreadable { .. } => "check the file's permissions".to_owned(),
            Self::OtherJson { path } => match path.with_file_name(FILE_NAME) {
                beside if beside.is_file() && beside != *path => format!("give `{}`", beside.display()),
                _ => format!("give a `{FILE_NAME}` as the `tokenizers` library writes it, or `builtin`"),
            },
            Self::NotATokenizer { .. } => {
                format!("give a `{FILE_NAME}` as the `tokenizers` library writes it, or `builtin`")
            }
            Self::CannotEncode { .. } => {
                "give a tokenizer whose vocabulary covers bytes or has an unknown token, or `builtin`"
                    .to_owned()
            }
        }
    }

    fn is_statement(&self) -> bool {
        matches!(self, Self::OtherJson { .. })
    }
}

impl Tokenizer {
    /// Makes the chosen tokenizer. A local one is loaded here, because its errors are the user's to mend.
    pub(crate) fn load(choice: &TokenizerChoice) -> Result<Self, TokenizerError> {
        match choice {
            TokenizerChoice::Builtin => Ok(Self::builtin()),
            TokenizerChoice::Encoding(encoding) => Self::encoding(*encoding),
            TokenizerChoice::Local(path) => Self::local(path),
        }
    }

    /// The vocabulary that is built in.
    pub(super) fn builtin() -> Self {
        Self {
            name: "builtin:o200k_base".into(),
            fingerprint: BUILTIN_FINGERPRINT.into(),
            engine: Engine::Builtin,
            framing: None,
            files: Vec::new(),
        }
    }

    fn encoding(encoding: Encoding) -> Result<Self, TokenizerError> {
        let name = encoding.name();
        let (fingerprint, engine) = match encoding {
            Encoding::Cl100k => (CL100K_FINGERPRINT, tiktoken_rs::cl100k_base()),
            Encoding::P50k => (P50K_FINGERPRINT, tiktoken_rs::p50k_base()),
            Encoding::R50k => (R50K_FINGERPRINT, tiktoken_rs::r50k_base()),
        };
        let engine =
            engine.map_err(|source| TokenizerError::BrokenEncoding { name, source: source.into() })?;
        let engine = Engine::Encoding(Box::new(engine));
        let (name, fingerprint) = (format!("builtin:{name}"), fingerprint.into());
        Ok(Self { name, fingerprint, engine, framing: None, files: Vec::new() })
    }

    fn local(choice: &Path) -> Result<Self, TokenizerError> {
        let path = find(choice)?;
        let text = match bounded::read(&path, MOST_MEGABYTES) {
            Ok(text) => text,
            Err(source) => return Err(TokenizerError::Unreadable { path, source }),
        };
        match parse(&text) {
            Ok(tokenizer) => match tokenizer.encode_fast(PROBE, false) {
                Ok(_) => Ok(Self {
                    name: choice.display().to_string(),
                    fingerprint: hex(&Sha256::digest(&text)),
                    engine: Engine::Local(Box::new(tokenizer)),
                    framing: None,
                    files: vec![FileSum { path, sum: Sum::of(&text) }],
                }),
                Err(source) => Err(TokenizerError::CannotEncode { path, source }),
            },
            Err(_) if is_other_json(&text) => Err(TokenizerError::OtherJson { path }),
            Err(source) => Err(TokenizerError::NotATokenizer { path, source }),
        }
    }

    /// The tokenizer of a run, whose files are as they were locked, if they must be.
    ///
    /// # Errors
    /// As of [`Tokenizer::load`] and [`Tokenizer::with_chat_template`], and where a file is not what was locked.
    pub(crate) fn of_plan(plan: &Plan, lock: Option<&Lockfile>) -> Result<Self, TokenizerError> {
        let tokenizer = if plan.apply_chat_template {
            Self::with_chat_template(&plan.tokenizer)?
        } else {
            Self::load(&plan.tokenizer)?
        };
        if let Some(lock) = lock {
            let mut files = tokenizer.files.iter();
            files.try_for_each(|FileSum { path, sum }| lock.check_file(FileKind::Tokenizer, path, sum))?;
            // A template that has gone would leave another one in its place.
            if plan.apply_chat_template {
                tokenizer.check_whole(lock)?;
            }
        }
        Ok(tokenizer)
    }

    /// Checks that the files that were read for it are all of those that were locked.
    fn check_whole(&self, lock: &Lockfile) -> Result<(), Breach> {
        let Some(FileSum { path, .. }) = self.files.first() else { return Ok(()) };
        let named = |FileSum { path, sum }: &FileSum| {
            (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), sum.clone())
        };
        let found: Files = self.files.iter().map(named).collect();
        lock.check_whole(FileKind::Tokenizer, path.parent().unwrap_or(Path::new("")), true, &found)
    }

    /// The files that were read for it, with those of its chat template if it has one: what a lock file has of it.
    ///
    /// # Errors
    /// As of [`Tokenizer::load`].
    pub(crate) fn files_to_lock(choice: &TokenizerChoice) -> Result<Vec<FileSum>, TokenizerError> {
        let plain = Self::load(choice)?;
        // One without a template, or with one that cannot be used, is a tokenizer all the same.
        Ok(Self::with_chat_template(choice).map_or(plain.files, |tokenizer| tokenizer.files))
    }

    /// The chosen tokenizer, which counts conversations as the model's chat template makes them.
    ///
    /// # Errors
    /// As of [`Tokenizer::load`], and when there is no template that can be used.
    fn with_chat_template(choice: &TokenizerChoice) -> Result<Self, TokenizerError> {
        let tokenizer = Self::load(choice)?;
        let TokenizerChoice::Local(path) = choice else {
            return Err(TemplateError::None(tokenizer.name).into());
        };
        let (framing, read) = Framing::measure(&find(path)?, |text| tokenizer.count(text))?;
        let files = tokenizer.files.iter().cloned().chain(read).collect();
        Ok(Self { framing: Some(framing), files, ..tokenizer })
    }

    /// What the model's chat template adds to conversations, where that is counted.
    pub(super) fn framing(&self) -> Option<Framing> {
        self.framing
    }

    /// What the user calls it, for the report.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of the vocabulary's file, in hexadecimal: two runs with the same one count alike.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// It is the vocabulary that ships inside the binary.
    pub(super) fn is_builtin(&self) -> bool {
        matches!(self.engine, Engine::Builtin)
    }

    /// Tokens of a text.
    ///
    /// A text with more than 10,000 characters of white space in a row, or 4,000 letters or signs, is cut there: its count may
    /// be off by a token at each cut.
    pub(crate) fn count(&self, text: &str) -> usize {
        let pieces = pieces(text);
        match &self.engine {
            Engine::Builtin => pieces.map(vocabulary::count).sum(),
            Engine::Encoding(engine) => pieces.map(|piece| engine.count_ordinary(piece)).sum(),
            Engine::Local(tokenizer) => {
                pieces.filter_map(|piece| Some(encoding(tokenizer, piece)?.len())).sum()
            }
        }
    }

    /// The ids of a text's tokens: as many as [`Tokenizer::count`] says.
    pub(crate) fn encode(&self, text: &str) -> Vec<u32> {
        let pieces = pieces(text);
        match &self.engine {
            Engine::Builtin => pieces.flat_map(vocabulary::encode).collect(),
            Engine::Encoding(engine) => pieces.flat_map(|piece| engine.encode_ordinary(piece)).collect(),
            Engine::Local(tokenizer) => {
                let encodings = pieces.filter_map(|piece| encoding(tokenizer, piece));
                encodings.flat_map(|encoding| encoding.get_ids().to_vec()).collect()
            }
        }
    }

    /// The ids of its tokens, in order, without those that have a meaning of their own, or with them where they are a part of it.
    pub(super) fn ids(&self, with_special: bool) -> Vec<u32> {
        match &self.engine {
            Engine::Builtin => (0..MOST_IDS).filter(|id| vocabulary::decode(&[*id]).is_some()).collect(),
            Engine::Encoding(engine) => {
                let is_token = |id: &u32| {
                    engine.decode_bytes(&[*id]).is_ok_and(|bytes| with_special || !bytes.starts_with(b"<|"))
                };
                (0..MOST_IDS).filter(is_token).collect()
            }
            Engine::Local(tokenizer) => {
                let special = tokenizer.get_added_tokens_decoder();
                let ids = tokenizer.get_vocab(with_special).into_values();
                let mut ids: Vec<u32> = ids.filter(|id| with_special || !special.contains_key(id)).collect();
                ids.sort_unstable();
                ids.dedup();
                ids
            }
        }
    }

    /// The text of ids: empty if the vocabulary lacks one of them. A character cut in two becomes U+FFFD.
    pub(crate) fn decode(&self, ids: &[u32]) -> String {
        match &self.engine {
            Engine::Builtin => {
                let bytes = vocabulary::decode(ids).unwrap_or_default();
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Engine::Encoding(engine) => {
                let bytes = engine.decode_bytes(ids).unwrap_or_default();
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Engine::Local(tokenizer) => tokenizer.decode(ids, false).unwrap_or_default(),
        }
    }
}

/// The file that the user's path means.
fn find(choice: &Path) -> Result<PathBuf, TokenizerError> {
    if choice.is_dir() {
        let file = choice.join(FILE_NAME);
        return if file.exists() {
            Ok(file)
        } else {
            Err(TokenizerError::NotInFolder { path: choice.into() })
        };
    }
    if choice.exists() { Ok(choice.into()) } else { Err(TokenizerError::Missing { path: choice.into() }) }
}

/// Reads a `tokenizer.json`, without the truncation and padding that it may prescribe: those serve training, and
/// would bend every count.
fn parse(text: &[u8]) -> Result<tokenizers::Tokenizer, tokenizers::Error> {
    let mut tokenizer = tokenizers::Tokenizer::from_bytes(text)?;
    tokenizer.with_truncation(None)?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

/// Whether this is JSON without the member in which a tokenizer has its vocabulary.
fn is_other_json(text: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(text).is_ok_and(|json| !json["model"].is_object())
}

/// Encodes a text. After the probe a failure is out of the ordinary: the text then counts nothing, and the log says so.
fn encoding(tokenizer: &tokenizers::Tokenizer, text: &str) -> Option<tokenizers::Encoding> {
    tokenizer
        .encode_fast(text, false)
        .inspect_err(|error| tracing::warn!(%error, "a text was not counted"))
        .ok()
}

/// Gives this thread a low priority, where threads have one of their own: low enough to yield to the load, and not so low
/// that a busy machine never finishes. Without the right to, it keeps its own.
pub(crate) fn yield_to_others() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), 10);
}

#[cfg(test)]
mod tests {
    use std::{error::Error as _, fs, path::PathBuf, thread};

    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use rstest::rstest;
    use sha2::{Digest, Sha256};
    use tempfile::TempDir;

    use super::{Engine, Tokenizer, hex, vocabulary};
    use crate::{
        dataset::pieces::LONGEST_WORD,
        explain::Explain,
        plan::{Encoding, TokenizerChoice},
    };

    fn builtin() -> Tokenizer {
        Tokenizer::load(&TokenizerChoice::Builtin).unwrap()
    }

    fn fixture() -> PathBuf {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/tokenizer").into()
    }

    fn local(path: PathBuf) -> Tokenizer {
        Tokenizer::load(&TokenizerChoice::Local(path)).unwrap()
    }

    /// The error, its cause and its hint.
    fn error(path: impl Into<PathBuf>) -> String {
        let error = Tokenizer::load(&TokenizerChoice::Local(path.into())).err().unwrap();
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("failed to {error}{cause}\n    {}", error.hint())
    }

    #[test]
    fn the_builtin_vocabulary_is_o200k() {
        let tokenizer = builtin();
        assert_eq!(tokenizer.name(), "builtin:o200k_base");
        assert_eq!(tokenizer.encode("hello world"), [24912, 2375]);
        assert_eq!(tokenizer.count("hello world"), 2);
    }

    #[test]
    fn the_builtin_fingerprint_is_that_of_the_vocabulary_in_use() {
        let tokenizer = builtin();
        let lines = (0..199_998).map(|id| {
            let bytes = vocabulary::decode(&[id]).unwrap();
            format!("{} {id}\n", STANDARD.encode(bytes))
        });
        assert_eq!(hex(&Sha256::digest(lines.collect::<String>())), tokenizer.fingerprint());
    }

    #[rstest]
    #[case::cl100k(Encoding::Cl100k, 100_256, None, [15339, 1917])]
    #[case::p50k(Encoding::P50k, 50_281, Some(50_256), [31373, 995])]
    #[case::r50k(Encoding::R50k, 50_256, None, [31373, 995])]
    fn other_encodings_are_the_published_ones(
        #[case] encoding: Encoding,
        #[case] tokens: u32,
        #[case] special: Option<u32>,
        #[case] hello: [u32; 2],
    ) {
        let tokenizer = Tokenizer::load(&TokenizerChoice::Encoding(encoding)).unwrap();
        assert_eq!(tokenizer.encode("hello world"), hello);
        assert_eq!(tokenizer.count("hello world"), 2);
        let Engine::Encoding(engine) = &tokenizer.engine else { panic!("it is no table") };
        let lines = (0..tokens).filter(|id| Some(*id) != special).map(|id| {
            let bytes = engine.decode_bytes(&[id]).unwrap();
            format!("{} {id}\n", STANDARD.encode(bytes))
        });
        assert_eq!(hex(&Sha256::digest(lines.collect::<String>())), tokenizer.fingerprint());
    }

    #[rstest]
    #[case::folder(fixture())]
    #[case::file(fixture().join("tokenizer.json"))]
    fn a_local_tokenizer_is_a_file_or_its_folder(#[case] path: PathBuf) {
        let tokenizer = local(path.clone());
        assert_eq!(tokenizer.name(), path.display().to_string());
        assert_eq!(
            tokenizer.fingerprint(),
            "e15e41d236607c1a77a15558a808bf3e43046b5b6c6d72e6e0f84c446eb38a76"
        );
        assert_eq!(tokenizer.count("hello"), tokenizer.encode("hello").len());
    }

    #[rstest]
    #[case::builtin(builtin())]
    #[case::encoding(Tokenizer::load(&TokenizerChoice::Encoding(Encoding::Cl100k)).unwrap())]
    #[case::local(local(fixture()))]
    fn texts_survive_encoding(
        #[case] tokenizer: Tokenizer,
        #[values("", "Rivers, and\n\n seas.", "漢字 🦀 naïve")] text: &str,
    ) {
        assert_eq!(tokenizer.decode(&tokenizer.encode(text)), text);
        assert_eq!(tokenizer.count(text), tokenizer.encode(text).len());
    }

    #[rstest]
    #[case::builtin(builtin())]
    #[case::local(local(fixture()))]
    fn ids_that_do_not_exist_are_no_text(#[case] tokenizer: Tokenizer) {
        assert_eq!(tokenizer.decode(&[u32::MAX]), "");
    }

    #[rstest]
    #[case::spaces(builtin(), " ".repeat(200_000))]
    #[case::newlines(builtin(), "\n".repeat(200_000))]
    #[case::mixed(builtin(), " \t\n\r\u{3000}".repeat(40_000))]
    #[case::between_words(builtin(), format!("one{}two{0}three", " ".repeat(100_000)))]
    #[case::local(local(fixture()), format!("one{}two", " ".repeat(1_000_000)))]
    fn endless_white_space_is_counted(#[case] tokenizer: Tokenizer, #[case] text: String) {
        let ids = tokenizer.encode(&text);
        assert_eq!(tokenizer.count(&text), ids.len());
        assert_eq!(tokenizer.decode(&ids), text);
    }

    #[rstest]
    #[case::builtin(builtin())]
    #[case::local(local(fixture()))]
    fn an_endless_word_is_counted_nearly_as_a_whole(#[case] tokenizer: Tokenizer) {
        let word = "x".repeat(100 * LONGEST_WORD);
        let whole = tokenizer.count(&word[..LONGEST_WORD]) * 100;
        let counted = tokenizer.count(&word);
        assert!(counted.abs_diff(whole) <= 100, "{counted} and {whole}");
    }

    #[test]
    fn the_special_tokens_of_the_builtin_vocabulary_are_plain_text() {
        assert!(builtin().count("<|endoftext|>") > 1);
    }

    #[test]
    fn threads_share_a_tokenizer() {
        let tokenizer = builtin();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(tokenizer.count("hello world"), 2));
            }
        });
    }

    #[test]
    fn truncation_and_padding_of_the_file_bend_no_count() {
        let text = fs::read_to_string(fixture().join("tokenizer.json")).unwrap();
        let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
        json["truncation"] = serde_json::json!({
            "direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0
        });
        json["padding"] = serde_json::json!({
            "strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
            "pad_type_id": 0, "pad_token": "<|endoftext|>"
        });
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("tokenizer.json"), json.to_string()).unwrap();
        let text = "one two three four five six seven eight nine ten";
        assert_eq!(local(folder.path().into()).count(text), local(fixture()).count(text));
        assert_eq!(local(folder.path().into()).count("a"), local(fixture()).count("a"));
    }

    #[test]
    fn a_path_that_does_not_exist_is_refused() {
        insta::assert_snapshot!(error("no/such/tokenizer.json"), @r"
        failed to find the tokenizer `no/such/tokenizer.json`: there is no such file or folder
            give a `tokenizer.json`, the folder that holds one, or `builtin`
        ");
        insta::assert_snapshot!(error("./here"), @r"
        failed to find the tokenizer `./here`: there is no such file or folder
            give a `tokenizer.json`, the folder that holds one, or `builtin`
        ");
    }

    #[test]
    fn what_is_no_tokenizer_is_refused() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("tokenizer.json");
        let error = |path: &std::path::Path| error(path).replace(&folder.path().display().to_string(), "DIR");
        insta::assert_snapshot!(error(folder.path()), @r"
        failed to find the tokenizer in the folder `DIR`: it holds no `tokenizer.json`
            give a folder that holds a `tokenizer.json` (`save_pretrained` of a fast tokenizer writes one), or `builtin`
        ");
        fs::write(&path, "not json").unwrap();
        insta::assert_snapshot!(error(folder.path()), @r"
        failed to read `DIR/tokenizer.json` as a tokenizer: expected ident at line 1 column 2
            give a `tokenizer.json` as the `tokenizers` library writes it, or `builtin`
        ");
        fs::write(&path, "{}").unwrap();
        // This one is a whole statement.
        insta::assert_snapshot!(error(&path).trim_start_matches("failed to "), @r"
        `DIR/tokenizer.json` is JSON, but not a `tokenizer.json`
            give a `tokenizer.json` as the `tokenizers` library writes it, or `builtin`
        ");
        // A vocabulary of one word, without a token for all others.
        let model = serde_json::json!({"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "?"});
        fs::write(
            &path,
            serde_json::json!({"version": "1.0", "added_tokens": [], "model": model}).to_string(),
        )
        .unwrap();
        insta::assert_snapshot!(error(&path), @r"
        failed to encode a probe text with the tokenizer `DIR/tokenizer.json`: WordLevel error: Missing [UNK] token from the vocabulary
            give a tokenizer whose vocabulary covers bytes or has an unknown token, or `builtin`
        ");
    }
}
