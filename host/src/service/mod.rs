//! Services: collectors and publishers beside the load.
//!
//! Every service has a [`mailbox`]: a thread of its own behind a bounded [`queue`], so that a slow or stuck service never
//! slows anything else. It calls the service by a [`service_handle`]: its code runs in this process or, [`isolated`], in a child. The [`bus`]
//! routes messages to mailboxes and counts what a full queue loses; an [`allowance`] bounds what one service may put on
//! it. The [`supervisor`] starts and stops services, holds them to their deadlines, and writes down how each one fared.

pub(crate) mod allowance;
pub(crate) mod bus;
mod failure;
pub(crate) mod host;
pub(crate) mod isolated;
mod mailbox;
mod queue;
mod service_handle;
pub(crate) mod supervisor;
pub(crate) mod wanted;
