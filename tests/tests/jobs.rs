//! Answers that are only a beginning: jobs that are asked after until they are over, and what becomes of them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use prony_tests::{
    Manner, MockPlugin, MockServer, Proxy, Run, Tool, UnixFront, eventually, library, wire::Replay,
};
use rstest::rstest;
use serde_json::Value;

/// A profile of so many videos, one after the other.
fn videos(url: &str, count: u32) -> Tool {
    Tool::new([
        "profile",
        "--endpoint-type",
        "video_generation",
        "--model",
        "m",
        "--ui",
        "none",
        "--url",
        url,
    ])
    .args(["--artifact-dir", "run", "--no-server-metrics", "--isl", "10", "--random-seed", "42"])
    .args(["--request-count", &count.to_string()])
}

fn of(summary: &Value, metric: &str, statistic: &str) -> Option<f64> {
    summary[metric][statistic].as_f64()
}

/// The endpoint `led`, which goes wherever its server leads it, with one request.
fn led(url: &str) -> (MockPlugin, Tool) {
    let pack = MockPlugin::empty();
    std::fs::copy(library("bad-manners"), pack.dir().join("libbad_manners.so")).unwrap();
    pack.manifest(
        "schema_version: \"1.0\"\nendpoint:\n  led:\n    class: bad_manners:LeadingEndpoint\n    description: It is led.\n    \
         metadata: {endpoint_path: /v1/jobs, supports_streaming: false, produces_tokens: true, tokenizes_input: true}\n",
    );
    let tool = Tool::new(["profile", "--endpoint-type", "led", "--model", "m", "--ui", "none", "--url", url])
        .args(["--artifact-dir", "run", "--no-server-metrics", "--isl", "10", "--request-count", "1"])
        .arg("--plugins")
        .arg(pack.path());
    (pack, tool)
}

fn answer(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn json(status: &str, body: &str) -> Vec<u8> {
    answer(status, body.as_bytes())
}

const QUEUED: &str = r#"{"id":"video_1","status":"queued"}"#;
const COMPLETED: &str = r#"{"id":"video_1","status":"completed"}"#;

/// Type, count and the rest of the only group of errors.
fn the_error(run: &Run) -> (String, u64, Value) {
    let summary = run.summary();
    let groups = summary["error_summary"].as_array().unwrap();
    assert_eq!(groups.len(), 1, "{groups:#?}");
    let (details, count) = (groups[0]["error_details"].clone(), groups[0]["count"].as_u64().unwrap());
    assert!(!details["hint"].as_str().unwrap_or_default().is_empty(), "{details:#}");
    (details["type"].as_str().unwrap().to_owned(), count, details)
}

fn requests(server: &Replay) -> Vec<String> {
    server.requests().into_iter().map(|request| String::from_utf8(request).unwrap()).collect()
}

#[rstest]
#[case::timed(&[])]
#[case::portable(&["--transport", "portable"])]
#[case::in_a_process_of_its_own(&["--isolate", "video_generation"])]
fn a_job_is_asked_after_until_it_is_over(#[case] flags: &[&str]) {
    let server = MockServer::start(["--job-polls", "2"]);
    let run = videos(server.url(), 4).args(flags).run();
    let summary = run.succeeds().summary();
    assert_eq!(
        (of(&summary, "request_count", "avg"), of(&summary, "media_count", "sum")),
        (Some(4.0), Some(4.0))
    );
    // Two looks find it at work, the third one finds it made.
    for extreme in ["min", "max"] {
        assert_eq!(of(&summary, "follow_up_count", extreme), Some(3.0));
    }
    let truth = server.truth();
    assert_eq!((&truth["requests_ok"], &truth["polls_total"]), (&4.into(), &12.into()), "{truth:#}");
    for record in run.records() {
        let value = |metric: &str| record["metrics"][metric]["value"].as_f64().unwrap();
        // Three pauses of a tenth of a second lie between the two.
        assert!(value("submit_latency") + 300.0 <= value("request_latency"), "{record:#}");
    }
}

#[test]
fn what_was_asked_after_goes_over_the_connections_of_the_requests() {
    let server = MockServer::start(["--job-polls", "2"]);
    videos(server.url(), 4).run().succeeds();
    // One more looked whether the server is there, and one asks for the truth.
    assert_eq!(server.truth()["connections_total"], 3);
}

#[rstest]
fn a_job_is_asked_after_behind_a_socket_and_a_proxy(#[values("timed", "portable")] transport: &str) {
    let server = MockServer::start(["--job-polls", "1"]);
    let front = UnixFront::before(server.url());
    let behind = videos(&format!("{}:/v1", front.url()), 2).args(["--transport", transport]).run();
    assert_eq!(of(&behind.succeeds().summary(), "follow_up_count", "sum"), Some(4.0));
    let proxy = Proxy::to(server.url(), Manner::Open);
    let far = videos("http://model.example:8123", 2).args(["--transport", transport]);
    let run = far.args(["--proxy", proxy.address()]).run();
    assert_eq!(of(&run.succeeds().summary(), "follow_up_count", "sum"), Some(4.0));
}

/// Elsewhere nobody knows of it.
#[test]
fn a_job_is_asked_after_where_it_was_accepted() {
    let servers = [(); 3].map(|()| MockServer::start(["--job-polls", "1"]));
    let urls = servers.iter().map(MockServer::url).collect::<Vec<_>>().join(",");
    videos(&urls, 7).run().succeeds();
    assert_eq!(servers.map(|server| server.truth()["polls_total"].as_u64().unwrap()), [6, 4, 4]);
}

/// A connection that died of its age is no answer to a question: it is asked again.
#[rstest]
fn a_server_that_lies_about_keep_alive_loses_no_job(#[values("timed", "portable")] transport: &str) {
    let server = MockServer::start(["--close-every", "1"]);
    let run = videos(server.url(), 40).args(["--transport", transport]).run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 40);
}

#[test]
fn a_job_that_fails_is_an_error_of_the_servers() {
    let server = MockServer::start(["--job-polls", "1", "--job-fail-every", "2"]);
    let run = videos(server.url(), 4).run();
    let (kind, count, details) = the_error(run.succeeds());
    assert_eq!((kind.as_str(), count), ("server_error", 2));
    let expected = "video_generation_failed: the mock server was told to fail this job";
    assert_eq!(details["message"], expected);
    assert_eq!(run.summary()["follow_up_count"]["count"], 2, "failures have no part in it");
}

#[rstest]
#[case::gone("404")]
#[case::too_often("429")]
#[case::broken("500")]
fn a_question_that_is_answered_with_an_error_fails_its_request(#[case] status: &str) {
    let server = MockServer::start(["--job-polls", "1", "--poll-error-every", "2", "--error-status", status]);
    let run = videos(server.url(), 4).run();
    let (kind, count, details) = the_error(run.ends_with(1));
    assert_eq!((kind.as_str(), count), ("http_status", 4));
    assert_eq!(details["code"].to_string(), status);
}

#[test]
fn a_job_without_end_ends_at_the_request_timeout() {
    let server = MockServer::start(["--job-polls", "1000000"]);
    let run = videos(server.url(), 4).args(["--request-timeout-seconds", "0.5"]).run();
    let (kind, count, details) = the_error(run.ends_with(1));
    assert_eq!((kind.as_str(), count), ("timeout", 4));
    // What failed has no metrics, but it is known how often it was asked after.
    let metadata = &run.records()[0]["metadata"];
    assert!(metadata["follow_ups"].as_u64() >= Some(1), "{metadata:#}");
    assert!(metadata["follow_up_bytes"].as_u64() < metadata["response_bytes"].as_u64(), "{metadata:#}");
    let message = details["message"].as_str().unwrap();
    assert!(message.contains("the server was still at work when asked"), "{message}");
    assert!(server.truth()["polls_total"].as_u64().unwrap() >= 4);
}

#[test]
fn a_server_that_dies_between_two_questions_is_lost() {
    let server = Replay::in_turn(vec![json("200 OK", QUEUED), Vec::new()], 42);
    let run = videos(&server.url(), 1).run();
    assert_eq!(the_error(run.ends_with(1)).0, "connection_reset");
}

/// It was reached, so that the run has failed rather than met nobody.
#[test]
fn a_server_that_is_gone_when_it_is_asked_again_was_there_once() {
    let server = MockServer::start(["--job-polls", "1000000"]);
    let running = videos(server.url(), 1).spawn();
    eventually("the job is at work", || (server.truth()["polls_total"].as_u64() > Some(0)).then_some(()));
    drop(server);
    let (kind, count, details) = the_error(running.wait().ends_with(1));
    assert!(["server_gone", "connection_reset"].contains(&kind.as_str()), "{details:#}");
    assert_eq!(count, 1);
}

/// The pause before a question is no reason to wait.
#[test]
fn a_second_interrupt_does_not_wait_for_the_next_question() {
    let server = Replay::start(json("200 OK", r#"{"next": "/jobs/1", "after_ms": 3600000}"#), 42);
    let (_pack, tool) = led(&server.url());
    let running = tool.spawn();
    eventually("the job is accepted", || (server.requests().len() == 1).then_some(()));
    running.signal("INT");
    eventually("the first interrupt is seen", || running.said("for requests in flight").then_some(()));
    running.signal("INT");
    let run = running.wait();
    run.ends_with(130);
    assert_eq!(run.summary()["cancelled_request_count"]["avg"], 1);
}

#[test]
fn a_question_carries_what_its_request_carried() {
    let server = Replay::in_turn(vec![json("200 OK", QUEUED), json("200 OK", COMPLETED)], 42);
    videos(&format!("{}/openai/v1?api-version=2", server.url()), 1)
        .args(["--api-key", "sk-7", "-H", "X-Acme: yes"])
        .run()
        .succeeds();
    let asked = requests(&server);
    let [submitted, polled] = &asked[..] else { panic!("{asked:#?}") };
    assert!(submitted.starts_with("POST /openai/v1/videos?api-version=2 HTTP/1.1\r\n"), "{submitted}");
    assert!(polled.starts_with("GET /openai/v1/videos/video_1?api-version=2 HTTP/1.1\r\n"), "{polled}");
    let fields = |request: &str| -> BTreeSet<String> {
        let head = request.split("\r\n\r\n").next().unwrap().to_lowercase();
        let lines = head.lines().skip(1).filter(|line| !line.starts_with("content-"));
        lines.map(|line| line.replace("accept: application/json", "accept: */*")).collect()
    };
    assert_eq!(fields(polled), fields(submitted));
    assert!(polled.contains("\r\nauthorization: Bearer sk-7\r\n"), "{polled}");
    assert!(!polled.to_lowercase().contains("content-"), "{polled}");
}

#[test]
fn a_path_of_the_users_own_is_where_its_jobs_are() {
    let server = Replay::in_turn(vec![json("200 OK", QUEUED), json("200 OK", COMPLETED)], 42);
    videos(&server.url(), 1).args(["--custom-endpoint", "/films"]).run().succeeds();
    assert!(requests(&server)[1].starts_with("GET /films/video_1 HTTP/1.1\r\n"));
}

/// A path, a path below the request's own, and an address of the same server.
#[test]
fn an_answer_may_lead_on_in_three_ways_and_by_any_status() {
    let answers = |url: &str| {
        vec![
            json("202 Accepted", r#"{"next": "/v1/jobs/1"}"#),
            json("404 Not Found", r#"{"next": "one/more"}"#),
            json("200 OK", &format!(r#"{{"next": "{url}/made?x=1"}}"#)),
            answer("200 OK", b"\0\xff\xfe\x80 no text"),
        ]
    };
    let server = Replay::in_turn_at(answers, 42);
    let (_pack, tool) = led(&server.url());
    let run = tool.run();
    let summary = run.succeeds().summary();
    assert_eq!(
        (of(&summary, "media_bytes", "avg"), of(&summary, "follow_up_count", "avg")),
        (Some(12.0), Some(3.0))
    );
    let asked = requests(&server);
    let lines: Vec<&str> = asked.iter().map(|request| request.lines().next().unwrap()).collect();
    let expected = ["POST /v1/jobs", "GET /v1/jobs/1", "GET /v1/jobs/one/more", "GET /made?x=1"];
    assert_eq!(lines, expected.map(|line| format!("{line} HTTP/1.1")));
}

#[test]
fn a_stream_may_lead_on_as_well() {
    let stream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: {\"next\": \"7\"}\n\n";
    let server = Replay::in_turn(vec![stream.into(), json("200 OK", r#"{"text": "done"}"#)], 42);
    let (_pack, tool) = led(&server.url());
    let run = tool.run();
    assert_eq!(of(&run.succeeds().summary(), "output_sequence_length", "avg"), Some(1.0));
    assert!(requests(&server)[1].starts_with("GET /v1/jobs/7 HTTP/1.1\r\n"));
}

#[rstest]
#[case::by_name("http://elsewhere.example/jobs/1")]
#[case::by_scheme("https://127.0.0.1/jobs/1")]
#[case::by_nonsense("nowhere://127.0.0.1")]
fn an_answer_that_leads_to_another_server_is_not_followed(#[case] next: &str) {
    let server = Replay::start(json("200 OK", &format!(r#"{{"next": "{next}"}}"#)), 42);
    let (_pack, tool) = led(&server.url());
    let (kind, _, details) = the_error(tool.run().ends_with(1));
    assert_eq!(kind, "follow_up");
    let message = details["message"].as_str().unwrap();
    assert_eq!(message, format!("the response leads to `{next}`, on another server"));
    assert_eq!(server.requests().len(), 1, "nothing was asked");
}
