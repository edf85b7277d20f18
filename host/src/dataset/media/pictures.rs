//! Pictures of the user's: the files of a folder, as they are.

use std::{fs, path::PathBuf, sync::Arc};

use prony_plugin_api::PartKind;

use super::outline::{MOST_OF_A_REQUEST, MediaError};
use crate::{
    bounded,
    dataset::data_url::{data_url, media_type},
    plan::media::PictureConfig,
};

/// Reads the pictures of a folder, in the order of their names, as data URLs. All of them together take so many bytes at most.
///
/// # Errors
/// There are none, they are too large, or one cannot be read.
pub(super) fn read(config: &PictureConfig, budget: u64) -> Result<Vec<Arc<str>>, MediaError> {
    let folder = &config.folder;
    let unreadable = |source| MediaError::Pictures { folder: folder.clone(), source };
    let mut files: Vec<(PathBuf, &str)> = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        files.extend(media_type(PartKind::IMAGE, &path).map(|media_type| (path, media_type)));
    }
    files.sort_unstable();
    if files.is_empty() {
        return Err(MediaError::NoPictures { folder: folder.clone() });
    }
    let (mut pictures, mut bytes) = (Vec::new(), 0_u64);
    for (path, media_type) in files {
        let most = MOST_OF_A_REQUEST / config.batch_size.max(1) as u64;
        let unreadable = |source| MediaError::Pictures { folder: path.clone(), source };
        let picture = data_url((media_type, bounded::read_bytes(&path, most).map_err(unreadable)?));
        bytes = bytes.saturating_add(picture.len() as u64);
        if bytes > budget {
            return Err(MediaError::TooManyPictures { folder: folder.clone(), budget });
        }
        pictures.push(picture);
    }
    Ok(pictures)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::{explain::Explain, plan::media::PictureSampling};

    fn config(folder: &TempDir) -> PictureConfig {
        let sampling = PictureSampling::SequentialCycle;
        PictureConfig { folder: folder.path().into(), sampling, batch_size: 1 }
    }

    #[test]
    fn the_pictures_of_a_folder_are_read_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [("b.JPG", "two"), ("a.png", "one"), ("notes.txt", "none")] {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        let pictures = read(&config(&folder), 1000).unwrap();
        let expected = ["data:image/png;base64,b25l", "data:image/jpeg;base64,dHdv"];
        assert_eq!(pictures.iter().map(|picture| &**picture).collect::<Vec<_>>(), expected);
        let error = read(&config(&folder), 40).unwrap_err();
        assert!(error.to_string().contains("take more than 40 bytes"), "{error}");
    }

    #[test]
    fn pictures_of_a_large_batch_share_what_a_request_may_hold() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.png"), "one").unwrap();
        let batch = |batch_size| PictureConfig { batch_size, ..config(&folder) };
        assert_eq!(read(&batch(10_000), 1000).unwrap().len(), 1);
        let error = read(&batch(100_000_000), 1000).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(source, "it is larger than 1 bytes");
    }

    #[test]
    fn a_folder_without_pictures_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = read(&config(&folder), 1000).unwrap_err();
        assert!(error.to_string().ends_with("it holds no picture"), "{error}");
        assert!(error.hint().contains("`.webp`"), "{}", error.hint());
        let missing = PictureConfig { folder: folder.path().join("x"), ..config(&folder) };
        assert!(read(&missing, 1000).unwrap_err().to_string().starts_with("read the pictures in `"));
    }
}
