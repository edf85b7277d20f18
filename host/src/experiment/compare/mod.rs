//! Comparisons: whether one side is better than another one, by their runs.
//!
//! The unit is the run: requests within a run share its weather, and are not independent of each other. What is told is the
//! ratio of the sides with its interval ([`shift`]), and one of four answers ([`Answer`]).

mod answer;
mod foreign;
pub(crate) mod question;
mod rank_sum;
mod shift;
mod side;
#[cfg(test)]
mod tests;
pub(crate) mod text;

use serde::Serialize;

pub(crate) use self::{
    answer::{Answer, LEAST_RUNS, Margin},
    side::{Side, SideError, differences},
};

use super::best::Key;
use crate::metrics::catalogue::CATALOGUE;

/// What a comparison is made by.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// The numbers that are compared, the one that decides first.
    pub(crate) keys: Vec<Key>,
    /// Differences that matter to nobody.
    pub(crate) margin: Margin,
    /// The probability with which each interval holds the ratio.
    pub(crate) level: f64,
}

/// A number of both sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Row {
    /// The cell; empty outside of a sweep.
    pub(crate) cell: String,
    pub(crate) metric: String,
    pub(crate) statistic: String,
    pub(crate) unit: String,
    /// Medians of the sides' runs.
    pub(crate) medians: [f64; 2],
    /// Runs of the sides.
    pub(crate) runs: [usize; 2],
    /// The second side as a multiple of the first; nothing where a value is 0.
    pub(crate) ratio: Option<f64>,
    /// It holds the ratio.
    pub(crate) interval: Option<(f64, f64)>,
    /// The probability of such a difference by chance, raised for the number of metrics.
    pub(crate) p: Option<f64>,
    /// What was compared with: a share.
    pub(crate) margin: f64,
    pub(crate) larger_is_better: bool,
    pub(crate) answer: Answer,
    /// Further runs a side that would probably tell.
    pub(crate) further_runs: Option<usize>,
}

impl Row {
    /// Whether the bad end of the interval lies within the margin: it may be better, but is not worse.
    pub(crate) fn is_not_worse(&self) -> bool {
        let bound = 1.0 + self.margin;
        self.interval
            .is_some_and(|(low, high)| if self.larger_is_better { low >= 1.0 / bound } else { high <= bound })
    }
}

/// Compares two sides, cell by cell and number by number. What one of them does not have is left out.
pub(crate) fn compare(first: &Side, second: &Side, question: &Question) -> Vec<Row> {
    let both = first.cells.iter().filter_map(|(name, runs)| Some((name, runs, second.cells.get(name)?)));
    both.flat_map(|(name, runs, others)| {
        let rows = question.keys.iter().filter_map(|key| {
            let values = |runs: &[side::SideRun]| -> Vec<f64> {
                runs.iter().filter_map(|run| run.measured.get(key)).collect()
            };
            let unit = runs.iter().find_map(|run| run.measured.units.get(&key.metric)).cloned();
            row(name, key, unit.unwrap_or_default(), [values(runs), values(others)], question)
        });
        let mut rows: Vec<Row> = rows.collect();
        judge_together(&mut rows, question.level);
        rows
    })
    .collect()
}

fn row(cell: &str, key: &Key, unit: String, sides: [Vec<f64>; 2], question: &Question) -> Option<Row> {
    let [first, second] = &sides;
    let medians = [median(first)?, median(second)?];
    let margin = question.margin.or(noise(&sides));
    let found = shift::shift(first, second, question.level);
    let metric = CATALOGUE.iter().find(|metric| metric.tag == key.metric);
    let larger_is_better = metric.is_some_and(|metric| metric.larger_is_better);
    let interval = found.and_then(|shift| shift.interval);
    let are_all_equal = sides.iter().flatten().all(|value| value.total_cmp(&medians[0]).is_eq());
    let has_enough = first.len().min(second.len()) >= LEAST_RUNS;
    let answer = if are_all_equal && has_enough {
        Answer::Same
    } else {
        answer::of(interval, margin, larger_is_better)
    };
    let runs = [first.len(), second.len()];
    let further_runs = found.filter(|_| answer == Answer::CannotTell);
    let further_runs =
        further_runs.and_then(|shift| answer::further_runs(&shift, margin, runs[0].min(runs[1])));
    Some(Row {
        cell: cell.to_owned(),
        metric: key.metric.clone(),
        statistic: key.statistic.clone(),
        unit,
        medians,
        runs,
        ratio: found.map(|shift| shift.ratio),
        interval,
        p: found.map(|shift| shift.p),
        margin: margin.share(),
        larger_is_better,
        answer,
        further_runs,
    })
}

fn median(values: &[f64]) -> Option<f64> {
    let mut ordered = values.to_vec();
    ordered.sort_unstable_by(f64::total_cmp);
    shift::median(&ordered)
}

/// What runs of one side differ by: the median distance of two of its runs, the noisier side's.
fn noise(sides: &[Vec<f64>; 2]) -> Margin {
    let of_side = |values: &Vec<f64>| {
        let mut distances: Vec<f64> = Vec::new();
        for (at, one) in values.iter().enumerate() {
            distances.extend(values[at + 1..].iter().map(|other| (one / other).ln().abs().exp_m1()));
        }
        distances.retain(|distance| distance.is_finite());
        let runs = values.len() as f64;
        // The median of so many runs wanders by that much less than one run does.
        median(&distances).map_or(0.0, |distance| distance / runs.sqrt())
    };
    Margin::of(sides.iter().map(of_side).fold(0.0, f64::max))
}

/// The first row of a cell decides by itself. The others are many: one of them that would be a difference by itself, but not
/// among so many, is none.
fn judge_together(rows: &mut [Row], level: f64) {
    let Some((_, others)) = rows.split_first_mut() else { return };
    let known: Vec<f64> = others.iter().filter_map(|row| row.p).collect();
    let mut raised = answer::holm(&known).into_iter();
    for row in others {
        row.p = row.p.and_then(|_| raised.next());
        let is_difference = matches!(row.answer, Answer::Better | Answer::Worse);
        if is_difference && row.p.is_some_and(|p| p > 1.0 - level) {
            row.answer = Answer::CannotTell;
        }
    }
}
