//! What a turn says, as the API format writes it: [`Conversation`].

use prony_plugin_api::{
    Part, PartKind, PluginError, Result, ToolCall, TurnContext, TurnMessage,
    json::{raw, written_arguments},
};
use serde::Serialize;
use serde_json::{Value, value::RawValue};

/// A conversation, taken apart: the API format keeps what the system says out of the messages.
#[derive(Debug)]
pub(crate) struct Conversation<'a> {
    /// Everything that the system says.
    pub(crate) system: Vec<Block<'a>>,
    /// What the others say.
    pub(crate) messages: Vec<Message<'a>>,
}

/// One message.
#[derive(Debug, Serialize)]
pub(crate) struct Message<'a> {
    role: &'a str,
    content: Content<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(&'a str),
    Blocks(Vec<Block<'a>>),
}

/// One block of content.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Block<'a> {
    Text {
        text: &'a str,
    },
    Image {
        source: Source<'a>,
    },
    ToolUse {
        id: String,
        name: String,
        input: Box<RawValue>,
    },
    ToolResult {
        tool_use_id: &'a str,
        content: &'a str,
    },
    #[serde(untagged)]
    Raw(Value),
}

/// Where an image is.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Source<'a> {
    Base64 { media_type: &'a str, data: &'a str },
    Url { url: &'a str },
}

impl<'a> Conversation<'a> {
    /// Takes a turn apart.
    ///
    /// # Errors
    /// `unsupported` for a part that the API format has no form for.
    pub(crate) fn of(turn: TurnContext<'a>) -> Result<Self> {
        let mut conversation = Self { system: Vec::new(), messages: Vec::new() };
        for message in turn.messages() {
            let mut blocks = blocks(message)?;
            if message.role() == "system" {
                conversation.system.append(&mut blocks);
                continue;
            }
            let is_of_tool = |block: &Block<'_>| matches!(block, Block::ToolResult { .. });
            if blocks.iter().any(is_of_tool) {
                // All results of a message's calls stand in one message of the user's, the next one.
                if let Some(Content::Blocks(results)) =
                    conversation.messages.last_mut().map(|last| &mut last.content)
                    && results.iter().all(is_of_tool)
                {
                    results.append(&mut blocks);
                } else {
                    conversation.messages.push(Message { role: "user", content: Content::Blocks(blocks) });
                }
                continue;
            }
            let role = if message.role().is_empty() { "user" } else { message.role() };
            let content = match blocks.as_slice() {
                [] => Content::Text(""),
                [Block::Text { text }] => Content::Text(text),
                _ => Content::Blocks(blocks),
            };
            conversation.messages.push(Message { role, content });
        }
        Ok(conversation)
    }
}

/// The blocks of a message. Empty texts are left out: the API format refuses them.
fn blocks(message: TurnMessage<'_>) -> Result<Vec<Block<'_>>> {
    let parts = message.parts().filter(|part| part.kind() != PartKind::TEXT || !part.data().is_empty());
    parts.map(block).collect()
}

fn block(part: Part<'_>) -> Result<Block<'_>> {
    let data = part.data();
    Ok(match part.kind() {
        PartKind::TEXT => Block::Text { text: data },
        PartKind::IMAGE => Block::Image { source: source(data)? },
        PartKind::RAW => Block::Raw(raw(data)?),
        PartKind::TOOL_CALL => {
            let ToolCall { id, name, arguments, .. } = part.tool_call()?;
            Block::ToolUse { id, name, input: written_arguments(&arguments) }
        }
        PartKind::TOOL_RESULT => Block::ToolResult { tool_use_id: part.name(), content: data },
        PartKind(kind) => {
            let name = match part.kind() {
                PartKind::AUDIO => "audio".to_owned(),
                PartKind::VIDEO => "a video".to_owned(),
                _ => format!("a part of kind {kind}"),
            };
            return Err(PluginError::unsupported(format_args!(
                "send {name}: the messages format has no form for it"
            ))
            .hint("send text and images only, or use the `chat` endpoint"));
        }
    })
}

fn source(image: &str) -> Result<Source<'_>> {
    let Some(rest) = image.strip_prefix("data:") else { return Ok(Source::Url { url: image }) };
    let split = rest.split_once(',').and_then(|(head, data)| Some((head.strip_suffix(";base64")?, data)));
    match split {
        Some((head, data)) if !head.is_empty() => {
            let media_type = head.split_once(';').map_or(head, |(media_type, _)| media_type);
            Ok(Source::Base64 { media_type, data })
        }
        _ => {
            let excerpt: String = image.chars().take(40).collect();
            Err(PluginError::unsupported(format_args!("send the image `{excerpt}`"))
                .hint("give images as URLs or as `data:image/<format>;base64,` URLs"))
        }
    }
}
