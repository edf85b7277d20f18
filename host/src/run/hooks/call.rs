//! A call to a server that belongs to no load: a `POST` without a body.

use std::{fmt, sync::Arc, time::Duration};

use http::{Method, StatusCode};
use prony_plugin_api::{ErrorDetails, metadata::StreamFraming};
use tokio::sync::watch;

use super::super::plain_request::{self, NoResponse, explained, refusal, unasked};
use crate::{
    clock::{Clock, as_ns},
    config::{redact, url},
    plan::Target,
    request::{failure_kind::FailureKind, prepared::Prepared, target::TargetPlan},
    run::stop_reason::StopReason,
    schedule::pacer::Pacer,
};

/// Pause before a server that is busy is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// What servers say that are busy for now, with the end of a profile, say. The same as AIPerf's.
const BUSY: [StatusCode; 4] = [
    StatusCode::CONFLICT,
    StatusCode::LOCKED,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// A call to each of the target's servers.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    plan: Arc<TargetPlan>,
    /// Addresses, without secrets, one of each server.
    urls: Vec<String>,
    /// What to do where a server has no such page.
    missing: &'static str,
}

/// A call to one of them.
#[derive(Clone, Debug)]
pub(super) struct Call {
    plan: Arc<TargetPlan>,
    number: u64,
    pub(super) url: String,
    missing: &'static str,
}

/// How a call ended.
#[derive(Debug)]
pub(super) enum CallEnd {
    Ok,
    Failed(ErrorDetails),
    /// The server was busy all the time, or did not respond.
    TimedOut(ErrorDetails),
    Stopped(StopReason),
}

impl CallEnd {
    /// The server cannot be reached.
    pub(super) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Failed(error) if FailureKind::of(error).is_nobody_there())
    }

    /// Whether the server may have done what it was asked for. One that is not there, or that refuses, has not.
    pub(super) fn may_have_worked(&self) -> bool {
        match self {
            Self::Ok | Self::TimedOut(_) | Self::Stopped(_) => true,
            Self::Failed(error) => {
                let is_refused = FailureKind::of(error) == FailureKind::HttpStatus;
                !is_refused && !self.is_unreachable()
            }
        }
    }
}

impl Calls {
    /// Calls to what is at `path` on each server of the target, whatever the path of the requests is.
    ///
    /// # Errors
    /// There is no such address.
    pub(super) fn of(target: &Target, path: &str, missing: &'static str) -> Result<Self, ErrorDetails> {
        let (urls, proxies) = servers(target);
        let shown = urls.iter().map(|base| redact::url(&url::typed(&url::url_for(base, path)))).collect();
        let target = Target { urls, proxies, custom_endpoint: None, streaming: false, ..target.clone() };
        let plan = TargetPlan::new(&target, Some(path), StreamFraming::Events, false)?;
        Ok(Self { plan: Arc::new(plan), urls: shown, missing })
    }

    pub(super) fn each(&self) -> impl Iterator<Item = Call> {
        (0..).zip(&self.urls).map(|(number, url)| Call {
            plan: Arc::clone(&self.plan),
            number,
            url: url.clone(),
            missing: self.missing,
        })
    }
}

/// The servers of a target, each once, with the proxies on the way.
fn servers(target: &Target) -> (Vec<String>, Vec<Option<String>>) {
    let (mut urls, mut proxies): (Vec<String>, Vec<Option<String>>) = (Vec::new(), Vec::new());
    for (at, base) in target.urls.iter().enumerate() {
        let server = url::origin(base).to_owned();
        if !urls.contains(&server) {
            urls.push(server);
            proxies.push(target.proxies.get(at).cloned().flatten());
        }
    }
    (urls, proxies)
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "POST `{}`", self.url)
    }
}

impl Call {
    /// Carries it out, again and again while the server is busy, for so long at most.
    pub(super) fn carry_out(
        &self,
        timeout: Duration,
        mut stopped: watch::Receiver<Option<StopReason>>,
        clock: Clock,
    ) -> CallEnd {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return CallEnd::Failed(unasked(&error.to_string(), "")),
        };
        let request = match Prepared::plain(Method::POST, &self.plan, self.number) {
            Ok(request) => request,
            Err(error) => return CallEnd::Failed(error),
        };
        runtime.block_on(async {
            tokio::select! {
                biased;
                reason = reason(&mut stopped) => CallEnd::Stopped(reason),
                end = self.until_it_is_taken(&request, timeout, clock) => end,
            }
        })
    }

    async fn until_it_is_taken(&self, request: &Prepared, timeout: Duration, clock: Clock) -> CallEnd {
        let mut last = None;
        let mut pacer = Pacer::new(clock);
        let attempts = async {
            loop {
                match plain_request::send(&self.plan, request, timeout).await {
                    Ok(response) if response.status.is_success() => return CallEnd::Ok,
                    Ok(response) => {
                        let error = explained(refusal(&response, self.missing), &self.plan, request);
                        if !BUSY.contains(&response.status) {
                            return CallEnd::Failed(error);
                        }
                        last = Some(error);
                    }
                    Err(NoResponse::Failed(error)) => return CallEnd::Failed(*error),
                    Err(NoResponse::Endless) => {
                        let error = unasked("its response has no end", "check the path of the call");
                        return CallEnd::Failed(error);
                    }
                }
                pacer.wait_until(clock.now().saturating_add(as_ns(PAUSE))).await;
            }
        };
        if let Ok(end) = tokio::time::timeout(timeout, attempts).await {
            return end;
        }
        let late = || {
            let what = format!("no response from the server within {} s", timeout.as_secs_f64());
            unasked(&what, "give the call more time, or look at the server's log")
        };
        CallEnd::TimedOut(last.unwrap_or_else(late))
    }
}

/// Waits until the call is to end.
async fn reason(stopped: &mut watch::Receiver<Option<StopReason>>) -> StopReason {
    match stopped.wait_for(Option::is_some).await.map(|reason| *reason) {
        Ok(Some(reason)) => reason,
        // Nobody is left who could.
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::sample;

    #[test]
    fn each_server_is_called_once_whatever_its_requests_go_to() {
        let mut target = sample::config().target;
        target.urls = ["http://a:1/v1", "http://b/v1/chat?x=1", "http://a:1/v2"].map(str::to_owned).to_vec();
        target.proxies = vec![None, Some("http://p:8".to_owned()), None];
        let calls = Calls::of(&target, "/reset_prefix_cache", "").unwrap();
        let called: Vec<String> = calls.each().map(|call| call.to_string()).collect();
        assert_eq!(called, ["POST `http://a:1/reset_prefix_cache`", "POST `http://b/reset_prefix_cache`"]);
        let places =
            calls.each().map(|call| Prepared::plain(Method::POST, &call.plan, call.number).unwrap().place);
        let places: Vec<String> = places.map(|place| place.url.to_string()).collect();
        assert_eq!(places, ["http://a:1/reset_prefix_cache", "http://b/reset_prefix_cache"]);
        assert_eq!(servers(&target).1, [None, Some("http://p:8".to_owned())]);
    }

    /// How a call to this address ends that may take a tenth of a second.
    fn called(url: &str) -> CallEnd {
        let mut target = sample::config().target;
        target.urls = vec![url.to_owned()];
        let call = Calls::of(&target, "/start_profile", "").unwrap().each().next().unwrap();
        let (_stop, stopped) = watch::channel(None);
        call.carry_out(Duration::from_millis(100), stopped, Clock::start())
    }

    #[test]
    fn a_server_that_does_not_respond_may_have_done_what_it_was_asked_for() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", server.local_addr().unwrap());
        let end = called(&url);
        assert!(matches!(end, CallEnd::TimedOut(_)) && end.may_have_worked() && !end.is_unreachable());
        drop(server);
        let end = called(&url);
        assert!(end.is_unreachable() && !end.may_have_worked(), "{end:?}");
    }

    #[test]
    fn a_call_whose_connection_breaks_has_met_somebody() {
        let error = |kind: FailureKind| ErrorDetails { kind: kind.into(), ..ErrorDetails::default() };
        let of = |kind| CallEnd::Failed(error(kind));
        let (reset, refused) = (of(FailureKind::ConnectionReset), of(FailureKind::HttpStatus));
        assert!(!reset.is_unreachable() && reset.may_have_worked());
        assert!(!refused.is_unreachable() && !refused.may_have_worked());
    }
}
