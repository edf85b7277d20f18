//! [`ActiveCall`]: whether a worker is inside a call of its plugin, and in which one.
//!
//! A call that never returns cannot be interrupted, only noticed. Taking the time at every call would cost more than
//! many calls do; instead each call moves a number, and who watches looks at it now and then. A number that says
//! "inside" and has not moved for long is a call that hangs.

use std::sync::atomic::{AtomicU64, Ordering};

/// A call into a plugin. The numbers are the low bits of an [`ActiveCall`]; 0 is no call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Call {
    /// Formats a request.
    Format = 1,
    /// Makes a parser.
    Parser,
    /// Reads an event.
    Event,
    /// Reads a whole body.
    Body,
    /// Is told of the end of an answer.
    End,
    /// Drops a parser.
    Drop,
}

impl Call {
    /// How the contract spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Format => "`format`",
            Self::Parser => "`parser`",
            Self::Event => "`event`",
            Self::Body => "`body`",
            Self::End => "`end`",
            Self::Drop => "its parser's destructor",
        }
    }

    fn of(number: u64) -> Option<Self> {
        const ALL: [Call; 6] = [Call::Format, Call::Parser, Call::Event, Call::Body, Call::End, Call::Drop];
        ALL.into_iter().find(|call| *call as u64 == number & CALL_BITS)
    }
}

/// Where the call stands in the number; the bits above count calls.
const CALL_BITS: u64 = 0b111;

/// What one worker writes and a watchdog reads. A worker is one thread, and its calls do not nest.
#[derive(Debug, Default)]
pub(crate) struct ActiveCall(AtomicU64);

impl ActiveCall {
    /// Runs a call. Two stores to a number that nobody else writes: cheap enough for every event.
    pub(crate) fn during<T>(&self, call: Call, body: impl FnOnce() -> T) -> T {
        let calls = self.0.load(Ordering::Relaxed) & !CALL_BITS;
        self.0.store(calls | call as u64, Ordering::Relaxed);
        let inside = Inside { of: self, after: calls.wrapping_add(CALL_BITS + 1) };
        let result = body();
        drop(inside);
        result
    }

    /// A number that is another one at every call, and the call that is under way.
    pub(crate) fn read(&self) -> (u64, Option<Call>) {
        let number = self.0.load(Ordering::Relaxed);
        (number, Call::of(number))
    }
}

/// Leaves the call, also when a panic of the host's own passes through.
struct Inside<'a> {
    of: &'a ActiveCall,
    after: u64,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.of.0.store(self.after, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_active_call_has_its_name_and_no_two_calls_look_alike() {
        let active_call = ActiveCall::default();
        assert_eq!(active_call.read().1, None);
        let first = active_call.during(Call::Event, || active_call.read());
        let second = active_call.during(Call::Event, || active_call.read());
        assert_eq!((first.1, second.1), (Some(Call::Event), Some(Call::Event)));
        assert_ne!(first.0, second.0);
        assert_eq!(active_call.read().1, None);
    }

    #[test]
    fn a_panic_leaves_the_call() {
        let active_call = ActiveCall::default();
        let panicking =
            std::panic::AssertUnwindSafe(|| active_call.during(Call::Body, || panic!("a bug of ours")));
        assert!(std::panic::catch_unwind(panicking).is_err());
        assert_eq!(active_call.read().1, None);
    }
}
