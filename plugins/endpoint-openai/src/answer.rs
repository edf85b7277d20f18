//! Reading generated text: [`AnswerParser`], for chat and text completions alike.
//!
//! A chunk of a stream and a whole answer differ in little more than `delta` and `message`; servers mix even those
//! up. So there is one reader, and what is present decides.

use prony_plugin_api::{
    EventSink, Parser, Result, TextKind,
    json::{self, Facts, Failure, Few},
};
use serde_json::Value;

use crate::{
    likeness::{Likeness, Said},
    said::Content,
    speculation,
    wire::{ChatText, Choice, Function, Reply},
};

/// What a reply that is none is compared with.
const EXPECTED: &str = "an object with `choices`";

/// Reads one response.
#[derive(Debug, Default)]
pub(crate) struct AnswerParser {
    facts: Facts,
    /// Of the chunks that have no event's name.
    likeness: Likeness,
}

impl Parser for AnswerParser {
    fn event(&mut self, name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        if name.is_empty()
            && let Some(Said { kind, choice, text }) = self.likeness.of(data)
        {
            Voice { choice, out }.say(kind, text);
        } else if data.trim_ascii() == b"[DONE]" {
            out.done();
        } else if let Some(reply) = json::event(name, data, EXPECTED, out)? {
            // Chunks without anything in them (pings, timings) are nobody's fault.
            self.reply(&reply, data, out);
            if let Some(said) = only_text(&reply).filter(|_| name.is_empty()) {
                self.likeness.note(data, said);
            }
        }
        Ok(())
    }

    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        // Without choices nothing of it is told: what another API format says under the same names may mean something else.
        let is_one = |reply: &Reply<'_>| reply.choices.is_some();
        if let Some(reply) = json::answer(status, body, EXPECTED, is_one, out)?
            && !self.reply(&reply, body, out)
        {
            out.done();
        }
        Ok(())
    }
}

impl AnswerParser {
    /// Tells everything that `reply` says, and whether that includes an error. `data` is its text.
    fn reply(&mut self, reply: &Reply<'_>, data: &[u8], out: &mut EventSink<'_>) -> bool {
        self.facts.tell(&reply.id, &reply.model, out);
        let failed_choice = choices(reply, out);
        if let Some(counts) = reply.usage.as_ref().and_then(|usage| usage.counts()) {
            out.usage(counts);
        }
        if reply.metrics.is_some() {
            speculation::tell(data, out);
        }
        let suspicious = reply.error.is_some() || (reply.choices.is_none() && reply.usage.is_none());
        let failure = if suspicious { Failure::find(data) } else { None };
        let failure = failure.or_else(|| failed_choice.map(|choice| given_up(choice, data)));
        if let Some(failure) = &failure {
            failure.report(None, out);
        }
        failure.is_some()
    }
}

/// What a chunk says that says one text, and nothing else but names.
fn only_text<'a>(reply: &'a Reply<'_>) -> Option<Said<'a>> {
    let Reply { id: _, model: _, choices, usage: None, error: None, metrics: None } = reply else {
        return None;
    };
    let mut all = choices.iter().flat_map(Few::enumerate);
    let (Some((position, choice)), None) = (all.next(), all.next()) else { return None };
    let Choice { index, delta, message: None, text: own, finish_reason, error: None } = choice else {
        return None;
    };
    let of_delta = match delta {
        None => [(TextKind::CONTENT, ""); 4],
        Some(ChatText {
            reasoning_content: older,
            reasoning: newer,
            reasoning_details,
            content: Content::Whole(content),
            refusal,
            tool_calls,
            function_call: None,
        }) if reasoning_details.is_empty() && tool_calls.is_empty() => [
            (TextKind::REASONING, &**older),
            (TextKind::REASONING, &**newer),
            (TextKind::CONTENT, &**content),
            (TextKind::REFUSAL, &**refusal),
        ],
        Some(_) => return None,
    };
    let all = of_delta.into_iter().chain([(TextKind::CONTENT, &**own)]);
    let mut texts = all.filter(|(_, text)| !text.is_empty());
    let (Some((kind, text)), None) = (texts.next(), texts.next()) else { return None };
    finish_reason.is_empty().then_some(Said { kind, choice: index.unwrap_or(position), text })
}

/// A choice that the server gave up: its number, and its finish reason, which may be empty.
type GivenUp<'a> = (u32, &'a str);

/// Why a choice was given up: what the server says beside it in `data`, or else that it was.
fn given_up((choice, reason): GivenUp<'_>, data: &[u8]) -> Failure {
    let reply: Value = serde_json::from_slice(data).unwrap_or_default();
    let choices = reply.get("choices").and_then(Value::as_array).into_iter().flatten();
    choices.filter(|choice| choice.get("error").is_some()).find_map(Failure::of).unwrap_or_else(|| {
        Failure::of_text(&format!("the server ended choice {choice} with finish_reason `{reason}`"))
    })
}

/// Tells the texts and ends of all choices. Returns one that the server says it gave up, if there is one.
fn choices<'a>(reply: &'a Reply<'_>, out: &mut EventSink<'_>) -> Option<GivenUp<'a>> {
    let mut failed = None;
    for (position, choice) in reply.choices.iter().flat_map(Few::enumerate) {
        let index = choice.index.unwrap_or(position);
        let mut voice = Voice { choice: index, out };
        for said in choice.delta.iter().chain(choice.message.as_deref()) {
            voice.chat(said);
        }
        voice.say(TextKind::CONTENT, &choice.text);
        if !choice.finish_reason.is_empty() {
            out.finish(index, &choice.finish_reason);
        }
        if choice.error.is_some() || matches!(&*choice.finish_reason, "error" | "abort") {
            failed = Some((index, &*choice.finish_reason));
        }
    }
    failed
}

/// One choice's way to the host.
struct Voice<'a, 'o> {
    choice: u32,
    out: &'a mut EventSink<'o>,
}

impl Voice<'_, '_> {
    /// An empty text is no token: it must not reach the host as an event.
    fn say(&mut self, kind: TextKind, text: &str) {
        if !text.is_empty() {
            self.out.text(kind, self.choice, text);
        }
    }

    fn chat(&mut self, said: &ChatText<'_>) {
        // Servers send the same thought under several names, for the clients that know only one of them.
        let thought =
            if said.reasoning_content.is_empty() { &said.reasoning } else { &said.reasoning_content };
        if thought.is_empty() {
            for detail in said.reasoning_details.iter() {
                self.say(TextKind::REASONING, &detail.text);
                self.say(TextKind::REASONING, &detail.summary);
            }
        } else {
            self.say(TextKind::REASONING, thought);
        }
        match &said.content {
            Content::Whole(text) => self.say(TextKind::CONTENT, text),
            Content::Parts(parts) => {
                for part in parts {
                    self.say(TextKind::CONTENT, &part.text);
                    self.say(TextKind::REFUSAL, &part.refusal);
                }
            }
        }
        self.say(TextKind::REFUSAL, &said.refusal);
        for (position, call) in said.tool_calls.enumerate() {
            if let Some(function) = &call.function {
                self.call(call.index.unwrap_or(position), &call.id, function);
            }
        }
        if let Some(function) = said.function_call.as_deref() {
            self.call(0, "", function);
        }
    }

    fn call(&mut self, index: u32, id: &str, function: &Function<'_>) {
        if !(id.is_empty() && function.name.is_empty() && function.arguments.is_empty()) {
            self.out.tool_call(self.choice, index, id, &function.name, &function.arguments);
        }
        self.say(TextKind::TOOL, &function.name);
        self.say(TextKind::TOOL, &function.arguments);
    }
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::{
        Endpoint, RequestWriter, TurnContext,
        testing::{Answer, TestEndpoint},
    };
    use rstest::rstest;

    use super::*;

    /// What [`Watched`] tells of each chunk.
    const IS_ALIKE: &str = "is_alike";

    /// An API format that only reads.
    struct Reading;

    /// Tells of each chunk whether it need not be parsed, and has it read.
    struct Watched(AnswerParser);

    impl Endpoint for Reading {
        type Parser = Watched;

        fn new(_options: &str) -> Result<Self> {
            Ok(Self)
        }

        fn format(&self, _turn: &TurnContext<'_>, _request: &mut RequestWriter<'_>) -> Result<()> {
            Ok(())
        }

        fn parser(&self) -> Watched {
            Watched(AnswerParser::default())
        }
    }

    impl Parser for Watched {
        fn event(&mut self, name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
            let is_alike = self.0.likeness.of(data).is_some();
            out.fact(IS_ALIKE, if is_alike { "yes" } else { "no" });
            self.0.event(name, data, out)
        }

        fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
            self.0.body(status, body, out)
        }
    }

    #[rstest]
    #[case::content(r#""delta":{"content":"TEXT"},"logprobs":null"#, TextKind::CONTENT)]
    #[case::reasoning(r#""delta":{"content":null,"reasoning_content":"TEXT"}"#, TextKind::REASONING)]
    #[case::a_text_completion(r#""text":"TEXT","logprobs":null"#, TextKind::CONTENT)]
    fn the_second_chunk_with_one_text_need_not_be_parsed(#[case] members: &str, #[case] kind: TextKind) {
        let mut parser = TestEndpoint::new::<Reading>("{}").unwrap().parser().unwrap();
        let mut answer = Answer::default();
        for text in ["one", " and two", ""] {
            let members = members.replace("TEXT", text);
            let chunk = format!(
                r#"{{"id":"c-1","model":"m","choices":[{{"index":0,{members},"finish_reason":null}}],"usage":null}}"#
            );
            parser.event("", chunk.as_bytes(), &mut answer).unwrap();
        }
        assert_eq!(answer.text_of(0, kind), "one and two");
        let facts = answer.facts.iter().filter(|(name, _)| name == IS_ALIKE);
        let alike: Vec<&str> = facts.map(|(_, value)| value.as_str()).collect();
        assert_eq!(alike, ["no", "yes", "yes"]);
    }
}
