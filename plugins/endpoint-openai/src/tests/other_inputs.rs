//! What the API formats write that share their answers with others: NIM's embeddings, those of conversations, pictures.

use prony_plugin_api::{
    Endpoint, ErrorKind, PartKind, PluginError,
    conformance::Suite,
    testing::{TestEndpoint, Turn},
};
use rstest::rstest;

use crate::{
    chat_embeddings::ChatEmbeddingsEndpoint, images::ImagesEndpoint, nim_embeddings::NimEmbeddingsEndpoint,
};

fn body<E: Endpoint>(turn: &Turn) -> Result<String, PluginError> {
    let request = TestEndpoint::new::<E>("{}")?.format(turn)?;
    Ok(String::from_utf8(request.body).unwrap())
}

fn image(turn: Turn, data: &str) -> Turn {
    turn.part(PartKind::IMAGE, "", data)
}

#[rstest]
#[case::texts(Turn::user("a").part(PartKind::TEXT, "", "b"), r#"["a","b"]"#)]
#[case::images(
    image(image(Turn::empty(), "data:image/png;base64,AA=="), "data:,b"),
    r#"["data:image/png;base64,AA==","data:,b"]"#
)]
#[case::pairs(
    image(image(Turn::user("a"), "data:,1"), "data:,2").part(PartKind::TEXT, "", "b"),
    r#"["a data:,1","b data:,2"]"#
)]
fn nim_embeds_texts_images_and_pairs(#[case] turn: Turn, #[case] input: &str) {
    let turn = turn.model("m").extra(r#"{"input_type": "query"}"#);
    let expected = format!(r#"{{"model":"m","input":{input},"input_type":"query"}}"#);
    assert_eq!(body::<NimEmbeddingsEndpoint>(&turn).unwrap(), expected);
}

#[rstest]
#[case::odd_pairs(image(image(Turn::user("a"), "data:,1"), "data:,2"), "pair 1 texts with 2 images")]
#[case::conversation(image(Turn::user("a").message("user", "b"), "data:,1"), "embed the images of a conversation")]
#[case::sound(image(Turn::empty(), "data:,1").part(PartKind::AUDIO, "", "wav,AA=="), "send anything but texts")]
fn nim_refuses_what_it_cannot_pair(#[case] turn: Turn, #[case] message: &str) {
    let error = body::<NimEmbeddingsEndpoint>(&turn).unwrap_err();
    assert_eq!(error.kind, ErrorKind::UNSUPPORTED);
    assert!(error.message.starts_with(message), "{error}");
}

#[test]
fn a_conversation_is_embedded_as_a_chat_would_be_sent() {
    let turn = Turn::empty().message("system", "Represent this.").message("user", "Hi").model("m");
    insta::assert_snapshot!(
        body::<ChatEmbeddingsEndpoint>(&turn).unwrap(),
        @r#"{"messages":[{"role":"system","content":"Represent this."},{"role":"user","content":"Hi"}],"model":"m"}"#
    );
}

#[test]
fn a_picture_is_asked_for_in_the_answer() {
    let turn = Turn::user("A \"cat\".").model("m").streaming().extra(r#"{"size": "64x64", "n": 2}"#);
    insta::assert_snapshot!(
        body::<ImagesEndpoint>(&turn).unwrap(),
        @r#"{"prompt":"A \"cat\".","model":"m","response_format":"b64_json","n":2,"stream":true,"size":"64x64"}"#
    );
    let error = body::<ImagesEndpoint>(&image(Turn::user("A cat."), "data:,")).unwrap_err();
    assert!(error.message.starts_with("make a picture of more than one text"), "{error}");
}

#[test]
fn they_do_what_the_contract_says() {
    for report in
        [Suite::new().endpoint::<NimEmbeddingsEndpoint>(), Suite::new().endpoint::<ChatEmbeddingsEndpoint>()]
    {
        assert!(report.conforms(), "{report}");
    }
}
