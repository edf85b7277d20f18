//! The files of a check: the report that a vendor attaches to a release, and the trace. Whether they can be written is found
//! out before anything is checked.

use std::{
    error::Error,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    cli::exit::{Exit, Failure},
    plugin::check::Trace,
    report::artifacts::{Artifact, WriteError},
};

/// What to do where nothing can be written.
const HINT: &str = "check that its folder exists and may be written, and that the disk is not full";

/// A report that has a place, and is not written yet.
#[derive(Debug)]
pub(super) enum ReportFile {
    /// A file that appears when it is whole: its folder and its name.
    Whole(PathBuf, String),
    /// A device or a pipe, which keeps its name.
    Device(PathBuf, File),
}

impl ReportFile {
    /// Finds the place of a report.
    ///
    /// # Errors
    /// Nothing can be written there.
    pub(super) fn begin(file: &Path) -> Result<Self, Failure> {
        if fs::metadata(file).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
            let device = File::options().write(true).open(file).map_err(|error| unwritable(file, &error))?;
            return Ok(Self::Device(file.to_owned(), device));
        }
        let Some(name) = file.file_name().and_then(|name| name.to_str()).filter(|_| !file.is_dir()) else {
            let message = format!("write `{}`: that is no name of a file", file.display());
            return Err(Failure::new(Exit::Usage, message).with_hint("name another one with `--report`"));
        };
        let folder = file.parent().unwrap_or(Path::new(""));
        // It is not kept open: a check that is interrupted leaves nothing behind.
        drop(Artifact::create(folder, name).map_err(|error| lost(&error))?);
        Ok(Self::Whole(folder.to_owned(), name.to_owned()))
    }

    /// Writes it.
    ///
    /// # Errors
    /// It cannot be written; no half of it is left.
    pub(super) fn write(self, report: &Value) -> Result<(), Failure> {
        let text = format!("{report:#}\n");
        match self {
            Self::Whole(folder, name) => {
                let written = Artifact::create(&folder, &name).and_then(|mut artifact| {
                    artifact.fill(|out| out.write_all(text.as_bytes()))?;
                    artifact.commit()
                });
                written.map_err(|error| lost(&error))?;
            }
            Self::Device(file, mut device) => {
                device.write_all(text.as_bytes()).map_err(|error| unwritable(&file, &error))?;
            }
        }
        Ok(())
    }
}

/// Begins a trace.
///
/// # Errors
/// There is no such file to be had.
pub(super) fn trace(file: &Path) -> Result<Trace, Failure> {
    let made = File::create(file).map_err(|error| unwritable(file, &error))?;
    Ok(Trace::new(BufWriter::new(made)))
}

/// An output that would take the place of something that is read, or of another output.
///
/// # Errors
/// There is one.
pub(super) fn check_is_free(outputs: &[&Path], inputs: &[&Path]) -> Result<(), Failure> {
    let place = |file: &Path| fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    for (at, output) in outputs.iter().enumerate() {
        let mut others = inputs.iter().chain(&outputs[..at]);
        if others.any(|other| place(other) == place(output)) {
            let message = format!("write `{}`: this file is something else already", output.display());
            return Err(Failure::new(Exit::Usage, message)
                .with_hint("give the report and the trace files of their own"));
        }
    }
    Ok(())
}

/// What is said of a file that cannot be written.
pub(super) fn unwritable(file: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("write `{}`", file.display())).caused_by(error).with_hint(HINT)
}

/// The same of a file that appears when it is whole.
fn lost(error: &WriteError) -> Failure {
    let failure = Failure::new(Exit::Failed, error.to_string()).with_hint(HINT);
    match error.source() {
        Some(source) => failure.caused_by(source),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_takes_the_place_of_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("libx.so");
        fs::write(&library, "").unwrap();
        let same = folder.path().join("./libx.so");
        let report = folder.path().join("report.json");
        assert!(check_is_free(&[&report], &[&library]).is_ok());
        assert!(check_is_free(&[&same], &[&library]).is_err());
        assert!(check_is_free(&[&report, &report], &[&library]).is_err());
    }

    #[test]
    fn a_report_that_is_not_written_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        drop(ReportFile::begin(&folder.path().join("report.json")).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(ReportFile::begin(folder.path()).unwrap_err().exit, Exit::Usage);
        assert_eq!(ReportFile::begin(&folder.path().join("no/report.json")).unwrap_err().exit, Exit::Failed);
    }
}
