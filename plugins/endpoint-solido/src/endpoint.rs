//! [`SolidoEndpoint`].

use prony_plugin_api::{
    Endpoint, NO_OPTIONS, RequestWriter, Result, TurnContext,
    json::{Body, texts},
};
use serde::Serialize;

use crate::parser::SolidoParser;

/// `POST /rag/api/prompt`. Whether the answer streams is decided by the `Accept` header, which is the host's, and its
/// length by the server.
#[derive(Debug)]
pub(crate) struct SolidoEndpoint;

/// The value of one field.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Field<'a> {
    Text(&'a str),
    Texts(Vec<&'a str>),
    Filters(Filters),
}

/// Which documents to answer from.
#[derive(Debug, Serialize)]
struct Filters {
    family: &'static str,
    tool: &'static str,
}

impl Endpoint for SolidoEndpoint {
    type Parser = SolidoParser;

    const OPTIONS: &'static str = NO_OPTIONS;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let mut body = Body::default();
        body.set("query", Field::Texts(texts(*turn)?));
        body.set("filters", Field::Filters(Filters { family: "Solido", tool: "SDE" }));
        body.set("inference_model", Field::Text(turn.model()));
        body.merge_extras(*turn)?;
        body.write(request)
    }

    fn parser(&self) -> SolidoParser {
        SolidoParser
    }
}
