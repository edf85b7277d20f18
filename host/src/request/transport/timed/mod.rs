//! The measuring transport: HTTP/1.1 over sockets of our own.

mod buffer;
mod connect;
mod connection;
mod framing;
mod head;
mod local;
pub(super) mod probe;
mod socket;
mod tunnel;
pub(super) mod whole;

use std::{
    future::poll_fn,
    iter::repeat_n,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
};

use http::response;
use tokio::task::JoinSet;

use self::{connect::Opener, connection::Connection, socket::Primer};
pub(super) use self::{connect::reach, socket::BoxError};
use super::{AttemptStamps, Chunk, StampSource, error::TransportError};
use crate::{
    clock::{Clock, KernelClock, RunNs},
    request::{
        prepared::Prepared,
        target::{Origin, TargetPlan},
        worker_statistics::WorkerStatistics,
    },
};

/// Connections that are opened ahead at the same time: fewer than a server's queue holds.
const OPENED_AT_ONCE: usize = 32;

/// A worker's connections.
#[derive(Debug)]
pub(crate) struct Timed {
    opener: Arc<Opener>,
    /// None if each request opens its own.
    pool: Option<Arc<Pool>>,
    _primer: Primer,
}

/// Connections that wait for a request.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Vec<(Origin, Waiting)>>);

/// Those to one origin, the latest used last.
#[derive(Debug, Default)]
struct Waiting {
    connections: Vec<Connection>,
    /// Which one is looked after next.
    next: usize,
    /// Those that the server has closed, and for which none was opened yet.
    closed: usize,
}

/// An answer whose head has arrived. Dropped before its end, it closes its connection.
#[derive(Debug)]
pub(crate) struct Response {
    head: response::Parts,
    /// Gone when the body is over.
    connection: Option<Connection>,
    origin: Origin,
    pool: Option<Arc<Pool>>,
    stamps: Arc<AttemptStamps>,
    clock: Clock,
}

impl Timed {
    /// See [`Transport::new`](super::Transport::new).
    pub(super) fn new(target: &TargetPlan, clock: Clock, statistics: Arc<WorkerStatistics>) -> Self {
        let tls = target.tls.clone();
        let (kernel, timeout) = (Arc::new(KernelClock::new(clock)), target.connect_timeout);
        let opener = Arc::new(Opener {
            clock,
            kernel,
            statistics,
            tls,
            timeout,
            shortest_trip: AtomicU64::new(u64::MAX),
        });
        let pool = target.keeps_connections.then(Arc::default);
        Self { opener, pool, _primer: Primer::new() }
    }

    /// See [`Transport::send`](super::Transport::send).
    pub(super) async fn send(
        &self,
        request: &Prepared,
        own: Option<&Arc<Pool>>,
        fresh: bool,
        stamps: &Arc<AttemptStamps>,
    ) -> Result<Response, TransportError> {
        // What every request in flight keeps is as little as can be, so that pool and origin are named again and again.
        let pooled = match own.or(self.pool.as_ref()) {
            Some(pool) if !fresh => {
                let taken = pool.take(&request.place.origin).await;
                if taken.is_none() && pool.was_closed(&request.place.origin) {
                    stamps.note_replaces();
                }
                taken
            }
            _ => None,
        };
        let mut connection = match pooled {
            Some(connection) => connection,
            None => open(&self.opener, &request.place.origin, stamps).await?,
        };
        stamps.goes_over(&connection.stamps);
        let head = connection.send(request).await?;
        let (origin, pool) = (request.place.origin.clone(), own.or(self.pool.as_ref()).cloned());
        let (stamps, clock) = (Arc::clone(stamps), self.opener.clock);
        Ok(Response { head, connection: Some(connection), origin, pool, stamps, clock })
    }

    pub(super) fn clock_steps(&self) -> u64 {
        self.opener.kernel.steps()
    }

    /// See [`Transport::preconnect`](super::Transport::preconnect).
    pub(super) async fn preconnect(
        &self,
        target: &TargetPlan,
        count: usize,
    ) -> (usize, Option<TransportError>) {
        let Some(pool) = &self.pool else { return (0, None) };
        let origins: Vec<Origin> = target.origins().cloned().collect();
        // Any of the requests in flight may go to any of them.
        let mut wanted = origins.into_iter().flat_map(|origin| repeat_n(origin, count));
        let mut opening: JoinSet<_> =
            wanted.by_ref().take(OPENED_AT_ONCE).map(|origin| self.open_ahead(origin)).collect();
        let mut opened = 0;
        while let Some(ended) = opening.join_next().await {
            match ended {
                Ok((origin, Ok(connection))) => {
                    pool.put(&origin, connection);
                    opened += 1;
                    if let Some(origin) = wanted.next() {
                        opening.spawn(self.open_ahead(origin));
                    }
                }
                Ok((_, Err(error))) => return (opened, Some(error)),
                Err(error) => return (opened, Some(TransportError::connect(&error))),
            }
        }
        (opened, None)
    }

    fn open_ahead(
        &self,
        origin: Origin,
    ) -> impl Future<Output = (Origin, Result<Connection, TransportError>)> + Send + 'static {
        let opener = Arc::clone(&self.opener);
        async move {
            let connection = open(&opener, &origin, &AttemptStamps::default()).await;
            (origin, connection)
        }
    }
}

async fn open(
    opener: &Opener,
    origin: &Origin,
    stamps: &AttemptStamps,
) -> Result<Connection, TransportError> {
    let (stream, socket) = opener.open(origin, stamps).await?;
    Ok(Connection::new(stream, socket))
}

impl Pool {
    /// A connection that is still open.
    async fn take(&self, origin: &Origin) -> Option<Connection> {
        loop {
            let mut connection = self.pop(origin)?;
            if connection.is_usable().await {
                return Some(connection);
            }
            self.with(origin, |waiting| waiting.closed += 1);
        }
    }

    /// Whether the connection that is about to be opened takes the place of one that the server has closed.
    fn was_closed(&self, origin: &Origin) -> bool {
        let take = |waiting: &mut Waiting| match waiting.closed.checked_sub(1) {
            Some(left) => {
                waiting.closed = left;
                true
            }
            None => false,
        };
        self.with(origin, take).unwrap_or(false)
    }

    fn with<T>(&self, origin: &Origin, look: impl FnOnce(&mut Waiting) -> T) -> Option<T> {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pool.iter_mut().find(|(of, _)| of == origin).map(|(_, waiting)| look(waiting))
    }

    fn pop(&self, origin: &Origin) -> Option<Connection> {
        self.with(origin, |waiting| waiting.connections.pop()).flatten()
    }

    fn put(&self, origin: &Origin, connection: Connection) {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match pool.iter_mut().find(|(of, _)| of == origin) {
            Some((_, waiting)) => waiting.put(connection),
            None => {
                pool.push((origin.clone(), Waiting { connections: vec![connection], ..Waiting::default() }));
            }
        }
    }
}

impl Waiting {
    /// Lets one more wait, and looks after one of those that do: a server closes what is not used, and the ones that are
    /// used least would not be taken, and missed, for long. In a load that uses all of them there is none to look after.
    fn put(&mut self, connection: Connection) {
        if self.next >= self.connections.len() {
            self.next = 0;
        }
        if let Some(longest) = self.connections.get_mut(self.next) {
            if longest.is_closed() {
                self.connections.swap_remove(self.next);
                self.closed += 1;
            } else {
                self.next += 1;
            }
        }
        self.connections.push(connection);
    }
}

impl Response {
    /// Status and headers.
    pub(super) fn head(&self) -> &response::Parts {
        &self.head
    }

    /// When the first byte of it arrived, and who says so.
    pub(super) fn first_byte(&self) -> (Option<RunNs>, StampSource) {
        match &self.connection {
            Some(Connection { stamps, .. }) => (stamps.first_read(), stamps.latest().1),
            None => (None, StampSource::User),
        }
    }

    /// See [`Response::chunk`](super::Response::chunk).
    pub(super) async fn chunk(&mut self) -> Result<Option<Chunk<'_>>, TransportError> {
        let Some(connection) = &mut self.connection else { return Ok(None) };
        let Some(place) = poll_fn(|context| connection.poll_piece(context)).await? else {
            self.give_back();
            return Ok(None);
        };
        let Some(connection) = &self.connection else { return Ok(None) };
        let (arrived, source) = connection.stamps.latest();
        let arrived = arrived.unwrap_or_else(|| self.clock.now());
        let bytes = connection.piece(place);
        Ok(Some(Chunk { bytes, wire_bytes: bytes.len(), arrived, source }))
    }

    fn give_back(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.stamps.leaves(&connection.stamps);
            if let Some(pool) = self.pool.as_ref().filter(|_| connection.can_go_on()) {
                pool.put(&self.origin, connection);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpListener;

    use super::*;
    use crate::request::target::Route;

    /// The one on top is used all the time, so that nobody would meet the others.
    #[tokio::test]
    async fn a_connection_that_the_server_closed_does_not_wait_for_ever() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let origin = Origin { secure: false, host: "127.0.0.1".into(), port, route: Route::Direct };
        let clock = Clock::start();
        let kernel = Arc::new(KernelClock::new(clock));
        let timeout = Duration::from_secs(60);
        let shortest_trip = AtomicU64::new(u64::MAX);
        let opener = Opener { clock, kernel, statistics: Arc::default(), tls: None, timeout, shortest_trip };
        let pool = Pool::default();
        let mut servers = Vec::new();
        for _ in 0..3 {
            pool.put(&origin, open(&opener, &origin, &AttemptStamps::default()).await.unwrap());
            servers.push(listener.accept().await.unwrap());
        }
        servers.drain(..2);
        let waiting = || pool.0.lock().unwrap()[0].1.connections.len();
        let shrinking = async {
            while waiting() > 1 {
                let used = pool.take(&origin).await.unwrap();
                pool.put(&origin, used);
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(timeout, shrinking).await.unwrap();
        assert!(pool.take(&origin).await.is_some(), "the one that is open stays");
    }
}
