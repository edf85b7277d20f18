//! Where the body of an answer ends, and what of the bytes that came belongs to it (RFC 9112, sections 6 and 7).

use http::{HeaderMap, StatusCode, header};

use super::head::Malformed;

/// No line between two chunks is longer, nor are all lines behind the last one together.
const MAX_LINE_BYTES: usize = 16 << 10;

/// How the end of a body is marked, and how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// This number of bytes is to come.
    Length(u64),
    /// A chunk's size is to come.
    Size,
    /// This number of bytes of a chunk is to come.
    Chunk(u64),
    /// The empty line behind a chunk is to come.
    ChunkEnd,
    /// Lines behind the last chunk are to come, after so many bytes of them.
    Trailers(usize),
    /// Everything until the connection ends.
    Connection,
    Over,
}

/// What bytes are: first some that frame, then some of the body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// Bytes that frame, and are done with.
    pub(super) skip: usize,
    /// Bytes of the body behind them; none when more has to come, or nothing more comes.
    pub(super) data: usize,
}

impl Framing {
    /// How the body behind a head is framed.
    ///
    /// # Errors
    /// Lengths that are none or contradict each other.
    pub(super) fn of(status: StatusCode, headers: &HeaderMap) -> Result<Self, Malformed> {
        if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return Ok(Self::Over);
        }
        let codings = headers.get_all(header::TRANSFER_ENCODING);
        if let Some(last) = codings.iter().next_back() {
            let last = last.as_bytes().rsplit(|byte| *byte == b',').next().unwrap_or_default();
            let is_chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
            return Ok(if is_chunked { Self::Size } else { Self::Connection });
        }
        let values = headers.get_all(header::CONTENT_LENGTH).iter();
        let mut lengths = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(length);
        let Some(first) = lengths.next() else { return Ok(Self::Connection) };
        match first {
            Some(bytes) if lengths.all(|other| other == first) => Ok(Self::of_length(bytes)),
            _ => Err(Malformed("`Content-Length` is not one number")),
        }
    }

    fn of_length(bytes: u64) -> Self {
        if bytes == 0 { Self::Over } else { Self::Length(bytes) }
    }

    /// Looks at the bytes that came and were not yet looked at.
    ///
    /// # Errors
    /// What stands between chunks is not what has to stand there.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Result<Step, Malformed> {
        let mut step = Step::default();
        loop {
            let rest = &bytes[step.skip..];
            match self {
                Self::Over => return Ok(step),
                Self::Length(left) => {
                    let data = part_of(rest, *left);
                    *self = Self::of_length(*left - data as u64);
                    return Ok(Step { data, ..step });
                }
                Self::Chunk(left) => {
                    let data = part_of(rest, *left);
                    *left -= data as u64;
                    if *left == 0 {
                        *self = Self::ChunkEnd;
                    }
                    return Ok(Step { data, ..step });
                }
                Self::Connection => return Ok(Step { data: rest.len(), ..step }),
                Self::Size | Self::ChunkEnd | Self::Trailers(_) => {
                    let Some(end) = memchr::memchr(b'\n', rest) else {
                        let is_short = rest.len() <= MAX_LINE_BYTES;
                        return is_short.then_some(step).ok_or(Malformed("a line between chunks has no end"));
                    };
                    let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
                    *self = self.after(line)?;
                    step.skip += end + 1;
                }
            }
        }
    }

    /// What comes after a line.
    fn after(self, line: &[u8]) -> Result<Self, Malformed> {
        match self {
            Self::ChunkEnd if line.is_empty() => Ok(Self::Size),
            Self::ChunkEnd => Err(Malformed("a chunk is longer than its size")),
            Self::Trailers(_) if line.is_empty() => Ok(Self::Over),
            Self::Trailers(before) if before + line.len() <= MAX_LINE_BYTES => {
                Ok(Self::Trailers(before + line.len() + 1))
            }
            Self::Trailers(_) => Err(Malformed("what follows the last chunk has no end")),
            _ => match chunk_size(line) {
                Some(0) => Ok(Self::Trailers(0)),
                Some(bytes) => Ok(Self::Chunk(bytes)),
                None => Err(Malformed("a chunk's size is no number")),
            },
        }
    }
}

/// As many of the bytes as are still to come.
fn part_of(bytes: &[u8], left: u64) -> usize {
    usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()))
}

fn length(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}

/// The size in hexadecimal, in front of extensions that nobody needs.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?.trim_ascii();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_number)?;
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn framing(status: u16, headers: &[(&'static str, &'static str)]) -> Result<Framing, Malformed> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        Framing::of(StatusCode::from_u16(status).unwrap(), &map)
    }

    /// What a body comes to that arrives in these pieces, and whether it is over.
    fn read(mut framing: Framing, pieces: &[&[u8]]) -> Result<(Vec<u8>, bool), Malformed> {
        let (mut waiting, mut data) = (Vec::new(), Vec::new());
        for piece in pieces {
            waiting.extend_from_slice(piece);
            loop {
                let step = framing.next(&waiting)?;
                waiting.drain(..step.skip);
                data.extend(waiting.drain(..step.data));
                if step.data == 0 {
                    break;
                }
            }
        }
        Ok((data, framing == Framing::Over))
    }

    #[rstest]
    #[case::length(200, &[("content-length", "5")], Framing::Length(5))]
    #[case::the_same_length_twice(200, &[("content-length", "5, 5"), ("content-length", "5")], Framing::Length(5))]
    #[case::nothing(200, &[("content-length", "0")], Framing::Over)]
    #[case::chunks(200, &[("transfer-encoding", "Chunked")], Framing::Size)]
    #[case::chunks_on_top(200, &[("transfer-encoding", "gzip, chunked"), ("content-length", "5")], Framing::Size)]
    #[case::a_coding_that_is_not_chunks(200, &[("transfer-encoding", "gzip")], Framing::Connection)]
    #[case::no_word_of_it(200, &[], Framing::Connection)]
    #[case::a_status_without_a_body(204, &[("content-length", "5")], Framing::Over)]
    fn a_head_says_where_its_body_ends(
        #[case] status: u16,
        #[case] headers: &[(&'static str, &'static str)],
        #[case] expected: Framing,
    ) {
        assert_eq!(framing(status, headers).unwrap(), expected);
    }

    #[rstest]
    #[case::two_lengths("5, 6")]
    #[case::a_sign("+5")]
    #[case::no_number("five")]
    #[case::empty("")]
    #[case::beyond_all_numbers("99999999999999999999")]
    fn a_length_that_is_none_is_refused(#[case] value: &'static str) {
        assert!(framing(200, &[("content-length", value)]).is_err());
    }

    const CHUNKS: &[u8] = b"5;name=\"x\"\r\nhello\r\n1\r\n \r\n00A\r\nworld12345\r\n0\r\nTrailer: x\r\n\r\n";

    #[test]
    fn chunks_are_put_together() {
        assert_eq!(read(Framing::Size, &[CHUNKS]).unwrap(), (b"hello world12345".to_vec(), true));
        let no_returns: Vec<u8> = CHUNKS.iter().copied().filter(|byte| *byte != b'\r').collect();
        assert_eq!(read(Framing::Size, &[&no_returns]).unwrap(), (b"hello world12345".to_vec(), true));
    }

    #[test]
    fn what_comes_behind_the_end_is_not_looked_at() {
        let mut framing = Framing::Length(2);
        assert_eq!(framing.next(b"abHTTP").unwrap(), Step { skip: 0, data: 2 });
        assert_eq!((framing.next(b"HTTP").unwrap(), framing), (Step::default(), Framing::Over));
    }

    #[rstest]
    #[case::no_size(b"\r\nhello")]
    #[case::no_number(b"hello\r\n")]
    #[case::a_sign(b"-5\r\nhello\r\n")]
    #[case::more_than_it_says(b"3\r\nhello\r\n")]
    #[case::beyond_all_numbers(b"11111111111111111\r\n")]
    fn chunks_that_are_none_are_refused(#[case] bytes: &[u8]) {
        assert!(read(Framing::Size, &[bytes]).is_err());
    }

    #[rstest]
    #[case::a_size(Framing::Size, &b"0".repeat(MAX_LINE_BYTES + 1))]
    #[case::trailers(Framing::Size, &[b"0\r\n".as_slice(), &b"a: b\r\n".repeat(MAX_LINE_BYTES / 4)].concat())]
    fn lines_without_end_are_refused(#[case] framing: Framing, #[case] bytes: &[u8]) {
        assert!(read(framing, &[bytes]).is_err());
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_a_read_ends(mut cuts in prop::collection::vec(0..CHUNKS.len(), 0..6)) {
            cuts.sort_unstable();
            let ends = cuts.iter().copied().chain([CHUNKS.len()]);
            let starts = std::iter::once(0).chain(cuts.iter().copied());
            let pieces: Vec<&[u8]> = starts.zip(ends).map(|(start, end)| &CHUNKS[start..end]).collect();
            prop_assert_eq!(read(Framing::Size, &pieces).unwrap(), (b"hello world12345".to_vec(), true));
        }

        #[test]
        fn no_bytes_make_it_panic_or_go_on_for_ever(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            // An error is an answer as well.
            read(Framing::Size, &[&bytes]).ok();
        }
    }
}
