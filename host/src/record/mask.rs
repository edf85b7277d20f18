//! What goes into the journal without secrets: texts of servers, plugins and services that repeat what they were sent.
//!
//! All reports are made from the journal, so that this is the one place for all of them.

use std::borrow::Cow;

use prony_plugin_api::ErrorDetails;

use super::{Mark, Record, RequestFailure, RunEnd, Texts};
use crate::{config::redact::Redactor, request::failure_kind::FailureKind};

/// Masks a record's texts.
pub(super) fn record(record: &mut Record, redactor: &Redactor) {
    let facts = record.facts.iter_mut().flat_map(|(name, value)| [name, value]);
    let outputs = record.outputs.iter_mut().map(|output| &mut output.text);
    let calls = record.tool_calls.iter_mut();
    let calls = calls.flat_map(|call| [&mut call.id, &mut call.name, &mut call.arguments]);
    let texts = record.model.iter_mut().chain(&mut record.asked).chain(&mut record.finish_reasons);
    texts.chain(facts).chain(outputs).chain(calls).for_each(|text| redactor.mask_in_place(text));
    if let Some(failure) = record.outcome.said_mut() {
        let RequestFailure { kind, message, hint, cause_chain, .. } = failure;
        let kind = if let FailureKind::Other(text) = kind { Some(text) } else { None };
        let texts = [message, hint].into_iter().chain(kind).chain(cause_chain);
        texts.for_each(|text| redactor.mask_in_place(text));
    }
}

/// Texts as they are kept until they are counted. Those that hold a secret are counted without it then.
pub(super) fn texts<'a>(texts: &'a Texts, redactor: &Redactor) -> Cow<'a, Texts> {
    let is_clean = |text: &str| matches!(redactor.mask(text), Cow::Borrowed(_));
    if texts.texts().all(is_clean) {
        return Cow::Borrowed(texts);
    }
    let mut masked = texts.clone();
    redactor.mask_in_place(&mut masked.first_arrival);
    masked.later_arrivals.iter_mut().for_each(|text| redactor.mask_in_place(text));
    for (_, text) in &mut masked.passages {
        redactor.mask_in_place(text);
    }
    Cow::Owned(masked)
}

/// Masks what is said of a command or a call.
pub(super) fn mark(mark: &mut Mark, redactor: &Redactor) {
    mark.reason.iter_mut().chain(&mut mark.url).for_each(|text| redactor.mask_in_place(text));
}

/// Masks what a run's end says.
pub(super) fn end(end: &mut RunEnd, redactor: &Redactor) {
    end.reason.iter_mut().chain(&mut end.notes).for_each(|text| redactor.mask_in_place(text));
    let errors = end.services.iter_mut().filter_map(|service| service.error.as_mut());
    errors.for_each(|error| details(error, redactor));
}

fn details(error: &mut ErrorDetails, redactor: &Redactor) {
    let texts = [&mut error.kind, &mut error.message, &mut error.hint].into_iter();
    texts.chain(&mut error.cause_chain).for_each(|text| redactor.mask_in_place(text));
}

/// A service's message without secrets. One that is no MessagePack is masked as the bytes that it is.
pub(super) fn message(payload: Vec<u8>, redactor: &Redactor) -> Vec<u8> {
    // Nearly all messages have none, and are not taken apart.
    let Some(masked) = redactor.mask_bytes(&payload) else { return payload };
    texts_masked(&payload, redactor).unwrap_or(masked)
}

/// Masks each text and each binary of a MessagePack value, whose lengths change with it, and copies the rest. After the
/// specification at <https://github.com/msgpack/msgpack/blob/master/spec.md>. Nothing if it is not one.
fn texts_masked(payload: &[u8], redactor: &Redactor) -> Option<Vec<u8>> {
    let mut masked = Vec::with_capacity(payload.len());
    let mut rest = payload;
    while let Some(&marker) = rest.first() {
        let (is_text, head, length) = item(marker, rest)?;
        let (item, after) = rest.split_at_checked(head.checked_add(length)?)?;
        rest = after;
        match redactor.mask_bytes(&item[head..]).filter(|_| length > 0) {
            Some(text) => {
                // `str 32` and `bin 32`.
                masked.push(if is_text { 0xdb } else { 0xc6 });
                masked.extend_from_slice(&u32::try_from(text.len()).ok()?.to_be_bytes());
                masked.extend_from_slice(&text);
            }
            None => masked.extend_from_slice(item),
        }
    }
    Some(masked)
}

/// Of the item that begins with a marker: whether it is a text, how long its head is, and how many bytes of text or binary
/// stand behind it. Of a container the head is all: its items are looked at one by one.
fn item(marker: u8, rest: &[u8]) -> Option<(bool, usize, usize)> {
    let number = |bytes: usize| {
        let digits = rest.get(1..=bytes)?;
        Some(digits.iter().fold(0_usize, |number, digit| number << 8 | usize::from(*digit)))
    };
    let scalar = |bytes: usize| Some((false, 1 + bytes, 0));
    match marker {
        0xa0..=0xbf => Some((true, 1, usize::from(marker & 0x1f))),
        0xd9..=0xdb => {
            let bytes = 1 << (marker - 0xd9);
            Some((true, 1 + bytes, number(bytes)?))
        }
        0xc4..=0xc6 => {
            let bytes = 1 << (marker - 0xc4);
            Some((false, 1 + bytes, number(bytes)?))
        }
        // Extensions: their type is a part of the head, and their data is no text of a server or a user.
        0xc7..=0xc9 => {
            let bytes = 1 << (marker - 0xc7);
            scalar(bytes + 1 + number(bytes)?)
        }
        0xd4..=0xd8 => scalar(1 + (1 << (marker - 0xd4))),
        0xcc | 0xd0 => scalar(1),
        0xcd | 0xd1 | 0xdc | 0xde => scalar(2),
        0xca | 0xce | 0xd2 | 0xdd | 0xdf => scalar(4),
        0xcb | 0xcf | 0xd3 => scalar(8),
        0xc1 => None,
        _ => scalar(0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const KEY: &str = "sk-0123456789";

    fn masked(value: &Value) -> Value {
        let payload = rmp_serde::to_vec(value).unwrap();
        rmp_serde::from_slice(&message(payload, &Redactor::of([KEY]))).unwrap()
    }

    #[test]
    fn texts_are_masked_and_everything_else_is_as_it_was() {
        let long = "x".repeat(70_000);
        let numbers = json!([
            0,
            -1,
            127,
            128,
            -33,
            300,
            -300,
            70_000,
            -70_000,
            5_000_000_000_u64,
            -5_000_000_000_i64,
            1.5
        ]);
        let many: Vec<u32> = (0..70_000).collect();
        let with = |key: &str| {
            json!({
                "key": key, "in it": format!("{long}{key} and {}", "y".repeat(300)), "numbers": numbers, "none": null,
                "many": many, "yes": true, (key): ["a", {"b": key}]
            })
        };
        assert_eq!(masked(&with(KEY)), with("<redacted>"));
        assert_eq!(masked(&with("other")), with("other"));
    }

    #[test]
    fn texts_that_wait_to_be_counted_hold_no_secret() {
        let redactor = Redactor::of([KEY]);
        let with = |key: &str| Texts {
            passages: vec![(true, format!("the key is {key}")), (false, "yes".to_owned())],
            first_arrival: key.to_owned(),
            later_arrivals: vec![format!("yes, {key}")],
        };
        assert_eq!(*texts(&with(KEY), &redactor), with("<redacted>"));
        assert!(matches!(texts(&with("other"), &redactor), Cow::Borrowed(_)));
    }

    #[test]
    fn binaries_are_masked_and_extensions_pass() {
        let mut payload = vec![0x93, 0xc4, 13];
        payload.extend_from_slice(KEY.as_bytes());
        payload.extend_from_slice(&[0xd6, 1, 0xa1, 0xa1, 0xa1, 0xa1, 0xc7, 2, 5, 0xff, 0xff]);
        let masked = message(payload.clone(), &Redactor::of([KEY]));
        assert!(masked.starts_with(&[0x93, 0xc6, 0, 0, 0, 10]) && masked.ends_with(&payload[16..]));
    }

    #[test]
    fn what_is_no_message_is_masked_as_bytes() {
        let payload = format!("\u{1}\u{7f}{KEY}").into_bytes();
        let cut = [&[0xdb, 0xff, 0, 0, 0][..], &payload].concat();
        assert_eq!(message(cut, &Redactor::of([KEY])), b"\xdb\xff\0\0\0\x01\x7f<redacted>");
    }
}
