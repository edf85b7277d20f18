//! A [`Flight`] in as few bytes as nearly all of them need: [`Packed`].

use super::flight::{End, Flight};
use crate::{clock::RunNs, metrics::request::LatencyOrigin};

/// Instants are stored as the time between them: 18 minutes have room, in a run of 78 hours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packed {
    sent: Short<6>,
    /// From the schedule to `sent`.
    late: Short<5>,
    /// From `sent` on; [`NEVER`] where there is none.
    first_token: Short<5>,
    /// From the first token on.
    last_token: Short<5>,
    /// From `sent` on.
    end: Short<5>,
    ended: End,
    /// Of the input, and from [`OUTPUT_BIT`] on of the output: 16 million have room.
    tokens: Short<6>,
    later: [u8; 8],
}

/// Where the tokens of an output begin.
const OUTPUT_BIT: u32 = 24;

/// Nothing else takes as long as this.
const NEVER: Short<5> = Short([u8::MAX; 5]);

/// A number in so many bytes, which are four at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Short<const BYTES: usize>([u8; BYTES]);

impl<const BYTES: usize> Short<BYTES> {
    /// Nothing where it does not fit, or is the largest one, which has another meaning.
    fn of(number: u64) -> Option<Self> {
        let bytes = number.to_le_bytes();
        let (low, high) = bytes.split_first_chunk()?;
        let fits = high.iter().all(|byte| *byte == 0) && *low != [u8::MAX; BYTES];
        fits.then_some(Self(*low))
    }

    /// Four bytes at once, and the others one after the other. Copying them as a slice is a call of a function, for each number of each
    /// request, many times.
    #[inline]
    fn number(self) -> u64 {
        const { assert!(BYTES >= 4) };
        self.0.split_first_chunk().map_or(0, |(low, high)| {
            let high = high.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte));
            (high << 32) | u64::from(u32::from_le_bytes(*low))
        })
    }
}

impl Packed {
    /// Nothing where it does not fit.
    pub(super) fn of(flight: &Flight) -> Option<Self> {
        let since_sent = |at: RunNs| Short::of(at.checked_sub(flight.sent_ns)?);
        let (first_token, last_token) = match flight.tokens_ns {
            Some((first, last)) => (since_sent(first)?, Short::of(last.checked_sub(first)?)?),
            None => (NEVER, NEVER),
        };
        Some(Self {
            sent: Short::of(flight.sent_ns)?,
            late: Short::of(flight.sent_ns.checked_sub(flight.scheduled_ns)?)?,
            first_token,
            last_token,
            end: since_sent(flight.end_ns)?,
            ended: flight.end,
            tokens: tokens(flight.input, flight.output)?,
            later: flight.later.to_le_bytes(),
        })
    }

    /// From when on its latency counts: all that is asked of most of them while they are sorted.
    #[inline]
    pub(super) fn begun_ns(&self, origin: LatencyOrigin) -> RunNs {
        match origin {
            LatencyOrigin::Sent => self.sent.number(),
            LatencyOrigin::Scheduled => self.sent.number() - self.late.number(),
        }
    }

    #[inline]
    pub(super) fn flight(&self) -> Flight {
        let sent_ns = self.sent.number();
        let first_ns = sent_ns + self.first_token.number();
        let tokens = self.tokens.number();
        Flight {
            scheduled_ns: sent_ns - self.late.number(),
            sent_ns,
            tokens_ns: (self.first_token != NEVER).then(|| (first_ns, first_ns + self.last_token.number())),
            end_ns: sent_ns + self.end.number(),
            end: self.ended,
            input: low_bits(tokens),
            output: low_bits(tokens >> OUTPUT_BIT),
            later: f64::from_le_bytes(self.later),
        }
    }
}

fn tokens(input: u32, output: u32) -> Option<Short<6>> {
    let fits = input >> OUTPUT_BIT == 0;
    fits.then(|| Short::of(u64::from(input) | (u64::from(output) << OUTPUT_BIT)))?
}

/// The [`OUTPUT_BIT`] lowest bits.
fn low_bits(tokens: u64) -> u32 {
    (tokens & ((1 << OUTPUT_BIT) - 1)) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flight() -> impl Strategy<Value = Flight> {
        // Times that fit, and some that do not.
        let ns = || prop_oneof![9 => 0..1_000_000_000_000_u64, 1 => 0..1_000_000_000_000_000_u64];
        let end = prop_oneof![Just(End::Done), Just(End::Failed), Just(End::Cut)];
        let tokens = proptest::option::of((ns(), ns()));
        let count = || prop_oneof![9 => 0..1_u32 << OUTPUT_BIT, 1 => any::<u32>()];
        (ns(), ns(), tokens, ns(), end, count(), count(), 0.0..1e6).prop_map(
            |(scheduled_ns, late, tokens, took, end, input, output, later)| {
                let sent_ns = scheduled_ns + late;
                let tokens_ns = tokens.map(|(first, streamed)| (sent_ns + first, sent_ns + first + streamed));
                let end_ns = tokens_ns.map_or(sent_ns, |(_, last)| last) + took;
                Flight { scheduled_ns, sent_ns, tokens_ns, end_ns, end, input, output, later }
            },
        )
    }

    proptest! {
        #[test]
        fn what_fits_comes_out_as_it_went_in(flight in flight()) {
            if let Some(packed) = Packed::of(&flight) {
                prop_assert_eq!(packed.flight(), flight);
                for origin in [LatencyOrigin::Sent, LatencyOrigin::Scheduled] {
                    prop_assert_eq!(packed.begun_ns(origin), flight.begun_ns(origin));
                }
            }
        }
    }

    const USUAL: Flight = Flight {
        scheduled_ns: 5,
        sent_ns: 7,
        tokens_ns: Some((8, 9)),
        end_ns: 1_000_000_000_000,
        end: End::Done,
        input: 1_000_000,
        output: 7,
        later: 0.5,
    };

    #[test]
    fn a_request_of_minutes_fits_in_a_few_bytes() {
        assert!(size_of::<Packed>() <= 41);
        assert_eq!(Packed::of(&USUAL).map(|packed| packed.flight()), Some(USUAL));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let hours = 1_u64 << 40;
        for odd in [
            Flight { end_ns: hours + 7, ..USUAL },
            // Exactly the longest one: it stands for no tokens.
            Flight { tokens_ns: Some((hours + 6, hours + 6)), end_ns: hours + 6, ..USUAL },
            Flight { scheduled_ns: 8, ..USUAL },
            Flight { input: 1 << OUTPUT_BIT, ..USUAL },
            Flight { output: 1 << OUTPUT_BIT, ..USUAL },
            Flight { sent_ns: 1 << 48, end_ns: 1 << 48, tokens_ns: None, ..USUAL },
        ] {
            assert!(Packed::of(&odd).is_none(), "{odd:?}");
        }
    }
}
