//! [`GenerateEndpoint`].

use prony_plugin_api::{
    Endpoint, NO_OPTIONS, PluginError, RequestWriter, Result, TurnContext,
    json::{extras, texts},
};
use serde_json::{Map, Value};

use crate::parser::GenerateParser;

/// What stands beside the parameters rather than among them.
const OUTSIDE: [&str; 2] = ["inputs", "stream"];

/// `POST /generate`, or `/generate_stream` for a stream.
#[derive(Debug)]
pub(crate) struct GenerateEndpoint;

impl Endpoint for GenerateEndpoint {
    type Parser = GenerateParser;

    const OPTIONS: &'static str = NO_OPTIONS;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let mut parameters = Map::new();
        if let Some(limit) = turn.max_tokens() {
            parameters.insert("max_new_tokens".to_owned(), limit.into());
        }
        let mut body = Map::new();
        body.insert("inputs".to_owned(), texts(*turn)?.join(" ").into());
        // The user's own fields are parameters, but for those that cannot be.
        for (name, value) in extras(*turn)? {
            match value {
                Value::Object(more) if name == "parameters" => parameters.extend(more),
                value if OUTSIDE.contains(&name.as_str()) => drop(body.insert(name, value)),
                value => drop(parameters.insert(name, value)),
            }
        }
        body.insert("parameters".to_owned(), parameters.into());
        serde_json::to_writer(request, &body).map_err(PluginError::io)
    }

    fn parser(&self) -> GenerateParser {
        GenerateParser::default()
    }
}
