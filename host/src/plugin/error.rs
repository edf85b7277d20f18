//! What the rest of the program learns when a plugin cannot be used.

use std::{error::Error, path::PathBuf, sync::Arc};

use prony_plugin_api::ErrorKind;

use super::{
    catalogue::nearest,
    discovery::Withheld,
    entry::{Category, Origin},
    fault::{Fault, quoted},
    manifest::ManifestError,
    policy::{PolicyError, PolicyInForce},
};
use crate::{explain::Explain, lockfile::LockfileError};

/// What to do about a panic or a crash.
pub(crate) const A_BUG: &str = "it is a bug of the plugin: tell its author";

/// What to do about an option that a plugin does not take.
pub(crate) const AN_OPTION: &str = "correct the option that it names";

/// What to do where nothing is beside the program. `cargo install` brings the program alone: the plugins are packages of their own.
pub(crate) const INSTALL_PLUGINS: &str = "install the libraries and `plugins.yaml` beside the program, or in `../lib/prony` (after \
    `cargo install`, `host/packaging/install-plugins` of the clone does it)";

/// Most names that an error lists; more are left to `prony plugins`.
const A_FEW: usize = 5;

/// Why a plugin cannot be used. Three lines: the text, [`PluginError::detail`] and [`PluginError::hint`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum PluginError {
    /// A manifest that the user named is bad.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// There is no such category.
    #[error("unknown category `{name}`: there are {}", quoted(&categories()))]
    UnknownCategory { name: String },
    /// There is no such entry.
    #[error("unknown {category} `{name}`")]
    UnknownName {
        /// Where it was looked for.
        category: Category,
        name: String,
        /// What there is, in order.
        known: Vec<String>,
    },
    /// There is neither an endpoint nor a service of this name.
    #[error("unknown endpoint or service `{name}`")]
    UnknownPlugin {
        name: String,
        /// What there is: endpoints, then services.
        known: Vec<String>,
    },
    /// The lock file cannot be read.
    #[error(transparent)]
    Lock(#[from] LockfileError),
    /// The plugin policy cannot be read.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// It exists, and the policy demands a hash of it.
    #[error("use {withheld}: it has no `integrity`, and {policy} leaves it out")]
    Unpinned {
        /// The entry, and where it stands.
        withheld: Withheld,
        /// The policy that demands a hash, and who set it.
        policy: PolicyInForce,
    },
    /// It may exist, but only what ships with the program was read.
    #[error("find the {category} `{name}` among those that ship with prony: there are {}", quoted(.known))]
    NotBuiltIn {
        /// Where it was looked for.
        category: Category,
        name: String,
        /// What there is, in order.
        known: Vec<String>,
        /// Manifests that were not read.
        unread: Vec<PathBuf>,
        /// The policy that leaves them out, and who set it.
        policy: PolicyInForce,
    },
    /// Two packs claim the name with equal right.
    #[error(
        "choose the {category} `{name}`: both `{}` and `{}` declare it with priority {priority}",
        .origins[0].manifest.display(), .origins[1].manifest.display()
    )]
    Conflict {
        /// Where the name is.
        category: Category,
        /// The name that two entries share.
        name: String,
        /// The priority of both.
        priority: i32,
        /// Their manifests.
        origins: [Arc<Origin>; 2],
    },
    /// Its library cannot be used.
    #[error("load the {category} `{name}` from `{}`", .library.display())]
    Load {
        /// Where the name is.
        category: Category,
        /// The entry that was asked for.
        name: String,
        /// The library's file.
        library: PathBuf,
        /// The first fault of the library.
        #[source]
        fault: Arc<Fault>,
    },
    /// Its author's code refused to start.
    #[error("start the {category} `{name}`")]
    Create {
        /// Where the name is.
        category: Category,
        /// The entry that was asked for.
        name: String,
        /// What the plugin said.
        source: prony_plugin_api::PluginError,
    },
}

impl PluginError {
    /// The causes, in one line; `None` when the text says it all.
    pub(crate) fn detail(&self) -> Option<String> {
        self.source().map(chain)
    }

    /// Whether the library is not the one that was locked.
    pub(super) fn breaks_the_lock(&self) -> bool {
        matches!(self, Self::Load { fault, .. } if matches!(**fault, Fault::Locked(_)))
    }

    /// Whether the command line or the configuration is wrong, rather than a plugin.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Self::Manifest(_)
            | Self::UnknownCategory { .. }
            | Self::UnknownName { .. }
            | Self::UnknownPlugin { .. }
            | Self::Policy(_)
            | Self::Unpinned { .. }
            | Self::NotBuiltIn { .. }
            | Self::Conflict { .. } => true,
            Self::Lock(error) => error.is_usage(),
            Self::Load { .. } => false,
            Self::Create { source, .. } => source.kind == ErrorKind::CONFIG,
        }
    }
}

impl Explain for PluginError {
    fn hint(&self) -> String {
        match self {
            Self::Manifest(error) => error.hint(),
            Self::UnknownCategory { name } => match nearest(name, &categories()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`prony plugins` lists everything".to_owned(),
            },
            Self::UnknownName { known, .. } if known.is_empty() => {
                format!("no manifest was found: {INSTALL_PLUGINS}, or name a manifest with --plugins")
            }
            Self::UnknownName { category, name, known } => {
                let all = match &known[..] {
                    few if few.len() <= A_FEW => format!("there are {}", quoted(few)),
                    _ => format!("`prony plugins {category}` lists all"),
                };
                match nearest(name, known) {
                    Some(near) => format!("did you mean `{near}`? {all}"),
                    None => all,
                }
            }
            Self::UnknownPlugin { name, known } => match nearest(name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`prony plugins` lists everything".to_owned(),
            },
            Self::Lock(error) => error.hint(),
            Self::Policy(error) => error.hint(),
            Self::Unpinned { withheld, .. } => format!(
                "add the library's `integrity` to `{}` (`prony plugins add` does it when it installs a plugin package), or lock it with \
                 `prony lock` and name that file with `--lock`",
                withheld.manifest.display()
            ),
            Self::NotBuiltIn { unread, policy, .. } => {
                let unread: Vec<String> = unread.iter().map(|file| file.display().to_string()).collect();
                format!("{policy} leaves out {}", quoted(&unread))
            }
            Self::Conflict { .. } => "give one of them a higher `priority`, or remove one".to_owned(),
            Self::Load { fault, .. } => fault.hint(),
            Self::Create { source, .. } if !source.hint.is_empty() => source.hint.clone(),
            Self::Create { source, .. } if source.kind == ErrorKind::PANIC => A_BUG.to_owned(),
            Self::Create { .. } => AN_OPTION.to_owned(),
        }
    }

    fn is_statement(&self) -> bool {
        matches!(self, Self::UnknownCategory { .. } | Self::UnknownName { .. } | Self::UnknownPlugin { .. })
    }
}

fn categories() -> [String; 2] {
    Category::ALL.map(|category| category.name().to_owned())
}

/// An error and its causes, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn unknown(name: &str, known: &[&str]) -> PluginError {
        let known = known.iter().map(ToString::to_string).collect();
        PluginError::UnknownName { category: Category::Endpoint, name: name.to_owned(), known }
    }

    #[rstest]
    #[case("chatt", &["chat", "completions"], "did you mean `chat`? there are `chat`, `completions`")]
    #[case("rerank", &["chat", "completions"], "there are `chat`, `completions`")]
    #[case("chatt", &["chat", "b", "c", "d", "e", "f"], "did you mean `chat`? `prony plugins endpoint` lists all")]
    #[case("rerank", &["chat", "b", "c", "d", "e", "f"], "`prony plugins endpoint` lists all")]
    fn an_unknown_name_leads_to_the_known_ones(
        #[case] name: &str,
        #[case] known: &[&str],
        #[case] hint: &str,
    ) {
        assert_eq!(unknown(name, known).hint(), hint);
    }

    #[test]
    fn where_there_are_no_names_it_is_said_what_installs_them() {
        let hint = unknown("chat", &[]).hint();
        assert!(hint.starts_with("no manifest was found: install the libraries"), "{hint}");
        assert!(hint.contains("(after `cargo install`, `host/packaging/install-plugins`"), "{hint}");
        assert!(hint.ends_with("or name a manifest with --plugins"), "{hint}");
    }

    #[test]
    fn an_unknown_name_is_a_statement_about_the_command_line() {
        let error = unknown("chatt", &["chat", "completions"]);
        assert_eq!(error.to_string(), "unknown endpoint `chatt`");
        assert_eq!(error.detail(), None);
        assert!(error.is_usage() && error.is_statement());
    }

    #[test]
    fn a_load_error_is_three_lines() {
        let error = PluginError::Load {
            category: Category::Service,
            name: "billing".to_owned(),
            library: PathBuf::from("/packs/acme/libacme.so"),
            fault: Arc::new(Fault::Epoch { plugin: "acme 3.1.0".to_owned(), epoch: 2, minor: 4 }),
        };
        insta::assert_snapshot!(format!("{error}\n{}\n{}", error.detail().unwrap(), error.hint()), @r"
        load the service `billing` from `/packs/acme/libacme.so`
        acme 3.1.0 is built for contract 2.4, and this host offers 1.4
        rebuild it with prony-plugin-api 1.x, or get its release for this host
        ");
        assert!(!error.is_usage());
    }
}
