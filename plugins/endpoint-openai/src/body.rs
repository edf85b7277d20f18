//! Bodies of requests in these API formats.

use prony_plugin_api::json;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{content::ChatMessage, prompt::Item};

/// The body of a request.
pub(crate) type Body<'a> = json::Body<'a, Field<'a>>;

/// The value of one field.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Field<'a> {
    Flag(bool),
    Count(u64),
    Text(&'a str),
    Messages(Vec<ChatMessage<'a>>),
    Item(Item<'a>),
    Items(Vec<Item<'a>>),
    Json(Value),
}

/// Asks a streaming server for its token counts, unless the user already said something about them.
pub(crate) fn ask_for_usage(body: &mut Body<'_>) {
    if !body.get("stream").is_some_and(is_truthy) {
        return;
    }
    match body.get_mut("stream_options") {
        None => body.set("stream_options", Field::Json(json!({"include_usage": true}))),
        Some(json::Field::Users(Value::Object(options))) => {
            options.entry("include_usage").or_insert(Value::Bool(true));
        }
        // Not ours to repair: the server shall say what it thinks of it.
        Some(_) => {}
    }
}

/// What a dynamic language takes for true: a user's `stream` may be `1` as well as `true`.
fn is_truthy(field: &json::Field<Field<'_>>) -> bool {
    match field {
        json::Field::Own(Field::Flag(flag)) | json::Field::Users(Value::Bool(flag)) => *flag,
        json::Field::Users(Value::Number(number)) => number.as_f64() != Some(0.0),
        json::Field::Users(Value::String(text)) => !text.is_empty(),
        json::Field::Users(Value::Array(items)) => !items.is_empty(),
        json::Field::Users(Value::Object(fields)) => !fields.is_empty(),
        _ => false,
    }
}
