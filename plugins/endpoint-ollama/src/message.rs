//! Messages as the API format writes them: a text, and images beside it.

use prony_plugin_api::{PartKind, PluginError, Result, ToolCall, TurnMessage, json::written_arguments};
use serde::Serialize;
use serde_json::value::RawValue;

/// One message.
#[derive(Debug, Serialize)]
pub(crate) struct Message<'a> {
    role: &'a str,
    content: String,
    /// Base64, with nothing in front.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

/// A call of a tool, with its id where the server gave it one.
#[derive(Debug, Serialize)]
struct Call {
    #[serde(skip_serializing_if = "String::is_empty")]
    id: String,
    function: Function,
}

#[derive(Debug, Serialize)]
struct Function {
    name: String,
    arguments: Box<RawValue>,
}

impl From<ToolCall> for Call {
    fn from(call: ToolCall) -> Self {
        let arguments = written_arguments(&call.arguments);
        Self { id: call.id, function: Function { name: call.name, arguments } }
    }
}

impl<'a> Message<'a> {
    /// Translates a message of a turn.
    ///
    /// # Errors
    /// `unsupported` for a part that the API format has no form for.
    pub(crate) fn of(message: TurnMessage<'a>) -> Result<Self> {
        let role = if message.role().is_empty() { "user" } else { message.role() };
        let (mut images, mut tool_calls, mut texts, mut tool_call_id) = (vec![], vec![], vec![], None);
        for part in message.parts() {
            match part.kind() {
                PartKind::TEXT => texts.extend(Some(part.data()).filter(|text| !text.is_empty())),
                PartKind::TOOL_CALL => tool_calls.push(part.tool_call()?.into()),
                PartKind::TOOL_RESULT => {
                    texts.push(part.data());
                    tool_call_id = Some(part.name()).filter(|id| !id.is_empty());
                }
                PartKind::IMAGE => images.push(base64_of(part.data())?),
                PartKind(kind) => {
                    let what = format_args!("write a part of kind {kind} into a message");
                    return Err(
                        PluginError::unsupported(what).hint("Ollama's chat takes texts and images only")
                    );
                }
            }
        }
        Ok(Self { role, content: texts.join("\n"), images, tool_calls, tool_call_id })
    }
}

/// What stands behind the head of a data URL, or base64 that has none.
fn base64_of(image: &str) -> Result<&str> {
    let data = match image.strip_prefix("data:") {
        Some(url) => url.split_once(";base64,").map(|(_, data)| data),
        None => Some(image).filter(|data| !data.contains(':')),
    };
    data.ok_or_else(|| {
        let excerpt: String = image.chars().take(40).collect();
        PluginError::unsupported(format_args!("send the image `{excerpt}`"))
            .hint("give images as `data:image/<format>;base64,` URLs: Ollama follows no links")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_its_base64() {
        assert_eq!(base64_of("data:image/png;base64,iVBO").unwrap(), "iVBO");
        assert_eq!(base64_of("data:image/svg+xml;charset=utf-8;base64,PHN2").unwrap(), "PHN2");
        assert_eq!(base64_of("iVBO").unwrap(), "iVBO");
    }

    #[test]
    fn a_link_is_refused() {
        for image in ["https://example.com/a.png", "data:image/png,raw"] {
            let error = base64_of(image).unwrap_err();
            assert!(error.message.contains(image) && error.hint.contains("follows no links"), "{error}");
        }
    }
}
