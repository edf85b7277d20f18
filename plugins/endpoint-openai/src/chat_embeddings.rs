//! Embeddings of conversations, as vLLM makes them of what a chat template writes: [`ChatEmbeddingsEndpoint`].

use prony_plugin_api::{Endpoint, NO_OPTIONS, RequestWriter, Result, TurnContext};

use crate::{
    body::{Body, Field},
    content::ChatMessage,
    embeddings::EmbeddingsParser,
};

/// `POST /v1/embeddings` with `messages`. A whole conversation becomes one embedding.
#[derive(Debug)]
pub(crate) struct ChatEmbeddingsEndpoint;

impl Endpoint for ChatEmbeddingsEndpoint {
    type Parser = EmbeddingsParser;

    const OPTIONS: &'static str = NO_OPTIONS;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let messages = turn.messages().map(ChatMessage::of).collect::<Result<_>>()?;
        let mut body = Body::default();
        body.set("messages", Field::Messages(messages));
        body.set("model", Field::Text(turn.model()));
        body.merge_extras(*turn)?;
        body.write(request)
    }

    fn parser(&self) -> EmbeddingsParser {
        EmbeddingsParser
    }
}
