//! Embeddings of NVIDIA's NIM, which takes texts, images, and pairs of both: [`NimEmbeddingsEndpoint`].

use prony_plugin_api::{
    Endpoint, NO_OPTIONS, Part, PartKind, PluginError, RequestWriter, Result, TurnContext, TurnMessage,
};
use serde_json::Value;

use crate::{
    body::{Body, Field},
    embeddings::EmbeddingsParser,
    prompt::{self, Item},
};

/// `POST /v1/embeddings`. A pair is one input: the text, a space and the image.
#[derive(Debug)]
pub(crate) struct NimEmbeddingsEndpoint;

impl Endpoint for NimEmbeddingsEndpoint {
    type Parser = EmbeddingsParser;

    const OPTIONS: &'static str = NO_OPTIONS;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let images = images(*turn);
        let input =
            if images.is_empty() { Field::Items(prompt::items(*turn)?) } else { paired(*turn, &images)? };
        let mut body = Body::default();
        body.set("model", Field::Text(turn.model()));
        body.set("input", input);
        body.merge_extras(*turn)?;
        body.write(request)
    }

    fn parser(&self) -> EmbeddingsParser {
        EmbeddingsParser
    }
}

fn images(turn: TurnContext<'_>) -> Vec<&str> {
    let parts = turn.messages().flat_map(|message| message.parts().collect::<Vec<_>>());
    parts.filter(|part| part.kind() == PartKind::IMAGE).map(|part| part.data()).collect()
}

/// Inputs with an image each, and with a text each if there are texts.
fn paired<'a>(turn: TurnContext<'a>, images: &[&'a str]) -> Result<Field<'a>> {
    if turn.messages().len() > 1 {
        return Err(PluginError::unsupported(
            "embed the images of a conversation: this API format takes single turns",
        )
        .hint("use the `chat_embeddings` endpoint, or a dataset of single turns"));
    }
    let parts: Vec<_> = turn.messages().next().iter().flat_map(TurnMessage::parts).collect();
    if parts.iter().any(|part| !matches!(part.kind(), PartKind::TEXT | PartKind::IMAGE)) {
        return Err(PluginError::unsupported("send anything but texts beside images to embed"));
    }
    let texts = parts.iter().filter(|part| part.kind() == PartKind::TEXT).map(Part::data);
    let texts: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
    if texts.is_empty() {
        return Ok(Field::Items(images.iter().map(|image| Item::Text(image)).collect()));
    }
    if texts.len() != images.len() {
        return Err(PluginError::unsupported(format_args!(
            "pair {} texts with {} images",
            texts.len(),
            images.len()
        ))
        .hint("give as many texts as images, or images only"));
    }
    let pairs = texts.iter().zip(images).map(|(text, image)| Value::from(format!("{text} {image}")));
    Ok(Field::Json(pairs.collect()))
}
