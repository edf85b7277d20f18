//! What a service sees of the host.

use std::sync::{Arc, atomic::Ordering};

use prony_plugin_api::{LogLevel, PublishError, abi::host::HostServices};

use super::{
    allowance::{Allowance, MessagePermit, beginning},
    bus::{Bus, Traffic},
};
use crate::{clock::Clock, plugin::PluginLog};

/// Takes what services publish, without blocking. Implemented by the recorder and, for stop requests, by the run.
pub(crate) trait PublishSink: Send + Sync {
    /// Keeps a published message, and its permit until it is written. Closed is an answer, not a failure.
    fn keep(
        &self,
        service: &str,
        message_type: &str,
        payload: &[u8],
        permit: MessagePermit,
    ) -> Result<(), PublishError>;
    /// A service asks for the end of the run.
    fn request_stop(&self, service: &str, reason: &str);
}

/// One service's view of the host.
pub(crate) struct ServiceHost {
    /// Entry name of the service.
    pub(crate) name: Arc<str>,
    pub(crate) log: PluginLog,
    pub(crate) clock: Clock,
    /// The run as the text of a JSON object.
    pub(crate) facts: Arc<str>,
    /// Routes to other services.
    pub(crate) bus: Arc<Bus>,
    /// Keeps what it publishes.
    pub(crate) sink: Arc<dyn PublishSink>,
    /// Its message counts.
    pub(crate) traffic: Arc<Traffic>,
    /// What it may publish.
    pub(crate) allowance: Allowance,
}

impl ServiceHost {
    fn keep(&self, message_type: &str, payload: &[u8]) -> Result<(), PublishError> {
        if self.traffic.is_over.load(Ordering::Relaxed) {
            return Err(PublishError::Closed);
        }
        let permit = self.allowance.take(message_type, payload.len(), self.clock.now())?;
        self.sink.keep(&self.name, message_type, payload, permit)
    }
}

impl HostServices for ServiceHost {
    fn log_enabled(&self, level: LogLevel, _target: &str) -> bool {
        self.log.enabled(level)
    }

    fn log(&self, level: LogLevel, target: &str, text: &str) {
        self.log.write(level, target, text);
    }

    fn publish(&self, message_type: &str, payload: &[u8]) -> Result<(), PublishError> {
        match self.keep(message_type, payload) {
            Ok(()) => {
                self.traffic.published.fetch_add(1, Ordering::Relaxed);
                self.bus.deliver(message_type, payload);
                Ok(())
            }
            Err(error) => {
                // What is published after the end was not meant to be heard.
                if error != PublishError::Closed {
                    self.traffic.lost.fetch_add(1, Ordering::Relaxed);
                }
                Err(error)
            }
        }
    }

    fn now_ns(&self) -> u64 {
        self.clock.now()
    }

    fn run_facts(&self) -> String {
        self.facts.to_string()
    }

    fn request_stop(&self, reason: &str) {
        // Once is enough, and a service that never stops asking must not flood the run.
        if !self.traffic.has_asked.swap(true, Ordering::Relaxed) {
            self.sink.request_stop(&self.name, beginning(reason));
        }
    }
}
