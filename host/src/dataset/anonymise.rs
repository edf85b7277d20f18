//! Sessions without what is said in them: who reads the result learns how long prompts are, what they share, and when they were
//! sent, and nothing else.
//!
//! What a step adds to its conversation becomes a prompt of blocks without a text. A block has a new number, and two blocks have
//! the same number if the texts up to their ends are the same, so that prompts share prefixes as they did. Names of sessions are
//! numbers; headers, tools, media and members of bodies are left out. A recorded reply leaves its length, as the limit of the
//! step's output.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use prony_plugin_api::PartKind;
use serde_json::{Map, Value};

use super::{
    FileError, Message, PAYLOAD, Part, Script, Step, TokenizerError,
    formats::raw_payload,
    prompt::Prompt,
    script::{TOOL_FIELDS, session_id},
    tokenizer::Tokenizer,
};
use crate::explain::Explain;

/// Tokens of a block: those of the servers whose caches have the smallest ones.
const BLOCK_SIZE: u32 = 16;

/// Members of bodies that say how is sampled and nothing else, if their values are numbers or booleans.
const OF_SAMPLING: [&str; 10] = [
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "n",
    "seed",
    "ignore_eos",
    "min_tokens",
    "frequency_penalty",
    "presence_penalty",
];

/// Paths of APIs that everybody has.
const PATHS: [&str; 4] = ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses"];

/// Why a file cannot be made anonymous.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnonymiseError {
    /// The file is not what it should be.
    #[error(transparent)]
    File(#[from] FileError),
    /// Nothing counts its texts.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

impl Explain for AnonymiseError {
    fn hint(&self) -> String {
        match self {
            Self::File(error) => error.hint(),
            Self::Tokenizer(error) => error.hint(),
        }
    }

    fn is_statement(&self) -> bool {
        match self {
            Self::File(error) => error.is_statement(),
            Self::Tokenizer(error) => error.is_statement(),
        }
    }
}

/// Takes what is said out of sessions. Texts are counted by this tokenizer.
pub(super) struct Anonymiser<'a> {
    tokenizer: &'a Tokenizer,
    blocks: HashMap<Block, u64>,
    scopes: HashMap<u64, u64>,
    sessions: u64,
}

/// What a block was.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Block {
    /// One of the recording, by its scope and its id.
    Recorded(u64, u64),
    /// A text, by all tokens up to its end.
    Text(u64, u64),
}

impl<'a> Anonymiser<'a> {
    pub(super) fn new(tokenizer: &'a Tokenizer) -> Self {
        Self { tokenizer, blocks: HashMap::new(), scopes: HashMap::from([(0, 0)]), sessions: 0 }
    }

    /// The next session.
    pub(super) fn session(&mut self, script: &Script) -> Script {
        self.sessions += 1;
        let steps = script.steps.iter().map(|step| self.step(step)).collect();
        Script { id: session_id(self.sessions - 1), starts_ns: script.starts_ns, steps, category: None }
    }

    fn step(&mut self, step: &Step) -> Step {
        let reply_tokens =
            step.reply.as_ref().map(|reply| self.tokens(std::slice::from_ref(reply), None).len() as u64);
        let tools = step.context.is_none().then(|| tools(&step.extra_json)).flatten();
        let tokens = self.tokens(&step.messages, tools.as_deref());
        let prompt = match &step.prompt {
            Some(prompt) => self.recorded(prompt, tokens.len() as u64),
            None => self.written(&tokens),
        };
        Step {
            after: step.after.clone(),
            start: step.start,
            context: step.context,
            max_tokens: step
                .max_tokens
                .or(step.recorded.output_tokens)
                .or(reply_tokens)
                .filter(|most| *most > 0),
            extra_json: sampling(&step.extra_json),
            prompt: Some(prompt),
            path: step.path.clone().filter(|path| PATHS.contains(&path.as_str())),
            recorded: step.recorded,
            ..Step::default()
        }
    }

    /// Tokens of all texts of messages, behind the definitions of tools.
    fn tokens(&self, messages: &[Message], tools: Option<&str>) -> Vec<u32> {
        let parts = messages.iter().flat_map(|message| &message.parts);
        let mut tokens = tools.map(|tools| self.tokenizer.encode(tools)).unwrap_or_default();
        for part in parts {
            match part.kind {
                PartKind::RAW if part.name == PAYLOAD => {
                    for text in raw_payload::prompt_texts(&part.data) {
                        tokens.extend(self.tokenizer.encode(&text));
                    }
                }
                PartKind::TEXT | PartKind::RAW => tokens.extend(self.tokenizer.encode(&spoken(part))),
                _ => {}
            }
        }
        tokens
    }

    /// The blocks of a text, the last one in part.
    fn written(&mut self, tokens: &[u32]) -> Prompt {
        let mut before = 0;
        let blocks = tokens.chunks(BLOCK_SIZE as usize).map(|block| {
            before = hash(&(before, block));
            // Two hashes: sessions of millions of blocks must not share what they did not.
            self.number(Block::Text(before, hash(&(block, before, BLOCK_SIZE))))
        });
        let blocks = blocks.collect();
        Prompt { tokens: (tokens.len() as u64).max(1), block_size: BLOCK_SIZE, blocks, scope: 0 }
    }

    /// The blocks of a recording under other numbers, and so many tokens more.
    fn recorded(&mut self, prompt: &Prompt, more: u64) -> Prompt {
        let blocks = prompt.blocks.iter().map(|id| self.number(Block::Recorded(prompt.scope, *id))).collect();
        let next = self.scopes.len() as u64;
        let scope = *self.scopes.entry(prompt.scope).or_insert(next);
        Prompt { tokens: prompt.tokens.saturating_add(more), block_size: prompt.block_size, blocks, scope }
    }

    fn number(&mut self, block: Block) -> u64 {
        let next = self.blocks.len() as u64;
        *self.blocks.entry(block).or_insert(next)
    }
}

fn hash(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// The text of a part, or the JSON that stands for it. Of a tool's result only the id is there, beside its text.
fn spoken(part: &Part) -> String {
    let fields =
        (part.name == TOOL_FIELDS).then(|| serde_json::from_str::<Map<String, Value>>(&part.data).ok());
    match fields.flatten().and_then(|mut fields| fields.remove("tool_calls")) {
        Some(calls) => calls.to_string(),
        None if part.name == TOOL_FIELDS => String::new(),
        None => part.data.to_string(),
    }
}

/// The definitions of tools among the members of a body.
fn tools(extra_json: &str) -> Option<String> {
    let extra: Map<String, Value> = serde_json::from_str(extra_json).ok()?;
    extra.get("tools").map(ToString::to_string)
}

/// What of the members of a body is about sampling.
fn sampling(extra_json: &str) -> String {
    let mut extra: Map<String, Value> = serde_json::from_str(extra_json).unwrap_or_default();
    extra.retain(|key, value| {
        OF_SAMPLING.contains(&key.as_str()) && (value.is_number() || value.is_boolean())
    });
    if extra.is_empty() { String::new() } else { Value::Object(extra).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::TokenizerChoice;

    fn prompts(texts: &[&str]) -> Vec<Prompt> {
        let tokenizer = Tokenizer::load(&TokenizerChoice::Builtin).unwrap();
        let mut anonymiser = Anonymiser::new(&tokenizer);
        let session = |text: &&str| {
            let step = Step::first(Message::user(vec![Part::text((*text).to_owned())]));
            anonymiser.session(&Script::single("secret".to_owned(), step)).steps.remove(0).prompt.unwrap()
        };
        texts.iter().map(session).collect()
    }

    #[test]
    fn prompts_share_what_their_texts_did() {
        let same = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen";
        let texts =
            [format!("{same} and more"), format!("{same} or less"), same.to_owned(), format!("but {same}")];
        let prompts = prompts(&texts.each_ref().map(String::as_str));
        let shared = |one: usize, other: usize| {
            prompts[one].blocks.iter().zip(&prompts[other].blocks).take_while(|(a, b)| a == b).count()
        };
        assert_eq!([shared(0, 1), shared(0, 2), shared(0, 3)], [1, 1, 0]);
        assert_eq!(prompts.iter().map(|prompt| prompt.tokens).collect::<Vec<_>>(), [18, 18, 16, 17]);
    }
}
