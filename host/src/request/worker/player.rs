//! Plays sessions: each step is formatted, sent and recorded, and its reply is what the next one repeats.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{StreamExt, future::Either, stream::FuturesUnordered};
use prony_plugin_api::TextKind;
use tokio::{
    sync::{Semaphore, SemaphorePermit, watch},
    task::{spawn_blocking, yield_now},
};

use super::{
    control::{Control, unless_cancelled, unless_drained},
    sink::{Sink, hand_over},
};
use crate::{
    clock::RunNs,
    dataset::{Part, Start},
    plan::OverflowPolicy,
    request::{
        affinity::Affinity,
        answer::Answer,
        exchange::{Content, Exchange, Finished},
        prepared::{Prepared, new_request_id, prepare},
        wire::Wire,
    },
    schedule::{
        budget::Budget,
        cancellation::Cancellations,
        gate::{Slot, Slots},
        idle::IdleCap,
        pacer::{alarm, pause},
    },
    session::{Filling, Pace, Session, Turn, history::Reply},
};

/// Plays the sessions of one worker.
#[derive(Debug)]
pub(super) struct Player<S> {
    /// Number of the worker, from 0.
    pub(super) number: u32,
    /// Its connections.
    pub(super) wire: Wire,
    /// Takes requests that are over.
    pub(super) sink: S,
    /// A place for each long prompt that may be there beside its request. On a busy machine many are due at once.
    pub(super) writing: Semaphore,
}

/// The phase that a session is played in.
#[derive(Clone, Debug)]
pub(super) struct PhaseContext {
    pub(super) phase: u32,
    /// When it began.
    pub(super) start_ns: RunNs,
    /// When its duration and its grace period are over, if they ever are.
    pub(super) ends_ns: Option<RunNs>,
    /// The time from each turn of a session to the next one, where users have their own; without it, scripts say it.
    pub(super) turn_gap_ns: Option<RunNs>,
    /// A slot for each request that may wait for its first token; none without such a limit.
    pub(super) prefill: Option<Slots>,
    /// Which requests are cancelled on purpose, if any are.
    pub(super) cancellations: Option<Cancellations>,
    /// What a conversation means that the server finds too long.
    pub(super) overflow: OverflowPolicy,
    /// The longest time in which nothing goes on, if there is one.
    pub(super) idle: Option<IdleCap>,
    /// How the phase fills the server's cache, if that is what it is for.
    pub(super) filling: Option<Filling>,
    /// Sessions that begin in their middle wait for the pause that is recorded before their first turn.
    pub(super) spreads_starts: bool,
    /// Run, drain or cancel.
    pub(super) control: watch::Receiver<Control>,
    /// Requests that are left of its number.
    pub(super) budget: Budget,
}

/// A session that may start.
#[derive(Debug)]
pub(super) struct ReadySession {
    pub(super) session: Session,
    /// Its first step.
    pub(super) first: First,
    /// The session's, until it is over.
    pub(super) slot: Slot,
    /// How long the slot rests when the server does not answer.
    pub(super) rest: Option<Duration>,
}

/// The first step that a session plays.
#[derive(Debug)]
pub(super) enum First {
    /// Its request may go.
    Ready(Box<ReadyRequest>),
    /// It waits for the pause that is recorded before it.
    Later(Box<Turn>),
}

/// A step whose request may go.
#[derive(Debug)]
pub(super) struct ReadyRequest {
    pub(super) turn: Turn,
    pub(super) prepared: Prepared,
    /// What is known of it so far.
    pub(super) finished: Finished,
}

/// A session of several requests that is being played.
struct Playing<'a> {
    context: &'a PhaseContext,
    pace: Pace,
    /// How long a slot rests when the server does not answer.
    rest: Option<Duration>,
    affinity: Option<Arc<Affinity>>,
}

/// What became of a step.
enum StepEnd {
    /// The phase was over before it was due.
    NeverDue,
    /// It could not be formatted, or the request failed.
    Failed,
    /// It was answered.
    Answered {
        turn: Turn,
        /// Nothing for the last step: nobody repeats it.
        reply: Option<Box<Reply>>,
        at_ns: RunNs,
    },
}

/// A request is formatted so long before it is due: long enough for a long one, and short enough that the requests of
/// sleeping sessions need no memory.
const AHEAD_NS: RunNs = 5_000_000;

/// Prompts of fewer tokens are written on the worker's own thread, which takes less time than to ask another one.
const MOST_TOKENS_HERE: u64 = 8192;

/// Long prompts that are written or formatted at a time.
pub(super) const LONG_PROMPTS: usize = 2;

impl<S: Sink> Player<S> {
    /// What is known of the request of a step before it exists.
    pub(super) fn begin(&self, context: &PhaseContext, turn: &Turn) -> Finished {
        let said = Content::of(turn);
        let cancellations = context.cancellations.as_ref();
        let leaves_after = cancellations.and_then(|all| all.delay(turn.session, said.step));
        let mut finished = Finished {
            request_id: new_request_id(),
            phase: context.phase,
            session_num: turn.session,
            content: said,
            addition: turn.addition(),
            worker: self.number,
            requested_output_tokens: None,
            unformatted: false,
            exchange: Exchange::default(),
        };
        finished.exchange.leaves_after = leaves_after;
        finished.exchange.answer.keep_response_id(turn.steps() > 1);
        finished.exchange.instants.scheduled = self.wire.clock.now();
        finished
    }

    /// Formats that request. One that cannot be formatted is over at once.
    pub(super) async fn prepare(&self, finished: &mut Finished, turn: &Turn) -> Option<Prepared> {
        let Wire { endpoint, target, clock, .. } = &self.wire;
        let (_place, written) = self.written_in_background(turn).await.unzip();
        let turn = written.as_ref().unwrap_or(turn);
        // It may be due long after now, and a signature is good for some minutes.
        let sent_s = clock.unix_time_s(clock.now().max(finished.exchange.instants.scheduled));
        match prepare(endpoint, target, turn, Some(finished.phase), &finished.request_id, sent_s) {
            Ok(prepared) => {
                finished.requested_output_tokens = prepared.requested_output_tokens;
                Some(prepared)
            }
            Err(error) => {
                let mut refused = std::mem::take(finished);
                refused.exchange.instants.started = clock.now();
                refused.unformatted = true;
                refused.exchange.fail(error, clock.now());
                hand_over(&self.sink, endpoint, refused);
                // Without this, an endpoint that refuses everything would keep the thread from hearing of the end.
                yield_now().await;
                None
            }
        }
    }

    /// A turn with the texts of its prompts, where writing them takes so long that another thread does it: streams go on meanwhile.
    /// With it comes a place among those that may have such texts.
    async fn written_in_background(&self, turn: &Turn) -> Option<(SemaphorePermit<'_>, Turn)> {
        if turn.tokens_to_write() < MOST_TOKENS_HERE {
            return None;
        }
        let place = self.writing.acquire().await.ok()?;
        let own = turn.clone();
        let written = spawn_blocking(move || own.written()).await.ok().flatten()?;
        Some((place, written))
    }

    /// Plays a session, as a task of its own. It holds its slot until its last answer is over, and through a rest when nobody
    /// answered. Gives the number of requests that it tried.
    ///
    /// A session ends early with a request that failed, since what comes behind it would repeat a reply that never came, when
    /// no request is left of the phase's number, and when the phase drains. Steps that go on beside the failed one end by
    /// themselves.
    pub(super) fn play(
        self: Arc<Self>,
        mut ready: ReadySession,
        context: Arc<PhaseContext>,
    ) -> Pin<Box<dyn Future<Output = u64> + Send>> {
        // What fills the cache says where it stands, however few of its steps are left.
        let is_single = ready.session.is_last() && context.filling.is_none();
        let is_sticky = self.wire.target.has_sticky_sessions;
        let affinity = (!is_single || is_sticky).then(|| Arc::new(Affinity::new(is_sticky)));
        if let First::Ready(first) = &mut ready.first {
            first.finished.exchange.affinity.clone_from(&affinity);
        }
        // In a place of their own, since a runtime moves what it is given several times.
        match ready {
            ReadySession { first: First::Ready(first), slot, rest, .. } if is_single => {
                Box::pin(self.play_single(first, (slot, rest), context))
            }
            ready => Box::pin(self.play_steps(ready, affinity, context)),
        }
    }

    async fn play_single(
        self: Arc<Self>,
        first: Box<ReadyRequest>,
        (slot, rest): (Slot, Option<Duration>),
        context: Arc<PhaseContext>,
    ) -> u64 {
        let _busy = context.busy();
        self.request(first, &context, rest, Some(slot)).await;
        1
    }

    /// Thousands of sessions may sleep between two steps: what only a request needs is in a place of its own, and there for as
    /// long as the request.
    async fn play_steps(
        self: Arc<Self>,
        ready: ReadySession,
        affinity: Option<Arc<Affinity>>,
        context: Arc<PhaseContext>,
    ) -> u64 {
        let ReadySession { mut session, first, slot, rest } = ready;
        let context = &*context;
        let (start_ns, pause_ns, turn) = match &first {
            First::Ready(first) => (first.finished.exchange.instants.scheduled, 0, &first.turn),
            First::Later(turn) => (self.wire.clock.now(), session.pause_before_ns(), &**turn),
        };
        let start_ns = start_ns.max(context.start_ns);
        let pace = Pace {
            start_ns: start_ns.saturating_add(context.ahead_ns()).saturating_add(pause_ns),
            first_step: turn.position,
            begins_at_ns: session.begins_at_ns(),
            turn_gap_ns: context.turn_gap_ns,
        };
        let mut progress =
            context.filling.as_ref().map(|filling| filling.progress(turn.session, turn.position));
        let playing = Playing { context, pace, rest, affinity };
        let (mut slot, mut requests, mut is_cut) = (Some(slot), 0, false);
        let mut running = FuturesUnordered::new();
        match first {
            First::Ready(first) => running.push(Either::Left(Box::pin(self.first(first, &playing)))),
            First::Later(turn) => running.push(Either::Right(self.step(*turn, start_ns, &playing, None))),
        }
        for turn in session.others_at_start() {
            is_cut = is_cut || !context.budget.take();
            if is_cut {
                break;
            }
            running.push(Either::Right(self.step(turn, start_ns, &playing, None)));
        }
        while let Some(end) = running.next().await {
            requests += u64::from(!matches!(end, StepEnd::NeverDue));
            let StepEnd::Answered { turn, reply, at_ns } = end else {
                is_cut = true;
                if let Some(progress) = &mut progress {
                    progress.failed();
                }
                continue;
            };
            if let Some(progress) = &mut progress {
                progress.answered(turn.position);
                is_cut |= progress.is_enough();
            }
            // What fills a cache repeats what is recorded, since that is what is repeated when the session goes on.
            let reply = reply.filter(|_| progress.is_none()).map(|reply| *reply);
            for next in session.answered(turn, reply) {
                is_cut = is_cut || *context.control.borrow() != Control::Run || !context.budget.take();
                if is_cut {
                    break;
                }
                // The next session need not wait for the end of the last body.
                let last = slot.take_if(|_| session.is_last());
                running.push(Either::Right(self.step(next, at_ns, &playing, last)));
            }
        }
        if let Some(progress) = progress.filter(|_| !session.is_over()) {
            progress.leave(*context.control.borrow() != Control::Run);
        }
        drop(slot);
        requests
    }

    /// Sends the first request of a session, which is due now.
    async fn first(&self, first: Box<ReadyRequest>, playing: &Playing<'_>) -> StepEnd {
        let _busy = playing.context.busy();
        self.request(first, playing.context, playing.rest, None).await
    }

    /// Waits until a step is due, formats its request, and sends it. `ready_ns` is when the last of those was over that it
    /// waits for.
    async fn step(&self, turn: Turn, ready_ns: RunNs, playing: &Playing<'_>, slot: Option<Slot>) -> StepEnd {
        let clock = self.wire.clock;
        let Playing { context, pace, rest, .. } = *playing;
        let ready_ns = ready_ns.saturating_add(context.ahead_ns());
        let start = if turn.fills_cache() { Start::After(0) } else { turn.step().step.start };
        let due_ns = pace.due_ns(turn.position, start, ready_ns);
        // A prefill slot comes first, and is not waited for before its time.
        let ahead_ns = if context.prefill.is_some() { 0 } else { AHEAD_NS };
        let mut control = context.control.clone();
        let Some(due_ns) = context.until(due_ns, ahead_ns, clock, &mut control).await else {
            return StepEnd::NeverDue;
        };
        let _busy = context.busy();
        let Some(prefill) = unless_drained(&mut control, context.prefill(clock)).await else {
            return StepEnd::NeverDue;
        };
        self.sink.begun(context.phase);
        let mut finished = self.begin(context, &turn);
        let waited_ns = prefill.waited_ns;
        prefill.give(&mut finished.exchange, waited_ns);
        finished.exchange.instants.scheduled = due_ns;
        finished.exchange.affinity.clone_from(&playing.affinity);
        let Some(mut prepared) = self.prepare(&mut finished, &turn).await else {
            if let Some(rest) = rest {
                unless_drained(&mut control, pause(rest)).await;
            }
            return StepEnd::Failed;
        };
        if due_ns > clock.now() {
            alarm(clock, due_ns).await;
        }
        if let Some(affinity) = &playing.affinity {
            affinity.repeat(&mut prepared.headers);
        }
        finished.exchange.instants.started = clock.now();
        Box::pin(self.request(Box::new(ReadyRequest { turn, prepared, finished }), context, rest, slot)).await
    }

    /// Sends a request, and gives it away when it is over. The slot, if it is given one, is free as soon as the last event of
    /// the answer has come, and rests when nobody answered.
    async fn request(
        &self,
        mut ready: Box<ReadyRequest>,
        context: &PhaseContext,
        rest: Option<Duration>,
        mut slot: Option<Slot>,
    ) -> StepEnd {
        let is_last = slot.is_some();
        let ReadyRequest { prepared, finished, .. } = &mut *ready;
        self.perform(prepared, &mut finished.exchange, context, || drop(slot.take())).await;
        // A single request has no session that could end: it is refused, and has failed.
        if context.overflow.ends_sessions() && ready.turn.steps() > 1 {
            ready.finished.exchange.outcome.note_overflow();
        }
        let exchange = &ready.finished.exchange;
        let (is_ok, at_ns) = (exchange.outcome.is_ok(), exchange.over_ns());
        let repeats_calls = self.wire.target.repeats_tool_calls;
        let reply = (is_ok && !is_last).then(|| Box::new(reply(&exchange.answer, repeats_calls)));
        let is_unreachable = exchange.outcome.failure().is_some_and(|failure| failure.kind.is_nobody_there());
        let ReadyRequest { turn, mut finished, .. } = *ready;
        // A session's connections must not wait for its last record.
        finished.exchange.affinity = None;
        hand_over(&self.sink, &self.wire.endpoint, finished);
        if let Some(rest) = rest.filter(|_| is_unreachable) {
            unless_drained(&mut context.control.clone(), pause(rest)).await;
        }
        drop(slot);
        if is_ok { StepEnd::Answered { turn, reply, at_ns } } else { StepEnd::Failed }
    }

    /// Sends a request, and reads its answer to the end. `free` is called as soon as nobody needs to wait for it any more, if
    /// that is before the end.
    async fn perform(
        &self,
        prepared: &Prepared,
        exchange: &mut Exchange,
        context: &PhaseContext,
        free: impl FnOnce(),
    ) {
        let PhaseContext { ends_ns, control, .. } = context;
        let performed = match unless_cancelled(control, self.wire.perform(prepared, exchange)).await {
            Some(Some(stream)) => {
                free();
                unless_cancelled(control, self.wire.settle(prepared, exchange, *stream)).await
            }
            performed => performed.map(|_| ()),
        };
        if performed.is_none() {
            self.wire.abandon(prepared, exchange);
        }
        // The order of arrivals decides, and not when this thread came to read them or heard of the end.
        if !exchange.outcome.is_cancelled() && ends_ns.is_some_and(|ends_ns| exchange.over_ns() > ends_ns) {
            exchange.cancel(self.wire.clock.now());
        }
    }
}

/// What the next request of the session repeats: the text of the first choice and, where the API format writes them, its calls
/// of tools.
fn reply(answer: &Answer, repeats_tool_calls: bool) -> Reply {
    let said = answer.texts.iter().filter(|passage| passage.choice == 0 && passage.kind == TextKind::CONTENT);
    let mut reply = Reply::of(vec![Part::text(said.map(|passage| passage.text.as_str()).collect())])
        .named(answer.response_id().map(str::to_owned));
    let calls = answer.tool_calls.iter().filter(|call| repeats_tool_calls && call.choice == 0);
    calls.for_each(|call| reply.call(&call.id, &call.name, &call.arguments));
    reply
}
