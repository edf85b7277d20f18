//! A mock server of its own process.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::program;

/// A running `prony mock-server`. It ends with this value.
#[derive(Debug)]
pub struct MockServer {
    child: Child,
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
        let mut child = Command::new(program())
            .args(["mock-server", "--port", "0", "--seed", "42", "--exit-with-parent"])
            .args(instant.flat_map(|flag| [flag, "0"]))
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the mock server starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output is piped");
        BufReader::new(output).read_line(&mut line).expect("it says where it listens");
        let url = line.trim().strip_prefix("listening on ").expect("it says where it listens").to_owned();
        Self { child, url }
    }

    /// Its base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it knows about the requests it has seen.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn truth(&self) -> Value {
        let address = self.url.strip_prefix("http://").expect("a plain URL");
        let mut stream = TcpStream::connect(address).expect("it listens");
        write!(stream, "GET /truth HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
            .expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let body = crate::wire::Response::parse(&answer).body;
        serde_json::from_slice(&body).expect("the truth is JSON")
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
