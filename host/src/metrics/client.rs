//! The tool's verdict on itself: whether the numbers may be its own and not the server's.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::first_reads::FirstReadSummary;
use crate::record::{DelaySummary, ProcessUsage, WorkerUsage};

/// How far the numbers can be trusted to be the server's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// The client was not measured: the run was killed.
    #[default]
    Unknown,
    /// The client had time to spare.
    Ok,
    /// The client may have bent some numbers.
    Suspect,
    /// The client was at its limit: it sent less than was asked for, or read late what had arrived.
    Limited,
}

/// Which clock said when answers arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ArrivalClock {
    /// The kernel's, as bytes came in: a busy client does not bend it.
    Kernel,
    /// This process's, when it came to read them.
    User,
    /// Some by the one, some by the other.
    Mixed,
}

/// What was measured of the client while it profiled, and what follows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ClientReport {
    /// What follows.
    pub(crate) verdict: Verdict,
    /// Why, the gravest first.
    pub(crate) reasons: Vec<String>,
    /// What did not harm the client, and may have harmed the server.
    pub(crate) remarks: Vec<String>,
    /// How each worker fared, phase by phase.
    pub(crate) workers: Vec<WorkerUsage>,
    /// First tokens, and those among them that may be stamped too late.
    pub(crate) first_reads: FirstReadSummary,
    /// What the whole process used, before it wrote its report: of a run with agents, the controller.
    pub(crate) process: Option<ProcessUsage>,
}

/// From where on a measure makes a client suspect, and from where on it is limited.
struct Bounds {
    suspect: f64,
    limited: f64,
}

/// A thread that works so much of the time has no room for a burst.
const BUSY: Bounds = Bounds { suspect: 0.7, limited: 0.9 };

/// A thread that waits for a processor so much of the time shares it with others that are as hungry, and takes the moments at
/// which it reads for those of arrival.
const QUEUED: Bounds = Bounds { suspect: 0.03, limited: 0.1 };

/// The same for a thread that the kernel tells when bytes arrived. What waiting does to it is measured by the delays below;
/// this much of it leaves little time to work.
const QUEUED_WITH_STAMPS: Bounds = Bounds { suspect: 0.3, limited: 0.6 };

/// Part of the time of all processors in which something ran: when nothing is left, whatever shares the machine slows the
/// client, or the server if that is one of them.
const MACHINE_BUSY: Bounds = Bounds { suspect: 0.9, limited: 0.98 };

/// A phase that is shorter has too few ticks to tell.
const ENOUGH_TICKS: u64 = 50;

/// So few descriptors are soon used up.
const FEW_DESCRIPTORS: u64 = 32;

/// 99th percentile of reading late, in milliseconds: a few and tokens of a fast stream begin to share a read.
const READ_DELAY_MS: Bounds = Bounds { suspect: 2.0, limited: 10.0 };

/// A smaller share of first tokens does not reach the 99th percentile.
const FIRST_READ_SHARE: f64 = 0.01;

/// How much too late first tokens may be stamped that were read together with later ones, in milliseconds.
const FIRST_READ_MS: Bounds = Bounds { suspect: 0.1, limited: 10.0 };

/// 99th percentile of waking late for a request, in milliseconds.
const WAKE_DELAY_MS: Bounds = Bounds { suspect: 1.0, limited: 10.0 };

impl Bounds {
    fn judge(&self, value: f64) -> Verdict {
        if value >= self.limited {
            Verdict::Limited
        } else if value >= self.suspect {
            Verdict::Suspect
        } else {
            Verdict::Ok
        }
    }
}

impl ClientReport {
    /// Judges by what the workers noted, and by how first tokens were read.
    pub(crate) fn judge(workers: Vec<WorkerUsage>, first_reads: FirstReadSummary) -> Self {
        let mut findings: Vec<(Verdict, String)> = workers.iter().flat_map(findings).collect();
        findings.extend(of_descriptors(&workers));
        findings.extend(of_first_reads(&first_reads));
        let mut remarks = Vec::new();
        if let Some(Machine { verdict, text, is_others }) = of_the_machine(&workers) {
            // What others do to the client shows in how late it read and sent; the kernel stamps what arrives meanwhile.
            let effect = findings.iter().map(|(verdict, _)| *verdict).max().unwrap_or(Verdict::Ok);
            if is_others && effect == Verdict::Ok && verdict > Verdict::Ok {
                remarks.push(format!("{text}: a server on this machine had less than all of it"));
            }
            findings.push((if is_others { verdict.min(effect) } else { verdict }, text));
        }
        findings.retain(|(verdict, _)| *verdict > Verdict::Ok);
        findings.sort_by_key(|(verdict, _)| std::cmp::Reverse(*verdict));
        let fine = if workers.is_empty() { Verdict::Unknown } else { Verdict::Ok };
        Self {
            verdict: findings.first().map_or(fine, |(verdict, _)| *verdict),
            reasons: findings.into_iter().map(|(_, reason)| reason).collect(),
            remarks,
            workers,
            first_reads,
            process: None,
        }
    }

    /// The same of several nodes, from the name and the report of each. The verdict is that of the worst node, whose reasons
    /// come first, each with its name; all nodes are fine only if every one of them was measured. `self` has judged all nodes as if they were one machine; what it knows of workers and
    /// first tokens stays.
    pub(crate) fn of_nodes(self, nodes: &[(String, &Self)]) -> Self {
        let mut worst_first: Vec<&(String, &Self)> = nodes.iter().collect();
        worst_first.sort_by_key(|(_, report)| std::cmp::Reverse(report.verdict));
        let named = |said: fn(&Self) -> &[String]| -> Vec<String> {
            let all = worst_first.iter().flat_map(|(name, report)| {
                said(report).iter().map(move |text| format!("agent {name}: {text}"))
            });
            all.collect()
        };
        let worst = worst_first.first().map_or(self.verdict, |(_, report)| report.verdict);
        let is_unknown = nodes.iter().any(|(_, report)| report.verdict == Verdict::Unknown);
        Self {
            verdict: if worst == Verdict::Ok && is_unknown { Verdict::Unknown } else { worst },
            reasons: named(|report| report.reasons.as_slice()),
            remarks: named(|report| report.remarks.as_slice()),
            ..self
        }
    }

    /// Which clock said when answers arrived; `None` when nothing was read.
    pub(crate) fn arrival_clock(&self) -> Option<ArrivalClock> {
        let stamped: u64 = self.workers.iter().map(|usage| usage.read_delay.count).sum();
        let unstamped: u64 = self.workers.iter().map(|usage| usage.unstamped_reads).sum();
        match (stamped, unstamped) {
            (0, 0) => None,
            (0, _) => Some(ArrivalClock::User),
            (_, 0) => Some(ArrivalClock::Kernel),
            _ => Some(ArrivalClock::Mixed),
        }
    }
}

fn findings(usage: &WorkerUsage) -> Vec<(Verdict, String)> {
    let worker = usage.worker;
    let mut findings = Vec::new();
    // One that no request came to was there for a moment, and all of that was work.
    let wall_ns = if had_requests(usage) { usage.wall_ns } else { 0 };
    if let Some(share) = share(usage.busy_ns, wall_ns) {
        let text = format!("worker {worker} was busy {} of the time", percent(share));
        findings.push((BUSY.judge(share), text));
    }
    if let Some(share) = share(usage.queued_ns, wall_ns) {
        let text = format!("worker {worker} waited for a processor {} of the time", percent(share));
        let is_stamped = usage.unstamped_reads == 0;
        let bounds = if is_stamped { QUEUED_WITH_STAMPS } else { QUEUED };
        findings.push((bounds.judge(share), text));
    }
    let p99_ms = |delay: DelaySummary| delay.p99_ns as f64 / 1e6;
    let read_ms = p99_ms(usage.read_delay);
    let reads = slowest(usage.read_delay.count, "of what arrived", "reads");
    let text = format!("worker {worker} read {reads} {read_ms:.1} ms late or later");
    findings.push((READ_DELAY_MS.judge(read_ms), text));
    let wake_ms = p99_ms(usage.wake_delay);
    let requests = slowest(usage.wake_delay.count, "of its requests", "requests");
    let text = format!("worker {worker} began {requests} {wake_ms:.1} ms late or later");
    findings.push((WAKE_DELAY_MS.judge(wake_ms), text));
    if usage.clock_steps > 0 {
        let text = "the system's clock was set: arrivals around that moment are off by as much".to_owned();
        findings.push((Verdict::Suspect, text));
    }
    findings
}

/// It began a request by a schedule, or read anything.
fn had_requests(usage: &WorkerUsage) -> bool {
    usage.wake_delay.count + usage.read_delay.count + usage.unstamped_reads > 0
}

/// How many are as slow as the 99th percentile: one in a hundred says little where there are not many hundreds.
fn slowest(count: u64, of_many: &str, of_few: &str) -> String {
    const MANY: u64 = 1000;
    if count >= MANY {
        format!("1 % {of_many}")
    } else {
        format!("{} of {count} {of_few}", count.div_ceil(100))
    }
}

/// All workers look at the same machine; the busiest of their phases counts.
fn of_the_machine(workers: &[WorkerUsage]) -> Option<Machine> {
    let busy = |usage| machine_busy(usage).map(|busy| (busy, machine_used(usage)));
    let (busy, own) = workers.iter().filter_map(busy).max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    let verdict = MACHINE_BUSY.judge(busy);
    let (text, is_others) = match own {
        Some(own) if own * 2.0 < busy => {
            let text = format!(
                "other processes kept the machine {} busy; prony used {} of it",
                percent(busy - own),
                percent(own)
            );
            (text, true)
        }
        Some(own) => {
            (format!("the machine was {} busy, {} by prony itself", percent(busy), percent(own)), false)
        }
        None => {
            let text = format!(
                "the machine was {} busy: prony, and whatever shares its processors, had to wait for each other",
                percent(busy)
            );
            (text, false)
        }
    };
    Some(Machine { verdict, text, is_others })
}

/// How busy the machine was.
struct Machine {
    /// By that alone.
    verdict: Verdict,
    text: String,
    /// Most of the time was used by other processes.
    is_others: bool,
}

/// Part of the machine's time that this process used.
fn machine_used(usage: &WorkerUsage) -> Option<f64> {
    let ticks = usage.machine_ticks.filter(|ticks| *ticks > 0)?;
    Some((usage.process_ticks? as f64 / ticks as f64).min(1.0))
}

fn machine_busy(usage: &WorkerUsage) -> Option<f64> {
    let ticks = usage.machine_ticks.filter(|ticks| *ticks >= ENOUGH_TICKS)?;
    let busy = ticks.saturating_sub(usage.machine_idle_ticks?);
    Some(busy as f64 / ticks as f64)
}

fn of_descriptors(workers: &[WorkerUsage]) -> Option<(Verdict, String)> {
    let left = workers.iter().filter_map(|usage| usage.descriptors_left).min()?;
    let verdict = match left {
        0 => Verdict::Limited,
        few if few < FEW_DESCRIPTORS => Verdict::Suspect,
        _ => Verdict::Ok,
    };
    Some((verdict, format!("{left} file descriptors were left for connections")))
}

fn of_first_reads(first_reads: &FirstReadSummary) -> Option<(Verdict, String)> {
    let share = first_reads.share();
    let bound_ms = first_reads.bound_ms.filter(|_| share >= FIRST_READ_SHARE)?;
    let text = format!(
        "{:.1} % of first tokens were read together with later ones: their time to first token may be up to {bound_ms:.1} ms \
         too long",
        share * 100.0
    );
    Some((FIRST_READ_MS.judge(bound_ms), text))
}

/// At most all: the system counts in ticks, and of a short time it may tell more than there was.
fn share(part_ns: Option<u64>, wall_ns: u64) -> Option<f64> {
    part_ns.filter(|_| wall_ns > 0).map(|part_ns| (part_ns as f64 / wall_ns as f64).min(1.0))
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Suspect => "suspect",
            Self::Limited => "limited",
        })
    }
}

impl fmt::Display for ArrivalClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "kernel's clock",
            Self::User => "clock of this process",
            Self::Mixed => "kernel's clock and that of this process",
        })
    }
}

impl Serialize for ClientReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("client", 8)?;
        object.serialize_field("verdict", &self.verdict)?;
        object.serialize_field("reasons", &self.reasons)?;
        object.serialize_field("remarks", &self.remarks)?;
        object.serialize_field("arrival_clock", &self.arrival_clock())?;
        object.serialize_field("cpu_s", &self.process.map(|used| used.cpu_ns as f64 / 1e9))?;
        object.serialize_field("first_reads", &self.first_reads)?;
        let peak = self.process.and_then(|used| used.peak_memory_bytes);
        object.serialize_field("peak_memory_bytes", &peak)?;
        object.serialize_field("workers", &self.workers.iter().map(Worker::of).collect::<Vec<_>>())?;
        object.end()
    }
}

/// A worker's usage as it is shown.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the JSON")]
struct Worker {
    worker: u32,
    wall_ms: f64,
    busy_share: Option<f64>,
    queued_share: Option<f64>,
    goes_first: bool,
    read_delay_ms: Delay,
    unstamped_reads: u64,
    wake_delay_ms: Delay,
    clock_steps: u64,
    machine_busy_share: Option<f64>,
    machine_used_share: Option<f64>,
    held_back: u64,
    descriptors_left: Option<u64>,
}

#[derive(Serialize)]
struct Delay {
    count: u64,
    p50: f64,
    p99: f64,
    max: f64,
}

impl Worker {
    fn of(usage: &WorkerUsage) -> Self {
        Self {
            worker: usage.worker,
            wall_ms: usage.wall_ns as f64 / 1e6,
            busy_share: share(usage.busy_ns, usage.wall_ns),
            queued_share: share(usage.queued_ns, usage.wall_ns),
            goes_first: usage.goes_first,
            read_delay_ms: Delay::of(usage.read_delay),
            unstamped_reads: usage.unstamped_reads,
            wake_delay_ms: Delay::of(usage.wake_delay),
            clock_steps: usage.clock_steps,
            machine_busy_share: machine_busy(usage),
            machine_used_share: machine_used(usage),
            held_back: usage.held_back,
            descriptors_left: usage.descriptors_left,
        }
    }
}

impl Delay {
    fn of(delay: DelaySummary) -> Self {
        let ms = |ns: u64| ns as f64 / 1e6;
        Self { count: delay.count, p50: ms(delay.p50_ns), p99: ms(delay.p99_ns), max: ms(delay.max_ns) }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const MS: u64 = 1_000_000;

    fn idle() -> WorkerUsage {
        WorkerUsage {
            worker: 1,
            wall_ns: 1_000 * MS,
            busy_ns: Some(200 * MS),
            queued_ns: Some(MS),
            read_delay: DelaySummary { count: 100, p50_ns: 10_000, p99_ns: 90_000, max_ns: 3 * MS },
            ..WorkerUsage::default()
        }
    }

    fn judge(workers: Vec<WorkerUsage>) -> ClientReport {
        ClientReport::judge(workers, FirstReadSummary::default())
    }

    #[test]
    fn a_client_with_time_to_spare_is_fine() {
        let report = judge(vec![idle(), idle()]);
        assert_eq!((report.verdict, report.reasons.len()), (Verdict::Ok, 0));
        assert_eq!(report.arrival_clock(), Some(ArrivalClock::Kernel));
    }

    #[test]
    fn of_several_nodes_the_worst_one_is_named() {
        let busy = WorkerUsage { busy_ns: Some(950 * MS), worker: 2, ..idle() };
        let (fine, limited) = (judge(vec![idle()]), judge(vec![busy]));
        let nodes = [("a".to_owned(), &fine), ("b".to_owned(), &limited), ("c".to_owned(), &fine)];
        let report = judge(vec![idle(), busy, idle()]).of_nodes(&nodes);
        assert_eq!((report.verdict, report.workers.len()), (Verdict::Limited, 3));
        assert_eq!(report.reasons, ["agent b: worker 2 was busy 95 % of the time"]);
    }

    #[rstest]
    #[case::fine(idle(), Verdict::Unknown)]
    #[case::at_its_limit(WorkerUsage { busy_ns: Some(950 * MS), ..idle() }, Verdict::Limited)]
    fn a_node_that_nobody_measured_may_not_have_been_fine(
        #[case] other: WorkerUsage,
        #[case] expected: Verdict,
    ) {
        let (unknown, other) = (judge(Vec::new()), judge(vec![other]));
        let nodes = [("a".to_owned(), &unknown), ("b".to_owned(), &other)];
        assert_eq!(ClientReport::default().of_nodes(&nodes).verdict, expected);
    }

    #[test]
    fn a_worker_without_requests_was_not_busy() {
        let none = DelaySummary::default();
        let unused = WorkerUsage {
            wall_ns: 45_000,
            busy_ns: Some(45_000),
            read_delay: none,
            wake_delay: none,
            ..idle()
        };
        assert_eq!(judge(vec![idle(), unused]).verdict, Verdict::Ok);
    }

    #[rstest]
    #[case::busy(WorkerUsage { busy_ns: Some(950 * MS), ..idle() }, Verdict::Limited, "worker 1 was busy 95 % of the time")]
    #[case::rather_busy(WorkerUsage { busy_ns: Some(700 * MS), ..idle() }, Verdict::Suspect, "worker 1 was busy 70 % of the time")]
    #[case::queued(
        WorkerUsage { queued_ns: Some(700 * MS), ..idle() },
        Verdict::Limited,
        "worker 1 waited for a processor 70 % of the time"
    )]
    #[case::queued_without_stamps(
        WorkerUsage { queued_ns: Some(200 * MS), unstamped_reads: 1, ..idle() },
        Verdict::Limited,
        "worker 1 waited for a processor 20 % of the time"
    )]
    #[case::a_machine_without_time(
        WorkerUsage { machine_ticks: Some(1000), machine_idle_ticks: Some(15), ..idle() },
        Verdict::Limited,
        "the machine was 98 % busy: prony, and whatever shares its processors, had to wait for each other"
    )]
    #[case::a_machine_that_prony_uses_up(
        WorkerUsage { process_ticks: Some(700), machine_ticks: Some(1000), machine_idle_ticks: Some(15), ..idle() },
        Verdict::Limited,
        "the machine was 98 % busy, 70 % by prony itself"
    )]
    #[case::hardly_a_descriptor(
        WorkerUsage { descriptors_left: Some(3), ..idle() },
        Verdict::Suspect,
        "3 file descriptors were left for connections"
    )]
    #[case::reads_late(
        WorkerUsage { read_delay: DelaySummary { p99_ns: 4 * MS, count: 1000, ..idle().read_delay }, ..idle() },
        Verdict::Suspect,
        "worker 1 read 1 % of what arrived 4.0 ms late or later"
    )]
    #[case::reads_one_of_a_few_late(
        WorkerUsage { read_delay: DelaySummary { p99_ns: 4 * MS, count: 3, ..idle().read_delay }, ..idle() },
        Verdict::Suspect,
        "worker 1 read 1 of 3 reads 4.0 ms late or later"
    )]
    #[case::wakes_late(
        WorkerUsage { wake_delay: DelaySummary { p99_ns: 12 * MS, count: 250, ..DelaySummary::default() }, ..idle() },
        Verdict::Limited,
        "worker 1 began 3 of 250 requests 12.0 ms late or later"
    )]
    #[case::a_clock_that_was_set(
        WorkerUsage { clock_steps: 1, ..idle() },
        Verdict::Suspect,
        "the system's clock was set: arrivals around that moment are off by as much"
    )]
    fn each_measure_can_spoil_it(#[case] usage: WorkerUsage, #[case] verdict: Verdict, #[case] reason: &str) {
        let report = judge(vec![idle(), usage]);
        assert_eq!((report.verdict, report.reasons), (verdict, vec![reason.to_owned()]));
    }

    #[rstest]
    #[case::exact(FirstReadSummary { streams: 100, shared: 50, bound_ms: Some(0.06) }, Verdict::Ok)]
    #[case::late(FirstReadSummary { streams: 100, shared: 1, bound_ms: Some(3.0) }, Verdict::Suspect)]
    #[case::very_late(FirstReadSummary { streams: 100, shared: 50, bound_ms: Some(12.0) }, Verdict::Limited)]
    #[case::too_few_for_a_percentile(FirstReadSummary { streams: 101, shared: 1, bound_ms: Some(12.0) }, Verdict::Ok)]
    #[case::unknown(FirstReadSummary { streams: 100, shared: 50, bound_ms: None }, Verdict::Ok)]
    fn first_tokens_that_shared_a_read_can_spoil_it(
        #[case] first_reads: FirstReadSummary,
        #[case] verdict: Verdict,
    ) {
        let report = ClientReport::judge(vec![idle()], first_reads);
        assert_eq!(report.verdict, verdict);
        assert_eq!(report.reasons.len(), usize::from(verdict > Verdict::Ok), "{:?}", report.reasons);
    }

    #[test]
    fn waiting_that_the_kernel_makes_up_for_is_no_reason() {
        let usage = WorkerUsage { queued_ns: Some(200 * MS), ..idle() };
        assert_eq!(judge(vec![usage]).verdict, Verdict::Ok);
    }

    fn beside_others() -> WorkerUsage {
        WorkerUsage {
            process_ticks: Some(10),
            machine_ticks: Some(1000),
            machine_idle_ticks: Some(0),
            ..idle()
        }
    }

    #[test]
    fn others_that_do_no_harm_are_named_and_no_reason() {
        let report = judge(vec![beside_others()]);
        assert_eq!((report.verdict, report.reasons.len()), (Verdict::Ok, 0));
        let expected = "other processes kept the machine 99 % busy; prony used 1 % of it: a server on this machine had less than \
                        all of it";
        assert_eq!(report.remarks, [expected]);
    }

    #[rstest]
    #[case::a_little_late(4 * MS, Verdict::Suspect)]
    #[case::very_late(14 * MS, Verdict::Limited)]
    fn others_are_as_grave_as_what_they_do(#[case] p99_ns: u64, #[case] verdict: Verdict) {
        let read_delay = DelaySummary { p99_ns, ..idle().read_delay };
        let report = judge(vec![WorkerUsage { read_delay, ..beside_others() }]);
        assert_eq!((report.verdict, report.remarks.len()), (verdict, 0));
        assert!(
            report.reasons.iter().any(|reason| reason.contains("other processes")),
            "{:?}",
            report.reasons
        );
    }

    #[test]
    fn a_moment_says_nothing_of_the_machine() {
        let usage = WorkerUsage { machine_ticks: Some(10), machine_idle_ticks: Some(0), ..idle() };
        assert_eq!(judge(vec![usage]).verdict, Verdict::Ok);
    }

    #[test]
    fn the_gravest_reason_comes_first() {
        let usage = WorkerUsage { busy_ns: Some(800 * MS), queued_ns: Some(700 * MS), ..idle() };
        let report = judge(vec![usage]);
        assert_eq!(report.verdict, Verdict::Limited);
        assert!(report.reasons[0].contains("waited"), "{:?}", report.reasons);
        assert!(report.reasons[1].contains("busy"), "{:?}", report.reasons);
    }

    #[test]
    fn who_measured_nothing_claims_nothing() {
        assert_eq!(judge(Vec::new()).verdict, Verdict::Unknown);
        let nowhere =
            WorkerUsage { busy_ns: None, queued_ns: None, read_delay: DelaySummary::default(), ..idle() };
        let report = judge(vec![WorkerUsage { unstamped_reads: 4, ..nowhere }]);
        assert_eq!((report.verdict, report.arrival_clock()), (Verdict::Ok, Some(ArrivalClock::User)));
    }
}
