//! Libraries that controllers have sent, each in a folder of its own under its hash: the library, and a manifest with the one
//! endpoint that was asked for. Nobody else may write there.

use std::{
    fs::{self, DirBuilder},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::NamedTempFile;

use super::{
    entry::{Key, Origin, Tier},
    integrity::Digest,
    manifest::{self, FILE_NAME},
    offer::Offer,
};
use crate::explain::Explain;

/// Folders that only we may use.
const OURS: u32 = 0o700;

/// Why a library cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReceiveError {
    /// What is offered is no library of one endpoint.
    #[error(
        "take in the library of the endpoint `{endpoint}`: what the controller says of it makes no sense"
    )]
    Nonsense { endpoint: String },
    /// There is no place for it.
    #[error("keep a library of the controller in `{}`", .path.display())]
    Keep { path: PathBuf, source: io::Error },
}

impl Explain for ReceiveError {
    fn hint(&self) -> String {
        match self {
            Self::Nonsense { .. } => "use the same version of prony everywhere",
            Self::Keep { .. } => "look at the space on the agent's disk and at its permissions",
        }
        .to_owned()
    }
}

/// The place of a library that was offered.
#[derive(Debug)]
pub(crate) struct Received {
    digest: Digest,
    folder: PathBuf,
    library: PathBuf,
    manifest: String,
}

impl Received {
    /// Makes the place for a library, below `store`.
    ///
    /// # Errors
    /// What is offered makes no sense, or there is no folder for it.
    pub(crate) fn place(offer: &Offer, store: &Path) -> Result<Self, ReceiveError> {
        let nonsense = || ReceiveError::Nonsense { endpoint: offer.endpoint.clone() };
        let digest = Digest::try_from(offer.sha256.clone()).map_err(|_| nonsense())?;
        let folder = store.join(digest.hex());
        let origin = Arc::new(Origin { manifest: folder.join(FILE_NAME), tier: Tier::Controller });
        let read = manifest::of_text(&offer.manifest, &origin).map_err(|_| nonsense())?;
        let [entry] = &read.endpoints[..] else { return Err(nonsense()) };
        let is_meant = Key::of(&entry.name) == Key::of(&offer.endpoint) && entry.integrity == Some(digest);
        if !is_meant || !read.services.is_empty() {
            return Err(nonsense());
        }
        let made = DirBuilder::new().recursive(true).mode(OURS).create(&folder);
        made.map_err(|source| ReceiveError::Keep { path: folder.clone(), source })?;
        let library = folder.join(entry.class.file_name());
        Ok(Self { digest, folder, library, manifest: offer.manifest.clone() })
    }

    /// Whether the library is there already, as it was sent.
    pub(crate) fn is_there(&self) -> bool {
        fs::read(&self.library).is_ok_and(|bytes| Digest::of(&bytes) == self.digest)
    }

    /// The SHA-256 of the library, in hexadecimal.
    pub(crate) fn sha256(&self) -> String {
        self.digest.hex()
    }

    /// Where the library belongs.
    pub(crate) fn library(&self) -> &Path {
        &self.library
    }

    /// Writes the manifest, which may be of another endpoint of the same library than the last time. Gives its path.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn write_manifest(&self) -> Result<PathBuf, ReceiveError> {
        let path = self.folder.join(FILE_NAME);
        let failed = |source| ReceiveError::Keep { path: path.clone(), source };
        let mut file = NamedTempFile::new_in(&self.folder).map_err(failed)?;
        file.write_all(self.manifest.as_bytes()).map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{
        super::{discovery::DiscoveryOptions, registry::Registry, testing::manifest_text},
        *,
    };

    fn offer(endpoint: &str, sha256: &str, manifest: String) -> Offer {
        let target = "x86_64-unknown-linux-gnu".to_owned();
        let (endpoint, sha256) = (endpoint.to_owned(), sha256.to_owned());
        Offer { endpoint, plugin: "acme 3.1.0".to_owned(), sha256, target, manifest }
    }

    fn pinned(endpoint: &str, sha256: &str) -> String {
        let integrity = format!("    integrity: {sha256}\n    class");
        manifest_text(endpoint, "acme:Chat", 0).replacen("    class", &integrity, 1)
    }

    #[test]
    fn what_was_sent_is_found_as_the_controllers_and_trusted() {
        let store = tempfile::tempdir().unwrap();
        let sha256 = Digest::of(b"code").to_string();
        let offer = offer("talk", &sha256, pinned("talk", &sha256));
        let place = Received::place(&offer, &store.path().join("libraries")).unwrap();
        assert!(!place.is_there());
        fs::write(place.library(), b"code").unwrap();
        assert!(place.is_there());
        let received = Some(place.write_manifest().unwrap());
        let options = DiscoveryOptions { received, ..DiscoveryOptions::default() };
        let entry = Registry::discover(&options).unwrap().endpoint("talk").unwrap();
        assert_eq!(entry.origin.tier, Tier::Controller);
        fs::write(place.library(), b"evil").unwrap();
        assert!(!place.is_there());
    }

    #[rstest]
    #[case::a_way_out("talk", "sha256-../../etc", "talk")]
    #[case::another_endpoint(
        "talk",
        "sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "chat"
    )]
    fn what_makes_no_sense_is_refused(
        #[case] endpoint: &str,
        #[case] sha256: &str,
        #[case] in_manifest: &str,
    ) {
        let store = tempfile::tempdir().unwrap();
        let offer = offer(endpoint, sha256, pinned(in_manifest, sha256));
        assert!(matches!(Received::place(&offer, store.path()), Err(ReceiveError::Nonsense { .. })));
        assert_eq!(fs::read_dir(store.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_manifest_with_another_hash_is_refused() {
        let store = tempfile::tempdir().unwrap();
        let (one, other) = (Digest::of(b"one").to_string(), Digest::of(b"other").to_string());
        let refused = Received::place(&offer("talk", &one, pinned("talk", &other)), store.path());
        assert!(matches!(refused, Err(ReceiveError::Nonsense { .. })));
    }
}
