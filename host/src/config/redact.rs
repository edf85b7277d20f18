//! What must not be written down: keys, tokens and passwords.
//!
//! Three things leave a run with the user's input in them: the journalled configuration, the printed command line and
//! error texts. Each goes through here. A name decides whether its value is secret, because a value cannot: too much
//! is hidden rather than too little.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::RunConfig;

/// What stands in place of a secret.
pub(crate) const REDACTED: &str = "<redacted>";

/// Whether a header, a query parameter or a field of this name holds a secret.
///
/// Works on whole words, so that `max_tokens` and `X-Session-Affinity` are not taken for a token and a session key.
pub(crate) fn is_sensitive(name: &str) -> bool {
    let name = lower_case_words(name);
    let words: Vec<&str> =
        name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
    words.iter().enumerate().any(|(at, word)| match *word {
        // Keys that say where something goes, not who may go there.
        "key" | "keys" => !matches!(
            words.get(at.wrapping_sub(1)),
            Some(&("idempotency" | "cache" | "routing" | "affinity"))
        ),
        "auth" | "jwt" | "bearer" | "sig" | "signature" | "credential" | "credentials" | "pwd"
        | "passphrase" => true,
        _ => {
            ["authorization", "apikey", "token", "cookie"].iter().any(|end| word.ends_with(end))
                || ["secret", "password", "passwd"].iter().any(|part| word.contains(part))
        }
    })
}

/// `subscriptionKey` as `subscription key`.
fn lower_case_words(name: &str) -> String {
    let mut words = String::with_capacity(name.len());
    let mut previous = ' ';
    for char in name.chars() {
        if previous.is_ascii_lowercase() && char.is_ascii_uppercase() {
            words.push(' ');
        }
        words.push(char.to_ascii_lowercase());
        previous = char;
    }
    words
}

/// The configuration as the journal keeps it.
pub(crate) fn config(config: &RunConfig) -> RunConfig {
    let mut config = config.clone();
    let target = &mut config.target;
    target.api_key = None;
    for (name, value) in target.headers.iter_mut().chain(&mut config.server_metrics.headers) {
        if is_sensitive(name) {
            REDACTED.clone_into(value);
        } else if is_address(value) {
            *value = url(value);
        }
    }
    object(&mut target.extra_inputs);
    object(&mut target.endpoint_options);
    for option in &mut config.services.options {
        if is_sensitive(&option.key) {
            option.value = REDACTED.into();
        } else {
            value(&mut option.value);
        }
    }
    let proxies = target.proxies.iter_mut().flatten();
    let addresses = target.urls.iter_mut().chain(&mut target.custom_endpoint).chain(proxies);
    for address in addresses.chain(&mut config.server_metrics.urls) {
        *address = url(address);
    }
    config
}

/// A command line that may be shown and kept, word by word.
pub(crate) fn command_line<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    // Some flags take several words.
    let mut flag = "";
    let redacted = words.into_iter().map(|word| {
        let (own_flag, value) = split_flag(word);
        if own_flag.is_empty() {
            return flag_value(flag, word);
        }
        flag = own_flag.trim_end_matches('=');
        if value.is_empty() { word.to_owned() } else { format!("{own_flag}{}", flag_value(flag, value)) }
    });
    redacted.collect()
}

/// A word as its flag, with the `=` if there is one, and the value that is glued to it. Each may be empty.
fn split_flag(word: &str) -> (&str, &str) {
    let after_equals = word.find('=').map(|at| at + 1);
    let end = match word.as_bytes() {
        [b'-', b'-', ..] => after_equals.unwrap_or(word.len()),
        [b'-', letter, rest @ ..] if letter.is_ascii_alphabetic() => 2 + usize::from(rest.starts_with(b"=")),
        _ => 0,
    };
    word.split_at(end)
}

fn flag_value(flag: &str, value: &str) -> String {
    if flag == "--api-key" {
        return REDACTED.to_owned();
    }
    if let Some(text) = json(value) {
        return text;
    }
    match flag {
        "-u" | "--url" | "--server-metrics" | "--proxy" => {
            value.split(',').map(url).collect::<Vec<_>>().join(",")
        }
        "--custom-endpoint" => url(value),
        "--service-option" | "--endpoint-option" => option(value),
        _ if is_address(value) => url(value),
        _ => pair(value),
    }
}

/// A JSON object or array with its secrets hidden; nothing for any other text.
fn json(text: &str) -> Option<String> {
    let mut json: Value = serde_json::from_str(text).ok()?;
    if !json.is_object() && !json.is_array() {
        return None;
    }
    value(&mut json);
    serde_json::to_string(&json).ok()
}

fn value(json: &mut Value) {
    match json {
        Value::Object(fields) => object(fields),
        Value::Array(items) => items.iter_mut().for_each(value),
        Value::String(text) if is_address(text) => *text = url(text),
        _ => {}
    }
}

fn object(fields: &mut Map<String, Value>) {
    for (name, field) in fields {
        if is_sensitive(name) {
            *field = REDACTED.into();
        } else {
            value(field);
        }
    }
}

/// `Name:Value` with the value hidden when the name asks for it.
fn pair(text: &str) -> String {
    match text.split_once(':') {
        Some((name, _)) if is_sensitive(name) => format!("{name}:{REDACTED}"),
        Some((name, value)) if is_address(value) => format!("{name}:{}", url(value)),
        _ => text.to_owned(),
    }
}

/// `NAME.KEY=VALUE` or `KEY=VALUE`, the same way.
fn option(text: &str) -> String {
    match text.split_once('=') {
        Some((name, _)) if is_sensitive(name) => format!("{name}={REDACTED}"),
        Some((name, value)) => {
            let shown =
                json(value).unwrap_or_else(|| if is_address(value) { url(value) } else { value.to_owned() });
            format!("{name}={shown}")
        }
        None => text.to_owned(),
    }
}

/// Whether a text begins like `http://`.
pub(crate) fn is_address(text: &str) -> bool {
    scheme_length(text) > 0
}

/// Bytes up to and with the `://` of a text that begins with a scheme (RFC 3986, section 3.1). An address may also
/// stand inside a text.
fn scheme_length(text: &str) -> usize {
    let is_scheme = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    text.split_once("://")
        .filter(|(name, _)| is_scheme(name.trim_start()))
        .map_or(0, |(name, _)| name.len() + 3)
}

/// An address, well-formed or not, without its credentials and secret query parameters.
pub(crate) fn url(text: &str) -> String {
    let (scheme, rest) = text.split_at(scheme_length(text));
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(authority_end);
    let host = authority
        .rsplit_once('@')
        .map_or_else(|| authority.to_owned(), |(_, host)| format!("{REDACTED}@{host}"));
    let (path, query) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    let parameters: String = query.split_inclusive(['?', '&', '#']).map(parameter).collect();
    format!("{scheme}{host}{path}{parameters}")
}

/// The values of the secret query parameters of an address, as they are typed and as they are meant.
pub(crate) fn secret_parameters(address: &str) -> Vec<String> {
    let query = address.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let pairs = query.split(['&', '#']).filter_map(|pair| pair.split_once('='));
    let secret = pairs.filter(|(name, _)| is_sensitive(&percent_decode_str(name).decode_utf8_lossy()));
    let spellings = secret.flat_map(|(_, value)| {
        [value.to_owned(), percent_decode_str(value).decode_utf8_lossy().into_owned()]
    });
    spellings.collect()
}

/// `name=value` and the separator behind it, if any.
fn parameter(text: &str) -> String {
    let (pair, separator) = text.split_at(text.find(['?', '&', '#']).unwrap_or(text.len()));
    // Up to the last `=`, because `a=1;token=x` is one parameter to us and two to some servers.
    match (pair.split_once('='), pair.rsplit_once('=')) {
        (Some((shown, _)), Some((names, _)))
            if is_sensitive(&percent_decode_str(names).decode_utf8_lossy()) =>
        {
            format!("{shown}={REDACTED}{separator}")
        }
        _ => text.to_owned(),
    }
}

/// So many bytes of a secret are one already: a text that was cut off may end in the middle of it.
const TELLING: usize = 12;

/// Takes a secret out of a text, and what there is of its beginning.
pub(crate) fn take_out(text: &mut String, secret: &str) {
    let (head, _) = secret.split_at_checked(TELLING).unwrap_or((secret, ""));
    if head.is_empty() || !text.contains(head) {
        return;
    }
    let (mut clean, mut rest) = (String::new(), text.as_str());
    while let Some(at) = rest.find(head) {
        let (before, found) = rest.split_at(at);
        let same = found.chars().zip(secret.chars()).take_while(|(one, other)| one == other);
        let length = same.map(|(one, _)| one.len_utf8()).sum();
        clean.extend([before, REDACTED]);
        rest = &found[length..];
    }
    clean.push_str(rest);
    *text = clean;
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
            "aws_access_key_id",
            "aws_secret_access_key",
            "aws_session_token",
            "Client-Secret",
            "clientsecret",
            "db_password",
            "Ocp-Apim-Subscription-Key",
            "AccessToken",
            "X-Signature",
            "subscriptionKey",
            "api_keys",
            "sig",
            "pwd"
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
            "promptCacheKey",
            "maxTokens",
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
    #[case("-uu:p@h:1", "-u<redacted>@h:1")]
    #[case("-u=http://u:p@h", "-u=http://<redacted>@h")]
    #[case("--url http://a:1,http://u:p@h:1", "--url http://a:1,http://<redacted>@h:1")]
    #[case("--proxy u:p@h:1", "--proxy <redacted>@h:1")]
    #[case("--url a:1 u:p@h:1", "--url a:1 <redacted>@h:1")]
    #[case("-Hauth:x", "-Hauth:<redacted>")]
    #[case("-H Referer:https://u:p@h/?sig=s", "-H Referer:https://<redacted>@h/?sig=<redacted>")]
    #[case("-H Cookie:next=https://x/;session=s", "-H Cookie:<redacted>")]
    #[case("--custom-endpoint /v1/x?key=k&a=1", "--custom-endpoint /v1/x?key=<redacted>&a=1")]
    #[case(
        "--custom-endpoint=/v1/x?next=http://y/&key=k",
        "--custom-endpoint=/v1/x?next=http://y/&key=<redacted>"
    )]
    #[case(
        "--server-metrics h:1/m?a=1&api%5Fkey=k h:2?token=t",
        "--server-metrics h:1/m?a=1&api%5Fkey=<redacted> h:2?token=<redacted>"
    )]
    #[case(
        "--url http://h/?a=1;token=t#access_token=t",
        "--url http://h/?a=<redacted>#access_token=<redacted>"
    )]
    #[case(
        r#"--extra-inputs {"tools":[{"api_key":"k","n":1}],"credentials":{"user":"u"},"image":"http://u:p@h"}"#,
        r#"--extra-inputs {"tools":[{"api_key":"<redacted>","n":1}],"credentials":"<redacted>","image":"http://<redacted>@h"}"#
    )]
    #[case("--extra-inputs max_tokens:5 api_key:k", "--extra-inputs max_tokens:5 api_key:<redacted>")]
    #[case(
        r#"--service-option a.token=t --service-option=a.x={"pwd":"p"} --service-option a.u=http://u:p@h"#,
        r#"--service-option a.token=<redacted> --service-option=a.x={"pwd":"<redacted>"} --service-option a.u=http://<redacted>@h"#
    )]
    #[case(
        "--endpoint-option secret_key=k --endpoint-option n=5",
        "--endpoint-option secret_key=<redacted> --endpoint-option n=5"
    )]
    #[case("--isl 5 --url localhost:8000", "--isl 5 --url localhost:8000")]
    fn a_command_line_is_shown_without_secrets(#[case] typed: &str, #[case] shown: &str) {
        assert_eq!(command_line(typed.split(' ')).join(" "), shown);
    }

    #[rstest]
    #[case::whole("a sk-0123456789abcdef b sk-0123456789abcdef", "a <redacted> b <redacted>")]
    #[case::cut_off("the key `sk-0123456789ab…` is wrong", "the key `<redacted>…` is wrong")]
    #[case::too_little_of_it("sk-01234567", "sk-01234567")]
    #[case::nothing_of_it("a word", "a word")]
    fn a_secret_is_taken_out_of_a_text(#[case] text: &str, #[case] expected: &str) {
        let mut text = text.to_owned();
        take_out(&mut text, "sk-0123456789abcdef");
        assert_eq!(text, expected);
    }

    #[test]
    fn a_short_secret_is_taken_out_as_a_whole() {
        let mut text = "pwd1234 pwd123".to_owned();
        take_out(&mut text, "pwd1234");
        assert_eq!(text, "<redacted> pwd123");
    }

    #[test]
    fn secret_parameters_of_an_address_are_known_in_both_spellings() {
        assert_eq!(secret_parameters("http://h/v1?a=1&token=x%2Fy&api-version=3"), ["x%2Fy", "x/y"]);
        assert!(secret_parameters("http://h/v1").is_empty());
    }

    #[test]
    fn a_header_with_spaces_and_an_address_is_still_a_header() {
        let words = ["-H", "Cookie: next=https://x/; session=s", "--header", "Referer: https://u:p@h/"];
        let shown = ["-H", "Cookie:<redacted>", "--header", "Referer: https://<redacted>@h/"];
        assert_eq!(command_line(words), shown);
    }
}
