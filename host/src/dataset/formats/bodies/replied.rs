//! The body of a response, whole or as a stream of events.

use prony_plugin_api::{PartKind, sse::SseSplitter};
use serde_json::{Value, json};

use super::{
    super::agent_calls::tool_call,
    asked::{add_replied, anthropic_reply, is_replied},
    format::BodyFormat,
    message::assistant,
};
use crate::dataset::{Message, roles, script::TOOL_FIELDS};

/// What was replied, as far as it came.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Replied {
    /// What a later request repeats.
    pub(crate) message: Option<Message>,
    /// Reasoning, which counts as output and is not repeated.
    pub(crate) reasoning: String,
    pub(crate) tool_calls: u32,
    /// Tokens of the whole prompt, as the server counts them.
    pub(crate) input_tokens: Option<u64>,
    /// Tokens of the response, as the server counts them.
    pub(crate) output_tokens: Option<u64>,
    /// By which a later request may name it.
    pub(crate) id: Option<String>,
    /// It is an error in the place of a response.
    pub(crate) is_error: bool,
}

/// Reads the body of a response. Of a stream that is cut, what came is read. `None` if nothing can be read, or an event is too
/// large.
pub(crate) fn replied(format: BodyFormat, body: &[u8], is_stream: bool) -> Option<Replied> {
    let object = |data: &[u8]| serde_json::from_slice(data).ok().filter(Value::is_object);
    let mut pieces = Pieces::default();
    if is_stream {
        let mut is_read = false;
        let mut take = |data: &[u8]| {
            if let Some(event) = object(data) {
                pieces.event(format, &event);
                is_read = true;
            }
        };
        SseSplitter::default().feed(body, |_, data| take(data)).ok().filter(|()| is_read)?;
    } else {
        pieces.whole(format, &object(body)?);
    }
    Some(pieces.replied())
}

/// A response, piece by piece. Only the first of several choices is what a conversation goes on with.
#[derive(Debug, Default)]
struct Pieces {
    text: String,
    reasoning: String,
    calls: Vec<Call>,
    /// The response as a whole, where the stream says it again at its end.
    said: Option<Message>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    id: Option<String>,
    is_error: bool,
    /// There are several choices, whose tokens the server counts together.
    are_several: bool,
}

#[derive(Debug, Default)]
struct Call {
    /// Where it stands in the response.
    index: u64,
    id: String,
    name: String,
    arguments: String,
}

impl Pieces {
    fn whole(&mut self, format: BodyFormat, body: &Value) {
        self.is_error = names_error(body);
        self.usage(format, &body["usage"]);
        let choice = self.first(body);
        match format {
            BodyFormat::Chat => self.choice(choice),
            BodyFormat::Completions => self.text.push_str(text(&choice["text"])),
            BodyFormat::Responses => self.response(body),
            BodyFormat::Messages => {
                self.is_error |= body["type"] == "error";
                let blocks = body["content"].as_array().map_or(&[][..], Vec::as_slice);
                self.said = anthropic_reply(blocks);
                let thought = blocks.iter().filter_map(|block| block["thinking"].as_str());
                self.reasoning.extend(thought);
            }
        }
    }

    fn event(&mut self, format: BodyFormat, event: &Value) {
        self.is_error |= names_error(event) || event["type"] == "error";
        self.usage(format, &event["usage"]);
        let choice = self.first(event);
        match format {
            BodyFormat::Chat => self.choice(choice),
            BodyFormat::Completions => self.text.push_str(text(&choice["text"])),
            BodyFormat::Responses => self.responses_event(event),
            BodyFormat::Messages => self.messages_event(event),
        }
    }

    /// The first of the choices, of which a stream may bring another.
    fn first<'a>(&mut self, body: &'a Value) -> &'a Value {
        let choices = body["choices"].as_array().map_or(&[][..], Vec::as_slice);
        let index = |choice: &Value| choice["index"].as_u64().unwrap_or(0);
        self.are_several |= choices.len() > 1 || choices.iter().any(|choice| index(choice) > 0);
        choices.iter().find(|choice| index(choice) == 0).unwrap_or(&Value::Null)
    }

    /// A choice of the chat format. Servers mix up the names of a whole message and of what a piece of a stream adds to it.
    fn choice(&mut self, choice: &Value) {
        for message in [&choice["delta"], &choice["message"]] {
            self.content(&message["content"]);
            self.text.push_str(text(&message["refusal"]));
            // One of them; servers that send both repeat the same text.
            let reasoning =
                ["reasoning_content", "reasoning"].iter().find_map(|name| message[*name].as_str());
            self.reasoning.push_str(reasoning.unwrap_or_default());
            for (place, call) in (0_u64..).zip(one_or_more(&message["tool_calls"])) {
                let index = call["index"].as_u64().unwrap_or(place);
                self.call(index).id.push_str(text(&call["id"]));
                self.function(index, &call["function"]);
            }
            // What a call was before there could be several.
            if message["function_call"].is_object() {
                self.function(0, &message["function_call"]);
            }
        }
    }

    /// A text, or a list of parts.
    fn content(&mut self, content: &Value) {
        self.text.push_str(text(content));
        for part in content.as_array().into_iter().flatten() {
            self.text.push_str(text(&part["text"]));
            self.text.push_str(text(&part["refusal"]));
        }
    }

    fn function(&mut self, index: u64, function: &Value) {
        let piece = self.call(index);
        piece.name.push_str(text(&function["name"]));
        match &function["arguments"] {
            arguments @ Value::Object(_) => piece.arguments.push_str(&arguments.to_string()),
            arguments => piece.arguments.push_str(text(arguments)),
        }
    }

    fn call(&mut self, index: u64) -> &mut Call {
        let place = self.calls.iter().position(|call| call.index == index).unwrap_or_else(|| {
            self.calls.push(Call { index, ..Call::default() });
            self.calls.len() - 1
        });
        &mut self.calls[place]
    }

    fn response(&mut self, response: &Value) {
        self.is_error |= response["status"] == "failed";
        self.id = response["id"].as_str().map(str::to_owned).or(self.id.take());
        self.usage(BodyFormat::Responses, &response["usage"]);
        let (mut texts, mut calls, mut thought) = (Vec::new(), Vec::new(), String::new());
        let of_another = |item: &Value| item["role"].as_str().is_some_and(|role| role != roles::ASSISTANT);
        for item in response["output"].as_array().into_iter().flatten() {
            match item["type"].as_str() {
                Some("reasoning") => {
                    let parts = [&item["content"], &item["summary"]].into_iter().find_map(Value::as_array);
                    thought.extend(parts.into_iter().flatten().map(|part| text(&part["text"])));
                }
                Some("message") | None if !of_another(item) => {
                    let mut said = Self::default();
                    said.content(&item["content"]);
                    texts.push(said.text);
                }
                _ if is_replied(item) => add_replied(item, &mut texts, &mut calls),
                _ => {}
            }
        }
        self.said = assistant(texts, calls);
        // A stream has told it already.
        if self.reasoning.is_empty() {
            self.reasoning = thought;
        }
    }

    fn responses_event(&mut self, event: &Value) {
        let added = text(&event["delta"]);
        match text(&event["type"]) {
            "response.created" => self.id = event["response"]["id"].as_str().map(str::to_owned),
            "response.completed" | "response.incomplete" | "response.failed" => {
                self.response(&event["response"]);
            }
            "response.output_text.delta" | "response.refusal.delta" => self.text.push_str(added),
            "response.reasoning_text.delta" | "response.reasoning_summary_text.delta" => {
                self.reasoning.push_str(added);
            }
            "response.output_item.added" | "response.output_item.done"
                if event["item"]["type"] == "function_call" =>
            {
                self.called(event, &event["item"]);
            }
            "response.function_call_arguments.done" => self.called(event, event),
            _ => {}
        }
    }

    /// What an event says of a call as a whole.
    fn called(&mut self, event: &Value, item: &Value) {
        let call = self.call(event["output_index"].as_u64().unwrap_or(0));
        for (key, known) in
            [("call_id", &mut call.id), ("name", &mut call.name), ("arguments", &mut call.arguments)]
        {
            if let Some(said) = item[key].as_str().filter(|said| !said.is_empty()) {
                said.clone_into(known);
            }
        }
    }

    fn messages_event(&mut self, event: &Value) {
        let index = event["index"].as_u64().unwrap_or(0);
        match text(&event["type"]) {
            "message_start" => self.usage(BodyFormat::Messages, &event["message"]["usage"]),
            "content_block_start" => {
                let block = &event["content_block"];
                self.text.push_str(text(&block["text"]));
                if block["type"] == "tool_use" {
                    let call = self.call(index);
                    text(&block["id"]).clone_into(&mut call.id);
                    text(&block["name"]).clone_into(&mut call.name);
                }
            }
            "content_block_delta" => {
                let delta = &event["delta"];
                self.text.push_str(text(&delta["text"]));
                self.reasoning.push_str(text(&delta["thinking"]));
                if let Some(arguments) = delta["partial_json"].as_str() {
                    self.call(index).arguments.push_str(arguments);
                }
            }
            _ => {}
        }
    }

    /// The latest counts stand: a stream that counts as it goes ends with the final ones.
    fn usage(&mut self, format: BodyFormat, usage: &Value) {
        let count = |names: &[&str]| names.iter().find_map(|name| usage[*name].as_u64());
        if let Some(tokens) = count(&["prompt_tokens", "input_tokens"]) {
            // Anthropic alone counts what was cached apart; to others it is a part of the prompt.
            let apart: &[&str] = match format {
                BodyFormat::Messages => &["cache_read_input_tokens", "cache_creation_input_tokens"],
                BodyFormat::Chat | BodyFormat::Completions | BodyFormat::Responses => &[],
            };
            let apart = apart.iter().filter_map(|name| usage[*name].as_u64());
            self.input_tokens = Some(apart.fold(tokens, u64::saturating_add));
        }
        self.output_tokens = count(&["completion_tokens", "output_tokens"]).or(self.output_tokens);
    }

    fn replied(self) -> Replied {
        let calls: Vec<Value> =
            self.calls.iter().map(|call| tool_call(&call.id, &call.name, &json!(call.arguments))).collect();
        let message = self.said.or_else(|| assistant(vec![self.text], calls));
        let tool_calls = message.as_ref().map_or(0, tools_called);
        Replied {
            message,
            reasoning: self.reasoning,
            tool_calls,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens.filter(|_| !self.are_several),
            id: self.id,
            is_error: self.is_error,
        }
    }
}

fn tools_called(message: &Message) -> u32 {
    let of_tools = message.parts.iter().filter(|part| part.kind == PartKind::RAW && part.name == TOOL_FIELDS);
    let fields = of_tools.filter_map(|part| serde_json::from_str::<Value>(&part.data).ok());
    let calls: usize = fields.filter_map(|fields| Some(fields.get("tool_calls")?.as_array()?.len())).sum();
    u32::try_from(calls).unwrap_or(u32::MAX)
}

/// The entries of a list, or the only one in its place.
fn one_or_more(list: &Value) -> impl Iterator<Item = &Value> {
    let only = Some(list).filter(|list| list.is_object());
    list.as_array().into_iter().flatten().chain(only)
}

fn names_error(body: &Value) -> bool {
    body["error"].is_object() || body["error"].is_string()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn events(events: &[Value]) -> Vec<u8> {
        let lines = events.iter().map(|event| format!("data: {event}\n\n"));
        (lines.collect::<String>() + "data: [DONE]\n\n").into_bytes()
    }

    fn chat_stream() -> Vec<u8> {
        let delta = |delta: Value| json!({"choices": [{"index": 0, "delta": delta}]});
        let call = |call: Value| delta(json!({"tool_calls": [call]}));
        events(&[
            delta(json!({"role": "assistant", "content": ""})),
            delta(json!({"reasoning_content": "hm"})),
            delta(json!({"content": "One "})),
            delta(json!({"content": "moment."})),
            call(json!({"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}})),
            call(json!({"index": 0, "function": {"arguments": "{\"a\":"}})),
            call(json!({"index": 0, "function": {"arguments": "1}"}})),
            json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5}}),
        ])
    }

    fn messages_stream() -> Vec<u8> {
        let added =
            |index: u64, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
        events(&[
            json!({"type": "message_start", "message": {"usage": {"input_tokens": 2, "cache_read_input_tokens": 7, "output_tokens": 1}}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}),
            added(0, json!({"type": "thinking_delta", "thinking": "hm"})),
            json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}}),
            added(1, json!({"type": "text_delta", "text": "One moment."})),
            json!({"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "c", "name": "f", "input": {}}}),
            added(2, json!({"type": "input_json_delta", "partial_json": "{\"a\":1}"})),
            json!({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 5}}),
        ])
    }

    fn responses_stream() -> Vec<u8> {
        let output = json!([{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "One moment."}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{\"a\":1}"}]);
        events(&[
            json!({"type": "response.created", "response": {"id": "r-1"}}),
            json!({"type": "response.reasoning_text.delta", "delta": "hm"}),
            json!({"type": "response.output_text.delta", "delta": "One moment."}),
            json!({"type": "response.completed", "response": {"id": "r-1", "output": output, "usage": {"input_tokens": 9, "output_tokens": 5}}}),
        ])
    }

    #[rstest]
    #[case::chat(BodyFormat::Chat, chat_stream(), None)]
    #[case::messages(BodyFormat::Messages, messages_stream(), None)]
    #[case::responses(BodyFormat::Responses, responses_stream(), Some("r-1"))]
    fn a_stream_is_put_together(#[case] format: BodyFormat, #[case] body: Vec<u8>, #[case] id: Option<&str>) {
        let call = tool_call("c", "f", &json!("{\"a\":1}"));
        let expected = Replied {
            message: assistant(vec!["One moment.".to_owned()], vec![call]),
            reasoning: "hm".to_owned(),
            tool_calls: 1,
            input_tokens: Some(9),
            output_tokens: Some(5),
            id: id.map(str::to_owned),
            is_error: false,
        };
        assert_eq!(replied(format, &body, true), Some(expected));
        // A stream that is cut gives what came: never a panic.
        for cut in 0..body.len() {
            replied(format, &body[..cut], true);
        }
    }

    #[rstest]
    #[case::chat(BodyFormat::Chat, json!({"choices": [{"message": {"role": "assistant", "content": "Fine."}}]}))]
    #[case::completions(BodyFormat::Completions, json!({"choices": [{"text": "Fine."}]}))]
    #[case::messages(BodyFormat::Messages, json!({"content": [{"type": "text", "text": "Fine."}]}))]
    #[case::responses(BodyFormat::Responses, json!({"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Fine."}]}]}))]
    fn a_whole_answer_is_read(#[case] format: BodyFormat, #[case] body: Value) {
        let replied = replied(format, body.to_string().as_bytes(), false).unwrap();
        assert_eq!(replied.message, assistant(vec!["Fine.".to_owned()], Vec::new()));
        assert_eq!(replied.tool_calls, 0);
    }

    #[rstest]
    fn an_error_is_no_reply(
        #[values(json!({"message": "busy"}), json!("busy"))] error: Value,
        #[values(true, false)] is_stream: bool,
    ) {
        let error = json!({"error": error});
        let body = if is_stream { events(&[error]) } else { error.to_string().into_bytes() };
        let replied = replied(BodyFormat::Chat, &body, is_stream).unwrap();
        assert!(replied.is_error && replied.message.is_none());
    }

    /// Choices of a stream come mixed, and those of a whole response in any order.
    #[rstest]
    #[case::chat(BodyFormat::Chat, events(&[
        json!({"choices": [{"index": 1, "delta": {"content": "Bad."}}]}),
        json!({"choices": [{"index": 0, "delta": {"content": "Fi"}}]}),
        json!({"choices": [{"index": 1, "delta": {"content": "."}}, {"index": 0, "delta": {"content": "ne."}}]}),
        json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5}}),
    ]), true)]
    #[case::completions(BodyFormat::Completions, events(&[
        json!({"choices": [{"index": 0, "text": "Fine."}]}),
        json!({"choices": [{"index": 1, "text": "Bad."}]}),
        json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5}}),
    ]), true)]
    #[case::whole(BodyFormat::Completions, json!({
        "choices": [{"index": 1, "text": "Bad."}, {"index": 0, "text": "Fine."}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 5},
    }).to_string().into_bytes(), false)]
    fn of_several_choices_the_first_is_read(
        #[case] format: BodyFormat,
        #[case] body: Vec<u8>,
        #[case] is_stream: bool,
    ) {
        let replied = replied(format, &body, is_stream).unwrap();
        assert_eq!(replied.message, assistant(vec!["Fine.".to_owned()], Vec::new()));
        assert_eq!((replied.input_tokens, replied.output_tokens), (Some(9), None));
    }

    #[rstest]
    #[case(BodyFormat::Chat, 9)]
    #[case(BodyFormat::Responses, 9)]
    #[case(BodyFormat::Messages, u64::MAX)]
    fn only_anthropic_counts_cached_tokens_apart(#[case] format: BodyFormat, #[case] expected: u64) {
        let body = json!({"usage": {"input_tokens": 9, "cache_read_input_tokens": u64::MAX}}).to_string();
        assert_eq!(replied(format, body.as_bytes(), false).unwrap().input_tokens, Some(expected));
    }

    #[test]
    fn a_text_that_looks_like_a_tool_call_is_none() {
        let body = json!({"choices": [{"text": r#"{"tool_calls": [1, 2]}"#}]}).to_string();
        assert_eq!(replied(BodyFormat::Completions, body.as_bytes(), false).unwrap().tool_calls, 0);
    }

    #[rstest]
    #[case("<html>", false)]
    #[case("7", false)]
    #[case("", false)]
    #[case("data: busy\n\n", true)]
    fn what_is_no_response_is_told_so(#[case] body: &str, #[case] is_stream: bool) {
        assert_eq!(replied(BodyFormat::Chat, body.as_bytes(), is_stream), None);
    }

    /// The body of a recorded response, without chunks.
    fn body_of(response: &[u8]) -> (Vec<u8>, bool) {
        let head_end = response.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&response[..head_end]).to_lowercase();
        if head.starts_with("http/1.1 100") {
            return body_of(&response[head_end + 4..]);
        }
        let mut rest = &response[head_end + 4..];
        if !head.contains("transfer-encoding: chunked") {
            return (rest.to_vec(), head.contains("text/event-stream"));
        }
        let mut body = Vec::new();
        while let Some(line_end) = rest.windows(2).position(|bytes| bytes == b"\r\n") {
            let size = std::str::from_utf8(&rest[..line_end]).unwrap();
            let size = usize::from_str_radix(size.trim(), 16).unwrap();
            body.extend_from_slice(&rest[line_end + 2..line_end + 2 + size]);
            rest = &rest[line_end + 2 + size + 2..];
        }
        (body, head.contains("text/event-stream"))
    }

    /// The endpoints' own readers are held to the same table.
    #[test]
    fn recorded_responses_say_what_endpoints_read_in_them() {
        let wire = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/wire"));
        let table = std::fs::read(wire.join("expected.json")).unwrap();
        let table: std::collections::BTreeMap<String, Value> = serde_json::from_slice(&table).unwrap();
        let (mut wrong, mut read) = (Vec::new(), 0);
        for (name, expected) in &table {
            let format = match expected["endpoint"].as_str().unwrap() {
                "chat" => BodyFormat::Chat,
                "completions" => BodyFormat::Completions,
                "responses" => BodyFormat::Responses,
                "messages" => BodyFormat::Messages,
                _ => continue,
            };
            if expected["end"] != "complete" || expected["status"] != 200 {
                continue;
            }
            let (body, is_stream) =
                body_of(&std::fs::read(wire.join(format!("{name}.response.http"))).unwrap());
            let found = replied(format, &body, is_stream).unwrap_or_default();
            let parts = found.message.iter().flat_map(|message| &message.parts);
            let texts = parts.filter(|part| part.kind == PartKind::TEXT).map(|part| &*part.data);
            let first = &expected["choices"]["0"];
            let is_alone = expected["choices"].as_object().unwrap().len() == 1;
            let said = (
                texts.collect::<String>(),
                found.reasoning.clone(),
                found.tool_calls > 0,
                found.input_tokens,
                found.output_tokens.filter(|_| is_alone),
            );
            let of = |channel: &str| text(&first[channel]).to_owned();
            let usage = |key: &str| expected["usage"][key].as_u64();
            let wanted = (
                of("content") + &of("refusal"),
                of("reasoning"),
                !of("tool").is_empty(),
                usage("prompt"),
                usage("completion").filter(|_| is_alone),
            );
            read += 1;
            if said != wanted {
                wrong.push(format!("{name}: {said:?} is not {wanted:?}"));
            }
        }
        assert!(read > 100 && wrong.is_empty(), "{read}: {wrong:#?}");
    }
}
