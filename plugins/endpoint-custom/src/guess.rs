//! Where servers put what they say: embeddings, scores and texts in their usual places.

use prony_plugin_api::TextKind;
use serde_json::{Map, Value};

use crate::found::{Found, Saying};

/// Members that hold a text, or a list of texts.
const TEXTS: [&str; 6] = ["text", "content", "response", "output", "result", "generated_text"];

/// Members of a list that is sorted by relevance.
const SCORES: [&str; 3] = ["relevance_score", "score", "logit"];

/// Finds what an answer says. The order matters: a list of results may have texts beside its scores.
pub(crate) fn guess(answer: &Value) -> Option<Found<'_>> {
    match answer {
        Value::Object(fields) => {
            embeddings_of(fields).or_else(|| scores_of(fields)).or_else(|| texts_of(fields))
        }
        other => value(other),
    }
}

/// What a value is by its type alone: a text, texts, an embedding, embeddings, or scores.
pub(crate) fn value(value: &Value) -> Option<Found<'_>> {
    let list = match value {
        Value::String(text) => return Some(Found::Texts(vec![Saying::of(0, text)])),
        Value::Array(list) if !list.is_empty() => list,
        _ => return None,
    };
    if list.iter().all(Value::is_number) {
        return Some(Found::Embeddings(vec![list.len()]));
    }
    embeddings(list).or_else(|| scores(list)).or_else(|| texts(list))
}

/// A list of vectors.
fn embeddings(list: &[Value]) -> Option<Found<'_>> {
    let vector = |value: &Value| {
        Some(value.as_array()?).filter(|list| list.iter().all(Value::is_number)).map(Vec::len)
    };
    list.iter().map(vector).collect::<Option<_>>().map(Found::Embeddings)
}

fn embeddings_of(fields: &Map<String, Value>) -> Option<Found<'_>> {
    let named = ["embeddings", "embedding"].iter().find_map(|name| vectors(fields.get(*name)?));
    if named.is_some() {
        return named;
    }
    let data = fields.get("data")?.as_array().filter(|data| !data.is_empty())?;
    let dimensions = |entry: &Value| match entry.get("embedding")? {
        Value::Array(vector) => Some(vector.len()),
        Value::String(_) => Some(0),
        _ => None,
    };
    data.iter().map(dimensions).collect::<Option<_>>().map(Found::Embeddings)
}

fn vectors(vectors: &Value) -> Option<Found<'_>> {
    value(vectors).filter(|found| matches!(found, Found::Embeddings(_)))
}

fn scores_of(fields: &Map<String, Value>) -> Option<Found<'_>> {
    ["rankings", "results"].iter().find_map(|name| scores(fields.get(*name)?.as_array()?))
}

fn scores(list: &[Value]) -> Option<Found<'_>> {
    let scored = |(position, entry): (u32, &Value)| {
        let score = SCORES.iter().find_map(|name| entry.get(name)?.as_f64())?;
        let index = entry.get("index").and_then(Value::as_u64).and_then(|index| u32::try_from(index).ok());
        Some((index.unwrap_or(position), score))
    };
    let found: Vec<_> = (0..).zip(list).map(scored).collect::<Option<_>>()?;
    (!found.is_empty()).then_some(Found::Scores(found))
}

fn texts_of(fields: &Map<String, Value>) -> Option<Found<'_>> {
    if let Some(choices) = fields.get("choices").and_then(Value::as_array) {
        return Some(Found::Texts((0..).zip(choices).flat_map(choice).collect()));
    }
    // As Ollama's chat has it.
    let message = fields.get("message").and_then(|message| message.get("content"));
    let places = message.into_iter().chain(TEXTS.iter().filter_map(|name| fields.get(*name)));
    places.filter_map(value).find(is_text)
}

fn texts(list: &[Value]) -> Option<Found<'_>> {
    (0..).zip(list).map(text).collect::<Option<_>>().map(Found::Texts)
}

fn text((choice, entry): (u32, &Value)) -> Option<Saying<'_>> {
    let text = match entry {
        Value::Object(fields) => TEXTS.iter().find_map(|name| fields.get(*name)?.as_str()),
        other => other.as_str(),
    };
    text.map(|text| Saying::of(choice, text))
}

fn is_text(found: &Found<'_>) -> bool {
    matches!(found, Found::Texts(_))
}

/// What a choice of an OpenAI API format says, thoughts first.
fn choice((position, choice): (u32, &Value)) -> Vec<Saying<'_>> {
    let index = choice.get("index").and_then(Value::as_u64).and_then(|index| u32::try_from(index).ok());
    let index = index.unwrap_or(position);
    let said = choice.get("delta").or_else(|| choice.get("message"));
    let text = |name: &str| said?.get(name)?.as_str().filter(|text| !text.is_empty());
    let thoughts = match text("reasoning_content").or_else(|| text("reasoning")) {
        Some(thought) => vec![thought],
        None => said.map(detailed_thoughts).unwrap_or_default(),
    };
    let content = text("content").or_else(|| choice.get("text").and_then(Value::as_str));
    let finish = choice.get("finish_reason").and_then(Value::as_str).unwrap_or_default();
    let thoughts =
        thoughts.into_iter().map(|text| Saying { kind: TextKind::REASONING, ..Saying::of(index, text) });
    let content = Saying { finish, ..Saying::of(index, content.unwrap_or_default()) };
    thoughts.chain([content]).collect()
}

/// The texts of `reasoning_details`. An encrypted detail has none.
fn detailed_thoughts(said: &Value) -> Vec<&str> {
    let details = said.get("reasoning_details").and_then(Value::as_array);
    let texts =
        |detail| ["text", "summary"].into_iter().filter_map(move |name| Value::get(detail, name)?.as_str());
    details.into_iter().flatten().flat_map(texts).collect()
}
