//! Clocks: how a run takes its instants, and whether this machine agrees with others.

use std::{io, path::Path};

use super::{
    look::{Group, Look, State},
    system::text,
};
use crate::request::transport::has_kernel_stamps;

/// Where the kernel says what it counts time with.
const SOURCES: &str = "/sys/devices/system/clocksource/clocksource0";

/// Sources that a program reads without a call of the system. Others cost up to a microsecond a reading.
const FAST: [&str; 6] =
    ["tsc", "tsc-early", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter", "riscv_clocksource"];

/// What systemd's client of NTP leaves behind once the clock is set.
const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";

/// Numbers of processes that keep the clock.
const KEEPERS: [(&str, &str); 4] = [
    ("/run/chrony/chronyd.pid", "chrony"),
    ("/run/chronyd.pid", "chrony"),
    ("/run/ntpd.pid", "ntpd"),
    ("/run/openntpd.pid", "openntpd"),
];

pub(super) fn looks() -> Vec<Look> {
    let source = text(format!("{SOURCES}/current_clocksource"));
    let others = text(format!("{SOURCES}/available_clocksource")).unwrap_or_default();
    let keeper = KEEPERS.into_iter().find(|(file, _)| Path::new(file).exists()).map(|(_, name)| name);
    vec![
        clock_source(source.as_deref(), &others),
        synchronisation(Path::new(SYNCHRONISED).exists(), keeper),
        stamps(has_kernel_stamps()),
    ]
}

fn clock_source(source: Option<&str>, available: &str) -> Look {
    let (what, needed) = ("clock source", "one that is read without a call of the system, as `tsc`");
    let Some(source) = source else { return Look::unanswered(Group::Clocks, what, needed, "") };
    let faster = available.split_whitespace().find(|other| FAST.contains(other));
    let fix = match faster {
        Some(other) => format!("`echo {other} | sudo tee {SOURCES}/current_clocksource`"),
        None => {
            "none that is faster is available: see the log of the kernel (`dmesg`) for why it gave up `tsc`"
                .to_owned()
        }
    };
    let look = Look::new(Group::Clocks, what, format!("`{source}`"), needed);
    look.unless(FAST.contains(&source), State::Warn, fix)
}

/// A run on one machine needs no other clock. Offsets between agents are measured; a clock that somebody sets meanwhile is not.
fn synchronisation(is_synchronised: bool, keeper: Option<&str>) -> Look {
    let what = "time synchronisation";
    let needed = "kept by NTP, where a run has agents on several machines";
    match (is_synchronised, keeper) {
        (true, _) => Look::new(Group::Clocks, what, "kept by systemd-timesyncd", needed),
        (false, Some(keeper)) => Look::new(Group::Clocks, what, format!("kept by {keeper}"), needed),
        (false, None) => {
            let fix = "see `timedatectl` or `chronyc tracking`; a container has the clock of its host";
            Look::unanswered(Group::Clocks, what, needed, fix)
        }
    }
}

fn stamps(probed: io::Result<bool>) -> Look {
    let (what, needed) = ("receive stamps", "by the kernel");
    let fix = "measure on Linux: there the delays of this program are no part of a latency";
    match probed {
        Ok(true) => Look::new(Group::Clocks, what, "by the kernel", needed),
        Ok(false) => Look::new(Group::Clocks, what, "by this process", needed).with(State::Warn, fix),
        Err(error) => {
            let fix = "see why nothing goes through the loopback interface: `ip link show lo`";
            Look::new(Group::Clocks, what, format!("cannot be tried: {error}"), needed).with(State::Warn, fix)
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Some("tsc"), "tsc hpet", State::Ok, "")]
    #[case(
        Some("hpet"),
        "hpet tsc",
        State::Warn,
        "`echo tsc | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource`"
    )]
    #[case(
        Some("acpi_pm"),
        "acpi_pm",
        State::Warn,
        "none that is faster is available: see the log of the kernel (`dmesg`) for why it gave up `tsc`"
    )]
    #[case(None, "", State::Note, "")]
    fn a_slow_clock_is_told(
        #[case] source: Option<&str>,
        #[case] available: &str,
        #[case] state: State,
        #[case] fix: &str,
    ) {
        let look = clock_source(source, available);
        assert_eq!((look.state, look.fix.as_str()), (state, fix));
    }

    #[test]
    fn a_clock_that_somebody_keeps_is_well() {
        let state = |is_synchronised, keeper| synchronisation(is_synchronised, keeper).state;
        assert_eq!(state(true, None), State::Ok);
        assert_eq!(state(false, Some("chrony")), State::Ok);
        assert_eq!(state(false, None), State::Note);
    }

    #[test]
    fn stamps_of_this_process_are_worse() {
        let state = |probed| stamps(probed).state;
        assert_eq!(state(Ok(true)), State::Ok);
        assert_eq!(state(Ok(false)), State::Warn);
        assert_eq!(state(Err(io::ErrorKind::TimedOut.into())), State::Warn);
    }
}
