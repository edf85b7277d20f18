//! Files that are read whole, up to a limit: a device or a file of the wrong kind must not take all memory.

use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    path::Path,
};

/// Bytes of a megabyte, as limits are written.
pub(crate) const MEGABYTE: u64 = 1_000_000;

/// Reads a file of at most so many megabytes.
///
/// # Errors
/// It cannot be read, or it is larger (`FileTooLarge`).
pub(crate) fn read(path: &Path, megabytes: u64) -> io::Result<Vec<u8>> {
    read_bytes(path, megabytes.saturating_mul(MEGABYTE))
}

/// The same of so many bytes.
///
/// # Errors
/// Those of [`read`].
pub(crate) fn read_bytes(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let too_large = || {
        let most = match most % MEGABYTE {
            0 => format!("{} MB", most / MEGABYTE),
            _ => format!("{most} bytes"),
        };
        io::Error::new(ErrorKind::FileTooLarge, format!("it is larger than {most}"))
    };
    // The length of a pipe or a device says nothing.
    if file.metadata()?.len() > most {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_large()) } else { Ok(bytes) }
}

/// The same, as text.
///
/// # Errors
/// Those of [`read`], or it is not UTF-8 (`InvalidData`).
pub(crate) fn read_to_string(path: &Path, megabytes: u64) -> io::Result<String> {
    let not_text = |_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text");
    String::from_utf8(read(path, megabytes)?).map_err(not_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_the_limit_and_no_further() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let file = File::create(&path).unwrap();
        file.set_len(MEGABYTE).unwrap();
        assert_eq!(read(&path, 1).unwrap().len() as u64, MEGABYTE);
        file.set_len(MEGABYTE + 1).unwrap();
        let error = read(&path, 1).unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::FileTooLarge, "it is larger than 1 MB")
        );
    }

    #[test]
    fn a_device_without_an_end_is_too_large() {
        assert_eq!(read(Path::new("/dev/zero"), 1).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }
}
