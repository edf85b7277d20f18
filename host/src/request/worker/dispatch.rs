//! The sessions of a worker's share of a phase: each starts when it is due, or when there is a slot for it.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::{JoinError, JoinSet, yield_now},
};

use super::{
    ahead::{Ahead, Waiting},
    control::{Control, unless_drained},
    equipment::{Assignment, Equipment},
    player::{First, LONG_PROMPTS, PhaseContext, Player, ReadyRequest, ReadySession},
    sink::{AllStarted, Sink},
};
#[cfg(test)]
use crate::request::priority::Priority;
use crate::{
    clock::{Clock, RunNs},
    dataset::Source,
    request::{
        transport::Transport,
        wire::Wire,
        worker_statistics::{WorkerStatistics, WorkerUsage},
    },
    schedule::{
        Credit, ScheduleCounts,
        gate::Slot,
        pacer::{Pacer, pause},
    },
};

/// A slot of a closed loop rests so long after a connection was refused, or a request by its endpoint: neither must turn the
/// loop into one that fails as fast as it can. The schedule of an open loop limits itself.
const BACK_OFF: Duration = Duration::from_millis(100);

/// The thread goes first so long before several requests are due: it must not wake up late for them.
const BEFORE_BURST_NS: RunNs = 1_000_000;

/// Starts the sessions of one worker.
pub(super) struct Dispatcher<S> {
    player: Arc<Player<S>>,
    source: Arc<Source>,
    statistics: Arc<WorkerStatistics>,
}

/// What became of the next credit.
enum NextSession {
    /// Its session may start.
    Start(ReadySession),
    /// Its first request could not be formatted, and the session is over. It had a slot in a closed loop.
    Refused(Option<Slot>),
    /// The phase drains; this credit was still waiting, if one was.
    Drained(Option<Credit>),
    /// There is none, or none was taken before the phase drained.
    NoMore,
}

/// A worker's part of a phase, all of whose sessions are started.
struct Started {
    counts: ScheduleCounts,
    /// Sessions that are not over, each of which gives its number of requests.
    in_flight: JoinSet<u64>,
    /// What cuts times in which nothing goes on. Ends with the rest.
    _watches: JoinSet<()>,
    /// The phase's duration has ended its schedule.
    by_time: bool,
}

impl Started {
    fn facts(&self) -> AllStarted {
        AllStarted { sessions: self.counts.sessions, by_time: self.by_time }
    }

    /// Waits for what is in flight.
    async fn wait<S: Sink>(&mut self, player: &Player<S>) {
        while let Some(ended) = self.in_flight.join_next().await {
            self.counts.scheduled += player.requests(ended);
        }
    }
}

impl<S: Sink> Player<S> {
    /// Requests of a session that is over. A panic cost at least the one that was under way.
    fn requests(&self, ended: Result<u64, JoinError>) -> u64 {
        ended.unwrap_or_else(|error| {
            self.sink.lost(format!("a session of worker {} panicked: {error}", self.number));
            1
        })
    }
}

impl<S: Sink> Dispatcher<S> {
    /// That of worker `number`, with its connections.
    pub(super) fn new(
        number: u32,
        equipment: Equipment<S>,
        transport: Transport,
        statistics: Arc<WorkerStatistics>,
    ) -> Self {
        let Equipment { clock, endpoint, target, source, sink } = equipment;
        let wire = Wire { clock, transport, endpoint, target, priority: Arc::default() };
        Self {
            player: Arc::new(Player { number, wire, sink, writing: Semaphore::new(LONG_PROMPTS) }),
            source,
            statistics,
        }
    }

    #[cfg(test)]
    pub(super) fn priority(&self) -> Arc<Priority> {
        Arc::clone(&self.player.wire.priority)
    }

    fn clock(&self) -> Clock {
        self.player.wire.clock
    }

    /// Opens connections ahead. What cannot be opened now is opened, or fails, with the request that needs it.
    pub(super) async fn preconnect(&self, count: usize) {
        let wire = &self.player.wire;
        let (opened, error) = wire.transport.preconnect(&wire.target, count).await;
        if let Some(error) = error {
            let cause = error.causes.last().map_or("", String::as_str);
            tracing::warn!(
                worker = self.player.number,
                opened,
                wanted = count,
                cause,
                "not all connections are open"
            );
        }
    }

    /// Works off assignments until there are no more.
    pub(super) async fn work(self, mut assignments: mpsc::UnboundedReceiver<Assignment>) {
        let mut pacer = Pacer::new(self.clock());
        let Player { number, wire, sink, .. } = &*self.player;
        let mut tails = JoinSet::new();
        while let Some(assignment) = assignments.recv().await {
            wire.priority.keep_in_a_crowd();
            let shift = self.statistics.begin(self.clock().now());
            let steps = wire.transport.clock_steps();
            let (phase, hands_over) = (assignment.phase, assignment.hands_over);
            let mut started = self.start_all(assignment, &mut pacer).await;
            if hands_over {
                sink.all_started(phase, started.facts());
            } else {
                started.wait(&self.player).await;
            }
            let usage = self.statistics.end(*number, &shift, self.clock().now());
            let clock_steps = wire.transport.clock_steps() - steps;
            let goes_first = wire.priority.was_raised();
            let usage = WorkerUsage { goes_first, clock_steps, ..usage };
            if hands_over {
                // What is left of it ends beside the next phase, whose statistics have its part of the work.
                let player = Arc::clone(&self.player);
                tails.spawn(async move {
                    started.wait(&player).await;
                    player.sink.phase_done(phase, started.counts, usage);
                });
            } else {
                sink.phase_done(phase, started.counts, usage);
            }
        }
        tails.join_all().await;
    }

    /// Starts the session of every credit of the assignment.
    async fn start_all(&self, mut phase: Assignment, pacer: &mut Pacer) -> Started {
        let mut counts = ScheduleCounts::default();
        let (mut in_flight, mut watches) = (JoinSet::new(), JoinSet::new());
        // Any worker may be the one that sees it; several change nothing.
        if let Some(idle) = &phase.idle {
            watches.spawn(idle.clone().watch());
        }
        let mut ahead = Ahead::default();
        let context = Arc::new(PhaseContext {
            phase: phase.phase,
            start_ns: phase.start_ns,
            ends_ns: phase.ends_ns,
            turn_gap_ns: phase.turn_gap_ns,
            prefill: phase.prefill.clone(),
            cancellations: phase.cancellations,
            overflow: phase.overflow,
            idle: phase.idle.clone(),
            filling: phase.filling.clone(),
            spreads_starts: phase.spreads_starts,
            control: phase.control.clone(),
            budget: phase.budget.clone(),
        });
        if phase.credits.are_leased() {
            // All nodes begin at one instant. The only one begins a closed loop as soon as it hears of it.
            unless_drained(&mut phase.control, pacer.wait_until(phase.start_ns)).await;
        }
        loop {
            match self.next_session(&mut phase, &context, &mut ahead, pacer).await {
                NextSession::Start(ready) => {
                    counts.sessions += 1;
                    in_flight.spawn(Arc::clone(&self.player).play(ready, Arc::clone(&context)));
                    // It is sent before the next one of a schedule is formatted. In a closed loop that would only cost a look at
                    // the poller for each request.
                    if phase.credits.next_due().is_some() {
                        yield_now().await;
                    }
                }
                NextSession::Refused(slot) => {
                    counts.sessions += 1;
                    in_flight.spawn(rest(slot, phase.control.clone()));
                }
                NextSession::Drained(credit) => {
                    counts.dropped =
                        self.count_dropped(credit.into_iter().chain(ahead.credits()), &mut phase);
                    break;
                }
                NextSession::NoMore => break,
            }
            while let Some(ended) = in_flight.try_join_next() {
                counts.scheduled += self.player.requests(ended);
            }
        }
        // A phase that drains in a burst is not asked for its next request, which would end it.
        self.player.wire.priority.end_burst();
        counts.scheduled += counts.dropped;
        counts.sessions += counts.dropped;
        Started { counts, in_flight, _watches: watches, by_time: phase.credits.are_over_by_time() }
    }

    /// In a closed loop the slot comes first: a worker that has one takes the next number, and waits for one where the node has to be
    /// given more. In an open loop the number comes first, its request is formatted ahead, and then waits for its time and a slot.
    async fn next_session(
        &self,
        phase: &mut Assignment,
        context: &PhaseContext,
        ahead: &mut Ahead,
        pacer: &mut Pacer,
    ) -> NextSession {
        let draining = *phase.control.borrow_and_update() >= Control::Drain;
        if draining {
            return if phase.credits.is_open() { NextSession::Drained(None) } else { NextSession::NoMore };
        }
        if phase.credits.is_open() {
            self.next_open(phase, context, ahead, pacer).await
        } else {
            self.next_closed(phase, context).await
        }
    }

    async fn next_closed(&self, phase: &mut Assignment, context: &PhaseContext) -> NextSession {
        // The next phase need not wait until a slot of this one is free.
        if phase.is_given_out() {
            return NextSession::NoMore;
        }
        let slot = phase.credits.unless_over(phase.slots.enter(self.clock(), phase.start_ns));
        let Some(slot) = unless_drained(&mut phase.control, slot).await else { return NextSession::NoMore };
        let (prefill, credit) = loop {
            // It comes before the prefill slot, which others could use meanwhile.
            if !self.has_number(phase).await {
                return NextSession::NoMore;
            }
            let prefill = phase.credits.unless_over(context.prefill(self.clock()));
            let Some(prefill) = unless_drained(&mut phase.control, prefill).await else {
                return NextSession::NoMore;
            };
            match phase.next_credit() {
                Some(credit) => break (prefill, credit),
                // Another worker has taken the number, and there may be more.
                None if phase.credits.are_leased() && !phase.is_given_out() => {}
                None => return NextSession::NoMore,
            }
        };
        if let Some(wanted) = phase.credits.wanted() {
            self.player.sink.wants_numbers(phase.phase, wanted);
        }
        let mut session = phase.sessions.session(&self.source, credit.number);
        let turn = session.first();
        if context.spreads_starts && turn.skipped() > 0 {
            drop(prefill);
            let first = First::Later(Box::new(turn));
            return NextSession::Start(ReadySession { session, first, slot, rest: Some(BACK_OFF) });
        }
        self.player.sink.begun(phase.phase);
        let mut finished = self.player.begin(context, &turn);
        let waited_ns = prefill.waited_ns;
        prefill.give(&mut finished.exchange, waited_ns);
        let Some(prepared) = self.player.prepare(&mut finished, &turn).await else {
            return NextSession::Refused(Some(slot));
        };
        let now = self.clock().now();
        finished.exchange.instants.scheduled = now;
        finished.exchange.instants.started = now;
        let first = First::Ready(Box::new(ReadyRequest { turn, prepared, finished }));
        NextSession::Start(ReadySession { session, first, slot, rest: Some(BACK_OFF) })
    }

    /// Waits until there is a number, and says whether there is one. Only a node that is given its numbers may have none now.
    async fn has_number(&self, phase: &mut Assignment) -> bool {
        if !phase.credits.are_leased() {
            return true;
        }
        let number = phase.phase;
        let there = phase.credits.wait(|wanted| self.player.sink.wants_numbers(number, wanted));
        unless_drained(&mut phase.control, there).await
    }

    async fn next_open(
        &self,
        phase: &mut Assignment,
        context: &PhaseContext,
        ahead: &mut Ahead,
        pacer: &mut Pacer,
    ) -> NextSession {
        let priority = &self.player.wire.priority;
        if !ahead.is_burst() {
            priority.end_burst();
        }
        self.look_ahead(phase, context, ahead).await;
        let Some(Waiting { credit, due, first }) = ahead.pop() else { return NextSession::NoMore };
        let Some((session, mut first)) = first else {
            self.player.sink.begun(phase.phase);
            // It was formatted ahead, but its turn is not over before it comes: the schedule limits failures as well.
            unless_drained(&mut phase.control, pacer.wait_until(due)).await;
            return NextSession::Refused(None);
        };
        let start = async {
            if ahead.is_burst() {
                pacer.wait_until(due.saturating_sub(BEFORE_BURST_NS)).await;
                priority.begin_burst();
            }
            pacer.wait_until(due).await;
            // Until it had the slot for the request before, it waited for the server, and not the server for it.
            let idle_since = due.max(phase.slotted_ns);
            self.statistics.note_wake(self.clock().now().saturating_sub(idle_since));
            if phase.slots.is_full() || context.is_prefill_full() {
                self.statistics.note_held_back();
            }
            let asked = self.clock().now();
            let slot = phase.slots.enter(self.clock(), phase.start_ns).await?;
            Some((slot, context.prefill(self.clock()).await?, asked))
        };
        let Some((slot, prefill, asked)) = unless_drained(&mut phase.control, start).await else {
            return NextSession::Drained(Some(credit));
        };
        phase.slotted_ns = self.clock().now();
        let exchange = &mut first.finished.exchange;
        prefill.give(exchange, phase.slotted_ns.saturating_sub(asked));
        exchange.instants.started = self.clock().now();
        self.player.sink.begun(phase.phase);
        NextSession::Start(ReadySession { session, first: First::Ready(first), slot, rest: None })
    }

    /// Formats the next request, and those that are due soon after it, as far as there is time before it is due.
    async fn look_ahead(&self, phase: &mut Assignment, context: &PhaseContext, ahead: &mut Ahead) {
        while let Some(due_ns) = phase.credits.next_due() {
            let due = phase.start_ns.saturating_add(due_ns);
            if !ahead.has_time_for(due, self.clock().now()) || *phase.control.borrow() >= Control::Drain {
                break;
            }
            if !ahead.is_empty() {
                // What arrives meanwhile is read between two of them.
                yield_now().await;
            }
            let Some(credit) = phase.next_credit() else { break };
            let mut session = phase.sessions.session(&self.source, credit.number);
            let turn = session.first();
            let mut finished = self.player.begin(context, &turn);
            finished.exchange.instants.scheduled = due;
            let prepared = self.player.prepare(&mut finished, &turn).await;
            let first =
                prepared.map(|prepared| (session, Box::new(ReadyRequest { turn, prepared, finished })));
            ahead.push(Waiting { credit, due, first });
        }
    }

    /// Credits that were due before the phase's end and never tried: those that waited, and those behind them.
    fn count_dropped(&self, waiting: impl Iterator<Item = Credit>, phase: &mut Assignment) -> u64 {
        let now = self.clock().now();
        let was_due = |credit: &Credit| {
            credit.due_ns.is_some_and(|due_ns| phase.start_ns.saturating_add(due_ns) <= now)
        };
        waiting.chain(&mut phase.credits).take_while(was_due).count() as u64
    }
}

/// Keeps a slot for a while when its request could not be formatted, which is one that was tried.
async fn rest(slot: Option<Slot>, mut control: watch::Receiver<Control>) -> u64 {
    if slot.is_some() {
        unless_drained(&mut control, pause(BACK_OFF)).await;
    }
    1
}
