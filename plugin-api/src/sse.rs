//! Splits a byte stream into server-sent events.
//!
//! Follows the WHATWG rules (<https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>):
//! lines end in LF, CRLF or CR in any mixture, a leading byte order mark is skipped, lines of a multi-line value are
//! joined by LF, comments are ignored, and an event without its blank line at the end of the stream is not an event.
//! `id` and `retry` are about reconnecting, which a benchmark never does. Other lines are in no event either, but servers
//! report errors in them: [`SseSplitter::feed_pieces`] hands them over as [`Piece::Stray`].
//!
//! The host splits with this, and so do the tests of vendors: what they see is what happens in a run. Nothing here
//! crosses the boundary.

/// The byte order mark that may open a stream.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// No event is larger: a server that never ends one must not fill the memory.
pub const MAX_EVENT_BYTES: usize = 64 << 20;

/// An event grew beyond [`MAX_EVENT_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// What a stream is split into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// An event.
    Event {
        /// Its name; empty when it has none.
        name: &'a str,
        /// Its data.
        data: &'a [u8],
    },
    /// A line that the format does not know: a field of another name, or no field at all. It is part of no event.
    Stray(&'a [u8]),
}

/// A splitter for one response. Feed it reads of any size; its buffers are reused from event to event.
#[derive(Debug, Default)]
pub struct SseSplitter {
    /// A line whose end has not arrived.
    line: Vec<u8>,
    /// Data of the event under construction, each line followed by LF.
    data: Vec<u8>,
    /// The `event` field of the event under construction.
    name: Vec<u8>,
    /// The last read ended in CR: an LF that follows belongs to it.
    after_cr: bool,
    /// The first line was seen, so no byte order mark can come any more.
    started: bool,
}

impl SseSplitter {
    /// Takes one read and hands over every event that it completes: name (empty when it has none) and data.
    ///
    /// # Errors
    /// The event under construction is too large to be one.
    pub fn feed(&mut self, bytes: &[u8], mut on_event: impl FnMut(&str, &[u8])) -> Result<(), TooLarge> {
        self.feed_pieces(bytes, |piece| {
            if let Piece::Event { name, data } = piece {
                on_event(name, data);
            }
        })
    }

    /// Takes one read and hands over every event and every stray line that it completes.
    ///
    /// # Errors
    /// The event under construction is too large to be one.
    pub fn feed_pieces(
        &mut self,
        mut bytes: &[u8],
        mut on_piece: impl FnMut(Piece<'_>),
    ) -> Result<(), TooLarge> {
        if self.after_cr && !bytes.is_empty() {
            self.after_cr = false;
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        // Most events are one line in one read: such data is handed over where it stands.
        let mut held = None;
        while let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            if self.line.is_empty() {
                self.end_line(line, &mut held, &mut on_piece);
            } else {
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                let mut of_whole = None;
                self.end_line(&whole, &mut of_whole, &mut on_piece);
                self.keep(of_whole);
                whole.clear();
                self.line = whole;
            }
            let cr = bytes[end] == b'\r';
            self.after_cr = cr && rest.is_empty();
            bytes = if cr { rest.strip_prefix(b"\n").unwrap_or(rest) } else { rest };
        }
        self.keep(held);
        self.line.extend_from_slice(bytes);
        if self.line.len() + self.data.len() > MAX_EVENT_BYTES {
            Err(TooLarge)
        } else {
            Ok(())
        }
    }

    /// Takes one line. `held` is the value of the event's only line of data so far, if it stands in this read.
    fn end_line<'a>(
        &mut self,
        mut line: &'a [u8],
        held: &mut Option<&'a [u8]>,
        on_piece: &mut impl FnMut(Piece<'_>),
    ) {
        if !self.started {
            self.started = true;
            line = line.strip_prefix(BOM).unwrap_or(line);
        }
        if line.is_empty() {
            return self.dispatch(held.take(), on_piece);
        }
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"data" if self.data.is_empty() && held.is_none() => *held = Some(value),
            b"data" => {
                self.keep(held.take());
                self.keep(Some(value));
            }
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(value);
            }
            // A comment has no name.
            b"" | b"id" | b"retry" => {}
            _ => on_piece(Piece::Stray(line)),
        }
    }

    /// The stream is over: hands over a last line that has no end, if it is a stray one. An event without its end is none.
    pub fn end_pieces(&mut self, mut on_piece: impl FnMut(Piece<'_>)) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.end_line(&line, &mut None, &mut on_piece);
        }
    }

    /// Keeps a line of data until its event is over.
    fn keep(&mut self, data: Option<&[u8]>) {
        if let Some(data) = data {
            self.data.extend_from_slice(data);
            self.data.push(b'\n');
        }
    }

    fn dispatch(&mut self, held: Option<&[u8]>, on_piece: &mut impl FnMut(Piece<'_>)) {
        if let Some(data) = held.or_else(|| self.data.split_last().map(|(_, data)| data)) {
            on_piece(Piece::Event { name: &String::from_utf8_lossy(&self.name), data });
        }
        self.data.clear();
        self.name.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn split(reads: &[&[u8]]) -> Vec<(String, String)> {
        let mut splitter = SseSplitter::default();
        let mut events = Vec::new();
        for read in reads {
            let fed = splitter.feed(read, |name, data| {
                events.push((name.to_owned(), String::from_utf8_lossy(data).into_owned()));
            });
            fed.unwrap();
        }
        events
    }

    fn data(stream: &str) -> Vec<String> {
        split(&[stream.as_bytes()]).into_iter().map(|(_, data)| data).collect()
    }

    #[rstest]
    #[case::lf("data: a\n\ndata: b\n\n", &["a", "b"])]
    #[case::crlf("data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"])]
    #[case::cr("data: a\r\rdata: b\r\r", &["a", "b"])]
    #[case::mixed("data: a\r\n\ndata: b\n\rdata: c\r\r\n", &["a", "b", "c"])]
    #[case::bom("\u{feff}data: a\n\n", &["a"])]
    #[case::multi_line("data: a\ndata: b\n\n", &["a\nb"])]
    #[case::one_space_only("data:  a \n\n", &[" a "])]
    #[case::no_space("data:a\n\n", &["a"])]
    #[case::no_colon("data\n\n", &[""])]
    #[case::comment(": ping\n\ndata: a\n: x\n\n", &["a"])]
    #[case::unknown_field("foo: bar\nid: 1\nretry: 5\ndata: a\n\n", &["a"])]
    #[case::only_a_name("event: ping\n\ndata: a\n\n", &["a"])]
    #[case::unfinished("data: a\n\ndata: b\n", &["a"])]
    #[case::line_separator_is_text("data: a\u{2028}b\u{85}c\n\n", &["a\u{2028}b\u{85}c"])]
    fn streams_are_split_by_the_rules(#[case] stream: &str, #[case] expected: &[&str]) {
        assert_eq!(data(stream), expected);
    }

    #[rstest]
    #[case::a_field("error: {\"code\":400}\n\ndata: a\n\n", &["error: {\"code\":400}"])]
    #[case::no_field("{\"error\":\"x\"}\r\n\r\n", &["{\"error\":\"x\"}"])]
    #[case::inside_of_an_event("data: a\nwarning\ndata: b\n\n", &["warning"])]
    #[case::without_an_end("data: a\n\nBad Gateway", &["Bad Gateway"])]
    #[case::behind_a_byte_order_mark("\u{feff}oops\n", &["oops"])]
    #[case::none("\u{feff}: x\n:\nid: 1\nretry: 5\nevent: e\ndata: a\n\ndata: b", &[])]
    fn lines_that_the_format_does_not_know_are_told(#[case] stream: &str, #[case] expected: &[&str]) {
        for size in 1..=stream.len() {
            let (mut splitter, mut strays) = (SseSplitter::default(), Vec::new());
            let mut note = |piece: Piece<'_>| {
                if let Piece::Stray(line) = piece {
                    strays.push(String::from_utf8_lossy(line).into_owned());
                }
            };
            for read in stream.as_bytes().chunks(size) {
                splitter.feed_pieces(read, &mut note).unwrap();
            }
            splitter.end_pieces(&mut note);
            assert_eq!(strays, expected, "in reads of {size} bytes");
        }
    }

    #[test]
    fn an_event_keeps_its_name_and_the_next_one_does_not_inherit_it() {
        let events = split(&[b"event: error\ndata: x\n\ndata: y\n\n"]);
        assert_eq!(events, [("error".into(), "x".into()), (String::new(), "y".into())]);
    }

    #[test]
    fn an_event_without_an_end_is_refused() {
        let mut splitter = SseSplitter::default();
        let piece = vec![b'x'; 1 << 20];
        let fed = (0..100).find_map(|_| splitter.feed(&piece, |_, _| ()).err());
        assert_eq!(fed, Some(TooLarge));
    }

    proptest! {
        /// However the network cuts a stream, the events are the same.
        #[test]
        fn reads_do_not_matter(
            lines in prop::collection::vec("(data: ?[a-z:é]{0,6}|event: e|: c|)(\n|\r\n|\r)", 0..40),
            cuts in prop::collection::vec(0usize..400, 0..20),
        ) {
            let stream = lines.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let reads: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
            prop_assert_eq!(split(&reads), split(&[&stream]));
        }
    }
}
