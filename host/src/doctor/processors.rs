//! Processors: how many, how fast, and what else they do.

use std::{fs, thread, time::Duration};

use super::{
    control_group::{self, Quota},
    intended_runs::IntendedRuns,
    look::{Group, Look, State},
    system::text,
};
use crate::{request::machine::ProcessorTimes, screen::counted};

/// How long it is watched what the machine does.
const WATCHED: Duration = Duration::from_millis(300);

/// With more work of others than this, threads of a run wait for processors.
const MOST_BUSY: f64 = 0.25;

/// Where the settings of processors are.
const FOLDER: &str = "/sys/devices/system/cpu";

pub(super) fn looks(wanted: &IntendedRuns) -> Vec<Look> {
    let before = control_group::quota();
    let busy = busy_share();
    let after = control_group::quota();
    vec![
        cores(wanted.cores),
        quota(meanwhile(before, after)),
        governor(&governors()),
        turbo(turbo_state()),
        load(busy, text("/proc/loadavg").as_deref()),
    ]
}

fn cores(cores: usize) -> Look {
    let needed = "2: one for requests, one for everything else";
    let fix = "give the program more processors: `taskset`, `--cpus` of a container, a larger machine";
    Look::new(Group::Processors, "cores", cores.to_string(), needed).unless(cores >= 2, State::Warn, fix)
}

/// The quota, with the periods that have passed while it was watched: a group may have been halted long ago, by what has ended since.
fn meanwhile(before: Option<Quota>, after: Option<Quota>) -> Option<Quota> {
    let Quota { cores, periods } = after?;
    let earlier = before.and_then(|before| before.periods);
    let since =
        periods.zip(earlier).map(|(now, then)| (now.0.saturating_sub(then.0), now.1.saturating_sub(then.1)));
    Some(Quota { cores, periods: since })
}

fn quota(quota: Option<Quota>) -> Look {
    let what = "limit of processor time";
    let needed = "none, or at least 2 cores' worth and no halts";
    let Some(Quota { cores, periods }) = quota else {
        return Look::new(Group::Processors, what, "none", needed);
    };
    let halted = match periods {
        Some((periods, halted)) => {
            format!(", halted in {halted} of {periods} periods of the last {} ms", WATCHED.as_millis())
        }
        None => String::new(),
    };
    let is_halted = periods.is_some_and(|(_, halted)| halted > 0);
    let fix = "raise the quota (`--cpus` of Docker, `resources.limits.cpu` of Kubernetes, `CPUQuota` of systemd) or remove it: a \
               group that has used it up stands still for up to a tenth of a second";
    let found = format!("{cores:.1} cores' worth{halted}");
    Look::new(Group::Processors, what, found, needed).unless(cores >= 2.0 && !is_halted, State::Warn, fix)
}

/// What decides the frequency of each processor.
fn governors() -> Vec<String> {
    let entries = fs::read_dir(FOLDER).into_iter().flatten().flatten();
    entries.filter_map(|entry| text(entry.path().join("cpufreq/scaling_governor"))).collect()
}

fn governor(all: &[String]) -> Look {
    let (what, needed) = ("frequency governor", "`performance`");
    if all.is_empty() {
        let fix =
            "nothing on a virtual machine, where the host decides; else see what the firmware is set to";
        return Look::unanswered(Group::Processors, what, needed, fix);
    }
    let slow: Vec<&String> = all.iter().filter(|governor| *governor != "performance").collect();
    let fix = "`sudo cpupower frequency-set -g performance`: a processor that slows down while it waits answers later";
    let found = match slow.first() {
        None => format!("`performance` on {}", counted(all.len(), "processor")),
        Some(first) => format!("`{first}` on {} of {}", slow.len(), counted(all.len(), "processor")),
    };
    Look::new(Group::Processors, what, found, needed).unless(slow.is_empty(), State::Warn, fix)
}

/// Whether processors may be faster than their nominal frequency for a time.
fn turbo_state() -> Option<bool> {
    let no_turbo = text(format!("{FOLDER}/intel_pstate/no_turbo")).map(|text| text == "0");
    no_turbo.or_else(|| text(format!("{FOLDER}/cpufreq/boost")).map(|text| text == "1"))
}

fn turbo(is_on: Option<bool>) -> Look {
    let (what, needed) = ("turbo", "the same in all runs that are compared");
    match is_on {
        Some(is_on) => Look::new(Group::Processors, what, if is_on { "on" } else { "off" }, needed),
        None => Look::unanswered(Group::Processors, what, needed, ""),
    }
}

/// The part of the time in which the machine does something.
fn busy_share() -> Option<f64> {
    let before = ProcessorTimes::now()?;
    thread::sleep(WATCHED);
    let spent = ProcessorTimes::now()?.since(before);
    (spent.total > 0).then(|| 1.0 - spent.idle as f64 / spent.total as f64)
}

/// What the machine does now, and the load of the last minute (`proc_loadavg(5)`).
fn load(busy: Option<f64>, average: Option<&str>) -> Look {
    let (what, needed) = ("load now", "below 25 %: others take the time of a run");
    let fix = "end what else runs here (`top` lists it), or measure from another machine";
    let Some(busy) = busy else { return Look::unanswered(Group::Processors, what, needed, fix) };
    let average = average.and_then(|text| text.split_whitespace().next());
    let average = average.map(|average| format!(", load average {average}")).unwrap_or_default();
    let found = format!("{:.0} % busy{average}", busy * 100.0);
    Look::new(Group::Processors, what, found, needed).unless(busy <= MOST_BUSY, State::Warn, fix)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn one_core_is_too_few() {
        assert_eq!([cores(1).state, cores(2).state], [State::Warn, State::Ok]);
    }

    #[rstest]
    #[case(None, State::Ok, "none")]
    #[case(Some(Quota { cores: 4.0, periods: Some((3, 0)) }), State::Ok, "4.0 cores' worth, halted in 0 of 3 periods of the last 300 ms")]
    #[case(Some(Quota { cores: 4.0, periods: Some((3, 1)) }), State::Warn, "4.0 cores' worth, halted in 1 of 3 periods of the last 300 ms")]
    #[case(Some(Quota { cores: 1.5, periods: None }), State::Warn, "1.5 cores' worth")]
    fn a_quota_that_halts_is_told(#[case] of: Option<Quota>, #[case] state: State, #[case] found: &str) {
        let look = quota(of);
        assert_eq!((look.state, look.found.as_str()), (state, found));
    }

    #[test]
    fn halts_before_it_was_watched_are_none() {
        let quota = |periods| Some(Quota { cores: 4.0, periods });
        assert_eq!(meanwhile(quota(Some((90, 40))), quota(Some((93, 41)))), quota(Some((3, 1))));
        assert_eq!(meanwhile(None, quota(Some((93, 41)))), quota(None));
        assert_eq!(meanwhile(quota(None), None), None);
    }

    #[rstest]
    #[case(&[], State::Note, "the system does not tell")]
    #[case(&["performance", "performance"], State::Ok, "`performance` on 2 processors")]
    #[case(&["performance", "powersave"], State::Warn, "`powersave` on 1 of 2 processors")]
    fn a_governor_that_saves_power_is_told(#[case] all: &[&str], #[case] state: State, #[case] found: &str) {
        let all: Vec<String> = all.iter().map(ToString::to_string).collect();
        let look = governor(&all);
        assert_eq!((look.state, look.found.as_str()), (state, found));
    }

    #[test]
    fn turbo_is_told_and_no_fault() {
        let states = [Some(true), Some(false), None].map(|is_on| turbo(is_on).state);
        assert_eq!(states, [State::Ok, State::Ok, State::Note]);
    }

    #[rstest]
    #[case(Some(0.05), State::Ok, "5 % busy, load average 0.50")]
    #[case(Some(0.8), State::Warn, "80 % busy, load average 0.50")]
    #[case(None, State::Note, "the system does not tell")]
    fn a_busy_machine_is_told(#[case] busy: Option<f64>, #[case] state: State, #[case] found: &str) {
        let look = load(busy, Some("0.50 0.40 0.30 1/100 999"));
        assert_eq!((look.state, look.found.as_str()), (state, found));
    }
}
