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
mod detect;
mod error;
mod folder;
mod index;
mod input;
mod inputs_json;
mod instant;
mod layout;
mod lines;
mod links;
mod media;
mod mlperf;
mod mooncake;
mod offsets;
mod openai;
mod openai_batch;
mod openai_messages;
mod otel;
mod packed;
pub(super) mod prony_sessions;
mod random_pool;
pub(super) mod raw_payload;
mod row;
mod sagemaker;
mod session_key;
mod sharegpt;
mod single_turn;
mod speed_bench;
mod stored;
mod tracelab;
mod weka;

pub(crate) use self::{
    bodies::{Asked, BodyFormat, Replied, asked, replied},
    detect::ReadFile,
    error::FileError,
    media::NamedFile,
    raw_payload::prompt_texts,
    row::RowError,
};
pub(super) use self::{
    detect::{Indexed, count_from, first_instant, index, read},
    input::Input,
    stored::StoredFile,
};
