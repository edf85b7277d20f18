//! A response, token by token, and what the server remembers of it.

use std::{
    io::{self, Write},
    net::TcpStream,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use crate::{options::Pace, request::Request};

/// A response that is under way.
#[derive(Debug)]
pub(crate) struct Stream {
    client: TcpStream,
    request: Request,
    pace: Pace,
    /// When its next token is to be sent.
    due: Instant,
    /// Tokens so far.
    sent: u64,
    first_token_ns: (u128, u128),
}

/// What the server remembers of a response.
#[derive(Debug)]
pub(crate) struct Sent {
    id: String,
    /// Before and after the write of the first token, in nanoseconds since the Unix epoch.
    first_token_ns: (u128, u128),
    tokens: u64,
}

impl Sent {
    /// One line of `GET /truth`.
    pub(crate) fn line(&self) -> String {
        let Self { id, first_token_ns: (before, after), tokens } = self;
        format!("{id} {before} {after} {tokens}\n")
    }
}

impl Stream {
    /// Sends everything that comes before the first token.
    ///
    /// # Errors
    /// The client has gone.
    pub(crate) fn open(mut client: TcpStream, request: Request, pace: Pace) -> io::Result<Self> {
        let due = Instant::now() + pace.first;
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        let role = event(&chunk(r#"{"role":"assistant","content":""}"#, "null"));
        client.write_all((head.to_owned() + &role).as_bytes())?;
        Ok(Self { client, request, pace, due, sent: 0, first_token_ns: (0, 0) })
    }

    /// When [`Stream::send_next`] is to be called.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Sends the next token, or what comes after the last one; then there is no more to send.
    ///
    /// # Errors
    /// The client has gone.
    pub(crate) fn send_next(&mut self) -> io::Result<Option<Sent>> {
        if self.sent == self.request.tokens {
            self.client.write_all(self.end().as_bytes())?;
            let id = std::mem::take(&mut self.request.id);
            return Ok(Some(Sent { id, first_token_ns: self.first_token_ns, tokens: self.sent }));
        }
        let token = event(&chunk(&format!(r#"{{"content":" word{}"}}"#, self.sent), "null"));
        let before = wall_ns();
        self.client.write_all(token.as_bytes())?;
        if self.sent == 0 {
            self.first_token_ns = (before, wall_ns());
        }
        self.sent += 1;
        if self.sent < self.request.tokens {
            self.due += self.pace.between;
        }
        Ok(None)
    }

    fn end(&self) -> String {
        let tokens = self.request.tokens;
        let usage = format!(
            r#"{{"id":"c","object":"chat.completion.chunk","created":1,"model":"bench","choices":[],"usage":{{"prompt_tokens":100,"completion_tokens":{tokens},"total_tokens":{}}}}}"#,
            100 + tokens
        );
        event(&chunk("{}", r#""length""#)) + &event(&usage) + &event("[DONE]") + "0\r\n\r\n"
    }
}

/// One event of a stream as one chunk of a body.
fn event(data: &str) -> String {
    let event = format!("data: {data}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len())
}

fn chunk(delta: &str, finish: &str) -> String {
    format!(
        r#"{{"id":"c","object":"chat.completion.chunk","created":1,"model":"bench","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}"#
    )
}

fn wall_ns() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos())
}
