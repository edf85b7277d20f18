//! [`Job`]: what a valid API request asks for, and the checks that make it valid.
//!
//! Prompt tokens are the whitespace-separated words of the prompt's text, or the number of token ids if the prompt is
//! given as ids. That is an approximation, good enough to be consistent and free of a vocabulary.

use serde_json::{Map, Value};

use super::{api_error::ApiError, options::Options};

/// More choices than this are refused, as by the original API.
const MAX_CHOICES: u64 = 128;
/// More output tokens than this are refused: the mock model's context length.
const MAX_TOKENS: u64 = 1_000_000;
/// Length of an embedding if the request does not say.
const DIMENSIONS: u64 = 16;
/// Longer embeddings are refused.
const MAX_DIMENSIONS: u64 = 65_536;

/// An API that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Chat,
    Completions,
    Embeddings,
}

impl Dialect {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::Embeddings => "/v1/embeddings",
        }
    }

    /// What an answer's id starts with.
    pub(super) fn id_prefix(self) -> &'static str {
        match self {
            Self::Chat => "chatcmpl",
            Self::Completions => "cmpl",
            Self::Embeddings => "embd",
        }
    }
}

/// A valid request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) model: String,
    pub(super) prompt_tokens: u64,
    pub(super) output: Output,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Output {
    Text(Generation),
    Embeddings { inputs: u64, dimensions: u64 },
}

/// Text to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Generation {
    pub(super) kind: Kind,
    /// The request's own limit, which is then met exactly.
    pub(super) limit: Option<u64>,
    /// Output tokens of each choice.
    pub(super) tokens: u64,
    /// How many of them, the first ones, are reasoning. A completion has none.
    pub(super) reasoning: u64,
    /// `n`, times the prompts of a batch.
    pub(super) choices: u64,
    pub(super) delivery: Delivery,
}

impl Generation {
    /// `length` when the request's limit ended the text, else `stop`.
    pub(super) fn finish_reason(&self) -> &'static str {
        if self.limit.is_some() { "length" } else { "stop" }
    }
}

/// The shape that text is sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Chat,
    Completion,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    Whole,
    Stream { usage: bool },
}

impl Job {
    /// Checks a request body; what it leaves open comes from the server's options.
    pub(super) fn parse(dialect: Dialect, body: &[u8], options: &Options) -> Result<Self, ApiError> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| ApiError::malformed(format!("the body is not JSON: {error}")))?;
        let fields =
            Fields(body.as_object().ok_or_else(|| ApiError::malformed("the body is not an object"))?);
        let model = fields.model()?;
        let (prompt_tokens, output) = match dialect {
            Dialect::Chat => {
                (fields.message_words()?, Output::Text(fields.generation(Kind::Chat, 1, options)?))
            }
            Dialect::Completions => {
                let (prompts, tokens) = fields.inputs("prompt")?;
                (tokens, Output::Text(fields.generation(Kind::Completion, prompts, options)?))
            }
            Dialect::Embeddings => {
                let (inputs, tokens) = fields.inputs("input")?;
                let dimensions = fields.count("dimensions", MAX_DIMENSIONS)?.unwrap_or(DIMENSIONS);
                fields.float_encoding()?;
                (tokens, Output::Embeddings { inputs, dimensions })
            }
        };
        Ok(Self { model, prompt_tokens, output })
    }
}

/// The fields of a request body; absent and `null` are the same.
struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn required(&self, name: &'static str) -> Result<&Value, ApiError> {
        self.get(name).ok_or_else(|| ApiError::invalid(name, format!("the field `{name}` is required")))
    }

    fn model(&self) -> Result<String, ApiError> {
        let model = self.required("model")?.as_str();
        Ok(model.ok_or_else(|| ApiError::invalid("model", "`model` must be a string"))?.to_owned())
    }

    /// A whole number from 1 to `most`.
    fn count(&self, name: &'static str, most: u64) -> Result<Option<u64>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.as_u64() {
            Some(count @ 1..) if count <= most => Ok(Some(count)),
            _ => Err(ApiError::invalid(
                name,
                format!("`{name}` must be a whole number from 1 to {most}, not `{value}`"),
            )),
        }
    }

    fn flag(&self, name: &'static str) -> Result<bool, ApiError> {
        let value = self.get(name).map_or(Some(false), Value::as_bool);
        value.ok_or_else(|| ApiError::invalid(name, format!("`{name}` must be true or false")))
    }

    fn generation(&self, kind: Kind, prompts: u64, options: &Options) -> Result<Generation, ApiError> {
        let limit = self.count("max_completion_tokens", MAX_TOKENS)?;
        let limit = limit.or(self.count("max_tokens", MAX_TOKENS)?);
        let tokens = limit.unwrap_or(options.tokens.get());
        let reasoning = if kind == Kind::Chat { options.reasoning_tokens.min(tokens) } else { 0 };
        let choices = self.count("n", MAX_CHOICES)?.unwrap_or(1) * prompts;
        Ok(Generation { kind, limit, tokens, reasoning, choices, delivery: self.delivery()? })
    }

    fn delivery(&self) -> Result<Delivery, ApiError> {
        let options = self.get("stream_options");
        if self.flag("stream")? {
            let usage = options.and_then(|options| options.get("include_usage")).and_then(Value::as_bool);
            Ok(Delivery::Stream { usage: usage.unwrap_or(false) })
        } else if options.is_some() {
            Err(ApiError::invalid("stream_options", "`stream_options` are only allowed with `stream: true`"))
        } else {
            Ok(Delivery::Whole)
        }
    }

    fn message_words(&self) -> Result<u64, ApiError> {
        let invalid = |message| ApiError::invalid("messages", message);
        let messages = self.required("messages")?.as_array();
        let messages = messages.ok_or_else(|| invalid("`messages` must be a list"))?;
        if messages.is_empty() {
            return Err(invalid("`messages` must not be empty"));
        }
        let mut words = 0;
        for message in messages {
            if !message.get("role").is_some_and(Value::is_string) {
                return Err(invalid("each message must be an object with a `role`"));
            }
            words += message.get("content").map_or(0, content_words);
        }
        Ok(words)
    }

    /// How many texts a `prompt` or `input` holds, and their tokens together.
    fn inputs(&self, name: &'static str) -> Result<(u64, u64), ApiError> {
        let invalid = || {
            ApiError::invalid(
                name,
                format!("`{name}` must be a string, token ids, or a non-empty list of either"),
            )
        };
        let value = self.required(name)?;
        if let Some(tokens) = input_tokens(value) {
            return Ok((1, tokens));
        }
        let batch = value.as_array().filter(|batch| !batch.is_empty()).ok_or_else(invalid)?;
        let tokens = batch.iter().map(input_tokens).sum::<Option<u64>>().ok_or_else(invalid)?;
        Ok((batch.len() as u64, tokens))
    }

    fn float_encoding(&self) -> Result<(), ApiError> {
        match self.get("encoding_format") {
            Some(format) if format != "float" => {
                Err(ApiError::invalid("encoding_format", "only `float` is spoken here"))
            }
            _ => Ok(()),
        }
    }
}

/// The words of a message's content: a string, or parts of which some have a text.
fn content_words(content: &Value) -> u64 {
    match content {
        Value::String(text) => words(text),
        Value::Array(parts) => parts.iter().filter_map(|part| part.get("text")?.as_str()).map(words).sum(),
        _ => 0,
    }
}

/// The tokens of one text or one non-empty list of token ids; `None` if the value is neither.
fn input_tokens(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => Some(words(text)),
        Value::Array(ids) if !ids.is_empty() && ids.iter().all(Value::is_u64) => Some(ids.len() as u64),
        _ => None,
    }
}

fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn parse(dialect: Dialect, body: &Value) -> Result<Job, ApiError> {
        Job::parse(dialect, body.to_string().as_bytes(), &Options::default())
    }

    fn generation(dialect: Dialect, body: &Value) -> Generation {
        match parse(dialect, body).unwrap().output {
            Output::Text(generation) => generation,
            Output::Embeddings { .. } => panic!("no text"),
        }
    }

    #[rstest]
    #[case::no_model(Dialect::Chat, json!({"messages": [{"role": "user"}]}), Some("model"))]
    #[case::odd_model(Dialect::Chat, json!({"model": 3, "messages": [{"role": "user"}]}), Some("model"))]
    #[case::no_messages(Dialect::Chat, json!({"model": "m"}), Some("messages"))]
    #[case::empty_messages(Dialect::Chat, json!({"model": "m", "messages": []}), Some("messages"))]
    #[case::no_role(Dialect::Chat, json!({"model": "m", "messages": [{"content": "x"}]}), Some("messages"))]
    #[case::no_prompt(Dialect::Completions, json!({"model": "m"}), Some("prompt"))]
    #[case::empty_batch(Dialect::Completions, json!({"model": "m", "prompt": []}), Some("prompt"))]
    #[case::zero(Dialect::Completions, json!({"model": "m", "prompt": "x", "max_tokens": 0}), Some("max_tokens"))]
    #[case::negative(Dialect::Completions, json!({"model": "m", "prompt": "x", "n": -1}), Some("n"))]
    #[case::too_many(Dialect::Completions, json!({"model": "m", "prompt": "x", "n": 129}), Some("n"))]
    #[case::odd_stream(Dialect::Completions, json!({"model": "m", "prompt": "x", "stream": 1}), Some("stream"))]
    #[case::stray_options(
        Dialect::Completions,
        json!({"model": "m", "prompt": "x", "stream_options": {"include_usage": true}}),
        Some("stream_options")
    )]
    #[case::no_input(Dialect::Embeddings, json!({"model": "m", "input": null}), Some("input"))]
    #[case::base64(
        Dialect::Embeddings,
        json!({"model": "m", "input": "x", "encoding_format": "base64"}),
        Some("encoding_format")
    )]
    #[case::no_object(Dialect::Chat, json!([1]), None)]
    fn an_invalid_body_names_its_field(
        #[case] dialect: Dialect,
        #[case] body: Value,
        #[case] param: Option<&str>,
    ) {
        let error = parse(dialect, &body).unwrap_err();
        assert_eq!(error.status.as_u16(), 400);
        assert_eq!(error.body()["error"]["param"].as_str(), param);
    }

    #[test]
    fn a_request_limit_is_met_exactly_and_ends_with_length() {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        let free = generation(Dialect::Chat, &body);
        assert_eq!((free.limit, free.tokens, free.finish_reason()), (None, 64, "stop"));
        body["max_tokens"] = json!(7);
        let limited = generation(Dialect::Chat, &body);
        assert_eq!((limited.limit, limited.tokens, limited.finish_reason()), (Some(7), 7, "length"));
        body["max_completion_tokens"] = json!(90);
        assert_eq!(generation(Dialect::Chat, &body).tokens, 90);
    }

    #[test]
    fn each_prompt_of_a_batch_gets_its_choices() {
        let body = json!({"model": "m", "prompt": ["a", "b c", [1, 2, 3]], "n": 2});
        assert_eq!(generation(Dialect::Completions, &body).choices, 6);
        assert_eq!(parse(Dialect::Completions, &body).unwrap().prompt_tokens, 6);
    }

    #[test]
    fn prompt_tokens_are_words_of_text_in_every_message_and_part() {
        let body = json!({"model": "m", "messages": [
            {"role": "system", "content": "be  brief\nplease"},
            {"role": "user", "content": [{"type": "text", "text": "what is it"}, {"type": "image_url"}]},
            {"role": "assistant", "content": null},
        ]});
        assert_eq!(parse(Dialect::Chat, &body).unwrap().prompt_tokens, 6);
        let ids = json!({"model": "m", "input": [5, 6, 7]});
        let job = parse(Dialect::Embeddings, &ids).unwrap();
        assert_eq!((job.prompt_tokens, job.output), (3, Output::Embeddings { inputs: 1, dimensions: 16 }));
    }
}
