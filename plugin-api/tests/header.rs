//! The header for C says the same as this crate: its numbers, its symbol, its keys.

use prony_plugin_api::{
    abi::Usage,
    descriptor::{Descriptor, CAPABILITIES, SCHEMA},
    error::LONGEST_ERROR,
    service::{LARGEST_MESSAGE, LONGEST_TYPE},
    version::{ENTRY_SYMBOL_C, EPOCH, MINOR},
    ErrorKind, LogLevel, PartKind, PublishError, TextKind,
};
use rstest::rstest;

const HEADER: &str = include_str!("../include/prony_plugin.h");

/// What stands behind a name and its sign of equality, or behind its `#define`.
fn number(name: &str) -> Option<u64> {
    let defined = HEADER.split(&format!("#define {name} ")).nth(1);
    let text = defined.or_else(|| HEADER.split(&format!(" {name} = ")).nth(1))?;
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[rstest]
#[case("PRONY_EPOCH", EPOCH)]
#[case("PRONY_MINOR", MINOR)]
#[case("PRONY_MIN_HOST_MINOR", 4)]
#[case("PRONY_CONFIG", ErrorKind::CONFIG.0)]
#[case("PRONY_MALFORMED", ErrorKind::MALFORMED.0)]
#[case("PRONY_UNSUPPORTED", ErrorKind::UNSUPPORTED.0)]
#[case("PRONY_IO", ErrorKind::IO.0)]
#[case("PRONY_CONTENT", TextKind::CONTENT.0)]
#[case("PRONY_REASONING", TextKind::REASONING.0)]
#[case("PRONY_TOOL", TextKind::TOOL.0)]
#[case("PRONY_REFUSAL", TextKind::REFUSAL.0)]
#[case("PRONY_PART_TEXT", PartKind::TEXT.0)]
#[case("PRONY_PART_IMAGE", PartKind::IMAGE.0)]
#[case("PRONY_PART_AUDIO", PartKind::AUDIO.0)]
#[case("PRONY_PART_VIDEO", PartKind::VIDEO.0)]
#[case("PRONY_PART_RAW", PartKind::RAW.0)]
#[case("PRONY_PART_TOOL_CALL", PartKind::TOOL_CALL.0)]
#[case("PRONY_PART_TOOL_RESULT", PartKind::TOOL_RESULT.0)]
#[case("PRONY_LOG_ERROR", LogLevel::Error as u32)]
#[case("PRONY_LOG_WARN", LogLevel::Warn as u32)]
#[case("PRONY_LOG_INFO", LogLevel::Info as u32)]
#[case("PRONY_LOG_DEBUG", LogLevel::Debug as u32)]
#[case("PRONY_LOG_TRACE", LogLevel::Trace as u32)]
#[case("PRONY_PUBLISHED", 0)]
#[case("PRONY_PUBLISH_FULL", PublishError::Full.code())]
#[case("PRONY_PUBLISH_CLOSED", PublishError::Closed.code())]
#[case("PRONY_PUBLISH_TOO_LARGE", PublishError::TooLarge.code())]
fn a_number_of_the_header_is_that_of_the_crate(#[case] name: &str, #[case] expected: u32) {
    assert_eq!(number(name), Some(u64::from(expected)), "{name}");
}

#[test]
fn a_count_that_is_absent_is_the_same() {
    assert!(HEADER.contains("#define PRONY_ABSENT UINT64_MAX"));
    assert_eq!(Usage::ABSENT, u64::MAX);
}

#[test]
fn the_entry_symbol_is_the_one_that_a_host_looks_for() {
    assert!(HEADER.contains(&format!("extern PRONY_EXPORT const prony_plugin {ENTRY_SYMBOL_C};")));
    assert_eq!(ENTRY_SYMBOL_C, format!("prony_plugin_c_v{EPOCH}"));
}

#[test]
fn the_descriptor_of_the_header_has_the_schema_of_the_crate() {
    assert!(HEADER.contains(&format!(r#"{{\"schema\":{SCHEMA},\"language\":\"c\""#)));
    // A descriptor that says nothing of its language is one of a library in Rust.
    let json = r#"{"schema":1,"name":"a","version":"1","epoch":1,"minor":0,"min_host_minor":0,"rustc":"","target":"",
        "opt_level":"3","panic":"unwind","endpoints":[],"services":[]}"#;
    let descriptor: Descriptor = serde_json::from_str(json).unwrap();
    assert_eq!(descriptor.language, prony_plugin_api::descriptor::Language::Rust);
}

#[test]
fn what_a_library_may_say_that_it_uses_is_the_same() {
    for name in CAPABILITIES {
        let defined = format!("#define PRONY_USES_{} \"\\\"{name}\\\"\"", name.to_uppercase());
        assert!(HEADER.contains(&defined), "{defined}");
    }
}

#[test]
fn the_limits_of_the_header_are_those_of_the_crate() {
    assert_eq!((LARGEST_MESSAGE, LONGEST_TYPE, LONGEST_ERROR), (16 << 20, 128, 16 << 10));
    assert!(HEADER.contains("Message and hint are cut off after 16 KiB."));
    assert!(HEADER.contains("A message has at most 16 MiB, its type 128 bytes."));
}
