//! Data URLs.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The data URL of a medium of this type.
pub(super) fn data_url((media_type, bytes): (&str, Vec<u8>)) -> Arc<str> {
    let mut url = format!("data:{media_type};base64,");
    STANDARD.encode_string(bytes, &mut url);
    url.into()
}
