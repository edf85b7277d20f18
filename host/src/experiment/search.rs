//! The largest load that keeps to a bound, from probes whose results are noisy: the [`Search`].
//!
//! Pure: it says which load to probe next, and what is known when nothing more is worth probing. More load is taken to be never
//! better. It doubles the load until the bound is broken, then halves the gap. A load at which one probe does not tell is probed
//! again; one at which several do not is left open, and the gap is narrowed at both sides of it.

use std::collections::BTreeMap;

use super::estimate::Estimate;

/// What is looked for, and how closely.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Search {
    /// Smallest and largest load.
    pub(crate) range: (u32, u32),
    /// The gap is narrow enough when it is this part of the load, or 1.
    pub(crate) precision: f64,
    /// A single probe decides when it is so far from the bound, in proportion to it.
    pub(crate) clear: f64,
    /// Probes of one load at most, two or more.
    pub(crate) repeats: usize,
    /// Of the interval by which several probes decide: a part of 1.
    pub(crate) confidence: f64,
}

/// What was probed: for each load, how far each probe's value was above the bound, in proportion to it. Below 0 it kept to it.
/// Of several bounds, the one that is nearest to being broken counts.
pub(crate) type Probes = BTreeMap<u32, Vec<f64>>;

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Next {
    Probe(u32),
    Done(Answer),
}

/// What is known at the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer {
    /// The largest load that keeps to the bound is about `estimate`, from `low`, which surely does, to `high`, which surely
    /// does not.
    Edge { low: u32, estimate: u32, high: u32 },
    /// The same, but noise leaves a gap that is wider than was asked for.
    CannotTell { low: u32, high: u32 },
    /// All of the range keeps to it.
    AllKept,
    /// Not even the smallest load does.
    NoneKept,
}

/// What the probes of a load say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Kept,
    Broken,
    /// One more probe may tell.
    Undecided,
    /// Noise is larger than the distance from the bound.
    Open,
}

impl Search {
    /// What to do after these probes.
    pub(crate) fn next(&self, probes: &Probes) -> Next {
        let verdicts: Vec<(u32, Verdict)> =
            probes.iter().map(|(load, values)| (*load, self.verdict(values))).collect();
        let with = |wanted: Verdict| {
            verdicts.iter().filter(move |(_, verdict)| *verdict == wanted).map(|(load, _)| *load)
        };
        if let Some(load) = with(Verdict::Undecided).next() {
            return Next::Probe(load);
        }
        let Some(high) = with(Verdict::Broken).min() else { return self.next_without_end(&verdicts) };
        // A load that kept to the bound above one that did not was luck.
        let low = with(Verdict::Kept).filter(|load| *load < high).max();
        let open: Vec<u32> =
            with(Verdict::Open).filter(|load| *load < high && low.is_none_or(|low| *load > low)).collect();
        match (low, open.first(), open.last()) {
            (None, None, _) if high > self.range.0 => Next::Probe(self.range.0),
            (None, None, _) => Next::Done(Answer::NoneKept),
            (None, Some(first), _) if *first > self.range.0 => Next::Probe(self.range.0),
            (None, Some(_), _) => Next::Done(Answer::CannotTell { low: self.range.0, high }),
            (Some(low), Some(first), Some(last)) => self
                .between(low, *first)
                .or_else(|| self.between(*last, high))
                .map_or(Next::Done(Answer::CannotTell { low, high }), Next::Probe),
            (Some(low), _, _) => {
                self.between(low, high).map_or_else(|| Next::Done(edge(probes, low, high)), Next::Probe)
            }
        }
    }

    /// Nothing has broken the bound: the next load is twice the largest one.
    fn next_without_end(&self, verdicts: &[(u32, Verdict)]) -> Next {
        let (least, most) = self.range;
        match verdicts.last() {
            None => Next::Probe(least),
            Some((load, Verdict::Kept)) if *load >= most => Next::Done(Answer::AllKept),
            Some((load, _)) if *load >= most => {
                let kept = verdicts.iter().rev().find(|(_, verdict)| *verdict == Verdict::Kept);
                Next::Done(Answer::CannotTell { low: kept.map_or(least, |(load, _)| *load), high: most })
            }
            Some((load, _)) => Next::Probe(load.saturating_mul(2).min(most)),
        }
    }

    /// The middle of a gap that is too wide.
    fn between(&self, low: u32, high: u32) -> Option<u32> {
        let gap = high.saturating_sub(low);
        let is_wide = gap > 1 && f64::from(gap) > f64::from(low) * self.precision;
        is_wide.then_some(low + gap / 2)
    }

    fn verdict(&self, values: &[f64]) -> Verdict {
        let decided = |is_kept, is_broken| match (is_kept, is_broken) {
            (true, _) => Some(Verdict::Kept),
            (_, true) => Some(Verdict::Broken),
            _ => None,
        };
        let decided = match values {
            [value] => decided(*value < -self.clear, *value > self.clear),
            values => Estimate::of(values.iter().copied(), self.confidence)
                .and_then(|estimate| estimate.spread)
                .and_then(|spread| decided(spread.ci_high < 0.0, spread.ci_low > 0.0)),
        };
        let undecided = if values.len() < self.repeats { Verdict::Undecided } else { Verdict::Open };
        decided.unwrap_or(undecided)
    }
}

/// The edge between two loads, where a straight line between their means crosses the bound.
fn edge(probes: &Probes, low: u32, high: u32) -> Answer {
    let mean = |load| {
        let values = probes.get(&load).map_or(&[][..], Vec::as_slice);
        values.iter().sum::<f64>() / values.len().max(1) as f64
    };
    let (below, above) = (mean(low), mean(high));
    let part = if above > below { (-below / (above - below)).clamp(0.0, 1.0) } else { 0.0 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is at most the gap")]
    let beyond = (f64::from(high - low) * part) as u32;
    Answer::Edge { low, estimate: low + beyond, high }
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;
    use rstest::rstest;

    use super::*;
    use crate::seed::Seed;

    const SEARCH: Search =
        Search { range: (1, 2000), precision: 0.05, clear: 0.3, repeats: 6, confidence: 0.99 };

    /// A server whose latency grows as that of one queue does: `1 / (1 - load / capacity)`, with noise in proportion to it.
    struct Server {
        capacity: f64,
        noise: f64,
        random: rand_chacha::ChaCha8Rng,
    }

    impl Server {
        fn new(capacity: f64, noise: f64, seed: u64) -> Self {
            Self { capacity, noise, random: Seed::new(seed).stream("search.server") }
        }

        /// Above the bound of four times the latency without load, in proportion to it. A full server has no end of latency.
        fn probe(&mut self, load: u32) -> f64 {
            let busy = (f64::from(load) / self.capacity).min(0.99);
            // The sum of twelve uniform numbers is about normal, with a standard deviation of 1.
            let normal = (0..12).map(|_| self.random.random::<f64>()).sum::<f64>() - 6.0;
            let latency = (1.0 / (1.0 - busy)) * (1.0 + self.noise * normal);
            latency / 4.0 - 1.0
        }

        /// Where the bound is met: three quarters of the capacity.
        fn edge(&self) -> f64 {
            self.capacity * 0.75
        }
    }

    fn answer(search: Search, server: &mut Server) -> (Answer, usize) {
        let mut probes = Probes::new();
        loop {
            match search.next(&probes) {
                Next::Probe(load) => probes.entry(load).or_default().push(server.probe(load)),
                Next::Done(answer) => return (answer, probes.values().map(Vec::len).sum()),
            }
        }
    }

    #[test]
    fn without_noise_the_edge_is_found_with_few_probes() {
        let (answer, probes) = answer(SEARCH, &mut Server::new(400.0, 0.0, 1));
        let Answer::Edge { low, estimate, high } = answer else { panic!("{answer:?}") };
        assert!(low <= 300 && high >= 300 && high - low <= 15, "{answer:?}");
        assert!(estimate.abs_diff(300) <= 3 && probes <= 20, "{answer:?} after {probes} probes");
    }

    #[rstest]
    #[case::little(0.02)]
    #[case::some(0.1)]
    #[case::much(0.15)]
    fn with_noise_the_edge_is_within_the_answer_nearly_always(#[case] noise: f64) {
        const SEARCHES: u64 = 200;
        let holds = |seed: &u64| {
            let mut server = Server::new(400.0, noise, *seed);
            let edge = server.edge();
            match answer(SEARCH, &mut server).0 {
                Answer::Edge { low, high, .. } | Answer::CannotTell { low, high } => {
                    f64::from(low) <= edge && edge <= f64::from(high)
                }
                Answer::AllKept | Answer::NoneKept => false,
            }
        };
        let held = (0..SEARCHES).filter(holds).count();
        assert!(held >= 180, "{held} of {SEARCHES}");
    }

    /// Nearly a third of the value: one probe tells something only far from the bound.
    #[test]
    fn noise_that_hides_the_edge_is_told_and_probing_ends() {
        let search = Search { clear: 1.0, ..SEARCH };
        let (mut held, mut unknown, mut most) = (0, 0, 0);
        for seed in 0..100 {
            let (answer, probes) = answer(search, &mut Server::new(400.0, 0.3, seed));
            unknown += u32::from(matches!(answer, Answer::CannotTell { .. }));
            let (Answer::Edge { low, high, .. } | Answer::CannotTell { low, high }) = answer else {
                continue;
            };
            held += u32::from(low <= 300 && high >= 300);
            most = most.max(probes);
        }
        assert!(unknown >= 50 && held >= 85 && most <= 100, "{unknown} unknown, {held} held, {most} probes");
    }

    #[rstest]
    #[case::enough_for_all(1e9, Answer::AllKept)]
    #[case::enough_for_none(1.0, Answer::NoneKept)]
    fn a_range_without_an_edge_is_told(#[case] capacity: f64, #[case] expected: Answer) {
        assert_eq!(answer(SEARCH, &mut Server::new(capacity, 0.02, 7)).0, expected);
    }

    #[test]
    fn a_range_of_one_load_is_decided() {
        let one = Search { range: (100, 100), ..SEARCH };
        assert_eq!(answer(one, &mut Server::new(400.0, 0.02, 1)).0, Answer::AllKept);
        assert_eq!(answer(one, &mut Server::new(110.0, 0.02, 1)).0, Answer::NoneKept);
    }
}
