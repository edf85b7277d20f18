//! What a reply looks like: the members that matter, of a stream's chunk and of a whole answer alike.
//!
//! Everything is optional and unknown members are skipped, because servers differ in what they leave out. A list of
//! choices that is missing is told apart from an empty one: the first means that this is no reply.

use prony_plugin_api::json::{Arguments, Few, Name, Text, Usage};
use serde::{Deserialize, de::IgnoredAny};

use crate::said::Content;

/// One chunk of a stream, or a whole answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object with `choices`")]
pub(crate) struct Reply<'a> {
    #[serde(borrow)]
    pub(crate) id: Name<'a>,
    #[serde(borrow)]
    pub(crate) model: Name<'a>,
    #[serde(borrow)]
    pub(crate) choices: Option<Few<Choice<'a>>>,
    pub(crate) usage: Option<Usage>,
    /// Present and not `null`. What it says is read again, at leisure, as a [`prony_plugin_api::json::Failure`].
    pub(crate) error: Option<IgnoredAny>,
    /// Present and not `null`: what the server measured of the response, which is read again like an error.
    pub(crate) metrics: Option<IgnoredAny>,
}

/// One of the answers that were asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choice<'a> {
    /// Its number; its position in the list when the server gives none.
    pub(crate) index: Option<u32>,
    /// What a chat's chunk adds.
    #[serde(borrow)]
    pub(crate) delta: Option<ChatText<'a>>,
    /// What a chat's whole answer says. Boxed, because a chunk has none and is moved with the room for it.
    #[serde(borrow)]
    pub(crate) message: Option<Box<ChatText<'a>>>,
    /// What a text completion says or adds.
    #[serde(borrow)]
    pub(crate) text: Text<'a>,
    #[serde(borrow)]
    pub(crate) finish_reason: Text<'a>,
    /// Present and not `null`: why the server gave this choice up. Read again like [`Reply::error`].
    pub(crate) error: Option<IgnoredAny>,
}

/// The channels of a chat message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ChatText<'a> {
    /// Thinking, by the older name. A server may send it under both names at once.
    #[serde(borrow)]
    pub(crate) reasoning_content: Text<'a>,
    /// Thinking, by the newer name.
    #[serde(borrow)]
    pub(crate) reasoning: Text<'a>,
    /// Thinking in typed pieces, as some gateways send it.
    #[serde(borrow)]
    pub(crate) reasoning_details: Few<ReasoningDetail<'a>>,
    #[serde(borrow)]
    pub(crate) content: Content<'a>,
    #[serde(borrow)]
    pub(crate) refusal: Text<'a>,
    #[serde(borrow)]
    pub(crate) tool_calls: Few<ToolCall<'a>>,
    /// What a tool call was before there could be several. Boxed, because hardly a server has it.
    #[serde(borrow)]
    pub(crate) function_call: Option<Box<Function<'a>>>,
}

/// One piece of thinking: of type `reasoning.text` it has a `text`, of type `reasoning.summary` a `summary`. One of type
/// `reasoning.encrypted` has neither: what it holds is no text that anybody can read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ReasoningDetail<'a> {
    #[serde(borrow)]
    pub(crate) text: Text<'a>,
    #[serde(borrow)]
    pub(crate) summary: Text<'a>,
}

/// One call of a tool, or a piece of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ToolCall<'a> {
    /// Its number; its position in the list when the server gives none.
    pub(crate) index: Option<u32>,
    #[serde(borrow)]
    pub(crate) id: Name<'a>,
    #[serde(borrow)]
    pub(crate) function: Option<Function<'a>>,
}

/// A function's name and its arguments, or a piece of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Function<'a> {
    #[serde(borrow)]
    pub(crate) name: Text<'a>,
    #[serde(borrow)]
    pub(crate) arguments: Arguments<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a text lies, if it lies inside `data`.
    fn lies_in(data: &str, text: &str) -> bool {
        data.as_bytes().as_ptr_range().contains(&text.as_ptr())
    }

    #[test]
    fn an_unescaped_delta_is_borrowed_from_the_chunk() {
        let data = r#"{"id":"c-1","object":"chat.completion.chunk","created":1,"model":"m","choices":
            [{"index":0,"delta":{"reasoning":" so","content":" naïve"},"logprobs":null,"finish_reason":"stop"}]}"#;
        let reply: Reply<'_> = serde_json::from_str(data).unwrap();
        let choices = reply.choices.as_ref().unwrap();
        let choice = choices.iter().next().unwrap();
        let delta = choice.delta.as_ref().unwrap();
        let Content::Whole(content) = &delta.content else { panic!("{delta:?}") };
        assert_eq!((&**content, &*delta.reasoning, &*choice.finish_reason), (" naïve", " so", "stop"));
        for text in [&*reply.id, &reply.model, content, &delta.reasoning, &choice.finish_reason] {
            assert!(lies_in(data, text), "`{text}` was copied");
        }
    }

    #[test]
    fn missing_choices_are_told_from_empty_ones() {
        assert!(serde_json::from_str::<Reply<'_>>("{}").unwrap().choices.is_none());
        assert!(serde_json::from_str::<Reply<'_>>(r#"{"choices":[]}"#).unwrap().choices.is_some());
    }
}
