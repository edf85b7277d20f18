//! A Unix socket. The system does not stamp what arrives at one, so that this process tells when it came to read it.

use std::{
    io::{self, ErrorKind},
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::UnixStream,
};

use crate::{
    clock::Clock,
    request::{
        transport::{StampSource, stamps::SocketStamps},
        worker_statistics::WorkerStatistics,
    },
    schedule::pacer::pause,
};

/// A server whose queue is full is asked again after this: unlike TCP, the system does not do so by itself.
const QUEUE_PAUSE: Duration = Duration::from_millis(1);

/// A connected Unix socket.
#[derive(Debug)]
pub(super) struct LocalSocket {
    stream: UnixStream,
    clock: Clock,
    statistics: Arc<WorkerStatistics>,
    stamps: Arc<SocketStamps>,
}

impl LocalSocket {
    /// Connects; does not give up as long as somebody listens.
    pub(super) async fn open(
        path: &Path,
        clock: Clock,
        statistics: Arc<WorkerStatistics>,
    ) -> io::Result<Self> {
        loop {
            match UnixStream::connect(path).await {
                Ok(stream) => return Ok(Self { stream, clock, statistics, stamps: Arc::default() }),
                Err(error) if error.kind() == ErrorKind::WouldBlock => pause(QUEUE_PAUSE).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// What it notes.
    pub(super) fn stamps(&self) -> &Arc<SocketStamps> {
        &self.stamps
    }
}

impl AsyncRead for LocalSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.statistics.note_unstamped_read();
            self.stamps.note_read(self.clock.now(), StampSource::User);
        }
        read
    }
}

impl AsyncWrite for LocalSocket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { stream, stamps, clock, .. } = self.get_mut();
        stamps.around_write(*clock, || Pin::new(stream).poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, stamps, clock, .. } = self.get_mut();
        stamps.around_write(*clock, || Pin::new(stream).poll_write_vectored(context, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
