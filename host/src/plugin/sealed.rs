//! A copy of a library that nobody can change any more: what was checked is what runs, and a package manager that
//! overwrites the file in the middle of a run cannot kill it. Linux only; elsewhere there is none.

use std::{fs::File, io, path::PathBuf};

/// An anonymous file in memory.
#[derive(Debug)]
pub(super) struct SealedCopy(File);

impl SealedCopy {
    /// Copies and seals. Fails where the system forbids such files.
    #[cfg(target_os = "linux")]
    pub(super) fn of(bytes: &[u8]) -> io::Result<Self> {
        use std::io::Write;

        use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // `EXEC` is needed where `vm.memfd_noexec` is set, and unknown to kernels before 6.3.
        let memory = memfd_create(c"prony-plugin", flags | MemfdFlags::EXEC)
            .or_else(|_| memfd_create(c"prony-plugin", flags))?;
        let mut file = File::from(memory);
        file.write_all(bytes)?;
        fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
        Ok(Self(file))
    }

    /// There are no sealed files here.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn of(_bytes: &[u8]) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Where the dynamic linker finds it.
    pub(super) fn path(&self) -> PathBuf {
        use std::os::fd::AsRawFd;

        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }

    /// Keeps it open for the life of the process. The linker takes two libraries of one *name* for the same one: if
    /// the number were used again, the next library would silently be this one.
    pub(super) fn keep(self) {
        std::mem::forget(self.0);
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::{fs, io::Write};

    use super::*;

    #[test]
    fn a_sealed_copy_is_the_same_and_stays_so() {
        let copy = SealedCopy::of(b"code").unwrap();
        assert_eq!(fs::read(copy.path()).unwrap(), b"code");
        let mut again = File::options().write(true).open(copy.path()).unwrap();
        assert!(again.write_all(b"evil").is_err());
        assert!(again.set_len(1).is_err());
        assert_eq!(fs::read(copy.path()).unwrap(), b"code");
    }
}
