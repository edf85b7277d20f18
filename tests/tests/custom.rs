//! Dialects that the user writes himself: payloads from a file, and bodies from a template.
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
#[case::another_dialect(
    "--endpoint-type chat --custom-dataset-type raw-payload",
    "send payloads from a file with the endpoint `chat`: it writes its own bodies",
    "use `--endpoint-type raw`"
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
