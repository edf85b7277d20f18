//! Recorded answers: the vendor's own, or those of common API formats, in case the plugin speaks one of them.

use super::{bench::Bench, cases::RESPONSES_UNDERSTOOD, piece, replay::events};
use crate::testing::{Recording, TestEndpoint};

/// Answers of common API formats, under their names.
fn common() -> Vec<(String, Recording)> {
    streams().into_iter().chain(bodies()).collect()
}

fn streams() -> Vec<(String, Recording)> {
    let chat = [
        r#"{"id":"c1","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
        r#"{"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}"#,
        r#"{"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":", wörld \"\\\n"},"finish_reason":null}]}"#,
        r#"{"id":"c1","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"id":"c1","model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#,
        "[DONE]",
    ];
    let completion = [
        r#"{"id":"c1","model":"m","choices":[{"index":0,"text":"Hello","finish_reason":null}]}"#,
        r#"{"id":"c1","model":"m","choices":[{"index":0,"text":" world","finish_reason":"stop"}]}"#,
        "[DONE]",
    ];
    let tokens = [
        r#"{"token":{"id":1,"text":"Hello","special":false},"generated_text":null}"#,
        r#"{"token":{"id":2,"text":" world","special":false},"generated_text":"Hello world","details":{"finish_reason":"length","generated_tokens":2}}"#,
    ];
    let blocks = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m1\",\"model\":\"m\",\"role\":\"assistant\",\"content\":[],\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n\
        event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n\
        event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\n\
        event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n\
        event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n\
        event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let typed = [
        r#"{"type":"response.created","response":{"id":"r1","model":"m","status":"in_progress","output":[]}}"#,
        r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"Hello"}"#,
        r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":", wörld"}"#,
        r#"{"type":"response.completed","response":{"id":"r1","model":"m","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"Hello, wörld"}]}],"usage":{"input_tokens":3,"output_tokens":2}}}"#,
    ];
    let pieces = [
        r#"{"index":0,"content":"Hello","stop":false}"#,
        r#"{"index":0,"content":" world","stop":false}"#,
        r#"{"index":0,"content":"","stop":true,"stop_type":"eos","sources":[],"tokens_predicted":2,"tokens_evaluated":3}"#,
    ];
    let lines = [
        r#"{"model":"m","message":{"role":"assistant","content":"Hello"},"done":false}"#,
        r#"{"model":"m","message":{"role":"assistant","content":" world"},"done":false}"#,
        r#"{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":2}"#,
    ];
    let streams = [
        ("stream of chat completion chunks", stream(&chat)),
        ("stream of text completion chunks", stream(&completion)),
        ("stream of tokens", stream(&tokens)),
        ("stream of message blocks", blocks.to_owned()),
        ("stream of typed events", stream(&typed)),
        ("stream of pieces of content", stream(&pieces)),
    ];
    let lines = ("stream of lines".to_owned(), Recording::lines(lines.join("\n")));
    streams
        .map(|(name, text)| (name.to_owned(), Recording::stream(text)))
        .into_iter()
        .chain([lines])
        .collect()
}

fn bodies() -> Vec<(String, Recording)> {
    let bodies = [
        (
            "chat completion",
            r#"{"id":"c1","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello, world"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#,
        ),
        (
            "text completion",
            r#"{"id":"c1","model":"m","choices":[{"index":0,"text":"Hello world","finish_reason":"length"}]}"#,
        ),
        (
            "list of embeddings",
            r#"{"model":"m","data":[{"index":0,"embedding":[0.1,0.2,-0.3]},{"index":1,"embedding":[1,2,3]}],"usage":{"prompt_tokens":3,"total_tokens":3}}"#,
        ),
        (
            "list of rankings",
            r#"{"results":[{"index":1,"relevance_score":0.9},{"index":0,"relevance_score":0.1}],"rankings":[{"index":1,"logit":2.5},{"index":0,"logit":-1.5}]}"#,
        ),
        (
            "message of blocks",
            r#"{"id":"m1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":2}}"#,
        ),
        (
            "message of a chat",
            r#"{"model":"m","message":{"role":"assistant","content":"Hello"},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":2}"#,
        ),
        (
            "output of a conversation",
            r#"{"output":{"message":{"role":"assistant","content":[{"text":"Hello"}]}},"stopReason":"end_turn","usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5}}"#,
        ),
        (
            "response with its output",
            r#"{"id":"r1","model":"m","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"Hello"}]}],"usage":{"input_tokens":3,"output_tokens":2}}"#,
        ),
        (
            "list of what is in images",
            r#"{"data":[{"index":0,"bounding_boxes":{"chart":[{"x_min":0.1}]}}],"usage":{"images_size_mb":0.1}}"#,
        ),
        ("list of pictures", r#"{"created":1,"data":[{"b64_json":"iVBORw0KGgo="}]}"#),
        (
            "tensor of texts",
            r#"{"model_name":"m","outputs":[{"name":"text_output","datatype":"BYTES","shape":[1],"data":["Hello world"]}]}"#,
        ),
        ("generated text", r#"{"generated_text":"Hello world","text":"Hello world"}"#),
    ];
    bodies.map(|(name, text)| (name.to_owned(), Recording::body(200, text))).into()
}

fn stream(events: &[&str]) -> String {
    let framed: Vec<String> = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    framed.concat()
}

/// The given recordings, or the common ones that the endpoint reads to their end. Says which one it is about to read.
pub(super) fn readable(
    endpoint: &TestEndpoint,
    given: &[(String, Recording)],
    mut begins: impl FnMut(&str),
) -> Vec<(String, Recording)> {
    if !given.is_empty() {
        return given.to_vec();
    }
    let mut common = common();
    common.retain(|(name, recording)| {
        begins(&format!("{} with a {name}", recording.calls()));
        let answer = endpoint.replay(recording);
        answer.has_content() && answer.is_success()
    });
    common
}

/// As what a recording was read, and who says so.
fn framed(recording: &Recording) -> String {
    match recording {
        Recording::Stream(_) => "a stream of server-sent events".to_owned(),
        Recording::Lines(_) => "a stream of lines".to_owned(),
        Recording::Bytes(_) => "a stream of bytes".to_owned(),
        Recording::Body(status, _) => format!("a whole response of status {status}"),
    }
}

/// What the following checks work with, and whether the given recordings are read at all.
pub(super) fn understood(
    endpoint: &TestEndpoint,
    given: &[(String, Recording)],
    bench: &mut Bench<'_>,
) -> Vec<(String, Recording)> {
    bench.basis(RESPONSES_UNDERSTOOD, |case| {
        for (name, recording) in given {
            case.step(&format!("{} with the recording `{name}`", recording.calls()));
            case.gives(|| piece::chunks(&[recording.bytes()]));
            let answer = endpoint.replay(recording);
            case.gets(|| piece::answer(&answer));
            if let Some(error) = &answer.failure {
                case.fail(format!("`{name}`: {error}"));
            } else if !answer.errors.is_empty() {
                // An error that the server sent is an answer that was understood.
            } else if recording.is_empty() {
                case.fail(format!("the recording `{name}` is empty"));
            } else if recording.framing().is_some_and(|framing| events(framing, recording.bytes()).is_empty())
            {
                case.fail(format!("`{name}` was split into no event: {}", framed(recording)));
            } else if !answer.has_content() {
                case.fail(format!(
                    "`{name}` was read as {}, and nothing of it was reported",
                    framed(recording)
                ));
            } else if !answer.is_complete() {
                case.warn(format!("`{name}` was read to its end, and is not complete"));
            }
            let mut finished: Vec<u32> = answer.finish_reasons.iter().map(|(choice, _)| *choice).collect();
            finished.sort_unstable();
            if finished.windows(2).any(|pair| pair[0] == pair[1]) {
                case.warn(format!("`{name}`: a choice is finished more than once"));
            }
        }
        let readable = readable(endpoint, given, |step| case.step(step));
        if readable.is_empty() {
            case.warn(
                "no response of a common API format is understood, and none was given: record one (`curl -sN … > \
                 stream.sse`) and let the suite replay it",
            );
        }
        readable
    })
}
