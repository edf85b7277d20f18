//! A service that can be called, wherever its code runs.

use std::time::Duration;

use prony_plugin_api::abi::host::ServiceInstance;

use super::failure::{Outcome, ServiceFailure};

/// A service in its mailbox's hands: one thread at a time, and nothing after the first failure.
pub(crate) trait ServiceHandle: Send {
    /// The message types that it wants to hear.
    fn subscriptions(&self) -> Vec<String>;
    /// Prepares it.
    fn init(&mut self) -> Outcome;
    /// Begins its work.
    fn start(&mut self) -> Outcome;
    /// Hands over one message.
    fn on_message(&mut self, message_type: &str, payload: &[u8]) -> Outcome;
    /// Flushes and ends its work.
    fn stop(&mut self, deadline: Duration) -> Outcome;
    /// Runs its destructor.
    fn destroy(self: Box<Self>) -> Outcome;
}

/// In this process.
impl ServiceHandle for ServiceInstance {
    fn subscriptions(&self) -> Vec<String> {
        Self::subscriptions(self)
    }

    fn init(&mut self) -> Outcome {
        Self::init(self).map_err(|error| ServiceFailure::of_call("init", error))
    }

    fn start(&mut self) -> Outcome {
        Self::start(self).map_err(|error| ServiceFailure::of_call("start", error))
    }

    fn on_message(&mut self, message_type: &str, payload: &[u8]) -> Outcome {
        Self::on_message(self, message_type, payload)
            .map_err(|error| ServiceFailure::of_call("on_message", error))
    }

    fn stop(&mut self, deadline: Duration) -> Outcome {
        Self::stop(self, deadline).map_err(|error| ServiceFailure::of_call("stop", error))
    }

    fn destroy(self: Box<Self>) -> Outcome {
        drop(self);
        Ok(())
    }
}
