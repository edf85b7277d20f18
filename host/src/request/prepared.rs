//! A request that is ready to be sent: formatted before it is due.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use prony_plugin_api::{
    ErrorDetails, PartKind,
    abi::host::{RequestSink, Turn as TurnView, TurnMessage, TurnPart},
};
use uuid::Uuid;

use super::{
    choices,
    endpoint::Endpoint,
    failure_kind::FailureKind,
    headers,
    limits::{self, Breach},
    one_token, payload,
    target::{Address, TargetPlan},
    trace_context,
};
use crate::{
    config::redact,
    dataset::{Part, roles},
    session::Turn,
};

/// Everything that goes on the wire, and what the record must remember of it.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// What is asked for.
    pub(crate) method: Method,
    /// Which of several servers it goes to.
    pub(crate) session_num: u64,
    /// Where it goes.
    pub(crate) place: Arc<Address>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Output tokens that it asks for.
    pub(crate) requested_output_tokens: Option<u64>,
    /// Choices that it asks for, where that can be told.
    pub(crate) choices: Option<u32>,
}

/// A new `X-Request-ID`.
pub(crate) fn new_request_id() -> String {
    Uuid::new_v4().to_string()
}

/// Formats a step of a session, behind what was said before it. Prompts without texts get them here, if nobody has written them.
/// The session's number chooses among several URLs; `unix_time_s` is now. `phase` is the session's, and none for a request outside
/// of every phase, whose session has no name.
pub(crate) fn prepare(
    endpoint: &Endpoint,
    target: &TargetPlan,
    turn: &Turn,
    phase: Option<u32>,
    request_id: &str,
    unix_time_s: u64,
) -> Result<Prepared, ErrorDetails> {
    let written = turn.written();
    let turn = written.as_ref().unwrap_or(turn);
    let (place, session_num) = (turn.step(), turn.session);
    let step = place.step;
    if let Some(why) = &step.unreadable {
        return Err(ErrorDetails {
            kind: FailureKind::Format.into(),
            message: why.to_string(),
            ..ErrorDetails::default()
        });
    }
    let payload = target.sample.as_ref().zip(payload::of(step));
    let extra_json = target.merge_extra(turn.class, &step.extra_json);
    let extra_json = if turn.fills_cache() { one_token::without_lengths(extra_json) } else { extra_json };
    let facts_json = target.facts(turn, unix_time_s);
    let mut draft = Draft { request_id, ..Draft::default() };
    with_messages(turn, payload.map(|(sample, _)| sample.parts()), |messages| {
        let view = TurnView {
            model: target.model_of(turn.class),
            messages,
            max_tokens: turn.max_tokens(),
            streaming: target.streaming,
            turn_index: place.number,
            request_id,
            conversation_id: place.script,
            extra_json: &extra_json,
            facts_json: &facts_json,
        };
        endpoint.format(&view, &mut draft)
    })?;
    if let Some((_, payload)) = payload {
        draft.body.clear();
        draft.body(payload.as_bytes());
    }
    if let Some(breach) = draft.breach {
        return Err(endpoint.breached(breach));
    }
    let finished = draft.finish(target, session_num, &step.headers);
    let (place, mut headers, body) = finished.map_err(|error| endpoint.unsendable(error))?;
    if let Some(phase) = phase {
        target.session_headers.add(&mut headers, phase, turn);
        if target.has_trace {
            trace_context::add(&mut headers, request_id);
        }
    }
    let is_users = step.parts().any(|part| part.kind == PartKind::RAW);
    let texts = step.parts().filter(|part| part.kind == PartKind::TEXT).count();
    let choices = choices::asked_for(&body, (!is_users).then_some(texts));
    let requested_output_tokens = turn.max_tokens();
    Ok(Prepared { method: Method::POST, session_num, place, headers, body, requested_output_tokens, choices })
}

/// Gives the messages of a request to what formats it: those of the history, then the step's own. `sample` stands in place of
/// content that is a whole body.
fn with_messages<T>(
    turn: &Turn,
    sample: Option<&[TurnPart<'static>]>,
    format: impl FnOnce(&[TurnMessage<'_>]) -> T,
) -> T {
    let own = turn.messages();
    if let Some(parts) = sample {
        let role = own.first().map_or(roles::USER, |message| &message.role);
        return format(&[TurnMessage { role, parts }]);
    }
    // Most requests repeat nothing, and need no list.
    if let ([], [only]) = (turn.past.messages.as_slice(), own) {
        return format(&[TurnMessage { role: &only.role, parts: &views(&only.parts) }]);
    }
    let said = turn.past.messages.iter().map(|said| (said.role(), views(said.parts())));
    let own = own.iter().map(|message| (message.role.as_str(), views(&message.parts)));
    let all: Vec<_> = said.chain(own).collect();
    let messages: Vec<_> = all.iter().map(|(role, parts)| TurnMessage { role, parts }).collect();
    format(&messages)
}

fn views(parts: &[Part]) -> Vec<TurnPart<'_>> {
    parts.iter().map(|part| TurnPart { kind: part.kind, name: &part.name, data: &part.data }).collect()
}

impl Prepared {
    /// Asks the server that a session with this number uses for what is at the target's path, with the user's key as a
    /// bearer token and the user's headers, and without a body: what no endpoint has formatted.
    pub(crate) fn plain(method: Method, target: &TargetPlan, session_num: u64) -> Result<Self, ErrorDetails> {
        let draft = Draft { request_id: &new_request_id(), ..Draft::default() };
        let (place, mut headers, body) = draft.finish(target, session_num, &[])?;
        headers.remove(header::CONTENT_TYPE);
        Ok(Self { method, session_num, place, headers, body, requested_output_tokens: None, choices: None })
    }

    /// Asks for what is at `place` as this request asked for an answer, with its key and its id.
    pub(super) fn follow_up(&self, place: Arc<Address>, target: &TargetPlan) -> Self {
        let mut headers = self.headers.clone();
        headers.remove(header::CONTENT_TYPE);
        if !target.user_headers.contains_key(header::ACCEPT) {
            // What it is depends on what is there: words about a job, or its result.
            headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        }
        Self { method: Method::GET, place, headers, body: Bytes::new(), ..*self }
    }
}

/// What the formatter has written so far.
#[derive(Debug, Default)]
struct Draft<'a> {
    request_id: &'a str,
    path: Option<String>,
    headers: Vec<(String, String)>,
    api_key_header: Option<(String, String)>,
    body: Vec<u8>,
    is_multipart: bool,
    /// Bytes of path and headers.
    head_bytes: usize,
    breach: Option<Breach>,
}

impl RequestSink for Draft<'_> {
    fn path(&mut self, path: &str) {
        if self.takes_head(path.len()) {
            self.path = Some(path.to_owned());
        }
    }

    fn header(&mut self, name: &str, value: &str) {
        if self.headers.len() == limits::HEADERS {
            self.refuse(Breach::Headers);
        } else if self.takes_head(name.len() + value.len()) {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
    }

    fn api_key_header(&mut self, name: &str, prefix: &str) {
        if self.takes_head(name.len() + prefix.len()) {
            self.api_key_header = Some((name.to_owned(), prefix.to_owned()));
        }
    }

    fn body(&mut self, bytes: &[u8]) {
        if self.takes_body(bytes.len()) {
            self.body.extend_from_slice(bytes);
        }
    }

    fn part(&mut self, name: &str, file_name: &str, content_type: &str, bytes: &[u8]) {
        if !self.takes_body(name.len() + file_name.len() + content_type.len() + bytes.len()) {
            return;
        }
        self.is_multipart = true;
        let mut head = format!("--{}\r\nContent-Disposition: form-data", self.request_id);
        head.extend(["; name=\"", &escaped(name), "\""]);
        if !file_name.is_empty() {
            head.extend(["; filename=\"", &escaped(file_name), "\""]);
        }
        if !content_type.is_empty() {
            head.push_str("\r\nContent-Type: ");
            head.extend(content_type.chars().filter(|character| !character.is_control()));
        }
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(b"\r\n\r\n");
        self.body.extend_from_slice(bytes);
        self.body.extend_from_slice(b"\r\n");
    }
}

/// A name of a form's field or file, as the HTML standard writes it into `multipart/form-data`: in UTF-8, without what
/// would end it.
fn escaped(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

impl Draft<'_> {
    fn takes_body(&mut self, bytes: usize) -> bool {
        let fits = self.breach.is_none() && self.body.len().saturating_add(bytes) <= limits::REQUEST_BYTES;
        if !fits {
            self.refuse(Breach::RequestBytes);
        }
        fits
    }

    fn takes_head(&mut self, bytes: usize) -> bool {
        self.head_bytes = self.head_bytes.saturating_add(bytes);
        let fits = self.breach.is_none() && self.head_bytes <= limits::HEAD_BYTES;
        if !fits {
            self.refuse(Breach::HeadBytes);
        }
        fits
    }

    /// Notes a breach; the first one stands. What was written is not sent.
    #[cold]
    fn refuse(&mut self, breach: Breach) {
        self.breach.get_or_insert(breach);
        (self.path, self.headers, self.body) = (None, Vec::new(), Vec::new());
    }

    fn finish(
        mut self,
        target: &TargetPlan,
        session_num: u64,
        own: &[(String, String)],
    ) -> Result<(Arc<Address>, HeaderMap, Bytes), ErrorDetails> {
        let request_id = self.request_id;
        let mut headers = target.default_headers(request_id)?;
        if self.is_multipart {
            // The request id serves as the boundary: a fresh UUID does not occur in a body.
            self.body.extend_from_slice(format!("--{request_id}--\r\n").as_bytes());
            set(&mut headers, "content-type", &format!("multipart/form-data; boundary={request_id}"))?;
        }
        for (name, value) in &self.headers {
            set(&mut headers, name, value)?;
        }
        if let Some(key) = &target.api_key {
            let (name, prefix) = self.api_key_header.unwrap_or(("authorization".into(), "Bearer ".into()));
            let (name, mut value) = headers::parse(&name, &format!("{prefix}{}", key.expose()))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        // The user's win: first ours go, then theirs come, which may repeat a name.
        for name in target.user_headers.keys() {
            headers.remove(name);
        }
        for (name, value) in &target.user_headers {
            headers.append(name, value.clone());
        }
        for (name, value) in own {
            let (key, mut value) = headers::parse(name, value)?;
            value.set_sensitive(redact::is_sensitive(name));
            headers.insert(key, value);
        }
        let place = target.place(session_num, self.path.as_deref())?;
        Ok((place, headers, self.body.into()))
    }
}

fn set(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), ErrorDetails> {
    let (name, value) = headers::parse(name, value)?;
    headers.insert(name, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Read by what mock servers read forms with: names cannot end their header, or begin another one.
    #[tokio::test]
    async fn odd_names_stay_in_their_part() {
        let mut draft = Draft { request_id: "b-1", ..Draft::default() };
        draft.part("a\"; b\r\nX-Evil: 1", "näme\".png\n", "image/png\r\nX-Evil: 1", b"\r\none\r\n");
        draft.part("plain", "", "", b"two");
        draft.body(b"--b-1--\r\n");
        let mut form = multer::Multipart::with_reader(&draft.body[..], "b-1");
        let odd = form.next_field().await.unwrap().unwrap();
        assert_eq!(odd.name(), Some("a%22; b%0D%0AX-Evil: 1"));
        assert_eq!((odd.file_name(), odd.headers().len()), (Some("näme%22.png%0A"), 2));
        assert_eq!(&odd.bytes().await.unwrap()[..], b"\r\none\r\n");
        let plain = form.next_field().await.unwrap().unwrap();
        assert_eq!((plain.name(), plain.file_name(), plain.headers().len()), (Some("plain"), None, 1));
        assert_eq!(plain.text().await.unwrap(), "two");
        assert!(form.next_field().await.unwrap().is_none());
    }

    #[rstest]
    #[case::a_body(|draft: &mut Draft<'_>| draft.body(&vec![b'x'; 1 << 20]), Breach::RequestBytes)]
    #[case::parts(|draft: &mut Draft<'_>| draft.part("a", "b", "c", &vec![b'x'; 1 << 20]), Breach::RequestBytes)]
    #[case::headers(|draft: &mut Draft<'_>| draft.header("x-a", "b"), Breach::Headers)]
    #[case::a_header(|draft: &mut Draft<'_>| draft.header("x-a", &"b".repeat(2 << 20)), Breach::HeadBytes)]
    #[case::a_path(|draft: &mut Draft<'_>| draft.path(&"/".repeat(2 << 20)), Breach::HeadBytes)]
    #[case::a_key(|draft: &mut Draft<'_>| draft.api_key_header("a", &"b".repeat(2 << 20)), Breach::HeadBytes)]
    fn a_formatter_that_never_ends_is_stopped(#[case] call: fn(&mut Draft<'_>), #[case] expected: Breach) {
        let mut draft = Draft::default();
        for _ in 0..600 {
            call(&mut draft);
        }
        assert_eq!(draft.breach, Some(expected));
        assert!(draft.body.capacity() == 0 && draft.headers.is_empty(), "memory is given back");
    }
}
