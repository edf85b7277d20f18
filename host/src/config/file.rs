//! The configuration file: `prony/config.yaml` in the user's and the system's configuration folders (XDG Base
//! Directory Specification). What the user's says goes before what the system's say, key by key.
//!
//! Unknown keys are errors: a typo in a rule must not switch the rule off.
//!
//! ```yaml
//! plugin_policy: pinned   # any, pinned or builtin
//! ```

use std::{
    env, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer};

use super::{
    policy::PluginPolicy,
    yaml::{self, YamlError},
};
use crate::{bounded, explain::Explain};

/// Where the file is in a configuration folder.
const FILE_NAME: &str = "prony/config.yaml";

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("read the configuration file `{}{}`", .file.display(), .line.map(|line| format!(":{line}")).unwrap_or_default())]
pub(crate) struct ConfigFileError {
    pub(crate) file: PathBuf,
    /// Where in it, from 1, if it is about a place.
    pub(crate) line: Option<usize>,
    #[source]
    pub(crate) problem: ConfigFileProblem,
}

/// What is wrong with a configuration file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigFileProblem {
    /// It exists, and cannot be read as text.
    #[error("{0}")]
    Unreadable(io::Error),
    /// Something in it is not what it should be.
    #[error("{0}")]
    Format(String),
}

impl Explain for ConfigFileError {
    fn hint(&self) -> String {
        match self.problem {
            ConfigFileProblem::Unreadable(_) => {
                "check what stands there, and that you may read it".to_owned()
            }
            ConfigFileProblem::Format(_) => {
                format!(
                    "correct that line; a whole file is `plugin_policy: pinned`, with one of {}",
                    PluginPolicy::names()
                )
            }
        }
    }
}

/// A value, and the file that it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) file: PathBuf,
}

/// What the configuration files say together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConfigFile {
    /// Which plugins may be used.
    pub(crate) plugin_policy: Option<Placed<PluginPolicy>>,
}

/// One file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "keys with values")]
struct Raw {
    #[serde(default, deserialize_with = "some")]
    plugin_policy: Option<PluginPolicy>,
}

/// A value that is there. A key without one is a mistake, and not a rule that is switched off.
fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The configuration folders of the environment, the most important first.
pub(crate) fn folders() -> Vec<PathBuf> {
    let folder = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let own = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
    let system = env::var_os("XDG_CONFIG_DIRS").filter(|text| !text.is_empty());
    let system = system.unwrap_or_else(|| "/etc/xdg".into());
    own.into_iter().chain(env::split_paths(&system)).filter(|path| path.is_absolute()).collect()
}

/// Where the file of a configuration folder is. It need not be there.
pub(crate) fn file_in(folder: &Path) -> PathBuf {
    folder.join(FILE_NAME)
}

impl ConfigFile {
    /// Reads the files of some folders, the most important first. A file need not exist; one that does must be right.
    ///
    /// # Errors
    /// A file cannot be read, or something in it is not what it should be.
    pub(crate) fn read(folders: &[PathBuf]) -> Result<Self, ConfigFileError> {
        let mut config = Self::default();
        for folder in folders {
            let file = file_in(folder);
            let Raw { plugin_policy } = read_one(&file)?;
            let place = |value| Placed { value, file: file.clone() };
            config.plugin_policy = config.plugin_policy.or(plugin_policy.map(place));
        }
        Ok(config)
    }
}

fn read_one(file: &Path) -> Result<Raw, ConfigFileError> {
    let failure = |line, problem| ConfigFileError { file: file.to_owned(), line, problem };
    let text = match bounded::read_to_string(file, yaml::MOST_MEGABYTES) {
        Ok(text) => text,
        // Below a file in the place of a folder there is nothing either.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Raw::default());
        }
        Err(error) => return Err(failure(None, ConfigFileProblem::Unreadable(error))),
    };
    yaml::check_brackets(&text)
        .map_err(|(line, text)| failure(Some(line), ConfigFileProblem::Format(text)))?;
    let raw: Option<Raw> = yaml::parse(&text)
        .map_err(|error: YamlError| failure(error.line(), ConfigFileProblem::Format(error.text)))?;
    Ok(raw.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use std::fs;

    use super::*;

    /// Folders with these files, the most important first; no file where there is no text.
    fn read(texts: &[Option<&str>]) -> (tempfile::TempDir, Result<ConfigFile, ConfigFileError>) {
        let root = tempfile::tempdir().unwrap();
        let folders: Vec<PathBuf> = (0..texts.len()).map(|at| root.path().join(at.to_string())).collect();
        for (folder, text) in folders.iter().zip(texts) {
            let Some(text) = text else { continue };
            fs::create_dir_all(folder.join("prony")).unwrap();
            fs::write(folder.join(FILE_NAME), text).unwrap();
        }
        let config = ConfigFile::read(&folders);
        (root, config)
    }

    #[rstest]
    #[case::nothing(&[None, None], None)]
    #[case::empty(&[Some("# nothing yet\n")], None)]
    #[case::system(&[None, Some("plugin_policy: pinned")], Some((PluginPolicy::Pinned, "1")))]
    #[case::user_first(&[Some("plugin_policy: any"), Some("plugin_policy: builtin")], Some((PluginPolicy::Any, "0")))]
    #[case::not_said_by_the_user(&[Some(""), Some("plugin_policy: builtin")], Some((PluginPolicy::Builtin, "1")))]
    fn the_most_important_file_that_has_a_key_decides(
        #[case] texts: &[Option<&str>],
        #[case] expected: Option<(PluginPolicy, &str)>,
    ) {
        let (root, config) = read(texts);
        let expected = expected.map(|(value, folder)| Placed {
            value,
            file: root.path().join(folder).join("prony/config.yaml"),
        });
        assert_eq!(config.unwrap().plugin_policy, expected);
    }

    #[rstest]
    #[case::unknown_key(
        "# rules\nplugin_polcy: pinned\n",
        2,
        "unknown field `plugin_polcy`, expected `plugin_policy`"
    )]
    #[case::wrong_value(
        "\n\nplugin_policy: some\n",
        3,
        "plugin_policy: `some` is none of `any`, `pinned`, `builtin`"
    )]
    #[case::wrong_type(
        "plugin_policy: [any]\n",
        1,
        "plugin_policy: invalid type: sequence, expected one of `any`"
    )]
    #[case::no_value("plugin_policy:\n", 1, "plugin_policy: there is nothing; it takes one of `any`")]
    #[case::null("plugin_policy: ~\n", 1, "plugin_policy: `~` is none of `any`")]
    #[case::no_mapping("pinned\n", 1, "invalid type: string \"pinned\", expected keys with values")]
    fn a_mistake_is_named_with_file_and_line(
        #[case] text: &str,
        #[case] line: usize,
        #[case] expected: &str,
    ) {
        let (root, config) = read(&[Some("plugin_policy: any"), Some(text)]);
        let error = config.unwrap_err();
        assert_eq!(error.line, Some(line));
        let file = root.path().join("1/prony/config.yaml").display().to_string();
        assert_eq!(error.to_string(), format!("read the configuration file `{file}:{line}`"));
        assert!(error.problem.to_string().starts_with(expected), "{}", error.problem);
        assert!(error.hint().contains("`plugin_policy: pinned`"));
    }

    #[test]
    fn a_folder_in_the_place_of_the_file_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(FILE_NAME)).unwrap();
        let error = ConfigFile::read(&[root.path().to_owned()]).unwrap_err();
        assert!(matches!(error.problem, ConfigFileProblem::Unreadable(_)), "{error:?}");
    }
}
