//! Collects what is wrong with what the user asks for, so that all of it is told at once.

use super::{
    error::{ConfigError, ConfigErrors},
    sink::Sink,
    spec::{Origin, Setting},
};

/// What is wrong, as far as it was found.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<ConfigError>);

impl<E: Into<ConfigError>> Sink<E> for Problems {
    fn take(&mut self, error: E) {
        self.push(error);
    }
}

impl Problems {
    /// One more.
    pub(super) fn push(&mut self, error: impl Into<ConfigError>) {
        self.0.push(error.into());
    }

    /// Several more.
    pub(super) fn extend<E: Into<ConfigError>>(&mut self, errors: impl IntoIterator<Item = E>) {
        self.0.extend(errors.into_iter().map(Into::into));
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
    /// Something is: for each setting one error about all of it, and then those about single values of it, in the order of the help,
    /// and then of the file.
    pub(super) fn finish(self) -> Result<(), ConfigErrors> {
        let mut errors = self.0;
        errors.sort_by_key(|error| {
            let order = error.origin().map_or((u8::MAX, None, 0), Origin::order);
            (order, error.is_of_one_value())
        });
        errors.dedup_by(|later, first| says_the_same(later, first));
        let mut errors = errors.into_iter();
        match errors.next() {
            Some(first) => Err(ConfigErrors { first: Box::new(first), others: errors.collect() }),
            None => Ok(()),
        }
    }
}

/// Whether the later error about a setting says nothing new. Why it cannot be used at all is said once; of its values each has its own
/// error, unless that is the same word for word.
fn says_the_same(later: &ConfigError, first: &ConfigError) -> bool {
    let is_of_one_setting = later.origin().is_some() && later.origin() == first.origin();
    let are_of_values = later.is_of_one_value() || first.is_of_one_value();
    is_of_one_setting && (!are_of_values || later.to_string() == first.to_string())
}
