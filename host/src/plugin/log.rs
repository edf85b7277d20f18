//! Carries a plugin's log lines into the host's `tracing`, under the plugin's name: `PRONY_LOG=endpoint_openai=debug`
//! shows one plugin's.
//!
//! The macros of `tracing` want targets that are known when they are compiled, so the call sites are made here.

use std::sync::OnceLock;

use prony_plugin_api::{LogLevel, PublishError, abi::host::HostServices};
use tracing::{
    Event, Level, Metadata, Value,
    callsite::{Callsite, Identifier},
    dispatcher,
    field::FieldSet,
    level_filters::LevelFilter,
    metadata::Kind,
    subscriber::Interest,
};

/// The name of every line that a plugin logs, whatever its target: what tells it from a library's.
pub(crate) const LOG_LINE: &str = "plugin log";

/// The line itself, and the target that the plugin gave it.
const FIELDS: &[&str] = &["message", "source"];

/// From coarse to fine.
const LEVELS: [LogLevel; 5] =
    [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];

/// The log of one plugin.
#[derive(Debug)]
pub(crate) struct PluginLog {
    target: &'static str,
    /// One for each level, from error to trace.
    sites: [&'static Metadata<'static>; 5],
}

impl PluginLog {
    /// Makes the log of a plugin. Leaks a little: `tracing` keeps call sites for ever.
    pub(crate) fn new(plugin: &str) -> Self {
        // As Rust spells a crate, because that is what users of `PRONY_LOG` write.
        let target: &'static str = plugin.replace('-', "_").leak();
        let levels = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
        Self { target, sites: levels.map(|level| Site::leak(target, level)) }
    }

    /// Whether anyone listens to lines of this level.
    pub(crate) fn enabled(&self, level: LogLevel) -> bool {
        let site = self.site(level);
        *site.level() <= LevelFilter::current() && dispatcher::get_default(|dispatch| dispatch.enabled(site))
    }

    /// The finest level that anyone listens to.
    pub(crate) fn finest(&self) -> Option<LogLevel> {
        LEVELS.into_iter().rev().find(|level| self.enabled(*level))
    }

    /// Writes one line. `source` is the target that the plugin gave it.
    pub(crate) fn write(&self, level: LogLevel, source: &str, text: &str) {
        let site = self.site(level);
        let fields = site.fields();
        let mut names = fields.iter();
        let (Some(message), Some(source_field)) = (names.next(), names.next()) else { return };
        // A source that only repeats the plugin's name tells nothing.
        let source = (source != self.target).then_some(&source as &dyn Value);
        let values = [(&message, Some(&text as &dyn Value)), (&source_field, source)];
        let values = fields.value_set(&values);
        dispatcher::get_default(|dispatch| {
            if dispatch.enabled(site) {
                dispatch.event(&Event::new(site, &values));
            }
        });
    }

    fn site(&self, level: LogLevel) -> &'static Metadata<'static> {
        let [error, warn, info, debug, trace] = self.sites;
        match level {
            LogLevel::Error => error,
            LogLevel::Warn => warn,
            LogLevel::Info => info,
            LogLevel::Debug => debug,
            LogLevel::Trace => trace,
        }
    }
}

/// What a library may use from its start on, before and beside any run: only its log.
impl HostServices for PluginLog {
    fn log_enabled(&self, level: LogLevel, _target: &str) -> bool {
        self.enabled(level)
    }
    fn log(&self, level: LogLevel, target: &str, text: &str) {
        self.write(level, target, text);
    }
    fn publish(&self, _message_type: &str, _payload: &[u8]) -> Result<(), PublishError> {
        Err(PublishError::Closed)
    }
    fn now_ns(&self) -> u64 {
        0
    }
    fn run_facts(&self) -> String {
        "{}".to_owned()
    }
    fn request_stop(&self, reason: &str) {
        self.write(
            LogLevel::Warn,
            self.target,
            &format!("asks for the end of a run outside of any: {reason}"),
        );
    }
}

/// A call site of a plugin.
#[derive(Debug)]
struct Site(OnceLock<Metadata<'static>>);

impl Site {
    fn leak(target: &'static str, level: Level) -> &'static Metadata<'static> {
        let site: &'static Self = Box::leak(Box::new(Self(OnceLock::new())));
        // The metadata refers to its call site, so it can only be made once that has its place.
        site.0.get_or_init(|| {
            let fields = FieldSet::new(FIELDS, Identifier(site));
            Metadata::new(LOG_LINE, target, level, None, None, None, fields, Kind::EVENT)
        })
    }
}

impl Callsite for Site {
    /// Filters are asked at every line instead: plugins log little, and users change their minds.
    fn set_interest(&self, _interest: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        self.0.get_or_init(|| unreachable!("a site is only reachable through its metadata"))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Page {
        type Writer = Self;
        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn lines_arrive_under_the_plugins_name_and_are_filtered_by_it() {
        let page = Page::default();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("warn,acme_chat=debug"))
            .with_writer(page.clone())
            .with_ansi(false)
            .without_time()
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let acme = PluginLog::new("acme-chat");
            assert!(acme.enabled(LogLevel::Debug));
            assert!(!acme.enabled(LogLevel::Trace));
            assert_eq!(acme.finest(), Some(LogLevel::Debug));
            acme.write(LogLevel::Debug, "acme_chat", "a line of its own");
            acme.write(LogLevel::Error, "acme_chat::http", "a line of a module");
            acme.write(LogLevel::Trace, "acme_chat", "too fine");

            let other = PluginLog::new("other");
            assert!(!other.enabled(LogLevel::Info));
            other.write(LogLevel::Info, "other", "too fine as well");
            other.request_stop("tired");
        });
        let lines = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        insta::assert_snapshot!(lines, @r#"
        DEBUG acme_chat: a line of its own
        ERROR acme_chat: a line of a module source="acme_chat::http"
         WARN other: asks for the end of a run outside of any: tired
        "#);
    }
}
