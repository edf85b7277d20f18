//! `prony config init`: a configuration file to begin with.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use clap::Args;

use super::templates::{TEMPLATES, Template};
use crate::{
    cli::{
        exit::{Exit, Failure},
        terminal,
    },
    config::near::near,
};

/// Which template, and where it goes.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// What the run is to be [default: quick].
    #[arg(value_name = "TEMPLATE")]
    template: Option<String>,

    /// The same.
    #[arg(long = "template", value_name = "TEMPLATE", hide = true, conflicts_with = "template")]
    named: Option<String>,

    /// List the templates.
    #[arg(long)]
    list: bool,

    /// File to write; there must be none of this name [default: standard output].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Prints or writes a template, or lists all of them.
pub(super) fn run(args: &InitArgs) -> Result<Exit, Failure> {
    if args.list {
        let rows =
            TEMPLATES.iter().map(|template| vec![template.name.to_owned(), template.about().to_owned()]);
        terminal::print(&terminal::rows(&rows.collect::<Vec<_>>()))?;
        return Ok(Exit::Success);
    }
    let Template { text, .. } = named(args.template.as_deref().or(args.named.as_deref()).unwrap_or("quick"))?;
    match &args.output {
        None => terminal::print(text)?,
        Some(path) => {
            write(path, text)?;
            let path = path.display();
            terminal::print(&format!("wrote {path}: `prony profile -f {path} --mock` tries it\n"))?;
        }
    }
    Ok(Exit::Success)
}

/// Templates of AIPerf's that are like one of ours.
const OF_AIPERF: [(&str, &str); 6] = [
    ("ramping", "phases"),
    ("minimal", "quick"),
    ("warmup_profiling", "closed"),
    ("goodput_slo", "goodput"),
    ("multi_turn_conversation", "conversation"),
    ("sweep_distributions", "sweep"),
];

fn named(name: &str) -> Result<&'static Template, Failure> {
    let name = OF_AIPERF.iter().find(|(theirs, _)| *theirs == name).map_or(name, |(_, ours)| ours);
    let names = || TEMPLATES.iter().map(|template| template.name);
    TEMPLATES.iter().find(|template| template.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        let failure = Failure::statement(Exit::Usage, format!("there is no template `{name}`"));
        match near(name, names()) {
            Some(near) => failure.with_hint(format!("did you mean `{near}`?")),
            None => failure.with_hint(format!("choose one of: {}", names().collect::<Vec<_>>().join(", "))),
        }
    })
}

/// Writes a new file: one that is there may be somebody's work.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let written = File::create_new(path).and_then(|file| fill(path, file, text));
    written.map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::AlreadyExists => "name another file, or move this one away",
            _ => "name a file in a folder that you may write to",
        };
        let exit = if error.kind() == ErrorKind::AlreadyExists { Exit::Usage } else { Exit::Failed };
        Failure::new(exit, format!("write `{}`", path.display())).caused_by(&error).with_hint(hint)
    })
}

/// Fills the file that was made at this path. One that cannot be filled does not stay.
fn fill(path: &Path, mut file: impl Write, text: &str) -> io::Result<()> {
    let written = file.write_all(text.as_bytes()).and_then(|()| file.flush());
    if written.is_err() {
        // What matters to the user is why it could not be written.
        let _ = fs::remove_file(path);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk without room.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_file_that_cannot_be_filled_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.yaml");
        File::create_new(&path).unwrap();
        assert_eq!(fill(&path, Full, "a: b\n").unwrap_err().kind(), ErrorKind::StorageFull);
        assert!(!path.exists());
    }

    #[test]
    fn a_template_is_found_by_its_name() {
        assert_eq!(named("Quick").unwrap().name, "quick");
        assert!(OF_AIPERF.iter().all(|(theirs, ours)| named(theirs).is_ok_and(|found| found.name == *ours)));
        assert_eq!(named("qiuck").unwrap_err().hint.as_deref(), Some("did you mean `quick`?"));
        assert!(named("other").unwrap_err().hint.unwrap().starts_with("choose one of: quick, closed"));
    }

    #[test]
    fn a_file_that_is_there_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.yaml");
        write(&path, "a: b\n").unwrap();
        assert_eq!(write(&path, "c: d\n").unwrap_err().exit, Exit::Usage);
        assert_eq!(fs::read_to_string(&path).unwrap(), "a: b\n");
    }
}
