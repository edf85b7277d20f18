//! The kinds of failures of an exchange of bytes.

use http::StatusCode;

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No connection was opened.
    Connect,
    /// A proxy would not open one, and said this.
    Proxy(StatusCode),
    /// The server closed the connection in order.
    Closed,
    /// The connection was reset: the side that closed it had not read all that was sent, or did not care.
    Reset,
    /// The body is encoded, and cannot be decoded.
    Encoding,
    /// What came was not HTTP, or something else went wrong.
    Http,
}
