//! `prony config schema`: what editors know of configuration files.

use serde_json::{Map, Value, json};

use crate::{
    cli::{
        exit::{Exit, Failure},
        terminal,
    },
    config::{
        flags::{PHASE_SETTINGS, PHASES, PhaseRole},
        keys::{Key, Keys},
        words::Shape,
    },
};

/// Prints the schema.
pub(super) fn run() -> Result<Exit, Failure> {
    terminal::print(&format!("{:#}\n", schema(&Keys::all())))?;
    Ok(Exit::Success)
}

/// The schema, made from the table of flags.
fn schema(keys: &Keys) -> Value {
    let mut properties: Map<String, Value> =
        keys.iter().map(|key| (key.in_file(), property(key, keys))).collect();
    let version =
        json!({"type": "string", "description": "The version of prony that the file was written by."});
    properties.insert("prony".to_owned(), version);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A run of prony",
        "description": "Settings of `prony profile`. Each has the name of its flag.",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

fn property(key: &Key, keys: &Keys) -> Value {
    let mut property = Map::new();
    property.insert("description".to_owned(), key.summary.clone().into());
    if let Some(default) = &key.default {
        property.insert("$comment".to_owned(), format!("default: {default}").into());
    }
    match key.shape {
        _ if key.name == PHASES => {
            property.insert("type".to_owned(), "array".into());
            property.insert("items".to_owned(), phase(keys));
        }
        // A variable may stand in place of any value.
        _ if !key.choices.is_empty() => {
            let reference = json!({"type": "string", "pattern": r"\$\{"});
            property.insert("anyOf".to_owned(), json!([{"enum": key.choices}, reference]));
        }
        Shape::Switch => {
            let reference = json!({"type": "string", "pattern": r"^\$\{"});
            property.insert("anyOf".to_owned(), json!([{"type": "boolean"}, reference]));
        }
        Shape::Single => {
            property.insert("type".to_owned(), json!(["string", "number", "boolean", "array"]));
        }
        Shape::List => {
            property.insert("type".to_owned(), json!(["string", "number", "boolean", "array", "object"]));
        }
    }
    Value::Object(property)
}

/// One of several phases.
fn phase(keys: &Keys) -> Value {
    let settings = PHASE_SETTINGS.into_iter().filter_map(|name| keys.find(name));
    let mut properties: Map<String, Value> =
        settings.map(|key| (key.in_file(), property(key, keys))).collect();
    let roles = PhaseRole::NAMES.map(|(name, _)| name);
    let own = [
        ("name", json!({"type": "string", "description": "Its name, which no other phase has."})),
        (
            "role",
            json!({"enum": roles, "description": "What it is for; `warmup` is left out of the results."}),
        ),
        (
            "seamless",
            json!({"type": "boolean", "description": "The next phase begins while its last requests are in flight."}),
        ),
    ];
    properties.extend(own.map(|(name, property)| (name.to_owned(), property)));
    json!({"type": "object", "required": ["name"], "additionalProperties": false, "properties": properties})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_is_a_property() {
        let keys = Keys::all();
        let schema = schema(&keys);
        let properties = schema["properties"].as_object().unwrap();
        assert_eq!(properties.len(), keys.iter().count() + 1);
        assert_eq!(properties["streaming"]["anyOf"][0]["type"], "boolean");
        assert_eq!(properties["transport"]["anyOf"][0]["enum"], json!(["timed", "portable"]));
        assert_eq!(properties["isl"]["$comment"], "default: 550");
        let of_phase = properties["phases"]["items"]["properties"].as_object().unwrap();
        assert_eq!(of_phase.len(), 3 + PHASE_SETTINGS.len());
        assert_eq!(of_phase["role"]["enum"], json!(["warmup", "measure"]));
        let all_said = properties
            .values()
            .all(|property| property["description"].as_str().is_some_and(|text| !text.is_empty()));
        assert!(all_said, "{schema:#}");
    }
}
