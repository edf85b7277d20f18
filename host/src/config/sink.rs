//! Where the readers of single settings put what is wrong with values: a [`Sink`]. They know their own errors, and not those of all settings.

/// Takes errors of one kind.
pub(super) trait Sink<E> {
    /// One more.
    fn take(&mut self, error: E);

    /// The result, if it is one. The rest is read without it.
    fn note<T>(&mut self, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.take(error)).ok()
    }
}

impl<E> Sink<E> for Vec<E> {
    fn take(&mut self, error: E) {
        self.push(error);
    }
}
