//! Where checks are made: steps are told before they are taken, findings are collected.

use super::{
    cases::CaseName,
    piece::Piece,
    report::{Check, Finding, Verdict},
    selection::Selection,
    Witness,
};
use crate::error::{ErrorKind, PluginError};

/// Most findings of one check that are listed.
const LISTED: usize = 5;

/// Longest text of a finding, in characters.
const LONGEST: usize = 400;

pub(super) struct Bench<'a> {
    witness: &'a mut dyn Witness,
    selection: &'a Selection,
}

impl<'a> Bench<'a> {
    pub(super) fn new(witness: &'a mut dyn Witness, selection: &'a Selection) -> Self {
        Self { witness, selection }
    }

    /// Makes one check, if it is chosen.
    pub(super) fn check(&mut self, name: CaseName, body: impl FnOnce(&mut Case<'_>)) {
        if self.selection.chooses(name) {
            let ((), check) = self.make(name, body);
            self.tell(check);
        }
    }

    /// Makes one that the others cannot do without. If it was not chosen, only what is found is told.
    pub(super) fn basis<R>(&mut self, name: CaseName, body: impl FnOnce(&mut Case<'_>) -> R) -> R {
        let (outcome, check) = self.make(name, body);
        if self.selection.chooses(name) || check.verdict != Verdict::Ok {
            self.tell(check);
        }
        outcome
    }

    fn make<R>(&mut self, name: CaseName, body: impl FnOnce(&mut Case<'_>) -> R) -> (R, Check) {
        self.witness.opens(name);
        let mut case = Case { witness: self.witness, check: Check::of(name) };
        let outcome = body(&mut case);
        (outcome, case.check)
    }

    /// What there was nothing to try with was not checked.
    fn tell(&mut self, check: Check) {
        if check.cases > 0 || !check.findings.is_empty() {
            self.witness.checked(check);
        }
    }
}

/// One check under way.
pub(super) struct Case<'a> {
    witness: &'a mut dyn Witness,
    check: Check,
}

impl Case<'_> {
    /// A call is about to be made; the text fits after "while checking".
    pub(super) fn step(&mut self, what: &str) {
        self.check.cases += 1;
        self.witness.begins(what);
    }

    /// What goes into the call of this step, if a trace is wanted.
    pub(super) fn gives(&mut self, pieces: impl FnOnce() -> Vec<Piece>) {
        if self.witness.traces() {
            self.witness.gives(pieces());
        }
    }

    /// What came out of it.
    pub(super) fn gets(&mut self, pieces: impl FnOnce() -> Vec<Piece>) {
        if self.witness.traces() {
            self.witness.gets(pieces());
        }
    }

    pub(super) fn fail(&mut self, text: impl Into<String>) {
        self.find(Verdict::Fail, text.into());
    }

    pub(super) fn warn(&mut self, text: impl Into<String>) {
        self.find(Verdict::Warn, text.into());
    }

    /// Nothing more can be tried.
    pub(super) fn give_up(&mut self, text: impl Into<String>) {
        self.find(Verdict::Unchecked, text.into());
    }

    /// Any call may return an error: it must not be a panic, and it must say something.
    pub(super) fn judge(&mut self, error: &PluginError, what: &str) {
        if error.kind == ErrorKind::PANIC {
            self.fail(format!("{what} panicked: {}", error.message));
        } else if error.message.is_empty() {
            self.warn(format!("{what} returned a `{}` error without a message", error.kind.name()));
        }
    }

    fn find(&mut self, verdict: Verdict, text: String) {
        self.check.verdict = self.check.verdict.max(verdict);
        if self.check.findings.len() == LISTED {
            self.check.unlisted += 1;
            return;
        }
        let text = if text.chars().count() > LONGEST {
            text.chars().take(LONGEST).chain(['…']).collect()
        } else {
            text
        };
        self.check.findings.push(Finding { verdict, text });
    }
}
