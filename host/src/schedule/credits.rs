//! Credits: each worker's share of a phase's schedule.
//!
//! In an open loop the share is fixed: of the global schedule, node `n` of `N` takes every `N`-th request, and of these worker `w` of `W`
//! of the node every `W`-th. In a
//! closed loop it cannot be, because nobody knows whose requests end first; there workers take numbers from a common
//! counter, one for each free slot. A number taken ahead of its slot would wait in one worker while another is idle.
//! Where several nodes divide a closed loop, each takes them from what it was given ([`super::leased`]).

use std::sync::Arc;

use super::{
    Credit,
    arrival::{Arrivals, Numbered},
    division::Division,
    excerpt::Excerpts,
    leased::Numbers,
    numbers::Lease,
    users::UserStarts,
};
use crate::{clock::RunNs, dataset, plan::Phase, seed::Seed};

/// What the workers of one phase share.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// Numbers of a closed loop.
    numbers: Numbers,
    /// When the sessions of a replay start, by number, in nanoseconds since the phase's start.
    starts: Arc<[RunNs]>,
    /// The scripts of the run, and the position of the phase's first one.
    scripts: Option<(Arc<dataset::Source>, u64)>,
    /// What is played of each.
    excerpts: Excerpts,
}

impl Pool {
    /// That of a phase that plays these scripts from this position on, and replays sessions with these starts, if it does.
    pub(crate) fn of(
        starts: &Arc<[RunNs]>,
        scripts: &Arc<dataset::Source>,
        first: u64,
        excerpts: Excerpts,
    ) -> Self {
        let scripts = Some((Arc::clone(scripts), first));
        Self { numbers: Numbers::default(), starts: Arc::clone(starts), scripts, excerpts }
    }

    /// The same with the numbers of a node that has a part of a closed loop.
    pub(crate) fn with_numbers(self, numbers: Numbers) -> Self {
        Self { numbers, ..self }
    }

    /// Numbers that the node is given.
    pub(crate) fn lease(&self, lease: Lease) {
        self.numbers.add(lease);
    }

    /// Turns that the session with this number plays.
    fn turns(&self, number: u64) -> u64 {
        let Some((scripts, first)) = &self.scripts else { return 1 };
        let steps = usize::try_from(scripts.steps(first.saturating_add(number))).unwrap_or(usize::MAX);
        self.excerpts.steps(number, steps).len() as u64
    }
}

/// What a worker knows about its share among the others. Nodes have equal shares, as they have of slots, and so have the workers of a
/// node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    worker: u64,
    workers: u64,
    node: u64,
    nodes: u64,
}

impl Share {
    /// That of one of so many workers of a node, by its number from 0.
    pub(crate) fn of(worker: u64, workers: u64, division: Division) -> Self {
        Self { worker, workers, node: division.node.into(), nodes: division.nodes.into() }
    }

    /// That of the only worker.
    pub(crate) fn alone() -> Self {
        Self { worker: 0, workers: 1, node: 0, nodes: 1 }
    }

    /// Whether the session with this number is among those that are dealt to the worker.
    fn has(self, number: u64) -> bool {
        number % self.nodes == self.node && number / self.nodes % self.workers == self.worker
    }
}

/// One worker's credits of one phase, in the order of their due times.
#[derive(Debug)]
pub(crate) struct Credits {
    share: Share,
    limit: Option<u64>,
    source: Source,
    /// One that was looked at and not taken.
    next: Option<Credit>,
    /// There are no more because of the phase's duration.
    is_over_by_time: bool,
}

#[derive(Debug)]
enum Source {
    Closed(Arc<Pool>),
    Open { arrivals: Numbered, until_ns: Option<RunNs> },
    Replay { starts: Arc<[RunNs]>, next: usize, until_ns: Option<RunNs> },
    Users { starts: UserStarts, next: u64, pool: Arc<Pool>, until_ns: Option<RunNs> },
}

impl Credits {
    /// The share of `share` in `phase`. `pool` is common to the workers of the phase.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a checked, positive duration"
    )]
    pub(crate) fn new(phase: &Phase, seed: Seed, share: Share, pool: &Arc<Pool>) -> Self {
        let until_ns = phase.stop.duration_s().map(|seconds| (seconds * 1e9) as RunNs);
        let source = match Arrivals::of(&phase.load, seed) {
            Some(arrivals) => Source::Open { arrivals: arrivals.enumerate(), until_ns },
            None if phase.load.replay().is_some() => {
                Source::Replay { starts: Arc::clone(&pool.starts), next: 0, until_ns }
            }
            None => match phase.load.users() {
                Some(users) => Source::Users {
                    starts: UserStarts::new(users),
                    next: 0,
                    pool: Arc::clone(pool),
                    until_ns,
                },
                None => Source::Closed(Arc::clone(pool)),
            },
        };
        Self { share, limit: phase.stop.most_sessions(), source, next: None, is_over_by_time: false }
    }

    /// Whether the credits have due times.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.source, Source::Closed(_))
    }

    /// Whether the schedule goes on behind the phase's duration, which has ended it.
    pub(crate) fn are_over_by_time(&self) -> bool {
        self.is_over_by_time
    }

    /// Whether a closed loop has given out all of its numbers. Of an open one it is not known before it is asked.
    pub(crate) fn are_given_out(&self) -> bool {
        match &self.source {
            Source::Closed(pool) => pool.numbers.are_given_out(self.limit),
            Source::Open { .. } | Source::Users { .. } | Source::Replay { .. } => false,
        }
    }

    /// The numbers, where they are given to the node, which may have none now and get more.
    fn leased(&self) -> Option<&Numbers> {
        match &self.source {
            Source::Closed(pool) => Some(&pool.numbers).filter(|numbers| numbers.are_leased()),
            Source::Open { .. } | Source::Users { .. } | Source::Replay { .. } => None,
        }
    }

    /// Whether there may be none now, and more later.
    pub(crate) fn are_leased(&self) -> bool {
        self.leased().is_some()
    }

    /// How many more numbers the node could use, when it has few left of what it was given. It is said once until they come.
    pub(crate) fn wanted(&self) -> Option<u64> {
        self.leased()?.wanted()
    }

    /// Waits until the node has a number, where it is given them, and says whether there is one; of others that is not asked
    /// here. Another worker may take it first. Where more are needed, `ask` is called with how many.
    pub(crate) async fn wait(&self, ask: impl Fn(u64)) -> bool {
        match self.leased() {
            Some(numbers) => numbers.wait(ask).await,
            None => true,
        }
    }

    /// What `waiting` gives, or nothing as soon as the node has started all that it was given and gets no more.
    pub(crate) async fn unless_over<T>(&self, waiting: impl Future<Output = Option<T>>) -> Option<T> {
        match self.leased() {
            Some(numbers) => numbers.unless_over(waiting).await,
            None => waiting.await,
        }
    }

    /// When the next credit is due, if there is one and it has an instant. Only of an open loop: it would be taken from the other
    /// workers of a closed one.
    pub(crate) fn next_due(&mut self) -> Option<RunNs> {
        if self.next.is_none() && self.is_open() {
            self.next = self.draw();
        }
        self.next?.due_ns
    }

    fn draw(&mut self) -> Option<Credit> {
        let share = self.share;
        let within = |number: u64| self.limit.is_none_or(|limit| number < limit);
        let is_over_by_time = &mut self.is_over_by_time;
        let mut is_in_time = |due_ns: RunNs, until_ns: Option<RunNs>| {
            let is_in_time = until_ns.is_none_or(|until_ns| due_ns < until_ns);
            *is_over_by_time = !is_in_time;
            is_in_time
        };
        match &mut self.source {
            Source::Closed(pool) => {
                let number = pool.numbers.take()?;
                within(number).then_some(Credit { number, due_ns: None })
            }
            Source::Open { arrivals, until_ns } => loop {
                let (number, due_ns) = arrivals.next()?;
                let number = number as u64;
                if !within(number) || !is_in_time(due_ns, *until_ns) {
                    return None;
                }
                if share.has(number) {
                    return Some(Credit { number, due_ns: Some(due_ns) });
                }
            },
            Source::Users { starts, next, pool, until_ns } => loop {
                let number = *next;
                if !within(number) {
                    return None;
                }
                let due_ns = starts.next(pool.turns(number));
                *next += 1;
                if !is_in_time(due_ns, *until_ns) {
                    return None;
                }
                if share.has(number) {
                    return Some(Credit { number, due_ns: Some(due_ns) });
                }
            },
            Source::Replay { starts, next, until_ns } => loop {
                let number = *next as u64;
                let due_ns = *starts.get(*next)?;
                *next += 1;
                if !within(number) || !is_in_time(due_ns, *until_ns) {
                    return None;
                }
                if share.has(number) {
                    return Some(Credit { number, due_ns: Some(due_ns) });
                }
            },
        }
    }
}

impl Iterator for Credits {
    type Item = Credit;

    fn next(&mut self) -> Option<Credit> {
        self.next.take().or_else(|| self.draw())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        clock::Clock,
        plan::{Grace, Law, Limit, Load, Ramp, Replay, StopRule, TimeLimit, Users},
        schedule::{budget::Budget, numbers::Leases},
    };

    fn closed() -> Load {
        Load::Closed { sessions: Ramp::constant(1).unwrap() }
    }

    fn open(rate: f64, law: Law) -> Load {
        Load::Open { rate: Ramp::constant(rate).unwrap(), law, limit: Limit::default() }
    }

    fn requests(count: u64) -> StopRule {
        StopRule::after_requests(count.try_into().unwrap())
    }

    fn shares(phase: &Phase, workers: u64) -> Vec<Credits> {
        let pool = Arc::new(Pool::default());
        (0..workers)
            .map(|worker| {
                Credits::new(phase, Seed::new(42), Share::of(worker, workers, Division::whole(1)), &pool)
            })
            .collect()
    }

    /// The divisions of `nodes` nodes, each with `workers` workers.
    fn divisions(nodes: u32, workers: u32) -> impl Iterator<Item = Division> {
        (0..nodes).map(move |node| Division {
            node,
            nodes,
            first_worker: node * workers,
            workers: nodes * workers,
        })
    }

    /// What all workers of so many nodes start of a load with instants, in the order of the numbers.
    fn started_together(phase: &Phase, nodes: u32, workers: u32, starts: &[RunNs]) -> Vec<Credit> {
        let mut started: Vec<Credit> = Vec::new();
        for division in divisions(nodes, workers) {
            // Each node has its own.
            let pool = Arc::new(Pool { starts: starts.into(), ..Pool::default() });
            for worker in 0..workers {
                let share = Share::of(worker.into(), workers.into(), division);
                started.extend(Credits::new(phase, Seed::new(42), share, &pool));
            }
        }
        started.sort_by_key(|credit| credit.number);
        started
    }

    /// What all workers of so many nodes start of a closed loop, in the order in which they do. Who comes next is decided by
    /// `order`, and so is when a node that asks for numbers has its answer.
    fn started_by_leases(phase: &Phase, nodes: u32, workers: u32, order: u64) -> Vec<u64> {
        let Load::Closed { sessions } = &phase.load else { panic!("a closed loop") };
        let mut leases = Leases::of(phase, nodes);
        let with_first = |division: Division| {
            let numbers = Numbers::leased(Clock::start(), 0, sessions.clone(), division, Budget::default());
            numbers.add(leases.first(division.node));
            Arc::new(Pool::default().with_numbers(numbers))
        };
        let pools: Vec<Arc<Pool>> = divisions(nodes, workers).map(with_first).collect();
        let mut shares: Vec<(usize, Credits)> = Vec::new();
        for (node, division) in divisions(nodes, workers).enumerate() {
            for worker in 0..workers {
                let share = Share::of(worker.into(), workers.into(), division);
                let credits = Credits::new(phase, Seed::new(42), share, &pools[node]);
                shares.push((node, credits));
            }
        }
        let mut turn = order;
        let mut random = |of: usize| {
            turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (turn >> 33) as usize % of
        };
        let (mut started, mut asks) = (Vec::new(), Vec::new());
        while shares.iter().any(|(_, credits)| !credits.are_given_out()) {
            if !asks.is_empty() && random(3) == 0 {
                let at = random(asks.len());
                let (node, wanted): (usize, u64) = asks.swap_remove(at);
                pools[node].lease(leases.grant(node.try_into().unwrap(), wanted));
                leases.end().into_iter().for_each(|end| pools.iter().for_each(|pool| pool.lease(end)));
            } else {
                let at = random(shares.len());
                let (node, credits) = &mut shares[at];
                started.extend(credits.next().map(|credit| credit.number));
                asks.extend(credits.wanted().map(|wanted| (*node, wanted)));
            }
        }
        started
    }

    fn laws() -> impl Strategy<Value = Law> {
        let gamma = (0.1_f64..9.0).prop_map(|shape| Law::Gamma { smoothness: shape.try_into().unwrap() });
        prop_oneof![Just(Law::Constant), Just(Law::Poisson), gamma]
    }

    proptest! {
        /// What several nodes send together is what one would send.
        #[test]
        fn nodes_divide_an_open_loop_without_loss(
            law in laws(), rate in 1.0_f64..200.0, count in 1_u64..200, nodes in 1_u32..5, workers in 1_u32..4
        ) {
            let phase = Phase::measured(open(rate, law), requests(count));
            let alone = started_together(&phase, 1, 1, &[]);
            prop_assert_eq!(alone.len() as u64, count);
            prop_assert_eq!(started_together(&phase, nodes, workers, &[]), alone);
        }

        #[test]
        fn nodes_divide_users_without_loss(
            number in 1_u32..20, rate in 0.5_f64..50.0, count in 1_u64..200, nodes in 1_u32..5, workers in 1_u32..4
        ) {
            let users = Users { number: number.try_into().unwrap(), rate };
            let phase = Phase::measured(Load::Users { users, limit: Limit::default() }, requests(count));
            let alone = started_together(&phase, 1, 1, &[]);
            prop_assert_eq!(alone.len() as u64, count);
            prop_assert_eq!(started_together(&phase, nodes, workers, &[]), alone);
        }

        #[test]
        fn nodes_divide_a_replay_without_loss(
            mut starts in prop::collection::vec(0_u64..1_000_000, 1..100), nodes in 1_u32..5, workers in 1_u32..4
        ) {
            starts.sort_unstable();
            let load = Load::Replay { replay: Replay::default(), limit: Limit::default() };
            let phase = Phase::measured(load, StopRule::of_replay(None, None, None));
            let alone = started_together(&phase, 1, 1, &starts);
            prop_assert_eq!(alone.len(), starts.len());
            prop_assert_eq!(started_together(&phase, nodes, workers, &starts), alone);
        }

        /// No matter who asks when, and when an answer comes: every number is started once and none beyond the count.
        #[test]
        fn nodes_divide_a_closed_loop_without_loss(
            sessions in 1_u32..40, count in 1_u64..500, nodes in 1_u32..5, workers in 1_u32..4, order in any::<u64>()
        ) {
            let load = Load::Closed { sessions: Ramp::constant(sessions).unwrap() };
            let phase = Phase::measured(load, requests(count));
            let mut started = started_by_leases(&phase, nodes, workers, order);
            started.sort_unstable();
            prop_assert_eq!(started, (0..count).collect::<Vec<_>>());
        }

        /// No matter who asks first, every number is given out once and none beyond the count.
        #[test]
        fn a_closed_loop_gives_each_number_once(count in 1u64..500, workers in 1u64..6, order in any::<u64>()) {
            let mut shares = shares(&Phase::measured(closed(), requests(count)), workers);
            let (mut numbers, mut turn) = (Vec::new(), order);
            while !shares.is_empty() {
                turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let asked = (turn >> 33) as usize % shares.len();
                match shares[asked].next() {
                    Some(credit) => numbers.push(credit.number),
                    None => drop(shares.remove(asked)),
                }
            }
            prop_assert_eq!(numbers, (0..count).collect::<Vec<_>>());
        }

        /// The shares of an open loop, put together, are the schedule of one worker alone.
        #[test]
        fn an_open_loop_is_divided_without_loss(count in 1u64..300, workers in 1u64..6) {
            let phase = Phase::measured(open(50.0, Law::Poisson), requests(count));
            let alone: Vec<Credit> = shares(&phase, 1).remove(0).collect();
            let mut together: Vec<Credit> = shares(&phase, workers).into_iter().flatten().collect();
            together.sort_by_key(|credit| credit.number);
            prop_assert_eq!(together, alone);
        }
    }

    #[test]
    fn a_duration_ends_an_open_loop() {
        let stop =
            StopRule::of(None, None, Some(TimeLimit { duration_s: 0.5, grace: Grace::Infinite })).unwrap();
        let phase = Phase::measured(open(10.0, Law::Constant), stop);
        let mut share = shares(&phase, 1).remove(0);
        let due: Vec<_> = share.by_ref().map(|credit| credit.due_ns.unwrap() / 1_000_000).collect();
        assert_eq!(due, [0, 100, 200, 300, 400]);
        assert!(share.are_over_by_time());
    }

    #[test]
    fn a_number_of_requests_that_ends_a_schedule_before_its_duration_is_not_its_time() {
        let time = TimeLimit { duration_s: 0.5, grace: Grace::Infinite };
        let stop = StopRule::of(2.try_into().ok(), None, Some(time)).unwrap();
        let mut share = shares(&Phase::measured(open(10.0, Law::Constant), stop), 1).remove(0);
        assert_eq!(share.by_ref().count(), 2);
        assert!(!share.are_over_by_time());
    }
}
