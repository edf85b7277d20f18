//! API formats of clouds, from the command line to the bytes on the wire: where a request goes, and what proves whose it is.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{fs, path::Path};

use hmac::{Hmac, KeyInit, Mac};
use prony_tests::{Run, Tool, fixtures, hex, sha256, wire::Replay};
use rstest::rstest;
use sha2::Sha256;

const ACCESS_KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "6e86291e8372ff2a2260956d9b8aae1d763fbf31";

/// A server that always gives a recorded answer.
fn replay(case: &str) -> Replay {
    let answer = fs::read(fixtures().join(format!("wire/api_formats/{case}.response.http"))).unwrap();
    Replay::start(answer, 42)
}

/// A profile with two requests, and credentials in the environment.
fn profile(endpoint: &str, url: &str) -> Tool {
    let words = ["profile", "--endpoint-type", endpoint, "--ui", "none", "--artifact-dir", "run"];
    Tool::new(words)
        .args(["--model", "vendor.model-v1:0", "--url", url, "--request-count", "2", "--isl", "5"])
        .args(["--random-seed", "42", "--no-server-metrics"])
        // The server closes each connection behind its answer, and does not say so.
        .args(["--connection-reuse-strategy", "never"])
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_SESSION_TOKEN", TOKEN)
        .env("AWS_REGION", "eu-central-1")
}

/// A request as it was sent.
struct Sent {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Sent {
    fn first_of(server: &Replay) -> Self {
        let bytes = server.requests().remove(0);
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n").map(str::to_owned);
        let line = lines.next().unwrap();
        let header = |line: String| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_lowercase(), value.to_owned())
        };
        Self { line, headers: lines.map(header).collect(), body: bytes[end + 4..].to_vec() }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// The signature that the server would work out from what it received.
fn signature_of(sent: &Sent, names: &[&str], scope: &str) -> String {
    let path = sent.line.split(' ').nth(1).unwrap().replace('%', "%25").replace(':', "%3A");
    let headers: Vec<String> = names.iter().map(|name| format!("{name}:{}\n", sent.header(name))).collect();
    let headers = headers.concat();
    let body = sha256(&sent.body);
    let canonical = format!("POST\n{path}\n\n{headers}\n{}\n{body}", names.join(";"));
    let date = sent.header("x-amz-date");
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha256(canonical));
    let parts = scope.split('/').chain([text.as_str()]);
    let key = parts.fold(format!("AWS4{SECRET}").into_bytes(), |key, part| {
        let mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.chain_update(part).finalize().into_bytes().to_vec()
    });
    hex(&key)
}

/// Nothing that was printed or written holds a credential.
fn tells_no_credentials(run: &Run) {
    let mut outputs =
        vec![("stdout".to_owned(), run.stdout.clone()), ("stderr".to_owned(), run.stderr.clone())];
    files(run.dir(), &mut outputs);
    assert!(outputs.len() > 4, "the artifacts are looked at as well");
    for (place, text) in outputs {
        for secret in [ACCESS_KEY, SECRET, TOKEN] {
            assert!(!text.contains(secret), "{place} holds {secret}");
        }
    }
}

fn files(folder: &Path, outputs: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, outputs);
        } else if let Ok(bytes) = fs::read(&path) {
            outputs.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
}

#[rstest]
#[case::stream(true, "", "stream", "/model/vendor.model-v1:0/converse-stream")]
#[case::whole(false, "", "nonstream", "/model/vendor.model-v1:0/converse")]
#[case::a_shared_segment(false, "/model", "nonstream", "/model/vendor.model-v1:0/converse")]
#[case::behind_a_gateway(false, "/gate/way", "nonstream", "/gate/way/model/vendor.model-v1:0/converse")]
fn a_request_to_bedrock_is_signed_as_it_is_sent(
    #[case] streaming: bool,
    #[case] base: &str,
    #[case] case: &str,
    #[case] path: &str,
) {
    let server = replay(&format!("bedrock_converse_stream.{case}"));
    let tool = profile("bedrock_converse_stream", &format!("{}{base}", server.url()));
    let run = if streaming { tool.arg("--streaming") } else { tool }.run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 2);
    let sent = Sent::first_of(&server);
    assert_eq!(sent.line, format!("POST {path} HTTP/1.1"));
    let day = &sent.header("x-amz-date")[..8];
    let scope = format!("{day}/eu-central-1/bedrock/aws4_request");
    let names = ["content-type", "host", "x-amz-date", "x-amz-security-token"];
    let signature = signature_of(&sent, &names, &scope);
    assert_eq!(
        sent.header("authorization"),
        format!(
            "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={}, Signature={signature}",
            names.join(";")
        )
    );
    assert_eq!(sent.header("x-amz-security-token"), TOKEN);
    tells_no_credentials(&run);
}

#[test]
fn a_child_process_knows_the_credentials_as_well() {
    let server = replay("bedrock_converse_stream.stream");
    let tool = profile("bedrock_converse_stream", &server.url());
    let run = tool.args(["--streaming", "--isolate", "bedrock_converse_stream"]).run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 2);
    assert!(Sent::first_of(&server).header("authorization").contains(ACCESS_KEY));
    tells_no_credentials(&run);
}

/// Typed, they are options; what stands in the environment is another account's.
#[test]
fn options_win_over_the_environment_and_are_told_as_little() {
    let server = replay("bedrock_converse_stream.nonstream");
    let tool = profile("bedrock_converse_stream", &server.url());
    let set = |tool: Tool, (name, value): (&str, &str)| {
        tool.args(["--endpoint-option", &format!("{name}={value}")])
    };
    let typed = [
        ("access_key_id", "AKIDOFAOPTION"),
        ("secret_access_key", "secret-of-an-option"),
        ("session_token", "token-of-an-option"),
    ];
    let tool = typed.iter().fold(tool, |tool, (name, value)| set(tool, (&format!("aws_{name}"), value)));
    let run = tool.run();
    run.succeeds();
    assert!(Sent::first_of(&server).header("authorization").contains("AKIDOFAOPTION"));
    assert_eq!(Sent::first_of(&server).header("x-amz-security-token"), "token-of-an-option");
    tells_no_credentials(&run);
    let mut outputs =
        vec![("stdout".to_owned(), run.stdout.clone()), ("stderr".to_owned(), run.stderr.clone())];
    files(run.dir(), &mut outputs);
    for ((place, text), (_, secret)) in
        outputs.iter().flat_map(|output| typed.iter().map(move |typed| (output, typed)))
    {
        assert!(!text.contains(secret), "{place} holds {secret}");
    }
}

#[test]
fn a_key_takes_the_place_of_a_signature() {
    let server = replay("bedrock_converse_stream.nonstream");
    profile("bedrock_converse_stream", &server.url()).args(["--api-key", "key-7"]).run().succeeds();
    let sent = Sent::first_of(&server);
    assert_eq!(sent.header("authorization"), "Bearer key-7");
    assert_eq!(sent.header("x-amz-date"), "");
}

#[test]
fn a_server_that_repeats_credentials_is_not_believed_to_be_discreet() {
    let body =
        format!("{{\"message\":\"The Canonical String was x-amz-security-token:{TOKEN} of {ACCESS_KEY}\"}}");
    let answer = format!(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let server = Replay::start(answer.into_bytes(), 42);
    let run = profile("bedrock_converse_stream", &server.url()).run();
    run.ends_with(1);
    let message = &run.summary()["error_summary"][0]["error_details"]["message"];
    let (asked, said) = message.as_str().unwrap().split_once(": ").unwrap();
    assert!(asked.starts_with("POST /model/"), "{message}");
    assert_eq!(said, "The Canonical String was x-amz-security-token:<redacted> of <redacted>");
    tells_no_credentials(&run);
}

#[test]
fn half_a_key_is_an_error_before_anything_is_sent() {
    let server = replay("bedrock_converse_stream.nonstream");
    let run = profile("bedrock_converse_stream", &server.url()).env("AWS_SECRET_ACCESS_KEY", "").run();
    run.ends_with(2);
    assert!(run.stderr.contains("half of an access key"), "{}", run.stderr);
    assert!(!run.stderr.contains(ACCESS_KEY) && server.requests().is_empty(), "{}", run.stderr);
}

#[test]
fn azure_has_its_deployment_and_its_version_in_the_path_and_its_key_in_a_header() {
    let server = replay("azure_chat.stream");
    let run = profile("azure_chat", &server.url()).args(["--api-key", "key-7", "--streaming"]).run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 2);
    let sent = Sent::first_of(&server);
    assert_eq!(
        sent.line,
        "POST /openai/deployments/vendor.model-v1:0/chat/completions?api-version=2024-10-21 HTTP/1.1"
    );
    assert_eq!((sent.header("api-key"), sent.header("authorization")), ("key-7", ""));
}
