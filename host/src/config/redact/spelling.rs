//! Other spellings of one text: those that are looked for as they are ([`spellings`]), and those that are read back
//! before anything is looked for ([`Reader`]).

use std::ops::Range;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// So many bytes of a secret are one already: a text that was cut off may end in the middle of it.
pub(super) const TELLING: usize = 12;

/// A text to be looked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spelling {
    /// All of it.
    pub(super) text: Vec<u8>,
    /// So many bytes of its beginning are enough.
    pub(super) telling: usize,
}

/// A secret as it is, as forms write it, in base64 (RFC 4648, both alphabets, wherever it begins in what was encoded) and
/// in hexadecimal digits.
pub(super) fn spellings(secret: &str) -> Vec<Spelling> {
    let spelling = |text: String, telling: usize| {
        // A character is never cut.
        let telling = (0..=telling.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        Spelling { text: text.into_bytes(), telling }
    };
    let digit = |four: u8| char::from_digit(four.into(), 16).unwrap_or_default();
    let hex: String = secret.bytes().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    let mut all = vec![
        spelling(secret.to_owned(), TELLING),
        spelling(secret.replace(' ', "+"), TELLING),
        spelling(hex.to_uppercase(), TELLING * 2),
        spelling(hex, TELLING * 2),
    ];
    for shift in 0..3 {
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            all.push(spelling(in_base64(secret, shift, engine), TELLING / 3 * 4));
        }
    }
    all.retain(|spelling| spelling.telling > 0);
    all
}

/// What base64 makes of a secret that begins `shift` bytes behind a multiple of three, less the characters that what stands
/// before and behind it has a part in.
fn in_base64(secret: &str, shift: usize, engine: &impl Engine) -> String {
    let bytes: Vec<u8> = std::iter::repeat_n(0, shift).chain(secret.bytes()).collect();
    let first = (shift * 8).div_ceil(6);
    let end = bytes.len() * 8 / 6;
    engine.encode(&bytes).get(first..end).unwrap_or_default().to_owned()
}

/// Reads escapes back, one layer of them: percent encoding (RFC 3986), character references of HTML, and escapes of JSON
/// and of programming languages. What is none is passed on as it is.
pub(super) struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

/// What an escape means.
pub(super) enum Meaning {
    Byte(u8),
    Char(char),
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    fn escape(&self) -> Option<(Meaning, usize)> {
        let rest = &self.text[self.at..];
        match rest.first()? {
            b'%' => Some((Meaning::Byte(u8::try_from(number(rest.get(1..3)?, 16)?).ok()?), 3)),
            b'&' => reference(rest),
            b'\\' => backslash(rest),
            _ => None,
        }
    }
}

impl Iterator for Reader<'_> {
    type Item = (Meaning, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let byte = *self.text.get(self.at)?;
        let (meaning, length) = self.escape().unwrap_or((Meaning::Byte(byte), 1));
        let from = self.at;
        self.at += length;
        Some((meaning, from..self.at))
    }
}

impl Meaning {
    /// Appends it to a text in UTF-8; says how many bytes it has.
    pub(super) fn write(&self, text: &mut Vec<u8>) -> usize {
        match self {
            Self::Byte(byte) => {
                text.push(*byte);
                1
            }
            Self::Char(char) => {
                text.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                char.len_utf8()
            }
        }
    }
}

/// Whether anything in it may be an escape.
pub(super) fn may_have_escapes(text: &[u8]) -> bool {
    memchr::memchr3(b'%', b'&', b'\\', text).is_some()
}

fn number(digits: &[u8], base: u32) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok()?;
    // `from_str_radix` takes a sign.
    if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        u32::from_str_radix(digits, base).ok()
    } else {
        None
    }
}

/// Longest name or number between `&` and `;`.
const LONGEST_REFERENCE: usize = 10;

/// Names that HTML has for characters of ASCII.
const NAMES: &[(&str, char)] = &[
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("sol", '/'),
    ("bsol", '\\'),
    ("plus", '+'),
    ("equals", '='),
    ("colon", ':'),
    ("semi", ';'),
    ("comma", ','),
    ("period", '.'),
    ("lowbar", '_'),
    ("hyphen", '-'),
    ("dash", '-'),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
    ("commat", '@'),
    ("ast", '*'),
    ("excl", '!'),
    ("quest", '?'),
    ("verbar", '|'),
    ("grave", '`'),
    ("lpar", '('),
    ("rpar", ')'),
    ("lsqb", '['),
    ("rsqb", ']'),
    ("lcub", '{'),
    ("rcub", '}'),
    ("Hat", '^'),
];

fn reference(rest: &[u8]) -> Option<(Meaning, usize)> {
    let end = rest.iter().take(LONGEST_REFERENCE + 2).position(|byte| *byte == b';')?;
    let inner = rest.get(1..end)?;
    let char = match inner {
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(number(digits, 16)?)?,
        [b'#', digits @ ..] => char::from_u32(number(digits, 10)?)?,
        name => NAMES.iter().find(|(known, _)| known.as_bytes() == name)?.1,
    };
    Some((Meaning::Char(char), end + 1))
}

fn backslash(rest: &[u8]) -> Option<(Meaning, usize)> {
    let plain = |char| Some((Meaning::Char(char), 2));
    match rest.get(1)? {
        b'n' => plain('\n'),
        b'r' => plain('\r'),
        b't' => plain('\t'),
        b'x' => Some((Meaning::Byte(u8::try_from(number(rest.get(2..4)?, 16)?).ok()?), 4)),
        b'u' if rest.get(2) == Some(&b'{') => {
            let end = rest.iter().take(LONGEST_REFERENCE + 2).position(|byte| *byte == b'}')?;
            Some((Meaning::Char(char::from_u32(number(rest.get(3..end)?, 16)?)?), end + 1))
        }
        b'u' => Some((Meaning::Char(char::from_u32(number(rest.get(2..6)?, 16)?)?), 6)),
        byte @ (b'/' | b'\\' | b'"' | b'\'') => plain(char::from(*byte)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(text: &str) -> String {
        let mut read = Vec::new();
        Reader::new(text.as_bytes()).for_each(|(meaning, _)| _ = meaning.write(&mut read));
        String::from_utf8(read).unwrap()
    }

    #[rstest]
    #[case::percent("a%2Fb%2fc%c3%a4", "a/b/cä")]
    #[case::html("&lt;&#47;&#x2f;&#X2F;&sol;&quot;", "<////\"")]
    #[case::json(r#"\/\"\\\n\u002f\u00e4"#, "/\"\\\n/ä")]
    #[case::languages(r"\x2f\u{2f}\'", "//'")]
    #[case::none(r"100% &c; &#; &#x110000; \q \u12 %zz %+1 &", r"100% &c; &#; &#x110000; \q \u12 %zz %+1 &")]
    fn one_layer_of_escapes_is_read_back(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(read(text), expected);
    }

    #[rstest]
    #[case(0)]
    #[case(1)]
    #[case(2)]
    fn base64_has_the_core_of_a_secret_wherever_it_stands(#[case] before: usize) {
        let all = format!("{}sk-0123456789{}", "x".repeat(before), "y".repeat(5));
        let encoded = STANDARD_NO_PAD.encode(all);
        let core = in_base64("sk-0123456789", before, &STANDARD_NO_PAD);
        assert!(core.len() >= 15 && encoded.contains(&core), "{core} {encoded}");
    }
}
