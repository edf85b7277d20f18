//! How a child is doing.

use std::{
    io,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{child::Death, plugin::A_BUG, service::failure::ServiceFailure};

/// How a child is doing. Shared with the thread that reads what it says and waits for its end.
#[derive(Debug, Default)]
pub(super) struct Life {
    /// It was told to end, or has said what is wrong: then its end is no failure in itself.
    is_ending: AtomicBool,
    death: OnceLock<Result<Death, String>>,
}

impl Life {
    /// From now on its end is to be expected.
    pub(super) fn end(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
    }

    /// Notes the end.
    pub(super) fn is_over(&self, death: io::Result<Death>) {
        // The one thread that waits notes it once.
        let _ = self.death.set(death.map_err(|error| error.to_string()));
    }

    /// Whether it has ended, and as it should.
    pub(super) fn ended_cleanly(&self) -> bool {
        matches!(self.death.get(), Some(Ok(death)) if death.is_clean())
    }

    /// Whether its end is to be expected.
    pub(super) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Relaxed)
    }

    /// What is wrong with the end. `place` says what the child was doing.
    pub(super) fn failure(&self, place: &str) -> ServiceFailure {
        let (what, hint) = match self.death.get() {
            Some(Ok(death)) => (format!("its process {death}"), hint(*death)),
            Some(Err(error)) => (format!("its process is lost: {error}"), ""),
            None => ("its process does not answer any more".to_owned(), ""),
        };
        ServiceFailure::new("died", format!("{what}{place}"), hint)
    }
}

fn hint(death: Death) -> &'static str {
    if death.is_kill() { "somebody killed it, or the system had no memory left" } else { A_BUG }
}
