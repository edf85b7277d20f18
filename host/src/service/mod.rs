//! Services: collectors and publishers beside the load.
//!
//! Every service has a [`mailbox`]: a thread of its own with a bounded queue, so that a slow or stuck service never
//! slows anything else. The [`bus`] routes messages to mailboxes and counts what a full queue loses. The
//! [`supervisor`] starts and stops services, holds them to their deadlines, and writes down how each one fared.

pub(crate) mod bus;
pub(crate) mod host;
pub(crate) mod mailbox;
pub(crate) mod supervisor;
