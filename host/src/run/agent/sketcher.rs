//! What the controller is told once a second of the requests of an agent: [`Sketcher`] collects it as records are made.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    clock::{Clock, RunNs},
    metrics::{Drawing, LatencyOrigin, Sketch, TokenCounting},
    plan::Phase,
    record::{Record, live::Listener},
};

/// Hears of requests on the recorder's thread, and is asked by the thread that speaks to the controller.
#[derive(Debug)]
pub(super) struct Sketcher {
    clock: Clock,
    counting: TokenCounting,
    /// Of the phase that began last; nothing before the first one.
    drawing: Mutex<Option<Drawing>>,
}

impl Sketcher {
    /// Nothing has begun.
    pub(super) fn new(clock: Clock, uses_server_count: bool) -> Self {
        Self { clock, counting: TokenCounting::of(uses_server_count), drawing: Mutex::default() }
    }

    /// A phase begins then.
    pub(super) fn begin(&self, phase: &Phase, start_ns: RunNs) {
        let origin = LatencyOrigin::of(phase.load.is_open());
        *self.drawing() = Some(Drawing::begin(phase.id, start_ns, origin, self.counting));
    }

    /// What has ended since this was asked last. `in_flight` says how many requests of a phase are not over.
    pub(super) fn sketch(&self, in_flight: impl FnOnce(u32) -> u64) -> Option<Sketch> {
        let mut latest = self.drawing();
        let drawing = latest.as_mut()?;
        let in_flight = in_flight(drawing.phase());
        Some(drawing.sketch(self.clock.now(), in_flight))
    }

    fn drawing(&self) -> MutexGuard<'_, Option<Drawing>> {
        self.drawing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Sketcher {
    fn ended(&self, record: &Record) {
        if let Some(drawing) = &mut *self.drawing() {
            drawing.ended(record);
        }
    }

    fn counted(&self, record: &Record) {
        if let Some(drawing) = &mut *self.drawing() {
            drawing.counted(record);
        }
    }
}
