//! The endpoint as workers use it: a plugin's instance, its name, and how often it panicked.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use prony_plugin_api::{
    ErrorDetails, ErrorKind, PluginError,
    abi::host::{EndpointInstance, ParserInstance, RequestSink, Turn},
};

/// After so many panics an endpoint is not asked any more.
const PANIC_BUDGET: u32 = 3;

/// A loaded endpoint, shared by all workers.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    name: Arc<str>,
    instance: Arc<EndpointInstance>,
    panics: Arc<AtomicU32>,
}

impl Endpoint {
    /// Wraps an instance under its entry's name.
    pub(crate) fn new(name: &str, instance: Arc<EndpointInstance>) -> Self {
        Self { name: name.into(), instance, panics: Arc::default() }
    }

    /// Formats a turn.
    pub(crate) fn format(&self, turn: &Turn<'_>, out: &mut impl RequestSink) -> Result<(), ErrorDetails> {
        self.check_poisoned()?;
        self.instance.format(turn, out).map_err(|error| self.details(&error, "format the request"))
    }

    /// Makes the parser of one response.
    pub(crate) fn parser(&self) -> Result<ParserInstance, ErrorDetails> {
        self.check_poisoned()?;
        self.instance.parser().map_err(|error| self.details(&error, "make a parser"))
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
            ErrorKind::MALFORMED => "malformed".to_owned(),
            kind => format!("plugin_{}", kind.name()),
        };
        ErrorDetails { kind, message, hint: error.hint.clone(), ..ErrorDetails::default() }
    }

    fn check_poisoned(&self) -> Result<(), ErrorDetails> {
        if !self.is_poisoned() {
            return Ok(());
        }
        Err(ErrorDetails {
            kind: "plugin_poisoned".into(),
            message: format!(
                "endpoint `{}` panicked {PANIC_BUDGET} times and is not used any more",
                self.name
            ),
            hint: "report the panic to the plugin's vendor".into(),
            ..ErrorDetails::default()
        })
    }
}
