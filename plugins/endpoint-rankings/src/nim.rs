//! Rankings of NVIDIA's NIM: [`NimRankingsEndpoint`].

use prony_plugin_api::{Endpoint, NO_OPTIONS, RequestWriter, Result, TurnContext, json::Body};

use crate::{
    parser::RankingsParser,
    request::{Field, Question, Wrapped},
};

/// `POST /v1/ranking`.
#[derive(Debug)]
pub(crate) struct NimRankingsEndpoint;

impl Endpoint for NimRankingsEndpoint {
    type Parser = RankingsParser;

    const OPTIONS: &'static str = NO_OPTIONS;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let question = Question::of(*turn)?;
        let passages = question.passages.into_iter().map(|text| Wrapped { text });
        let mut body = Body::default();
        body.set("model", Field::Text(turn.model()));
        body.set("query", Field::Wrapped(Wrapped { text: question.query }));
        body.set("passages", Field::WrappedTexts(passages.collect()));
        body.merge_extras(*turn)?;
        body.write(request)
    }

    fn parser(&self) -> RankingsParser {
        RankingsParser
    }
}
