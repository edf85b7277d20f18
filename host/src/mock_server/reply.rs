//! Whole JSON answers, and the parts that streams share with them.

use serde_json::{Value, json};

use super::{
    job::{Generation, Kind},
    words,
};

/// What names an answer.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// The dialect's prefix and the request's id.
    pub(super) id: String,
    /// The model that the request named.
    pub(super) model: String,
    /// Unix seconds.
    pub(super) created: u64,
}

/// The answer to a chat or completions request that does not stream.
pub(super) fn generation(identity: &Identity, prompt_tokens: u64, generation: &Generation) -> Value {
    let object = match generation.kind {
        Kind::Chat => "chat.completion",
        Kind::Completion => "text_completion",
    };
    json!({
        "id": identity.id,
        "object": object,
        "created": identity.created,
        "model": identity.model,
        "choices": (0..generation.choices).map(|index| choice(index, generation)).collect::<Vec<_>>(),
        "usage": usage(prompt_tokens, generation),
    })
}

fn choice(index: u64, generation: &Generation) -> Value {
    let Generation { tokens, reasoning, .. } = *generation;
    let finish_reason = generation.finish_reason();
    match generation.kind {
        Kind::Chat => {
            let mut message = json!({"role": "assistant", "content": words::text(index, reasoning..tokens)});
            if reasoning > 0 {
                message["reasoning_content"] = words::text(index, 0..reasoning).into();
            }
            json!({"index": index, "message": message, "logprobs": null, "finish_reason": finish_reason})
        }
        Kind::Completion => {
            let text = words::text(index, 0..tokens);
            json!({"index": index, "text": text, "logprobs": null, "finish_reason": finish_reason})
        }
    }
}

/// The usage of a generation, over all choices. Reasoning is mentioned if there is any.
pub(super) fn usage(prompt_tokens: u64, generation: &Generation) -> Value {
    let completion_tokens = generation.tokens * generation.choices;
    let mut usage = json!({
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    });
    if generation.reasoning > 0 {
        let reasoning = generation.reasoning * generation.choices;
        usage["completion_tokens_details"] = json!({"reasoning_tokens": reasoning});
    }
    usage
}

/// The answer to an embeddings request: vectors that depend on nothing but their place.
pub(super) fn embeddings(identity: &Identity, prompt_tokens: u64, inputs: u64, dimensions: u64) -> Value {
    let component = |input: u64, place: u64| ((input * 31 + place * 17) % 201) as f64 / 100.0 - 1.0;
    let vector = |input: u64| {
        let embedding: Vec<f64> = (0..dimensions).map(|place| component(input, place)).collect();
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

/// The list of models: the one that the server was started with.
pub(super) fn models(model: &str, created: u64) -> Value {
    let entry = json!({"id": model, "object": "model", "created": created, "owned_by": "prony"});
    json!({"object": "list", "data": [entry]})
}
