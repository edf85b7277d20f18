//! One HTTP/1.1 connection, driven by whoever uses it: no task of its own, so that a token wakes one task and not two.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;

use super::connect::Stream;
use crate::request::transport::{error::TransportError, stamps::SocketStamps};

/// A connection that one request uses at a time.
#[derive(Debug)]
pub(super) struct Connection {
    requests: SendRequest<Full<Bytes>>,
    driver: http1::Connection<TokioIo<Stream>, Full<Bytes>>,
    is_over: bool,
    pub(super) stamps: Arc<SocketStamps>,
}

impl Connection {
    /// Speaks HTTP over an open stream.
    pub(super) async fn new(stream: Stream, stamps: Arc<SocketStamps>) -> Result<Self, TransportError> {
        let shaken = http1::handshake(TokioIo::new(stream)).await;
        let (requests, driver) = shaken.map_err(|error| TransportError::exchange(Some(&error)))?;
        Ok(Self { requests, driver, is_over: false, stamps })
    }

    /// Whether it can take a request: the server has not closed it meanwhile.
    pub(super) async fn is_usable(&mut self) -> bool {
        poll_fn(|context| {
            self.drive(context);
            if self.is_over {
                return Poll::Ready(false);
            }
            self.requests.poll_ready(context).map(|ready| ready.is_ok())
        })
        .await
    }

    /// Whether the server has closed it while nobody used it. Asks nothing of the system that it has not told already.
    pub(super) fn is_closed(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.is_over
    }

    /// Whether nothing can come of it any more.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<http::Response<Incoming>, TransportError> {
        let mut answer = pin!(self.requests.send_request(request));
        poll_fn(|context| {
            drive(&mut self.driver, &mut self.is_over, context);
            answer.as_mut().poll(context)
        })
        .await
        .map_err(|error| TransportError::exchange(Some(&error)))
    }

    /// Reads and writes what there is to read and write. What fails is told by the answer.
    pub(super) fn drive(&mut self, context: &mut Context<'_>) {
        drive(&mut self.driver, &mut self.is_over, context);
    }
}

fn drive(
    driver: &mut http1::Connection<TokioIo<Stream>, Full<Bytes>>,
    is_over: &mut bool,
    context: &mut Context<'_>,
) {
    if !*is_over {
        *is_over = Pin::new(driver).poll(context).is_ready();
    }
}
