//! What a child has counted, known to its parent however the child ends: exports [`SharedCount`].

use std::{
    fs::File,
    io,
    os::{fd::AsFd, unix::fs::FileExt},
    process::Stdio,
    sync::{Mutex, PoisonError},
};

/// A number that a child counts up and its parent reads. It is in a file that both have open: a frame may still wait in
/// the child when the child crashes, but what is written to a file is there once the call returns.
#[derive(Debug)]
pub(crate) struct SharedCount {
    /// The number, 8 bytes in the byte order of the machine.
    file: File,
    /// The same on the side that counts. Locked while it is written: a smaller number must not replace a larger one.
    counted: Mutex<u64>,
}

impl SharedCount {
    /// In the parent: a count at zero.
    ///
    /// # Errors
    /// There is no memory or no descriptor left.
    pub(crate) fn new() -> io::Result<Self> {
        let count = Self { file: nameless_file()?, counted: Mutex::default() };
        // The space is taken here, so that a child does not fail to write for the want of it.
        count.file.write_all_at(&0_u64.to_ne_bytes(), 0)?;
        Ok(count)
    }

    /// In a child: the count that its parent gave it in the place of standard output. What this process prints goes where
    /// its errors go from then on.
    ///
    /// # Errors
    /// Standard output is not a file: nobody gave this process a count.
    pub(super) fn from_stdout() -> io::Result<Self> {
        let output = io::stdout();
        let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(output.as_fd())?.st_mode);
        if kind != rustix::fs::FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "standard output is not a file"));
        }
        let file = File::from(output.as_fd().try_clone_to_owned()?);
        rustix::stdio::dup2_stdout(io::stderr())?;
        Ok(Self { file, counted: Mutex::default() })
    }

    /// What a child is started with as its standard output.
    pub(super) fn as_stdout(&self) -> io::Result<Stdio> {
        Ok(Stdio::from(self.file.try_clone()?))
    }

    /// In the child: counts one more.
    ///
    /// # Errors
    /// The system does not write to the file.
    pub(crate) fn add_one(&self) -> io::Result<()> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        *counted += 1;
        self.file.write_all_at(&counted.to_ne_bytes(), 0)
    }

    /// In the parent: what the child has counted.
    ///
    /// # Errors
    /// The system does not read the file, or the child has shortened it.
    pub(crate) fn read(&self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, 0)?;
        Ok(u64::from_ne_bytes(bytes))
    }
}

#[cfg(target_os = "linux")]
fn nameless_file() -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};

    Ok(File::from(memfd_create(c"prony-count", MemfdFlags::CLOEXEC)?))
}

#[cfg(not(target_os = "linux"))]
fn nameless_file() -> io::Result<File> {
    tempfile::tempfile()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_several_threads_count_is_read_from_the_file() {
        let count = SharedCount::new().unwrap();
        assert_eq!(count.read().unwrap(), 0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| count.add_one().unwrap()));
            }
        });
        assert_eq!(count.read().unwrap(), 4000);
    }
}
