//! Server-sent events, split by the contract crate: what the tests of vendors see is what happens in a run.

pub(crate) use prony_plugin_api::sse::{SseSplitter, TooLarge};
