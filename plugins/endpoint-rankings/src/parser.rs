//! Reading rankings: [`RankingsParser`].

use prony_plugin_api::{
    EventSink, Parser, Result,
    json::{self, Facts, Name, Usage},
};
use serde::{Deserialize, de::IgnoredAny};

/// What an answer that is none is compared with.
const EXPECTED: &str = "a list of scores, or an object with one in `results` or `rankings`";

/// Reads one response, of any of the three API formats: servers and proxies mix their names.
#[derive(Debug)]
pub(crate) struct RankingsParser;

/// A whole answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object with `results` or `rankings`")]
struct Reply<'a> {
    #[serde(borrow)]
    id: Name<'a>,
    #[serde(borrow)]
    model: Name<'a>,
    results: Option<Vec<Score>>,
    rankings: Option<Vec<Score>>,
    usage: Option<Usage>,
    /// Where Cohere keeps what it bills.
    meta: Option<Meta>,
    /// Present and not `null`.
    error: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Meta {
    tokens: Option<Usage>,
}

/// What one passage is worth. The passage itself, which some servers repeat, is skipped.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "Entry")]
struct Score {
    /// Which passage; its position in the list when the server does not say.
    index: Option<u32>,
    score: f64,
}

/// An entry of a list of scores, under the names of all API formats.
#[derive(Debug, Deserialize)]
struct Entry {
    index: Option<u32>,
    relevance_score: Option<f64>,
    score: Option<f64>,
    logit: Option<f64>,
}

impl TryFrom<Entry> for Score {
    type Error = &'static str;

    fn try_from(entry: Entry) -> Result<Self, Self::Error> {
        let score = entry.relevance_score.or(entry.score).or(entry.logit);
        let score = score.ok_or("an entry has no `relevance_score`, `score` or `logit`")?;
        Ok(Self { index: entry.index, score })
    }
}

impl Parser for RankingsParser {
    /// The API formats do not stream; a server that does anyway sends the whole answer as one event.
    fn event(&mut self, name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        match json::whole_event(name, data, out) {
            Some(answer) => self.body(200, answer, out),
            None => Ok(()),
        }
    }

    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        if body.trim_ascii_start().starts_with(b"[") {
            // An error may stand in a list as well, and then it is one thing without a score.
            if let Some(scores) = json::answer::<Vec<Score>>(status, body, EXPECTED, |_| true, out)? {
                tell(&scores, out);
                out.done();
            }
            return Ok(());
        }
        let is_one = |reply: &Reply<'_>| {
            reply.error.is_none() && (reply.results.is_some() || reply.rankings.is_some())
        };
        let Some(reply) = json::answer(status, body, EXPECTED, is_one, out)? else { return Ok(()) };
        Facts::default().tell(&reply.id, &reply.model, out);
        tell(reply.results.as_ref().or(reply.rankings.as_ref()).map_or(&[], Vec::as_slice), out);
        let billed = reply.meta.as_ref().and_then(|meta| meta.tokens.as_ref());
        if let Some(counts) = reply.usage.as_ref().or(billed).and_then(Usage::counts) {
            out.usage(counts);
        }
        out.done();
        Ok(())
    }
}

fn tell(scores: &[Score], out: &mut EventSink<'_>) {
    for (position, score) in (0..).zip(scores) {
        out.ranking(score.index.unwrap_or(position), score.score);
    }
}
