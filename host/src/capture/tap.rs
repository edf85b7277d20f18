//! Bodies that are noted while they pass.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{
    HeaderMap, Response,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;

use super::{
    counting::Sink,
    exchange::{Body, Exchange},
};
use crate::{
    clock::{Clock, RunNs},
    dataset::BodyFormat,
};

/// The body of a request on its way to the server.
#[derive(Debug)]
pub(super) struct RequestBody {
    inner: Incoming,
    noted: Option<Arc<Mutex<Body>>>,
}

/// The body of a response on its way to the client.
#[derive(Debug)]
pub(super) enum ResponseBody {
    /// The server's.
    Passed { inner: Incoming, tap: Option<Box<Tap>> },
    /// The proxy's own.
    Own(Full<Bytes>),
}

/// Notes one exchange. It is handed over when this is dropped, whatever ends it: the response is over, the server has gone, or
/// the client.
#[derive(Debug)]
pub(super) struct Tap {
    sink: Sink,
    clock: Clock,
    request: Arc<Mutex<Body>>,
    exchange: Option<Exchange>,
    last_ns: Option<RunNs>,
}

impl Tap {
    pub(super) fn new(
        sink: Sink,
        clock: Clock,
        format: BodyFormat,
        session: Option<u64>,
        headers: &HeaderMap,
    ) -> Self {
        let sent_ns = clock.now();
        let exchange = Exchange {
            format,
            session,
            sent_ns,
            end_ns: sent_ns,
            status: None,
            is_whole: false,
            request_encoding: encoding(headers),
            response_encoding: HeaderMap::new(),
            is_stream: false,
            request: Body::default(),
            response: sink.body(),
        };
        let request = Arc::new(Mutex::new(sink.body()));
        Self { sink, clock, request, exchange: Some(exchange), last_ns: None }
    }

    /// Where the body of its request is noted.
    pub(super) fn request(&self) -> Arc<Mutex<Body>> {
        Arc::clone(&self.request)
    }

    /// The head of the response is there.
    pub(super) fn answered(&mut self, response: &Response<Incoming>) {
        let Some(exchange) = &mut self.exchange else { return };
        exchange.status = Some(response.status().as_u16());
        exchange.response_encoding = encoding(response.headers());
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        exchange.is_stream = kind.is_some_and(|kind| kind.trim_start().starts_with("text/event-stream"));
        exchange.is_whole = response.body().is_end_stream();
        self.last_ns = Some(self.clock.now());
    }

    fn came(&mut self, data: Option<&Bytes>, is_last: bool) {
        let Some(exchange) = &mut self.exchange else { return };
        if let Some(data) = data {
            exchange.response.add(data);
            self.last_ns = Some(self.clock.now());
        }
        exchange.is_whole |= is_last;
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let Some(mut exchange) = self.exchange.take() else { return };
        let mut request = self.request.lock().unwrap_or_else(PoisonError::into_inner);
        // What still comes of it is not kept.
        exchange.request = std::mem::replace(&mut *request, Body::lost());
        exchange.end_ns = match self.last_ns {
            Some(last_ns) if exchange.is_whole => last_ns,
            _ => self.clock.now(),
        };
        self.sink.take(exchange);
    }
}

fn encoding(headers: &HeaderMap) -> HeaderMap {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    values.map(|value| (CONTENT_ENCODING, value.clone())).collect()
}

impl RequestBody {
    pub(super) fn new(inner: Incoming, noted: Option<Arc<Mutex<Body>>>) -> Self {
        let body = Self { inner, noted };
        body.note(None, body.inner.is_end_stream());
        body
    }

    /// Notes what came, and whether that is all.
    fn note(&self, frame: Option<&Frame<Bytes>>, is_last: bool) {
        let Some(noted) = &self.noted else { return };
        let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(data) = frame.and_then(Frame::data_ref) {
            noted.add(data);
        }
        noted.is_whole |= is_last;
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(context));
        match &frame {
            None => this.note(None, true),
            Some(Ok(frame)) => this.note(Some(frame), this.inner.is_end_stream()),
            Some(Err(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Own(own) => Pin::new(own)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(|never| match never {}))),
            Self::Passed { inner, tap } => {
                let frame = ready!(Pin::new(&mut *inner).poll_frame(context));
                if let Some(tap) = tap {
                    let is_last = frame.is_none() || matches!(&frame, Some(Ok(_))) && inner.is_end_stream();
                    let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(Frame::data_ref);
                    tap.came(data, is_last);
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(own) => own.is_end_stream(),
            Self::Passed { inner, .. } => inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(own) => own.size_hint(),
            Self::Passed { inner, .. } => inner.size_hint(),
        }
    }
}
