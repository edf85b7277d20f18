//! Attributes in OTLP's form: exports [`Attributes`] and what requests have in common.

use prony_plugin_api::{message::PhaseKind, telemetry::RequestSpan};
use serde_json::{Value, json};
use url::Url;

use crate::run::Run;

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Scalar {
    Text(String),
    Whole(u64),
}

/// Names and values, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Attributes(Vec<(&'static str, Scalar)>);

impl Attributes {
    /// Those of a request as metrics have them: few different ones, since each is a series of its own.
    pub(crate) fn of(span: &RequestSpan, run: &Run) -> Self {
        let phase = match span.phase {
            PhaseKind::Warmup => "warmup",
            PhaseKind::Profiling => "profiling",
        };
        let mut attributes = Self::default()
            .with("gen_ai.operation.name", &run.operation)
            .with("gen_ai.provider.name", &run.provider)
            .with("gen_ai.request.model", &span.requested_model)
            .with("prony.phase", phase);
        if let Some(model) = &span.model {
            attributes = attributes.with("gen_ai.response.model", model);
        }
        if let Some((host, port)) = server(&span.url) {
            attributes = attributes.with("server.address", &host).with_number("server.port", port.into());
        }
        attributes
    }

    /// One more; an empty one is left out.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        if !value.is_empty() {
            self.0.push((name, Scalar::Text(value.to_owned())));
        }
        self
    }

    /// One more that is a number.
    #[must_use]
    pub(crate) fn with_number(mut self, name: &'static str, value: u64) -> Self {
        self.0.push((name, Scalar::Whole(value)));
        self
    }

    /// As OTLP writes them.
    pub(crate) fn json(&self) -> Value {
        self.0.iter().map(|(name, value)| attribute(name, value)).collect()
    }
}

fn attribute(name: &str, value: &Scalar) -> Value {
    match value {
        Scalar::Text(text) => text_attribute(name, text),
        // Numbers of 64 bits are texts in the JSON of Protocol Buffers.
        Scalar::Whole(number) => json!({ "key": name, "value": { "intValue": number.to_string() } }),
    }
}

/// An attribute that is a text.
pub(crate) fn text_attribute(name: &str, text: &str) -> Value {
    json!({ "key": name, "value": { "stringValue": text } })
}

/// An attribute that is a list of texts.
pub(crate) fn list_attribute(name: &str, texts: &[String]) -> Value {
    let values: Vec<Value> = texts.iter().map(|text| json!({ "stringValue": text })).collect();
    json!({ "key": name, "value": { "arrayValue": { "values": values } } })
}

/// An attribute that is a number with a fraction.
pub(crate) fn number_attribute(name: &str, number: f64) -> Value {
    json!({ "key": name, "value": { "doubleValue": number } })
}

/// Host and port of a server.
fn server(url: &str) -> Option<(String, u16)> {
    let url = Url::parse(url).ok()?;
    Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_attributes_of_its_series() {
        let span = RequestSpan {
            url: "https://h/v1".into(),
            requested_model: "m".into(),
            phase: PhaseKind::Warmup,
            ..RequestSpan::default()
        };
        let run = Run { operation: "chat".into(), provider: "openai".into(), ..Run::default() };
        let json = Attributes::of(&span, &run).json();
        let names: Vec<&str> =
            json.as_array().unwrap().iter().map(|it| it["key"].as_str().unwrap()).collect();
        assert_eq!(
            names,
            [
                "gen_ai.operation.name",
                "gen_ai.provider.name",
                "gen_ai.request.model",
                "prony.phase",
                "server.address",
                "server.port"
            ]
        );
        assert_eq!(json[3]["value"]["stringValue"], "warmup");
        assert_eq!(json[5]["value"]["intValue"], "443");
    }
}
