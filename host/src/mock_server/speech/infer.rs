//! The open inference protocol: a tensor of texts.

use serde_json::{Value, json};

use super::frames::Speech;
use crate::mock_server::script::Channel;

/// A whole answer.
pub(super) fn whole(speech: &Speech<'_>) -> Value {
    let text = speech.text(0, Channel::Content);
    json!({
        "id": speech.identity.id,
        "model_name": speech.identity.model,
        "model_version": "1",
        "outputs": [{"name": "text_output", "datatype": "BYTES", "shape": [1, 1], "data": [text]}],
    })
}
