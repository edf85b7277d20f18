//! [`Job`]: what a valid API request asks for.

use std::ops::Range;

use serde_json::{Map, Value};

use super::{
    api_error::ApiError,
    api_format::ApiFormat,
    fields::{Delivery, Encoding, Fields},
    options::Options,
    script::{Channel, Section},
    tools::{self, TOKENS_A_CALL},
};

/// More choices than this are refused, as by the original API.
const MAX_CHOICES: u64 = 128;
/// More output tokens than this are refused: the mock model's context length.
const MAX_TOKENS: u64 = 1_000_000;
/// Length of an embedding if the request does not say.
const DIMENSIONS: u64 = 16;
/// Longer embeddings are refused.
const MAX_DIMENSIONS: u64 = 65_536;
/// More pictures than this are refused.
const MAX_IMAGES: u64 = 10;
/// The limit that clients send who have to send one and do not care.
const NO_WISH: u64 = 1024;
/// The model of an API format whose requests name none.
const UNNAMED: &str = "mock-model";

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
    Embeddings {
        inputs: u64,
        dimensions: u64,
        encoding: Encoding,
    },
    /// The scores of so many documents.
    Rankings {
        api_format: ApiFormat,
        documents: u64,
    },
    /// What is seen in so many images.
    Detections {
        images: u64,
    },
    /// This number of pictures.
    Images {
        count: u64,
        delivery: Delivery,
    },
    /// A job that makes a video.
    Video,
}

/// Text to generate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Generation {
    pub(super) kind: Kind,
    /// The request's own limit, which is then met exactly.
    pub(super) limit: Option<u64>,
    /// Output tokens of each choice.
    pub(super) tokens: u64,
    /// How many of them, the first ones, are reasoning. A completion has none.
    pub(super) reasoning: u64,
    /// The tools that are called at the end, each with [`TOKENS_A_CALL`] of the tokens.
    pub(super) tools: Vec<String>,
    /// Both as the usage counts them.
    pub(super) counted: Counted,
    /// `n`, times the prompts of a batch.
    pub(super) choices: u64,
    pub(super) delivery: Delivery,
}

/// Output tokens of each choice by the usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) tokens: u64,
    pub(super) reasoning: u64,
}

impl Generation {
    /// `tool_calls` when it calls tools, `length` when the request's limit ended the text, else `stop`.
    pub(super) fn finish_reason(&self) -> &'static str {
        self.reason("tool_calls", "length", "stop")
    }

    /// Why it ended, in an API format's words: it calls tools, met its limit, or said all.
    pub(super) fn reason(&self, calls: &'static str, limit: &'static str, end: &'static str) -> &'static str {
        match self.limit {
            _ if !self.tools.is_empty() => calls,
            Some(_) => limit,
            None => end,
        }
    }

    /// Where the visible text ends, and the first call begins.
    pub(super) fn content_end(&self) -> u64 {
        self.tokens - TOKENS_A_CALL * self.tools.len() as u64
    }

    /// The tokens of the call with this number, from 0.
    pub(super) fn call_tokens(&self, number: usize) -> Range<u64> {
        let start = self.content_end() + TOKENS_A_CALL * number as u64;
        start..start + TOKENS_A_CALL
    }

    /// Its parts, in order. Ollama sends no piece of a call.
    pub(super) fn sections(&self) -> Vec<Section> {
        let section = |channel, tokens| Section { channel, tokens, is_whole: false };
        let mut sections = vec![
            section(Channel::Reasoning, 0..self.reasoning),
            section(Channel::Content, self.reasoning..self.content_end()),
        ];
        let is_whole = self.kind == Kind::Ollama;
        sections.extend(
            (0..self.tools.len()).map(|number| Section {
                is_whole,
                ..section(Channel::Call(number), self.call_tokens(number))
            }),
        );
        sections
    }
}

/// The shape that text is sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Chat,
    Completion,
    Responses,
    Messages,
    /// Hugging Face's text-generation-inference.
    Generate,
    Llama,
    Ollama,
    /// Bedrock's Converse.
    Converse,
    Solido,
    Infer,
    Transcript,
    /// A transcript that is no JSON.
    PlainTranscript,
}

impl Kind {
    /// It has a channel for reasoning, and calls of tools.
    pub(super) fn reasons(self) -> bool {
        matches!(self, Self::Chat | Self::Responses | Self::Messages | Self::Ollama | Self::Converse)
    }
}

impl Job {
    /// Checks a request body; what it leaves open comes from the server's options.
    pub(super) fn parse(api_format: ApiFormat, body: &[u8], options: &Options) -> Result<Self, ApiError> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| ApiError::malformed(format!("the body is not JSON: {error}")))?;
        let fields = body.as_object().ok_or_else(|| ApiError::malformed("the body is not an object"))?;
        Self::of(api_format, fields, options)
    }

    /// Checks the fields of a request.
    pub(super) fn of(
        api_format: ApiFormat,
        fields: &Map<String, Value>,
        options: &Options,
    ) -> Result<Self, ApiError> {
        let fields = Fields(fields);
        let model = match api_format {
            ApiFormat::TeiRerank
            | ApiFormat::Generate
            | ApiFormat::GenerateStream
            | ApiFormat::LlamaCompletion
            | ApiFormat::Solido
            | ApiFormat::SolidoStream
            | ApiFormat::Infer
            | ApiFormat::Converse
            | ApiFormat::ConverseStream
            | ApiFormat::ImageRetrieval => UNNAMED.to_owned(),
            _ => fields.model()?,
        };
        let (prompt_tokens, output) = match api_format {
            ApiFormat::Embeddings => embeddings(&fields)?,
            ApiFormat::Rerank | ApiFormat::TeiRerank | ApiFormat::NimRanking => {
                rankings(api_format, &fields)?
            }
            ApiFormat::ImageRetrieval => {
                let (images, _) = fields.list_words("input")?;
                (0, Output::Detections { images })
            }
            ApiFormat::Videos => (fields.text_words("prompt")?, Output::Video),
            ApiFormat::Images | ApiFormat::ImageEdits => {
                if api_format == ApiFormat::ImageEdits {
                    fields.file(&["image", "image[]", "url"])?;
                }
                let words = fields.text_words("prompt")?;
                let count = fields.count("n", MAX_IMAGES)?.unwrap_or(1);
                (words, Output::Images { count, delivery: fields.delivery()? })
            }
            _ => generation(api_format, &fields, options)?,
        };
        Ok(Self { model, prompt_tokens: options.usage.tokens(prompt_tokens), output })
    }
}

/// The prompt's tokens and the text that is to be generated.
fn generation(
    api_format: ApiFormat,
    fields: &Fields<'_>,
    options: &Options,
) -> Result<(u64, Output), ApiError> {
    let always = |streams| if streams { Delivery::Stream { usage: true } } else { Delivery::Whole };
    let stream = || fields.flag("stream").map(always);
    let limit = |name| fields.count(name, MAX_TOKENS);
    let (kind, prompt_tokens, limit, choices, delivery) = match api_format {
        ApiFormat::Completions => {
            let (prompts, tokens) = fields.inputs("prompt")?;
            let choices = fields.count("n", MAX_CHOICES)?.unwrap_or(1) * prompts;
            (Kind::Completion, tokens, chat_limit(fields)?, choices, fields.delivery()?)
        }
        ApiFormat::Responses => {
            let tokens = fields.item_words("input")? + fields.content_words("instructions");
            (Kind::Responses, tokens, limit("max_output_tokens")?, 1, stream()?)
        }
        ApiFormat::Messages => {
            let tokens = fields.message_words()? + fields.content_words("system");
            fields.required("max_tokens")?;
            let limit = limit("max_tokens")?.filter(|limit| *limit != NO_WISH);
            (Kind::Messages, tokens, limit, 1, stream()?)
        }
        ApiFormat::Generate | ApiFormat::GenerateStream => {
            let limit = fields.within("parameters", |fields| fields.count("max_new_tokens", MAX_TOKENS))?;
            let delivery = always(api_format == ApiFormat::GenerateStream);
            (Kind::Generate, fields.text_words("inputs")?, limit, 1, delivery)
        }
        ApiFormat::LlamaCompletion => {
            (Kind::Llama, fields.media_words("prompt")?, limit("n_predict")?, 1, stream()?)
        }
        ApiFormat::Converse | ApiFormat::ConverseStream => {
            let limit = fields.within("inferenceConfig", |fields| fields.count("maxTokens", MAX_TOKENS))?;
            let tokens = fields.message_words()? + fields.content_words("system");
            (Kind::Converse, tokens, limit, 1, always(api_format == ApiFormat::ConverseStream))
        }
        ApiFormat::OllamaChat => {
            let limit = fields.within("options", |fields| fields.count("num_predict", MAX_TOKENS))?;
            let streams = fields.get("stream").is_none() || fields.flag("stream")?;
            (Kind::Ollama, fields.message_words()?, limit, 1, always(streams))
        }
        ApiFormat::Solido | ApiFormat::SolidoStream => {
            let delivery = always(api_format == ApiFormat::SolidoStream);
            (Kind::Solido, fields.list_words("query")?.1, None, 1, delivery)
        }
        ApiFormat::Transcriptions => {
            fields.file(&["file"])?;
            let is_plain = !matches!(fields.format(), "json" | "verbose_json");
            let kind = if is_plain { Kind::PlainTranscript } else { Kind::Transcript };
            let words = fields.content_words("prompt");
            (kind, words, limit("max_completion_tokens")?, 1, stream()?)
        }
        ApiFormat::Infer => (Kind::Infer, fields.tensor_words()?, fields.tensor_limit(), 1, Delivery::Whole),
        _ => {
            let choices = fields.count("n", MAX_CHOICES)?.unwrap_or(1);
            (Kind::Chat, fields.message_words()?, chat_limit(fields)?, choices, fields.delivery()?)
        }
    };
    let tokens = limit.unwrap_or(options.tokens.get());
    let tools = if kind.reasons() { called(fields, tokens, options) } else { Vec::new() };
    let text = tokens - TOKENS_A_CALL * tools.len() as u64;
    let reasoning = if kind.reasons() { options.reasoning_tokens.min(text) } else { 0 };
    let counted =
        Counted { tokens: options.usage.tokens(tokens), reasoning: options.usage.tokens(reasoning) };
    let generation = Generation { kind, limit, tokens, reasoning, tools, counted, choices, delivery };
    Ok((prompt_tokens, Output::Text(generation)))
}

/// The tools that are called, as often as asked for: those of the request, again and again. There is one token of text at
/// least, so that a short answer calls fewer.
fn called(fields: &Fields<'_>, tokens: u64, options: &Options) -> Vec<String> {
    if options.tool_calls == 0 {
        return Vec::new();
    }
    let room = usize::try_from((tokens - 1) / TOKENS_A_CALL).unwrap_or(usize::MAX);
    let offered = tools::offered(fields);
    offered.iter().cycle().take(options.tool_calls.min(room)).cloned().collect()
}

fn chat_limit(fields: &Fields<'_>) -> Result<Option<u64>, ApiError> {
    let limit = fields.count("max_completion_tokens", MAX_TOKENS)?;
    Ok(limit.or(fields.count("max_tokens", MAX_TOKENS)?))
}

/// Of texts, of token ids, or of a conversation.
fn embeddings(fields: &Fields<'_>) -> Result<(u64, Output), ApiError> {
    let (inputs, tokens) = match fields.get("messages") {
        Some(_) => (1, fields.message_words()?),
        None => fields.inputs("input")?,
    };
    let dimensions = fields.count("dimensions", MAX_DIMENSIONS)?.unwrap_or(DIMENSIONS);
    Ok((tokens, Output::Embeddings { inputs, dimensions, encoding: fields.encoding()? }))
}

fn rankings(api_format: ApiFormat, fields: &Fields<'_>) -> Result<(u64, Output), ApiError> {
    let (query, documents) = match api_format {
        ApiFormat::NimRanking => {
            fields.required("query")?;
            (fields.within("query", |query| query.text_words("text"))?, "passages")
        }
        ApiFormat::TeiRerank => (fields.text_words("query")?, "texts"),
        _ => (fields.text_words("query")?, "documents"),
    };
    let (documents, words) = fields.list_words(documents)?;
    Ok((query + words, Output::Rankings { api_format, documents }))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn parse(api_format: ApiFormat, body: &Value) -> Result<Job, ApiError> {
        Job::parse(api_format, body.to_string().as_bytes(), &Options::default())
    }

    fn generation(api_format: ApiFormat, body: &Value) -> Generation {
        match parse(api_format, body).unwrap().output {
            Output::Text(generation) => generation,
            other => panic!("no text but {other:?}"),
        }
    }

    #[rstest]
    #[case::no_model(ApiFormat::Chat, json!({"messages": [{"role": "user"}]}), Some("model"))]
    #[case::odd_model(ApiFormat::Chat, json!({"model": 3, "messages": [{"role": "user"}]}), Some("model"))]
    #[case::no_messages(ApiFormat::Chat, json!({"model": "m"}), Some("messages"))]
    #[case::empty_messages(ApiFormat::Chat, json!({"model": "m", "messages": []}), Some("messages"))]
    #[case::no_role(ApiFormat::Chat, json!({"model": "m", "messages": [{"content": "x"}]}), Some("messages"))]
    #[case::no_prompt(ApiFormat::Completions, json!({"model": "m"}), Some("prompt"))]
    #[case::empty_batch(ApiFormat::Completions, json!({"model": "m", "prompt": []}), Some("prompt"))]
    #[case::zero(ApiFormat::Completions, json!({"model": "m", "prompt": "x", "max_tokens": 0}), Some("max_tokens"))]
    #[case::negative(ApiFormat::Completions, json!({"model": "m", "prompt": "x", "n": -1}), Some("n"))]
    #[case::too_many(ApiFormat::Completions, json!({"model": "m", "prompt": "x", "n": 129}), Some("n"))]
    #[case::odd_stream(ApiFormat::Completions, json!({"model": "m", "prompt": "x", "stream": 1}), Some("stream"))]
    #[case::stray_options(
        ApiFormat::Completions,
        json!({"model": "m", "prompt": "x", "stream_options": {"include_usage": true}}),
        Some("stream_options")
    )]
    #[case::no_input(ApiFormat::Embeddings, json!({"model": "m", "input": null}), Some("input"))]
    #[case::odd_encoding(
        ApiFormat::Embeddings,
        json!({"model": "m", "input": "x", "encoding_format": "int8"}),
        Some("encoding_format")
    )]
    #[case::no_limit(ApiFormat::Messages, json!({"model": "m", "messages": [{"role": "user"}]}), Some("max_tokens"))]
    #[case::odd_input(ApiFormat::Responses, json!({"model": "m", "input": 3}), Some("input"))]
    #[case::no_documents(ApiFormat::Rerank, json!({"model": "m", "query": "q", "documents": []}), Some("documents"))]
    #[case::odd_query(
        ApiFormat::NimRanking,
        json!({"model": "m", "query": "q", "passages": [{"text": "p"}]}),
        Some("text")
    )]
    #[case::markers_without_media(
        ApiFormat::LlamaCompletion,
        json!({"prompt": {"prompt_string": "<__media__> a <__media__>", "multimodal_data": ["AA=="]}}),
        Some("prompt")
    )]
    #[case::no_tensor(ApiFormat::Infer, json!({"inputs": []}), Some("inputs"))]
    #[case::no_object(ApiFormat::Chat, json!([1]), None)]
    fn an_invalid_body_names_its_field(
        #[case] api_format: ApiFormat,
        #[case] body: Value,
        #[case] param: Option<&str>,
    ) {
        let error = parse(api_format, &body).unwrap_err();
        assert_eq!(error.status.as_u16(), 400);
        assert_eq!(error.body()["error"]["param"].as_str(), param);
    }

    #[test]
    fn a_request_limit_is_met_exactly_and_ends_with_length() {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        let free = generation(ApiFormat::Chat, &body);
        assert_eq!((free.limit, free.tokens, free.finish_reason()), (None, 64, "stop"));
        body["max_tokens"] = json!(7);
        let limited = generation(ApiFormat::Chat, &body);
        assert_eq!((limited.limit, limited.tokens, limited.finish_reason()), (Some(7), 7, "length"));
        body["max_completion_tokens"] = json!(90);
        assert_eq!(generation(ApiFormat::Chat, &body).tokens, 90);
    }

    #[rstest]
    #[case::responses(
        ApiFormat::Responses,
        json!({"model": "m", "instructions": "be brief", "max_output_tokens": 9,
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "a b c"}]}]})
    )]
    #[case::messages(
        ApiFormat::Messages,
        json!({"model": "m", "system": [{"type": "text", "text": "be brief"}], "max_tokens": 9,
            "messages": [{"role": "user", "content": "a b c"}]})
    )]
    #[case::generate(ApiFormat::Generate, json!({"inputs": "a b c d e", "parameters": {"max_new_tokens": 9}}))]
    #[case::llama(ApiFormat::LlamaCompletion, json!({"prompt": "a b c d e", "n_predict": 9}))]
    #[case::converse(
        ApiFormat::ConverseStream,
        json!({"system": [{"text": "be brief"}], "inferenceConfig": {"maxTokens": 9},
            "messages": [{"role": "user", "content": [{"text": "a b c"}]}]})
    )]
    #[case::azure(
        ApiFormat::AzureChat,
        json!({"model": "m", "messages": [{"role": "user", "content": "a b c d e"}], "max_tokens": 9})
    )]
    #[case::ollama(
        ApiFormat::OllamaChat,
        json!({"model": "m", "messages": [{"role": "user", "content": "a b c d e"}], "options": {"num_predict": 9}})
    )]
    #[case::llama_that_sees(
        ApiFormat::LlamaCompletion,
        json!({"prompt": {"prompt_string": "a b<__media__>c d e", "multimodal_data": ["AA=="]}, "n_predict": 9})
    )]
    #[case::infer(
        ApiFormat::Infer,
        json!({"inputs": [{"name": "text_input", "datatype": "BYTES", "shape": [1, 1], "data": ["a b c d e"]},
            {"name": "max_tokens", "datatype": "INT32", "shape": [1, 1], "data": [9]}]})
    )]
    fn every_api_format_has_its_words_and_its_limit(#[case] api_format: ApiFormat, #[case] body: Value) {
        let found = generation(api_format, &body);
        assert_eq!((found.limit, found.tokens, found.choices), (Some(9), 9, 1));
        assert_eq!(parse(api_format, &body).unwrap().prompt_tokens, 5);
    }

    #[rstest]
    #[case::cohere(ApiFormat::Rerank, json!({"model": "m", "query": "a b", "documents": ["c d", "e"]}))]
    #[case::tei(ApiFormat::TeiRerank, json!({"query": "a b", "texts": ["c d", "e"]}))]
    #[case::nim(
        ApiFormat::NimRanking,
        json!({"model": "m", "query": {"text": "a b"}, "passages": [{"text": "c d"}, {"text": "e"}]})
    )]
    fn rankings_count_their_documents(#[case] api_format: ApiFormat, #[case] body: Value) {
        let job = parse(api_format, &body).unwrap();
        assert_eq!((job.prompt_tokens, job.output), (5, Output::Rankings { api_format, documents: 2 }));
    }

    #[test]
    fn each_prompt_of_a_batch_gets_its_choices() {
        let body = json!({"model": "m", "prompt": ["a", "b c", [1, 2, 3]], "n": 2});
        assert_eq!(generation(ApiFormat::Completions, &body).choices, 6);
        assert_eq!(parse(ApiFormat::Completions, &body).unwrap().prompt_tokens, 6);
    }

    #[test]
    fn prompt_tokens_are_words_of_text_in_every_message_and_part() {
        let body = json!({"model": "m", "messages": [
            {"role": "system", "content": "be  brief\nplease"},
            {"role": "user", "content": [{"type": "text", "text": "what is it"}, {"type": "image_url"}]},
            {"role": "assistant", "content": null},
        ]});
        assert_eq!(parse(ApiFormat::Chat, &body).unwrap().prompt_tokens, 6);
        let ids = json!({"model": "m", "input": [5, 6, 7]});
        let job = parse(ApiFormat::Embeddings, &ids).unwrap();
        let output = Output::Embeddings { inputs: 1, dimensions: 16, encoding: Encoding::Float };
        assert_eq!((job.prompt_tokens, job.output), (3, output));
    }
}
