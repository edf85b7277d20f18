//! A message on the bus, as the other side of the boundary encoded it.

use prony_plugin_api::message::{
    Message, PhaseEnded, PhaseRecorded, PhaseStarted, RecordBatch, ServerMetricsBatch,
};

/// Decodes `payload` as a message of every type. What can be decoded can be encoded, and is then the same.
///
/// # Panics
/// When that does not hold.
pub fn message(payload: &[u8]) {
    judge::<PhaseStarted>(payload);
    judge::<PhaseEnded>(payload);
    judge::<PhaseRecorded>(payload);
    judge::<RecordBatch>(payload);
    judge::<ServerMetricsBatch>(payload);
}

fn judge<M: Message>(payload: &[u8]) {
    match M::decode(payload) {
        Ok(message) => {
            let encoded = message.encode().expect("a message can be encoded");
            let again = M::decode(&encoded).and_then(|message| message.encode());
            // Compared as bytes: not every number is equal to itself.
            assert_eq!(again.as_ref(), Ok(&encoded), "a `{}` reads differently", M::TYPE);
        }
        Err(error) => assert!(error.message.contains(M::TYPE), "{error}"),
    }
}
