//! `prony plugins new NAME`: the folder of a new plugin, in Rust a crate. It brings the contract along; everything else that a
//! crate needs is of crates.io, and one in another language needs nothing but its compiler.

mod contents;
mod kit;
mod language;
mod name;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;

use self::{
    contents::{Kind, files},
    language::{Language, Steps},
    name::{Name, NameError},
};
use crate::{
    cli::{
        exit::{Exit, Failure, HasExit},
        terminal,
    },
    explain::Explain,
    plugin::{Category, DiscoveryOptions, Registry, Tier},
};

/// What to write.
#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// Name of the plugin, such as `acme-chat`.
    #[arg(value_name = "NAME")]
    name: String,
    /// Write a service instead of an endpoint.
    #[arg(long)]
    service: bool,
    /// What it is written in.
    #[arg(long, value_enum, value_name = "LANGUAGE", default_value_t = Language::Rust)]
    language: Language,
    /// Write the plugin's folder into this one.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

/// Why there is no new crate.
#[derive(Debug, thiserror::Error)]
enum NewError {
    /// Something stands in its place.
    #[error("write `{}`: it exists", .0.display())]
    Exists(PathBuf),
    /// The name means something else in the template.
    #[error("name the plugin `{name}`: its type `{type_name}` means something else in it")]
    Taken {
        name: String,
        /// The name in Rust.
        type_name: String,
    },
    /// The system does not let us.
    #[error("write `{}`", .path.display())]
    Write {
        /// The file or folder that cannot be made.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl HasExit for NewError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl Explain for NewError {
    fn hint(&self) -> String {
        match self {
            Self::Exists(_) => "choose another name, or another folder with --dir".to_owned(),
            Self::Taken { name, .. } => format!("put your company's name in front: `acme-{name}`"),
            Self::Write { .. } => "choose a folder that you may write to with --dir".to_owned(),
        }
    }
}

impl HasExit for NameError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl Explain for NameError {
    fn hint(&self) -> String {
        "write it as `acme-chat`: small letters, digits and single hyphens, a letter first".to_owned()
    }
}

/// Writes the folder.
pub(super) fn run(args: &NewArgs) -> Result<Exit, Failure> {
    let name: Name = args.name.parse::<Name>()?;
    let kind = if args.service { Kind::Service } else { Kind::Endpoint };
    let folder = args.dir.join(name.package());
    write(&folder, &name, kind, args.language)?;
    if let Some(text) = shared_name(kind, &name.stem()) {
        terminal::warn(&text);
    }
    terminal::print(&terminal::screen().reflow(&next_steps(&folder, &name, kind, args.language)))?;
    Ok(Exit::Success)
}

/// What to type now, and what it needs.
fn next_steps(folder: &Path, name: &Name, kind: Kind, language: Language) -> String {
    let (package, stem) = (name.package(), name.stem());
    let (recorded, try_it) = match kind {
        Kind::Endpoint => (
            " --replay tests/stream.sse",
            format!("prony profile --mock --mock-answer tests/stream.sse --endpoint-type {stem}"),
        ),
        Kind::Service => ("", "prony profile --mock".to_owned()),
    };
    let Steps { commands, place, needs } = language.steps();
    let build = commands.join("\n  ");
    let extension = std::env::consts::DLL_EXTENSION;
    format!(
        "Wrote `{}`. What to do next:\n\n  cd {}\n  {build}\n  prony plugins check \
         {place}lib{stem}.{extension}{recorded}\n  prony plugins add .\n  {try_it}\n\n{needs} The README of `{package}` says \
         where to go from there.\n",
        folder.display(),
        folder.display()
    )
}

/// What happens if something else has the name of the new plugin. What cannot be found out is reported when it is added.
fn shared_name(kind: Kind, stem: &str) -> Option<String> {
    let category = match kind {
        Kind::Endpoint => Category::Endpoint,
        Kind::Service => Category::Service,
    };
    let registry = Registry::discover(&DiscoveryOptions::from_env(Vec::new())).ok()?;
    let known = registry.describe(category, stem).ok()?;
    let first = known.entries.first()?;
    let what = match first.origin.tier {
        Tier::BuiltIn => format!(
            "prony has {} `{stem}` of its own: once this plugin is added, it is used in its place in every run that names \
             `{stem}`, or none where that is the default",
            a(category)
        ),
        _ => format!(
            "the {category} `{stem}` of `{}` is there already: `prony plugins add` will refuse this one as long as both have \
             the same `priority`",
            first.origin.manifest.display()
        ),
    };
    Some(format!("{what}; give the entry in its plugins.yaml another name if you do not want that"))
}

/// A category with its article.
fn a(category: Category) -> &'static str {
    match category {
        Category::Endpoint => "an endpoint",
        Category::Service => "a service",
    }
}

/// Writes all files beside their place and then moves them there: a plugin is whole or not there.
fn write(folder: &Path, name: &Name, kind: Kind, language: Language) -> Result<(), NewError> {
    let files = files(name, kind, language)
        .ok_or_else(|| NewError::Taken { name: name.package(), type_name: name.type_name() })?;
    if folder.symlink_metadata().is_ok() {
        return Err(NewError::Exists(folder.to_owned()));
    }
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| NewError::Write { path, source }
    };
    let beside = folder.with_file_name(format!(".{}.{}", name.package(), std::process::id()));
    // Made here and now: one that somebody else has put there could lead anywhere.
    let parent = beside.parent().unwrap_or(&beside);
    fs::create_dir_all(parent).and_then(|()| fs::create_dir(&beside)).map_err(failed(folder))?;
    let written = files.iter().try_for_each(|(path, contents)| {
        let file = beside.join(path);
        let parent = file.parent().unwrap_or(&beside);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&file, contents))
            .map_err(failed(&folder.join(path)))
    });
    let moved = written.and_then(|()| fs::rename(&beside, folder).map_err(failed(folder)));
    if moved.is_err() {
        // What was written is incomplete: it is removed.
        let _ = fs::remove_dir_all(&beside);
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(name: &str, dir: &Path) -> NewArgs {
        NewArgs { name: name.to_owned(), service: false, language: Language::Rust, dir: dir.to_owned() }
    }

    fn is_empty(dir: &Path) -> bool {
        fs::read_dir(dir).unwrap().next().is_none()
    }

    #[test]
    fn what_exists_is_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("acme-chat"), "mine").unwrap();
        let failure = run(&args("acme-chat", dir.path())).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.ends_with("acme-chat`: it exists"), "{}", failure.message);
        assert_eq!(fs::read_to_string(dir.path().join("acme-chat")).unwrap(), "mine");
    }

    #[test]
    fn a_name_that_the_template_uses_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["parser", "text-kind", "answer-parser"] {
            let failure = run(&args(name, dir.path())).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            assert!(failure.message.contains("means something else"), "{}", failure.message);
        }
        assert!(is_empty(dir.path()));
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let failure = run(&args("acme-chat", &file)).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.hint.unwrap().contains("--dir"));
    }

    #[test]
    fn what_stands_beside_it_is_not_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let prepared = dir.path().join(format!(".acme-chat.{}", std::process::id()));
        fs::create_dir(&prepared).unwrap();
        run(&args("acme-chat", dir.path())).unwrap_err();
        assert!(is_empty(&prepared));
    }

    #[test]
    fn a_crate_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(run(&args("acme-chat", dir.path())), Ok(Exit::Success));
        let names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["acme-chat"]);
    }
}
