//! `prony plugins add`: a pack into the user's plugin folder.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{
    json::{JSON_VERSION, write_json},
    listing::Listing,
    search::SearchArgs,
    validate,
};
use crate::{
    cli::{
        exit::{Exit, Failure, HasExit},
        terminal,
    },
    plugin::{
        Category, EntryState, PluginError, Registry, enforced,
        install::{self, InstallError, Installed, InstalledLibrary, Request},
        uses,
    },
};

/// What to add.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// A plugin package's folder, a crate's folder with a plugins.yaml at its top, a manifest, an archive of one (.tar.gz, .tgz or
    /// .tar), or an OCI layout on the disk.
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Name of the installed plugin package [default: that of the folder, or of the archive].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Replace an installed plugin package of this name.
    #[arg(long)]
    replace: bool,
    /// Print JSON: `pack`, `manifest`, `replaced`, `libraries` (`file`, `from`, `sha256`, `capabilities`), `entries` (`category`, `name`,
    /// `state`, `by`, `reason`, `shadows`), `warnings`. A plugin package that is refused: as `validate` does.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    search: SearchArgs,
}

/// Installs a plugin package and says what that changes.
pub(super) fn run(args: &AddArgs) -> Result<Exit, Failure> {
    let options = args.search.options();
    // Before anything is copied: a policy that cannot be read must not be passed over.
    let registry = Registry::discover(&options)?;
    let request = Request { path: &args.path, name: args.name.as_deref(), replace: args.replace };
    let installed = match install::add(request, &options, &registry) {
        Ok(installed) => installed,
        Err(InstallError::Refused { path, validation }) => {
            terminal::print(&validate::refused(&validation, args.json))?;
            return Err(InstallError::Refused { path, validation }.into());
        }
        Err(error) => return Err(error.into()),
    };
    let registry = Registry::discover(&options)?;
    let places: Vec<InstalledEntry> =
        installed.entries.iter().map(|entry| InstalledEntry::of(entry, &installed, &registry)).collect();
    terminal::print(&if args.json {
        write_json(&as_json(&installed, &places))
    } else {
        as_text(&installed, &places)
    })?;
    Ok(Exit::Success)
}

impl HasExit for InstallError {
    fn exit(&self) -> Exit {
        match self {
            Self::Refused { .. } => Exit::Plugin,
            error if error.is_usage() => Exit::Usage,
            _ => Exit::Failed,
        }
    }
}

/// What became of one entry.
struct InstalledEntry {
    category: Category,
    name: String,
    /// How it stands, or why it is not there.
    state: Result<EntryState, PluginError>,
    shadows: Vec<PathBuf>,
}

impl InstalledEntry {
    fn of((category, name): &(Category, String), installed: &Installed, registry: &Registry) -> Self {
        let mut shadows = Vec::new();
        let state = registry.describe(*category, name).map(|listed| {
            let own = listed.entries.iter().position(|entry| entry.origin.manifest == installed.manifest);
            // A policy can leave this one out of several.
            let position = own.unwrap_or(listed.entries.len());
            let state = listed.state(position);
            if state == EntryState::Used {
                shadows.extend(listed.entries.iter().skip(1).map(|entry| entry.origin.manifest.clone()));
            }
            state
        });
        Self { category: *category, name: name.clone(), state, shadows }
    }

    fn as_json(&self) -> Value {
        let (state, by, reason) = match &self.state {
            Ok(state) => match state {
                EntryState::Used => (state.name(), None, None),
                EntryState::Shadowed { by, reason } => (state.name(), Some(by), Some((*reason).to_owned())),
                EntryState::Conflict { with } => (state.name(), Some(with), None),
            },
            Err(error) => ("left_out", None, Some(error.to_string())),
        };
        json!({
            "category": self.category.name(), "name": self.name, "state": state, "by": by, "reason": reason,
            "shadows": self.shadows,
        })
    }

    fn as_text(&self) -> String {
        let files = |files: &[PathBuf]| {
            files.iter().map(|file| format!("`{}`", file.display())).collect::<Vec<_>>().join(", ")
        };
        let note = match &self.state {
            Ok(EntryState::Used) if self.shadows.is_empty() => String::new(),
            Ok(EntryState::Used) => format!(", in place of the one of {}", files(&self.shadows)),
            Ok(EntryState::Shadowed { by, reason }) => {
                format!(", NOT used: the one of `{}` is, because {reason}", by.display())
            }
            Ok(EntryState::Conflict { with }) => format!(
                ", NOT used: it conflicts with the one of `{}`; give one a higher `priority`, or remove one",
                with.display()
            ),
            Err(error) => format!(", NOT used: failed to {error}"),
        };
        format!("{} {}{note}", self.category, self.name)
    }
}

fn as_json(installed: &Installed, places: &[InstalledEntry]) -> Value {
    let libraries = installed.libraries.iter().map(|library| {
        json!({
            "file": library.file_name, "from": library.source, "sha256": library.digest.to_string(),
            "capabilities": library.capabilities,
        })
    });
    json!({
        "schema_version": JSON_VERSION,
        "pack": installed.name,
        "manifest": installed.manifest,
        "replaced": installed.replaced,
        "libraries": libraries.collect::<Vec<_>>(),
        "entries": places.iter().map(InstalledEntry::as_json).collect::<Vec<_>>(),
        "warnings": installed.warnings,
    })
}

fn as_text(installed: &Installed, places: &[InstalledEntry]) -> String {
    let mut listing = Listing::new();
    validate::write_findings(&installed.warnings, &mut listing);
    let done = if installed.replaced { "replaced" } else { "installed" };
    listing.line(&format!("{done} `{}`: {}", installed.name, installed.manifest.display()));
    listing.rows(installed.libraries.iter().map(library));
    listing.rows(places.iter().map(|place| vec![place.as_text()]));
    listing.into_text()
}

/// A library: its file, its hash, what it says that it uses, and whether that is enforced.
fn library(library: &InstalledLibrary) -> Vec<String> {
    let stated = library.capabilities.as_deref();
    let category = if library.has_services { Category::Service } else { Category::Endpoint };
    let used = format!("uses: {} (enforced: {})", uses(stated), enforced(category, stated));
    vec![format!("{} {}", library.file_name, library.digest), used]
}
