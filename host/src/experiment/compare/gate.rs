//! Whether a number is worse by more than a gate allows.

use serde::Serialize;

use super::{Answer, Margin, Row, Side, pairs, question::Gate, row};

/// What became of a gate; the worst is the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GateState {
    /// No number is worse by more.
    Kept,
    /// The runs allow for both.
    CannotTell,
    /// A number is worse by more.
    Broken,
}

impl GateState {
    /// As a word of a line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::CannotTell => "cannot tell",
            Self::Broken => "broken",
        }
    }
}

/// What became of a gate, and its number in each cell. The gate's share is taken as it is, however noisy the runs are, and each cell is
/// judged by itself. Nothing where no cell of both sides has the number.
pub(crate) fn gated(gate: &Gate, first: &Side, second: &Side, level: f64) -> Option<(GateState, Vec<Row>)> {
    let (states, rows): (Vec<GateState>, Vec<Row>) = pairs(first, second, std::slice::from_ref(&gate.key))
        .into_iter()
        .map(|pair| {
            let is_nowhere_worse = is_nowhere_worse(&pair.sides, pair.larger_is_better);
            let row = row(pair, gate.margin, level);
            (state(&row, gate.margin, is_nowhere_worse), row)
        })
        .unzip();
    Some((states.into_iter().max()?, rows))
}

fn state(row: &Row, margin: Margin, is_nowhere_worse: bool) -> GateState {
    let has_good_end = match row.interval {
        Some(interval) => margin.holds_bad_end(interval, row.larger_is_better),
        // Without a ratio, no share of it can be judged.
        None => is_nowhere_worse && row.why != Some(super::Why::TooFewRuns),
    };
    match row.answer {
        Answer::Worse => GateState::Broken,
        Answer::Better | Answer::Same => GateState::Kept,
        Answer::CannotTell if has_good_end => GateState::Kept,
        Answer::CannotTell => GateState::CannotTell,
    }
}

/// Whether no value of the second side is worse than any of the first.
fn is_nowhere_worse([first, second]: &[Vec<f64>; 2], larger_is_better: bool) -> bool {
    let is_worse = |value: f64, than: f64| if larger_is_better { value < than } else { value > than };
    !second.iter().any(|value| first.iter().any(|other| is_worse(*value, *other)))
}
