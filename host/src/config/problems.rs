//! Collects what is wrong with what the user asks for, so that all of it is told at once.

use super::{
    error::{ConfigError, ConfigErrors},
    spec::{Origin, Setting},
};

/// What is wrong, as far as it was found.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<ConfigError>);

impl Problems {
    /// One more.
    pub(super) fn push(&mut self, error: impl Into<ConfigError>) {
        self.0.push(error.into());
    }

    /// One more, if it is one.
    pub(super) fn note_some(&mut self, error: Option<ConfigError>) {
        self.0.extend(error);
    }

    /// The result, if it is one. The rest is checked without it.
    pub(super) fn note<T>(&mut self, result: Result<T, impl Into<ConfigError>>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// Settings that say nothing without another one.
    pub(super) fn require<A, B>(&mut self, setting: &Setting<A>, needed: &Setting<B>) {
        if let Some(flag) = setting.origin().filter(|_| !needed.is_given()) {
            self.push(ConfigError::Needs { flag, needs: needed.flag() });
        }
    }

    /// Those of a phase, with its name.
    pub(super) fn add_of_phase(&mut self, name: &str, of_phase: Self) {
        let named = |error| ConfigError::InPhase { name: name.to_owned(), error: Box::new(error) };
        self.0.extend(of_phase.0.into_iter().map(named));
    }

    /// Nothing is wrong.
    ///
    /// # Errors
    /// Something is: one error for each setting, in the order of the help, and then of the file.
    pub(super) fn finish(self) -> Result<(), ConfigErrors> {
        let mut errors = self.0;
        errors.sort_by_key(|error| error.origin().map_or((u8::MAX, None, 0), Origin::order));
        // Why a setting cannot be used is said once.
        errors.dedup_by(|later, first| later.origin().is_some() && later.origin() == first.origin());
        let mut errors = errors.into_iter();
        match errors.next() {
            Some(first) => Err(ConfigErrors { first: Box::new(first), others: errors.collect() }),
            None => Ok(()),
        }
    }
}
