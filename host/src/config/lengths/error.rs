//! Why a text says no lengths, and how it could be written.

use std::{io, path::PathBuf};

use crate::explain::Explain;

/// What cannot be read as lengths.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LengthsError {
    /// Text that is no law.
    #[error("{0}")]
    Law(String),
    /// Text that is no mix.
    #[error("{0}")]
    Mix(String),
    /// Text that is no window.
    #[error("{0}")]
    Window(String),
    /// A file of lengths that cannot be read.
    #[error("`{}`: {source}", .file.display())]
    File { file: PathBuf, source: io::Error },
    /// A file of lengths in which a line is wrong.
    #[error("`{}, line {line}`: {problem}", .file.display())]
    Line {
        file: PathBuf,
        /// From 1.
        line: usize,
        problem: String,
    },
}

impl Explain for LengthsError {
    fn hint(&self) -> String {
        let hint = match self {
            Self::Law(_) => {
                "write `normal:MEAN,STDDEV`, `uniform:LOWEST,HIGHEST`, `lognormal:MEAN,MEDIAN`, \
                 `empirical:LENGTH,LENGTH,…` or `empirical:@FILE`"
            }
            Self::Mix(_) => {
                "write pairs of lengths with their shares in percent: `256|20,128|10:60;1024,64:40`; deviations \
                 (`|20`) may be left out"
            }
            Self::Window(_) => r#"write `0.2`, or `{"input": 0.2, "output": 0.5}`"#,
            Self::File { .. } => "check what stands there, and that you may read it",
            Self::Line { .. } => "write one length a line; its weight may stand behind a comma: `550,3`",
        };
        hint.to_owned()
    }
}
