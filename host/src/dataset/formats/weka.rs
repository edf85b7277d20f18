//! The `weka-trace` format: traces of coding agents, one JSON object a trace, alone or one a line (`cc-traces`).
//!
//! Times are in seconds: `t` from the start of the trace, `api_time` of the whole response. `in` and `out` are tokens, the
//! prompt whole; `hash_ids` are its full blocks of `block_size` tokens. With `hash_id_scope` `local` ids mean something inside
//! the trace only. A request of the type `subagent` holds the requests of another agent, whose times count from its own start,
//! unless the first is not before that.
//!
//! An agent's request waits for its last one, and for the sub-agents that had ended when it was sent; a sub-agent begins after
//! the last request before it. What the trace calls `think_time` is not read: it holds the time of sub-agents.
//! Source: callanjfox/kv-cache-tester, `TRACE_FORMAT.md` of callanjfox/agentic-coding-analysis.
//!
//! ```json
//! {"id": "trace_1", "block_size": 64, "hash_id_scope": "local", "requests": [{"t": 0.0, "type": "s", "in": 130, "out": 20, "hash_ids": [1, 2], "api_time": 3.1}]}
//! ```

use super::{
    FileError, RowError,
    contents::Head,
    input::Input,
    mooncake,
    row::{NS_PER_S, Row},
};
use crate::dataset::{Script, Start, Step, prompt::Prompt, script::session_id};

const BLOCK_SIZE: u64 = 64;

/// Whether a file begins like one.
pub(super) fn fits(head: &Head) -> bool {
    head.has_list("requests") && head.has(&["block_size"])
}

/// Reads a file's traces.
pub(super) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    let mut number = input.first_number();
    let mut scripts = input.objects(|mut row| {
        number += 1;
        trace(&mut row, number, input)
    })?;
    // Traces have no common clock.
    if let [only] = &mut scripts[..]
        && input.part().is_none()
    {
        only.starts_ns = Some(0);
    }
    Ok(scripts)
}

/// A trace on its way to a script.
struct Trace {
    block_size: u32,
    scope: u64,
    steps: Vec<Step>,
}

/// `number` counts from 1.
fn trace(row: &mut Row, number: u64, input: &Input<'_>) -> Result<Script, RowError> {
    let scope = match row.text("hash_id_scope")?.as_deref() {
        None | Some("local") => number,
        Some("global") => 0,
        Some(other) => {
            let value = format!("\"{other}\"");
            return Err(RowError::Value { key: "hash_id_scope", value, expected: "`local` or `global`" });
        }
    };
    let block_size = row.positive("block_size")?.unwrap_or(BLOCK_SIZE);
    let block_size = u32::try_from(block_size).map_err(|_| RowError::Value {
        key: "block_size",
        value: block_size.to_string(),
        expected: "a number of tokens",
    })?;
    let block_size = input.block_size(block_size);
    let mut trace = Trace { block_size, scope, steps: Vec::new() };
    trace.agent(row, None, 0)?;
    if trace.steps.is_empty() {
        return Err(RowError::NoTurns);
    }
    let id = row.text("id")?.unwrap_or_else(|| session_id(number - 1));
    Ok(Script { id, starts_ns: None, steps: trace.steps, category: None })
}

impl Trace {
    /// Adds the requests of an agent and its sub-agents, and gives the last one. It begins after a step, at an instant of the
    /// trace.
    fn agent(
        &mut self,
        row: &mut Row,
        begins_after: Option<u32>,
        begins_ns: u64,
    ) -> Result<Option<u32>, RowError> {
        let requests = row.list("requests")?;
        let mut last = begins_after;
        let mut running: Vec<u32> = Vec::new();
        let mut offset_ns = begins_ns;
        for (place, request) in requests.into_iter().enumerate() {
            let within =
                |error| RowError::Within { place: format!("requests[{place}]"), error: Box::new(error) };
            let mut request = Row::of(request).map_err(within)?;
            let t_ns = request.time("t", NS_PER_S).map_err(within)?.unwrap_or(0);
            if place == 0 && t_ns >= begins_ns {
                offset_ns = 0;
            }
            let sent_ns = t_ns.saturating_add(offset_ns);
            if request.text("type").map_err(within)?.as_deref() == Some("subagent") {
                running.extend(
                    self.agent(&mut request, last, sent_ns).map_err(within)?.filter(|end| Some(*end) != last),
                );
                continue;
            }
            let (over, others) = running.into_iter().partition(|end| self.end_ns(*end) <= sent_ns);
            running = others;
            last = Some(self.request(&mut request, sent_ns, last, over).map_err(within)?);
        }
        Ok(last)
    }

    fn request(
        &mut self,
        row: &mut Row,
        sent_ns: u64,
        last: Option<u32>,
        over: Vec<u32>,
    ) -> Result<u32, RowError> {
        let mut step = mooncake::prompt(Prompt {
            tokens: row.must_count("in")?,
            block_size: self.block_size,
            blocks: row.ids("hash_ids")?,
            scope: self.scope,
        })?;
        let output_tokens = row.must_count("out")?;
        step.max_tokens = Some(output_tokens.max(1));
        step.recorded.output_tokens = Some(output_tokens);
        step.recorded.sent_ns = Some(sent_ns);
        step.recorded.took_ns = row.time("api_time", NS_PER_S)?;
        step.after = last.into_iter().chain(over).collect();
        let ready_ns = step.after.iter().map(|before| self.end_ns(*before)).max();
        // The first request of a trace goes when its session starts; another one without a step before it, at its time.
        step.start = match ready_ns {
            Some(ready_ns) => Start::After(sent_ns.saturating_sub(ready_ns)),
            None => Start::At(sent_ns),
        };
        self.steps.push(step);
        Ok(u32::try_from(self.steps.len() - 1).unwrap_or(u32::MAX))
    }

    /// When the response to a request had come.
    fn end_ns(&self, step: u32) -> u64 {
        let recorded = self.steps[step as usize].recorded;
        recorded.sent_ns.unwrap_or(0).saturating_add(recorded.took_ns.unwrap_or(0))
    }
}
