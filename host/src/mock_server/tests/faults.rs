//! Each fault: what the client sees of it, and that the truth owns up to it.

use std::{num::NonZeroU64, time::Duration};

use ::http::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};

use super::client::{Extent, Running, chat};
use crate::mock_server::{FaultPlan, Options, Stall, StreamErrorStyle};

const CHAT: &str = "/v1/chat/completions";
const MS: u64 = 1_000_000;

fn second() -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(1)
}

async fn start(faults: FaultPlan) -> Running {
    Running::start(Options { faults, ..Options::default() }).await
}

fn whole(tokens: u64) -> Value {
    let mut body = chat(tokens);
    body["stream"] = json!(false);
    body
}

#[tokio::test(start_paused = true)]
async fn every_second_request_fails_with_the_status() {
    let faults =
        FaultPlan { error: Some((second(), StatusCode::SERVICE_UNAVAILABLE)), ..FaultPlan::default() };
    let server = start(faults).await;
    let mut client = server.connect().await;
    for status in [200, 503, 200, 503] {
        let answer = client.request("POST", CHAT, "", &chat(2).to_string()).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.body.contains("ServiceUnavailableError"), status == 503);
        server.get("/health").await;
    }
    let truth = server.truth().await;
    assert_eq!(
        (&truth["requests_ok"], &truth["requests_failed_by_fault"]),
        (&json!(2), &json!({"error": 2}))
    );
    assert_eq!(truth["requests"][1]["status"], 503);
}

#[rstest]
#[case::stream(chat(8), 4)]
#[case::whole(whole(8), 0)]
#[tokio::test(start_paused = true)]
async fn a_cut_answer_ends_in_its_middle(#[case] body: Value, #[case] tokens: usize) {
    let server = start(FaultPlan { cut: Some(NonZeroU64::MIN), ..FaultPlan::default() }).await;
    let answer = server.post(CHAT, &body).await;
    assert_eq!((answer.status, answer.extent), (200, Extent::CutShort));
    assert!(!answer.body.is_empty() && !answer.body.contains("finish_reason\":\"length"));
    let request = server.only_request().await;
    assert_eq!((&request["outcome"], &request["fault"]), (&json!("cut"), &json!("cut")));
    assert_eq!(answer.texts(0, "content").len(), tokens);
    assert_eq!(request["tokens_sent"], tokens);
}

#[rstest]
#[case::vllm(StreamErrorStyle::Vllm, true)]
#[case::bare(StreamErrorStyle::Bare, false)]
#[tokio::test(start_paused = true)]
async fn a_stream_error_comes_after_half_the_tokens(#[case] style: StreamErrorStyle, #[case] named: bool) {
    let faults = FaultPlan { stream_error: Some((NonZeroU64::MIN, style)), ..FaultPlan::default() };
    let server = start(faults).await;
    let answer = server.post(CHAT, &chat(8)).await;
    assert_eq!((answer.status, answer.extent), (200, Extent::Complete));
    assert_eq!(answer.body.contains("event: error\n"), named);
    assert_eq!(answer.body.contains("[DONE]"), named);
    assert_eq!(answer.events()[5]["error"]["code"], 500);
    let request = server.only_request().await;
    assert_eq!((&request["outcome"], &request["tokens_sent"]), (&json!("stream_error"), &json!(4)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_error_leaves_whole_answers_alone() {
    let faults =
        FaultPlan { stream_error: Some((NonZeroU64::MIN, StreamErrorStyle::Bare)), ..FaultPlan::default() };
    let server = start(faults).await;
    assert_eq!(server.post(CHAT, &whole(8)).await.extent, Extent::Complete);
    let request = server.only_request().await;
    assert_eq!((&request["outcome"], &request["fault"]), (&json!("ok"), &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn a_stall_shifts_the_second_half() {
    let stall = Stall::For(Duration::from_secs(1));
    let server = start(FaultPlan { stall: Some((NonZeroU64::MIN, stall)), ..FaultPlan::default() }).await;
    assert_eq!(server.post(CHAT, &chat(4)).await.events().last().unwrap(), "[DONE]");
    let truth = server.truth().await;
    let request = &truth["requests"][0];
    let arrived = request["arrived_ns"].as_u64().unwrap();
    let expected = [50, 60, 1070, 1080].map(|ms| arrived + ms * MS);
    assert_eq!(request["token_sent_ns"], json!(expected));
    assert_eq!((&request["outcome"], &request["fault"]), (&json!("ok"), &json!("stall")));
    assert_eq!((&truth["requests_ok"], &truth["requests_stalled"]), (&json!(1), &json!(1)));
}

#[rstest]
#[case::stream(chat(8), " to\"")]
#[case::whole(whole(8), "HTTP/1.1 200 OK")]
#[tokio::test(start_paused = true)]
async fn an_endless_stall_lasts_until_the_client_leaves(#[case] body: Value, #[case] half: &str) {
    let faults = FaultPlan { stall: Some((NonZeroU64::MIN, Stall::Forever)), ..FaultPlan::default() };
    let server = start(faults).await;
    let mut client = server.connect().await;
    client.send("POST", CHAT, "", &body.to_string()).await;
    client.read_until(half).await;
    assert_eq!(server.truth().await["in_flight"], 1);
    drop(client);
    assert_eq!(ended(&server).await["requests_failed_by_fault"], json!({"stall": 1}));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_early_has_abandoned_its_request() {
    let server = Running::start(Options::default()).await;
    let mut client = server.connect().await;
    client.send("POST", CHAT, "", &chat(1_000_000).to_string()).await;
    client.read_until(" and").await;
    drop(client);
    let truth = ended(&server).await;
    assert_eq!(truth["requests_abandoned"], 1);
    assert_eq!(truth["requests"][0]["outcome"], "abandoned");
}

/// The truth once nothing is in flight. Each look is a round trip, so the server gets its turns.
async fn ended(server: &Running) -> Value {
    for _ in 0..1000 {
        let truth = server.truth().await;
        if truth["in_flight"] == 0 {
            return truth;
        }
    }
    panic!("a request never ended");
}

#[tokio::test(start_paused = true)]
async fn a_lying_connection_advertises_keep_alive_and_closes() {
    let server = start(FaultPlan { close: Some(second()), ..FaultPlan::default() }).await;
    let mut client = server.connect().await;
    let honest = client.request("POST", CHAT, "", &chat(2).to_string()).await;
    assert!(!honest.head.contains("Keep-Alive"));
    let lying = client.request("POST", CHAT, "", &chat(2).to_string()).await;
    assert_eq!(lying.extent, Extent::Complete);
    assert!(lying.head.contains("Connection: keep-alive\r\nKeep-Alive: timeout=5, max=100\r\n"));
    assert_eq!(client.read().await, "");
    let truth = server.truth().await;
    assert_eq!((&truth["requests_ok"], &truth["connections_closed_early"]), (&json!(2), &json!(1)));
}
