//! What servers say of speculative decoding, response by response: steps of the model, tokens that were drafted for them, and
//! drafted tokens that it accepted.
//!
//! An API format tells them as facts of its response, under the tags of these metrics.

use super::request::Request;

/// A count that the server tells.
fn reported(request: &Request<'_>, name: &str) -> Option<f64> {
    let (_, count) = request.record.facts.iter().find(|(known, _)| known == name)?;
    count.parse::<u64>().ok().map(|count| count as f64)
}

pub(super) fn steps(request: &Request<'_>) -> Option<f64> {
    reported(request, "spec_decode_steps")
}

pub(super) fn draft_tokens(request: &Request<'_>) -> Option<f64> {
    reported(request, "spec_decode_draft_tokens")
}

pub(super) fn accepted_tokens(request: &Request<'_>) -> Option<f64> {
    reported(request, "spec_decode_accepted_draft_tokens")
}

pub(super) fn acceptance_length(request: &Request<'_>) -> Option<f64> {
    let steps = steps(request).filter(|steps| *steps > 0.0)?;
    Some(1.0 + accepted_tokens(request)? / steps)
}

pub(super) fn acceptance_rate(request: &Request<'_>) -> Option<f64> {
    let drafted = draft_tokens(request).filter(|drafted| *drafted > 0.0)?;
    Some(100.0 * accepted_tokens(request)? / drafted)
}

/// Of the tokens that the model looked at, those that it kept: its own one of each step, and drafted ones.
pub(super) fn accepted_per_verified(request: &Request<'_>) -> Option<f64> {
    let steps = steps(request)?;
    let verified = Some(draft_tokens(request)? + steps).filter(|verified| *verified > 0.0)?;
    Some((accepted_tokens(request)? + steps) / verified)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        metrics::request::{LatencyOrigin, TokenCounting},
        record::Record,
    };

    #[rstest]
    #[case::all(&[("spec_decode_steps", "4"), ("spec_decode_draft_tokens", "12"), ("spec_decode_accepted_draft_tokens", "6")], Some(2.5), Some(50.0))]
    #[case::no_step(&[("spec_decode_steps", "0"), ("spec_decode_draft_tokens", "0"), ("spec_decode_accepted_draft_tokens", "0")], None, None)]
    #[case::nothing(&[], None, None)]
    fn a_step_brings_one_token_and_those_that_were_accepted(
        #[case] facts: &[(&str, &str)],
        #[case] length: Option<f64>,
        #[case] rate: Option<f64>,
    ) {
        let facts = facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let record = Record { facts, ..Record::default() };
        let (origin, counting) = (LatencyOrigin::Sent, TokenCounting::PreferServer);
        let request = Request { record: &record, origin, counting };
        assert_eq!((acceptance_length(&request), acceptance_rate(&request)), (length, rate));
    }
}
