//! What a target has to prove, and what we prove to it: one TLS configuration for all connections of a run.

use std::{path::Path, sync::Arc};

use super::{certificate::Verifier, failure_kind::FailureKind};
use crate::plan::TlsConfig;
use prony_plugin_api::ErrorDetails;
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};

/// The configuration, with the system's certificates and the user's own, for HTTP/2 or for HTTP/1.1.
///
/// # Errors
/// A file that cannot be read or has no certificate or key in it, or a key that does not fit.
pub(super) fn client_config(tls: &TlsConfig, http2: bool) -> Result<ClientConfig, ErrorDetails> {
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = if tls.insecure {
        Arc::new(Anybody(Arc::clone(&provider)))
    } else {
        let extra = tls.ca_cert.as_deref().map_or(Ok(Vec::new()), certificates)?;
        let system =
            rustls_platform_verifier::Verifier::new_with_extra_roots(extra.clone(), Arc::clone(&provider))
                .map_err(|error| wrong("use the certificates that are trusted", &error))?;
        Arc::new(Verifier::new(Arc::new(system), extra))
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong("set up TLS", &error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match (&tls.client_cert, &tls.client_key) {
        (Some(cert), key) => {
            let key = key.as_ref().unwrap_or(cert);
            let chain = certificates(cert)?;
            let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| {
                wrong_file(&format!("read a private key from `{}`", key.display()), &error)
            })?;
            builder.with_client_auth_cert(chain, secret).map_err(|error| {
                wrong_file(&format!("use the client certificate `{}`", cert.display()), &error)
            })?
        }
        (None, _) => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![if http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    Ok(config)
}

/// Which files are meant.
const FILES: &str = "`--ca-cert` and `--client-cert` take PEM files, which begin with `-----BEGIN CERTIFICATE-----`; a key \
                     in PEM is in the file of `--client-key`, or else of `--client-cert`";

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ErrorDetails> {
    let what = format!("read certificates from `{}`", path.display());
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if found.is_empty() => Err(wrong_file(&what, &"there is no certificate in it")),
        Ok(found) => Ok(found),
        Err(error) => Err(wrong_file(&what, &error)),
    }
}

fn wrong_file(what: &str, why: &dyn std::fmt::Display) -> ErrorDetails {
    ErrorDetails { hint: FILES.into(), ..wrong(what, why) }
}

fn wrong(what: &str, why: &dyn std::fmt::Display) -> ErrorDetails {
    ErrorDetails {
        kind: FailureKind::Tls.into(),
        message: format!("cannot {what}: {why}"),
        ..ErrorDetails::default()
    }
}

/// Believes that everybody is who they say, as the user asked for. Signatures are still checked: a connection that is not
/// even consistent with itself is no TLS.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
