//! Charts as files: those that a command asks for, and those that follow a run.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use super::{
    exit::{Exit, Failure, Form},
    terminal,
};
use crate::{
    chart::{self, Bitmaps, Theme},
    config::flags::PlotFlags,
    page,
    report::{self, artifacts},
};

/// A name, and a picture.
pub(super) type Chart = (String, String);

/// A form of a file with charts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// A file for each chart, whose lines are sharp at any size.
    Svg,
    /// A file for each chart, for what shows no SVG.
    Png,
    /// One page with all charts.
    Html,
}

/// What the files are like.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// In which forms they are written.
    pub(super) formats: Vec<Format>,
    /// Their colours; without a theme a reader's system decides, and PNG, which cannot ask it, is light.
    pub(super) theme: Option<Theme>,
    /// Width of PNG in pixels.
    pub(super) width: u32,
}

/// Width of PNG without another one, in pixels: twice that of a chart, so that small text is sharp.
pub(super) const WIDTH: u32 = 1040;

/// Name of the page with all charts.
const PAGE: &str = "charts.html";

impl Default for Look {
    fn default() -> Self {
        Self { formats: vec![Format::Svg, Format::Png], theme: None, width: WIDTH }
    }
}

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
    let written = charts()
        .and_then(|charts| some(charts, dir))
        .and_then(|charts| write(&charts, &place, &Look::default()));
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

/// Writes them into a folder, which is made where it is not there. Returns where the files are.
///
/// # Errors
/// One cannot be drawn or written.
pub(super) fn write(charts: &[Chart], place: &Path, look: &Look) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: &dyn Error| {
        Failure::new(Exit::Failed, format!("write charts into `{}`", place.display())).caused_by(error)
    };
    fs::create_dir_all(place).map_err(|error| failed(&error))?;
    let mut written = Vec::new();
    for format in &look.formats {
        let paths = match format {
            Format::Svg => pictures(charts, place, look.theme),
            Format::Png => bitmaps(charts, place, look),
            Format::Html => one_page(charts, place).map(|path| vec![path]),
        };
        written.extend(paths.map_err(|error| failed(&*error))?);
    }
    Ok(written)
}

fn pictures(charts: &[Chart], place: &Path, theme: Option<Theme>) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let one = |(name, svg): &Chart| -> Result<PathBuf, Box<dyn Error>> {
        let text = chart::file(svg, theme);
        Ok(artifacts::write(place, &format!("{name}.svg"), |out| out.write_all(text.as_bytes()))?.path)
    };
    charts.iter().map(one).collect()
}

fn bitmaps(charts: &[Chart], place: &Path, look: &Look) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let bitmaps = Bitmaps::new();
    let one = |(name, svg): &Chart| -> Result<PathBuf, Box<dyn Error>> {
        let pixels = bitmaps.png(svg, look.theme.unwrap_or(Theme::Light), look.width)?;
        Ok(artifacts::write(place, &format!("{name}.png"), |out| out.write_all(&pixels))?.path)
    };
    charts.iter().map(one).collect()
}

fn one_page(charts: &[Chart], place: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let written = artifacts::write(place, PAGE, |out| {
        page::begin("Charts", None, out)?;
        for (_, svg) in charts {
            writeln!(out, "<figure>{svg}</figure>")?;
        }
        page::end(None, out)
    })?;
    Ok(written.path)
}
