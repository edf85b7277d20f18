//! What a server, a proxy or a broken cable may send in the place of an event.

/// Bytes under a name that fits after "with".
pub(super) struct Garbage {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// Small ones: each is tried in every way.
pub(super) fn small() -> Vec<Garbage> {
    let texts = [
        ("empty data", ""),
        ("a space", " "),
        ("`[DONE]`", "[DONE]"),
        ("`[DONE]` twice", "[DONE][DONE]"),
        ("an empty object", "{}"),
        ("null", "null"),
        ("true", "true"),
        ("a number", "0"),
        ("a text", "\"text\""),
        ("an empty list", "[]"),
        ("nested lists", "[[], [{}]]"),
        ("truncated JSON", "{\"choices\": [{\"delta\": {\"content\": \"He"),
        ("two objects", "{}{}"),
        ("an object and a rest", "{} x"),
        ("a name twice", "{\"a\": 1, \"a\": 2}"),
        ("half a surrogate pair", "{\"text\": \"\\ud83d\"}"),
        ("a huge number", "{\"index\": 1e999999, \"usage\": {\"total_tokens\": 99999999999999999999999}}"),
        ("negative counts", "{\"index\": -1, \"usage\": {\"prompt_tokens\": -1}}"),
        ("NaN", "NaN"),
        ("HTML", "<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"),
        ("plain words", "Internal Server Error"),
        (
            "an error object",
            "{\"error\": {\"message\": \"overloaded\", \"type\": \"server_error\", \"code\": 503}}",
        ),
        ("an error text", "{\"error\": \"overloaded\"}"),
        ("an error number", "{\"error\": 7}"),
        ("a detail list", "{\"detail\": [{\"loc\": [\"body\", 0], \"msg\": \"field required\"}]}"),
        ("a byte order mark", "\u{feff}{}"),
        ("a zero byte", "{\"a\": \"\u{0}\"}"),
    ];
    let bytes: [(&str, &[u8]); 3] = [
        ("invalid UTF-8", b"\xff\xfe\xfd"),
        ("invalid UTF-8 in a text", b"{\"text\": \"\xc3\x28\", \"choices\": [{\"text\": \"\xf0\x9f\"}]}"),
        ("zero bytes", &[0; 64]),
    ];
    let texts = texts.map(|(name, text)| (name, text.as_bytes()));
    texts
        .into_iter()
        .chain(bytes)
        .map(|(name, bytes)| Garbage { name: name.to_owned(), bytes: bytes.to_vec() })
        .collect()
}

/// Large ones: each is tried once as an event and once as a body.
pub(super) fn large() -> Vec<Garbage> {
    const MEGABYTES_10: usize = 10_000_000;
    const DEEP: usize = 100_000;
    let text = format!("{{\"text\": \"{}\"}}", "a".repeat(MEGABYTES_10));
    let closed = format!("{}{}", "[".repeat(DEEP), "]".repeat(DEEP));
    let objects = format!("{}1{}", "{\"a\":".repeat(DEEP), "}".repeat(DEEP));
    let choices = format!("{{\"choices\": [{}{{}}]}}", "{},".repeat(DEEP));
    let garbage = [
        ("10 MB that are no JSON", "a".repeat(MEGABYTES_10)),
        ("10 MB of text in an object", text),
        ("100,000 open brackets", "[".repeat(DEEP)),
        ("100,000 nested lists", closed),
        ("100,000 nested objects", objects),
        ("100,000 empty choices", choices),
        ("a number of 100,000 digits", "9".repeat(DEEP)),
    ];
    garbage
        .into_iter()
        .map(|(name, text)| Garbage { name: name.to_owned(), bytes: text.into_bytes() })
        .collect()
}
