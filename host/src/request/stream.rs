//! An answer that streams: it is read until its API format's end, and a little further.
//!
//! Where the API format ends an answer (an end marker, or a finish reason of every choice), the request is over, whatever
//! becomes of the HTTP body: its latency ends at the last event that said something, and no limit can fail it any more.
//! What is still read then is for two reasons only. Late usage: some servers count when everything is sent. And the end of
//! the body: a connection whose body ends can serve another request.

use std::{sync::Arc, time::Duration};

use prony_plugin_api::{ErrorDetails, metadata::StreamFraming};

use super::{
    answer::{Answer, StreamState},
    bad_answer::{malformed, stream_cut},
    deadlines::Deadlines,
    endpoint::{Endpoint, Parser},
    events::EventReader,
    exchange::Exchange,
    framing::{StreamSplitter, TooLarge},
    priority::Underway,
    transport::{Chunk, Response, TransportError},
};
use crate::clock::{Clock, RunNs, as_ns};

/// So long the end of the body is waited for while the request keeps its slot: most servers send it right behind the end
/// marker, in a packet of its own, and then the next request finds the connection.
const SLOT_WAIT: Duration = Duration::from_millis(5);

/// So long late usage is waited for, and the end of the body of a request that has given its slot back.
const LATE_WAIT: Duration = Duration::from_millis(250);

/// An answer that is being read.
#[derive(Debug)]
pub(crate) struct Stream {
    response: Response,
    reading: Reading,
    parser: Parser,
    /// How many choices were asked for, if that is known.
    choices: Option<u32>,
    /// The worker has it among its streams.
    underway: Option<Underway>,
    /// The API format's end was noticed, with or without usage, at this moment.
    ending: Option<(StreamState, RunNs)>,
}

/// Splits what arrives.
#[derive(Debug)]
struct Reading {
    framing: StreamFraming,
    splitter: StreamSplitter,
}

/// How far a stream was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// The end of its body, or as much of it as there will be.
    BodyEnd,
    /// The API format's end, and what was waited for behind it has not come.
    ApiFormatEnd,
}

/// Who waits for what comes behind the API format's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// The request still has its slot.
    InSlot,
    /// Nobody is held up any more.
    Aside,
}

impl Stream {
    /// Begins with an answer whose head has arrived.
    pub(super) fn new(
        framing: StreamFraming,
        response: Response,
        parser: Parser,
        choices: Option<u32>,
        underway: Option<Underway>,
    ) -> Self {
        let reading = Reading { framing, splitter: StreamSplitter::new(framing) };
        Self { response, reading, parser, choices, underway, ending: None }
    }

    /// What has read it. The connection is closed, unless the body has ended.
    pub(super) fn into_parser(self) -> Parser {
        self.parser
    }

    /// Reads on: to the end of the body, or to the API format's end and as far beyond it as somebody waits.
    pub(super) async fn read(
        &mut self,
        endpoint: &Endpoint,
        clock: Clock,
        exchange: &mut Exchange,
        deadlines: &mut Deadlines<'_>,
        waiting: Waiting,
    ) -> Result<Reached, ErrorDetails> {
        let stamps = Arc::clone(&exchange.stamps);
        loop {
            let chunk = match self.deadline(exchange, waiting, || clock.now()) {
                None => deadlines.during(&stamps, self.response.chunk()).await?.map_err(stream_cut)?,
                Some(deadline) => {
                    let Some(read) = deadlines.until(deadline, self.response.chunk()).await else {
                        self.underway = None;
                        return Ok(Reached::ApiFormatEnd);
                    };
                    behind_the_end(read, exchange)
                }
            };
            let mut reader = EventReader { endpoint, parser: &mut self.parser, refusal: None };
            let Some(chunk) = chunk else {
                self.reading.end(&mut reader, &mut exchange.answer)?;
                return Ok(Reached::BodyEnd);
            };
            exchange.note_read(&chunk);
            exchange.answer.arrived = Some(chunk.arrived);
            self.reading.feed(chunk.bytes, &mut reader, &mut exchange.answer)?;
            self.note_first_token(exchange);
        }
    }

    /// Lets the worker know that the first token is not waited for any more, once it has come, and gives its slot back.
    fn note_first_token(&mut self, exchange: &mut Exchange) {
        if let Some(underway) = self.underway.as_mut().filter(|underway| underway.waits())
            && exchange.answer.first_token.is_some()
        {
            underway.end_wait();
            exchange.prefill = None;
        }
    }

    /// Until when the end of the body, or late usage, is waited for. Nothing before the API format's end.
    fn deadline(
        &mut self,
        exchange: &mut Exchange,
        waiting: Waiting,
        now: impl Fn() -> RunNs,
    ) -> Option<RunNs> {
        let state = exchange.answer.state(self.choices);
        if state == StreamState::Open {
            return None;
        }
        let since = match self.ending {
            Some((before, since)) if before == state => since,
            _ => self.ending.insert((state, now())).1,
        };
        exchange.ended.get_or_insert(since);
        let wait = match (state, waiting) {
            (StreamState::Over, Waiting::InSlot) => SLOT_WAIT,
            _ => LATE_WAIT,
        };
        Some(since.saturating_add(as_ns(wait)))
    }
}

/// A body that breaks off behind the API format's end took nothing with it: that is noted, and no failure.
fn behind_the_end<'a>(
    read: Result<Option<Chunk<'a>>, TransportError>,
    exchange: &mut Exchange,
) -> Option<Chunk<'a>> {
    read.unwrap_or_else(|_| {
        exchange.cut_after_end = true;
        None
    })
}

impl Reading {
    fn feed(
        &mut self,
        bytes: &[u8],
        reader: &mut EventReader<'_>,
        answer: &mut Answer,
    ) -> Result<(), ErrorDetails> {
        let fed = self.splitter.feed_pieces(bytes, |piece| reader.piece(piece, answer));
        fed.map_err(|TooLarge| malformed("an event of the stream has no end"))?;
        self.check(reader, answer)
    }

    /// What has no end came with the last read, whose stamp still stands.
    fn end(&mut self, reader: &mut EventReader<'_>, answer: &mut Answer) -> Result<(), ErrorDetails> {
        self.splitter.end_pieces(|piece| reader.piece(piece, answer));
        self.check(reader, answer)
    }

    fn check(&self, reader: &mut EventReader<'_>, answer: &mut Answer) -> Result<(), ErrorDetails> {
        if self.framing == StreamFraming::Bytes {
            // A read is handed over as it came: how many events were in it is the API format's secret.
            answer.forget_events();
        }
        reader.refusal.take().map_or(Ok(()), Err)
    }
}
