//! A run that sends nothing: which requests it would send, and when.
//!
//! Schedule, scripts, sessions and endpoint are those of a run with the same plan. What a run learns from its server is not there:
//! later steps repeat the replies that the dataset has, and steps that wait for a response have no instant of their own.

use std::{
    collections::VecDeque,
    io::{self, Write},
    sync::Arc,
};

use serde::{Serialize, de::IgnoredAny};

use super::{
    execute::{ExecuteError, load_tokenizer, open_dataset},
    observer::Observer,
    setup,
};
use crate::{
    clock::{Clock, RunNs},
    config::redact::{self, Redactor},
    dataset::{Source, Start},
    node::{self, HostedEndpoint},
    plan::{Phase, Plan, Users},
    plugin::Registry,
    request::{
        prepared::{Prepared, prepare},
        target::TargetPlan,
    },
    schedule::{
        Credit,
        credits::{Credits, Pool, Share},
        excerpt::Excerpts,
    },
    session::{Session, Turn},
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
    /// Seconds from the phase's start to the instant at which the schedule wants it sent; nothing where it waits for a slot or a
    /// response.
    due_s: Option<f64>,
    /// Turns of its session that must be over before it.
    #[serde(skip_serializing_if = "<[u32]>::is_empty")]
    after: &'a [u32],
    /// Seconds from their end to the request.
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
    let tokenizer = load_tokenizer(&plan, metadata)?;
    let endpoint = node::load_here(registry, &plan)?;
    let source = open_dataset(&plan, metadata, tokenizer.as_ref(), observer)?;
    let target = node::plan_target(&plan, metadata).map_err(ExecuteError::Target)?;
    let redactor = redact::learn(source.secrets());
    let (clock, left) = (Clock::start(), most);
    let (plan, endpoint, target) = (&plan, &endpoint, &*target);
    let mut listing = Listing { plan, clock, source, endpoint, target, redactor, out, left };
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
        let pool = Pool::of(&self.source.starts(), &self.source, first_script, excerpts);
        let credits = Credits::new(phase, seed, Share { worker: 0, workers: 1 }, &Arc::new(pool));
        let (mut sessions, mut requests) = (0, phase.stop.requests().unwrap_or(u64::MAX));
        for credit in credits {
            if self.left == 0 || requests == 0 {
                break;
            }
            let script = self.source.script(first_script.saturating_add(credit.number));
            let played = excerpts.steps(credit.number, script.steps.len());
            let session = Session::of_part(credit.number, script, self.plan.replies, played);
            requests -= self.session(phase, credit, session, requests)?;
            sessions += 1;
        }
        Ok(sessions)
    }

    /// Lists the requests of a session, at most so many. Gives their number.
    fn session(
        &mut self,
        phase: &Phase,
        credit: Credit,
        mut session: Session,
        most: u64,
    ) -> Result<u64, ExecuteError> {
        let first = session.first();
        let known = KnownInstants {
            start_ns: credit.due_ns,
            first_step: first.position as u64,
            begins_at_ns: session.begins_at_ns(),
            gap_ns: phase.load.users().map(Users::gap_ns),
        };
        let mut ready = VecDeque::from([first]);
        ready.extend(session.others_at_start());
        let mut listed = 0;
        while let Some(turn) = ready.pop_front() {
            if listed == most || self.left == 0 {
                break;
            }
            self.request(phase, &turn, known)?;
            (listed, self.left) = (listed + 1, self.left - 1);
            ready.extend(session.answered(turn, None));
        }
        Ok(listed)
    }

    fn request(&mut self, phase: &Phase, turn: &Turn, known: KnownInstants) -> Result<(), ExecuteError> {
        let place = turn.step();
        let name = format!("{}-{}-{}", phase.name, turn.session, place.number);
        let unix_time_s = self.clock.unix_time_s(self.clock.now());
        let endpoint = self.endpoint.endpoint();
        let prepared = prepare(endpoint, self.target, turn, Some(phase.id), &name, unix_time_s)
            .map_err(ExecuteError::Unformatted)?;
        let line = line(phase, turn, known, &prepared);
        let text = with_body(&line, &prepared.body).map_err(io::Error::from).map_err(ExecuteError::List)?;
        writeln!(self.out, "{}", self.redactor.mask(&text)).map_err(ExecuteError::List)
    }
}

/// What is known beforehand of the instants of a session's requests.
#[derive(Clone, Copy)]
struct KnownInstants {
    /// When the session starts, in nanoseconds since the phase's start; nothing where it waits for a slot.
    start_ns: Option<RunNs>,
    first_step: u64,
    /// When its first step was due in the recording.
    begins_at_ns: RunNs,
    /// The time between turns, where users have their own.
    gap_ns: Option<RunNs>,
}

impl KnownInstants {
    /// When a step is due that need not wait for a response any more, if that is known.
    fn due_ns(self, position: u64, start: Start) -> Option<RunNs> {
        let since_start_ns = match (self.gap_ns, start) {
            _ if position == self.first_step => 0,
            (Some(gap_ns), _) => gap_ns.saturating_mul(position.saturating_sub(self.first_step)),
            (None, Start::At(offset_ns)) => offset_ns.saturating_sub(self.begins_at_ns),
            (None, Start::After(_)) => return None,
        };
        Some(self.start_ns?.saturating_add(since_start_ns))
    }
}

fn line<'a>(phase: &'a Phase, turn: &'a Turn, known: KnownInstants, prepared: &'a Prepared) -> Line<'a> {
    let place = turn.step();
    let is_first = u64::from(place.number) == known.first_step;
    let delay_s = match place.step.start {
        Start::After(delay_ns) if known.gap_ns.is_none() && !is_first => Some(seconds(delay_ns)),
        _ => None,
    };
    Line {
        phase: &phase.name,
        session_num: turn.session,
        conversation_id: place.script,
        turn_index: place.number,
        due_s: known.due_ns(place.number.into(), place.step.start).map(seconds),
        after: if is_first { &[] } else { &place.step.after },
        delay_s,
        method: prepared.method.as_str(),
        url: redact::url(prepared.place.url.as_str()),
        content_type: prepared.headers.get("content-type").and_then(|value| value.to_str().ok()),
    }
}

/// The line with the body: JSON as it is sent, which is in one line, or other bytes as a text.
fn with_body(line: &Line<'_>, body: &[u8]) -> serde_json::Result<String> {
    let json = std::str::from_utf8(body)
        .ok()
        .filter(|text| !text.contains('\n') && serde_json::from_str::<IgnoredAny>(text).is_ok());
    let body = match json {
        Some(json) => json.to_owned(),
        None => serde_json::to_string(&String::from_utf8_lossy(body))?,
    };
    let mut text = serde_json::to_string(line)?;
    // An object, which has other keys.
    text.truncate(text.len() - 1);
    Ok(format!("{text},\"body\":{body}}}"))
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / NS_PER_S
}
