//! The places where bytes of strangers come in: servers' answers, metrics pages, manifests, libraries, journals, messages.
//!
//! One function a reader. It takes any bytes, hands them to the code that a run uses, and panics when something does not
//! hold that must hold of every input. The fuzz targets look for such an input; the gate runs all that were ever found
//! through the same functions.
#![expect(clippy::panic, clippy::expect_used, reason = "what must hold and does not is a panic")]

mod answer;
mod chance;
mod dataset;
mod host;
mod http;
mod journal;
mod library;
mod manifest;
mod message;
mod page;
mod rows;
mod stream;

pub use answer::{answer, any_answer};
pub use dataset::dataset;
pub use host::{NoHost, root};
pub use http::http;
pub use journal::{child, journal};
pub use library::library;
pub use manifest::manifest;
pub use message::message;
pub use page::page;
pub use rows::rows;
pub use stream::stream;
