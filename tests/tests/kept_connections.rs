//! Kept connections that die: what the server may have worked on is a failure with its time, and only what it cannot have
//! read is sent again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use prony_tests::{Run, Script, ScriptedServer, Tool};
use rstest::rstest;

const ANSWER: &str = r#"{"choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;

fn answer() -> Script {
    Script::whole("application/json", ANSWER)
}

/// One request after the other, on connections that are kept.
fn requests(server: &ScriptedServer, count: &str, transport: &str) -> Tool {
    Tool::bare_profile().args(["--url", &server.url(), "--request-count", count]).args([
        "--concurrency",
        "1",
        "--workers",
        "1",
        "--transport",
        transport,
    ])
}

fn latencies_ms(run: &Run, failed: bool) -> Vec<u64> {
    let records = run.records();
    let wanted = records.iter().filter(|record| record["error"].is_object() == failed);
    let time = |name: &str, record: &serde_json::Value| record["metadata"][name].as_u64().unwrap();
    wanted
        .map(|record| (time("request_end_ns", record) - time("request_start_ns", record)) / 1_000_000)
        .collect()
}

/// Every second request is taken whole and worked on, and then its connection dies.
#[rstest]
#[case::closed(Script::silent().pause_ms(400).close())]
#[case::reset(Script::silent().pause_ms(400).reset())]
fn a_server_that_dies_at_work_has_failed(
    #[case] death: Script,
    #[values("timed", "portable")] transport: &str,
) {
    let scripts = [answer(), death.clone(), answer(), death.clone(), answer(), death];
    let server = ScriptedServer::start(scripts);
    let run = requests(&server, "6", transport).run();
    let summary = run.succeeds().summary();
    assert_eq!(server.requests().len(), 6, "nothing is sent twice");
    assert_eq!(summary["request_count"]["avg"], 3);
    let errors = summary["error_summary"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0]["error_details"]["type"], "connection_reset");
    assert_eq!(errors[0]["count"], 3);
    assert_eq!(summary["closed_idle"], 0);
    let lost = latencies_ms(&run, true);
    assert!(lost.len() == 3 && lost.iter().all(|ms| *ms >= 400), "{lost:?}");
    assert!(run.stderr.contains("3 of 6 requests failed"), "{}", run.stderr);
}

/// How soon this process sees the end is the machine's affair: what is not sent again is a failure.
#[rstest]
#[case::closed(Script::silent().close())]
#[case::reset(Script::silent().reset())]
fn a_kept_connection_that_ends_at_once_is_replaced_once_and_counted(
    #[case] end: Script,
    #[values("timed", "portable")] transport: &str,
) {
    // Each death is followed by an answer, whether it is to the same request or to the next.
    let scripts: Vec<Script> = (0..40).flat_map(|_| [answer(), end.clone()]).collect();
    let server = ScriptedServer::start(scripts);
    let run = requests(&server, "20", transport).run();
    let summary = run.succeeds().summary();
    let closed = summary["closed_idle"].as_u64().unwrap();
    let again = run.records().iter().filter(|record| record["metadata"]["retried"] == true).count() as u64;
    let failed = summary["error_request_count"]["avg"].as_u64().unwrap_or(0);
    assert!(closed > 0 && closed >= again, "{summary:#}");
    assert_eq!(server.requests().len() as u64, 20 + again);
    assert_eq!(summary["request_count"]["avg"].as_u64().unwrap(), 20 - failed);
    assert_eq!(run.stderr.contains("sent again"), again > 0, "{}", run.stderr);
    assert!(run.stderr.contains("closed_idle"), "{}", run.stderr);
    assert!(run.stdout.contains("closed_idle"), "{}", run.stdout);
}

/// A user thinks for longer than the server keeps a connection that nobody uses: no request is lost, and each that met with it is
/// counted.
#[test]
fn a_session_that_idles_for_longer_than_the_server_keeps_connections_has_no_errors() {
    let server = Impatient::start(Duration::from_millis(800));
    let run = Tool::bare_profile()
        .args(["--url", &server.url(), "--num-conversations", "1", "--concurrency", "1", "--workers", "1"])
        .args(["--conversation-turn-mean", "4", "--conversation-turn-delay-mean", "2400"])
        .run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 4);
    assert_eq!(summary["error_request_count"]["avg"], 0);
    assert_eq!(summary["closed_idle"], 3, "each turn but the first");
    assert_eq!(server.connections(), 4);
    assert!(run.stderr.contains("(closed_idle): 3"), "{}", run.stderr);
}

/// A server that closes a connection on which no request comes for so long.
struct Impatient {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Impatient {
    fn start(timeout: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&connections);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let counted = Arc::clone(&counted);
                thread::spawn(move || {
                    stream.set_read_timeout(Some(timeout)).unwrap();
                    let mut is_new = true;
                    while prony_tests::wire::answer_next(&mut stream, &whole_answer()).is_some() {
                        // One that brings no request is a look whether the server is there.
                        if std::mem::take(&mut is_new) {
                            counted.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        Self { address, connections }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// A server that takes no more than the beginning of a request cannot have worked on it, however long that took it.
#[test]
fn a_request_that_was_never_taken_whole_is_sent_again() {
    let server = Reluctant::start();
    let tool = Tool::bare_profile();
    let text = "word ".repeat(2_000_000);
    tool.file("prompts.jsonl", format!("{{\"text\": \"{text}\"}}\n"));
    let run = tool
        .args(["--url", &server.url(), "--request-count", "2", "--concurrency", "1", "--workers", "1"])
        .args(["--input-file", "prompts.jsonl", "--use-server-token-count"])
        .run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 2);
    assert_eq!(summary["closed_idle"], 1);
    // The first try's instants are kept: the time that it took is not hidden.
    let latency = summary["request_latency"]["max"].as_f64().unwrap();
    assert!(latency >= 300.0, "{latency}");
}

/// Of the second request it reads one byte, and resets the connection after 300 ms.
struct Reluctant(SocketAddr);

impl Reluctant {
    fn start() -> Self {
        use std::io::Read;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let mut answered = 0;
            for mut stream in listener.incoming().flatten() {
                while prony_tests::wire::answer_next(&mut stream, &whole_answer()).is_some() {
                    answered += 1;
                    if answered == 1 {
                        stream.read_exact(&mut [0]).unwrap();
                        thread::sleep(Duration::from_millis(300));
                        break;
                    }
                }
            }
        });
        Self(address)
    }

    fn url(&self) -> String {
        format!("http://{}", self.0)
    }
}

fn whole_answer() -> Vec<u8> {
    let length = ANSWER.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{ANSWER}")
        .into_bytes()
}
