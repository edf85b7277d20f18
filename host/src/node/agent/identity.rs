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
    let (certificate, key) = written_to(identity, dir).map_err(AgentError::Receive)?;
    plan.target.tls.client_cert = certificate;
    plan.target.tls.client_key = key;
    Ok(())
}

/// Where certificate and key are.
type Places = (Option<PathBuf>, Option<PathBuf>);

fn written_to(identity: Option<Identity>, dir: &Path) -> io::Result<Places> {
    let Some(Identity { certificate, key }) = identity else { return Ok((None, None)) };
    let folder = folder(dir);
    DirBuilder::new().recursive(true).mode(OUR_FOLDER).create(&folder)?;
    let certificate = written(folder.join("certificate.pem"), &certificate)?;
    let key = key.map(|key| written(folder.join("key.pem"), &key)).transpose()?;
    Ok((Some(certificate), key))
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_ours_alone_and_gone_when_it_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity { certificate: "cert".to_owned(), key: Some("key".to_owned()) };
        let (certificate, key) = written_to(Some(identity), dir.path()).unwrap();
        let (certificate, key) = (certificate.unwrap(), key.unwrap());
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&key), mode(key.parent().unwrap())), (OUR_FILE, OUR_FOLDER));
        assert_eq!(
            (fs::read_to_string(&certificate).unwrap(), fs::read_to_string(&key).unwrap()),
            ("cert".into(), "key".into())
        );
        forget(dir.path());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        forget(dir.path());
    }

    #[test]
    fn without_a_certificate_none_of_this_machine_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(written_to(None, dir.path()).unwrap(), (None, None));
    }
}
