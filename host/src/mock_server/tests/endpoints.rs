//! What each endpoint answers when nothing is broken.

use rstest::rstest;
use serde_json::{Value, json};

use super::client::{Extent, Running, chat};
use crate::mock_server::Options;

const CHAT: &str = "/v1/chat/completions";

#[tokio::test(start_paused = true)]
async fn a_chat_stream_is_role_tokens_finish_usage_done() {
    let server = Running::start(Options::default()).await;
    let mut body = chat(5);
    body["stream_options"] = json!({"include_usage": true});
    let mut client = server.connect().await;
    let answer = client.request("POST", CHAT, "X-Request-ID: r-1\r\n", &body.to_string()).await;
    assert_eq!((answer.status, answer.extent), (200, Extent::Complete));
    assert!(answer.head.contains("X-Request-ID: r-1\r\n"), "{}", answer.head);
    let events = answer.events();
    assert_eq!(events.len(), 1 + 5 + 3);
    assert_eq!(events[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    assert_eq!(answer.texts(0, "content"), [" the", " of", " and", " to", " in"]);
    assert_eq!(events[6]["choices"][0]["finish_reason"], "length");
    assert_eq!(events[7]["choices"], json!([]));
    assert_eq!(events[7]["usage"], json!({"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}));
    assert_eq!(events[8], "[DONE]");
    assert!(events[..8].iter().all(|event| event["id"] == "chatcmpl-r-1" && event["model"] == "m"));
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_limit_gets_the_servers_tokens_and_stops() {
    let server = Running::start(Options::default()).await;
    let mut body = chat(1);
    body["max_completion_tokens"] = Value::Null;
    let answer = server.post(CHAT, &body).await;
    assert_eq!(answer.texts(0, "content").len(), 64);
    let events = answer.events();
    assert_eq!(events[65]["choices"][0]["finish_reason"], "stop");
    assert_eq!(events.len(), 1 + 64 + 2, "no usage unless it is asked for");
    assert_eq!(events[0]["id"], "chatcmpl-mock-1");
}

#[tokio::test(start_paused = true)]
async fn a_whole_chat_says_what_its_stream_would() {
    let server = Running::start(Options { reasoning_tokens: 2, ..Options::default() }).await;
    let mut body = chat(6);
    body["n"] = json!(2);
    let stream = server.post(CHAT, &body).await;
    body["stream"] = json!(false);
    let whole = server.post(CHAT, &body).await.json();
    for choice in 0..2_u64 {
        let message = &whole["choices"][usize::try_from(choice).unwrap()]["message"];
        let (reasoning, content) =
            (stream.texts(choice, "reasoning_content"), stream.texts(choice, "content"));
        assert_eq!((reasoning.len(), content.len()), (2, 4));
        assert_eq!(message["reasoning_content"], reasoning.concat());
        assert_eq!(message["content"], content.concat());
    }
    assert_eq!(whole["object"], "chat.completion");
    assert_eq!(
        whole["usage"],
        json!({
            "prompt_tokens": 3, "completion_tokens": 12, "total_tokens": 15,
            "completion_tokens_details": {"reasoning_tokens": 4},
        })
    );
}

#[tokio::test(start_paused = true)]
async fn completions_stream_and_do_not() {
    let server = Running::start(Options { reasoning_tokens: 2, ..Options::default() }).await;
    let mut body = json!({"model": "m", "prompt": ["a b", "c"], "max_tokens": 3, "stream": true});
    let stream = server.post("/v1/completions", &body).await;
    body["stream"] = json!(false);
    let whole = server.post("/v1/completions", &body).await.json();
    for choice in 0..2_u64 {
        let text = &whole["choices"][usize::try_from(choice).unwrap()]["text"];
        assert_eq!(*text, stream.texts(choice, "text").concat());
        assert_eq!(stream.texts(choice, "text").len(), 3);
    }
    assert_eq!(whole["object"], "text_completion");
    assert_eq!(whole["usage"], json!({"prompt_tokens": 3, "completion_tokens": 6, "total_tokens": 9}));
    assert_eq!(stream.events().last().unwrap(), "[DONE]");
}

#[tokio::test(start_paused = true)]
async fn embeddings_have_one_vector_an_input() {
    let server = Running::start(Options::default()).await;
    let answer = server
        .post("/v1/embeddings", &json!({"model": "m", "input": ["a", "b c"], "dimensions": 4}))
        .await
        .json();
    assert_eq!(answer["usage"], json!({"prompt_tokens": 3, "total_tokens": 3}));
    let vectors: Vec<_> =
        answer["data"].as_array().unwrap().iter().map(|entry| &entry["embedding"]).collect();
    assert!(vectors.iter().all(|vector| vector.as_array().unwrap().len() == 4));
    assert_ne!(vectors[0], vectors[1]);
}

#[tokio::test(start_paused = true)]
async fn models_lists_the_one_and_health_is_well() {
    let server = Running::start(Options { model: "tiny".to_owned(), ..Options::default() }).await;
    let models = server.get("/v1/models").await.json();
    assert_eq!((&models["object"], &models["data"][0]["id"]), (&json!("list"), &json!("tiny")));
    assert_eq!(server.get("/health").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_cache_is_emptied_and_profiles_are_counted() {
    let server = Running::start(Options::default()).await;
    let post = async |path: &str| server.post(path, &json!({})).await.status;
    assert_eq!((post("/reset_prefix_cache").await, post("/flush_cache").await), (200, 200));
    assert_eq!((post("/stop_profile").await, post("/start_profile").await), (400, 200));
    assert_eq!((post("/start_profile").await, post("/stop_profile").await), (400, 200));
    let truth = server.truth().await;
    let counts = ["cache_resets_total", "profiles_started_total", "profiles_stopped_total", "requests_total"];
    assert_eq!(counts.map(|name| &truth[name]), [&json!(2), &json!(1), &json!(1), &json!(0)]);
}

#[rstest]
#[case::unknown_path("POST", "/v1/chat", "{}", 404)]
#[case::wrong_method("GET", CHAT, "", 405)]
#[case::wrong_method_of_a_page("POST", "/health", "", 405)]
#[case::not_json("POST", CHAT, "{\"model\": ", 400)]
#[case::missing_model("POST", "/v1/completions", "{\"prompt\": \"x\"}", 400)]
#[tokio::test(start_paused = true)]
async fn a_bad_request_is_told_what_is_wrong(
    #[case] method: &str,
    #[case] path: &str,
    #[case] body: &str,
    #[case] status: u16,
) {
    let server = Running::start(Options::default()).await;
    let mut client = server.connect().await;
    let answer = client.request(method, path, "", body).await;
    let error = answer.json()["error"].clone();
    assert_eq!((answer.status, &error["code"]), (status, &json!(status)));
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()));
    assert!(error["type"].is_string() && error.as_object().unwrap().contains_key("param"));
    assert_eq!(
        client.request("GET", "/health", "", "").await.status,
        200,
        "the connection is still in order"
    );
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_not_http_ends_the_connection() {
    let server = Running::start(Options::default()).await;
    let mut client = server.connect().await;
    client.send_raw(b"hello\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 505);
    assert_eq!(client.read().await, "");
}

#[tokio::test(start_paused = true)]
async fn a_connection_carries_many_requests_and_closes_when_asked() {
    let server = Running::start(Options::default()).await;
    let mut client = server.connect().await;
    let body = chat(2).to_string();
    for _ in 0..3 {
        assert_eq!(client.request("POST", CHAT, "", &body).await.extent, Extent::Complete);
    }
    let last = client.request("POST", CHAT, "Connection: close\r\n", &body).await;
    assert_eq!(last.extent, Extent::Complete);
    assert_eq!(client.read().await, "");
    let truth = server.truth().await;
    assert_eq!((&truth["requests_ok"], &truth["connections_total"]), (&json!(4), &json!(2)));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_continue_is_told_to() {
    let server = Running::start(Options::default()).await;
    let mut client = server.connect().await;
    let body = chat(2).to_string();
    let head =
        format!("POST {CHAT} HTTP/1.1\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n", body.len());
    client.send_raw(head.as_bytes()).await;
    assert_eq!(client.read().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send_raw(body.as_bytes()).await;
    client.read_until("[DONE]").await;
}

/// An answer's calls are the same whether they are streamed in pieces or not.
#[rstest]
#[case::chat(CHAT, json!({"tools": [{"type": "function", "function": {"name": "look"}}]}))]
#[case::responses("/v1/responses", json!({"input": "a", "tools": [{"type": "function", "name": "look"}]}))]
#[case::messages("/v1/messages", json!({"max_tokens": 1024, "tools": [{"name": "look"}]}))]
#[case::ollama("/api/chat", json!({"tools": [{"function": {"name": "look"}}]}))]
#[tokio::test(start_paused = true)]
async fn tools_are_called_where_they_are_offered(#[case] path: &str, #[case] more: Value) {
    let options = Options { tool_calls: 2, keeps_texts: true, ..Options::default() };
    let server = Running::start(options).await;
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "a"}]});
    for stream in [true, false] {
        body["stream"] = json!(stream);
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = server.post(path, &body).await;
        for part in ["look", "-0-0\"", "-0-1\""] {
            assert!(answer.body.contains(part), "{part} in {}", answer.body);
        }
    }
    let truth = server.truth().await;
    let [streamed, whole] = [0, 1].map(|at| truth["requests"][at]["said"][0]["tool_calls"].clone());
    assert_eq!(streamed.as_array().unwrap().len(), 2);
    assert_eq!(streamed[1]["arguments"], whole[1]["arguments"]);
    assert_eq!((&streamed[1]["id"], &whole[1]["id"]), (&json!("call-1-0-1"), &json!("call-2-0-1")));
    let sent: Value = serde_json::from_str(truth["requests"][1]["body"].as_str().unwrap()).unwrap();
    assert_eq!(sent, body);
}
