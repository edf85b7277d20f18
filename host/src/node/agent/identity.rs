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

/// Writes what came along into the folder of the run, and has the plan name it there. Paths of the controller are removed from the
/// plan.
///
/// # Errors
/// It cannot be written.
pub(crate) fn place(identity: Option<Identity>, plan: &mut Plan, dir: &Path) -> Result<Placed, AgentError> {
    let placed = Placed(dir.join("identity"));
    let (certificate, key) = written_to(identity, &placed.0).map_err(AgentError::Receive)?;
    plan.target.tls.client_cert = certificate;
    plan.target.tls.client_key = key;
    Ok(placed)
}

/// What was written. It is removed with this value: by then everybody who needs it has read it, or nobody wants it any more.
#[derive(Debug)]
pub(crate) struct Placed(PathBuf);

impl Drop for Placed {
    fn drop(&mut self) {
        match fs::remove_dir_all(&self.0) {
            Ok(()) => {}
            // There was no certificate, or the folder of the run is gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, "the certificate of a run is still in its folder"),
        }
    }
}

/// Where certificate and key are.
type Places = (Option<PathBuf>, Option<PathBuf>);

fn written_to(identity: Option<Identity>, folder: &Path) -> io::Result<Places> {
    let Some(Identity { certificate, key }) = identity else { return Ok((None, None)) };
    // Only this folder: one of a run that was removed meanwhile does not come back.
    DirBuilder::new().mode(OUR_FOLDER).create(folder)?;
    let certificate = written(folder.join("certificate.pem"), &certificate)?;
    let key = key.map(|key| written(folder.join("key.pem"), &key)).transpose()?;
    Ok((Some(certificate), key))
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
    fn a_key_is_ours_alone_and_gone_when_it_is_not_needed_any_more() {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity { certificate: "cert".to_owned(), key: Some("key".to_owned()) };
        let placed = Placed(dir.path().join("identity"));
        let (certificate, key) = written_to(Some(identity), &placed.0).unwrap();
        let (certificate, key) = (certificate.unwrap(), key.unwrap());
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&key), mode(key.parent().unwrap())), (OUR_FILE, OUR_FOLDER));
        assert_eq!(
            (fs::read_to_string(&certificate).unwrap(), fs::read_to_string(&key).unwrap()),
            ("cert".into(), "key".into())
        );
        drop(placed);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn in_the_folder_of_a_run_that_is_gone_nothing_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity { certificate: "cert".to_owned(), key: Some("key".to_owned()) };
        let placed = Placed(dir.path().join("gone/identity"));
        let error = written_to(Some(identity), &placed.0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(!dir.path().join("gone").exists());
    }

    #[test]
    fn without_a_certificate_none_of_this_machine_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(written_to(None, dir.path()).unwrap(), (None, None));
    }
}
