//! What to do about an answer that failed: by its status, or by how it ended.

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};

/// The server reported a failure in an answer that began well.
pub(super) const SERVER_ERROR: &str = "error reported by the server: its log may say more";

/// The answer ended in its middle.
pub(super) const STREAM_CUT: &str =
    "the server, or a proxy before it, ended the response early: look into their logs and time limits";

/// The answer is whole, and there is nothing in it.
pub(super) const EMPTY_ANSWER: &str = "the server ended its response without a word: its log may say why; check the model, the \
                                       prompt's length and the endpoint type";

/// What a status asks for.
pub(crate) fn of_status(status: StatusCode, headers: &HeaderMap) -> String {
    let hint = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "give a key that the server takes, with `--api-key` or `--header`"
        }
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            "check the URL, `--endpoint-type`, and that the server knows the model"
        }
        StatusCode::PAYLOAD_TOO_LARGE => "send shorter prompts or smaller media, or raise the server's limit",
        StatusCode::TOO_MANY_REQUESTS => return rate_limit(headers),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            "the server, or the one behind it, is down or overloaded: look into its log, or lower the load"
        }
        status if status.is_server_error() => "the server failed: its log says more",
        status if status.is_redirection() => "give the URL that it redirects to",
        _ => "check the model, the lengths and `--extra-inputs`: the server refuses what it was sent",
    };
    hint.to_owned()
}

/// What servers of TLS answer to plain HTTP, in small letters: Go's, nginx, Apache.
const TLS_EXPECTED: [&str; 3] = [
    "http request to an https server",
    "http request was sent to https port",
    "plain http to an ssl-enabled server port",
];

/// What the words of a refusal ask for, where they are known.
pub(crate) fn of_body(status: StatusCode, body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body).to_lowercase();
    let expects_tls =
        status == StatusCode::BAD_REQUEST && TLS_EXPECTED.iter().any(|words| text.contains(words));
    expects_tls.then(|| "the server speaks TLS: give an address that begins with `https://`".to_owned())
}

/// Only the time that a server asks for is its own: dates depend on whose clock is right, and are passed on as they are.
fn rate_limit(headers: &HeaderMap) -> String {
    let lower = "lower the load, or raise the server's limit";
    let wait = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::trim);
    match wait.filter(|wait| !wait.is_empty() && wait.len() <= 64) {
        Some(wait) if wait.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("the server asks to wait {wait} s: {lower}")
        }
        Some(wait) => format!("the server asks to wait until {wait}: {lower}"),
        None => format!("the server limits the rate: {lower}"),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::seconds(Some("7"), "the server asks to wait 7 s: ")]
    #[case::date(
        Some("Wed, 21 Oct 2026 07:28:00 GMT"),
        "the server asks to wait until Wed, 21 Oct 2026 07:28:00 GMT: "
    )]
    #[case::empty(Some(""), "the server limits the rate: ")]
    #[case::none(None, "the server limits the rate: ")]
    fn a_rate_limit_says_how_long(#[case] wait: Option<&'static str>, #[case] start: &str) {
        let wait = wait.map(|wait| (RETRY_AFTER, HeaderValue::from_static(wait)));
        let hint = of_status(StatusCode::TOO_MANY_REQUESTS, &wait.into_iter().collect());
        assert!(hint.starts_with(start) && hint.ends_with("limit"), "{hint}");
    }

    #[test]
    fn every_status_has_a_hint() {
        for status in 300..600 {
            assert!(!of_status(StatusCode::from_u16(status).unwrap(), &HeaderMap::new()).is_empty());
        }
    }
}
