//! A connection to a server of NATS, with a thread and a runtime of its own.
//!
//! The caller may be on any other thread, in a runtime or not: calls that wait leave their work with the thread, and wait
//! for it without a runtime. A connection that breaks is mended by the library, which subscribes again to what was subscribed to.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, SyncSender},
    },
    thread::{self, ThreadId},
    time::Duration,
};

use async_nats::{
    Client, ConnectOptions, ServerAddr, Subject, Subscriber,
    client::{Request, RequestError, RequestErrorKind},
    connection::State,
    rustls,
};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
    task::AbortHandle,
    time::{MissedTickBehavior, timeout},
};

use super::{
    access::Access,
    error::{BusError, Cause, MOST_BYTES},
};

/// Time between two looks whether a broken connection stands again.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How much longer than its own limit an answer of the thread is waited for.
const SLACK: Duration = Duration::from_secs(2);

/// How long the last messages may take to leave when the connection is given up.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Room for the headers and numbers around a message, in bytes.
const FRAME_BYTES: usize = 1024;

/// A connection. Copies share it; it ends with the last of them, after what was answered has left.
#[derive(Clone, Debug)]
pub(crate) struct Bus {
    connection: Arc<Connection>,
}

#[derive(Debug)]
struct Connection {
    client: Client,
    /// The server, without a login.
    url: String,
    runtime: Handle,
    thread: ThreadId,
    /// The thread ends when it is gone.
    open: Option<oneshot::Sender<()>>,
    /// Breaks off when the thread has ended.
    ended: Mutex<Receiver<()>>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.open = None;
        // The thread itself cannot wait for its end.
        if thread::current().id() != self.thread {
            let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
            let _ = ended.recv_timeout(LAST_WORDS + SLACK);
        }
    }
}

impl Bus {
    /// Connects, under a name that the server's own lists show. Where nobody listens, this fails at once; a connection that
    /// breaks later is mended without a word.
    ///
    /// # Errors
    /// Nobody listens there, nobody answers within `within`, or the server does not let us in.
    pub(crate) fn connect(access: &Access, name: &str, within: Duration) -> Result<Self, BusError> {
        let address = access.address()?;
        let opening = Opening {
            options: access.options(&address, name, within)?,
            server: address.server,
            url: address.shown.clone(),
            within,
        };
        let (opened, answer) = mpsc::sync_channel(1);
        let (open, closed) = oneshot::channel();
        let (end, ended) = mpsc::channel::<()>();
        let run = move || {
            live(opening, &opened, closed);
            drop(end);
        };
        let thread = thread::Builder::new().name("nats".into()).spawn(run).map_err(BusError::Thread)?;
        let (client, runtime) = answer.recv().unwrap_or(Err(BusError::Gone))?;
        let connection = Connection {
            client,
            url: address.shown,
            runtime,
            thread: thread.thread().id(),
            open: Some(open),
            ended: Mutex::new(ended),
        };
        Ok(Self { connection: Arc::new(connection) })
    }

    /// The server's URL, without a login.
    pub(crate) fn url(&self) -> &str {
        &self.connection.url
    }

    /// Asks the process that listens at a subject, and waits for the answer.
    ///
    /// # Errors
    /// Nobody listens there, nobody answers in time, or the connection is broken for all of it.
    pub(crate) fn request(
        &self,
        subject: &str,
        payload: Vec<u8>,
        within: Duration,
    ) -> Result<Vec<u8>, BusError> {
        fits(&payload)?;
        let (client, subject) = (self.client(), subject.to_owned());
        let away = self.away(within);
        self.wait_within(within + SLACK, async move {
            let asked = async {
                connected(&client).await;
                ask(&client, &subject, payload.into(), within).await
            };
            match timeout(within, asked).await {
                Ok(answer) => answer.map(Vec::from),
                Err(_) if is_connected(&client) => Err(BusError::Silent { subject, within }),
                Err(_) => Err(away),
            }
        })
    }

    /// Asks all that listen at a subject. Waits for all of `wait`, since nobody knows how many there are.
    ///
    /// # Errors
    /// The connection is broken for all of it. That nobody answers is none.
    pub(crate) fn gather(
        &self,
        subject: &str,
        payload: Vec<u8>,
        wait: Duration,
    ) -> Result<Vec<Vec<u8>>, BusError> {
        fits(&payload)?;
        let (client, subject) = (self.client(), subject.to_owned());
        let away = self.away(wait);
        self.wait_within(2 * wait + SLACK, async move {
            match timeout(wait, connected(&client)).await {
                Ok(()) => answers(&client, &subject, payload.into(), wait).await,
                Err(_) => Err(away),
            }
        })
    }

    /// Answers every process that asks at a subject, until the subscription is dropped. Where there is no answer, nothing is sent.
    ///
    /// `answer` runs on the bus's thread: it must not wait for anything, and must not own the subscription.
    ///
    /// # Errors
    /// The subject is none, or the thread is gone.
    pub(crate) fn serve(
        &self,
        subject: &str,
        answer: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send + 'static,
    ) -> Result<Subscription, BusError> {
        let requests = self.requests(subject)?;
        let task = self.start(answer_all(self.client(), requests, answer));
        Ok(Subscription { _task: task, _bus: self.clone() })
    }

    /// The same where an answer takes a while: each is made on a thread beside that of the bus, one after the other.
    ///
    /// # Errors
    /// Those of [`Bus::serve`].
    pub(crate) fn serve_in_background(
        &self,
        subject: &str,
        answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Result<Subscription, BusError> {
        let requests = self.requests(subject)?;
        let task = self.start(answer_all_in_background(self.client(), requests, Arc::new(answer)));
        Ok(Subscription { _task: task, _bus: self.clone() })
    }

    fn requests(&self, subject: &str) -> Result<Subscriber, BusError> {
        let (client, subject) = (self.client(), subject.to_owned());
        self.wait_within(SLACK, async move {
            let subscribed = client.subscribe(subject.clone()).await;
            subscribed.map_err(|error| BusError::Refused { subject, source: Cause::of(&error) })
        })
    }

    /// Whether the connection stands.
    #[cfg(test)]
    pub(super) fn is_connected(&self) -> bool {
        is_connected(&self.connection.client)
    }

    pub(super) fn client(&self) -> Client {
        self.connection.client.clone()
    }

    fn away(&self, within: Duration) -> BusError {
        BusError::Away { url: self.connection.url.clone(), within }
    }

    /// Has the thread do something beside everything else.
    pub(super) fn start(&self, work: impl Future<Output = ()> + Send + 'static) -> Task {
        Task(self.connection.runtime.spawn(work).abort_handle())
    }

    /// Has the thread do something that has a limit of its own, and waits until it is done.
    pub(super) fn wait<T: Send + 'static, E: From<BusError> + Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E> {
        self.leave(work)?.recv().unwrap_or_else(|_| Err(BusError::Gone.into()))
    }

    fn wait_within<T: Send + 'static>(
        &self,
        within: Duration,
        work: impl Future<Output = Result<T, BusError>> + Send + 'static,
    ) -> Result<T, BusError> {
        self.leave(work)?.recv_timeout(within).unwrap_or(Err(BusError::Gone))
    }

    fn leave<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<Receiver<T>, BusError> {
        if thread::current().id() == self.connection.thread {
            // It would wait for itself.
            return Err(BusError::Gone);
        }
        let (done, outcome) = mpsc::sync_channel(1);
        self.connection.runtime.spawn(async move {
            // The caller may have given up.
            let _ = done.send(work.await);
        });
        Ok(outcome)
    }
}

/// Answers at a subject, until this is dropped.
#[derive(Debug)]
pub(crate) struct Subscription {
    _task: Task,
    _bus: Bus,
}

/// What the thread does until this is dropped.
#[derive(Debug)]
pub(super) struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a connection is opened with.
struct Opening {
    options: ConnectOptions,
    server: ServerAddr,
    url: String,
    within: Duration,
}

/// The thread: connects, and ends with the last handle of the bus. Everything else runs beside it.
fn live(
    opening: Opening,
    opened: &SyncSender<Result<(Client, Handle), BusError>>,
    closed: oneshot::Receiver<()>,
) {
    // Fails where there is one: it is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = opened.send(Err(BusError::Thread(error)));
            return;
        }
    };
    runtime.block_on(async {
        match open(opening).await {
            Ok(client) => {
                let _ = opened.send(Ok((client.clone(), Handle::current())));
                // Nothing is ever sent: what ends the wait is that the other side is gone.
                let _ = closed.await;
                say_the_last(&client).await;
            }
            Err(error) => {
                let _ = opened.send(Err(error));
            }
        }
    });
    // A file that is being read does not hold up the end.
    runtime.shutdown_background();
}

async fn open(opening: Opening) -> Result<Client, BusError> {
    let Opening { options, server, url, within } = opening;
    let connecting = Box::pin(options.connect(server));
    let client = match timeout(within, connecting).await {
        Ok(Ok(client)) => client,
        Ok(Err(error)) => return Err(BusError::of_connect(&error, url, within)),
        Err(_) => return Err(BusError::Mute { url, within }),
    };
    match client.max_payload() {
        bytes if bytes < MOST_BYTES + FRAME_BYTES => Err(BusError::SmallMessages { url, bytes }),
        _ => Ok(client),
    }
}

/// Has answers leave that wait.
async fn say_the_last(client: &Client) {
    if is_connected(client) {
        let _ = timeout(LAST_WORDS, client.flush()).await;
    }
}

async fn answer_all(
    client: Client,
    mut requests: Subscriber,
    mut answer: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send,
) {
    while let Some(request) = requests.next().await {
        let said = answer(&request.payload);
        send_answer(&client, request.reply, said).await;
    }
}

async fn answer_all_in_background(
    client: Client,
    mut requests: Subscriber,
    answer: Arc<impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static>,
) {
    while let Some(request) = requests.next().await {
        let (answer, question) = (Arc::clone(&answer), request.payload);
        let said = tokio::task::spawn_blocking(move || answer(&question)).await;
        // Where it panics there is no answer.
        send_answer(&client, request.reply, said.ok().flatten()).await;
    }
}

async fn send_answer(client: &Client, reply: Option<Subject>, said: Option<Vec<u8>>) {
    if let (Some(said), Some(reply)) = (said, reply)
        && let Err(error) = client.publish(reply, said.into()).await
    {
        tracing::warn!(%error, "an answer was not sent");
    }
}

async fn answers(
    client: &Client,
    subject: &str,
    payload: Bytes,
    wait: Duration,
) -> Result<Vec<Vec<u8>>, BusError> {
    let refused = |error: &(dyn std::error::Error + 'static)| BusError::Refused {
        subject: subject.to_owned(),
        source: Cause::of(error),
    };
    let inbox = client.new_inbox();
    let mut heard = client.subscribe(inbox.clone()).await.map_err(|error| refused(&error))?;
    let asked = client.publish_with_reply(subject.to_owned(), inbox, payload).await;
    asked.map_err(|error| refused(&error))?;
    let mut gathered = Vec::new();
    let all = async {
        while let Some(answer) = heard.next().await {
            // The server itself answers, with a status, where nobody listens.
            if answer.status.is_none() {
                gathered.push(Vec::from(answer.payload));
            }
        }
    };
    let _ = timeout(wait, all).await;
    Ok(gathered)
}

/// Asks the process that listens at a subject, once.
pub(super) async fn ask(
    client: &Client,
    subject: &str,
    payload: Bytes,
    within: Duration,
) -> Result<Bytes, BusError> {
    let request = Request::new().payload(payload).timeout(Some(within));
    let answer = client.send_request(subject.to_owned(), request).await;
    answer.map(|answer| answer.payload).map_err(|error| failed(&error, subject, within))
}

fn failed(error: &RequestError, subject: &str, within: Duration) -> BusError {
    let subject = subject.to_owned();
    match error.kind() {
        RequestErrorKind::NoResponders => BusError::NoListener { subject },
        RequestErrorKind::TimedOut => BusError::Silent { subject, within },
        RequestErrorKind::InvalidSubject | RequestErrorKind::MaxPayloadExceeded | RequestErrorKind::Other => {
            BusError::Refused { subject, source: Cause::of(error) }
        }
    }
}

fn fits(payload: &[u8]) -> Result<(), BusError> {
    match payload.len() {
        bytes if bytes > MOST_BYTES => Err(BusError::TooLong { bytes }),
        _ => Ok(()),
    }
}

fn is_connected(client: &Client) -> bool {
    client.connection_state() == State::Connected
}

/// Waits until the connection stands.
pub(super) async fn connected(client: &Client) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !is_connected(client) {
        looks.tick().await;
    }
}
