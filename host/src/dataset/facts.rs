//! What is to be known of all sessions of a file together, gathered session by session.

use std::collections::BTreeSet;

use super::{PAYLOAD, Script, formats::raw_payload, script::secrets};
use crate::screen::agreeing;

/// What sessions have in common.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Some say when they began.
    pub(super) has_instants: bool,
    /// Some step has a text to be written.
    pub(super) has_prompts: bool,
    /// Requests that are whole bodies, and those of them that ask for a stream and for none.
    payloads: u64,
    streams: u64,
    others: u64,
    /// Requests that are none.
    messages: u64,
    /// What must not be written down.
    pub(super) secrets: BTreeSet<String>,
}

impl Facts {
    /// Of one session.
    pub(super) fn of(script: &Script) -> Self {
        let mut facts = Self {
            has_instants: script.starts_ns.is_some(),
            has_prompts: script.steps.iter().any(|step| step.prompt.is_some()),
            secrets: secrets([script]).collect(),
            ..Self::default()
        };
        for step in &script.steps {
            let mut payloads = step.parts().filter(|part| part.name == PAYLOAD).peekable();
            facts.messages += u64::from(payloads.peek().is_none());
            for payload in payloads {
                facts.payloads += 1;
                match raw_payload::stream(&payload.data) {
                    Some(true) => facts.streams += 1,
                    Some(false) => facts.others += 1,
                    None => {}
                }
            }
        }
        facts
    }

    /// Of all of these.
    pub(super) fn of_all<'a>(scripts: impl IntoIterator<Item = &'a Script>) -> Self {
        let mut facts = Self::default();
        scripts.into_iter().for_each(|script| facts.add(Self::of(script)));
        facts
    }

    /// Adds those of another session.
    pub(super) fn add(&mut self, other: Self) {
        self.has_instants |= other.has_instants;
        self.has_prompts |= other.has_prompts;
        self.payloads += other.payloads;
        self.streams += other.streams;
        self.others += other.others;
        self.messages += other.messages;
        self.secrets.extend(other.secrets);
    }

    /// Every request is a whole body.
    pub(super) fn are_payloads(&self) -> bool {
        self.messages == 0
    }

    /// What to say if whole bodies disagree with the run about whether responses are streams. Those that say nothing of it agree.
    pub(super) fn other_streaming(&self, is_streaming: bool) -> Option<String> {
        let (others, value, consequence) = if is_streaming {
            (self.others, false, "`--streaming` expects streams: leave it out, or change the bodies")
        } else {
            (
                self.streams,
                true,
                "`--streaming` is missing: without it there is no time to first token, nor any other metric of streams",
            )
        };
        let (all, have) = (self.payloads, agreeing(others, "has", "have"));
        (others > 0).then(|| {
            format!("{others} of {all} request bodies {have} `\"stream\": {value}`, and {consequence}")
        })
    }
}
