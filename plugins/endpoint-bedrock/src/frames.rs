//! Binary frames (`application/vnd.amazon.eventstream`): [`Frames`] finds them in what the network brings, a [`Frame`]
//! is one.
//!
//! A frame is a prelude (its length, the length of its headers, a checksum of both), headers, a payload and a checksum of
//! all before it. Numbers are big-endian, checksums CRC-32.

/// Length, length of the headers, checksum.
const PRELUDE: usize = 12;
/// The checksum at the end.
const TRAILER: usize = 4;
/// No frame is larger: AWS allows 16 MiB, headers aside.
const MOST: usize = 24 << 20;

/// Why bytes are no frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameError {
    /// The prelude's checksum is another, so that these are most likely no frames at all.
    Prelude,
    /// The lengths cannot be.
    Length,
    /// The checksum at the end is another.
    Checksum,
    /// The headers end in the middle of one, or hold something that is none.
    Headers,
}

impl FrameError {
    /// What is wrong, as the end of a sentence about a frame.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Prelude => "has a prelude whose checksum is wrong",
            Self::Length => "has a length that cannot be",
            Self::Checksum => "does not have the contents that its checksum is of",
            Self::Headers => "has broken headers",
        }
    }
}

/// Finds frames in a stream.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// A frame whose end has not arrived. The buffer is reused from frame to frame.
    held: Vec<u8>,
}

impl Frames {
    /// Takes a read and hands over every frame that it completes.
    ///
    /// # Errors
    /// What `on_frame` returned, or what `on_error` makes of bytes that are no frame, and of these bytes. Nothing can be
    /// read afterwards.
    pub(crate) fn feed<E>(
        &mut self,
        bytes: &[u8],
        mut on_frame: impl FnMut(&Frame<'_>) -> Result<(), E>,
        on_error: impl FnOnce(FrameError, &[u8]) -> E,
    ) -> Result<(), E> {
        // Most frames are one read: such a frame is handed over where it stands.
        if self.held.is_empty() {
            let used = walk(bytes, &mut on_frame, on_error)?;
            self.held.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        self.held.extend_from_slice(bytes);
        let used = walk(&self.held, &mut on_frame, on_error)?;
        self.held.drain(..used);
        Ok(())
    }
}

/// Hands over the frames at the beginning of `bytes`, and says how many bytes they are.
fn walk<E>(
    bytes: &[u8],
    on_frame: &mut impl FnMut(&Frame<'_>) -> Result<(), E>,
    on_error: impl FnOnce(FrameError, &[u8]) -> E,
) -> Result<usize, E> {
    let mut used = 0;
    loop {
        match Frame::first(&bytes[used..]) {
            Ok(Some((frame, length))) => {
                on_frame(&frame)?;
                used += length;
            }
            Ok(None) => return Ok(used),
            Err(error) => return Err(on_error(error, &bytes[used..])),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// `event`, `exception` or `error`.
    pub(crate) message_type: &'a str,
    /// The header `:event-type`; empty for other frames.
    pub(crate) event_type: &'a str,
    /// The header `:exception-type`; empty for other frames.
    pub(crate) exception_type: &'a str,
    /// Name and text of an error.
    pub(crate) error_code: &'a str,
    pub(crate) error_message: &'a str,
    pub(crate) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame at the beginning of `bytes` and its length; nothing when it is not complete yet.
    fn first(bytes: &'a [u8]) -> Result<Option<(Self, usize)>, FrameError> {
        let Some(prelude) = bytes.first_chunk::<PRELUDE>() else { return Ok(None) };
        let (lengths, checksum) = prelude.split_at(8);
        if crc32fast::hash(lengths) != number(checksum) {
            return Err(FrameError::Prelude);
        }
        let length = usize::try_from(number(lengths)).unwrap_or(usize::MAX);
        let headers = usize::try_from(number(&lengths[4..])).unwrap_or(usize::MAX);
        if length > MOST || headers.saturating_add(PRELUDE + TRAILER) > length {
            return Err(FrameError::Length);
        }
        let Some(whole) = bytes.get(..length) else { return Ok(None) };
        let (checked, checksum) = whole.split_at(length - TRAILER);
        if crc32fast::hash(checked) != number(checksum) {
            return Err(FrameError::Checksum);
        }
        let (headers, payload) = checked[PRELUDE..].split_at(headers);
        let frame = Self { payload, ..Self::of_headers(headers).ok_or(FrameError::Headers)? };
        Ok(Some((frame, length)))
    }

    fn of_headers(mut bytes: &'a [u8]) -> Option<Self> {
        let mut frame = Self::default();
        while !bytes.is_empty() {
            let (name, value, rest) = header(bytes)?;
            let slot = match name {
                b":message-type" => &mut frame.message_type,
                b":event-type" => &mut frame.event_type,
                b":exception-type" => &mut frame.exception_type,
                b":error-code" => &mut frame.error_code,
                b":error-message" => &mut frame.error_message,
                _ => &mut "",
            };
            *slot = std::str::from_utf8(value).unwrap_or_default();
            bytes = rest;
        }
        Some(frame)
    }
}

/// The first of some headers: its name, the bytes of its value, and the others.
fn header(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked((*length).into())?;
    let (kind, rest) = rest.split_first()?;
    let (length, rest) = match kind {
        // True and false.
        0 | 1 => (0, rest),
        2 => (1, rest),
        3 => (2, rest),
        4 => (4, rest),
        // A long number, and an instant.
        5 | 8 => (8, rest),
        // Bytes, and text.
        6 | 7 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (u16::from_be_bytes(*length).into(), rest)
        }
        // A UUID.
        9 => (16, rest),
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((name, value, rest))
}

/// The number in the first four bytes.
fn number(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// Writes a frame with headers of text.
    pub(crate) fn frame(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
        let mut written = Vec::new();
        for (name, value) in headers {
            written.push(u8::try_from(name.len()).unwrap());
            written.extend_from_slice(name.as_bytes());
            written.push(7);
            written.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
            written.extend_from_slice(value.as_bytes());
        }
        let headers = written;
        let length = u32::try_from(PRELUDE + headers.len() + payload.len() + TRAILER).unwrap();
        let mut frame = length.to_be_bytes().to_vec();
        frame.extend_from_slice(&u32::try_from(headers.len()).unwrap().to_be_bytes());
        frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
        frame.extend_from_slice(&headers);
        frame.extend_from_slice(payload.as_bytes());
        frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
        frame
    }

    /// An event as Bedrock sends it.
    pub(crate) fn event(kind: &str, payload: &str) -> Vec<u8> {
        let headers =
            [(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")];
        frame(&headers, payload)
    }

    /// Type and payload of each event.
    fn read<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<(String, String)>, FrameError> {
        let (mut frames, mut found) = (Frames::default(), Vec::new());
        for read in reads {
            let note = |frame: &Frame<'_>| {
                let payload = String::from_utf8_lossy(frame.payload).into_owned();
                found.push((frame.event_type.to_owned(), payload));
                Ok(())
            };
            frames.feed(read, note, |error, _| error)?;
        }
        Ok(found)
    }

    /// The example of AWS's own tests.
    const PUBLISHED: &[u8] = b"\x00\x00\x00\x3d\x00\x00\x00\x20\x07\xfd\x83\x96\x0ccontent-type\x07\x00\x10application/json{'foo':'bar'}\x8d\x9c\x08\xb1";

    #[test]
    fn a_published_frame_is_read_and_written() {
        assert_eq!(read([PUBLISHED]).unwrap(), [(String::new(), "{'foo':'bar'}".to_owned())]);
        assert_eq!(frame(&[("content-type", "application/json")], "{'foo':'bar'}"), PUBLISHED);
    }

    #[test]
    fn every_type_of_header_is_passed_over() {
        let mut headers = Vec::new();
        for (kind, length) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16)] {
            headers.extend_from_slice(&[1, b'x', kind]);
            headers.extend(std::iter::repeat_n(7, length));
        }
        headers.extend_from_slice(b"\x01b\x06\x00\x02\xff\xfe");
        headers.extend_from_slice(b"\x0b:event-type\x07\x00\x01e");
        assert_eq!(Frame::of_headers(&headers).unwrap().event_type, "e");
        for end in 1..headers.len() {
            // Cut anywhere, it is either shorter or broken, and never read beyond its end.
            let _ = Frame::of_headers(&headers[..end]);
        }
        assert_eq!(Frame::of_headers(b"\x01x\x0a"), None);
    }

    #[rstest]
    #[case::text(b"Internal Server Error".to_vec(), FrameError::Prelude)]
    #[case::a_changed_length({ let mut bytes = PUBLISHED.to_vec(); bytes[3] += 1; bytes }, FrameError::Prelude)]
    #[case::a_changed_payload({ let mut bytes = PUBLISHED.to_vec(); bytes[50] += 1; bytes }, FrameError::Checksum)]
    #[case::no_room({ let mut bytes = vec![0, 0, 0, 15, 0, 0, 0, 0]; bytes.extend(crc32fast::hash(&bytes).to_be_bytes()); bytes }, FrameError::Length)]
    #[case::huge({ let mut bytes = vec![127, 0, 0, 0, 0, 0, 0, 0]; bytes.extend(crc32fast::hash(&bytes).to_be_bytes()); bytes }, FrameError::Length)]
    fn broken_frames_are_refused(#[case] bytes: Vec<u8>, #[case] expected: FrameError) {
        assert_eq!(read([&bytes[..]]).unwrap_err(), expected);
    }

    proptest! {
        /// However the network cuts a stream, the frames are the same.
        #[test]
        fn reads_do_not_matter(
            payloads in prop::collection::vec("[a-zé{}]{0,40}", 0..12),
            cuts in prop::collection::vec(0usize..1500, 0..20),
        ) {
            let stream: Vec<u8> = payloads.iter().flat_map(|payload| event("e", payload)).collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let found = read(cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]])).unwrap();
            let expected: Vec<_> = payloads.into_iter().map(|payload| ("e".to_owned(), payload)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
