//! AWS Signature Version 4: [`Signing`] signs a request by its headers.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>. Requests here have no
//! query, and none of their headers has a value with spaces to be trimmed.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Who signs, for what.
#[derive(Clone, Copy)]
pub(crate) struct Signing<'a> {
    pub(crate) access_key_id: &'a str,
    pub(crate) secret_access_key: &'a str,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    /// Such as `20150830T123600Z`.
    pub(crate) time: &'a str,
}

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a str,
    /// As it is sent.
    pub(crate) path: &'a str,
    /// Names in lower case, in order.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
}

impl Signing<'_> {
    /// The value of the header `Authorization`.
    pub(crate) fn authorization(&self, request: &Signed<'_>) -> String {
        let day = self.time.get(..8).unwrap_or_default();
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let names: Vec<&str> = request.headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let canonical = hex(&Sha256::digest(canonical(request, &names)));
        let text = format!("{ALGORITHM}\n{}\n{scope}\n{canonical}", self.time);
        let mut key = mac(format!("AWS4{}", self.secret_access_key).as_bytes(), day);
        for part in [self.region, self.service, "aws4_request", &text] {
            key = mac(&key, part);
        }
        let (id, signature) = (self.access_key_id, hex(&key));
        format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}")
    }
}

/// The request in the one form in which both sides hash it.
fn canonical(request: &Signed<'_>, names: &str) -> String {
    let mut text = format!("{}\n{}\n\n", request.method, canonical_path(request.path));
    for (name, value) in request.headers {
        text.extend([*name, ":", value, "\n"]);
    }
    text.extend(["\n", names, "\n", &hex(&Sha256::digest(request.body))]);
    text
}

/// A path encoded once more than it is sent: that is the rule for all services but S3.
fn canonical_path(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len() + 16);
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing into a text cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    if encoded.is_empty() { "/".to_owned() } else { encoded }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    // No key has a wrong length for this algorithm.
    Hmac::<Sha256>::new_from_slice(key)
        .map_or_else(|_| Vec::new(), |mac| mac.chain_update(text).finalize().into_bytes().to_vec())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Who signs in AWS's published tests.
    const SIGNING: Signing<'_> = Signing {
        access_key_id: "AKIDEXAMPLE",
        secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        region: "us-east-1",
        service: "service",
        time: "20150830T123600Z",
    };

    const HOST: (&str, &str) = ("host", "example.amazonaws.com");
    const DATE: (&str, &str) = ("x-amz-date", "20150830T123600Z");
    const TOKEN: &str = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";

    /// AWS's published tests, by their names there.
    #[rstest]
    #[case::get_vanilla("GET", "/", &[HOST, DATE], "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")]
    #[case::post_vanilla("POST", "/", &[HOST, DATE], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b")]
    #[case::get_utf8("GET", "/ሴ", &[HOST, DATE], "", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85")]
    #[case::get_unreserved(
        "GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", &[HOST, DATE], "",
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"
    )]
    #[case::get_vanilla_with_session_token(
        "GET", "/", &[HOST, DATE, ("x-amz-security-token", TOKEN)], "",
        "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"
    )]
    #[case::post_x_www_form_urlencoded(
        "POST", "/",
        &[
            ("content-length", "13"),
            ("content-type", "application/x-www-form-urlencoded"),
            HOST,
            ("x-amz-content-sha256", "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"),
            DATE,
        ],
        "Param1=value1", "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"
    )]
    fn published_requests_have_their_published_signatures(
        #[case] method: &str,
        #[case] path: &str,
        #[case] headers: &[(&str, &str)],
        #[case] body: &str,
        #[case] expected: &str,
    ) {
        let request = Signed { method, path, headers, body: body.as_bytes() };
        let authorization = SIGNING.authorization(&request);
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        assert_eq!(
            authorization,
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={names}, Signature={expected}"
            )
        );
    }

    #[test]
    fn a_path_is_encoded_once_more() {
        let path = "/test/@connections/JBDvjfGEIAMCERw%3D";
        assert_eq!(canonical_path(path), "/test/%40connections/JBDvjfGEIAMCERw%253D");
        assert_eq!(
            canonical_path("/model/anthropic.claude-v1:0/converse"),
            "/model/anthropic.claude-v1%3A0/converse"
        );
        assert_eq!(canonical_path(""), "/");
    }
}
