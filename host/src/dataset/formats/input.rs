//! [`Input`]: a file that is to be read, and how much of it.

use std::{cell::RefCell, path::Path};

use super::FileError;

/// A file that is to be read.
#[derive(Debug)]
pub(in crate::dataset) struct Input<'a> {
    pub(super) path: &'a Path,
    /// Read only so many rows.
    pub(super) most: Option<usize>,
    /// Collects what is wrong with rows; without it the first error ends the reading.
    errors: Option<&'a RefCell<Vec<FileError>>>,
}

impl<'a> Input<'a> {
    /// A file of which at most so many rows are wanted.
    pub(in crate::dataset) fn new(path: &'a Path, most: Option<usize>) -> Self {
        Self { path, most, errors: None }
    }

    /// A file all of whose rows are looked at, whatever is wrong with some of them.
    pub(in crate::dataset) fn checked(path: &'a Path, errors: &'a RefCell<Vec<FileError>>) -> Self {
        Self { path, most: None, errors: Some(errors) }
    }

    /// The same file, of which so many rows are wanted.
    pub(super) fn with_most(&self, most: Option<usize>) -> Self {
        Self { most, ..*self }
    }

    /// The same file, whole: for formats whose sessions have several rows.
    pub(super) fn whole(&self) -> Self {
        Self { most: None, ..*self }
    }

    /// Another file that belongs to this one.
    pub(super) fn at<'b>(&self, path: &'b Path) -> Input<'b>
    where
        'a: 'b,
    {
        Input { path, most: None, errors: self.errors }
    }

    /// Whether anything was wrong so far, where that is collected.
    pub(super) fn has_errors(&self) -> bool {
        self.errors.is_some_and(|errors| !errors.borrow().is_empty())
    }

    /// Notes what is wrong with a row, or gives it back where nobody collects.
    pub(super) fn wrong(&self, error: FileError) -> Result<(), FileError> {
        match self.errors {
            Some(errors) => {
                errors.borrow_mut().push(error);
                Ok(())
            }
            None => Err(error),
        }
    }
}
