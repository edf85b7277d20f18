//! Sends a request, reads an answer that comes in one piece, and judges what an answer has come to: [`Wire`]. Answers that
//! stream are read in [`super::stream`]; [`super::perform`] has the order of it all.

use std::sync::Arc;

use http::HeaderMap;
use prony_plugin_api::ErrorDetails;

use super::{
    bad_answer::{cut, describe_status, empty, malformed, stream_cut},
    cause,
    closed_idle::is_closed_idle,
    deadlines::{Deadlines, Overdue},
    endpoint::{Endpoint, Parser},
    events::EventReader,
    exchange::Exchange,
    failure_kind::FailureKind,
    framing, hints,
    prepared::Prepared,
    priority::Priority,
    stray,
    target::TargetPlan,
    transport::{Response, StampSource, Transport, TransportError},
};
use crate::{clock::Clock, config::redact};

/// No body that did not stream is larger.
const MAX_BODY_BYTES: usize = 512 << 20;

/// What sending needs beside the request.
#[derive(Debug)]
pub(crate) struct Wire {
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
        exchange.replaced |= exchange.stamps.replaces() && exchange.instants.accepted.is_none();
        let response = response.map_err(|error| cause::of_transport(error, &exchange.stamps))?;
        exchange.unstamped_reads += u64::from(response.first_byte().1 == StampSource::User);
        exchange.status = Some(response.status().as_u16());
        exchange.bodies.iter_mut().for_each(|bodies| bodies.note_head(response.headers()));
        if let Some(affinity) = &exchange.affinity {
            affinity.note(response.headers());
        }
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
        let own = exchange.affinity.as_ref().and_then(|affinity| affinity.connections.as_ref());
        // In a place of its own: what opening a connection needs is gone while the answer is read.
        let sent = Box::pin(self.transport.send(request, own, fresh, stamps));
        deadlines.during(stamps, sent).await
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

    /// Hands the end of an answer to its parser, and judges what has become of it.
    pub(super) fn finish(&self, mut parser: Parser, exchange: &mut Exchange) -> Result<(), ErrorDetails> {
        let answer = &mut exchange.answer;
        if let Some(words) = stray::failure(answer.strays.text()).filter(|_| answer.is_empty()) {
            // An error of several lines: none of them was one.
            let words = words.to_vec();
            EventReader { endpoint: &self.endpoint, parser: &mut parser, refusal: None }
                .failure(&words, answer);
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

/// Where the server would rather have the request go. It is not followed: that would measure two servers.
fn redirection(headers: &HeaderMap) -> Option<String> {
    let location = headers.get(http::header::LOCATION)?.to_str().ok()?;
    // It may hold a signature that opens what it leads to.
    Some(format!("redirected to `{}`, which is not followed", redact::url(location)))
}
