//! Private parts of the host, opened for the fuzz targets and benches of this repository.
//!
//! **Not an API**: anything here changes whenever the code behind it does. Every function leads to the very code that a
//! run uses, and adds nothing but plain types.

use std::{io, path::Path};

use prony_plugin_api::{abi::host::PluginRoot, descriptor::Descriptor, sse::SseSplitter};
use serde::de::DeserializeOwned;

use crate::{
    child::frame::FrameReader,
    plugin::internals as plugin,
    record::{Frame, journal},
};

/// Splits the reads of a response into server-sent events: name and data. `None` when one is too large.
pub fn split_events<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<(String, Vec<u8>)>> {
    let mut splitter = SseSplitter::default();
    let mut events = Vec::new();
    for read in reads {
        splitter.feed(read, |name, data| events.push((name.to_owned(), data.to_vec()))).ok()?;
    }
    Some(events)
}

/// Reads a manifest: how many endpoints and services it has, or what is wrong with it.
pub fn read_manifest(text: &str) -> Result<(usize, usize), String> {
    plugin::read_manifest(text)
}

/// Reads what a library's file says about the library.
pub fn read_descriptor(library: &[u8]) -> Result<Descriptor, String> {
    plugin::describe(library)
}

/// Opens a library as the registry would.
pub fn open_library(library: &Path) -> Result<PluginRoot, String> {
    plugin::open(library)
}

/// What a journal's bytes give.
#[derive(Debug, PartialEq, Eq)]
pub struct JournalContents {
    /// Every whole frame, encoded again.
    pub frames: Vec<Vec<u8>>,
    /// The last frame is cut off or damaged.
    pub damaged: bool,
}

/// Reads a journal; `None` when it is none.
pub fn read_journal(bytes: &[u8]) -> Option<JournalContents> {
    let mut reader = journal::Reader::of(bytes)?;
    let encoded = |frame: Frame| rmp_serde::to_vec_named(&frame).unwrap_or_default();
    let frames = reader.by_ref().map(encoded).collect();
    Some(JournalContents { frames, damaged: reader.damaged() })
}

/// Reads what a child sends until it ends, or until something is wrong with it.
pub fn read_child<T: DeserializeOwned>(bytes: &[u8]) -> (Vec<T>, io::Result<()>) {
    let mut reader = FrameReader::of(bytes);
    let mut values = Vec::new();
    loop {
        match reader.read() {
            Ok(Some(value)) => values.push(value),
            Ok(None) => return (values, Ok(())),
            Err(error) => return (values, Err(error)),
        }
    }
}
