//! When things happened to one attempt: written while it is under way, read when it is over, well or not.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use super::StampSource;
use crate::clock::RunNs;

/// What one attempt's connection did.
#[derive(Debug, Default)]
pub(crate) struct AttemptStamps {
    connect_start: OnceLock<RunNs>,
    resolved: OnceLock<RunNs>,
    reached: OnceLock<RunNs>,
    connected: OnceLock<RunNs>,
    sent: OnceLock<RunNs>,
    socket: OnceLock<Arc<SocketStamps>>,
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

    fn get(&self) -> Option<RunNs> {
        Some(self.0.load(Relaxed)).filter(|at| *at != Self::NEVER)
    }

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
}

impl SocketStamps {
    fn begin(&self) {
        for moment in [&self.written, &self.first_read, &self.read] {
            moment.set(None);
        }
    }

    /// A write has returned.
    pub(super) fn note_write(&self, now: RunNs) {
        self.written.set(Some(now));
    }

    /// A read brought bytes that had arrived `at`.
    pub(super) fn note_read(&self, at: RunNs, source: StampSource) {
        if self.first_read.get().is_none() {
            self.first_read.set(Some(at));
        }
        self.read.set(Some(at));
        self.by_kernel.store(source == StampSource::Kernel, Relaxed);
    }

    /// When the last byte of the request was handed over. Whoever is held up after the write notes it late: then the
    /// first byte of the answer arrived before, and the request had gone by that moment.
    fn sent(&self) -> Option<RunNs> {
        let written = self.written.get()?;
        Some(self.first_read.get().map_or(written, |arrived| arrived.min(written)))
    }

    /// When the first bytes of the answer arrived.
    pub(super) fn first_read(&self) -> Option<RunNs> {
        self.first_read.get()
    }

    /// When the latest bytes arrived, and who says so.
    pub(super) fn latest(&self) -> (Option<RunNs>, StampSource) {
        let source = if self.by_kernel.load(Relaxed) { StampSource::Kernel } else { StampSource::User };
        (self.read.get(), source)
    }
}
