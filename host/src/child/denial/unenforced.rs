//! Why the kernel does not deny something: exports [`Unenforced`].

/// Why something is not denied. The text is a half-sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unenforced {
    /// Another system.
    #[cfg(not(target_os = "linux"))]
    #[error("this system is not Linux")]
    System,
    /// No filter of system calls is known for it.
    #[cfg(any(target_os = "linux", test))]
    #[error("prony knows no filter of system calls for this processor")]
    Processor,
    /// It was built without filters.
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    #[error("this kernel has no filters of system calls (seccomp)")]
    NoSeccomp,
    /// It is older than 5.13, was built without it, or does not enable it when it starts.
    #[cfg(target_os = "linux")]
    #[error("this kernel has no Landlock")]
    NoLandlock,
    /// It says no: what it says.
    #[cfg(target_os = "linux")]
    #[error("the kernel refuses it: {0}")]
    Refused(String),
}
