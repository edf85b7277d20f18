//! Takes the request that a library writes, and hands it on to the host's own sink.
//!
//! The body is kept until the library is done with it: the user's fields are merged into it then, where it asks for that.

use std::ptr;

use abi_stable::std_types::RStr;
use prony_plugin_api::{
    ErrorKind,
    abi::{AbiError, RequestOut},
};
use serde_json::{Map, Value};

use super::{
    layout::{CRequest, CText},
    words::broken,
};

/// A body that is larger is refused by the host, whatever follows: nothing more of it is kept.
const LARGEST_BODY: usize = 512 << 20;

/// What the user can do about extra inputs that cannot be merged.
const AN_OBJECT: &str = "extra inputs must be a JSON object";

/// A request for the length of one call. The library sees its first field.
#[repr(C)]
struct Request {
    table: CRequest,
    out: RequestOut,
    body: Vec<u8>,
    /// Objects to be merged into the body, in order.
    extras: Vec<Vec<u8>>,
    /// The first thing that was handed over and cannot be used, and what is wrong with it.
    fault: Option<(&'static str, &'static str)>,
}

const TABLE: CRequest = CRequest {
    size: size_of::<CRequest>(),
    path: on_path,
    header: on_header,
    api_key_header: on_api_key_header,
    body: on_body,
    part: on_part,
    merge: on_merge,
};

/// Lends a sink for the length of a call, and hands on what was written into it.
pub(super) fn lend(
    out: RequestOut,
    call: impl FnOnce(*const CRequest) -> Result<(), AbiError>,
) -> Result<(), AbiError> {
    let mut request = Request { table: TABLE, out, body: Vec::new(), extras: Vec::new(), fault: None };
    call(ptr::from_mut(&mut request).cast_const().cast())?;
    if let Some((name, fault)) = request.fault {
        return Err(broken(ErrorKind::MALFORMED, format!("write the request: its {name} {fault}")));
    }
    let body = request.extras.iter().try_fold(request.body, |body, extra| merged(&body, extra))?;
    if !body.is_empty() {
        (out.vt.body())(out.context, body.as_slice().into());
    }
    Ok(())
}

/// A body with the members of an object, which win.
fn merged(body: &[u8], extra: &[u8]) -> Result<Vec<u8>, AbiError> {
    let mut fields: Map<String, Value> = serde_json::from_slice(body).map_err(|error| {
        let message = format!("merge the extra inputs into a body that is no JSON object: {error}");
        broken(ErrorKind::MALFORMED, message)
    })?;
    let extra: Map<String, Value> = serde_json::from_slice(extra).map_err(|error| {
        let text = String::from_utf8_lossy(extra);
        let message = format!("merge the extra inputs `{text}` into the body: {error}");
        AbiError { hint: AN_OBJECT.into(), ..broken(ErrorKind::UNSUPPORTED, message) }
    })?;
    fields.extend(extra);
    serde_json::to_vec(&fields).map_err(|error| broken(ErrorKind::IO, format!("write the body: {error}")))
}

impl Request {
    /// Notes what is wrong. The first such thing is reported.
    fn refuse(&mut self, name: &'static str, what: CText) {
        self.fault = self.fault.or(Some((name, what.fault())));
    }

    /// A text that was handed over under this name, as it was read.
    fn sound<'a>(&mut self, name: &'static str, what: CText, text: Option<&'a str>) -> Option<RStr<'a>> {
        if text.is_none() {
            self.refuse(name, what);
        }
        text.map(RStr::from)
    }
}

/// # Safety
/// `request` was made by [`lend`], whose call is under way.
unsafe fn lent<'a>(request: *const CRequest) -> &'a mut Request {
    // SAFETY: the caller's obligation.
    unsafe { &mut *request.cast_mut().cast::<Request>() }
}

extern "C" fn on_path(request: *const CRequest, path: CText) {
    // SAFETY: the header lets it be called during the call that it was lent for, and from its thread.
    let request = unsafe { lent(request) };
    // SAFETY: the header has the library keep a text until this returns.
    let text = unsafe { path.text() };
    if let Some(path) = request.sound("path", path, text) {
        (request.out.vt.path())(request.out.context, path);
    }
}

extern "C" fn on_header(request: *const CRequest, name: CText, value: CText) {
    // SAFETY: as in `on_path`.
    let request = unsafe { lent(request) };
    // SAFETY: as in `on_path`.
    let name_text = unsafe { name.text() };
    // SAFETY: as in `on_path`.
    let value_text = unsafe { value.text() };
    let name = request.sound("header", name, name_text);
    if let (Some(name), Some(value)) = (name, request.sound("header", value, value_text)) {
        (request.out.vt.header())(request.out.context, name, value);
    }
}

extern "C" fn on_api_key_header(request: *const CRequest, name: CText, prefix: CText) {
    // SAFETY: as in `on_path`.
    let request = unsafe { lent(request) };
    // SAFETY: as in `on_path`.
    let name_text = unsafe { name.text() };
    // SAFETY: as in `on_path`.
    let prefix_text = unsafe { prefix.text() };
    let name = request.sound("header", name, name_text);
    if let (Some(name), Some(prefix)) = (name, request.sound("header", prefix, prefix_text)) {
        (request.out.vt.api_key_header())(request.out.context, name, prefix);
    }
}

extern "C" fn on_body(request: *const CRequest, bytes: CText) {
    // SAFETY: as in `on_path`.
    let request = unsafe { lent(request) };
    // SAFETY: as in `on_path`.
    match unsafe { bytes.bytes() } {
        None => request.refuse("body", bytes),
        Some(bytes) if request.body.len() <= LARGEST_BODY => request.body.extend_from_slice(bytes),
        Some(_) => {}
    }
}

extern "C" fn on_part(request: *const CRequest, name: CText, file: CText, content_type: CText, bytes: CText) {
    // SAFETY: as in `on_path`.
    let request = unsafe { lent(request) };
    // SAFETY: as in `on_path`.
    let name_text = unsafe { name.text() };
    // SAFETY: as in `on_path`.
    let file_text = unsafe { file.text() };
    // SAFETY: as in `on_path`.
    let type_text = unsafe { content_type.text() };
    // SAFETY: as in `on_path`.
    let content = unsafe { bytes.bytes() };
    let texts = [(name, name_text), (file, file_text), (content_type, type_text)];
    let texts = texts.map(|(what, text)| request.sound("part", what, text));
    match (texts, content) {
        ([Some(name), Some(file), Some(content_type)], Some(content)) => {
            (request.out.vt.part())(request.out.context, name, file, content_type, content.into());
        }
        (_, None) => request.refuse("part", bytes),
        // What is wrong was noted above.
        (_, Some(_)) => {}
    }
}

extern "C" fn on_merge(request: *const CRequest, object: CText) {
    // SAFETY: as in `on_path`.
    let request = unsafe { lent(request) };
    // SAFETY: as in `on_path`.
    let bytes = unsafe { object.bytes() };
    match bytes.map(<[u8]>::trim_ascii) {
        Some(b"" | b"{}") => {}
        Some(bytes) => request.extras.push(bytes.to_vec()),
        None => request.refuse("merged object", object),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_user_win_and_stand_where_they_stood() {
        let body = merged(br#"{"model":"m","stream":true}"#, br#"{"model":"n","seed":7}"#).unwrap();
        assert_eq!(std::str::from_utf8(&body).unwrap(), r#"{"model":"n","stream":true,"seed":7}"#);
    }

    #[test]
    fn what_is_no_object_cannot_be_merged() {
        let error = merged(b"{}", b"[1]").unwrap_err();
        assert_eq!((error.kind, error.hint.as_str()), (ErrorKind::UNSUPPORTED.0, AN_OBJECT));
        let error = merged(b"[]", b"{\"a\":1}").unwrap_err();
        assert_eq!(error.kind, ErrorKind::MALFORMED.0);
        assert!(error.message.contains("a body that is no JSON object"), "{}", error.message);
    }
}
