//! Memory that a run may take.

use super::{
    control_group,
    intended_runs::IntendedRuns,
    look::{Group, Look, State},
    system::{field, megabytes, text},
};

/// What the program takes with a vocabulary and its plugins, in bytes, with room for a report.
const OF_THE_PROGRAM: u64 = 200_000_000;

/// What a request in flight takes, in bytes: some 30 KB for a stream that is counted, and as much again for long texts.
const OF_A_REQUEST: u64 = 60_000;

/// Without so much, not even the program fits, in bytes.
const LEAST: u64 = 64_000_000;

pub(super) fn looks(wanted: &IntendedRuns) -> Vec<Look> {
    let of_machine = text("/proc/meminfo").and_then(|text| field(&text, "MemAvailable")).map(|kb| kb * 1024);
    vec![free(of_machine, control_group::memory_left(), wanted.connections)]
}

/// Free memory of the machine and of the control group, whichever is less.
fn free(of_machine: Option<u64>, of_group: Option<u64>, connections: u64) -> Look {
    let wanted = OF_THE_PROGRAM.saturating_add(connections.saturating_mul(OF_A_REQUEST));
    let what = "free memory";
    let needed = format!("{} for {connections} requests at a time", megabytes(wanted));
    let fix = "end other programs, or raise the limit (`--memory` of a container, `MemoryMax` of systemd); long answers take more";
    let (least, whose) = match (of_machine, of_group) {
        (None, None) => return Look::unanswered(Group::Memory, what, needed, ""),
        (Some(machine), Some(group)) if group < machine => (group, "the limit of this control group leaves"),
        (None, Some(group)) => (group, "the limit of this control group leaves"),
        (Some(machine), _) => (machine, "the machine has"),
    };
    Look::new(Group::Memory, what, format!("{whose} {}", megabytes(least)), needed)
        .unless(least >= wanted, State::Warn, fix)
        .unless(least >= LEAST, State::Fail, fix)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Some(8_000_000_000), None, State::Ok, "the machine has 8000 MB")]
    #[case(
        Some(8_000_000_000),
        Some(100_000_000),
        State::Warn,
        "the limit of this control group leaves 100 MB"
    )]
    #[case(Some(100_000_000), Some(8_000_000_000), State::Warn, "the machine has 100 MB")]
    #[case(None, Some(50_000_000), State::Fail, "the limit of this control group leaves 50 MB")]
    #[case(None, None, State::Note, "the system does not tell")]
    fn the_lower_limit_counts(
        #[case] machine: Option<u64>,
        #[case] group: Option<u64>,
        #[case] state: State,
        #[case] found: &str,
    ) {
        let look = free(machine, group, 1000);
        assert_eq!((look.state, look.found.as_str()), (state, found));
        assert_eq!(look.needed, "260 MB for 1000 requests at a time");
    }
}
