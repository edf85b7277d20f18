//! A proxy of HTTP, which leads to one server whatever it is asked for.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::pass_on::pass_on;

/// A running proxy. It serves until the test ends.
#[derive(Debug)]
pub struct Proxy {
    address: String,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    heads: Mutex<Vec<String>>,
    let_through_ns: Mutex<Vec<u64>>,
}

/// How a proxy treats who comes.
#[derive(Clone, Copy, Debug)]
pub enum Manner {
    /// Everybody gets through.
    Open,
    /// Nobody does: the answer has this status.
    Refuses(&'static str),
    /// Only who sends this `Proxy-Authorization`.
    Wants(&'static str),
    /// Everybody gets through, after this.
    Hesitates(Duration),
}

impl Proxy {
    /// Starts one that leads to this URL.
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn to(url: &str, manner: Manner) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("it has a port").to_string();
        let seen = Arc::<Seen>::default();
        let (noted, (_, target)) = (Arc::clone(&seen), url.split_once("://").expect("a URL"));
        let target = target.to_owned();
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                serve(client, &target, manner, &noted);
            }
        });
        Self { address, seen }
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The first head of each connection over which something was asked.
    ///
    /// # Panics
    /// When another thread panicked while it held the lock.
    pub fn heads(&self) -> Vec<String> {
        self.seen.heads.lock().expect("no test panics with the lock").clone()
    }

    /// When it let each of them through, in nanoseconds since the Unix epoch.
    ///
    /// # Panics
    /// When another thread panicked while it held the lock.
    pub fn let_through_ns(&self) -> Vec<u64> {
        self.seen.let_through_ns.lock().expect("no test panics with the lock").clone()
    }
}

fn serve(mut client: TcpStream, target: &str, manner: Manner, seen: &Seen) {
    // Whoever only looks whether somebody listens says nothing.
    let Some(head) = read_head(&mut client) else { return };
    seen.heads.lock().expect("no test panics with the lock").push(head.clone());
    let refusal = match manner {
        Manner::Open => None,
        Manner::Hesitates(pause) => {
            thread::sleep(pause);
            None
        }
        Manner::Refuses(status) => Some(status),
        Manner::Wants(login) => {
            let line = format!("proxy-authorization: {login}\r\n").to_lowercase();
            (!head.to_lowercase().contains(&line)).then_some("407 Proxy Authentication Required")
        }
    };
    if let Some(status) = refusal {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        client.write_all(answer.as_bytes()).expect("a client that listens");
        return;
    }
    seen.let_through_ns.lock().expect("no test panics with the lock").push(wall_ns());
    let mut server = TcpStream::connect(target).expect("the server listens");
    for side in [&client, &server] {
        side.set_nodelay(true).expect("an open connection");
    }
    if head.starts_with("CONNECT ") {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").expect("a client that listens");
    } else {
        server.write_all(head.as_bytes()).expect("a server that listens");
    }
    pass_on(client, server);
}

#[expect(clippy::disallowed_methods, reason = "to be compared with what prony says")]
fn wall_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is set");
    u64::try_from(since.as_nanos()).expect("a moment of these centuries")
}

fn read_head(client: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}
