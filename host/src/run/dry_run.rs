//! A run that sends nothing: which requests it would send, and when.
//!
//! Schedule, scripts, sessions and endpoint are those of a run with the same plan. What a run learns from its server is not there:
//! later steps repeat the replies that the dataset has, and steps that wait for a response have no instant of their own. How far a
//! warm-up comes that fills the server's cache for some time is not known either: as many sessions are listed whole as go on at once.

use std::{
    collections::VecDeque,
    io::{self, Write},
    sync::Arc,
};

use serde::Serialize;

use super::{
    execute::{ExecuteError, load_tokenizer, open_dataset, price_markers},
    observer::Observer,
    services, setup,
};
use crate::{
    clock::{Clock, RunNs},
    config::redact::{self, Redactor},
    dataset::{Markers, Source, Start},
    node::{self, HostedEndpoint},
    plan::{CacheFilling, Phase, Plan, Users},
    plugin::Registry,
    record::raw,
    request::{
        prepared::{Prepared, prepare},
        target::TargetPlan,
    },
    schedule::{
        Credit,
        credits::{Credits, Pool, Share},
        excerpt::Excerpts,
    },
    seed::Seed,
    session::{Filling, Pace, PhaseSessions, Session, Turn, UnfinishedSessions},
};

const NS_PER_S: f64 = 1e9;

/// Where the requests are written, and how many are left to write.
struct Listing<'a> {
    plan: &'a Plan,
    clock: Clock,
    source: Arc<Source>,
    endpoint: &'a HostedEndpoint,
    target: &'a TargetPlan,
    redactor: Arc<Redactor>,
    out: &'a mut dyn Write,
    left: u64,
    /// Where the sessions of the phase before stand, if this one goes on with them.
    unfinished: Option<UnfinishedSessions>,
}

/// A request as it is listed, one a line; behind these keys stands its `body`.
///
/// Compatibility: keys are only ever added.
#[derive(Serialize)]
struct Line<'a> {
    phase: &'a str,
    /// The session's place in the phase, from 0.
    session_num: u64,
    conversation_id: &'a str,
    turn_index: u32,
    /// Name of its class, where there are classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'a str>,
    /// Seconds from the phase's start to the instant at which the schedule wants it sent; nothing where it waits for a slot or a
    /// response.
    due_s: Option<f64>,
    /// Turns of its session that must be over before it.
    #[serde(skip_serializing_if = "<[u32]>::is_empty")]
    after: &'a [u32],
    /// Seconds from their end to the request; for the first one, from the beginning of its session.
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_s: Option<f64>,
    method: &'a str,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
}

/// Writes the first requests of a plan, at most so many, in the order of their sessions. Gives their number.
///
/// # Errors
/// There is nothing to send, a request cannot be made, or the writer fails.
pub(crate) fn dry_run(
    mut plan: Plan,
    registry: &Arc<Registry>,
    most: u64,
    out: &mut dyn Write,
    observer: &mut dyn Observer,
) -> Result<u64, ExecuteError> {
    let metadata = &registry.endpoint(&plan.target.endpoint_type)?.metadata;
    for warning in setup::read_endpoint_options(registry, &mut plan.target)? {
        observer.notice(&warning);
    }
    // Nothing is measured, so that services matter only where they must be what was locked.
    if registry.locked().is_some() {
        let services = services::choose(registry, &plan)?;
        services.names().try_for_each(|name| registry.check_locked_service(name))?;
    }
    let tokenizer = load_tokenizer(&plan, metadata, registry)?;
    price_markers(&mut plan, tokenizer.as_deref());
    let endpoint = node::load_here(registry, &plan)?;
    let (source, warnings) = open_dataset(&mut plan, metadata, tokenizer.as_ref(), registry)?;
    for warning in &warnings {
        observer.notice(warning);
    }
    let target = node::plan_target(&plan, metadata).map_err(ExecuteError::Target)?;
    let redactor = redact::learn(source.secrets());
    let (clock, left) = (Clock::start(), most);
    let (plan, endpoint, target) = (&plan, &endpoint, &*target);
    let mut listing =
        Listing { plan, clock, source, endpoint, target, redactor, out, left, unfinished: None };
    let mut first_script = 0;
    for phase in &plan.phases {
        first_script += listing.phase(phase, first_script)?;
    }
    listing.out.flush().map_err(ExecuteError::List)?;
    Ok(most - listing.left)
}

impl Listing<'_> {
    /// Lists the requests of a phase. Gives the number of its sessions.
    fn phase(&mut self, phase: &Phase, first_script: u64) -> Result<u64, ExecuteError> {
        let seed = node::phase_seed(self.plan.random_seed, phase.id);
        let first_script = if phase.load.replay().is_some() { 0 } else { first_script };
        let excerpts = Excerpts::of(phase, seed);
        let servers = self.plan.target.urls.len();
        let of_phase = PhaseSessions {
            first_script,
            markers: Markers::of(self.plan.cache_bust, Seed::new(self.plan.random_seed), phase.role),
            excerpts,
            replies: self.plan.replies,
            continued: self.unfinished.take().map(|before| before.continued(servers)).unwrap_or_default(),
            fills_cache: phase.rules.filling.is_some(),
        };
        let filling = phase
            .rules
            .filling
            .map(|how| Filling { how, unfinished: UnfinishedSessions::new(phase.id, first_script) });
        self.unfinished = filling.as_ref().map(|filling| filling.unfinished.clone());
        let pool = Pool::of(&self.source.starts(), &self.source, first_script, excerpts);
        let credits = Credits::new(phase, seed, Share::alone(), &Arc::new(pool));
        let (mut sessions, mut requests) = (0, phase.stop.requests().unwrap_or(u64::MAX));
        for credit in credits.take(most_sessions(phase)) {
            if self.left == 0 || requests == 0 {
                break;
            }
            let session = of_phase.session(&self.source, credit.number);
            requests -= self.session((phase, filling.as_ref()), credit, session, requests)?;
            sessions += 1;
        }
        Ok(sessions)
    }

    /// Lists the requests of a session, at most so many. Gives their number.
    fn session(
        &mut self,
        (phase, filling): (&Phase, Option<&Filling>),
        credit: Credit,
        mut session: Session,
        most: u64,
    ) -> Result<u64, ExecuteError> {
        let first = session.first();
        let waits_first = phase.rules.spreads_starts && first.skipped() > 0;
        let pause_ns = waits_first.then(|| session.pause_before_ns());
        let mut progress = filling.map(|filling| filling.progress(first.session, first.position));
        let pace = credit.due_ns.map(|start_ns| Pace {
            start_ns,
            first_step: first.position,
            begins_at_ns: session.begins_at_ns(),
            turn_gap_ns: phase.load.users().map(Users::gap_ns),
        });
        let mut ready = VecDeque::from([first]);
        ready.extend(session.others_at_start());
        let mut listed = 0;
        while let Some(turn) = ready.pop_front() {
            if listed == most || self.left == 0 {
                break;
            }
            self.request(phase, &turn, (pace, pause_ns))?;
            (listed, self.left) = (listed + 1, self.left - 1);
            let position = turn.position;
            let next = session.answered(turn, None);
            let is_enough = progress.as_mut().is_some_and(|progress| {
                progress.answered(position);
                progress.is_enough()
            });
            if !is_enough {
                ready.extend(next);
            }
        }
        if let Some(progress) = progress.filter(|_| !session.is_over()) {
            progress.leave(false);
        }
        Ok(listed)
    }

    fn request(&mut self, phase: &Phase, turn: &Turn, times: Times) -> Result<(), ExecuteError> {
        let step = turn.step();
        let name = format!("{}-{}-{}", phase.name, turn.session, step.number);
        let unix_time_s = self.clock.unix_time_s(self.clock.now());
        let endpoint = self.endpoint.endpoint();
        let prepared = prepare(endpoint, self.target, turn, Some(phase.id), &name, unix_time_s)
            .map_err(ExecuteError::Unformatted)?;
        let class = self.plan.classes.name(turn.class);
        let line = Line { class, ..line(phase, turn, times, &prepared) };
        let text = with_body(&line, &prepared.body).map_err(io::Error::from).map_err(ExecuteError::List)?;
        writeln!(self.out, "{}", self.redactor.mask(&text)).map_err(ExecuteError::List)
    }
}

/// The pace of a session, if it need not wait for a slot, and the pause before its first step, if that is waited for.
type Times = (Option<Pace>, Option<RunNs>);

/// The most sessions of a phase that are listed. Only time ends a warm-up that fills the cache until it is over.
fn most_sessions(phase: &Phase) -> usize {
    let most = phase.load.most_in_flight().filter(|_| phase.rules.filling == Some(CacheFilling::UntilOver));
    most.map_or(usize::MAX, |most| most as usize)
}

/// When a step is due, if that is known beforehand: no response has to be waited for, or the step has an instant of its own. `pace`
/// is that of its session, if it need not wait for a slot.
fn due_ns(turn: &Turn, pace: Option<Pace>) -> Option<RunNs> {
    let pace = pace?;
    let start = turn.step().step.start;
    if is_first(turn) {
        return Some(pace.start_ns);
    }
    let is_known = match start {
        Start::At(_) => true,
        Start::After(_) => pace.turn_gap_ns.is_some() || turn.waits_for().next().is_none(),
    };
    is_known.then(|| pace.due_ns(turn.position, start, pace.start_ns))
}

/// It is the first one that its session plays, and goes when that starts.
fn is_first(turn: &Turn) -> bool {
    turn.position == turn.skipped() as usize
}

fn line<'a>(phase: &'a Phase, turn: &'a Turn, (pace, pause_ns): Times, prepared: &'a Prepared) -> Line<'a> {
    let step = turn.step();
    let delay_s = match step.step.start {
        _ if is_first(turn) => pause_ns.map(seconds),
        Start::After(_) if turn.fills_cache() => Some(0.0),
        Start::After(delay_ns) if phase.load.users().is_none() => Some(seconds(delay_ns)),
        _ => None,
    };
    Line {
        phase: &phase.name,
        session_num: turn.session,
        conversation_id: step.script,
        turn_index: step.number,
        class: None,
        due_s: due_ns(turn, pace).map(seconds),
        after: if is_first(turn) { &[] } else { &step.step.after },
        delay_s,
        method: prepared.method.as_str(),
        url: redact::url(prepared.place.url.as_str()),
        content_type: prepared.headers.get("content-type").and_then(|value| value.to_str().ok()),
    }
}

/// The line with the body: JSON as it is sent, which is in one line, or other bytes as a text.
fn with_body(line: &Line<'_>, body: &[u8]) -> serde_json::Result<String> {
    let body = raw::payload(body)?;
    let mut text = serde_json::to_string(line)?;
    // An object, which has other keys.
    text.truncate(text.len() - 1);
    Ok(format!("{text},\"body\":{body}}}"))
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / NS_PER_S
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        dataset::{Message, Part, Script, Step},
        plan::ReplyPolicy,
    };

    const STARTS_NS: RunNs = 10;

    fn step(start: Start, after: &[u32]) -> Step {
        Step { start, after: after.into(), ..Step::first(Message::user(vec![Part::text("x".into())])) }
    }

    /// Of a session that plays all but its first step: when the step at a position behind its first one is due.
    fn due(step_at_2: Step, has_slot: bool, turn_gap_ns: Option<RunNs>) -> Option<RunNs> {
        let steps = vec![step(Start::At(0), &[]), step(Start::At(100), &[0]), step_at_2];
        let script = Arc::new(Script { id: "s".into(), starts_ns: None, steps, category: None });
        let mut session = Session::of_part(0, script, ReplyPolicy::Live, 1..3);
        let first = session.first();
        let (first_step, begins_at_ns) = (first.position, session.begins_at_ns());
        let pace = has_slot.then_some(Pace { start_ns: STARTS_NS, first_step, begins_at_ns, turn_gap_ns });
        assert_eq!(due_ns(&first, pace), has_slot.then_some(STARTS_NS));
        let mut others = session.others_at_start();
        others.extend(session.answered(first, None));
        due_ns(&others[0], pace)
    }

    #[rstest]
    #[case::instant(step(Start::At(130), &[1]), None, Some(STARTS_NS + 30))]
    #[case::behind_a_response(step(Start::After(7), &[1]), None, None)]
    #[case::behind_nothing(step(Start::After(7), &[]), None, Some(STARTS_NS + 7))]
    #[case::behind_what_is_over(step(Start::After(7), &[0]), None, Some(STARTS_NS + 7))]
    #[case::user(step(Start::After(7), &[1]), Some(50), Some(STARTS_NS + 50))]
    fn a_step_that_waits_for_no_response_has_an_instant(
        #[case] step: Step,
        #[case] turn_gap_ns: Option<RunNs>,
        #[case] expected: Option<RunNs>,
    ) {
        assert_eq!(due(step.clone(), true, turn_gap_ns), expected);
        assert_eq!(due(step, false, turn_gap_ns), None, "the session waits for a slot");
    }
}
