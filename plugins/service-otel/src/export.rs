//! The thread that talks to the collector: exports [`Exporter`] and the [`Command`]s it obeys.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use prony_plugin_api::{ErrorDetails, HostHandle, LogLevel};
use serde_json::Value;

use crate::{
    Known, TARGET,
    client::{Answer, Client, Fate, Signal, TIMEOUT},
    gauges,
    options::Options,
    otlp,
    run::Run,
};

/// What the thread is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Send what is left until this instant of the run, and end.
    Stop {
        /// Nanoseconds since the run's start.
        deadline_ns: u64,
        /// The time until then.
        left: Duration,
    },
}

/// Spans of one request to the collector.
const SPANS_A_REQUEST: usize = 500;

/// Tells the collector of what is known, in a rhythm.
#[derive(Debug)]
pub(crate) struct Exporter {
    host: HostHandle,
    client: Client,
    run: Run,
    resource: Value,
    interval: Duration,
    known: Arc<Mutex<Known>>,
}

impl Exporter {
    /// One that has not begun.
    pub(crate) fn new(
        host: HostHandle,
        client: Client,
        run: Run,
        options: &Options,
        known: Arc<Mutex<Known>>,
    ) -> Self {
        let resource = otlp::resource(&run, &options.resource);
        let interval = Duration::from_millis(options.interval_ms);
        let exporter = Self { host, client, run, resource, interval, known };
        exporter.known().outcome.url = exporter.client.name();
        exporter
    }

    /// Works until it is told to stop, or nobody is left to tell it.
    pub(crate) fn run(self, commands: &Receiver<Command>) {
        loop {
            match commands.recv_timeout(self.interval) {
                Ok(Command::Stop { deadline_ns, left }) => {
                    return self.finish(deadline_ns, left);
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.report();
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Sends where the sums are, and spans as long as the collector answers in time. It may take one of the two only.
    fn report(&self) {
        let began_ns = self.host.now_ns();
        let in_time = || Duration::from_nanos(self.host.now_ns().saturating_sub(began_ns)) < self.interval;
        let mut goes_on = self.send_metrics(TIMEOUT) != Fate::Unreached;
        while goes_on && in_time() {
            goes_on = self.send_spans(TIMEOUT);
        }
    }

    /// The last report, which has everything.
    fn finish(&self, deadline_ns: u64, left: Duration) {
        let began_ns = deadline_ns.saturating_sub(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX));
        let time_left = || {
            let passed = self.host.now_ns().saturating_sub(began_ns);
            left.saturating_sub(Duration::from_nanos(passed))
        };
        self.known().spans.finish();
        let metrics = self.send_metrics(time_left());
        self.known().outcome.is_complete = metrics == Fate::Taken { refused: 0 };
        let mut goes_on = metrics != Fate::Unreached;
        while goes_on {
            goes_on = self.send_spans(time_left());
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn metrics(&self) -> Vec<Value> {
        let known = self.known();
        let mut metrics = known.metrics.json(&self.run, self.host.now_ns());
        metrics.extend(known.now.iter().flat_map(|now| gauges::json(now, &self.run)));
        metrics
    }

    fn send_metrics(&self, timeout: Duration) -> Fate {
        let metrics = self.metrics();
        if metrics.is_empty() {
            return Fate::Taken { refused: 0 };
        }
        self.post(Signal::Metrics, &otlp::metrics(&self.resource, &metrics), timeout)
    }

    /// Sends some spans. Whether there were any, and more are worth sending now.
    fn send_spans(&self, timeout: Duration) -> bool {
        let spans = self.known().spans.take(SPANS_A_REQUEST);
        if spans.is_empty() {
            return false;
        }
        let count = spans.len() as u64;
        let fate = self.post(Signal::Traces, &otlp::spans(&self.resource, &spans, &self.run), timeout);
        let mut known = self.known();
        match fate {
            Fate::Taken { refused } => {
                let refused = refused.min(count);
                known.outcome.spans_sent += count - refused;
                known.outcome.spans_dropped += refused;
                true
            }
            Fate::Refused => {
                known.outcome.spans_dropped += count;
                true
            }
            Fate::Busy | Fate::Unreached => {
                known.spans.put_back(spans);
                false
            }
        }
    }

    fn post(&self, signal: Signal, body: &Value, timeout: Duration) -> Fate {
        if timeout.is_zero() {
            return Fate::Unreached;
        }
        let Answer { fate, error } = self.client.post(signal, body, timeout);
        let outcome = &mut self.known().outcome;
        if matches!(fate, Fate::Taken { .. }) {
            outcome.delivered += 1;
        } else {
            outcome.failed += 1;
        }
        if let Some(error) = error {
            if outcome.error.is_none() {
                self.host.log(LogLevel::Info, TARGET, || said(&error));
            }
            outcome.error = Some(error);
        }
        fate
    }
}

fn said(error: &ErrorDetails) -> String {
    format!("the collector does not take all telemetry ({}); the run goes on without it", error.message)
}
