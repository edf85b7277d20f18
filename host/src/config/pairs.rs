//! Headers and extra inputs: `name:value` pairs, or a JSON object.
//!
//! Both flags may be repeated. A later value of an extra input replaces an earlier one; a header may stand twice.

use std::{error::Error, fmt};

use serde_json::{Map, Value};

use super::{
    sink::Sink,
    spec::{Origin, Setting},
};
use crate::explain::Explain;

/// Why such a text is refused. Values are never shown: a header's may be a key.
#[derive(Debug)]
pub(crate) struct PairError {
    by: Origin,
    /// Which of its values, from 1.
    position: usize,
    /// How its values are written.
    example: &'static str,
    problem: PairProblem,
}

/// What is wrong with such a text.
#[derive(Debug)]
enum PairProblem {
    /// Text without the colon.
    NoColon,
    /// Something that begins as JSON does, and what is wrong with it.
    Json(serde_json::Error),
    /// A header that HTTP cannot carry.
    Header {
        name: String,
        /// The name or the value.
        part: &'static str,
    },
}

impl fmt::Display for PairError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by, position, .. } = self;
        match &self.problem {
            PairProblem::NoColon => {
                write!(f, "read value {position} of `{by}`: there is no `:` between a name and a value")
            }
            PairProblem::Json(_) => write!(f, "read value {position} of `{by}` as a JSON object"),
            PairProblem::Header { name, part } => {
                write!(f, "use the header `{name}`: {part} holds characters that HTTP does not allow there")
            }
        }
    }
}

impl Error for PairError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.problem {
            PairProblem::Json(source) => Some(source),
            PairProblem::NoColon | PairProblem::Header { .. } => None,
        }
    }
}

impl PairError {
    /// The setting that it is about.
    pub(super) fn origin(&self) -> Origin {
        self.by
    }
}

impl Explain for PairError {
    fn hint(&self) -> String {
        format!("write it as in {}", self.example)
    }
}

const HEADERS: &str = r#"`-H 'X-Team: a'` or `-H '{"X-Team": "a"}'`"#;
const EXTRA_INPUTS: &str = r#"`--extra-inputs temperature:0.5` or `--extra-inputs '{"temperature": 0.5}'`"#;

/// Reads headers. Those that are none are left out.
pub(super) fn headers(
    setting: &Setting<Vec<String>>,
    problems: &mut impl Sink<PairError>,
) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for (value, place) in values(setting, HEADERS) {
        let fields: Vec<(String, String)> = match problems.note(place.named(json_object(value))) {
            None => continue,
            Some(Some(fields)) => fields.into_iter().map(|(name, value)| (name, plain_text(value))).collect(),
            Some(None) => {
                let pair = problems.note(place.named(split(value)));
                pair.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect()
            }
        };
        headers.extend(fields.into_iter().filter(|(name, value)| {
            let checked = check_header(name, value).map_err(|part| {
                let name = name.escape_debug().to_string();
                PairProblem::Header { name, part }
            });
            problems.note(place.named(checked)).is_some()
        }));
    }
    headers
}

/// Where a value stands, and how it is written.
#[derive(Clone, Copy)]
struct ValuePlace {
    by: Origin,
    /// From 1.
    position: usize,
    example: &'static str,
}

impl ValuePlace {
    /// The same result, whose error says where it is.
    fn named<T>(self, result: Result<T, PairProblem>) -> Result<T, PairError> {
        let Self { by, position, example } = self;
        result.map_err(|problem| PairError { by, position, example, problem })
    }
}

/// The values of a setting, which are written as in an example.
fn values<'a>(
    setting: &'a Setting<Vec<String>>,
    example: &'static str,
) -> impl Iterator<Item = (&'a str, ValuePlace)> {
    let numbered =
        setting.given().into_iter().flat_map(|(values, by)| (1..).zip(values).map(move |it| (it, by)));
    numbered.map(move |((position, value), by)| (value.as_str(), ValuePlace { by, position, example }))
}

/// Checks that HTTP can carry a header; says which part of it cannot be.
pub(crate) fn check_header(name: &str, value: &str) -> Result<(), &'static str> {
    http::HeaderName::from_bytes(name.as_bytes()).map_err(|_| "its name")?;
    http::HeaderValue::from_str(value).map_err(|_| "its value")?;
    Ok(())
}

/// Reads extra inputs. A value that is JSON is taken as such, anything else as text. What is no pair is left out.
pub(super) fn extra_inputs(
    setting: &Setting<Vec<String>>,
    problems: &mut impl Sink<PairError>,
) -> Map<String, Value> {
    let mut inputs = Map::new();
    for (text, place) in values(setting, EXTRA_INPUTS) {
        match problems.note(place.named(json_object(text))) {
            None => {}
            Some(Some(fields)) => inputs.extend(fields),
            Some(None) => {
                for pair in comma_separated(text) {
                    let pair = problems.note(place.named(split(pair)));
                    inputs.extend(pair.map(|(name, value)| (name.to_owned(), typed(value))));
                }
            }
        }
    }
    inputs
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

fn json_object(text: &str) -> Result<Option<Map<String, Value>>, PairProblem> {
    if !text.trim_start().starts_with('{') {
        return Ok(None);
    }
    serde_json::from_str(text).map(Some).map_err(PairProblem::Json)
}

fn split(text: &str) -> Result<(&str, &str), PairProblem> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim(), value.trim())),
        _ => Err(PairProblem::NoColon),
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
    use crate::config::{flags::ProfileFlags, spec::RunSpec};

    fn texts(flag: &str, values: &[&str]) -> Setting<Vec<String>> {
        let values = values.iter().map(|&value| value.to_owned()).collect::<Vec<_>>();
        let flags = match flag {
            "--header" => ProfileFlags { header: values, ..ProfileFlags::default() },
            _ => ProfileFlags { extra_inputs: values, ..ProfileFlags::default() },
        };
        let spec = RunSpec::new(&flags, None);
        if flag == "--header" { spec.header } else { spec.extra_inputs }
    }

    fn headers_of(values: &[&str]) -> Result<Vec<(String, String)>, Vec<PairError>> {
        let mut wrong = Vec::new();
        let headers = headers(&texts("--header", values), &mut wrong);
        if wrong.is_empty() { Ok(headers) } else { Err(wrong) }
    }

    fn inputs_of(values: &[&str]) -> Result<Value, Vec<PairError>> {
        let mut wrong = Vec::new();
        let inputs = extra_inputs(&texts("--extra-inputs", values), &mut wrong);
        if wrong.is_empty() { Ok(Value::Object(inputs)) } else { Err(wrong) }
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
        assert_eq!(inputs_of(&[typed]).unwrap(), value);
    }

    #[test]
    fn a_later_extra_input_replaces_an_earlier_one() {
        let inputs = inputs_of(&["a:1", r#"{"a": 2, "b": 3}"#, "b:4"]).unwrap();
        assert_eq!(inputs, json!({"a": 2, "b": 4}));
    }

    #[test]
    fn headers_come_as_pairs_or_as_json() {
        let headers = headers_of(&["Accept: text/html, */*", r#"{"X-N": 1, "X-T": "a:b"}"#]).unwrap();
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
        let errors = headers_of(&[typed]).unwrap_err();
        assert_eq!(errors[0].to_string(), text);
        assert!(errors[0].hint().contains("-H"));
    }

    #[test]
    fn the_position_of_a_bad_extra_input_is_told() {
        let errors = inputs_of(&["a:1", "b"]).unwrap_err();
        assert!(errors[0].to_string().starts_with("read value 2 of `--extra-inputs`"), "{errors:?}");
        assert!(errors[0].hint().contains("--extra-inputs temperature:0.5"));
    }

    #[test]
    fn every_bad_value_is_told_and_the_others_are_read() {
        let mut wrong = Vec::new();
        let typed = texts("--header", &["A: 1", "b", "C D: 2", r#"{"E F": 3, "G": 4, "H I": 5}"#, "{"]);
        let headers = headers(&typed, &mut wrong);
        assert_eq!(
            headers,
            [("A", "1"), ("G", "4")].map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        let errors: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        assert_eq!(errors.len(), 5, "{errors:?}");
        assert!(errors[0].starts_with("read value 2 of `--header`"), "{errors:?}");
        for (error, name) in errors[1..4].iter().zip(["C D", "E F", "H I"]) {
            assert!(error.starts_with(&format!("use the header `{name}`")), "{errors:?}");
        }
        assert_eq!(errors[4], "read value 5 of `--header` as a JSON object");
    }
}
