//! What was measured beside the load and not of its requests: [`Beside`], and the numbers that are made of it.

use crate::clock::RunNs;

/// What was measured beside the load, over some stretches of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Beside {
    /// Joules that all GPUs have used.
    pub(crate) energy_j: Option<f64>,
    /// Watts of all GPUs: the sum of their means.
    pub(crate) power_w: Option<f64>,
    /// Milliseconds of a round trip to the servers.
    pub(crate) round_trip_ms: Option<f64>,
}

/// Says what was measured over stretches of time that do not overlap, in nanoseconds since the run's start.
pub(crate) type BesideOf<'a> = &'a (dyn Fn(&[(RunNs, RunNs)]) -> Beside + Sync);

/// A number that is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BesideFact {
    /// Joules of all GPUs.
    Energy,
    /// The same, by the seconds of the window.
    AveragePower,
    /// Watts of all GPUs, the sum of their means.
    TotalPower,
    /// Millijoules, by output tokens.
    EnergyOfOutputToken,
    /// Millijoules, by all tokens.
    EnergyOfToken,
    /// Joules, by successful requests.
    EnergyOfRequest,
    /// Output tokens, by joules.
    TokensOfJoule,
    /// Requests a second, by watts.
    ThroughputOfWatt,
    /// Output tokens a second, by watts.
    TokenThroughputOfWatt,
    /// Good requests a second, by watts.
    GoodputOfWatt,
    /// Joules of a request, times its latency in seconds.
    EnergyDelay,
    /// Milliseconds of a round trip.
    RoundTrip,
}

impl BesideFact {
    /// It is an amount: of more load there is more.
    pub(super) fn is_amount(self) -> bool {
        matches!(self, Self::Energy | Self::AveragePower | Self::TotalPower)
    }
}
