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

/// How long after a phase the scrape at its end can come: it may wait for one that times out, and be slow itself.
const LATEST_BOUNDARY_NS: u64 = 3_000_000_000;

/// Which scrapes of a page belong to a phase.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scrapes {
    /// From the first of the phase up to the one that its end caused: what counters are compared between.
    pub(super) between: Range<usize>,
    /// Those while there was load: what gauges are averaged over. The scrape at the end sees an idle server, and
    /// only counts in a phase too short for any other.
    pub(super) under_load: Range<usize>,
    /// Seconds between the first and the last of `between`.
    pub(super) seconds: f64,
}

impl Scrapes {
    /// Chooses among the ordered instants of a page's scrapes. `None` when the page was not scraped in the phase.
    pub(super) fn of(phase: &PhaseWindow, instants: &[u64]) -> Option<Self> {
        let first = instants.partition_point(|at| *at < phase.start_ns);
        let after = instants.partition_point(|at| *at < phase.end_ns);
        let is_boundary = |at: &u64| at.saturating_sub(phase.end_ns) <= LATEST_BOUNDARY_NS;
        let end = if instants.get(after).is_some_and(is_boundary) { after + 1 } else { after };
        let (start_ns, end_ns) = (instants.get(first..end)?.first()?, instants.get(first..end)?.last()?);
        let between = first..end;
        let under_load = if first < after { first..after } else { between.clone() };
        Some(Self { between, under_load, seconds: (end_ns - start_ns) as f64 / 1e9 })
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
    #[case::no_scrape_at_the_start(&[15 * S, 20 * S], 0..2, 0..1)]
    #[case::only_the_end(&[9 * S, 20 * S + 5], 1..2, 1..2)]
    fn scrapes_belong_to_the_phase_that_caused_them(
        #[case] instants: &[u64],
        #[case] between: Range<usize>,
        #[case] under_load: Range<usize>,
    ) {
        let scrapes = Scrapes::of(&PHASE, instants).unwrap();
        assert_eq!((scrapes.between, scrapes.under_load), (between, under_load));
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
