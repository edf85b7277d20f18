//! A small server of streamed chat completions that shares no code with prony.
//!
//! It has blocking sockets, threads and the standard library: one thread reads the requests of each connection, and a few
//! send the tokens of all streams, as the loop of an inference engine does. So it behaves as servers do that were not written
//! together with their client: its threads compete with the client for the processors, and many tokens are sent at about the
//! same moment. It knows when it sent each first token, which is what the client's arrival times are compared with.
//!
//! `independent-server [--ttft-ms=N] [--itl-ms=N]` listens on a free port of the loopback interface and prints
//! `listening on http://ADDRESS`. A request asks for its number of tokens with `max_completion_tokens`. `GET /truth` returns
//! one line for each request: its `X-Request-ID`, the instant before the write of its first token and the instant after it,
//! in nanoseconds since the Unix epoch, and the number of tokens sent. It ends when its standard input is closed.
#![expect(
    clippy::disallowed_methods,
    reason = "it tells instants of its own, and it paces its threads by sleeping"
)]

mod options;
mod request;
mod sender;
mod stream;

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError, mpsc::Sender},
    thread,
};

use self::{
    options::Pace,
    request::Request,
    sender::Job,
    stream::{Sent, Stream},
};

/// What the server did, in the order in which responses ended.
type Log = Arc<Mutex<Vec<Sent>>>;

/// Threads that send tokens.
const SENDERS: usize = 4;

/// Room for a thread's stack: there are as many threads as connections.
const STACK_BYTES: usize = 64 << 10;

fn main() -> ExitCode {
    let pace = match Pace::read(std::env::args().skip(1)) {
        Ok(pace) => pace,
        Err(message) => return fail(&message),
    };
    match serve(pace) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(message: &str) -> ExitCode {
    // Nobody is left to tell if this cannot be written.
    let _ = writeln!(io::stderr(), "error: {message}");
    ExitCode::FAILURE
}

/// Serves until standard input is closed.
fn serve(pace: Pace) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    writeln!(io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    let log = Log::default();
    let senders: Vec<Sender<Job>> = (0..SENDERS).map(|_| sender::start()).collect();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let (log, sender) = (Arc::clone(&log), senders[number % SENDERS].clone());
            let thread = thread::Builder::new().stack_size(STACK_BYTES);
            // A client that leaves in the middle of a response is the client's affair.
            let spawned = thread.spawn(move || converse(stream, pace, &sender, &log).ok());
            if let Err(error) = spawned {
                fail(&format!("no thread for a connection: {error}"));
            }
        }
    });
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

/// Serves the requests of one connection.
fn converse(mut client: TcpStream, pace: Pace, sender: &Sender<Job>, log: &Log) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some(request) = Request::read(&mut client, &mut buffer)? {
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/v1/chat/completions") => {
                let stream = Stream::open(client.try_clone()?, request, pace)?;
                let sent = sender::send(sender, stream)?;
                log.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
            }
            ("GET", "/truth") => {
                let truth: String =
                    log.lock().unwrap_or_else(PoisonError::into_inner).iter().map(Sent::line).collect();
                respond_whole(&mut client, "200 OK", &truth)?;
            }
            _ => respond_whole(&mut client, "404 Not Found", "nothing is here\n")?,
        }
    }
    Ok(())
}

fn respond_whole(client: &mut TcpStream, status: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n");
    client.write_all((head + body).as_bytes())
}
