//! One request, from its bytes to the end of its answer: what [`Wire`] does of it, in order.

use std::pin::pin;

use http::HeaderMap;
use prony_plugin_api::{ErrorDetails, metadata::StreamFraming};

use super::{
    bad_answer::{no_stream, stream_cut},
    bodies::Bodies,
    cause,
    deadlines::Deadlines,
    exchange::Exchange,
    failure_kind::FailureKind,
    framing::{self, Reading},
    outcome::Outcome,
    prepared::Prepared,
    stream::{Reached, Stream, Waiting},
    transport::{AttemptStamps, Response},
    wire::Wire,
};

impl Wire {
    /// Sends `request` and reads its answer into `exchange`, whose `error` is set if it fails. Dropping the future
    /// closes the connection; what was read until then stays in `exchange`.
    ///
    /// An answer that its API format has ended, and whose body has not, is returned: the request is over and holds up nobody,
    /// but it is not concluded before the stream has been [settled](Wire::settle).
    pub(crate) async fn perform(&self, request: &Prepared, exchange: &mut Exchange) -> Option<Box<Stream>> {
        exchange.bodies =
            self.target.bodies.is_open().then(|| Box::new(Bodies::of(&request.headers, &request.body)));
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

    /// Reads what comes behind the API format's end, while nobody is held up by it, and concludes the request.
    pub(crate) async fn settle(&self, request: &Prepared, exchange: &mut Exchange, mut stream: Stream) {
        let limits = self.target.limits;
        let alarm = pin!(limits.alarm(self.clock));
        let mut deadlines = Deadlines::new(self.clock, limits, alarm);
        let read = stream.read(&self.endpoint, self.clock, exchange, &mut deadlines, Waiting::Aside).await;
        let finished = read.and_then(|_| self.finish(stream.into_parser(), exchange));
        self.conclude(request, exchange, finished.err());
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
    fn conclude(&self, request: &Prepared, exchange: &mut Exchange, failure: Option<ErrorDetails>) {
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
            exchange.answer.reserve_gaps(request.requested_output_tokens.unwrap_or_default());
            let mut stream = Stream::new(framing, response, parser, request.choices, underway);
            let reached =
                stream.read(&self.endpoint, self.clock, exchange, deadlines, Waiting::InSlot).await?;
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
}

/// The value of the `Content-Type` header, or nothing.
fn content_type(headers: &HeaderMap) -> &str {
    headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("")
}

/// Errors that a wrong address may be the reason of say which one it was.
fn name_what_was_asked(error: &mut ErrorDetails, asked: &str) {
    use FailureKind::{EmptyAnswer, HttpStatus, Malformed, Transport};
    if matches!(FailureKind::of(error), HttpStatus | Malformed | EmptyAnswer | Transport) {
        error.message = format!("{asked}: {}", error.message);
    }
}
