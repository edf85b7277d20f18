//! Who hears what happens in a run while it goes on.

use std::time::Duration;

use prony_plugin_api::live::RunNow;

use crate::plan::Phase;

/// Hears of a run, from the thread that conducts it: nothing here may take long.
pub(crate) trait Observer {
    /// Something that the user should know: a sentence without a final stop.
    fn notice(&mut self, text: &str);

    /// Something that a service says to the user: the service's name and a sentence.
    fn said(&mut self, _text: &str) {}

    /// The run has agents, with these names: they are ready.
    fn agents_take_part(&mut self, _names: &[String]) {}

    /// The same, of one of several runs, where these were the agents of the run before.
    fn same_agents_take_part(&mut self, _names: &[String]) {}

    /// From here on, or no longer, the run hears interrupts itself.
    fn hears_interrupts(&mut self, _hears: bool) {}

    /// A phase begins.
    fn phase_started(&mut self, phase: &Phase);

    /// How far the phase is; ten times a second.
    fn snapshot(&mut self, snapshot: &Snapshot);

    /// Whether it wants to know more than that.
    fn wants_now(&self) -> bool {
        false
    }

    /// All that is known of the phase; twice a second, where it wants to know, and once when the phase is over.
    fn now(&mut self, _now: &RunNow) {}

    /// The phase is over.
    fn phase_ended(&mut self);
}

/// What has become of the requests of a phase so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// Time since the phase's start.
    pub(crate) elapsed: Duration,
    /// Requests that ended well.
    pub(crate) succeeded: u64,
    /// Requests that were cancelled on purpose.
    pub(crate) cancelled_on_purpose: u64,
    /// Requests whose context was too long.
    pub(crate) overflowed: u64,
    /// Requests that failed, or whose end was not waited for.
    pub(crate) failed: u64,
    /// Requests that were tried and are not over.
    pub(crate) in_flight: u64,
    /// Output tokens of those that ended well, as far as they are counted.
    pub(crate) output_tokens: u64,
}

impl Snapshot {
    /// Requests that are over.
    pub(crate) fn ended(self) -> u64 {
        self.succeeded + self.cancelled_on_purpose + self.overflowed + self.failed
    }
}
