//! HTTP as bytes: recorded answers, and a server that replays them.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// A response, taken apart.
#[derive(Debug)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Body, without chunked framing.
    pub body: Vec<u8>,
}

impl Response {
    /// Takes the bytes of one response apart. Interim responses are skipped.
    ///
    /// # Panics
    /// When the bytes are no response.
    pub fn parse(bytes: &[u8]) -> Self {
        let end = find(bytes, b"\r\n\r\n").expect("a head") + 4;
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        if (100..200).contains(&status) {
            return Self::parse(&bytes[end..]);
        }
        let body = &bytes[end..];
        let chunked = head.contains("transfer-encoding: chunked");
        Self { status, body: if chunked { dechunk(body) } else { body.to_vec() } }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn dechunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = find(bytes, b"\r\n") {
        let size =
            std::str::from_utf8(&bytes[..end]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let size = size.expect("a chunk size");
        let data = &bytes[end + 2..];
        body.extend_from_slice(&data[..size.min(data.len())]);
        if size == 0 || data.len() < size + 2 {
            break;
        }
        bytes = &data[size + 2..];
    }
    body
}

/// A server that answers with bytes that were written before, cut into random pieces.
#[derive(Debug)]
pub struct Replay {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Replay {
    /// Serves `answer`, each time cut anew by a generator that starts from `seed`. After the answer the connection
    /// is closed.
    ///
    /// # Panics
    /// When no port is free.
    pub fn start(answer: Vec<u8>, seed: u64) -> Self {
        Self::in_turn(vec![answer], seed)
    }

    /// Serves these answers one after the other, and the last one for good. One without bytes is a connection that
    /// dies.
    ///
    /// # Panics
    /// When there are none, or no port is free.
    pub fn in_turn(answers: Vec<Vec<u8>>, seed: u64) -> Self {
        Self::in_turn_at(|_| answers, seed)
    }

    /// The same, with answers that may name the server's own base URL.
    ///
    /// # Panics
    /// When there are none, or no port is free.
    pub fn in_turn_at(answers: impl FnOnce(&str) -> Vec<Vec<u8>>, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let answers = answers(&format!("http://{address}"));
        assert!(!answers.is_empty(), "a server without answers");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        thread::spawn(move || {
            let mut cuts = Cuts(seed | 1);
            let mut next = 0;
            for stream in listener.incoming().flatten() {
                let answer = &answers[next.min(answers.len() - 1)];
                if let Some(request) = serve(stream, answer, &mut cuts) {
                    next += 1;
                    log.lock().expect("no test panics with the lock").push(request);
                }
            }
        });
        Self { address, requests }
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests it has seen, whole.
    ///
    /// # Panics
    /// When another thread panicked while it held the lock.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        self.requests.lock().expect("no test panics with the lock").clone()
    }
}

/// Reads one request and answers it. A connection that sends none (a reachability check) is let go.
fn serve(mut stream: TcpStream, answer: &[u8], cuts: &mut Cuts) -> Option<Vec<u8>> {
    let request = read_request(&mut stream)?;
    stream.set_nodelay(true).ok()?;
    let mut rest = answer;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(cuts.next(rest.len()));
        stream.write_all(piece).ok()?;
        rest = after;
        // Lets the reader run, so that pieces arrive as reads of their own.
        thread::yield_now();
    }
    stream.shutdown(Shutdown::Write).ok()?;
    Some(request)
}

/// Reads one request, whole, and answers it with these bytes. Nothing if the connection ends before.
pub fn answer_next(stream: &mut TcpStream, answer: &[u8]) -> Option<()> {
    read_request(stream)?;
    stream.write_all(answer).ok()
}

/// Reads one request, whole. Nothing if the connection ends before.
pub(crate) fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(end) = find(&request, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
            let length = head.split("content-length:").nth(1).and_then(|rest| rest.lines().next());
            let length = length.and_then(|text| text.trim().parse::<usize>().ok()).unwrap_or(0);
            if request.len() >= end + 4 + length {
                return Some(request);
            }
        }
        match stream.read(&mut buffer).ok()? {
            0 => return None,
            n => request.extend_from_slice(&buffer[..n]),
        }
    }
}

/// Lengths of pieces: mostly short, sometimes everything. A small linear congruential generator is random enough.
struct Cuts(u64);

impl Cuts {
    fn next(&mut self, left: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let draw = usize::try_from(self.0 >> 33).unwrap_or(0);
        let longest = [1, 7, 60, 700, left][draw % 5].min(left);
        1 + (draw / 5) % longest
    }
}
