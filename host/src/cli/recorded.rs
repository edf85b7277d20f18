//! A recorded response in a file, as the mock server sends it.

use std::{
    io,
    path::{Path, PathBuf},
};

use http::{HeaderValue, StatusCode};
use prony_plugin_api::{PluginError, testing::Recording};

use super::exit::{Exit, HasExit};
use crate::{
    bounded,
    explain::Explain,
    mock_server::{Canned, CannedBody},
};

/// Largest recording, in megabytes.
const MOST_MEGABYTES: u64 = 256;

/// Why a file is no response that can be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordedError {
    /// The system does not let us read it.
    #[error("read the response `{}`", .file.display())]
    File {
        /// The file, as the user named it.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What stands in it is no response.
    #[error("read the response `{}`: {}", .file.display(), .source.message)]
    Recording {
        /// The file, as the user named it.
        file: PathBuf,
        /// What is wrong with it.
        source: PluginError,
    },
    /// Its head cannot be sent.
    #[error("send the response `{}`: {what}", .file.display())]
    Head {
        /// The file, as the user named it.
        file: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl HasExit for RecordedError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl Explain for RecordedError {
    fn hint(&self) -> String {
        match self {
            Self::Recording { source, .. } if !source.hint.is_empty() => source.hint.clone(),
            _ => "name a file that `curl -siN … > FILE` wrote, or one with a body alone".to_owned(),
        }
    }
}

/// Reads a response: with its head, as `curl -siN` writes it, or the body alone.
///
/// # Errors
/// It is no such file.
pub(crate) fn read(file: &Path, path: Option<&str>) -> Result<Canned, RecordedError> {
    let failed = || file.to_owned();
    let bytes = bounded::read(file, MOST_MEGABYTES)
        .map_err(|source| RecordedError::File { file: failed(), source })?;
    let recording =
        Recording::read(&bytes).map_err(|source| RecordedError::Recording { file: failed(), source })?;
    let content_type = Recording::content_type(&bytes).unwrap_or_else(|| usual_type(&recording).to_owned());
    if HeaderValue::from_str(&content_type).is_err() {
        return Err(RecordedError::Head {
            file: failed(),
            what: "its content type cannot stand in a header",
        });
    }
    let body = match &recording {
        Recording::Stream(stream) => CannedBody::events(stream),
        Recording::Lines(stream) => CannedBody::lines(stream),
        // Where its frames end, only the API format knows.
        Recording::Bytes(stream) => CannedBody::Stream([stream.clone().into_boxed_slice()].into()),
        Recording::Body(_, body) => CannedBody::Whole(body.clone().into()),
    };
    let status = match recording {
        Recording::Body(status, _) => {
            u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok())
        }
        _ => Some(StatusCode::OK),
    };
    let status =
        status.ok_or_else(|| RecordedError::Head { file: failed(), what: "its status is none of HTTP" })?;
    Ok(Canned { path: path.map(str::to_owned), status, content_type, body })
}

/// The type of a response whose head was not recorded.
fn usual_type(recording: &Recording) -> &'static str {
    match recording {
        Recording::Stream(_) => "text/event-stream",
        Recording::Lines(_) => "application/x-ndjson",
        Recording::Bytes(_) => "application/octet-stream",
        Recording::Body(_, body) if matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) => {
            "application/json"
        }
        Recording::Body(..) => "text/plain",
    }
}
