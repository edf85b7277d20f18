//! Which certificates of a server are believed, and which are told apart when they are not.
//!
//! Two things are added to what the TLS library checks. A certificate that the user names itself is believed although it is
//! one of an authority, and although it names its host in the old way: `openssl req -x509` makes both by default. And one
//! that nobody but itself vouches for is called self-signed, not one of an unknown issuer.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use webpki::EndEntityCert;

/// The object identifier of a common name, 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// A certificate that is its own issuer, and that the user has not named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server's certificate is self-signed")]
pub(super) struct SelfSigned;

/// Checks a server's certificate.
#[derive(Debug)]
pub(super) struct Verifier {
    /// Checks it against the authorities that are trusted.
    authorities: Arc<dyn ServerCertVerifier>,
    /// The certificates that the user names.
    named: Vec<CertificateDer<'static>>,
}

impl Verifier {
    /// Asks `authorities` first.
    pub(super) fn new(authorities: Arc<dyn ServerCertVerifier>, named: Vec<CertificateDer<'static>>) -> Self {
        Self { authorities, named }
    }

    /// Looks again at a certificate that the authorities refuse for this reason.
    fn reconsider(
        &self,
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
        reason: Error,
    ) -> Result<(), Error> {
        let is_wrong_name = is_wrong_name(&reason);
        if self.named.contains(certificate) && (is_wrong_name || is_used_as_end_entity(&reason)) {
            // What is valid only at other times was refused for that before.
            return check_name(certificate, name);
        }
        // It may also be refused for a signature that is not that of a trusted authority of the same name.
        if !is_wrong_name && !is_wrong_time(&reason) && is_self_signed(certificate) {
            let error = CertificateError::Other(OtherError(Arc::new(SelfSigned)));
            return Err(Error::InvalidCertificate(error));
        }
        Err(reason)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.authorities
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .or_else(|reason| {
                self.reconsider(end_entity, server_name, reason).map(|()| ServerCertVerified::assertion())
            })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

fn is_used_as_end_entity(reason: &Error) -> bool {
    matches!(reason, Error::InvalidCertificate(CertificateError::Other(other))
        if other.0.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity))
}

fn is_wrong_name(reason: &Error) -> bool {
    matches!(
        reason,
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        )
    )
}

fn is_wrong_time(reason: &Error) -> bool {
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    matches!(
        reason,
        Error::InvalidCertificate(Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. })
    )
}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    EndEntityCert::try_from(certificate).is_ok_and(|parsed| parsed.issuer() == parsed.subject())
}

/// Whether the certificate is for this host. Only one without alternative names is asked for its common name.
fn check_name(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    let checked = verify_server_name(&ParsedCertificate::try_from(certificate)?, name);
    let Err(Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, expected })) =
        checked
    else {
        return checked;
    };
    let parsed = EndEntityCert::try_from(certificate).ok();
    let common = parsed.as_ref().and_then(|parsed| common_name(parsed.subject()));
    match common.filter(|_| presented.is_empty()) {
        Some(common) if common.eq_ignore_ascii_case(&name.to_str()) => Ok(()),
        common => {
            let presented = common.map_or(presented, |common| vec![common.to_owned()]);
            let error = CertificateError::NotValidForNameContext { expected, presented };
            Err(Error::InvalidCertificate(error))
        }
    }
}

/// The common name in a subject (RFC 5280, section 4.1.2.4): a sequence of sets of pairs of identifier and text.
fn common_name(mut subject: &[u8]) -> Option<&str> {
    while let Some((set, rest)) = element(subject) {
        let (pair, _) = element(set)?;
        let (identifier, text) = element(pair)?;
        if identifier == COMMON_NAME {
            return str::from_utf8(element(text)?.0).ok();
        }
        subject = rest;
    }
    None
}

/// The contents of the first element of DER, and what follows it.
fn element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let length = bytes
            .iter()
            .try_fold(0_usize, |length, byte| length.checked_mul(256)?.checked_add(usize::from(*byte)));
        (length?, rest)
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `C=PE, CN=localhost`.
    const SUBJECT: &[u8] =
        b"\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x13\x02PE\x31\x12\x30\x10\x06\x03\x55\x04\x03\x0c\x09localhost";

    #[test]
    fn a_common_name_is_found_behind_others() {
        assert_eq!(common_name(SUBJECT), Some("localhost"));
        assert_eq!(common_name(&SUBJECT[..13]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), cut in 0usize..40) {
            common_name(&bytes);
            common_name(&SUBJECT[..cut.min(SUBJECT.len())]);
        }
    }
}
