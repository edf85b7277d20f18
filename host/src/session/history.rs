//! What was said in a session so far: shared messages, so that keeping them and copying them costs a pointer each.

use std::sync::Arc;

use crate::dataset::{Message, Part, Script};

/// Role of what the server said.
const ASSISTANT: &str = "assistant";

/// One message of a history.
#[derive(Clone, Debug)]
pub(crate) struct Said(Source);

#[derive(Clone, Debug)]
enum Source {
    /// A message of a step of a script, by their positions.
    Scripted(Arc<Script>, usize, usize),
    /// What was replied to a step when it was recorded.
    Recorded(Arc<Script>, usize),
    Replied(Arc<Reply>),
}

/// What a server answered, as far as the next request repeats it.
#[derive(Debug)]
pub(crate) struct Reply(Vec<Part>);

impl Reply {
    /// A reply of these parts, in order.
    pub(crate) fn of(parts: Vec<Part>) -> Self {
        Self(parts)
    }
}

/// The messages of a step of a script.
pub(super) fn scripted(script: &Arc<Script>, step: usize) -> impl Iterator<Item = Said> {
    let messages = 0..script.steps[step].messages.len();
    messages.map(move |message| Said(Source::Scripted(Arc::clone(script), step, message)))
}

/// What was replied to a step when it was recorded, if that is known.
pub(super) fn recorded(script: &Arc<Script>, step: usize) -> Option<Said> {
    script.steps[step].reply.is_some().then(|| Said(Source::Recorded(Arc::clone(script), step)))
}

/// What a server answered.
pub(super) fn replied(reply: Reply) -> Said {
    Said(Source::Replied(Arc::new(reply)))
}

impl Said {
    /// Who said it: `user`, `assistant` or another role of the API format.
    pub(crate) fn role(&self) -> &str {
        self.message().map_or(ASSISTANT, |message| &message.role)
    }

    /// Its content, in order.
    pub(crate) fn parts(&self) -> &[Part] {
        match &self.0 {
            Source::Replied(reply) => &reply.0,
            _ => self.message().map_or(&[], |message| &message.parts),
        }
    }

    fn message(&self) -> Option<&Message> {
        match &self.0 {
            Source::Scripted(script, step, message) => script.steps[*step].messages.get(*message),
            Source::Recorded(script, step) => script.steps[*step].reply.as_ref(),
            Source::Replied(_) => None,
        }
    }
}
