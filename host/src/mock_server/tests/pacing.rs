//! When tokens leave, and how they are packed. The clock is paused: instants are exact.

use std::{
    num::{NonZeroU32, NonZeroU64},
    time::Duration,
};

use rstest::rstest;
use serde_json::{Value, json};

use super::client::{Answer, Running, chat};
use crate::mock_server::{Capacity, Framing, Options, Pacing, ServiceTime, Splits};

const CHAT: &str = "/v1/chat/completions";
const MS: u64 = 1_000_000;

fn instants(request: &Value) -> Vec<u64> {
    let arrived = request["arrived_ns"].as_u64().unwrap();
    let sent = request["token_sent_ns"].as_array().unwrap();
    sent.iter().map(|instant| instant.as_u64().unwrap() - arrived).collect()
}

#[tokio::test(start_paused = true)]
async fn token_k_leaves_ttft_and_k_itl_after_the_arrival() {
    let server = Running::start(Options::default()).await;
    server.post(CHAT, &chat(4)).await;
    let request = server.only_request().await;
    assert_eq!(instants(&request), [50 * MS, 60 * MS, 70 * MS, 80 * MS]);
    assert_eq!(
        request["first_token_sent_ns"].as_u64().unwrap() - request["arrived_ns"].as_u64().unwrap(),
        50 * MS
    );
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_leaves_with_its_last_token() {
    let server = Running::start(Options::default()).await;
    let mut body = chat(4);
    body["stream"] = json!(false);
    server.post(CHAT, &body).await;
    let request = server.only_request().await;
    let arrived = request["arrived_ns"].as_u64().unwrap();
    assert_eq!(request["first_token_sent_ns"], arrived + 80 * MS);
    assert_eq!((&request["tokens_sent"], &request["streaming"]), (&json!(4), &json!(false)));
}

#[tokio::test(start_paused = true)]
async fn jitter_only_delays_and_keeps_the_order() {
    let jitter = Duration::from_millis(25);
    let pacing = Pacing { jitter, ..Pacing::default() };
    let server = Running::start(Options { pacing, ..Options::default() }).await;
    server.post(CHAT, &chat(50)).await;
    let sent = instants(&server.only_request().await);
    assert!(sent.is_sorted());
    assert!(sent.iter().zip(0..).all(|(at, token)| *at >= (50 + 10 * token) * MS));
    assert!(sent.iter().zip(0..).any(|(at, token)| *at > (50 + 10 * token) * MS));
}

#[rstest]
#[case::bundles(3, None, &[3, 3, 2])]
#[case::first_bundle(1, Some(4), &[4, 1, 1, 1, 1])]
#[tokio::test(start_paused = true)]
async fn a_bundle_leaves_when_its_last_token_is_due(
    #[case] bundle: u64,
    #[case] first: Option<u64>,
    #[case] sizes: &[usize],
) {
    let framing = Framing {
        bundle: NonZeroU64::new(bundle).unwrap(),
        bundle_first: first.and_then(NonZeroU64::new),
        ..Framing::default()
    };
    let server = Running::start(Options { framing, ..Options::default() }).await;
    let answer = server.post(CHAT, &chat(8)).await;
    let words: Vec<_> =
        answer.texts(0, "content").iter().map(|text| text.split_whitespace().count()).collect();
    assert_eq!(words, sizes);
    let mut expected = Vec::new();
    for size in sizes {
        let last = (expected.len() + size - 1) as u64;
        expected.extend(vec![(50 + 10 * last) * MS; *size]);
    }
    assert_eq!(instants(&server.only_request().await), expected);
}

#[tokio::test(start_paused = true)]
async fn a_slow_header_stops_after_the_status_line() {
    let framing = Framing { slow_header: Duration::from_millis(300), ..Framing::default() };
    let server = Running::start(Options { framing, ..Options::default() }).await;
    let mut client = server.connect().await;
    client.send("POST", CHAT, "", &chat(2).to_string()).await;
    assert_eq!(client.read().await, "HTTP/1.1 200 OK\r\n");
    client.read_until("[DONE]").await;
    assert_eq!(
        instants(&server.only_request().await),
        [300 * MS, 300 * MS],
        "both were due before the head was out"
    );
}

#[tokio::test(start_paused = true)]
async fn split_writes_change_the_segments_and_nothing_else() {
    async fn ask(splits: Splits, seed: u64) -> Answer {
        let framing = Framing { splits, ..Framing::default() };
        let server = Running::start(Options { seed, framing, ..Options::default() }).await;
        server.post(CHAT, &chat(20)).await
    }
    let plain = ask(Splits::None, 42).await;
    let split = ask(Splits::Random, 42).await;
    assert_eq!(split.texts(0, "content"), plain.texts(0, "content"));
    assert_eq!(split.events().len(), plain.events().len());
    assert!(split.reads > 2 * plain.reads, "{} reads against {}", split.reads, plain.reads);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_finds_no_slot_waits_for_one() {
    let service = ServiceTime::Constant(Duration::from_millis(100));
    let capacity = Capacity { slots: NonZeroU32::new(2), service: Some(service) };
    let server = Running::start(Options { capacity, ..Options::default() }).await;
    let body = chat(4);
    let ask = || server.post(CHAT, &body);
    tokio::join!(ask(), ask(), ask());
    let truth = server.truth().await;
    let mut ends: Vec<u64> = truth["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| *instants(request).last().unwrap())
        .collect();
    ends.sort_unstable();
    assert_eq!(ends, [100 * MS, 100 * MS, 200 * MS]);
}
