//! Why a service failed, before anybody says which one.

use prony_plugin_api::{ErrorDetails, ErrorKind};
use serde::{Deserialize, Serialize};

use crate::{
    explain::Explain,
    plugin::{A_BUG, AN_OPTION, PluginError},
};

/// What is wrong with a service. Crosses the boundary between processes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceFailure {
    /// The class of failure, such as `panic` or `timeout`.
    kind: String,
    /// What happened, of something that is called "it".
    message: String,
    /// The causes below it, outermost first.
    causes: Vec<String>,
    /// What to do next.
    hint: String,
}

/// What a call of a service gives.
pub(crate) type Outcome = Result<(), ServiceFailure>;

impl ServiceFailure {
    /// [`ErrorDetails::kind`] of one about the service's options.
    pub(crate) const OF_OPTIONS: &str = "plugin_config";

    /// A failure without causes.
    pub(crate) fn new(kind: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), message: message.into(), causes: Vec::new(), hint: hint.into() }
    }

    /// What an author's method returned.
    pub(crate) fn of_call(call: &str, error: prony_plugin_api::PluginError) -> Self {
        let verb = if error.kind == ErrorKind::PANIC { "panicked" } else { "failed" };
        let hint = match error.kind {
            _ if !error.hint.is_empty() => error.hint,
            ErrorKind::PANIC => A_BUG.to_owned(),
            ErrorKind::CONFIG => AN_OPTION.to_owned(),
            _ => String::new(),
        };
        Self::new(error.kind.name(), format!("`{call}` {verb}: {}", error.message), hint)
    }

    /// Why there is no service to call.
    pub(crate) fn of_load(error: PluginError) -> Self {
        let hint = error.hint();
        match error {
            PluginError::Create { source, .. } => Self::of_call("new", source),
            error => Self {
                causes: error.detail().into_iter().collect(),
                ..Self::new("load", format!("failed to {error}"), hint)
            },
        }
    }

    /// As it stands in a report.
    pub(crate) fn details(self) -> ErrorDetails {
        ErrorDetails {
            code: None,
            kind: format!("plugin_{}", self.kind),
            message: self.message,
            cause_chain: self.causes,
            hint: self.hint,
        }
    }
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::PluginError;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(PluginError::new(ErrorKind::PANIC, "boom"), "plugin_panic", "`stop` panicked: boom")]
    #[case(PluginError::io("open a file"), "plugin_io", "`stop` failed: open a file")]
    fn a_call_is_named(#[case] error: PluginError, #[case] kind: &str, #[case] message: &str) {
        let details = ServiceFailure::of_call("stop", error).details();
        assert_eq!((details.kind.as_str(), details.message.as_str()), (kind, message));
    }

    #[test]
    fn an_error_of_options_is_known_by_its_kind() {
        let details = ServiceFailure::of_call("new", PluginError::config("read `urls`")).details();
        assert_eq!(details.kind, ServiceFailure::OF_OPTIONS);
    }

    #[test]
    fn an_authors_hint_is_kept() {
        let error = PluginError::config("read `urls`").hint("name one");
        assert_eq!(ServiceFailure::of_call("new", error).details().hint, "name one");
    }
}
