//! A socket that knows when its bytes left, and when they arrived.
//!
//! On Linux each `recvmsg` brings the moment at which the last byte that it copied reached the network stack
//! (`SO_TIMESTAMPING`, software stamps of the receiving side). Bytes that wait together have one stamp, that of the
//! last: the kernel merges the segments of a stream that nobody reads, whatever size is read at a time.

use std::{
    cell::RefCell,
    io::{self, ErrorKind, IoSlice, IoSliceMut},
    net::UdpSocket,
    os::fd::{AsFd, AsRawFd},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, RecvMsg, recvmsg};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};

use crate::{
    clock::{Clock, KernelClock},
    request::{
        transport::{StampSource, stamps::SocketStamps},
        worker_statistics::WorkerStatistics,
    },
};

/// Any error on the way to a server.
pub(in crate::request::transport) type BoxError = Box<dyn std::error::Error + Send + Sync>;

thread_local! {
    /// Where the system writes its stamps. Shared by all sockets of a thread.
    static CONTROL: RefCell<Vec<u8>> = RefCell::new(nix::cmsg_space!([nix::sys::time::TimeSpec; 3]));
}

/// A connected socket.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    clock: Clock,
    kernel: Arc<KernelClock>,
    statistics: Arc<WorkerStatistics>,
    stamps: Arc<SocketStamps>,
}

/// What one read gave.
struct Read {
    length: usize,
    /// There was room for more.
    is_short: bool,
    stamp_ns: Option<u64>,
}

impl Socket {
    /// Takes a connection over.
    pub(super) fn new(
        stream: TcpStream,
        clock: Clock,
        kernel: Arc<KernelClock>,
        statistics: Arc<WorkerStatistics>,
    ) -> Self {
        // A system that does not stamp leaves it to us.
        let _ = stamp_arrivals(&stream);
        Self { stream, clock, kernel, statistics, stamps: Arc::default() }
    }

    /// What it notes.
    pub(super) fn stamps(&self) -> Arc<SocketStamps> {
        Arc::clone(&self.stamps)
    }

    /// What was read latest was an answer, or the beginning of one.
    pub(super) fn note_answer(&self) {
        self.stamps.note_answer();
    }

    fn read(&self, buffer: &mut ReadBuf<'_>) -> io::Result<Read> {
        CONTROL.with_borrow_mut(|control| {
            let bytes = buffer.initialize_unfilled();
            let room = bytes.len();
            let mut pieces = [IoSliceMut::new(bytes)];
            let fd = self.stream.as_raw_fd();
            let message = recvmsg::<()>(fd, &mut pieces, Some(control), MsgFlags::MSG_DONTWAIT)?;
            let (length, stamp_ns) = (message.bytes, stamp(&message));
            buffer.advance(length);
            Ok(Read { length, is_short: 0 < length && length < room, stamp_ns })
        })
    }

    fn note_read(&self, stamp_ns: Option<u64>) {
        let now = self.clock.now();
        if let Some(arrived) = stamp_ns.and_then(|stamp_ns| self.kernel.place(stamp_ns, now)) {
            self.statistics.note_read(now - arrived);
            self.stamps.note_read(arrived, StampSource::Kernel);
        } else {
            self.statistics.note_unstamped_read();
            self.stamps.note_read(now, StampSource::User);
        }
    }

    /// Tells the runtime that there is no more to read, which asking the system again would tell as well, for the price
    /// of a call. What arrived since the read is still announced: the runtime has not looked since, as it has one thread, and
    /// that is this one.
    fn wait_for_more(&self) {
        let empty = || Err::<(), _>(io::Error::from(ErrorKind::WouldBlock));
        // Its error is the one that it was given.
        let _ = self.stream.try_io(Interest::READABLE, empty);
    }
}

/// Asks the system to stamp what arrives.
#[cfg(target_os = "linux")]
pub(super) fn stamp_arrivals(socket: &impl AsFd) -> nix::Result<()> {
    use nix::sys::socket::{TimestampingFlag, setsockopt, sockopt::Timestamping};
    let flags = TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE | TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE;
    setsockopt(&socket.as_fd(), Timestamping, &flags)
}

/// Asks the system to stamp what arrives.
#[cfg(not(target_os = "linux"))]
pub(super) fn stamp_arrivals(_socket: &impl AsFd) -> nix::Result<()> {
    Err(nix::errno::Errno::ENOTSUP)
}

/// The stamp of a read, in nanoseconds of the wall clock.
pub(super) fn stamp<S>(message: &RecvMsg<'_, '_, S>) -> Option<u64> {
    message.cmsgs().ok()?.find_map(|control| match control {
        #[cfg(target_os = "linux")]
        ControlMessageOwned::ScmTimestampsns(stamps) => {
            let (seconds, rest) = (stamps.system.tv_sec(), stamps.system.tv_nsec());
            let ns = u64::try_from(seconds).ok()?.checked_mul(1_000_000_000)?;
            ns.checked_add(u64::try_from(rest).ok()?).filter(|ns| *ns > 0)
        }
        _ => None,
    })
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(context))?;
            match self.stream.try_io(Interest::READABLE, || self.read(buffer)) {
                Ok(read) => {
                    if read.is_short {
                        self.wait_for_more();
                    }
                    if read.length > 0 {
                        self.note_read(read.stamp_ns);
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { stream, stamps, clock, .. } = self.get_mut();
        stamps.around_write(*clock, || Pin::new(stream).poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
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

/// A socket that keeps the system stamping for as long as it is open. The system begins to stamp a moment after the
/// first socket has asked for it, and stops after the last one: without this, the first answers would come unstamped,
/// and a run that opens a connection a request would switch it on and off.
#[derive(Debug)]
pub(super) struct Primer(#[expect(dead_code, reason = "it is open, that is all")] Option<UdpSocket>);

impl Primer {
    /// Opens it. A system that has none does not stamp either.
    pub(super) fn new() -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).ok();
        Self(socket.filter(|socket| stamp_arrivals(socket).is_ok()))
    }
}
