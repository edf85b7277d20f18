//! What a manifest declares about the types of a library that is checked: how their streams are framed.
//!
//! A library is built elsewhere than its manifest stands: the manifest is looked for beside it, then in the folders above
//! it, as far as `target/release` is below a crate.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use prony_plugin_api::metadata::StreamFraming;

use super::super::{
    entry::{Origin, Tier},
    manifest::{self, FILE_NAME, ManifestError},
};

/// Folders that are looked through: the library's own, and those above it.
const FOLDERS: usize = 6;

/// The manifest of a library, and what it says.
#[derive(Debug, Default)]
pub(super) struct Declared {
    /// Its file; none was found without it.
    pub(super) manifest: Option<PathBuf>,
    /// The framing of each endpoint, by its exported type.
    framings: HashMap<String, StreamFraming>,
    /// Manifests that could not be read, in words.
    pub(super) warnings: Vec<String>,
}

impl Declared {
    /// Reads `named`, or else the nearest manifest that names the library. One that cannot be read is passed over with a
    /// warning: it may be of somebody else.
    ///
    /// # Errors
    /// `named` cannot be read.
    pub(super) fn of(library: &Path, named: Option<&Path>) -> Result<Self, ManifestError> {
        if let Some(file) = named {
            let mut declared = Self { manifest: Some(file.to_owned()), ..Self::default() };
            declared.framings = framings(library, file)?;
            if declared.framings.is_empty() {
                declared.warnings.push(format!("`{}` names no endpoint of this library", file.display()));
            }
            return Ok(declared);
        }
        let mut declared = Self::default();
        let library = library.canonicalize().unwrap_or_else(|_| library.to_owned());
        for folder in library.ancestors().skip(1).take(FOLDERS) {
            let file = folder.join(FILE_NAME);
            if !file.exists() {
                continue;
            }
            match framings(&library, &file) {
                Ok(framings) if framings.is_empty() => {}
                Ok(framings) => {
                    (declared.manifest, declared.framings) = (Some(file), framings);
                    break;
                }
                Err(error) => declared.warnings.push(format!("a manifest was passed over: {error}")),
            }
        }
        Ok(declared)
    }

    /// How the streams of an endpoint are framed, if a manifest says so.
    pub(super) fn framing(&self, type_name: &str) -> Option<StreamFraming> {
        self.framings.get(type_name).copied()
    }
}

/// The framing of each endpoint that a manifest says is in this library.
fn framings(library: &Path, file: &Path) -> Result<HashMap<String, StreamFraming>, ManifestError> {
    let origin = Origin { manifest: file.to_owned(), tier: Tier::CommandLine };
    let endpoints = manifest::read(&Arc::new(origin))?.endpoints.into_iter();
    let name = library.file_name().unwrap_or_default();
    let own = endpoints.filter(|entry| entry.class.file_name().as_str() == name);
    Ok(own.map(|entry| (entry.class.type_name, entry.metadata.stream_framing)).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A manifest of one endpoint of lines in `libacme.so`.
    const LINES: &str = "schema_version: \"1.0\"\nendpoint:\n  acme:\n    class: acme:Acme\n    description: D.\n    \
        metadata: {endpoint_path: /a, supports_streaming: true, produces_tokens: true, tokenizes_input: true, \
        stream_framing: lines}\n";

    fn library(folder: &Path) -> PathBuf {
        let library = folder.join("target/release").join(format!("libacme{}", std::env::consts::DLL_SUFFIX));
        fs::create_dir_all(library.parent().unwrap()).unwrap();
        fs::write(&library, "").unwrap();
        library
    }

    #[test]
    fn the_manifest_of_a_crate_is_found_above_its_target_folder() {
        let folder = tempfile::tempdir().unwrap();
        let library = library(folder.path());
        fs::write(folder.path().join(FILE_NAME), LINES).unwrap();
        let declared = Declared::of(&library, None).unwrap();
        assert_eq!(declared.framing("Acme"), Some(StreamFraming::Lines));
        assert_eq!(declared.framing("Other"), None);
    }

    #[test]
    fn a_manifest_of_other_libraries_and_a_broken_one_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let library = library(folder.path());
        fs::write(library.with_file_name(FILE_NAME), LINES.replace("acme:Acme", "other:Acme")).unwrap();
        fs::write(folder.path().join("target").join(FILE_NAME), "schema_version: 7\n").unwrap();
        fs::write(folder.path().join(FILE_NAME), LINES).unwrap();
        let declared = Declared::of(&library, None).unwrap();
        assert_eq!(declared.framing("Acme"), Some(StreamFraming::Lines));
        assert_eq!(declared.warnings.len(), 1, "{declared:?}");
    }

    #[test]
    fn a_named_manifest_must_be_one() {
        let folder = tempfile::tempdir().unwrap();
        let library = library(folder.path());
        let file = folder.path().join("mine.yaml");
        assert!(Declared::of(&library, Some(&file)).is_err());
        fs::write(&file, LINES.replace("acme:Acme", "other:Acme")).unwrap();
        let declared = Declared::of(&library, Some(&file)).unwrap();
        assert!(declared.warnings[0].contains("names no endpoint"), "{declared:?}");
    }
}
