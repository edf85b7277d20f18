//! What the API format writes, and what reading costs. What it reads is compared with recorded answers in the workspace's
//! own tests.

use prony_plugin_api::{
    ErrorKind, PartKind, PluginError,
    conformance::Suite,
    testing::{Answer, CountingAllocator, TestEndpoint, Turn},
};

use rstest::rstest;

use crate::endpoint::CompletionEndpoint;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn body(turn: &Turn) -> Result<String, PluginError> {
    let request = TestEndpoint::new::<CompletionEndpoint>("{}")?.format(turn)?;
    Ok(String::from_utf8(request.body).unwrap())
}

#[test]
fn one_text_is_a_prompt_and_several_are_a_batch() {
    let turn = Turn::user("Say \"Hi\".").max_tokens(16).streaming();
    insta::assert_snapshot!(body(&turn).unwrap(), @r#"{"prompt":"Say \"Hi\".","stream":true,"n_predict":16}"#);
    let turn = Turn::user("a").part(PartKind::TEXT, "", "b").extra(r#"{"cache_prompt": false}"#);
    assert_eq!(body(&turn).unwrap(), r#"{"prompt":["a","b"],"stream":false,"cache_prompt":false}"#);
}

#[test]
fn timings_are_facts_and_counts_of_a_batch_are_added_up() {
    let endpoint = TestEndpoint::new::<CompletionEndpoint>("{}").unwrap();
    let reply = |index| {
        format!(
            r#"{{"index":{index},"content":"x","stop":true,"tokens_predicted":2,"tokens_evaluated":3,"timings":{{"prompt_ms":1.5,"predicted_ms":20}}}}"#
        )
    };
    let answer = endpoint.read_body(200, format!("[{},{}]", reply(0), reply(1)).as_bytes());
    assert_eq!(
        answer.facts,
        [("prompt_ms", "1.5"), ("predicted_ms", "20")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    let usage = answer.usage.unwrap();
    assert_eq!((usage.prompt, usage.completion, answer.passages.len()), (Some(6), Some(4), 2));
    assert!(answer.is_success());
}

const IMAGE: &str = "data:image/png;base64,iVBORw0KGgo=";

#[test]
fn media_stand_where_the_prompt_has_them() {
    let turn = Turn::user("What is this?").part(PartKind::IMAGE, "", IMAGE).part(
        PartKind::AUDIO,
        "",
        "wav,UklGRg==",
    );
    assert_eq!(
        body(&turn).unwrap(),
        r#"{"prompt":{"prompt_string":"What is this?\n<__media__>\n<__media__>","multimodal_data":["iVBORw0KGgo=","UklGRg=="]},"stream":false}"#
    );
    let turn =
        Turn::user("<user><__media__> What is this?<model>").part(PartKind::IMAGE, "", IMAGE).max_tokens(4);
    assert_eq!(
        body(&turn).unwrap(),
        r#"{"prompt":{"prompt_string":"<user><__media__> What is this?<model>","multimodal_data":["iVBORw0KGgo="]},"stream":false,"n_predict":4}"#
    );
}

#[test]
fn a_server_may_have_a_marker_of_its_own() {
    let endpoint = TestEndpoint::new::<CompletionEndpoint>(r#"{"media_marker": "[img]"}"#).unwrap();
    let request = endpoint.format(&Turn::user("Hi").part(PartKind::IMAGE, "", IMAGE)).unwrap();
    let text = String::from_utf8(request.body).unwrap();
    assert!(text.starts_with(r#"{"prompt":{"prompt_string":"Hi\n[img]","#), "{text}");
    for options in [r#"{"media_marker": 3}"#, r#"{"media_marker": ""}"#] {
        let error = TestEndpoint::new::<CompletionEndpoint>(options).unwrap_err();
        assert_eq!(error.kind, ErrorKind::CONFIG);
        assert!(error.hint.contains("`media_marker`"), "{error}");
    }
}

#[rstest]
#[case::a_conversation(Turn::user("Hi").message("user", "Ho"), "send a conversation of 2 messages")]
#[case::media_in_one(
    Turn::user("Hi").message("user", "Ho").part(PartKind::IMAGE, "", IMAGE),
    "send the media of a conversation"
)]
#[case::a_link(
    Turn::user("Hi").part(PartKind::IMAGE, "", "https://example.com/a,b.png"),
    "send the medium `https://example.com/a,b.png`: the server takes base64 only"
)]
#[case::a_video(
    Turn::user("Hi").part(PartKind::IMAGE, "", IMAGE).part(PartKind::VIDEO, "", "data:video/mp4;base64,AAAA"),
    "send a video"
)]
#[case::a_video_alone(Turn::user("Hi").part(PartKind::VIDEO, "", "data:video/mp4;base64,AAAA"), "send a medium")]
#[case::markers(Turn::user("<__media__><__media__>").part(PartKind::IMAGE, "", IMAGE), "place 1 media at 2 markers")]
fn what_is_no_prompt_is_refused(#[case] turn: Turn, #[case] message: &str) {
    let error = body(&turn).unwrap_err();
    assert_eq!(error.kind, ErrorKind::UNSUPPORTED);
    assert!(error.message.starts_with(message) && !error.hint.is_empty(), "{error}");
}

#[test]
fn a_token_in_the_middle_of_a_stream_allocates_nothing() {
    let mut parser = TestEndpoint::new::<CompletionEndpoint>("{}").unwrap().parser().unwrap();
    let event = r#"{"index":0,"content":" naïve","tokens":[7],"stop":false,"id_slot":0}"#;
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
    let report = Suite::new().endpoint::<CompletionEndpoint>();
    assert!(report.conforms(), "{report}");
}
