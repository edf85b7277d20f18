//! What comes after an answer that is only a beginning: a job was accepted, and is asked after until it is over.
//!
//! The endpoint's parser says where to look next, and when; the host waits, asks with the request's own headers, and
//! hands it what it got. The request's whole timeout holds for all of it, those of silence for each answer.

use std::time::Duration;

use prony_plugin_api::ErrorDetails;

use super::{
    answer::FollowUp,
    deadlines::{Deadlines, Overdue},
    endpoint::Parser,
    exchange::{Exchange, Wire},
    failure_kind::FailureKind,
    limits::{self, Breach},
    prepared::Prepared,
};
use crate::screen::counted;

impl Wire {
    /// Does what the parser asks for, until it asks for nothing more.
    pub(super) async fn follow_up(
        &self,
        request: &Prepared,
        parser: &mut Parser,
        exchange: &mut Exchange,
        deadlines: &mut Deadlines<'_>,
    ) -> Result<(), ErrorDetails> {
        while let Some(next) = next(exchange).map_err(|breach| self.endpoint.breached(breach))? {
            if exchange.follow_ups == 0 {
                exchange.accept(self.clock.now());
                deadlines.stay();
            }
            let asked = exchange.follow_ups;
            deadlines
                .pause(Duration::from_millis(next.after_ms))
                .await
                .map_err(|due| unfinished(due, asked))?;
            let place = self.target.follow_up(&request.place, request.session_num, &next.path)?;
            let again = request.follow_up(place, &self.target);
            exchange.follow_ups += 1;
            let before = exchange.response_bytes;
            let read = match self.ask(&again, exchange, deadlines).await {
                Ok(response) => self.read_body(response, parser, exchange, deadlines).await,
                Err(error) => Err(gone(error)),
            };
            exchange.follow_up_bytes += exchange.response_bytes - before;
            read?;
        }
        Ok(())
    }
}

/// What is to be fetched next of an answer that is neither over nor has failed.
fn next(exchange: &mut Exchange) -> Result<Option<FollowUp>, Breach> {
    let answer = &mut exchange.answer;
    let wanted = answer.follow_up.take().filter(|_| answer.error.is_none() && !answer.is_complete());
    if wanted.is_some() && exchange.follow_ups == limits::FOLLOW_UPS {
        Err(Breach::FollowUps)
    } else {
        Ok(wanted)
    }
}

/// The error of a job that took too long, however often it was asked after.
fn unfinished(overdue: Overdue, asked: u32) -> ErrorDetails {
    let error = ErrorDetails::from(overdue);
    let message =
        format!("{}: the server was still at work when asked {}", error.message, counted(asked, "time"));
    ErrorDetails { message, ..error }
}

/// The error of a server that accepted a job and does not answer any more. It is not one that was never there.
fn gone(mut error: ErrorDetails) -> ErrorDetails {
    if FailureKind::of(&error) == FailureKind::Connect {
        error.kind = FailureKind::ServerGone.into();
    }
    if error.hint.is_empty() {
        error.hint =
            "the server was there when it accepted the request: its log says what became of it".into();
    }
    error
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::abi::host::ResponseSink;
    use rstest::rstest;

    use super::*;

    fn asked(follow_ups: u32) -> Exchange {
        let mut exchange = Exchange::default();
        exchange.follow_ups = follow_ups;
        exchange.answer.follow_up("/first", 1);
        exchange.answer.follow_up("/jobs/1", 7);
        exchange
    }

    #[test]
    fn the_last_wish_stands_and_is_granted_once() {
        let mut exchange = asked(0);
        let expected = FollowUp { path: "/jobs/1".into(), after_ms: 7 };
        assert_eq!(next(&mut exchange), Ok(Some(expected)));
        assert_eq!(next(&mut exchange), Ok(None));
    }

    #[rstest]
    #[case::over(|answer: &mut dyn ResponseSink| answer.done())]
    #[case::failed(|answer: &mut dyn ResponseSink| answer.error(None, "", "no"))]
    fn nothing_is_asked_about_an_answer_that_is(#[case] end: fn(&mut dyn ResponseSink)) {
        let mut exchange = asked(0);
        end(&mut exchange.answer);
        assert_eq!(next(&mut exchange), Ok(None));
    }

    #[test]
    fn a_parser_that_is_never_content_is_stopped() {
        assert_eq!(next(&mut asked(limits::FOLLOW_UPS)), Err(Breach::FollowUps));
        assert!(next(&mut asked(limits::FOLLOW_UPS - 1)).is_ok());
    }

    #[test]
    fn who_is_gone_was_there() {
        let error = gone(ErrorDetails { kind: FailureKind::Connect.into(), ..ErrorDetails::default() });
        assert_eq!(error.kind, "server_gone");
        assert!(!error.hint.is_empty());
    }
}
