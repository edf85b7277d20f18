//! What may be wrong with the numbers of a run: a [`Finding`].

use serde::{Serialize, Serializer, ser::SerializeStruct};

/// What a finding does to the numbers. The worst one is the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// They are what they seem to be; the reader should know this beside them.
    Note,
    /// Some of them may say something else than they seem to.
    Doubtful,
    /// They do not answer what was asked.
    Invalid,
}

/// One thing that a reader must know before believing the numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Its name in files, which does not change.
    pub(crate) name: &'static str,
    pub(crate) severity: Severity,
    /// A few words, for the line at the top.
    pub(crate) short: String,
    /// A sentence without its full stop, with the evidence in numbers.
    pub(crate) says: String,
    /// What to do about it; empty where the sentence says it, or nothing can be done.
    pub(crate) advice: String,
}

impl Finding {
    /// One that makes numbers doubtful.
    pub(super) fn doubt(name: &'static str, short: impl Into<String>, says: impl Into<String>) -> Self {
        let (short, says) = (short.into(), says.into());
        Self { name, severity: Severity::Doubtful, short, says, advice: String::new() }
    }

    /// One that is worth knowing.
    pub(super) fn note(name: &'static str, short: impl Into<String>, says: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::doubt(name, short, says) }
    }

    /// One after which the numbers do not answer what was asked.
    pub(super) fn invalid(name: &'static str, short: impl Into<String>, says: impl Into<String>) -> Self {
        Self { severity: Severity::Invalid, ..Self::doubt(name, short, says) }
    }

    /// The same with what to do about it.
    pub(super) fn advice(self, advice: impl Into<String>) -> Self {
        Self { advice: advice.into(), ..self }
    }

    /// The sentence, and what to do.
    pub(crate) fn text(&self) -> String {
        if self.advice.is_empty() { self.says.clone() } else { format!("{}. {}", self.says, self.advice) }
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("finding", 4)?;
        object.serialize_field("name", self.name)?;
        object.serialize_field("severity", &self.severity)?;
        object.serialize_field("text", &self.says)?;
        object.serialize_field("advice", &self.advice)?;
        object.end()
    }
}
