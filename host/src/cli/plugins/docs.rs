//! `prony plugins docs`: a page about an endpoint, a service or all of a library.

use std::{
    env::consts::DLL_SUFFIX,
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use rayon::prelude::*;
use serde_json::Value;

use super::search::SearchArgs;
use crate::{
    cli::{
        exit::{Exit, Failure, HasExit},
        terminal,
    },
    plugin::{
        Category, Key, PluginError, Registry,
        docs::{CHILD_FLAG, LibraryError, ShowError, Subject, index, of_library, page, run_as_child, show},
    },
    report::artifacts::Artifact,
    screen::counted,
};

/// The list of all pages of a folder.
const INDEX: &str = "README.md";

/// What to write a page about.
#[derive(Debug, Args)]
#[command(
    after_help = "An endpoint is asked for its requests: this runs the library's code, in a process of its own that sees none of \
    your environment variables but LD_LIBRARY_PATH.\nExit codes: 0 when the page is written, 1 when it cannot be written, 2 for a \
    name that there is not, 3 when the library cannot be used."
)]
pub(super) struct DocsArgs {
    /// Its name, or the file of a library, of which all is described.
    #[arg(value_name = "NAME|LIBRARY", required_unless_present_any = ["into", "as_child"])]
    subject: Option<String>,
    /// Write to this file, in place of one that is there. `-` is standard output [default: -].
    #[arg(short, long, value_name = "FILE", conflicts_with = "into")]
    output: Option<PathBuf>,
    /// Write a page about each endpoint and service into this folder, and a list of them.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["subject", "options", "manifest"])]
    into: Option<PathBuf>,
    /// Options that the endpoint is made with before it is asked, a JSON object.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    options: String,
    /// The plugins.yaml of a library. Without it: the nearest one beside the library or in a folder above that names it.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Do what the parent on standard input asks for.
    #[arg(long = CHILD_FLAG.trim_start_matches('-'), hide = true)]
    as_child: bool,
    #[command(flatten)]
    search: SearchArgs,
}

impl DocsArgs {
    /// Pages about everything are wanted.
    pub(super) fn is_about_all(&self) -> bool {
        self.into.is_some()
    }
}

impl HasExit for LibraryError {
    fn exit(&self) -> Exit {
        if self.is_of_plugin() { Exit::Plugin } else { Exit::Usage }
    }
}

impl HasExit for ShowError {
    fn exit(&self) -> Exit {
        if self.is_of_plugin() { Exit::Plugin } else { Exit::Failed }
    }
}

/// Prints a page, or writes it, or all of them.
pub(super) fn run(args: &DocsArgs) -> Result<Exit, Failure> {
    if args.as_child {
        let ended = run_as_child();
        return ended.map(|()| Exit::Success).map_err(|error| {
            Failure::new(Exit::Usage, "ask a library as a child")
                .caused_by(&error)
                .with_hint("this flag is for `prony plugins docs` itself")
        });
    }
    if let Some(folder) = &args.into {
        return write_all(folder, &args.search);
    }
    let subjects = subjects(args)?;
    let options = options(&args.options)?;
    let pages = subjects.iter().map(|subject| page_of(subject, &options));
    let text = pages.collect::<Result<Vec<_>, _>>()?.join("\n");
    match args.output.as_deref().filter(|file| file.as_os_str() != "-") {
        None => terminal::print(&text)?,
        Some(file) => write(file, &text)?,
    }
    Ok(Exit::Success)
}

/// The options in the form in which a page shows them.
fn options(text: &str) -> Result<String, Failure> {
    match serde_json::from_str::<Value>(text) {
        Ok(options) if options.is_object() => Ok(options.to_string()),
        _ => Err(Failure::new(Exit::Usage, format!("read `--options {text}`: it is no JSON object"))
            .with_hint("write something like `--options '{\"region\": \"eu\"}'`")),
    }
}

/// What is named: an endpoint, a service, both of one name, or all of a library.
fn subjects(args: &DocsArgs) -> Result<Vec<Subject>, Failure> {
    let name = args.subject.as_deref().unwrap_or_default();
    if name.contains('/') || name.ends_with(DLL_SUFFIX) {
        return of_library(Path::new(name), args.manifest.as_deref()).map_err(Failure::from);
    }
    if args.manifest.is_some() {
        return Err(Failure::new(
            Exit::Usage,
            format!("read a manifest for `{name}`, which is the file of no library"),
        )
        .with_hint("name the library's file, or have the manifest searched for names with `--plugins`"));
    }
    let registry = Registry::discover(&args.search.options())?;
    let [endpoint, service] = registry.spelling(name)?;
    let endpoint = endpoint.map(|name| Subject::named(&registry, Category::Endpoint, &name));
    let service = service.map(|name| Subject::named(&registry, Category::Service, &name));
    let found: Result<Vec<Subject>, PluginError> = endpoint.into_iter().chain(service).collect();
    found.map_err(Failure::from)
}

fn page_of(subject: &Subject, options: &str) -> Result<String, ShowError> {
    Ok(page(subject, show(subject, options)?.as_ref(), options))
}

/// Writes a page about everything that there is. All are made before the first is written.
fn write_all(folder: &Path, search: &SearchArgs) -> Result<Exit, Failure> {
    let registry = Registry::discover(&search.options())?;
    let mut subjects = Vec::new();
    for category in Category::ALL {
        for listed in registry.list(category) {
            subjects.push(Subject::named(&registry, category, &listed.name)?);
        }
    }
    // Most of it is waiting for processes to start.
    let pages: Result<Vec<String>, ShowError> =
        subjects.par_iter().map(|subject| page_of(subject, "{}")).collect();
    let pages = pages?;
    fs::create_dir_all(folder).map_err(|error| {
        Failure::new(Exit::Failed, format!("make the folder `{}`", folder.display()))
            .caused_by(&error)
            .with_hint("name a folder that you may write to")
    })?;
    let files: Vec<(&Subject, String)> =
        subjects.iter().map(|subject| (subject, file_of(subject, &subjects))).collect();
    for ((_, file), text) in files.iter().zip(&pages) {
        write(&folder.join(file), text)?;
    }
    write(&folder.join(INDEX), &index(&files))?;
    terminal::print(&format!(
        "wrote {} and {INDEX} into `{}`\n",
        counted(files.len(), "page"),
        folder.display()
    ))?;
    Ok(Exit::Success)
}

fn file_of(subject: &Subject, all: &[Subject]) -> String {
    let key = Key::of(subject.name());
    let is_shared =
        all.iter().any(|other| other.category() != subject.category() && Key::of(other.name()) == key);
    file_name(subject.category(), subject.name(), is_shared)
}

/// The file of a page. Where an endpoint and a service share a name, or the list has it, the category stands in front.
fn file_name(category: Category, name: &str, is_shared: bool) -> String {
    if is_shared || name.eq_ignore_ascii_case("readme") {
        format!("{category}-{name}.md")
    } else {
        format!("{name}.md")
    }
}

/// Writes a whole file, in place of one that is there.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
        return Err(Failure::new(
            Exit::Usage,
            format!("write `{}`: it is no name of a file", file.display()),
        )
        .with_hint("write something like `--output chat.md`"));
    };
    let mut artifact = Artifact::create(folder, name)?;
    artifact.fill(|out| out.write_all(text.as_bytes()))?;
    artifact.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_pages_share_a_file() {
        assert_eq!(file_name(Category::Endpoint, "chat", false), "chat.md");
        assert_eq!(file_name(Category::Service, "chat", true), "service-chat.md");
        assert_eq!(file_name(Category::Endpoint, "ReadMe", false), "endpoint-ReadMe.md");
    }

    #[test]
    fn options_are_an_object() {
        assert_eq!(options("{ \"a\": 1 }").unwrap(), "{\"a\":1}");
        for wrong in ["", "[]", "{", "7"] {
            assert_eq!(options(wrong).unwrap_err().exit, Exit::Usage, "{wrong}");
        }
    }

    #[test]
    fn a_page_takes_the_place_of_an_older_one_and_needs_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("chat.md");
        write(&file, "old").unwrap();
        write(&file, "new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(write(&folder.path().join(".."), "new").unwrap_err().exit, Exit::Usage);
        assert_eq!(write(&folder.path().join("none/chat.md"), "new").unwrap_err().exit, Exit::Failed);
    }
}
