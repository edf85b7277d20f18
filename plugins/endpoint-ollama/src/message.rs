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
    /// Whose result it is. The server's documentation knows the name alone; newer servers give their calls ids as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

/// The calls of a conversation that have no result yet: a result says the id of its call, and the API format wants the name.
#[derive(Debug, Default)]
pub(crate) struct OpenCalls(Vec<(String, String)>);

impl OpenCalls {
    /// The name of the tool whose result has this id. Servers that know no ids have results in the order of their calls.
    fn answered(&mut self, id: &str) -> Option<String> {
        let place = self.0.iter().position(|(open, _)| open == id)?;
        Some(self.0.remove(place).1)
    }
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
    /// Translates a message of a turn. `open` are the calls of the messages before it.
    ///
    /// # Errors
    /// `unsupported` for a part that the API format has no form for.
    pub(crate) fn of(message: TurnMessage<'a>, open: &mut OpenCalls) -> Result<Self> {
        let role = if message.role().is_empty() { "user" } else { message.role() };
        let (mut images, mut tool_calls, mut texts) = (vec![], vec![], vec![]);
        let (mut tool_name, mut tool_call_id) = (None, None);
        for part in message.parts() {
            match part.kind() {
                PartKind::TEXT => texts.extend(Some(part.data()).filter(|text| !text.is_empty())),
                PartKind::TOOL_CALL => {
                    let call = part.tool_call()?;
                    open.0.push((call.id.clone(), call.name.clone()));
                    tool_calls.push(call.into());
                }
                PartKind::TOOL_RESULT => {
                    texts.push(part.data());
                    tool_name = open.answered(part.name());
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
        Ok(Self { role, content: texts.join("\n"), images, tool_calls, tool_name, tool_call_id })
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
