//! What a request adds to the requests before it in its session, for those who ask what of its prompt a cache may have.

use std::sync::Arc;

use prony_plugin_api::PartKind;
use serde::{Deserialize, Serialize};

use crate::dataset::{Message, PAYLOAD, Script, TextBlock, cut, medium, prompt_texts};

/// What a request says, beside what the request before it has said. Making one costs no look at the text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "Option<Cut>", from = "Option<Cut>")]
pub(crate) struct Addition(Text);

#[derive(Clone, Debug)]
enum Text {
    /// The step of a script at this position, in a session that plays steps from this one on.
    OfScript { script: Arc<Script>, position: usize, start: usize, after: Option<Before> },
    /// It comes from another process.
    Cut(Option<Cut>),
}

/// The request before one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Before {
    pub(crate) step: u32,
    /// The server's own reply to it is repeated.
    pub(crate) is_reply_repeated: bool,
}

/// Bytes of a block on the way to another process: its hash and its words, and their names.
const BLOCK_BYTES: usize = 24;

/// An addition in blocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cut {
    /// The request that this goes on from; none where a conversation begins.
    pub(crate) after: Option<Before>,
    /// What is said, in order.
    pub(crate) blocks: Vec<TextBlock>,
    /// Tokens of these blocks.
    pub(crate) tokens: u64,
}

impl From<Addition> for Option<Cut> {
    fn from(addition: Addition) -> Self {
        addition.cut()
    }
}

impl From<Option<Cut>> for Addition {
    fn from(cut: Option<Cut>) -> Self {
        Self(Text::Cut(cut))
    }
}

impl Addition {
    /// That of the step of a script at this position, in a session that plays steps from `start` on.
    pub(super) fn of(script: &Arc<Script>, position: usize, start: usize, after: Option<Before>) -> Self {
        Self(Text::OfScript { script: Arc::clone(script), position, start, after })
    }

    /// About how many bytes it takes on the way to another process, once it is in blocks.
    pub(crate) fn weight(&self) -> usize {
        match &self.0 {
            Text::Cut(Some(cut)) => cut.blocks.len() * BLOCK_BYTES,
            _ => 0,
        }
    }

    /// Cuts it here and now, and not on its way.
    pub(crate) fn into_cut(self) -> Self {
        self.cut().into()
    }

    /// In blocks; none where some of its tokens are not known.
    pub(crate) fn cut(self) -> Option<Cut> {
        match self.0 {
            Text::Cut(cut) => cut,
            Text::OfScript { script, position, start, after } => of_script(&script, position, start, after),
        }
    }
}

/// What a step says, behind all that was said in requests which were never sent: its session begins in the middle.
fn of_script(script: &Script, position: usize, start: usize, after: Option<Before>) -> Option<Cut> {
    let mut steps = vec![position];
    let mut first = position;
    let mut reply_before = None;
    while let Some(context) = script.steps[first].context {
        first = context as usize;
        if first >= start {
            reply_before = after.filter(|before| !before.is_reply_repeated).map(|_| first);
            break;
        }
        steps.push(first);
    }
    let mut cut = Cut { after, blocks: Vec::new(), tokens: 0 };
    if let Some(step) = reply_before {
        cut.add_reply(script, step)?;
    }
    while let Some(step) = steps.pop() {
        script.steps[step].spoken().iter().try_for_each(|message| cut.add_message(message))?;
        cut.tokens += script.steps[step].input_tokens?;
        // What was replied before the session's first request is what the script says.
        if !steps.is_empty() {
            cut.add_reply(script, step)?;
        }
    }
    Some(cut)
}

impl Cut {
    /// Adds a message; none where its text cannot be read.
    fn add_message(&mut self, message: &Message) -> Option<()> {
        for part in &message.parts {
            match part.kind {
                PartKind::IMAGE | PartKind::AUDIO | PartKind::VIDEO => self.blocks.push(medium(&part.data)),
                // Of a whole body, the prompt's texts alone are in a cache.
                PartKind::RAW if part.name == PAYLOAD => {
                    let texts = prompt_texts(&part.data);
                    (!texts.is_empty()).then_some(())?;
                    for text in &texts {
                        cut(text, &mut self.blocks);
                    }
                }
                _ => cut(&part.data, &mut self.blocks),
            }
        }
        Some(())
    }

    /// Adds the recorded reply to a step, if there is one.
    fn add_reply(&mut self, script: &Script, step: usize) -> Option<()> {
        if let Some(reply) = &script.steps[step].reply {
            self.add_message(reply)?;
            self.tokens += script.steps[step].reply_tokens?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Part, Step};

    fn of_payload(body: &str) -> Option<Cut> {
        let payload = Part { kind: PartKind::RAW, name: PAYLOAD.to_owned(), data: body.into() };
        let step = Step { input_tokens: Some(2), ..Step::first(Message::user(vec![payload])) };
        Addition::of(&Arc::new(Script::single("a".to_owned(), step)), 0, 0, None).cut()
    }

    #[test]
    fn of_a_whole_body_the_prompt_is_what_a_cache_has() {
        let mut blocks = Vec::new();
        cut("hi you", &mut blocks);
        let found =
            of_payload(r#"{"model": "m", "seed": 7, "messages": [{"role": "user", "content": "hi you"}]}"#);
        assert_eq!(found.unwrap().blocks, blocks);
        assert_eq!(of_payload(r#"{"model": "m"}"#), None);
        assert_eq!(of_payload("no JSON"), None);
    }
}
