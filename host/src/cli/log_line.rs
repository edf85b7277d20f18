//! A line of the log as an object of JSON: `timestamp` (UTC, RFC 3339), `level`, `target`, `message`, and `fields` where a line has any.
//!
//! Compatibility: keys are only ever added.

use std::fmt;

use serde_json::{Map, Value, json};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

/// The name of the field that has the text of a line.
const MESSAGE: &str = "message";

/// Writes lines so.
#[derive(Clone, Copy, Debug)]
pub(super) struct AsJson;

impl<S, N> FormatEvent<S, N> for AsJson
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        writeln!(writer, "{}", object(&now()?, metadata.level().as_str(), metadata.target(), fields.0))
    }
}

/// The line in the place of so many that were dropped.
pub(super) fn loss_as_json(lost: u64) -> String {
    let text = format!("{lost} lines could not be written in time");
    let fields: Map<String, Value> = [(MESSAGE.to_owned(), Value::from(text))].into_iter().collect();
    format!("{}\n", object(&now().unwrap_or_default(), "WARN", "prony", fields))
}

fn now() -> Result<String, fmt::Error> {
    let mut timestamp = String::new();
    SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
    Ok(timestamp)
}

fn object(timestamp: &str, level: &str, target: &str, mut fields: Map<String, Value>) -> Value {
    let message = fields.remove(MESSAGE).unwrap_or_else(|| "".into());
    let mut object = json!({ "timestamp": timestamp, "level": level, "target": target, MESSAGE: message });
    if !fields.is_empty() {
        object["fields"] = Value::Object(fields);
    }
    object
}

/// What a line has besides its text, and the text.
#[derive(Debug, Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn set(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_lines_are_told_in_an_object_as_well() {
        let line = loss_as_json(3);
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["message"], "3 lines could not be written in time");
        assert!(object["timestamp"].as_str().unwrap().ends_with('Z') && line.ends_with("}\n"), "{line}");
    }

    #[test]
    fn a_line_is_one_object_with_its_text_in_front() {
        let fields = |list: &[(&str, Value)]| -> Map<String, Value> {
            list.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
        };
        let plain =
            object("2026-01-02T03:04:05Z", "WARN", "prony::run", fields(&[(MESSAGE, json!("a \"b\"\nc"))]));
        let expected = r#"{"timestamp":"2026-01-02T03:04:05Z","level":"WARN","target":"prony::run","message":"a \"b\"\nc"}"#;
        assert_eq!(plain.to_string(), expected);
        let more = object("t", "INFO", "x", fields(&[("load", json!(5)), (MESSAGE, json!("m"))]));
        assert_eq!((&more["message"], &more["fields"]), (&json!("m"), &json!({ "load": 5 })));
    }
}
