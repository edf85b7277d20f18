//! What a phase's workers are told while it runs, and how they wait for anything else meanwhile.

use std::{future::poll_fn, pin::pin, task::Poll};

use serde::{Deserialize, Serialize};
use tokio::{sync::watch, task::yield_now};

/// What a phase's workers are told while it runs. Only ever moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Control {
    /// Send.
    Run,
    /// Send nothing new; wait for what is in flight.
    Drain,
    /// End what is in flight as well.
    Cancel,
}

/// What `waiting` gives, or nothing when the phase drains first.
pub(super) async fn unless_drained<T: Default>(
    control: &mut watch::Receiver<Control>,
    waiting: impl Future<Output = T>,
) -> T {
    let waited = tokio::select! {
        biased;
        () = reached(control, Control::Drain) => return T::default(),
        waited = waiting => waited,
    };
    // Receivers are told one after the other: a request that was told first gives back its slot before this one is told.
    if *control.borrow() >= Control::Drain { T::default() } else { waited }
}

/// What `performing` gives, unless the phase is cancelled before.
///
/// `select!` would ask for news of the phase with every token, and asking takes a lock. Whether there are any is one load,
/// and once asked, news wake the task: a task has one waker.
pub(super) async fn unless_cancelled<T>(
    control: &watch::Receiver<Control>,
    performing: impl Future<Output = T>,
) -> Option<T> {
    let mut asked = control.clone();
    let (mut performing, mut cancelled) = (pin!(performing), pin!(reached(&mut asked, Control::Cancel)));
    let mut is_asked = false;
    let performed = poll_fn(|context| {
        if let Poll::Ready(performed) = performing.as_mut().poll(context) {
            return Poll::Ready(Some(performed));
        }
        // A sender that is gone is news as well.
        if is_asked && matches!(control.has_changed(), Ok(false)) {
            return Poll::Pending;
        }
        is_asked = true;
        cancelled.as_mut().poll(context).map(|()| None)
    })
    .await;
    if performed.is_some() {
        return performed;
    }
    // What arrived before the end may still wait to be announced: the runtime asks its poller before it goes on here.
    yield_now().await;
    poll_fn(|context| match performing.as_mut().poll(context) {
        Poll::Ready(performed) => Poll::Ready(Some(performed)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Waits until the phase's control is at least `level`. A run that is gone counts as one that drains no more.
async fn reached(control: &mut watch::Receiver<Control>, level: Control) {
    let _ = control.wait_for(|now| *now >= level).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slot_that_the_end_of_the_phase_made_free_is_not_taken() {
        let (phase, mut control) = watch::channel(Control::Run);
        let freed_by_the_end = async {
            phase.send_replace(Control::Cancel);
            Some("a slot")
        };
        assert_eq!(unless_drained(&mut control, freed_by_the_end).await, None);
    }
}
