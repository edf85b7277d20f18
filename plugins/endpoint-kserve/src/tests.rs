//! What the API format writes. What it reads is compared with recorded answers in the workspace's own tests.

use prony_plugin_api::{
    ErrorKind, PartKind,
    conformance::Suite,
    testing::{Request, TestEndpoint, Turn},
};

use crate::endpoint::InferEndpoint;

fn written(options: &str, turn: &Turn) -> (String, String) {
    let Request { path, body, .. } =
        TestEndpoint::new::<InferEndpoint>(options).unwrap().format(turn).unwrap();
    (path.unwrap(), String::from_utf8(body).unwrap())
}

#[test]
fn a_prompt_and_a_limit_are_tensors_and_the_model_is_in_the_path() {
    let turn = Turn::user("Say \"Hi\".").model("org/model 1").max_tokens(16);
    let (path, body) = written("{}", &turn.extra(r#"{"parameters": {"temperature": 0.1}}"#));
    assert_eq!(path, "/v2/models/org%2Fmodel%201/infer");
    insta::assert_snapshot!(
        body,
        @r#"{"inputs":[{"name":"text_input","datatype":"BYTES","shape":[1,1],"data":["Say \"Hi\"."]},{"name":"max_tokens","datatype":"INT32","shape":[1,1],"data":[16]}],"parameters":{"temperature":0.1}}"#
    );
}

#[test]
fn several_texts_are_a_batch_and_tensors_may_have_other_names() {
    let turn = Turn::user("a").part(PartKind::TEXT, "", "b").max_tokens(3);
    let (_, body) = written(r#"{"kserve_input": "prompt", "kserve_limit": "n"}"#, &turn);
    assert_eq!(
        body,
        r#"{"inputs":[{"name":"prompt","datatype":"BYTES","shape":[2,1],"data":["a","b"]},{"name":"n","datatype":"INT32","shape":[2,1],"data":[3,3]}]}"#
    );
}

#[test]
fn an_option_of_the_wrong_type_is_named() {
    let error = TestEndpoint::new::<InferEndpoint>(r#"{"kserve_input": 3}"#).unwrap_err();
    assert_eq!(error.kind, ErrorKind::CONFIG);
    assert!(error.hint.contains("`kserve_input`"), "{error}");
}

#[test]
fn it_does_what_the_contract_says() {
    let report = Suite::new().endpoint::<InferEndpoint>();
    assert!(report.conforms(), "{report}");
}
