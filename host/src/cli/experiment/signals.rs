//! Interrupts while several runs go on. A run that measures hears them itself, and ends as a run does; otherwise the process
//! ends at once, since nothing is lost by it.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use rustix::process::{Pid, Signal, kill_process_group};

use super::super::exit::Exit;
use crate::run::Interrupt;

/// What is known of interrupts, and of what has to end with the process.
#[derive(Debug, Default)]
pub(in crate::cli) struct Signals {
    is_measuring: AtomicBool,
    heard: Mutex<Option<Interrupt>>,
    /// The group of the shell's processes, while there is one.
    shell: Mutex<Option<Pid>>,
}

impl Signals {
    /// From here on, or no longer, a run hears interrupts.
    pub(super) fn set_measuring(&self, is_measuring: bool) {
        self.is_measuring.store(is_measuring, SeqCst);
    }

    /// Notes an interrupt. Whether the process is to end now.
    pub(in crate::cli) fn hear(&self, interrupt: Interrupt) -> bool {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(interrupt);
        !self.is_measuring.load(SeqCst)
    }

    /// The exit code of the last interrupt, if there was one.
    pub(super) fn exit_code(&self) -> Option<u8> {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.map(|interrupt| Exit::from(interrupt) as u8)
    }

    /// A shell works, or none does.
    pub(super) fn set_shell(&self, group: Option<Pid>) {
        *self.shell.lock().unwrap_or_else(PoisonError::into_inner) = group;
    }

    /// Ends the shell and what it has started.
    pub(in crate::cli) fn end_shell(&self) {
        if let Some(group) = *self.shell.lock().unwrap_or_else(PoisonError::into_inner) {
            // It may have ended by itself.
            let _ = kill_process_group(group, Signal::TERM);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_is_the_runs_while_it_measures() {
        let signals = Signals::default();
        signals.set_measuring(true);
        assert_eq!((signals.exit_code(), signals.hear(Interrupt::Terminated)), (None, false));
        signals.set_measuring(false);
        assert_eq!((signals.exit_code(), signals.hear(Interrupt::Interrupted)), (Some(143), true));
    }
}
