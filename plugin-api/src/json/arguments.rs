//! Arguments of tools in a request: [`written_arguments`].

use serde_json::value::RawValue;

/// The arguments of a tool's call as JSON, for API formats that do not take them as a text: as the model wrote them, byte for
/// byte. No arguments are an empty object; what is no JSON becomes a JSON string, so that the server says what it thinks of it.
pub fn written_arguments(arguments: &str) -> Box<RawValue> {
    let text = if arguments.trim().is_empty() { "{}" } else { arguments };
    serde_json::from_str(text)
        .or_else(|_| serde_json::value::to_raw_value(text))
        .unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_stay_as_they_were_written() {
        for (arguments, written) in
            [(r#"{"b": 1.0,"a":2}"#, r#"{"b": 1.0,"a":2}"#), ("", "{}"), (r#"{"a":"#, r#""{\"a\":""#)]
        {
            assert_eq!(written_arguments(arguments).get(), written);
        }
    }
}
