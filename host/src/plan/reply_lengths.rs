//! Which fields of a request's body say how long its reply is to be.

use serde_json::{Map, Value};

/// What they are called in the bodies of API formats.
const NAMES: [&str; 7] = [
    "max_completion_tokens",
    "max_new_tokens",
    "max_output_tokens",
    "max_tokens",
    "min_new_tokens",
    "min_tokens",
    "num_predict",
];

/// Objects of a body in which they may stand: those of `huggingface_generate` and of `ollama`.
const OBJECTS: [&str; 2] = ["parameters", "options"];

/// Fields of a body, without those.
pub(crate) fn without_reply_lengths(mut fields: Map<String, Value>) -> Map<String, Value> {
    remove(&mut fields);
    for name in OBJECTS {
        if let Some(Value::Object(inner)) = fields.get_mut(name) {
            remove(inner);
        }
    }
    fields
}

fn remove(fields: &mut Map<String, Value>) {
    fields.retain(|name, _| !NAMES.contains(&name.as_str()));
}
