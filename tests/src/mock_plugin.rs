//! A pack for the length of a scope.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A pack in a folder of its own, gone when this value is.
#[derive(Debug)]
pub struct MockPlugin {
    dir: TempDir,
}

/// Makes a pack whose endpoint `name` is `class` (`library_stem:Type`), with the library of `package` copied in.
///
/// # Panics
/// When the library is not built.
pub fn mock_plugin(name: &str, class: &str, package: &str) -> MockPlugin {
    let pack = MockPlugin::empty();
    let library = crate::library(package);
    let copy = pack.dir.path().join(library.file_name().expect("a library has a name"));
    std::fs::copy(&library, copy).expect("a copy in a temporary folder");
    pack.manifest(&format!(
        "schema_version: \"1.0\"\nendpoint:\n  {name}:\n    class: {class}\n    description: A test's endpoint.\n    \
         metadata: {{endpoint_path: /v1/chat/completions, supports_streaming: true, produces_tokens: true, \
         tokenizes_input: true}}\n"
    ));
    pack
}

impl MockPlugin {
    /// A folder with nothing in it yet.
    ///
    /// # Panics
    /// When there is no temporary folder.
    pub fn empty() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Writes its manifest.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn manifest(&self, text: &str) -> PathBuf {
        self.file("plugins.yaml", text)
    }

    /// Writes a file of it.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, contents).expect("a file in a temporary folder");
        path
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its manifest, for `--plugins`.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("plugins.yaml")
    }
}
