//! Whole JSON answers without text.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{api_format::ApiFormat, fields::Encoding};

/// What names an answer.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// The API format's prefix and the request's id.
    pub(super) id: String,
    /// The model that the request named.
    pub(super) model: String,
    /// Unix seconds.
    pub(super) created: u64,
    /// The request's place in the order of arrivals, from 1.
    pub(super) number: u64,
}

/// The answer to an embeddings request: vectors that depend on nothing but their place.
pub(super) fn embeddings(
    identity: &Identity,
    prompt_tokens: u64,
    (inputs, dimensions): (u64, u64),
    encoding: Encoding,
) -> Value {
    let component = |input: u64, place: u64| ((input * 31 + place * 17) % 201) as f64 / 100.0 - 1.0;
    let vector = |input: u64| {
        let numbers = (0..dimensions).map(|place| component(input, place));
        let embedding: Value = match encoding {
            Encoding::Float => numbers.collect(),
            Encoding::Base64 => {
                #[expect(clippy::cast_possible_truncation, reason = "the format has 32-bit floats")]
                let bytes: Vec<u8> = numbers.flat_map(|number| (number as f32).to_le_bytes()).collect();
                STANDARD.encode(bytes).into()
            }
        };
        json!({"object": "embedding", "index": input, "embedding": embedding})
    };
    json!({
        "id": identity.id,
        "object": "list",
        "created": identity.created,
        "model": identity.model,
        "data": (0..inputs).map(vector).collect::<Vec<_>>(),
        "usage": {"prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens},
    })
}

/// The answer to a rankings request: the last document is the best.
pub(super) fn rankings(
    identity: &Identity,
    prompt_tokens: u64,
    api_format: ApiFormat,
    documents: u64,
) -> Value {
    let score = |document: u64| (document + 1) as f64 / (documents + 1) as f64;
    let list = |name: &str| -> Value {
        (0..documents).rev().map(|document| json!({"index": document, name: score(document)})).collect()
    };
    let usage = json!({"prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens});
    match api_format {
        ApiFormat::TeiRerank => list("score"),
        ApiFormat::NimRanking => json!({"rankings": list("logit"), "usage": usage}),
        _ => json!({
            "id": identity.id,
            "model": identity.model,
            "results": list("relevance_score"),
            "usage": usage,
        }),
    }
}

/// What is seen in images: one thing in each.
pub(super) fn detections(images: u64) -> Value {
    let seen = json!({"x_min": 0.1, "y_min": 0.1, "x_max": 0.9, "y_max": 0.9, "confidence": 0.5});
    let image = |index| json!({"index": index, "bounding_boxes": {"chart": [seen]}});
    json!({"data": (0..images).map(image).collect::<Vec<_>>(), "usage": {"images_size_mb": 0.1}})
}

/// A picture of one grey dot, as PNG.
const PICTURE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==";

/// Pictures.
pub(super) fn images(identity: &Identity, prompt_tokens: u64, count: u64) -> Value {
    let picture = json!({"b64_json": PICTURE});
    json!({
        "created": identity.created,
        "output_format": "png",
        "data": (0..count).map(|_| picture.clone()).collect::<Vec<_>>(),
        "usage": image_usage(prompt_tokens),
    })
}

/// The last event of a stream that makes a picture.
pub(super) fn image_event(name: &str, prompt_tokens: u64) -> Value {
    json!({
        "type": name,
        "b64_json": PICTURE,
        "output_format": "png",
        "usage": image_usage(prompt_tokens),
    })
}

fn image_usage(prompt_tokens: u64) -> Value {
    json!({"input_tokens": prompt_tokens, "output_tokens": 272, "total_tokens": prompt_tokens + 272})
}

/// The list of models: the one that the server was started with.
pub(super) fn models(model: &str, created: u64) -> Value {
    let entry = json!({"id": model, "object": "model", "created": created, "owned_by": "prony"});
    json!({"object": "list", "data": [entry]})
}
