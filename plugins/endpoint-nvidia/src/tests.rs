//! What the API format writes and counts. Bad answers are compared with a table in the workspace's own tests.

use prony_plugin_api::{
    ErrorKind, PartKind,
    conformance::Suite,
    testing::{TestEndpoint, Turn},
};
use rstest::rstest;

use crate::endpoint::ImageRetrievalEndpoint;

fn endpoint() -> TestEndpoint {
    TestEndpoint::new::<ImageRetrievalEndpoint>("{}").unwrap()
}

fn image(turn: Turn, data: &str) -> Turn {
    turn.part(PartKind::IMAGE, "", data)
}

#[test]
fn every_image_is_an_input() {
    let turn = image(image(Turn::user("What is this?"), "data:image/png;base64,AA=="), "data:,b");
    let request = endpoint().format(&turn.extra(r#"{"threshold": 0.5}"#)).unwrap();
    insta::assert_snapshot!(
        String::from_utf8(request.body).unwrap(),
        @r#"{"input":[{"type":"image_url","url":"data:image/png;base64,AA=="},{"type":"image_url","url":"data:,b"}],"threshold":0.5}"#
    );
}

#[rstest]
#[case::no_image(Turn::user("Hi"), "look for things in images: the turn has none")]
#[case::a_link(
    image(Turn::empty(), "https://example.com/a.png"),
    "send the linked image `https://example.com/a.png`"
)]
#[case::sound(Turn::empty().part(PartKind::AUDIO, "", "wav,AA=="), "send anything but images")]
#[case::a_conversation(image(Turn::user("a").message("user", "b"), "data:,"), "send a conversation of 2 messages")]
fn what_is_no_image_is_refused(#[case] turn: Turn, #[case] message: &str) {
    let error = endpoint().format(&turn).unwrap_err();
    assert_eq!(error.kind, ErrorKind::UNSUPPORTED);
    assert!(error.message.starts_with(message), "{error}");
}

#[test]
fn boxes_are_counted_over_images_and_kinds() {
    let body = br#"{"data":[{"index":0,"bounding_boxes":{"chart":[{"x_min":0.1},{"x_min":0.2}],"table":[]}},
        {"index":1,"bounding_boxes":{"table":[{"x_min":0.3}]}},{"index":2}],"usage":{"images_size_mb":0.1}}"#;
    let answer = endpoint().read_body(200, body);
    assert_eq!(answer.facts, [("detections".to_owned(), "3".to_owned())]);
    assert!(answer.is_success());
}

#[test]
fn it_does_what_the_contract_says() {
    let report = Suite::new().endpoint::<ImageRetrievalEndpoint>();
    assert!(report.conforms(), "{report}");
}
