//! What a turn says, as items of a request's `input`.

use prony_plugin_api::{Part, PartKind, PluginError, Result, ToolCall, TurnContext, TurnMessage, json::raw};
use serde::Serialize;
use serde_json::Value;

use crate::content::{Audio, audio};

/// The conversation of a request.
#[derive(Debug)]
pub(super) struct Input<'a> {
    /// What the system says first, if it is one text.
    pub(super) instructions: Option<&'a str>,
    /// Everything else.
    pub(super) items: Vec<InputItem<'a>>,
}

/// One message, or what stands beside messages.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum InputItem<'a> {
    Message {
        role: &'a str,
        content: ItemContent<'a>,
    },
    FunctionCall {
        call_id: String,
        name: String,
        arguments: String,
    },
    /// What a tool answered.
    FunctionCallOutput {
        call_id: &'a str,
        output: &'a str,
    },
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum ItemContent<'a> {
    Text(&'a str),
    Parts(Vec<InputPart<'a>>),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum InputPart<'a> {
    InputText {
        text: &'a str,
    },
    /// What the model said before.
    OutputText {
        text: &'a str,
    },
    InputImage {
        image_url: &'a str,
    },
    InputAudio {
        input_audio: Audio<'a>,
    },
    #[serde(untagged)]
    Raw(Value),
}

impl<'a> Input<'a> {
    /// Takes a turn apart. Of its first `known` messages, only the instructions are written: the server has the others, and takes
    /// no instructions from an earlier response.
    ///
    /// # Errors
    /// `unsupported` for a part that the API format has no form for.
    pub(super) fn of(turn: TurnContext<'a>, known: usize) -> Result<Self> {
        let instructions = turn.messages().next().and_then(instructions);
        let messages = turn.messages().skip(known.max(usize::from(instructions.is_some())));
        let mut items = Vec::with_capacity(messages.len());
        for message in messages {
            InputItem::of(message, &mut items)?;
        }
        Ok(Self { instructions, items })
    }
}

/// The one text of a system message.
fn instructions(message: TurnMessage<'_>) -> Option<&str> {
    let mut parts = message.parts();
    match (parts.next(), parts.next()) {
        (Some(only), None) if message.role() == "system" && only.kind() == PartKind::TEXT => {
            Some(only.data())
        }
        _ => None,
    }
}

impl<'a> InputItem<'a> {
    /// A message, if it has a content or nothing else; behind it what belongs to tools.
    fn of(message: TurnMessage<'a>, items: &mut Vec<Self>) -> Result<()> {
        let role = if message.role().is_empty() { "user" } else { message.role() };
        let is_of_tools =
            |part: &Part<'_>| [PartKind::TOOL_CALL, PartKind::TOOL_RESULT].contains(&part.kind());
        let mut parts = message
            .parts()
            .filter(|part| !is_of_tools(part) && (part.kind() != PartKind::TEXT || !part.data().is_empty()));
        let content = match (parts.next(), parts.next()) {
            (None, _) if message.parts().any(|part| is_of_tools(&part)) => None,
            (None, _) => Some(ItemContent::Text("")),
            (Some(only), None) if only.kind() == PartKind::TEXT => Some(ItemContent::Text(only.data())),
            (first, second) => {
                let all = first.into_iter().chain(second).chain(parts);
                Some(ItemContent::Parts(all.map(|part| input_part(role, part)).collect::<Result<_>>()?))
            }
        };
        items.extend(content.map(|content| Self::Message { role, content }));
        for part in message.parts().filter(is_of_tools) {
            items.push(Self::of_tool(part)?);
        }
        Ok(())
    }

    fn of_tool(part: Part<'a>) -> Result<Self> {
        if part.kind() == PartKind::TOOL_RESULT {
            return Ok(Self::FunctionCallOutput { call_id: part.name(), output: part.data() });
        }
        let ToolCall { id, name, arguments, .. } = part.tool_call()?;
        Ok(Self::FunctionCall { call_id: id, name, arguments })
    }
}

fn input_part<'a>(role: &str, part: Part<'a>) -> Result<InputPart<'a>> {
    let data = part.data();
    Ok(match part.kind() {
        PartKind::TEXT if role == "assistant" => InputPart::OutputText { text: data },
        PartKind::TEXT => InputPart::InputText { text: data },
        PartKind::IMAGE => InputPart::InputImage { image_url: data },
        PartKind::AUDIO => InputPart::InputAudio { input_audio: audio(data)? },
        PartKind::RAW => InputPart::Raw(raw(data)?),
        PartKind::VIDEO => {
            return Err(PluginError::unsupported("send a video: the responses format has no form for one")
                .hint("use the `chat` endpoint"));
        }
        PartKind(kind) => {
            return Err(PluginError::unsupported(format_args!(
                "write a part of kind {kind} into a response"
            )));
        }
    })
}
