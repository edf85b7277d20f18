//! What an event and a whole response look like: the members that matter.

use prony_plugin_api::json::{Arguments, Few, Name, Text, Usage};
use serde::{Deserialize, de::IgnoredAny};

use crate::said::Content;

/// One event of a stream. Its `type` says which members it has; unknown ones are skipped.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object with a `type`")]
pub(super) struct Event<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Text<'a>,
    /// Of all events but those of the response as a whole.
    pub(super) output_index: u32,
    /// Of those of a message's part.
    pub(super) content_index: u32,
    /// What is new.
    #[serde(borrow)]
    pub(super) delta: Arguments<'a>,
    /// All of a part, at its end.
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    /// All of a refusal, at its end.
    #[serde(borrow)]
    pub(super) refusal: Text<'a>,
    /// All arguments of a call, at their end.
    #[serde(borrow)]
    pub(super) arguments: Arguments<'a>,
    /// The function's name, beside them.
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) item: Option<Item<'a>>,
    #[serde(borrow)]
    pub(super) response: Option<Response<'a>>,
    /// Present and not `null`.
    pub(super) error: Option<IgnoredAny>,
}

/// A response, whole or as far as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object with `output`")]
pub(super) struct Response<'a> {
    #[serde(borrow)]
    pub(super) id: Name<'a>,
    #[serde(borrow)]
    pub(super) model: Name<'a>,
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    #[serde(borrow)]
    pub(super) output: Option<Few<Item<'a>>>,
    /// All texts as one, from servers that add it.
    #[serde(borrow)]
    pub(super) output_text: Text<'a>,
    #[serde(borrow)]
    pub(super) incomplete_details: Option<Incomplete<'a>>,
    pub(super) usage: Option<Usage>,
    /// Present and not `null`.
    pub(super) error: Option<IgnoredAny>,
}

/// Why a response is not whole.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Incomplete<'a> {
    #[serde(borrow)]
    pub(super) reason: Text<'a>,
}

/// One thing that the model put out: a message, a thought, a call. Other things have none of these members.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Item<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Text<'a>,
    /// Of a call: what its result refers to. It is another one than the item's own `id`.
    #[serde(borrow)]
    pub(super) call_id: Text<'a>,
    /// Of a call.
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    /// Of a call of a function.
    #[serde(borrow)]
    pub(super) arguments: Arguments<'a>,
    /// Of a call of a custom tool.
    #[serde(borrow)]
    pub(super) input: Arguments<'a>,
    /// Of a message, and of a thought that is told as it is.
    #[serde(borrow)]
    pub(super) content: Content<'a>,
    /// Of a thought that is told in other words.
    #[serde(borrow)]
    pub(super) summary: Content<'a>,
}
