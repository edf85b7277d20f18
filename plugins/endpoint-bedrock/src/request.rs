//! What a turn says, as the API format writes it: [`Conversation`].

use prony_plugin_api::{
    Part, PartKind, PluginError, Result, ToolCall, TurnContext,
    json::{raw, written_arguments},
};
use serde::Serialize;
use serde_json::{Value, value::RawValue};

/// A conversation, taken apart: the API format keeps what the system says out of the messages.
#[derive(Debug, Default)]
pub(crate) struct Conversation<'a> {
    pub(crate) system: Vec<Block<'a>>,
    pub(crate) messages: Vec<Message<'a>>,
}

/// One message.
#[derive(Debug, Serialize)]
pub(crate) struct Message<'a> {
    role: &'a str,
    content: Vec<Block<'a>>,
}

/// One block of content.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Block<'a> {
    Text(&'a str),
    Image(Image<'a>),
    #[serde(rename_all = "camelCase")]
    ToolUse {
        tool_use_id: String,
        name: String,
        input: Box<RawValue>,
    },
    #[serde(rename_all = "camelCase")]
    ToolResult {
        tool_use_id: &'a str,
        /// At most one text: Bedrock takes no empty one.
        content: Vec<ResultText<'a>>,
    },
    #[serde(untagged)]
    Raw(Value),
}

/// What a tool answered.
#[derive(Debug, Serialize)]
pub(crate) struct ResultText<'a> {
    text: &'a str,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Image<'a> {
    format: &'a str,
    source: Source<'a>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Source<'a> {
    /// Base64.
    bytes: &'a str,
}

impl<'a> Conversation<'a> {
    /// Takes a turn apart. Empty texts are left out: the API format refuses them.
    ///
    /// # Errors
    /// `unsupported` for a part that the API format has no form for.
    pub(crate) fn of(turn: TurnContext<'a>) -> Result<Self> {
        let mut conversation = Self::default();
        for message in turn.messages() {
            let parts =
                message.parts().filter(|part| part.kind() != PartKind::TEXT || !part.data().is_empty());
            let mut content = parts.map(block).collect::<Result<Vec<_>>>()?;
            // Roles alternate: all results of a message's calls, and what the user says then, stand in one message.
            let is_of_tools =
                |content: &[Block<'_>]| content.iter().any(|block| matches!(block, Block::ToolResult { .. }));
            let role = if is_of_tools(&content) { "user" } else { message.role() };
            if let Some(last) = conversation.messages.last_mut()
                && role == "user"
                && is_of_tools(&last.content)
            {
                last.content.append(&mut content);
                continue;
            }
            match role {
                "system" => conversation.system.append(&mut content),
                "" => conversation.messages.push(Message { role: "user", content }),
                role => conversation.messages.push(Message { role, content }),
            }
        }
        Ok(conversation)
    }
}

fn block(part: Part<'_>) -> Result<Block<'_>> {
    let data = part.data();
    Ok(match part.kind() {
        PartKind::TEXT => Block::Text(data),
        PartKind::IMAGE => Block::Image(image(data)?),
        PartKind::RAW => Block::Raw(raw(data)?),
        PartKind::TOOL_CALL => {
            let ToolCall { id, name, arguments, .. } = part.tool_call()?;
            Block::ToolUse { tool_use_id: id, name, input: written_arguments(&arguments) }
        }
        PartKind::TOOL_RESULT => {
            let text = Some(ResultText { text: data }).filter(|result| !result.text.is_empty());
            Block::ToolResult { tool_use_id: part.name(), content: text.into_iter().collect() }
        }
        PartKind(kind) => {
            let what = format_args!("write a part of kind {kind} into a message");
            return Err(PluginError::unsupported(what).hint(
                "Bedrock's Converse takes texts and images; write other content as blocks in its own form",
            ));
        }
    })
}

/// Takes a data URL apart.
fn image(url: &str) -> Result<Image<'_>> {
    let split = url.strip_prefix("data:image/").and_then(|rest| rest.split_once(";base64,"));
    let Some((kind, bytes)) = split else {
        let excerpt: String = url.chars().take(40).collect();
        return Err(PluginError::unsupported(format_args!("send the image `{excerpt}`"))
            .hint("give images as `data:image/<format>;base64,` URLs: Bedrock follows no links"));
    };
    let kind = kind.split_once(';').map_or(kind, |(kind, _)| kind);
    let format = if kind == "jpg" { "jpeg" } else { kind };
    Ok(Image { format, source: Source { bytes } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_its_format_and_its_base64() {
        let expected = |format| Image { format, source: Source { bytes: "iVBO" } };
        assert_eq!(image("data:image/png;base64,iVBO").unwrap(), expected("png"));
        assert_eq!(image("data:image/jpg;name=a;base64,iVBO").unwrap(), expected("jpeg"));
    }

    #[test]
    fn a_link_is_refused() {
        for url in ["https://example.com/a.png", "data:image/png,raw", "iVBO"] {
            let error = image(url).unwrap_err();
            assert!(error.message.contains(url) && error.hint.contains("follows no links"), "{error}");
        }
    }
}
