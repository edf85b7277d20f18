//! A server that follows a script: bytes, pauses, and how the connection ends.
//!
//! It knows nothing of HTTP but where a request ends, so that a test can say each byte that a server may send.
//!
//! ```no_run
//! use prony_tests::{Script, ScriptedServer, Tool};
//!
//! let answer = Script::events().event(r#"{"choices":[{"index":0,"delta":{"content":"Hi"}}]}"#).pause_ms(20);
//! let server = ScriptedServer::start([answer.event("[DONE]").hold()]);
//! Tool::profile_at(&server.url()).args(["--request-count", "1"]).run().succeeds();
//! ```

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rustix::net::sockopt::set_socket_linger;

use crate::{Run, Tool, wire::read_request};

/// What a server does with one request.
#[derive(Clone, Debug)]
pub struct Script {
    acts: Vec<Act>,
    ending: Ending,
}

#[derive(Clone, Debug)]
enum Act {
    /// One write.
    Write(Vec<u8>),
    Pause(Duration),
}

/// What happens to the connection after the last act.
#[derive(Clone, Copy, Debug)]
enum Ending {
    /// It takes the next request.
    Keep,
    /// The server closes it (FIN).
    Close,
    /// The server resets it (RST).
    Reset,
    /// Nothing more is sent until the client closes it.
    Hold,
}

impl Script {
    /// Nothing yet: no head either. The connection takes the next request afterwards, until an ending says otherwise.
    pub fn silent() -> Self {
        Self { acts: Vec::new(), ending: Ending::Keep }
    }

    /// Status 200 and these header lines, without their ends.
    pub fn head(headers: &[&str]) -> Self {
        Self::status("200 OK", headers)
    }

    /// A status, `503 Service Unavailable`, and header lines, without their ends.
    pub fn status(status: &str, headers: &[&str]) -> Self {
        let lines = headers.iter().fold(String::new(), |lines, line| lines + line + "\r\n");
        Self::silent().bytes(format!("HTTP/1.1 {status}\r\n{lines}\r\n"))
    }

    /// The head of a chunked event stream.
    pub fn events() -> Self {
        Self::chunked("text/event-stream")
    }

    /// The head of a chunked body of this type.
    pub fn chunked(content_type: &str) -> Self {
        Self::head(&[&format!("Content-Type: {content_type}"), "Transfer-Encoding: chunked"])
    }

    /// A whole answer of this type, with its length.
    pub fn whole(content_type: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let length = format!("Content-Length: {}", body.len());
        Self::head(&[&format!("Content-Type: {content_type}"), &length]).bytes(body)
    }

    /// These bytes as they are, in one write.
    #[must_use]
    pub fn bytes(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.acts.push(Act::Write(bytes.as_ref().to_vec()));
        self
    }

    /// One chunk of a chunked body, in one write.
    #[must_use]
    pub fn chunk(self, data: impl AsRef<[u8]>) -> Self {
        let data = data.as_ref();
        let size = format!("{:x}\r\n", data.len());
        self.bytes([size.as_bytes(), data, b"\r\n"].concat())
    }

    /// One server-sent event as one chunk.
    #[must_use]
    pub fn event(self, data: &str) -> Self {
        self.chunk(format!("data: {data}\n\n"))
    }

    /// One server-sent event with a name, as one chunk.
    #[must_use]
    pub fn named_event(self, name: &str, data: &str) -> Self {
        self.chunk(format!("event: {name}\ndata: {data}\n\n"))
    }

    /// The end of a chunked body.
    #[must_use]
    pub fn last_chunk(self) -> Self {
        self.bytes("0\r\n\r\n")
    }

    /// A pause before what comes next.
    #[must_use]
    pub fn pause_ms(mut self, ms: u64) -> Self {
        self.acts.push(Act::Pause(Duration::from_millis(ms)));
        self
    }

    /// Then the server closes the connection.
    #[must_use]
    pub fn close(self) -> Self {
        Self { ending: Ending::Close, ..self }
    }

    /// Then the server resets the connection.
    #[must_use]
    pub fn reset(self) -> Self {
        Self { ending: Ending::Reset, ..self }
    }

    /// Then the server says nothing more, and the connection stays open until the client closes it.
    #[must_use]
    pub fn hold(self) -> Self {
        Self { ending: Ending::Hold, ..self }
    }
}

/// A request that a [`ScriptedServer`] has read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRequest {
    /// The connection that it came on: 0 for the first one that brought a request.
    pub connection: usize,
    /// All of its bytes.
    pub bytes: Vec<u8>,
}

impl SeenRequest {
    /// The text of its body.
    ///
    /// # Panics
    /// When it is no text, or has no end of its head.
    pub fn body(&self) -> String {
        let text = std::str::from_utf8(&self.bytes).expect("a request of text");
        text.split_once("\r\n\r\n").expect("the end of its head").1.to_owned()
    }
}

/// A server that follows scripts. It lives as long as the test's process.
#[derive(Debug)]
pub struct ScriptedServer {
    address: SocketAddr,
    log: Arc<Mutex<Log>>,
}

#[derive(Debug, Default)]
struct Log {
    requests: Vec<SeenRequest>,
    connections: usize,
    closed_by_client: usize,
}

/// One request in an API format, whose response a server sends like this. The generated texts are kept.
pub fn ask_once(answer: Script, endpoint: &str, flags: &[&str]) -> Run {
    let server = ScriptedServer::start([answer]);
    Tool::bare_profile()
        .args(["--url", &server.url(), "--endpoint-type", endpoint, "--request-count", "1", "--isl", "5"])
        .arg("--export-outputs-json")
        .args(flags)
        .run()
}

impl ScriptedServer {
    /// Follows these scripts, one a request in the order in which requests arrive, and the last one for good.
    ///
    /// # Panics
    /// When there are none, or no port is free.
    pub fn start(scripts: impl IntoIterator<Item = Script>) -> Self {
        let scripts: Arc<[Script]> = scripts.into_iter().collect();
        assert!(!scripts.is_empty(), "a server without a script");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let log = Arc::<Mutex<Log>>::default();
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (scripts, log) = (Arc::clone(&scripts), Arc::clone(&kept));
                thread::spawn(move || serve(stream, &scripts, &log));
            }
        });
        Self { address, log }
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests that it has read, in their order.
    ///
    /// # Panics
    /// When another thread panicked while it held the lock.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.log.lock().expect("no thread panics with the lock").requests.clone()
    }

    /// Connections that were held open and that the client has closed.
    ///
    /// # Panics
    /// When another thread panicked while it held the lock.
    pub fn closed_by_client(&self) -> usize {
        self.log.lock().expect("no thread panics with the lock").closed_by_client
    }
}

/// Serves one connection. One that brings no request (a reachability check) is not counted.
fn serve(mut stream: TcpStream, scripts: &[Script], log: &Mutex<Log>) {
    stream.set_nodelay(true).expect("a socket option");
    let mut number = None;
    while let Some(bytes) = read_request(&mut stream) {
        let mut log_now = log.lock().expect("no thread panics with the lock");
        let connection = *number.get_or_insert_with(|| {
            log_now.connections += 1;
            log_now.connections - 1
        });
        let script = scripts[log_now.requests.len().min(scripts.len() - 1)].clone();
        log_now.requests.push(SeenRequest { connection, bytes });
        drop(log_now);
        if follow(&mut stream, &script).is_none() {
            return;
        }
        match script.ending {
            Ending::Keep => {}
            Ending::Close => return drop(stream.shutdown(Shutdown::Write)),
            Ending::Reset => {
                set_socket_linger(&stream, Some(Duration::ZERO)).expect("a socket option");
                return;
            }
            Ending::Hold => {
                let mut rest = [0; 1024];
                while matches!(stream.read(&mut rest), Ok(count) if count > 0) {}
                log.lock().expect("no thread panics with the lock").closed_by_client += 1;
                return;
            }
        }
    }
}

/// Does what a script says. Nothing if the client has gone.
fn follow(stream: &mut TcpStream, script: &Script) -> Option<()> {
    for act in &script.acts {
        match act {
            Act::Write(bytes) => stream.write_all(bytes).ok()?,
            Act::Pause(pause) => thread::sleep(*pause),
        }
    }
    Some(())
}
