//! The process's limits: raised for commands that open many connections, lowered for what a crash would leave behind.

use super::exit::{Exit, Failure};

/// Sees to it that neither this process nor its children leave a core file behind: one would hold every key of the run. A
/// user who wants one raises the limit of the process again (`prlimit --core=unlimited --pid PID`).
///
/// The limit is one byte, which no core file fits into: a system that hands cores to a program passes over a limit of 0, and
/// takes 1 for the wish that there be none (`core(5)`, `do_coredump` of Linux).
pub(super) fn leave_no_core() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Core);
        limit.current = Some(limit.maximum.map_or(1, |most| most.min(1)));
        if let Err(error) = setrlimit(Resource::Core, limit) {
            tracing::warn!(%error, "a crash may leave a core file behind, which holds the keys of the run");
        }
    }
}

/// Starts the threads that share large work between the cores, while it can still be said that there are none left.
///
/// # Errors
/// There are none left.
pub(super) fn start_shared_threads() -> Result<(), Failure> {
    rayon::ThreadPoolBuilder::new().build_global().map_err(|error| {
        Failure::new(Exit::Failed, "start a thread for each core")
            .caused_by(&error)
            .with_hint("raise the limits on processes and memory (`ulimit -u`, `ulimit -v`)")
    })
}

/// Open files that a command cannot do without: below that, not even the runtime's own can be opened, and some of them are
/// opened where nobody can report an error.
#[cfg(unix)]
const LEAST_FILES: u64 = 24;

/// Open files that the system's table has room for from the beginning. A slot takes 8 bytes.
#[cfg(unix)]
const ROOM_FOR_FILES: u64 = 1 << 16;

/// Raises the limit of open files to what the system allows: shells often start with 1024, which is fewer than the
/// connections of one test. And makes room for them.
///
/// # Errors
/// The system allows hardly any.
pub(super) fn allow_many_files() -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "the limit of open files stays as it is");
        }
        if let Some(most) = getrlimit(Resource::Nofile).current.filter(|most| *most < LEAST_FILES) {
            let message =
                format!("the limit of {most} open files is too low: {LEAST_FILES} are needed at least");
            return Err(Failure::statement(Exit::Failed, message).with_hint("raise it: `ulimit -n 1024`"));
        }
        make_room_for_files();
    }
    Ok(())
}

/// Lets the table of open files grow before there are threads.
///
/// Linux doubles it when it is full. In a process with several threads, the thread that opens the file or the connection that no longer
/// fits waits for all processors to see the new table, and so does every other thread that opens one: 10 to 20 ms in which no
/// request goes out (`expand_files` in `fs/file.c`).
#[cfg(unix)]
fn make_room_for_files() {
    use std::os::fd::RawFd;

    use rustix::{
        io::fcntl_dupfd_cloexec,
        process::{Resource, getrlimit},
    };
    let most = getrlimit(Resource::Nofile).current.unwrap_or(ROOM_FOR_FILES);
    let Ok(last) = RawFd::try_from(most.min(ROOM_FOR_FILES).saturating_sub(1)) else { return };
    if let Err(error) = fcntl_dupfd_cloexec(std::io::stdin(), last) {
        tracing::debug!(%error, "the table of open files grows when it is full");
    }
}
