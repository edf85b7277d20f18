//! Headers and extra inputs: `name:value` pairs, or a JSON object.
//!
//! Both flags may be repeated. A later value of an extra input replaces an earlier one; a header may stand twice.

use serde_json::{Map, Value};

/// Why such a text is refused. Values are never shown: a header's may be a key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PairError {
    /// Text without the colon.
    #[error("read value {position} of `{flag}`: there is no `:` between a name and a value")]
    NoColon {
        /// The flag.
        flag: &'static str,
        /// Which of its values, from 1.
        position: usize,
    },
    /// Something that begins as JSON does.
    #[error("read value {position} of `{flag}` as a JSON object")]
    Json {
        /// The flag.
        flag: &'static str,
        /// Which of its values, from 1.
        position: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A header that HTTP cannot carry.
    #[error("use the header `{name}`: {part} holds characters that HTTP does not allow there")]
    Header {
        /// Its name.
        name: String,
        /// The name or the value.
        part: &'static str,
    },
}

impl PairError {
    /// What to do next.
    pub(crate) fn hint(&self) -> String {
        let example = match self {
            Self::NoColon { flag, .. } | Self::Json { flag, .. } if *flag == EXTRA_INPUTS => {
                r#"`--extra-inputs temperature:0.5` or `--extra-inputs '{"temperature": 0.5}'`"#
            }
            _ => r#"`-H 'X-Team: a'` or `-H '{"X-Team": "a"}'`"#,
        };
        format!("write it as in {example}")
    }
}

const HEADER: &str = "--header";
const SERVER_METRICS_HEADER: &str = "--server-metrics-header";
const EXTRA_INPUTS: &str = "--extra-inputs";

/// Reads the values of `--header`.
pub(crate) fn headers(values: &[String]) -> Result<Vec<(String, String)>, PairError> {
    headers_of(HEADER, values)
}

/// Reads the values of `--server-metrics-header`.
pub(crate) fn server_metrics_headers(values: &[String]) -> Result<Vec<(String, String)>, PairError> {
    headers_of(SERVER_METRICS_HEADER, values)
}

fn headers_of(flag: &'static str, values: &[String]) -> Result<Vec<(String, String)>, PairError> {
    let mut headers = Vec::new();
    for (position, value) in (1..).zip(values) {
        if let Some(fields) = json_object(flag, position, value)? {
            headers.extend(fields.into_iter().map(|(name, value)| (name, plain_text(value))));
        } else {
            let (name, value) = split(flag, position, value)?;
            headers.push((name.to_owned(), value.to_owned()));
        }
    }
    headers.iter().try_for_each(|(name, value)| check_header(name, value))?;
    Ok(headers)
}

/// Whether HTTP can carry such a header.
pub(crate) fn check_header(name: &str, value: &str) -> Result<(), PairError> {
    let error = |part| PairError::Header { name: name.escape_debug().to_string(), part };
    http::HeaderName::from_bytes(name.as_bytes()).map_err(|_| error("its name"))?;
    http::HeaderValue::from_str(value).map_err(|_| error("its value"))?;
    Ok(())
}

/// Reads the values of `--extra-inputs`. A value that is JSON is taken as such, anything else as text.
pub(crate) fn extra_inputs(values: &[String]) -> Result<Map<String, Value>, PairError> {
    let mut inputs = Map::new();
    for (position, text) in (1..).zip(values) {
        if let Some(fields) = json_object(EXTRA_INPUTS, position, text)? {
            inputs.extend(fields);
            continue;
        }
        for pair in comma_separated(text) {
            let (name, value) = split(EXTRA_INPUTS, position, pair)?;
            inputs.insert(name.to_owned(), typed(value));
        }
    }
    Ok(inputs)
}

/// Splits `a:1,b:2`, but neither `stop:x,y` nor `list:[1,2]`: a comma separates only where each side is a pair.
fn comma_separated(text: &str) -> Vec<&str> {
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c));
    let is_pair = |pair: &str| pair.split_once(':').is_some_and(|(name, _)| is_name(name.trim()));
    let one_value =
        text.split_once(':').is_some_and(|(_, value)| serde_json::from_str::<Value>(value).is_ok());
    if !one_value && text.split(',').all(is_pair) { text.split(',').collect() } else { vec![text] }
}

/// Numbers, booleans, null, lists and objects as JSON writes them, `True` and `False` as Python does; else text.
fn typed(text: &str) -> Value {
    let parsed = match text {
        "True" => Some(true.into()),
        "False" => Some(false.into()),
        _ => serde_json::from_str(text).ok(),
    };
    parsed.unwrap_or_else(|| text.into())
}

fn json_object(
    flag: &'static str,
    position: usize,
    text: &str,
) -> Result<Option<Map<String, Value>>, PairError> {
    if !text.trim_start().starts_with('{') {
        return Ok(None);
    }
    serde_json::from_str(text).map(Some).map_err(|source| PairError::Json { flag, position, source })
}

fn split<'a>(flag: &'static str, position: usize, text: &'a str) -> Result<(&'a str, &'a str), PairError> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim(), value.trim())),
        _ => Err(PairError::NoColon { flag, position }),
    }
}

fn plain_text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(|&value| value.to_owned()).collect()
    }

    #[rstest]
    #[case::number("temperature:0.5", json!({"temperature": 0.5}))]
    #[case::whole("n:2", json!({"n": 2}))]
    #[case::boolean("ignore_eos:true", json!({"ignore_eos": true}))]
    #[case::python("ignore_eos:True", json!({"ignore_eos": true}))]
    #[case::text("tool_choice:none", json!({"tool_choice": "none"}))]
    #[case::leading_zero("id:007", json!({"id": "007"}))]
    #[case::quoted(r#"id:"7""#, json!({"id": "7"}))]
    #[case::list("stop_ids:[1,2]", json!({"stop_ids": [1, 2]}))]
    #[case::nested(r#"a:{"b":1,"c":2}"#, json!({"a": {"b": 1, "c": 2}}))]
    #[case::several("a:1,b:x", json!({"a": 1, "b": "x"}))]
    #[case::comma_in_text("stop:x,y", json!({"stop": "x,y"}))]
    #[case::colon_in_text("at:12:30", json!({"at": "12:30"}))]
    #[case::object(r#"{"a": {"b": null}}"#, json!({"a": {"b": null}}))]
    #[case::empty_value("suffix:", json!({"suffix": ""}))]
    fn an_extra_input_keeps_its_type(#[case] typed: &str, #[case] value: Value) {
        assert_eq!(Value::Object(extra_inputs(&texts(&[typed])).unwrap()), value);
    }

    #[test]
    fn a_later_extra_input_replaces_an_earlier_one() {
        let inputs = extra_inputs(&texts(&["a:1", r#"{"a": 2, "b": 3}"#, "b:4"])).unwrap();
        assert_eq!(Value::Object(inputs), json!({"a": 2, "b": 4}));
    }

    #[test]
    fn headers_come_as_pairs_or_as_json() {
        let headers = headers(&texts(&["Accept: text/html, */*", r#"{"X-N": 1, "X-T": "a:b"}"#])).unwrap();
        let expected = [("Accept", "text/html, */*"), ("X-N", "1"), ("X-T", "a:b")];
        assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[rstest]
    #[case(
        "Authorization Bearer sk-1",
        "read value 1 of `--header`: there is no `:` between a name and a value"
    )]
    #[case(r#"{"Authorization": "sk-1""#, "read value 1 of `--header` as a JSON object")]
    #[case("X Y:sk-1", "use the header `X Y`: its name holds characters that HTTP does not allow there")]
    #[case("X-Y:sk\n1", "use the header `X-Y`: its value holds characters that HTTP does not allow there")]
    fn a_bad_header_is_named_without_its_value(#[case] typed: &str, #[case] text: &str) {
        let error = headers(&texts(&[typed])).unwrap_err();
        assert_eq!(error.to_string(), text);
        assert!(error.hint().contains("-H"));
    }

    #[test]
    fn the_position_of_a_bad_extra_input_is_told() {
        let error = extra_inputs(&texts(&["a:1", "b"])).unwrap_err();
        assert!(error.to_string().starts_with("read value 2 of `--extra-inputs`"), "{error}");
        assert!(error.hint().contains("--extra-inputs temperature:0.5"));
    }
}
