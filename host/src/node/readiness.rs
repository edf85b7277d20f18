//! Is the target there? Asked once before the load, so that a wrong address costs a second and not a run.

use std::{
    io,
    net::{TcpStream, ToSocketAddrs},
    os::unix::net::UnixStream,
    sync::Arc,
    time::Duration,
};

use prony_plugin_api::PartKind;

use super::background;
use crate::{
    clock::{Clock, RunNs, as_ns},
    config::{redact, url},
    dataset::Script,
    explain::Explain,
    plan::Plan,
    plan::ReplyPolicy,
    request::{
        endpoint::Endpoint,
        exchange::Exchange,
        prepared::{new_request_id, prepare},
        target::{Origin, Route, TargetPlan},
        transport::Transport,
        wire::Wire,
    },
    schedule::pacer::Pacer,
    session::{Session, Turn},
};

/// What the request says that waits for a model.
const PROBE_TEXT: &str = "ready";

/// Pause between two attempts of waiting for a model.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Why the load does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadinessError {
    /// Nobody answers at the address.
    #[error("reach the server at `{url}`")]
    Unreachable {
        /// The base URL, without secrets.
        url: String,
        source: io::Error,
    },
    /// Nobody answers at the address of the proxy on the way.
    #[error("reach the proxy at `{url}`")]
    NoProxy {
        /// Its URL, without secrets.
        url: String,
        source: io::Error,
    },
    /// It answers, but not with a completion, until the end of the wait.
    #[error("get a response from the model within {seconds} s: the last attempt said: {last}")]
    NotReady {
        /// How long was waited.
        seconds: f64,
        /// What went wrong the last time.
        last: String,
    },
    /// It will not answer, however long one waits: a wrong key, or a request that cannot be made.
    #[error("get a response from the model: {0}")]
    Refused(String),
    /// The means of asking are not there: no runtime, no TLS.
    #[error("prepare to ask the server")]
    Means(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Explain for ReadinessError {
    fn hint(&self) -> String {
        let hint = match self {
            Self::Unreachable { .. } => {
                "check `--url`, start the server, or let prony wait for it with `--wait-for-model-timeout SECONDS`"
            }
            Self::NoProxy { .. } => {
                "check `--proxy`, or `HTTP_PROXY`, `HTTPS_PROXY` and `ALL_PROXY`, or do without: `--no-proxy`"
            }
            Self::NotReady { .. } => {
                "look at the server's log, or raise `--wait-for-model-timeout` (and `--deadline`, if it is set)"
            }
            Self::Refused(_) => {
                "check `--api-key` and `--header`, and that the endpoint can send what was asked for"
            }
            Self::Means(_) => "look at the system's limits and certificates",
        };
        hint.to_owned()
    }
}

/// Returns once the model has answered, for as long as the run is told to wait for it.
pub(crate) fn await_model(
    plan: &Plan,
    endpoint: &Endpoint,
    target: &Arc<TargetPlan>,
    script: &Script,
    clock: Clock,
) -> Result<(), ReadinessError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| ReadinessError::Means(error.into()))?;
    runtime.block_on(async {
        let transport = Transport::new(target, clock, Arc::default())
            .map_err(|error| ReadinessError::Means(error.into()))?;
        let wire = Wire {
            clock,
            transport,
            endpoint: endpoint.clone(),
            target: Arc::clone(target),
            priority: Arc::default(),
        };
        let timeout = timeout(plan, clock);
        let deadline = clock.now().saturating_add(as_ns(timeout));
        for class in plan.classes.one_of_each_model() {
            wait_for_model(&wire, script, class, Limit { timeout, deadline }).await?;
        }
        Ok(())
    })
}

/// How long to wait: as long as the user says, and not beyond the end of the run.
fn timeout(plan: &Plan, clock: Clock) -> Duration {
    let timeout = Duration::try_from_secs_f64(plan.target.wait_for_model_timeout_s).unwrap_or(Duration::MAX);
    let left = plan.deadline().map(|deadline| deadline.saturating_sub(Duration::from_nanos(clock.now())));
    left.map_or(timeout, |left| timeout.min(left))
}

/// Opens and closes one connection to every target, or to the proxy on the way.
pub(crate) fn check_reachable(plan: &Plan, target: &TargetPlan) -> Result<(), ReadinessError> {
    plan.target.urls.iter().zip(target.origins()).try_for_each(|(base, origin)| {
        let unreachable = |source| match &origin.route {
            Route::Proxy(proxy) => ReadinessError::NoProxy { url: proxy.shown(), source },
            Route::Direct | Route::Socket(_) => {
                ReadinessError::Unreachable { url: redact::url(&url::typed(base)), source }
            }
        };
        connect(origin, target.connect_timeout).map_err(unreachable)
    })
}

fn connect(origin: &Origin, timeout: Duration) -> io::Result<()> {
    match &origin.route {
        Route::Direct => connect_to(&origin.host, origin.port, timeout),
        Route::Proxy(proxy) => connect_to(&proxy.host, proxy.port, timeout),
        Route::Socket(path) => {
            let path = Arc::clone(path);
            // A server that listens and takes nobody in lets us wait for ever.
            let connected = background::within(timeout, move || UnixStream::connect(path))?;
            connected.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into())).map(drop)
        }
    }
}

fn connect_to(host: &str, port: u16, timeout: Duration) -> io::Result<()> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("`{host}` has no address"));
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// How long all models may take together.
#[derive(Clone, Copy)]
struct Limit {
    timeout: Duration,
    /// When that is over.
    deadline: RunNs,
}

/// Repeats a one-token request for the model of a class until it succeeds or the time is over.
async fn wait_for_model(
    wire: &Wire,
    script: &Script,
    class: u32,
    Limit { timeout, deadline }: Limit,
) -> Result<(), ReadinessError> {
    let clock = wire.clock;
    let mut pacer = Pacer::new(clock);
    let probe = Session::new(0, Arc::new(probe_of(script)), ReplyPolicy::Live).of_class(class).first();
    let mut last = "no response at all".to_owned();
    loop {
        match tokio::time::timeout_at(clock.instant(deadline), attempt(wire, &probe)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(Unready::Permanent(why))) => return Err(ReadinessError::Refused(why)),
            Ok(Err(Unready::Transient(why))) => last = why,
            // What an earlier attempt said tells more than that this one was not over.
            Err(_) => {}
        }
        if clock.now() >= deadline {
            let seconds = (timeout.as_secs_f64() * 100.0).round() / 100.0;
            return Err(ReadinessError::NotReady { seconds, last });
        }
        pacer.wait_until(clock.now().saturating_add(as_ns(RETRY_INTERVAL)).min(deadline)).await;
    }
}

/// A script that asks for one token, in the form of this one. Its texts are others: what the run is going to say is in no cache
/// before it begins. A whole body is sent as it is.
fn probe_of(script: &Script) -> Script {
    let mut probe = script.clone();
    let first = &mut probe.steps[0];
    first.max_tokens = Some(1);
    let parts = first.messages.iter_mut().flat_map(|message| &mut message.parts);
    parts.filter(|part| part.kind == PartKind::TEXT).for_each(|part| part.data = PROBE_TEXT.into());
    probe
}

/// Why an attempt did not succeed, as a message.
enum Unready {
    /// A later attempt may succeed.
    Transient(String),
    /// No later attempt can succeed.
    Permanent(String),
}

async fn attempt(wire: &Wire, probe: &Turn) -> Result<(), Unready> {
    let now = wire.clock.unix_time_s(wire.clock.now());
    let request = prepare(&wire.endpoint, &wire.target, probe, None, &new_request_id(), now)
        .map_err(|error| Unready::Permanent(error.message))?;
    let mut exchange = Exchange::default();
    wire.perform(&request, &mut exchange).await;
    match (exchange.outcome.said(), exchange.status) {
        (None, _) => Ok(()),
        (Some(failure), Some(401 | 403)) => Err(Unready::Permanent(failure.message.clone())),
        (Some(failure), _) => Err(Unready::Transient(failure.message.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Message, Part, Step};

    #[test]
    fn a_probe_says_nothing_of_what_the_run_says() {
        let message = Message::user(vec![Part::text("a long prompt".to_owned())]);
        let probe = probe_of(&Script::single("a".to_owned(), Step::first(message)));
        let step = &probe.steps[0];
        assert_eq!((&*step.messages[0].parts[0].data, step.max_tokens), (PROBE_TEXT, Some(1)));
    }
}
