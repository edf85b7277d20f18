//! The trace of a check: a line of JSON for each call into the library, with what went in and what came out.
//!
//! A line is written when its call is over, and also when the library took its process down in it: its last line is what did
//! that. Inputs and outputs are cut to 4 kB each, so that a trace of 10 MB of garbage stays small.

use std::{
    borrow::Cow,
    fmt,
    io::{self, Write},
    path::Path,
};

use prony_plugin_api::conformance::Piece;
use serde::Serialize;

/// Where the lines go. The first failure to write ends the trace, and never the check.
pub(crate) struct Trace {
    to: Box<dyn Write>,
    failed: Option<io::Error>,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    library: Cow<'a, str>,
    #[serde(rename = "type")]
    type_name: &'a str,
    case: &'a str,
    /// Position among the calls of this type, from 1.
    call: u64,
    step: &'a str,
    #[serde(rename = "in")]
    given: &'a [Piece],
    #[serde(rename = "out")]
    got: &'a [Piece],
    /// How the process ended in this call, or that the call did not return.
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<&'a str>,
}

/// The call that is under way.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) case: String,
    pub(super) number: u64,
    pub(super) step: String,
    pub(super) given: Vec<Piece>,
    pub(super) got: Vec<Piece>,
    /// It has begun, and has no line yet.
    pub(super) is_open: bool,
}

impl Trace {
    /// A trace that is written to `to`.
    pub(crate) fn new(to: impl Write + 'static) -> Self {
        Self { to: Box::new(to), failed: None }
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// The first one of all writes.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.to.flush(),
        }
    }

    /// Writes the line of a call that is over.
    pub(super) fn note(&mut self, library: &Path, type_name: &str, call: &Call, lost: Option<&str>) {
        if self.failed.is_some() {
            return;
        }
        let Call { case, number, step, given, got, .. } = call;
        let library = library.to_string_lossy();
        let line = Line { library, type_name, case, call: *number, step, given, got, lost };
        let written = serde_json::to_writer(&mut self.to, &line).map_err(io::Error::from);
        let written = written.and_then(|()| self.to.write_all(b"\n"));
        // Anyone who interrupts a check that hangs wants the lines up to there.
        self.failed = written.and_then(|()| self.to.flush()).err();
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("failed", &self.failed).finish_non_exhaustive()
    }
}

impl Call {
    /// The next call begins: what was known of the one before is forgotten.
    pub(super) fn next(&mut self, step: &str) {
        self.number += 1;
        self.is_open = true;
        step.clone_into(&mut self.step);
        self.given.clear();
        self.got.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use serde_json::{Value, json};

    use super::*;

    /// Takes so many bytes.
    #[derive(Clone)]
    struct Disk(Rc<RefCell<Vec<u8>>>, usize);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut kept = self.0.borrow_mut();
            if kept.len() + bytes.len() > self.1 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            kept.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_call_is_a_line_with_what_went_in_and_out() {
        let disk = Disk(Rc::default(), usize::MAX);
        let mut trace = Trace::new(disk.clone());
        let mut call = Call { case: "hostile/events".to_owned(), ..Call::default() };
        call.next("`event` with null");
        call.given.push(Piece::new("data", b"null"));
        trace.note(Path::new("libx.so"), "Chat", &call, Some("the process exited"));
        trace.finish().unwrap();
        let line: Value = serde_json::from_slice(&disk.0.borrow()).unwrap();
        assert_eq!(
            line,
            json!({
                "library": "libx.so", "type": "Chat", "case": "hostile/events", "call": 1, "step": "`event` with null",
                "in": [{"name": "data", "bytes": 4, "text": "null"}], "out": [], "lost": "the process exited",
            })
        );
    }

    #[test]
    fn a_full_disk_ends_the_trace_and_is_told_at_the_end() {
        let disk = Disk(Rc::default(), 200);
        let mut trace = Trace::new(disk.clone());
        let mut call = Call::default();
        for _ in 0..10 {
            call.next("`end`");
            trace.note(Path::new("libx.so"), "Chat", &call, None);
        }
        assert_eq!(trace.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(disk.0.borrow().len() <= 200);
    }
}
