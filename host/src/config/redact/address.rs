//! Addresses without what must not be shown of them.

use percent_encoding::percent_decode_str;

use super::names::{REDACTED, is_sensitive_in_head};

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

/// Schemes of addresses that are paths, which have no login.
const OF_PATHS: [&str; 2] = ["unix://", "file://"];

/// Bytes in front of the login or the host of an address. More slashes of either kind behind its scheme are passed over, as who opens
/// addresses of the web does (WHATWG URL Standard, "special authority ignore slashes state"): there may be a login behind them whatever
/// the scheme is.
fn head_length(text: &str) -> usize {
    let (scheme, rest) = text.split_at(scheme_length(text));
    let is_path = OF_PATHS.iter().any(|path| scheme.trim_start().eq_ignore_ascii_case(path));
    if scheme.is_empty() || is_path {
        return scheme.len();
    }
    text.len() - rest.trim_start_matches(['/', '\\']).len()
}

/// An address, well-formed or not, without its credentials and secret query parameters.
pub(crate) fn url(text: &str) -> String {
    let (scheme, rest) = text.split_at(head_length(text));
    let (authority, behind) = rest.split_at(authority_end(rest));
    if has_hidden_login(text) {
        // How much of it is a password, nobody can tell.
        return format!("{scheme}{REDACTED}");
    }
    let host = authority
        .rsplit_once('@')
        .map_or_else(|| authority.to_owned(), |(_, host)| format!("{REDACTED}@{host}"));
    let (path, query) = behind.split_at(behind.find(['?', '#']).unwrap_or(behind.len()));
    let parameters: String = query.split_inclusive(['?', '&', '#']).map(parameter).collect();
    format!("{scheme}{host}{path}{parameters}")
}

fn authority_end(rest: &str) -> usize {
    rest.find(['/', '?', '#']).unwrap_or(rest.len())
}

/// Whether an address has an `@` behind its host: the login of somebody who did not write `/`, `?` or `#` as `%2F`, `%3F` or
/// `%23`. An `@` in the value of a parameter is none.
pub(crate) fn has_hidden_login(text: &str) -> bool {
    let rest = &text[head_length(text)..];
    let (authority, behind) = rest.split_at(authority_end(rest));
    let Some((before, _)) = behind.rsplit_once('@') else { return false };
    let is_value = before.contains(['?', '#'])
        && before.rsplit(['?', '&', '#', ';']).next().is_some_and(|last| last.contains('='));
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let is_host = authority.rsplit_once([':', ']']).is_none_or(|(_, port)| is_port(port));
    // Without a host there is no login: it is a path.
    let may_have_one = !authority.is_empty() && !authority.contains('@');
    may_have_one && !(is_value && is_host)
}

/// Whether an address has more than one `@` in front of its host: then a part of the login may be read as the host, or the other way
/// round. One that belongs to a name or a password is written `%40` (RFC 3986, section 3.2.1).
pub(crate) fn has_two_logins(text: &str) -> bool {
    let rest = &text[head_length(text)..];
    rest[..authority_end(rest)].matches('@').nth(1).is_some()
}

/// What stands before the `@` of an address, a scheme or not in front.
pub(super) fn login(text: &str) -> Option<&str> {
    let rest = &text[head_length(text)..];
    let is_bare = scheme_length(text) == 0;
    let (login, _) = rest[..authority_end(rest)].rsplit_once('@')?;
    // Without a scheme, a text with words in it is a text.
    (!is_bare || !rest.contains(char::is_whitespace)).then_some(login)
}

/// The values of the secret query parameters of an address, as they are typed and as they are meant.
pub(super) fn secret_parameters(address: &str) -> Vec<String> {
    let query = address.split_once(['?', '#']).map(|(_, query)| query).unwrap_or_default();
    let pairs = query.split(['&', '#', ';', '?']).filter_map(|pair| pair.split_once('='));
    let spellings = pairs.filter(|(name, _)| is_secret(name)).flat_map(|(_, value)| {
        [value.to_owned(), percent_decode_str(value).decode_utf8_lossy().into_owned()]
    });
    spellings.collect()
}

/// Whether a parameter's name, as it is typed, is that of a secret.
fn is_secret(name: &str) -> bool {
    is_sensitive_in_head(&percent_decode_str(name).decode_utf8_lossy())
}

/// `name=value` and the separator behind it, if any.
fn parameter(text: &str) -> String {
    let (pair, separator) = text.split_at(text.find(['?', '&', '#']).unwrap_or(text.len()));
    // Up to the last `=`, because `a=1;token=x` is one parameter to us and two to some servers.
    match (pair.split_once('='), pair.rsplit_once('=')) {
        (Some((shown, _)), Some((names, _))) if names.split(['=', ';']).any(is_secret) => {
            format!("{shown}={REDACTED}{separator}")
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("http://u:pa/ss@h", "http://<redacted>", true)]
    #[case("u:12/ss@h:1/v1", "<redacted>", true)]
    #[case("http://u:p?ss@h", "http://<redacted>", true)]
    #[case("http://u:p#ss@h", "http://<redacted>", true)]
    #[case("http://u:p@h/a@b", "http://<redacted>@h/a@b", false)]
    #[case("http://h/v1?user=me@h&a=1", "http://h/v1?user=me@h&a=1", false)]
    #[case("http://u:a=1/b@h", "http://<redacted>", true)]
    #[case("http://u:p?a=ss@h", "http://<redacted>", true)]
    #[case("http://h:8/?user=me@h", "http://h:8/?user=me@h", false)]
    #[case("http://[::1]/?user=me@h", "http://[::1]/?user=me@h", false)]
    #[case("/v1/@me?key=k", "/v1/@me?key=<redacted>", false)]
    #[case("unix:///run/a@b.sock", "unix:///run/a@b.sock", false)]
    #[case("http:///u:p@h", "http:///<redacted>@h", false)]
    #[case("HTTPS://\\/u:p@h/a@b", "HTTPS://\\/<redacted>@h/a@b", false)]
    #[case("http:///u:pa/ss@h", "http:///<redacted>", true)]
    #[case("nats:///u:pw@h", "nats:///<redacted>@h", false)]
    #[case("socks5:///u:pw@p", "socks5:///<redacted>@p", false)]
    #[case("ws:///u:p/w@h", "ws:///<redacted>", true)]
    #[case("ftp:///u:pw@h/a", "ftp:///<redacted>@h/a", false)]
    #[case("FILE:///run/a@b", "FILE:///run/a@b", false)]
    #[case("http://h/?code=1&pass=2&a=3", "http://h/?code=<redacted>&pass=<redacted>&a=3", false)]
    #[case("http://h/?code=a=b", "http://h/?code=<redacted>", false)]
    fn logins_and_secret_parameters_are_hidden(
        #[case] text: &str,
        #[case] shown: &str,
        #[case] hidden: bool,
    ) {
        assert_eq!((url(text).as_str(), has_hidden_login(text)), (shown, hidden));
    }

    #[rstest]
    #[case("http://u:pw@h@x", true)]
    #[case("u@me:pw@h:1/v1", true)]
    #[case("http:///u:pw@h@x", true)]
    #[case("https://\\u:pw@h@x", true)]
    #[case("nats:///u:pw@h@x", true)]
    #[case("http://u:p%40w@h", false)]
    #[case("http://u:pw@h/a@b?c=@", false)]
    #[case("unix:///run/a@b@c.sock", false)]
    fn a_login_has_one_end(#[case] text: &str, #[case] has_two: bool) {
        assert_eq!(has_two_logins(text), has_two);
    }

    #[test]
    fn secret_parameters_of_an_address_are_known_in_both_spellings() {
        let secrets = secret_parameters("http://h/v1?a=1&token=x%2Fy&api-version=3;code=z#pass=p");
        assert_eq!(secrets, ["x%2Fy", "x/y", "z", "z", "p", "p"]);
        assert!(secret_parameters("http://h/v1").is_empty());
    }
}
