//! What was said in a session so far: shared messages, so that keeping them and copying them costs a pointer each.

use std::sync::Arc;

use crate::dataset::{self, Message, Part, Script, Unwritten, roles};

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
    /// One of the messages of a step that differ from its script's, and the prompt that they wait for, if they do.
    Adapted(Arc<[Message]>, usize, Option<Arc<Unwritten>>),
}

/// What a server answered, as far as the next request repeats it.
#[derive(Debug)]
pub(crate) struct Reply {
    parts: Vec<Part>,
    /// Ids of its calls of tools, in order.
    calls: Vec<String>,
    /// The server's name for it, where it has one.
    response_id: Option<String>,
}

impl Reply {
    /// A reply of these parts, in order.
    pub(crate) fn of(parts: Vec<Part>) -> Self {
        Self { parts, calls: Vec::new(), response_id: None }
    }

    /// The same, under the server's name for it.
    pub(crate) fn named(self, response_id: Option<String>) -> Self {
        Self { response_id, ..self }
    }

    pub(super) fn take_response_id(&mut self) -> Option<String> {
        self.response_id.take()
    }

    /// Adds a call of a tool.
    pub(crate) fn call(&mut self, id: &str, name: &str, arguments: &str) {
        self.parts.push(Part::tool_call(id, name, arguments));
        self.calls.push(id.to_owned());
    }
}

/// The messages of a step of a script.
pub(super) fn scripted(script: &Arc<Script>, step: usize) -> impl Iterator<Item = Said> {
    let messages = 0..script.steps[step].messages.len();
    messages.map(move |message| Said(Source::Scripted(Arc::clone(script), step, message)))
}

/// Messages of a step that differ from its script's, and the prompt that they wait for, if they do.
pub(super) fn adapted(
    messages: &Arc<[Message]>,
    prompt: Option<&Arc<Unwritten>>,
) -> impl Iterator<Item = Said> {
    (0..messages.len()).map(move |at| Said(Source::Adapted(Arc::clone(messages), at, prompt.cloned())))
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
        self.message().map_or(roles::ASSISTANT, |message| &message.role)
    }

    /// Its content, in order.
    pub(crate) fn parts(&self) -> &[Part] {
        match &self.0 {
            Source::Replied(reply) => &reply.parts,
            _ => self.message().map_or(&[], |message| &message.parts),
        }
    }

    /// Ids of the calls of tools in it, if a server said it.
    pub(super) fn live_calls(&self) -> Option<&[String]> {
        match &self.0 {
            Source::Replied(reply) => Some(&reply.calls),
            _ => None,
        }
    }

    /// Tokens of its text that would have to be written first.
    pub(super) fn tokens_to_write(&self) -> u64 {
        self.waits_for().map_or(0, |(_, prompt)| prompt.tokens_to_write())
    }

    /// Its text is there.
    pub(super) fn is_written(&self) -> bool {
        self.waits_for().is_none()
    }

    /// The same with its text, if that has to be written first.
    pub(super) fn written(&self) -> Option<Self> {
        let (message, prompt) = self.waits_for()?;
        let messages = dataset::written(std::slice::from_ref(message), prompt)?;
        Some(Self(Source::Adapted(messages.into(), 0, None)))
    }

    /// The message, and the prompt that it waits for.
    fn waits_for(&self) -> Option<(&Message, &Unwritten)> {
        let prompt = match &self.0 {
            Source::Scripted(script, step, _) => script.steps[*step].unwritten.as_deref(),
            Source::Adapted(_, _, prompt) => prompt.as_deref(),
            Source::Recorded(..) | Source::Replied(_) => None,
        }?;
        self.message().filter(|message| message.is_unwritten()).map(|message| (message, prompt))
    }

    fn message(&self) -> Option<&Message> {
        match &self.0 {
            Source::Scripted(script, step, message) => script.steps[*step].messages.get(*message),
            Source::Recorded(script, step) => script.steps[*step].reply.as_ref(),
            Source::Adapted(messages, message, _) => messages.get(*message),
            Source::Replied(_) => None,
        }
    }
}
