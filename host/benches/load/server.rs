//! The server of a scenario as a process, and what it says that it did.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, client::conn::http1::handshake};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::{net::TcpStream, runtime::Builder};

use super::{
    program::Programs,
    scenario::{ApiFormat, Kind, Scenario},
};

/// When the first token of each request was sent, by the wall clock in nanoseconds: not before the first instant, and not
/// after the second.
pub(crate) type SentTokens = HashMap<String, (u64, u64)>;

/// A running server. It ends with its owner.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
}

/// What `prony mock-server` says that it did.
#[derive(Debug, Deserialize)]
struct Truth {
    wall_start_ns: u64,
    requests_total: u64,
    requests_ok: u64,
    tokens_sent_total: u64,
    requests: Vec<RequestTruth>,
}

#[derive(Debug, Deserialize)]
struct RequestTruth {
    request_id: String,
    first_token_sent_ns: Option<u64>,
}

impl Server {
    /// Starts the scenario's server at its pace, which knows of no request yet.
    pub(crate) fn start(programs: &Programs, scenario: &Scenario) -> Self {
        let pace = [format!("--ttft-ms={}", scenario.ttft_ms), format!("--itl-ms={}", scenario.itl_ms)];
        let mut command = match scenario.server {
            Kind::Mock => {
                let mut command = Command::new(&programs.prony);
                command.args(["mock-server", "--exit-with-parent"]).args(pace);
                command
            }
            Kind::Independent => {
                let mut command = Command::new(&programs.independent_server);
                command.args(pace);
                command
            }
        };
        // A pipe: either server notices when this program is gone.
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the server starts");
        let mut said = String::new();
        let output = process.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut said).expect("the server says where it is");
        let address = said.trim().strip_prefix("listening on http://").and_then(|text| text.parse().ok());
        Self { address: address.expect("an address"), process }
    }

    /// Checks that all work was done, and tells when the server sent its first tokens.
    pub(crate) fn first_tokens(&self, scenario: &Scenario) -> SentTokens {
        match scenario.server {
            Kind::Mock => self.first_tokens_of_mock(scenario),
            Kind::Independent => self.first_tokens_of_independent(scenario),
        }
    }

    fn first_tokens_of_mock(&self, scenario: &Scenario) -> SentTokens {
        // Of a request that nobody sent there are only counts, which is all that most scenarios need.
        let path = if scenario.is_paced() { "/truth" } else { "/truth?request_id=none" };
        let truth: Truth = serde_json::from_slice(&self.get(path)).expect("the server's truth");
        let done = (truth.requests_total, truth.requests_ok);
        assert_eq!(done, (scenario.requests, scenario.requests), "requests of `{}`", scenario.name);
        if scenario.api_format != ApiFormat::Embeddings {
            let tokens = scenario.requests * scenario.tokens;
            assert_eq!(truth.tokens_sent_total, tokens, "tokens of `{}`", scenario.name);
        }
        // It notes the instant at which its write has returned.
        let sent = |request: RequestTruth| {
            let at = truth.wall_start_ns + request.first_token_sent_ns?;
            Some((request.request_id, (at, at)))
        };
        truth.requests.into_iter().filter_map(sent).collect()
    }

    fn first_tokens_of_independent(&self, scenario: &Scenario) -> SentTokens {
        let truth = self.get("/truth");
        let truth = std::str::from_utf8(&truth).expect("the server's truth is text");
        let lines: Vec<_> = truth.lines().map(|line| line.split(' ').collect::<Vec<_>>()).collect();
        assert_eq!(lines.len() as u64, scenario.requests, "requests of `{}`", scenario.name);
        let number = |text: &str| text.parse::<u64>().expect("a number of the server's truth");
        let sent = |line: Vec<&str>| {
            let [id, before, after, tokens] = line[..] else { panic!("not the server's truth: {line:?}") };
            assert_eq!(number(tokens), scenario.tokens, "tokens of `{}`", scenario.name);
            (id.to_owned(), (number(before), number(after)))
        };
        lines.into_iter().map(sent).collect()
    }

    fn get(&self, path: &str) -> Bytes {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let stream = TcpStream::connect(self.address).await.expect("the server listens");
            let (mut sender, connection) = handshake(TokioIo::new(stream)).await.expect("a connection");
            let connection = tokio::spawn(connection);
            let request = Request::get(path).header("host", "bench").body(Empty::<Bytes>::new());
            let response = sender.send_request(request.expect("a good request")).await.expect("an answer");
            let body = response.collect().await.expect("a whole answer").to_bytes();
            connection.abort();
            body
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which comes to the same.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
