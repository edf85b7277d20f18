//! Chunks of a stream that are like an earlier one in everything but their text: [`Likeness`].
//!
//! A server repeats all of a chunk with each token: the response's id, its model, an index, members that are `null`. Where the bytes
//! before the text and those behind it are the same as before, so is what they say, since in place of a string any other string may
//! stand in JSON (RFC 8259, section 7). Comparing them takes a small part of the time of reading them.

use prony_plugin_api::TextKind;

/// No larger chunk is remembered: there is a memory for each response under way.
const MOST_BYTES: usize = 2 << 10;

/// After so many chunks in a row that were like none before, none is remembered any more: each of them has something of its own.
const MOST_MISSES: u8 = 8;

/// What a chunk says that says one text, and nothing else that is news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said<'a> {
    pub(crate) kind: TextKind,
    pub(crate) choice: u32,
    pub(crate) text: &'a str,
}

/// Remembers the latest chunk that said one text and nothing else.
#[derive(Debug, Default)]
pub(crate) struct Likeness {
    noted: Option<Noted>,
    /// Chunks that were noted since one was like another.
    misses: u8,
}

/// A chunk without its text.
#[derive(Debug)]
struct Noted {
    /// What stood before the text, its quotation mark included, and what stood behind it.
    around: Vec<u8>,
    /// Where the second part begins.
    behind: usize,
    kind: TextKind,
    choice: u32,
}

impl Likeness {
    /// What a chunk says, if it is like the one that was noted. Its text is empty, too, if the chunk's is.
    pub(crate) fn of<'a>(&mut self, data: &'a [u8]) -> Option<Said<'a>> {
        let Noted { around, behind, kind, choice } = self.noted.as_ref()?;
        let (before, after) = around.split_at_checked(*behind)?;
        let text = data.strip_prefix(before)?.strip_suffix(after).filter(|text| is_plain(text))?;
        let said = Said { kind: *kind, choice: *choice, text: str::from_utf8(text).ok()? };
        self.misses = 0;
        Some(said)
    }

    /// Notes a chunk that says this and nothing else, beside names that have been told. Nothing is noted where the text does not stand in
    /// the chunk as it is.
    pub(crate) fn note(&mut self, data: &[u8], said: Said<'_>) {
        let place =
            place_of(said.text, data).filter(|_| self.misses < MOST_MISSES && data.len() <= MOST_BYTES);
        let Some((start, end)) = place else { return };
        self.misses += 1;
        let mut around = self.noted.take().map_or_else(Vec::new, |noted| noted.around);
        around.clear();
        around.reserve(data.len());
        around.extend_from_slice(&data[..start]);
        around.extend_from_slice(&data[end..]);
        self.noted = Some(Noted { around, behind: start, kind: said.kind, choice: said.choice });
    }
}

/// Whether these bytes are the inside of a string of JSON, and stand for themselves. All of them are looked at, so that the compiler
/// looks at many together.
fn is_plain(bytes: &[u8]) -> bool {
    let is_special = |byte: u8| u8::from(byte < b' ') | u8::from(byte == b'"') | u8::from(byte == b'\\');
    bytes.iter().fold(0, |any, byte| any | is_special(*byte)) == 0
}

/// From where to where a text stands in the chunk that it was borrowed from, between its quotation marks.
fn place_of(text: &str, data: &[u8]) -> Option<(usize, usize)> {
    let start = text.as_ptr().addr().checked_sub(data.as_ptr().addr())?;
    let end = start.checked_add(text.len())?;
    let quoted = data.get(start.checked_sub(1)?..=end)?;
    let is_there = quoted.strip_prefix(b"\"")?.strip_suffix(b"\"")? == text.as_bytes();
    is_there.then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = r#"{"a":null,"text":""#;
    const AFTER: &str = r#"","b":1}"#;

    fn chunk(text: &str) -> String {
        format!("{BEFORE}{text}{AFTER}")
    }

    /// Notes the chunk with this text.
    fn note(likeness: &mut Likeness, data: &str, text: &str) {
        let start = data.find(text).unwrap();
        let said = Said { kind: TextKind::REASONING, choice: 3, text: &data[start..start + text.len()] };
        likeness.note(data.as_bytes(), said);
    }

    fn text<'a>(likeness: &mut Likeness, data: &'a str) -> Option<&'a str> {
        likeness.of(data.as_bytes()).map(|said| said.text)
    }

    #[test]
    fn a_chunk_with_another_text_says_that_text() {
        let mut likeness = Likeness::default();
        assert_eq!(likeness.of(chunk("x").as_bytes()), None);
        note(&mut likeness, &chunk("first"), "first");
        let data = chunk("naïve {}");
        let said = Said { kind: TextKind::REASONING, choice: 3, text: "naïve {}" };
        assert_eq!(likeness.of(data.as_bytes()), Some(said));
        assert_eq!(text(&mut likeness, &chunk("")), Some(""));
    }

    #[test]
    fn whatever_is_not_a_string_that_stands_for_itself_has_to_be_read() {
        let mut likeness = Likeness::default();
        note(&mut likeness, &chunk("first"), "first");
        for odd in ["a\\n", "a\nb", r#"a","c":"b"#, "\u{0}"] {
            assert_eq!(text(&mut likeness, &chunk(odd)), None, "{odd}");
        }
        let no_utf8 = [BEFORE.as_bytes(), b"\xff", AFTER.as_bytes()].concat();
        assert_eq!(likeness.of(&no_utf8), None);
        for cut in [BEFORE, &BEFORE[..5], AFTER, ""] {
            assert_eq!(text(&mut likeness, cut), None, "{cut}");
        }
    }

    #[test]
    fn a_text_that_was_decoded_is_in_no_chunk() {
        let mut likeness = Likeness::default();
        let (data, decoded) = (chunk("first"), "first".to_owned());
        likeness.note(data.as_bytes(), Said { kind: TextKind::CONTENT, choice: 0, text: &decoded });
        assert_eq!(text(&mut likeness, &chunk("x")), None);
    }

    #[test]
    fn chunks_that_are_never_alike_are_not_remembered_for_ever() {
        let mut likeness = Likeness::default();
        let numbered = |number: u8| format!(r#"{{"number":{number},"text":"said"}}"#);
        for number in 0..MOST_MISSES {
            note(&mut likeness, &numbered(number), "said");
        }
        let last = numbered(MOST_MISSES);
        note(&mut likeness, &last, "said");
        assert_eq!(text(&mut likeness, &last), None);
        // One that is like the last one that was noted begins the count again.
        assert_eq!(text(&mut likeness, &numbered(MOST_MISSES - 1)), Some("said"));
        note(&mut likeness, &last, "said");
        assert_eq!(text(&mut likeness, &last), Some("said"));
    }

    #[test]
    fn a_large_chunk_is_not_remembered() {
        let mut likeness = Likeness::default();
        let long = "y".repeat(MOST_BYTES);
        let data = chunk(&long);
        note(&mut likeness, &data, &long);
        assert_eq!(text(&mut likeness, &data), None);
    }
}
