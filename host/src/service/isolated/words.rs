//! What parent and child say to each other, and nothing of how it is carried.

use std::{borrow::Cow, fmt};

use prony_plugin_api::LogLevel;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};

use crate::{
    clock::Anchor,
    plugin::{DiscoveryOptions, Provenance},
    service::failure::Outcome,
};

/// From the parent: one at a time, each answered.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order<'a> {
    /// Make the service. First, once.
    Create(Box<Creation>),
    /// Prepare it.
    Init,
    /// Begin its work.
    Start,
    /// Hand over a message.
    Message {
        message_type: Cow<'a, str>,
        /// MessagePack.
        payload: Payload<'a>,
    },
    /// Flush, end and destroy it. The child ends after its answer.
    Stop {
        /// How long it may take.
        deadline_ns: u64,
    },
}

/// What a child needs to make its service.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Creation {
    pub(super) entry: String,
    /// The text of a JSON object.
    pub(super) options: String,
    /// The run as the text of a JSON object.
    pub(super) facts: String,
    pub(super) clock: Anchor,
    /// Where plugins are.
    pub(super) search: DiscoveryOptions,
    /// The finest level of the service's own log lines that anyone listens to, as a number; 0 for none.
    pub(super) own_level: u8,
    /// The same for all other lines.
    pub(super) other_level: u8,
}

/// From the child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Word<'a> {
    /// The answer to `Create` when there is a service.
    Ready {
        /// The message types that it wants to hear.
        subscriptions: Vec<String>,
        /// What the report should say about how it was loaded.
        provenance: Provenance,
    },
    /// The answer to everything else.
    Done(Outcome),
    Publish {
        /// The message's type.
        message_type: Cow<'a, str>,
        /// MessagePack.
        payload: Payload<'a>,
    },
    /// So many messages were not taken.
    Lost(u64),
    /// A log line.
    Log {
        /// Who says it: the library's name, or nothing for the service itself.
        plugin: Option<String>,
        /// Its level, as a number.
        level: u8,
        /// The target that the author gave it.
        source: String,
        /// The line.
        text: String,
    },
    /// It asks for the end of the run.
    RequestStop {
        /// The service's words for the report.
        reason: String,
    },
}

/// Bytes as MessagePack binary rather than as a list of numbers.
#[derive(Clone)]
pub(super) struct Payload<'a>(pub(super) Cow<'a, [u8]>);

impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Payload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Payload<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(bytes)
            }
        }
        deserializer.deserialize_byte_buf(Bytes).map(|bytes| Self(Cow::Owned(bytes)))
    }
}

/// A level as a number, 1 for errors to 5 for traces.
pub(super) fn number(level: LogLevel) -> u8 {
    level as u8
}

/// The level of a number; what is unknown is finest.
pub(super) fn level(number: u8) -> LogLevel {
    match number {
        0 | 1 => LogLevel::Error,
        2 => LogLevel::Warn,
        3 => LogLevel::Info,
        4 => LogLevel::Debug,
        _ => LogLevel::Trace,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_travels_as_bytes() {
        let payload = Payload(Cow::Borrowed(&[0xff; 1000][..]));
        let order = Order::Message { message_type: "t".into(), payload };
        let bytes = rmp_serde::to_vec_named(&order).unwrap();
        assert!(bytes.len() < 1100, "{}", bytes.len());
        let Order::Message { payload, .. } = rmp_serde::from_slice(&bytes).unwrap() else {
            panic!("no message")
        };
        assert_eq!(payload.0, [0xff; 1000].as_slice());
    }

    #[test]
    fn levels_are_numbers_and_back() {
        for each in [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace] {
            assert_eq!(level(number(each)), each);
        }
    }
}
