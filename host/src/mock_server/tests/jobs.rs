//! Forms, and what becomes of the jobs that some of them ask for.

use std::num::NonZeroU64;

use ::http::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};

use super::client::{Answer, Running};
use crate::mock_server::{FaultPlan, JobPlan, Options};

const VIDEOS: &str = "/v1/videos";
const SOUND: (&str, &str) = ("file\"; filename=\"a.wav", "RIFF");

async fn send(server: &Running, path: &str, fields: &[(&str, &str)]) -> Answer {
    let part = |(name, value): &(&str, &str)| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let body = fields.iter().map(part).collect::<String>() + "--b--\r\n";
    let header = "Content-Type: multipart/form-data; boundary=b\r\n";
    server.connect().await.request("POST", path, header, &body).await
}

async fn submit(server: &Running) -> Value {
    send(server, VIDEOS, &[("model", "m"), ("prompt", "two words")]).await.json()
}

async fn statuses(server: &Running, id: &Value, count: usize) -> Vec<Value> {
    let mut found = Vec::new();
    for _ in 0..count {
        let path = format!("{VIDEOS}/{}", id.as_str().unwrap());
        found.push(server.get(&path).await.json()["status"].clone());
    }
    found
}

#[tokio::test(start_paused = true)]
async fn a_job_is_at_work_until_it_was_asked_after_often_enough() {
    let jobs = JobPlan { polls: Some(2), fail: NonZeroU64::new(2) };
    let server = Running::start(Options { jobs, ..Options::default() }).await;
    let (good, bad) = (submit(&server).await, submit(&server).await);
    assert_eq!((&good["status"], &good["model"]), (&json!("queued"), &json!("m")));
    let content = format!("{VIDEOS}/video_1/content");
    assert_eq!(server.get(&content).await.status, 404);
    assert_eq!(statuses(&server, &good["id"], 3).await, ["in_progress", "in_progress", "completed"]);
    assert_eq!(statuses(&server, &bad["id"], 3).await[2], "failed");
    let video = server.get(&content).await;
    assert!(video.head.contains("Content-Type: video/mp4\r\n") && video.body.contains("ftypisom"));
    let truth = server.truth().await;
    assert_eq!(truth["requests"][0]["prompt_tokens"], 2);
    let counts = ["requests_total", "requests_ok", "polls_total", "downloads_total"];
    assert_eq!(counts.map(|count| truth[count].as_u64().unwrap()), [2, 2, 8, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_job_is_over_when_its_first_token_would_be_due() {
    let server = Running::start(Options::default()).await;
    let id = &submit(&server).await["id"];
    assert_eq!(statuses(&server, id, 1).await, ["in_progress"]);
    tokio::time::advance(Options::default().pacing.ttft).await;
    assert_eq!(statuses(&server, id, 1).await, ["completed"]);
}

#[tokio::test(start_paused = true)]
async fn a_look_at_a_job_fails_when_it_is_told_to() {
    let poll_error = Some((NonZeroU64::new(2).unwrap(), StatusCode::TOO_MANY_REQUESTS));
    let faults = FaultPlan { poll_error, ..FaultPlan::default() };
    let server = Running::start(Options { faults, ..Options::default() }).await;
    submit(&server).await;
    let mut found = Vec::new();
    for path in ["/v1/videos/video_1", "/v1/videos/video_1", "/v1/videos/video_9"] {
        found.push(server.get(path).await.status);
    }
    assert_eq!(found, [200, 429, 404]);
}

#[rstest]
#[case::no_prompt(VIDEOS, &[("model", "m")], "prompt")]
#[case::no_model(VIDEOS, &[("prompt", "m")], "model")]
#[case::no_image("/v1/images/edits", &[("model", "m"), ("prompt", "p")], "image")]
#[case::odd_count("/v1/images/edits", &[("model", "m"), ("prompt", "p"), ("url", "u"), ("n", "x")], "n")]
#[case::no_file("/v1/audio/transcriptions", &[("model", "m")], "file")]
#[tokio::test(start_paused = true)]
async fn a_form_that_misses_something_names_it(
    #[case] path: &str,
    #[case] fields: &[(&str, &str)],
    #[case] param: &str,
) {
    let server = Running::start(Options::default()).await;
    let answer = send(&server, path, fields).await;
    assert_eq!((answer.status, answer.json()["error"]["param"].as_str()), (400, Some(param)));
}

#[tokio::test(start_paused = true)]
async fn a_form_that_is_none_is_refused() {
    let server = Running::start(Options::default()).await;
    let answer = server.post(VIDEOS, &json!({"model": "m", "prompt": "p"})).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("the body is not a form"), "{}", answer.body);
}

#[tokio::test(start_paused = true)]
async fn a_transcript_is_written_as_it_was_asked_for() {
    let server = Running::start(Options::default()).await;
    let path = "/v1/audio/transcriptions";
    let fields = [("model", "m"), ("max_completion_tokens", "2"), SOUND];
    let whole = send(&server, path, &fields).await.json();
    assert_eq!((&whole["text"], &whole["usage"]["output_tokens"]), (&json!(" the of"), &json!(2)));
    let plain = send(&server, path, &[&fields[..], &[("response_format", "srt")]].concat()).await;
    assert_eq!(plain.body, " the of");
    let events = send(&server, path, &[&fields[..], &[("stream", "true")]].concat()).await.events();
    let kinds: Vec<&Value> = events.iter().map(|event| &event["type"]).collect();
    assert_eq!(kinds, ["transcript.text.delta", "transcript.text.delta", "transcript.text.done"]);
    assert_eq!(events[2]["text"], " the of");
}

#[tokio::test(start_paused = true)]
async fn an_edited_image_is_a_picture_under_its_own_name() {
    let server = Running::start(Options::default()).await;
    let fields = [("model", "m"), ("prompt", "p"), ("image\"; filename=\"i.png", "PNG"), ("n", "2")];
    let whole = send(&server, "/v1/images/edits", &fields).await.json();
    assert_eq!(whole["data"].as_array().map(Vec::len), Some(2));
    let stream = [&fields[..], &[("stream", "true")]].concat();
    let events = send(&server, "/v1/images/edits", &stream).await.events();
    assert_eq!(events[0]["type"], "image_edit.completed");
}
