//! Why a pack was not installed, or not removed.

use std::{io, path::PathBuf};

use super::{archive::UnpackProblem, pin::PinProblem};
use crate::{
    explain::Explain,
    plugin::{
        catalogue::nearest,
        entry::Category,
        fault::{Fault, quoted},
        validate::{Severity, Validation},
    },
};

/// Why a pack was not installed, or not removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallError {
    /// There is nothing to install.
    #[error("find a plugin package in `{}`: there is no plugins.yaml", .path.display())]
    NoManifest { path: PathBuf },
    /// It is an archive or a layout that cannot be used.
    #[error("unpack the plugin package `{}`: {problem}", .path.display())]
    Unpack { path: PathBuf, problem: UnpackProblem },
    /// Something stands where it was to be exported to.
    #[error("export the plugin package to `{}`: it is there already", .path.display())]
    Taken { path: PathBuf },
    /// The pack cannot be a folder of this name.
    #[error("name the plugin package `{name}`: it takes letters, digits, `-` and `_`")]
    Name { name: String },
    /// It would not load.
    #[error("add the plugin package of `{}`: {} in it would keep it from being used", .path.display(), errors(.validation))]
    Refused {
        /// Its manifest.
        path: PathBuf,
        /// What is wrong with it.
        validation: Box<Validation>,
    },
    /// Nobody says where the user's packs are.
    #[error("find your plugin folder: neither XDG_DATA_HOME nor HOME names one")]
    NoHome,
    /// The user's plugin folder is not only the user's.
    #[error("trust your plugin folder: {0}")]
    Untrusted(Box<Fault>),
    /// A pack of this name is installed.
    #[error("add the plugin package `{name}`: there is one in `{}`", .folder.display())]
    Exists { name: String, folder: PathBuf },
    /// An installed pack has equal right to a name of this one.
    #[error(
        "add the plugin package of `{}`: its {category} `{name}` has priority {priority}, as has that of `{}`, and neither could be used",
        .own.display(), .other.display()
    )]
    Conflict {
        /// Where the name is.
        category: Category,
        /// The name that two entries share.
        name: String,
        /// The priority of both.
        priority: i32,
        /// The manifest that was to be installed.
        own: PathBuf,
        /// The manifest that is.
        other: PathBuf,
    },
    /// Something that is no folder of ours has the place of one.
    #[error("use `{}` as a folder of your plugins: it is {found}", .path.display())]
    InTheWay {
        /// The place.
        path: PathBuf,
        /// What stands there.
        found: &'static str,
    },
    /// Its hashes cannot be written into its manifest.
    #[error("write the hashes into a copy of `{}`: {problem}", .manifest.display())]
    Pin {
        manifest: PathBuf,
        /// What is in the way of writing the hash into it.
        problem: PinProblem,
    },
    /// What was checked is not there any more.
    #[error("copy the plugin package: its files changed while they were being copied")]
    Changed,
    /// The system refuses.
    #[error("{doing} `{}`", .path.display())]
    Io {
        doing: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no pack of this name.
    #[error("find the plugin package `{name}` in your plugin folder: there is {}", quoted(.known))]
    Unknown {
        name: String,
        /// What there is, in order.
        known: Vec<String>,
    },
    /// A folder of this name exists, and is no pack.
    #[error("remove `{}`: it has no plugins.yaml, so it is no plugin package", .folder.display())]
    NotAPack {
        /// The folder that stays as it is.
        folder: PathBuf,
    },
}

impl InstallError {
    /// Whether the command line is wrong, rather than the pack or the system.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Self::Refused { .. }
            | Self::Changed
            | Self::Io { .. }
            | Self::Unpack { problem: UnpackProblem::Unwritten(_), .. }
            | Self::Untrusted(_) => false,
            Self::NoManifest { .. }
            | Self::Unpack { .. }
            | Self::Taken { .. }
            | Self::Name { .. }
            | Self::NoHome
            | Self::Exists { .. }
            | Self::Conflict { .. }
            | Self::InTheWay { .. }
            | Self::Pin { .. }
            | Self::Unknown { .. }
            | Self::NotAPack { .. } => true,
        }
    }
}

impl Explain for InstallError {
    fn hint(&self) -> String {
        let hint = match self {
            Self::NoManifest { .. } => {
                "name a folder with a plugins.yaml and its libraries, a crate that has one at its top, the file itself, an archive \
                 (.tar.gz) or an OCI layout"
            }
            Self::Unpack { problem, .. } => return problem.hint(),
            Self::Taken { .. } => "name another place, or remove what stands there",
            Self::Name { .. } => "choose another one with `--name`",
            Self::Refused { .. } => {
                "correct what is listed above; `prony plugins validate FOLDER` lists it again"
            }
            Self::NoHome => "set XDG_DATA_HOME to the absolute path of a folder of yours",
            Self::Untrusted(fault) => return fault.hint(),
            Self::Exists { .. } => "replace it with `--replace`, or choose another name with `--name`",
            Self::Conflict { name, own, .. } => {
                return format!(
                    "give `{name}` another name or another `priority` in `{}`, or remove the other plugin package",
                    own.display()
                );
            }
            Self::InTheWay { .. } => "move it away",
            Self::Pin { .. } => {
                "write each entry over several lines, with `class: …` on one of its own, or add `integrity` to it yourself"
            }
            Self::Changed => "wait until nobody writes to them, and add it again",
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on that disk",
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                    "make it writable for you, or set XDG_DATA_HOME to a folder that is"
                }
                _ => "check what stands there",
            },
            Self::Unknown { name, known } => {
                return match nearest(name, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "`prony plugins` lists where plugin packages come from; only those of your own folder can be removed".to_owned(),
                };
            }
            Self::NotAPack { .. } => "look into it, and remove it yourself if nobody needs it",
        };
        hint.to_owned()
    }
}

fn errors(validation: &Validation) -> String {
    match validation.count(Severity::Error) {
        1 => "an error".to_owned(),
        count => format!("{count} errors"),
    }
}
