//! No sockets: exports [`deny_sockets`] and [`can_deny_sockets`], which ask for a filter of system calls.
//!
//! Denied is to make a socket: `socket` fails with `EACCES`. With it go `io_uring_setup`, since its rings make sockets without that
//! call, and `pidfd_getfd`, which takes those of other processes. Of `socketpair`, what stays is a pair of Unix sockets whose ends
//! can talk only to each other: one end of a pair of datagrams can send to any other socket. What is open already stays open.

use super::unenforced::Unenforced;

/// Which sockets a child cannot make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeniedSockets {
    /// All but those of this machine (`AF_UNIX`): TCP, UDP, raw packets, netlink, vsock.
    OfNetwork,
    /// Those of this machine as well.
    All,
}

/// Denies this process, and all programs that it starts, to make such sockets.
///
/// # Errors
/// The kernel cannot do that, or the processor is one that the filter is not known for.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(crate) fn deny_sockets(denied: DeniedSockets) -> Result<(), Unenforced> {
    let program = filter::program(denied)?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| Unenforced::Refused(error.to_string()))
}

/// There are no filters here.
///
/// # Errors
/// Always.
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
pub(crate) fn deny_sockets(_denied: DeniedSockets) -> Result<(), Unenforced> {
    can_deny_sockets()
}

/// Whether [`deny_sockets`] would work here. Denies nothing.
///
/// # Errors
/// It would not.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(crate) fn can_deny_sockets() -> Result<(), Unenforced> {
    /// What a filter of this kernel may answer (Linux 4.14 and later), words between spaces.
    const ANSWERS: &str = "/proc/sys/kernel/seccomp/actions_avail";

    filter::program(DeniedSockets::All)?;
    let answers = std::fs::read_to_string(ANSWERS).map_err(|_| Unenforced::NoSeccomp)?;
    if answers.split_whitespace().any(|answer| answer == "errno") {
        Ok(())
    } else {
        Err(Unenforced::NoSeccomp)
    }
}

/// There are no filters here.
///
/// # Errors
/// Always.
#[cfg(all(target_os = "linux", not(target_pointer_width = "64")))]
pub(crate) fn can_deny_sockets() -> Result<(), Unenforced> {
    Err(Unenforced::Processor)
}

/// There are no filters here.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub(crate) fn can_deny_sockets() -> Result<(), Unenforced> {
    Err(Unenforced::System)
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod filter {
    //! The filter as a program for the kernel.

    use std::{collections::BTreeMap, env::consts::ARCH};

    use nix::libc;
    use seccompiler::{
        BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
        SeccompFilter, SeccompRule, TargetArch,
    };

    use super::{super::unenforced::Unenforced, DeniedSockets};

    /// Set in the numbers of calls of x86-64's second way to call the kernel, that with pointers of 32 bits.
    const X32: i64 = 0x4000_0000;

    /// The bits of the second argument of `socketpair` that say the kind of socket; the others are flags.
    const KIND: u64 = 0xf;

    pub(super) fn program(denied: DeniedSockets) -> Result<BpfProgram, Unenforced> {
        // Numbers of calls differ between processors.
        let target = TargetArch::try_from(ARCH).map_err(|_| Unenforced::Processor)?;
        compiled(denied, target).map_err(|error| Unenforced::Refused(error.to_string()))
    }

    fn compiled(denied: DeniedSockets, target: TargetArch) -> Result<BpfProgram, BackendError> {
        // No rule at all is one that always holds.
        let rules = match denied {
            DeniedSockets::All => Vec::new(),
            DeniedSockets::OfNetwork => vec![SeccompRule::new(vec![not_of_this_machine()?])?],
        };
        let mut calls = BTreeMap::from([
            (libc::SYS_socket, rules),
            (libc::SYS_socketpair, pairs(denied)?),
            (libc::SYS_io_uring_setup, Vec::new()),
            (libc::SYS_pidfd_getfd, Vec::new()),
        ]);
        if target == TargetArch::x86_64 {
            let second: Vec<_> = calls.iter().map(|(call, rules)| (X32 + call, rules.clone())).collect();
            calls.extend(second);
        }
        let refused = SeccompAction::Errno(libc::EACCES.unsigned_abs());
        SeccompFilter::new(calls, SeccompAction::Allow, refused, target)?.try_into()
    }

    /// The pairs that are denied: any rule is enough.
    fn pairs(denied: DeniedSockets) -> Result<Vec<SeccompRule>, BackendError> {
        let mut conditions = vec![not_of_this_machine()?];
        if denied == DeniedSockets::All {
            // Linux takes raw Unix sockets for datagrams.
            for kind in [libc::SOCK_DGRAM, libc::SOCK_RAW] {
                let (kind, of_kind) = (u64::from(kind.unsigned_abs()), SeccompCmpOp::MaskedEq(KIND));
                conditions.push(SeccompCondition::new(1, SeccompCmpArgLen::Dword, of_kind, kind)?);
            }
        }
        conditions.into_iter().map(|condition| SeccompRule::new(vec![condition])).collect()
    }

    /// The first argument of `socket` or `socketpair` is another family.
    fn not_of_this_machine() -> Result<SeccompCondition, BackendError> {
        let family = u64::from(libc::AF_UNIX.unsigned_abs());
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
    }
}
