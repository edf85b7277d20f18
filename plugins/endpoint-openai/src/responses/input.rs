//! What a turn says, as items of a request's `input`.

use prony_plugin_api::{Part, PartKind, PluginError, Result, TurnContext, TurnMessage, json::raw};
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

/// One message.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "message")]
pub(super) struct InputItem<'a> {
    role: &'a str,
    content: ItemContent<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum ItemContent<'a> {
    Text(&'a str),
    Parts(Vec<InputPart<'a>>),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum InputPart<'a> {
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
    /// Takes a turn apart.
    ///
    /// # Errors
    /// `unsupported` for a part that the API format has no form for.
    pub(super) fn of(turn: TurnContext<'a>) -> Result<Self> {
        let mut messages = turn.messages().peekable();
        let instructions = messages.peek().copied().and_then(instructions);
        if instructions.is_some() {
            messages.next();
        }
        Ok(Self { instructions, items: messages.map(InputItem::of).collect::<Result<_>>()? })
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
    fn of(message: TurnMessage<'a>) -> Result<Self> {
        let role = if message.role().is_empty() { "user" } else { message.role() };
        let mut parts =
            message.parts().filter(|part| part.kind() != PartKind::TEXT || !part.data().is_empty());
        let content = match (parts.next(), parts.next()) {
            (None, _) => ItemContent::Text(""),
            (Some(only), None) if only.kind() == PartKind::TEXT => ItemContent::Text(only.data()),
            (first, second) => {
                let all = first.into_iter().chain(second).chain(parts);
                ItemContent::Parts(all.map(|part| input_part(role, part)).collect::<Result<_>>()?)
            }
        };
        Ok(Self { role, content })
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
