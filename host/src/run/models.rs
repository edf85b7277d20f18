//! Which model a server has, for users who name none: exports [`the_only_one`].

use std::time::Duration;

use http::Method;
use prony_plugin_api::{ErrorDetails, metadata::StreamFraming};
use serde::Deserialize;

use super::plain_request::{self, NoResponse, explained, refusal, unasked};
use crate::{
    config::{redact, url},
    explain::Explain,
    plan::{Plan, Target},
    request::{prepared::Prepared, target::TargetPlan, transport::install_tls},
};

/// Where servers with an API like that of `OpenAI` list their models.
/// Source: <https://platform.openai.com/docs/api-reference/models/list>.
const PATH: &str = "/v1/models";

/// How long the list may take once there is a connection.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Most models that an error names.
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
    /// What the server sends is no list of models.
    #[error("`--model` is required: {url} is no list of models: {reason}")]
    NoList {
        /// The list's address, without secrets.
        url: String,
        /// What is there instead.
        reason: String,
    },
    /// The server refuses to list its models.
    #[error("{}; {url} was asked which model to measure, since there is no `--model`", .error.message)]
    Refused {
        /// The list's address, without secrets.
        url: String,
        /// Why, and what to do about it.
        error: Box<ErrorDetails>,
    },
    /// The server cannot be asked.
    #[error("{}; {url} was to be asked which model to measure, since there is no `--model`", .error.message)]
    Unreachable {
        /// The list's address, without secrets.
        url: String,
        /// Why not, and what to do about it.
        error: Box<ErrorDetails>,
    },
    /// The target cannot be used at all.
    #[error("use the target: {}", .0.message)]
    Target(ErrorDetails),
}

impl Explain for ModelError {
    fn hint(&self) -> String {
        match self {
            Self::Unreachable { error, .. } if error.hint.is_empty() => {
                "check `--url`, and start the server; with `--model NAME` prony need not ask, and can wait for the \
                 server with `--wait-for-model-timeout SECONDS`"
                    .to_owned()
            }
            Self::Refused { error, .. } | Self::Unreachable { error, .. } => {
                format!("{}; with `--model NAME` prony need not ask", error.hint)
            }
            Self::Target(error) => error.hint.clone(),
            _ => "add `--model NAME`, or try `prony profile --mock`, which needs no server".to_owned(),
        }
    }

    fn is_statement(&self) -> bool {
        !matches!(self, Self::Target(_))
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
pub(crate) fn the_only_one(plan: &Plan) -> Result<String, ModelError> {
    install_tls();
    let base = plan.target.urls.first().map(String::as_str).unwrap_or_default();
    let url = format!("`{}`", redact::url(&url::typed(&url::url_for(base, PATH))));
    let target = Target { custom_endpoint: None, streaming: false, ..plan.target.clone() };
    let plan =
        TargetPlan::new(&target, Some(PATH), StreamFraming::Events, false).map_err(ModelError::Target)?;
    choose(&ask(&plan, &url)?, url)
}

/// The body of the server's response to the question.
fn ask(plan: &TargetPlan, url: &str) -> Result<Vec<u8>, ModelError> {
    let request = Prepared::plain(Method::GET, plan, 0).map_err(ModelError::Target)?;
    let unreachable = |error| ModelError::Unreachable { url: url.to_owned(), error };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| unreachable(Box::new(unasked(&error.to_string(), ""))))?;
    match runtime.block_on(plain_request::send(plan, &request, TIMEOUT)) {
        Ok(response) if response.status.is_success() => Ok(response.body),
        Ok(response) => {
            let missing = "check `--url`: this server does not list its models there";
            let error = explained(refusal(&response, missing), plan, &request);
            Err(ModelError::Refused { url: url.to_owned(), error: Box::new(error) })
        }
        Err(NoResponse::Failed(error)) => Err(unreachable(error)),
        Err(NoResponse::Endless) => {
            Err(ModelError::NoList { url: url.to_owned(), reason: "it has no end".to_owned() })
        }
    }
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
