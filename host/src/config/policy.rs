//! Which plugins may be used at all: what an ops team decides once for everybody on a machine.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};

use super::units::{self, Choice};

/// Which plugins may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PluginPolicy {
    /// All that are found.
    #[default]
    Any,
    /// Of the external ones, only those whose manifest names their hash.
    Pinned,
    /// Only those that ship with the program: no other manifest is even read.
    Builtin,
}

impl Choice for PluginPolicy {
    const NAMES: &'static [(&'static str, Self)] =
        &[("any", Self::Any), ("pinned", Self::Pinned), ("builtin", Self::Builtin)];
    const SYNONYMS: &'static [(&'static str, Self)] = &[("built-in", Self::Builtin)];
}

impl PluginPolicy {
    /// Its name on the command line and in files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Pinned => "pinned",
            Self::Builtin => "builtin",
        }
    }

    /// All names, for errors.
    pub(crate) fn names() -> String {
        Self::NAMES.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }
}

impl Serialize for PluginPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for PluginPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = PluginPolicy;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "one of {}", PluginPolicy::names())
            }
            // An error raised here, rather than by a conversion later, carries the line of the value.
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<PluginPolicy, E> {
                let known = PluginPolicy::names();
                if text.is_empty() {
                    return Err(E::custom(format!("there is nothing; it takes one of {known}")));
                }
                units::choice(text).map_err(|_| E::custom(format!("`{text}` is none of {known}")))
            }
        }
        deserializer.deserialize_str(Name)
    }
}
