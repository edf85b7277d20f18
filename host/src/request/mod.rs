//! Requests: from a credit to an [`Exchange`](exchange::Exchange), the bytes and instants of one request.
//!
//! A [`worker`] is a thread with its own runtime, connections and buffers. It formats a request through the
//! [`endpoint`], waits until it is due, sends it over the [`transport`], splits a streamed answer by its [`framing`] until its
//! dialect ends it ([`stream`]), and lets the endpoint's parser fill an [`answer`]; [`follow`] fetches what the parser wants to read next. What comes out
//! goes to the recorder; nothing is computed here.

pub(crate) mod answer;
pub(crate) mod cause;
mod certificate;
mod choices;
mod closed_idle;
pub(crate) mod endpoint;
pub(crate) mod error_kinds;
pub(crate) mod exchange;
mod facts;
mod follow;
pub(crate) mod framing;
pub(crate) mod gauge;
mod headers;
pub(crate) mod hints;
pub(crate) mod limits;
mod machine;
pub(crate) mod patience;
pub(crate) mod payload;
mod place;
pub(crate) mod prepared;
mod priority;
mod proxy;
pub(crate) mod pulse;
mod stray;
mod stream;
pub(crate) mod target;
mod tls;
pub(crate) mod transport;
pub(crate) mod worker;
