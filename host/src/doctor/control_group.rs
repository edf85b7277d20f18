//! Limits of the control group that this process is in, and of those around it: what a container or a service may use.
//!
//! Sources: `cgroups(7)`, <https://docs.kernel.org/admin-guide/cgroup-v2.html>, and for version 1
//! <https://docs.kernel.org/admin-guide/cgroup-v1/memory.html> and <https://docs.kernel.org/scheduler/sched-bwc.html>.

use std::path::{Path, PathBuf};

use super::system::{field, number, text};

/// Where control groups are.
const ROOT: &str = "/sys/fs/cgroup";

/// From here on, a limit of version 1 is none: it is the largest number of pages.
const UNLIMITED: u64 = 1 << 60;

/// The time of processors that a group may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quota {
    /// Cores' worth of time.
    pub(super) cores: f64,
    /// Spans of time in which the group wanted to run, and those of them in which it was halted until the end.
    pub(super) periods: Option<(u64, u64)>,
}

/// The lowest quota; `None` without any.
pub(super) fn quota() -> Option<Quota> {
    let quotas = folders_of("cpu").into_iter().filter_map(|folder| {
        let cores = match text(folder.join("cpu.max")) {
            Some(text) => cores(&text),
            None => cores(&format!(
                "{} {}",
                text(folder.join("cpu.cfs_quota_us"))?,
                text(folder.join("cpu.cfs_period_us"))?
            )),
        };
        let statistics = text(folder.join("cpu.stat")).unwrap_or_default();
        Some(Quota { cores: cores?, periods: periods(&statistics) })
    });
    quotas.min_by(|a, b| a.cores.total_cmp(&b.cores))
}

/// What the lowest limit of memory leaves, in bytes; `None` without any.
pub(super) fn memory_left() -> Option<u64> {
    let left = folders_of("memory").into_iter().filter_map(|folder| {
        let either = |new: &str, old: &str| number(folder.join(new)).or_else(|| number(folder.join(old)));
        let limit = either("memory.max", "memory.limit_in_bytes").filter(|limit| *limit < UNLIMITED)?;
        let used = either("memory.current", "memory.usage_in_bytes")?;
        let statistics = text(folder.join("memory.stat")).unwrap_or_default();
        Some(left(limit, used, &statistics))
    });
    left.min()
}

/// Pages of files that nobody uses are given away when memory is wanted.
fn left(limit: u64, used: u64, statistics: &str) -> u64 {
    let files = field(statistics, "total_inactive_file").or_else(|| field(statistics, "inactive_file"));
    limit.saturating_sub(used.saturating_sub(files.unwrap_or(0)))
}

/// Cores of a quota and its period, as in `cpu.max`: `max 100000`, `200000 100000`. Version 1 has -1 in place of `max`.
fn cores(text: &str) -> Option<f64> {
    let mut words = text.split_whitespace();
    let quota: f64 = words.next()?.parse().ok()?;
    let period: f64 = words.next()?.parse().ok()?;
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

fn periods(statistics: &str) -> Option<(u64, u64)> {
    Some((field(statistics, "nr_periods")?, field(statistics, "nr_throttled")?))
}

fn folders_of(controller: &str) -> Vec<PathBuf> {
    folders(&text("/proc/self/cgroup").unwrap_or_default(), controller)
}

/// The folder of the group that has this controller, and those around it, the innermost first. In a container some of them may not
/// be there: it sees its own group as the outermost.
fn folders(membership: &str, controller: &str) -> Vec<PathBuf> {
    let groups: Vec<(&str, &str)> =
        membership.lines().filter_map(|line| line.split_once(':')?.1.split_once(':')).collect();
    // A controller is in the hierarchy of version 2, which has no names, or in one of version 1.
    let old = groups.iter().find(|(names, _)| names.split(',').any(|name| name == controller));
    let (root, path) = match (old, groups.iter().find(|(names, _)| names.is_empty())) {
        (Some((_, path)), _) => (Path::new(ROOT).join(controller), *path),
        (None, Some((_, path))) => (PathBuf::from(ROOT), *path),
        (None, None) => return Vec::new(),
    };
    let own = root.join(path.trim_start_matches('/'));
    own.ancestors().take_while(|folder| folder.starts_with(&root)).map(Path::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("max 100000", None)]
    #[case("200000 100000", Some(2.0))]
    #[case("50000 100000", Some(0.5))]
    #[case("-1 100000", None)]
    #[case("", None)]
    #[case("100000", None)]
    fn a_quota_is_read(#[case] text: &str, #[case] expected: Option<f64>) {
        assert_eq!(cores(text), expected);
    }

    #[rstest]
    #[case::version_2("0::/a.slice/b\n", "cpu", &["/sys/fs/cgroup/a.slice/b", "/sys/fs/cgroup/a.slice", "/sys/fs/cgroup"])]
    #[case::of_a_container("0::/\n", "cpu", &["/sys/fs/cgroup/"])]
    #[case::version_1("4:cpu,cpuacct:/d\n0::/\n", "cpu", &["/sys/fs/cgroup/cpu/d", "/sys/fs/cgroup/cpu"])]
    #[case::another_controller("4:memory:/d\n", "cpu", &[])]
    #[case::nothing("", "cpu", &[])]
    fn groups_have_folders(#[case] membership: &str, #[case] controller: &str, #[case] expected: &[&str]) {
        let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
        assert_eq!(folders(membership, controller), expected);
    }

    #[test]
    fn files_that_nobody_uses_take_no_memory() {
        assert_eq!(left(100, 80, "inactive_file 30\n"), 50);
        assert_eq!(left(100, 80, "inactive_file 30\ntotal_inactive_file 70\n"), 90);
        assert_eq!(left(100, 120, ""), 0);
    }

    #[test]
    fn halts_are_counted() {
        assert_eq!(periods("nr_periods 50\nnr_throttled 7\nthrottled_usec 1\n"), Some((50, 7)));
        assert_eq!(periods("usage_usec 9\n"), None);
    }
}
