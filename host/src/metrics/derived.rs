//! Metrics that follow from others, and from how requests ended: [`Derived`].

use std::collections::BTreeMap;

use super::{
    Outcomes, Stats,
    beside::{Beside, BesideFact},
    metric::{PhaseFact, Source},
    tags,
};
use crate::plan::Price;

const SECONDS_AN_HOUR: f64 = 3600.0;

/// Thousandths of a unit in one.
const MILLI: f64 = 1000.0;

/// A price of tokens is one of so many.
const TOKENS_OF_A_PRICE: f64 = 1e6;

/// Sessions of several requests.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SessionCounts {
    pub(super) begun: u64,
    pub(super) complete: u64,
}

/// Requests that have objectives of their own.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GoodCounts {
    /// All of them that were to succeed.
    pub(crate) judged: u64,
    /// Those that kept to their objectives.
    pub(crate) good: u64,
}

impl GoodCounts {
    pub(super) fn record(&mut self, is_good: Option<bool>) {
        self.judged += u64::from(is_good.is_some());
        self.good += u64::from(is_good == Some(true));
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.judged += other.judged;
        self.good += other.good;
    }
}

/// What derived metrics are computed from.
pub(super) struct Derived<'a> {
    /// Of metrics with many values, and of those that have been derived already.
    pub(super) known: BTreeMap<&'a str, Stats>,
    pub(super) outcomes: Outcomes,
    pub(super) sessions: SessionCounts,
    pub(super) good: GoodCounts,
    pub(super) window_s: Option<f64>,
    pub(super) price: Option<Price>,
    pub(super) beside: Beside,
}

impl Derived<'_> {
    fn sum(&self, tag: &str) -> Option<f64> {
        match self.known.get(tag)? {
            Stats::Distribution(values) => Some(values.sum),
            Stats::Scalar(_) | Stats::OverTime(_) => None,
        }
    }

    fn ratio(&self, part: &str, whole: &str) -> Option<f64> {
        let whole = self.sum(whole).filter(|sum| *sum > 0.0)?;
        Some(self.sum(part)? / whole)
    }

    /// The number of a metric with this source; nothing of one that is not derived.
    pub(super) fn derive(&self, source: Source) -> Option<f64> {
        match source {
            Source::Sum(tag) => self.sum(tag),
            Source::Rate(tags) => {
                let sums: Option<Vec<f64>> = tags.iter().map(|tag| self.sum(tag)).collect();
                Some(sums?.iter().sum::<f64>() / self.window_s?)
            }
            Source::Share(part, whole) => {
                let whole = self.sum(whole).filter(|sum| *sum > 0.0)?;
                self.sum(part).map(|part| 100.0 * part / whole)
            }
            Source::Ratio(part, whole) => self.ratio(part, whole),
            Source::OneAndRatio(part, whole) => self.ratio(part, whole).map(|ratio| 1.0 + ratio),
            Source::AboveLeast(tag, percentile) => match self.known.get(tag)? {
                Stats::Distribution(values) => Some(values.statistic(percentile) - values.min),
                Stats::Scalar(_) | Stats::OverTime(_) => None,
            },
            Source::Above(tag, limit) => {
                self.known.get(tag).map(|stats| if stats.avg() > limit { 1.0 } else { 0.0 })
            }
            Source::Phase(fact) => self.fact(fact),
            Source::Beside(fact) => self.beside(fact),
            Source::Request(_)
            | Source::Failure(_)
            | Source::Gaps
            | Source::Count(_)
            | Source::Session(_)
            | Source::OverTime(_) => None,
        }
    }

    fn fact(&self, fact: PhaseFact) -> Option<f64> {
        let Self { outcomes, sessions, good, .. } = self;
        let completed = outcomes.completed();
        // Without objectives, nothing is good or bad; without dialogues, there is nothing to be said of them.
        let (is_judged, has_sessions) = (good.judged > 0, sessions.begun > 0);
        match fact {
            PhaseFact::Succeeded => Some(outcomes.succeeded as f64),
            PhaseFact::Failed => Some(outcomes.failed as f64),
            PhaseFact::Cancelled => Some(outcomes.cancelled as f64),
            PhaseFact::Completed => Some(completed as f64),
            PhaseFact::ErrorRate => {
                (completed > 0).then(|| 100.0 * outcomes.failed as f64 / completed as f64)
            }
            PhaseFact::Throughput => Some(outcomes.succeeded as f64 / self.window_s?),
            PhaseFact::Window => self.window_s,
            PhaseFact::Good => is_judged.then_some(good.good as f64),
            PhaseFact::Goodput => Some(good.good as f64 / self.window_s?).filter(|_| is_judged),
            PhaseFact::GoodShare => is_judged.then(|| good.good as f64 / good.judged as f64),
            PhaseFact::Sessions => has_sessions.then_some(sessions.begun as f64),
            PhaseFact::CompleteSessions => has_sessions.then_some(sessions.complete as f64),
            PhaseFact::SessionThroughput => {
                let hours = self.window_s? / SECONDS_AN_HOUR;
                has_sessions.then_some(sessions.complete as f64 / hours)
            }
            PhaseFact::Price => self.price(),
            PhaseFact::PriceOfRequest => divided(self.price()?, outcomes.succeeded as f64),
            PhaseFact::PriceOfGood => divided(self.price()?, good.good as f64).filter(|_| is_judged),
            PhaseFact::PriceOfOutput => {
                divided(self.price()?, self.sum(tags::OUTPUT_SEQUENCE_LENGTH)? / TOKENS_OF_A_PRICE)
            }
            PhaseFact::PriceOfTokens => {
                let tokens = self.input()? + self.sum(tags::OUTPUT_SEQUENCE_LENGTH)?;
                divided(self.price()?, tokens / TOKENS_OF_A_PRICE)
            }
        }
    }

    /// A number of what was measured beside the load; nothing where that was not measured.
    fn beside(&self, fact: BesideFact) -> Option<f64> {
        let Beside { energy_j, power_w, round_trip_ms } = self.beside;
        let window_s = self.window_s;
        let succeeded = self.outcomes.succeeded as f64;
        let output = || self.sum(tags::OUTPUT_SEQUENCE_LENGTH);
        // Joules of one of so many.
        let of = |count: f64| divided(energy_j?, count);
        let of_watt = |per_second: f64| divided(per_second, energy_j? / window_s?);
        match fact {
            BesideFact::Energy => energy_j,
            BesideFact::AveragePower => divided(energy_j?, window_s?),
            BesideFact::TotalPower => power_w,
            BesideFact::EnergyOfOutputToken => of(output()?).map(|joules| joules * MILLI),
            BesideFact::EnergyOfToken => {
                of(self.sum(tags::INPUT_SEQUENCE_LENGTH)? + output()?).map(|joules| joules * MILLI)
            }
            BesideFact::EnergyOfRequest => of(succeeded),
            BesideFact::TokensOfJoule => divided(output()?, energy_j?),
            BesideFact::ThroughputOfWatt => of_watt(succeeded / window_s?),
            BesideFact::TokenThroughputOfWatt => of_watt(output()? / window_s?),
            BesideFact::GoodputOfWatt => of_watt(self.fact(PhaseFact::Goodput)?),
            BesideFact::EnergyDelay => {
                let latency_s = self.known.get(tags::REQUEST_LATENCY)?.avg() / MILLI;
                of(succeeded).map(|joules| joules * latency_s)
            }
            BesideFact::RoundTrip => round_trip_ms,
        }
    }

    /// Tokens of the input that are paid for: what the server bills where it says so of all requests, since the output is counted by
    /// the server as well; else all as prony counts them.
    fn input(&self) -> Option<f64> {
        match self.known.get(tags::USAGE_PROMPT_TOKENS) {
            Some(Stats::Distribution(values)) if values.count == self.outcomes.succeeded => Some(values.sum),
            _ => self.sum(tags::INPUT_SEQUENCE_LENGTH),
        }
    }

    /// What all of it costs; nothing where something that has a price is not known.
    fn price(&self) -> Option<f64> {
        let price = self.price?;
        let of_tokens = |tokens: Option<f64>, price: Option<f64>| match price {
            Some(price) => Some(tokens? / TOKENS_OF_A_PRICE * price),
            None => Some(0.0),
        };
        let of_time = match price.hour {
            Some(price) => self.window_s? / SECONDS_AN_HOUR * price,
            None => 0.0,
        };
        let input = of_tokens(self.input(), price.input)?;
        let output = of_tokens(self.sum(tags::OUTPUT_SEQUENCE_LENGTH), price.output)?;
        Some(input + output + of_time)
    }
}

fn divided(whole: f64, by: f64) -> Option<f64> {
    (by > 0.0).then(|| whole / by)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::metrics::Distribution;

    #[rstest]
    #[case::of_all(&mut [20.0, 30.0], Some(50.0))]
    #[case::of_some(&mut [20.0], Some(15.0))]
    #[case::of_none(&mut [], Some(15.0))]
    fn input_is_paid_as_the_server_counts_it_where_it_counts_all(
        #[case] server: &mut [f64],
        #[case] expected: Option<f64>,
    ) {
        let stats = |values: &mut [f64]| Distribution::of(values).map(Stats::Distribution);
        let known =
            [("input_sequence_length", stats(&mut [7.0, 8.0])), ("usage_prompt_tokens", stats(server))];
        let known = known.into_iter().filter_map(|(tag, stats)| Some((tag, stats?))).collect();
        let price = Price { input: Some(1e6), output: None, hour: None };
        let derived = Derived {
            known,
            outcomes: Outcomes { succeeded: 2, ..Outcomes::default() },
            sessions: SessionCounts::default(),
            good: GoodCounts::default(),
            window_s: Some(1.0),
            price: Some(price),
            beside: Beside::default(),
        };
        assert_eq!(derived.fact(PhaseFact::Price), expected);
    }

    /// Two requests and 50 output tokens in 4 s, for 200 J.
    #[rstest]
    #[case(BesideFact::AveragePower, 50.0)]
    #[case(BesideFact::EnergyOfOutputToken, 4000.0)]
    #[case(BesideFact::EnergyOfToken, 2000.0)]
    #[case(BesideFact::EnergyOfRequest, 100.0)]
    #[case(BesideFact::TokensOfJoule, 0.25)]
    #[case(BesideFact::ThroughputOfWatt, 0.01)]
    #[case(BesideFact::TokenThroughputOfWatt, 0.25)]
    #[case(BesideFact::EnergyDelay, 300.0)]
    fn energy_is_shared_out(#[case] fact: BesideFact, #[case] expected: f64) {
        let stats = |values: &mut [f64]| Stats::Distribution(Distribution::of(values).unwrap());
        let known = BTreeMap::from([
            ("input_sequence_length", stats(&mut [25.0, 25.0])),
            ("output_sequence_length", stats(&mut [20.0, 30.0])),
            ("request_latency", stats(&mut [2000.0, 4000.0])),
        ]);
        let derived = |energy_j| Derived {
            known: known.clone(),
            outcomes: Outcomes { succeeded: 2, ..Outcomes::default() },
            sessions: SessionCounts::default(),
            good: GoodCounts::default(),
            window_s: Some(4.0),
            price: None,
            beside: Beside { energy_j, ..Beside::default() },
        };
        let found = derived(Some(200.0)).beside(fact).unwrap();
        assert!((found - expected).abs() < 1e-9, "{found}");
        assert_eq!(derived(None).beside(fact), None);
    }
}
