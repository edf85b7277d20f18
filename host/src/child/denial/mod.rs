//! What the kernel denies a child before it runs the code of a library: sockets by a filter of system calls (seccomp), files by
//! Landlock. Both hold for everything that the process does later and for programs that it starts, and neither can be undone.
//!
//! Only Linux has them, and not every kernel. Where one of them is missing, the answer is [`Unenforced`]: whoever asks for it says
//! so, and goes on.

mod files;
mod sockets;
mod unenforced;

pub(crate) use files::{can_deny_files, deny_files};
pub(crate) use sockets::{DeniedSockets, can_deny_sockets, deny_sockets};
pub(crate) use unenforced::Unenforced;
