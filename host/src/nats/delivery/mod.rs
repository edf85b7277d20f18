//! Messages that arrive: each once, in the order in which they were sent, whatever happens to the connection.
//!
//! NATS itself loses what is published while the other side is away. So messages go in numbered batches, each as a request
//! that is repeated until the other side has acknowledged it, one batch at a time. What is decided stands in files of their own
//! without any I/O: the sender's side in [`outbox`], the receiver's in [`inbox`], the form of both in [`wire`].
//!
//! A message is kept by its sender until it is acknowledged. It is lost when the sender's process ends before that, or the
//! receiver's process behind it.

mod inbox;
mod incoming;
mod outbox;
mod outgoing;
mod wire;

pub(crate) use incoming::receive;
pub(crate) use outgoing::Outgoing;
