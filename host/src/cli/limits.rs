//! The process's limits, raised for commands that open many connections.

use super::exit::{Exit, Failure};

/// Open files that a command cannot do without: below that, not even the runtime's own can be opened, and some of them are
/// opened where nobody can report an error.
#[cfg(unix)]
const LEAST_FILES: u64 = 24;

/// Raises the limit of open files to what the system allows: shells often start with 1024, which is fewer than the
/// connections of one test.
///
/// # Errors
/// The system allows hardly any.
pub(super) fn allow_many_connections() -> Result<(), Failure> {
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
    }
    Ok(())
}
