//! Splits a byte stream into the pieces that a parser is given, whatever separates them.
//!
//! [`StreamSplitter`] is what the host reads an answer with: server-sent events by [`SseSplitter`], lines by
//! [`LineSplitter`], and bytes as they come. However the network cuts a stream, events and lines are the same; what
//! comes as bytes is cut where the network cuts it.
//!
//! Nothing here crosses the boundary.

use crate::{
    metadata::StreamFraming,
    sse::{Piece, SseSplitter, TooLarge, MAX_EVENT_BYTES},
};

/// The byte order mark that may open a stream.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// A splitter for one response. Feed it reads of any size, then end it.
#[derive(Debug)]
pub enum StreamSplitter {
    /// Into server-sent events.
    Events(SseSplitter),
    /// Into lines.
    Lines(LineSplitter),
    /// Not at all.
    Bytes,
}

impl StreamSplitter {
    /// A splitter for a stream that is framed like this.
    pub fn new(framing: StreamFraming) -> Self {
        match framing {
            StreamFraming::Events => Self::Events(SseSplitter::default()),
            StreamFraming::Lines => Self::Lines(LineSplitter::default()),
            StreamFraming::Bytes => Self::Bytes,
        }
    }

    /// Takes one read and hands over every piece that it completes: name (empty when it has none) and data.
    ///
    /// # Errors
    /// The piece under construction is larger than [`MAX_EVENT_BYTES`].
    pub fn feed(&mut self, bytes: &[u8], mut on_piece: impl FnMut(&str, &[u8])) -> Result<(), TooLarge> {
        self.feed_pieces(bytes, |piece| only_events(piece, &mut on_piece))
    }

    /// The same, with the lines that are in no event: see [`Piece`].
    ///
    /// # Errors
    /// The piece under construction is larger than [`MAX_EVENT_BYTES`].
    pub fn feed_pieces(&mut self, bytes: &[u8], mut on_piece: impl FnMut(Piece<'_>)) -> Result<(), TooLarge> {
        match self {
            Self::Events(events) => events.feed_pieces(bytes, on_piece),
            Self::Lines(lines) => lines.feed(bytes, |data| on_piece(Piece::Event { name: "", data })),
            Self::Bytes => {
                if !bytes.is_empty() {
                    on_piece(Piece::Event { name: "", data: bytes });
                }
                Ok(())
            }
        }
    }

    /// The stream is over, and nothing broke: hands over a last line that has no end. An event without its end is none.
    pub fn end(&mut self, mut on_piece: impl FnMut(&str, &[u8])) {
        self.end_pieces(|piece| only_events(piece, &mut on_piece));
    }

    /// The same, with a last line that is in no event: see [`Piece`].
    pub fn end_pieces(&mut self, mut on_piece: impl FnMut(Piece<'_>)) {
        match self {
            Self::Events(events) => events.end_pieces(on_piece),
            Self::Lines(lines) => lines.end(|data| on_piece(Piece::Event { name: "", data })),
            Self::Bytes => {}
        }
    }
}

fn only_events(piece: Piece<'_>, on_event: &mut impl FnMut(&str, &[u8])) {
    if let Piece::Event { name, data } = piece {
        on_event(name, data);
    }
}

/// Splits into lines that end in LF or CRLF, as line-delimited JSON has them. A leading byte order mark is skipped, and
/// so are lines of nothing but white space.
#[derive(Debug, Default)]
pub struct LineSplitter {
    /// A line whose end has not arrived. The buffer is reused from line to line.
    line: Vec<u8>,
    /// The first line was seen, so no byte order mark can come any more.
    started: bool,
}

impl LineSplitter {
    /// Takes one read and hands over every line that it completes.
    ///
    /// # Errors
    /// The line under construction is larger than [`MAX_EVENT_BYTES`].
    pub fn feed(&mut self, mut bytes: &[u8], mut on_line: impl FnMut(&[u8])) -> Result<(), TooLarge> {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            // Most lines are one read: such a line is handed over where it stands.
            if self.line.is_empty() {
                hand_over(line, &mut self.started, &mut on_line);
            } else {
                self.line.extend_from_slice(line);
                self.end(&mut on_line);
            }
            bytes = rest;
        }
        self.line.extend_from_slice(bytes);
        if self.line.len() > MAX_EVENT_BYTES {
            Err(TooLarge)
        } else {
            Ok(())
        }
    }

    /// Hands over what there is of a line without an end.
    pub fn end(&mut self, mut on_line: impl FnMut(&[u8])) {
        hand_over(&self.line, &mut self.started, &mut on_line);
        self.line.clear();
    }
}

fn hand_over(line: &[u8], started: &mut bool, on_line: &mut impl FnMut(&[u8])) {
    let line = if *started { line } else { line.strip_prefix(BOM).unwrap_or(line) };
    *started = true;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if !line.trim_ascii().is_empty() {
        on_line(line);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// The pieces of a stream that arrives in these reads.
    fn split(framing: StreamFraming, reads: &[&[u8]]) -> Vec<String> {
        let mut splitter = StreamSplitter::new(framing);
        let mut pieces = Vec::new();
        let mut note = |name: &str, data: &[u8]| {
            pieces.push(format!("{name}|{}", String::from_utf8_lossy(data)));
        };
        for read in reads {
            splitter.feed(read, &mut note).unwrap();
        }
        splitter.end(&mut note);
        pieces
    }

    #[rstest]
    #[case::lf("{}\n[1]\n", &["|{}", "|[1]"])]
    #[case::crlf("{}\r\n[1]\r\n", &["|{}", "|[1]"])]
    #[case::no_end("{}\n[1]", &["|{}", "|[1]"])]
    #[case::nothing_between("{}\n\n \t\r\n[1]\n\n", &["|{}", "|[1]"])]
    #[case::byte_order_mark("\u{feff}{}\n", &["|{}"])]
    #[case::a_lone_cr_is_text("{}\r[1]\n", &["|{}\r[1]"])]
    #[case::nothing("", &[])]
    #[case::no_events("data: {}\n\n", &["|data: {}"])]
    fn lines_are_split_by_line_feeds(#[case] stream: &str, #[case] expected: &[&str]) {
        assert_eq!(split(StreamFraming::Lines, &[stream.as_bytes()]), expected);
    }

    #[test]
    fn bytes_are_handed_over_as_they_came() {
        let reads: [&[u8]; 4] = [b"\n\n", b"", b"a", b"\xef\xbb\xbfb\r"];
        assert_eq!(split(StreamFraming::Bytes, &reads), ["|\n\n", "|a", "|\u{feff}b\r"]);
    }

    #[test]
    fn an_event_without_an_end_is_none() {
        assert_eq!(split(StreamFraming::Events, &[b"event: a\ndata: b\n\ndata: c\n"]), ["a|b"]);
    }

    #[test]
    fn a_line_without_an_end_is_refused() {
        let mut splitter = LineSplitter::default();
        let piece = vec![b'x'; 1 << 20];
        let fed = (0..100).find_map(|_| splitter.feed(&piece, |_| ()).err());
        assert_eq!(fed, Some(TooLarge));
    }

    #[test]
    fn the_room_for_a_line_is_used_again() {
        let mut splitter = LineSplitter::default();
        let mut room = Vec::new();
        for _ in 0..100 {
            for piece in [&b"{\"text\": "[..], b"\"token\"}", b"\n"] {
                splitter.feed(piece, |_| ()).unwrap();
            }
            room.push(splitter.line.capacity());
        }
        assert_eq!(room.iter().min(), room.iter().max());
    }

    proptest! {
        /// However the network cuts a stream, the pieces are the same; bytes are at least all there, in their order.
        #[test]
        fn reads_do_not_matter(
            lines in prop::collection::vec("(data: ?[a-z:é]{0,6}|\\{\"a\": 1\\}|\u{feff}| |)(\n|\r\n|\r)?", 0..40),
            cuts in prop::collection::vec(0usize..400, 0..20),
        ) {
            let stream = lines.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let reads: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
            for framing in [StreamFraming::Events, StreamFraming::Lines] {
                prop_assert_eq!(split(framing, &reads), split(framing, &[&stream]));
            }
            let mut bytes = Vec::new();
            let mut splitter = StreamSplitter::new(StreamFraming::Bytes);
            for read in &reads {
                splitter.feed(read, |_, data| bytes.extend_from_slice(data)).unwrap();
            }
            prop_assert_eq!(bytes, stream);
        }
    }
}
