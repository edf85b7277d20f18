//! What a manifest declares about the types of a library that is checked: how their streams are framed.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use prony_plugin_api::metadata::StreamFraming;

use super::super::{
    entry::EndpointEntry,
    manifest::{Manifest, ManifestError},
    nearest::{Nearest, nearest, read},
};

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
            declared.framings = framings(library, &read(file)?);
            if declared.framings.is_empty() {
                declared.warnings.push(format!("`{}` names no endpoint of this library", file.display()));
            }
            return Ok(declared);
        }
        let library = library.canonicalize().unwrap_or_else(|_| library.to_owned());
        let names_it = |manifest: &Manifest| endpoints(&library, manifest).next().is_some();
        let Nearest { found, passed_over } = nearest(&library, names_it);
        let framings = found.iter().flat_map(|(_, manifest)| framings(&library, manifest)).collect();
        let warning = |error: &ManifestError| format!("a manifest was passed over: {error}");
        let warnings = passed_over.iter().map(warning).collect();
        Ok(Self { manifest: found.map(|(file, _)| file), framings, warnings })
    }

    /// How the streams of an endpoint are framed, if a manifest says so.
    pub(super) fn framing(&self, type_name: &str) -> Option<StreamFraming> {
        self.framings.get(type_name).copied()
    }
}

/// The framing of each endpoint that a manifest says is in this library.
fn framings(library: &Path, manifest: &Manifest) -> HashMap<String, StreamFraming> {
    let framing = |entry: &EndpointEntry| (entry.class.type_name.clone(), entry.metadata.stream_framing);
    endpoints(library, manifest).map(framing).collect()
}

/// The endpoints that a manifest says are in this library.
fn endpoints<'a>(library: &'a Path, manifest: &'a Manifest) -> impl Iterator<Item = &'a EndpointEntry> {
    let name = library.file_name().unwrap_or_default();
    manifest.endpoints.iter().filter(move |entry| entry.class.file_name().as_str() == name)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{super::super::manifest::FILE_NAME, *};

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
