//! `prony plot DIR…`: the charts of runs and experiments as files.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{
    charts::{Chart, FOLDER, Format, Look, WIDTH, of_run, some, write},
    exit::{Exit, Failure},
    experiment, terminal,
};
use crate::{
    chart::Theme,
    config::{flags::ChoiceParser, units::Choice},
    experiment::{
        is_experiment,
        search::{self, Kept},
    },
    run::lock,
};

/// Which runs, and where to.
#[derive(Args, Debug)]
pub(super) struct PlotArgs {
    /// Folders of runs, of experiments or of searches.
    #[arg(value_name = "DIR", required = true)]
    dirs: Vec<PathBuf>,

    /// Folder for the files, with a folder in it for each DIR where there are several [default: `plots` in each DIR].
    #[arg(long, short = 'o', value_name = "DIR")]
    output: Option<PathBuf>,

    /// Forms of the files: `svg` and `png`, one for each chart, and `html`, one page with all of them; several separated by commas
    /// [default: svg,png].
    #[arg(long, value_name = "FORMAT", value_delimiter = ',', value_parser = ChoiceParser::<Format>::new())]
    format: Vec<Format>,

    /// Width of PNG in pixels; the height follows.
    #[arg(long, value_name = "PIXELS", default_value_t = WIDTH, value_parser = clap::value_parser!(u32).range(100..=8192))]
    width: u32,

    /// Colours of SVG and PNG [default: those that the reader's system asks for, and light for PNG].
    #[arg(long, value_name = "THEME", value_parser = ChoiceParser::<Theme>::new())]
    theme: Option<Theme>,
}

impl PlotArgs {
    fn look(&self) -> Look {
        let Look { formats, .. } = Look::default();
        let formats = if self.format.is_empty() { formats } else { self.format.clone() };
        Look { formats, theme: self.theme, width: self.width }
    }
}

impl Choice for Format {
    const NAMES: &'static [(&'static str, Self)] =
        &[("svg", Self::Svg), ("png", Self::Png), ("html", Self::Html)];
}

impl Choice for Theme {
    const NAMES: &'static [(&'static str, Self)] = &[("light", Self::Light), ("dark", Self::Dark)];
}

/// Writes the files, and prints where they are.
pub(super) fn run(args: &PlotArgs) -> Result<Exit, Failure> {
    let mut places: Vec<PathBuf> = Vec::new();
    for dir in &args.dirs {
        let place = place(dir, args);
        if places.contains(&place) {
            let message = format!(
                "write the charts of `{}`: those of another folder go to `{}`",
                dir.display(),
                place.display()
            );
            return Err(Failure::statement(Exit::Usage, message).with_hint("plot one of them at a time"));
        }
        places.push(place);
    }
    let mut written: Vec<String> = Vec::new();
    for (dir, place) in args.dirs.iter().zip(&places) {
        let paths = write(&charts(dir)?, place, &args.look())?;
        written.extend(paths.iter().map(|path| format!("wrote {}\n", path.display())));
    }
    terminal::print(&written.concat())?;
    Ok(Exit::Success)
}

fn place(dir: &Path, args: &PlotArgs) -> PathBuf {
    match &args.output {
        None => dir.join(FOLDER),
        Some(output) if args.dirs.len() == 1 => output.clone(),
        Some(output) => {
            output.join(dir.canonicalize().ok().as_deref().unwrap_or(dir).file_name().unwrap_or_default())
        }
    }
}

/// Each with a name, and as a picture.
fn charts(dir: &Path) -> Result<Vec<Chart>, Failure> {
    let charts = if is_experiment(dir) {
        experiment::charts(dir)?
    } else if Kept::check_is_there(dir).is_ok() {
        let Kept { plan, probes, answer, .. } = Kept::read(dir)?;
        search::charts(&plan, &probes, answer.as_ref())
    } else if let Some(owner) = lock::owner(dir) {
        let message = format!("the run in `{}` is still going ({owner})", dir.display());
        return Err(Failure::statement(Exit::Usage, message).with_hint("plot it when it has ended"));
    } else {
        of_run(dir)?
    };
    some(charts, dir)
}
