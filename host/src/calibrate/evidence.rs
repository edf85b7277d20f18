//! What a run and the mock server say of each other.

use std::{
    fs,
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    path::Path,
    time::Duration,
};

use serde_json::Value;

/// How long the mock server may take to accept a connection, and between two pieces of its answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A file of JSON that a run has written.
///
/// # Errors
/// It cannot be read, or is none.
pub(crate) fn json(path: &Path) -> io::Result<Value> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// A file of lines of JSON that a run has written.
///
/// # Errors
/// It cannot be read, or a line is none.
pub(crate) fn lines(path: &Path) -> io::Result<Vec<Value>> {
    let text = fs::read_to_string(path)?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// What the mock server at this address knows of the requests that it saw.
///
/// # Errors
/// It does not answer in time, or does not tell.
pub(crate) fn truth(url: &str) -> io::Result<Value> {
    let address = url.trim_start_matches("http://");
    let nowhere = || io::Error::other(format!("the mock server has no address `{address}`"));
    let place = address.to_socket_addrs()?.next().ok_or_else(nowhere)?;
    let mut stream = TcpStream::connect_timeout(&place, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "GET /truth HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let body = end.filter(|_| answer.starts_with(b"HTTP/1.1 200 ")).map(|end| &answer[end + 4..]);
    let refused = || io::Error::other("the mock server does not tell its truth");
    Ok(serde_json::from_slice(body.ok_or_else(refused)?)?)
}
