//! Which load is tried next, and when the answer is known. Pure: what was found comes in, the next load goes out.
//!
//! Loads are doubled until one breaks an objective. From there on, the next load is where the edge may be: in the middle of that while it
//! is hardly known, then below and above it in turn, which also tells how steep the curve is. The answer is near enough when the
//! interval of the edge is as narrow as was asked for, and three runs at least stand on each side of it.

use serde::{Deserialize, Serialize};

use super::{edge::Edge, verdict::Verdict};

/// The loads among which the answer is looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Only whole numbers are loads.
    pub(crate) is_whole: bool,
    /// The answer is near enough when the ends of its interval differ by this part.
    pub(crate) precision: f64,
}

/// A load, and its runs that say something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tried {
    pub(super) load: f64,
    pub(super) runs: usize,
    /// On the average, its runs break an objective.
    pub(super) is_over: bool,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Next {
    Try(f64),
    Done(Bracket),
}

/// What is known of the highest load that keeps to the objectives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "found")]
pub(crate) enum Bracket {
    /// It is from the first to the second, of which the first keeps to them and the second does not.
    Between { kept: f64, broken: f64 },
    /// The highest load that may be tried keeps to them.
    AllKept { kept: f64 },
    /// The lowest one does not.
    NoneKept { broken: f64 },
    /// It is not known whether it is in the range, or nothing is known beyond the first.
    Unknown { kept: Option<f64> },
}

/// Runs in the interval from which on it is looked at from both sides.
const ENOUGH_IN_THE_MIDDLE: usize = 3;

/// Then the next load is one that the edge is below with this probability, and above with the same one, in turn.
const ASIDE: f64 = 0.25;

/// Runs that stand on each side of an answer at least.
const RUNS_OF_AN_END: usize = 3;

/// What is so near to the interval counts as within.
const NEARLY: f64 = 1.1;

/// In this proportion to the edge, a run stands at it.
const AT_THE_EDGE: f64 = 1.25;

/// Loads that are nearer to each other than such a part of the interval are one load.
const PARTS: f64 = 20.0;

impl Range {
    /// What comes next after what was tried. `confidence` is that of the interval.
    pub(super) fn next(self, tried: &[Tried], edge: &Edge, confidence: f64) -> Next {
        let Some(highest) = tried.iter().map(|one| one.load).reduce(f64::max) else {
            return Next::Try(self.low);
        };
        if highest < self.high && !tried.iter().any(|one| one.is_over) {
            return Next::Try((highest * 2.0).min(self.high));
        }
        let interval = edge.interval(confidence);
        if self.is_near_enough(interval) {
            let thin = thin_end(tried, edge.quantile(0.5));
            return thin.map_or(Next::Done(self.bracket(interval)), Next::Try);
        }
        Next::Try(self.within(tried, edge, interval).clamp(self.low, self.high.min(highest * 2.0)))
    }

    /// What an interval of the edge says.
    pub(super) fn bracket(self, (low, high): (f64, f64)) -> Bracket {
        let kept = if self.is_whole { low.floor() } else { significant(low) };
        let broken = if self.is_whole { high.floor() + 1.0 } else { significant(high) };
        if high < self.low {
            Bracket::NoneKept { broken: self.low }
        } else if low >= self.high {
            Bracket::AllKept { kept: self.high }
        } else if low < self.low {
            Bracket::Unknown { kept: None }
        } else if high > self.high {
            Bracket::Unknown { kept: Some(kept) }
        } else {
            Bracket::Between { kept, broken }
        }
    }

    /// Whether it is known closely enough.
    pub(super) fn is_near_enough(self, (low, high): (f64, f64)) -> bool {
        match self.bracket((low, high)) {
            Bracket::AllKept { .. } | Bracket::NoneKept { .. } => true,
            Bracket::Unknown { .. } => false,
            Bracket::Between { kept, broken } => {
                high <= low * (1.0 + self.precision) || (self.is_whole && broken - kept < 1.5)
            }
        }
    }

    /// The load that says most of where the edge is.
    fn within(self, tried: &[Tried], edge: &Edge, (low, high): (f64, f64)) -> f64 {
        let is_within = |one: &&Tried| (low / NEARLY..=high * NEARLY).contains(&one.load);
        let runs: usize = tried.iter().map(|one| one.runs).sum();
        let in_the_middle: usize = tried.iter().filter(is_within).map(|one| one.runs).sum();
        let probability = match in_the_middle {
            few if few < ENOUGH_IN_THE_MIDDLE => 0.5,
            _ if runs.is_multiple_of(2) => ASIDE,
            _ => 1.0 - ASIDE,
        };
        let load = edge.quantile(probability);
        if self.is_whole {
            // The one that was run less often; both are once.
            let runs = |load: f64| {
                tried.iter().find(|one| one.load.total_cmp(&load).is_eq()).map_or(0, |one| one.runs)
            };
            return if runs(load.floor()) < runs(load.ceil()) { load.floor() } else { load.ceil() };
        }
        let same = (self.precision / 2.0).max((high / low).ln() / PARTS);
        let distance = |one: &Tried| (one.load / load).ln().abs();
        let nearest = tried.iter().min_by(|one, other| distance(one).total_cmp(&distance(other)));
        nearest.filter(|one| distance(one) < same).map_or(significant(load), |one| one.load)
    }
}

/// The load nearest to the edge on a side of it that has too few runs.
fn thin_end(tried: &[Tried], edge: f64) -> Option<f64> {
    let distance = |one: &Tried| (one.load / edge).ln().abs();
    [true, false].into_iter().find_map(|is_below| {
        let side = || tried.iter().filter(move |one| (one.load <= edge) == is_below);
        let nearest = side().min_by(|one, other| distance(one).total_cmp(&distance(other)))?;
        let near = side().filter(|one| distance(one) < AT_THE_EDGE.ln()).map(|one| one.runs).sum::<usize>();
        (near.max(nearest.runs) < RUNS_OF_AN_END).then_some(nearest.load)
    })
}

/// What is known of a load.
pub(super) fn verdict(load: f64, edge: &Edge, confidence: f64) -> Verdict {
    let above = edge.is_above(load);
    let sure = f64::midpoint(1.0, confidence);
    match above {
        above if above >= sure => Verdict::Kept,
        above if above <= 1.0 - sure => Verdict::Broken,
        _ => Verdict::Unclear,
    }
}

/// Four significant digits: a load is to be read and typed.
fn significant(load: f64) -> f64 {
    let digits = 3.0 - load.abs().log10().floor();
    let scale = 10_f64.powf(digits);
    (load * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::StandardNormal;
    use rstest::rstest;

    use super::{super::curve::Point, *};

    fn range(is_whole: bool) -> Range {
        Range { low: 1.0, high: 2000.0, is_whole, precision: 0.05 }
    }

    /// Searches with so many runs at most, of which each has the excess that is found for its load. Says what was found, and the loads.
    fn search(range: Range, most: usize, mut excess: impl FnMut(f64) -> f64) -> (Bracket, Vec<f64>) {
        let mut found: Vec<(f64, Vec<f64>)> = Vec::new();
        let mut loads = Vec::new();
        loop {
            let tried = |(load, runs): &(f64, Vec<f64>)| Tried {
                load: *load,
                runs: runs.len(),
                is_over: runs.iter().sum::<f64>() > 0.0,
            };
            let tried: Vec<Tried> = found.iter().map(tried).collect();
            let points = found.iter().filter_map(|(load, runs)| Point::of(*load, runs)).collect();
            let edge = Edge::of(&[points], range.low, range.high);
            let load = match range.next(&tried, &edge, 0.975) {
                Next::Done(bracket) => return (bracket, loads),
                Next::Try(_) if loads.len() >= most => return (range.bracket(edge.interval(0.975)), loads),
                Next::Try(load) => load,
            };
            loads.push(load);
            let run = excess(load);
            match found.iter_mut().find(|(known, _)| known.total_cmp(&load).is_eq()) {
                Some((_, runs)) => runs.push(run),
                None => found.push((load, vec![run])),
            }
        }
    }

    fn power(edge: f64) -> impl Fn(f64) -> f64 {
        move |load| (load / edge).ln()
    }

    fn step(edge: f64) -> impl Fn(f64) -> f64 {
        move |load| if load <= edge { -3.0 } else { 3.0 }
    }

    #[test]
    fn loads_are_doubled_until_one_is_over_the_bound() {
        let (_, loads) = search(range(true), 40, power(21.5));
        assert_eq!(loads[..6], [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]);
    }

    #[rstest]
    #[case(3.5)]
    #[case(21.5)]
    fn a_whole_number_is_found(#[case] edge: f64) {
        for bracket in [search(range(true), 40, power(edge)).0, search(range(true), 40, step(edge)).0] {
            let Bracket::Between { kept, broken } = bracket else { panic!("{bracket:?}") };
            assert!(kept < edge && edge < broken && broken - kept < 4.5, "{bracket:?}");
        }
    }

    #[rstest]
    #[case(3.7)]
    #[case(312.0)]
    #[case(1900.0)]
    fn the_edge_is_within_its_interval(#[case] edge: f64) {
        for bracket in [search(range(false), 40, power(edge)).0, search(range(false), 40, step(edge)).0] {
            let Bracket::Between { kept, broken } = bracket else { panic!("{bracket:?}") };
            assert!(kept <= edge && edge < broken && broken <= kept * 1.1, "{bracket:?}");
        }
    }

    #[rstest]
    #[case::all(power(9000.0), Bracket::AllKept { kept: 2000.0 })]
    #[case::none(power(0.2), Bracket::NoneKept { broken: 1.0 })]
    #[case::none_of_a_step(step(0.5), Bracket::NoneKept { broken: 1.0 })]
    fn an_edge_outside_of_the_range_is_told_so(
        #[case] excess: impl Fn(f64) -> f64,
        #[case] expected: Bracket,
    ) {
        assert_eq!(search(range(true), 40, excess).0, expected);
    }

    /// A queue with a capacity of 400, and a time that is there without it: the value is at its bound at 300 without, at 360 with most of
    /// the bound.
    fn queue(base: f64, edge: f64) -> impl Fn(f64) -> f64 {
        let free = move |load: f64| (1.0 - load / 400.0).max(0.001);
        move |load| (base + (1.0 - base) * free(edge) / free(load)).ln()
    }

    /// Of 20 answers, 18 at least have the edge in their interval, which claims 95 %; with much noise a few cannot be given. Of 30 that
    /// were made with each of these, and with a power of the load, 28 or more had it.
    #[rstest]
    #[case::little_noise(0.0, 300.0, 0.1)]
    #[case::much_noise(0.0, 300.0, 0.4)]
    #[case::little_noise_at_a_long_flat_part(0.6, 360.0, 0.1)]
    #[case::much_noise_at_a_long_flat_part(0.6, 360.0, 0.4)]
    fn the_edge_of_a_noisy_server_is_in_the_interval(
        #[case] base: f64,
        #[case] edge: f64,
        #[case] noise: f64,
    ) {
        let mut generator = ChaCha8Rng::seed_from_u64(7);
        let excess = queue(base, edge);
        let mut found = (0..20).filter_map(|_| {
            let noisy = |load: f64| excess(load) + noise * generator.sample::<f64, _>(StandardNormal);
            match search(Range { low: 20.0, ..range(false) }, 30, noisy).0 {
                Bracket::Between { kept, broken } => Some((kept, broken)),
                _ => None,
            }
        });
        let found: Vec<(f64, f64)> = found.by_ref().collect();
        let within = found.iter().filter(|(kept, broken)| *kept <= edge && edge <= *broken).count();
        assert!(found.len() >= 15 && within * 10 >= found.len() * 9, "{within}: {found:?}");
    }

    #[test]
    fn an_interval_that_leaves_the_range_does_not_answer() {
        assert_eq!(range(true).bracket((1500.0, 2500.0)), Bracket::Unknown { kept: Some(1500.0) });
        assert_eq!(range(true).bracket((0.5, 2.0)), Bracket::Unknown { kept: None });
    }

    #[test]
    fn a_load_has_four_digits() {
        let texts = [1.234_56, 1234.56, 0.012_345_6].map(|load| significant(load).to_string());
        assert_eq!(texts, ["1.235", "1235", "0.01235"]);
    }
}
