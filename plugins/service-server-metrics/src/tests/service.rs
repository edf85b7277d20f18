//! The service behind the real boundary tables, against pages on loopback.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use prony_plugin_api::{
    ErrorKind, PublishError,
    abi::{
        author::service_table,
        host::{HostServices, HostTable, ServiceInstance},
    },
    message::{ServerMetricsBatch, ServerMetricsSample},
};

use crate::*;

/// When a test gives up on something that must happen.
const TIMEOUT: Duration = Duration::from_secs(30);
/// An interval that never ends within a test: only the phases' boundaries are scraped.
const NEVER_MS: u64 = 3_600_000;
const METRICS: &str = "# TYPE requests_total counter\nrequests_total 7\n";

/// A page on loopback that counts how often it was asked for.
struct Served {
    url: String,
    asked: Arc<AtomicUsize>,
    /// The heads of the requests, in lower case.
    heads: Arc<Mutex<Vec<String>>>,
}

/// What a page answers: a status line's end and a body.
type Answer = (String, String);

const OK: (&str, &str) = ("200 OK", METRICS);

/// Serves `answers`, one a request; the last one again and again.
fn serve(answers: &[(&str, &str)]) -> Served {
    let answers: Vec<Answer> =
        answers.iter().map(|(status, body)| ((*status).to_owned(), (*body).to_owned())).collect();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let (counter, kept) = (Arc::clone(&asked), Arc::clone(&heads));
    thread::spawn(move || {
        for stream in listener.incoming().map_while(std::result::Result::ok) {
            let turn = counter.fetch_add(1, Ordering::SeqCst);
            // Kept before the answer is sent: who has the answer finds the head here.
            kept.lock().unwrap().push(head_of(&stream));
            answer(stream, &answers[turn.min(answers.len() - 1)]);
        }
    });
    Served { url, asked, heads }
}

/// The head of the request that `stream` brings, in lower case.
fn head_of(stream: &TcpStream) -> String {
    let request = BufReader::new(stream);
    let head = request.lines().map_while(std::result::Result::ok).take_while(|line| !line.is_empty());
    let head = head.collect::<Vec<_>>().join("\n").to_lowercase();
    assert!(!head.is_empty());
    head
}

fn answer(mut stream: TcpStream, (status, body): &Answer) {
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
        .unwrap();
}

/// An address at which nobody listens.
fn refusing_url() -> String {
    format!("http://{}/metrics", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

/// The host, as the service sees it.
struct FakeHost {
    published: Sender<ServerMetricsBatch>,
    gate: Arc<Gate>,
    /// Grows by one nanosecond with every look.
    clock: AtomicU64,
}

/// How many batches the bus refuses before it has room.
#[derive(Default)]
struct Gate {
    to_refuse: Mutex<usize>,
    refused_all: Condvar,
}

impl Gate {
    fn refuses(&self) -> bool {
        let mut left = self.to_refuse.lock().unwrap();
        let refuses = *left > 0;
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.refused_all.notify_all();
        }
        refuses
    }

    fn wait_until_it_has_refused_all(&self) {
        let left = self.to_refuse.lock().unwrap();
        let (left, _) = self.refused_all.wait_timeout_while(left, TIMEOUT, |left| *left > 0).unwrap();
        assert_eq!(*left, 0);
    }
}

impl HostServices for FakeHost {
    fn log_enabled(&self, _: LogLevel, _: &str) -> bool {
        true
    }
    fn log(&self, _: LogLevel, _: &str, _: &str) {}
    fn publish(&self, message_type: &str, payload: &[u8]) -> Result<(), PublishError> {
        assert_eq!(message_type, ServerMetricsBatch::TYPE);
        if self.gate.refuses() {
            return Err(PublishError::Full);
        }
        self.published.send(ServerMetricsBatch::decode(payload).unwrap()).map_err(|_| PublishError::Closed)
    }
    fn now_ns(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }
    fn run_facts(&self) -> String {
        "{}".to_owned()
    }
    fn request_stop(&self, _: &str) {}
}

/// A started service, and what it publishes.
struct Running {
    service: ServiceInstance,
    published: Receiver<ServerMetricsBatch>,
    gate: Arc<Gate>,
}

impl Running {
    fn start(urls: &[&str], interval_ms: u64) -> Self {
        Self::with_options(&serde_json::json!({ "urls": urls, "interval_ms": interval_ms }))
    }

    fn with_options(options: &serde_json::Value) -> Self {
        let (sender, published) = channel();
        let gate = Arc::new(Gate::default());
        let host = FakeHost { published: sender, gate: Arc::clone(&gate), clock: AtomicU64::new(1) };
        let table = service_table::<ServerMetrics>("ServerMetrics");
        let mut service =
            ServiceInstance::create(table, &options.to_string(), HostTable::leak(host)).unwrap();
        service.init().unwrap();
        service.start().unwrap();
        Self { service, published, gate }
    }

    fn begin_phase(&mut self) {
        self.service.on_message(PhaseStarted::TYPE, &PhaseStarted::default().encode().unwrap()).unwrap();
    }

    fn end_phase(&mut self) {
        self.service.on_message(PhaseEnded::TYPE, &PhaseEnded::default().encode().unwrap()).unwrap();
    }

    fn next_batch(&self) -> Vec<ServerMetricsSample> {
        self.published.recv_timeout(TIMEOUT).unwrap().samples
    }

    /// Stops it and gives what it had published and was not looked at yet.
    fn stop(mut self) -> Vec<ServerMetricsSample> {
        self.service.stop(TIMEOUT).unwrap();
        self.published.try_iter().flat_map(|batch| batch.samples).collect()
    }
}

fn error_type(sample: &ServerMetricsSample) -> &str {
    sample.error.as_ref().map_or("none", |error| error.kind.as_str())
}

#[test]
fn a_page_is_scraped_when_a_phase_begins_and_when_it_has_ended() {
    let page = serve(&[OK]);
    let mut running = Running::start(&[&page.url], NEVER_MS);
    running.begin_phase();
    running.end_phase();
    let samples = running.stop();
    assert_eq!(samples.len(), 2);
    for sample in &samples {
        assert_eq!((sample.url.as_str(), sample.error.as_ref()), (page.url.as_str(), None));
        assert_eq!(sample.families[0].name, "requests_total");
    }
    // The fake clock moves with each look, and a scrape looks at its sending, its answer and its end.
    assert!(samples[0].at_ns < samples[1].at_ns);
    assert!(samples[0].latency_ns >= 2);
}

#[test]
fn a_page_is_scraped_at_every_interval_while_a_phase_runs() {
    let page = serve(&[OK]);
    let mut running = Running::start(&[&page.url], 1);
    running.begin_phase();
    (0..5).for_each(|_| assert_eq!(running.next_batch().len(), 1));
    running.end_phase();
    running.stop();
}

#[test]
fn nothing_is_scraped_outside_of_phases() {
    let page = serve(&[OK]);
    let running = Running::start(&[&page.url], 1);
    assert!(running.stop().is_empty());
    assert_eq!(page.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn all_pages_of_a_tick_travel_in_one_batch_in_order_of_time() {
    let (one, other) = (serve(&[OK]), serve(&[OK]));
    let refusing = refusing_url();
    let mut running = Running::start(&[&one.url, &refusing, &other.url], NEVER_MS);
    running.begin_phase();
    let batch = running.next_batch();
    assert_eq!(batch.len(), 3);
    assert!(batch.is_sorted_by_key(|sample| sample.at_ns));
    assert!(running.stop().is_empty());
}

#[test]
fn a_page_that_does_not_exist_is_reported_once_and_not_asked_for_again() {
    let page = serve(&[("404 Not Found", "no such page")]);
    let mut running = Running::start(&[&page.url], 1);
    for _ in 0..3 {
        running.begin_phase();
        running.end_phase();
    }
    let samples = running.stop();
    assert_eq!(samples.len(), 1);
    let error = samples[0].error.as_ref().unwrap();
    assert_eq!(
        (error.code, error.kind.as_str(), error.message.as_str()),
        (Some(404), "http_status", "404 Not Found")
    );
    assert!(!error.hint.is_empty());
    assert_eq!(page.asked.load(Ordering::SeqCst), 1);
}

#[test]
fn other_failures_are_retried_and_reported_once_a_phase() {
    let url = refusing_url();
    let mut running = Running::start(&[&url], NEVER_MS);
    for _ in 0..2 {
        running.begin_phase();
        running.end_phase();
    }
    let samples = running.stop();
    assert_eq!(samples.iter().map(error_type).collect::<Vec<_>>(), ["connection_refused"; 2]);
}

#[test]
fn a_page_that_recovers_is_scraped_again() {
    let page = serve(&[("503 Service Unavailable", "loading"), OK]);
    let mut running = Running::start(&[&page.url], NEVER_MS);
    running.begin_phase();
    running.end_phase();
    assert_eq!(running.stop().iter().map(error_type).collect::<Vec<_>>(), ["http_status", "none"]);
}

#[test]
fn a_page_that_is_not_prometheus_text_is_a_sample_with_an_error() {
    let page = serve(&[("200 OK", "<html>\n")]);
    let mut running = Running::start(&[&page.url], NEVER_MS);
    running.begin_phase();
    let batch = running.next_batch();
    let error = batch[0].error.as_ref().unwrap();
    assert_eq!(error.kind, "not_prometheus");
    assert_eq!(error.message, "line 1 is not Prometheus text: `<html>`");
    running.stop();
}

/// One scrape of `url` with the key in its headers, and of another page without.
fn scrape_with_key(url: &str, other: &str) -> Vec<ServerMetricsSample> {
    let mut running = Running::with_options(&serde_json::json!({
        "urls": [url, other],
        "interval_ms": NEVER_MS,
        "headers": {url: {"Authorization": "Bearer sk-12345678", "X-Team": "blue"}},
    }));
    running.begin_phase();
    let batch = running.next_batch();
    running.stop();
    batch
}

#[test]
fn headers_go_to_the_page_that_they_are_for() {
    let (page, other) = (serve(&[OK]), serve(&[OK]));
    scrape_with_key(&page.url, &other.url);
    let head = page.heads.lock().unwrap()[0].clone();
    assert!(head.contains("\nauthorization: bearer sk-12345678"), "{head}");
    assert!(head.contains("\nx-team: blue"), "{head}");
    let head = other.heads.lock().unwrap()[0].clone();
    assert!(!head.contains("authorization") && !head.contains("x-team"), "{head}");
}

#[test]
fn a_page_that_has_moved_is_found_and_its_headers_go_to_its_own_server_only() {
    let elsewhere = serve(&[OK]);
    let away = format!("307 Temporary Redirect\r\nLocation: {}", elsewhere.url);
    let page = serve(&[("307 Temporary Redirect\r\nLocation: /metrics/", ""), (&away, "")]);
    let batch = scrape_with_key(&page.url, &refusing_url());
    assert_eq!(batch.iter().filter(|sample| sample.error.is_none()).count(), 1);
    let heads = page.heads.lock().unwrap().clone();
    assert!(heads[1].starts_with("get /metrics/ ") && heads[1].contains("sk-12345678"), "{heads:?}");
    let heads = elsewhere.heads.lock().unwrap().clone();
    assert!(!heads[0].contains("sk-12345678") && !heads[0].contains("x-team"), "{heads:?}");
}

#[test]
fn a_page_that_repeats_its_key_does_not_bring_it_into_the_report() {
    let page = serve(&[("200 OK", "<html> no metrics for sk-12345678\n")]);
    let batch = scrape_with_key(&page.url, &refusing_url());
    let messages: Vec<_> = batch.iter().map(|sample| sample.error.clone().unwrap().message).collect();
    let expected = "line 1 is not Prometheus text: `<html> no metrics for <redacted>`";
    assert!(messages.contains(&expected.to_owned()), "{messages:?}");
}

#[test]
fn a_page_that_wants_a_key_says_how_to_give_it() {
    let page = serve(&[("401 Unauthorized", "")]);
    let mut running = Running::start(&[&page.url], NEVER_MS);
    running.begin_phase();
    let error = running.next_batch()[0].error.clone().unwrap();
    assert_eq!((error.code, error.message.as_str()), (Some(401), "401 Unauthorized"));
    assert!(error.hint.contains("--server-metrics-header"), "{error:?}");
    running.stop();
}

#[test]
fn what_a_full_bus_refuses_is_published_at_the_next_tick() {
    let page = serve(&[OK]);
    let mut running = Running::start(&[&page.url], NEVER_MS);
    *running.gate.to_refuse.lock().unwrap() = 1;
    running.begin_phase();
    running.gate.wait_until_it_has_refused_all();
    running.end_phase();
    let first = running.next_batch();
    let second = running.next_batch();
    assert!(first[0].at_ns < second[0].at_ns);
    running.stop();
}

#[test]
fn what_a_full_bus_refuses_at_the_end_is_published_before_the_service_has_stopped() {
    let page = serve(&[OK]);
    let mut running = Running::start(&[&page.url], NEVER_MS);
    *running.gate.to_refuse.lock().unwrap() = 4;
    running.begin_phase();
    running.end_phase();
    assert_eq!(running.stop().len(), 2);
}

#[test]
fn a_page_that_never_answers_does_not_hold_up_the_end() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/metrics", silent.local_addr().unwrap());
    let mut running = Running::start(&[&url], NEVER_MS);
    running.begin_phase();
    let (connection, _) = silent.accept().unwrap();
    running.service.stop(Duration::from_millis(10)).unwrap();
    assert_eq!(running.published.try_recv().ok(), None, "it waited for the page");
    drop(connection);
}

#[test]
fn wrong_options_do_not_make_a_service() {
    let (sender, _published) = channel();
    let host = FakeHost { published: sender, gate: Arc::default(), clock: AtomicU64::new(0) };
    let table = service_table::<ServerMetrics>("ServerMetrics");
    let error = ServiceInstance::create(table, r#"{"urls": 1}"#, HostTable::leak(host)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::CONFIG);
}
