//! The numbers of a closed loop on one node: it counts them where it is the only one, and takes them from its leases where there
//! are others.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Notify;

use super::{
    budget::Budget,
    division::{CurvePart, Division},
    numbers::Lease,
};
use crate::{
    clock::{Clock, RunNs},
    plan::Ramp,
};

const NS_PER_S: RunNs = 1_000_000_000;

/// For so many seconds a node asks for numbers in advance.
const AHEAD_S: u64 = 2;

/// The numbers that the workers of one node may start in a phase, common to them.
#[derive(Debug)]
pub(crate) struct Numbers(Kind);

#[derive(Debug)]
enum Kind {
    /// The node is the only one, and counts.
    Counted(AtomicU64),
    /// It starts what it is given.
    Leased(Box<Leased>),
}

/// Numbers that a node was given.
#[derive(Debug)]
struct Leased {
    clock: Clock,
    /// When the phase began.
    start_ns: RunNs,
    /// Sessions that the node may have at once.
    slots: CurvePart,
    /// Requests that it may still send.
    budget: Budget,
    held: Mutex<Held>,
    /// More numbers are there, or it is known that none will be.
    changed: Notify,
}

/// What it has of them, and knows of the others.
#[derive(Debug, Default)]
struct Held {
    ranges: VecDeque<Range<u64>>,
    /// Numbers in the ranges.
    left: u64,
    /// No more come.
    is_last: bool,
    /// It has asked for more, and has no answer yet.
    is_asked: bool,
    pace: Pace,
}

/// How many numbers were taken lately.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    /// When the second began that is counted now.
    since_ns: RunNs,
    taken: u64,
    /// Those of the second before.
    before: u64,
}

impl Pace {
    /// One was taken now.
    fn note(&mut self, now: RunNs) {
        let passed = now.saturating_sub(self.since_ns);
        if passed >= NS_PER_S {
            let is_next = passed < 2 * NS_PER_S;
            *self = Self { since_ns: now, taken: 0, before: if is_next { self.taken } else { 0 } };
        }
        self.taken += 1;
    }

    /// Numbers a second, as far as they were counted.
    fn a_second(self) -> u64 {
        self.before.max(self.taken)
    }
}

impl Default for Numbers {
    /// Those of the only node.
    fn default() -> Self {
        Self(Kind::Counted(AtomicU64::new(0)))
    }
}

impl Numbers {
    /// Those of a node that has a part of a closed loop which begins at `start_ns` and has so many sessions at once, and which
    /// may send no more requests than the budget has.
    pub(crate) fn leased(
        clock: Clock,
        start_ns: RunNs,
        sessions: Ramp<u32>,
        division: Division,
        budget: Budget,
    ) -> Self {
        Self(Kind::Leased(Box::new(Leased {
            clock,
            start_ns,
            slots: CurvePart::of(sessions, division),
            budget,
            held: Mutex::default(),
            changed: Notify::new(),
        })))
    }

    /// More of them. The only node of a run needs none.
    pub(crate) fn add(&self, lease: Lease) {
        if let Kind::Leased(leased) = &self.0 {
            leased.add(lease);
        }
    }

    /// Takes the next one. One that counts always has one, whatever the limit is; others have none now, or none any more.
    pub(super) fn take(&self) -> Option<u64> {
        match &self.0 {
            Kind::Counted(taken) => Some(taken.fetch_add(1, Ordering::Relaxed)),
            Kind::Leased(leased) => leased.take(),
        }
    }

    /// Whether all numbers below a limit are taken.
    pub(super) fn are_given_out(&self, limit: Option<u64>) -> bool {
        match &self.0 {
            Kind::Counted(taken) => limit.is_some_and(|limit| taken.load(Ordering::Relaxed) >= limit),
            Kind::Leased(leased) => leased.is_over(),
        }
    }

    /// Whether none may be there now while more are to come.
    pub(super) fn are_leased(&self) -> bool {
        matches!(self.0, Kind::Leased(_))
    }

    /// How many more the node could use, when it has few left. It is said once until they come.
    pub(super) fn wanted(&self) -> Option<u64> {
        match &self.0 {
            Kind::Counted(_) => None,
            Kind::Leased(leased) => leased.wanted(),
        }
    }

    /// Waits until there is one, and says whether there is: there is none when all are given out. Another worker may take it first.
    /// Where more are needed, `ask` is called with how many.
    pub(super) async fn wait(&self, ask: impl Fn(u64)) -> bool {
        match &self.0 {
            Kind::Counted(_) => true,
            Kind::Leased(leased) => leased.wait(ask).await,
        }
    }

    /// What `waiting` gives, or nothing as soon as none is left of what was given to the node and no more come.
    pub(super) async fn unless_over<T>(&self, waiting: impl Future<Output = Option<T>>) -> Option<T> {
        match &self.0 {
            Kind::Counted(_) => waiting.await,
            Kind::Leased(leased) => tokio::select! {
                biased;
                waited = waiting => waited,
                () = leased.end() => None,
            },
        }
    }
}

impl Leased {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, lease: Lease) {
        let mut held = self.held();
        if lease.from < lease.to {
            held.left += lease.to - lease.from;
            held.ranges.push_back(lease.from..lease.to);
        }
        held.is_last |= lease.is_last;
        held.is_asked = false;
        drop(held);
        self.changed.notify_waiters();
    }

    fn take(&self) -> Option<u64> {
        let mut held = self.held();
        let range = held.ranges.front_mut()?;
        let number = range.start;
        range.start += 1;
        if range.is_empty() {
            held.ranges.pop_front();
        }
        held.left -= 1;
        held.pace.note(self.clock.now());
        let is_over = held.is_last && held.left == 0;
        drop(held);
        if is_over {
            self.changed.notify_waiters();
        }
        Some(number)
    }

    fn is_over(&self) -> bool {
        let held = self.held();
        held.left == 0 && (held.is_last || self.budget.is_spent())
    }

    /// Those for the next two seconds by its pace, when there are no more than for one; and at least one for each slot that it has
    /// then. Sessions have a request at least, so that more than the budget has could not be used.
    fn wanted(&self) -> Option<u64> {
        let now_s = self.clock.now().saturating_sub(self.start_ns) as f64 / NS_PER_S as f64;
        let soon_s = now_s + AHEAD_S as f64;
        let slots = self.slots.at(now_s).max(self.slots.at(soon_s)).max(1);
        let mut held = self.held();
        let pace = held.pace.a_second();
        if held.is_last || held.is_asked || held.left > slots.max(pace) {
            return None;
        }
        let usable = self.budget.left().map_or(u64::MAX, |left| left.saturating_sub(held.left));
        // A worker that has none waits for an answer, even if that is that there is no more.
        let least = u64::from(held.left == 0);
        let wanted = slots.max(AHEAD_S * pace).min(usable).max(least);
        held.is_asked = wanted > 0;
        (wanted > 0).then_some(wanted)
    }

    async fn wait(&self, ask: impl Fn(u64)) -> bool {
        loop {
            // Before the look: it hears of all changes from here on.
            let changed = self.changed.notified();
            if self.held().left > 0 {
                return true;
            }
            if self.is_over() {
                return false;
            }
            if let Some(wanted) = self.wanted() {
                ask(wanted);
            }
            changed.await;
        }
    }

    /// Waits until none is left and no more come.
    async fn end(&self) {
        loop {
            let changed = self.changed.notified();
            if self.is_over() {
                return;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, sync::Arc, time::Duration};

    use tokio::{
        sync::mpsc::{UnboundedSender, unbounded_channel},
        task::JoinSet,
    };

    use super::*;
    use crate::{
        plan::{Load, Phase, StopRule},
        schedule::{numbers::Leases, pacer::pause},
    };

    fn numbers(slots: u32, budget: Budget) -> Numbers {
        let division = Division { node: 0, nodes: 2, first_worker: 0, workers: 2 };
        Numbers::leased(Clock::start(), 0, Ramp::constant(2 * slots).unwrap(), division, budget)
    }

    fn more(from: u64, to: u64) -> Lease {
        Lease { from, to, is_last: false }
    }

    #[test]
    fn numbers_are_taken_in_the_order_in_which_they_came() {
        let numbers = numbers(1, Budget::default());
        numbers.add(more(3, 5));
        numbers.add(Lease { from: 9, to: 10, is_last: true });
        let taken: Vec<_> = (0..4).map(|_| (numbers.take(), numbers.are_given_out(None))).collect();
        assert_eq!(taken, [(Some(3), false), (Some(4), false), (Some(9), true), (None, true)]);
    }

    #[test]
    fn the_only_node_counts_and_never_asks() {
        let numbers = Numbers::default();
        assert_eq!((numbers.take(), numbers.take(), numbers.wanted()), (Some(0), Some(1), None));
        assert!(numbers.are_given_out(Some(2)) && !numbers.are_given_out(Some(3)));
    }

    /// On a paused clock: all are taken at one instant.
    #[tokio::test(start_paused = true)]
    async fn a_node_asks_once_for_what_it_needs_in_two_seconds() {
        let numbers = numbers(4, Budget::default());
        numbers.add(more(0, 100));
        let asks_after: Vec<_> = (0_u32..100)
            .filter_map(|taken| {
                let wanted = numbers.wanted();
                numbers.take().unwrap();
                wanted.map(|wanted| (taken, wanted))
            })
            .collect();
        assert_eq!(asks_after, [(50, 100)], "50 a second, and as many left");
        numbers.add(more(100, 101));
        assert_eq!(numbers.wanted(), Some(200));
        pause(Duration::from_secs(5)).await;
        numbers.take().unwrap();
        numbers.add(more(101, 105));
        assert_eq!(numbers.wanted(), Some(4), "a number for each slot");
    }

    #[test]
    fn a_node_asks_for_no_more_than_its_requests() {
        let budget = Budget::of(6);
        let numbers = numbers(4, budget.clone());
        numbers.add(more(0, 4));
        assert_eq!(numbers.wanted(), Some(2));
        numbers.add(more(4, 6));
        assert_eq!(numbers.wanted(), None);
        (0..6).for_each(|_| assert!(budget.take() && numbers.take().is_some()));
        assert!(numbers.are_given_out(None), "what it is to send is sent");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_asks_and_hears_of_numbers_and_of_the_end() {
        let numbers = numbers(2, Budget::default());
        let asked = RefCell::new(Vec::new());
        let answers = [more(0, 0), more(0, 1), Lease { from: 1, to: 1, is_last: true }];
        let answering = async {
            for answer in answers {
                pause(Duration::from_millis(100)).await;
                numbers.add(answer);
            }
        };
        let ask = |wanted| asked.borrow_mut().push(wanted);
        let waiting = async { (numbers.wait(ask).await, numbers.take(), numbers.wait(ask).await) };
        let ((), waited) = tokio::join!(answering, waiting);
        assert_eq!(waited, (true, Some(0), false));
        assert_eq!(*asked.borrow(), [2, 2, 2]);
    }

    /// A session that was started.
    #[derive(Clone, Copy, Debug)]
    struct Start {
        node: u32,
        number: u64,
        at_ns: RunNs,
        waited_ns: RunNs,
    }

    /// Starts sessions that take 50 ms, one after the other, and says which.
    async fn slot(node: u32, numbers: Arc<Numbers>, clock: Clock, asks: UnboundedSender<u64>) -> Vec<Start> {
        let ask = |wanted| asks.send(wanted).unwrap();
        let mut starts = Vec::new();
        loop {
            let free_ns = clock.now();
            if !numbers.wait(ask).await {
                return starts;
            }
            let Some(number) = numbers.take() else { continue };
            if let Some(wanted) = numbers.wanted() {
                ask(wanted);
            }
            let at_ns = clock.now();
            starts.push(Start { node, number, at_ns, waited_ns: at_ns - free_ns });
            pause(Duration::from_millis(50)).await;
        }
    }

    /// Two nodes with eight slots each, whose questions are answered after 100 ms, on a paused clock.
    #[tokio::test(start_paused = true)]
    async fn no_slot_waits_for_a_slow_answer_before_the_end_and_no_node_has_the_last_work_alone() {
        let (clock, sessions, count) = (Clock::start(), Ramp::constant(16).unwrap(), 5000_u64);
        let load = Load::Closed { sessions: sessions.clone() };
        let phase = Phase::measured(load, StopRule::after_requests(count.try_into().unwrap()));
        let leases = Arc::new(Mutex::new(Leases::of(&phase, 2)));
        let mut slots = JoinSet::new();
        for node in 0..2 {
            let division = Division { node, nodes: 2, first_worker: node, workers: 2 };
            let numbers = Arc::new(Numbers::leased(clock, 0, sessions.clone(), division, Budget::default()));
            numbers.add(leases.lock().unwrap().first(node));
            let (asks, mut asked) = unbounded_channel();
            for _ in 0..8 {
                slots.spawn(slot(node, Arc::clone(&numbers), clock, asks.clone()));
            }
            let leases = Arc::clone(&leases);
            tokio::spawn(async move {
                while let Some(wanted) = asked.recv().await {
                    pause(Duration::from_millis(100)).await;
                    let lease = leases.lock().unwrap().grant(node, wanted);
                    numbers.add(lease);
                }
            });
        }
        let starts = slots.join_all().await.concat();
        assert_eq!(starts.len() as u64, count);
        let late = starts.iter().find(|start| start.number < count - 500 && start.waited_ns > 0);
        assert!(late.is_none(), "{late:?}");
        let last = |node| starts.iter().filter(|start| start.node == node).map(|start| start.at_ns).max();
        let apart_ns = last(0).unwrap().abs_diff(last(1).unwrap());
        assert!(apart_ns < NS_PER_S, "{apart_ns}");
    }

    /// A worker whose node has no slot now hears of the end as well.
    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_numbers_ends_a_wait_for_a_slot() {
        let numbers = numbers(1, Budget::default());
        numbers.add(more(0, 1));
        let never = numbers.unless_over(std::future::pending::<Option<()>>());
        let ends = async {
            pause(Duration::from_millis(100)).await;
            numbers.add(Lease { from: 1, to: 1, is_last: true });
            numbers.take()
        };
        assert_eq!(tokio::join!(never, ends), (None, Some(0)));
        assert_eq!(numbers.unless_over(async { Some(7) }).await, Some(7));
    }
}
