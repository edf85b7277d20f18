//! Plays sessions: each step is formatted, sent and recorded, and its reply is what the next one repeats.

use std::{sync::Arc, time::Duration};

use prony_plugin_api::TextKind;
use tokio::{sync::watch, task::yield_now};

use super::{
    control::{Control, unless_cancelled, unless_drained},
    sink::{Sink, hand_over},
};
use crate::{
    clock::RunNs,
    request::{
        answer::Answer,
        exchange::{Content, Exchange, Finished},
        prepared::{Prepared, new_request_id, prepare},
        wire::Wire,
    },
    schedule::{gate::Slot, pacer::pause},
    session::{Session, history::Reply},
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
}

/// The phase that a session is played in.
#[derive(Clone, Debug)]
pub(super) struct PhaseContext {
    pub(super) phase: u32,
    /// When its duration and its grace period are over, if they ever are.
    pub(super) ends_ns: Option<RunNs>,
    /// Run, drain or cancel.
    pub(super) control: watch::Receiver<Control>,
}

/// A session whose first request may go.
#[derive(Debug)]
pub(super) struct ReadySession {
    /// At its first step.
    pub(super) session: Session,
    /// That request.
    pub(super) prepared: Prepared,
    /// What is known of it so far.
    pub(super) finished: Finished,
    /// The session's, until it is over.
    pub(super) slot: Slot,
    /// How long the slot rests when nobody answers.
    pub(super) rest: Option<Duration>,
}

impl<S: Sink> Player<S> {
    /// What is known of the next request of a session before it exists.
    pub(super) fn begin(&self, phase: u32, session: &Session) -> Finished {
        let mut finished = Finished {
            request_id: new_request_id(),
            phase,
            session_num: session.number(),
            content: Content::of(session.step()),
            worker: self.number,
            requested_output_tokens: None,
            unformatted: false,
            exchange: Exchange::default(),
        };
        finished.exchange.instants.scheduled = self.wire.clock.now();
        finished
    }

    /// Formats that request. One that cannot be formatted is over at once.
    pub(super) async fn prepare(&self, finished: &mut Finished, session: &Session) -> Option<Prepared> {
        let Wire { endpoint, target, clock, .. } = &self.wire;
        // It may be due long after now, and a signature is good for some minutes.
        let sent_s = clock.unix_time_s(clock.now().max(finished.exchange.instants.scheduled));
        match prepare(endpoint, target, session, &finished.request_id, sent_s) {
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

    /// Plays a session, as a task of its own. It holds its slot until its last answer is over, and through a rest when nobody
    /// answered. Gives the number of requests that it tried.
    ///
    /// A session ends early with a request that failed, since what comes behind it would repeat a reply that never came, and
    /// when the phase drains.
    pub(super) async fn play(self: Arc<Self>, ready: ReadySession, mut context: PhaseContext) -> u64 {
        let ReadySession { mut session, mut prepared, mut finished, slot, rest } = ready;
        let (mut slot, mut requests) = (Some(slot), 1);
        loop {
            // The last answer is over: the next session need not wait for the end of its body.
            let free = || drop(slot.take_if(|_| !session.goes_on()));
            self.perform(&prepared, &mut finished.exchange, &context, free).await;
            let reply = session.goes_on().then(|| reply(&finished.exchange)).flatten();
            let failure = finished.exchange.outcome.failure();
            let is_unreachable = failure.is_some_and(|failure| failure.kind.is_nobody_there());
            hand_over(&self.sink, &self.wire.endpoint, finished);
            if let Some(rest) = rest.filter(|_| is_unreachable) {
                unless_drained(&mut context.control, pause(rest)).await;
            }
            let Some(reply) = reply.filter(|_| *context.control.borrow() == Control::Run) else { break };
            session.answered(reply);
            requests += 1;
            self.sink.begun(context.phase);
            finished = self.begin(context.phase, &session);
            let Some(next) = self.prepare(&mut finished, &session).await else {
                if let Some(rest) = rest {
                    unless_drained(&mut context.control, pause(rest)).await;
                }
                break;
            };
            prepared = next;
            let now = self.wire.clock.now();
            finished.exchange.instants.scheduled = now;
            finished.exchange.instants.started = now;
        }
        drop(slot);
        requests
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

/// What the next request of the session repeats: the text of the first choice. Nothing of an answer that failed.
fn reply(exchange: &Exchange) -> Option<Reply> {
    exchange.outcome.is_ok().then(|| Reply::of(content(&exchange.answer)))
}

fn content(answer: &Answer) -> String {
    let said = answer.texts.iter().filter(|passage| passage.choice == 0 && passage.kind == TextKind::CONTENT);
    said.map(|passage| passage.text.as_str()).collect()
}
