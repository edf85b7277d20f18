//! The file of `--log-file`: lines go there in place of standard error, and nobody waits for a disk: what it does not take in time is
//! dropped and counted. Only the end of the process waits.

use std::{
    fs::OpenOptions,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use super::{
    exit::{Exit, Failure},
    terminal,
};
use crate::stderr::{LineQueue, LossNote, WhenFull};

/// Lines on their way to the file of this process, if it has one.
static OPENED: OnceLock<Arc<LineQueue>> = OnceLock::new();

/// Where lines go. Each write is a line.
#[derive(Clone, Debug)]
pub(super) struct LogFile(Arc<LineQueue>);

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.leave(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens the file, or makes it. What is in it stays: processes of one run write to its end together, and so does the next run.
///
/// # Errors
/// It cannot be opened for writing, or there is no thread left to write to it.
pub(super) fn open(path: &Path, note: LossNote) -> Result<LogFile, Failure> {
    let failed = |error: &io::Error| {
        Failure::new(Exit::Usage, format!("open the log file `{}`", path.display()))
            .caused_by(error)
            .with_hint("name a file in a folder that there is, and that you may write to")
    };
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(|error| failed(&error))?;
    let file = Reporting { file, path: path.to_owned(), has_failed: false };
    let queue = LineQueue::start("log", file, WhenFull::Drop).map_err(|error| {
        Failure::new(Exit::Failed, "start the thread that writes the log")
            .caused_by(&error)
            .with_hint("raise the limit on processes and threads (`ulimit -u`)")
    })?;
    queue.note_losses_by(note);
    // A second log of one process is that of a test.
    let _ = OPENED.set(Arc::clone(&queue));
    Ok(LogFile(queue))
}

/// Waits until everything is written, or the disk does not take it.
pub(super) fn flush() {
    if let Some(queue) = OPENED.get() {
        queue.wait_until_empty();
    }
}

/// Waits for that when it is dropped: by a function that a panic may leave, too.
#[derive(Debug)]
pub(super) struct FlushedAtEnd;

impl Drop for FlushedAtEnd {
    fn drop(&mut self) {
        flush();
    }
}

/// A file that says on standard error that it cannot be written, once. The lines are lost, and the run goes on.
#[derive(Debug)]
struct Reporting<W> {
    file: W,
    path: PathBuf,
    has_failed: bool,
}

impl<W: Write> Write for Reporting<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.file.write(line) {
            Err(error) if !matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {
                if !std::mem::replace(&mut self.has_failed, true) {
                    let path = self.path.display();
                    terminal::warn(&format!(
                        "lines of the log are lost: `{path}` cannot be written: {error}"
                    ));
                }
                Err(error)
            }
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::stderr::loss_in_words;

    #[test]
    fn what_is_in_the_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.log");
        fs::write(&path, "before\n").unwrap();
        let mut log = open(&path, loss_in_words).unwrap();
        log.write_all(b"line\n").unwrap();
        log.0.wait_until_empty();
        assert_eq!(fs::read_to_string(&path).unwrap(), "before\nline\n");
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        let failure = open(Path::new("/nowhere/run.log"), loss_in_words).unwrap_err();
        assert_eq!(
            (failure.exit, failure.message.as_str()),
            (Exit::Usage, "open the log file `/nowhere/run.log`")
        );
        assert!(failure.hint.is_some() && !failure.causes.is_empty(), "{failure:?}");
    }

    #[test]
    fn a_disk_that_is_full_is_told_once_and_each_line_is_tried() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::StorageFull.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut file = Reporting { file: Full, path: "run.log".into(), has_failed: false };
        assert!(file.write_all(b"line\n").is_err() && file.has_failed);
        assert_eq!(file.write_all(b"line\n").unwrap_err().kind(), ErrorKind::StorageFull);
    }
}
