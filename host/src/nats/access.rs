//! How a server of NATS is reached: its address, and what it is shown to let us in.
//!
//! A login may stand in the URL, as NATS's own tools take it: `nats://USER:PASSWORD@host` or `nats://TOKEN@host`. It is taken
//! out before anything else sees the URL, so that no error, log line or list of servers shows it.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use async_nats::{ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;
use url::Url;

use super::error::BusError;

/// The port of a server whose URL names none.
const DEFAULT_PORT: u16 = 4222;

/// How long a connection may be quiet before the server is asked whether it is still there. Two questions without an answer are a
/// broken connection.
const PING_EVERY: Duration = Duration::from_secs(3);

/// How long one attempt to connect may take at most. A connection that is mended has no other limit.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(5);

/// The longest time between two attempts to connect again.
const LONGEST_DELAY: Duration = Duration::from_secs(1);

/// Where a server is, and how to log in.
#[derive(Clone, Default)]
pub(crate) struct Access {
    /// `nats://host:4222`, `tls://host:4222` or `host`, with a login or without.
    pub(crate) url: String,
    /// The token that the server wants.
    pub(crate) token: Option<String>,
    /// A file of credentials (a JWT and its key), as NATS's tools write it.
    pub(crate) creds: Option<PathBuf>,
    pub(crate) tls: Tls,
}

/// Files of TLS, each in PEM.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tls {
    /// Certificates of authorities that are trusted in place of the system's.
    pub(crate) ca: Option<PathBuf>,
    /// Our own certificate, for a server that asks for one.
    pub(crate) cert: Option<PathBuf>,
    /// The private key of that certificate.
    pub(crate) key: Option<PathBuf>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("creds", &self.creds).field("tls", &self.tls).finish_non_exhaustive()
    }
}

/// A login that stood in a URL.
#[derive(PartialEq, Eq)]
enum Login {
    Token(String),
    Password { user: String, password: String },
}

/// A server's address, without a login.
pub(super) struct Address {
    /// As it may be shown.
    pub(super) shown: String,
    pub(super) server: ServerAddr,
    login: Option<Login>,
}

impl Access {
    /// Reads the URL.
    ///
    /// # Errors
    /// It is none of a server of NATS.
    pub(super) fn address(&self) -> Result<Address, BusError> {
        let typed = self.url.trim();
        let text = if typed.contains("://") { typed.to_owned() } else { format!("nats://{typed}") };
        let may_be_shown = (!text.contains('@')).then(|| typed.to_owned());
        let refused = |reason: String| BusError::Url { url: may_be_shown.clone(), reason };
        let mut url = Url::parse(&text).map_err(|error| refused(error.to_string()))?;
        if !matches!(url.scheme(), "nats" | "tls") {
            return Err(refused(format!("prony does not speak `{}` to it", url.scheme())));
        }
        // What stands behind the host may be the end of a password with a `/` in it.
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(refused("it has a path".to_owned()));
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        if host.is_empty() {
            return Err(refused("it names no host".to_owned()));
        }
        let shown = format!("{}://{host}:{}", url.scheme(), url.port().unwrap_or(DEFAULT_PORT));
        let login = login(&url);
        // Neither can fail: there is a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let server = ServerAddr::from_url(url)
            .map_err(|error| BusError::Url { url: Some(shown.clone()), reason: error.to_string() })?;
        Ok(Address { shown, server, login })
    }

    /// What the library needs to connect, under a name that the server's own lists show.
    ///
    /// # Errors
    /// A file cannot be read, or half of a certificate is missing.
    pub(super) fn options(
        &self,
        address: &Address,
        name: &str,
        within: Duration,
    ) -> Result<ConnectOptions, BusError> {
        let options = ConnectOptions::new()
            .name(name)
            .connection_timeout(within.min(LONGEST_ATTEMPT))
            .ping_interval(PING_EVERY)
            .reconnect_delay_callback(delay);
        self.with_tls(self.with_login(options, address)?)
    }

    /// What is given beside the URL counts more than what stands in it.
    fn with_login(&self, options: ConnectOptions, address: &Address) -> Result<ConnectOptions, BusError> {
        if let Some(path) = &self.creds {
            let failed = |source| BusError::File { path: path.clone(), source };
            let text = fs::read_to_string(path).map_err(failed)?;
            return options.credentials(&text).map_err(failed);
        }
        if let Some(token) = &self.token {
            return Ok(options.token(token.clone()));
        }
        Ok(match &address.login {
            Some(Login::Token(token)) => options.token(token.clone()),
            Some(Login::Password { user, password }) => {
                options.user_and_password(user.clone(), password.clone())
            }
            None => options,
        })
    }

    fn with_tls(&self, mut options: ConnectOptions) -> Result<ConnectOptions, BusError> {
        let Tls { ca, cert, key } = &self.tls;
        for path in [ca, cert, key].into_iter().flatten() {
            readable(path)?;
        }
        if let Some(path) = ca {
            options = options.add_root_certificates(path.clone()).require_tls(true);
        }
        match (cert, key) {
            (Some(cert), Some(key)) => {
                Ok(options.add_client_certificate(cert.clone(), key.clone()).require_tls(true))
            }
            (None, None) => Ok(options),
            _ => Err(BusError::HalfCertificate),
        }
    }
}

/// Fails before the library does, which would not say which file it is.
fn readable(path: &Path) -> Result<(), BusError> {
    fs::read(path).map(drop).map_err(|source| BusError::File { path: path.to_owned(), source })
}

/// The login of a URL. A user without a password is a token.
fn login(url: &Url) -> Option<Login> {
    let meant = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    match (url.username(), url.password()) {
        ("", _) => None,
        (token, None) => Some(Login::Token(meant(token))),
        (user, Some(password)) => Some(Login::Password { user: meant(user), password: meant(password) }),
    }
}

/// Time before an attempt to connect again, by how many there were: none before the first, and from 50 ms on twice as long each
/// time.
fn delay(attempts: usize) -> Duration {
    let Some(repeats) = attempts.checked_sub(2) else { return Duration::ZERO };
    let doublings = u32::try_from(repeats).unwrap_or(u32::MAX).min(10);
    (Duration::from_millis(50) * 2_u32.pow(doublings)).min(LONGEST_DELAY)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn access(url: &str) -> Access {
        Access { url: url.to_owned(), ..Access::default() }
    }

    #[rstest]
    #[case("nats://h:4223", "nats://h:4223", "")]
    #[case("h", "nats://h:4222", "")]
    #[case("h:1", "nats://h:1", "")]
    #[case("tls://h", "tls://h:4222", "")]
    #[case("nats://[::1]:1", "nats://[::1]:1", "")]
    #[case("nats://secret%2Fone@h", "nats://h:4222", "secret/one")]
    #[case("me:secret@h:1", "nats://h:1", "me secret")]
    fn an_address_is_shown_without_its_login(#[case] typed: &str, #[case] shown: &str, #[case] login: &str) {
        let address = access(typed).address().unwrap();
        assert_eq!(address.shown, shown);
        assert!(!address.server.as_url_str().contains("secret"), "{}", address.server.as_url_str());
        let found = match address.login {
            None => String::new(),
            Some(Login::Token(token)) => token,
            Some(Login::Password { user, password }) => format!("{user} {password}"),
        };
        assert_eq!(found, login);
    }

    #[rstest]
    #[case::path("nats://h:4222/a", "`nats://h:4222/a`: it has a path")]
    #[case::scheme("http://h", "`http://h`: prony does not speak `http` to it")]
    #[case::no_host("nats://", "`nats://`: it names no host")]
    #[case::slash_in_a_password("nats://me:sec/ret@h", "not shown")]
    #[case::slash_in_a_token("nats://sec/ret@h", "not shown")]
    fn what_is_no_address_is_refused_and_shows_no_secret(#[case] typed: &str, #[case] expected: &str) {
        let error = access(typed).address().err().unwrap();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.to_string().contains("sec"), "{error}");
        assert!(!format!("{:?}", access(typed)).contains("sec"));
    }

    #[test]
    fn half_of_a_certificate_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut access = access("tls://h");
        access.tls.cert = Some(file.path().to_owned());
        let address = access.address().unwrap();
        let error = access.options(&address, "test", Duration::from_secs(1)).err().unwrap();
        assert!(matches!(error, BusError::HalfCertificate), "{error}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let mut access = access("h");
        access.creds = Some(PathBuf::from("/nowhere/my.creds"));
        let address = access.address().unwrap();
        let error = access.options(&address, "test", Duration::from_secs(1)).err().unwrap();
        assert_eq!(error.to_string(), "read `/nowhere/my.creds`");
    }

    #[test]
    fn a_connection_is_tried_again_at_once_and_then_more_and_more_rarely() {
        let delays: Vec<u128> = [0, 1, 2, 3, 4, 100].map(|attempts| delay(attempts).as_millis()).into();
        assert_eq!(delays, [0, 0, 50, 100, 200, 1000]);
    }
}
