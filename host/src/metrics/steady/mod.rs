//! Whether a phase was one state of the server, or several: [`Steadiness`].
//!
//! The requests of a phase whose load stays the same are put in the order in which their latencies begin, and cut into [`BATCHES`]
//! batches of equal size. Neighbours are alike (they wait for the same queue), and the means of batches are nearly not: batch means are the
//! usual way to treat the output of a queue. What the means are asked:
//!
//! * whether they rise or fall: Mann-Kendall's test ([`trend`]), its variance corrected for what is left of the likeness of neighbours;
//! * whether the first ones differ from all others: MSER's point of truncation ([`start_up`]);
//! * how much they differ at all, which says how many independent values the requests are worth ([`effective`]).
//!
//! An open load is also asked whether its queue grows without an end ([`super::queue_growth`]). Loads that change, and sessions of several
//! requests, whose histories grow, are not looked at: nothing says what steady would be.
//!
//! False alarms, as the tests below simulate them: fewer than 1 in 100 phases of an M/M/4 queue at 70 % of its capacity.

mod effective;
mod series;
mod start_up;
#[cfg(test)]
mod tests;
mod trend;

pub(crate) use self::{series::Steadiness, start_up::StartUp, trend::Drift};

/// Batches of a phase: enough for a change in the middle to be no chance, and few enough for batches to be long.
const BATCHES: usize = 30;

/// With fewer in a batch, nothing is said.
const LEAST_OF_BATCH: usize = 5;

/// A smaller difference is that of any two runs, whatever its share is, in milliseconds.
const LEAST_MS: f64 = 1.0;

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Variance of a sample of at least two values.
fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}
