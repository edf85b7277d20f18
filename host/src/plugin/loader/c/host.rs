//! The host as C sees it: the contract's own table behind functions of the header.

use std::{ffi::c_void, ptr};

use prony_plugin_api::{
    abi::Host,
    version::{EPOCH, MINOR},
};
use serde_json::{Map, Value};

use super::layout::{CHost, CTake, CText};

/// What `publish` answers where there is no message.
const MALFORMED: u32 = 4;

/// The library sees its first field.
#[repr(C)]
struct HostForC {
    table: CHost,
    host: Host,
}

const TABLE: CHost = CHost {
    size: size_of::<CHost>(),
    epoch: EPOCH,
    minor: MINOR,
    log_enabled,
    log,
    publish,
    publish_json,
    message_json,
    now_ns,
    run_facts,
    request_stop,
};

/// A table for one library or service. It is kept for the life of the process, because threads of the library's may outlive
/// everything else.
pub(super) fn leak(host: Host) -> *const CHost {
    ptr::from_ref::<HostForC>(Box::leak(Box::new(HostForC { table: TABLE, host }))).cast()
}

/// # Safety
/// `host` was made by [`leak`].
unsafe fn of(host: *const CHost) -> Host {
    // SAFETY: the caller's obligation; what was leaked lives for ever.
    let leaked = unsafe { &*host.cast::<HostForC>() };
    leaked.host
}

extern "C" fn log_enabled(host: *const CHost, level: u32, target: CText) -> i32 {
    // SAFETY: the header has the library hand over the host that it was given.
    let host = unsafe { of(host) };
    // SAFETY: the header has the library keep a text until this returns.
    let target = unsafe { target.text() }.unwrap_or_default();
    i32::from((host.vt.log_enabled())(host.context, level, target.into()))
}

extern "C" fn log(host: *const CHost, level: u32, target: CText, text: CText) {
    // SAFETY: as in `log_enabled`.
    let host = unsafe { of(host) };
    // SAFETY: as in `log_enabled`.
    let target = unsafe { target.text() }.unwrap_or_default();
    // SAFETY: as in `log_enabled`.
    let text = String::from_utf8_lossy(unsafe { text.bytes() }.unwrap_or_default());
    (host.vt.log())(host.context, level, target.into(), (&*text).into());
}

extern "C" fn publish(host: *const CHost, message_type: CText, payload: CText) -> u32 {
    // SAFETY: as in `log_enabled`.
    let host = unsafe { of(host) };
    // SAFETY: as in `log_enabled`.
    let message_type = unsafe { message_type.text() };
    // SAFETY: as in `log_enabled`.
    let payload = unsafe { payload.bytes() };
    match (message_type, payload) {
        (Some(message_type), Some(payload)) => {
            (host.vt.publish())(host.context, message_type.into(), payload.into())
        }
        _ => MALFORMED,
    }
}

extern "C" fn publish_json(host: *const CHost, message_type: CText, json: CText) -> u32 {
    // SAFETY: as in `log_enabled`.
    let json = unsafe { json.bytes() }.unwrap_or_default();
    match message_pack(json) {
        Some(payload) => publish(host, message_type, CText::of_bytes(&payload)),
        None => MALFORMED,
    }
}

/// A JSON object as MessagePack with named fields.
fn message_pack(json: &[u8]) -> Option<Vec<u8>> {
    let message: Map<String, Value> = serde_json::from_slice(json).ok()?;
    rmp_serde::to_vec_named(&message).ok()
}

extern "C" fn message_json(_host: *const CHost, payload: CText, context: *mut c_void, take: CTake) -> i32 {
    // SAFETY: as in `log_enabled`.
    let payload = unsafe { payload.bytes() }.unwrap_or_default();
    let (Some(take), Ok(message)) = (take, rmp_serde::from_slice::<Value>(payload)) else { return 0 };
    take(context, CText::of(&message.to_string()));
    1
}

extern "C" fn now_ns(host: *const CHost) -> u64 {
    // SAFETY: as in `log_enabled`.
    let host = unsafe { of(host) };
    (host.vt.now_ns())(host.context)
}

extern "C" fn run_facts(host: *const CHost, context: *mut c_void, take: CTake) {
    // SAFETY: as in `log_enabled`.
    let host = unsafe { of(host) };
    if let Some(take) = take {
        take(context, CText::of((host.vt.run_facts())(host.context).as_str()));
    }
}

extern "C" fn request_stop(host: *const CHost, reason: CText) {
    // SAFETY: as in `log_enabled`.
    let host = unsafe { of(host) };
    // SAFETY: as in `log_enabled`.
    let reason = String::from_utf8_lossy(unsafe { reason.bytes() }.unwrap_or_default());
    (host.vt.request_stop())(host.context, (&*reason).into());
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::{Message, message::PhaseStarted};

    use super::*;

    #[test]
    fn the_header_has_the_same_number_for_what_is_no_message() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugin-api/include/prony_plugin.h");
        let header = std::fs::read_to_string(path).unwrap();
        assert!(header.contains(&format!(" PRONY_PUBLISH_MALFORMED = {MALFORMED} ")));
    }

    #[test]
    fn a_json_object_is_a_message_that_the_host_understands() {
        let payload = message_pack(br#"{"index": 3, "kind": "warmup", "at_ns": 7}"#).unwrap();
        assert_eq!(PhaseStarted::decode(&payload).unwrap().index, 3);
        assert_eq!((message_pack(b"[]"), message_pack(b"{"), message_pack(b"")), (None, None, None));
    }
}
