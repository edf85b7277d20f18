//! What belongs to the process as a whole, and what a plugin may change although it is not its own: the working directory,
//! the mask of file modes, and who answers signals. It is noted before the first library is opened, looked at again and
//! again, and put back.

use std::{
    fs::{self, File, Metadata},
    os::unix::fs::MetadataExt,
    sync::{Mutex, PoisonError},
};

use rustix::{fs::Mode, process};

use super::loader::signals::{Answers, use_stacks_apart};

/// What was noted.
pub(super) struct ProcessState {
    /// The working directory, open; nothing if it may not be read.
    folder: Option<File>,
    /// Where the system tells it.
    mask: Option<Mode>,
    answers: Mutex<Answers>,
}

impl ProcessState {
    /// As they are now.
    pub(super) fn note() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        use_stacks_apart();
        Self { folder: File::open(".").ok(), mask: mask(&status), answers: Mutex::new(Answers::note()) }
    }

    /// The program itself answers signals in another way from now on.
    pub(super) fn note_answers(&self) {
        use_stacks_apart();
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner) = Answers::note();
    }

    /// Puts back what was changed, and says what that was.
    pub(super) fn put_back(&self) -> Vec<String> {
        // Those that came later: of children, and of the terminal.
        use_stacks_apart();
        let mut changed = Vec::new();
        if let Some(folder) = self.folder.as_ref().filter(|folder| is_elsewhere(folder)) {
            match process::fchdir(folder) {
                Ok(()) => changed.push("the working directory".to_owned()),
                Err(error) => tracing::warn!(%error, "a plugin has changed the working directory"),
            }
        }
        if self.mask.is_some_and(|mask| process::umask(mask) != mask) {
            changed.push("the mask of file modes (umask)".to_owned());
        }
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        changed.extend(answers.put_back().iter().map(|signal| format!("the handler of {signal}")));
        changed
    }
}

/// Whether the working directory is another one than this.
fn is_elsewhere(folder: &File) -> bool {
    let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
    let noted = folder.metadata().map(identity).ok();
    fs::metadata(".").map(identity).ok() != noted
}

/// The mask in a process's status, as Linux shows it: in octal digits.
fn mask(status: &str) -> Option<Mode> {
    let digits = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    u32::from_str_radix(digits.trim(), 8).ok().map(Mode::from_raw_mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_says_the_mask() {
        assert_eq!(mask("Name:\tprony\nUmask:\t0027\n"), Some(Mode::from_raw_mode(0o027)));
        assert_eq!(mask("Name:\tprony\n"), None);
    }
}
