//! From the events of a stream to the answer, by way of the endpoint's parser: [`EventReader`].

use prony_plugin_api::{ErrorDetails, abi::host::ResponseSink, sse::Piece};

use super::{
    answer::Answer,
    endpoint::{Endpoint, Parser},
    stray,
};

/// Hands the events of a stream to its parser, until one is refused.
pub(super) struct EventReader<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) parser: &'a mut Parser,
    pub(super) refusal: Option<ErrorDetails>,
}

impl EventReader<'_> {
    /// Takes the next piece of a stream.
    pub(super) fn piece(&mut self, piece: Piece<'_>, answer: &mut Answer) {
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
