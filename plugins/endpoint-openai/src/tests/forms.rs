//! The API formats that are sent as forms: image edits, videos, transcriptions.

use prony_plugin_api::{
    Endpoint, ErrorKind, PartKind, PluginError,
    conformance::Suite,
    testing::{Answer, TestEndpoint, Turn},
};
use rstest::rstest;

use crate::{
    image_edits::ImageEditsEndpoint, transcriptions::TranscriptionsEndpoint, videos::VideosEndpoint,
};

const PNG: &str = "data:image/jpeg;base64,iVBORw0KGgo=";
const WAV: &str = "data:audio/x-wav;base64,UklGRg==";

/// The fields of a form, one a line: `name=value`, and for a file `name=<its name, type and size>`.
fn form<E: Endpoint>(turn: &Turn) -> Result<String, PluginError> {
    let request = TestEndpoint::new::<E>("{}")?.format(turn)?;
    assert!(request.body.is_empty());
    let part = |part: &prony_plugin_api::testing::MultipartPart| match part.file_name.as_str() {
        "" => format!("{}={}", part.name, String::from_utf8_lossy(&part.bytes)),
        file => format!("{}=<{file} {} {}>", part.name, part.content_type, part.bytes.len()),
    };
    Ok(request.parts.iter().map(part).collect::<Vec<_>>().join("\n"))
}

fn image(turn: Turn, data: &str) -> Turn {
    turn.part(PartKind::IMAGE, "", data)
}

#[test]
fn an_image_is_uploaded_under_the_type_that_it_has() {
    let turn = image(Turn::user("Red."), PNG).model("m").streaming();
    insta::assert_snapshot!(form::<ImageEditsEndpoint>(&turn).unwrap(), @r"
    prompt=Red.
    model=m
    response_format=b64_json
    n=1
    stream=true
    image=<image.png image/png 8>
    ");
}

#[test]
fn linked_images_and_several_ones_have_fields_of_their_own() {
    let turn = image(Turn::user("Red."), "https://example.com/a.png");
    assert!(form::<ImageEditsEndpoint>(&turn).unwrap().ends_with("\nurl=https://example.com/a.png"));
    let turn = image(image(Turn::user("Red."), PNG), PNG);
    let file = "image[]=<image.png image/png 8>";
    assert!(form::<ImageEditsEndpoint>(&turn).unwrap().ends_with(&format!("\nn=1\n{file}\n{file}")));
}

#[test]
fn audio_is_uploaded_with_the_text_that_leads_to_it() {
    let turn = Turn::user("Names: Ada.").part(PartKind::AUDIO, "", WAV).model("m").streaming();
    insta::assert_snapshot!(form::<TranscriptionsEndpoint>(&turn).unwrap(), @r"
    model=m
    prompt=Names: Ada.
    stream=true
    file=<audio.wav audio/wav 4>
    ");
}

#[test]
fn extras_are_fields_and_win() {
    let extras = r#"{"model": "other", "seconds": 8, "size": "720x1280", "loop": true, "prompt": null,
        "references": ["a", 1], "camera": {"pan": 1}}"#;
    insta::assert_snapshot!(form::<VideosEndpoint>(&Turn::user("Rain.").model("m").extra(extras)).unwrap(), @r#"
    model=other
    seconds=8
    size=720x1280
    loop=true
    references[]=a
    references[]=1
    camera={"pan":1}
    "#);
}

#[test]
fn an_extra_does_not_stand_in_for_a_file() {
    let turn = Turn::empty().part(PartKind::AUDIO, "", WAV).extra(r#"{"file": "x"}"#);
    let error = form::<TranscriptionsEndpoint>(&turn).unwrap_err();
    assert_eq!(error.message, "send the extra input `file`: it is a file");
}

#[rstest]
#[case::no_image(form::<ImageEditsEndpoint>, Turn::user("Red."), "edit anything but images")]
#[case::two_prompts(form::<ImageEditsEndpoint>, image(Turn::user("a").part(PartKind::TEXT, "", "b"), PNG), "edit anything but images")]
#[case::a_sound(form::<ImageEditsEndpoint>, image(Turn::user("a"), PNG).part(PartKind::AUDIO, "", WAV), "edit anything but images")]
#[case::no_audio(form::<TranscriptionsEndpoint>, Turn::user("a"), "transcribe anything but one")]
#[case::two_sounds(
    form::<TranscriptionsEndpoint>,
    Turn::empty().part(PartKind::AUDIO, "", WAV).part(PartKind::AUDIO, "", WAV),
    "transcribe anything but one"
)]
#[case::a_link(
    form::<TranscriptionsEndpoint>,
    Turn::empty().part(PartKind::AUDIO, "", "https://example.com/a.wav"),
    "send the audio `https://example.com/a.wav`"
)]
#[case::a_film_of_an_image(form::<VideosEndpoint>, image(Turn::user("a"), PNG), "make a video of more than one text")]
fn a_turn_that_does_not_fit_is_refused(
    #[case] form: fn(&Turn) -> Result<String, PluginError>,
    #[case] turn: Turn,
    #[case] message: &str,
) {
    let error = form(&turn).unwrap_err();
    assert_eq!(error.kind, ErrorKind::UNSUPPORTED);
    assert!(error.message.starts_with(message) && !error.hint.is_empty(), "{error:?}");
}

/// What is told of these bodies, read one after the other by the same parser.
fn follow(options: &str, bodies: &[(u32, &[u8])]) -> (Result<(), PluginError>, Answer) {
    let mut parser = TestEndpoint::new::<VideosEndpoint>(options).unwrap().parser().unwrap();
    let mut answer = Answer::default();
    let outcome = bodies.iter().try_for_each(|(status, body)| parser.body(*status, body, &mut answer));
    (outcome, answer)
}

const QUEUED: (u32, &[u8]) = (200, br#"{"id":"v_1","status":"queued"}"#);
const MADE: (u32, &[u8]) = (200, br#"{"id":"v_1","status":"completed"}"#);

#[test]
fn a_video_is_fetched_when_the_user_wants_it() {
    let options = r#"{"download": true, "poll_interval_ms": 7, "colour": "red"}"#;
    let film: &[u8] = b"\0\0\0\x18ftypisom\xff";
    let (outcome, answer) = follow(options, &[QUEUED, MADE, (200, film)]);
    outcome.unwrap();
    assert_eq!(answer.follow_ups, [("v_1".to_owned(), 7), ("v_1/content".to_owned(), 0)]);
    let media: Vec<_> = answer.media.iter().map(|media| (media.content_type.as_str(), media.bytes)).collect();
    assert_eq!((media, answer.done), (vec![("video/mp4", film.len() as u64)], true));
}

#[rstest]
#[case::status(404, br#"{"error":{"message":"expired"}}"#, Some("expired"))]
#[case::error_in_a_200(200, br#"{"error":{"message":"expired"}}"#, Some("expired"))]
#[case::page(200, b"<!DOCTYPE html>", None)]
#[case::nothing(200, b"", None)]
fn what_is_fetched_may_be_no_video(
    #[case] status: u32,
    #[case] fetched: &[u8],
    #[case] message: Option<&str>,
) {
    let (outcome, answer) = follow(r#"{"download": true}"#, &[MADE, (status, fetched)]);
    assert_eq!(answer.errors.first().map(|error| error.message.as_str()), message);
    assert_eq!(outcome.is_err(), message.is_none(), "{outcome:?}");
    assert!(answer.media.is_empty() && !answer.done);
}

#[rstest]
#[case(r#"{"poll_interval_ms": 0}"#)]
#[case(r#"{"poll_interval_ms": "often"}"#)]
#[case(r#"{"download": 1}"#)]
fn a_wrong_option_is_refused(#[case] options: &str) {
    let error = TestEndpoint::new::<VideosEndpoint>(options).unwrap_err();
    assert_eq!(error.kind, ErrorKind::CONFIG);
    assert!(error.message.starts_with("read the options") && error.hint.contains("`download`"), "{error:?}");
}

#[test]
fn they_do_what_the_contract_says() {
    for report in [
        Suite::new().endpoint::<ImageEditsEndpoint>(),
        Suite::new().endpoint::<VideosEndpoint>(),
        Suite::new().endpoint::<TranscriptionsEndpoint>(),
    ] {
        assert!(report.conforms(), "{report}");
    }
}
