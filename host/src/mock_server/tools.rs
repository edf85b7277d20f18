//! Calls of tools in an answer: which tools a request names, and what a call of one says.

use std::ops::Range;

use serde::Serialize;
use serde_json::Value;

use super::{fields::Fields, words};

/// Output tokens of one call: the words of its arguments.
pub(super) const TOKENS_A_CALL: u64 = 4;
/// What stands around these words.
const OPENING: &str = r#"{"words":""#;
const CLOSING: &str = r#""}"#;

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    /// A JSON object, as text.
    pub(super) arguments: String,
}

impl Call {
    /// The call with this number, from 0, of a choice of the answer to a request.
    pub(super) fn of(request: u64, choice: u64, number: usize, name: &str, tokens: Range<u64>) -> Self {
        let id = format!("call-{request}-{choice}-{number}");
        Self { id, name: name.to_owned(), arguments: piece(choice, tokens, true, true) }
    }

    /// Its arguments, for API formats that have them as an object.
    pub(super) fn object(&self) -> Value {
        serde_json::from_str(&self.arguments).unwrap_or_default()
    }
}

/// A piece of the arguments of a call, which may be its first and its last.
pub(super) fn piece(choice: u64, tokens: Range<u64>, begins: bool, ends: bool) -> String {
    let opening = if begins { OPENING } else { "" };
    let closing = if ends { CLOSING } else { "" };
    format!("{opening}{}{closing}", words::text(choice, tokens))
}

/// The names of the tools that a request offers, unless it ends with a result of one: a model that has its results says
/// something about them.
pub(super) fn offered(fields: &Fields<'_>) -> Vec<String> {
    let said = fields.get("messages").or_else(|| fields.get("input"));
    let last = said.and_then(Value::as_array).and_then(|said| said.last());
    if last.is_some_and(is_result) {
        return Vec::new();
    }
    let within = fields.get("toolConfig").and_then(|config| config.get("tools"));
    let tools = fields.get("tools").or(within).and_then(Value::as_array);
    tools.into_iter().flatten().filter_map(name).collect()
}

/// The name of a tool, which each API format has in a place of its own.
fn name(tool: &Value) -> Option<String> {
    let owner = tool.get("function").or_else(|| tool.get("toolSpec")).unwrap_or(tool);
    owner.get("name")?.as_str().map(str::to_owned)
}

/// A message or an item of the input holds what a tool answered.
fn is_result(said: &Value) -> bool {
    let is_part = |part: &Value| part["type"] == "tool_result" || part.get("toolResult").is_some();
    said["role"] == "tool"
        || said["type"] == "function_call_output"
        || said["content"].as_array().is_some_and(|parts| parts.iter().any(is_part))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn names(body: &Value) -> Vec<String> {
        offered(&Fields(body.as_object().unwrap()))
    }

    #[rstest]
    #[case::chat(json!({"tools": [{"type": "function", "function": {"name": "a"}}]}))]
    #[case::responses(json!({"tools": [{"type": "function", "name": "a"}, {"type": "web_search"}]}))]
    #[case::messages(json!({"tools": [{"name": "a", "input_schema": {}}]}))]
    #[case::converse(json!({"toolConfig": {"tools": [{"toolSpec": {"name": "a"}}]}}))]
    fn each_api_format_names_its_tools(#[case] body: Value) {
        assert_eq!(names(&body), ["a"]);
    }

    #[rstest]
    #[case::chat(json!({"messages": [{"role": "tool", "content": "x"}]}))]
    #[case::messages(json!({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}))]
    #[case::converse(json!({"messages": [{"role": "user", "content": [{"toolResult": {}}]}]}))]
    #[case::responses(json!({"input": [{"type": "function_call_output"}]}))]
    fn behind_a_result_no_tool_is_called(#[case] mut body: Value) {
        body["tools"] = json!([{"name": "a"}]);
        assert!(names(&body).is_empty());
    }

    #[test]
    fn the_pieces_of_a_calls_arguments_are_its_arguments() {
        let call = Call::of(7, 0, 1, "a", 3..7);
        assert_eq!((call.id.as_str(), &call.object()["words"]), ("call-7-0-1", &words::text(0, 3..7).into()));
        let pieces = piece(0, 3..5, true, false) + &piece(0, 5..7, false, true);
        assert_eq!(pieces, call.arguments);
    }
}
