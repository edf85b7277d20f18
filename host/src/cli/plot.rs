//! `prony plot DIR…`: the charts of runs and experiments as files of SVG.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    exit::{Exit, Failure},
    experiment, terminal,
};
use crate::{
    experiment::{
        is_experiment,
        search::{self, Kept},
    },
    report::{self, artifacts},
    run::lock,
};

/// Name of the folder in that of a run or experiment.
const FOLDER: &str = "plots";

/// Which runs, and where to.
#[derive(Args, Debug)]
pub(super) struct PlotArgs {
    /// Folders of runs, of experiments or of searches.
    #[arg(value_name = "DIR", required = true)]
    dirs: Vec<PathBuf>,

    /// Folder for the files, with a folder in it for each DIR where there are several [default: `plots` in each DIR].
    #[arg(long, short = 'o', value_name = "DIR")]
    output: Option<PathBuf>,
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
        let paths = write(&charts(dir)?, place)?;
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

/// Each with a name and as the text of a file.
fn charts(dir: &Path) -> Result<Vec<(String, String)>, Failure> {
    let charts = if is_experiment(dir) {
        experiment::charts(dir)?
    } else if Kept::check_is_there(dir).is_ok() {
        search::charts(&Kept::read(dir)?)
    } else if let Some(owner) = lock::owner(dir) {
        let message = format!("the run in `{}` is still going ({owner})", dir.display());
        return Err(Failure::statement(Exit::Usage, message).with_hint("plot it when it has ended"));
    } else {
        report::charts(dir)?
    };
    if charts.is_empty() {
        let message = format!("nothing was measured in `{}` that a chart could show", dir.display());
        return Err(Failure::statement(Exit::Incomplete, message));
    }
    Ok(charts)
}

fn write(charts: &[(String, String)], place: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: &dyn std::error::Error| {
        Failure::new(Exit::Failed, format!("write charts into `{}`", place.display())).caused_by(error)
    };
    fs::create_dir_all(place).map_err(|error| failed(&error))?;
    let one = |(name, svg): &(String, String)| {
        let file = format!("{name}.svg");
        artifacts::write(place, &file, |out| out.write_all(svg.as_bytes())).map_err(|error| failed(&error))
    };
    charts.iter().map(one).collect()
}
