//! Cohere's rankings, which vLLM, Jina and others speak as well: [`CohereRankingsEndpoint`].

use prony_plugin_api::{Endpoint, NO_OPTIONS, RequestWriter, Result, TurnContext, json::Body};

use crate::{
    parser::RankingsParser,
    request::{Field, Question},
};

/// `POST /v2/rerank`.
#[derive(Debug)]
pub(crate) struct CohereRankingsEndpoint;

impl Endpoint for CohereRankingsEndpoint {
    type Parser = RankingsParser;

    const OPTIONS: &'static str = NO_OPTIONS;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let question = Question::of(*turn)?;
        let mut body = Body::default();
        body.set("model", Field::Text(turn.model()));
        body.set("query", Field::Text(question.query));
        body.set("documents", Field::Texts(question.passages));
        body.merge_extras(*turn)?;
        body.write(request)
    }

    fn parser(&self) -> RankingsParser {
        RankingsParser
    }
}
