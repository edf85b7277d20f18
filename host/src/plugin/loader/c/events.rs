//! Takes what a library reads in a response, and hands it on to the host's own sink.

use std::ptr;

use abi_stable::std_types::RStr;
use prony_plugin_api::{
    ErrorKind,
    abi::{AbiError, EventOut, Usage},
};

use super::{
    layout::{CEvents, CText, CUsage},
    words::broken,
};

/// A sink for the length of one call. The library sees its first field.
#[repr(C)]
struct Events {
    table: CEvents,
    out: EventOut,
    /// The first thing that was handed over and is not what it should be.
    fault: Option<&'static str>,
}

const TABLE: CEvents = CEvents {
    size: size_of::<CEvents>(),
    text: on_text,
    json_text: on_json_text,
    usage: on_usage,
    finish: on_finish,
    error: on_error,
    embedding: on_embedding,
    ranking: on_ranking,
    media: on_media,
    follow_up: on_follow_up,
    fact: on_fact,
    done: on_done,
    tool_call: on_tool_call,
};

/// What is wrong with a text.
const NO_TEXT: &str = "a text that is no UTF-8";

/// Lends a sink for the length of a call.
pub(super) fn lend(
    out: EventOut,
    call: impl FnOnce(*const CEvents) -> Result<(), AbiError>,
) -> Result<(), AbiError> {
    let mut events = Events { table: TABLE, out, fault: None };
    call(ptr::from_mut(&mut events).cast_const().cast())?;
    match events.fault {
        None => Ok(()),
        Some(fault) => {
            Err(broken(ErrorKind::MALFORMED, format!("read the response: the plugin reports {fault}")))
        }
    }
}

impl Events {
    /// Notes what is wrong. The first such thing is reported.
    fn refuse(&mut self, fault: &'static str) {
        self.fault = self.fault.or(Some(fault));
    }

    /// Texts that were handed over together; `None` if one of them is none.
    fn sound<'a, const N: usize>(&mut self, texts: [Option<&'a str>; N]) -> Option<[RStr<'a>; N]> {
        if texts.iter().any(Option::is_none) {
            self.refuse(NO_TEXT);
            return None;
        }
        Some(texts.map(|text| RStr::from(text.unwrap_or_default())))
    }

    fn text(&self, channel: u32, choice: u32, text: &str) {
        (self.out.vt.text())(self.out.context, channel, choice, text.into());
    }

    /// The text of a JSON string: as it stands in the response where it holds no escapes, as most do. What looks like a string and is
    /// none, such as `"a":"b"`, is left to the reader of JSON to refuse.
    fn json_text(&mut self, channel: u32, choice: u32, value: &[u8]) {
        let inner = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        // All bytes are looked at, which takes less time than to stop at one.
        let has_control = |text: &[u8]| text.iter().any(|byte| *byte < 0x20);
        let plain =
            inner.filter(|inner| memchr::memchr2(b'"', b'\\', inner).is_none() && !has_control(inner));
        match plain.map(std::str::from_utf8) {
            Some(Ok(text)) => self.text(channel, choice, text),
            Some(Err(_)) => self.refuse(NO_TEXT),
            None => match serde_json::from_slice::<Option<String>>(value) {
                Ok(Some(text)) => self.text(channel, choice, &text),
                Ok(None) => {}
                Err(_) => self.refuse("a JSON string that is none"),
            },
        }
    }
}

/// # Safety
/// `out` was made by [`lend`], whose call is under way.
unsafe fn lent<'a>(out: *const CEvents) -> &'a mut Events {
    // SAFETY: the caller's obligation.
    unsafe { &mut *out.cast_mut().cast::<Events>() }
}

extern "C" fn on_text(out: *const CEvents, channel: u32, choice: u32, text: CText) {
    // SAFETY: the header lets it be called during the call that it was lent for, and from its thread.
    let events = unsafe { lent(out) };
    // SAFETY: the header has the library keep a text until this returns.
    let text = unsafe { text.text() };
    if let Some([text]) = events.sound([text]) {
        (events.out.vt.text())(events.out.context, channel, choice, text);
    }
}

extern "C" fn on_json_text(out: *const CEvents, channel: u32, choice: u32, value: CText) {
    // SAFETY: as in `on_text`.
    let events = unsafe { lent(out) };
    // SAFETY: as in `on_text`.
    match unsafe { value.bytes() } {
        Some([]) => {}
        Some(value) => events.json_text(channel, choice, value),
        None => events.refuse(NO_TEXT),
    }
}

extern "C" fn on_usage(out: *const CEvents, usage: *const CUsage) {
    // SAFETY: as in `on_text`.
    let events = unsafe { lent(out) };
    // SAFETY: the header has the library keep it until this returns; null is none.
    let Some(usage) = (unsafe { usage.as_ref() }) else {
        events.refuse("a usage that is NULL");
        return;
    };
    let usage = Usage {
        prompt: usage.prompt,
        completion: usage.completion,
        total: usage.total,
        reasoning: usage.reasoning,
        cache_read: usage.cache_read,
        cache_write: usage.cache_write,
    };
    (events.out.vt.usage())(events.out.context, &usage);
}

extern "C" fn on_finish(out: *const CEvents, choice: u32, reason: CText) {
    // SAFETY: as in `on_text`.
    let events = unsafe { lent(out) };
    // SAFETY: as in `on_text`.
    let reason = unsafe { reason.text() };
    if let Some([reason]) = events.sound([reason]) {
        (events.out.vt.finish())(events.out.context, choice, reason);
    }
}

extern "C" fn on_error(out: *const CEvents, code: u32, kind: CText, message: CText) {
    // SAFETY: as in `on_text`.
    let events = unsafe { lent(out) };
    // SAFETY: as in `on_text`.
    let kind = unsafe { kind.text() };
    // SAFETY: as in `on_text`.
    let message = unsafe { message.text() };
    if let Some([kind, message]) = events.sound([kind, message]) {
        (events.out.vt.error())(events.out.context, code, kind, message);
    }
}

extern "C" fn on_embedding(out: *const CEvents, index: u32, dimensions: u32) {
    // SAFETY: as in `on_text`.
    let events = unsafe { lent(out) };
    (events.out.vt.embedding())(events.out.context, index, dimensions);
}

extern "C" fn on_ranking(out: *const CEvents, index: u32, score: f64) {
    // SAFETY: as in `on_text`.
    let events = unsafe { lent(out) };
    (events.out.vt.ranking())(events.out.context, index, score);
}

extern "C" fn on_media(out: *const CEvents, kind: u32, content_type: CText, bytes: u64, url: CText) {
    // SAFETY: as in `on_text`.
    let events = unsafe { lent(out) };
    // SAFETY: as in `on_text`.
    let content_type = unsafe { content_type.text() };
    // SAFETY: as in `on_text`.
    let url = unsafe { url.text() };
    if let Some([content_type, url]) = events.sound([content_type, url]) {
        (events.out.vt.media())(events.out.context, kind, content_type, bytes, url);
    }
}

extern "C" fn on_follow_up(out: *const CEvents, path: CText, after_ms: u64) {
    // SAFETY: as in `on_text`.
    let events = unsafe { lent(out) };
    // SAFETY: as in `on_text`.
    let path = unsafe { path.text() };
    if let Some([path]) = events.sound([path]) {
        (events.out.vt.follow_up())(events.out.context, path, after_ms);
    }
}

extern "C" fn on_fact(out: *const CEvents, name: CText, value: CText) {
    // SAFETY: as in `on_text`.
    let events = unsafe { lent(out) };
    // SAFETY: as in `on_text`.
    let name = unsafe { name.text() };
    // SAFETY: as in `on_text`.
    let value = unsafe { value.text() };
    if let Some([name, value]) = events.sound([name, value]) {
        (events.out.vt.fact())(events.out.context, name, value);
    }
}

extern "C" fn on_done(out: *const CEvents) {
    // SAFETY: as in `on_text`.
    let events = unsafe { lent(out) };
    (events.out.vt.done())(events.out.context);
}

extern "C" fn on_tool_call(
    out: *const CEvents,
    choice: u32,
    index: u32,
    id: CText,
    name: CText,
    arguments: CText,
) {
    // SAFETY: as in `on_text`.
    let events = unsafe { lent(out) };
    // SAFETY: as in `on_text`.
    let id = unsafe { id.text() };
    // SAFETY: as in `on_text`.
    let name = unsafe { name.text() };
    // SAFETY: as in `on_text`.
    let arguments = unsafe { arguments.text() };
    if let (Some([id, name, arguments]), Some(tool_call)) =
        (events.sound([id, name, arguments]), events.out.vt.tool_call())
    {
        tool_call(events.out.context, choice, index, id, name, arguments);
    }
}
