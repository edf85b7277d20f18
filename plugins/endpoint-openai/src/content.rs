//! Messages of a chat, as the API format writes them.

use prony_plugin_api::{Part, PartKind, PluginError, Result, ToolCall, TurnMessage, json::raw};
use serde::Serialize;
use serde_json::Value;

/// One message.
#[derive(Debug, Serialize)]
pub(crate) struct ChatMessage<'a> {
    role: &'a str,
    /// `null` where there are only calls of tools.
    content: Option<MessageContent<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ChatToolCall>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "function")]
struct ChatToolCall {
    id: String,
    function: CalledFunction,
}

#[derive(Debug, Serialize)]
struct CalledFunction {
    name: String,
    arguments: String,
}

impl From<ToolCall> for ChatToolCall {
    fn from(call: ToolCall) -> Self {
        Self { id: call.id, function: CalledFunction { name: call.name, arguments: call.arguments } }
    }
}

/// A lone text is written as a bare string: every server takes that, and many models' templates nothing else.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum MessageContent<'a> {
    Text(&'a str),
    Parts(Vec<ContentPart<'a>>),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ContentPart<'a> {
    Text {
        text: &'a str,
    },
    ImageUrl {
        image_url: Link<'a>,
    },
    InputAudio {
        input_audio: Audio<'a>,
    },
    VideoUrl {
        video_url: Link<'a>,
    },
    #[serde(untagged)]
    Raw(Value),
}

#[derive(Debug, Serialize)]
struct Link<'a> {
    url: &'a str,
}

/// Audio travels inside the request only.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Audio<'a> {
    pub(crate) data: &'a str,
    pub(crate) format: &'a str,
}

impl<'a> ChatMessage<'a> {
    /// Translates a message of a turn.
    ///
    /// # Errors
    /// `unsupported` for a part that the API format has no form for.
    pub(crate) fn of(message: TurnMessage<'a>) -> Result<Self> {
        let role = if message.role().is_empty() { "user" } else { message.role() };
        let of_kind = |kind| message.parts().filter(move |part| part.kind() == kind);
        let calls = of_kind(PartKind::TOOL_CALL).map(|part| part.tool_call().map(ChatToolCall::from));
        let tool_calls = calls.collect::<Result<Vec<_>>>()?;
        let tool_call_id = of_kind(PartKind::TOOL_RESULT).next().map(|result| result.name());
        let mut parts = message.parts().filter(|part| is_content(*part));
        let content = match (parts.next(), parts.next()) {
            (None, _) if !tool_calls.is_empty() => None,
            (None, _) => Some(MessageContent::Text("")),
            (Some(only), None) if is_text(only) => Some(MessageContent::Text(only.data())),
            (first, second) => {
                let all = first.into_iter().chain(second).chain(parts);
                Some(MessageContent::Parts(all.map(content_part).collect::<Result<_>>()?))
            }
        };
        Ok(Self { role, content, tool_calls, tool_call_id })
    }
}

/// What stands in the content: no call of a tool, which has a place of its own, and no empty text.
fn is_content(part: Part<'_>) -> bool {
    part.kind() != PartKind::TOOL_CALL && !(is_text(part) && part.data().is_empty())
}

/// What a tool answered is a text of its message.
fn is_text(part: Part<'_>) -> bool {
    [PartKind::TEXT, PartKind::TOOL_RESULT].contains(&part.kind())
}

fn content_part(part: Part<'_>) -> Result<ContentPart<'_>> {
    let data = part.data();
    Ok(match part.kind() {
        PartKind::TEXT | PartKind::TOOL_RESULT => ContentPart::Text { text: data },
        PartKind::IMAGE => ContentPart::ImageUrl { image_url: Link { url: data } },
        PartKind::AUDIO => ContentPart::InputAudio { input_audio: audio(data)? },
        PartKind::VIDEO => ContentPart::VideoUrl { video_url: Link { url: data } },
        PartKind::RAW => ContentPart::Raw(raw(data)?),
        PartKind(kind) => {
            return Err(PluginError::unsupported(format_args!("write a part of kind {kind} into a chat")));
        }
    })
}

/// Takes `wav,<base64>` or `data:audio/wav;base64,<base64>` apart.
pub(crate) fn audio(data: &str) -> Result<Audio<'_>> {
    let split = match data.strip_prefix("data:audio/") {
        Some(rest) => rest
            .split_once(',')
            .and_then(|(head, data)| Some((head.strip_suffix(";base64")?, data)))
            .map(|(head, data)| (head.split_once(';').map_or(head, |(kind, _)| kind), data)),
        None => data.split_once(',').filter(|(format, _)| format.bytes().all(|b| b.is_ascii_alphanumeric())),
    };
    let Some((format, data)) = split else {
        let excerpt: String = data.chars().take(40).collect();
        return Err(PluginError::unsupported(format_args!("send the audio `{excerpt}`"))
            .hint("give audio as `<format>,<base64>` or as a `data:audio/<format>;base64,` URL"));
    };
    // Media types have names of their own for the two formats that the API format knows.
    let format = match format {
        "mpeg" => "mp3",
        "x-wav" | "wave" | "vnd.wave" => "wav",
        other => other,
    };
    Ok(Audio { data, format })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::short("wav,UklGRg==", "wav")]
    #[case::data_url("data:audio/mpeg;base64,UklGRg==", "mp3")]
    #[case::data_url_with_parameter("data:audio/ogg;codecs=opus;base64,UklGRg==", "ogg")]
    fn audio_is_taken_apart(#[case] data: &str, #[case] format: &str) {
        assert_eq!(audio(data).unwrap(), Audio { data: "UklGRg==", format });
    }

    #[rstest]
    #[case::link("https://example.com/a,b.wav")]
    #[case::no_format("UklGRg==")]
    #[case::not_base64("data:audio/wav,raw")]
    fn audio_that_cannot_be_embedded_is_refused(#[case] data: &str) {
        let error = audio(data).unwrap_err();
        assert!(error.message.contains(data) && error.hint.contains("base64"), "{error:?}");
    }
}
