//! The way to a NATS server that is there, as commands without a run take it: flags, and variables under them.

use std::path::PathBuf;

use clap::Args;

use super::exit::{Exit, Failure};
use crate::{
    config::{machines::nats_address, redact},
    explain::Explain,
    nats::{Access, BusError, Tls},
};

/// Where it is, and how to log in. They are the flags of `profile`.
#[derive(Args, Debug)]
pub(super) struct NatsArgs {
    /// NATS server at which agents wait, as `nats://HOST:4222` or `tls://HOST:4222` [default: that of `PRONY_NATS`].
    #[arg(long, value_name = "URL")]
    pub(super) nats: Option<String>,

    /// Token that the NATS server asks for [default: that of `PRONY_NATS_TOKEN`].
    #[arg(long, value_name = "TOKEN")]
    nats_token: Option<String>,

    /// Credentials for the NATS server, a file as `nsc` writes it [default: that of `PRONY_NATS_CREDS`].
    #[arg(long, value_name = "FILE")]
    nats_creds: Option<PathBuf>,

    /// Certificates of authorities to trust in the NATS server as well as the system's, a PEM file
    /// [default: that of `PRONY_NATS_TLS_CA`].
    #[arg(long, value_name = "FILE")]
    nats_tls_ca: Option<PathBuf>,

    /// Certificate to show to the NATS server, a PEM file [default: that of `PRONY_NATS_TLS_CERT`].
    #[arg(long, value_name = "FILE")]
    nats_tls_cert: Option<PathBuf>,

    /// Private key of --nats-tls-cert, a PEM file [default: that of `PRONY_NATS_TLS_KEY`, else in the same file].
    #[arg(long, value_name = "FILE")]
    nats_tls_key: Option<PathBuf>,
}

/// A variable of the environment, if it is set to anything.
type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

impl NatsArgs {
    /// The server and the login; nothing where no server is named.
    ///
    /// # Errors
    /// The address is none, or there are two logins.
    pub(super) fn access(&self, variable: Variable<'_>) -> Result<Option<Access>, Failure> {
        let Some(address) = self.nats.clone().or_else(|| variable("PRONY_NATS")) else { return Ok(None) };
        let wrong =
            |error: &dyn Explain| Failure::new(Exit::Usage, error.to_string()).with_hint(error.hint());
        let mut url = nats_address(&address).map_err(|error| wrong(&error))?;
        // A login that is typed stands in the place of one that the environment has.
        let is_typed = self.nats_token.is_some() || self.nats_creds.is_some();
        if is_typed && self.nats.is_none() {
            url = without_login(&url);
        }
        let of_environment = !is_typed && !url.contains('@');
        let from = |name: &str| variable(name).filter(|_| of_environment);
        let token = self.nats_token.clone().or_else(|| from("PRONY_NATS_TOKEN"));
        let creds = self.nats_creds.clone().or_else(|| from("PRONY_NATS_CREDS").map(PathBuf::from));
        let logins = [token.is_some(), creds.is_some(), url.contains('@')];
        if logins.into_iter().filter(|is_one| *is_one).count() > 1 {
            let message = "log in to the NATS server twice: a token, credentials and a login in the address exclude each other";
            return Err(Failure::new(Exit::Usage, message).with_hint("leave out all but one of them"));
        }
        if token.as_deref() == Some("") {
            let message = "the token for NATS is empty: `--nats-token` is set to nothing";
            let hint = "give the token that the server takes, or leave out `--nats-token`";
            return Err(Failure::statement(Exit::Usage, message).with_hint(hint));
        }
        Ok(Some(Access { url, token, creds, tls: self.tls(variable)? }))
    }

    fn tls(&self, variable: Variable<'_>) -> Result<Tls, Failure> {
        let file = |typed: Option<&PathBuf>, name: &str| {
            typed.cloned().or_else(|| variable(name).map(PathBuf::from))
        };
        let cert = file(self.nats_tls_cert.as_ref(), "PRONY_NATS_TLS_CERT");
        let key = file(self.nats_tls_key.as_ref(), "PRONY_NATS_TLS_KEY");
        if key.is_some() && cert.is_none() {
            return Err(Failure::statement(Exit::Usage, "`--nats-tls-key` requires `--nats-tls-cert`")
                .with_hint("add `--nats-tls-cert`, or leave out `--nats-tls-key`"));
        }
        let ca = file(self.nats_tls_ca.as_ref(), "PRONY_NATS_TLS_CA");
        Ok(Tls { ca, key: key.or_else(|| cert.clone()), cert })
    }
}

/// Sees to it that nothing which is printed from here on shows the login.
pub(super) fn hide_login(access: &Access) {
    redact::learn(redact::of_nats(Some(&access.url), access.token.as_deref()));
    redact::learn(redact::of_environment());
}

/// How a command ends that cannot use the server.
pub(super) fn exit_of(error: &BusError) -> Exit {
    match error {
        BusError::Url { .. } | BusError::File { .. } | BusError::HalfCertificate => Exit::Usage,
        BusError::Thread(_) | BusError::Gone => Exit::Failed,
        _ => Exit::Unreachable,
    }
}

/// An address of NATS, which has a host and no path, without its login.
fn without_login(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => url.to_owned(),
    }
}
