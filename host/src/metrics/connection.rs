//! What a request did on its connection, step by step. Steps that were not needed took no time: what went over a kept connection opened
//! none.

use super::{per_request::to_ms, request::Request};
use crate::record::Instants;

/// The instants of a request that was sent.
fn sent<'a>(request: &Request<'a>) -> Option<(&'a Instants, u64)> {
    let instants = &request.record.instants;
    instants.sent.map(|sent| (instants, sent))
}

fn ms(from: u64, to: u64) -> Option<f64> {
    to.checked_sub(from).map(|ns| to_ms(ns as f64))
}

/// From the beginning of the look-up of a name to the open connection, in nanoseconds.
fn opening_ns(instants: &Instants) -> u64 {
    instants.connected.zip(instants.connect_start).map_or(0, |(to, from)| to.saturating_sub(from))
}

pub(super) fn looking_up(request: &Request<'_>) -> Option<f64> {
    let (instants, _) = sent(request)?;
    let steps = instants.connect_start.zip(instants.resolved);
    steps.map_or(Some(0.0), |(start, resolved)| ms(start, resolved))
}

pub(super) fn connecting(request: &Request<'_>) -> Option<f64> {
    let (instants, _) = sent(request)?;
    let start = instants.resolved.or(instants.connect_start);
    start.zip(instants.connected).map_or(Some(0.0), |(start, connected)| ms(start, connected))
}

pub(super) fn opening(request: &Request<'_>) -> Option<f64> {
    let (instants, _) = sent(request)?;
    Some(to_ms(opening_ns(instants) as f64))
}

pub(super) fn sending(request: &Request<'_>) -> Option<f64> {
    let (instants, sent) = sent(request)?;
    let all = sent.checked_sub(instants.started)?;
    Some(to_ms(all.saturating_sub(opening_ns(instants)) as f64))
}

pub(super) fn receiving(request: &Request<'_>) -> Option<f64> {
    let (instants, _) = sent(request)?;
    ms(instants.first_byte?, instants.end)
}

pub(super) fn duration(request: &Request<'_>) -> Option<f64> {
    let (instants, _) = sent(request)?;
    let all = instants.end.checked_sub(instants.started)?;
    Some(to_ms(all.saturating_sub(opening_ns(instants)) as f64))
}

pub(super) fn total(request: &Request<'_>) -> Option<f64> {
    let (instants, _) = sent(request)?;
    ms(instants.started, instants.end)
}

pub(super) fn is_reused(request: &Request<'_>) -> Option<f64> {
    let (instants, _) = sent(request)?;
    Some(if instants.connect_start.is_none() { 1.0 } else { 0.0 })
}

pub(super) fn received_bytes(request: &Request<'_>) -> Option<f64> {
    sent(request)?;
    Some(request.record.response_bytes as f64)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        metrics::request::{LatencyOrigin, TokenCounting},
        record::Record,
    };

    const MS: u64 = 1_000_000;

    /// Begun at 5 ms; a name looked up from 6 to 8, connected at 11, sent at 12; the head at 20, the end at 30.
    fn opened() -> Instants {
        Instants {
            started: 5 * MS,
            connect_start: Some(6 * MS),
            resolved: Some(8 * MS),
            reached: Some(9 * MS),
            connected: Some(11 * MS),
            sent: Some(12 * MS),
            first_byte: Some(20 * MS),
            end: 30 * MS,
            ..Instants::default()
        }
    }

    fn kept() -> Instants {
        Instants { connect_start: None, resolved: None, reached: None, connected: None, ..opened() }
    }

    #[rstest]
    #[case::looking_up(looking_up, 2.0, 0.0)]
    #[case::connecting(connecting, 3.0, 0.0)]
    #[case::opening(opening, 5.0, 0.0)]
    #[case::sending(sending, 2.0, 7.0)]
    #[case::receiving(receiving, 10.0, 10.0)]
    #[case::duration(duration, 20.0, 25.0)]
    #[case::total(total, 25.0, 25.0)]
    #[case::reused(is_reused, 0.0, 1.0)]
    fn every_step_has_its_length(
        #[case] measure: fn(&Request<'_>) -> Option<f64>,
        #[case] of_opened: f64,
        #[case] of_kept: f64,
    ) {
        let of = |instants| {
            let record = Record { instants, ..Record::default() };
            let (origin, counting) = (LatencyOrigin::Sent, TokenCounting::PreferServer);
            measure(&Request { record: &record, origin, counting })
        };
        assert_eq!((of(opened()), of(kept())), (Some(of_opened), Some(of_kept)));
        assert_eq!(of(Instants { sent: None, ..opened() }), None);
    }
}
