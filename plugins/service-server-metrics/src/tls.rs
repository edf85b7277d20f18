//! How a page behind TLS is asked: exports [`PageTls`].

use std::{
    fs,
    path::{Path, PathBuf},
};

use prony_plugin_api::{PluginError, Result};
use serde::Deserialize;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

/// Whom a page's scrapes trust, and who they say that they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct PageTls {
    /// A PEM file with the authorities to trust, in place of the usual ones.
    pub(crate) ca_cert: Option<PathBuf>,
    /// A PEM file with the client's certificate, and with those that lead to its authority.
    pub(crate) client_cert: Option<PathBuf>,
    /// A PEM file with its private key; in the certificate's file if there is none of its own.
    pub(crate) client_key: Option<PathBuf>,
    /// Trust any certificate.
    pub(crate) insecure: bool,
}

impl PageTls {
    /// Reads the files.
    ///
    /// # Errors
    /// `config`, when one of them cannot be read, or does not hold what it must.
    pub(crate) fn read(&self) -> Result<TlsConfig> {
        let mut config = TlsConfig::builder().disable_verification(self.insecure);
        if let Some(file) = &self.ca_cert {
            config = config.root_certs(RootCerts::new_with_certs(&certificates(file)?));
        }
        if let Some(file) = &self.client_cert {
            let key = key(self.client_key.as_ref().unwrap_or(file))?;
            config = config.client_cert(Some(ClientCert::new_with_certs(&certificates(file)?, key)));
        }
        Ok(config.build())
    }
}

fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>> {
    let items = items(file)?.into_iter().filter_map(|item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    });
    let found: Vec<_> = items.collect();
    if found.is_empty() { Err(wrong(file, "there is no certificate in it")) } else { Ok(found) }
}

fn key(file: &Path) -> Result<PrivateKey<'static>> {
    let mut keys = items(file)?.into_iter().filter_map(|item| match item {
        PemItem::PrivateKey(key) => Some(key),
        _ => None,
    });
    keys.next().ok_or_else(|| wrong(file, "there is no private key in it"))
}

fn items(file: &Path) -> Result<Vec<PemItem<'static>>> {
    let text = fs::read(file).map_err(|error| wrong(file, &error.to_string()))?;
    parse_pem(&text).collect::<std::result::Result<_, _>>().map_err(|error| wrong(file, &error.to_string()))
}

fn wrong(file: &Path, why: &str) -> PluginError {
    PluginError::config(format!("read `{}` for the scrapes over TLS: {why}", file.display()))
        .hint("give PEM files in the option `tls`, or by `--ca-cert`, `--client-cert` and `--client-key`")
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::ErrorKind;

    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_an_error_of_the_options() {
        let nowhere = PageTls { ca_cert: Some("/nowhere/at/all.pem".into()), ..PageTls::default() };
        let wrong = PageTls { client_cert: Some("/dev/null".into()), ..PageTls::default() };
        for (tls, says) in [(nowhere, "`/nowhere/at/all.pem`"), (wrong, "there is no private key in it")] {
            let error = tls.read().unwrap_err();
            assert_eq!(error.kind, ErrorKind::CONFIG);
            assert!(error.message.contains(says) && !error.hint.is_empty(), "{error:?}");
        }
    }

    #[test]
    fn any_certificate_is_trusted_only_when_told_so() {
        assert!(!PageTls::default().read().unwrap().disable_verification());
        let insecure = PageTls { insecure: true, ..PageTls::default() };
        assert!(insecure.read().unwrap().disable_verification());
    }
}
