//! [`Wire`]: one client's socket. Reads requests, writes bytes exactly as asked, and notices when the client leaves.

use std::future::pending;

use bytes::{Bytes, BytesMut};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    api_error::ApiError,
    http::{self, Head},
    pace,
};
use crate::clock::{Clock, RunNs};

/// What becomes of a connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Persistence {
    KeepAlive,
    Close,
}

/// The longest piece of a write that is split.
const LONGEST_PIECE: usize = 48;

/// The client has left, or its socket broke: nobody is there to hear an answer.
#[derive(Debug)]
pub(super) struct Gone;

/// A request as it came in.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) head: Head,
    pub(super) body: Bytes,
    /// When the read that brought the request's first byte returned.
    pub(super) arrived: RunNs,
}

/// Why there is no request.
#[derive(Debug)]
pub(super) enum NoRequest {
    Gone,
    Refused(ApiError),
}

impl From<Gone> for NoRequest {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

/// A client's socket, with what was read of it and not yet used.
#[derive(Debug)]
pub(super) struct Wire {
    /// The connection's number, from 1.
    pub(super) number: u64,
    socket: TcpStream,
    clock: Clock,
    inbox: BytesMut,
    /// Decides where writes are split; none are without it.
    splitter: Option<ChaCha8Rng>,
}

impl Wire {
    pub(super) fn new(number: u64, socket: TcpStream, clock: Clock, splitter: Option<ChaCha8Rng>) -> Self {
        Self { number, socket, clock, inbox: BytesMut::new(), splitter }
    }

    /// Reads the next request whole.
    pub(super) async fn receive(&mut self) -> Result<Request, NoRequest> {
        if self.inbox.is_empty() {
            self.fill().await?;
        }
        let arrived = self.clock.now();
        let (head, length) = loop {
            match http::parse_head(&self.inbox).map_err(NoRequest::Refused)? {
                Some(complete) => break complete,
                None => self.fill().await?,
            }
        };
        let _ = self.inbox.split_to(length);
        if head.expects_continue && self.inbox.len() < head.content_length {
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        while self.inbox.len() < head.content_length {
            self.fill().await?;
        }
        let body = self.inbox.split_to(head.content_length).freeze();
        Ok(Request { head, body, arrived })
    }

    async fn fill(&mut self) -> Result<(), Gone> {
        match self.socket.read_buf(&mut self.inbox).await {
            Ok(0) | Err(_) => Err(Gone),
            Ok(_) => Ok(()),
        }
    }

    /// Hands bytes to the kernel, all of them before it returns: in one write if the socket takes them, or in split ones.
    pub(super) async fn send(&mut self, mut bytes: &[u8]) -> Result<(), Gone> {
        if let Some(dice) = &mut self.splitter {
            while bytes.len() > 1 {
                let (piece, rest) = bytes.split_at(dice.random_range(1..bytes.len().min(LONGEST_PIECE)));
                self.socket.write_all(piece).await.map_err(|_| Gone)?;
                // The client gets a chance to see the piece alone.
                tokio::task::yield_now().await;
                bytes = rest;
            }
        }
        self.socket.write_all(bytes).await.map_err(|_| Gone)
    }

    /// Waits for a moment, unless the client leaves first.
    pub(super) async fn wait_until(&self, due: RunNs) -> Result<(), Gone> {
        tokio::select! {
            biased;
            () = pace::sleep_until(self.clock, due) => Ok(()),
            gone = self.peer_left() => Err(gone),
        }
    }

    /// Waits for the client to close its side. A client that sends more instead is taken to stay.
    pub(super) async fn peer_left(&self) -> Gone {
        match self.socket.peek(&mut [0]).await {
            Ok(0) | Err(_) => Gone,
            Ok(_) => pending().await,
        }
    }
}
