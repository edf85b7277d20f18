//! What is wrong with a search, collected to be told at once.

use super::super::exit::Failure;

/// What is wrong, in the order in which it was found.
#[derive(Debug, Default)]
pub(super) struct Mistakes(Vec<Failure>);

impl Mistakes {
    /// The value, where there is one; what is wrong is kept otherwise.
    pub(super) fn note<T>(&mut self, found: Result<T, impl Into<Failure>>) -> Option<T> {
        found.map_err(|error| self.0.push(error.into())).ok()
    }

    /// Keeps all of these.
    pub(super) fn extend(&mut self, failures: impl IntoIterator<Item = Failure>) {
        self.0.extend(failures);
    }

    /// Nothing is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// # Errors
    /// Everything that is wrong.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let mut all = self.0.into_iter().flat_map(Failure::apart);
        all.next().map_or(Ok(()), |first| Err(Failure { beside: all.collect(), ..first }))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::exit::Exit, *};

    #[test]
    fn everything_is_told_in_one_list() {
        let failure = |message| Failure::new(Exit::Usage, message);
        let mut mistakes = Mistakes::default();
        assert!(mistakes.is_empty());
        mistakes.extend([Failure { beside: vec![failure("second")], ..failure("first") }]);
        assert_eq!(mistakes.note::<u32>(Err(failure("third"))), None);
        assert_eq!(mistakes.note::<u32>(Ok::<_, Failure>(5)), Some(5));
        let all = mistakes.finish().unwrap_err();
        assert_eq!(all.message, "first");
        assert_eq!(all.beside, [failure("second"), failure("third")]);
        assert_eq!(Mistakes::default().finish(), Ok(()));
    }
}
