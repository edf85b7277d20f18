//! The `otel` format: spans of OpenTelemetry with the attributes for generative AI, as an OTLP export in JSON (`resourceSpans`,
//! alone or a batch a line), or as objects with a list `spans`.
//!
//! A span is a call of a model if it is a chat and has its messages (`gen_ai.input.messages`); one that failed is left out. In
//! an OTLP export a session is a trace; of objects with `spans`, each is one. Which call waits for which is not in a span:
//! a call goes on with the conversation of the call whose messages and response it repeats, and waits as well for those whose
//! responses it quotes behind that; one that repeats and quotes nothing waits for the last call that was over when it was sent. Thoughts are
//! not repeated in requests. Instants are those of the spans.
//! Sources: OpenTelemetry's semantic conventions for generative AI; kubernetes-sigs/inference-perf; Exgentic's data sets.
//!
//! ```json
//! {"trace_id": "t", "spans": [{"name": "chat m", "span_id": "a", "start_time": "2026-03-17T08:00:00Z", "end_time": "2026-03-17T08:00:02Z", "attributes": {"gen_ai.operation.name": "chat", "gen_ai.input.messages": "[{\"role\": \"user\", \"content\": \"Oslo?\"}]", "gen_ai.output.text": "In Norway."}}]}
//! ```

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{
    FileError, RowError,
    agent_calls::{as_text, tool_call, tool_result},
    contents::Head,
    input::Input,
    instant::unix_ns,
    links::{Linked, Links},
    openai,
};
use crate::dataset::{
    Message, Part, Script, Start, Step, roles,
    script::{TOOL_FIELDS, session_id},
};

/// What operations are calls of a model.
const CHATS: [&str; 3] = ["chat", "text_completion", "generate_content"];

/// Whether a file begins like one.
pub(super) fn fits(head: &Head) -> bool {
    head.has_list("resourceSpans") || head.has_list("spans")
}

/// Reads a file's sessions, in the order of their first calls.
pub(super) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    let mut sessions: Vec<(String, Vec<Span>)> = Vec::new();
    let mut places = HashMap::new();
    input.whole().objects(|mut row| {
        let batches = row.list("resourceSpans")?;
        if batches.is_empty() {
            let id = row.text("session_id")?.or(row.text("trace_id")?);
            let id = id.unwrap_or_else(|| session_id(sessions.len() as u64));
            let spans = row.list("spans")?.into_iter().filter_map(|span| Span::of_object(&span).transpose());
            sessions.push((id, spans.collect::<Result<_, RowError>>()?));
            return Ok(());
        }
        for span in batches.iter().flat_map(otlp_spans) {
            let Some(found) = Span::of_otlp(span)? else { continue };
            let trace = span["traceId"].as_str().unwrap_or("trace");
            let place = *places.entry(trace.to_owned()).or_insert(sessions.len());
            if place == sessions.len() {
                sessions.push((trace.to_owned(), Vec::new()));
            }
            sessions[place].1.push(found);
        }
        Ok(())
    })?;
    sessions.retain(|(_, spans)| !spans.is_empty());
    if sessions.is_empty() && !input.has_errors() {
        input.wrong(FileError::Entry { path: input.path.into(), number: 1, source: RowError::NoTurns })?;
    }
    let mut scripts: Vec<Script> = sessions.into_iter().map(|(id, spans)| script(id, spans)).collect();
    scripts.sort_by_key(|script| script.starts_ns);
    scripts.truncate(input.most.unwrap_or(usize::MAX));
    Ok(scripts)
}

fn otlp_spans(batch: &Value) -> impl Iterator<Item = &Value> {
    let scopes = batch["scopeSpans"].as_array().into_iter().flatten();
    scopes.flat_map(|scope| scope["spans"].as_array().into_iter().flatten())
}

/// A call of a model.
struct Span {
    start_ns: u64,
    end_ns: u64,
    said: Vec<Message>,
    reply: Option<Message>,
    step: Step,
}

impl Span {
    /// The call of a span with plain attributes; nothing if it is none, or failed.
    fn of_object(span: &Value) -> Result<Option<Self>, RowError> {
        let attributes = span["attributes"].as_object().cloned().unwrap_or_default();
        let instant = |key: &'static str| {
            let text = span[key].as_str().unwrap_or_default();
            let expected = "a date and a time of day";
            unix_ns(text).ok_or_else(|| RowError::Value { key, value: span[key].to_string(), expected })
        };
        if !is_call(span, &attributes) {
            return Ok(None);
        }
        Self::new(&attributes, instant("start_time")?, instant("end_time")?)
    }

    /// As [`Span::of_object`], of a span in the JSON form of OTLP.
    fn of_otlp(span: &Value) -> Result<Option<Self>, RowError> {
        let pairs = span["attributes"].as_array().into_iter().flatten();
        let attributes =
            pairs.filter_map(|pair| Some((pair["key"].as_str()?.to_owned(), plain(&pair["value"])?)));
        let attributes: Map<String, Value> = attributes.collect();
        let instant = |key: &'static str| {
            let value = &span[key];
            let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
            let expected = "nanoseconds since 1970";
            number.ok_or_else(|| RowError::Value { key, value: value.to_string(), expected })
        };
        if !is_call(span, &attributes) {
            return Ok(None);
        }
        Self::new(&attributes, instant("startTimeUnixNano")?, instant("endTimeUnixNano")?)
    }

    fn new(attributes: &Map<String, Value>, start_ns: u64, end_ns: u64) -> Result<Option<Self>, RowError> {
        let read = |key: &str| attributes.get(key).map(parsed).unwrap_or_default();
        let number = |keys: &[&str]| keys.iter().find_map(|key| attributes.get(*key)?.as_u64());
        let mut said = Vec::new();
        let system = as_text(&with_texts(read("gen_ai.system_instructions")));
        if !system.is_empty() {
            said.push(Message { role: roles::SYSTEM.to_owned(), parts: vec![Part::text(system)] });
        }
        said.extend(messages(read("gen_ai.input.messages"))?);
        if said.is_empty() {
            return Ok(None);
        }
        let mut replies = messages(read("gen_ai.output.messages"))?;
        let text =
            attributes.get("gen_ai.output.text").and_then(Value::as_str).filter(|text| !text.is_empty());
        let text = text.map(|text| Message {
            role: roles::ASSISTANT.to_owned(),
            parts: vec![Part::text(text.to_owned())],
        });
        let reply = if replies.is_empty() { text } else { Some(replies.remove(0)) };
        let (new, old) = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens");
        let mut step = Step::default();
        step.recorded.sent_ns = Some(start_ns);
        step.recorded.took_ns = Some(end_ns.saturating_sub(start_ns));
        step.recorded.input_tokens = number(&[new, old]);
        step.recorded.output_tokens =
            number(&["gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"]);
        step.recorded.tool_calls = reply.as_ref().map(calls_of);
        let limit = step.recorded.output_tokens.or_else(|| number(&["gen_ai.request.max_tokens"]));
        step.max_tokens = limit.filter(|tokens| *tokens > 0);
        step.extra_json = parameters(attributes, read("gen_ai.tool.definitions"));
        Ok(Some(Self { start_ns, end_ns, said, reply, step }))
    }

    fn linked(&self) -> Linked<'_> {
        let Self { start_ns, end_ns, said, reply, .. } = self;
        Linked { start_ns: *start_ns, end_ns: *end_ns, said, reply: reply.as_ref() }
    }
}

/// Whether a span is a call that succeeded, and has its messages.
fn is_call(span: &Value, attributes: &Map<String, Value>) -> bool {
    let operation = attributes.get("gen_ai.operation.name").and_then(Value::as_str);
    let is_chat = match operation {
        Some(operation) => CHATS.contains(&operation),
        None => span["name"].as_str().is_some_and(|name| name.starts_with("chat ")),
    };
    let status = &span["status"]["code"];
    is_chat
        && attributes.contains_key("gen_ai.input.messages")
        && *status != 2
        && *status != "STATUS_CODE_ERROR"
}

/// The steps of a session: its calls in the order of their starts.
fn script(id: String, mut spans: Vec<Span>) -> Script {
    spans.sort_by_key(|span| span.start_ns);
    let first_ns = spans.first().map_or(0, |span| span.start_ns);
    let (mut steps, mut links) = (Vec::new(), Links::default());
    for (place, span) in spans.iter().enumerate() {
        let call = span.linked();
        let context = links.context(call);
        // What is quoted before that, the call before waits for.
        let new = &span.said[context.map_or(0, |context| links.length(context))..];
        let mut after: Vec<usize> = context.into_iter().collect();
        after.extend(links.quoted(call, new).into_iter().filter(|quoted| Some(*quoted) != context));
        if after.is_empty() {
            after.extend(links.last_before(call));
        }
        let ends = after.iter().map(|before| links.end_ns(*before));
        let start = match ends.max() {
            Some(end_ns) => Start::After(span.start_ns - end_ns),
            None if place == 0 => Start::After(0),
            None => Start::At(span.start_ns - first_ns),
        };
        let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        steps.push(Step {
            after: after.into_iter().map(number).collect(),
            start,
            context: context.map(number),
            messages: new.to_vec(),
            reply: span.reply.clone(),
            ..span.step.clone()
        });
        links.push(call);
    }
    Script { id, starts_ns: Some(first_ns), steps, category: None }
}

/// A value of OTLP, in plain JSON.
fn plain(value: &Value) -> Option<Value> {
    let (kind, value) = value.as_object()?.iter().next()?;
    match kind.as_str() {
        "intValue" => Some(
            value
                .as_str()
                .and_then(|text| text.parse::<i64>().ok())
                .map_or_else(|| value.clone(), Value::from),
        ),
        "arrayValue" => Some(value["values"].as_array()?.iter().filter_map(plain).collect()),
        _ => Some(value.clone()),
    }
}

/// JSON that may stand in a text.
fn parsed(value: &Value) -> Value {
    let inside = value.as_str().and_then(|text| serde_json::from_str(text).ok());
    inside.filter(|inside: &Value| inside.is_array() || inside.is_object()).unwrap_or_else(|| value.clone())
}

/// Parts with their texts where OpenAI has them.
fn with_texts(parts: Value) -> Value {
    match parts {
        Value::Array(parts) => parts.into_iter().map(|part| json!({"text": part["content"]})).collect(),
        other => other,
    }
}

/// Messages of a span, in either of the two forms: with `content`, or with `parts`.
fn messages(list: Value) -> Result<Vec<Message>, RowError> {
    let Value::Array(list) = list else { return Ok(Vec::new()) };
    let mut said = Vec::new();
    for (place, value) in list.into_iter().enumerate() {
        let within = |error| RowError::Within {
            place: format!("`gen_ai.input.messages` or `gen_ai.output.messages`, [{place}]"),
            error: Box::new(error),
        };
        match value.get("parts").and_then(Value::as_array) {
            Some(parts) => said.extend(of_parts(value["role"].as_str().unwrap_or(roles::USER), parts)),
            None => said.push(openai::message(value).map_err(within)?),
        }
    }
    // What says nothing is nothing to send.
    said.retain(|message| !message.parts.is_empty());
    Ok(said)
}

/// What a message of parts says. Each result of a tool is a message of its own.
fn of_parts(role: &str, parts: &[Value]) -> Vec<Message> {
    let (mut said, mut own, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        let text = |key: &str| part[key].as_str().unwrap_or_default();
        match text("type") {
            "text" => own.push(Part::text(as_text(&part["content"]))),
            "tool_call" => calls.push(tool_call(text("id"), text("name"), &part["arguments"])),
            "tool_call_response" => {
                let result = part.get("response").or_else(|| part.get("result")).unwrap_or(&Value::Null);
                said.push(tool_result(text("id"), result));
            }
            "reasoning" | "thinking" => {}
            _ => own.push(openai::json_part("", part)),
        }
    }
    if !calls.is_empty() {
        own.push(openai::json_part(TOOL_FIELDS, &json!({"tool_calls": calls})));
    }
    if !own.is_empty() {
        said.push(Message { role: role.to_owned(), parts: own });
    }
    said
}

/// How many tools a response calls.
fn calls_of(reply: &Message) -> u32 {
    let tools = reply.parts.iter().find(|part| part.name == TOOL_FIELDS);
    let fields: Option<Value> = tools.and_then(|tools| serde_json::from_str(&tools.data).ok());
    fields.map_or(0, |fields| openai::tool_calls(&fields))
}

/// What goes into the request beside the messages.
fn parameters(attributes: &Map<String, Value>, tools: Value) -> String {
    let names = [
        ("gen_ai.request.temperature", "temperature"),
        ("gen_ai.request.top_p", "top_p"),
        ("gen_ai.request.stop_sequences", "stop"),
    ];
    let mut extra = Map::new();
    for (name, key) in names {
        extra.extend(attributes.get(name).map(|value| (key.to_owned(), value.clone())));
    }
    if let Value::Array(tools) = tools {
        extra.insert("tools".to_owned(), tools.into_iter().map(tool).collect());
    }
    if extra.is_empty() { String::new() } else { Value::Object(extra).to_string() }
}

/// The definition of a tool, in the form of OpenAI's chat API.
fn tool(tool: Value) -> Value {
    let Value::Object(mut fields) = tool else { return tool };
    if fields.contains_key("function") {
        return Value::Object(fields);
    }
    let kind = fields.remove("type").unwrap_or_else(|| json!("function"));
    json!({"type": kind, "function": fields})
}
