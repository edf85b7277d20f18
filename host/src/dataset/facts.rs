//! What is to be known of all sessions of a file together, gathered session by session.

use std::collections::BTreeSet;

use super::{PAYLOAD, Script, Start, formats::raw_payload, script::secrets};
use crate::{
    plan::{RecordedTiming, StepTiming},
    screen::agreeing,
};

/// What sessions have in common.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Some say when they began.
    pub(super) has_instants: bool,
    /// Some step has a text to be written.
    pub(super) has_prompts: bool,
    unsaid: Unsaid,
    /// Requests that are whole bodies, and those of them that ask for a stream and for none.
    payloads: u64,
    streams: u64,
    others: u64,
    /// Requests that are none.
    messages: u64,
    /// What must not be written down.
    pub(super) secrets: BTreeSet<String>,
    /// What is to be said of settings that change nothing of it.
    pub(super) notes: Vec<String>,
}

/// What a recording does not say of its times.
#[derive(Clone, Copy, Debug, Default)]
struct Unsaid {
    /// How long some response took.
    durations: bool,
    /// How long some pause was: a session has such a response, and a later step at an instant.
    pauses: bool,
}

impl Facts {
    /// Of one session.
    pub(super) fn of(script: &Script) -> Self {
        let durations = script.steps.iter().any(|step| step.recorded.took_ns.is_none());
        let mut later = script.steps.iter().skip(1);
        let mut facts = Self {
            unsaid: Unsaid {
                durations,
                pauses: durations && later.any(|step| matches!(step.start, Start::At(_))),
            },
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
        self.unsaid.durations |= other.unsaid.durations;
        self.unsaid.pauses |= other.unsaid.pauses;
        self.payloads += other.payloads;
        self.streams += other.streams;
        self.others += other.others;
        self.messages += other.messages;
        self.secrets.extend(other.secrets);
    }

    /// Some request is a whole body.
    pub(super) fn has_payloads(&self) -> bool {
        self.payloads > 0
    }

    /// Every request is a whole body.
    pub(super) fn are_payloads(&self) -> bool {
        self.messages == 0
    }

    /// What to say if pauses are wanted and the recording does not tell them from responses.
    pub(super) fn unknown_pauses(&self, timing: &RecordedTiming) -> Option<String> {
        let wanted = [
            (timing.steps == Some(StepTiming::Gaps) && self.unsaid.pauses, "`--no-open-loop-replay`"),
            (timing.most_session_idle_s.is_some() && self.unsaid.pauses, "`--trace-idle-gap-cap-seconds`"),
            (timing.most_idle_s.is_some() && self.unsaid.durations, "`--max-idle-gap-cap-seconds`"),
        ];
        let flags: Vec<&str> = wanted.into_iter().filter(|(is_so, _)| *is_so).map(|(_, flag)| flag).collect();
        (!flags.is_empty()).then(|| {
            format!(
                "the input file does not say how long all of its responses took: {} {} their time as a pause",
                flags.join(" and "),
                agreeing(flags.len() as u64, "counts", "count")
            )
        })
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::dataset::{Message, Part, Step, script::Recorded};

    const GAPS: RecordedTiming = RecordedTiming {
        steps: Some(StepTiming::Gaps),
        most_delay_s: None,
        most_session_idle_s: None,
        most_idle_s: None,
    };
    const IDLE: RecordedTiming = RecordedTiming {
        steps: None,
        most_delay_s: None,
        most_session_idle_s: Some(5.0),
        most_idle_s: Some(5.0),
    };

    fn facts(second: Start, took_ns: Option<u64>) -> Facts {
        let step = |start| Step {
            start,
            recorded: Recorded { took_ns, ..Recorded::default() },
            ..Step::first(Message::user(vec![Part::text("x".into())]))
        };
        Facts::of(&Script::dialogue("s".into(), [step(Start::At(0)), step(second)]))
    }

    #[rstest]
    #[case::known(Start::At(9), Some(4), GAPS, None)]
    #[case::gaps(Start::At(9), None, GAPS, Some("took: `--no-open-loop-replay` counts their time"))]
    #[case::gaps_are_recorded(Start::After(9), None, GAPS, None)]
    #[case::idle_times(
        Start::At(9),
        None,
        IDLE,
        Some("`--trace-idle-gap-cap-seconds` and `--max-idle-gap-cap-seconds` count")
    )]
    #[case::between_sessions(Start::After(9), None, IDLE, Some("took: `--max-idle-gap-cap-seconds` counts"))]
    #[case::unchanged(Start::At(9), None, RecordedTiming::default(), None)]
    fn a_recording_that_does_not_tell_pauses_from_responses_is_warned_of(
        #[case] second: Start,
        #[case] took_ns: Option<u64>,
        #[case] timing: RecordedTiming,
        #[case] expected: Option<&str>,
    ) {
        let mut all = Facts::default();
        all.add(facts(second, took_ns));
        let warning = all.unknown_pauses(&timing);
        assert_eq!(warning.is_some(), expected.is_some(), "{warning:?}");
        if let (Some(warning), Some(expected)) = (warning, expected) {
            assert!(warning.contains(expected), "{warning}");
        }
    }
}
