//! How the sessions of a format stand in the lines of a file.

/// What a large file of a format is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// All of it is needed to know one session.
    Whole,
    /// A session a line.
    Lines,
    /// The same, behind a first line that is none.
    Headed,
    /// Lines with a session's name under this key belong to it; each of the others is a session.
    Named(&'static str),
    /// Rows of a table with a head, which belong to the session whose name stands in this column.
    Table { session: Option<&'static str> },
}
