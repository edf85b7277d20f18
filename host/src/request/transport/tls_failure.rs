//! What went wrong with TLS, and what the user can do about it.

use std::{error::Error, io};

use rustls::{AlertDescription, CertificateError, Error as TlsError};

use super::failure::Failure;
use crate::request::certificate::SelfSigned;

/// What to do about a server that does not begin to speak TLS.
pub(super) const SUSPECT_PLAIN_HTTP: &str =
    "if the server speaks plain HTTP, give an address that begins with `http://`";

/// What to do about a server that does not answer in HTTP where no TLS is spoken.
pub(super) const SUSPECT_TLS: &str = "if the server speaks TLS, give an address that begins with `https://`; if it speaks HTTP/2 only, add `--http2`";

const UNTRUSTED: &str = "name a PEM file with this certificate, or with that of its issuer, with `--ca-cert`, or trust any certificate with `--insecure`";
const WRONG_NAME: &str =
    "give the address by a name that the certificate is for, or trust any certificate with `--insecure`";
const WRONG_TIME: &str = "renew the server's certificate, check the clock of this machine, or trust any certificate with `--insecure`";
const INVALID: &str = "give the server another certificate, or trust any with `--insecure`";
const CLIENT: &str = "if the server asks for a certificate of the client, name one with `--client-cert`";
const OTHER_HTTP: &str =
    "if the server speaks HTTP/2 only, add `--http2`; if it speaks HTTP/1.1 only, leave it out";

/// A TLS failure in plain words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Explained {
    pub(super) what: String,
    /// What to do about it.
    pub(super) hint: &'static str,
}

/// Explains one link of a chain of errors, if it is about TLS.
pub(super) fn explain(error: &(dyn Error + 'static), failure: Failure) -> Option<Explained> {
    if let Some(tls) = error.downcast_ref::<TlsError>() {
        return of_tls(tls);
    }
    let io = error.downcast_ref::<io::Error>()?;
    // An error of the system's type is not the source of what it wraps: it passes on the source of that.
    if let Some(explained) = io.get_ref().and_then(|inner| explain(inner, failure)) {
        return Some(explained);
    }
    // Nothing else is read while a connection is being opened.
    (failure == Failure::Connect && io.kind() == io::ErrorKind::UnexpectedEof).then(|| Explained {
        what: "the server closed the connection during the TLS handshake".into(),
        hint: SUSPECT_PLAIN_HTTP,
    })
}

fn of_tls(error: &TlsError) -> Option<Explained> {
    let explained = |what: &str, hint| Some(Explained { what: what.to_owned(), hint });
    match error {
        TlsError::InvalidCertificate(error) => Some(of_certificate(error)),
        TlsError::InvalidMessage(_) => explained(
            "the TLS handshake failed: the server seems to speak plain HTTP",
            "give an address that begins with `http://`",
        ),
        TlsError::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            explained("the server and prony have no version of HTTP in common", OTHER_HTTP)
        }
        TlsError::AlertReceived(alert) => {
            let about_us = matches!(
                alert,
                AlertDescription::CertificateRequired
                    | AlertDescription::BadCertificate
                    | AlertDescription::UnknownCA
                    | AlertDescription::AccessDenied
                    | AlertDescription::HandshakeFailure
            );
            about_us
                .then(|| Explained { what: format!("the server ends TLS with `{alert:?}`"), hint: CLIENT })
        }
        _ => None,
    }
}

fn of_certificate(error: &CertificateError) -> Explained {
    let (what, hint) = match error {
        CertificateError::UnknownIssuer => {
            ("the server's certificate comes from an unknown issuer".to_owned(), UNTRUSTED)
        }
        CertificateError::Other(other) if other.0.is::<SelfSigned>() => (other.0.to_string(), UNTRUSTED),
        CertificateError::NotValidForName => {
            ("the server's certificate is for another name".to_owned(), WRONG_NAME)
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            (wrong_name(&expected.to_str(), presented), WRONG_NAME)
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("the server's certificate has expired".to_owned(), WRONG_TIME)
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("the server's certificate is not valid yet".to_owned(), WRONG_TIME)
        }
        other => (format!("the server's certificate is invalid: {other}"), INVALID),
    };
    Explained { what, hint }
}

/// The library writes a name that a certificate is for as `DnsName("a.example")` or `IpAddress(10.0.0.1)`.
fn wrong_name(expected: &str, presented: &[String]) -> String {
    let bare = |name: &String| {
        let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
        format!("`{}`", inner.trim_matches('"'))
    };
    let names: Vec<String> = presented.iter().take(5).map(bare).collect();
    match names.as_slice() {
        [] => format!("the server's certificate is not for `{expected}`: it names no host"),
        names => format!("the server's certificate is not for `{expected}`, but for {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::names(&["DnsName(\"a.example\")", "IpAddress(10.0.0.1)"], "not for `here`, but for `a.example`, `10.0.0.1`")]
    #[case::none(&[], "not for `here`: it names no host")]
    fn a_wrong_name_says_which_are_right(#[case] presented: &[&str], #[case] says: &str) {
        let presented: Vec<String> = presented.iter().map(ToString::to_string).collect();
        assert!(wrong_name("here", &presented).contains(says));
    }

    #[test]
    fn a_failure_is_found_however_often_it_is_wrapped() {
        let expired = TlsError::InvalidCertificate(CertificateError::Expired);
        let wrapped = io::Error::other(io::Error::other(expired));
        assert!(explain(&wrapped, Failure::Connect).unwrap().what.contains("has expired"));
    }

    #[test]
    fn a_connection_that_ends_later_is_no_handshake() {
        let closed = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert!(explain(&closed, Failure::Connect).unwrap().hint.contains("http://"));
        assert_eq!(explain(&closed, Failure::Closed), None);
    }
}
