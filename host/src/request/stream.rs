//! An answer that streams: it is read until its API format's end, and a little further.
//!
//! Where the API format ends an answer (an end marker, or a finish reason of every choice), the request is over, whatever
//! becomes of the HTTP body: its latency ends at the last event that said something, and no limit can fail it any more.
//! What is still read then is for two reasons only. Late usage: some servers count when everything is told. And the end of
//! the body: a connection whose body ends can serve another request.

use std::{pin::pin, sync::Arc, time::Duration};

use prony_plugin_api::{ErrorDetails, abi::host::ResponseSink, metadata::StreamFraming, sse::Piece};

use super::{
    answer::{Answer, StreamState},
    deadlines::Deadlines,
    endpoint::{Endpoint, Parser},
    exchange::{Exchange, Wire, malformed, stream_cut},
    framing::{StreamSplitter, TooLarge},
    prepared::Prepared,
    priority::Underway,
    stray,
    transport::{Chunk, Response, TransportError},
};
use crate::clock::{RunNs, as_ns};

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

impl Wire {
    /// Reads on: to the end of the body, or to the API format's end and as far beyond it as somebody waits.
    pub(super) async fn read_stream(
        &self,
        stream: &mut Stream,
        exchange: &mut Exchange,
        deadlines: &mut Deadlines<'_>,
        waiting: Waiting,
    ) -> Result<Reached, ErrorDetails> {
        let stamps = Arc::clone(&exchange.stamps);
        loop {
            let chunk = match stream.deadline(exchange, waiting, || self.clock.now()) {
                None => deadlines.during(&stamps, stream.response.chunk()).await?.map_err(stream_cut)?,
                Some(deadline) => {
                    let Some(read) = deadlines.until(deadline, stream.response.chunk()).await else {
                        stream.underway = None;
                        return Ok(Reached::ApiFormatEnd);
                    };
                    behind_the_end(read, exchange)
                }
            };
            let mut reader = Reader { endpoint: &self.endpoint, parser: &mut stream.parser, refusal: None };
            let Some(chunk) = chunk else {
                stream.reading.end(&mut reader, &mut exchange.answer)?;
                return Ok(Reached::BodyEnd);
            };
            exchange.note_read(&chunk);
            exchange.answer.arrived = Some(chunk.arrived);
            stream.reading.feed(chunk.bytes, &mut reader, &mut exchange.answer)?;
            stream.note_first_token(exchange);
        }
    }

    /// Reads what comes behind the API format's end, while nobody is held up by it, and concludes the request.
    pub(crate) async fn settle(&self, request: &Prepared, exchange: &mut Exchange, mut stream: Stream) {
        let limits = self.target.limits;
        let alarm = pin!(limits.alarm(self.clock));
        let mut deadlines = Deadlines::new(self.clock, limits, alarm);
        let read = self.read_stream(&mut stream, exchange, &mut deadlines, Waiting::Aside).await;
        let finished = read.and_then(|_| self.finish(stream.into_parser(), exchange));
        self.conclude(request, exchange, finished.err());
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
        reader: &mut Reader<'_>,
        answer: &mut Answer,
    ) -> Result<(), ErrorDetails> {
        let fed = self.splitter.feed_pieces(bytes, |piece| reader.piece(piece, answer));
        fed.map_err(|TooLarge| malformed("an event of the stream has no end"))?;
        self.check(reader, answer)
    }

    /// What has no end came with the last read, whose stamp still stands.
    fn end(&mut self, reader: &mut Reader<'_>, answer: &mut Answer) -> Result<(), ErrorDetails> {
        self.splitter.end_pieces(|piece| reader.piece(piece, answer));
        self.check(reader, answer)
    }

    fn check(&self, reader: &mut Reader<'_>, answer: &mut Answer) -> Result<(), ErrorDetails> {
        if self.framing == StreamFraming::Bytes {
            // A read is handed over as it came: how many events were in it is the API format's secret.
            answer.forget_events();
        }
        reader.refusal.take().map_or(Ok(()), Err)
    }
}

/// Hands the events of a stream to its parser, until one is refused.
pub(super) struct Reader<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) parser: &'a mut Parser,
    pub(super) refusal: Option<ErrorDetails>,
}

impl Reader<'_> {
    fn piece(&mut self, piece: Piece<'_>, answer: &mut Answer) {
        // Behind the end marker nothing is part of the answer.
        if answer.is_marked_over() {
            return;
        }
        match piece {
            Piece::Event { name, data } => self.event(name, data, answer),
            Piece::Stray(line) => match stray::failure(line) {
                Some(words) => self.failure(words, answer),
                None => answer.strays.keep(line),
            },
        }
    }

    /// The server's words of an error that is in no event: the parser reads them as an event of that name.
    #[cold]
    pub(super) fn failure(&mut self, words: &[u8], answer: &mut Answer) {
        self.event("error", words, answer);
        if answer.error.is_none() && answer.breach().is_none() {
            // A parser that asks for no names has read something else, or nothing.
            self.refusal = None;
            answer.error(None, "", &String::from_utf8_lossy(words));
        }
    }

    fn event(&mut self, name: &str, data: &[u8], answer: &mut Answer) {
        if self.refusal.is_some() {
            return;
        }
        answer.begin_event();
        let failure = self.parser.event(name, data, answer).err();
        if let Some(breach) = answer.breach() {
            self.refusal = Some(self.endpoint.breached(breach));
        } else if let Some(error) = failure {
            self.refusal = Some(self.endpoint.details(&error, "read an event of the response"));
        }
    }
}
