//! The queue in front of a service. Messages are bounded in number and size; calls are not, so that a service whose
//! queue is full can be stopped.

use std::{
    sync::{
        Arc,
        mpsc::{self, Receiver, SyncSender},
    },
    time::Duration,
};

use super::{allowance::Waiting, failure::Outcome};

/// What a mailbox is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// Prepare the service.
    Init(SyncSender<Outcome>),
    /// Begin its work.
    Start(SyncSender<Outcome>),
    /// Hand over a message.
    Message {
        message_type: Arc<str>,
        /// MessagePack.
        payload: Arc<[u8]>,
    },
    /// Say when everything before this has been handled.
    Settle(SyncSender<()>),
    /// Flush, end and destroy it; the thread ends as well.
    Stop(Duration, SyncSender<Outcome>),
}

/// The way into a mailbox.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    commands: mpsc::Sender<Command>,
    waiting: Arc<Waiting>,
}

/// Why a message was not put into a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Too much is waiting.
    Full,
    /// The service has stopped or failed.
    Closed,
}

impl Queue {
    /// A queue and its other end.
    pub(crate) fn new() -> (Self, Receiver<Command>) {
        let (commands, receiver) = mpsc::channel();
        (Self { commands, waiting: Arc::default() }, receiver)
    }

    /// Puts a message in without waiting.
    pub(crate) fn post(&self, message_type: &Arc<str>, payload: &Arc<[u8]>) -> Result<(), Refused> {
        if !self.waiting.add(payload.len()) {
            return Err(Refused::Full);
        }
        let message =
            Command::Message { message_type: Arc::clone(message_type), payload: Arc::clone(payload) };
        self.call(message).inspect_err(|_| self.took(payload))
    }

    /// Puts a call in.
    pub(super) fn call(&self, command: Command) -> Result<(), Refused> {
        self.commands.send(command).map_err(|_| Refused::Closed)
    }

    /// A message has been taken out.
    pub(super) fn took(&self, payload: &[u8]) {
        self.waiting.remove(payload.len());
    }

    /// The most messages that ever waited.
    pub(super) fn most_waiting(&self) -> u64 {
        self.waiting.most()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::allowance::MESSAGES;

    #[test]
    fn what_comes_after_the_end_does_not_wait() {
        let (queue, commands) = Queue::new();
        drop(commands);
        let (message_type, payload) = (Arc::from("t"), Arc::from([0].as_slice()));
        for _ in 0..MESSAGES + 2 {
            assert_eq!(queue.post(&message_type, &payload), Err(Refused::Closed));
        }
    }
}
