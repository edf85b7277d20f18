//! Forms: the bodies of requests with files.

use multer::{Multipart, parse_boundary};
use serde_json::{Map, Value, json};

use super::api_error::ApiError;

/// Fields that are numbers or flags: a form has texts only.
const SCALARS: [&str; 3] = ["n", "stream", "max_completion_tokens"];

/// Reads a form as the object that a body of JSON would be. A file is an object with its name, type and size.
pub(super) async fn read(content_type: &str, body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let boundary = parse_boundary(content_type)
        .map_err(|error| ApiError::malformed(format!("the body is not a form: {error}")))?;
    let broken = |error| ApiError::malformed(format!("the form is broken: {error}"));
    let mut form = Multipart::with_reader(body, boundary);
    let mut fields = Map::new();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        let file = field.file_name().map(str::to_owned);
        let content_type = field.content_type().map(ToString::to_string);
        let bytes = field.bytes().await.map_err(broken)?;
        let value = match file {
            Some(file) => json!({"file_name": file, "content_type": content_type, "bytes": bytes.len()}),
            None => text(&name, &bytes)?,
        };
        fields.insert(name, value);
    }
    Ok(fields)
}

fn text(name: &str, bytes: &[u8]) -> Result<Value, ApiError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| ApiError::malformed(format!("the field `{name}` of the form is no text")))?;
    let scalar = SCALARS.contains(&name).then(|| serde_json::from_str(text).ok()).flatten();
    Ok(scalar.unwrap_or_else(|| text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=b";

    #[tokio::test]
    async fn a_form_is_an_object_of_texts_and_files() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na 7\r\n--b\r\nContent-Disposition: \
                    form-data; name=\"n\"\r\n\r\n2\r\n--b\r\nContent-Disposition: form-data; name=\"image\"; \
                    filename=\"i.png\"\r\nContent-Type: image/png\r\n\r\n\u{1}\r\n\r\n--b--\r\n";
        let file = json!({"file_name": "i.png", "content_type": "image/png", "bytes": 3});
        let expected = json!({"prompt": "a 7", "n": 2, "image": file});
        assert_eq!(Value::from(read(TYPE, body.as_bytes()).await.unwrap()), expected);
    }

    #[tokio::test]
    async fn what_is_no_form_is_refused() {
        for (content_type, body) in [("application/json", "{}"), (TYPE, "--b\r\nContent-"), (TYPE, "{}")] {
            assert_eq!(read(content_type, body.as_bytes()).await.unwrap_err().status.as_u16(), 400, "{body}");
        }
    }
}
