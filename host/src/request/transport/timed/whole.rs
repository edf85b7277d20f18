//! An answer that lies in memory, read as from a connection: for the fuzz targets.

use super::{framing::Framing, head, head::Malformed};

/// An answer over HTTP/1.1.
#[derive(Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    pub status: u16,
    /// Names and values of its headers, in their order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// What its framing leaves of its body.
    pub body: Vec<u8>,
    /// The body has come to its end, or ends with the connection.
    pub is_whole: bool,
}

/// Reads an answer that arrives in these reads; `None` when its head does not end.
///
/// # Errors
/// It is no HTTP/1.1.
pub(crate) fn read<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<HttpAnswer>, String> {
    read_all(reads).map_err(|error| error.to_string())
}

fn read_all<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<HttpAnswer>, Malformed> {
    let (mut waiting, mut answer, mut body) = (Vec::new(), None, Vec::new());
    for read in reads {
        waiting.extend_from_slice(read);
        if answer.is_none()
            && let Some((head, length)) = head::read(&waiting)?
        {
            waiting.drain(..length);
            let framing = Framing::of(head.status, &head.headers)?;
            answer = Some((head, framing));
        }
        if let Some((_, framing)) = &mut answer {
            take(framing, &mut waiting, &mut body)?;
        }
    }
    Ok(answer.map(|(head, framing)| {
        let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.to_string(), value.as_bytes().to_vec())
        };
        let is_whole = matches!(framing, Framing::Over | Framing::Connection);
        HttpAnswer {
            status: head.status.as_u16(),
            headers: head.headers.iter().map(header).collect(),
            body,
            is_whole,
        }
    }))
}

/// Takes what belongs to the body out of what waits.
fn take(framing: &mut Framing, waiting: &mut Vec<u8>, body: &mut Vec<u8>) -> Result<(), Malformed> {
    loop {
        let step = framing.next(waiting)?;
        waiting.drain(..step.skip);
        body.extend(waiting.drain(..step.data));
        if step.data == 0 {
            return Ok(());
        }
    }
}
