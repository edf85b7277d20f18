//! [`ImageRetrievalEndpoint`].

use prony_plugin_api::{
    Endpoint, NO_OPTIONS, PartKind, PluginError, RequestWriter, Result, TurnContext, TurnMessage, json::Body,
};
use serde::Serialize;

use crate::parser::ImageRetrievalParser;

/// `POST /v1/infer`. Every image of a turn is an input; texts are no part of the API format and stay behind.
#[derive(Debug)]
pub(crate) struct ImageRetrievalEndpoint;

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "image_url")]
struct Image<'a> {
    url: &'a str,
}

impl Endpoint for ImageRetrievalEndpoint {
    type Parser = ImageRetrievalParser;

    const OPTIONS: &'static str = NO_OPTIONS;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let images = images(*turn)?;
        if images.is_empty() {
            return Err(PluginError::unsupported("look for things in images: the turn has none")
                .hint("give each turn an image"));
        }
        let mut body = Body::default();
        body.set("input", images);
        body.merge_extras(*turn)?;
        body.write(request)
    }

    fn parser(&self) -> ImageRetrievalParser {
        ImageRetrievalParser
    }
}

fn images(turn: TurnContext<'_>) -> Result<Vec<Image<'_>>> {
    let mut messages = turn.messages();
    if messages.len() > 1 {
        return Err(PluginError::unsupported(format_args!(
            "send a conversation of {} messages: this API format takes single turns",
            messages.len()
        ))
        .hint("use a dataset of single turns"));
    }
    let mut images = Vec::new();
    for part in messages.next().iter().flat_map(TurnMessage::parts) {
        match part.kind() {
            PartKind::TEXT => {}
            PartKind::IMAGE if part.data().starts_with("data:") => images.push(Image { url: part.data() }),
            PartKind::IMAGE => {
                let excerpt: String = part.data().chars().take(80).collect();
                return Err(PluginError::unsupported(format_args!("send the linked image `{excerpt}`"))
                    .hint("name a file or give a data URL: the server follows no links"));
            }
            _ => return Err(PluginError::unsupported("send anything but images to this API format")),
        }
    }
    Ok(images)
}
