//! What was said in a session so far: shared messages, so that keeping them and copying them costs a pointer each.

use std::sync::Arc;

use crate::dataset::{Part, Script};

/// Role of what the server said.
const ASSISTANT: &str = "assistant";

/// One message of a history.
#[derive(Clone, Debug)]
pub(crate) struct Message(Source);

#[derive(Clone, Debug)]
enum Source {
    /// A step of a script, by its position.
    Said(Arc<Script>, usize),
    Replied(Arc<Reply>),
}

/// What a server answered, as far as the next request repeats it.
#[derive(Debug)]
pub(crate) struct Reply([Part; 1]);

impl Reply {
    /// A reply that is a text.
    pub(crate) fn of(text: String) -> Self {
        Self([Part::text(text)])
    }
}

impl Message {
    /// What a step of a script says.
    pub(super) fn said(script: &Arc<Script>, step: usize) -> Self {
        Self(Source::Said(Arc::clone(script), step))
    }

    /// What a server answered.
    pub(super) fn replied(reply: Reply) -> Self {
        Self(Source::Replied(Arc::new(reply)))
    }

    /// Who said it: `user`, `assistant` or another role of the API format.
    pub(crate) fn role(&self) -> &str {
        match &self.0 {
            Source::Said(script, step) => &script.steps[*step].role,
            Source::Replied(_) => ASSISTANT,
        }
    }

    /// Its content, in order.
    pub(crate) fn parts(&self) -> &[Part] {
        match &self.0 {
            Source::Said(script, step) => &script.steps[*step].parts,
            Source::Replied(reply) => &reply.0,
        }
    }
}
