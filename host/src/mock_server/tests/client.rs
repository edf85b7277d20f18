//! A server under test, and a client that hides nothing: it tells where an answer broke off and how it was cut.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::AbortHandle,
};

use crate::mock_server::{MockServer, Options};

/// A server that runs until it is dropped.
pub(super) struct Running {
    address: SocketAddr,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Running {
    pub(super) async fn start(options: Options) -> Self {
        let server = MockServer::bind(options).await.unwrap();
        let address = server.address();
        Self { address, task: tokio::spawn(server.serve()).abort_handle() }
    }

    pub(super) async fn connect(&self) -> Client {
        let socket = TcpStream::connect(self.address).await.unwrap();
        Client { socket, inbox: Vec::new(), reads: 0 }
    }

    /// One request on a connection of its own.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.connect().await.request("POST", path, "", &body.to_string()).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.connect().await.request("GET", path, "", "").await
    }

    pub(super) async fn truth(&self) -> Value {
        self.get("/truth").await.json()
    }

    /// The one request that the server has written down.
    pub(super) async fn only_request(&self) -> Value {
        let truth = self.truth().await;
        let requests = truth["requests"].as_array().unwrap();
        assert_eq!(requests.len(), 1, "{truth}");
        requests[0].clone()
    }
}

pub(super) struct Client {
    socket: TcpStream,
    inbox: Vec<u8>,
    reads: usize,
}

/// How much of an answer there was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Complete,
    /// The connection ended first.
    CutShort,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
    pub(super) extent: Extent,
    /// How many reads it took.
    pub(super) reads: usize,
}

impl Client {
    /// Sends a request with extra header lines and reads its answer.
    pub(super) async fn request(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        self.send(method, path, headers, body).await;
        self.answer().await
    }

    pub(super) async fn send(&mut self, method: &str, path: &str, headers: &str, body: &str) {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: mock\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        self.send_raw(request.as_bytes()).await;
    }

    pub(super) async fn send_raw(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }

    /// Reads once; gives what came, or nothing at the end.
    pub(super) async fn read(&mut self) -> String {
        let start = self.inbox.len();
        match self.socket.read_buf(&mut self.inbox).await {
            Ok(count) => self.reads += usize::from(count > 0),
            // A peer that drops a connection with unread bytes resets it.
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
        String::from_utf8_lossy(&self.inbox[start..]).into_owned()
    }

    /// Reads until the text has come.
    pub(super) async fn read_until(&mut self, text: &str) {
        while !String::from_utf8_lossy(&self.inbox).contains(text) {
            assert_ne!(self.read().await, "", "the connection ended before {text:?}");
        }
    }

    pub(super) async fn answer(&mut self) -> Answer {
        self.read_until("\r\n\r\n").await;
        let end = self.inbox.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(self.inbox.drain(..end).collect()).unwrap();
        let status = head[9..12].parse().unwrap();
        let (body, extent) = if head.contains("Transfer-Encoding: chunked") {
            self.chunked().await
        } else {
            let length = head.split("Content-Length: ").nth(1).unwrap().split("\r\n").next().unwrap();
            self.sized(length.parse().unwrap()).await
        };
        let reads = std::mem::take(&mut self.reads);
        Answer { status, head, body, extent, reads }
    }

    async fn sized(&mut self, length: usize) -> (String, Extent) {
        while self.inbox.len() < length {
            if self.read().await.is_empty() {
                return (text(&std::mem::take(&mut self.inbox)), Extent::CutShort);
            }
        }
        let whole: Vec<u8> = self.inbox.drain(..length).collect();
        (text(&whole), Extent::Complete)
    }

    async fn chunked(&mut self) -> (String, Extent) {
        let mut body = String::new();
        loop {
            let Some(end) = self.inbox.windows(2).position(|window| window == b"\r\n") else {
                if self.read().await.is_empty() {
                    return (body, Extent::CutShort);
                }
                continue;
            };
            let size = usize::from_str_radix(str::from_utf8(&self.inbox[..end]).unwrap(), 16).unwrap();
            let (chunk, extent) = self.sized(end + 2 + size + 2).await;
            if extent == Extent::CutShort {
                return (body, extent);
            }
            if size == 0 {
                return (body, Extent::Complete);
            }
            body.push_str(&chunk[end + 2..end + 2 + size]);
        }
    }
}

/// A video is no text, and all that is looked at of it is how it begins.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The data of all events, `[DONE]` as a string.
    pub(super) fn events(&self) -> Vec<Value> {
        let data = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data.to_owned()))).collect()
    }

    /// The texts of a choice's token chunks, on one field of the delta.
    pub(super) fn texts(&self, choice: u64, field: &str) -> Vec<String> {
        let choices = self.events().into_iter().filter_map(|event| event["choices"].get(0).cloned());
        let texts = choices.filter(|found| found["index"] == choice).filter_map(|found| {
            let text = if field == "text" { &found["text"] } else { &found["delta"][field] };
            text.as_str().map(str::to_owned)
        });
        texts.filter(|text| !text.is_empty()).collect()
    }
}

/// A streaming chat request with a limit.
pub(super) fn chat(max_tokens: u64) -> Value {
    json!({
        "model": "m",
        "messages": [{"role": "user", "content": "say something nice"}],
        "max_completion_tokens": max_tokens,
        "stream": true,
    })
}
