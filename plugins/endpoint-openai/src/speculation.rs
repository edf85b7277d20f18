//! What a server says of speculative decoding in a response: vLLM's `metrics.speculative_decoding`.

use prony_plugin_api::EventSink;
use serde_json::Value;

/// Counts of a response, by the names of the facts that the host makes metrics of.
const COUNTS: [(&str, &str); 3] = [
    ("spec_decode_steps", "num_spec_steps"),
    ("spec_decode_draft_tokens", "num_draft_tokens"),
    ("spec_decode_accepted_draft_tokens", "num_accepted_draft_tokens"),
];

/// Tells what a reply with a member `metrics` says, if it is about this. Hardly any chunk has one, so that `data` may be read
/// again.
pub(crate) fn tell(data: &[u8], out: &mut EventSink<'_>) {
    let reply: Value = serde_json::from_slice(data).unwrap_or_default();
    let Some(counts) = reply.pointer("/metrics/speculative_decoding") else { return };
    for (fact, key) in COUNTS {
        if let Some(count) = counts.get(key).and_then(Value::as_u64) {
            out.fact(fact, &count.to_string());
        }
    }
}
