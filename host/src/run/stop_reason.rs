//! Why something that is done around the load is ended before its time: [`StopReason`].

use std::fmt;

/// Why a command or a call is ended. Shown as a sentence goes on behind "was ended".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// Ctrl-C, SIGTERM, or a terminal that went away.
    Interrupt,
    /// The run must be over.
    Deadline,
    /// The run ends for another reason, which is reported as the reason of the run.
    RunEnds,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupt => "by an interrupt",
            Self::Deadline => "at the deadline of the run (`--deadline`)",
            Self::RunEnds => "because the run ends before its time",
        })
    }
}
