//! `prony mock-server`: an OpenAI-compatible server that knows its own truth.
//!
//! Scripts and `prony profile --mock` rely on the first line of its standard output.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    num::{NonZeroU32, NonZeroU64},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, ValueEnum};
use http::StatusCode;
use tokio::sync::oneshot;

use super::{
    exit::{Exit, Failure, HasExit},
    recorded,
};
use crate::{
    explain::Explain,
    mock_server::{
        Capacity, Drift, FaultPlan, Framing, JobPlan, ListenError, MockServer, Options, Pacing, ServiceTime,
        Splits, Stall, StreamErrorStyle, UsageRatio,
    },
};

/// Serve an OpenAI-compatible model that writes down what it really did, and breaks on demand
#[derive(Args, Clone, Debug)]
pub(crate) struct MockServerArgs {
    /// Name or address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    host: String,

    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,

    /// Model that `GET /v1/models` lists; requests may name any
    #[arg(long, default_value = "mock-model", value_name = "NAME")]
    model: String,

    /// Milliseconds from a request's arrival to its first token
    #[arg(long, default_value = "50", value_name = "MS", value_parser = milliseconds)]
    ttft_ms: Duration,

    /// Milliseconds from one token to the next
    ///
    /// Deadlines are absolute and do not drift. The timer counts milliseconds: a token leaves up to about 1 ms after its
    /// deadline.
    #[arg(long, default_value = "10", value_name = "MS", value_parser = milliseconds)]
    itl_ms: Duration,

    /// Requests that are worked on at once; others wait in the order of their arrival, and keep their place when their client leaves
    /// [default: no limit]
    #[arg(long, value_name = "N")]
    slots: Option<NonZeroU32>,

    /// Mean of the time that each response takes, in the place of --ttft-ms and --itl-ms; its tokens go out at equal distances
    #[arg(long, value_name = "MS", value_parser = milliseconds, conflicts_with_all = ["ttft_ms", "itl_ms"])]
    service_ms: Option<Duration>,

    /// Whether all take that time, or an exponential law with that mean: with Poisson arrivals, --slots and this the server is an
    /// M/M/c queue
    #[arg(long, default_value = "exponential", value_name = "LAW", requires = "service_ms")]
    service_law: LawArg,

    /// Let each response take this share of the first one's time more than the one before it: with 0.001, the thousandth takes twice
    /// as long as the first
    #[arg(long, default_value = "0", value_name = "SHARE", value_parser = drift)]
    drift: Drift,

    /// Put off each deadline by a random time of up to this, uniformly
    #[arg(long, default_value = "0", value_name = "MS", value_parser = milliseconds)]
    jitter_ms: Duration,

    /// Output tokens of a request that sets no limit; a request's own limit is met exactly
    #[arg(long, default_value = "64", value_name = "N")]
    tokens: NonZeroU64,

    /// Send the first N tokens of a chat response as `reasoning_content`
    #[arg(long, default_value_t = 0, value_name = "N")]
    reasoning_tokens: u64,

    /// Let each response to a request that offers tools call N of them, each with 4 of its last tokens; not behind a
    /// result of a tool, and fewer where the response is too short
    #[arg(long, default_value_t = 0, value_name = "N")]
    tool_calls: usize,

    /// Have a prefix cache that never forgets, and say in the usage of chats and completions and on the metrics page what it
    /// had: whole blocks of 16 words
    #[arg(long)]
    prefix_cache: bool,

    /// Pretend to have N GPUs: `/dcgm/metrics` says what a DCGM exporter would say of them. Each takes 60 W, and a request in flight
    /// 20 W more, of all together
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u32).range(..=64))]
    gpus: u32,

    /// Keep the bodies of requests and what was said in responses, up to 64 MB, and tell them in `GET /truth`
    #[arg(long)]
    keep_texts: bool,

    /// Have the usage count K tokens for each word, as a server does whose tokenizer is not the client's
    #[arg(long, default_value = "1", value_name = "K", value_parser = usage_ratio)]
    usage_tokens_per_word: UsageRatio,

    /// Seed of --jitter-ms and --split
    #[arg(long, default_value_t = 42)]
    seed: u64,

    /// Exit when standard input reaches its end, as it does when the parent process is gone
    #[arg(long)]
    exit_with_parent: bool,

    /// Have a job, such as a video, still at work the first N times that it is asked after; without, until --ttft-ms is over
    #[arg(long, value_name = "N")]
    job_polls: Option<u64>,

    /// Answer with this recorded response: what `curl -siN` writes, or a body alone. A stream is sent event by event, at
    /// the pace of tokens
    #[arg(long, value_name = "FILE")]
    answer: Option<PathBuf>,

    /// Answer with it only to POST requests to this path, and to others as always; without it, to every POST request
    #[arg(long, value_name = "PATH", value_parser = request_path)]
    path: Option<String>,

    #[command(flatten)]
    framing: FramingArgs,

    #[command(flatten)]
    faults: FaultArgs,
}

/// How answers are cut into frames and writes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Framing")]
struct FramingArgs {
    /// Put K tokens into each stream chunk, sent when the last of them is due
    #[arg(long, default_value = "1", value_name = "K")]
    bundle: NonZeroU64,

    /// Put K tokens into a stream's first chunk, sent when the last of them is due
    #[arg(long, value_name = "K")]
    bundle_first: Option<NonZeroU64>,

    /// Split every write at random places into small TCP segments
    #[arg(long)]
    split: bool,

    /// Pause between the status line and the rest of a response's head
    #[arg(long, default_value = "0", value_name = "MS", value_parser = milliseconds)]
    slow_header_ms: Duration,
}

/// Which requests are broken. Every Nth API request by arrival is hit.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Faults (every Nth API request by arrival)")]
struct FaultArgs {
    /// Answer every Nth request with an HTTP error
    #[arg(long, value_name = "N")]
    error_every: Option<NonZeroU64>,

    /// The status of --error-every and --poll-error-every
    #[arg(long, default_value = "500", value_name = "STATUS", value_parser = error_status)]
    error_status: StatusCode,

    /// Drop the connection in the middle of every Nth response
    #[arg(long, value_name = "N")]
    cut_every: Option<NonZeroU64>,

    /// Send an error in the middle of every Nth stream, whose status is 200, and end it; other responses are left alone
    #[arg(long, value_name = "N")]
    stream_error_every: Option<NonZeroU64>,

    /// What the error of --stream-error-every looks like
    #[arg(long, default_value = "vllm", value_name = "STYLE")]
    stream_error_style: StyleArg,

    /// Pause in the middle of every Nth response
    #[arg(long, value_name = "N")]
    stall_every: Option<NonZeroU64>,

    /// How long --stall-every pauses; 0 is forever
    #[arg(long, default_value = "0", value_name = "MS", value_parser = milliseconds)]
    stall_ms: Duration,

    /// Let every Nth job that was accepted fail
    #[arg(long, value_name = "N")]
    job_fail_every: Option<NonZeroU64>,

    /// Answer with the status of --error-status every Nth time that a job is asked after
    #[arg(long, value_name = "N")]
    poll_error_every: Option<NonZeroU64>,

    /// Advertise keep-alive on every Nth response and close the connection after it
    #[arg(long, value_name = "N")]
    close_every: Option<NonZeroU64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LawArg {
    /// All the same
    Constant,
    /// At random
    Exponential,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StyleArg {
    /// An `event: error` line, and `[DONE]` at the end
    Vllm,
    /// A data line with an error object, and no `[DONE]`
    Bare,
}

impl From<MockServerArgs> for Options {
    fn from(args: MockServerArgs) -> Self {
        Self {
            host: args.host,
            port: args.port,
            model: args.model,
            tokens: args.tokens,
            reasoning_tokens: args.reasoning_tokens,
            tool_calls: args.tool_calls,
            has_prefix_cache: args.prefix_cache,
            gpus: args.gpus,
            keeps_texts: args.keep_texts,
            seed: args.seed,
            usage: args.usage_tokens_per_word,
            pacing: Pacing { ttft: args.ttft_ms, itl: args.itl_ms, jitter: args.jitter_ms },
            capacity: Capacity {
                slots: args.slots,
                service: args.service_ms.map(|mean| match args.service_law {
                    LawArg::Constant => ServiceTime::Constant(mean),
                    LawArg::Exponential => ServiceTime::Exponential(mean),
                }),
            },
            drift: args.drift,
            framing: args.framing.into(),
            jobs: JobPlan { polls: args.job_polls, fail: args.faults.job_fail_every },
            faults: args.faults.into(),
            canned: None,
        }
    }
}

impl From<FramingArgs> for Framing {
    fn from(args: FramingArgs) -> Self {
        Self {
            bundle: args.bundle,
            bundle_first: args.bundle_first,
            splits: if args.split { Splits::Random } else { Splits::None },
            slow_header: args.slow_header_ms,
        }
    }
}

impl From<FaultArgs> for FaultPlan {
    fn from(args: FaultArgs) -> Self {
        let style = match args.stream_error_style {
            StyleArg::Vllm => StreamErrorStyle::Vllm,
            StyleArg::Bare => StreamErrorStyle::Bare,
        };
        let stall = if args.stall_ms.is_zero() { Stall::Forever } else { Stall::For(args.stall_ms) };
        Self {
            error: args.error_every.map(|every| (every, args.error_status)),
            cut: args.cut_every,
            stream_error: args.stream_error_every.map(|every| (every, style)),
            stall: args.stall_every.map(|every| (every, stall)),
            poll_error: args.poll_error_every.map(|every| (every, args.error_status)),
            close: args.close_every,
        }
    }
}

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MockServerError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("start the mock server's runtime")]
    Runtime { source: io::Error },
    #[error("listen for the signals that end the mock server")]
    Signals { source: io::Error },
    #[error("announce the mock server's address on standard output")]
    Announce { source: io::Error },
}

impl HasExit for MockServerError {
    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

impl Explain for MockServerError {
    fn hint(&self) -> String {
        match self {
            Self::Listen(error) => error.hint(),
            Self::Runtime { .. } | Self::Signals { .. } | Self::Announce { .. } => String::new(),
        }
    }
}

/// Runs the server until SIGINT or SIGTERM, or with `--exit-with-parent` until standard input ends.
pub(crate) fn run(args: MockServerArgs) -> Result<Exit, Failure> {
    if args.path.is_some() && args.answer.is_none() {
        return Err(Failure::statement(Exit::Usage, "`--path` requires `--answer`")
            .with_hint("add `--answer FILE`, or leave out `--path`"));
    }
    let canned = args.answer.as_deref().map(|file| recorded::read(file, args.path.as_deref())).transpose()?;
    let follows_parent = args.exit_with_parent;
    let options = Options { canned, ..args.into() };
    Ok(serve(options, follows_parent).map(|()| Exit::Success)?)
}

fn serve(options: Options, follows_parent: bool) -> Result<(), MockServerError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| MockServerError::Runtime { source })?;
    runtime.block_on(async {
        // Before the announcement: who has read it may send a signal at once.
        let signals = Signals::listen().map_err(|source| MockServerError::Signals { source })?;
        let server = MockServer::bind(options).await?;
        announce(server.address()).map_err(|source| MockServerError::Announce { source })?;
        tokio::select! {
            never = server.serve() => match never {},
            () = signals.received() => Ok(()),
            () = parent_is_gone(), if follows_parent => Ok(()),
        }
    })
}

fn announce(address: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on http://{address}")?;
    out.flush()
}

/// Returns when standard input ends.
async fn parent_is_gone() {
    let (ended, end) = oneshot::channel::<()>();
    // A plain thread: the runtime would wait at its end for a blocking read of its own.
    std::thread::spawn(move || {
        // An input that cannot be read has ended.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop(ended);
    });
    let _ = end.await;
}

/// The signals that end the server.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn received(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {},
            _ = self.terminate.recv() => {},
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    async fn received(self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number of milliseconds".to_owned())?;
    Duration::try_from_secs_f64(number / 1e3).map_err(|error| error.to_string())
}

fn usage_ratio(text: &str) -> Result<UsageRatio, String> {
    let tokens = text.parse().ok().and_then(UsageRatio::of);
    tokens.ok_or_else(|| "not a number of tokens above 0 and up to 1000".to_owned())
}

fn drift(text: &str) -> Result<Drift, String> {
    text.parse().ok().and_then(Drift::of).ok_or_else(|| "not a share from 0 to 1".to_owned())
}

/// A path as requests name it: without a host and a query.
fn request_path(text: &str) -> Result<String, String> {
    match text.parse::<http::Uri>() {
        Ok(uri) if text.starts_with('/') && uri.path() == text => Ok(text.to_owned()),
        _ => Err("a path begins with `/` and has no query, such as /v1/generate".to_owned()),
    }
}

fn error_status(text: &str) -> Result<StatusCode, String> {
    let status: StatusCode = text.parse().map_err(|_| "not an HTTP status".to_owned())?;
    if status.is_client_error() || status.is_server_error() {
        Ok(status)
    } else {
        Err("an error has a status from 400 to 599".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use rstest::rstest;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: MockServerArgs,
    }

    fn options(arguments: &str) -> Result<Options, clap::Error> {
        let arguments = std::iter::once("mock-server").chain(arguments.split_whitespace());
        Command::try_parse_from(arguments).map(|command| command.args.into())
    }

    #[test]
    fn no_flags_are_the_default_options() {
        assert_eq!(options("").unwrap(), Options::default());
    }

    #[test]
    fn flags_reach_the_options() {
        let every = |n| NonZeroU64::new(n).unwrap();
        let parsed = options(
            "--ttft-ms 1.5 --itl-ms 0 --usage-tokens-per-word 0.33 --bundle-first 4 --split --error-every 3 --error-status 429 \
             --stream-error-every 5 --stream-error-style bare --stall-every 7 --close-every 2 \
             --job-polls 3 --job-fail-every 4 --poll-error-every 9",
        )
        .unwrap();
        assert_eq!((parsed.pacing.ttft, parsed.pacing.itl), (Duration::from_micros(1500), Duration::ZERO));
        assert_eq!((parsed.framing.bundle_first, parsed.framing.splits), (Some(every(4)), Splits::Random));
        assert_eq!(Some(parsed.usage), UsageRatio::of(0.33));
        let faults = FaultPlan {
            error: Some((every(3), StatusCode::TOO_MANY_REQUESTS)),
            cut: None,
            stream_error: Some((every(5), StreamErrorStyle::Bare)),
            stall: Some((every(7), Stall::Forever)),
            poll_error: Some((every(9), StatusCode::TOO_MANY_REQUESTS)),
            close: Some(every(2)),
        };
        assert_eq!(parsed.jobs, JobPlan { polls: Some(3), fail: Some(every(4)) });
        assert_eq!(parsed.faults, faults);
        let finite = options("--stall-every 7 --stall-ms 250").unwrap().faults.stall;
        assert_eq!(finite, Some((every(7), Stall::For(Duration::from_millis(250)))));
    }

    #[rstest]
    #[case::negative_time("--ttft-ms=-1")]
    #[case::no_time("--itl-ms nan")]
    #[case::no_tokens("--tokens 0")]
    #[case::no_usage("--usage-tokens-per-word 0")]
    #[case::every_zeroth("--cut-every 0")]
    #[case::good_status("--error-status 204")]
    #[case::path_of_an_answer("--answer a.json --path v1/say")]
    #[case::query_of_an_answer("--answer a.json --path /say?a=b")]
    fn a_bad_value_is_refused(#[case] arguments: &str) {
        assert_eq!(options(arguments).unwrap_err().kind(), clap::error::ErrorKind::ValueValidation);
    }
}
