//! What a manifest declares: an [`Entry`] of a [`Category`]. It does not know whether the entry's library exists.

use std::{
    env::consts::{DLL_PREFIX, DLL_SUFFIX},
    fmt,
    path::PathBuf,
    sync::Arc,
};

use prony_plugin_api::metadata::{EndpointMetadata, ServiceMetadata};
use serde::{Deserialize, Serialize};

use super::integrity::Digest;

/// What kind of thing an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Category {
    /// An API format.
    Endpoint,
    /// A collector or publisher beside the load.
    Service,
}

impl Category {
    /// Every category, in the order in which they are listed.
    pub(crate) const ALL: [Self; 2] = [Self::Endpoint, Self::Service];

    /// Its name in a manifest and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Service => "service",
        }
    }

    /// The category of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| Key::of(name) == Key::of(category.name()))
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An entry name as it is compared: case and the difference between `-` and `_` do not count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(String);

impl Key {
    /// The key of a name in any spelling.
    pub(crate) fn of(name: &str) -> Self {
        Self(name.to_ascii_lowercase().replace('-', "_"))
    }

    /// Its text, in lower case with underscores.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where the code is: `<library stem>:<exported type>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    /// Stem of the library, to which the platform's prefix and suffix are added.
    pub(crate) library: String,
    /// Name of the exported type.
    pub(crate) type_name: String,
}

impl Class {
    /// Name of the library's file on this platform.
    pub(crate) fn file_name(&self) -> String {
        format!("{DLL_PREFIX}{}{DLL_SUFFIX}", self.library)
    }
}

impl TryFrom<String> for Class {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            // No separators and no dots: a class names a file, never a path.
            Some((library, type_name)) if is_name(library) && is_name(type_name) => {
                Ok(Self { library: library.to_owned(), type_name: type_name.to_owned() })
            }
            _ => Err(format!(
                "`{text}` is not a class: write `library:Type`, such as `endpoint_openai:ChatEndpoint`"
            )),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.library, self.type_name)
    }
}

/// Letters, digits, `-` and `_`: what entries, libraries and types may be called.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Where a plugin's code runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Isolation {
    /// In this process: cheap, and a crash is ours.
    #[default]
    None,
    /// In a child process: a crash is its own.
    Process,
}

/// Where a manifest was found, from low to high.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tier {
    /// Beside the program: its entries are the built-in ones.
    BuiltIn,
    /// In a system data folder.
    System,
    /// In the user's data folder.
    User,
    /// In `$PRONY_PLUGIN_PATH`.
    PluginPath,
    /// Named by `--plugins`.
    CommandLine,
    /// Sent by the controller of a run, to an agent that takes plugins.
    Controller,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BuiltIn => "built-in",
            Self::System => "system",
            Self::User => "user",
            Self::PluginPath => "plugin path",
            Self::CommandLine => "command line",
            Self::Controller => "controller",
        })
    }
}

/// The manifest that an entry stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) manifest: PathBuf,
    /// How it was found.
    pub(crate) tier: Tier,
}

/// One `category.name` of a manifest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry<M> {
    /// Its name, as the manifest spells it.
    pub(crate) name: String,
    /// Where its code is.
    pub(crate) class: Class,
    /// One sentence for the listing.
    pub(crate) description: String,
    /// The highest one of a name wins.
    pub(crate) priority: i32,
    /// Where it wants to run.
    pub(crate) isolation: Isolation,
    /// What its library must hash to.
    pub(crate) integrity: Option<Digest>,
    /// What must be known before it runs.
    pub(crate) metadata: M,
    /// The manifest it stands in.
    pub(crate) origin: Arc<Origin>,
}

/// An API format that can be used.
pub(crate) type EndpointEntry = Entry<EndpointMetadata>;

/// A service that can be started.
pub(crate) type ServiceEntry = Entry<ServiceMetadata>;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("chat", "chat")]
    #[case("Chat", "chat")]
    #[case("nim-embeddings", "NIM_Embeddings")]
    fn spellings_of_one_name_have_one_key(#[case] one: &str, #[case] other: &str) {
        assert_eq!(Key::of(one), Key::of(other));
    }

    #[rstest]
    #[case("chat")]
    #[case(":Chat")]
    #[case("chat:")]
    #[case("a:b:c")]
    #[case("../evil:Chat")]
    #[case("lib/evil:Chat")]
    #[case("/evil:Chat")]
    fn a_class_is_a_plain_library_and_a_type(#[case] text: &str) {
        let error = Class::try_from(text.to_owned()).unwrap_err();
        assert!(error.starts_with(&format!("`{text}` is not a class")), "{error}");
    }

    #[test]
    fn a_class_knows_its_file() {
        let class = Class::try_from("acme-chat:Chat".to_owned()).unwrap();
        assert_eq!(class.file_name(), format!("{DLL_PREFIX}acme-chat{DLL_SUFFIX}"));
        assert_eq!(class.to_string(), "acme-chat:Chat");
    }
}
