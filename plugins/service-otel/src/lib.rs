//! A prony service that hands on what is measured to an OpenTelemetry collector, while the run goes on: metrics and spans, by OTLP
//! over HTTP, in JSON.
//!
//! Requests that have ended are added up at once, so that their number costs no memory; every two seconds the collector is told
//! where the sums are. Spans wait in a queue that is bounded. A collector that is down, slow or refuses costs the run nothing: what
//! is lost is counted and told at the end, as a [`TelemetryExport`].

mod attributes;
mod client;
mod export;
mod gauges;
mod histogram;
mod metrics;
mod options;
mod otlp;
mod run;
mod spans;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prony_plugin_api::{
    HostHandle, LogLevel, Message, RawMessage, Result, Service,
    collector::{Ended, Worker},
    live::RunNow,
    telemetry::{RequestSpanBatch, TelemetryExport},
};

use self::{
    client::Client,
    export::{Command, Exporter},
    metrics::Metrics,
    options::Options,
    run::Run,
    spans::Spans,
};

/// Under what the service's log lines stand.
const TARGET: &str = "otel";

/// What is known of the requests that have ended.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) metrics: Metrics,
    pub(crate) spans: Spans,
    /// The last seconds of a phase that goes on, in a run with agents: its requests are heard of at the end.
    pub(crate) now: Option<RunNow>,
    /// What has become of everything so far.
    pub(crate) outcome: TelemetryExport,
}

impl Known {
    /// What became of everything, where nothing more is sent.
    fn ended(&self) -> TelemetryExport {
        let outcome = self.outcome.clone();
        let spans_dropped = outcome.spans_dropped + self.spans.lost();
        TelemetryExport { requests: self.metrics.requests(), spans_dropped, ..outcome }
    }
}

/// The service.
///
/// What it hears is added up on the host's thread, which takes microseconds; a thread of its own talks to the collector.
#[derive(Debug)]
pub struct Otel {
    host: HostHandle,
    options: Options,
    run: Run,
    known: Arc<Mutex<Known>>,
    worker: Option<Worker<Command>>,
}

impl Service for Otel {
    const SUBSCRIPTIONS: &'static [&'static str] = &[RequestSpanBatch::TYPE, RunNow::TYPE];
    const PUBLISHES: &'static [&'static str] = &[TelemetryExport::TYPE];
    const OPTIONS: &'static str = options::SCHEMA;

    fn new(options: &str, host: HostHandle) -> Result<Self> {
        let options = Options::read(options)?;
        let run = Run::read(&host.run_facts(), &options.provider);
        let known = Known {
            metrics: Metrics::default(),
            spans: Spans::new(options.spans, options.most_spans),
            now: None,
            outcome: TelemetryExport::default(),
        };
        Ok(Self { host, options, run, known: Arc::new(Mutex::new(known)), worker: None })
    }

    fn start(&mut self) -> Result<()> {
        let Some(client) = Client::new(&self.options)? else { return Ok(()) };
        let exporter =
            Exporter::new(self.host, client, self.run.clone(), &self.options, Arc::clone(&self.known));
        self.worker = Some(Worker::start("otel", move |commands| exporter.run(commands))?);
        Ok(())
    }

    fn on_message(&mut self, message: &RawMessage<'_>) -> Result<()> {
        if let Some(batch) = message.decode::<RequestSpanBatch>() {
            let spans = batch?.spans;
            let mut known = self.known();
            for mut span in spans {
                known.metrics.add(&span, &self.run);
                // They are in the metrics and in no span, and may be thousands, which would wait with it.
                span.chunk_gaps_ns = Vec::new();
                known.spans.add(span);
            }
        } else if let Some(now) = message.decode::<RunNow>() {
            let goes_on = |now: &RunNow| !now.agents.is_empty() && !now.phase.is_over;
            self.known().now = Some(now?).filter(goes_on);
        }
        Ok(())
    }

    /// Sends what is left, as far as the time allows, and says what became of all of it.
    fn stop(&mut self, deadline: Duration) -> Result<()> {
        // A little earlier than asked for, so that the host gets its answer within the deadline.
        let timeout = deadline.mul_f64(0.9);
        let left_ns = u64::try_from(deadline.mul_f64(0.8).as_nanos()).unwrap_or(u64::MAX);
        let Some(worker) = self.worker.take() else { return Ok(()) };
        let deadline_ns = self.host.now_ns().saturating_add(left_ns);
        worker.tell(Command::Stop { deadline_ns, left: deadline.mul_f64(0.8) });
        if worker.end(timeout)? == Ended::Late {
            self.host.log(LogLevel::Warn, TARGET, || {
                "the collector did not answer before the run was over".to_owned()
            });
        }
        let export = self.known().ended();
        // A run that is over does not need to know.
        let _ = self.host.publish(&export);
        Ok(())
    }
}

impl Otel {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

prony_plugin_api::export_plugin! { capabilities: [network, threads, environment], services: [Otel] }

#[cfg(test)]
mod tests;
