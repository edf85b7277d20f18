//! The receiver's side of the delivery.

use super::inbox::Inbox;
use crate::nats::{
    bus::{Bus, Subscription},
    error::BusError,
};

/// Receives what any [`Outgoing`](super::outgoing::Outgoing) sends to a subject, until the subscription is dropped: each message
/// once, in the order of its sender. Each subject has one receiver; two of them would both acknowledge.
///
/// `on_message` runs on the bus's thread: it must not wait for anything. What it has returned from is acknowledged.
///
/// # Errors
/// The subject is none, or the thread is gone.
pub(crate) fn receive(
    bus: &Bus,
    subject: &str,
    mut on_message: impl FnMut(Vec<u8>) + Send + 'static,
) -> Result<Subscription, BusError> {
    let (mut inbox, name) = (Inbox::default(), subject.to_owned());
    bus.serve(subject, move |bytes| {
        let Some(brought) = inbox.take(bytes) else {
            tracing::warn!(subject = name.as_str(), "something was received that is no batch of messages");
            return None;
        };
        for message in brought.new {
            on_message(message.to_vec());
        }
        Some(brought.acknowledgement)
    })
}
