//! The structs of `prony_plugin.h`, field by field, and the functions in them.
//!
//! [`CText`], [`CPart`], [`CMessage`] and [`CUsage`] never change. Tables grow at their ends, and begin with their size.

use std::{
    ffi::{c_char, c_void},
    slice,
};

/// `prony_text`: bytes that are text unless the header says otherwise.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct CText {
    data: *const u8,
    length: usize,
}

impl CText {
    /// Lends a text.
    pub(super) fn of(text: &str) -> Self {
        Self::of_bytes(text.as_bytes())
    }

    /// Lends bytes.
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), length: bytes.len() }
    }

    /// Its bytes; `None` if there cannot be any.
    ///
    /// # Safety
    /// Where the data are not null, they are so many bytes, and stay as they are for `'a`.
    pub(super) unsafe fn bytes<'a>(self) -> Option<&'a [u8]> {
        if self.length == 0 {
            return Some(&[]);
        }
        if self.data.is_null() || isize::try_from(self.length).is_err() {
            return None;
        }
        // SAFETY: the caller's obligation; the length is one that a slice can have.
        Some(unsafe { slice::from_raw_parts(self.data, self.length) })
    }

    /// Its text; `None` if it is none.
    ///
    /// # Safety
    /// As [`CText::bytes`].
    pub(super) unsafe fn text<'a>(self) -> Option<&'a str> {
        // SAFETY: the caller's obligation.
        let bytes = unsafe { self.bytes() }?;
        std::str::from_utf8(bytes).ok()
    }

    /// What is wrong with one that has no bytes, or no text.
    pub(super) fn fault(self) -> &'static str {
        match isize::try_from(self.length) {
            Err(_) => "has a length that no memory has",
            Ok(_) if self.data.is_null() => "is NULL with a length",
            Ok(_) => "is no UTF-8",
        }
    }
}

/// `prony_part`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct CPart {
    pub(super) kind: u32,
    pub(super) reserved: u32,
    pub(super) name: CText,
    pub(super) data: CText,
}

/// `prony_message`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct CMessage {
    pub(super) role: CText,
    pub(super) parts: *const CPart,
    pub(super) part_count: usize,
}

/// `prony_turn`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct CTurn {
    pub(super) size: usize,
    pub(super) model: CText,
    pub(super) messages: *const CMessage,
    pub(super) message_count: usize,
    pub(super) max_tokens: u64,
    pub(super) streaming: u32,
    pub(super) turn_index: u32,
    pub(super) request_id: CText,
    pub(super) conversation_id: CText,
    pub(super) extra_json: CText,
    pub(super) facts_json: CText,
}

/// `prony_usage`: a count that is not there is `u64::MAX`, as in the contract's own `Usage`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct CUsage {
    pub(super) prompt: u64,
    pub(super) completion: u64,
    pub(super) total: u64,
    pub(super) reasoning: u64,
    pub(super) cache_read: u64,
    pub(super) cache_write: u64,
}

/// `prony_error`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct CError {
    pub(super) size: usize,
    pub(super) message: extern "C" fn(*const CError, CText),
    pub(super) hint: extern "C" fn(*const CError, CText),
}

/// `prony_request`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct CRequest {
    pub(super) size: usize,
    pub(super) path: extern "C" fn(*const CRequest, CText),
    pub(super) header: extern "C" fn(*const CRequest, CText, CText),
    pub(super) api_key_header: extern "C" fn(*const CRequest, CText, CText),
    pub(super) body: extern "C" fn(*const CRequest, CText),
    pub(super) part: extern "C" fn(*const CRequest, CText, CText, CText, CText),
    pub(super) merge: extern "C" fn(*const CRequest, CText),
}

/// `prony_events`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct CEvents {
    pub(super) size: usize,
    pub(super) text: extern "C" fn(*const CEvents, u32, u32, CText),
    pub(super) json_text: extern "C" fn(*const CEvents, u32, u32, CText),
    pub(super) usage: extern "C" fn(*const CEvents, *const CUsage),
    pub(super) finish: extern "C" fn(*const CEvents, u32, CText),
    pub(super) error: extern "C" fn(*const CEvents, u32, CText, CText),
    pub(super) embedding: extern "C" fn(*const CEvents, u32, u32),
    pub(super) ranking: extern "C" fn(*const CEvents, u32, f64),
    pub(super) media: extern "C" fn(*const CEvents, u32, CText, u64, CText),
    pub(super) follow_up: extern "C" fn(*const CEvents, CText, u64),
    pub(super) fact: extern "C" fn(*const CEvents, CText, CText),
    pub(super) done: extern "C" fn(*const CEvents),
    pub(super) tool_call: extern "C" fn(*const CEvents, u32, u32, CText, CText, CText),
}

/// `prony_take`, which C may leave out.
pub(super) type CTake = Option<extern "C" fn(*mut c_void, CText)>;

/// `prony_host`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct CHost {
    pub(super) size: usize,
    pub(super) epoch: u32,
    pub(super) minor: u32,
    pub(super) log_enabled: extern "C" fn(*const CHost, u32, CText) -> i32,
    pub(super) log: extern "C" fn(*const CHost, u32, CText, CText),
    pub(super) publish: extern "C" fn(*const CHost, CText, CText) -> u32,
    pub(super) publish_json: extern "C" fn(*const CHost, CText, CText) -> u32,
    pub(super) message_json: extern "C" fn(*const CHost, CText, *mut c_void, CTake) -> i32,
    pub(super) now_ns: extern "C" fn(*const CHost) -> u64,
    pub(super) run_facts: extern "C" fn(*const CHost, *mut c_void, CTake),
    pub(super) request_stop: extern "C" fn(*const CHost, CText),
}

/// Makes an endpoint or a service.
pub(super) type Create = extern "C" fn(CText, *const CHost, *mut *mut c_void, *const CError) -> i32;
/// Frees what was made.
pub(super) type Destroy = extern "C" fn(*mut c_void);
/// Writes a request.
pub(super) type Format = extern "C" fn(*mut c_void, *const CTurn, *const CRequest, *const CError) -> i32;
pub(super) type MakeParser = extern "C" fn(*mut c_void, *mut *mut c_void, *const CError) -> i32;
pub(super) type ReadEvent = extern "C" fn(*mut c_void, CText, CText, *const CEvents, *const CError) -> i32;
/// Reads a whole response.
pub(super) type ReadBody = extern "C" fn(*mut c_void, u32, CText, *const CEvents, *const CError) -> i32;
/// Hears that a response is over.
pub(super) type ReadEnd = extern "C" fn(*mut c_void, *const CEvents, *const CError) -> i32;
/// A step of a service's life.
pub(super) type Step = extern "C" fn(*mut c_void, *const CError) -> i32;
/// Hears a message.
pub(super) type OnMessage = extern "C" fn(*mut c_void, CText, CText, *const CError) -> i32;
/// Ends a service.
pub(super) type Stop = extern "C" fn(*mut c_void, u64, *const CError) -> i32;
/// Starts a library.
pub(super) type Init = extern "C" fn(*const CHost, *const CError) -> i32;

/// `prony_endpoint`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct CEndpoint {
    pub(super) size: usize,
    pub(super) type_name: *const c_char,
    pub(super) create: Option<Create>,
    pub(super) destroy: Option<Destroy>,
    pub(super) format: Option<Format>,
    pub(super) parser: Option<MakeParser>,
    pub(super) parser_destroy: Option<Destroy>,
    pub(super) event: Option<ReadEvent>,
    pub(super) body: Option<ReadBody>,
    pub(super) end: Option<ReadEnd>,
}

/// `prony_service`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct CService {
    pub(super) size: usize,
    pub(super) type_name: *const c_char,
    pub(super) subscriptions: *const *const c_char,
    pub(super) subscription_count: usize,
    pub(super) create: Option<Create>,
    pub(super) init: Option<Step>,
    pub(super) start: Option<Step>,
    pub(super) on_message: Option<OnMessage>,
    pub(super) stop: Option<Stop>,
    pub(super) destroy: Option<Destroy>,
}

/// `prony_plugin`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(in crate::plugin::loader) struct CPlugin {
    pub(super) size: usize,
    pub(super) epoch: u32,
    pub(super) minor: u32,
    pub(super) init: Option<Init>,
    pub(super) endpoints: *const *const CEndpoint,
    pub(super) endpoint_count: usize,
    pub(super) services: *const *const CService,
    pub(super) service_count: usize,
}

#[cfg(test)]
#[cfg(target_pointer_width = "64")]
mod tests {
    use std::mem::offset_of;

    use super::*;

    /// The header's side of it is held to the same numbers in `tests/fixtures/c/layout.c`.
    #[test]
    fn the_layout_is_that_of_the_header() {
        assert_eq!((size_of::<CText>(), offset_of!(CText, length)), (16, 8));
        assert_eq!((size_of::<CUsage>(), offset_of!(CUsage, cache_write)), (48, 40));
        assert_eq!((size_of::<CPart>(), offset_of!(CPart, data)), (40, 24));
        assert_eq!((size_of::<CMessage>(), offset_of!(CMessage, part_count)), (32, 24));
        assert_eq!((size_of::<CTurn>(), offset_of!(CTurn, facts_json)), (120, 104));
        assert_eq!((size_of::<CError>(), offset_of!(CError, hint)), (24, 16));
        assert_eq!((size_of::<CRequest>(), offset_of!(CRequest, merge)), (56, 48));
        assert_eq!((size_of::<CEvents>(), offset_of!(CEvents, tool_call)), (104, 96));
        assert_eq!((size_of::<CHost>(), offset_of!(CHost, request_stop)), (80, 72));
        assert_eq!((size_of::<CEndpoint>(), offset_of!(CEndpoint, end)), (80, 72));
        assert_eq!((size_of::<CService>(), offset_of!(CService, destroy)), (80, 72));
        assert_eq!((size_of::<CPlugin>(), offset_of!(CPlugin, service_count)), (56, 48));
    }

    #[test]
    fn a_text_is_read_only_if_it_can_be_one() {
        let read = |text: CText| {
            // SAFETY: what is not null here is a text of this test's.
            unsafe { text.text() }
        };
        assert_eq!(read(CText::of("é")), Some("é"));
        assert_eq!(read(CText::of_bytes(b"\xff")), None);
        assert_eq!(read(CText { data: std::ptr::null(), length: 0 }), Some(""));
        assert_eq!(read(CText { data: std::ptr::null(), length: 1 }), None);
        assert_eq!(read(CText { data: "x".as_ptr(), length: usize::MAX }), None);
    }
}
