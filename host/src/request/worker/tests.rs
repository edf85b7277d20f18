//! Sessions of several steps, played by a worker against a server of a few lines.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    num::NonZeroU64,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use prony_plugin_api::{
    Endpoint as Format, EventSink, Parser, RequestWriter, Result, TextKind, TurnContext,
    abi::{author::endpoint_table, host::EndpointInstance},
    metadata::StreamFraming,
};
use serde_json::json;
use tokio::sync::watch;

use super::*;
use crate::{
    clock::{Clock, RunNs},
    dataset::{Message, Part, Script, Source, Step},
    plan::{Law, Limit, Load, OverflowPolicy, Phase, Ramp, Role, Rules, StopRule},
    request::{
        endpoint::Endpoint, exchange::Finished, target::TargetPlan, transport::install_tls,
        worker_statistics::WorkerUsage,
    },
    schedule::{
        ScheduleCounts,
        budget::Budget,
        credits::{Credits, Pool, Share},
        division::Division,
        gate::Slots,
        leased::Numbers,
        numbers::Lease,
    },
    seed::Seed,
    session::PhaseSessions,
};

/// Longer than any of this takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// Writes a turn as `role:text`, a line for each message; an answer is its text.
#[derive(Debug)]
struct Plain;

impl Format for Plain {
    type Parser = Self;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let lines: Vec<_> =
            turn.messages().map(|message| format!("{}:{}", message.role(), message.text())).collect();
        request.write_all(lines.join("\n").as_bytes()).unwrap();
        Ok(())
    }

    fn parser(&self) -> Self {
        Self
    }
}

impl Parser for Plain {
    fn event(&mut self, _name: &str, _data: &[u8], _out: &mut EventSink<'_>) -> Result<()> {
        Ok(())
    }

    fn body(&mut self, _status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        out.text(TextKind::CONTENT, 0, std::str::from_utf8(body).unwrap());
        out.done();
        Ok(())
    }
}

/// What a worker said.
#[derive(Clone, Debug)]
struct Heard {
    finished: Sender<Finished>,
    wanted: Sender<u64>,
    done: Sender<(u32, ScheduleCounts)>,
}

impl Sink for Heard {
    fn begun(&self, _phase: u32) {}

    fn finished(&self, finished: Finished) {
        self.finished.send(finished).unwrap();
    }

    fn all_started(&self, _phase: u32, _started: AllStarted) {}

    fn wants_numbers(&self, phase: u32, wanted: u64) {
        assert_eq!(phase, PHASE);
        // Not every test listens.
        let _ = self.wanted.send(wanted);
    }

    fn phase_done(&self, phase: u32, counts: ScheduleCounts, _usage: WorkerUsage) {
        self.done.send((phase, counts)).unwrap();
    }

    fn poisoned(&self) {}

    fn lost(&self, what: String) {
        panic!("{what}");
    }
}

/// A server that takes one connection: its URL, and the bodies of the requests. It answers them with these statuses and
/// `reply 1`, `reply 2` and so on.
fn server(statuses: Vec<u16>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (bodies, received) = channel();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut requests = BufReader::new(socket.try_clone().unwrap());
        for (number, status) in (1..).zip(statuses) {
            let Some(body) = body_of(&mut requests) else { break };
            bodies.send(body).unwrap();
            let reply = format!("reply {number}");
            let head = format!(
                "HTTP/1.1 {status} S\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                reply.len()
            );
            socket.write_all((head + &reply).as_bytes()).unwrap();
        }
    });
    (url, received)
}

fn body_of(requests: &mut BufReader<TcpStream>) -> Option<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if requests.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    requests.read_exact(&mut body).unwrap();
    Some(String::from_utf8(body).unwrap())
}

fn script(id: &str, texts: &[&str]) -> Script {
    let steps = texts.iter().map(|text| Step::first(Message::user(vec![Part::text((*text).into())])));
    Script::dialogue(id.into(), steps)
}

fn equipment(url: &str, scripts: Vec<Script>, sink: Heard) -> Equipment<Heard> {
    install_tls();
    let target = serde_json::from_value(json!({
        "urls": [url], "model": "m", "endpoint_type": "plain", "streaming": false, "request_timeout_s": 60.0,
        "wait_for_model_timeout_s": 0.0, "headers": [], "extra_inputs": {}, "use_server_token_count": false,
        "transport": "timed",
    }));
    let target = TargetPlan::new(&target.unwrap(), None, StreamFraming::default(), true).unwrap();
    let instance = EndpointInstance::create(endpoint_table::<Plain>("Plain"), "{}").unwrap();
    Equipment {
        clock: Clock::start(),
        endpoint: Endpoint::new("plain", Arc::new(instance)),
        target: Arc::new(target),
        source: Arc::new(Source::listed(scripts)),
        sink,
    }
}

/// Plays sessions of these scripts, so many, one at a time: what became of each request, and of the schedule.
fn played(url: &str, scripts: Vec<Script>, sessions: u64) -> (Vec<Finished>, ScheduleCounts) {
    let ((finished, requests), (done, ends), (wanted, _)) = (channel(), channel(), channel());
    let worker = Worker::start(0, equipment(url, scripts, Heard { finished, wanted, done }), 0).unwrap();
    let (_run, control) = watch::channel(Control::Run);
    worker.assign(assignment(Load::Closed { sessions: Ramp::constant(1).unwrap() }, sessions, 0, control));
    let (of_phase, counts) = ends.recv_timeout(DEADLINE).unwrap();
    worker.join();
    assert_eq!(of_phase, PHASE);
    (requests.try_iter().collect(), counts)
}

/// Number of the phase.
const PHASE: u32 = 3;

/// All of a phase with this load, so many sessions, one at a time, and this start.
fn assignment(load: Load, sessions: u64, start_ns: RunNs, control: watch::Receiver<Control>) -> Assignment {
    let phase = Phase {
        id: PHASE,
        name: "profiling".into(),
        role: Role::Measured,
        load,
        stop: StopRule::after_requests(NonZeroU64::new(sessions).unwrap()),
        drain_s: 8.0,
        rules: Rules::default(),
        hands_over: false,
    };
    let share = Share::alone();
    Assignment {
        phase: phase.id,
        start_ns,
        ends_ns: None,
        credits: Credits::new(&phase, Seed::new(1), share, &Arc::new(Pool::default())),
        budget: Budget::default(),
        sessions: PhaseSessions::default(),
        turn_gap_ns: None,
        slots: Slots::fixed(1),
        slotted_ns: 0,
        prefill: None,
        cancellations: None,
        hands_over: false,
        overflow: OverflowPolicy::default(),
        idle: None,
        filling: None,
        spreads_starts: false,
        control,
    }
}

/// Session, script and step of each.
fn places(requests: &[Finished]) -> Vec<(u64, &str, u32)> {
    let content = requests.iter().map(|request| (request.session_num, &request.content));
    content.map(|(session, content)| (session, content.script.as_str(), content.step)).collect()
}

#[test]
fn a_session_repeats_what_was_said_and_another_knows_nothing_of_it() {
    let (url, bodies) = server(vec![200; 4]);
    let scripts = vec![script("a", &["one", "two", "three"]), script("b", &["hello"])];
    let (requests, counts) = played(&url, scripts, 2);
    assert_eq!(places(&requests), [(0, "a", 0), (0, "a", 1), (0, "a", 2), (1, "b", 0)], "{requests:?}");
    assert!(requests.iter().all(|request| request.phase == 3 && request.exchange.outcome.is_ok()));
    assert_eq!((counts.scheduled, counts.dropped), (4, 0));
    let second = "user:one\nassistant:reply 1\nuser:two";
    let third = format!("{second}\nassistant:reply 2\nuser:three");
    assert_eq!(bodies.iter().collect::<Vec<_>>(), ["user:one", second, &third, "user:hello"]);
}

#[test]
fn a_session_ends_with_a_request_that_failed() {
    let (url, bodies) = server(vec![200, 500, 200]);
    let scripts = vec![script("a", &["one", "two", "three"]), script("b", &["hello"])];
    let (requests, counts) = played(&url, scripts, 2);
    assert_eq!(places(&requests), [(0, "a", 0), (0, "a", 1), (1, "b", 0)]);
    let are_good: Vec<_> = requests.iter().map(|request| request.exchange.outcome.is_ok()).collect();
    assert_eq!(are_good, [true, false, true]);
    assert_eq!(counts.scheduled, 3);
    assert_eq!(bodies.iter().last().as_deref(), Some("user:hello"));
}

#[test]
fn a_phase_that_drains_in_the_middle_of_a_burst_ends_it() {
    // It takes the connection and sends no response, and there is one slot: the second request of the burst waits for good.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let ((finished, _requests), (done, ends), (wanted, _)) = (channel(), channel(), channel());
    let equipment = equipment(&url, vec![script("a", &["one"])], Heard { finished, wanted, done });
    let statistics = Arc::<WorkerStatistics>::default();
    let transport = Transport::new(&equipment.target, equipment.clock, Arc::clone(&statistics)).unwrap();
    let (run, control) = watch::channel(Control::Run);
    let rate = Ramp::constant(10_000.0).unwrap();
    let load = Load::Open { rate, law: Law::Constant, limit: Limit::default() };
    // Late enough for requests to be formatted ahead.
    let assignment = assignment(load, 20, equipment.clock.now() + 200_000_000, control);
    let dispatcher = Dispatcher::new(0, equipment, transport, statistics);
    let priority = dispatcher.priority();
    let (assignments, received) = mpsc::unbounded_channel();
    assignments.send(assignment).ok().unwrap();
    let works = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(dispatcher.work(received));
    });
    while !priority.is_burst() {
        assert!(!works.is_finished());
        thread::yield_now();
    }
    run.send_replace(Control::Drain);
    run.send_replace(Control::Cancel);
    ends.recv_timeout(DEADLINE).unwrap();
    assert!(!priority.is_burst());
    drop(assignments);
    works.join().unwrap();
}

/// A worker of a node that divides a closed loop of 5 sessions with another one, and what is heard of it.
struct Divided {
    worker: Worker,
    /// When the phase begins.
    start_ns: RunNs,
    pool: Arc<Pool>,
    run: watch::Sender<Control>,
    requests: Receiver<Finished>,
    wants: Receiver<u64>,
    ends: Receiver<(u32, ScheduleCounts)>,
}

impl Divided {
    /// It has no number yet, and one slot. The phase begins in a while.
    fn start(url: &str) -> Self {
        let ((finished, requests), (done, ends), (wanted, wants)) = (channel(), channel(), channel());
        let scripts = (0..5).map(|number| script(&number.to_string(), &["hello"])).collect();
        let equipment = equipment(url, scripts, Heard { finished, wanted, done });
        let division = Division { node: 1, nodes: 2, first_worker: 1, workers: 2 };
        let sessions = Ramp::constant(2).unwrap();
        let (clock, start_ns) = (equipment.clock, equipment.clock.now() + 100_000_000);
        let numbers = Numbers::leased(clock, start_ns, sessions.clone(), division, Budget::default());
        let pool = Arc::new(Pool::default().with_numbers(numbers));
        let worker = Worker::start(0, equipment, 0).unwrap();
        let (run, control) = watch::channel(Control::Run);
        let load = Load::Closed { sessions };
        let phase = Phase::measured(load.clone(), StopRule::after_requests(NonZeroU64::new(5).unwrap()));
        let credits = Credits::new(&phase, Seed::new(1), Share::alone(), &pool);
        worker.assign(Assignment { credits, ..assignment(load, 5, start_ns, control) });
        Self { worker, start_ns, pool, run, requests, wants, ends }
    }

    /// What became of the sessions that it was given, and of the schedule.
    fn over(self) -> (Vec<Finished>, ScheduleCounts) {
        let (_, counts) = self.ends.recv_timeout(DEADLINE).unwrap();
        self.worker.join();
        (self.requests.try_iter().collect(), counts)
    }
}

#[test]
fn a_node_that_is_given_its_numbers_starts_those_and_asks_for_more() {
    let (url, _bodies) = server(vec![200; 2]);
    let node = Divided::start(&url);
    assert!(node.wants.recv_timeout(DEADLINE).unwrap() > 0);
    node.pool.lease(Lease { from: 1, to: 2, is_last: false });
    assert!(node.wants.recv_timeout(DEADLINE).unwrap() > 0);
    node.pool.lease(Lease { from: 4, to: 5, is_last: true });
    let start_ns = node.start_ns;
    let (requests, counts) = node.over();
    assert!(requests.iter().all(|request| request.exchange.instants.started >= start_ns), "{requests:?}");
    assert_eq!(places(&requests), [(1, "1", 0), (4, "4", 0)], "{requests:?}");
    assert_eq!((counts.sessions, counts.scheduled, counts.dropped), (2, 2, 0));
}

#[test]
fn a_phase_that_drains_does_not_wait_for_numbers() {
    let node = Divided::start("http://127.0.0.1:9");
    node.wants.recv_timeout(DEADLINE).unwrap();
    node.run.send_replace(Control::Drain);
    let (requests, counts) = node.over();
    assert!(requests.is_empty());
    assert_eq!(counts, ScheduleCounts::default());
}
