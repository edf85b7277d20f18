//! What the API formats write, and what they refuse. What they read is compared with written answers in the workspace's own
//! tests.

use prony_plugin_api::{
    Endpoint, ErrorKind, PartKind, PluginError,
    conformance::Suite,
    testing::{Answer, TestEndpoint, Turn},
};
use rstest::rstest;
use serde_json::json;

use crate::endpoint::{RawEndpoint, TemplateEndpoint};

fn body<E: Endpoint>(options: &serde_json::Value, turn: &Turn) -> Result<String, PluginError> {
    let request = TestEndpoint::new::<E>(&options.to_string())?.format(turn)?;
    Ok(String::from_utf8(request.body).unwrap())
}

fn template(source: &str, turn: &Turn) -> Result<String, PluginError> {
    body::<TemplateEndpoint>(&json!({ "template": source }), turn)
}

fn read(field: &str, answer: &str) -> Answer {
    let options = json!({ "response_field": field }).to_string();
    TestEndpoint::new::<TemplateEndpoint>(&options).unwrap().read_body(200, answer.as_bytes())
}

fn text(answer: &Answer) -> &str {
    answer.passages.first().map(|passage| passage.text.as_str()).unwrap_or_default()
}

#[test]
fn nothing_is_escaped_for_html_and_tojson_makes_json() {
    let turn = Turn::user("<b>\"R&D\" 'naïve'</b>\n");
    let source = r#"{"prompt": {{ text|tojson }}, "bare": "{{ model }}"}"#;
    assert_eq!(
        template(source, &turn).unwrap(),
        r#"{"prompt": "<b>\"R&D\" 'naïve'</b>\n", "bare": "test-model"}"#
    );
}

#[test]
fn texts_are_found_by_kind_and_name() {
    let turn = Turn::user("a")
        .part(PartKind::TEXT, "query", "q")
        .part(PartKind::TEXT, "passages", "p1")
        .part(PartKind::TEXT, "passages", "p2")
        .part(PartKind::IMAGE, "", "data:image/png;base64,AA==")
        .max_tokens(7)
        .streaming();
    let source = r"{{ [texts, query, passages, texts_by_name.passages, image, images|length, audio, max_tokens, stream, turn]|tojson }}";
    assert_eq!(
        template(source, &turn).unwrap(),
        r#"[["a","q","p1","p2"],"q",["p1","p2"],["p1","p2"],"data:image/png;base64,AA==",1,null,7,true,0]"#
    );
}

#[test]
fn without_a_template_it_is_a_chat_request() {
    let turn = Turn::user("Hi \"you\"").max_tokens(16).streaming();
    let written = body::<TemplateEndpoint>(&json!({}), &turn).unwrap();
    let written: serde_json::Value = serde_json::from_str(&written).unwrap();
    assert_eq!(
        written,
        json!({"model": "test-model", "messages": [{"role": "user", "content": "Hi \"you\""}], "max_tokens": 16,
            "stream_options": {"include_usage": true}, "stream": true})
    );
    assert_eq!(
        body::<RawEndpoint>(&json!({}), &turn).unwrap(),
        body::<TemplateEndpoint>(&json!({}), &turn).unwrap()
    );
}

#[test]
fn extra_inputs_win() {
    let turn = Turn::user("a").extra(r#"{"n": 2, "seed": 7}"#);
    assert_eq!(
        template(r#"{"n": 1, "p": {{ text|tojson }}}"#, &turn).unwrap(),
        r#"{"n":2,"p":"a","seed":7}"#
    );
    let error = template("[1]", &turn).unwrap_err();
    assert!(error.hint.contains("`--extra-inputs`"), "{error}");
}

#[rstest]
#[case::no_template("{\"a\": {{ text }", "compile the template `template`: line 1", "it is a Jinja template")]
#[case::misspelt(
    "{\"a\":\n {{ txet|tojson }}}",
    "fill in the template `template`: line 2",
    "the variables are text(s)"
)]
#[case::no_json(
    "{\"a\": {{ text }}}",
    "make JSON with the template `template`",
    "pass texts through `tojson`"
)]
fn a_template_that_cannot_work_says_where(#[case] source: &str, #[case] message: &str, #[case] hint: &str) {
    let error = template(source, &Turn::user("a b")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::CONFIG);
    assert!(error.message.starts_with(message) && error.hint.starts_with(hint), "{error:?}");
}

#[rstest]
#[case::type_of_an_option(json!({"template": 5}), "read the options")]
#[case::two_templates(json!({"template": "1", "template_file": "t"}), "use both `template` and `template_file`")]
#[case::no_file(json!({"template_file": "no-such-file.j2"}), "read the template `no-such-file.j2`")]
#[case::no_expression(json!({"response_field": "a["}), "read the JMESPath expression `a[`")]
fn options_that_cannot_be_met_are_refused_at_the_start(
    #[case] options: serde_json::Value,
    #[case] message: &str,
) {
    let error = TestEndpoint::new::<TemplateEndpoint>(&options.to_string()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::CONFIG);
    assert!(error.message.starts_with(message) && !error.hint.is_empty(), "{error:?}");
}

#[test]
fn a_payload_keeps_its_bytes_and_takes_nothing_in() {
    let payload = r#"{"b" : 1.50,"a":"\u00e9"}"#;
    let turn = Turn::user("").part(PartKind::RAW, "", payload);
    assert_eq!(body::<RawEndpoint>(&json!({}), &turn).unwrap(), payload);
    let error = body::<RawEndpoint>(&json!({}), &turn.extra(r#"{"n": 1}"#)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::UNSUPPORTED);
}

#[test]
fn an_expression_says_where_the_answer_stands() {
    let answer = read("outputs[0].data", r#"{"outputs": [{"data": "Hi"}], "text": "not this"}"#);
    assert_eq!((text(&answer), answer.done), ("Hi", true));
    let answer = read("items[*].vector", r#"{"items": [{"vector": [1, 2]}, {"vector": [3, 4]}]}"#);
    assert_eq!(answer.embeddings, [(0, 2), (1, 2)]);
}

/// A server that ends its choices by a finish reason, which the expression does not point at.
#[test]
fn a_stream_that_is_read_by_an_expression_ends_with_the_stream() {
    let endpoint =
        TestEndpoint::new::<TemplateEndpoint>(r#"{"response_field": "choices[0].delta.content"}"#).unwrap();
    let mut parser = endpoint.parser().unwrap();
    let mut answer = Answer::default();
    let event = br#"{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}"#;
    parser.event("", event, &mut answer).unwrap();
    parser.end(&mut answer).unwrap();
    assert_eq!((text(&answer), answer.done), ("Hi", true));
}

#[test]
fn what_the_expression_does_not_find_is_an_error() {
    let answer = read("outputs[0].data", r#"{"text": "not this"}"#);
    let failure = answer.failure.unwrap();
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (ErrorKind::MALFORMED, "find `outputs[0].data` in the answer")
    );
    assert!(failure.hint.contains("response_field"));
}

#[test]
fn raw_looks_in_the_usual_places_as_well() {
    let endpoint = TestEndpoint::new::<RawEndpoint>(r#"{"response_field": "nowhere"}"#).unwrap();
    assert_eq!(text(&endpoint.read_body(200, br#"{"text": "Hi"}"#)), "Hi");
}

#[test]
fn they_do_what_the_contract_says() {
    for report in [Suite::new().endpoint::<RawEndpoint>(), Suite::new().endpoint::<TemplateEndpoint>()] {
        assert!(report.conforms(), "{report}");
    }
}

#[rstest]
#[case::named("nv-embedqa", r#"{"text": ["Hi"]}"#)]
#[case::inline(r#"{"ask": {{ text|tojson }}}"#, r#"{"ask": "Hi"}"#)]
fn a_payload_template_is_a_name_or_the_template_itself(#[case] source: &str, #[case] expected: &str) {
    let written = body::<TemplateEndpoint>(&json!({ "payload_template": source }), &Turn::user("Hi"));
    assert_eq!(written.unwrap(), expected);
}

#[test]
fn a_payload_template_can_be_a_file() {
    let file = std::env::temp_dir().join(format!("prony-template-{}.json", std::process::id()));
    std::fs::write(&file, r#"{"most": {{ max_tokens|tojson }}, "stream": {{ stream|lower }}}"#).unwrap();
    let options = json!({ "payload_template": file.to_str().unwrap() });
    let written = body::<TemplateEndpoint>(&options, &Turn::user("Hi").max_tokens(7).streaming());
    std::fs::remove_file(&file).unwrap();
    assert_eq!(written.unwrap(), r#"{"most": 7, "stream": true}"#);
}

#[test]
fn what_is_neither_a_name_nor_a_file_nor_a_template_is_refused() {
    let error =
        body::<TemplateEndpoint>(&json!({"payload_template": "nv-embed"}), &Turn::user("Hi")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::CONFIG);
    assert!(error.message.contains("`nv-embed`") && error.hint.contains("nv-embedqa"), "{error}");
}

/// With an expression as well as without: events of these formats repeat what others said.
#[rstest]
#[case::responses(r#"{"type":"response.output_text.delta","delta":"Hi"}"#, "responses")]
#[case::messages(r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}"#, "messages")]
#[case::transcripts(r#"{"type":"transcript.text.delta","delta":"Hi"}"#, "audio_transcription")]
fn events_that_another_endpoint_reads_are_refused(
    #[case] event: &str,
    #[case] reader: &str,
    #[values("{}", r#"{"response_field": "delta"}"#)] options: &str,
) {
    let stream = format!("data: {event}\n\n");
    for answer in [
        TestEndpoint::new::<RawEndpoint>(options).unwrap().read_stream(stream.as_bytes()),
        TestEndpoint::new::<TemplateEndpoint>(options).unwrap().read_stream(stream.as_bytes()),
    ] {
        let failure = answer.failure.unwrap();
        assert_eq!(failure.kind, ErrorKind::MALFORMED);
        assert!(failure.hint.contains(&format!("--endpoint-type {reader}")), "{failure}");
        assert!(answer.passages.is_empty());
    }
}

/// One that the user's expression finds something in is judged by the user.
#[test]
fn a_whole_response_of_another_format_is_read_where_it_is_pointed_at() {
    let message = br#"{"type":"message","role":"assistant","content":[{"type":"text","text":"Hi"}]}"#;
    let read = |options| TestEndpoint::new::<RawEndpoint>(options).unwrap().read_body(200, message);
    assert_eq!(text(&read(r#"{"response_field": "content[0].text"}"#)), "Hi");
    assert!(read("{}").failure.unwrap().hint.contains("--endpoint-type messages"));
}
