//! Who answers the signals that the program relies on: remembers it, and puts it back.
//!
//! A handler belongs to the process, and any library can replace it: then Ctrl-C is not heard any more. To look and to put
//! back are calls into the C library.

use std::{ffi::c_int, mem::MaybeUninit, ptr};

use nix::libc;

/// What the program answers, or has to ignore, with the names that users know.
const SIGNALS: [(c_int, &str); 5] = [
    (libc::SIGINT, "SIGINT"),
    (libc::SIGTERM, "SIGTERM"),
    (libc::SIGHUP, "SIGHUP"),
    (libc::SIGPIPE, "SIGPIPE"),
    (libc::SIGXFSZ, "SIGXFSZ"),
];

/// How each of them is answered.
pub(in crate::plugin) struct Answers([Option<libc::sigaction>; SIGNALS.len()]);

impl Answers {
    /// As it is now.
    pub(in crate::plugin) fn note() -> Self {
        Self(SIGNALS.map(|(signal, _)| answer(signal)))
    }

    /// Puts back what is another now. Returns the names of those signals.
    pub(in crate::plugin) fn put_back(&self) -> Vec<&'static str> {
        let noted = SIGNALS.iter().zip(&self.0).filter_map(|(signal, noted)| Some((signal, noted.as_ref()?)));
        let changed = noted.filter(|((signal, _), noted)| !is_same(answer(*signal).as_ref(), noted));
        changed
            .map(|((signal, name), noted)| {
                set_answer(*signal, noted);
                *name
            })
            .collect()
    }
}

fn is_same(found: Option<&libc::sigaction>, noted: &libc::sigaction) -> bool {
    found.is_none_or(|found| found.sa_sigaction == noted.sa_sigaction && found.sa_flags == noted.sa_flags)
}

fn answer(signal: c_int) -> Option<libc::sigaction> {
    let mut found = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action this only reads the present one, into memory that is large enough for it.
    let result = unsafe { libc::sigaction(signal, ptr::null(), found.as_mut_ptr()) };
    // SAFETY: all of it is zeroes, which are a valid action, or what the call has written.
    let found = unsafe { found.assume_init() };
    (result == 0).then_some(found)
}

fn set_answer(signal: c_int, action: &libc::sigaction) {
    // SAFETY: the action is one that the C library has given for this signal, in this process: the functions that it may
    // name are the program's own, and stay where they are.
    let result = unsafe { libc::sigaction(signal, action, ptr::null_mut()) };
    if result != 0 {
        tracing::warn!(signal, "a handler of a signal cannot be put back");
    }
}
