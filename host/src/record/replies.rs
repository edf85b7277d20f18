//! Tokens of the replies that later requests of a session repeat: only they and what the dataset says make the whole input.

use std::collections::HashMap;

use super::Record;

/// Tokens of the replies in the sessions that go on. Records come in the order in which their requests ended, so that a reply is
/// known before a request that repeats it.
#[derive(Debug, Default)]
pub(super) struct Replies {
    /// By phase and session; then by step.
    sessions: HashMap<(u32, u64), HashMap<u32, u64>>,
}

impl Replies {
    /// Gives a record of a dialogue the tokens of its whole input, and takes note of its reply.
    pub(super) fn complete(&mut self, record: &mut Record) {
        if record.steps <= 1 {
            return;
        }
        let session = self.sessions.entry((record.phase, record.session_num)).or_default();
        if !record.repeats.is_empty() {
            let repeated = record.repeats.iter().map(|step| session.get(step).copied()).sum::<Option<u64>>();
            record.counted.input = repeated.zip(record.scripted_tokens).map(|(a, b)| a + b);
        }
        if let Some(tokens) = reply_tokens(record) {
            session.insert(record.turn_index, tokens);
        }
        if session.len() >= record.steps as usize {
            self.sessions.remove(&(record.phase, record.session_num));
        }
    }

    /// A phase is over, and its sessions with it.
    pub(super) fn forget(&mut self, phase: u32) {
        self.sessions.retain(|(of, _), _| *of != phase);
    }
}

/// Tokens of what a later request repeats of a response: without its reasoning. Of several choices it repeats the first, which
/// nobody has counted alone.
pub(super) fn reply_tokens(record: &Record) -> Option<u64> {
    let only = record.choices.is_none();
    let tokens = record.counted.output?.saturating_sub(record.counted.reasoning.unwrap_or(0));
    only.then_some(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::CountedTokens;

    fn record(step: u32, repeats: &[u32], output: Option<u64>) -> Record {
        Record {
            session_num: 5,
            turn_index: step,
            steps: 3,
            repeats: repeats.to_vec(),
            scripted_tokens: Some(10 * u64::from(step + 1)),
            counted: CountedTokens { output, ..CountedTokens::default() },
            ..Record::default()
        }
    }

    fn input(replies: &mut Replies, mut record: Record) -> Option<u64> {
        replies.complete(&mut record);
        record.counted.input
    }

    #[test]
    fn the_input_is_what_the_dataset_says_and_all_replies_before() {
        let mut replies = Replies::default();
        let mut first = record(0, &[], Some(7));
        first.counted.reasoning = Some(3);
        assert_eq!(input(&mut replies, first), None, "it has its own count");
        assert_eq!(input(&mut replies, record(1, &[0], Some(5))), Some(20 + 4));
        assert_eq!(input(&mut replies, record(2, &[0, 1], Some(5))), Some(30 + 4 + 5));
        assert!(replies.sessions.is_empty(), "the session is over");
    }

    #[test]
    fn an_input_with_a_reply_that_was_not_counted_is_unknown() {
        let mut replies = Replies::default();
        assert_eq!(input(&mut replies, record(0, &[], None)), None);
        assert_eq!(input(&mut replies, record(1, &[0], Some(5))), None);
        replies.forget(0);
        assert!(replies.sessions.is_empty());
    }
}
