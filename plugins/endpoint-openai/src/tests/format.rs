//! What the three API formats write.

use prony_plugin_api::{
    Endpoint, ErrorKind, PartKind, PluginError,
    abi::{
        author::endpoint_table,
        host::{EndpointInstance, RequestSink, Turn, TurnMessage, TurnPart},
    },
};
use rstest::rstest;

use crate::{chat::ChatEndpoint, completions::CompletionsEndpoint, embeddings::EmbeddingsEndpoint};

/// A request as the host would keep it: these API formats write a body and nothing else.
#[derive(Default)]
struct Written(Vec<u8>);

impl RequestSink for Written {
    fn path(&mut self, path: &str) {
        panic!("the manifest's path was replaced by {path}");
    }
    fn header(&mut self, name: &str, _value: &str) {
        panic!("a header {name} was added");
    }
    fn api_key_header(&mut self, name: &str, _prefix: &str) {
        panic!("the key was moved to {name}");
    }
    fn body(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
    fn part(&mut self, name: &str, _file_name: &str, _content_type: &str, _bytes: &[u8]) {
        panic!("a part {name} was written");
    }
}

fn write<E: Endpoint>(options: &str, turn: &Turn<'_>) -> Result<String, PluginError> {
    let endpoint = EndpointInstance::create(endpoint_table::<E>("Tested"), options)?;
    let mut written = Written::default();
    endpoint.format(turn, &mut written)?;
    Ok(String::from_utf8(written.0).unwrap())
}

fn part(kind: PartKind, data: &str) -> TurnPart<'_> {
    TurnPart { kind, name: "", data }
}

fn text(data: &str) -> TurnPart<'_> {
    part(PartKind::TEXT, data)
}

fn user<'a>(parts: &'a [TurnPart<'a>]) -> TurnMessage<'a> {
    TurnMessage { role: "user", parts }
}

/// One user message of these parts, for the model `m`.
fn with_parts<T>(parts: &[TurnPart<'_>], test: impl FnOnce(Turn<'_>) -> T) -> T {
    test(Turn { model: "m", messages: &[user(parts)], ..Turn::default() })
}

/// A chat body for one text, with these extras.
fn chat_with_extras(streaming: bool, extra_json: &str) -> Result<String, PluginError> {
    with_parts(&[text("Hi")], |turn| write::<ChatEndpoint>("{}", &Turn { streaming, extra_json, ..turn }))
}

#[test]
fn a_chat_is_written_with_bare_strings_for_lone_texts() {
    let (system, question, answer) = ([text("Be brief.")], [text("Who \"am\" I?\n")], [text("You.")]);
    let messages = [
        TurnMessage { role: "system", parts: &system },
        user(&question),
        TurnMessage { role: "assistant", parts: &answer },
        TurnMessage { role: "", parts: &[] },
    ];
    let turn =
        Turn { model: "m", messages: &messages, max_tokens: Some(16), streaming: true, ..Turn::default() };
    insta::assert_snapshot!(
        write::<ChatEndpoint>("{}", &turn).unwrap(),
        @r#"{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Who \"am\" I?\n"},{"role":"assistant","content":"You."},{"role":"user","content":""}],"model":"m","stream":true,"max_completion_tokens":16,"stream_options":{"include_usage":true}}"#
    );
}

#[test]
fn media_and_several_texts_become_parts_in_order() {
    let parts = [
        text("Compare:"),
        text(""),
        part(PartKind::IMAGE, "https://example.com/a.png"),
        part(PartKind::AUDIO, "wav,UklGRg=="),
        part(PartKind::VIDEO, "data:video/mp4;base64,AA=="),
        part(PartKind::RAW, r#"{ "type": "file", "file": {"file_id": "f-1"} }"#),
        text("Done."),
    ];
    insta::assert_snapshot!(
        with_parts(&parts, |turn| write::<ChatEndpoint>("{}", &turn)).unwrap(),
        @r#"{"messages":[{"role":"user","content":[{"type":"text","text":"Compare:"},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}},{"type":"input_audio","input_audio":{"data":"UklGRg==","format":"wav"}},{"type":"video_url","video_url":{"url":"data:video/mp4;base64,AA=="}},{"type":"file","file":{"file_id":"f-1"}},{"type":"text","text":"Done."}]}],"model":"m","stream":false}"#
    );
}

#[test]
fn a_lone_medium_stays_a_part() {
    let body =
        with_parts(&[part(PartKind::IMAGE, "data:,")], |turn| write::<ChatEndpoint>("{}", &turn)).unwrap();
    assert!(body.contains(r#""content":[{"type":"image_url","image_url":{"url":"data:,"}}]"#), "{body}");
}

#[test]
fn the_legacy_option_renames_the_limit() {
    let options = r#"{"use_legacy_max_tokens": true}"#;
    let body = with_parts(&[text("Hi")], |turn| {
        write::<ChatEndpoint>(options, &Turn { max_tokens: Some(7), ..turn }).unwrap()
    });
    assert!(body.ends_with(r#""stream":false,"max_tokens":7}"#), "{body}");
}

#[rstest]
#[case::added(false, r#"{"temperature":0.1,"seed":7}"#, r#""stream":false,"temperature":0.1,"seed":7}"#)]
#[case::win(false, r#"{"model":"other"}"#, r#""model":"other","stream":false}"#)]
#[case::turn_streaming_on(false, r#"{"stream":1}"#, r#""stream":1,"stream_options":{"include_usage":true}}"#)]
#[case::turn_streaming_off(true, r#"{"stream":null}"#, r#""stream":null}"#)]
#[case::keep_other_stream_options(
    true,
    r#"{"stream_options":{"continuous_usage_stats":true}}"#,
    r#""stream_options":{"continuous_usage_stats":true,"include_usage":true}}"#
)]
#[case::have_the_last_word_on_usage(
    true,
    r#"{"stream_options":{"include_usage":false}}"#,
    r#""stream_options":{"include_usage":false}}"#
)]
#[case::keep_stream_options_of_another_type(true, r#"{"stream_options":null}"#, r#""stream_options":null}"#)]
fn extras_go_in_last(#[case] streaming: bool, #[case] extras: &str, #[case] ending: &str) {
    let body = chat_with_extras(streaming, extras).unwrap();
    assert!(body.ends_with(ending), "{body}");
}

#[test]
fn extras_that_are_no_object_fail_the_request() {
    let error = chat_with_extras(false, "[1]").unwrap_err();
    assert!(error.message.starts_with("merge the extra inputs `[1]`"), "{error}");
    assert_eq!(error.hint, "extra inputs must be a JSON object");
}

#[rstest]
#[case::one(&[text("Hi")], r#"{"prompt":"Hi","model":"m","stream":true,"max_tokens":5,"#)]
#[case::several(&[text("Hi"), text("Ho")], r#"{"prompt":["Hi","Ho"],"model":"m","#)]
#[case::none(&[], r#"{"prompt":"","#)]
#[case::token_ids(&[part(PartKind::RAW, "[1, 2]")], r#"{"prompt":[1,2],"#)]
fn completions_take_one_prompt_or_a_batch(#[case] parts: &[TurnPart<'_>], #[case] start: &str) {
    let body = with_parts(parts, |turn| {
        write::<CompletionsEndpoint>("{}", &Turn { max_tokens: Some(5), streaming: true, ..turn }).unwrap()
    });
    assert!(body.starts_with(start), "{body}");
    assert!(body.ends_with(r#""stream_options":{"include_usage":true}}"#), "{body}");
}

#[rstest]
#[case::one(&[text("Hi")], r#"{"model":"m","input":["Hi"],"encoding_format":"base64"}"#)]
#[case::several(&[text("Hi"), text("Ho")], r#"{"model":"m","input":["Hi","Ho"],"encoding_format":"base64"}"#)]
#[case::token_ids(&[part(PartKind::RAW, "[1]")], r#"{"model":"m","input":[[1]],"encoding_format":"base64"}"#)]
fn embeddings_take_a_list(#[case] parts: &[TurnPart<'_>], #[case] expected: &str) {
    let body = with_parts(parts, |turn| {
        let extra_json = r#"{"encoding_format":"base64"}"#;
        write::<EmbeddingsEndpoint>("{}", &Turn { extra_json, max_tokens: Some(5), ..turn }).unwrap()
    });
    assert_eq!(body, expected);
}

#[test]
fn prompts_refuse_conversations_and_media() {
    let parts = [text("Hi")];
    let messages = [user(&parts), user(&parts)];
    let turn = Turn { model: "m", messages: &messages, ..Turn::default() };
    let conversation = write::<CompletionsEndpoint>("{}", &turn).unwrap_err();
    let picture = [part(PartKind::IMAGE, "data:,")];
    let medium = with_parts(&picture, |turn| write::<EmbeddingsEndpoint>("{}", &turn)).unwrap_err();
    assert_eq!((conversation.kind, medium.kind), (ErrorKind::UNSUPPORTED, ErrorKind::UNSUPPORTED));
    assert!(conversation.message.contains("2 messages") && conversation.hint.contains("`chat`"));
}

#[test]
fn a_raw_part_that_is_no_json_is_quoted() {
    let parts = [part(PartKind::RAW, "{oops")];
    let error = with_parts(&parts, |turn| write::<ChatEndpoint>("{}", &turn)).unwrap_err();
    assert!(error.message.starts_with("splice the raw part `{oops`"), "{error}");
}
