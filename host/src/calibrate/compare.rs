//! Client against server, request by request. Both read one clock of one machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::metrics::{Distribution, Statistic};

/// How far client and server were apart: 99th percentiles of absolute differences, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Errors {
    /// Arrival of the first token against its sending.
    pub(crate) first_token_ms: f64,
    /// Inter-token latency of a request against the server's own.
    pub(crate) inter_token_ms: f64,
    /// Sending of a request against the schedule.
    pub(crate) send_ms: f64,
    /// Requests that failed, that the server does not know, or that lack an inter-token latency.
    pub(crate) failed: u64,
}

impl Errors {
    /// The largest.
    pub(super) fn worst_ms(&self) -> f64 {
        self.first_token_ms.max(self.inter_token_ms).max(self.send_ms)
    }
}

/// Joins the records of a run with what the server says, by request id. `None` when nothing can be joined.
pub(crate) fn compare(records: &[Value], truth: &Value, send_ms: f64) -> Option<Errors> {
    let start = truth["wall_start_ns"].as_i64()?;
    let by_id = |request| Some((text(request, "request_id")?, request));
    let requests: BTreeMap<&str, &Value> = truth["requests"].as_array()?.iter().filter_map(by_id).collect();
    let tokens_per_word = truth["usage_tokens_per_word"].as_f64()?;
    let (mut firsts, mut gaps, mut failed) = (Vec::new(), Vec::new(), 0);
    for record in records {
        let request = text(&record["metadata"], "x_request_id").and_then(|id| requests.get(id));
        let Some(request) = request.filter(|_| record["error"].is_null()) else {
            failed += 1;
            continue;
        };
        firsts.extend(first_token_error(record, request, start));
        if let Some(true_ms) = true_inter_token_ms(request, tokens_per_word) {
            match record["metrics"]["inter_token_latency"]["value"].as_f64() {
                Some(measured) => gaps.push((measured - true_ms).abs()),
                None => failed += 1,
            }
        }
    }
    let inter_token_ms = p99(&mut gaps).unwrap_or(0.0);
    Some(Errors { first_token_ms: p99(&mut firsts)?, inter_token_ms, send_ms, failed })
}

fn text<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object[key].as_str()
}

fn first_token_error(record: &Value, request: &Value, start: i64) -> Option<f64> {
    let seen = record["trace_data"]["response_first_token_ns"].as_i64()?;
    let sent = start + request["first_token_sent_ns"].as_i64()?;
    Some(seen.abs_diff(sent) as f64 / 1e6)
}

/// The server's own inter-token latency; `None` where it sent all at one instant. The words that it sent with the first one
/// have no part in the time that follows, nor have their tokens.
fn true_inter_token_ms(request: &Value, tokens_per_word: f64) -> Option<f64> {
    let sent: Vec<f64> = request["token_sent_ns"].as_array()?.iter().filter_map(Value::as_f64).collect();
    let (first, last) = (sent.first()?, sent.last()?);
    let later = sent.iter().filter(|at| *at > first).count();
    (later > 0).then(|| (last - first) / (later as f64 * tokens_per_word) / 1e6)
}

fn p99(values: &mut [f64]) -> Option<f64> {
    Distribution::of(values).map(|values| values.statistic(Statistic::P99))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn requests_are_joined_by_their_ids() {
        let truth = json!({ "wall_start_ns": 1_000_000_000_u64, "usage_tokens_per_word": 1.0, "requests": [
            { "request_id": "b", "first_token_sent_ns": 7_000_000, "token_sent_ns": [7_000_000, 17_000_000, 27_000_000] },
            { "request_id": "a", "first_token_sent_ns": 5_000_000, "token_sent_ns": [5_000_000] },
        ]});
        let record = |id: &str, seen_ns: u64, itl: Value| {
            json!({ "metadata": { "x_request_id": id }, "trace_data": { "response_first_token_ns": seen_ns },
                    "metrics": { "inter_token_latency": { "value": itl } } })
        };
        let records = [
            record("a", 1_005_000_000, Value::Null),
            record("b", 1_009_000_000, json!(10.5)),
            record("unknown", 1, json!(99)),
        ];
        let errors = compare(&records, &truth, 0.25).unwrap();
        assert!((errors.first_token_ms - 1.98).abs() < 1e-6, "{errors:?}");
        assert!((errors.inter_token_ms - 0.5).abs() < 1e-6, "{errors:?}");
        assert!((errors.worst_ms() - 1.98).abs() < 1e-6);
        assert_eq!(errors.failed, 1);
    }

    #[test]
    fn a_server_that_counts_otherwise_has_its_own_truth() {
        let request = json!({ "token_sent_ns": [50_000_000, 50_000_000, 60_000_000, 70_000_000] });
        assert_eq!(true_inter_token_ms(&request, 0.5), Some(20.0));
        let at_once = json!({ "token_sent_ns": [50_000_000, 50_000_000] });
        assert_eq!(true_inter_token_ms(&at_once, 0.5), None);
    }

    #[test]
    fn an_inter_token_latency_that_is_missing_is_a_failure() {
        let truth = json!({ "wall_start_ns": 0, "usage_tokens_per_word": 1.0, "requests": [
            { "request_id": "a", "first_token_sent_ns": 5, "token_sent_ns": [5, 9] },
        ]});
        let record = json!({ "metadata": { "x_request_id": "a" }, "trace_data": { "response_first_token_ns": 6 },
                             "metrics": {} });
        assert_eq!(compare(&[record], &truth, 0.0).unwrap().failed, 1);
    }

    #[test]
    fn nothing_in_common_is_nothing_to_compare() {
        let truth = json!({ "wall_start_ns": 0, "usage_tokens_per_word": 1.0, "requests": [] });
        assert_eq!(compare(&[], &truth, 0.0), None);
        assert_eq!(compare(&[], &json!({}), 0.0), None);
    }
}
