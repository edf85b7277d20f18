//! One request, from its bytes to the end of its answer.

use std::{pin::pin, sync::Arc, time::Duration};

use http::{HeaderMap, Method};
use prony_plugin_api::{ErrorDetails, metadata::StreamFraming};
use serde::{Deserialize, Serialize};

use super::{
    address::Address,
    answer::Answer,
    cause,
    closed_idle::is_closed_idle,
    deadlines::{Deadlines, Overdue},
    endpoint::{Endpoint, Parser},
    failure_kind::FailureKind,
    framing::{self, Reading},
    hints,
    outcome::Outcome,
    prepared::Prepared,
    priority::Priority,
    stray,
    stream::{Reached, Reader, Stream, Waiting},
    target::TargetPlan,
    transport::{AttemptStamps, Chunk, Failure, Response, StampSource, Transport, TransportError},
};
use crate::{
    clock::{Clock, RunNs},
    config::redact,
    schedule::gate::Slot,
    session::Turn,
};

/// No body that did not stream is larger.
const MAX_BODY_BYTES: usize = 512 << 20;

/// Longest piece of an answer that an error message repeats.
const EXCERPT_BYTES: usize = 400;

/// What happened to one request: bytes have become an [`Answer`], moments have become [`Instants`].
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Exchange {
    /// When things happened.
    pub(crate) instants: Instants,
    /// What the answer said.
    pub(crate) answer: Answer,
    /// HTTP status, once one arrived.
    pub(crate) status: Option<u16>,
    pub(crate) outcome: Outcome,
    /// Sent a second time: a kept connection was closed before the server can have read the request.
    pub(crate) retried: bool,
    /// Largest read, in bytes.
    pub(crate) largest_read_bytes: u64,
    /// Whole body, in bytes.
    pub(crate) response_bytes: u64,
    /// Bodies that the parser asked for after the first one.
    #[serde(default)]
    pub(crate) follow_ups: u32,
    /// Their bytes, which are part of the whole.
    #[serde(default)]
    pub(crate) follow_up_bytes: u64,
    /// Pieces of the answer, its head among them, whose arrival this process had to tell, since the kernel did not.
    #[serde(default)]
    pub(crate) unstamped_reads: u64,
    /// Method and path of a request that failed, without what may be secret of its URL.
    #[serde(default)]
    pub(crate) asked: Option<String>,
    /// The body broke off behind the end of a complete answer.
    #[serde(default)]
    pub(crate) cut_after_end: bool,
    /// How long it waited for slots, after its time had come and before work on it began. In a closed loop, that is the wait
    /// for a prefill slot: a session has its own slot before there is a request.
    #[serde(default)]
    pub(crate) gate_wait_ns: u64,
    /// Its slot among those that wait for their first token, until that has come.
    #[serde(skip)]
    pub(crate) prefill: Option<Slot>,
    /// How long after its last byte it is cancelled on purpose.
    #[serde(skip)]
    pub(crate) leaves_after: Option<Duration>,
    /// When the first of two tries was sent.
    #[serde(skip)]
    first_sent: Option<RunNs>,
    /// What the latest try asked for.
    #[serde(skip)]
    tried: Option<(Method, Arc<Address>)>,
    /// When it was noticed that the API format has ended the answer: it is over, whatever becomes of its body.
    #[serde(skip)]
    pub(super) ended: Option<RunNs>,
    /// When the last bytes of its body arrived.
    #[serde(skip)]
    last_arrival: Option<RunNs>,
    /// What the connection of the latest try notes while it is under way.
    #[serde(skip)]
    pub(super) stamps: Arc<AttemptStamps>,
}

/// A request that is over, as a worker hands it on.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Finished {
    /// The `X-Request-ID`.
    pub(crate) request_id: String,
    /// Position of the phase in the run.
    pub(crate) phase: u32,
    /// Number of the credit in the phase.
    pub(crate) session_num: u64,
    /// What it said, as far as a record needs it.
    pub(crate) content: Content,
    /// Number of the worker.
    pub(crate) worker: u32,
    /// Output tokens that were asked for.
    pub(crate) requested_output_tokens: Option<u64>,
    /// It failed before there was anything to send: its endpoint wrote no request, or none that can be sent.
    pub(crate) unformatted: bool,
    pub(crate) exchange: Exchange,
}

/// What a record keeps of what a request said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Content {
    /// Name of its script.
    pub(crate) script: String,
    /// Its step in the script, from 0.
    pub(crate) step: u32,
    /// Steps of the script.
    pub(crate) steps: u32,
    /// Steps whose replies it repeated as the server had given them.
    pub(crate) repeats: Vec<u32>,
    /// Tokens of all texts beside those replies, where anything counts them.
    pub(crate) input_tokens: Option<u64>,
    /// Images in it.
    pub(crate) images: u32,
    /// Seconds of audio in it, where all of it says how long it is.
    pub(crate) audio_s: Option<f64>,
}

impl Content {
    /// That of a step and of what was said before it.
    pub(crate) fn of(turn: &Turn) -> Self {
        let place = turn.step();
        let past = &turn.past;
        Self {
            script: place.script.to_owned(),
            step: place.number,
            steps: turn.steps(),
            repeats: past.live.clone(),
            input_tokens: past.tokens.zip(place.step.input_tokens).map(|(said, own)| said + own),
            images: place.step.images(),
            audio_s: place.step.audio_seconds(),
        }
    }
}

/// When things happened to a request, in nanoseconds since the run's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Instants {
    /// The schedule wanted it sent. In a closed loop: a slot was free.
    pub(crate) scheduled: u64,
    /// Work on sending began: after any wait for a slot.
    pub(crate) started: u64,
    /// Opening a connection began; none was reused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connect_start: Option<u64>,
    /// The host's name had become addresses; none was needed for an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resolved: Option<u64>,
    /// The connection was open, without TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reached: Option<u64>,
    /// The connection was open, TLS included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connected: Option<u64>,
    /// The last byte of the request was handed to the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sent: Option<u64>,
    /// The first byte of the response arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_byte: Option<u64>,
    /// The first generated token of any channel arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_token: Option<u64>,
    /// The first visible (not reasoning) token arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_output_token: Option<u64>,
    /// The last generated token arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_token: Option<u64>,
    /// The answer was over that is followed up: a job was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) accepted: Option<u64>,
    /// It was over, well or not: at the last event that said something, where the API format ends its streams, and at the end
    /// of the body where not.
    pub(crate) end: u64,
}

/// What sending needs beside the request.
#[derive(Debug)]
pub(crate) struct Wire {
    /// The run's clock.
    pub(crate) clock: Clock,
    /// The worker's connections.
    pub(crate) transport: Transport,
    pub(crate) endpoint: Endpoint,
    /// What all requests have in common.
    pub(crate) target: Arc<TargetPlan>,
    /// That of the worker's thread.
    pub(crate) priority: Arc<Priority>,
}

impl Wire {
    /// Sends `request` and reads its answer into `exchange`, whose `error` is set if it fails. Dropping the future
    /// closes the connection; what was read until then stays in `exchange`.
    ///
    /// An answer that its API format has ended, and whose body has not, is returned: the request is over and holds up nobody,
    /// but it is not concluded before the stream has been [settled](Wire::settle).
    pub(crate) async fn perform(&self, request: &Prepared, exchange: &mut Exchange) -> Option<Box<Stream>> {
        let limits = self.target.limits.leaving_after(exchange.leaves_after);
        let alarm = pin!(limits.alarm(self.clock));
        let mut deadlines = Deadlines::new(self.clock, limits, alarm);
        match self.attempt(request, exchange, &mut deadlines).await {
            Ok(Some(stream)) => return Some(stream),
            Ok(None) => self.conclude(request, exchange, None),
            Err(failure) => self.conclude(request, exchange, Some(failure)),
        }
        if deadlines.has_left() {
            exchange.outcome.leave();
        }
        None
    }

    /// Ends a request that the tool does not wait for any more. One whose answer had ended is as good as any.
    pub(crate) fn abandon(&self, request: &Prepared, exchange: &mut Exchange) {
        if exchange.ended.is_some() {
            self.conclude(request, exchange, None);
        } else {
            exchange.cancel(self.clock.now());
        }
    }

    /// Notes how a request ended.
    pub(super) fn conclude(
        &self,
        request: &Prepared,
        exchange: &mut Exchange,
        failure: Option<ErrorDetails>,
    ) {
        exchange.close(self.clock.now());
        // What the server itself reported explains more than how the connection ended.
        let mut error = exchange.answer.error.take().or(failure);
        if let Some(error) = &mut error {
            cause::name_the_way(error, &self.target, &request.place);
        }
        let asked = exchange.tried.take().filter(|_| error.is_some()).map(|(method, place)| {
            let line = format!("{method} {}", place.url.path());
            self.target.masked(&line, &request.headers)
        });
        if let (Some(error), Some(asked)) = (&mut error, &asked) {
            name_what_was_asked(error, asked);
        }
        exchange.asked = asked;
        exchange.outcome = Outcome::of(error.map(|error| self.target.mask(error, &request.headers)));
    }

    async fn attempt(
        &self,
        request: &Prepared,
        exchange: &mut Exchange,
        deadlines: &mut Deadlines<'_>,
    ) -> Result<Option<Box<Stream>>, ErrorDetails> {
        let mut parser = self.endpoint.parser()?;
        let underway = self.target.streaming.then(|| self.priority.begin_stream());
        let mut response = self.ask(request, exchange, deadlines).await?;
        let first_byte = response.first_byte().0;
        exchange.instants.first_byte = first_byte.or_else(|| Some(self.clock.now()));
        if let Some(framing) = self.framing_of(&mut response, &exchange.stamps, deadlines).await? {
            let mut stream = Stream::new(framing, response, parser, request.choices, underway);
            let reached = self.read_stream(&mut stream, exchange, deadlines, Waiting::InSlot).await?;
            if reached == Reached::ApiFormatEnd {
                return Ok(Some(Box::new(stream)));
            }
            parser = stream.into_parser();
        } else {
            drop(underway);
            let media = content_type(response.headers()).to_owned();
            let read = self.read_body(response, &mut parser, exchange, deadlines).await;
            read.map_err(
                |error| if self.target.streaming { framing::add_type(error, &media) } else { error },
            )?;
            let answer = &exchange.answer;
            if self.target.streaming && answer.error.is_none() && answer.follow_up.is_none() {
                return Err(no_stream(&media));
            }
        }
        self.follow_up(request, &mut parser, exchange, deadlines).await?;
        self.finish(parser, exchange).map(|()| None)
    }

    /// How an answer is to be split, if it is a stream. Where its type does not say, its first bytes do.
    async fn framing_of(
        &self,
        response: &mut Response,
        stamps: &AttemptStamps,
        deadlines: &mut Deadlines<'_>,
    ) -> Result<Option<StreamFraming>, ErrorDetails> {
        if !response.status().is_success() {
            return Ok(None);
        }
        let asked = self.target.streaming.then_some(self.target.framing);
        match framing::of_answer(content_type(response.headers()), asked) {
            Reading::Stream(framing) => Ok(Some(framing)),
            Reading::Whole => Ok(None),
            Reading::FirstBytes => {
                let looked = deadlines.during(stamps, response.begins_with_event()).await?;
                Ok(looked.map_err(stream_cut)?.then_some(StreamFraming::Events))
            }
        }
    }

    /// Sends a request, a second time if a kept connection was closed before the server can have read it, and waits for the
    /// head of its answer. The instants of the first try are kept.
    pub(super) async fn ask(
        &self,
        request: &Prepared,
        exchange: &mut Exchange,
        deadlines: &mut Deadlines<'_>,
    ) -> Result<Response, ErrorDetails> {
        let response = match self.send(request, false, exchange, deadlines).await? {
            Err(error) if is_closed_idle(&error, &exchange.stamps, self.clock.now()) => {
                // Asking after a job once more is no second request.
                if exchange.instants.accepted.is_none() {
                    exchange.retried = true;
                    exchange.first_sent = exchange.stamps.sent();
                }
                self.send(request, true, exchange, deadlines).await?
            }
            other => other,
        };
        let response = response.map_err(|error| cause::of_transport(error, &exchange.stamps))?;
        exchange.unstamped_reads += u64::from(response.first_byte().1 == StampSource::User);
        exchange.status = Some(response.status().as_u16());
        Ok(response)
    }

    /// One try, with stamps of its own.
    async fn send(
        &self,
        request: &Prepared,
        fresh: bool,
        exchange: &mut Exchange,
        deadlines: &mut Deadlines<'_>,
    ) -> Result<Result<Response, TransportError>, Overdue> {
        exchange.stamps = Arc::default();
        exchange.tried = Some((request.method.clone(), Arc::clone(&request.place)));
        let stamps = &exchange.stamps;
        deadlines.during(stamps, self.transport.send(request, fresh, stamps)).await
    }

    /// An error status is an error, unless the parser follows it up without one of its own.
    pub(super) async fn read_body(
        &self,
        mut response: Response,
        parser: &mut Parser,
        exchange: &mut Exchange,
        deadlines: &mut Deadlines<'_>,
    ) -> Result<(), ErrorDetails> {
        let status = response.status();
        let redirection = redirection(response.headers());
        let hint = (!status.is_success()).then(|| hints::of_status(status, response.headers()));
        let mut body = Vec::new();
        let stamps = Arc::clone(&exchange.stamps);
        while let Some(chunk) = deadlines.during(&stamps, response.chunk()).await?.map_err(stream_cut)? {
            exchange.note_read(&chunk);
            body.extend_from_slice(chunk.bytes);
            if body.len() > MAX_BODY_BYTES {
                return Err(malformed("the response has no end"));
            }
        }
        exchange.answer.arrived = None;
        let text = framing::without_byte_order_mark(&body);
        let parsed = parser.body(u32::from(status.as_u16()), text, &mut exchange.answer);
        let goes_on = exchange.answer.follow_up.is_some() && exchange.answer.error.is_none();
        if !status.is_success() && !goes_on {
            // What the server says with the status explains more than a parser that cannot read it.
            if let Err(error) = &parsed {
                self.endpoint.note_panic(error, "read the response");
            }
            let said =
                exchange.answer.error.take().map(|error| error.message).filter(|text| !text.is_empty());
            return Err(ErrorDetails {
                code: Some(u32::from(status.as_u16())),
                kind: FailureKind::HttpStatus.into(),
                message: redirection.or(said).unwrap_or_else(|| describe_status(status, &body)),
                hint: hints::of_body(status, &body).or(hint).unwrap_or_default(),
                ..ErrorDetails::default()
            });
        }
        if let Some(breach) = exchange.answer.breach() {
            return Err(self.endpoint.breached(breach));
        }
        parsed.map_err(|error| self.endpoint.details(&error, "read the response"))
    }

    pub(super) fn finish(&self, mut parser: Parser, exchange: &mut Exchange) -> Result<(), ErrorDetails> {
        let answer = &mut exchange.answer;
        if let Some(words) = stray::failure(answer.strays.text()).filter(|_| answer.is_empty()) {
            // An error of several lines: none of them was one.
            let words = words.to_vec();
            Reader { endpoint: &self.endpoint, parser: &mut parser, refusal: None }.failure(&words, answer);
        }
        answer.begin_event();
        let ended = parser.end(answer);
        if let Some(breach) = answer.breach() {
            return Err(self.endpoint.breached(breach));
        }
        if answer.error.is_some() {
            return Ok(());
        }
        ended.map_err(|error| self.endpoint.details(&error, "end the response"))?;
        match answer.is_complete() {
            true if self.target.owes_text && answer.is_empty() => Err(empty(answer)),
            true => Ok(()),
            false => Err(cut(answer)),
        }
    }
}

impl Exchange {
    /// When it was over: a good response as its last bytes arrived that were part of it, whenever they were read.
    pub(crate) fn over_ns(&self) -> RunNs {
        let arrived = self.last_arrival.filter(|_| self.outcome.is_ok() && self.ended.is_none());
        arrived.unwrap_or(self.instants.end)
    }

    pub(super) fn note_read(&mut self, chunk: &Chunk<'_>) {
        self.last_arrival = Some(chunk.arrived);
        let bytes = chunk.wire_bytes as u64;
        self.response_bytes += bytes;
        self.largest_read_bytes = self.largest_read_bytes.max(bytes);
        self.unstamped_reads += u64::from(chunk.source == StampSource::User);
    }

    /// Notes the end, and what the connection and the parser have noted until then.
    fn close(&mut self, now: RunNs) {
        self.prefill = None;
        if self.instants.accepted.is_none() {
            self.note_way();
        }
        self.instants.first_token = self.answer.first_token;
        self.instants.first_output_token = self.answer.first_output_token;
        self.instants.last_token = self.answer.last_token;
        self.instants.end = self.answer.said.filter(|_| self.ended.is_some()).unwrap_or(now);
    }

    /// The answer is over, and is followed up: how the request went stands, whatever comes now.
    pub(super) fn accept(&mut self, now: RunNs) {
        self.note_way();
        self.instants.accepted = Some(now);
    }

    /// Notes what the connection has noted of the request's way.
    fn note_way(&mut self) {
        let sent = self.first_sent.or_else(|| self.stamps.sent());
        // A connection that was opened after the request had gone on another one is not this request's.
        let connected =
            self.stamps.connected().filter(|connected| sent.is_none_or(|sent| *connected <= sent));
        self.instants.connect_start =
            self.stamps.connect_start().filter(|_| sent.is_none() || connected.is_some());
        self.instants.resolved = self.stamps.resolved().filter(|_| self.instants.connect_start.is_some());
        self.instants.reached = self.stamps.reached().filter(|_| self.instants.connect_start.is_some());
        self.instants.connected = connected;
        self.instants.sent = sent;
    }

    /// Ends a request that failed before it was sent.
    pub(crate) fn fail(&mut self, error: ErrorDetails, now: RunNs) {
        self.close(now);
        self.outcome = Outcome::of(Some(error));
    }

    /// Ends a request that the tool does not wait for any more.
    pub(crate) fn cancel(&mut self, now: RunNs) {
        self.close(now);
        self.outcome = Outcome::cancelled();
    }
}

/// The value of the `Content-Type` header, or nothing.
fn content_type(headers: &HeaderMap) -> &str {
    headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("")
}

/// Where the server would rather have the request go. It is not followed: that would measure two servers.
fn redirection(headers: &HeaderMap) -> Option<String> {
    let location = headers.get(http::header::LOCATION)?.to_str().ok()?;
    // It may hold a signature that opens what it leads to.
    Some(format!("redirected to `{}`, which is not followed", redact::url(location)))
}

/// Errors that a wrong address may be the reason of say which one it was.
fn name_what_was_asked(error: &mut ErrorDetails, asked: &str) {
    use FailureKind::{EmptyAnswer, HttpStatus, Malformed, Transport};
    if matches!(FailureKind::of(error), HttpStatus | Malformed | EmptyAnswer | Transport) {
        error.message = format!("{asked}: {}", error.message);
    }
}

pub(crate) fn stream_cut(error: TransportError) -> ErrorDetails {
    if error.failure == Failure::Encoding {
        return ErrorDetails { hint: error.hint.into(), ..malformed(&error.causes.concat()) };
    }
    ErrorDetails {
        kind: FailureKind::StreamCut.into(),
        message: "the connection died in the middle of the response".into(),
        hint: hints::STREAM_CUT.into(),
        cause_chain: error.causes,
        ..ErrorDetails::default()
    }
}

/// The error of an answer that ended before its end.
fn cut(answer: &Answer) -> ErrorDetails {
    ErrorDetails {
        kind: FailureKind::StreamCut.into(),
        message: format!("the response ended before its end marker or a finish reason{}", quoted(answer)),
        hint: hints::STREAM_CUT.into(),
        ..ErrorDetails::default()
    }
}

/// The error of a whole answer without an answer in it.
fn empty(answer: &Answer) -> ErrorDetails {
    ErrorDetails {
        kind: FailureKind::EmptyAnswer.into(),
        message: format!("the response has no token and no finish reason{}", quoted(answer)),
        hint: hints::EMPTY_ANSWER.into(),
        ..ErrorDetails::default()
    }
}

/// What came instead of an answer, to be appended to a message.
fn quoted(answer: &Answer) -> String {
    let lines = answer.strays.text();
    if lines.is_empty() || !answer.is_empty() {
        return String::new();
    }
    let text = String::from_utf8_lossy(&lines[..lines.len().min(EXCERPT_BYTES)]);
    format!("; the stream has lines that are in no event: `{}`", text.trim())
}

/// The error of an answer in one piece to a request for a stream.
fn no_stream(media: &str) -> ErrorDetails {
    ErrorDetails {
        hint: "leave out `--streaming` if this server cannot stream".into(),
        ..malformed(&format!("asked for a stream and got {}", framing::type_of(media)))
    }
}

pub(super) fn malformed(message: &str) -> ErrorDetails {
    ErrorDetails {
        kind: FailureKind::Malformed.into(),
        message: message.into(),
        hint: "check the URL and the endpoint type: something else than a model may be answering".into(),
        ..ErrorDetails::default()
    }
}

/// What a server says with an error status: its body, else the name of the status.
pub(crate) fn describe_status(status: http::StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(EXCERPT_BYTES)]);
    match text.trim() {
        "" => status.canonical_reason().unwrap_or("no reason given").to_owned(),
        text => text.to_owned(),
    }
}
