//! Options that a user sets, against the JSON Schema that a library's descriptor holds: read without running any of its
//! code, and checked before anything else happens.
//!
//! Looks at names, types, choices and bounds. What it does not understand of a schema it passes over: the plugin itself
//! has the last word.

use serde_json::{Map, Value};

use super::{catalogue::nearest, entry::Category, fault::quoted, inspection::Inspections, listing::Listed};
use crate::explain::Explain;

/// What marks an option that is also taken from the extra inputs.
const EXTRA_INPUT: &str = "x-extra-input";

/// Beside an option: what to say where answers are longer than asked for, and the option is not set.
const LONGER_OUTPUT_HINT: &str = "x-longer-output-hint";

/// An option that a plugin does not take. Values are not shown: one may be a key.
#[derive(Debug, thiserror::Error)]
#[error("set the option `{key}` of the {category} `{name}`: {problem}")]
pub(crate) struct OptionError {
    category: Category,
    name: String,
    key: String,
    problem: OptionProblem,
}

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
enum OptionProblem {
    #[error("it takes {}", if .known.is_empty() { "none".to_owned() } else { format!("only {}", quoted(.known)) })]
    Unknown { known: Vec<String> },
    #[error("it takes {wanted}, and this is {found}")]
    Misfit { wanted: String, found: &'static str, takes_text: bool },
}

impl Explain for OptionError {
    fn hint(&self) -> String {
        let Self { category, name, key, problem } = self;
        match problem {
            OptionProblem::Unknown { known } if let Some(near) = nearest(key, known) => {
                format!("did you mean `{near}`?")
            }
            OptionProblem::Misfit { takes_text: true, .. } => {
                let place =
                    if *category == Category::Service { format!("{name}.{key}") } else { key.clone() };
                format!("quote what would be read as something else: '{place}=\"…\"'")
            }
            _ if *category == Category::Service => format!("`prony service {name} --help` describes it"),
            _ => format!("`prony plugins show {category} {name}` describes it"),
        }
    }
}

/// The options that a plugin says it takes.
#[derive(Debug)]
pub(crate) struct OptionSchema {
    category: Category,
    name: String,
    /// Nothing where no library can be read: the loader says why.
    schema: Value,
}

impl OptionSchema {
    /// That of the entry that will be loaded: the first whose library can be.
    pub(crate) fn of(listed: &Listed) -> Self {
        let mut inspections = Inspections::new();
        let libraries = listed.entries.iter().map(|entry| inspections.brief(entry));
        let mut usable = libraries.filter(|library| library.faults().is_empty());
        let schema = usable.next().and_then(|library| library.options().cloned()).unwrap_or_default();
        Self { category: listed.category, name: listed.name.clone(), schema }
    }

    /// What a text that was typed for an option means: a text as it stands where nothing else is taken, else JSON or a text.
    pub(crate) fn read(&self, key: &str, text: &str) -> Value {
        let takes_texts = types(&self.schema["properties"][key]) == ["string"];
        match serde_json::from_str::<Value>(text) {
            Ok(json) if !takes_texts || json.is_string() => json,
            _ => text.into(),
        }
    }

    /// What to try where answers are longer than asked for: the words of an option that may be why and is not set.
    pub(crate) fn longer_output_hint(&self, set: &Map<String, Value>) -> Option<&str> {
        let properties = self.schema["properties"].as_object().into_iter().flatten();
        let mut unset = properties.filter(|(key, _)| !set.contains_key(*key));
        unset.find_map(|(_, schema)| schema[LONGER_OUTPUT_HINT].as_str())
    }

    /// The options that are also taken from the extra inputs.
    pub(crate) fn extra_inputs(&self) -> impl Iterator<Item = &str> {
        let properties = self.schema["properties"].as_object().into_iter().flatten();
        properties.filter(|(_, schema)| schema[EXTRA_INPUT] == true).map(|(key, _)| key.as_str())
    }

    /// A warning about options of these names, if the plugin does not say which it takes: nobody can tell whether it
    /// knows them.
    pub(crate) fn doubt<'a>(&self, keys: impl Iterator<Item = &'a str>) -> Option<String> {
        let keys: Vec<String> = keys.map(str::to_owned).collect();
        let says_something =
            self.schema.get("properties").is_some() || !is_open(&self.schema) || opens(&self.schema);
        (!says_something && !keys.is_empty()).then(|| {
            format!(
                "{} may have no effect: the {} `{}` does not say which options it takes",
                quoted(&keys),
                self.category,
                self.name
            )
        })
    }

    /// Checks one option.
    ///
    /// # Errors
    /// The plugin would not take it, or pass over it.
    pub(crate) fn check(&self, key: &str, value: &Value) -> Result<(), OptionError> {
        let problem = match self.schema["properties"].get(key) {
            None if is_open(&self.schema) => return Ok(()),
            None => OptionProblem::Unknown { known: names(&self.schema) },
            Some(schema) if fits(schema, value) => return Ok(()),
            Some(schema) => OptionProblem::Misfit {
                wanted: wanted(schema),
                found: found(schema, value),
                takes_text: !value.is_string() && types(schema).contains(&"string"),
            },
        };
        let (category, name) = (self.category, self.name.clone());
        Err(OptionError { category, name, key: key.to_owned(), problem })
    }
}

fn names(schema: &Value) -> Vec<String> {
    let mut names: Vec<String> =
        schema["properties"].as_object().into_iter().flat_map(Map::keys).cloned().collect();
    names.sort();
    names
}

/// Whether there may be options that the schema does not name. Read more strictly than JSON Schema does: a library that
/// names its options ignores all others, so that a slip of the pen would go unnoticed.
fn is_open(schema: &Value) -> bool {
    let more = schema.get("additionalProperties");
    let is_closed = more == Some(&Value::Bool(false)) || schema["properties"].is_object() && more.is_none();
    !is_closed || opens(schema)
}

/// Whether options stand somewhere else than in `properties`.
fn opens(schema: &Value) -> bool {
    const OPENING: [&str; 6] = ["patternProperties", "$ref", "allOf", "anyOf", "oneOf", "if"];
    OPENING.iter().any(|key| schema.get(key).is_some())
}

/// The types that a schema allows; none where it does not say.
fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

fn fits(schema: &Value, value: &Value) -> bool {
    let types = types(schema);
    let is_chosen = schema["enum"].as_array().is_none_or(|choices| choices.contains(value));
    let items_fit = value
        .as_array()
        .into_iter()
        .flatten()
        .all(|item| schema.get("items").is_none_or(|it| fits(it, item)));
    let has_type = types.is_empty() || types.iter().any(|one| is_of(one, value));
    has_type && is_chosen && items_fit && is_in_bounds(schema, value)
}

fn is_of(one: &str, value: &Value) -> bool {
    match one {
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    }
}

fn is_in_bounds(schema: &Value, value: &Value) -> bool {
    let Some(number) = value.as_f64() else { return true };
    let bound = |key: &str| schema[key].as_f64();
    bound("minimum").is_none_or(|least| number >= least)
        && bound("maximum").is_none_or(|most| number <= most)
        && bound("exclusiveMinimum").is_none_or(|limit| number > limit)
        && bound("exclusiveMaximum").is_none_or(|limit| number < limit)
}

/// What a schema wants, in words.
pub(super) fn wanted(schema: &Value) -> String {
    if let Some(choices) = schema["enum"].as_array() {
        let choices: Vec<String> =
            choices.iter().map(|choice| choice.as_str().map_or(choice.to_string(), str::to_owned)).collect();
        return format!("one of {}", quoted(&choices));
    }
    let types: Vec<&str> = types(schema).into_iter().map(type_name).collect();
    let kinds = if types.is_empty() { "a value".to_owned() } else { types.join(" or ") };
    let bound = |key: &str, words: &str| Some(format!(" {words} {}", schema.get(key)?));
    let bounds = [
        bound("minimum", "of at least"),
        bound("exclusiveMinimum", "greater than"),
        bound("maximum", "of at most"),
        bound("exclusiveMaximum", "less than"),
    ];
    let bounds = bounds.into_iter().flatten().collect::<Vec<_>>().join(" and");
    match schema.get("items") {
        Some(items) if !self::types(items).is_empty() => format!("{kinds}, each item {}", wanted(items)),
        _ => format!("{kinds}{bounds}"),
    }
}

fn type_name(one: &str) -> &str {
    match one {
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "text",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        "object" => "a JSON object",
        other => other,
    }
}

/// What a value is, in words that tell it from what is wanted.
fn found(schema: &Value, value: &Value) -> &'static str {
    let has_type = types(schema).iter().any(|one| is_of(one, value));
    match value {
        _ if schema["enum"].is_array() => "none of them",
        Value::Number(_) if has_type => "out of bounds",
        Value::Array(_) if has_type => "a list with another item",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Bool(_) => "`true` or `false`",
        Value::Array(_) => "a list",
        Value::Object(_) => "a JSON object",
        Value::Null => "null",
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::text_where_texts_are_taken("name", "{\"a\": 5}", Value::from("{\"a\": 5}"))]
    #[case::quoted("name", "\"5\"", Value::from("5"))]
    #[case::number("count", "5", Value::from(5))]
    #[case::no_json("count", "five", Value::from("five"))]
    #[case::unknown("other", "true", Value::from(true))]
    fn a_typed_text_is_read_as_what_is_taken(#[case] key: &str, #[case] text: &str, #[case] value: Value) {
        let properties = serde_json::json!({"name": {"type": "string"}, "count": {"type": "integer"}});
        assert_eq!(schema(serde_json::json!({ "properties": properties })).read(key, text), value);
    }

    fn schema(schema: Value) -> OptionSchema {
        OptionSchema { category: Category::Service, name: "billing".to_owned(), schema }
    }

    fn billing() -> OptionSchema {
        schema(json!({"properties": {
            "interval_ms": {"type": "integer", "minimum": 1},
            "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            "region": {"type": "string"},
            "urls": {"type": "array", "items": {"type": "string"}},
            "mode": {"enum": ["fast", "slow", 3]},
            "dry": {"type": ["boolean", "null"]},
            "free": {"description": "anything"},
        }}))
    }

    #[rstest]
    #[case("interval_ms", json!(5))]
    #[case("share", json!(1))]
    #[case("region", json!("eu"))]
    #[case("urls", json!([]))]
    #[case("urls", json!(["http://a"]))]
    #[case("mode", json!(3))]
    #[case("dry", json!(null))]
    #[case("free", json!({"a": [1]}))]
    fn an_option_that_fits_is_taken(#[case] key: &str, #[case] value: Value) {
        billing().check(key, &value).unwrap();
    }

    #[rstest]
    #[case("interval_ms", json!("abc"), "it takes a whole number of at least 1, and this is text")]
    #[case("interval_ms", json!(0.5), "it takes a whole number of at least 1, and this is a number")]
    #[case("interval_ms", json!(0), "it takes a whole number of at least 1, and this is out of bounds")]
    #[case("share", json!(0), "it takes a number greater than 0 and of at most 1, and this is out of bounds")]
    #[case("region", json!(7), "it takes text, and this is a number")]
    #[case("urls", json!("http://a"), "it takes a list, each item text, and this is text")]
    #[case("urls", json!([1]), "it takes a list, each item text, and this is a list with another item")]
    #[case("mode", json!("sk-1"), "it takes one of `fast`, `slow`, `3`, and this is none of them")]
    #[case("dry", json!("no"), "it takes `true` or `false` or null, and this is text")]
    fn what_does_not_fit_is_told_without_its_value(
        #[case] key: &str,
        #[case] value: Value,
        #[case] problem: &str,
    ) {
        let error = billing().check(key, &value).unwrap_err();
        assert_eq!(error.to_string(), format!("set the option `{key}` of the service `billing`: {problem}"));
        assert!(!error.hint().is_empty());
    }

    #[test]
    fn an_unknown_option_leads_to_the_nearest() {
        let error = billing().check("intervall_ms", &json!(5)).unwrap_err();
        assert!(error.to_string().contains("it takes only `dry`, `free`, `interval_ms`"), "{error}");
        assert_eq!(error.hint(), "did you mean `interval_ms`?");
        let error = billing().check("colour", &json!(5)).unwrap_err();
        assert_eq!(error.hint(), "`prony service billing --help` describes it");
    }

    #[test]
    fn a_text_that_looks_like_a_number_can_be_quoted() {
        let error = billing().check("region", &json!(7)).unwrap_err();
        assert_eq!(error.hint(), "quote what would be read as something else: 'billing.region=\"…\"'");
    }

    #[rstest]
    #[case::says_nothing(json!({}))]
    #[case::no_schema(json!(null))]
    #[case::open(json!({"properties": {"a": {}}, "additionalProperties": true}))]
    #[case::typed(json!({"properties": {"a": {}}, "additionalProperties": {"type": "string"}}))]
    #[case::pattern(json!({"properties": {"a": {}}, "patternProperties": {"^x": {}}}))]
    #[case::elsewhere(json!({"properties": {"a": {}}, "allOf": [{"properties": {"b": {}}}]}))]
    #[case::absurd(json!({"properties": {"b": {"type": 7, "enum": 3, "minimum": "x", "items": []}}}))]
    fn what_a_schema_leaves_open_is_taken(#[case] open: Value) {
        schema(open).check("b", &json!([5])).unwrap();
    }

    #[rstest]
    #[case::nothing(json!({}), true)]
    #[case::no_schema(json!(null), true)]
    #[case::only_a_title(json!({"type": "object", "title": "options"}), true)]
    #[case::names(json!({"properties": {"a": {}}}), false)]
    #[case::elsewhere(json!({"allOf": [{"properties": {"b": {}}}]}), false)]
    #[case::closed(json!({"additionalProperties": false}), false)]
    fn who_does_not_say_what_it_takes_is_doubted(#[case] options: Value, #[case] is_doubted: bool) {
        let doubt = schema(options).doubt(["a", "b"].into_iter());
        let expected =
            "`a`, `b` may have no effect: the service `billing` does not say which options it takes";
        assert_eq!(doubt.as_deref(), is_doubted.then_some(expected));
        assert_eq!(schema(json!({})).doubt(std::iter::empty()), None);
    }

    #[test]
    fn options_that_are_extra_inputs_as_well_are_marked() {
        let properties = json!({"a": {"x-extra-input": true}, "b": {"x-extra-input": "true"}, "c": {}});
        let marked = schema(json!({ "properties": properties }));
        assert_eq!(marked.extra_inputs().collect::<Vec<_>>(), ["a"]);
        assert_eq!(schema(json!(null)).extra_inputs().count(), 0);
    }

    #[test]
    fn what_an_option_says_of_longer_answers_is_said_while_it_is_not_set() {
        let properties = json!({"a": {"type": "boolean"}, "b": {"x-longer-output-hint": "set `b`"}});
        let hinted = schema(json!({ "properties": properties }));
        assert_eq!(hinted.longer_output_hint(&Map::new()), Some("set `b`"));
        let set = Map::from_iter([("b".to_owned(), json!(false))]);
        assert_eq!(hinted.longer_output_hint(&set), None);
    }

    #[test]
    fn a_closed_schema_without_options_takes_none() {
        let error = schema(json!({"additionalProperties": false})).check("b", &json!(5)).unwrap_err();
        assert!(error.to_string().ends_with("it takes none"), "{error}");
    }
}
