//! How far this program can be believed on this machine: it measures its own mock server, whose truth it knows, with
//! more and more load, and compares.
//!
//! The stage's noun is the [`Calibration`]: a [`Rung`] for each load that was tried, and the [`Limits`] up to which every
//! error stayed below [`BOUND_MS`]. Server and client share the machine, so that a client with a machine of its own
//! reaches further.

mod compare;
pub(crate) mod evidence;
mod results;
mod rung;
mod store;

use std::fmt;

pub(crate) use self::{
    compare::compare,
    results::{BOUND_MS, Calibration, Limits, Load, Rung},
    rung::{CalibrateError, Instruments},
    store::{StoreError, load, save},
};

/// Streams that are held at the same time, rung by rung, unless the user chooses.
pub(crate) const STREAMS: [u64; 8] = [1, 10, 100, 250, 500, 1000, 2000, 4000];

/// Requests a second, rung by rung, unless the user chooses.
pub(crate) const RATES: [u64; 6] = [100, 500, 1000, 2000, 5000, 10_000];

/// Streams from a server that counts other tokens, unless the user chooses: so few that only the count can be wrong.
pub(crate) const OTHER_TOKENS_STREAMS: u64 = 10;

impl Calibration {
    /// Climbs all ladders, each until a rung does not hold. `tell` hears of every rung.
    pub(crate) fn climb(
        instruments: &Instruments,
        ladders: [Vec<Load>; 3],
        mut tell: impl FnMut(&Rung),
    ) -> Result<Self, CalibrateError> {
        let mut rungs = Vec::new();
        for ladder in ladders {
            for load in ladder {
                let rung = match rung::measure(load, instruments) {
                    Ok(rung) => rung,
                    // Lower ones held: that much is known.
                    Err(error) if !rungs.is_empty() => {
                        tracing::warn!(%error, "the ladder ends here");
                        break;
                    }
                    Err(error) => return Err(error),
                };
                tell(&rung);
                let holds = rung.holds();
                rungs.push(rung);
                if !holds {
                    break;
                }
            }
        }
        let limits = Limits::of(&rungs);
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            endpoint_type: instruments.endpoint_type.clone(),
            cores: instruments.cores,
            rungs,
            limits,
        })
    }

    /// Whether it was made by this version, with as many cores.
    pub(crate) fn is_of_this_machine(&self, cores: usize) -> bool {
        self.version == env!("CARGO_PKG_VERSION") && self.cores == cores
    }

    /// Why a load is beyond what was calibrated, if it is.
    pub(crate) fn doubts(&self, cores: usize, streams: Option<u64>, rate: Option<f64>) -> Option<String> {
        if !self.is_of_this_machine(cores) {
            return None;
        }
        let beyond = |asked: f64, limit: Option<f64>| asked > limit.unwrap_or(0.0);
        let Limits { streams: most, rate: fastest, .. } = self.limits;
        if let Some(streams) = streams.filter(|streams| beyond(*streams as f64, most.map(|most| most as f64)))
        {
            return Some(beyond_limit(Load::Streams(streams), most.map(Load::Streams)));
        }
        let rate = rate.filter(|rate| beyond(*rate, fastest.map(|fastest| fastest as f64)))?;
        Some(beyond_limit(format_args!("{rate} requests/s"), fastest.map(Load::Rate)))
    }
}

fn beyond_limit(asked: impl fmt::Display, limit: Option<Load>) -> String {
    match limit {
        Some(limit) => {
            format!(
                "{asked} may be too many for this machine: `prony calibrate` found results accurate up to {limit}"
            )
        }
        None => format!(
            "{asked} may be too many for this machine: in the last `prony calibrate`, no such load that was tried had \
             accurate results"
        ),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{compare::Errors, *};

    fn rung(load: Load, p99_ms: f64) -> Rung {
        let errors = Errors { first_token_ms: p99_ms, inter_token_ms: 0.1, send_ms: 0.2, failed: 0 };
        Rung {
            load,
            errors,
            tokens_per_s: 5000.0,
            cpu_us_per_token: Some(8.0),
            peak_memory_bytes: None,
            verdict: "ok".to_owned(),
        }
    }

    fn calibration() -> Calibration {
        let rungs = vec![
            rung(Load::Streams(10), 0.1),
            rung(Load::Streams(100), 0.2),
            rung(Load::Streams(250), 4.0),
            rung(Load::Rate(100), 0.1),
        ];
        let limits = Limits::of(&rungs);
        Calibration {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            endpoint_type: "chat".to_owned(),
            cores: 2,
            rungs,
            limits,
        }
    }

    #[test]
    fn the_limit_is_the_highest_rung_that_holds() {
        let limits = calibration().limits;
        assert_eq!(limits, Limits { streams: Some(100), tokens_per_s: Some(5000.0), rate: Some(100) });
    }

    #[rstest]
    #[case::within(Some(100), None, None)]
    #[case::beyond(
        Some(101),
        None,
        Some(
            "101 streams may be too many for this machine: `prony calibrate` found results accurate up to 100 streams"
        )
    )]
    #[case::too_fast(
        None,
        Some(150.5),
        Some(
            "150.5 requests/s may be too many for this machine: `prony calibrate` found results accurate up to 100 \
             requests/s"
        )
    )]
    fn a_load_beyond_the_limits_is_doubted(
        #[case] streams: Option<u64>,
        #[case] rate: Option<f64>,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(calibration().doubts(2, streams, rate).as_deref(), expected);
    }

    #[test]
    fn a_server_that_counts_otherwise_sets_no_limit() {
        let rung = rung(Load::OtherTokens(100), 0.1);
        assert_eq!(rung.load.to_string(), "100 streams, tokens counted otherwise");
        assert_eq!(Limits::of(&[rung]), Limits::default());
    }

    #[test]
    fn a_machine_on_which_nothing_was_accurate_is_told_in_words() {
        let none = Calibration { limits: Limits::default(), ..calibration() };
        let expected = "1 stream may be too many for this machine: in the last `prony calibrate`, no such load that was \
                        tried had accurate results";
        assert_eq!(none.doubts(2, Some(1), None).as_deref(), Some(expected));
    }

    #[test]
    fn what_was_found_on_another_machine_says_nothing() {
        assert_eq!(calibration().doubts(64, Some(9999), None), None);
    }
}
