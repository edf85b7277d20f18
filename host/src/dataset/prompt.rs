//! Prompts of recordings that have lengths and no text, and how their texts come about.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

/// A prompt without a text: how long it is, and what it shares with others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Prompt {
    pub(crate) tokens: u64,
    /// Tokens of a block.
    pub(crate) block_size: u32,
    /// Its blocks from the beginning on: equal ids of one scope are equal texts. There may be fewer than there are tokens: the
    /// rest of the prompt is like no other. The last one may be a part of a block.
    pub(crate) blocks: Box<[u64]>,
    /// Where the ids mean something: 0 for the whole dataset, else a number of the recording.
    pub(crate) scope: u64,
}

/// What makes the texts of prompts.
pub(super) trait PromptTexts: fmt::Debug + Send + Sync {
    /// The text of a prompt, which is always the same. What follows its last block has a number.
    fn text(&self, prompt: &Prompt, rest_number: u64) -> String;
}

/// A prompt of a run, whose text is made when it is asked for.
#[derive(Debug)]
pub(crate) struct Unwritten {
    prompt: Prompt,
    rest_number: u64,
    texts: Arc<dyn PromptTexts>,
    /// The text, where it was made ahead of time and nobody has taken it.
    ready: Mutex<Option<String>>,
}

impl PartialEq for Unwritten {
    /// Whether both have the same text.
    fn eq(&self, other: &Self) -> bool {
        (&self.prompt, self.rest_number) == (&other.prompt, other.rest_number)
    }
}

impl Unwritten {
    pub(super) fn new(prompt: Prompt, rest_number: u64, texts: Arc<dyn PromptTexts>) -> Self {
        Self { prompt, rest_number, texts, ready: Mutex::default() }
    }

    /// Makes the text now, for the first one who asks.
    pub(super) fn write_ahead(&self) {
        let text = self.texts.text(&self.prompt, self.rest_number);
        self.keep(Some(text));
    }

    /// The text. It takes time to make it, unless that was done ahead and nobody has asked before.
    pub(crate) fn text(&self) -> String {
        self.keep(None).unwrap_or_else(|| self.texts.text(&self.prompt, self.rest_number))
    }

    /// Nobody needs a text that was made ahead of time.
    pub(crate) fn forget(&self) {
        self.keep(None);
    }

    /// Tokens of the text that would have to be made if somebody asked.
    pub(crate) fn tokens_to_write(&self) -> u64 {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.is_some() { 0 } else { self.prompt.tokens }
    }

    fn keep(&self, text: Option<String>) -> Option<String> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut ready, text)
    }
}
