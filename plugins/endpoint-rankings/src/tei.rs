//! Rankings of Hugging Face's text-embeddings-inference: [`TeiRankingsEndpoint`].

use prony_plugin_api::{Endpoint, NO_OPTIONS, RequestWriter, Result, TurnContext, json::Body};

use crate::{
    parser::RankingsParser,
    request::{Field, Question},
};

/// `POST /rerank`. A server has one model, so that requests name none.
#[derive(Debug)]
pub(crate) struct TeiRankingsEndpoint;

impl Endpoint for TeiRankingsEndpoint {
    type Parser = RankingsParser;

    const OPTIONS: &'static str = NO_OPTIONS;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let question = Question::of(*turn)?;
        let mut body = Body::default();
        body.set("query", Field::Text(question.query));
        body.set("texts", Field::Texts(question.passages));
        body.merge_extras(*turn)?;
        body.write(request)
    }

    fn parser(&self) -> RankingsParser {
        RankingsParser
    }
}
