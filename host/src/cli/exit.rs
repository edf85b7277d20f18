//! How a command ends: the table of exit codes, and the shape that every error takes on its way to the user.
//!
//! A stage's error keeps its texts and its hint ([`Explain`]); a [`HasExit`] for it, in the file of the command that meets it,
//! adds the exit code. There is no other path from an error to the end of the process.

use std::{error::Error, process::ExitCode};

use crate::{explain::Explain, run::Interrupt};

/// The exit codes of `prony`. They are part of its interface: a number never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything that was asked for was done.
    Success = 0,
    /// The run or command failed; for a run, every request did, or a part that it cannot do without.
    Failed = 1,
    /// The command line or the configuration cannot be used. Nothing was sent.
    Usage = 2,
    /// A plugin is missing, broken, or made for another contract; or a plugin, a tokenizer or a dataset is not what was locked.
    Plugin = 3,
    /// The target does not answer.
    Unreachable = 4,
    /// A number is worse than a gate allows.
    Objective = 5,
    /// The run ended early, since its deadline was over, a service asked for it or the server was gone; what was measured is reported.
    /// For a comparison or a search: the runs do not decide.
    Incomplete = 6,
    /// Ended by SIGHUP, since the terminal went away; what was measured is reported.
    HungUp = 129,
    /// Ended by Ctrl-C; what was measured is reported.
    Interrupted = 130,
    /// Ended by SIGTERM; what was measured is reported.
    Terminated = 143,
}

impl Exit {
    /// All of them, by their numbers.
    const ALL: [Self; 10] = [
        Self::Success,
        Self::Failed,
        Self::Usage,
        Self::Plugin,
        Self::Unreachable,
        Self::Objective,
        Self::Incomplete,
        Self::HungUp,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The one with this number, if there is one.
    pub(crate) fn of_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| *exit as u8 == code)
    }
}

impl From<Interrupt> for Exit {
    fn from(interrupt: Interrupt) -> Self {
        match interrupt {
            Interrupt::HungUp => Self::HungUp,
            Interrupt::Interrupted => Self::Interrupted,
            Interrupt::Terminated => Self::Terminated,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// How the text of an error becomes a sentence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// What was tried: it is printed after "failed to".
    #[default]
    Attempt,
    /// What is wrong: it is printed as it is.
    Statement,
}

/// An error as the user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// How the process ends.
    pub(crate) exit: Exit,
    /// What was tried, or what is wrong.
    pub(crate) message: String,
    /// Which of the two it is.
    pub(crate) form: Form,
    /// What lies behind it, outermost first.
    pub(crate) causes: Vec<String>,
    /// What to do next.
    pub(crate) hint: Option<String>,
    /// What else is wrong, to be told after it.
    pub(crate) beside: Vec<Self>,
}

impl Failure {
    /// A failure with nothing behind it. The message is a fragment that fits after "failed to".
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            form: Form::Attempt,
            causes: Vec::new(),
            hint: None,
            beside: Vec::new(),
        }
    }

    /// The same with a message that is a sentence of its own.
    pub(crate) fn statement(exit: Exit, message: impl Into<String>) -> Self {
        Self { form: Form::Statement, ..Self::new(exit, message) }
    }

    /// The same, with a next step.
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// It and all that is told after it, one by one.
    pub(crate) fn apart(mut self) -> impl Iterator<Item = Self> {
        let beside = std::mem::take(&mut self.beside);
        std::iter::once(self).chain(beside)
    }

    /// The same, with an error and its sources behind it.
    pub(crate) fn caused_by(mut self, error: &dyn Error) -> Self {
        self.causes.extend(chain(Some(error)));
        self
    }
}

/// An error that can end a command.
pub(crate) trait HasExit: Explain {
    /// The exit code that it means.
    fn exit(&self) -> Exit;
}

impl<E: HasExit> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            exit: error.exit(),
            message: error.to_string(),
            form: if error.is_statement() { Form::Statement } else { Form::Attempt },
            causes: chain(error.source()),
            hint: given(error.hint()),
            beside: Vec::new(),
        }
    }
}

/// A next step, where there is one.
fn given(hint: String) -> Option<String> {
    Some(hint).filter(|hint| !hint.is_empty())
}

/// The texts of an error and its sources. Some libraries repeat a source in the text of the error: it is said once.
fn chain(error: Option<&dyn Error>) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for error in std::iter::successors(error, |&error| error.source()) {
        let text = error.to_string();
        if !texts.last().is_some_and(|outer| outer.contains(&text)) {
            texts.push(text);
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("open the box `{name}`")]
    struct Closed {
        name: &'static str,
        source: std::num::ParseIntError,
    }

    impl Explain for Closed {
        fn hint(&self) -> String {
            "turn the key".to_owned()
        }
    }

    impl HasExit for Closed {
        fn exit(&self) -> Exit {
            Exit::Plugin
        }
    }

    #[test]
    fn an_explained_error_becomes_a_failure_with_its_causes() {
        let failure = Failure::from(Closed { name: "a", source: "x".parse::<u8>().unwrap_err() });
        let expected = Failure::new(Exit::Plugin, "open the box `a`").with_hint("turn the key");
        assert_eq!(failure, Failure { causes: vec!["invalid digit found in string".to_owned()], ..expected });
    }

    #[derive(Debug, thiserror::Error)]
    #[error("count the boxes: {0}")]
    struct Repeats(#[source] std::num::ParseIntError);

    #[test]
    fn a_cause_that_the_error_repeats_is_said_once() {
        let failure = Failure::new(Exit::Failed, "try").caused_by(&Repeats("x".parse::<u8>().unwrap_err()));
        assert_eq!(failure.causes, ["count the boxes: invalid digit found in string"]);
    }

    /// The compiler sees to it that `number` knows every one.
    #[test]
    fn the_numbers_are_those_of_the_contract_for_scripts() {
        fn number(exit: Exit) -> u8 {
            match exit {
                Exit::Success => 0,
                Exit::Failed => 1,
                Exit::Usage => 2,
                Exit::Plugin => 3,
                Exit::Unreachable => 4,
                Exit::Objective => 5,
                Exit::Incomplete => 6,
                Exit::HungUp => 129,
                Exit::Interrupted => 130,
                Exit::Terminated => 143,
            }
        }
        let page = include_str!("../../../docs/EXIT_CODES_AND_FILES.md");
        let (_, table) = page.split_once("\n| code | name | meaning |\n|---|---|---|\n").unwrap();
        let rows = table.lines().take_while(|line| line.starts_with('|'));
        let rows: Vec<(String, String)> = rows
            .map(|row| {
                let cells: Vec<&str> = row.split('|').map(str::trim).collect();
                (cells[1].to_owned(), cells[2].replace(' ', ""))
            })
            .collect();
        let codes = Exit::ALL.map(|exit| (number(exit).to_string(), format!("{exit:?}").to_lowercase()));
        assert_eq!(rows, codes);
        assert!(Exit::ALL.iter().all(|exit| Exit::of_code(number(*exit)) == Some(*exit)));
    }
}
