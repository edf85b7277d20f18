//! The `single_turn` format: JSON Lines, one request a line.
//!
//! The keys are those of `aiperf`: `text` or `texts`, `image(s)`, `audio(s)`, `video(s)`, `role`, `session_id`,
//! `output_length`, `extra`, and `type`, which can only say `single_turn`; and `headers` of the request. Rows that share a `session_id` are requests
//! of their own all the same: none sees another's answer.
//!
//! ```json
//! {"text": "Name three rivers.", "output_length": 40, "extra": {"temperature": 0.2}}
//! {"texts": ["a cat", "a dog"], "session_id": "emb-1"}
//! {"texts": [{"name": "query", "contents": ["rivers"]}, {"name": "passages", "contents": ["The Rhine…", "Bread…"]}]}
//! {"text": "What is on this card?", "image": "./card.png"}
//! ```

use prony_plugin_api::PartKind;

use super::{
    RowError,
    media::Album,
    row::{NS_PER_MS, Row},
};
use crate::dataset::{Message, Part, Script, Step, roles, script::session_id};

/// What a row may say.
#[rustfmt::skip]
pub(super) const KEYS: &[&str] = &[
    "text", "texts", "image", "images", "audio", "audios", "video", "videos",
    "role", "session_id", "output_length", "extra", "headers", "type",
];

/// What `aiperf` does and this version does not: the key, what it is for, and what to do instead.
const NOT_BUILT: [(&str, &str, &str); 2] = [
    ("delay", "a timed replay", "remove it, and give an arrival rate instead"),
    ("image_uuids", "images by reference", "remove it, to send the images whole"),
];

/// The request of a row.
pub(super) fn script(row: &mut Row, number: u64, album: &mut Album<'_>) -> Result<Script, RowError> {
    let starts_ns = row.time("timestamp", NS_PER_MS)?;
    refuse_unbuilt(row)?;
    row.only(KEYS)?;
    check_type(row, "single_turn")?;
    let id = row.text("session_id")?.unwrap_or_else(|| session_id(number));
    let mut step = step(row, album)?;
    step.recorded.sent_ns = starts_ns;
    Ok(Script { starts_ns, ..Script::single(id, step) })
}

/// Checks that a row is of this type, if it says so at all.
pub(super) fn check_type(row: &mut Row, expected: &'static str) -> Result<(), RowError> {
    match row.text("type")?.filter(|name| name != expected) {
        Some(other) => Err(RowError::Value { key: "type", value: format!("\"{other}\""), expected }),
        None => Ok(()),
    }
}

/// Refuses what cannot be done yet.
pub(super) fn refuse_unbuilt(row: &mut Row) -> Result<(), RowError> {
    for (key, what, instead) in NOT_BUILT {
        if row.take(key).is_some() {
            return Err(RowError::NotBuilt { key, what, instead });
        }
    }
    Ok(())
}

/// What a row says of one request.
pub(super) fn step(row: &mut Row, album: &mut Album<'_>) -> Result<Step, RowError> {
    let role = row.text("role")?.unwrap_or_else(|| roles::USER.into());
    let message = Message { role, parts: parts(row, album)? };
    Ok(Step {
        max_tokens: row.positive("output_length")?,
        extra_json: extra(row)?,
        headers: row.headers("headers")?,
        ..Step::first(message)
    })
}

/// Texts first, then images, audio and videos, each in its list's order.
fn parts(row: &mut Row, album: &mut Album<'_>) -> Result<Vec<Part>, RowError> {
    let texts = row.named_texts("text", "texts")?.into_iter();
    let mut parts: Vec<Part> =
        texts.map(|(name, data)| Part { kind: PartKind::TEXT, name, data: data.into() }).collect();
    for (kind, one, many) in [
        (PartKind::IMAGE, "image", "images"),
        (PartKind::AUDIO, "audio", "audios"),
        (PartKind::VIDEO, "video", "videos"),
    ] {
        let key = if row.has(many) { many } else { one };
        for entry in row.texts(one, many)? {
            parts.push(Part { kind, name: String::new(), data: album.address(kind, key, entry)? });
        }
    }
    if parts.is_empty() { Err(RowError::NoContent) } else { Ok(parts) }
}

fn extra(row: &mut Row) -> Result<String, RowError> {
    let extra = row.object("extra")?.filter(|extra| !extra.is_empty());
    Ok(extra.map(|extra| serde_json::Value::Object(extra).to_string()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::{error::Error, fs, path::Path};

    use prony_plugin_api::PartKind;
    use rstest::rstest;
    use tempfile::TempDir;

    use super::super::{FileError, conversations, input::Input};
    use crate::explain::Explain;
    use crate::{
        dataset::{Message, Part, Script, Step},
        plan::FileFormat,
    };

    /// A folder with a dataset `d.jsonl` and the media `card.png`, `hum.WAV` and `notes.txt`.
    fn folder(dataset: impl AsRef<[u8]>) -> TempDir {
        let folder = TempDir::new().unwrap();
        for medium in ["card.png", "hum.WAV", "notes.txt"] {
            fs::write(folder.path().join(medium), "pixels").unwrap();
        }
        fs::write(folder.path().join("d.jsonl"), dataset).unwrap();
        folder
    }

    fn read(path: &Path, most: Option<usize>) -> Result<Vec<Script>, FileError> {
        conversations::read(&Input::new(path, most), FileFormat::Detected)
    }

    fn scripts(dataset: impl AsRef<[u8]>) -> Vec<Script> {
        read(&folder(dataset).path().join("d.jsonl"), None).unwrap()
    }

    /// The error, its causes and its hint, without the folder's name.
    fn error(folder: &Path, file: &str) -> String {
        let error: FileError = read(&folder.join(file), None).unwrap_err();
        let mut text = format!("failed to {error}");
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        if !error.hint().is_empty() {
            text = format!("{text}\n    {}", error.hint());
        }
        (text + "\n").replace(&format!("{}/", folder.display()), "")
    }

    fn errors_of(rows: &[&str]) -> String {
        let error = |row| error(folder(row).path(), "d.jsonl");
        rows.iter().map(|row| [row, "\n    ", &error(row)].concat()).collect()
    }

    #[test]
    fn texts_may_have_names() {
        let row = r#"{"texts": [{"name": "query", "contents": ["q"]}, {"name": "passages", "contents": ["a", "b"]}, "c",
            {"contents": ["d"]}]}"#;
        let scripts = scripts(row.replace('\n', " "));
        let parts = scripts[0].steps[0].messages[0].parts.iter();
        let texts: Vec<_> = parts.map(|part| (part.name.as_str(), &*part.data)).collect();
        assert_eq!(texts, [("query", "q"), ("passages", "a"), ("passages", "b"), ("", "c"), ("", "d")]);
    }

    #[test]
    fn a_row_has_headers_of_its_own() {
        let scripts = scripts(r#"{"text": "a", "headers": {"X-Team": "a", "X-Key": "k"}}"#);
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(scripts[0].steps[0].headers, [header("X-Team", "a"), header("X-Key", "k")]);
    }

    #[test]
    fn what_is_no_header_is_named_without_its_value() {
        insta::assert_snapshot!(
            errors_of(&[
                r#"{"text": "a", "headers": {"X-Key": ["k"]}}"#,
                r#"{"text": "a", "headers": {"X Team": "k"}}"#,
                r#"{"text": "a", "headers": "X-Team: a"}"#,
            ]),
            @r#"
            {"text": "a", "headers": {"X-Key": ["k"]}}
                failed to read the row at `d.jsonl:1`: `headers` holds `X-Key`, whose name or value is none of a header
                write texts: `{"headers": {"X-Team": "a"}}`
            {"text": "a", "headers": {"X Team": "k"}}
                failed to read the row at `d.jsonl:1`: `headers` holds `X Team`, whose name or value is none of a header
                write texts: `{"headers": {"X-Team": "a"}}`
            {"text": "a", "headers": "X-Team: a"}
                failed to read the row at `d.jsonl:1`: `headers` is a string, not an object
            "#
        );
    }

    #[test]
    fn named_texts_of_the_wrong_type_are_named() {
        insta::assert_snapshot!(
            errors_of(&[
                r#"{"texts": [{"name": "query", "contents": "q"}]}"#,
                r#"{"texts": [{"name": "query"}]}"#,
                r#"{"texts": [{"name": 3, "contents": ["q"]}]}"#,
                r#"{"texts": [{"name": "query", "contents": ["q", ""]}]}"#,
            ]),
            @r#"
            {"texts": [{"name": "query", "contents": "q"}]}
                failed to read the row at `d.jsonl:1`: `texts[0].contents` is a string, not a list of strings
            {"texts": [{"name": "query"}]}
                failed to read the row at `d.jsonl:1`: `texts[0].contents` is null, not a list of strings
            {"texts": [{"name": 3, "contents": ["q"]}]}
                failed to read the row at `d.jsonl:1`: `texts[0].name` is a number, not a string
            {"texts": [{"name": "query", "contents": ["q", ""]}]}
                failed to read the row at `d.jsonl:1`: `texts[0].contents[1]` is an empty string, not a string with content
            "#
        );
    }

    #[test]
    fn a_row_says_what_to_send() {
        let row = r#"{"type": "single_turn", "text": "Name three rivers.", "role": "system", "session_id": "geo",
            "output_length": 40, "extra": {"temperature": 0.2, "stop": ["."]}}"#;
        let message = Message { role: "system".into(), parts: vec![Part::text("Name three rivers.".into())] };
        let step = Step {
            max_tokens: Some(40),
            extra_json: r#"{"temperature":0.2,"stop":["."]}"#.into(),
            ..Step::first(message)
        };
        assert_eq!(scripts(row.replace('\n', " ")), [Script::single("geo".into(), step)]);
    }

    #[test]
    fn a_row_may_hold_little() {
        let rows = "\u{feff}{\"texts\": [\"a cat\", \"a dog\"]}\r\n\n  \n{\"text\": \"b\", \"extra\": {}, \"delay\": null}";
        let single = |id: &str, texts: &[&str]| {
            let parts = texts.iter().map(|text| Part::text((*text).into())).collect();
            Script::single(id.into(), Step::first(Message::user(parts)))
        };
        let expected = [single("session_000000", &["a cat", "a dog"]), single("session_000001", &["b"])];
        assert_eq!(scripts(rows), expected);
    }

    #[rstest]
    #[case::url(r#"{"image": "https://example.com/card"}"#, PartKind::IMAGE, "https://example.com/card")]
    #[case::data_url(
        r#"{"audio": "data:audio/wav;base64,AAAA"}"#,
        PartKind::AUDIO,
        "data:audio/wav;base64,AAAA"
    )]
    #[case::file(r#"{"image": "./card.png"}"#, PartKind::IMAGE, "data:image/png;base64,cGl4ZWxz")]
    #[case::upper_case(r#"{"audios": ["hum.WAV"]}"#, PartKind::AUDIO, "data:audio/wav;base64,cGl4ZWxz")]
    #[case::video(r#"{"video": "HTTP://h/v.mp4"}"#, PartKind::VIDEO, "HTTP://h/v.mp4")]
    fn media_are_sent_by_address_or_whole(#[case] row: &str, #[case] kind: PartKind, #[case] data: &str) {
        let part = Part { kind, name: String::new(), data: data.into() };
        assert_eq!(scripts(row)[0].steps[0].messages[0].parts, [part]);
    }

    #[test]
    fn a_medium_that_several_rows_name_is_kept_once() {
        let rows = r#"{"image": "card.png"}
            {"images": ["card.png", "data:image/png;base64,cGl4ZWxz"]}
            {"images": ["card.png", "data:image/png;base64,cGl4ZWxz"]}"#;
        let scripts = scripts(rows);
        let address = |row: usize, part: usize| scripts[row].steps[0].messages[0].parts[part].data.as_ptr();
        assert_eq!((address(0, 0), address(0, 0)), (address(1, 0), address(2, 0)));
        assert_eq!(address(1, 1), address(2, 1));
    }

    #[test]
    fn texts_come_before_media() {
        let parts = &scripts(r#"{"images": ["card.png", "card.png"], "text": "Same?"}"#)[0].steps[0].messages
            [0]
        .parts;
        let kinds: Vec<_> = parts.iter().map(|part| part.kind).collect();
        assert_eq!(kinds, [PartKind::TEXT, PartKind::IMAGE, PartKind::IMAGE]);
    }

    #[test]
    fn rows_of_one_session_are_conversations_of_their_own() {
        let rows = "{\"text\": \"a\", \"session_id\": \"s\"}\n{\"text\": \"b\", \"session_id\": \"s\"}\n{\"text\": \"c\"}";
        let scripts = scripts(rows);
        let ids: Vec<_> = scripts.iter().map(|script| script.id.as_str()).collect();
        assert_eq!(ids, ["s", "s", "session_000002"]);
        assert!(scripts.iter().all(|script| script.steps.len() == 1));
    }

    #[test]
    fn no_more_rows_are_read_than_wanted() {
        let folder = folder("{\"text\": \"a\"}\n{\"text\": \"b\"}\nnot a row");
        assert_eq!(read(&folder.path().join("d.jsonl"), Some(2)).unwrap().len(), 2);
    }

    #[test]
    fn errors_name_file_and_line() {
        let folder = folder("\n{\"text\": \"a\"}\n{\"text\": }\n");
        insta::assert_snapshot!(error(folder.path(), "d.jsonl"), @r#"
        failed to read the row at `d.jsonl:3`: column 10 is not JSON: expected value
            a row is one JSON object on one line, such as `{"text": "Name three rivers."}`
        "#);
    }

    #[test]
    fn files_that_are_no_rows_of_text_are_refused() {
        let folder = folder("\n  \n");
        fs::write(folder.path().join("packed.jsonl"), [0x1f, 0x8b, 8, 0]).unwrap();
        fs::write(folder.path().join("packed.jsonl.zst"), [0x28, 0xb5, 0x2f, 0xfd, 0]).unwrap();
        fs::write(folder.path().join("latin.jsonl"), b"{\"text\": \"caf\xe9\"}").unwrap();
        fs::write(folder.path().join("nothing.jsonl"), "").unwrap();
        let files = [
            "missing.jsonl",
            ".",
            "packed.jsonl",
            "packed.jsonl.zst",
            "latin.jsonl",
            "d.jsonl",
            "nothing.jsonl",
        ];
        let errors: String = files.into_iter().map(|file| error(folder.path(), file)).collect();
        insta::assert_snapshot!(errors, @r#"
        failed to read the input file `missing.jsonl`: No such file or directory (os error 2)
            give a JSONL file that exists and may be read
        failed to read the input file `.`: Is a directory (os error 21)
            give a JSONL file that exists and may be read
        failed to read the input file `packed.jsonl`: it is compressed with gzip, and damaged or not whole: unexpected end of file
            `gzip -t packed.jsonl` checks it; make it again, or give it unpacked
        failed to read the input file `packed.jsonl.zst`: it is compressed with zstd, and damaged or not whole: a header of it ends early or is wrong
            `zstd -t packed.jsonl.zst` checks it; make it again, or give it unpacked
        failed to read the row at `latin.jsonl:1`: byte 14 is not UTF-8
            save the file as UTF-8
        failed to read the input file `d.jsonl`: it has no row
            write one JSON object a line, such as `{"text": "Name three rivers."}`
        failed to read the input file `nothing.jsonl`: it has no row
            write one JSON object a line, such as `{"text": "Name three rivers."}`
        "#);
    }

    #[test]
    fn rows_that_are_not_understood_are_refused() {
        insta::assert_snapshot!(errors_of(&[
            "[1]",
            "{\"text\": \"a\"",
            "{\"txt\": \"a\"}",
            "{\"text\": \"a\", \"Output_Lenght\": 3}",
            "{\"text\": \"a\", \"zzz\": 1}",
            "{\"text\": 5}",
            "{\"text\": \"\"}",
            "{\"texts\": \"a\"}",
            "{\"texts\": [\"a\", null]}",
            "{\"text\": \"a\", \"texts\": [\"b\"]}",
            "{}",
            "{\"texts\": [], \"role\": \"user\"}",
            "{\"text\": \"a\", \"output_length\": 0}",
            "{\"text\": \"a\", \"output_length\": 1.5}",
            "{\"text\": \"a\", \"output_length\": \"8\"}",
            "{\"text\": \"a\", \"extra\": [1]}",
            "{\"text\": \"a\", \"type\": \"multi_turn\"}",
            "{\"text\": \"a\", \"session_id\": 7}",
        ]), @r#"
        [1]
            failed to read the row at `d.jsonl:1`: the row is a list, not an object
        {"text": "a"
            failed to read the row at `d.jsonl:1`: it breaks off at column 12: EOF while parsing an object
            a row is one JSON object on one line, such as `{"text": "Name three rivers."}`
        {"txt": "a"}
            failed to read the row at `d.jsonl:1`: the key `txt` is not known
            did you mean `text`?
        {"text": "a", "Output_Lenght": 3}
            failed to read the row at `d.jsonl:1`: the key `Output_Lenght` is not known
            did you mean `output_length`?
        {"text": "a", "zzz": 1}
            failed to read the row at `d.jsonl:1`: the key `zzz` is not known
            the keys are `text`, `texts`, `image`, `images`, `audio`, `audios`, `video`, `videos`, `role`, `session_id`, `output_length`, `extra`, `headers`, `type`
        {"text": 5}
            failed to read the row at `d.jsonl:1`: `text` is a number, not a string
        {"text": ""}
            failed to read the row at `d.jsonl:1`: `text` is an empty string, not a string with content
        {"texts": "a"}
            failed to read the row at `d.jsonl:1`: `texts` is a string, not a list of strings
        {"texts": ["a", null]}
            failed to read the row at `d.jsonl:1`: `texts[1]` is null, not a string
        {"text": "a", "texts": ["b"]}
            failed to read the row at `d.jsonl:1`: the keys `text` and `texts` stand side by side
            keep one of them
        {}
            failed to read the row at `d.jsonl:1`: it has no content: no text and no medium
            a row is one JSON object on one line, such as `{"text": "Name three rivers."}`
        {"texts": [], "role": "user"}
            failed to read the row at `d.jsonl:1`: it has no content: no text and no medium
            a row is one JSON object on one line, such as `{"text": "Name three rivers."}`
        {"text": "a", "output_length": 0}
            failed to read the row at `d.jsonl:1`: `output_length` is `0`, not a whole number of at least 1
        {"text": "a", "output_length": 1.5}
            failed to read the row at `d.jsonl:1`: `output_length` is `1.5`, not a whole number of at least 1
        {"text": "a", "output_length": "8"}
            failed to read the row at `d.jsonl:1`: `output_length` is `"8"`, not a whole number of at least 1
        {"text": "a", "extra": [1]}
            failed to read the row at `d.jsonl:1`: `extra` is a list, not an object
        {"text": "a", "type": "multi_turn"}
            failed to read the row at `d.jsonl:1`: `type` is `"multi_turn"`, not single_turn
        {"text": "a", "session_id": 7}
            failed to read the row at `d.jsonl:1`: `session_id` is a number, not a string
        "#);
    }

    #[test]
    fn what_cannot_be_done_yet_is_refused() {
        insta::assert_snapshot!(errors_of(&[
            "{\"text\": \"a\", \"delay\": 250}",
            "{\"image\": \"card.png\", \"image_uuids\": [\"x\"]}",
        ]), @r#"
        {"text": "a", "delay": 250}
            failed to read the row at `d.jsonl:1`: `delay` asks for a timed replay, which this version does not do yet
            remove it, and give an arrival rate instead
        {"image": "card.png", "image_uuids": ["x"]}
            failed to read the row at `d.jsonl:1`: `image_uuids` asks for images by reference, which this version does not do yet
            remove it, to send the images whole
        "#);
    }

    #[test]
    fn media_that_cannot_be_sent_are_refused() {
        insta::assert_snapshot!(errors_of(&[
            "{\"image\": \"lost.png\"}",
            "{\"images\": [\"card.png\", \"notes.txt\"]}",
            "{\"video\": \"card.png\"}",
            "{\"audio\": \"hum\"}",
        ]), @r#"
        {"image": "lost.png"}
            failed to read the row at `d.jsonl:1`: `image` names `lost.png`, which cannot be read: No such file or directory (os error 2)
            relative paths start at the input file's folder
        {"images": ["card.png", "notes.txt"]}
            failed to read the row at `d.jsonl:1`: `images` names `notes.txt`, whose type is not known
            known extensions are `.png`, `.jpg`, `.jpeg`, `.webp`, `.gif`, `.bmp`; or give a data URL
        {"video": "card.png"}
            failed to read the row at `d.jsonl:1`: `video` names `card.png`, whose type is not known
            known extensions are `.mp4`, `.webm`, `.mov`, `.mkv`; or give a data URL
        {"audio": "hum"}
            failed to read the row at `d.jsonl:1`: `audio` names `hum`, whose type is not known
            known extensions are `.wav`, `.mp3`, `.flac`, `.ogg`, `.m4a`; or give a data URL
        "#);
    }
}
