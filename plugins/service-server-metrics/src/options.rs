//! The options: exports [`Options`], checked.

use std::collections::BTreeMap;

use prony_plugin_api::{PluginError, Result, collector::without_secrets};
use serde::Deserialize;
use ureq::http::{HeaderName, HeaderValue};

use crate::tls::PageTls;

/// JSON Schema of [`Options`].
pub(crate) const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "urls": {
      "description": "Prometheus pages to scrape.",
      "type": "array",
      "items": {"type": "string", "format": "uri"},
      "default": []
    },
    "interval_ms": {
      "description": "Milliseconds from one scrape of a page to the next while a phase runs.",
      "type": "integer",
      "minimum": 1,
      "default": 1000
    },
    "headers": {
      "description": "Headers of the scrapes: for each page, by its URL, an object of names and values.",
      "type": "object",
      "default": {}
    },
    "tls": {
      "description": "TLS of the scrapes: for each page, by its URL, an object of ca_cert, client_cert and client_key (PEM files) and insecure (trust any certificate).",
      "type": "object",
      "default": {}
    }
  }
}"#;

/// What the service is told.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Options {
    /// Prometheus pages to scrape, each once.
    pub(crate) urls: Vec<String>,
    /// Milliseconds from one scrape of a page to the next while a phase runs.
    pub(crate) interval_ms: u64,
    /// Headers of the scrapes, names and values, by the URL of the page. They may be secret.
    pub(crate) headers: BTreeMap<String, BTreeMap<String, String>>,
    /// TLS of the scrapes, by the URL of the page.
    pub(crate) tls: BTreeMap<String, PageTls>,
}

impl Default for Options {
    fn default() -> Self {
        Self { urls: Vec::new(), interval_ms: 1000, headers: BTreeMap::new(), tls: BTreeMap::new() }
    }
}

impl Options {
    /// Reads and checks the text of a JSON object.
    ///
    /// # Errors
    /// `config`, when an option has a wrong type or value.
    pub(crate) fn read(json: &str) -> Result<Self> {
        let mut options: Self = serde_json::from_str(json).map_err(|error| {
            PluginError::config(format!("read the options of the server metrics: {error}"))
                .hint(
                    "give `urls` as a list of texts, `interval_ms` as a whole number, `headers` and `tls` as objects \
                     of objects",
                )
        })?;
        if options.interval_ms == 0 {
            return Err(PluginError::config("use `interval_ms` of `0`").hint("the least is 1"));
        }
        options.headers.values().flatten().try_for_each(|(name, value)| check_header(name, value))?;
        let mut seen = Vec::new();
        options.urls.retain(|url| {
            !seen.contains(url) && {
                seen.push(url.clone());
                true
            }
        });
        Ok(options)
    }

    /// The headers of a page's scrapes.
    pub(crate) fn headers_of(&self, url: &str) -> Vec<(String, String)> {
        let headers = self.headers.get(url).into_iter().flatten();
        headers.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// What each page is called wherever it is written down: its address without user, password and query, which may
    /// be secret. Pages that only differ there get a number.
    pub(crate) fn page_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for url in &self.urls {
            let name = without_secrets(url);
            let alike = names.iter().filter(|taken| taken.split('#').next() == Some(name.as_str())).count();
            names.push(if alike == 0 { name } else { format!("{name}#{}", alike + 1) });
        }
        names
    }
}

/// Whether HTTP can carry it. Its value is not repeated: it may be a secret.
fn check_header(name: &str, value: &str) -> Result<()> {
    let is_valid = name.parse::<HeaderName>().is_ok() && value.parse::<HeaderValue>().is_ok();
    if is_valid {
        return Ok(());
    }
    let message =
        format!("use the header `{}`: it has characters that HTTP does not allow", name.escape_debug());
    Err(PluginError::config(message).hint("leave out line breaks and other control characters"))
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::ErrorKind;
    use rstest::rstest;

    use super::*;

    #[test]
    fn pages_are_scraped_every_second_unless_told_otherwise() {
        let options = Options::read(r#"{"urls": ["http://h/metrics"]}"#).unwrap();
        let urls = vec!["http://h/metrics".into()];
        assert_eq!(options, Options { urls, ..Options::default() });
        assert_eq!(Options::read(r#"{"interval_ms": 50}"#).unwrap().interval_ms, 50);
    }

    #[test]
    fn a_page_that_is_named_twice_is_scraped_once() {
        let options = Options::read(r#"{"urls": ["http://a/", "http://b/", "http://a/"]}"#).unwrap();
        assert_eq!(options.urls, ["http://a/", "http://b/"]);
    }

    #[test]
    fn options_of_a_newer_host_are_ignored() {
        assert_eq!(Options::read(r#"{"newer": true}"#).unwrap(), Options::default());
    }

    #[rstest]
    #[case(r#"{"urls": "http://h/metrics"}"#)]
    #[case(r#"{"urls": [1]}"#)]
    #[case(r#"{"interval_ms": "1s"}"#)]
    #[case(r#"{"interval_ms": 0}"#)]
    #[case(r#"{"interval_ms": -1}"#)]
    #[case(r#"{"headers": {"http://h/metrics": {"X-A": 1}}}"#)]
    #[case(r#"{"headers": {"http://h/metrics": {"X A": "b"}}}"#)]
    #[case(r#"{"headers": {"http://h/metrics": {"X-A": "b\nc"}}}"#)]
    #[case(r#"{"tls": {"https://h/metrics": true}}"#)]
    #[case(r#"{"tls": {"https://h/metrics": {"insecure": "yes"}}}"#)]
    #[case("urls")]
    fn a_wrong_option_is_a_config_error_with_a_hint(#[case] json: &str) {
        let error = Options::read(json).unwrap_err();
        assert_eq!(error.kind, ErrorKind::CONFIG);
        assert!(!error.hint.is_empty());
    }

    #[test]
    fn the_schema_is_json_and_names_every_option() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        assert_eq!(schema["properties"]["interval_ms"]["default"], Options::default().interval_ms);
        assert_eq!(schema["properties"]["urls"]["type"], "array");
    }

    #[test]
    fn names_of_pages_hold_no_secret_and_differ() {
        let urls =
            ["http://me:pw@h:1/m?token=x", "http://h:1/m?token=y", "http://h:2/m", "h:3/m", "http://h@h"];
        let options = Options { urls: urls.map(str::to_owned).into(), ..Options::default() };
        assert_eq!(
            options.page_names(),
            ["http://h:1/m", "http://h:1/m#2", "http://h:2/m", "h:3/m", "http://h"]
        );
    }
}
