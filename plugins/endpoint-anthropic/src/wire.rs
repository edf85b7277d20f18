//! What an event and a whole message look like: the members that matter.

use prony_plugin_api::json::{Arguments, Few, Name, Text, Usage};
use serde::{Deserialize, de::IgnoredAny};

/// One event of a stream. Its `type` says which members it has.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object with a `type`")]
pub(crate) struct Event<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Text<'a>,
    /// Of the first event: the message without its content.
    #[serde(borrow)]
    pub(crate) message: Option<Message<'a>>,
    /// Number of the block that the event is about.
    pub(crate) index: Option<u32>,
    /// A block begins.
    #[serde(borrow)]
    pub(crate) content_block: Option<Block<'a>>,
    /// A block, or the message itself, goes on.
    #[serde(borrow)]
    pub(crate) delta: Option<Delta<'a>>,
    pub(crate) usage: Option<Usage>,
    /// Present and not `null`.
    pub(crate) error: Option<IgnoredAny>,
}

/// What is new.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Delta<'a> {
    #[serde(borrow)]
    pub(crate) text: Text<'a>,
    #[serde(borrow)]
    pub(crate) thinking: Text<'a>,
    /// A piece of a tool's input.
    #[serde(borrow)]
    pub(crate) partial_json: Text<'a>,
    #[serde(borrow)]
    pub(crate) stop_reason: Text<'a>,
}

/// A message.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "a message with `content`")]
pub(crate) struct Message<'a> {
    #[serde(borrow)]
    pub(crate) id: Name<'a>,
    #[serde(borrow)]
    pub(crate) model: Name<'a>,
    #[serde(borrow)]
    pub(crate) content: Option<Few<Block<'a>>>,
    #[serde(borrow)]
    pub(crate) stop_reason: Text<'a>,
    pub(crate) usage: Option<Usage>,
    /// Present and not `null`.
    pub(crate) error: Option<IgnoredAny>,
}

/// One block of a message. Blocks of other kinds, such as the results of a server's own tools, have none of these.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Block<'a> {
    #[serde(borrow)]
    pub(crate) text: Text<'a>,
    #[serde(borrow)]
    pub(crate) thinking: Text<'a>,
    /// `tool_use` is a call that the user's side answers, `server_tool_use` one that the server does.
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Text<'a>,
    /// Of a call of a tool.
    #[serde(borrow)]
    pub(crate) id: Name<'a>,
    /// Of a tool.
    #[serde(borrow)]
    pub(crate) name: Text<'a>,
    /// What the tool is given.
    #[serde(borrow)]
    pub(crate) input: Arguments<'a>,
}
