//! The descriptor: what a library says about itself, readable from its file without running any of its code.
//!
//! [`crate::export_plugin!`] writes it as JSON into a section of its own ([`SECTION`]). `readelf -p .prony.plugin
//! libendpoint_openai.so` prints it.

use serde::{Deserialize, Serialize};

use crate::{
    abi::author::text,
    version::{EPOCH, MINOR},
};

/// Name of the section that holds the descriptor.
pub const SECTION: &str = if cfg!(target_vendor = "apple") { "__prony" } else { ".prony.plugin" };

/// Version of the descriptor's own format.
pub const SCHEMA: u32 = 1;

/// What a library may say that it uses: connections, files, threads of its own, variables of the environment.
pub const CAPABILITIES: [&str; 4] = ["network", "files", "threads", "environment"];

/// By which door a host enters a library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// By [`crate::version::ENTRY_SYMBOL`]. A descriptor without a language is of this one.
    #[default]
    Rust,
    /// By [`crate::version::ENTRY_SYMBOL_C`]: C, and whatever else uses `prony_plugin.h`. Its descriptor has other keys, since
    /// C's preprocessor cannot write a text into another one: `compiler` in the place of `rustc`, `options` as JSON and not as
    /// the text of it, and neither `target` nor `panic`.
    C,
}

impl Language {
    /// What makes a build that is no debug build.
    pub fn optimised_build(self) -> &'static str {
        match self {
            Self::Rust => "build it with `cargo build --release`",
            Self::C => "compile it with `-O2`",
        }
    }
}

/// The descriptor's contents. A reader ignores keys it does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// Package name of the library.
    pub name: String,
    /// Package version of the library.
    pub version: String,
    /// By which door it is entered.
    #[serde(default)]
    pub language: Language,
    /// Contract epoch: must be the host's.
    pub epoch: u32,
    /// Contract minor the library was built with.
    pub minor: u32,
    /// Lowest contract minor it needs the host to have.
    pub min_host_minor: u32,
    /// Compiler that built it, of whichever language.
    pub rustc: String,
    /// Target triple it was built for; empty for a library in C.
    pub target: String,
    /// Optimisation level it was built with: `0` means a debug build, ten times slower to parse.
    pub opt_level: String,
    /// `unwind`, or `abort`, which a host refuses; empty for a library in C, which has no panics.
    pub panic: String,
    /// What it says that it uses of the machine beside memory and processor: some of [`CAPABILITIES`], and of later ones. Not stated
    /// where it is missing, as in libraries that were built before this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Vec<String>>,
    /// Endpoint types it exports.
    pub endpoints: Vec<Exported>,
    /// Service types it exports.
    pub services: Vec<Exported>,
}

/// One exported type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// The type's name, which a manifest's `class` ends with.
    #[serde(rename = "type")]
    pub type_name: String,
    /// JSON Schema of its options, as text.
    pub options: String,
    /// Of a service: the types of the messages it wants to hear. Unknown in libraries that were built before this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscriptions: Option<Vec<String>>,
    /// Of a service: the types of the messages it says it publishes. Unknown as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publishes: Option<Vec<String>>,
}

/// A constant number as text, at compile time.
macro_rules! digits {
    ($number:expr) => {{
        const DIGITS: [u8; decimal_length($number)] = decimal($number);
        text(&DIGITS)
    }};
}

/// [`SCHEMA`] as text. For [`crate::export_plugin!`].
#[doc(hidden)]
pub const SCHEMA_DIGITS: &str = digits!(SCHEMA);

/// [`EPOCH`] as text. For [`crate::export_plugin!`].
#[doc(hidden)]
pub const EPOCH_DIGITS: &str = digits!(EPOCH);

/// [`MINOR`] as text. For [`crate::export_plugin!`].
#[doc(hidden)]
pub const MINOR_DIGITS: &str = digits!(MINOR);

const fn decimal_length(number: u32) -> usize {
    let (mut rest, mut n) = (number / 10, 1);
    while rest > 0 {
        rest /= 10;
        n += 1;
    }
    n
}

const fn decimal<const N: usize>(number: u32) -> [u8; N] {
    let mut digits = [b'0'; N];
    let (mut rest, mut at) = (number, N);
    while at > 0 {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    digits
}

/// Number of bytes of some texts together. For [`crate::export_plugin!`].
#[doc(hidden)]
pub const fn length(pieces: &[&str]) -> usize {
    let mut total = 0;
    let mut i = 0;
    while i < pieces.len() {
        total += pieces[i].len();
        i += 1;
    }
    total
}

/// Some texts together, at compile time. For [`crate::export_plugin!`].
#[doc(hidden)]
pub const fn concat<const N: usize>(pieces: &[&str]) -> [u8; N] {
    let mut bytes = [0; N];
    let (mut at, mut i) = (0, 0);
    while i < pieces.len() {
        let piece = pieces[i].as_bytes();
        let mut j = 0;
        while j < piece.len() {
            bytes[at] = piece[j];
            at += 1;
            j += 1;
        }
        i += 1;
    }
    bytes
}

/// Number of bytes of `text` as a JSON string, quotes included. For [`crate::export_plugin!`].
#[doc(hidden)]
pub const fn quoted_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut n, mut i) = (2, 0);
    while i < bytes.len() {
        n += match bytes[i] {
            b'"' | b'\\' => 2,
            0..=0x1f => 6,
            _ => 1,
        };
        i += 1;
    }
    n
}

/// `text` as a JSON string, at compile time. For [`crate::export_plugin!`].
#[doc(hidden)]
pub const fn quoted<const N: usize>(text: &str) -> [u8; N] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let bytes = text.as_bytes();
    let mut out = [b'"'; N];
    let (mut at, mut i) = (1, 0);
    while i < bytes.len() {
        match bytes[i] {
            byte @ (b'"' | b'\\') => {
                out[at] = b'\\';
                out[at + 1] = byte;
                at += 2;
            }
            byte @ 0..=0x1f => {
                let escape = [b'\\', b'u', b'0', b'0', HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]];
                let mut k = 0;
                while k < escape.len() {
                    out[at + k] = escape[k];
                    k += 1;
                }
                at += escape.len();
            }
            byte => {
                out[at] = byte;
                at += 1;
            }
        }
        i += 1;
    }
    out
}

/// Number of bytes of `texts` as a JSON array of strings. For [`crate::export_plugin!`].
#[doc(hidden)]
pub const fn list_length(texts: &[&str]) -> usize {
    // Brackets, and a comma between each two.
    let mut n = 2 + texts.len().saturating_sub(1);
    let mut i = 0;
    while i < texts.len() {
        n += quoted_length(texts[i]);
        i += 1;
    }
    n
}

/// `texts` as a JSON array of strings, at compile time. For [`crate::export_plugin!`].
#[doc(hidden)]
pub const fn list<const N: usize>(texts: &[&str]) -> [u8; N] {
    let mut out = [b'['; N];
    let (mut at, mut i) = (1, 0);
    while i < texts.len() {
        if i > 0 {
            out[at] = b',';
            at += 1;
        }
        // Its length is not a constant here: room for all of them does, and what is too much is not copied.
        let item: [u8; N] = quoted(texts[i]);
        let length = quoted_length(texts[i]);
        let mut k = 0;
        while k < length {
            out[at + k] = item[k];
            k += 1;
        }
        at += length;
        i += 1;
    }
    out[at] = b']';
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_at_compile_time_are_decimal() {
        assert_eq!(digits!(0), "0");
        assert_eq!(digits!(9), "9");
        assert_eq!(digits!(10), "10");
        assert_eq!(digits!(4_294_967_295), "4294967295");
    }

    #[test]
    fn the_entry_symbol_names_the_epoch() {
        assert_eq!(crate::version::ENTRY_SYMBOL, format!("prony_plugin_root_v{EPOCH_DIGITS}"));
    }

    #[test]
    fn lists_at_compile_time_are_json() {
        const NONE: [u8; list_length(&[])] = list(&[]);
        const TEXTS: &[&str] = &["phase_started", "say \"hi\"", ""];
        const LIST: [u8; list_length(TEXTS)] = list(TEXTS);
        assert_eq!(&NONE, b"[]");
        assert_eq!(serde_json::from_slice::<Vec<String>>(&LIST).unwrap(), TEXTS);
    }

    #[test]
    fn what_a_library_uses_is_a_member_of_its_descriptor_or_nothing() {
        assert_eq!(crate::__capabilities!(), "");
        assert_eq!(crate::__capabilities!([]), ",\"capabilities\":[]");
        assert_eq!(crate::__capabilities!([files]), ",\"capabilities\":[\"files\"]");
        let all = crate::__capabilities!([network, files, threads, environment]);
        let list: Vec<String> = serde_json::from_str(all.split_once(':').unwrap().1).unwrap();
        assert_eq!(list, CAPABILITIES);
    }

    #[test]
    fn an_older_descriptor_does_not_know_its_messages() {
        let older: Exported = serde_json::from_str(r#"{"type":"Billing","options":"{}"}"#).unwrap();
        assert_eq!((older.subscriptions, older.publishes), (None, None));
    }

    #[test]
    fn quoting_at_compile_time_is_json() {
        const TEXT: &str = "{\"a\": \"b\\c\",\n\t\"d\": 1}";
        const QUOTED: [u8; quoted_length(TEXT)] = quoted(TEXT);
        assert_eq!(serde_json::from_slice::<String>(&QUOTED).unwrap(), TEXT);
    }
}
