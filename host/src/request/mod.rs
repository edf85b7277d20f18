//! Requests: from a credit to an [`Exchange`](exchange::Exchange), the bytes and instants of one request.
//!
//! A [`worker`] is a thread with its own runtime, connections and buffers. It formats a request through the
//! [`endpoint`], waits until it is due, sends it over the [`transport`] ([`wire`]), splits a streamed answer by its [`framing`] until its
//! API format ends it ([`stream`]), and lets the endpoint's parser fill an [`answer`] ([`events`]); [`follow`] fetches what the
//! parser wants to read next, and [`perform`] has the order of all this. What comes out goes to the recorder; nothing is computed
//! here.

pub(crate) mod active_call;
mod address;
mod affinity;
pub(crate) mod answer;
pub(crate) mod bad_answer;
pub(crate) mod bodies;
pub(crate) mod cause;
mod certificate;
pub(crate) mod choice_times;
mod choices;
mod closed_idle;
pub(crate) mod deadlines;
pub(crate) mod endpoint;
mod events;
pub(crate) mod exchange;
pub(crate) mod failure_kind;
mod follow;
pub(crate) mod framing;
mod headers;
pub(crate) mod hints;
pub(crate) mod limits;
pub(crate) mod machine;
mod one_token;
pub(crate) mod outcome;
mod overflow;
pub(crate) mod payload;
mod perform;
pub(crate) mod prepared;
mod priority;
mod proxy;
mod request_facts;
mod session_headers;
mod stray;
mod stream;
pub(crate) mod target;
mod tls;
pub(crate) mod tool_calls;
mod trace_context;
pub(crate) mod transport;
pub(crate) mod wire;
pub(crate) mod worker;
pub(crate) mod worker_statistics;
