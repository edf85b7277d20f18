//! API formats that the user writes himself: payloads from a file, and bodies from a template.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use prony_tests::{MockServer, Tool, wire::Replay};
use rstest::rstest;

const TEXT: &str = r#"{"outputs":[{"said":"Hi there"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;

/// A server that nobody has described.
fn server() -> Replay {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}", TEXT.len());
    Replay::start(format!("{head}\r\nConnection: close\r\n\r\n{TEXT}").into_bytes(), 42)
}

fn tool(url: &str, endpoint: &str) -> Tool {
    Tool::new(["profile", "--ui", "none", "--artifact-dir", "run", "--no-server-metrics", "--model", "m"])
        .args([
            "--request-count",
            "2",
            "--endpoint-type",
            endpoint,
            "--url",
            url,
            "--custom-endpoint",
            "/say",
        ])
}

/// Bodies by path.
fn sent(server: &Replay) -> Vec<(String, String)> {
    let text = |request: &Vec<u8>| {
        let text = String::from_utf8(request.clone()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
    };
    server.requests().iter().filter(|request| request.starts_with(b"POST ")).map(text).collect()
}

#[test]
fn payloads_are_sent_byte_for_byte() {
    let server = server();
    let tool = tool(&server.url(), "raw");
    tool.file("p.jsonl", "{\"ask\" : 1.50}\n\n{\"prompt\":\"\\u00e9\"}\n");
    let run = tool
        .args(["--input-file", "p.jsonl", "--custom-dataset-type", "raw_payload", "--concurrency", "1"])
        .args(["--endpoint-option", "response_field=outputs[].said"])
        .run();
    let summary = run.succeeds().summary();
    let said = |body: &str| ("/say".to_owned(), body.to_owned());
    assert_eq!(sent(&server), [said("{\"ask\" : 1.50}"), said("{\"prompt\":\"\\u00e9\"}")]);
    assert_eq!(summary["output_sequence_length"]["avg"], 2);
    assert_eq!(summary["usage_prompt_tokens"]["avg"], 3);
    // Counted where it stands at a usual place.
    assert_eq!(
        (&summary["input_sequence_length"]["count"], &summary["input_sequence_length"]["avg"]),
        (&1.into(), &1.into())
    );
}

#[test]
fn a_template_from_a_file_makes_the_bodies() {
    let server = server();
    let tool = tool(&server.url(), "template");
    tool.file("body.j2", r#"{"ask": {{ text|tojson }}, "most": {{ max_tokens }}}"#);
    tool.file("p.jsonl", r#"{"text": "\"Hi\" & <bye>", "output_length": 7}"#);
    let run = tool
        .args(["--input-file", "p.jsonl", "--endpoint-option", "template_file=body.j2"])
        .args(["--endpoint-option", "response_field=outputs[0].said"])
        .run();
    run.succeeds();
    assert_eq!(sent(&server)[0], ("/say".to_owned(), r#"{"ask": "\"Hi\" & <bye>", "most": 7}"#.to_owned()));
}

#[test]
fn an_answer_in_an_unusual_place_is_an_error_that_says_what_to_do() {
    let run = tool(&server().url(), "template").args(["--isl", "5"]).run();
    run.ends_with(1);
    assert!(
        run.stderr.contains("found an object with `outputs`, `usage` where JSON with text"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("--endpoint-option response_field="), "{}", run.stderr);
}

#[rstest]
#[case::no_such_template(
    "--endpoint-type template --extra-inputs payload_template:no-such-file.json",
    "use the template `no-such-file.json`: it is no file",
    "the name `nv-embedqa`"
)]
#[case::two_templates(
    "--endpoint-type template --endpoint-option template=1 --extra-inputs payload_template:nv-embedqa",
    "use both `template` and `payload_template`",
    "set one of them"
)]
#[case::an_option_twice(
    "--endpoint-type template --endpoint-option response_field=a --extra-inputs response_field:b",
    "set the option `response_field` by `--endpoint-option` and by `--extra-inputs`",
    "give it in one place"
)]
#[case::a_length(
    "--endpoint-type raw --custom-dataset-type raw-payload --osl 5",
    "use `--osl` together with `--custom-dataset-type raw-payload`: a payload is sent as it is",
    "leave out `--osl`"
)]
#[case::extra_inputs(
    "--endpoint-type raw --custom-dataset-type raw-payload --extra-inputs n:1",
    "use `--extra-inputs` together with `--custom-dataset-type raw-payload`: a payload is sent as it is",
    "leave out `--extra-inputs`"
)]
#[case::no_payload("--endpoint-type raw --custom-dataset-type raw-payload", "is not JSON", "one JSON object")]
#[case::no_template(
    "--endpoint-type template --endpoint-option template={{",
    "compile the template `template`: line 1",
    "it is a Jinja template"
)]
fn what_cannot_work_is_refused_before_anything_is_sent(
    #[case] flags: &str,
    #[case] error: &str,
    #[case] help: &str,
) {
    let server = MockServer::start([]);
    let tool = Tool::new(["profile", "--ui", "none", "--model", "m", "--url", server.url()]);
    tool.file("p.jsonl", "a text\n");
    let run = tool.args(["--input-file", "p.jsonl"]).args(flags.split(' ')).run();
    run.ends_with(2);
    assert!(run.stderr.contains(error) && run.stderr.contains(help), "{}", run.stderr);
    assert_eq!(server.truth()["requests_total"], 0);
}

/// A server that answers everything with this body.
fn answering(content_type: &str, body: &str) -> Replay {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nConnection: close\r\n\r\n");
    Replay::start(format!("{head}{body}").into_bytes(), 42)
}

/// `--endpoint-type template` with the flags of AIPerf, at a URL with a path.
fn with_a_template(server: &Replay, path: &str, words: &[&str], transport: &str) -> Tool {
    let url = format!("{}{path}", server.url());
    let tool = Tool::new(["profile", "--ui", "none", "--artifact-dir", "run", "--no-server-metrics"]);
    tool.args(["--model", "m-1", "--url", &url, "--endpoint-type", "template", "--request-count", "2"])
        .args(words)
        .args(["--transport", transport])
}

/// The commands of AIPerf's guide to templates: the body is the template's, with neither of the two keys in it, and it goes
/// to the URL as it is.
#[rstest]
#[case::inline(
    "/custom-endpoint",
    "payload_template:\n  {\n    \"text\": {{ text|tojson }}\n  }",
    &["--synthetic-input-tokens-mean", "10", "--output-tokens-mean", "5"],
    "application/json",
    r#"{"text": "Hi there"}"#,
    r#"{"text": "#
)]
#[case::embeddings(
    "/embed",
    "payload_template:\n {\"input\": {{ texts|tojson }},\n  \"model\": {{ model|tojson }}}",
    &["--extra-inputs", "response_field:embeddings", "--synthetic-input-tokens-mean", "10"],
    "application/json",
    r#"{"embeddings": [[0.1, 0.2]], "text": "no answer"}"#,
    r#"{"input": ["#
)]
#[case::named(
    "/embeddings",
    "payload_template:nv-embedqa",
    &["--synthetic-input-tokens-mean", "10"],
    "application/json",
    r#"{"data": [{"embedding": [0.1, 0.2]}]}"#,
    r#"{"text": ["#
)]
#[case::from_a_file(
    "/generate",
    "payload_template:./chat_template.json",
    &["--extra-inputs", "response_field:generated_text", "--streaming", "--synthetic-input-tokens-mean", "10",
      "--output-tokens-mean", "7"],
    "text/event-stream",
    "data: {\"generated_text\": \"Hi\"}\n\ndata: {\"generated_text\": \" there\"}\n\n",
    r#"{"model": "m-1", "prompt": "#
)]
#[case::with_an_image(
    "/analyze",
    "payload_template:{\"text\": {{ text|tojson }}, \"image\": {{ image|tojson }}}",
    &["--input-file", "./multimodal_dataset.jsonl"],
    "application/json",
    r#"{"text": "Hi there"}"#,
    r#"{"text": "What is it?", "image": "https://example.com/a.png"}"#
)]
fn templates_are_taken_as_aiperf_takes_them(
    #[case] path: &str,
    #[case] template: &str,
    #[case] words: &[&str],
    #[case] content_type: &str,
    #[case] answer: &str,
    #[case] beginning: &str,
    #[values("timed", "portable")] transport: &str,
) {
    let server = answering(content_type, answer);
    let tool = with_a_template(&server, path, &["--extra-inputs", template], transport).args(words);
    tool.file(
        "chat_template.json",
        "{\"model\": {{ model|tojson }}, \"prompt\": {{ text|tojson }}, \"max_new_tokens\": {{ max_tokens|tojson }},\n\
         \"stream\": {{ stream|lower }}}\n",
    );
    tool.file("multimodal_dataset.jsonl", r#"{"text": "What is it?", "image": "https://example.com/a.png"}"#);
    let run = tool.run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 2);
    let sent = sent(&server);
    assert!(sent.iter().all(|(asked, _)| asked == path), "{sent:?}");
    let body = sent[0].1.replace('\n', "").replace("    ", "").replace("{  ", "{");
    assert!(body.starts_with(beginning), "{body}");
    let body: serde_json::Value = serde_json::from_str(&sent[0].1).unwrap();
    for key in ["payload_template", "response_field", "messages"] {
        assert!(body.get(key).is_none(), "{body}");
    }
    if path == "/generate" {
        assert_eq!((&body["max_new_tokens"], &body["stream"]), (&7.into(), &true.into()));
    }
}

#[test]
fn other_extra_inputs_are_merged_into_the_template() {
    let server = answering("application/json", r#"{"text": "Hi"}"#);
    let template = r#"payload_template:{"text": {{ text|tojson }}}"#;
    let words = ["--extra-inputs", template, "--extra-inputs", "top_p:0.9", "--isl", "5"];
    with_a_template(&server, "/say", &words, "timed").run().succeeds();
    let body: serde_json::Value = serde_json::from_str(&sent(&server)[0].1).unwrap();
    assert_eq!((&body["top_p"], body.as_object().unwrap().len()), (&0.9.into(), 2));
}

/// The path of the URL is all there is; one that the user gives beside it still counts.
#[rstest]
#[case::as_it_is("/say", &[], "/say")]
#[case::with_a_query("/say?a=b", &[], "/say?a=b")]
#[case::without_a_path("", &[], "/v1/chat/completions")]
#[case::root("/", &[], "/v1/chat/completions")]
#[case::below("/say", &["--custom-endpoint", "/more"], "/say/more")]
fn a_url_with_a_path_is_the_whole_address(#[case] path: &str, #[case] words: &[&str], #[case] asked: &str) {
    let server = answering("application/json", r#"{"text": "Hi"}"#);
    let template = r#"payload_template:{"text": {{ text|tojson }}}"#;
    let tool = with_a_template(&server, path, &["--extra-inputs", template, "--isl", "5"], "timed");
    tool.args(words).run().succeeds();
    assert_eq!(sent(&server)[0].0, asked);
}
