//! Which plugins may be used, and who decided it: a flag, else a variable, else a configuration file.

use std::{
    env,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{fault::Fault, trust::Trust};
use crate::{
    config::{
        file::{self, ConfigFile, ConfigFileError},
        policy::PluginPolicy,
        units,
    },
    explain::Explain,
};

/// The variable that sets the policy.
const VARIABLE: &str = "PRONY_PLUGIN_POLICY";

/// Everything that might set the policy, the strongest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct PolicyWishes {
    /// What the command line says.
    pub(crate) flag: Option<PluginPolicy>,
    /// What the variable says.
    pub(crate) variable: Option<OsString>,
    /// Folders of configuration files, the most important first.
    pub(crate) config_folders: Vec<PathBuf>,
}

/// The policy that holds, and who set it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PolicyInForce {
    pub(crate) policy: PluginPolicy,
    /// Who set it.
    pub(crate) source: PolicySource,
}

/// Who set a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum PolicySource {
    /// Nobody.
    #[default]
    Default,
    /// The command line.
    Flag,
    /// The environment.
    Variable,
    /// A configuration file.
    File(PathBuf),
}

impl fmt::Display for PolicySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("prony's default"),
            Self::Flag => f.write_str("`--plugin-policy`"),
            Self::Variable => write!(f, "the variable {VARIABLE}"),
            Self::File(file) => write!(f, "`{}`", file.display()),
        }
    }
}

impl fmt::Display for PolicyInForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the policy `{}` of {}", self.policy.name(), self.source)
    }
}

/// Why there is no policy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyError {
    /// The variable names none.
    #[error("read the plugin policy in {VARIABLE}: `{text}` is none of {}", PluginPolicy::names())]
    Variable { text: String },
    /// A configuration file is wrong.
    #[error(transparent)]
    File(#[from] ConfigFileError),
    /// Others could change a configuration file.
    #[error("trust the configuration file `{}`: {fault}", .file.display())]
    Untrusted {
        /// The file that is not read because of that.
        file: PathBuf,
        fault: Box<Fault>,
    },
}

impl Explain for PolicyError {
    fn hint(&self) -> String {
        match self {
            Self::Variable { .. } => format!("correct the variable, as in `{VARIABLE}=pinned`, or remove it"),
            Self::File(error) => error.hint(),
            Self::Untrusted { fault, .. } => fault.hint(),
        }
    }
}

impl PolicyWishes {
    /// What the environment says.
    pub(super) fn from_env() -> Self {
        Self {
            flag: None,
            variable: env::var_os(VARIABLE).filter(|text| !text.is_empty()),
            config_folders: file::folders(),
        }
    }

    /// Decides. Every place is read, so that a wrong rule is never passed over.
    pub(super) fn decide(&self) -> Result<PolicyInForce, PolicyError> {
        self.config_folders.iter().try_for_each(|folder| check_trust(&file::file_in(folder)))?;
        let config = ConfigFile::read(&self.config_folders)?;
        let variable = self.variable.as_ref().map(|text| {
            let text = text.to_string_lossy();
            units::choice(&text).map_err(|_| PolicyError::Variable { text: text.into_owned() })
        });
        let variable = variable.transpose()?;
        let set = |policy, source| PolicyInForce { policy, source };
        Ok(match (self.flag, variable, config.plugin_policy) {
            (Some(policy), _, _) => set(policy, PolicySource::Flag),
            (None, Some(policy), _) => set(policy, PolicySource::Variable),
            (None, None, Some(placed)) => set(placed.value, PolicySource::File(placed.file)),
            (None, None, None) => PolicyInForce::default(),
        })
    }
}

/// Anyone who can write to a configuration file decides whose code runs, so that the rule of manifests holds for it, too.
fn check_trust(file: &Path) -> Result<(), PolicyError> {
    // One that is not there is no rule, and one that cannot be read is an error of its own.
    Trust::of_this_process()
        .check_rules(file)
        .map_err(|fault| PolicyError::Untrusted { file: file.to_owned(), fault: Box::new(fault) })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rstest::rstest;

    use super::*;

    fn wishes(
        flag: Option<PluginPolicy>,
        variable: Option<&str>,
        file: Option<&str>,
    ) -> (tempfile::TempDir, PolicyWishes) {
        let root = tempfile::tempdir().unwrap();
        if let Some(text) = file {
            fs::create_dir(root.path().join("prony")).unwrap();
            fs::write(root.path().join("prony/config.yaml"), text).unwrap();
        }
        let config_folders = vec![root.path().to_owned()];
        (root, PolicyWishes { flag, variable: variable.map(Into::into), config_folders })
    }

    #[rstest]
    #[case::nobody(None, None, None, "the policy `any` of prony's default")]
    #[case::file(None, None, Some("plugin_policy: pinned"), "the policy `pinned` of `/prony/config.yaml`")]
    #[case::variable(
        None,
        Some("builtin"),
        Some("plugin_policy: pinned"),
        "the policy `builtin` of the variable PRONY_PLUGIN_POLICY"
    )]
    #[case::flag(
        Some(PluginPolicy::Any),
        Some("builtin"),
        Some("plugin_policy: pinned"),
        "the policy `any` of `--plugin-policy`"
    )]
    fn the_nearest_wish_decides(
        #[case] flag: Option<PluginPolicy>,
        #[case] variable: Option<&str>,
        #[case] file: Option<&str>,
        #[case] expected: &str,
    ) {
        let (root, wishes) = wishes(flag, variable, file);
        let text = wishes.decide().unwrap().to_string();
        assert_eq!(text.replace(&root.path().display().to_string(), ""), expected);
    }

    #[rstest]
    #[case::variable(
        Some("some"),
        None,
        "read the plugin policy in PRONY_PLUGIN_POLICY: `some` is none of `any`, `pinned`, `builtin`"
    )]
    #[case::file(None, Some("plugin_policy: some"), "read the configuration file `/prony/config.yaml:1`")]
    fn a_wrong_wish_is_an_error_even_where_a_stronger_one_is_right(
        #[case] variable: Option<&str>,
        #[case] file: Option<&str>,
        #[case] expected: &str,
    ) {
        let (root, wishes) = wishes(Some(PluginPolicy::Any), variable, file);
        let error = wishes.decide().unwrap_err();
        assert_eq!(error.to_string().replace(&root.path().display().to_string(), ""), expected);
        assert!(!error.hint().is_empty());
    }
}
