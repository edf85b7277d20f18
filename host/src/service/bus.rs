//! The bus: who hears which message.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use prony_plugin_api::Message;

use super::queue::{Queue, Refused};

/// Routes encoded messages to the services that subscribed to their type. Delivery never blocks.
#[derive(Debug, Default)]
pub(crate) struct Bus {
    subscribers: RwLock<Vec<Subscriber>>,
}

/// A service as the bus sees it.
#[derive(Debug)]
pub(crate) struct Subscriber {
    /// Message types that it wants to hear.
    pub(crate) types: Vec<String>,
    /// Its mailbox.
    pub(crate) queue: Queue,
    /// What was delivered and lost.
    pub(crate) traffic: Arc<Traffic>,
}

/// Message counts of one service.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// Messages it published.
    pub(crate) published: AtomicU64,
    /// Messages put into its mailbox.
    pub(crate) received: AtomicU64,
    /// Messages lost: its mailbox was full, or what it published was not taken.
    pub(crate) lost: AtomicU64,
    /// It has stopped or failed: it publishes and hears no more.
    pub(crate) is_over: AtomicBool,
    /// It has asked for the end of the run.
    pub(crate) has_asked: AtomicBool,
}

impl Bus {
    /// Adds a service. It hears what is sent from now on.
    pub(crate) fn subscribe(&self, subscriber: Subscriber) {
        self.subscribers.write().unwrap_or_else(PoisonError::into_inner).push(subscriber);
    }

    /// Sends a message of the host's.
    pub(crate) fn send<M: Message>(&self, message: &M) {
        if !self.has_listener(M::TYPE) {
            return;
        }
        match message.encode() {
            Ok(payload) => self.deliver(M::TYPE, &payload),
            Err(error) => tracing::error!(%error, "a message of our own cannot be encoded"),
        }
    }

    /// Whether anybody listens, so that a message is worth building.
    pub(crate) fn has_listener(&self, message_type: &str) -> bool {
        let subscribers = self.subscribers.read().unwrap_or_else(PoisonError::into_inner);
        subscribers.iter().any(|subscriber| subscriber.hears(message_type))
    }

    /// Puts an encoded message into the mailbox of everyone who subscribed to its type.
    pub(crate) fn deliver(&self, message_type: &str, payload: &[u8]) {
        let subscribers = self.subscribers.read().unwrap_or_else(PoisonError::into_inner);
        let mut listeners = subscribers.iter().filter(|subscriber| subscriber.hears(message_type)).peekable();
        if listeners.peek().is_none() {
            return;
        }
        let (message_type, payload): (Arc<str>, Arc<[u8]>) = (message_type.into(), payload.into());
        for listener in listeners {
            match listener.queue.post(&message_type, &payload) {
                Ok(()) => listener.traffic.received.fetch_add(1, Ordering::Relaxed),
                Err(Refused::Full) => listener.traffic.lost.fetch_add(1, Ordering::Relaxed),
                // The supervisor knows.
                Err(Refused::Closed) => 0,
            };
        }
    }
}

impl Subscriber {
    fn hears(&self, message_type: &str) -> bool {
        !self.traffic.is_over.load(Ordering::Relaxed)
            && self.types.iter().any(|wanted| wanted == message_type)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Receiver;

    use prony_plugin_api::message::{PhaseEnded, PhaseStarted};

    use super::*;
    use crate::service::{allowance::MESSAGES, queue::Command};

    fn subscribe(bus: &Bus, message_type: &str) -> (Receiver<Command>, Arc<Traffic>) {
        let (queue, commands) = Queue::new();
        let traffic = Arc::new(Traffic::default());
        let types = vec![message_type.to_owned()];
        bus.subscribe(Subscriber { types, queue, traffic: Arc::clone(&traffic) });
        (commands, traffic)
    }

    #[test]
    fn a_service_hears_what_it_subscribed_to_and_nothing_else() {
        let bus = Bus::default();
        let (commands, traffic) = subscribe(&bus, PhaseStarted::TYPE);
        bus.send(&PhaseEnded::default());
        bus.send(&PhaseStarted { index: 7, ..PhaseStarted::default() });
        let Ok(Command::Message { message_type, payload }) = commands.try_recv() else {
            panic!("no message")
        };
        assert_eq!(&*message_type, PhaseStarted::TYPE);
        assert_eq!(PhaseStarted::decode(&payload).unwrap().index, 7);
        assert!(commands.try_recv().is_err());
        assert_eq!(traffic.received.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn what_a_full_queue_loses_is_counted() {
        let bus = Bus::default();
        let (_commands, traffic) = subscribe(&bus, PhaseStarted::TYPE);
        (0..MESSAGES + 2).for_each(|_| bus.send(&PhaseStarted::default()));
        assert_eq!(traffic.received.load(Ordering::Relaxed), MESSAGES as u64);
        assert_eq!(traffic.lost.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn what_a_service_cannot_hear_any_more_is_not_lost() {
        let bus = Bus::default();
        let (_commands, traffic) = subscribe(&bus, PhaseStarted::TYPE);
        (0..MESSAGES).for_each(|_| bus.send(&PhaseStarted::default()));
        traffic.is_over.store(true, Ordering::Relaxed);
        bus.send(&PhaseStarted::default());
        assert_eq!(traffic.lost.load(Ordering::Relaxed), 0);
    }
}
