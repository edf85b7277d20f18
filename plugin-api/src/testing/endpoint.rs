//! An endpoint under test.

use std::sync::Arc;

use super::{Answer, Recording, Request, Turn};
use crate::{
    abi::{
        author::endpoint_table,
        host::{EndpointInstance, ParserInstance},
        EndpointVt_Ref,
    },
    endpoint::Endpoint,
    error::{PluginError, Result},
    framing::StreamSplitter,
    metadata::StreamFraming,
};

/// An endpoint as a host would hold it. Its answers are read as a run would read them: nothing is read after a parser
/// has failed.
#[derive(Clone, Debug)]
pub struct TestEndpoint {
    instance: Arc<EndpointInstance>,
}

impl TestEndpoint {
    /// Makes one from its options, the text of a JSON object.
    ///
    /// # Errors
    /// What the author's `new` returned, or its panic.
    pub fn new<E: Endpoint>(options: &str) -> Result<Self> {
        Self::from_table(endpoint_table::<E>(std::any::type_name::<E>()), options)
    }

    /// Makes one from its function table.
    ///
    /// # Errors
    /// What the author's `new` returned, or its panic.
    pub fn from_table(table: EndpointVt_Ref, options: &str) -> Result<Self> {
        EndpointInstance::create(table, options).map(|instance| Self { instance: Arc::new(instance) })
    }

    /// Formats a turn.
    ///
    /// # Errors
    /// What the author's `format` returned, or its panic.
    pub fn format(&self, turn: &Turn) -> Result<Request> {
        let mut request = Request::default();
        turn.lend(|turn| self.instance.format(turn, &mut request))?;
        Ok(request)
    }

    /// Makes a parser, to be driven by hand.
    ///
    /// # Errors
    /// A panic in the author's `parser`.
    pub fn parser(&self) -> Result<ParserInstance> {
        self.instance.parser()
    }

    /// Reads a recorded response to its end.
    pub fn replay(&self, recording: &Recording) -> Answer {
        match (recording, recording.framing()) {
            (Recording::Body(status, body), _) => self.read_body(*status, body),
            (_, framing) => self.read_framed(framing.unwrap_or_default(), [recording.bytes()]),
        }
    }

    /// Reads a stream of server-sent events to its end.
    pub fn read_stream(&self, raw: &[u8]) -> Answer {
        self.read_pieces([raw])
    }

    /// Reads a stream of server-sent events that arrives in these pieces.
    pub fn read_pieces<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Answer {
        self.read_framed(StreamFraming::Events, pieces)
    }

    /// Reads a stream with any framing that arrives in these pieces.
    pub fn read_framed<'a>(
        &self,
        framing: StreamFraming,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Answer {
        self.read(|parser, answer| {
            feed(parser, framing, pieces, answer)?;
            parser.end(answer)
        })
    }

    /// Reads a stream of server-sent events whose connection breaks where the bytes end.
    pub fn read_cut(&self, raw: &[u8]) -> Answer {
        self.read_framed_cut(StreamFraming::Events, raw)
    }

    /// Reads a stream with any framing whose connection breaks where the bytes end.
    pub fn read_framed_cut(&self, framing: StreamFraming, raw: &[u8]) -> Answer {
        self.read(|parser, answer| {
            let mut splitter = StreamSplitter::new(framing);
            pass_on(parser, answer, |on_piece| splitter.feed(raw, on_piece).map_err(|_| endless()))
        })
    }

    /// Reads a whole answer.
    pub fn read_body(&self, status: u32, body: &[u8]) -> Answer {
        self.read(|parser, answer| {
            parser.body(status, body, answer)?;
            parser.end(answer)
        })
    }

    /// Reads with a new parser, by hand.
    pub(crate) fn read(&self, read: impl FnOnce(&mut ParserInstance, &mut Answer) -> Result<()>) -> Answer {
        let mut answer = Answer::default();
        let outcome = self.parser().and_then(|mut parser| read(&mut parser, &mut answer));
        answer.failure = outcome.err();
        answer
    }
}

fn feed<'a>(
    parser: &mut ParserInstance,
    framing: StreamFraming,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    answer: &mut Answer,
) -> Result<()> {
    let mut splitter = StreamSplitter::new(framing);
    pass_on(parser, answer, |on_piece| {
        for piece in pieces {
            splitter.feed(piece, &mut *on_piece).map_err(|_| endless())?;
        }
        splitter.end(on_piece);
        Ok(())
    })
}

/// Hands pieces to a parser until it fails.
fn pass_on(
    parser: &mut ParserInstance,
    answer: &mut Answer,
    split: impl FnOnce(&mut dyn FnMut(&str, &[u8])) -> Result<()>,
) -> Result<()> {
    let mut outcome = Ok(());
    split(&mut |name, data| {
        if outcome.is_ok() {
            outcome = parser.event(name, data, answer);
        }
    })?;
    outcome
}

fn endless() -> PluginError {
    PluginError::malformed("split the stream: an event has no end")
}
