//! What servers say of their tokens beyond the plain counts, and how far that is from what is counted here.

use super::{per_request::tokens, request::Request};

/// Counts that differ by more than this, in percent, are reported.
const TOLERANCE_PCT: f64 = 10.0;

pub(super) fn cache_write_tokens(request: &Request<'_>) -> Option<f64> {
    tokens(request.record.usage?.cache_write)
}

/// How far the server's count is from the one here, in percent of the one here.
fn difference_pct(server: Option<u64>, here: Option<u64>) -> Option<f64> {
    let here = here.filter(|tokens| *tokens > 0)? as f64;
    Some(100.0 * (server? as f64 - here).abs() / here)
}

pub(super) fn prompt_difference_pct(request: &Request<'_>) -> Option<f64> {
    difference_pct(request.record.usage?.prompt, request.record.counted.input)
}

pub(super) fn completion_difference_pct(request: &Request<'_>) -> Option<f64> {
    difference_pct(request.record.usage?.completion, request.record.counted.output)
}

pub(super) fn reasoning_difference_pct(request: &Request<'_>) -> Option<f64> {
    difference_pct(request.record.usage?.reasoning, request.record.counted.reasoning)
}

pub(super) fn is_discrepant(request: &Request<'_>) -> Option<bool> {
    let all = [prompt_difference_pct, completion_difference_pct, reasoning_difference_pct];
    let known: Vec<f64> = all.iter().filter_map(|of| of(request)).collect();
    (!known.is_empty()).then(|| known.iter().any(|difference| *difference > TOLERANCE_PCT))
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::TokenUsage;

    use super::*;
    use crate::{
        metrics::request::{LatencyOrigin, TokenCounting},
        record::{CountedTokens, Record},
    };

    #[test]
    fn a_difference_is_in_percent_of_what_is_counted_here() {
        let mut record = Record {
            usage: Some(TokenUsage { prompt: Some(110), completion: Some(40), ..TokenUsage::default() }),
            counted: CountedTokens { input: Some(100), output: Some(50), ..CountedTokens::default() },
            ..Record::default()
        };
        let of = |record: &Record| {
            let (origin, counting) = (LatencyOrigin::Sent, TokenCounting::PreferServer);
            let request = Request { record, origin, counting };
            (prompt_difference_pct(&request), completion_difference_pct(&request), is_discrepant(&request))
        };
        assert_eq!(of(&record), (Some(10.0), Some(20.0), Some(true)));
        record.counted.output = None;
        assert_eq!(of(&record), (Some(10.0), None, Some(false)));
        record.usage = None;
        assert_eq!(of(&record), (None, None, None));
    }
}
