//! One HTTP/1.1 connection, driven by the task that uses it: no task of its own, so that a token wakes one task, and no channel
//! and no copy, so that it is read where the system put it.

use std::{
    future::poll_fn,
    io::{self, ErrorKind, IoSlice},
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use http::response;
use tokio::io::AsyncWrite;

use super::{buffer::Buffer, connect::Stream, framing::Framing, head};
use crate::request::{
    prepared::Prepared,
    transport::{error::TransportError, stamps::SocketStamps},
};

/// A connection that one request uses at a time.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    pub(super) stamps: Arc<SocketStamps>,
    /// Head of the latest request. Kept for the memory.
    head: Vec<u8>,
    buffer: Buffer,
    /// Of the answer that is under way.
    framing: Framing,
    /// It serves no further request.
    is_over: bool,
}

/// What is left to write of a request.
struct Outgoing<'a> {
    head: &'a [u8],
    body: &'a [u8],
    is_gone: bool,
}

impl Connection {
    /// Speaks HTTP over an open stream.
    pub(super) fn new(stream: Stream, stamps: Arc<SocketStamps>) -> Self {
        let (head, buffer) = (Vec::new(), Buffer::default());
        Self { stream, stamps, head, buffer, framing: Framing::Over, is_over: false }
    }

    /// Whether it can take a request: the server has not closed it meanwhile, and has said nothing unasked.
    pub(super) async fn is_usable(&mut self) -> bool {
        poll_fn(|context| Poll::Ready(self.is_quiet(context))).await
    }

    /// Whether the server has closed it while nobody used it. Asks nothing of the system that it has not told already.
    pub(super) fn is_closed(&mut self) -> bool {
        !self.is_quiet(&mut Context::from_waker(Waker::noop()))
    }

    fn is_quiet(&mut self, context: &mut Context<'_>) -> bool {
        !self.is_over && self.buffer.poll_fill(&mut self.stream, context).is_pending()
    }

    /// Whether it can serve another request after the answer that is over.
    pub(super) fn can_go_on(&self) -> bool {
        !self.is_over && self.framing == Framing::Over && self.buffer.waiting().is_empty()
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(&mut self, request: &Prepared) -> Result<response::Parts, TransportError> {
        let mut head = std::mem::take(&mut self.head);
        head.clear();
        head::write(request, &mut head);
        let mut outgoing = Outgoing { head: &head, body: &request.body, is_gone: false };
        let answered = poll_fn(|context| self.poll_exchange(&mut outgoing, context)).await;
        let is_unsent = !outgoing.is_gone;
        self.head = head;
        answered.map_err(|error| error.unsent(is_unsent))
    }

    /// Writes and reads in turn: a server may answer before it has read everything. Then it is its answer that counts,
    /// and not that it reads no further.
    fn poll_exchange(
        &mut self,
        outgoing: &mut Outgoing<'_>,
        context: &mut Context<'_>,
    ) -> Poll<Result<response::Parts, TransportError>> {
        let writing = outgoing.poll_write(&mut self.stream, context);
        match (self.poll_head(context), writing) {
            (Poll::Ready(answer), _) => {
                self.is_over |= !outgoing.is_gone;
                Poll::Ready(answer)
            }
            (Poll::Pending, Poll::Ready(Err(error))) => {
                Poll::Ready(Err(TransportError::exchange(Some(&error))))
            }
            (Poll::Pending, _) => Poll::Pending,
        }
    }

    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<Result<response::Parts, TransportError>> {
        loop {
            let read = head::read(self.buffer.waiting());
            if let Some((head, length)) = read.map_err(|error| TransportError::exchange(Some(&error)))? {
                self.buffer.take(length);
                let framing = Framing::of(head.status, &head.headers);
                self.framing = framing.map_err(|error| TransportError::exchange(Some(&error)))?;
                self.is_over |= !head::keeps_connection(&head) || self.framing == Framing::Connection;
                return Poll::Ready(Ok(head));
            }
            ready!(self.poll_more(context)).map_err(|error| TransportError::exchange(Some(&error)))?;
        }
    }

    /// The next piece of the body, which [`Connection::piece`] shows; `None` at its end.
    pub(super) fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Range<usize>>, TransportError>> {
        loop {
            let step = self.framing.next(self.buffer.waiting());
            let step = step.map_err(|error| TransportError::exchange(Some(&error)))?;
            self.buffer.take(step.skip);
            if step.data > 0 {
                return Poll::Ready(Ok(Some(self.buffer.take(step.data))));
            }
            if self.framing == Framing::Over {
                return Poll::Ready(Ok(None));
            }
            match ready!(self.poll_more(context)) {
                Ok(()) => {}
                Err(error)
                    if self.framing == Framing::Connection && error.kind() == ErrorKind::UnexpectedEof =>
                {
                    self.framing = Framing::Over;
                }
                Err(error) => return Poll::Ready(Err(TransportError::exchange(Some(&error)))),
            }
        }
    }

    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = || io::Error::new(ErrorKind::UnexpectedEof, "the server closed the connection");
        let came = ready!(self.buffer.poll_fill(&mut self.stream, context))?;
        Poll::Ready(if came > 0 { Ok(()) } else { Err(closed()) })
    }

    /// A piece of the body, until the next is asked for.
    pub(super) fn piece(&self, place: Range<usize>) -> &[u8] {
        self.buffer.taken(place)
    }
}

impl Outgoing<'_> {
    fn poll_write(&mut self, stream: &mut Stream, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !(self.head.is_empty() && self.body.is_empty()) {
            let pieces = [IoSlice::new(self.head), IoSlice::new(self.body)];
            let written = ready!(Pin::new(&mut *stream).poll_write_vectored(context, &pieces))?;
            if written == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            let of_head = written.min(self.head.len());
            self.head = &self.head[of_head..];
            self.body = &self.body[written - of_head..];
        }
        if !self.is_gone {
            ready!(Pin::new(stream).poll_flush(context))?;
            self.is_gone = true;
        }
        Poll::Ready(Ok(()))
    }
}
