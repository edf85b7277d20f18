//! Child processes: this program once more, with code in it that may crash.
//!
//! The noun is the [`Child`]. A parent spawns one and both talk over a Unix socket in [`frame`]s; the socket stands in
//! the place of the child's standard input, so that it needs no name and no other process can reach it. A child whose parent
//! is gone reads the end of the stream and must end as well.
//!
//! What must be known of a child even if it crashes right after is counted in a [`SharedCount`], not sent.
//!
//! Before it runs somebody else's code, a child can have the kernel deny it the network and files: [`denial`].
//!
//! It knows nothing of plugins: what is said in the frames, and what a death means, is decided by who spawns.

mod count;
mod death;
pub(crate) mod denial;
pub(crate) mod frame;
mod limit;
mod printed;
mod spawn;

pub(crate) use count::SharedCount;
pub(crate) use death::Death;
pub(crate) use limit::{end_with_parent, limit_memory};
pub(crate) use spawn::{Child, KillHandle, Variables, library_folders, parent, parent_and_count, perish};
