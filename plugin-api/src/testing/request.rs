//! What a formatter wrote.

use serde_json::Value;

use crate::{
    abi::host::RequestSink,
    error::{PluginError, Result},
};

/// A request as a formatter wrote it, before the host adds what is its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The path that replaces the manifest's, if it has named one.
    pub path: Option<String>,
    /// Its headers, in order.
    pub headers: Vec<(String, String)>,
    /// Name of the header that the host fills with the API key, and what stands in front of the key.
    pub api_key_header: Option<(String, String)>,
    /// The whole body, as it is sent.
    pub body: Vec<u8>,
    /// Its parts: with any, the body is `multipart/form-data`.
    pub parts: Vec<MultipartPart>,
}

/// One part of a `multipart/form-data` body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MultipartPart {
    /// Name of the field.
    pub name: String,
    /// File name, or empty.
    pub file_name: String,
    /// Content type, or empty.
    pub content_type: String,
    /// Its contents.
    pub bytes: Vec<u8>,
}

impl Request {
    /// The body as JSON.
    ///
    /// # Errors
    /// `malformed` when it is not.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .map_err(|error| PluginError::malformed(format!("read the body as JSON: {error}")))
    }

    /// The value of a header, whose name is compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// What the host would send as its content type.
    pub fn content_type(&self) -> &str {
        let default = if self.parts.is_empty() { "application/json" } else { "multipart/form-data" };
        self.header("content-type").unwrap_or(default)
    }
}

impl RequestSink for Request {
    fn path(&mut self, path: &str) {
        self.path = Some(path.to_owned());
    }

    fn header(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    fn api_key_header(&mut self, name: &str, prefix: &str) {
        self.api_key_header = Some((name.to_owned(), prefix.to_owned()));
    }

    fn body(&mut self, bytes: &[u8]) {
        self.body.extend_from_slice(bytes);
    }

    fn part(&mut self, name: &str, file_name: &str, content_type: &str, bytes: &[u8]) {
        self.parts.push(MultipartPart {
            name: name.to_owned(),
            file_name: file_name.to_owned(),
            content_type: content_type.to_owned(),
            bytes: bytes.to_vec(),
        });
    }
}
