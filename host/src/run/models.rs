//! Which model a server has, for users who name none: exports [`the_only_one`].

use std::{sync::Arc, time::Duration};

use prony_plugin_api::{ErrorDetails, metadata::StreamFraming};
use serde::Deserialize;

use crate::{
    clock::Clock,
    config::{RunConfig, Target, redact, url},
    request::{
        prepared::Prepared,
        target::TargetPlan,
        transport::{Transport, TransportError, install_tls},
    },
};

/// Where servers with an API like that of `OpenAI` list their models.
/// Source: <https://platform.openai.com/docs/api-reference/models/list>.
const PATH: &str = "/v1/models";

/// How long the list may take once there is a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// No list of models is longer.
const MAX_LIST_BYTES: usize = 4 << 20;

/// So many models are named in an error.
const NAMED: usize = 20;

/// Why it is not known which model to measure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModelError {
    /// There is a choice.
    #[error("`--model` is required: {url} lists {count}: {names}")]
    Several {
        /// The list's address, without secrets.
        url: String,
        /// How many there are.
        count: usize,
        /// Their names, or the first of them.
        names: String,
    },
    /// The list is empty.
    #[error("`--model` is required: {url} lists none")]
    Nothing {
        /// The list's address, without secrets.
        url: String,
    },
    /// The server does not list its models.
    #[error("`--model` is required: {url} is no list of models: {reason}")]
    NoList {
        /// The list's address, without secrets.
        url: String,
        /// What is there instead.
        reason: String,
    },
    /// The server cannot be asked.
    #[error("`--model` is required: {url} cannot be asked for it: {reason}")]
    Unreachable {
        /// The list's address, without secrets.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The target cannot be used at all.
    #[error("aim at the target: {}", .0.message)]
    Target(ErrorDetails),
}

impl ModelError {
    /// Whether the text says what is wrong, rather than what was tried.
    pub(crate) fn is_statement(&self) -> bool {
        !matches!(self, Self::Target(_))
    }

    /// What to do next.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => {
                "check `--url`, start the server, or add `--model NAME` and let prony wait for it with \
                 `--wait-for-model-timeout SECONDS`"
            }
            Self::Target(_) => "",
            _ => "add `--model NAME`, or try `prony profile --mock`, which needs no server",
        }
    }
}

/// What a server says of its models.
#[derive(Deserialize)]
struct List {
    data: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
}

/// The name of the one model that the first of the target's servers lists.
///
/// # Errors
/// It lists several, or none, or cannot be asked.
pub(crate) fn the_only_one(config: &RunConfig) -> Result<String, ModelError> {
    install_tls();
    let base = config.target.urls.first().map(String::as_str).unwrap_or_default();
    let url = format!("`{}`", redact::url(&url::typed(&url::url_for(base, PATH))));
    let target = Target { custom_endpoint: None, streaming: false, ..config.target.clone() };
    let plan =
        TargetPlan::new(&target, Some(PATH), StreamFraming::Events, false).map_err(ModelError::Target)?;
    let (status, body) = ask(&plan, &url)?;
    if !status.is_success() {
        return Err(ModelError::NoList { url, reason: format!("it answers with {status}") });
    }
    choose(&body, url)
}

fn ask(plan: &TargetPlan, url: &str) -> Result<(http::StatusCode, Vec<u8>), ModelError> {
    let unreachable = |reason: String| ModelError::Unreachable { url: url.to_owned(), reason };
    let failed = |error: TransportError| {
        unreachable(error.causes.last().cloned().unwrap_or_else(|| "the connection died".to_owned()))
    };
    let request = Prepared::plain_get(plan).map_err(ModelError::Target)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| unreachable(error.to_string()))?;
    let exchange = async {
        let transport = Transport::new(plan, Clock::start(), Arc::default()).map_err(failed)?;
        let stamps = Arc::default();
        let mut response = transport.send(&request, false, &stamps).await.map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(chunk.bytes);
            if body.len() > MAX_LIST_BYTES {
                return Err(ModelError::NoList { url: url.to_owned(), reason: "it has no end".to_owned() });
            }
        }
        Ok((response.status(), body))
    };
    let patience = plan.connect_timeout.saturating_add(PATIENCE);
    runtime.block_on(async {
        let late = |_| unreachable(format!("no answer within {} s", patience.as_secs()));
        tokio::time::timeout(patience, exchange).await.map_err(late)?
    })
}

fn choose(body: &[u8], url: String) -> Result<String, ModelError> {
    let list: List = match serde_json::from_slice(body) {
        Ok(list) => list,
        Err(error) => return Err(ModelError::NoList { url, reason: error.to_string() }),
    };
    let names: Vec<String> = list.data.into_iter().map(|model| model.id).collect();
    match names.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(ModelError::Nothing { url }),
        several => {
            let mut names = several.iter().take(NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>();
            if several.len() > NAMED {
                names.push("...".to_owned());
            }
            Err(ModelError::Several { url, count: several.len(), names: names.join(", ") })
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const URL: &str = "`http://h/v1/models`";

    #[test]
    fn one_model_is_the_one() {
        let body = br#"{"object": "list", "data": [{"id": "org/m", "object": "model"}], "models": []}"#;
        assert_eq!(choose(body, URL.into()).unwrap(), "org/m");
    }

    #[rstest]
    #[case::several(r#"{"data": [{"id": "a"}, {"id": "b"}]}"#, "lists 2: `a`, `b`")]
    #[case::none(r#"{"data": []}"#, "lists none")]
    #[case::something_else(r#"{"detail": "Not Found"}"#, "is no list of models: missing field `data`")]
    #[case::no_json("<html>", "is no list of models: expected value")]
    fn anything_else_is_an_error_that_says_what_there_is(#[case] body: &str, #[case] says: &str) {
        let error = choose(body.as_bytes(), URL.into()).unwrap_err().to_string();
        assert!(
            error.contains("`--model` is required: `http://h/v1/models` ") && error.contains(says),
            "{error}"
        );
    }

    #[test]
    fn a_long_list_is_cut() {
        let models: Vec<_> = (0..200).map(|number| serde_json::json!({"id": format!("m{number}")})).collect();
        let body = serde_json::json!({ "data": models }).to_string();
        let error = choose(body.as_bytes(), URL.into()).unwrap_err().to_string();
        assert!(error.contains("lists 200: `m0`") && error.ends_with("`m19`, ..."), "{error}");
    }
}
