//! Where a calibration is kept: one file a user and API format.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use super::results::Calibration;

/// Why a calibration is not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// There is no place for it.
    #[error("find a folder for the calibration: neither XDG_STATE_HOME nor HOME names one")]
    NoHome,
    /// It cannot be written.
    #[error("write `{}`", path.display())]
    Write {
        /// The file of results.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The latest calibration of an API format, if there is one that can be read.
pub(crate) fn load(endpoint_type: &str) -> Option<Calibration> {
    let path = path(endpoint_type)?;
    let text = fs::read_to_string(&path).ok()?;
    let parsed = serde_json::from_str(&text);
    parsed
        .inspect_err(|error| tracing::debug!(path = %path.display(), %error, "an unreadable calibration"))
        .ok()
}

/// Keeps a calibration, and says where.
pub(crate) fn save(calibration: &Calibration) -> Result<PathBuf, StoreError> {
    let path = path(&calibration.endpoint_type).ok_or(StoreError::NoHome)?;
    let written = write(&path, calibration);
    written.map_err(|source| StoreError::Write { path: path.clone(), source })?;
    Ok(path)
}

fn write(path: &Path, calibration: &Calibration) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    // Whole or not at all: a run that reads it meanwhile finds the old one.
    let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&unfinished, serde_json::to_string_pretty(calibration)? + "\n")?;
    fs::rename(unfinished, path)
}

/// State that survives a program and is no configuration (XDG Base Directory Specification 0.8).
fn path(endpoint_type: &str) -> Option<PathBuf> {
    let folder = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))?;
    Some(state.join("prony/calibration").join(endpoint_type).with_extension("json"))
}
