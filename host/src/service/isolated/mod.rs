//! A service in a process of its own.
//!
//! The parent holds an [`Isolated`], which its mailbox calls like any other service; the child runs [`serve`], with a
//! registry of its own. Between them travel `words`: one order at a time down, and its answer up; beside the answers
//! whatever the service says by itself. What a service publishes waits in the child's `outbox`, never in the service.
//!
//! The child holds no secret: it is told what a library may know, the run's facts and its own options.

mod forward;
mod inside;
mod life;
mod outbox;
mod proxy;
mod reader;
mod words;

pub(crate) use inside::{ServeError, serve};
pub(super) use proxy::Isolated;
