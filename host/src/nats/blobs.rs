//! Files that go from one machine to others by their SHA-256, through the object store of the server's JetStream.
//!
//! What is there already is not sent again. Nothing takes an object out: on a server of ours the store ends with it; on another
//! one it is the bucket `prony`, which its owner may delete at any time between runs.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use async_nats::{
    Client,
    jetstream::{
        self, ErrorCode,
        context::{CreateObjectStoreError, CreateStreamError, CreateStreamErrorKind},
        object_store::{Config, GetErrorKind, ObjectStore},
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE};
use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempPath};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::{
    bus::Bus,
    error::{BusError, Cause},
};
use crate::{explain::Explain, fingerprint};

/// Where all objects are.
const BUCKET: &str = "prony";

/// How long the next piece of an object may take to come.
const STALL: Duration = Duration::from_secs(30);

/// Bytes that are read at a time.
const PIECE: usize = 1 << 16;

/// Why a file was not sent or fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BlobError {
    /// The server keeps nothing.
    #[error("keep files on the NATS server `{url}`: its JetStream is off")]
    NoJetStream { url: String },
    /// The store refuses, or does not answer.
    #[error("{what} the NATS server `{url}`")]
    Store { what: &'static str, url: String, source: Cause },
    /// The store does not have it.
    #[error("fetch the object {sha256} from the NATS server `{url}`: it is not there")]
    Missing { sha256: String, url: String },
    /// It comes no further.
    #[error("fetch the object {sha256} from the NATS server `{url}`: nothing came for {} s", STALL.as_secs())]
    Stalled { sha256: String, url: String },
    /// Something else has come than was asked for.
    #[error("fetch the object {sha256} from the NATS server `{url}`: what came is {found}")]
    Damaged { sha256: String, url: String, found: String },
    /// A file changed while it was sent.
    #[error("send `{}`: it changed meanwhile", .path.display())]
    Changed { path: PathBuf },
    /// A file cannot be read or written.
    #[error("{what} `{}`", .path.display())]
    File { what: &'static str, path: PathBuf, source: io::Error },
    /// The bus cannot be used.
    #[error(transparent)]
    Bus(#[from] BusError),
}

impl Explain for BlobError {
    fn hint(&self) -> String {
        match self {
            Self::NoJetStream { .. } => {
                "start the server with `-js`, or write `jetstream {}` in its configuration; without `--nats`, prony starts a \
                 server of its own"
            }
            Self::Store { .. } | Self::Stalled { .. } => {
                "see that the server runs and that its disk has room; its log says more"
            }
            Self::Missing { .. } | Self::Damaged { .. } => "start the run again: it sends what is missing",
            Self::Changed { .. } => "let nobody write to the file while a run begins",
            Self::File { .. } => "see that the path is right, that it may be used, and that the disk has room",
            Self::Bus(error) => return error.hint(),
        }
        .to_owned()
    }
}

impl Bus {
    /// The files of the server.
    pub(crate) fn blobs(&self) -> Blobs {
        Blobs { bus: self.clone() }
    }
}

/// Files on the server, by their SHA-256.
#[derive(Clone, Debug)]
pub(crate) struct Blobs {
    bus: Bus,
}

impl Blobs {
    /// Sends a file, unless it is there. Gives its SHA-256 in hexadecimal, under which it is fetched. Waits until it is stored.
    ///
    /// # Errors
    /// It cannot be read, it changes meanwhile, or the server does not keep it.
    pub(crate) fn put_file(&self, path: &Path) -> Result<String, BlobError> {
        let failed = |source| BlobError::File { what: "read", path: path.to_owned(), source };
        let sum = Sum::of(&mut File::open(path).map_err(failed)?).map_err(failed)?;
        let (store, sent, file) = (self.store(), sum, path.to_owned());
        self.bus.wait::<(), BlobError>(async move {
            let failed = |source| BlobError::File { what: "read", path: file.clone(), source };
            let data = tokio::fs::File::open(&file).await.map_err(failed)?;
            match store.put(sent, data).await? {
                Put::AsAnnounced => Ok(()),
                Put::Otherwise => Err(BlobError::Changed { path: file }),
            }
        })?;
        Ok(sum.hex())
    }

    /// Sends some bytes, in the same way.
    ///
    /// # Errors
    /// The server does not keep them.
    pub(crate) fn put(&self, bytes: &[u8]) -> Result<String, BlobError> {
        let sum = Sum(Sha256::digest(bytes).into());
        let (store, sent, data) = (self.store(), sum, io::Cursor::new(bytes.to_vec()));
        // They cannot change meanwhile.
        self.bus.wait(async move { store.put(sent, data).await.map(drop) })?;
        Ok(sum.hex())
    }

    /// Fetches what was sent under a SHA-256 into a file, which is there as a whole or not at all. Waits until it is there.
    ///
    /// # Errors
    /// Nobody has sent it, it does not come, it is something else, or it cannot be written.
    pub(crate) fn get(&self, sha256: &str, to: &Path) -> Result<(), BlobError> {
        let failed = |source| BlobError::File { what: "write", path: to.to_owned(), source };
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        let (file, part) =
            NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(failed)?.into_parts();
        let (store, sha256, path) = (self.store(), sha256.to_owned(), to.to_owned());
        self.bus.wait(async move { store.fetch(&sha256, tokio::fs::File::from_std(file), part, &path).await })
    }

    fn store(&self) -> Store {
        Store { client: self.bus.client(), url: self.bus.url().to_owned() }
    }
}

/// A SHA-256: the name of what it is the sum of.
#[derive(Clone, Copy, Debug)]
struct Sum([u8; 32]);

impl Sum {
    fn of(file: &mut impl Read) -> io::Result<Self> {
        fingerprint::of(file).map(|(sum, _)| Self(sum))
    }

    fn hex(self) -> String {
        fingerprint::hex(&self.0)
    }

    /// As the store writes it.
    fn in_store(self) -> String {
        format!("SHA-256={}", URL_SAFE.encode(self.0))
    }
}

/// Whether what was stored is what was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Put {
    AsAnnounced,
    Otherwise,
}

/// The store, as the bus's thread uses it.
#[derive(Debug)]
struct Store {
    client: Client,
    url: String,
}

impl Store {
    async fn bucket(&self) -> Result<ObjectStore, BlobError> {
        let context = jetstream::new(self.client.clone());
        // One that somebody else has made may have other settings.
        if let Ok(bucket) = context.get_object_store(BUCKET).await {
            return Ok(bucket);
        }
        let config = Config {
            bucket: BUCKET.to_owned(),
            description: Some("files of runs of prony, by their SHA-256".to_owned()),
            ..Config::default()
        };
        context.create_object_store(config).await.map_err(|error| {
            if is_without_jetstream(&error) {
                BlobError::NoJetStream { url: self.url.clone() }
            } else {
                self.failed("make a bucket for files on", &error)
            }
        })
    }

    fn failed(&self, what: &'static str, error: &(dyn std::error::Error + 'static)) -> BlobError {
        BlobError::Store { what, url: self.url.clone(), source: Cause::of(error) }
    }

    async fn put(&self, sum: Sum, mut data: impl AsyncRead + Unpin + Send) -> Result<Put, BlobError> {
        let bucket = self.bucket().await?;
        let name = sum.hex();
        let wanted = sum.in_store();
        let is_whole = |digest: Option<&str>| digest == Some(wanted.as_str());
        if let Ok(there) = bucket.info(&name).await
            && !there.deleted
            && is_whole(there.digest.as_deref())
        {
            return Ok(Put::AsAnnounced);
        }
        let stored = Box::pin(bucket.put(name.as_str(), &mut data)).await;
        let stored = stored.map_err(|error| self.failed("keep a file on", &error))?;
        if is_whole(stored.digest.as_deref()) {
            return Ok(Put::AsAnnounced);
        }
        // Nobody shall find it under a name that is not its own.
        if let Err(error) = bucket.delete(&name).await {
            tracing::warn!(%error, "an object that changed while it was sent was not deleted");
        }
        Ok(Put::Otherwise)
    }

    async fn fetch(
        &self,
        sha256: &str,
        mut file: tokio::fs::File,
        part: TempPath,
        to: &Path,
    ) -> Result<(), BlobError> {
        let found = self.copy(sha256, &mut file, to).await?;
        if found != sha256 {
            return Err(BlobError::Damaged { sha256: sha256.to_owned(), url: self.url.clone(), found });
        }
        let failed = |source| BlobError::File { what: "write", path: to.to_owned(), source };
        file.flush().await.map_err(failed)?;
        file.sync_all().await.map_err(failed)?;
        drop(file);
        part.persist(to).map_err(|error| failed(error.error))
    }

    /// Copies an object into a file. Gives the SHA-256 of what came.
    async fn copy(&self, sha256: &str, file: &mut tokio::fs::File, to: &Path) -> Result<String, BlobError> {
        let (name, url) = (|| sha256.to_owned(), || self.url.clone());
        let bucket = self.bucket().await?;
        let mut object = bucket.get(sha256).await.map_err(|error| match error.kind() {
            GetErrorKind::NotFound => BlobError::Missing { sha256: name(), url: url() },
            _ => self.failed("fetch a file from", &error),
        })?;
        let (mut sum, mut piece) = (Sha256::new(), vec![0; PIECE]);
        loop {
            let read = match timeout(STALL, object.read(&mut piece)).await {
                Ok(Ok(0)) => break,
                Ok(Ok(read)) => read,
                Ok(Err(error)) => return Err(self.failed("fetch a file from", &error)),
                Err(_) => return Err(BlobError::Stalled { sha256: name(), url: url() }),
            };
            sum.update(&piece[..read]);
            let failed = |source| BlobError::File { what: "write", path: to.to_owned(), source };
            file.write_all(&piece[..read]).await.map_err(failed)?;
        }
        Ok(Sum(sum.finalize().into()).hex())
    }
}

/// Whether a server refuses because its JetStream is off, for all or for this account. Without it, nobody listens where it would.
fn is_without_jetstream(error: &CreateObjectStoreError) -> bool {
    let source = std::error::Error::source(error);
    let stream = source.and_then(|source| source.downcast_ref::<CreateStreamError>());
    stream.is_some_and(|error| match error.kind() {
        CreateStreamErrorKind::JetStreamUnavailable => true,
        CreateStreamErrorKind::JetStream(error) => matches!(
            error.error_code(),
            ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT
        ),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_what_is_in_it() {
        // The digest of `abc` in FIPS 180-4's examples.
        let sum = Sum::of(&mut b"abc".as_slice()).unwrap();
        assert_eq!(sum.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(sum.in_store(), "SHA-256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0=");
    }

    #[test]
    fn a_server_without_jetstream_is_told_from_one_that_fails() {
        let off = CreateStreamError::new(CreateStreamErrorKind::JetStreamUnavailable);
        let late = CreateStreamError::new(CreateStreamErrorKind::TimedOut);
        for (stream, expected) in [(off, true), (late, false)] {
            let kind = jetstream::context::CreateObjectStoreErrorKind::BucketCreate;
            assert_eq!(is_without_jetstream(&CreateObjectStoreError::with_source(kind, stream)), expected);
        }
    }
}
