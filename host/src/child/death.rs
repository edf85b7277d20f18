//! How a process ended, in words.

use std::{fmt, os::unix::process::ExitStatusExt, process::ExitStatus};

/// The end of a child that was not asked for. The text fits after "it".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Death(ExitStatus);

impl Death {
    /// It ended as a program does that has nothing more to do.
    pub(crate) fn is_clean(self) -> bool {
        self.0.success()
    }

    /// It was killed the way that cannot be caught: by another process, or by a system without memory.
    pub(crate) fn is_kill(self) -> bool {
        self.0.signal() == Some(9)
    }
}

impl From<ExitStatus> for Death {
    fn from(status: ExitStatus) -> Self {
        Self(status)
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.code(), self.0.signal()) {
            (Some(code), _) => write!(f, "exited with code {code}"),
            (None, Some(signal)) => match signal_name(signal) {
                Some(name) => write!(f, "was killed by signal {signal} ({name})"),
                None => write!(f, "was killed by signal {signal}"),
            },
            (None, None) => f.write_str("ended for an unknown reason"),
        }
    }
}

/// The signals that crashes and killers send, by their numbers on Linux and macOS.
fn signal_name(signal: i32) -> Option<&'static str> {
    let name = match signal {
        2 => "SIGINT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        7 if cfg!(target_os = "linux") => "SIGBUS",
        10 if cfg!(target_vendor = "apple") => "SIGBUS",
        _ => return None,
    };
    Some(name)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Wait statuses as `waitpid` gives them: the code in the second byte, or the signal in the first.
    #[rstest]
    #[case(7 << 8, "exited with code 7")]
    #[case(11, "was killed by signal 11 (SIGSEGV)")]
    #[case(64, "was killed by signal 64")]
    fn an_end_is_told_in_words(#[case] status: i32, #[case] expected: &str) {
        assert_eq!(Death::from(ExitStatus::from_raw(status)).to_string(), expected);
    }
}
