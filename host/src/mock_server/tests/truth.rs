//! The truth agrees with what clients saw, with the metrics page, and with itself.

use std::{num::NonZeroU64, sync::Arc};

use ::http::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::client::{Answer, Running, chat};
use crate::mock_server::{FaultPlan, Options, StreamErrorStyle};

const CHAT: &str = "/v1/chat/completions";

async fn ask(server: &Running, id: &str, body: &Value) -> Answer {
    let header = format!("X-Request-ID: {id}\r\n");
    server.connect().await.request("POST", CHAT, &header, &body.to_string()).await
}

fn every(n: u64) -> Option<NonZeroU64> {
    NonZeroU64::new(n)
}

fn sum(counts: &Value) -> u64 {
    counts.as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
}

/// Asks 60 times at once, with faults, and gives the answers by their ids.
async fn load(server: &Arc<Running>) -> Vec<(String, Answer)> {
    let mut clients = JoinSet::new();
    for number in 0..60_u64 {
        let server = Arc::clone(server);
        clients.spawn(async move {
            let id = format!("r-{number}");
            let answer = ask(&server, &id, &chat(1 + number % 7)).await;
            (id, answer)
        });
    }
    clients.join_all().await
}

fn faults() -> FaultPlan {
    FaultPlan {
        error: every(10).map(|every| (every, StatusCode::TOO_MANY_REQUESTS)),
        cut: every(7),
        stream_error: every(5).map(|every| (every, StreamErrorStyle::Vllm)),
        ..FaultPlan::default()
    }
}

#[tokio::test(start_paused = true)]
async fn every_answer_is_told_as_its_client_saw_it() {
    let server = Arc::new(Running::start(Options { faults: faults(), seed: 42, ..Options::default() }).await);
    for (id, answer) in load(&server).await {
        let truth = server.get(&format!("/truth?request_id={id}")).await.json();
        let requests = truth["requests"].as_array().unwrap();
        assert_eq!(requests.len(), 1);
        let request = &requests[0];
        assert_eq!(request["request_id"], id);
        assert_eq!(request["status"], answer.status);
        assert_eq!(request["tokens_sent"], answer.texts(0, "content").len());
        let finished = answer.body.contains(r#""finish_reason":"length""#);
        assert_eq!(request["outcome"] == "ok", finished, "{request}");
        let sent: Vec<u64> = serde_json::from_value(request["token_sent_ns"].clone()).unwrap();
        assert_eq!(request["tokens_sent"], sent.len());
        assert_eq!(request["first_token_sent_ns"].as_u64(), sent.first().copied());
        assert!(sent.is_sorted());
        let ended = request["ended_ns"].as_u64().unwrap();
        assert!(sent.last().is_none_or(|last| *last <= ended));
        if let Some(first) = sent.first() {
            assert!(first - request["arrived_ns"].as_u64().unwrap() >= 50_000_000);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_counts_add_up_and_the_metrics_page_has_the_same() {
    let server = Arc::new(Running::start(Options { faults: faults(), ..Options::default() }).await);
    load(&server).await;
    ask(&server, "bad", &json!({"model": "m"})).await;
    let truth = server.truth().await;
    let count = |name: &str| truth[name].as_u64().unwrap();
    let failed = &truth["requests_failed_by_fault"];
    assert_eq!(*failed, json!({"cut": 8, "error": 6, "stream_error": 5}));
    assert_eq!((count("requests_total"), count("requests_rejected"), count("in_flight")), (61, 1, 0));
    assert_eq!(count("requests_ok") + sum(failed) + 1, 61);
    assert!((2..=60).contains(&count("max_in_flight")));
    assert_eq!(truth["arrivals_ns"].as_array().unwrap().len(), 61);
    let gaps: Vec<u64> = serde_json::from_value(truth["arrival_gaps_ns"].clone()).unwrap();
    let arrivals: Vec<u64> = serde_json::from_value(truth["arrivals_ns"].clone()).unwrap();
    assert_eq!((gaps.len(), gaps.iter().sum::<u64>()), (60, arrivals[60] - arrivals[0]));
    let requests = truth["requests"].as_array().unwrap();
    let total = |field: &str| requests.iter().map(|request| request[field].as_u64().unwrap()).sum::<u64>();
    assert_eq!(count("tokens_sent_total"), total("tokens_sent"));
    let timed = requests.iter().filter(|request| !request["first_token_sent_ns"].is_null()).count();

    let page = server.get("/metrics").await.body;
    for line in [
        format!("prony_mock_requests_total{{outcome=\"ok\"}} {}", count("requests_ok")),
        "prony_mock_requests_total{outcome=\"cut\"} 8".to_owned(),
        "prony_mock_requests_total{outcome=\"rejected\"} 1".to_owned(),
        "prony_mock_requests_running 0".to_owned(),
        format!("prony_mock_generation_tokens_total {}", total("tokens_sent")),
        format!("prony_mock_prompt_tokens_total {}", total("prompt_tokens")),
        format!("prony_mock_time_to_first_token_seconds_count {timed}"),
        format!("prony_mock_time_to_first_token_seconds_bucket{{le=\"0.1\"}} {timed}"),
        "prony_mock_time_to_first_token_seconds_bucket{le=\"0.02\"} 0".to_owned(),
    ] {
        assert!(page.lines().any(|found| found == line), "no `{line}` in\n{page}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_forgets_counts_and_numbers() {
    let faults = FaultPlan { cut: every(2), ..FaultPlan::default() };
    let server = Running::start(Options { faults, ..Options::default() }).await;
    ask(&server, "before", &chat(2)).await;
    assert_eq!(server.post("/truth/reset", &Value::Null).await.status, 200);
    let truth = server.truth().await;
    assert_eq!((&truth["requests_total"], &truth["requests"]), (&json!(0), &json!([])));
    ask(&server, "after", &chat(2)).await;
    let request = server.only_request().await;
    assert_eq!((&request["number"], &request["outcome"]), (&json!(1), &json!("ok")));
}

#[tokio::test(start_paused = true)]
async fn the_rejected_say_why_and_have_no_tokens() {
    let server = Running::start(Options::default()).await;
    ask(&server, "a%b \"c\"", &json!({"messages": []})).await;
    let request = server.get("/truth?request_id=a%25b%20%22c%22").await.json()["requests"][0].clone();
    assert_eq!((&request["outcome"], &request["status"]), (&json!("rejected"), &json!(400)));
    assert_eq!((&request["model"], &request["tokens_sent"]), (&Value::Null, &json!(0)));
}
