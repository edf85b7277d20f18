//! A library has a `tracing` of its own; this subscriber carries its events into the host's log.

use std::fmt::{Debug, Write};

use tracing::{
    field::{Field, Visit},
    span,
    subscriber::Interest,
    Event, Level, Metadata, Subscriber,
};

use crate::service::{HostHandle, LogLevel};

/// Installs the bridge, unless the library has set a subscriber of its own.
pub(crate) fn install(host: HostHandle) {
    // A subscriber that is already there was the author's choice.
    let _ = tracing::subscriber::set_global_default(Bridge(host));
}

struct Bridge(HostHandle);

fn level(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

impl Subscriber for Bridge {
    /// Asked per event: the host may change its mind about levels.
    fn register_callsite(&self, _metadata: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && self.0.log_enabled(level(*metadata.level()), metadata.target())
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        self.0.log(level(*metadata.level()), metadata.target(), || {
            let mut line = Line(String::new());
            event.record(&mut line);
            line.0
        });
    }

    // Spans do not cross: a plugin sends ids as fields.
    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}
    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}
    fn enter(&self, _span: &span::Id) {}
    fn exit(&self, _span: &span::Id) {}
}

/// The message first, then `name=value` for each field.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
