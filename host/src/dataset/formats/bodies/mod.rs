//! Bodies of requests and responses, as they pass on the wire: what was asked in them, and what was replied.
//!
//! Four API formats are known. Whatever a body says that is not needed to play it again is left out.

mod asked;
mod format;
mod message;
mod replied;

pub(crate) use self::{
    asked::{Asked, asked},
    format::BodyFormat,
    replied::{Replied, replied},
};
