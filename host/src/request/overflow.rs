//! What servers say when a conversation is longer than the context of their model.
//!
//! There is no status and no code that all of them use, so that their words are looked for.

use super::failure_kind::FailureKind;

/// What stands in the messages, in small letters: of vLLM, OpenAI, `SGLang`, llama.cpp, Anthropic, Gemini, TGI and `TensorRT-LLM`.
const WORDS: [&str; 18] = [
    "context_length_exceeded",
    "maximum context length",
    "maximum model length",
    "model's context length",
    "exceeds the context length",
    "exceeds the model's maximum",
    "exceeds the available context",
    "exceed_context_size",
    "context window",
    "prompt is too long",
    "input is too long",
    "exceeds the maximum number of tokens",
    "max_new_tokens` must be <=",
    "`inputs` must have less than",
    "exceed context limit",
    "exceeds maximum input length",
    "exceeds max_seq_len",
    "max_input_len",
];

/// Status codes with which a request is refused for what it says.
const REFUSALS: [u32; 3] = [400, 413, 422];

/// Whether a failure says it. A server that breaks down may use the same words, and that is a failure: its status is 500.
pub(super) fn is_said(kind: &FailureKind, code: Option<u32>, message: &str) -> bool {
    let is_refusal = match kind {
        FailureKind::HttpStatus => code.is_some_and(|code| REFUSALS.contains(&code)),
        FailureKind::ServerError => code.is_none_or(|code| code < 500),
        _ => false,
    };
    is_refusal && {
        let message = message.to_lowercase();
        WORDS.iter().any(|words| message.contains(words))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens")]
    #[case("The decoder prompt (length 9000) is longer than the maximum model length of 8192.")]
    #[case("{\"error\":{\"code\":\"context_length_exceeded\"}}")]
    #[case("The input (9000 tokens) is longer than the model's context length (8192 tokens).")]
    #[case("Requested token count exceeds the model's maximum context length of 8192 tokens.")]
    #[case("the request exceeds the available context size, try increasing it")]
    #[case("prompt is too long: 210000 tokens > 200000 maximum")]
    #[case("The input token count (9000) exceeds the maximum number of tokens allowed (8192).")]
    #[case("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096.")]
    #[case("Input validation error: `inputs` must have less than 1024 tokens. Given: 2500")]
    #[case(
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length"
    )]
    #[case("Prompt length (9000) exceeds maximum input length (8192).")]
    fn the_words_of_servers_are_known(#[case] message: &str) {
        assert!(is_said(&FailureKind::HttpStatus, Some(400), message));
        assert!(is_said(&FailureKind::ServerError, None, message), "in the middle of a stream");
        assert!(!is_said(&FailureKind::HttpStatus, Some(500), message), "a server that breaks down");
        assert!(!is_said(&FailureKind::Timeout, None, message));
    }

    #[rstest]
    #[case("max_tokens must be at least 1")]
    #[case("model `m` does not exist")]
    #[case("")]
    fn other_refusals_are_failures(#[case] message: &str) {
        assert!(!is_said(&FailureKind::HttpStatus, Some(400), message));
    }
}
