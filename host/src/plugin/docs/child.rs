//! The other side: a process that opens a library, has an endpoint of it write requests, and tries which responses it can read.

use std::io;

use prony_plugin_api::{
    TextKind, TokenUsage,
    abi::EndpointVt_Ref,
    conformance::Suite,
    testing::{Answer, TestEndpoint},
};

use super::{
    super::{confined, fault::Fault, ladder, loader, trust::Trust, validate::probe::LoadFailure},
    job::{Job, Reading, Refusal, Shown, Work, Written},
    requests::turn,
};
use crate::{
    child::{
        frame::{FrameReader, FrameWriter},
        parent,
    },
    explain::Explain,
};

/// Does what the parent asks for.
///
/// # Errors
/// There is no parent, or it is gone.
pub(crate) fn run() -> io::Result<()> {
    let socket = parent()?;
    let job: Option<Job> = FrameReader::new(socket.try_clone()?).read()?;
    let Some(job) = job else { return Ok(()) };
    confined::confine();
    let shown = open(&job).map(|table| show(table, &job));
    let shown = shown.map_err(|fault| LoadFailure { text: fault.to_string(), hint: fault.hint() });
    FrameWriter::new(socket).write(&shown)
}

fn open(job: &Job) -> Result<EndpointVt_Ref, Fault> {
    let trust = Trust::of_this_process();
    let checked = ladder::check(&job.library, &trust)?;
    // The parent has looked at other bytes, and perhaps at a lock that has those.
    if checked.facts.digest.hex() != job.sha256 {
        return Err(Fault::Changed);
    }
    confined::deny_unstated(&job.library, &checked, &trust);
    let root = loader::open(&job.library, &checked, job.is_pinned)?;
    root.endpoint(&job.type_name).ok_or_else(|| Fault::Root {
        plugin: checked.facts.plugin(),
        reason: format!("its descriptor names `{}`, and its tables do not", job.type_name),
        hint: String::new(),
    })
}

fn show(table: EndpointVt_Ref, job: &Job) -> Shown {
    let endpoint = match TestEndpoint::from_table(table, &job.options) {
        Ok(endpoint) => endpoint,
        Err(error) => return Shown::Refused(Refusal::from(error)),
    };
    let requests = job.wanted.iter().map(|wanted| {
        let written = endpoint.format(&turn(*wanted));
        (*wanted, written.map(Written::from).map_err(Refusal::from))
    });
    let requests = requests.collect();
    let readable = Suite::new().readable(&endpoint).into_iter();
    let readings = readable.map(|(response, recording)| {
        let reported = reported(&endpoint.replay(&recording));
        Reading { response, reported }
    });
    Shown::Work(Work { requests, readings: readings.collect() })
}

/// What an endpoint tells of a response, in words.
fn reported(answer: &Answer) -> Vec<String> {
    let has_text = |kind| answer.passages.iter().any(|passage| passage.kind == kind);
    let usage = answer.usage.as_ref().map(usage_words).unwrap_or_default();
    let found = [
        (has_text(TextKind::CONTENT), "text"),
        (has_text(TextKind::REASONING), "reasoning"),
        (has_text(TextKind::REFUSAL), "refusals"),
        (!answer.tool_calls.is_empty(), "calls of tools"),
        (!answer.embeddings.is_empty(), "embeddings"),
        (!answer.rankings.is_empty(), "scores of passages"),
        (!answer.media.is_empty(), "media"),
        (!answer.finish_reasons.is_empty(), "why it ended"),
        (!answer.follow_ups.is_empty(), "what to ask next"),
    ];
    let mut reported: Vec<String> =
        found.into_iter().filter(|(is_there, _)| *is_there).map(|(_, words)| words.to_owned()).collect();
    if !usage.is_empty() {
        reported.push(format!("the server's counts of tokens ({})", usage.join(", ")));
    }
    for (name, _) in &answer.facts {
        let fact = format!("the fact `{name}`");
        if !reported.contains(&fact) {
            reported.push(fact);
        }
    }
    reported
}

/// The counts that the server gave.
fn usage_words(usage: &TokenUsage) -> Vec<&'static str> {
    let counts = [
        (usage.prompt, "input"),
        (usage.completion, "output"),
        (usage.total, "total"),
        (usage.reasoning, "reasoning"),
        (usage.cache_read, "read from a cache"),
        (usage.cache_write, "written to a cache"),
    ];
    counts.into_iter().filter_map(|(count, words)| count.map(|_| words)).collect()
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::abi::host::ResponseSink;

    use super::*;

    #[test]
    fn a_response_is_told_in_the_words_of_a_page() {
        let mut answer = Answer::default();
        assert!(reported(&answer).is_empty());
        ResponseSink::text(&mut answer, TextKind::CONTENT, 0, "x");
        ResponseSink::text(&mut answer, TextKind::REASONING, 0, "x");
        answer.usage(&TokenUsage { prompt: Some(3), reasoning: Some(1), ..TokenUsage::default() });
        answer.fact("model", "m");
        answer.fact("model", "m");
        let expected =
            ["text", "reasoning", "the server's counts of tokens (input, reasoning)", "the fact `model`"];
        assert_eq!(reported(&answer), expected);
    }
}
