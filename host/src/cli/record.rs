//! `prony record`: a proxy that writes what passes as sessions.

use std::{collections::BTreeMap, io, path::PathBuf};

use clap::{Args, builder::ValueParser};
use http::{HeaderName, HeaderValue};
use tokio::runtime::Runtime;

use super::{
    exit::{Exit, Failure, HasExit},
    limits, names, terminal,
};
use crate::{
    capture::{
        Counting, CountingError, ListenError, Manner, Output, OutputError, Passing, Proxy, Recorded, Wishes,
    },
    clock::Clock,
    config::{
        flags::header_name,
        redact,
        url::{BaseUrl, UrlError, parse_base},
    },
    dataset::Tokenizer,
    plan::TlsConfig,
    request::transport::install_tls,
    run::{Interrupts, until_interrupted},
    screen::{agreeing, counted},
    stderr,
};

/// Headers that name a session, where the user names none: prony's own, and those of clients and routers that are known.
const SESSION_HEADERS: [&str; 5] =
    ["x-session-id", "x-claude-code-session-id", "session_id", "x-dynamo-session-id", "x-smg-routing-key"];

/// Most kinds of requests that are not recorded and are named.
const NAMED: usize = 5;

/// What to record, and where to.
#[derive(Args, Debug)]
pub(super) struct RecordArgs {
    /// Address to listen at; port 0 is any free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9000")]
    listen: String,

    /// Base URL of the server: `http://`, `https://` or `unix://`. Its path stands before that of each request.
    #[arg(long, short = 'u', value_name = "URL")]
    url: String,

    /// Write to this file, which must not exist yet [default: standard output, at the end].
    ///
    /// The file is also written during the recording, every 30 s, and less often when writing takes long.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write what was said, instead of lengths and ids of blocks.
    #[arg(long)]
    keep_text: bool,

    /// What counts tokens [default: builtin].
    ///
    /// A name as `prony profile` has it, a tokenizer.json or its folder, or the name of a model in the Hugging Face cache.
    #[arg(long, value_name = "TOKENIZER")]
    tokenizer: Option<String>,

    /// Tokens of a block: prompts that begin with the same blocks share their ids.
    #[arg(long, value_name = "TOKENS", default_value = "64", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    #[arg(conflicts_with = "keep_text")]
    block_size: u32,

    /// Header that names the session of a request, may be repeated [default: X-Session-ID and those of known clients].
    ///
    /// Requests without it are put into sessions by what they repeat.
    #[arg(long, value_name = "NAME", value_parser = ValueParser::new(header_name))]
    session_header: Vec<String>,

    /// Certificates to trust as well as the system's, of authorities or of the server itself, a PEM file.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    ca_cert: Option<PathBuf>,

    /// Certificate to show to the server, a PEM file.
    #[arg(long, value_name = "FILE")]
    client_cert: Option<PathBuf>,

    /// Private key of --client-cert, a PEM file [default: in the same file].
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,

    /// Skip TLS certificate verification.
    #[arg(long, short = 'k')]
    insecure: bool,
}

/// Records until it is interrupted, and writes what was recorded.
pub(super) fn run(args: &RecordArgs) -> Result<Exit, Failure> {
    limits::leave_no_core();
    install_tls();
    let url = parse_base(&args.url)?;
    let tls = tls(args, &url)?;
    let tokenizer = Tokenizer::load(&names::tokenizer_in_cache(args.tokenizer.as_deref())?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, "start the proxy's runtime").caused_by(&error))?;
    let clock = Clock::start();
    let authorization = authorization(&url)?;
    let wishes = Wishes { url, tls, authorization, session_headers: session_headers(args) };
    let manner = Manner { tokenizer, block_size: args.block_size, keeps_text: args.keep_text };
    let (recorded, others) = record(&runtime, args, wishes, manner, clock)?;
    stderr::write(summary(&recorded, &others, args) + "\n");
    Ok(Exit::Success)
}

/// Trust in the server, which only TLS asks for.
fn tls(args: &RecordArgs, url: &BaseUrl) -> Result<TlsConfig, Failure> {
    let given = [
        ("--ca-cert", args.ca_cert.is_some()),
        ("--client-cert", args.client_cert.is_some()),
        ("--insecure", args.insecure),
    ];
    if !url.url.starts_with("https://")
        && let Some((flag, _)) = given.iter().find(|(_, is_given)| *is_given)
    {
        let message = format!("`{flag}` has no effect: `--url` does not begin with `https://`");
        return Err(Failure::statement(Exit::Usage, message).with_hint("leave it out, or change the URL"));
    }
    Ok(TlsConfig {
        insecure: args.insecure,
        ca_cert: args.ca_cert.clone(),
        client_cert: args.client_cert.clone(),
        client_key: args.client_key.clone(),
    })
}

/// The credentials of the URL, which no log shows.
fn authorization(url: &BaseUrl) -> Result<Option<HeaderValue>, Failure> {
    let value = url.authorization.as_deref().map(HeaderValue::from_str).transpose();
    let mut value = value.map_err(|error| {
        Failure::new(Exit::Usage, "put the credentials of `--url` into a header").caused_by(&error)
    })?;
    if let Some(value) = &mut value {
        value.set_sensitive(true);
    }
    Ok(value)
}

fn session_headers(args: &RecordArgs) -> Vec<HeaderName> {
    if args.session_header.is_empty() {
        return SESSION_HEADERS.into_iter().map(HeaderName::from_static).collect();
    }
    // They have been checked: none is left out.
    args.session_header.iter().filter_map(|name| name.parse().ok()).collect()
}

fn record(
    runtime: &Runtime,
    args: &RecordArgs,
    wishes: Wishes,
    manner: Manner,
    clock: Clock,
) -> Result<(Recorded, BTreeMap<String, u64>), Failure> {
    let signals =
        |error: io::Error| Failure::new(Exit::Failed, "listen for the signals that end it").caused_by(&error);
    let url = redact::url(&wishes.url.url);
    let proxy = runtime.block_on(Proxy::listen(&args.listen))?;
    let address = proxy.address();
    // A wrong certificate must not leave a file behind.
    let (counting, passing) = prepare(proxy, wishes, manner, args.output.clone(), clock)?;
    let others = runtime.block_on(async {
        // Before the announcement: who has read it may send a signal at once.
        let mut interrupts = Interrupts::new().map_err(signals)?;
        stderr::write(format!("recording: http://{address} passes requests on to {url}; Ctrl-C ends it\n"));
        stderr::flush();
        let mut interrupted = async || {
            interrupts.next().await;
        };
        Ok::<_, Failure>(passing.serve(&mut interrupted).await)
    })?;
    let waits = || {
        terminal::warn(
            "tokens are still being counted; another interrupt ends prony without writing the rest",
        );
    };
    match until_interrupted(&[&waits], move || counting.finish()).map_err(signals)? {
        Ok(finished) => Ok((finished?, others)),
        Err(interrupt) => {
            let message = "the recording was ended before all of it was written";
            Err(Failure::statement(interrupt.into(), message))
        }
    }
}

fn prepare(
    proxy: Proxy,
    wishes: Wishes,
    manner: Manner,
    output: Option<PathBuf>,
    clock: Clock,
) -> Result<(Counting, Passing), Failure> {
    let dialer = proxy
        .dialer(&wishes)
        .map_err(|error| Failure::statement(Exit::Usage, error.message).with_hint(error.hint))?;
    let counting = Counting::start(manner, Output::create(output)?, clock)?;
    let passing = proxy.to(dialer, wishes, counting.sink(), clock);
    Ok((counting, passing))
}

/// What was recorded, in words.
fn summary(recorded: &Recorded, others: &BTreeMap<String, u64>, args: &RecordArgs) -> String {
    let Recorded { requests, sessions, input_tokens, output_tokens, .. } = recorded;
    let target =
        args.output.as_ref().map_or_else(|| "standard output".to_owned(), |path| path.display().to_string());
    let mut lines = vec![format!(
        "recorded {} in {}, with {input_tokens} input and {output_tokens} output tokens: {target}",
        counted(requests, "request"),
        counted(sessions, "session"),
    )];
    let mut tell = |count: u64, what: &str| {
        if count > 0 {
            lines.push(format!("{} {what}", counted(count, "request")));
        }
    };
    tell(recorded.failed, "failed: recorded without a response");
    tell(recorded.cut, "ended before the whole response had passed");
    tell(recorded.unread_replies, "had a response that could not be read: recorded without it");
    tell(recorded.unheard, "failed before the whole of it was read: not recorded");
    tell(recorded.unreadable, "could not be read: not recorded");
    tell(recorded.overrun, "came faster than could be counted: not recorded");
    let all: u64 = others.values().sum();
    if all > 0 {
        let named: Vec<String> =
            others.iter().take(NAMED).map(|(name, count)| format!("{count} {name}")).collect();
        let more = if others.len() > NAMED { ", …" } else { "" };
        let were = agreeing(all, "was", "were");
        lines.push(format!(
            "{} of other kinds {were} passed on and not recorded: {}{more}",
            counted(all, "request"),
            terminal::printable(&named.join(", "))
        ));
    }
    lines.join("\n")
}

impl HasExit for UrlError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl HasExit for ListenError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl HasExit for OutputError {
    fn exit(&self) -> Exit {
        match self {
            Self::Create { .. } => Exit::Usage,
            Self::Write { .. } | Self::Standard { .. } => Exit::Failed,
        }
    }
}

impl HasExit for CountingError {
    fn exit(&self) -> Exit {
        match self {
            Self::Output(error) => error.exit(),
            Self::Thread { .. } | Self::Panicked => Exit::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_the_url_are_a_header_that_is_not_shown() {
        let value = authorization(&parse_base("http://u:secret@h").unwrap()).unwrap();
        assert!(value.is_some_and(|value| value.is_sensitive()));
        assert_eq!(authorization(&parse_base("http://h").unwrap()).unwrap(), None);
    }
}
