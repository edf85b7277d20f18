//! The endpoint as workers use it: a plugin's instance, its name, how often it panicked, and whether it is inside a call.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use prony_plugin_api::{
    ErrorDetails, ErrorKind, PluginError,
    abi::host::{EndpointInstance, ParserInstance, RequestSink, ResponseSink, Turn},
};

use super::{
    active_call::{ActiveCall, Call},
    failure_kind::FailureKind,
    limits::Breach,
};

/// After so many panics an endpoint is not asked any more.
const PANIC_BUDGET: u32 = 3;

/// A loaded endpoint. Workers share all of it but the active call.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    name: Arc<str>,
    instance: Arc<EndpointInstance>,
    panics: Arc<AtomicU32>,
    active_call: Arc<ActiveCall>,
}

impl Endpoint {
    /// Wraps an instance under its entry's name.
    pub(crate) fn new(name: &str, instance: Arc<EndpointInstance>) -> Self {
        Self { name: name.into(), instance, panics: Arc::default(), active_call: Arc::default() }
    }

    /// Its entry's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The same endpoint, for the calls of another thread.
    pub(crate) fn with_own_counter(&self) -> Self {
        Self { active_call: Arc::default(), ..self.clone() }
    }

    /// Tells whether this thread's calls return.
    pub(crate) fn active_call(&self) -> Arc<ActiveCall> {
        Arc::clone(&self.active_call)
    }

    pub(crate) fn format(&self, turn: &Turn<'_>, out: &mut impl RequestSink) -> Result<(), ErrorDetails> {
        self.check_poisoned()?;
        self.active_call
            .during(Call::Format, || self.instance.format(turn, out))
            .map_err(|error| self.details(&error, "format the request"))
    }

    /// Makes the parser of one response.
    pub(crate) fn parser(&self) -> Result<Parser, ErrorDetails> {
        self.check_poisoned()?;
        let made = self.active_call.during(Call::Parser, || self.instance.parser());
        let instance = made.map_err(|error| self.details(&error, "make a parser"))?;
        Ok(Parser { instance: Some(instance), active_call: Arc::clone(&self.active_call) })
    }

    /// It panicked too often to be asked again.
    pub(crate) fn is_poisoned(&self) -> bool {
        self.panics.load(Ordering::Relaxed) >= PANIC_BUDGET
    }

    /// Names the plugin in an error of its own, and counts a panic.
    pub(crate) fn details(&self, error: &PluginError, doing: &str) -> ErrorDetails {
        if error.kind == ErrorKind::PANIC {
            self.panics.fetch_add(1, Ordering::Relaxed);
        }
        let message = match error.kind {
            ErrorKind::PANIC => {
                format!("endpoint `{}` panicked when it had to {doing}: {}", self.name, error.message)
            }
            _ => format!("endpoint `{}` failed to {}", self.name, error.message),
        };
        // A parser that cannot read an answer has found something out about the server, not about itself.
        let kind = match error.kind {
            ErrorKind::MALFORMED => FailureKind::Malformed.into(),
            kind => format!("plugin_{}", kind.name()),
        };
        ErrorDetails { kind, message, hint: error.hint.clone(), ..ErrorDetails::default() }
    }

    /// Counts and logs a panic in a request that has failed for another reason, which its record says instead. Errors that
    /// a parser returns are not of interest then.
    pub(crate) fn note_panic(&self, error: &PluginError, doing: &str) {
        if error.kind == ErrorKind::PANIC {
            tracing::warn!("{}", self.details(error, doing).message);
        }
    }

    /// The error of a request whose plugin went beyond a limit.
    pub(crate) fn breached(&self, breach: Breach) -> ErrorDetails {
        ErrorDetails {
            kind: FailureKind::PluginLimit.into(),
            message: format!("endpoint `{}` {breach}", self.name),
            hint: "report it to the plugin's vendor: the contract names the limits of a response".into(),
            ..ErrorDetails::default()
        }
    }

    /// The error of a request that was written, and that HTTP does not allow.
    pub(crate) fn unsendable(&self, error: ErrorDetails) -> ErrorDetails {
        let message =
            format!("endpoint `{}` wrote a request that cannot be sent: {}", self.name, error.message);
        ErrorDetails { message, ..error }
    }

    fn check_poisoned(&self) -> Result<(), ErrorDetails> {
        if !self.is_poisoned() {
            return Ok(());
        }
        Err(ErrorDetails {
            kind: FailureKind::PluginPoisoned.into(),
            message: format!(
                "endpoint `{}` panicked {PANIC_BUDGET} times and is not used any more",
                self.name
            ),
            hint: "report the panic to the plugin's vendor".into(),
            ..ErrorDetails::default()
        })
    }
}

/// The parser of one response, on the thread of the worker that made it.
#[derive(Debug)]
pub(crate) struct Parser {
    /// There until it is dropped.
    instance: Option<ParserInstance>,
    active_call: Arc<ActiveCall>,
}

impl Parser {
    /// Hands over one server-sent event.
    pub(crate) fn event(
        &mut self,
        name: &str,
        data: &[u8],
        out: &mut impl ResponseSink,
    ) -> Result<(), PluginError> {
        self.call(Call::Event, |parser| parser.event(name, data, out))
    }

    /// Hands over a whole answer.
    pub(crate) fn body(
        &mut self,
        status: u32,
        body: &[u8],
        out: &mut impl ResponseSink,
    ) -> Result<(), PluginError> {
        self.call(Call::Body, |parser| parser.body(status, body, out))
    }

    /// Says that the answer ended.
    pub(crate) fn end(&mut self, out: &mut impl ResponseSink) -> Result<(), PluginError> {
        self.call(Call::End, |parser| parser.end(out))
    }

    fn call(
        &mut self,
        call: Call,
        body: impl FnOnce(&mut ParserInstance) -> Result<(), PluginError>,
    ) -> Result<(), PluginError> {
        match &mut self.instance {
            Some(instance) => self.active_call.during(call, || body(instance)),
            None => Ok(()),
        }
    }
}

impl Drop for Parser {
    fn drop(&mut self) {
        let instance = self.instance.take();
        self.active_call.during(Call::Drop, || drop(instance));
    }
}
