//! The server: `prony mock-server` as a process, and what it says that it did.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, client::conn::http1::handshake};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::{net::TcpStream, runtime::Builder};

use super::{
    floor::FirstTokens,
    scenario::{Dialect, Scenario},
};

/// A running server. It ends with its owner.
#[derive(Debug)]
pub(crate) struct Mock {
    process: Child,
    pub(crate) address: SocketAddr,
}

/// What it did.
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

impl Mock {
    /// Starts a server with the scenario's pace, which knows of no request yet.
    pub(crate) fn start(program: &Path, scenario: &Scenario) -> Self {
        let pace = [
            "mock-server".to_owned(),
            "--exit-with-parent".to_owned(),
            format!("--ttft-ms={}", scenario.ttft_ms),
            format!("--itl-ms={}", scenario.itl_ms),
        ];
        // A pipe: the server notices when this program is gone.
        let mut command = Command::new(program);
        command.args(pace).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the mock server starts");
        let mut said = String::new();
        let output = process.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut said).expect("the mock server says where it is");
        let address = said.trim().strip_prefix("listening on http://").and_then(|text| text.parse().ok());
        Self { address: address.expect("an address"), process }
    }

    /// Sees to it that all work was done, and tells when the server sent its first tokens, by the wall clock.
    pub(crate) fn first_tokens(&self, scenario: &Scenario) -> FirstTokens {
        // Of a request that nobody sent there are only counts, which is all that most scenarios need.
        let path = if scenario.is_paced() { "/truth" } else { "/truth?request_id=none" };
        let truth: Truth = serde_json::from_slice(&self.get(path)).expect("the server's truth");
        let done = (truth.requests_total, truth.requests_ok);
        assert_eq!(done, (scenario.requests, scenario.requests), "requests of `{}`", scenario.name);
        if scenario.dialect != Dialect::Embeddings {
            let tokens = scenario.requests * scenario.tokens;
            assert_eq!(truth.tokens_sent_total, tokens, "tokens of `{}`", scenario.name);
        }
        let sent = |request: RequestTruth| {
            Some((request.request_id, truth.wall_start_ns + request.first_token_sent_ns?))
        };
        truth.requests.into_iter().filter_map(sent).collect()
    }

    fn get(&self, path: &str) -> Bytes {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let stream = TcpStream::connect(self.address).await.expect("the mock server listens");
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

impl Drop for Mock {
    fn drop(&mut self) {
        // It may have ended by itself, which comes to the same.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
