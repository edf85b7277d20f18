//! Sessions: scripts as they are played, request by request. Pure: who plays one decides when, and sends what it says.
//!
//! A session is the unit of work of a worker. It begins with its script and an empty [`history`]; each answer that came moves
//! it on by one step, and is what the next request repeats. A single request is a session of one step.

pub(crate) mod history;

use std::sync::Arc;

use self::history::{Message, Reply};
use crate::dataset::{Script, StepPlace};

/// A script at the step that is next.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    number: u64,
    script: Arc<Script>,
    position: usize,
    history: Vec<Message>,
}

impl Session {
    /// A session at its first step. `number` is its place in the phase, from 0.
    pub(crate) fn new(number: u64, script: Arc<Script>) -> Self {
        Self { number, script, position: 0, history: Vec::new() }
    }

    /// Its place in the phase, from 0.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The step whose request is next.
    pub(crate) fn step(&self) -> StepPlace<'_> {
        self.script.place(self.position)
    }

    /// What was said before that step, oldest first.
    pub(crate) fn history(&self) -> &[Message] {
        &self.history
    }

    /// Whether a step follows the one that is next.
    pub(crate) fn goes_on(&self) -> bool {
        self.position + 1 < self.script.steps.len()
    }

    /// The request was answered: it and its reply become history, and the step after it is next. A session that does not
    /// [go on](Session::goes_on) is over, and stays as it is.
    pub(crate) fn answered(&mut self, reply: Reply) {
        if self.goes_on() {
            self.history.push(Message::said(&self.script, self.position));
            self.history.push(Message::replied(reply));
            self.position += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Part, Step};

    fn step(text: &str) -> Step {
        Step {
            role: "user".into(),
            parts: vec![Part::text(text.into())],
            max_tokens: None,
            extra_json: String::new(),
            headers: Vec::new(),
            input_tokens: None,
        }
    }

    fn session(texts: &[&str]) -> Session {
        let steps = texts.iter().map(|text| step(text)).collect();
        Session::new(7, Arc::new(Script { id: "s".into(), steps }))
    }

    fn history(session: &Session) -> Vec<(&str, &str)> {
        session.history().iter().map(|message| (message.role(), &*message.parts()[0].data)).collect()
    }

    #[test]
    fn a_single_request_is_a_session_of_one_step() {
        let mut session = session(&["hello"]);
        assert!(!session.goes_on());
        session.answered(Reply::of("hi".into()));
        assert_eq!((session.step().number, session.history().len()), (0, 0));
    }

    #[test]
    fn every_request_repeats_what_was_said_before_it() {
        let mut session = session(&["one", "two", "three"]);
        session.answered(Reply::of("first".into()));
        assert_eq!(session.step().number, 1);
        assert_eq!(history(&session), [("user", "one"), ("assistant", "first")]);
        session.answered(Reply::of("second".into()));
        assert_eq!(session.step().number, 2);
        assert!(!session.goes_on());
        let expected = [("user", "one"), ("assistant", "first"), ("user", "two"), ("assistant", "second")];
        assert_eq!(history(&session), expected);
    }

    /// A history of a hundred turns must not be copied for every request of it.
    #[test]
    fn what_was_said_is_shared_with_the_script() {
        let mut session = session(&["one", "two"]);
        session.answered(Reply::of("first".into()));
        let (in_script, in_history) =
            (session.script.steps[0].parts.as_ptr(), session.history()[0].parts().as_ptr());
        assert_eq!(in_history, in_script);
        let copy = session.clone();
        assert_eq!(copy.history()[1].parts().as_ptr(), session.history()[1].parts().as_ptr());
    }
}
