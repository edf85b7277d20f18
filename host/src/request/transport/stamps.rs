//! When things happened to one attempt: written while it is under way, read when it is over, well or not.

use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::Poll,
};

use super::StampSource;
use crate::clock::{Clock, RunNs};

/// A write that took longer than this was interrupted, in nanoseconds: writing 100 kB takes a tenth of it.
const LONGEST_WRITE_NS: u64 = 100_000;

/// What one attempt's connection did.
#[derive(Debug, Default)]
pub(crate) struct AttemptStamps {
    connect_start: OnceLock<RunNs>,
    resolved: OnceLock<RunNs>,
    reached: OnceLock<RunNs>,
    connected: OnceLock<RunNs>,
    sent: OnceLock<RunNs>,
    /// Where no socket of ours tells.
    read: Moment,
    /// The same: how long a round trip to the server takes at most.
    round_trip: OnceLock<u64>,
    socket: OnceLock<Arc<SocketStamps>>,
    /// It went over a new connection, since the server had closed the one that was kept.
    replaces: AtomicBool,
}

impl AttemptStamps {
    /// Opening a connection begins.
    pub(super) fn note_connect_start(&self, now: RunNs) {
        self.connect_start.get_or_init(|| now);
    }

    /// The host's name has become addresses.
    pub(super) fn note_resolved(&self, now: RunNs) {
        self.resolved.get_or_init(|| now);
    }

    /// The transport's connection is open; TLS is still to come.
    pub(super) fn note_reached(&self, now: RunNs) {
        self.reached.get_or_init(|| now);
    }

    /// The connection is open, TLS included.
    pub(super) fn note_connected(&self, now: RunNs) {
        self.connected.get_or_init(|| now);
    }

    /// The request goes.
    pub(super) fn note_sent(&self, now: RunNs) {
        self.sent.get_or_init(|| now);
    }

    /// Bytes of the answer were read, over a socket that is not ours.
    pub(super) fn note_read(&self, now: RunNs) {
        self.read.set(Some(now));
    }

    /// A round trip takes so many nanoseconds at most, over a socket that is not ours.
    pub(super) fn note_round_trip(&self, ns: u64) {
        self.round_trip.get_or_init(|| ns);
    }

    /// The attempt needs a new connection: the server has closed the one that was kept.
    pub(super) fn note_replaces(&self) {
        self.replaces.store(true, Relaxed);
    }

    /// The server had closed the connection that was kept, which was seen before anything was sent.
    pub(crate) fn replaces(&self) -> bool {
        self.replaces.load(Relaxed)
    }

    /// The attempt goes over this socket, whose stamps are its own from now on.
    pub(super) fn goes_over(&self, socket: &Arc<SocketStamps>) {
        socket.begin();
        self.socket.get_or_init(|| Arc::clone(socket));
    }

    /// The attempt is over, and its socket is about to serve another.
    pub(super) fn leaves(&self, socket: &SocketStamps) {
        if let Some(sent) = socket.sent() {
            self.note_sent(sent);
        }
    }

    /// Opening a connection began.
    pub(crate) fn connect_start(&self) -> Option<RunNs> {
        self.connect_start.get().copied()
    }

    /// The host's name had become addresses; none was needed for an address.
    pub(crate) fn resolved(&self) -> Option<RunNs> {
        self.resolved.get().copied()
    }

    /// The connection was open, without TLS.
    pub(crate) fn reached(&self) -> Option<RunNs> {
        self.reached.get().copied()
    }

    /// The connection was open, TLS included.
    pub(crate) fn connected(&self) -> Option<RunNs> {
        self.connected.get().copied()
    }

    /// Bytes of an answer have arrived.
    pub(crate) fn is_answered(&self) -> bool {
        self.socket.get().is_some_and(|socket| socket.first_read().is_some())
    }

    /// When the latest bytes of the answer arrived.
    pub(crate) fn latest_read(&self) -> Option<RunNs> {
        match self.socket.get() {
            Some(socket) => socket.first_read().and_then(|_| socket.latest().0),
            None => self.read.get(),
        }
    }

    /// How many nanoseconds a round trip took as its connection was opened; 0 where that is unknown.
    pub(crate) fn round_trip(&self) -> u64 {
        let own = || self.round_trip.get().copied().unwrap_or(0);
        self.socket.get().map_or_else(own, |socket| socket.round_trip.load(Relaxed))
    }

    /// The last byte of the request went to the system; on the portable transport, the connection took its body.
    pub(crate) fn sent(&self) -> Option<RunNs> {
        self.sent.get().copied().or_else(|| self.socket.get()?.sent())
    }
}

/// A moment that may not have been yet, for one writer.
#[derive(Debug)]
struct Moment(AtomicU64);

impl Moment {
    const NEVER: u64 = u64::MAX;

    #[inline]
    fn get(&self) -> Option<RunNs> {
        Some(self.0.load(Relaxed)).filter(|at| *at != Self::NEVER)
    }

    #[inline]
    fn set(&self, at: Option<RunNs>) {
        self.0.store(at.unwrap_or(Self::NEVER), Relaxed);
    }
}

impl Default for Moment {
    fn default() -> Self {
        Self(AtomicU64::new(Self::NEVER))
    }
}

/// What a socket did since its latest request began.
#[derive(Debug, Default)]
pub(super) struct SocketStamps {
    written: Moment,
    first_read: Moment,
    read: Moment,
    by_kernel: AtomicBool,
    /// How long opening its connection took, in nanoseconds.
    round_trip: AtomicU64,
}

impl SocketStamps {
    /// Its connection was opened within so many nanoseconds: a round trip.
    pub(super) fn note_round_trip(&self, ns: u64) {
        self.round_trip.store(ns, Relaxed);
    }

    fn begin(&self) {
        for moment in [&self.written, &self.first_read, &self.read] {
            moment.set(None);
        }
    }

    /// A write began and returned. One that took long was interrupted, most likely by whom its bytes woke up: they had
    /// gone when it began, rather than when it returned.
    fn note_write(&self, began: RunNs, returned: RunNs) {
        if self.first_read.get().is_some() {
            // What is written after the answer began, such as the end of TLS, is not the request.
            return;
        }
        let interrupted = returned.saturating_sub(began) > LONGEST_WRITE_NS;
        self.written.set(Some(if interrupted { began } else { returned }));
    }

    /// Writes, and notes when it did.
    pub(super) fn around_write(
        &self,
        clock: Clock,
        write: impl FnOnce() -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let before = clock.now();
        let written = write();
        if matches!(written, Poll::Ready(Ok(_))) {
            self.note_write(before, clock.now());
        }
        written
    }

    /// A read brought bytes that had arrived `at`.
    #[inline]
    pub(super) fn note_read(&self, at: RunNs, source: StampSource) {
        self.read.set(Some(at));
        self.by_kernel.store(source == StampSource::Kernel, Relaxed);
    }

    /// When the last byte of the request was handed over. A thread that is held up after the write notes it late: then the
    /// first byte of the answer arrived before, and the request had gone by that moment.
    fn sent(&self) -> Option<RunNs> {
        let written = self.written.get()?;
        Some(self.first_read.get().map_or(written, |arrived| arrived.min(written)))
    }

    /// The latest read was of an answer: what TLS says among itself is none.
    #[inline]
    pub(super) fn note_answer(&self) {
        if self.first_read.get().is_none() {
            self.first_read.set(self.read.get());
        }
    }

    /// When the first bytes of the answer arrived.
    pub(super) fn first_read(&self) -> Option<RunNs> {
        self.first_read.get()
    }

    /// When the latest bytes arrived, and who says so.
    #[inline]
    pub(super) fn latest(&self) -> (Option<RunNs>, StampSource) {
        let source = if self.by_kernel.load(Relaxed) { StampSource::Kernel } else { StampSource::User };
        (self.read.get(), source)
    }
}

#[cfg(test)]
impl AttemptStamps {
    /// Those of a request that was sent at this moment over a connection that was there already.
    pub(crate) fn kept(round_trip_ns: u64, sent: RunNs) -> Self {
        let stamps = Self::default();
        stamps.note_round_trip(round_trip_ns);
        stamps.note_sent(sent);
        stamps
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::as_it_returned(1_000, 21_000, None, Some(21_000))]
    #[case::as_it_began_when_it_was_interrupted(1_000, 3_000_000, None, Some(1_000))]
    #[case::before_the_answer_came(1_000, 21_000, Some(20_000), Some(20_000))]
    fn a_request_was_sent(
        #[case] began: RunNs,
        #[case] returned: RunNs,
        #[case] answered: Option<RunNs>,
        #[case] expected: Option<RunNs>,
    ) {
        let stamps = SocketStamps::default();
        stamps.note_write(began, returned);
        if let Some(at) = answered {
            stamps.note_read(at, StampSource::Kernel);
            stamps.note_answer();
        }
        assert_eq!(stamps.sent(), expected);
    }

    #[test]
    fn an_attempt_keeps_its_stamps_when_its_socket_serves_another() {
        let (first, second) = (AttemptStamps::default(), AttemptStamps::default());
        let socket = Arc::new(SocketStamps::default());
        first.goes_over(&socket);
        assert_eq!(first.sent(), None);
        socket.note_write(10, 20);
        socket.note_read(90, StampSource::Kernel);
        socket.note_answer();
        socket.note_write(95, 96);
        first.leaves(&socket);
        second.goes_over(&socket);
        assert_eq!((first.sent(), second.sent(), socket.first_read()), (Some(20), None, None));
        socket.note_write(100, 110);
        assert_eq!((first.sent(), second.sent()), (Some(20), Some(110)));
    }

    #[test]
    fn the_first_read_stands_and_the_latest_moves_on() {
        let socket = SocketStamps::default();
        socket.note_read(3, StampSource::Kernel);
        assert_eq!(socket.first_read(), None, "TLS may have said something");
        for (at, source) in [(5, StampSource::Kernel), (9, StampSource::User)] {
            socket.note_read(at, source);
            socket.note_answer();
        }
        assert_eq!((socket.first_read(), socket.latest()), (Some(5), (Some(9), StampSource::User)));
    }
}
