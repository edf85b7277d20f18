//! A mock server of its own process.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    process::{Process, SHORT_TIMEOUT, eventually},
    program,
};

/// A running `prony mock-server`. It ends with this value.
#[derive(Debug)]
pub struct MockServer {
    _process: Process,
    url: String,
}

impl MockServer {
    /// Starts one with these flags on a free port. Its answers take no time unless a flag says so.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start<'a>(flags: impl IntoIterator<Item = &'a str>) -> Self {
        let flags: Vec<&str> = flags.into_iter().collect();
        let instant = ["--ttft-ms", "--itl-ms"].into_iter().filter(|flag| !flags.contains(flag));
        let mut command = Command::new(program());
        command
            .args(["mock-server", "--port", "0", "--seed", "42", "--exit-with-parent"])
            .args(instant.flat_map(|flag| [flag, "0"]))
            .args(flags)
            .stdin(Stdio::piped());
        let mut process = Process::start(&mut command);
        let url = eventually("the mock server says where it listens", || {
            assert!(!process.has_ended(), "the mock server does not come up: {}", process.stderr());
            let said = process.stdout();
            let (line, _) = said.split_once('\n')?;
            Some(line.strip_prefix("listening on ").expect("it says where it listens").to_owned())
        });
        Self { _process: process, url }
    }

    /// Its base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many requests it has answered well.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn answered(&self) -> u64 {
        self.truth()["requests_ok"].as_u64().expect("a count")
    }

    /// What it knows about the requests it has seen.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn truth(&self) -> Value {
        let address = self.url.strip_prefix("http://").expect("a plain URL");
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(SHORT_TIMEOUT)).expect("a time-out");
        write!(stream, "GET /truth HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
            .expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let body = crate::wire::Response::parse(&answer).body;
        serde_json::from_slice(&body).expect("the truth is JSON")
    }
}
