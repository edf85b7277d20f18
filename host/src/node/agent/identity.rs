//! The certificate that a run shows to its target, with its private key, on the way to agents: with the plan, as the run's other secrets,
//! and through no store. An agent has them on its disk only until its workers have started.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::error::AgentError;
use crate::plan::Plan;

/// Only we may use the folder, and read what is in it.
const OUR_FOLDER: u32 = 0o700;
const OUR_FILE: u32 = 0o600;

/// Files of PEM. They cannot be printed: there is a private key in them.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Identity {
    certificate: String,
    /// Nothing where it is in the file of the certificate.
    key: Option<String>,
}

impl Identity {
    /// What a plan names, if it names any.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn of(plan: &Plan) -> Result<Option<Self>, AgentError> {
        let tls = &plan.target.tls;
        let Some(certificate) = &tls.client_cert else { return Ok(None) };
        let read = |path: &PathBuf| {
            fs::read_to_string(path).map_err(|source| AgentError::Read { path: path.clone(), source })
        };
        let key = tls.client_key.as_ref().map(read).transpose()?;
        Ok(Some(Self { certificate: read(certificate)?, key }))
    }
}

/// Writes what came along below a folder of the run, and has the plan name it there. Whatever the plan names on this machine, it does
/// not name any more.
///
/// # Errors
/// It cannot be written.
pub(crate) fn place(identity: Option<Identity>, plan: &mut Plan, dir: &Path) -> Result<(), AgentError> {
    let tls = &mut plan.target.tls;
    (tls.client_cert, tls.client_key) = match identity {
        None => (None, None),
        Some(Identity { certificate, key }) => {
            let failed = AgentError::Receive;
            let folder = folder(dir);
            DirBuilder::new().recursive(true).mode(OUR_FOLDER).create(&folder).map_err(failed)?;
            let write = |name: &str, text: String| written(folder.join(name), &text).map_err(failed);
            (Some(write("certificate.pem", certificate)?), key.map(|key| write("key.pem", key)).transpose()?)
        }
    };
    Ok(())
}

/// Removes what was written: everybody who needs it has read it.
pub(crate) fn forget(dir: &Path) {
    match fs::remove_dir_all(folder(dir)) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(%error, "the certificate of a run is still in its folder"),
    }
}

fn folder(dir: &Path) -> PathBuf {
    dir.join("identity")
}

fn written(path: PathBuf, text: &str) -> io::Result<PathBuf> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(OUR_FILE).open(&path)?;
    file.write_all(text.as_bytes())?;
    Ok(path)
}
