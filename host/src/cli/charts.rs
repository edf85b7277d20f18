//! Charts as files of SVG: those that a command asks for, and those that follow a run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    exit::{Exit, Failure, Form},
    terminal,
};
use crate::{
    chart::{self, Theme},
    config::flags::PlotFlags,
    report::{self, artifacts},
};

/// A name, and a picture.
pub(super) type Chart = (String, String);

/// Name of the folder in that of a run, an experiment or a search.
pub(super) const FOLDER: &str = "plots";

/// Writes the charts of results that have just been made, where that is wanted. `charts` tells them.
///
/// # Errors
/// They cannot be written, and are required.
pub(super) fn automatic(
    flags: PlotFlags,
    dir: &Path,
    charts: impl FnOnce() -> Result<Vec<Chart>, Failure>,
) -> Result<(), Failure> {
    if !flags.auto_plot {
        return Ok(());
    }
    let place = dir.join(FOLDER);
    let written =
        charts().and_then(|charts| some(charts, dir)).and_then(|charts| write(&charts, &place, None));
    match written {
        Ok(_) => Ok(()),
        Err(failure) if flags.plot_required => Err(Failure { exit: Exit::Failed, ..failure }),
        Err(Failure { form, message, causes, .. }) => {
            let begin = if form == Form::Attempt { "failed to " } else { "" };
            let parts: Vec<String> = std::iter::once(format!("{begin}{message}")).chain(causes).collect();
            terminal::warn(&format!("there are no charts: {}", parts.join(": ")));
            Ok(())
        }
    }
}

/// The charts of a run that is over.
///
/// # Errors
/// Its journal cannot be read.
pub(super) fn of_run(dir: &Path) -> Result<Vec<Chart>, Failure> {
    Ok(report::charts(dir)?)
}

/// The same charts, if there are any.
///
/// # Errors
/// There are none.
pub(super) fn some(charts: Vec<Chart>, dir: &Path) -> Result<Vec<Chart>, Failure> {
    if charts.is_empty() {
        let message = format!("nothing was measured in `{}` that a chart could show", dir.display());
        return Err(Failure::statement(Exit::Incomplete, message));
    }
    Ok(charts)
}

/// Writes each of them into a folder, which is made where it is not there.
///
/// # Errors
/// One cannot be written.
pub(super) fn write(charts: &[Chart], place: &Path, theme: Option<Theme>) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: &dyn std::error::Error| {
        Failure::new(Exit::Failed, format!("write charts into `{}`", place.display())).caused_by(error)
    };
    fs::create_dir_all(place).map_err(|error| failed(&error))?;
    let one = |(name, svg): &Chart| {
        let (file, text) = (format!("{name}.svg"), chart::file(svg, theme));
        artifacts::write(place, &file, |out| out.write_all(text.as_bytes())).map_err(|error| failed(&error))
    };
    charts.iter().map(one).collect()
}
