//! Which names have a secret for a value, and what is shown in its place.

/// What stands in place of a secret.
pub(crate) const REDACTED: &str = "<redacted>";

/// Whether a header or a field of this name holds a secret.
///
/// Works on whole words, so that `max_tokens` and `X-Session-Affinity` are not taken for a token and a session key.
pub(crate) fn is_sensitive(name: &str) -> bool {
    let name = lower_case_words(name);
    let words: Vec<&str> =
        name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.iter().enumerate().any(|(at, word)| {
        let before = words.get(at.wrapping_sub(1)).copied();
        let is_last = at + 1 == words.len();
        is_key(word, before)
            || WORDS.contains(word)
            || ENDS.iter().any(|end| word.ends_with(end))
            || PARTS.iter().any(|part| word.contains(part))
            // An identity of a session opens it; an affinity to one does not.
            || (*word == "pass" && is_last)
            || (*word == "session" && (is_last || words.get(at + 1) == Some(&"id")))
            || (*word == "code" && before.is_some_and(|before| CODES.contains(&before)))
    })
}

/// The same for a header or a parameter of a URL. A `code` is what OAuth logs in with there; in a body it is a program.
pub(crate) fn is_sensitive_in_head(name: &str) -> bool {
    ["code", "x-code"].iter().any(|code| name.eq_ignore_ascii_case(code)) || is_sensitive(name)
}

/// Words that are a secret by themselves.
const WORDS: &[&str] = &[
    "jwt",
    "bearer",
    "sig",
    "signature",
    "credential",
    "credentials",
    "pwd",
    "passphrase",
    "passcode",
    "otp",
    "totp",
    "csrf",
    "xsrf",
    "sid",
];

/// Ends of words, such as `accesskey`. `monkey` is none.
const ENDS: &[&str] = &[
    "auth",
    "authorization",
    "authentication",
    "apikey",
    "accesskey",
    "authkey",
    "secretkey",
    "privatekey",
    "signingkey",
    "sessionkey",
    "subscriptionkey",
    "token",
    "cookie",
    "sessionid",
    "sessid",
];

/// Parts of words.
const PARTS: &[&str] = &["secret", "password", "passwd"];

/// What a code that opens something is called.
const CODES: &[&str] = &["auth", "authorization", "access", "verification", "security", "mfa", "pass"];

/// A key, unless it says where something goes and not who may go there.
fn is_key(word: &str, before: Option<&str>) -> bool {
    matches!(word, "key" | "keys")
        && !matches!(before, Some("idempotency" | "cache" | "routing" | "affinity"))
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    fn names_of_secrets_are_known(
        #[values(
            "Authorization",
            "proxy-authorization",
            "X-Authentication",
            "X-Api-Key",
            "api-key",
            "api_key",
            "apikey",
            "X-Accesskey",
            "Authkey",
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
            "pwd",
            "pass",
            "X-Otp",
            "X-Session-Id",
            "sessionid",
            "X-Session",
            "access_code",
            "oauth"
        )]
        name: &str,
    ) {
        assert!(is_sensitive(name) && is_sensitive_in_head(name));
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
            "bypass_cache",
            "pass_rate",
            "pin_memory",
            "language_code",
            "status-code",
            "X-Compass",
            ""
        )]
        name: &str,
    ) {
        assert!(!is_sensitive(name) && !is_sensitive_in_head(name));
    }

    #[test]
    fn a_code_is_a_secret_in_a_query_and_none_in_a_body() {
        assert!(is_sensitive_in_head("code") && is_sensitive_in_head("Code"));
        assert!(!is_sensitive("code"));
    }
}
