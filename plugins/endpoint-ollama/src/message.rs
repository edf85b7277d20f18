//! Messages as the API format writes them: a text, and images beside it.

use prony_plugin_api::{PartKind, PluginError, Result, TurnMessage};
use serde::Serialize;

/// One message.
#[derive(Debug, Serialize)]
pub(crate) struct Message<'a> {
    role: &'a str,
    content: String,
    /// Base64, with nothing in front.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<&'a str>,
}

impl<'a> Message<'a> {
    /// Translates a message of a turn.
    ///
    /// # Errors
    /// `unsupported` for a part that the API format has no form for.
    pub(crate) fn of(message: TurnMessage<'a>) -> Result<Self> {
        let role = if message.role().is_empty() { "user" } else { message.role() };
        let mut images = Vec::new();
        for part in message.parts() {
            match part.kind() {
                PartKind::TEXT => {}
                PartKind::IMAGE => images.push(base64_of(part.data())?),
                PartKind(kind) => {
                    let what = format_args!("write a part of kind {kind} into a message");
                    return Err(
                        PluginError::unsupported(what).hint("Ollama's chat takes texts and images only")
                    );
                }
            }
        }
        Ok(Self { role, content: message.text(), images })
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
