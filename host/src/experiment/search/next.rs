//! Which load is tried next, and when the answer is known: doubling up to a load that breaks an objective, then halves of what
//! lies between, in proportion. Pure: what was found comes in, the next load goes out.

use serde::Serialize;

use super::verdict::Verdict;

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

/// A load, and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tried {
    pub(super) load: f64,
    pub(super) verdict: Verdict,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Next {
    Try(f64),
    Done(Bracket),
}

/// What is known of the highest load that keeps to the objectives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "found")]
pub(crate) enum Bracket {
    /// It is from the first to the second, of which the first keeps to them and the second does not.
    Between { kept: f64, broken: f64 },
    /// The highest load that may be tried keeps to them.
    AllKept { kept: f64 },
    /// The lowest one does not.
    NoneKept { broken: f64 },
    /// Runs of the lowest load do not agree, or those of all loads from one on: nothing is known beyond it.
    Unknown { kept: Option<f64> },
}

impl Range {
    /// What comes next after what was tried.
    pub(super) fn next(self, tried: &[Tried]) -> Next {
        let of = |verdict| tried.iter().filter(move |one| one.verdict == verdict).map(|one| one.load);
        let broken = of(Verdict::Broken).fold(f64::INFINITY, f64::min);
        // What is above a load that breaks them does not count.
        let kept = of(Verdict::Kept).filter(|load| *load < broken).fold(f64::NEG_INFINITY, f64::max);
        let unclear: Vec<f64> = of(Verdict::Unclear).filter(|load| *load > kept && *load < broken).collect();
        let lowest_unclear = unclear.iter().copied().fold(f64::INFINITY, f64::min);
        let highest_unclear = unclear.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if tried.is_empty() {
            return Next::Try(self.low);
        }
        if kept.is_infinite() {
            return self.at_the_lowest(broken, lowest_unclear);
        }
        if broken.is_infinite() {
            return self.upwards(kept, highest_unclear);
        }
        let gaps = [(kept, lowest_unclear.min(broken)), (highest_unclear.max(kept), broken)];
        match gaps.into_iter().find_map(|(low, high)| self.between(low, high)) {
            Some(load) => Next::Try(load),
            None => Next::Done(Bracket::Between { kept, broken }),
        }
    }

    /// The lowest load does not keep to them for sure.
    fn at_the_lowest(self, broken: f64, unclear: f64) -> Next {
        if broken <= self.low {
            return Next::Done(Bracket::NoneKept { broken });
        }
        debug_assert!(unclear <= self.low);
        Next::Done(Bracket::Unknown { kept: None })
    }

    /// Nothing breaks them so far.
    fn upwards(self, kept: f64, unclear: f64) -> Next {
        let last = kept.max(unclear);
        if last >= self.high {
            let is_kept = kept >= self.high;
            let done =
                if is_kept { Bracket::AllKept { kept } } else { Bracket::Unknown { kept: Some(kept) } };
            return Next::Done(done);
        }
        Next::Try((last * 2.0).min(self.high))
    }

    /// A load between two, if they are not near enough.
    fn between(self, low: f64, high: f64) -> Option<f64> {
        if high <= low * (1.0 + self.precision) {
            return None;
        }
        let middle = (low * high).sqrt();
        let is_between = |load: &f64| *load > low && *load < high;
        if !self.is_whole {
            return [significant(middle), middle].into_iter().find(is_between);
        }
        (high - low >= 2.0).then(|| middle.round().clamp(low + 1.0, high - 1.0))
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
    use super::*;
    use rstest::rstest;

    fn range(is_whole: bool) -> Range {
        Range { low: 1.0, high: 2000.0, is_whole, precision: 0.05 }
    }

    /// Searches where a load is kept, broken or unclear by itself.
    fn search(range: Range, is: impl Fn(f64) -> Verdict) -> (Bracket, Vec<f64>) {
        let mut tried = Vec::new();
        loop {
            assert!(tried.len() < 60, "{tried:?}");
            match range.next(&tried) {
                Next::Done(bracket) => return (bracket, tried.iter().map(|one: &Tried| one.load).collect()),
                Next::Try(load) => tried.push(Tried { load, verdict: is(load) }),
            }
        }
    }

    fn up_to(edge: f64) -> impl Fn(f64) -> Verdict {
        move |load| if load <= edge { Verdict::Kept } else { Verdict::Broken }
    }

    #[test]
    fn loads_are_doubled_and_then_halved() {
        let (bracket, loads) = search(range(true), up_to(21.0));
        assert_eq!(bracket, Bracket::Between { kept: 21.0, broken: 22.0 });
        assert_eq!(loads[..6], [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]);
    }

    #[test]
    fn loads_that_are_near_to_each_other_are_told_apart() {
        let range = Range { low: 100.0, high: 100.04, is_whole: false, precision: 0.0001 };
        let (bracket, loads) = search(range, up_to(100.01));
        let Bracket::Between { kept, broken } = bracket else { panic!("{bracket:?}") };
        assert!(kept <= 100.01 && 100.01 < broken && loads.len() < 10, "{bracket:?} {loads:?}");
    }

    #[test]
    fn neighbours_of_whole_numbers_have_nothing_between_them() {
        let (bracket, loads) = search(range(true), up_to(3.0));
        assert_eq!(bracket, Bracket::Between { kept: 3.0, broken: 4.0 });
        assert_eq!(loads, [1.0, 2.0, 4.0, 3.0]);
    }

    #[rstest]
    #[case(3.7)]
    #[case(312.0)]
    #[case(1999.0)]
    fn the_edge_is_within_its_interval(#[case] edge: f64) {
        let (bracket, _) = search(range(false), up_to(edge));
        let Bracket::Between { kept, broken } = bracket else { panic!("{bracket:?}") };
        assert!(kept <= edge && edge < broken && broken <= kept * 1.05, "{bracket:?}");
    }

    #[test]
    fn unclear_loads_stay_in_the_interval() {
        let is = |load| match load {
            load if load < 100.0 => Verdict::Kept,
            load if load > 130.0 => Verdict::Broken,
            _ => Verdict::Unclear,
        };
        let (bracket, _) = search(range(false), is);
        let Bracket::Between { kept, broken } = bracket else { panic!("{bracket:?}") };
        assert!((95.0..100.0).contains(&kept) && (130.0..137.0).contains(&broken), "{bracket:?}");
    }

    #[rstest]
    #[case::all(up_to(5000.0), Bracket::AllKept { kept: 2000.0 })]
    #[case::none(up_to(0.5), Bracket::NoneKept { broken: 1.0 })]
    fn an_edge_outside_of_the_range_is_told_so(
        #[case] is: impl Fn(f64) -> Verdict,
        #[case] expected: Bracket,
    ) {
        assert_eq!(search(range(true), is).0, expected);
    }

    #[test]
    fn where_runs_never_agree_nothing_is_known() {
        assert_eq!(search(range(true), |_| Verdict::Unclear).0, Bracket::Unknown { kept: None });
        let noisy_above = |load| if load < 10.0 { Verdict::Kept } else { Verdict::Unclear };
        assert_eq!(search(range(true), noisy_above).0, Bracket::Unknown { kept: Some(8.0) });
    }

    #[test]
    fn a_load_has_four_digits() {
        let texts = [1.234_56, 1234.56, 0.012_345_6].map(|load| significant(load).to_string());
        assert_eq!(texts, ["1.235", "1235", "0.01235"]);
    }
}
