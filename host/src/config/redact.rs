//! What must not be written down: keys, tokens and passwords.
//!
//! Three things leave a run with the user's input in them: the journalled configuration, the printed command line and
//! error texts. Each goes through here. A name decides whether its value is secret, because a value cannot: too much
//! is hidden rather than too little.

use serde_json::{Map, Value};

use super::RunConfig;

/// What stands in place of a secret.
pub(crate) const REDACTED: &str = "<redacted>";

/// Whether a header, a query parameter or a field of this name holds a secret.
///
/// Works on whole words, so that `max_tokens` and `X-Session-Affinity` are not taken for a token and a session key.
pub(crate) fn is_sensitive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words: Vec<&str> =
        name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
    words.iter().enumerate().any(|(at, word)| match *word {
        // Keys that say where something goes, not who may go there.
        "key" => !matches!(
            words.get(at.wrapping_sub(1)),
            Some(&("idempotency" | "cache" | "routing" | "affinity"))
        ),
        "auth" | "jwt" | "bearer" | "signature" | "credential" | "credentials" => true,
        _ => {
            ["authorization", "apikey", "token", "cookie"].iter().any(|end| word.ends_with(end))
                || ["secret", "password", "passwd"].iter().any(|part| word.contains(part))
        }
    })
}

/// The configuration as the journal keeps it.
pub(crate) fn config(config: &RunConfig) -> RunConfig {
    let mut config = config.clone();
    let target = &mut config.target;
    target.api_key = None;
    for (name, value) in &mut target.headers {
        if is_sensitive(name) {
            REDACTED.clone_into(value);
        }
    }
    object(&mut target.extra_inputs);
    for address in target.urls.iter_mut().chain(&mut config.server_metrics.urls) {
        *address = url(address);
    }
    config
}

/// A command line that may be shown and kept, word by word.
pub(crate) fn command_line<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut previous = "";
    let redacted = words.into_iter().map(|word| {
        let flag = std::mem::replace(&mut previous, word);
        command_word(flag, word)
    });
    redacted.collect()
}

fn command_word(previous: &str, word: &str) -> String {
    if previous == "--api-key" {
        return REDACTED.to_owned();
    }
    if let Some((flag, value)) = word.split_once('=').filter(|(flag, _)| flag.starts_with("--")) {
        return format!("{flag}={}", command_word(flag, value));
    }
    if let Some(text) = json(word) {
        return text;
    }
    if ["-u", "--url", "--server-metrics"].contains(&previous) || word.contains("://") {
        return url(word);
    }
    pair(word)
}

/// A JSON object with its secrets hidden; nothing for any other text.
fn json(text: &str) -> Option<String> {
    let mut fields: Map<String, Value> = serde_json::from_str(text).ok()?;
    object(&mut fields);
    serde_json::to_string(&fields).ok()
}

fn object(fields: &mut Map<String, Value>) {
    for (name, value) in fields {
        match value {
            Value::Object(inner) => object(inner),
            _ if is_sensitive(name) => *value = REDACTED.into(),
            _ => {}
        }
    }
}

/// `Name:Value` with the value hidden when the name asks for it.
fn pair(text: &str) -> String {
    match text.split_once(':') {
        Some((name, _)) if is_sensitive(name) => format!("{name}:{REDACTED}"),
        _ => text.to_owned(),
    }
}

/// An address, well-formed or not, without its credentials and secret query parameters.
pub(crate) fn url(text: &str) -> String {
    let (scheme, rest) = text.split_at(text.find("://").map_or(0, |at| at + 3));
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(authority_end);
    let host = authority
        .rsplit_once('@')
        .map_or_else(|| authority.to_owned(), |(_, host)| format!("{REDACTED}@{host}"));
    match rest.split_once('?') {
        None => format!("{scheme}{host}{rest}"),
        Some((path, query)) => {
            let parameters: Vec<String> = query.split('&').map(parameter).collect();
            format!("{scheme}{host}{path}?{}", parameters.join("&"))
        }
    }
}

fn parameter(text: &str) -> String {
    match text.split_once('=') {
        Some((name, _)) if is_sensitive(name) => format!("{name}={REDACTED}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    fn names_of_secrets_are_known(
        #[values(
            "Authorization",
            "proxy-authorization",
            "X-Api-Key",
            "api-key",
            "api_key",
            "apikey",
            "Cookie",
            "Set-Cookie",
            "X-Auth-Token",
            "x-amz-security-token",
            "Client-Secret",
            "clientsecret",
            "db_password",
            "Ocp-Apim-Subscription-Key",
            "AccessToken",
            "X-Signature"
        )]
        name: &str,
    ) {
        assert!(is_sensitive(name));
    }

    #[rstest]
    fn harmless_names_are_left_alone(
        #[values(
            "X-Session-Affinity",
            "X-Request-ID",
            "Content-Type",
            "Accept",
            "max_tokens",
            "min_tokens",
            "User-Agent",
            "Idempotency-Key",
            "prompt_cache_key",
            "X-Author",
            "monkey",
            "temperature",
            ""
        )]
        name: &str,
    ) {
        assert!(!is_sensitive(name));
    }

    #[rstest]
    #[case("--api-key sk-1 --streaming", "--api-key <redacted> --streaming")]
    #[case("--api-key=sk-1=", "--api-key=<redacted>")]
    #[case("-H Authorization:Bearer_x -H X-Team:a", "-H Authorization:<redacted> -H X-Team:a")]
    #[case("-HAuthorization:x", "-HAuthorization:<redacted>")]
    #[case("--header=x-api-key:k --header A:b", "--header=x-api-key:<redacted> --header A:b")]
    #[case(r#"-H {"Cookie":"c","A":"b"}"#, r#"-H {"Cookie":"<redacted>","A":"b"}"#)]
    #[case("--url http://u:p@h/v1?token=t&a=1", "--url http://<redacted>@h/v1?token=<redacted>&a=1")]
    #[case("--url=u:p@h:1", "--url=<redacted>@h:1")]
    #[case("-u u:p@h:1", "-u <redacted>@h:1")]
    #[case("-uhttp://u:p@h", "-uhttp://<redacted>@h")]
    #[case("--extra-inputs max_tokens:5 api_key:k", "--extra-inputs max_tokens:5 api_key:<redacted>")]
    #[case("--isl 5 --url localhost:8000", "--isl 5 --url localhost:8000")]
    fn a_command_line_is_shown_without_secrets(#[case] typed: &str, #[case] shown: &str) {
        assert_eq!(command_line(typed.split(' ')).join(" "), shown);
    }
}
