//! What the API formats write. What they read is compared with recorded answers in the workspace's own tests.

use prony_plugin_api::{
    Endpoint, ErrorKind, PartKind, PluginError,
    conformance::Suite,
    testing::{TestEndpoint, Turn},
};
use rstest::rstest;

use crate::{cohere::CohereRankingsEndpoint, nim::NimRankingsEndpoint, tei::TeiRankingsEndpoint};

fn body<E: Endpoint>(turn: &Turn) -> Result<String, PluginError> {
    let request = TestEndpoint::new::<E>("{}")?.format(turn)?;
    Ok(String::from_utf8(request.body).unwrap())
}

fn text(turn: Turn, name: &str, text: &str) -> Turn {
    turn.part(PartKind::TEXT, name, text)
}

fn question() -> Turn {
    let turn = text(Turn::empty().model("m").max_tokens(9), "passages", "It \"rains\".");
    let turn = text(text(turn, "query", "Weather?"), "passages", "It snows.");
    turn.extra(r#"{"top_n": 1}"#)
}

#[test]
fn each_api_format_has_names_of_its_own() {
    insta::assert_snapshot!(
        body::<CohereRankingsEndpoint>(&question()).unwrap(),
        @r#"{"model":"m","query":"Weather?","documents":["It \"rains\".","It snows."],"top_n":1}"#
    );
    insta::assert_snapshot!(
        body::<TeiRankingsEndpoint>(&question()).unwrap(),
        @r#"{"query":"Weather?","texts":["It \"rains\".","It snows."],"top_n":1}"#
    );
    insta::assert_snapshot!(
        body::<NimRankingsEndpoint>(&question()).unwrap(),
        @r#"{"model":"m","query":{"text":"Weather?"},"passages":[{"text":"It \"rains\"."},{"text":"It snows."}],"top_n":1}"#
    );
}

#[test]
fn of_texts_without_names_the_first_is_the_query() {
    let turn = text(text(text(Turn::empty(), "", "Weather?"), "", "It rains."), "", "It snows.");
    assert_eq!(
        body::<TeiRankingsEndpoint>(&turn).unwrap(),
        r#"{"query":"Weather?","texts":["It rains.","It snows."]}"#
    );
}

#[rstest]
#[case::a_query_alone(Turn::user("Weather?"), "rank: the turn has no query, or no passages")]
#[case::passages_alone(
    text(Turn::empty(), "passages", "It rains."),
    "rank: the turn has no query, or no passages"
)]
#[case::nothing(Turn::empty(), "rank: the turn has no query, or no passages")]
#[case::a_conversation(question().message("user", "And?"), "rank by a conversation of 2 messages")]
#[case::a_medium(question().part(PartKind::IMAGE, "", "data:,"), "rank a medium")]
fn what_cannot_be_ranked_is_refused(#[case] turn: Turn, #[case] message: &str) {
    let error = body::<CohereRankingsEndpoint>(&turn).unwrap_err();
    assert_eq!(error.kind, ErrorKind::UNSUPPORTED);
    assert!(error.message.starts_with(message), "{error}");
}

#[test]
fn they_do_what_the_contract_says() {
    let suite = Suite::new();
    for report in [
        suite.endpoint::<CohereRankingsEndpoint>(),
        suite.endpoint::<TeiRankingsEndpoint>(),
        suite.endpoint::<NimRankingsEndpoint>(),
    ] {
        assert!(report.conforms(), "{report}");
    }
}
