//! `prony plugins check`: a library is tried against everything that a host and a server may do to it.
//!
//! The noun is the [`Examination`] of one library: the rungs of the loading ladder, and a report for each exported type.
//! What runs the library's code is a child process, one for each type: what kills or blocks it is a finding. `parent`
//! is our side of it, `child` the other one, `job` what they say to each other, `speed` what is measured in the child,
//! `declared` what the library's manifest says, `window` which hosts open it, `trace` what went in and out, `unbuilt` what is
//! said where there is no library.

mod child;
mod declared;
mod examination;
mod job;
mod parent;
mod rungs;
mod speed;
mod trace;
mod unbuilt;
mod window;

pub(crate) use child::run as run_as_child;
pub(crate) use examination::{Examination, TypeReport};
pub(crate) use parent::{CHILD_FLAG, ExamineError, Plan, examine};
pub(crate) use rungs::Rung;
pub(crate) use speed::Speed;
pub(crate) use trace::Trace;
pub(crate) use window::Window;
