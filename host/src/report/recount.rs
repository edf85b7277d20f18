//! Counts what a run has left uncounted, since it was killed or ended before everything was counted.

use std::sync::OnceLock;

use crate::{
    dataset::Tokenizer,
    plan::TokenizerChoice,
    record::{CountedTokens, RunHeader, Texts, build::try_count, settings::TokenizerSetting},
};

/// Counts with the run's tokenizer, which is loaded for the first text.
#[derive(Debug)]
pub(super) struct Recount {
    /// Unknown where a newer version counted.
    choice: Option<TokenizerChoice>,
    /// Fingerprint of the vocabulary that the run counted with.
    fingerprint: Option<String>,
    tokenizer: OnceLock<Option<Loaded>>,
}

struct Loaded(Tokenizer);

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name())
    }
}

impl Recount {
    /// For the run with this header.
    pub(super) fn of(header: &RunHeader) -> Self {
        let fingerprint = header.tokenizer.as_deref().and_then(|name| name.rsplit_once("sha256:"));
        Self {
            choice: match &header.settings.tokenizer {
                TokenizerSetting::Builtin => Some(TokenizerChoice::Builtin),
                TokenizerSetting::Encoding(encoding) => Some(TokenizerChoice::Encoding(*encoding)),
                TokenizerSetting::Local(path) => Some(TokenizerChoice::Local(path.clone())),
                TokenizerSetting::Other => None,
            },
            fingerprint: fingerprint.map(|(_, fingerprint)| fingerprint.to_owned()),
            tokenizer: OnceLock::new(),
        }
    }

    /// Tokens of a record's texts; nothing without the vocabulary that the others were counted with, and for a text that it
    /// cannot count.
    pub(super) fn count(&self, texts: &Texts) -> Option<CountedTokens> {
        let tokenizer = self.tokenizer.get_or_init(|| self.load()).as_ref()?;
        try_count(texts, &tokenizer.0)
    }

    fn load(&self) -> Option<Loaded> {
        let loaded = Tokenizer::load(self.choice.as_ref()?)
            .inspect_err(|error| tracing::warn!(%error, "the run's tokenizer cannot be loaded"))
            .ok()?;
        let is_same = self.fingerprint.as_deref() == Some(loaded.fingerprint());
        if !is_same {
            tracing::warn!(tokenizer = loaded.name(), "the vocabulary is not the one of the run any more");
        }
        is_same.then_some(Loaded(loaded))
    }
}
