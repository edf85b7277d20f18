//! What goes wrong on the way to a server of NATS, and what the user can do about it.

use std::{error::Error, io, path::PathBuf, time::Duration};

use async_nats::{ConnectError, ConnectErrorKind, rustls};

use crate::explain::Explain;

/// The longest message, in bytes. Servers take 1 MiB unless they are told otherwise (`max_payload`), headers included.
pub(crate) const MOST_BYTES: usize = 512 * 1024;

/// Why the bus cannot be used. No text holds a user name, a password or a token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BusError {
    /// The URL is none of a server.
    #[error("use {}: {reason}", named(.url.as_deref()))]
    Url {
        /// Without login; nothing where it cannot be known what of it is a password.
        url: Option<String>,
        reason: String,
    },
    /// A file of credentials or of TLS cannot be read.
    #[error("read `{}`", .path.display())]
    File { path: PathBuf, source: io::Error },
    /// One of the two files of a client certificate is missing.
    #[error(
        "use a client certificate for NATS: its certificate and its key belong together, and one is missing"
    )]
    HalfCertificate,
    /// Nobody listens there, or the connection breaks before it stands.
    #[error("connect to the NATS server `{url}`")]
    Unreachable { url: String, source: Cause },
    /// It listens, and says nothing.
    #[error("connect to the NATS server `{url}`: it did not answer within {} s", .within.as_secs_f64())]
    Mute { url: String, within: Duration },
    /// The server does not know who we are.
    #[error("log in to the NATS server `{url}`")]
    Login { url: String },
    /// The server's certificate is not trusted, or it speaks no TLS.
    #[error("trust the NATS server `{url}`")]
    Untrusted { url: String, source: Cause },
    /// The server takes shorter messages than prony sends.
    #[error("use the NATS server `{url}`: it takes messages of at most {bytes} bytes")]
    SmallMessages { url: String, bytes: usize },
    /// The connection is broken at the moment.
    #[error("reach the NATS server `{url}`: the connection is broken, and was not mended within {} s", .within.as_secs_f64())]
    Away { url: String, within: Duration },
    /// No process listens at a subject.
    #[error("reach anybody at `{subject}`: nobody listens there")]
    NoListener { subject: String },
    /// A process may listen there, and does not answer.
    #[error("have an answer from `{subject}` within {} s", .within.as_secs_f64())]
    Silent { subject: String, within: Duration },
    /// A message is too long to be sent.
    #[error("send a message of {bytes} bytes: {} are the limit", MOST_BYTES)]
    TooLong { bytes: usize },
    /// The library refuses a subject, or has ended.
    #[error("use the subject `{subject}`")]
    Refused { subject: String, source: Cause },
    /// There is no thread left, or nothing to wait with.
    #[error("start the thread that talks to NATS")]
    Thread(#[source] io::Error),
    /// The thread has ended, or it would have to wait for itself.
    #[error("talk to NATS: its thread does not answer")]
    Gone,
}

/// The innermost text of a chain of causes. Errors of the library repeat their causes in their own texts.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Cause(String);

impl Cause {
    pub(super) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut innermost = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        Self(innermost.to_string())
    }
}

fn named(url: Option<&str>) -> String {
    url.map_or_else(
        || "the URL of NATS, which is not shown because it may hold a password".to_owned(),
        |url| format!("the URL of NATS `{url}`"),
    )
}

impl BusError {
    /// Why the first connection does not stand.
    pub(super) fn of_connect(error: &ConnectError, url: String, within: Duration) -> Self {
        match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
                Self::Login { url }
            }
            ConnectErrorKind::TimedOut => Self::Mute { url, within },
            ConnectErrorKind::Tls => Self::Untrusted { url, source: Cause::of(error) },
            _ if is_of_tls(error) => Self::Untrusted { url, source: Cause::of(error) },
            _ => Self::Unreachable { url, source: Cause::of(error) },
        }
    }
}

/// A failed handshake of TLS arrives as an error of I/O, with TLS's own inside.
fn is_of_tls(error: &ConnectError) -> bool {
    let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    io.and_then(io::Error::get_ref).is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>)
}

impl Explain for BusError {
    fn hint(&self) -> String {
        match self {
            Self::Url { url: None, .. } => {
                "in a user name, a password or a token write `/` as `%2F`, `?` as `%3F`, `#` as `%23` and `@` as `%40`"
            }
            Self::Url { .. } => "give an address such as `nats://host:4222`, or `tls://host:4222`",
            Self::File { .. } => "name a file that can be read, in the form that NATS and its tools use",
            Self::HalfCertificate => "give both, the certificate and its key, or neither",
            Self::Unreachable { .. } | Self::Mute { .. } | Self::Away { .. } => {
                "see that a `nats-server` runs there, and that this machine may connect to its port (4222 if the URL \
                 names none)"
            }
            Self::Login { .. } => {
                "give the server's token with `--nats-token`, or a file of credentials with `--nats-creds`"
            }
            Self::Untrusted { .. } => {
                "name the certificate of the authority that signed the server's with `--nats-tls-ca`; a server without \
                 TLS has a URL that begins with `nats://`"
            }
            Self::SmallMessages { .. } => "set `max_payload: 1MB` in the configuration of the server",
            Self::NoListener { .. } | Self::Silent { .. } => {
                "see that the other program still runs, and that both use the same server"
            }
            Self::Refused { .. } => "a subject is words with points between them, without spaces",
            Self::TooLong { .. } | Self::Gone => "report it to the authors of prony",
            Self::Thread(_) => "raise the limits on processes, threads and open files (`ulimit -u`, `ulimit -n`)",
        }
        .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let error = ConnectError::with_source(ConnectErrorKind::Io, refused);
        let seen = BusError::of_connect(&error, "nats://h:4222".to_owned(), Duration::from_secs(1));
        assert!(matches!(seen, BusError::Unreachable { .. }));
        assert_eq!(seen.to_string(), "connect to the NATS server `nats://h:4222`");
        assert_eq!(seen.source().map(ToString::to_string).as_deref(), Some("connection refused"));
    }

    #[test]
    fn a_certificate_that_is_not_trusted_is_told_from_a_server_that_is_not_there() {
        let tls = io::Error::other(rustls::Error::General("unknown issuer".to_owned()));
        let error = ConnectError::with_source(ConnectErrorKind::Io, tls);
        let seen = BusError::of_connect(&error, "tls://h:4222".to_owned(), Duration::from_secs(1));
        assert!(matches!(seen, BusError::Untrusted { .. }), "{seen}");
        assert!(seen.hint().contains("--nats-tls-ca"));
    }
}
