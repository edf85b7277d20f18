//! Takes secrets out of texts: the [`Redactor`].

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Range,
};

use aho_corasick::{AhoCorasick, MatchKind};

use super::{
    names::REDACTED,
    spelling::{Reader, Spelling, may_have_escapes, spellings},
};

/// Shorter values are not masked: they would be found everywhere.
pub(super) const SHORTEST_SECRET: usize = 6;

/// So many layers of escapes are read back: what a server quotes may be quoted again by a proxy.
const LAYERS: usize = 4;

/// Where each row of a dataset has a secret of its own, so many are looked for in all spellings, and the others as they are:
/// memory grows with each.
const MOST_SPELLED: usize = 2_000;

/// Knows secrets, and finds them in texts in whatever spelling.
///
/// A text is looked through in time that grows with its length, and hardly with the number of secrets.
#[derive(Default)]
pub(crate) struct Redactor {
    /// Beginnings of spellings; none where there is no secret.
    beginnings: Option<AhoCorasick>,
    /// The spellings with each of them.
    spellings: Vec<BTreeSet<Spelling>>,
}

impl Redactor {
    /// Looks for these. Short ones are left out.
    pub(crate) fn of<S: AsRef<str>>(secrets: impl IntoIterator<Item = S>) -> Self {
        let mut by_beginning: BTreeMap<Vec<u8>, BTreeSet<Spelling>> = BTreeMap::new();
        let secrets = secrets.into_iter().filter(|secret| secret.as_ref().trim().len() >= SHORTEST_SECRET);
        let all = secrets.enumerate().flat_map(|(at, secret)| {
            let spellings = spellings(secret.as_ref());
            if at < MOST_SPELLED { spellings } else { spellings.into_iter().take(1).collect() }
        });
        for spelling in all {
            by_beginning.entry(spelling.text[..spelling.telling].to_vec()).or_default().insert(spelling);
        }
        if by_beginning.is_empty() {
            return Self::default();
        }
        let (beginnings, spellings): (Vec<_>, Vec<_>) = by_beginning.into_iter().unzip();
        // It fails only when there are more than 2^31 of them. Then nothing is shown at all: see `mask_bytes`.
        let beginnings = AhoCorasick::builder().match_kind(MatchKind::Standard).build(beginnings).ok();
        Self { beginnings, spellings }
    }

    /// The text without secrets.
    pub(crate) fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.mask_bytes(text.as_bytes()) {
            Some(masked) => Cow::Owned(String::from_utf8_lossy(&masked).into_owned()),
            None => Cow::Borrowed(text),
        }
    }

    /// Masks a text where it stands.
    pub(crate) fn mask_in_place(&self, text: &mut String) {
        if let Cow::Owned(masked) = self.mask(text) {
            *text = masked;
        }
    }

    /// The bytes without secrets; nothing if there are none in them.
    pub(crate) fn mask_bytes(&self, text: &[u8]) -> Option<Vec<u8>> {
        let Some(beginnings) = &self.beginnings else {
            return (!self.spellings.is_empty()).then(|| REDACTED.into());
        };
        let found = self.places(beginnings, text);
        (!found.is_empty()).then(|| without(text, found))
    }

    /// Where secrets stand, read as they are and with layers of escapes taken away.
    fn places(&self, beginnings: &AhoCorasick, text: &[u8]) -> Vec<Range<usize>> {
        let mut found = self.spelled(beginnings, text);
        if !may_have_escapes(text) || !is_spelled_below(beginnings, text) {
            return found;
        }
        let mut layer = Layer::of(text);
        for _ in 0..LAYERS {
            if !may_have_escapes(&layer.text) {
                break;
            }
            layer = layer.below();
            let places = self.spelled(beginnings, &layer.text);
            found.extend(places.into_iter().map(|place| layer.source(place)));
        }
        found
    }

    fn spelled(&self, beginnings: &AhoCorasick, text: &[u8]) -> Vec<Range<usize>> {
        let found = beginnings.find_overlapping_iter(text).flat_map(|beginning| {
            let rest = &text[beginning.start()..];
            self.spellings[beginning.pattern().as_usize()].iter().map(move |spelling| {
                let length = rest.iter().zip(&spelling.text).take_while(|(one, other)| one == other).count();
                beginning.start()..beginning.start() + length
            })
        });
        found.collect()
    }
}

/// Whether any layer below has a secret: the quick question, which is nearly always the last one.
fn is_spelled_below(beginnings: &AhoCorasick, text: &[u8]) -> bool {
    let mut layer = Cow::Borrowed(text);
    for _ in 0..LAYERS {
        if !may_have_escapes(&layer) {
            return false;
        }
        let mut below = Vec::with_capacity(layer.len());
        Reader::new(&layer).for_each(|(meaning, _)| _ = meaning.write(&mut below));
        if beginnings.find_overlapping_iter(&below).next().is_some() {
            return true;
        }
        layer = Cow::Owned(below);
    }
    false
}

/// A text with some escapes taken away, which knows where each byte comes from.
struct Layer {
    text: Vec<u8>,
    /// Of each byte, where its spelling begins and ends in the first text.
    sources: Vec<(usize, usize)>,
}

impl Layer {
    fn of(text: &[u8]) -> Self {
        Self { text: text.to_vec(), sources: (0..text.len()).map(|at| (at, at + 1)).collect() }
    }

    fn below(&self) -> Self {
        let mut below = Self { text: Vec::new(), sources: Vec::new() };
        for (meaning, place) in Reader::new(&self.text) {
            let length = meaning.write(&mut below.text);
            let source = self.source(place);
            below.sources.extend(std::iter::repeat_n((source.start, source.end), length));
        }
        below
    }

    fn source(&self, place: Range<usize>) -> Range<usize> {
        let ends = self.sources.get(place).unwrap_or_default();
        let start = ends.first().map_or(0, |(start, _)| *start);
        start..ends.last().map_or(start, |(_, end)| *end)
    }
}

/// The text with a mark in the place of each of these. What overlaps or touches gets one.
fn without(text: &[u8], mut places: Vec<Range<usize>>) -> Vec<u8> {
    places.sort_unstable_by_key(|place| place.start);
    let mut clean = Vec::with_capacity(text.len());
    let mut end = None;
    for place in places {
        let place = place.start..whole_chars(text, place.end);
        if end.is_none_or(|end| place.start > end) {
            clean.extend_from_slice(&text[end.unwrap_or(0)..place.start]);
            clean.extend_from_slice(REDACTED.as_bytes());
        }
        end = end.max(Some(place.end));
    }
    clean.extend_from_slice(&text[end.unwrap_or(0)..]);
    clean
}

/// The first end of a character at or behind a place.
fn whole_chars(text: &[u8], place: usize) -> usize {
    let is_inside = |byte: &&u8| **byte & 0b1100_0000 == 0b1000_0000;
    place + text.get(place..).unwrap_or_default().iter().take_while(is_inside).count()
}

/// Shows nothing.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::whole("a sk-0123456789abcdef b sk-0123456789abcdef", "a <redacted> b <redacted>")]
    #[case::cut_off("the key `sk-0123456789ab…` is wrong", "the key `<redacted>…` is wrong")]
    #[case::too_little_of_it("sk-01234567", "sk-01234567")]
    #[case::nothing_of_it("a word", "a word")]
    #[case::twice_in_a_row("sk-0123456789abcdefsk-0123456789abcdef", "<redacted>")]
    #[case::hex("x736b2d30313233343536373839616263646566y", "x<redacted>y")]
    #[case::escapes(r"sk\u002d0123456789&#97;bc%64ef", "<redacted>")]
    #[case::two_layers("ä sk%252d0123456789abcdef ä", "ä <redacted> ä")]
    #[case::begins_again("sk-0123sk-0123456789abcdef", "sk-0123<redacted>")]
    fn a_secret_is_taken_out_of_a_text(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(Redactor::of(["sk-0123456789abcdef"]).mask(text), expected);
    }

    #[test]
    fn a_short_secret_is_taken_out_as_a_whole() {
        assert_eq!(Redactor::of(["pwd1234"]).mask("pwd1234 pwd123"), "<redacted> pwd123");
    }

    #[test]
    fn a_very_short_one_is_none() {
        assert_eq!(Redactor::of(["12345", "     x", ""]).mask("12345 and a     x"), "12345 and a     x");
    }

    #[test]
    fn secrets_may_overlap_and_have_any_letters() {
        let redactor = Redactor::of(["Bearer schlüssel-1", "schlüssel-1", "schlüssel-123456"]);
        assert_eq!(redactor.mask("x Bearer schlüssel-123456 y"), "x <redacted> y");
        assert_eq!(redactor.mask("schl%C3%BCssel-1 ü"), "<redacted> ü");
    }

    #[test]
    fn many_secrets_are_found() {
        let secrets: Vec<String> = (0..3_000).map(|n| format!("key-of-row-{n:06}-x")).collect();
        let redactor = Redactor::of(&secrets);
        assert_eq!(redactor.mask("a key-of-row-002999-x"), "a <redacted>");
    }

    #[test]
    fn what_is_not_text_is_looked_through_as_well() {
        let masked = Redactor::of(["sk-0123456789"]).mask_bytes(b"\xff\x00sk-0123456789\xfe");
        assert_eq!(masked.as_deref(), Some(&b"\xff\x00<redacted>\xfe"[..]));
    }
}
