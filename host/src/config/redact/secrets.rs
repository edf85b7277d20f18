//! Which secrets a run has: everything that its settings keep under the name of a secret, and every login.
//!
//! What is found goes to a [`Redactor`](super::Redactor), which leaves out what is too short to be looked for.

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{
    address::{is_address, login, secret_parameters},
    names::{is_sensitive, is_sensitive_in_head},
};
use crate::plan::{Plan, Target};

/// Those of everything that a run is told.
pub(crate) fn of_config(plan: &Plan) -> Vec<String> {
    let mut secrets = of_target(&plan.target);
    secrets.extend(of_headers(&plan.server_metrics.headers));
    secrets.extend(plan.server_metrics.urls.iter().flat_map(|url| of_address(url)));
    let telemetry = &plan.telemetry;
    secrets.extend(telemetry.gpus.iter().flat_map(|gpus| &gpus.pages).flat_map(|page| of_address(page)));
    if let Some(otel) = &telemetry.otel {
        secrets.extend(of_address(&otel.url));
        secrets.extend(of_headers(&otel.headers));
        for (name, value) in &otel.resource {
            if is_sensitive(name) {
                secrets.push(value.clone());
            } else {
                secrets.extend(of_address(value));
            }
        }
    }
    secrets.extend(plan.hooks.paths().flat_map(|path| of_address(path)));
    for option in &plan.services.options {
        leaves(&option.value, is_sensitive(&option.key), &mut secrets);
    }
    if let Some(agents) = &plan.agents {
        let token = agents.nats.token.as_ref().map(|token| token.expose().as_str());
        secrets.extend(of_nats(agents.nats.url.as_deref(), token));
    }
    secrets
}

/// Those by which a client logs in to a NATS server.
pub(crate) fn of_nats(url: Option<&str>, token: Option<&str>) -> Vec<String> {
    let of_url = url.into_iter().flat_map(of_address);
    token.into_iter().map(str::to_owned).chain(of_url).collect()
}

/// Variables with the keys that requests to AWS are signed with.
const AWS_VARIABLES: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// Variable with the headers of what is sent to a collector of telemetry, as `NAME=VALUE,NAME=VALUE`.
/// Source: <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.
const HEADERS_OF_TELEMETRY: &str = "OTEL_EXPORTER_OTLP_HEADERS";

/// Those that plugins read from the environment by themselves.
pub(crate) fn of_environment() -> Vec<String> {
    let keys = AWS_VARIABLES.iter().filter_map(|name| std::env::var(name).ok());
    let headers = std::env::var(HEADERS_OF_TELEMETRY).unwrap_or_default();
    let values = headers.split(',').filter_map(|pair| pair.split_once('='));
    let values = values.map(|(_, value)| percent_decode_str(value.trim()).decode_utf8_lossy().into_owned());
    keys.chain(values.flat_map(|value| of_header("authorization", &value))).collect()
}

/// Those of the requests.
pub(crate) fn of_target(target: &Target) -> Vec<String> {
    let mut secrets: Vec<String> = target.api_key.iter().map(|key| key.expose().clone()).collect();
    secrets.extend(of_headers(&target.headers));
    let proxies = target.proxies.iter().flatten();
    let addresses = target.urls.iter().chain(&target.custom_endpoint).chain(proxies);
    secrets.extend(addresses.flat_map(|address| of_address(address)));
    for (name, value) in target.extra_inputs.iter().chain(&target.endpoint_options) {
        leaves(value, is_sensitive(name), &mut secrets);
    }
    secrets
}

/// Those in headers: the values of those with secret names, what stands behind a scheme such as `Bearer`, the password of a
/// login, and each cookie.
pub(crate) fn of_headers(headers: &[(String, String)]) -> Vec<String> {
    headers.iter().flat_map(|(name, value)| of_header(name, value)).collect()
}

fn of_header(name: &str, value: &str) -> Vec<String> {
    if !is_sensitive_in_head(name) {
        return of_address(value);
    }
    let mut secrets = vec![value.to_owned()];
    if let Some((scheme, credentials)) = value.trim().split_once(' ') {
        secrets.push(credentials.trim().to_owned());
        secrets.extend(password(credentials.trim()).filter(|_| scheme.eq_ignore_ascii_case("basic")));
    }
    if name.to_ascii_lowercase().ends_with("cookie") {
        let values = value.split(';').filter_map(|pair| pair.split_once('='));
        secrets.extend(values.map(|(_, value)| value.trim().trim_matches('"').to_owned()));
    }
    secrets
}

/// The password in the credentials of a basic login (RFC 7617); the user where there is none, since keys are sent so, too.
fn password(credentials: &str) -> Option<String> {
    let login = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    let (user, password) = login.split_once(':')?;
    Some(if password.is_empty() { user } else { password }.to_owned())
}

/// Those in a JSON text: what its secret names hold, and logins of its addresses. None in any other text.
pub(crate) fn of_json(text: &str) -> Vec<String> {
    let mut secrets = Vec::new();
    if let Ok(json) = serde_json::from_str(text) {
        leaves(&json, false, &mut secrets);
    }
    secrets
}

/// Everything below a secret name is secret.
fn leaves(json: &Value, is_secret: bool, secrets: &mut Vec<String>) {
    match json {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| leaves(field, is_secret || is_sensitive(name), secrets));
        }
        Value::Array(items) => items.iter().for_each(|item| leaves(item, is_secret, secrets)),
        Value::String(text) if is_secret => secrets.push(text.clone()),
        Value::String(text) => secrets.extend(of_address(text)),
        Value::Number(number) if is_secret => secrets.push(number.to_string()),
        Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

/// The password of an address, or its user if there is none, and its secret parameters; each as it is typed and as it is
/// meant. None in a text that is no address.
fn of_address(text: &str) -> Vec<String> {
    let mut secrets = Vec::new();
    if is_address(text) || text.starts_with('/') {
        secrets = secret_parameters(text);
    }
    if let Some(login) = login(text) {
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let secret = if password.is_empty() { user } else { password };
        secrets.extend([secret.to_owned(), percent_decode_str(secret).decode_utf8_lossy().into_owned()]);
    }
    secrets
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("Authorization", "Bearer k-1", &["Bearer k-1", "k-1"])]
    // `u:p` and `key:`.
    #[case("Authorization", "Basic dTpw", &["Basic dTpw", "dTpw", "p"])]
    #[case("Proxy-Authorization", "basic a2V5Og==", &["basic a2V5Og==", "a2V5Og==", "key"])]
    #[case("Cookie", "a=b; c=\"d\"", &["a=b; c=\"d\"", "c=\"d\"", "b", "d"])]
    #[case("X-Code", "k", &["k"])]
    #[case("Referer", "http://u:p%2F@h/?sig=s", &["s", "s", "p%2F", "p/"])]
    #[case("X-Team", "blue", &[])]
    fn headers_have_secrets(#[case] name: &str, #[case] value: &str, #[case] secrets: &[&str]) {
        assert_eq!(of_headers(&[(name.to_owned(), value.to_owned())]), secrets);
    }

    #[test]
    fn everything_below_a_secret_name_is_one() {
        let json = json!({
            "a": "b", "n": 5, "tools": [{"api_key": "k"}], "password": {"x": ["y", 123_456, true, null]},
            "image": "http://u@h/"
        });
        assert_eq!(of_json(&json.to_string()), ["k", "y", "123456", "u", "u"]);
        assert!(of_json("no JSON").is_empty());
    }
}
