//! What a function of a library says when it fails: its kind, and words that it hands over while it is called.

use std::ptr;

use abi_stable::std_types::RString;
use prony_plugin_api::{ErrorKind, abi::AbiError, error::LONGEST_ERROR};

use super::layout::{CError, CText};

/// The kind of an error whose number means nothing.
const OTHER: u32 = u32::MAX;

/// Takes words for the length of one call. The library sees its first field.
#[repr(C)]
struct Words {
    table: CError,
    message: String,
    hint: String,
}

/// Calls a function of a library's with something to put its words into.
pub(super) fn heard(call: impl FnOnce(*const CError) -> i32) -> Result<(), AbiError> {
    let table = CError { size: size_of::<CError>(), message: on_message, hint: on_hint };
    let mut words = Words { table, message: String::new(), hint: String::new() };
    match call(ptr::from_mut(&mut words).cast_const().cast()) {
        0 => Ok(()),
        kind => Err(error(kind, words)),
    }
}

#[cold]
fn error(kind: i32, words: Words) -> AbiError {
    // The number of a panic is the boundary's own.
    let number = u32::try_from(kind).ok().filter(|number| *number != ErrorKind::PANIC.0);
    let message = if words.message.is_empty() {
        format!("do what it was asked for: it returned {kind} without a message")
    } else {
        words.message
    };
    AbiError { kind: number.unwrap_or(OTHER), message: message.into(), hint: words.hint.into() }
}

/// What this side says of a library that broke a rule of the header.
#[cold]
pub(super) fn broken(kind: ErrorKind, message: String) -> AbiError {
    AbiError { kind: kind.0, message: message.into(), hint: RString::new() }
}

/// # Safety
/// `error` was made by [`heard`], whose call is under way.
unsafe fn lent<'a>(error: *const CError) -> &'a mut Words {
    // SAFETY: the caller's obligation.
    unsafe { &mut *error.cast_mut().cast::<Words>() }
}

extern "C" fn on_message(error: *const CError, text: CText) {
    // SAFETY: the header lets it be called during the call that it was lent for, and from its thread.
    let words = unsafe { lent(error) };
    // SAFETY: the header has the library keep a text until this returns.
    words.message = beginning(unsafe { text.bytes() });
}

extern "C" fn on_hint(error: *const CError, text: CText) {
    // SAFETY: as in `on_message`.
    let words = unsafe { lent(error) };
    // SAFETY: as in `on_message`.
    words.hint = beginning(unsafe { text.bytes() });
}

fn beginning(bytes: Option<&[u8]>) -> String {
    let bytes = bytes.unwrap_or_default();
    String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST_ERROR)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_call_says_is_its_error() {
        let said = heard(|error| {
            // SAFETY: `heard` lends it for the length of this call.
            let table = unsafe { *error };
            (table.message)(error, CText::of("first"));
            (table.message)(error, CText::of("read the option `a`"));
            (table.hint)(error, CText::of("set it"));
            1
        });
        let error = said.unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str(), error.hint.as_str()),
            (1, "read the option `a`", "set it")
        );
    }

    #[test]
    fn a_failure_without_words_is_one_and_nobody_makes_a_panic_up() {
        let error = heard(|_| 100).unwrap_err();
        assert_eq!(error.kind, OTHER);
        assert_eq!(error.message.as_str(), "do what it was asked for: it returned 100 without a message");
        assert!(heard(|_| 0).is_ok());
    }

    #[test]
    fn long_words_and_words_that_are_no_text_are_kept_as_far_as_they_go() {
        let long = "x".repeat(LONGEST_ERROR + 1);
        let said = heard(|error| {
            // SAFETY: as above.
            let table = unsafe { *error };
            (table.message)(error, CText::of(&long));
            (table.hint)(error, CText::of_bytes(b"a\xff"));
            2
        });
        let error = said.unwrap_err();
        assert_eq!((error.message.len(), error.hint.as_str()), (LONGEST_ERROR, "a\u{fffd}"));
    }
}
