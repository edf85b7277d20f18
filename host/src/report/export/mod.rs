//! What is made of a run on demand: its records as a table for programs ([`table`]), its sessions on a timeline ([`chrome`]).
//!
//! Both are made from the journal in one pass ([`pass`]), with the memory of a batch of records.

mod chrome;
mod columns;
mod lanes;
mod pass;
mod slices;
mod table;

use std::{
    io::{self, Write},
    path::Path,
};

use super::{error::ReportError, file_names};
pub(crate) use pass::Exported;
use pass::Pass;

/// What is made of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExportFormat {
    /// The records, in Parquet.
    Parquet,
    /// The sessions, in the trace event format of Chrome, which Perfetto opens.
    ChromeTrace,
}

impl ExportFormat {
    /// The file in the folder of the run.
    pub(crate) fn file_name(self) -> &'static str {
        match self {
            Self::Parquet => file_names::PARQUET,
            Self::ChromeTrace => file_names::CHROME_TRACE,
        }
    }
}

/// A run that is exported.
pub(crate) struct Export(Pass);

impl Export {
    /// Opens the journal in the folder of a run. Tokens that the run has not counted are counted.
    ///
    /// # Errors
    /// There is no readable journal.
    pub(crate) fn open(dir: &Path) -> Result<Self, ReportError> {
        Pass::open(dir).map(Self)
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn write<W: Write + Send>(self, format: ExportFormat, out: &mut W) -> io::Result<Exported> {
        let exported = match format {
            ExportFormat::Parquet => table::write(self.0, &mut *out)?,
            ExportFormat::ChromeTrace => chrome::write(self.0, &mut *out)?,
        };
        out.flush()?;
        Ok(exported)
    }
}
