//! The floor: what the same work costs a client that does nothing else.
//!
//! One thread, one connection for each request in flight, hyper's connection API and no more. It counts the events of a
//! stream and notes when the first token arrived; it keeps nothing, parses nothing and reports nothing.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::SocketAddr,
    path::Path,
    rc::Rc,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use memchr::memmem::Finder;
use tokio::{net::TcpStream, runtime::Builder, task::LocalSet};

use super::{
    process::{Spent, measure},
    scenario::{ApiFormat, Scenario},
};

/// The hidden argument that makes this program the floor: the server's address and the scenario's name.
pub(crate) const RUN: &str = "--run-floor";

/// Every word of the mock server begins with a space, and the opening of a chat says nothing.
const FIRST_TOKEN: &str = r#""content":" "#;

/// Instants of first tokens on the wall clock, by request.
pub(crate) type FirstTokens = HashMap<String, u64>;

/// Measures the floor as a process of its own.
pub(crate) fn profile(scenario: &Scenario, server: SocketAddr, dir: &Path) -> (Spent, FirstTokens) {
    let this = std::env::current_exe().expect("a program knows its own path");
    let output = dir.join("floor");
    let arguments = [RUN, &server.to_string(), scenario.name].map(Into::into).to_vec();
    let spent = measure(&this, arguments, &output);
    let text = std::fs::read_to_string(output).expect("the floor's output");
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    (spent, pairs.filter_map(|(id, at)| Some((id.to_owned(), at.parse().ok()?))).collect())
}

/// The other side of [`profile`].
pub(crate) fn run(server: SocketAddr, scenario: &'static Scenario) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let client = Rc::new(Client {
        server,
        scenario,
        body: body(scenario),
        first_token: Finder::new(FIRST_TOKEN),
        begun: Cell::default(),
        lines: Cell::default(),
        first_tokens: RefCell::default(),
    });
    let set = LocalSet::new();
    for _ in 0..scenario.concurrency {
        set.spawn_local(Rc::clone(&client).connection());
    }
    runtime.block_on(set);
    if scenario.api_format == ApiFormat::Stream {
        // The opening, the tokens, the finish, the usage and the end marker.
        let events = scenario.requests * (scenario.tokens + 4);
        assert_eq!(client.lines.get() / 2, events, "the server sent another number of events");
    }
    for (id, at) in client.first_tokens.borrow().iter() {
        println!("{id} {at}");
    }
}

/// The body of every request, as large as the program's.
fn body(scenario: &Scenario) -> Bytes {
    let (prompt, tokens) = ("hello ".repeat(100), scenario.tokens);
    let messages = format!(r#""model":"bench","messages":[{{"role":"user","content":"{prompt}"}}]"#);
    let body = match scenario.api_format {
        ApiFormat::Stream => format!(
            r#"{{{messages},"stream":true,"max_completion_tokens":{tokens},"stream_options":{{"include_usage":true}}}}"#
        ),
        ApiFormat::Whole => format!(r#"{{{messages},"stream":false,"max_completion_tokens":{tokens}}}"#),
        ApiFormat::Embeddings => format!(r#"{{"model":"bench","input":["{prompt}"]}}"#),
    };
    body.into()
}

/// All connections of the floor, which share a thread.
struct Client {
    server: SocketAddr,
    scenario: &'static Scenario,
    body: Bytes,
    first_token: Finder<'static>,
    /// Requests so far.
    begun: Cell<u64>,
    /// Lines of answers so far.
    lines: Cell<u64>,
    first_tokens: RefCell<Vec<(String, u64)>>,
}

impl Client {
    /// Opens a connection and sends on it until there is nothing left to send.
    async fn connection(self: Rc<Self>) {
        let stream = TcpStream::connect(self.server).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket without delay");
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.expect("a connection");
        tokio::task::spawn_local(connection);
        while self.begun.get() < self.scenario.requests {
            let number = self.begun.get();
            self.begun.set(number + 1);
            self.exchange(&mut sender, format!("floor-{number}")).await;
        }
    }

    async fn exchange(&self, sender: &mut SendRequest<Full<Bytes>>, id: String) {
        sender.ready().await.expect("a connection that stays");
        let path = match self.scenario.api_format {
            ApiFormat::Stream | ApiFormat::Whole => "/v1/chat/completions",
            ApiFormat::Embeddings => "/v1/embeddings",
        };
        let request = Request::post(path)
            .header("host", "bench")
            .header("content-type", "application/json")
            .header("x-request-id", &id)
            .body(Full::new(self.body.clone()))
            .expect("a good request");
        let response = sender.send_request(request).await.expect("an answer");
        assert!(response.status().is_success(), "the server answers with {}", response.status());
        self.read(response, id).await;
    }

    async fn read(&self, mut response: Response<Incoming>, id: String) {
        let mut waiting = self.scenario.is_paced().then_some(id);
        while let Some(frame) = response.frame().await {
            let Ok(read) = frame.expect("a whole answer").into_data() else { continue };
            if waiting.is_some() {
                let now = SystemTime::now();
                if self.first_token.find(&read).is_some()
                    && let Some(id) = waiting.take()
                {
                    let at = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
                    self.first_tokens.borrow_mut().push((id, u64::try_from(at).unwrap_or(u64::MAX)));
                }
            }
            // An event is a line and an empty line; a read may end between them.
            let lines = memchr::memchr_iter(b'\n', &read).count() as u64;
            self.lines.set(self.lines.get() + lines);
        }
    }
}
