//! The process's limits: raised for commands that open many connections, lowered for what a crash would leave behind.

/// Sees to it that neither this process nor its children leave a core file behind: one would hold every key of the run. A
/// user who wants one raises the limit of the process again (`prlimit --core=unlimited --pid PID`).
pub(super) fn leave_no_core() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let limit = rustix::process::Rlimit { current: Some(0), ..getrlimit(Resource::Core) };
        if let Err(error) = setrlimit(Resource::Core, limit) {
            tracing::warn!(%error, "a crash may leave a core file behind, which holds the keys of the run");
        }
    }
}

/// Raises the limit of open files to what the system allows: shells often start with 1024, which is fewer than the
/// connections of one test.
pub(super) fn allow_many_connections() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "the limit of open files stays as it is");
        }
    }
}
