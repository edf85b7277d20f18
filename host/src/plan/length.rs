//! Lengths that are drawn from a law.

use serde::{Deserialize, Serialize};

use super::deal::Deal;

/// A normal law over positive integers, of tokens but for a number of passages. A standard deviation of 0 gives the mean every time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LengthLaw {
    pub(crate) mean: f64,
    /// Standard deviation.
    pub(crate) stddev: f64,
}

/// The law of a sequence's length, in tokens: a whole number, 1 or more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum SequenceLaw {
    Normal(LengthLaw),
    /// Each whole number from the lowest to the highest one is equally frequent.
    Uniform {
        /// 1 or more.
        lowest: u64,
        /// Not below the lowest.
        highest: u64,
    },
    /// The logarithm is normal: its mean is ln(median), and its variance 2 ln(mean / median).
    Lognormal {
        /// Not below the median.
        mean: f64,
        /// Above 0.
        median: f64,
    },
    /// As often as they were observed.
    Empirical {
        /// At least one, the values ascending.
        points: Vec<ObservedLength>,
    },
}

/// A length that was observed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ObservedLength {
    /// Tokens, 1 or more.
    pub(crate) value: u64,
    /// How often, beside the others; above 0.
    pub(crate) weight: f64,
}

/// How long the input and the output of requests are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum SequenceLengths {
    /// Each is drawn for itself.
    Apart {
        /// Input tokens of a turn.
        isl: SequenceLaw,
        /// Requested output tokens; nothing is requested without it.
        osl: Option<SequenceLaw>,
    },
    /// One of several kinds of requests is drawn first.
    Mix {
        /// At least one; their shares are above 0 together.
        pairs: Vec<LengthPair>,
    },
    /// Each class of sessions has its own.
    ByClass {
        /// Which session is of which class.
        deal: Deal,
        /// By the number of the class. At least one.
        classes: Vec<SequenceLengths>,
    },
}

/// A kind of requests in a mix.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LengthPair {
    /// Input tokens of a turn.
    pub(crate) isl: LengthLaw,
    /// Requested output tokens.
    pub(crate) osl: LengthLaw,
    /// Its share of the requests; all shares together are 100.
    pub(crate) percent: f64,
}

/// Standard deviations above its mean that a normal law exceeds once in a billion draws.
const RARE_DEVIATIONS: f64 = 6.0;

impl LengthLaw {
    /// A length that one draw in a billion is above.
    fn rarely_above(self) -> f64 {
        self.mean + RARE_DEVIATIONS * self.stddev
    }
}

impl SequenceLaw {
    /// A length that one draw in a billion is above, if any is.
    pub(crate) fn rarely_above(&self) -> f64 {
        match self {
            Self::Normal(law) => law.rarely_above(),
            Self::Uniform { highest, .. } => *highest as f64,
            Self::Lognormal { mean, median } => {
                median * (RARE_DEVIATIONS * log_deviation(*mean, *median)).exp()
            }
            Self::Empirical { points } => points.last().map_or(0.0, |point| point.value as f64),
        }
    }
}

impl SequenceLengths {
    /// Requests ask for an output length.
    pub(crate) fn have_output(&self) -> bool {
        match self {
            Self::Apart { osl, .. } => osl.is_some(),
            Self::Mix { .. } => true,
            Self::ByClass { classes, .. } => classes.iter().any(Self::have_output),
        }
    }

    /// A number of input tokens that one draw in a billion is above, if any is.
    pub(crate) fn input_rarely_above(&self) -> f64 {
        match self {
            Self::Apart { isl, .. } => isl.rarely_above(),
            Self::Mix { pairs } => pairs.iter().map(|pair| pair.isl.rarely_above()).fold(0.0, f64::max),
            Self::ByClass { classes, .. } => classes.iter().map(Self::input_rarely_above).fold(0.0, f64::max),
        }
    }
}

/// The standard deviation of the logarithm of a lognormal law.
pub(crate) fn log_deviation(mean: f64, median: f64) -> f64 {
    (2.0 * (mean / median).ln()).max(0.0).sqrt()
}
