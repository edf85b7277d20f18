//! What the API format writes. What it reads is compared with recorded answers in the workspace's own tests.

use prony_plugin_api::{
    PartKind,
    conformance::Suite,
    testing::{TestEndpoint, Turn},
};

use crate::endpoint::SolidoEndpoint;

#[test]
fn every_text_is_a_query_and_the_users_filters_win() {
    let endpoint = TestEndpoint::new::<SolidoEndpoint>("{}").unwrap();
    let body = |turn: &Turn| String::from_utf8(endpoint.format(turn).unwrap().body).unwrap();
    let turn = Turn::user("a \"b\"").part(PartKind::TEXT, "", "c").model("m").streaming();
    insta::assert_snapshot!(
        body(&turn),
        @r#"{"query":["a \"b\"","c"],"filters":{"family":"Solido","tool":"SDE"},"inference_model":"m"}"#
    );
    assert_eq!(
        body(&turn.extra(r#"{"filters": {"family": "Other"}}"#)),
        r#"{"query":["a \"b\"","c"],"filters":{"family":"Other"},"inference_model":"m"}"#
    );
}

#[test]
fn it_does_what_the_contract_says() {
    let report = Suite::new().endpoint::<SolidoEndpoint>();
    assert!(report.conforms(), "{report}");
}
