//! Who answers the signals that the program relies on: remembers it, and puts it back.
//!
//! A handler belongs to the process, and any library can replace it: then Ctrl-C is not heard any more. To look and to put
//! back are calls into the C library.
//!
//! The runtime of Go, which a library in Go brings along, does two things while it is opened that its author cannot prevent: it
//! takes SIGPIPE, and it sets `SA_ONSTACK` in every handler that it finds, which then runs on the alternate signal stack
//! (`sigaltstack`). The first is put back without a word ([`keep_sigpipe`]). The second is right: a thread that runs Go has a stack of
//! a few kilobytes, on which a handler would write over other memory. So the program's own handlers have `SA_ONSTACK` from the
//! beginning ([`use_stacks_apart`]).
//!
//! It also takes SIGSEGV, SIGBUS, SIGFPE and SIGURG, which it needs for its own errors and goroutines. They are left to it: where Go's
//! code crashes, the process ends by SIGABRT, with Go's stacks on standard error; a crash of other code is passed on to the handler
//! that was there before.

use std::{ffi::c_int, mem::MaybeUninit, ops::RangeInclusive, ptr};

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

/// The signals that POSIX names have these numbers on all systems that we know.
const STANDARD: RangeInclusive<c_int> = 1..=31;

/// Sets `SA_ONSTACK` in all handlers: each runs on the alternate signal stack, in threads that have one. In others nothing changes.
pub(in crate::plugin) fn use_stacks_apart() {
    for signal in STANDARD {
        let found =
            answer(signal).filter(|found| ![libc::SIG_DFL, libc::SIG_IGN].contains(&found.sa_sigaction));
        let Some(mut action) = found.filter(|found| found.sa_flags & libc::SA_ONSTACK == 0) else { continue };
        action.sa_flags |= libc::SA_ONSTACK;
        set_answer(signal, &action);
    }
}

/// Does something in which SIGPIPE may be taken from a program that ignores it, and ignores it again.
pub(super) fn keep_sigpipe<T>(work: impl FnOnce() -> T) -> T {
    let ignored = answer(libc::SIGPIPE).filter(|noted| noted.sa_sigaction == libc::SIG_IGN);
    let result = work();
    if let Some(ignored) = ignored
        && !is_same(answer(libc::SIGPIPE).as_ref(), &ignored)
    {
        tracing::debug!("a library that was opened has taken SIGPIPE: it is ignored again");
        set_answer(libc::SIGPIPE, &ignored);
    }
    result
}

/// Whether the same function answers in the same way. On which stack it runs is no difference.
fn is_same(found: Option<&libc::sigaction>, noted: &libc::sigaction) -> bool {
    let manner = |action: &libc::sigaction| (action.sa_sigaction, action.sa_flags & !libc::SA_ONSTACK);
    found.is_none_or(|found| manner(found) == manner(noted))
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
    // SAFETY: the action is one that the C library has given for this signal, in this process, and differs from it by its stack
    // at most: the functions that it may name are the program's own or those of a library, and libraries are never unloaded.
    let result = unsafe { libc::sigaction(signal, action, ptr::null_mut()) };
    if result != 0 {
        tracing::warn!(signal, "a handler of a signal cannot be put back");
    }
}
