//! The log: lines about what the program itself does, on stderr or in a file. Results, errors and warnings do not go through it.

use std::{
    env,
    ffi::OsString,
    io::{self, IsTerminal, Write},
    path::{self, Path, PathBuf},
};

use clap::{ArgAction, Args};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{LevelFilter, filter_fn},
    fmt::{self, writer::BoxMakeWriter},
    layer::{Layered, SubscriberExt},
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use super::{
    exit::{Exit, Failure},
    log_file,
    log_line::{AsJson, loss_as_json},
};
use crate::{
    config::{
        flags::ChoiceParser,
        redact,
        units::{self, Choice},
    },
    plugin,
    stderr::{self, LossNote, Stderr, loss_in_words},
};

/// Filter directives that hold when no flag is given, in the syntax of `tracing_subscriber::EnvFilter`.
const VARIABLE: &str = "PRONY_LOG";

/// The file, where no flag names one.
const FILE_VARIABLE: &str = "PRONY_LOG_FILE";

/// The form of lines, where no flag says it.
const FORMAT_VARIABLE: &str = "PRONY_LOG_FORMAT";

/// How much to log. Valid before and after the name of a command.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Logging")]
pub(super) struct LogFlags {
    /// What to log; `PRONY_LOG` sets it by module [default: warn].
    #[arg(long, global = true, hide_short_help = true, value_name = "LEVEL", value_parser = ChoiceParser::<Level>::new())]
    log_level: Option<Level>,

    /// Add the log to the end of this file, in place of stderr [default: that of `PRONY_LOG_FILE`].
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    log_file: Option<PathBuf>,

    /// What a line of the log is: text, or an object of JSON [default: that of `PRONY_LOG_FORMAT`, else text].
    #[arg(long, global = true, hide_short_help = true, value_name = "FORMAT", value_parser = ChoiceParser::<Format>::new())]
    log_format: Option<Format>,

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

impl Level {
    fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }
}

/// What a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Format {
    #[default]
    Text,
    Json,
}

impl Choice for Format {
    const NAMES: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}

/// Where lines go, and as what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Destination {
    /// Standard error without one.
    file: Option<PathBuf>,
    format: Format,
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

    /// The same wish on the command line of a child. What variables say, a child hears by itself. Leaks the name of the file: once
    /// a command.
    pub(super) fn words(&self) -> Vec<&'static str> {
        let level = self.level().map(|level| ["--log-level", level.name()]);
        let format = self.log_format.map(|format| ["--log-format", units::name(format)]);
        let file = self
            .log_file
            .as_ref()
            .and_then(|file| path::absolute(file).ok()?.into_os_string().into_string().ok());
        let file = file.map(|file| {
            let file: &'static str = file.leak();
            ["--log-file", file]
        });
        [level, format, file].into_iter().flatten().flatten().collect()
    }

    /// A flag stands before its variable.
    fn destination(&self, variable: impl Fn(&str) -> Option<OsString>) -> Result<Destination, Failure> {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        let format = match (self.log_format, variable(FORMAT_VARIABLE)) {
            (Some(format), _) => format,
            (None, None) => Format::default(),
            (None, Some(text)) => {
                let text = text.to_string_lossy();
                units::choice(text.trim()).map_err(|error| {
                    Failure::new(
                        Exit::Usage,
                        format!("use the variable `{FORMAT_VARIABLE}`, which is `{text}`: {error}"),
                    )
                    .with_hint("correct the variable, or remove it")
                })?
            }
        };
        self.log_file.as_deref().map_or(Ok(()), check_words)?;
        let file = self.log_file.clone().or_else(|| variable(FILE_VARIABLE).map(PathBuf::from));
        Ok(Destination { file, format })
    }

    /// What decides: a flag before the variable, the variable before the default.
    fn wish(&self, variable: Option<String>) -> Result<Wish, DirectiveError> {
        match (self.level(), variable) {
            (Some(level), _) => Ok(Wish::Level(level)),
            (None, Some(directives)) if !directives.trim().is_empty() => {
                check(&directives)?;
                Ok(Wish::Directives(directives))
            }
            (None, _) => Ok(Wish::Level(Level::Warn)),
        }
    }
}

/// Other processes of a run are told of the file by their words, which are text.
fn check_words(file: &Path) -> Result<(), Failure> {
    match path::absolute(file) {
        Ok(absolute) if absolute.to_str().is_none() => {
            let message = format!("use the log file `{}`: its path is no UTF-8", absolute.display());
            let hint = format!(
                "give the file or its folder another name, or name it by the variable `{FILE_VARIABLE}`"
            );
            Err(Failure::new(Exit::Usage, message).with_hint(hint))
        }
        // What is wrong with it otherwise, opening it says.
        _ => Ok(()),
    }
}

/// What to log.
#[derive(Debug, PartialEq, Eq)]
enum Wish {
    /// Up to this level of prony's own and its plugins' lines, and of the libraries' up to warnings.
    Level(Level),
    /// Whatever these filter directives let through.
    Directives(String),
}

/// A directive that would let nothing through, or not what it says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid `{VARIABLE}`: `{word}` is no log level")]
struct DirectiveError {
    word: String,
}

impl From<DirectiveError> for Failure {
    fn from(error: DirectiveError) -> Self {
        Failure::statement(Exit::Usage, error.to_string()).with_hint(EXAMPLE)
    }
}

const EXAMPLE: &str =
    "use off, error, warn, info, debug or trace; for one module: `PRONY_LOG=warn,prony::run=debug`";

/// Fails at a word that is no level. The filter would take it for the name of a module, and log nothing of it.
fn check(directives: &str) -> Result<(), DirectiveError> {
    let is_level = |word: &str| word.parse::<LevelFilter>().is_ok();
    let is_for_a_module = |word: &str| word.contains(['=', '[', ':']) || word == "prony";
    let mut words = directives.split(',').map(str::trim).filter(|word| !word.is_empty());
    match words.find(|word| !is_level(word) && !is_for_a_module(word)) {
        Some(word) => Err(DirectiveError { word: word.to_owned() }),
        None => Ok(()),
    }
}

/// Whether a line comes from prony or one of its plugins, and not from a library.
fn is_own(line: &Metadata<'_>) -> bool {
    let target = line.target();
    target == "prony" || target.starts_with("prony::") || line.name() == plugin::LOG_LINE
}

/// Whether a line comes from a library that logs what it returns as an error anyway, or mends by itself.
fn is_said_twice(line: &Metadata<'_>) -> bool {
    line.target().split("::").next() == Some("async_nats")
}

/// Starts the log of this process.
pub(super) fn init(flags: &LogFlags) -> Result<(), Failure> {
    let wish = flags.wish(env::var(VARIABLE).ok())?;
    let destination = flags.destination(|name| env::var_os(name))?;
    match wish {
        Wish::Level(level) => {
            let most = level.filter();
            let passes = move |line: &Metadata<'_>| {
                let is_of_note = *line.level() <= LevelFilter::WARN && !is_said_twice(line);
                *line.level() <= most && (is_own(line) || is_of_note)
            };
            start(filter_fn(passes).with_max_level_hint(most), &destination)?;
        }
        Wish::Directives(directives) => {
            let filter = EnvFilter::try_new(&directives).map_err(|error| {
                Failure::statement(Exit::Usage, format!("invalid `{VARIABLE}`: `{directives}`"))
                    .caused_by(&error)
                    .with_hint(EXAMPLE)
            })?;
            start(filter, &destination)?;
        }
    }
    Ok(())
}

/// Takes secrets out of the lines that pass through it. Each comes in one write.
struct Masked<W>(W);

impl<W: Write> Write for Masked<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(redact::shown_bytes(line).as_deref().unwrap_or(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Writes what passes a filter to where it belongs, from now on.
fn start<F: Layer<Registry> + Send + Sync>(filter: F, to: &Destination) -> Result<(), Failure> {
    let lines = lines::<Layered<F, Registry>>(to)?;
    // Fails only where a log already runs, as in a test: that one is as good.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    Ok(())
}

/// What makes lines and writes them.
fn lines<S>(to: &Destination) -> Result<Box<dyn Layer<S> + Send + Sync>, Failure>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let note: LossNote = match to.format {
        Format::Text => loss_in_words,
        Format::Json => loss_as_json,
    };
    let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let (writer, has_colours) = match &to.file {
        None => {
            stderr::note_losses_by(note);
            (BoxMakeWriter::new(|| Masked(Stderr)), !plain && io::stderr().is_terminal())
        }
        Some(path) => {
            let file = log_file::open(path, note)?;
            (BoxMakeWriter::new(move || Masked(file.clone())), false)
        }
    };
    let layer = fmt::layer().with_writer(writer).with_ansi(has_colours);
    Ok(match to.format {
        Format::Text => layer.boxed(),
        Format::Json => layer.event_format(AsJson).boxed(),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use clap::Parser;
    use rstest::rstest;

    use super::*;

    #[derive(Parser)]
    struct Words {
        #[command(flatten)]
        log: LogFlags,
    }

    #[rstest]
    #[case::nothing("", None, Wish::Level(Level::Warn))]
    #[case::variable("", Some("prony=trace"), Wish::Directives("prony=trace".to_owned()))]
    #[case::empty_variable("", Some(""), Wish::Level(Level::Warn))]
    #[case::flag_first("--log-level error", Some("loud"), Wish::Level(Level::Error))]
    #[case::aiperf_name("--log-level WARNING", None, Wish::Level(Level::Warn))]
    #[case::verbose("-v", Some("info"), Wish::Level(Level::Debug))]
    #[case::very_verbose("-vv", None, Wish::Level(Level::Trace))]
    #[case::extra_verbose("--extra-verbose", None, Wish::Level(Level::Trace))]
    fn the_nearest_wish_decides(#[case] line: &str, #[case] variable: Option<&str>, #[case] expected: Wish) {
        let words = Words::parse_from(["prony"].into_iter().chain(line.split_whitespace()));
        assert_eq!(words.log.wish(variable.map(str::to_owned)), Ok(expected));
    }

    #[rstest]
    #[case("debug", None)]
    #[case("DEBUG", None)]
    #[case("off", None)]
    #[case("warn, prony::run=debug,endpoint_openai=trace", None)]
    #[case("prony", None)]
    #[case("loud", Some("loud"))]
    #[case("info,warning", Some("warning"))]
    fn a_word_that_is_no_level_is_named(#[case] directives: &str, #[case] word: Option<&str>) {
        let expected = word.map(|word| DirectiveError { word: word.to_owned() });
        assert_eq!(check(directives).err(), expected);
    }

    #[rstest]
    #[case::nothing("", "")]
    #[case::verbose("-v", "--log-level debug")]
    #[case::a_synonym("--log-level WARNING", "--log-level warn")]
    #[case::a_file("--log-file /a/b.log", "--log-file /a/b.log")]
    #[case::all(
        "-vv --log-format JSON --log-file /b.log",
        "--log-level trace --log-format json --log-file /b.log"
    )]
    fn a_child_logs_as_much_as_its_parent(#[case] line: &str, #[case] expected: &str) {
        let words = Words::parse_from(["prony"].into_iter().chain(line.split_whitespace()));
        assert_eq!(words.log.words().join(" "), expected);
    }

    #[rstest]
    #[case::nothing("", &[], None, Format::Text)]
    #[case::flags("--log-file a --log-format json", &[], Some("a"), Format::Json)]
    #[case::variables("", &[("PRONY_LOG_FILE", "b"), ("PRONY_LOG_FORMAT", "JSON")], Some("b"), Format::Json)]
    #[case::flags_first(
        "--log-file a --log-format text",
        &[("PRONY_LOG_FILE", "b"), ("PRONY_LOG_FORMAT", "json")],
        Some("a"),
        Format::Text
    )]
    #[case::empty_variables("", &[("PRONY_LOG_FILE", ""), ("PRONY_LOG_FORMAT", "")], None, Format::Text)]
    fn a_flag_stands_before_its_variable(
        #[case] line: &str,
        #[case] variables: &[(&str, &str)],
        #[case] file: Option<&str>,
        #[case] format: Format,
    ) {
        let words = Words::parse_from(["prony"].into_iter().chain(line.split_whitespace()));
        let of = |wanted: &str| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| OsString::from(value))
        };
        let expected = Destination { file: file.map(PathBuf::from), format };
        assert_eq!(words.log.destination(of), Ok(expected));
    }

    #[test]
    fn a_variable_that_names_no_format_is_refused() {
        let words = Words::parse_from(["prony"]);
        let of = |name: &str| (name == FORMAT_VARIABLE).then(|| OsString::from("xml"));
        let failure = words.log.destination(of).unwrap_err();
        assert!(
            failure.message.starts_with("use the variable `PRONY_LOG_FORMAT`, which is `xml`"),
            "{failure:?}"
        );
    }

    #[test]
    fn a_file_whose_path_is_no_text_is_refused() {
        let name = OsString::from_vec(b"run-\xff.log".to_vec());
        let flags = LogFlags { log_file: Some(name.into()), ..LogFlags::default() };
        let failure = flags.destination(|_| None).unwrap_err();
        assert!(failure.message.ends_with(".log`: its path is no UTF-8"), "{failure:?}");
        assert_eq!(failure.exit, Exit::Usage);
    }

    #[test]
    fn two_wishes_at_once_are_refused() {
        assert!(Words::try_parse_from(["prony", "-v", "--log-level", "info"]).is_err());
    }
}
