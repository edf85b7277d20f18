//! OCI layouts on the disk (OCI Image Format Specification 1.1, `image-layout.md`, `image-index.md` and `manifest.md`): what tools
//! for images and artifacts write where there is no registry. Each file of one is named after its SHA-256, which is checked.

use std::{
    env::consts::{ARCH, OS},
    path::Path,
};

use serde::{Deserialize, de::DeserializeOwned};

use super::archive::{Allowance, UnpackProblem, unpack};
use crate::{bounded, lockfile::Sum};

/// The file by which a layout is known, and the list of what is in it.
const MARK: &str = "oci-layout";
pub(super) const INDEX: &str = "index.json";

/// Where files are that are named after their digests.
const BLOBS: &str = "blobs/sha256";

/// The name of a layer that is one file, as tools for artifacts write it.
const TITLE: &str = "org.opencontainers.image.title";

/// Largest descriptions, and largest layers, in megabytes.
const MOST_MEGABYTES: u64 = 16;
const MOST_LAYER_MEGABYTES: u64 = 4_000;

/// So deep, lists may be in lists.
const DEEPEST: usize = 4;

/// A list of images, or of further lists.
#[derive(Deserialize)]
struct Index {
    manifests: Vec<Described>,
}

#[derive(Deserialize)]
struct Image {
    layers: Vec<Described>,
}

/// What is said of a file.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    #[serde(default)]
    media_type: String,
    digest: String,
    platform: Option<Platform>,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

/// What an image is for, in the words of Go.
#[derive(Clone, Deserialize)]
struct Platform {
    os: String,
    architecture: String,
}

/// Whether a folder is a layout.
pub(super) fn is_layout(folder: &Path) -> bool {
    folder.join(MARK).is_file() && folder.join(INDEX).is_file()
}

/// Unpacks the layers of the image for this machine, or of the only one.
pub(super) fn unpack_image(layout: &Path, into: &Path) -> Result<(), UnpackProblem> {
    let index = bounded::read(&layout.join(INDEX), MOST_MEGABYTES).map_err(UnpackProblem::Io)?;
    let mut images = Vec::new();
    gather(layout, of_json::<Index>(&index, INDEX)?, 0, &mut images)?;
    let image = chosen(&images)?;
    let Image { layers } = of_json(&blob(layout, &image.digest, MOST_MEGABYTES)?, &image.digest)?;
    let mut allowance = Allowance::default();
    for layer in &layers {
        allowance.take_one()?;
        let bytes = blob(layout, &layer.digest, MOST_LAYER_MEGABYTES)?;
        match layer.annotations.get(TITLE) {
            Some(title) if !layer.media_type.contains("tar") => {
                let name = Path::new(title).file_name();
                let name = name.ok_or_else(|| UnpackProblem::Outside(title.clone()))?;
                allowance.write(&mut &*bytes, &into.join(name))?;
            }
            _ => unpack(&*bytes, into, &mut allowance)?,
        }
    }
    Ok(())
}

/// All images of a list, and of the lists in it.
fn gather(
    layout: &Path,
    index: Index,
    depth: usize,
    images: &mut Vec<Described>,
) -> Result<(), UnpackProblem> {
    for described in index.manifests {
        if described.media_type.ends_with("index.v1+json") && depth < DEEPEST {
            let inner = blob(layout, &described.digest, MOST_MEGABYTES)?;
            gather(layout, of_json(&inner, &described.digest)?, depth + 1, images)?;
        } else {
            images.push(described);
        }
    }
    Ok(())
}

/// The image for this machine. One that says nothing of machines is for all of them.
fn chosen(images: &[Described]) -> Result<&Described, UnpackProblem> {
    let architecture = match ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let os = if OS == "macos" { "darwin" } else { OS };
    let is_here = |image: &&Described| {
        image
            .platform
            .as_ref()
            .is_none_or(|of| (of.os.as_str(), of.architecture.as_str()) == (os, architecture))
    };
    let fitting: Vec<&Described> = images.iter().filter(is_here).collect();
    match fitting[..] {
        [only] => Ok(only),
        _ => Err(UnpackProblem::Images { count: fitting.len(), platform: format!("{os}/{architecture}") }),
    }
}

/// A file by its digest, if it is what that says.
fn blob(layout: &Path, digest: &str, megabytes: u64) -> Result<Vec<u8>, UnpackProblem> {
    let wrong = |text: String| UnpackProblem::Layout { file: digest.to_owned(), text };
    let hex = digest.strip_prefix("sha256:").ok_or_else(|| wrong("its digest is no SHA-256".to_owned()))?;
    let expected = Sum::try_from(hex.to_owned()).map_err(wrong)?;
    let file = format!("{BLOBS}/{hex}");
    let bytes = bounded::read(&layout.join(&file), megabytes);
    let bytes =
        bytes.map_err(|error| UnpackProblem::Layout { file: file.clone(), text: error.to_string() })?;
    let found = Sum::of(&bytes);
    if found == expected { Ok(bytes) } else { Err(UnpackProblem::Digest { file, found }) }
}

fn of_json<T: DeserializeOwned>(bytes: &[u8], file: &str) -> Result<T, UnpackProblem> {
    serde_json::from_slice(bytes)
        .map_err(|error| UnpackProblem::Layout { file: file.to_owned(), text: error.to_string() })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::{Value, json};
    use tempfile::TempDir;

    use super::*;

    /// A layout with files by their digests.
    struct Layout(TempDir);

    impl Layout {
        fn new() -> Self {
            let layout = Self(tempfile::tempdir().unwrap());
            fs::create_dir_all(layout.0.path().join(BLOBS)).unwrap();
            fs::write(layout.0.path().join(MARK), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
            layout
        }

        fn blob(&self, bytes: &[u8]) -> String {
            let hex = String::from(Sum::of(bytes));
            fs::write(self.0.path().join(BLOBS).join(&hex), bytes).unwrap();
            format!("sha256:{hex}")
        }

        /// An image of one file.
        fn image(&self, name: &str, text: &str) -> String {
            let layer = json!({
                "mediaType": "application/octet-stream", "digest": self.blob(text.as_bytes()),
                "annotations": {TITLE: name},
            });
            self.blob(json!({"layers": [layer]}).to_string().as_bytes())
        }

        fn index(&self, images: &Value) {
            fs::write(self.0.path().join(INDEX), json!({"manifests": images}).to_string()).unwrap();
        }

        fn unpacked(&self) -> Result<TempDir, UnpackProblem> {
            assert!(is_layout(self.0.path()));
            let into = tempfile::tempdir().unwrap();
            unpack_image(self.0.path(), into.path()).map(|()| into)
        }
    }

    #[test]
    fn the_image_for_this_machine_is_unpacked() {
        let layout = Layout::new();
        let (here, there) = (layout.image("a.txt", "here"), layout.image("a.txt", "there"));
        let architecture = if ARCH == "x86_64" { "amd64" } else { "arm64" };
        let images = json!([
            {"digest": there, "platform": {"os": "linux", "architecture": "s390x"}},
            {"digest": here, "platform": {"os": OS, "architecture": architecture}},
        ]);
        let inner = layout.blob(json!({"manifests": images}).to_string().as_bytes());
        layout.index(&json!([{"mediaType": "application/vnd.oci.image.index.v1+json", "digest": inner}]));
        let into = layout.unpacked().unwrap();
        assert_eq!(fs::read_to_string(into.path().join("a.txt")).unwrap(), "here");
    }

    #[test]
    fn a_file_that_is_not_what_its_name_says_is_refused() {
        let layout = Layout::new();
        let image = layout.image("a.txt", "text");
        layout.index(&json!([{"digest": image}]));
        let layer = String::from(Sum::of(b"text"));
        fs::write(layout.0.path().join(BLOBS).join(layer), "evil").unwrap();
        assert!(matches!(layout.unpacked(), Err(UnpackProblem::Digest { .. })));
    }

    #[test]
    fn a_name_leads_nowhere_else_and_several_images_are_none() {
        let layout = Layout::new();
        let image = layout.image("../../a.txt", "text");
        layout.index(&json!([{"digest": image}]));
        assert!(layout.unpacked().unwrap().path().join("a.txt").is_file());
        layout.index(&json!([{"digest": image}, {"digest": image}]));
        assert!(matches!(layout.unpacked(), Err(UnpackProblem::Images { count: 2, .. })));
        layout.index(&json!([{"digest": "sha256:../../x"}]));
        assert!(matches!(layout.unpacked(), Err(UnpackProblem::Layout { .. })));
    }
}
