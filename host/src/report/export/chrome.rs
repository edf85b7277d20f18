//! Sessions on a timeline: `trace.json`, in the trace event format of Chrome, which Perfetto opens.
//!
//! A phase is a process, and a session of several requests a thread, with more threads where it has several requests at once. Sessions of
//! one request share threads, of which each has one request at a time: a thread for each of a hundred thousand is no help to anybody.
//! A request is a slice (`ph` is `X`), and its steps are slices in it. `ts` and `dur` are microseconds since the run's start, exact to
//! the nanosecond. Source: "Trace Event Format", the Chromium project, 2016.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Write},
};

use prony_plugin_api::message::PhaseKind;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    lanes::Lanes,
    pass::{Exported, Pass, Passed, Seen},
    slices::{self, Slice},
};
use crate::{
    metrics::tags,
    plan::Role,
    record::{Frame, Mark, Outcome, Record, RunHeader},
};

/// The process of what belongs to no phase. Number 0 is the idle process of a kernel to some readers.
const RUN: u32 = 1;

/// Writes all of it.
///
/// # Errors
/// It cannot be written.
pub(super) fn write(pass: Pass, out: &mut dyn Write) -> io::Result<Exported> {
    let header = pass.header();
    let names = header.settings.phases.iter().map(|phase| phase.name.clone()).collect();
    begin(header, out)?;
    let mut timeline = Timeline::new(out, names);
    timeline.name_process(RUN, "run")?;
    let exported = pass.run(drawn, |passed| match passed {
        Passed::Records(requests) => requests.into_iter().try_for_each(|drawn| timeline.request(&drawn)),
        Passed::Frame(frame) => timeline.frame(&frame),
    })?;
    timeline.finish()?;
    Ok(exported)
}

/// What stands before the events.
fn begin(header: &RunHeader, out: &mut dyn Write) -> io::Result<()> {
    let started = OffsetDateTime::from_unix_timestamp_nanos(header.wall_start_ns.into());
    let started = started.ok().and_then(|time| time.format(&Rfc3339).ok());
    let about = json!({ "prony_version": header.version, "run_id": header.run_id, "started": started });
    write!(out, "{{\"displayTimeUnit\":\"ms\",\"otherData\":{about},\"traceEvents\":[")
}

/// A request on its way to its thread.
struct Drawn {
    phase: u32,
    kind: PhaseKind,
    session: u64,
    /// Requests of its session.
    steps: u32,
    conversation: String,
    start: u64,
    end: u64,
    /// Its events, each up to the number of its thread.
    events: Vec<String>,
}

fn drawn(seen: &Seen<'_>) -> Drawn {
    let record = seen.record;
    let (start, end) = slices::whole(record);
    let whole = Slice { name: "request", start, end };
    let name = match record.steps {
        0 | 1 => format!("request {}", record.session_num),
        _ => format!("turn {}", record.turn_index),
    };
    let outcome = match &record.outcome {
        Outcome::Ok => "ok",
        Outcome::Failed(_) => "failed",
        Outcome::Cancelled(_) => "cancelled",
    };
    let pid = process_of(record.phase);
    let head = event(&name, &format!("request,{outcome}"), whole, pid, Some(&about(seen, outcome)));
    let steps = slices::steps(record).into_iter().map(|step| event(step.name, "step", step, pid, None));
    Drawn {
        phase: record.phase,
        kind: seen.kind,
        session: record.session_num,
        steps: record.steps,
        conversation: record.conversation_id.clone(),
        start,
        end,
        events: std::iter::once(head).chain(steps).collect(),
    }
}

fn process_of(phase: u32) -> u32 {
    phase.saturating_add(RUN + 1)
}

/// What a reader sees who selects a request.
fn about(seen: &Seen<'_>, outcome: &str) -> Value {
    let Record { request_id, conversation_id, turn_index, status, model, worker, .. } = seen.record;
    let mut about = json!({
        "request_id": request_id,
        "conversation_id": conversation_id,
        "turn": turn_index,
        "outcome": outcome,
        "status": status,
        "worker": worker,
    });
    if let Some(model) = model {
        about["model"] = model.as_str().into();
    }
    if let Some(is_good) = seen.is_good {
        about["good"] = is_good.into();
    }
    for tag in [
        tags::INPUT_SEQUENCE_LENGTH,
        tags::OUTPUT_SEQUENCE_LENGTH,
        tags::TIME_TO_FIRST_TOKEN,
        tags::REQUEST_LATENCY,
    ] {
        if let Some((metric, value)) = seen.measured.iter().find(|(metric, _)| metric.tag == tag) {
            about[format!("{tag} ({})", metric.unit)] = (*value).into();
        }
    }
    if let Some(failure) = seen.record.outcome.said() {
        about["error"] = format!("{}: {}", failure.kind.text(), failure.message).into();
    }
    about
}

/// A slice, up to the number of its thread.
fn event(name: &str, category: &str, slice: Slice, pid: u32, about: Option<&Value>) -> String {
    let about = about.map(|about| format!(",\"args\":{about}")).unwrap_or_default();
    format!(
        "{{\"ph\":\"X\",\"name\":{},\"cat\":{},\"ts\":{},\"dur\":{}{about},\"pid\":{pid},\"tid\":",
        Value::from(name),
        Value::from(category),
        microseconds(slice.start),
        microseconds(slice.end.saturating_sub(slice.start))
    )
}

/// Nanoseconds as a number of microseconds, with all of its digits.
fn microseconds(ns: u64) -> String {
    format!("{}.{:03}", ns / 1000, ns % 1000)
}

/// The threads of a session.
#[derive(Default)]
struct OfSession {
    lanes: Lanes,
    /// How many of them there are.
    threads: u32,
    /// Requests that have been drawn.
    requests: u32,
}

/// What has been written.
struct Timeline<'a> {
    out: &'a mut dyn Write,
    is_first: bool,
    /// By the number of the phase, where it has one that is not that of its role.
    names: Vec<Option<String>>,
    /// Threads so far: their numbers are those of no other process.
    threads: u32,
    /// Sessions of several requests that go on, by phase and number.
    sessions: HashMap<(u32, u64), OfSession>,
    /// What all sessions of one request of a phase share.
    shared: BTreeMap<u32, Lanes>,
    /// Threads for phases, and for what is done around them.
    of_phases: Lanes,
    of_marks: Lanes,
    /// Phases that have begun and are not over.
    open: BTreeMap<u32, (PhaseKind, u64)>,
    /// The last instant so far.
    latest: u64,
    named: Vec<u32>,
}

impl<'a> Timeline<'a> {
    fn new(out: &'a mut dyn Write, names: Vec<Option<String>>) -> Self {
        Self {
            out,
            is_first: true,
            names,
            threads: 0,
            sessions: HashMap::new(),
            shared: BTreeMap::new(),
            of_phases: Lanes::default(),
            of_marks: Lanes::default(),
            open: BTreeMap::new(),
            latest: 0,
            named: Vec::new(),
        }
    }

    fn put(&mut self, event: &str) -> io::Result<()> {
        let before = if std::mem::take(&mut self.is_first) { "\n" } else { ",\n" };
        self.out.write_all(before.as_bytes())?;
        self.out.write_all(event.as_bytes())
    }

    fn name_process(&mut self, pid: u32, name: &str) -> io::Result<()> {
        self.put(
            &json!({ "ph": "M", "name": "process_name", "pid": pid, "args": { "name": name } }).to_string(),
        )
    }

    fn name_thread(&mut self, pid: u32, tid: u32, name: &str) -> io::Result<()> {
        let event =
            json!({ "ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": { "name": name } });
        self.put(&event.to_string())
    }

    /// The name of a phase, which is written where it was not yet.
    fn name_phase(&mut self, phase: u32, kind: PhaseKind) -> io::Result<String> {
        let own = self.names.get(phase as usize).cloned().flatten();
        let name = own.unwrap_or_else(|| Role::from(kind).name().to_owned());
        if !self.named.contains(&phase) {
            self.named.push(phase);
            self.name_process(process_of(phase), &name)?;
        }
        Ok(name)
    }

    fn request(&mut self, drawn: &Drawn) -> io::Result<()> {
        self.latest = self.latest.max(drawn.end);
        self.name_phase(drawn.phase, drawn.kind)?;
        let tid = if drawn.steps > 1 { self.thread_of_session(drawn)? } else { self.shared_thread(drawn)? };
        drawn.events.iter().try_for_each(|event| self.put(&format!("{event}{tid}}}")))
    }

    /// The thread of a request whose session is on threads of its own.
    fn thread_of_session(&mut self, drawn: &Drawn) -> io::Result<u32> {
        let key = (drawn.phase, drawn.session);
        let threads = &mut self.threads;
        let session = self.sessions.entry(key).or_default();
        let before = session.threads;
        let tid = session.lanes.take(drawn.start, drawn.end, || {
            *threads += 1;
            session.threads += 1;
            *threads
        });
        session.requests += 1;
        let (number, is_over) = (session.threads, session.requests >= drawn.steps);
        if is_over {
            self.sessions.remove(&key);
        }
        if number > before {
            let name = match number {
                1 => format!("session {} ({})", drawn.session, drawn.conversation),
                _ => format!("session {} ({}), thread {number}", drawn.session, drawn.conversation),
            };
            self.name_thread(process_of(drawn.phase), tid, &name)?;
        }
        Ok(tid)
    }

    fn shared_thread(&mut self, drawn: &Drawn) -> io::Result<u32> {
        let before = self.threads;
        let threads = &mut self.threads;
        let tid = self.shared.entry(drawn.phase).or_default().take(drawn.start, drawn.end, || {
            *threads += 1;
            *threads
        });
        if self.threads > before {
            self.name_thread(process_of(drawn.phase), tid, "sessions of one request")?;
        }
        Ok(tid)
    }

    fn frame(&mut self, frame: &Frame) -> io::Result<()> {
        match frame {
            Frame::PhaseStarted { index, kind, at_ns } => {
                self.latest = self.latest.max(*at_ns);
                self.open.insert(*index, (*kind, *at_ns));
                self.name_phase(*index, *kind).map(drop)
            }
            Frame::PhaseEnded { index, at_ns, .. } => {
                self.latest = self.latest.max(*at_ns);
                self.open
                    .remove(index)
                    .map_or(Ok(()), |(kind, start)| self.phase(*index, kind, start, *at_ns))
            }
            Frame::Mark(mark) => self.mark(mark),
            _ => Ok(()),
        }
    }

    fn phase(&mut self, index: u32, kind: PhaseKind, start: u64, end: u64) -> io::Result<()> {
        let name = self.name_phase(index, kind)?;
        let before = self.threads;
        let threads = &mut self.threads;
        let tid = self.of_phases.take(start, end, || {
            *threads += 1;
            *threads
        });
        if self.threads > before {
            self.name_thread(RUN, tid, "phases")?;
        }
        let slice = Slice { name: "phase", start, end: end.max(start) };
        self.put(&format!("{}{tid}}}", event(&name, "phase", slice, RUN, None)))
    }

    fn mark(&mut self, mark: &Mark) -> io::Result<()> {
        self.latest = self.latest.max(mark.end_ns);
        let before = self.threads;
        let threads = &mut self.threads;
        let tid = self.of_marks.take(mark.begin_ns, mark.end_ns, || {
            *threads += 1;
            *threads
        });
        if self.threads > before {
            self.name_thread(RUN, tid, "around the load")?;
        }
        let slice = Slice { name: "hook", start: mark.begin_ns, end: mark.end_ns.max(mark.begin_ns) };
        let about = json!({ "outcome": mark.outcome, "reason": mark.reason });
        self.put(&format!("{}{tid}}}", event(&mark.name, "hook", slice, RUN, Some(&about))))
    }

    /// Phases of a run that was killed end with the last that is known of it.
    fn finish(mut self) -> io::Result<()> {
        let latest = self.latest;
        for (index, (kind, start)) in std::mem::take(&mut self.open) {
            self.phase(index, kind, start, latest.max(start))?;
        }
        self.out.write_all(b"\n]}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(session: u64, steps: u32, start: u64, end: u64) -> Drawn {
        Drawn {
            phase: 1,
            kind: PhaseKind::Profiling,
            session,
            steps,
            conversation: format!("c{session}"),
            start,
            end,
            events: vec![event("request", "request,ok", Slice { name: "", start, end }, 3, None)],
        }
    }

    fn written(work: impl FnOnce(&mut Timeline<'_>)) -> Vec<Value> {
        let mut out = b"[".to_vec();
        let mut timeline = Timeline::new(&mut out, vec![None, Some("peak".to_owned())]);
        work(&mut timeline);
        timeline.finish().unwrap();
        let text = String::from_utf8(out).unwrap();
        serde_json::from_str(text.trim_end().strip_suffix('}').unwrap()).unwrap()
    }

    fn threads(events: &[Value]) -> String {
        let slices = events.iter().filter(|event| event["ph"] == "X" && event["pid"] == 3);
        let each: Vec<String> = slices.map(|event| format!("{}:{}", event["ts"], event["tid"])).collect();
        each.join(" ")
    }

    #[test]
    fn a_session_has_a_thread_and_what_goes_on_beside_it_another_one() {
        let events = written(|timeline| {
            for drawn in [
                request(0, 3, 1000, 5000),
                request(1, 2, 2000, 6000),
                request(0, 3, 5000, 9000),
                request(0, 3, 6000, 9500),
                request(1, 2, 7000, 9600),
            ] {
                timeline.request(&drawn).unwrap();
            }
            assert!(timeline.sessions.is_empty(), "those that are over are forgotten");
        });
        assert_eq!(threads(&events), "1.0:1 2.0:2 5.0:1 6.0:3 7.0:2");
        let names: Vec<&str> = events
            .iter()
            .filter(|event| event["ph"] == "M")
            .map(|event| event["args"]["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["peak", "session 0 (c0)", "session 1 (c1)", "session 0 (c0), thread 2"]);
    }

    #[test]
    fn sessions_of_one_request_share_threads() {
        let events = written(|timeline| {
            for (number, (start, end)) in
                [(0, 3000), (1000, 4000), (3000, 8000), (4000, 9000)].into_iter().enumerate()
            {
                timeline.request(&request(number as u64, 0, start, end)).unwrap();
            }
        });
        assert_eq!(threads(&events), "0.0:1 1.0:2 3.0:1 4.0:2");
    }

    #[test]
    fn a_phase_that_was_killed_ends_with_its_last_request() {
        let events = written(|timeline| {
            let started = Frame::PhaseStarted { index: 1, kind: PhaseKind::Profiling, at_ns: 500 };
            timeline.frame(&started).unwrap();
            timeline.request(&request(0, 0, 1000, 2_500)).unwrap();
        });
        let phase = events.iter().find(|event| event["cat"] == "phase").unwrap();
        assert_eq!((phase["ts"].as_f64(), phase["dur"].as_f64()), (Some(0.5), Some(2.0)));
    }

    #[test]
    fn times_have_all_of_their_digits() {
        assert_eq!([1, 1_000, 123_456_789].map(microseconds), ["0.001", "1.000", "123456.789"]);
    }
}
