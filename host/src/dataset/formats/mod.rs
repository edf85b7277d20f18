//! Formats: input files that users bring.
//!
//! Each format turns a file into scripts, or says what is wrong with it and where. In the formats that are ours nothing is
//! silently ignored: what this version does not do yet is an error that says so. Of a recording in another tool's format, what
//! its module names is read.

mod agent_calls;
mod atif;
mod azure;
mod bailian;
mod bodies;
mod burstgpt;
mod claude_code;
mod codex;
mod contents;
pub(super) mod conversations;
mod dag;
mod door;
mod error;
mod input;
mod inputs_json;
mod instant;
mod lines;
mod media;
mod mlperf;
mod mooncake;
mod openai;
mod openai_batch;
mod openai_messages;
mod otel;
mod packed;
pub(super) mod prony_sessions;
pub(super) mod raw_payload;
mod row;
mod sagemaker;
mod sharegpt;
mod single_turn;
mod tracelab;
mod weka;

pub(crate) use self::{
    bodies::{BodyFormat, Replied, asked, replied},
    error::FileError,
    row::RowError,
};
pub(super) use self::{door::read, input::Input};
