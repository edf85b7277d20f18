//! What an answer is called, and how it is encoded: event streams under other names, compressed ones, byte order marks.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;

use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};
use prony_tests::{Run, Script, ScriptedServer, Tool};
use rstest::rstest;

const FIRST: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"},\"text\":\"\"}]}\n\n";
const LAST: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" there\"},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";
const TRANSPORTS: [&str; 2] = ["timed", "portable"];

fn profile(answer: Script, flags: &[&str]) -> (Run, String) {
    let server = ScriptedServer::start([answer]);
    let run = Tool::bare_profile()
        .args(["--url", &server.url(), "--request-count", "1", "--isl", "5"])
        .arg("--export-outputs-json")
        .args(flags)
        .run();
    let request = server.requests().remove(0).bytes;
    (run, String::from_utf8(request).unwrap().to_lowercase())
}

fn stream(answer: Script, transport: &str) -> Run {
    profile(answer, &["--endpoint-type", "chat", "--streaming", "--transport", transport]).0
}

/// The head of an answer of this type, or of none.
fn head(content_type: &str, more: &[&str]) -> Script {
    let named = format!("Content-Type: {content_type}");
    let own = if content_type.is_empty() { vec![] } else { vec![named.as_str()] };
    Script::head(&[&own[..], more, &["Transfer-Encoding: chunked"]].concat())
}

/// Both tokens were read, and each when it came: 150 ms apart.
fn is_measured(run: &Run) {
    let summary = run.succeeds().summary();
    assert!(run.read("outputs.json").contains("Hello there"), "{}", run.read("outputs.json"));
    let gap = summary["inter_chunk_latency"]["avg"].as_f64().unwrap();
    assert!((100.0..2000.0).contains(&gap), "{gap}");
}

/// The message and the hint of the one failure, which is `malformed`.
fn is_malformed(run: &Run) -> (String, String) {
    let errors = run.ends_with(1).summary()["error_summary"].clone();
    let details = &errors[0]["error_details"];
    assert_eq!(details["type"], "malformed", "{errors:#}");
    let text = |key: &str| details[key].as_str().unwrap().to_owned();
    (text("message"), text("hint"))
}

#[rstest]
#[case::text("text/plain; charset=utf-8")]
#[case::json("application/json")]
#[case::bytes("application/octet-stream")]
#[case::none("")]
fn an_event_stream_is_one_whatever_it_is_called(
    #[case] content_type: &str,
    #[values("timed", "portable")] transport: &str,
) {
    let answer = head(content_type, &[]).chunk(FIRST).pause_ms(150).chunk(LAST).chunk(DONE).last_chunk();
    is_measured(&stream(answer, transport));
}

#[rstest]
#[case::comment(&[": ping\n\n"])]
#[case::blank_lines(&["\r\n", "\n\n"])]
#[case::byte_order_mark(&["\u{feff}"])]
#[case::name(&["event: message\n"])]
#[case::all_of_them_in_pieces(&["\u{feff}", "\n", ":", " hi\n", "retry: 9\n\n", "i", "d: 3\n"])]
fn what_may_precede_the_first_event_hides_no_stream(
    #[case] opening: &[&str],
    #[values("text/plain", "text/event-stream")] content_type: &str,
) {
    let opened =
        opening.iter().fold(head(content_type, &[]), |answer, piece| answer.chunk(piece).pause_ms(5));
    is_measured(&stream(opened.chunk(FIRST).pause_ms(150).chunk(LAST).chunk(DONE).last_chunk(), "timed"));
}

/// The first bytes decide; the token has the stamp of the read that completed its event.
#[test]
fn a_field_that_comes_in_pieces_has_the_stamp_of_its_end() {
    let (start, rest) = FIRST.split_at(3);
    let answer = head("text/plain", &[]).chunk(start).pause_ms(200).chunk(rest).pause_ms(150);
    let run = stream(answer.chunk(LAST).chunk(DONE).last_chunk(), "timed");
    is_measured(&run);
    assert!(run.summary()["time_to_first_token"]["avg"].as_f64().unwrap() >= 199.0);
}

#[rstest]
#[case::json(
    "application/json",
    "{\"choices\":[{\"message\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}",
    "`application/json`"
)]
#[case::a_page("text/html", "<html><body>Sign in</body></html>", "`text/html`")]
#[case::text("text/plain", "It works!", "`text/plain`")]
#[case::no_type("", "It works!", "a body without a content type")]
fn what_is_no_stream_is_refused_by_its_type(
    #[case] content_type: &str,
    #[case] body: &str,
    #[case] says: &str,
    #[values("timed", "portable")] transport: &str,
) {
    let (message, _) = is_malformed(&stream(head(content_type, &[]).chunk(body).last_chunk(), transport));
    assert!(message.contains(&format!("asked for a stream and got {says}")), "{message}");
}

/// Encodes each text as a piece of one body, flushed so that it can be decoded when it arrives.
fn encoded(how: &str, texts: &[&str]) -> Vec<Vec<u8>> {
    let level = Compression::default();
    let (mut gzip, mut zlib) = (GzEncoder::new(vec![], level), ZlibEncoder::new(vec![], level));
    let piece = |text: &&str| {
        let encoder: &mut dyn Write = if how == "gzip" { &mut gzip } else { &mut zlib };
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.flush().unwrap();
        std::mem::take(if how == "gzip" { gzip.get_mut() } else { zlib.get_mut() })
    };
    texts.iter().map(piece).collect()
}

/// What Node's zlib makes of [`FIRST`] and then of [`LAST`] and [`DONE`], flushed after each.
const BROTLI: [&[u8]; 2] = [
    b"\x0b\x23\x00\x00\x9c\x05\xee\x7e\x69\xbe\x7c\x11\x1e\xf0\x89\xe6\x2d\xba\xa8\x45\xf6\xb6\x60\xb6\x02\x4b\x57\x9f\x04\x29\xa3\x6b\x1d\x11\xbc\xbe\xe0\x90\x03\xd6\x96\x68\xd6\x76\xca\xf2\x18\x2b\xc6\x73\xe4\xf0\x58\x42\x96\x37\x9e\x90\x31\x55\x9c\xc4\x10\x9c\xe0\xbe\xeb\x46\xa1\x0d",
    b"\x10\x03\x80\xc3\xa2\xc0\x6e\x43\x36\x45\x49\x66\x6a\xd0\xde\x12\xd2\xbd\xd6\x22\x7b\x5b\x30\x0b\x84\xac\x15\x58\xba\xfa\xb6\x8e\x08\x5d\xdf\x14\xf9\x0a\x73\x83\x0b\x98\xd3\x02\x8a\x8f\x02\xb1\x9d\x72\x4a\x51\xd0\x3c\x8d\xa3\xdf\xfc\x86\x27\x28\x19\x3d\x1e\x7d\x2c\x7b\x9a\x30\x90\x6b\xb9\x9e\x5a\x67\x0e\x02\xbf\xef\x7c\xf3\x67\x71\x86\x01",
];

#[rstest]
#[case::gzip("gzip")]
#[case::deflate("deflate")]
#[case::brotli("br")]
fn an_encoded_stream_is_decoded_as_it_comes(
    #[case] how: &str,
    #[values("text/event-stream", "text/plain")] content_type: &str,
    #[values("timed", "portable")] transport: &str,
) {
    let pieces = match how {
        "br" => BROTLI.iter().map(|piece| piece.to_vec()).collect(),
        _ => encoded(how, &[FIRST, &[LAST, DONE].concat()]),
    };
    let answer = head(content_type, &[&format!("Content-Encoding: {how}")]).chunk(&pieces[0]).pause_ms(150);
    is_measured(&stream(answer.chunk(&pieces[1]).last_chunk(), transport));
}

#[test]
fn a_whole_answer_may_be_encoded_and_may_begin_with_a_byte_order_mark() {
    let body =
        "\u{feff}{\"choices\":[{\"message\":{\"content\":\"Hello there\"},\"finish_reason\":\"stop\"}]}";
    let packed = encoded("gzip", &[body]).remove(0);
    let length = format!("Content-Length: {}", packed.len());
    let zipped = Script::head(&["Content-Type: application/json", "Content-Encoding: gzip", &length]);
    for answer in [Script::whole("application/json", body), zipped.bytes(packed)] {
        for transport in TRANSPORTS {
            let (run, _) = profile(answer.clone(), &["--endpoint-type", "chat", "--transport", transport]);
            run.succeeds();
            assert!(run.read("outputs.json").contains("Hello there"));
        }
    }
}

#[rstest]
#[case::unknown("zstd", "encoded with `zstd`, which prony does not decode")]
#[case::a_lie("gzip", "not what `Content-Encoding: gzip` says")]
fn an_encoding_that_cannot_be_undone_is_named(
    #[case] encoding: &str,
    #[case] says: &str,
    #[values("timed", "portable")] transport: &str,
) {
    let answer = head("text/event-stream", &[&format!("Content-Encoding: {encoding}")]).chunk(FIRST);
    let (message, hint) = is_malformed(&stream(answer.chunk(DONE).last_chunk(), transport));
    assert!(message.contains(says), "{message}");
    assert!(hint.contains("compression"), "{hint}");
}

#[test]
fn no_encoding_is_asked_for() {
    for transport in TRANSPORTS {
        for endpoint in ["chat", "completions", "messages"] {
            let answer = Script::status("400 Bad Request", &["Content-Length: 0"]);
            let (_, request) = profile(answer, &["--endpoint-type", endpoint, "--transport", transport]);
            assert!(request.contains("\r\naccept-encoding: identity\r\n"), "{request}");
        }
    }
}
