//! What comes after an answer that is only a beginning: a job was accepted, and is asked after until it is over.
//!
//! The endpoint's parser says where to look next, and when; the host waits, asks with the request's own headers, and
//! hands it what it got. The request's whole timeout holds for all of it, those of silence for each answer.

use std::time::Duration;

use prony_plugin_api::ErrorDetails;

use super::{
    answer::FollowUp,
    endpoint::Parser,
    exchange::{CONNECT_ERROR, Exchange, Wire},
    limits::{self, Breach},
    patience::{Overdue, Patience},
    prepared::Prepared,
};

impl Wire {
    /// Does what the parser asks for, until it asks for nothing more.
    pub(super) async fn follow_up(
        &self,
        request: &Prepared,
        parser: &mut Parser,
        exchange: &mut Exchange,
        patience: &mut Patience<'_>,
    ) -> Result<(), ErrorDetails> {
        while let Some(next) = next(exchange) {
            if exchange.follow_ups == 0 {
                exchange.accept(self.clock.now());
            }
            if exchange.follow_ups == limits::FOLLOW_UPS {
                return Err(self.endpoint.breached(Breach::FollowUps));
            }
            let asked = exchange.follow_ups;
            patience
                .pause(Duration::from_millis(next.after_ms))
                .await
                .map_err(|due| unfinished(due, asked))?;
            let place = self.target.follow_up(request, &next.path)?;
            let again = request.follow_up(place, &self.target);
            exchange.follow_ups += 1;
            let before = exchange.response_bytes;
            let read = match self.ask(&again, exchange, patience).await {
                Ok(response) => self.read_body(response, parser, exchange, patience).await,
                Err(error) => Err(gone(error)),
            };
            exchange.follow_up_bytes += exchange.response_bytes - before;
            read?;
        }
        Ok(())
    }
}

/// What is to be fetched next of an answer that is neither over nor has failed.
fn next(exchange: &mut Exchange) -> Option<FollowUp> {
    let answer = &mut exchange.answer;
    let next = answer.follow_up.take();
    next.filter(|_| answer.error.is_none() && !answer.is_complete())
}

/// The error of a job that took too long, however often it was asked after.
fn unfinished(overdue: Overdue, asked: u32) -> ErrorDetails {
    let error = ErrorDetails::from(overdue);
    let message = format!("{}: the server was still at work when asked {asked} times", error.message);
    ErrorDetails { message, ..error }
}

/// The error of a server that accepted a job and does not answer any more. It is not one that was never there.
fn gone(mut error: ErrorDetails) -> ErrorDetails {
    if error.kind == CONNECT_ERROR {
        error.kind = "server_gone".into();
    }
    if error.hint.is_empty() {
        error.hint =
            "the server was there when it accepted the request: its log says what became of it".into();
    }
    error
}
