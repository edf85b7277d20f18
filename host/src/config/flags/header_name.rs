//! A flag's value that is the name of a header.

use http::HeaderName;

/// Checks that HTTP allows such a name. It stays as it was typed.
pub(crate) fn header_name(text: &str) -> Result<String, &'static str> {
    match HeaderName::from_bytes(text.as_bytes()) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("a header's name has letters, digits and a few marks such as `-`, and no space or `:`"),
    }
}
