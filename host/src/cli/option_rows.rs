//! The options of a plugin, as a person reads them.

use serde_json::Value;

/// The options by name, from their JSON Schema; the schema itself where it has another shape.
pub(super) fn of(schema: &Value) -> Vec<(String, String)> {
    let Some(properties) = schema["properties"].as_object() else {
        let says_nothing = schema.as_object().is_none_or(serde_json::Map::is_empty);
        let text = if says_nothing { "the library names none".to_owned() } else { schema.to_string() };
        return vec![("schema".to_owned(), text)];
    };
    properties.iter().map(|(name, about)| (name.clone(), option(about))).collect()
}

fn option(about: &Value) -> String {
    let text = |key: &str| about[key].as_str().map(str::to_owned);
    let default = about.get("default").map(|default| format!("[default: {default}]"));
    let choices = about["enum"].as_array().map(|choices| {
        let choices: Vec<_> = choices.iter().map(ToString::to_string).collect();
        format!("one of {}", choices.join(", "))
    });
    [text("type"), choices, text("description"), default].into_iter().flatten().collect::<Vec<_>>().join("  ")
}
