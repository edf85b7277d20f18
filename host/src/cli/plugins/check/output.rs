//! The files of a check: the report that a vendor attaches to a release, and the trace. Whether they can be written is found
//! out before anything is checked.

use std::{
    error::Error,
    fs::{self, File, Permissions},
    io::{self, BufWriter, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    cli::exit::{Exit, Failure},
    plugin::check::Trace,
    report::artifacts::{Artifact, WriteError},
};

/// Rights of a trace: it holds the options, of which one may be a key.
const OURS_ALONE: u32 = 0o600;

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
    let mut how = File::options();
    how.write(true).create(true).truncate(true).mode(OURS_ALONE);
    let made = how.open(file).map_err(|error| unwritable(file, &error))?;
    // One that was there keeps its rights otherwise. Not every file system has any, and a device keeps its own.
    if made.metadata().is_ok_and(|made| made.is_file()) {
        let _ = made.set_permissions(Permissions::from_mode(OURS_ALONE));
    }
    Ok(Trace::new(BufWriter::new(made)))
}

/// An output that would take the place of something that is read, or of another output.
///
/// # Errors
/// There is one.
pub(super) fn check_is_free(outputs: &[&Path], inputs: &[&Path]) -> Result<(), Failure> {
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

/// Where a file is, or will be: two spellings of one place are the same.
fn place(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let future = || Some(fs::canonicalize(folder).ok()?.join(file.file_name()?));
    fs::canonicalize(file).ok().or_else(future).unwrap_or_else(|| file.to_owned())
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
        // None of them is there yet.
        let trace = folder.path().join("./report.json");
        assert!(check_is_free(&[&report, &trace], &[&library]).is_err());
        assert!(check_is_free(&[Path::new("x.json"), Path::new("./x.json")], &[]).is_err());
    }

    #[test]
    fn a_trace_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("calls.jsonl");
        for before in [None, Some(0o644)] {
            if let Some(mode) = before {
                fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            }
            drop(trace(&file).unwrap());
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, OURS_ALONE);
        }
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
