//! What parent and child say to each other.

use std::path::PathBuf;

use prony_plugin_api::{PluginError, testing::Request};
use serde::{Deserialize, Serialize};

use super::requests::ExampleRequest;

/// What the child has to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Job {
    /// The library's file.
    pub(super) library: PathBuf,
    /// What the file hashes to: hexadecimal digits of its SHA-256.
    pub(super) sha256: String,
    /// A manifest or a lock demands that hash.
    pub(super) is_pinned: bool,
    /// The exported type, an endpoint.
    pub(super) type_name: String,
    /// Its options, the text of a JSON object.
    pub(super) options: String,
    /// The requests that it is to write.
    pub(super) wanted: Vec<ExampleRequest>,
}

/// What became of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Shown {
    /// It did not start with these options.
    Refused(Refusal),
    /// It showed what it does.
    Work(Work),
}

/// What an endpoint does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Work {
    /// The requests, each with what was wanted.
    pub(super) requests: Vec<(ExampleRequest, Result<Written, Refusal>)>,
    /// The recorded responses that it can read.
    pub(super) readings: Vec<Reading>,
}

/// What a plugin said in place of doing something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// Fits after "failed to".
    pub(super) text: String,
    /// What to do about it; may be empty.
    pub(super) hint: String,
}

impl From<PluginError> for Refusal {
    fn from(error: PluginError) -> Self {
        Self { text: error.message, hint: error.hint }
    }
}

/// A request as the endpoint wrote it, before the host adds what is its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Written {
    /// The path that replaces the manifest's, if there is one.
    pub(super) path: Option<String>,
    /// Its headers, in order.
    pub(super) headers: Vec<(String, String)>,
    /// Name of the header that the host fills with the key, and what stands in front of the key.
    pub(super) key_header: Option<(String, String)>,
    /// What the host sends as its content type.
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
    /// Its parts: with any, there is no body.
    pub(super) parts: Vec<FormPart>,
}

/// One part of a form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FormPart {
    /// Name of the field.
    pub(super) name: String,
    /// File name, or empty.
    pub(super) file_name: String,
    /// Content type, or empty.
    pub(super) content_type: String,
    pub(super) bytes: Vec<u8>,
}

impl From<Request> for Written {
    fn from(request: Request) -> Self {
        let content_type = request.content_type().to_owned();
        let parts = request.parts.into_iter().map(|part| FormPart {
            name: part.name,
            file_name: part.file_name,
            content_type: part.content_type,
            bytes: part.bytes,
        });
        Self {
            path: request.path,
            headers: request.headers,
            key_header: request.api_key_header,
            content_type,
            body: request.body,
            parts: parts.collect(),
        }
    }
}

/// A recorded response that the endpoint can read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reading {
    /// The kind of response, in words, such as `a stream`.
    pub(super) response: String,
    /// What the endpoint tells of it, in words.
    pub(super) reported: Vec<String>,
}
