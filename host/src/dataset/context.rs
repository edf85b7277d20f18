//! What stands in front of conversations: system messages, messages of a session's own, prefixes that sessions share.

use std::{io, path::PathBuf, sync::Arc};

use prony_plugin_api::PartKind;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Message, Part, Step, roles, synthetic::Writer};
use crate::{
    bounded,
    plan::{ContextConfig, SystemPrompt},
    seed::Seed,
};

/// Most megabytes of a file with a system message.
const MOST_MEGABYTES: u64 = 64;

/// Numbers of generated texts, far from those of prompts: no text is like another one.
const SYSTEM: u64 = 1 << 62;
const USER_CONTEXT: u64 = 1 << 61;
const PREFIX: u64 = (1 << 62) + (1 << 61);

/// A file with a system message that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("read the system prompt `{path}`")]
pub(crate) struct SystemPromptError {
    path: PathBuf,
    source: io::Error,
}

/// What stands in front of the conversations of a run.
#[derive(Debug)]
pub(super) struct Context {
    system: Option<Part>,
    user_context_tokens: Option<u64>,
    prefixes: Vec<Arc<str>>,
    /// Tokens that first turns leave free.
    pub(super) marker_tokens: u64,
    /// Never drawn from: each conversation draws from a copy with its number.
    choice: ChaCha8Rng,
}

impl Context {
    /// Makes what conversations share.
    ///
    /// # Errors
    /// The system message is in a file that cannot be read.
    pub(super) fn make(
        config: &ContextConfig,
        writer: &Writer,
        seed: Seed,
    ) -> Result<Self, SystemPromptError> {
        let system = match &config.system {
            Some(SystemPrompt::Generated { tokens }) => {
                Some(Part::text(writer.write(SYSTEM, u64::from(*tokens)).text))
            }
            other => other.as_ref().map(system_message).transpose()?,
        };
        let pool = config.prefixes.map_or(0..0, |pool| 0..u64::from(pool.number));
        let tokens = config.prefixes.map_or(0, |pool| u64::from(pool.tokens));
        Ok(Self {
            system,
            user_context_tokens: config.user_context_tokens.map(u64::from),
            prefixes: pool.map(|number| writer.write(PREFIX + number, tokens).text.into()).collect(),
            marker_tokens: config.marker_tokens.into(),
            choice: seed.stream("dataset.prompt.prefix"),
        })
    }

    /// The messages in front of the first turn of a conversation, and what that turn begins with.
    pub(super) fn before(&self, number: u64, writer: &Writer) -> (Vec<Message>, Option<&str>) {
        let system = self.system.clone().map(|part| message(roles::SYSTEM, part));
        let own = self.user_context_tokens.map(|tokens| {
            let written = writer.write(USER_CONTEXT + number, tokens);
            message(roles::USER, Part::text(written.text))
        });
        (system.into_iter().chain(own).collect(), self.prefix(number))
    }

    fn prefix(&self, number: u64) -> Option<&str> {
        let last = self.prefixes.len().checked_sub(1)?;
        let mut rng = self.choice.clone();
        rng.set_stream(number);
        self.prefixes.get(rng.random_range(0..=last)).map(|prefix| &**prefix)
    }
}

fn message(role: &str, part: Part) -> Message {
    Message { role: role.to_owned(), parts: vec![part] }
}

/// A system message that is not generated.
///
/// # Errors
/// It is in a file that cannot be read.
pub(super) fn system_message(prompt: &SystemPrompt) -> Result<Part, SystemPromptError> {
    match prompt {
        SystemPrompt::Text(text) => Ok(Part::text(text.clone())),
        SystemPrompt::File(path) => bounded::read_to_string(path, MOST_MEGABYTES)
            .map(Part::text)
            .map_err(|source| SystemPromptError { path: path.clone(), source }),
        SystemPrompt::Generated { .. } => Ok(Part::text(String::new())),
    }
}

/// Puts a system message in front of a step that begins a conversation: before the text of its own system message, with a blank
/// line between them, or as a message of its own.
pub(super) fn put_before(step: &mut Step, system: &Part) {
    let own = step.messages.first_mut().filter(|message| message.role == roles::SYSTEM);
    let text = own.and_then(|message| message.parts.iter_mut().find(|part| part.kind == PartKind::TEXT));
    match text {
        Some(part) => part.data = format!("{}\n\n{}", system.data, part.data).into(),
        None => step.messages.insert(0, message(roles::SYSTEM, system.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(role: &str) -> Step {
        Step::first(message(role, Part::text("own".into())))
    }

    #[test]
    fn a_system_message_comes_before_the_datasets_own() {
        let system = Part::text("shared".into());
        let (mut without, mut with) = (step("user"), step("system"));
        put_before(&mut without, &system);
        put_before(&mut with, &system);
        let said = |step: &Step| -> Vec<(String, String)> {
            let messages = step.messages.iter();
            messages.map(|message| (message.role.clone(), message.parts[0].data.to_string())).collect()
        };
        let pair = |role: &str, text: &str| (role.to_owned(), text.to_owned());
        assert_eq!(said(&without), [pair("system", "shared"), pair("user", "own")]);
        assert_eq!(said(&with), [pair("system", "shared\n\nown")]);
    }
}
