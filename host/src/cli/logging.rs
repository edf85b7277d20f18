//! The log: lines on stderr about what the program itself does. Results and errors do not go through it.

use std::io::{self, IsTerminal};

use clap::{ArgAction, Args};
use tracing_subscriber::EnvFilter;

use super::exit::{Exit, Failure};
use crate::config::{flags::ChoiceParser, units::Choice};

/// Filter directives that hold when no flag is given, in the syntax of `tracing_subscriber::EnvFilter`.
const VARIABLE: &str = "PRONY_LOG";

/// How much to log. Valid before and after the name of a command.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Logging")]
pub(super) struct LogFlags {
    /// What to log on stderr; `PRONY_LOG` sets it by module [default: warn].
    #[arg(long, global = true, hide_short_help = true, value_name = "LEVEL", value_parser = ChoiceParser::<Level>::new())]
    log_level: Option<Level>,

    /// Log more: -v for debug, -vv for trace.
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "log_level")]
    verbose: u8,

    /// The same as -vv.
    #[arg(long, global = true, hide = true, conflicts_with_all = ["log_level", "verbose"])]
    extra_verbose: bool,
}

/// Each level includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Choice for Level {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
    // AIPerf has levels between these.
    const SYNONYMS: &'static [(&'static str, Self)] = &[
        ("critical", Self::Error),
        ("warning", Self::Warn),
        ("notice", Self::Info),
        ("success", Self::Info),
    ];
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl LogFlags {
    fn level(&self) -> Option<Level> {
        match self.verbose {
            _ if self.extra_verbose => Some(Level::Trace),
            0 => self.log_level,
            1 => Some(Level::Debug),
            _ => Some(Level::Trace),
        }
    }

    /// The same wish on the command line of a child. What the variable says, a child hears by itself.
    pub(super) fn words(&self) -> Vec<&'static str> {
        self.level().map_or_else(Vec::new, |level| vec!["--log-level", level.name()])
    }

    /// Filter directives: a flag before the variable, the variable before the default.
    fn directives(&self, variable: Option<String>) -> String {
        match (self.level(), variable) {
            (Some(level), _) => level.name().to_owned(),
            (None, Some(directives)) if !directives.is_empty() => directives,
            (None, _) => Level::Warn.name().to_owned(),
        }
    }
}

/// Starts the log of this process.
pub(super) fn init(flags: &LogFlags) -> Result<(), Failure> {
    let directives = flags.directives(std::env::var(VARIABLE).ok());
    let filter = EnvFilter::try_new(&directives).map_err(|error| {
        Failure::new(Exit::Usage, format!("read `{VARIABLE}` as a log filter: `{directives}`"))
            .caused_by(&error)
            .with_hint(format!("set it as in `{VARIABLE}=info` or `{VARIABLE}=warn,prony::run=debug`"))
    })?;
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    // Fails only where a log already runs, as in a test: that one is as good.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(!plain && io::stderr().is_terminal())
        .try_init();
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use rstest::rstest;

    use super::*;

    #[derive(Parser)]
    struct Words {
        #[command(flatten)]
        log: LogFlags,
    }

    #[rstest]
    #[case::nothing("", None, "warn")]
    #[case::variable("", Some("prony=trace"), "prony=trace")]
    #[case::empty_variable("", Some(""), "warn")]
    #[case::flag_first("--log-level error", Some("trace"), "error")]
    #[case::aiperf_name("--log-level WARNING", None, "warn")]
    #[case::verbose("-v", Some("info"), "debug")]
    #[case::very_verbose("-vv", None, "trace")]
    #[case::extra_verbose("--extra-verbose", None, "trace")]
    fn the_nearest_wish_decides(#[case] line: &str, #[case] variable: Option<&str>, #[case] expected: &str) {
        let words = Words::parse_from(["prony"].into_iter().chain(line.split_whitespace()));
        assert_eq!(words.log.directives(variable.map(str::to_owned)), expected);
    }

    #[rstest]
    #[case::nothing("", "")]
    #[case::verbose("-v", "--log-level debug")]
    #[case::a_synonym("--log-level WARNING", "--log-level warn")]
    fn a_child_logs_as_much_as_its_parent(#[case] line: &str, #[case] expected: &str) {
        let words = Words::parse_from(["prony"].into_iter().chain(line.split_whitespace()));
        assert_eq!(words.log.words().join(" "), expected);
    }

    #[test]
    fn two_wishes_at_once_are_refused() {
        assert!(Words::try_parse_from(["prony", "-v", "--log-level", "info"]).is_err());
    }
}
