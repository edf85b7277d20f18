//! `prony man DIR`: a man page for each command.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Args, Command};
use clap_mangen::Man;

use super::{
    exit::{Exit, Failure},
    terminal,
};
use crate::screen::counted;

/// What the pages say that they are of. They have no date: the same program writes the same pages.
const SOURCE: &str = concat!("prony ", env!("CARGO_PKG_VERSION"));

/// What all pages together are.
const MANUAL: &str = "prony Manual";

/// Where to.
#[derive(Args, Debug)]
pub(super) struct ManArgs {
    /// Folder for the pages, such as `/usr/local/share/man/man1`. It is made if it is not there.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Writes the pages: `prony.1`, `prony-profile.1` and so on. Older ones are replaced.
pub(super) fn run(args: &ManArgs, command_line: Command) -> Result<Exit, Failure> {
    let dir = &args.dir;
    fs::create_dir_all(dir).map_err(|error| failed("make", dir, &error))?;
    let pages = all_pages(command_line);
    for page in &pages {
        let path = dir.join(page.get_filename());
        let mut text = Vec::new();
        let written = page.render(&mut text).and_then(|()| fs::write(&path, text));
        written.map_err(|error| failed("write", &path, &error))?;
    }
    terminal::print(&format!("{} in {}\n", counted(pages.len(), "page"), dir.display()))?;
    Ok(Exit::Success)
}

fn all_pages(command_line: Command) -> Vec<Man> {
    let mut all = without_help(command_line);
    // Gives each command its whole name, and the flags that all have.
    all.build();
    pages(&all)
}

/// The same without its command `help`, and without those below it, which say what the pages say.
fn without_help(command: Command) -> Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
}

/// The page of a command, and those of what is below it. What is hidden has none.
fn pages(command: &Command) -> Vec<Man> {
    let below = command.get_subcommands().filter(|below| !below.is_hide_set());
    let page = Man::new(command.clone()).source(SOURCE).manual(MANUAL);
    [page].into_iter().chain(below.flat_map(pages)).collect()
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("{what} `{}`", path.display()))
        .caused_by(error)
        .with_hint("name a folder that you may write to, on a disk with room")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::help::command;

    #[test]
    fn each_command_that_is_shown_has_a_page_and_hidden_ones_have_none() {
        let names: Vec<String> = all_pages(command()).iter().map(Man::get_filename).collect();
        for name in ["prony.1", "prony-profile.1", "prony-plugins-check.1", "prony-man.1"] {
            assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
        }
        for hidden in ["worker", "nats-server", "probe", "help"] {
            assert!(!names.iter().any(|name| name.contains(hidden)), "{hidden}: {names:?}");
        }
    }
}
