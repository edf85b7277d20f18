//! Comparisons: whether one side is better than another one, by their runs.
//!
//! The unit is the run: requests within a run share the state of the server and of the network, and are not independent of each
//! other. What is told is the
//! ratio of the sides with its interval ([`shift`]), and one of four answers ([`Answer`]).

mod answer;
mod differences;
mod foreign;
mod gate;
mod normal;
mod one_run;
pub(crate) mod question;
mod rank_sum;
mod settings;
mod shift;
mod side;
#[cfg(test)]
mod stored;
#[cfg(test)]
mod tests;
pub(crate) mod text;

use serde::Serialize;

use self::shift::Shift;
pub(crate) use self::{
    answer::{Answer, Margin, Why},
    differences::differences,
    gate::{GateState, gated},
    side::{Side, SideError},
};

use super::best::Key;
use crate::metrics::{Statistic, catalogue::CATALOGUE};

/// What a comparison is made by.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// The numbers that are compared, the one that decides first.
    pub(crate) keys: Vec<Key>,
    /// Differences that do not count.
    pub(crate) margin: Margin,
    /// The probability with which each interval holds the ratio.
    pub(crate) level: f64,
}

/// A number of both sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Row {
    /// The cell; empty outside of a sweep.
    pub(crate) cell: String,
    /// Whether it is the number that decides: the first one of its cell.
    pub(crate) decides: bool,
    pub(crate) metric: String,
    pub(crate) statistic: String,
    pub(crate) unit: String,
    /// Medians of the sides' runs.
    pub(crate) medians: [f64; 2],
    /// Runs of the sides.
    pub(crate) runs: [usize; 2],
    /// The second side as a multiple of the first; nothing where a value is not above 0. With one run a side, percentiles are
    /// Harrell and Davis's.
    pub(crate) ratio: Option<f64>,
    /// It holds the ratio. With one run a side, it is that of their requests alone.
    pub(crate) interval: Option<(f64, f64)>,
    /// The probability of such a difference by chance. Where several numbers are judged together, it is raised for that.
    pub(crate) p: f64,
    /// What was compared with: a share. Where there is no ratio, it has no effect.
    pub(crate) margin: f64,
    pub(crate) larger_is_better: bool,
    pub(crate) answer: Answer,
    /// Why there is no answer.
    pub(crate) why: Option<Why>,
    /// Further runs a side that would probably tell.
    pub(crate) further_runs: Option<usize>,
}

/// Compares two sides, cell by cell and number by number. What one of them does not have is left out.
pub(crate) fn compare(first: &Side, second: &Side, question: &Question) -> Vec<Row> {
    let pairs = pairs(first, second, &question.keys);
    let mut rows: Vec<Row> = pairs
        .into_iter()
        .map(|pair| {
            let margin = question.margin.or(noise(&pair.sides));
            let of_requests = shift_of_requests(&pair, question.level);
            let row = row(pair, margin, question.level);
            match of_requests {
                _ if row.runs != [1, 1] => row,
                Some(Shift { ratio, interval }) => {
                    Row { ratio: Some(ratio), interval, why: Some(Why::OneRunASide), ..row }
                }
                None => Row { why: Some(Why::OneRunASide), ..row },
            }
        })
        .collect();
    judge_together(&mut rows, question.level);
    rows
}

/// A number of all runs of both sides.
struct Pair<'a> {
    cell: String,
    decides: bool,
    key: Key,
    unit: String,
    sides: [Vec<f64>; 2],
    /// What the number is made of, where each side is one run whose requests are known.
    requests: Option<[&'a [f64]; 2]>,
    larger_is_better: bool,
}

/// What both sides have of these numbers, by cell.
fn pairs<'a>(first: &'a Side, second: &'a Side, keys: &[Key]) -> Vec<Pair<'a>> {
    let mut pairs = Vec::new();
    for (name, runs) in &first.cells {
        let Some(others) = second.cells.get(name) else { continue };
        let of_cell = keys.iter().filter_map(|key| pair(name, key, [runs, others]));
        pairs.extend(of_cell.enumerate().map(|(at, pair)| Pair { decides: at == 0, ..pair }));
    }
    pairs
}

fn pair<'a>(cell: &str, key: &Key, runs: [&'a [side::SideRun]; 2]) -> Option<Pair<'a>> {
    let sides = runs.map(|runs| runs.iter().filter_map(|run| run.measured.get(key)).collect::<Vec<f64>>());
    if sides.iter().any(Vec::is_empty) {
        return None;
    }
    let unit = runs[0].iter().find_map(|run| run.measured.units.get(&key.metric)).cloned();
    Some(Pair {
        cell: cell.to_owned(),
        decides: false,
        key: key.clone(),
        unit: unit.unwrap_or_default(),
        sides,
        requests: requests(key, runs),
        larger_is_better: larger_is_better(&key.metric),
    })
}

/// What a number is made of, where each side is one run whose requests are known.
fn requests<'a>(key: &Key, runs: [&'a [side::SideRun]; 2]) -> Option<[&'a [f64]; 2]> {
    let [[first], [second]] = runs else { return None };
    Some([first.values(key)?, second.values(key)?])
}

/// How far apart the requests of one run a side are in a number, and allow it to be.
fn shift_of_requests(pair: &Pair<'_>, level: f64) -> Option<Shift> {
    one_run::shift(pair.requests?, Statistic::of_key(&pair.key.statistic)?, level)
}

/// Reads the requests of runs, where they are needed: of cells that are one run on either side. What cannot be read has no interval,
/// and is returned with the reason.
pub(crate) fn read_requests(sides: &mut [Side], keys: &[Key]) -> Vec<SideError> {
    let Some((first, others)) = sides.split_first() else { return Vec::new() };
    let is_one_run = |side: &Side, cell: &String| side.cells.get(cell).is_some_and(|runs| runs.len() == 1);
    let is_needed =
        |cell: &&String| is_one_run(first, cell) && others.iter().any(|other| is_one_run(other, cell));
    let cells: Vec<String> = first.cells.keys().filter(is_needed).cloned().collect();
    sides.iter_mut().flat_map(|side| side.read_requests(&cells, keys)).collect()
}

/// Whether a larger value of a metric is better.
fn larger_is_better(tag: &str) -> bool {
    CATALOGUE.iter().any(|metric| metric.tag == tag && metric.larger_is_better)
}

fn row(pair: Pair<'_>, margin: Margin, level: f64) -> Row {
    let Pair { cell, decides, key, unit, sides, requests: _, larger_is_better } = pair;
    let [first, second] = &sides;
    let medians = [median(first).unwrap_or(f64::NAN), median(second).unwrap_or(f64::NAN)];
    let found = shift::shift(first, second, level);
    let interval = found.and_then(|shift| shift.interval);
    let are_all_equal = sides.iter().flatten().all(|value| value.total_cmp(&medians[0]).is_eq());
    let has_enough = rank_sum::outside(first.len(), second.len(), level).is_some();
    let answer = match found {
        _ if !has_enough => Answer::CannotTell,
        _ if are_all_equal => Answer::Same,
        Some(_) => answer::of(interval, margin, larger_is_better),
        None => answer::of_ranks(first, second, level, larger_is_better),
    };
    let runs = [first.len(), second.len()];
    let fewest = runs[0].min(runs[1]);
    let (why, further_runs) = match found {
        _ if answer != Answer::CannotTell => (None, None),
        _ if !has_enough => (Some(Why::TooFewRuns), Some(further(rank_sum::least_runs(level), fewest))),
        Some(shift) => (Some(Why::AcrossTheMargin), answer::further_runs(&shift, margin, fewest)),
        None => (Some(Why::MixedRanks), None),
    };
    Row {
        cell,
        decides,
        metric: key.metric,
        statistic: key.statistic,
        unit,
        medians,
        runs,
        ratio: found.map(|shift| shift.ratio),
        interval,
        p: rank_sum::two_sided(first, second),
        margin: margin.share(),
        larger_is_better,
        answer,
        why,
        further_runs,
    }
}

/// Runs that are missing, where so many are needed; one at least.
fn further(needed: usize, runs: usize) -> usize {
    needed.saturating_sub(runs).max(1)
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

/// The numbers that decide are judged together, over all cells, and the others are. In a comparison without a sweep, the one that
/// decides is judged by itself.
fn judge_together(rows: &mut [Row], level: f64) {
    for decides in [true, false] {
        let mut group: Vec<&mut Row> = rows.iter_mut().filter(|row| row.decides == decides).collect();
        let numbers = group.len();
        if numbers < 2 {
            continue;
        }
        let raised = answer::holm(&group.iter().map(|row| row.p).collect::<Vec<_>>());
        for (row, p) in group.iter_mut().zip(raised) {
            row.p = p;
            let is_difference = matches!(row.answer, Answer::Better | Answer::Worse);
            if is_difference && p > 1.0 - level {
                row.answer = Answer::CannotTell;
                row.why = Some(Why::AmongMany { numbers });
                let needed = rank_sum::least_for((1.0 - level) / numbers as f64);
                row.further_runs = Some(further(needed, row.runs[0].min(row.runs[1])));
            }
        }
    }
}
