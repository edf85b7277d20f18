//! An answer that lies in memory, read as from a connection: for the fuzz targets.

use super::{framing::Framing, head, head::Malformed};

/// Status, names and values of headers, body, and whether it ended where it should. Nothing when the head does not end.
pub(crate) type Whole = Option<(u16, Vec<(String, Vec<u8>)>, Vec<u8>, bool)>;

/// Reads an answer that arrives in these reads.
///
/// # Errors
/// It is no HTTP/1.1.
pub(crate) fn read<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> Result<Whole, String> {
    read_all(reads).map_err(|error| error.to_string())
}

fn read_all<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> Result<Whole, Malformed> {
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
        (head.status.as_u16(), head.headers.iter().map(header).collect(), body, is_whole)
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
