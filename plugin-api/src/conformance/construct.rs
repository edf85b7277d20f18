//! Options: their schema, and what `new` makes of them.

use serde_json::{Map, Value};

use super::{
    bench::{Bench, Case},
    cases::{OPTIONS_SCHEMA, OPTIONS_TAKEN, OPTIONS_UNKNOWN, OPTIONS_WRONG},
    piece::{self, Piece},
};
use crate::error::{ErrorKind, Result};

/// Options that no plugin can know.
const UNKNOWN: &str = "prony_conformance_unknown_option";

/// Options that are wrong: any error will do, a panic will not.
const WRONG: [&str; 6] = ["", "null", "[]", "not JSON", "{\"", "{\"a\": 1e999}"];

pub(super) fn schema(schema: &str, bench: &mut Bench<'_>) {
    bench.check(OPTIONS_SCHEMA, |case| {
        case.step("`OPTIONS`");
        match serde_json::from_str::<Value>(schema) {
            Ok(Value::Object(_)) => {}
            Ok(other) => case.fail(format!("`OPTIONS` is `{other}`")),
            Err(error) => case.fail(format!("`OPTIONS` is not JSON: {error}")),
        }
    });
}

/// Makes an instance in every way. Returns one, unless none can be made.
pub(super) fn instance<T>(
    create: &dyn Fn(&str) -> Result<T>,
    options: &str,
    bench: &mut Bench<'_>,
) -> Option<T> {
    let made = bench.basis(OPTIONS_TAKEN, |case| {
        case.step("`new`");
        case.gives(|| vec![Piece::new("options", options.as_bytes())]);
        let made = create(options);
        case.gets(|| piece::outcome(&made));
        match made {
            Ok(made) => Some(made),
            Err(error) if error.kind == ErrorKind::CONFIG && !error.message.is_empty() => {
                case.give_up(format!(
                    "{} it says: failed to {}; nothing could be checked: give options that it \
                     takes (`prony plugins check --options`, `Suite::options`)",
                    with_names(options),
                    error.message
                ));
                None
            }
            Err(error) => {
                case.fail(format!("{}: {error}", with_names(options)));
                None
            }
        }
    })?;
    bench.check(OPTIONS_UNKNOWN, |case| {
        case.step("`new` with an unknown option");
        let options = with_unknown(options);
        case.gives(|| vec![Piece::new("options", options.as_bytes())]);
        let made = create(&options);
        case.gets(|| piece::outcome(&made));
        if let Err(error) = made {
            case.fail(format!("`new` refuses the option `{UNKNOWN}`: {error}"));
        }
    });
    bench.check(OPTIONS_WRONG, |case| {
        for options in WRONG {
            wrong(create, options, &format!("`new` with the options `{options}`"), case);
        }
        for (what, options) in wrong_types(options) {
            wrong(create, &options, &format!("`new` with the {what}"), case);
        }
    });
    Some(made)
}

fn wrong<T>(create: &dyn Fn(&str) -> Result<T>, options: &str, what: &str, case: &mut Case<'_>) {
    case.step(what);
    case.gives(|| vec![Piece::new("options", options.as_bytes())]);
    let made = create(options);
    case.gets(|| piece::outcome(&made));
    if let Err(error) = made {
        case.judge(&error, what);
    }
}

fn with_unknown(options: &str) -> String {
    let mut options: Value = serde_json::from_str(options).unwrap_or_default();
    if let Value::Object(options) = &mut options {
        options.insert(UNKNOWN.to_owned(), Value::from(true));
    }
    options.to_string()
}

/// The given options by their names: a value may be a key, and a report is passed on.
fn with_names(options: &str) -> String {
    let options: Map<String, Value> = serde_json::from_str(options).unwrap_or_default();
    let names: Vec<String> = options.keys().map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        "without options".to_owned()
    } else {
        format!("with the options {}", names.join(", "))
    }
}

/// The given options, each with a value of every type: which one it is and what it has now, and all of them.
fn wrong_types(options: &str) -> Vec<(String, String)> {
    let Ok(Value::Object(options)) = serde_json::from_str(options) else { return Vec::new() };
    let values = ["null", "true", "-1", "1e308", "\"\"", "[]", "{}"];
    let mut wrong = Vec::new();
    for name in options.keys() {
        for value in values {
            let mut options = options.clone();
            options.insert(name.clone(), serde_json::from_str(value).unwrap_or_default());
            wrong.push((format!("option `{name}` as {value}"), Value::Object(options).to_string()));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &str = r#"{"key": "not for others", "region": "eu"}"#;

    #[test]
    fn what_is_tried_is_told_without_the_values_of_the_user() {
        let wrong = wrong_types(OPTIONS);
        assert!(wrong.iter().any(|(what, _)| what == "option `region` as null"), "{wrong:?}");
        assert!(wrong.iter().all(|(what, _)| !what.contains("not for others")), "{wrong:?}");
        assert!(wrong.iter().any(|(_, options)| options.contains("not for others")), "{wrong:?}");
        assert_eq!(with_names(OPTIONS), "with the options `key`, `region`");
        assert_eq!(with_names("{}"), "without options");
    }
}
