//! The scrapes of a phase: exports [`PhaseWindow`] and [`Scrapes`].

use std::ops::Range;

use prony_plugin_api::message::PhaseKind;

/// A phase, as the journal has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PhaseWindow {
    /// Position in the run.
    pub(crate) index: u32,
    /// Warm-up or profiling.
    pub(crate) kind: PhaseKind,
    /// Nanoseconds since the run's start.
    pub(crate) start_ns: u64,
    /// Nanoseconds since the run's start.
    pub(crate) end_ns: u64,
}

impl PhaseWindow {
    /// `warmup` or `profiling`, with a number from the second of its kind on.
    pub(super) fn name(&self, phases: &[Self]) -> String {
        let kind = match self.kind {
            PhaseKind::Warmup => "warmup",
            PhaseKind::Profiling => "profiling",
        };
        let earlier =
            phases.iter().filter(|other| other.kind == self.kind && other.index < self.index).count();
        if earlier == 0 { kind.to_owned() } else { format!("{kind}_{}", earlier + 1) }
    }
}

/// How far from a phase the scrapes at its boundaries can be: one may wait for another that times out, and be slow
/// itself.
const FARTHEST_BOUNDARY_NS: u64 = 3_000_000_000;

/// Which scrapes of a page belong to a phase.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scrapes {
    /// From the last before the load up to the first after it: what counters are compared between.
    pub(super) between: Range<usize>,
    /// Those while there was load: what gauges are averaged over. The scrape at the end sees an idle server, and
    /// only counts in a phase too short for any other.
    pub(super) under_load: Range<usize>,
    /// Seconds between the first and the last of `between`, without what lies outside the phase: nothing was sent
    /// there.
    pub(super) seconds: f64,
}

impl Scrapes {
    /// Chooses among the ordered instants of a page's scrapes. `None` when the page was not scraped in the phase.
    pub(super) fn of(phase: &PhaseWindow, instants: &[u64]) -> Option<Self> {
        let inside = instants.partition_point(|at| *at < phase.start_ns);
        let after = instants.partition_point(|at| *at < phase.end_ns);
        let ends_it = |at: &u64| at.saturating_sub(phase.end_ns) <= FARTHEST_BOUNDARY_NS;
        let end = if instants.get(after).is_some_and(ends_it) { after + 1 } else { after };
        let last = *instants.get(inside..end)?.last()?;
        let starts_it = |at: &u64| phase.start_ns - at <= FARTHEST_BOUNDARY_NS;
        let first = if instants[..inside].last().is_some_and(starts_it) && instants[inside] != phase.start_ns
        {
            inside - 1
        } else {
            inside
        };
        let between = first..end;
        let under_load = if inside < after { inside..after } else { end - 1..end };
        let (start_ns, end_ns) = (instants[first].max(phase.start_ns), last.min(phase.end_ns));
        Some(Self { between, under_load, seconds: end_ns.saturating_sub(start_ns) as f64 / 1e9 })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const S: u64 = 1_000_000_000;
    const PHASE: PhaseWindow =
        PhaseWindow { index: 1, kind: PhaseKind::Profiling, start_ns: 10 * S, end_ns: 20 * S };

    #[rstest]
    #[case::both_boundaries(&[9 * S, 10 * S, 15 * S, 20 * S + 1, 21 * S], 1..4, 1..3)]
    #[case::no_scrape_at_the_end(&[10 * S, 15 * S, 24 * S], 0..2, 0..2)]
    #[case::the_start_just_before(&[5 * S, 9 * S, 15 * S, 20 * S], 1..4, 2..3)]
    #[case::no_scrape_at_the_start(&[6 * S, 15 * S, 20 * S], 1..3, 1..2)]
    #[case::only_the_boundaries(&[9 * S, 20 * S + 5], 0..2, 1..2)]
    fn scrapes_belong_to_the_phase_that_caused_them(
        #[case] instants: &[u64],
        #[case] between: Range<usize>,
        #[case] under_load: Range<usize>,
    ) {
        let scrapes = Scrapes::of(&PHASE, instants).unwrap();
        assert_eq!((scrapes.between, scrapes.under_load), (between, under_load));
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "whole seconds are exact")]
    fn seconds_are_those_of_the_phase() {
        assert_eq!(Scrapes::of(&PHASE, &[9 * S, 22 * S]).unwrap().seconds, 10.0);
        assert_eq!(Scrapes::of(&PHASE, &[12 * S, 15 * S]).unwrap().seconds, 3.0);
    }

    #[rstest]
    #[case::never(&[])]
    #[case::before(&[9 * S])]
    #[case::long_after(&[24 * S])]
    fn a_page_that_was_not_scraped_in_the_phase_has_no_window(#[case] instants: &[u64]) {
        assert_eq!(Scrapes::of(&PHASE, instants), None);
    }

    #[test]
    fn the_second_phase_of_a_kind_gets_a_number() {
        let phases = [
            PhaseWindow { index: 0, kind: PhaseKind::Warmup, ..PHASE },
            PHASE,
            PhaseWindow { index: 2, ..PHASE },
        ];
        let names: Vec<String> = phases.iter().map(|phase| phase.name(&phases)).collect();
        assert_eq!(names, ["warmup", "profiling", "profiling_2"]);
    }
}
