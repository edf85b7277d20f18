//! The `atif` format: trajectories of agents as Harbor writes them (Agent Trajectory Interchange Format), a JSON object each.
//!
//! A step of the source `agent` is one call of the model, with the results of its tools in it. One with `llm_call_count` 0, or
//! with `is_copied_context`, is a part of the conversation and no call. `metrics` has the tokens, those of the prompt whole.
//! `tool_definitions` go into each request. Since `timestamp` is the only time of a step, a call goes at its instant, or when
//! the one before it is over, if that is later. Trajectories of sub-agents are played where they stand in the same file: they
//! begin after the call that started them, and the next call waits for them; where they have an earlier
//! clock, their times count from that call. A picture that is a file is not read, and its name stands in its place. Source: Harbor's `trajectories` models.
//!
//! ```json
//! {"schema_version": "ATIF-v1.4", "session_id": "s", "agent": {"name": "a", "version": "1"}, "steps": [{"step_id": 1, "source": "user", "message": "Oslo?"}, {"step_id": 2, "source": "agent", "message": "In Norway.", "metrics": {"prompt_tokens": 12, "completion_tokens": 4}}]}
//! ```

use serde_json::{Map, Value, json};

use super::{
    FileError, RowError,
    agent_calls::{Call, Calls, as_text, tool_call, tool_result},
    contents::Head,
    input::Input,
    instant::unix_ns,
    row::Row,
};
use crate::dataset::{Message, Part, Script, Start, roles, script::session_id};

/// Sub-agents start others, so many times one inside the other.
const DEEPEST: usize = 32;

/// Whether a file begins like one.
pub(super) fn fits(head: &Head) -> bool {
    let version = head.rows.first().and_then(|row| row.get("schema_version")).and_then(Value::as_str);
    version.is_some_and(|version| version.starts_with("ATIF"))
}

/// Reads a file's trajectories.
pub(super) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    let mut number = 0;
    input.objects(|mut row| {
        let id = row.text("session_id")?.unwrap_or_else(|| session_id(number));
        number += 1;
        let mut calls = Calls::default();
        Trajectory::of(row)?.play(&mut calls, None, 0)?;
        if calls.steps.is_empty() {
            return Err(RowError::NoTurns);
        }
        let starts_ns = calls.steps[0].recorded.sent_ns;
        go_at_their_instants(&mut calls, starts_ns);
        Ok(Script { id, starts_ns, steps: calls.steps, category: None })
    })
}

fn go_at_their_instants(calls: &mut Calls, starts_ns: Option<u64>) {
    for step in &mut calls.steps {
        if let Some((sent_ns, starts_ns)) = step.recorded.sent_ns.zip(starts_ns) {
            step.start = Start::At(sent_ns.saturating_sub(starts_ns));
        }
    }
}

/// What one agent did.
struct Trajectory {
    tools: Option<Value>,
    steps: Vec<Value>,
    others: Vec<Map<String, Value>>,
}

impl Trajectory {
    fn of(mut row: Row) -> Result<Self, RowError> {
        let mut agent = row.object("agent")?.unwrap_or_default();
        let others =
            row.list("subagent_trajectories")?.into_iter().map(|other| Ok(Row::of(other)?.into_fields()));
        Ok(Self {
            tools: agent.remove("tool_definitions").filter(Value::is_array),
            others: others.collect::<Result<_, RowError>>()?,
            steps: row.list("steps")?,
        })
    }

    /// Adds its calls, which begin after a step, and gives the last of them.
    fn play(
        self,
        calls: &mut Calls,
        begins_after: Option<u32>,
        depth: usize,
    ) -> Result<Option<u32>, RowError> {
        let (mut call, mut last, mut joins) = (Call::default(), None, Vec::new());
        let mut shift_ns = None;
        for (place, step) in self.steps.iter().enumerate() {
            let within =
                |error| RowError::Within { place: format!("steps[{place}]"), error: Box::new(error) };
            let mut row = Row::of(step.clone()).map_err(within)?;
            let source = row.must_text("source").map_err(within)?;
            let said = message(&source, &mut row).map_err(within)?;
            if source != "agent" {
                call.messages.extend(said);
                continue;
            }
            let results = results(&mut row).map_err(within)?;
            let is_call = row.count("llm_call_count").map_err(within)? != Some(0)
                && row.take("is_copied_context") != Some(Value::Bool(true));
            if !is_call {
                call.messages.extend(said);
                call.messages.extend(results);
                continue;
            }
            call.texts = vec![as_text(&step["message"])];
            call.tools = tool_calls(step);
            let mut metrics = Row::from_fields(row.object("metrics").map_err(within)?.unwrap_or_default());
            call.input_tokens = metrics.count("prompt_tokens").map_err(within)?;
            call.output_tokens = metrics.count("completion_tokens").map_err(within)?;
            let stamp_ns = row.text("timestamp").map_err(within)?.as_deref().and_then(unix_ns);
            let begins_ns = begins_after.and_then(|step| calls.end_ns(step)).unwrap_or(0);
            let shift = shift_ns.get_or_insert(begins_ns.saturating_sub(stamp_ns.unwrap_or(begins_ns)));
            call.sent_ns = stamp_ns.map(|stamp| stamp.saturating_add(*shift));
            let after = last.or(begins_after).into_iter().chain(joins.drain(..)).collect();
            let this = calls.add(std::mem::take(&mut call), after, last);
            // Tools are in the request, since the model chose among them.
            if let Some(tools) = &self.tools {
                calls.steps[this as usize].extra_json = json!({"tools": tools}).to_string();
            }
            last = Some(this);
            call.messages = results;
            for other in started(step) {
                joins.extend(self.start(other, calls, this, depth).map_err(within)?);
            }
        }
        Ok(last)
    }

    /// Plays the trajectory of a sub-agent, if it is here.
    fn start(&self, id: &str, calls: &mut Calls, after: u32, depth: usize) -> Result<Option<u32>, RowError> {
        let is_it = |other: &&Map<String, Value>| {
            ["trajectory_id", "session_id"]
                .iter()
                .any(|key| other.get(*key).and_then(Value::as_str) == Some(id))
        };
        let Some(other) = self.others.iter().find(is_it) else { return Ok(None) };
        if depth >= DEEPEST {
            let what = format!("more than {DEEPEST} sub-agents start one inside the other");
            return Err(RowError::Contradiction { what });
        }
        Self::of(Row::from_fields(other.clone()))?.play(calls, Some(after), depth + 1)
    }
}

/// Ids of the trajectories that a step started.
fn started(step: &Value) -> impl Iterator<Item = &str> {
    let results = step["observation"]["results"].as_array().into_iter().flatten();
    let refs = results.flat_map(|result| result["subagent_trajectory_ref"].as_array().into_iter().flatten());
    refs.filter_map(|one| one["trajectory_id"].as_str().or_else(|| one["session_id"].as_str()))
}

fn tool_calls(step: &Value) -> Vec<Value> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let calls = step["tool_calls"].as_array().into_iter().flatten();
    calls
        .map(|call| {
            tool_call(&text(&call["tool_call_id"]), &text(&call["function_name"]), &call["arguments"])
        })
        .collect()
}

/// What tools answered; a result of no call is said by the user.
fn results(row: &mut Row) -> Result<Vec<Message>, RowError> {
    let mut observation = Row::from_fields(row.object("observation")?.unwrap_or_default());
    let results = observation.list("results")?.into_iter();
    let said = results.map(|result| match result["source_call_id"].as_str() {
        Some(id) => tool_result(id, &result["content"]),
        None => Message::user(vec![Part::text(as_text(&result["content"]))]),
    });
    Ok(said.collect())
}

/// What a step says; nothing if that is empty.
fn message(source: &str, row: &mut Row) -> Result<Option<Message>, RowError> {
    let role = match source {
        "agent" => roles::ASSISTANT,
        "system" | "user" => source,
        other => {
            let value = format!("\"{}\"", other.escape_debug());
            return Err(RowError::Value { key: "source", value, expected: "`system`, `user` or `agent`" });
        }
    };
    let parts = match row.take("message") {
        Some(Value::Array(parts)) => parts.iter().map(part).collect(),
        Some(Value::String(text)) if !text.is_empty() => vec![Part::text(text)],
        _ => Vec::new(),
    };
    Ok((!parts.is_empty()).then(|| Message { role: role.to_owned(), parts }))
}

fn part(part: &Value) -> Part {
    match part["source"]["path"].as_str() {
        Some(path) => Part::text(format!("[image {path}]")),
        None => Part::text(as_text(part.get("text").unwrap_or(part))),
    }
}
