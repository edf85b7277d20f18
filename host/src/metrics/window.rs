//! The time that a phase's numbers are about, or those of several phases together: [`Window`].

use super::span::PhaseSpan;
use crate::clock::RunNs;

/// Stretches of time that do not overlap. What two phases have in common, where one hands over to the other, counts once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Window(Vec<(RunNs, RunNs)>);

impl Window {
    pub(super) fn of(spans: &[PhaseSpan]) -> Self {
        let mut windows: Vec<(RunNs, RunNs)> = spans.iter().filter_map(PhaseSpan::window).collect();
        windows.sort_unstable();
        let mut covered_ns = 0;
        for (start_ns, end_ns) in &mut windows {
            *start_ns = covered_ns.max(*start_ns);
            covered_ns = covered_ns.max(*end_ns);
        }
        windows.retain(|(start_ns, end_ns)| end_ns > start_ns);
        Self(windows)
    }

    /// The stretches, in order.
    pub(super) fn parts(&self) -> &[(RunNs, RunNs)] {
        &self.0
    }

    /// Its length in seconds; nothing where there is none.
    pub(super) fn seconds(&self) -> Option<f64> {
        let ns = self.0.iter().fold(0_u64, |all, (start, end)| all.saturating_add(end - start));
        (ns > 0).then_some(ns as f64 / 1e9)
    }
}
