//! The `claude-code` format: the session files of Claude Code, a record a line, a session a file.
//!
//! Records are a tree by `parentUuid`. Those of the type `assistant` with one `message.id` are one call of the model; its prompt
//! is `input_tokens` with what was read from and written to the cache. Two prompts behind one record are two branches: the later
//! one waits for both. A compaction begins a new conversation. Records of other types, with `isMeta`, or of the model
//! `<synthetic>` are no part of it. Sub-agents have files of their own, in the folder `SESSION/subagents` beside the
//! session's file; they begin after the call that started them, and the next call waits for them. The system prompt and the
//! definitions of tools are in no file, so that what is sent is shorter than what was. Source: files that Claude Code 2.1 wrote; uw-syfi/TraceLab.
//!
//! ```json
//! {"type": "user", "uuid": "a", "parentUuid": null, "sessionId": "s", "timestamp": "2026-06-01T05:40:20.1Z", "message": {"role": "user", "content": "Oslo?"}}
//! {"type": "assistant", "uuid": "b", "parentUuid": "a", "sessionId": "s", "timestamp": "2026-06-01T05:40:22.9Z", "message": {"id": "m", "role": "assistant", "content": [{"type": "text", "text": "In Norway."}], "usage": {"input_tokens": 9, "output_tokens": 4}}}
//! ```

use std::{collections::HashMap, path::PathBuf};

use serde_json::{Map, Value};

use super::{
    FileError,
    agent_calls::{Call, Calls, as_text, tool_call, tool_result},
    contents::Head,
    input::Input,
    instant::unix_ns,
};
use crate::{
    dataset::{Message, Part, Script},
    lockfile::OF_A_SESSION,
};

/// A file that names itself as its sub-agent has no end: so many sub-agents start one inside the other, and none after so many
/// steps.
const DEEPEST: usize = 8;
const MOST_STEPS: usize = 100_000;

/// Whether a file begins like one.
pub(super) fn fits(head: &Head) -> bool {
    let keys = ["uuid", "parentUuid", "sessionId", "message"];
    head.rows.iter().any(|row| keys.iter().all(|key| row.contains_key(*key)))
}

/// Reads a file's session, and the files of its sub-agents.
pub(super) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    let log = Log::read(input)?;
    let id = log.records.iter().find_map(|record| record.text("sessionId")).unwrap_or("session").to_owned();
    let folder = input.path.with_extension("").join(OF_A_SESSION);
    let mut session = Session { folder, input, calls: Calls::default() };
    session.play(&log, None, 0)?;
    let steps = session.calls.steps;
    if steps.is_empty() {
        input.wrong(FileError::Empty { path: input.path.into() })?;
        return Ok(Vec::new());
    }
    Ok(vec![Script { id, starts_ns: steps[0].recorded.sent_ns, steps, category: None }])
}

/// A line of a file.
struct Record(Map<String, Value>);

impl Record {
    fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
    }

    fn is(&self, key: &str) -> bool {
        self.0.get(key) == Some(&Value::Bool(true))
    }

    fn message(&self) -> &Value {
        self.0.get("message").unwrap_or(&Value::Null)
    }

    fn at_ns(&self) -> Option<u64> {
        unix_ns(self.text("timestamp")?)
    }

    /// Pieces of its content.
    fn blocks(&self) -> impl Iterator<Item = &Value> {
        self.message()["content"].as_array().into_iter().flatten()
    }

    /// The call that it is a piece of the response of.
    fn call_id(&self) -> Option<&str> {
        let is_call = self.text("type") == Some("assistant") && self.message()["model"] != "<synthetic>";
        self.message()["id"].as_str().filter(|_| is_call)
    }

    /// What it says, if a user or tools do.
    fn said(&self) -> Vec<Message> {
        if self.text("type") != Some("user") || self.is("isMeta") {
            return Vec::new();
        }
        if let Some(text) = self.message()["content"].as_str() {
            return vec![Message::user(vec![Part::text(text.to_owned())])];
        }
        let (mut said, mut parts) = (Vec::new(), Vec::new());
        for block in self.blocks() {
            match block["tool_use_id"].as_str() {
                Some(id) => said.push(tool_result(id, &block["content"])),
                None => parts.push(part(block)),
            }
        }
        if !parts.is_empty() {
            said.push(Message::user(parts));
        }
        said
    }

    /// It has the result of one of these tool calls.
    fn answers(&self, calls: &[String]) -> bool {
        self.blocks()
            .any(|block| block["tool_use_id"].as_str().is_some_and(|id| calls.iter().any(|call| call == id)))
    }
}

fn part(block: &Value) -> Part {
    let source = &block["source"];
    match (source["media_type"].as_str(), source["data"].as_str()) {
        (Some(kind), Some(data)) => Part {
            kind: prony_plugin_api::PartKind::IMAGE,
            name: String::new(),
            data: format!("data:{kind};base64,{data}").into(),
        },
        _ => Part::text(as_text(block.get("text").unwrap_or(block))),
    }
}

/// All records of a file.
struct Log {
    records: Vec<Record>,
    by_uuid: HashMap<String, usize>,
}

/// One call of the model, and where its pieces are.
struct Group<'a> {
    id: &'a str,
    pieces: Vec<&'a Record>,
}

impl Log {
    fn read(input: &Input<'_>) -> Result<Self, FileError> {
        let records = input.whole().objects(|row| Ok(Record(row.into_fields())))?;
        let named = records.iter().enumerate();
        let by_uuid =
            named.filter_map(|(place, record)| Some((record.text("uuid")?.to_owned(), place))).collect();
        Ok(Self { records, by_uuid })
    }

    /// Its calls in the order of their first pieces.
    fn groups(&self) -> Vec<Group<'_>> {
        let (mut groups, mut places) = (Vec::<Group<'_>>::new(), HashMap::new());
        for record in &self.records {
            let Some(id) = record.call_id() else { continue };
            let place = *places.entry(id).or_insert(groups.len());
            if place == groups.len() {
                groups.push(Group { id, pieces: Vec::new() });
            }
            groups[place].pieces.push(record);
        }
        groups
    }

    /// The records before this one, from the nearest on, up to the call before it, and that call.
    fn before<'a>(&'a self, record: &'a Record) -> (Vec<&'a Record>, Option<&'a str>) {
        let (mut between, mut at) = (Vec::new(), record);
        // A file may have a circle; no way is longer than the file.
        for _ in 0..self.records.len() {
            let Some(place) = at.text("parentUuid").and_then(|uuid| self.by_uuid.get(uuid)) else { break };
            at = &self.records[*place];
            if let Some(call) = at.call_id() {
                return (between, Some(call));
            }
            between.push(at);
        }
        (between, None)
    }
}

/// A session, as its files are read.
struct Session<'a> {
    folder: PathBuf,
    input: &'a Input<'a>,
    calls: Calls,
}

impl Session<'_> {
    /// Adds the calls of a file, which begin after a step, and gives the last of them.
    fn play(&mut self, log: &Log, begins_after: Option<u32>, depth: usize) -> Result<Option<u32>, FileError> {
        let (mut places, mut tools) = (HashMap::new(), HashMap::<&str, Vec<String>>::new());
        let (mut last, mut joins) = (begins_after, Vec::new());
        for group in log.groups() {
            let (between, parent) = log.before(group.pieces[0]);
            let asked = parent.and_then(|parent| tools.get(parent)).map_or(&[][..], Vec::as_slice);
            // Results of tools that ran side by side are in branches of their own.
            let mut new: Vec<&Record> = between.into_iter().rev().collect();
            let is_new = |record: &&Record| !new.iter().any(|known| std::ptr::eq(*known, *record));
            let others: Vec<&Record> =
                log.records.iter().filter(|record| record.answers(asked)).filter(is_new).collect();
            new.splice(0..0, others);
            let mut call = response(&group.pieces);
            call.messages = new.iter().flat_map(|record| record.said()).collect();
            call.sent_ns = new.iter().filter_map(|record| record.at_ns()).max();
            let context = parent.and_then(|parent| places.get(parent).copied());
            if call.messages.is_empty() && context.is_none() {
                continue;
            }
            let ids: Vec<String> = group.pieces.iter().flat_map(|piece| used(piece)).collect();
            let mut after: Vec<u32> = Vec::new();
            for step in context.into_iter().chain(last).chain(joins.drain(..)) {
                if !after.contains(&step) {
                    after.push(step);
                }
            }
            let this = self.calls.add(call, after, context);
            places.insert(group.id, this);
            last = Some(this);
            for record in log.records.iter().filter(|record| record.answers(&ids)) {
                let agent = record.0.get("toolUseResult").and_then(|result| result["agentId"].as_str());
                if let Some(agent) = agent {
                    joins.extend(self.start(agent, this, depth)?);
                }
            }
            tools.insert(group.id, ids);
        }
        Ok(last)
    }

    /// Adds the calls of a sub-agent, if its file is there.
    fn start(&mut self, agent: &str, after: u32, depth: usize) -> Result<Option<u32>, FileError> {
        let is_name = agent.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let path = self.folder.join(format!("agent-{agent}.jsonl"));
        let is_deep = depth >= DEEPEST || self.calls.steps.len() > MOST_STEPS;
        if !is_name || !path.is_file() || is_deep {
            return Ok(None);
        }
        let log = Log::read(&self.input.at(&path))?;
        self.play(&log, Some(after), depth + 1)
    }
}

/// The tool calls of a record.
fn used(record: &Record) -> Vec<String> {
    let calls = record.blocks().filter(|block| block["type"] == "tool_use");
    calls.filter_map(|block| Some(block["id"].as_str()?.to_owned())).collect()
}

/// The response of a call. The last piece has the final count of its tokens.
fn response(pieces: &[&Record]) -> Call {
    let mut call = Call { end_ns: pieces.iter().filter_map(|piece| piece.at_ns()).max(), ..Call::default() };
    for piece in pieces {
        for block in piece.blocks() {
            let text = |key: &str| block[key].as_str().unwrap_or_default();
            match text("type") {
                "text" => call.texts.push(text("text").to_owned()),
                "tool_use" => call.tools.push(tool_call(text("id"), text("name"), &block["input"])),
                _ => {}
            }
        }
        let usage = &piece.message()["usage"];
        let read = ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];
        if usage.is_object() {
            call.input_tokens = Some(read.iter().filter_map(|key| usage[*key].as_u64()).sum());
            call.output_tokens = usage["output_tokens"].as_u64();
        }
    }
    call
}
