//! Slots for what may go on at once, whose number can change while they are used.
//!
//! What is in flight is never interrupted: a gate that becomes narrower takes free slots away, and then each that comes back,
//! until there are as many as there are to be.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    division::{CurvePart, Division},
    pacer,
};
use crate::{
    clock::{Clock, RunNs},
    plan::Ramp,
};

/// A number of slots.
#[derive(Debug)]
struct Gate {
    free: Arc<Semaphore>,
    /// Slots that are taken away as soon as they come back.
    surplus: AtomicUsize,
    /// Those who wait for a slot.
    waiting: AtomicUsize,
    size: Mutex<Size>,
}

/// How many slots there are to be, and who says so.
#[derive(Clone, Copy, Debug)]
struct Size {
    slots: usize,
    /// Times that the gate was handed over. Phases before the last hand-over no longer say how wide it is.
    owner: u32,
}

/// A slot that is taken. It comes back when this is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    gate: Arc<Gate>,
}

impl Gate {
    /// A gate with so many slots, or as many as there can be.
    fn new(size: usize) -> Self {
        let size = size.min(Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(size)),
            surplus: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            size: Mutex::new(Size { slots: size, owner: 0 }),
        }
    }

    /// Waits for a slot.
    async fn enter(self: &Arc<Self>) -> Option<Slot> {
        let _waiting = Waiting::at(self);
        let permit = Arc::clone(&self.free).acquire_owned().await.ok()?;
        Some(Slot { permit: Some(permit), gate: Arc::clone(self) })
    }

    /// Whether a request that comes now has to wait.
    fn is_full(&self) -> bool {
        self.free.available_permits() == 0
    }

    /// Changes the number of slots, if this owner still says it. It may be told the same number again and again, from several
    /// threads.
    fn resize(&self, owner: u32, slots: usize) {
        let mut current = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        if owner == current.owner {
            self.change(&mut current, slots);
        }
    }

    /// Changes the number of slots for a new owner. Gives its number.
    fn take_over(&self, slots: usize) -> u32 {
        let mut current = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        current.owner += 1;
        self.change(&mut current, slots);
        current.owner
    }

    fn change(&self, current: &mut Size, slots: usize) {
        let slots = slots.min(Semaphore::MAX_PERMITS);
        if slots > current.slots {
            let kept = self.take_surplus(slots - current.slots);
            self.free.add_permits(slots - current.slots - kept);
        } else {
            let less = current.slots - slots;
            let taken = self.free.forget_permits(less);
            self.surplus.fetch_add(less - taken, Ordering::Relaxed);
        }
        current.slots = slots;
    }

    /// Takes up to so many off the surplus, and says how many.
    fn take_surplus(&self, most: usize) -> usize {
        let rest = |surplus: usize| Some(surplus.saturating_sub(most));
        let before = self.surplus.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest);
        before.unwrap_or_else(|surplus| surplus).min(most)
    }
}

/// A request that waits for a slot, or is just getting one.
struct Waiting<'a>(&'a Gate);

impl<'a> Waiting<'a> {
    fn at(gate: &'a Gate) -> Self {
        gate.waiting.fetch_add(1, Ordering::Relaxed);
        Self(gate)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Slots of a node that it may lend to other nodes. What is in flight keeps its own.
#[derive(Clone, Debug)]
pub(crate) struct LendableSlots(Arc<Gate>);

impl LendableSlots {
    /// Whether a request waits for one now.
    pub(crate) fn are_waited_for(&self) -> bool {
        self.0.waiting.load(Ordering::Relaxed) > 0
    }

    /// Gives up half of those that are free, rounded up, but not the last one that there is. Says how many.
    pub(crate) fn give_half(&self) -> u32 {
        let mut size = self.size();
        let free = self.0.free.available_permits();
        let most = free.div_ceil(2).min(size.slots.saturating_sub(1));
        let given = self.0.free.forget_permits(most);
        size.slots -= given;
        count(given)
    }

    /// Gives up `less` slots, or as many as there are: those that are free now, and others as soon as they are free. Says how many.
    pub(crate) fn give_back(&self, less: u32) -> u32 {
        let mut size = self.size();
        let less = whole(less.into()).min(size.slots);
        let left = size.slots - less;
        self.0.change(&mut size, left);
        count(less)
    }

    /// Those that are given up and not free yet.
    pub(crate) fn owed(&self) -> u32 {
        count(self.0.surplus.load(Ordering::Relaxed))
    }

    /// There are so many more.
    pub(crate) fn add(&self, more: u32) {
        let mut size = self.size();
        let all = size.slots.saturating_add(whole(more.into()));
        self.0.change(&mut size, all);
    }

    fn size(&self) -> MutexGuard<'_, Size> {
        self.0.size.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(slots: usize) -> u32 {
    u32::try_from(slots).unwrap_or(u32::MAX)
}

/// What the requests of a phase wait for: a gate, and the curve that its width follows, if it changes.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    gate: Arc<Gate>,
    /// The node's part of the curve.
    curve: Option<Arc<CurvePart>>,
    /// As which owner of the gate its phase says how wide it is.
    owner: u32,
}

impl Slots {
    /// A number of slots that never changes.
    pub(crate) fn fixed(size: usize) -> Self {
        Self { gate: Arc::new(Gate::new(size)), curve: None, owner: 0 }
    }

    /// As many as a node's part of what a curve says.
    pub(crate) fn following(curve: Ramp<u32>, division: Division) -> Self {
        let part = CurvePart::of(curve, division);
        let gate = Arc::new(Gate::new(whole(part.at(0.0))));
        Self { gate, curve: changing(part), owner: 0 }
    }

    /// The same slots in the next phase, as many as the node's part of what its curve says, or as many as are wanted: what is still
    /// in flight has its own.
    pub(crate) fn handed_over(&self, curve: Option<Ramp<u32>>, division: Division) -> Self {
        let part = curve.map(|curve| CurvePart::of(curve, division));
        let owner = self.gate.take_over(part.as_ref().map_or(usize::MAX, |part| whole(part.at(0.0))));
        Self { gate: Arc::clone(&self.gate), curve: part.and_then(changing), owner }
    }

    /// Waits for a slot in a phase that began at `start_ns`. The caller sees to it that the gate follows its curve.
    pub(crate) async fn enter(&self, clock: Clock, start_ns: RunNs) -> Option<Slot> {
        let Some(curve) = &self.curve else { return self.gate.enter().await };
        loop {
            let now_s = clock.now().saturating_sub(start_ns) as f64 / NS_PER_S;
            self.gate.resize(self.owner, whole(curve.at(now_s)));
            let Some(change_s) = curve.next_change_s(now_s) else { return self.gate.enter().await };
            tokio::select! {
                biased;
                slot = self.gate.enter() => return slot,
                () = pacer::alarm(clock, start_ns.saturating_add(ns(change_s))) => {}
            }
        }
    }

    /// The slots, for other nodes to use meanwhile; none where a curve says how many there are.
    pub(crate) fn lendable(&self) -> Option<LendableSlots> {
        self.curve.is_none().then(|| LendableSlots(Arc::clone(&self.gate)))
    }

    /// Whether a request that comes now has to wait.
    pub(crate) fn is_full(&self) -> bool {
        self.gate.is_full()
    }
}

const NS_PER_S: f64 = 1e9;

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive time below 2^53 ns")]
fn ns(seconds: f64) -> RunNs {
    (seconds * NS_PER_S).ceil() as RunNs
}

fn whole(level: u64) -> usize {
    usize::try_from(level).unwrap_or(usize::MAX)
}

/// A curve that has to be followed.
fn changing(part: CurvePart) -> Option<Arc<CurvePart>> {
    (!part.is_constant()).then(|| Arc::new(part))
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take()
            && self.gate.take_surplus(1) == 1
        {
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::runtime::Builder;

    use super::*;

    /// The only node.
    const WHOLE: Division = Division { node: 0, nodes: 1, first_worker: 0, workers: 1 };

    /// A slot, if there is one now.
    fn enter(gate: &Arc<Gate>) -> Option<Slot> {
        if gate.is_full() {
            return None;
        }
        Builder::new_current_thread().build().unwrap().block_on(gate.enter())
    }

    /// On a paused clock, time passes only while everybody waits.
    #[tokio::test(start_paused = true)]
    async fn slots_follow_their_curve_while_somebody_waits() {
        let clock = Clock::start();
        let slots = Slots::following(Ramp::steps(vec![(0.0, 1), (5.0, 3), (9.0, 1)]).unwrap(), WHOLE);
        let mut taken = Vec::new();
        for _ in 0..3 {
            taken.push((slots.enter(clock, 0).await.unwrap(), clock.now() / 1_000_000_000));
        }
        assert_eq!(taken.iter().map(|(_, at_s)| *at_s).collect::<Vec<_>>(), [0, 5, 5]);
        pacer::pause(std::time::Duration::from_secs(10)).await;
        let (waiting, mut others) = (slots.enter(clock, 0), taken.into_iter());
        tokio::pin!(waiting);
        for left in [2, 1] {
            assert!(
                tokio::time::timeout(std::time::Duration::from_secs(1), &mut waiting).await.is_err(),
                "{left}"
            );
            drop(others.next());
        }
        assert!(tokio::time::timeout(std::time::Duration::from_secs(1), &mut waiting).await.is_err());
        drop(others.next());
        assert!(waiting.await.is_some());
    }

    /// Of a curve that goes from 1 to 4 slots, the second of three nodes has one as soon as there are two.
    #[tokio::test(start_paused = true)]
    async fn a_node_has_its_part_of_the_slots() {
        let (clock, second) = (Clock::start(), Division { node: 1, nodes: 3, first_worker: 1, workers: 3 });
        let slots = Slots::following(Ramp::linear(1, 4, 6.0).unwrap(), second);
        assert!(slots.is_full());
        let first = slots.enter(clock, 0).await;
        assert_eq!(clock.now() / 1_000_000_000, 2);
        let more = slots.enter(clock, 0);
        assert!(tokio::time::timeout(std::time::Duration::from_secs(60), more).await.is_err());
        let next = slots.handed_over(Some(Ramp::constant(5).unwrap()), second);
        let of_five = next.enter(clock, 0).await;
        assert!(next.is_full(), "two of five, of which one is taken");
        drop((first, of_five));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_in_flight_has_its_slots_in_the_next_phase() {
        let clock = Clock::start();
        let within_a_second = async |slots: &Slots| {
            tokio::time::timeout(std::time::Duration::from_secs(1), slots.enter(clock, 0))
                .await
                .ok()
                .flatten()
        };
        let before = Slots::fixed(usize::MAX);
        let mut in_flight = vec![before.enter(clock, 0).await, before.enter(clock, 0).await];
        let next = before.handed_over(Some(Ramp::constant(3).unwrap()), WHOLE);
        let third = within_a_second(&next).await;
        assert!(third.is_some() && within_a_second(&next).await.is_none());
        in_flight.pop();
        assert!(within_a_second(&next).await.is_some());
        let wide = next.handed_over(None, WHOLE);
        assert!(within_a_second(&wide).await.is_some() && !wide.is_full());
    }

    #[tokio::test(start_paused = true)]
    async fn slots_are_given_up_as_they_are_free_and_the_last_one_never() {
        let slots = Slots::following(Ramp::constant(4).unwrap(), WHOLE);
        let lendable = slots.lendable().unwrap();
        let first = slots.enter(Clock::start(), 0).await;
        assert!(first.is_some() && !lendable.are_waited_for());
        assert_eq!((lendable.give_half(), lendable.give_half(), lendable.give_half()), (2, 1, 0));
        assert!(slots.is_full());
        lendable.add(2);
        let more = [slots.enter(Clock::start(), 0).await, slots.enter(Clock::start(), 0).await];
        assert_eq!((lendable.give_back(2), lendable.owed()), (2, 2), "all of them are used");
        drop(more);
        assert_eq!(lendable.owed(), 0);
        assert!(slots.is_full());
        assert!(Slots::following(Ramp::linear(1, 4, 6.0).unwrap(), WHOLE).lendable().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_is_seen() {
        let slots = Slots::fixed(1);
        let (lendable, clock) = (slots.lendable().unwrap(), Clock::start());
        let first = slots.enter(clock, 0).await;
        let waiting = tokio::time::timeout(std::time::Duration::from_secs(1), async {
            let entering = slots.enter(clock, 0);
            tokio::pin!(entering);
            let is_first = tokio::time::timeout(std::time::Duration::ZERO, &mut entering).await.is_ok();
            assert!(!is_first && lendable.are_waited_for());
        });
        assert!(waiting.await.is_ok());
        assert!(!lendable.are_waited_for(), "whoever does not wait any more is none");
        drop(first);
    }

    /// A session of several turns goes on to wait for slots of its own phase.
    #[tokio::test(start_paused = true)]
    async fn a_curve_of_an_earlier_phase_does_not_narrow_the_next_one() {
        let clock = Clock::start();
        let before = Slots::following(Ramp::steps(vec![(0.0, 1), (5.0, 2)]).unwrap(), WHOLE);
        let first = before.enter(clock, 0).await;
        let next = before.handed_over(Some(Ramp::constant(3).unwrap()), WHOLE);
        let second = before.enter(clock, 0).await;
        assert!(!next.is_full());
        let third = next.enter(clock, 0).await;
        assert!(next.is_full());
        drop((first, second, third));
    }

    proptest! {
        /// Whatever comes and goes, and whatever the number becomes meanwhile: there are as many slots as there are to be, as
        /// soon as no more than that are taken.
        #[test]
        fn a_gate_is_as_wide_as_it_is_to_be(steps in proptest::collection::vec((0usize..3, 0usize..9), 0..60)) {
            let gate = Arc::new(Gate::new(3));
            let (mut taken, mut size) = (Vec::new(), 3);
            for (step, number) in steps {
                match step {
                    0 => {
                        size = number;
                        gate.resize(0, size);
                    }
                    1 => taken.extend(enter(&gate)),
                    _ => drop(taken.pop()),
                }
                let free = gate.free.available_permits();
                prop_assert_eq!(free, size.saturating_sub(taken.len()));
            }
        }
    }
}
