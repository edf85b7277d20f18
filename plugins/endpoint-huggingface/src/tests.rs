//! What the API format writes, and what reading costs. What it reads is compared with recorded answers in the workspace's
//! own tests.

use prony_plugin_api::{
    ErrorKind, PartKind, PluginError,
    conformance::Suite,
    testing::{Answer, CountingAllocator, TestEndpoint, Turn},
};

use crate::endpoint::GenerateEndpoint;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn body(turn: &Turn) -> Result<String, PluginError> {
    let request = TestEndpoint::new::<GenerateEndpoint>("{}")?.format(turn)?;
    Ok(String::from_utf8(request.body).unwrap())
}

#[test]
fn texts_are_joined_and_the_users_fields_are_parameters() {
    let turn = Turn::user("Say \"Hi\".").part(PartKind::TEXT, "", "Now.").max_tokens(16).streaming();
    let turn = turn.extra(r#"{"temperature": 0.1, "parameters": {"seed": 7, "max_new_tokens": 3}}"#);
    insta::assert_snapshot!(
        body(&turn).unwrap(),
        @r#"{"inputs":"Say \"Hi\". Now.","parameters":{"max_new_tokens":3,"temperature":0.1,"seed":7}}"#
    );
}

#[test]
fn what_cannot_be_a_parameter_is_none() {
    assert_eq!(
        body(&Turn::user("Hi").extra(r#"{"inputs": "Ho"}"#)).unwrap(),
        r#"{"inputs":"Ho","parameters":{}}"#
    );
}

#[test]
fn conversations_and_media_are_refused() {
    for turn in [Turn::user("Hi").message("user", "Ho"), Turn::user("Hi").part(PartKind::IMAGE, "", "data:,")]
    {
        let error = body(&turn).unwrap_err();
        assert_eq!(error.kind, ErrorKind::UNSUPPORTED);
        assert!(error.hint.contains("`chat`"), "{error}");
    }
}

#[test]
fn a_token_in_the_middle_of_a_stream_allocates_nothing() {
    let mut parser = TestEndpoint::new::<GenerateEndpoint>("{}").unwrap().parser().unwrap();
    let event = r#"{"index":1,"token":{"id":7,"text":" naïve","logprob":-0.5,"special":false},"generated_text":null,"details":null}"#;
    let mut answer = Answer::default();
    parser.event("", event.as_bytes(), &mut answer).unwrap();
    answer.passages[0].text.reserve(1 << 12);
    let before = CountingAllocator::allocations();
    (0..100).for_each(|_| parser.event("", event.as_bytes(), &mut answer).unwrap());
    assert_eq!(CountingAllocator::allocations() - before, 0);
    assert_eq!(answer.text().len(), 101 * 7);
}

#[test]
fn it_does_what_the_contract_says() {
    let report = Suite::new().endpoint::<GenerateEndpoint>();
    assert!(report.conforms(), "{report}");
}
