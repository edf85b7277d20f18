//! Steps before the event loop of a run, and after it: carried out here and now.

use std::{io, time::Duration};

use super::{
    limit::Limit,
    planned::PlannedHooks,
    step::{Begun, Done, Step},
};
use crate::{
    clock::Clock,
    run::{
        interrupts::{Interrupt, until},
        observer::Observer,
        stop_reason::StopReason,
    },
};

/// A step that is over, and who ended it, if anybody did.
#[derive(Debug)]
pub(crate) struct CarriedOut {
    pub(crate) done: Done,
    pub(crate) interrupt: Option<Interrupt>,
}

/// Carries out a step. An interrupt ends it.
///
/// # Errors
/// There is no thread or no descriptor left.
pub(crate) fn carry_out(step: Step, clock: Clock) -> io::Result<CarriedOut> {
    let Begun { stop, wait } = step.begin(clock);
    let mut interrupt = None;
    let ends = |heard| {
        interrupt.get_or_insert(heard);
        stop.stop(StopReason::Interrupt);
        // Its end is near, and worth to be known.
        false
    };
    match until(ends, wait)? {
        Ok(done) => Ok(CarriedOut { done, interrupt }),
        Err(heard) => Err(io::Error::other(format!("{heard:?}"))),
    }
}

/// Carries out the command after a run with this deadline that could not begin, although the command before it was carried out.
pub(crate) fn end_without_a_run(
    hooks: &PlannedHooks,
    why: &str,
    (deadline, clock): (Option<Duration>, Clock),
    observer: &mut dyn Observer,
) {
    let Some(step) = hooks.after_run(Some(why)) else { return };
    let step = step.within(Limit::after_load(deadline, clock));
    observer.hears_interrupts(true);
    let carried_out = carry_out(step, clock);
    observer.hears_interrupts(false);
    match carried_out {
        Ok(CarriedOut { done, .. }) => {
            done.failure.iter().for_each(|failure| observer.notice(&failure.reason));
        }
        Err(error) => {
            observer.notice(&format!("the command of `--after-run` cannot be carried out: {error}"));
        }
    }
}
