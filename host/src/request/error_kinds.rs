//! Kinds of errors that several places tell apart.

/// Kind of the error of a request that found nobody to talk to.
pub(crate) const CONNECT_ERROR: &str = "connect";

/// Kind of the error of a request that a proxy did not let through.
pub(crate) const PROXY_ERROR: &str = "proxy";

/// Kind of the error of a request that was accepted, and whose server is not there any more.
pub(crate) const SERVER_GONE: &str = "server_gone";
