//! The service.

use std::time::Duration;

use prony_plugin_api::{
    message::{
        MetricFamily, MetricKind, MetricSample, PhaseEnded, PhaseStarted, RecordBatch, ServerMetricsBatch,
        ServerMetricsSample,
    },
    HostHandle, Message, PluginError, RawMessage, Result, Service,
};

/// Publishes how much it has heard, as a page of a server would say it.
#[derive(Debug)]
pub struct CompatCounter {
    host: HostHandle,
    records: u64,
    phases: u64,
    ended_ns: u64,
    #[cfg(feature = "tokio")]
    own: Option<runtime::Own>,
}

impl Service for CompatCounter {
    const SUBSCRIPTIONS: &'static [&'static str] = &[PhaseStarted::TYPE, PhaseEnded::TYPE, RecordBatch::TYPE];

    fn new(_options: &str, host: HostHandle) -> Result<Self> {
        Ok(Self {
            host,
            records: 0,
            phases: 0,
            ended_ns: 0,
            #[cfg(feature = "tokio")]
            own: None,
        })
    }

    fn start(&mut self) -> Result<()> {
        #[cfg(feature = "tokio")]
        self.own.replace(runtime::Own::start()?);
        Ok(())
    }

    fn on_message(&mut self, message: &RawMessage<'_>) -> Result<()> {
        if let Some(batch) = message.decode::<RecordBatch>() {
            self.records += batch?.records.len() as u64;
        }
        if let Some(started) = message.decode::<PhaseStarted>() {
            let started = started?;
            self.publish(started.at_ns)?;
        }
        if let Some(ended) = message.decode::<PhaseEnded>() {
            self.phases += 1;
            self.ended_ns = ended?.at_ns;
        }
        Ok(())
    }

    fn stop(&mut self, _deadline: Duration) -> Result<()> {
        #[cfg(feature = "tokio")]
        if let Some(own) = self.own.take() {
            own.stop()?;
        }
        // The last records are heard of after the end of their phase.
        self.publish(self.ended_ns)
    }
}

impl CompatCounter {
    fn publish(&self, at_ns: u64) -> Result<()> {
        let families = vec![family("compat_records", self.records), family("compat_phases", self.phases)];
        let sample =
            ServerMetricsSample { url: "compat".into(), at_ns, families, ..ServerMetricsSample::default() };
        self.host.publish(&ServerMetricsBatch { samples: vec![sample] }).map_err(PluginError::io)
    }
}

fn family(name: &str, value: u64) -> MetricFamily {
    let sample = MetricSample { value: value as f64, ..MetricSample::default() };
    MetricFamily { name: name.into(), kind: MetricKind::Counter, help: String::new(), samples: vec![sample] }
}

#[cfg(feature = "tokio")]
mod runtime {
    //! A runtime whose tasks run beside the host's.

    use std::{
        sync::{
            atomic::{AtomicU64, Ordering},
            Arc,
        },
        time::Duration,
    };

    use prony_plugin_api::{PluginError, Result};
    use tokio::runtime::{Builder, Runtime};

    /// A runtime of the plugin's own.
    #[derive(Debug)]
    pub struct Own {
        runtime: Runtime,
        ticks: Arc<AtomicU64>,
    }

    impl Own {
        pub fn start() -> Result<Self> {
            let runtime = Builder::new_multi_thread()
                .worker_threads(1)
                .enable_time()
                .build()
                .map_err(PluginError::io)?;
            let ticks = Arc::new(AtomicU64::new(0));
            let counted = Arc::clone(&ticks);
            runtime.spawn(async move {
                loop {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            });
            Ok(Self { runtime, ticks })
        }

        /// Ends it once it has ticked: a runtime that does not run is an error.
        pub fn stop(self) -> Result<()> {
            let ticked = async {
                while self.ticks.load(Ordering::Relaxed) == 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            let timeout = async { tokio::time::timeout(Duration::from_secs(2), ticked).await };
            self.runtime.block_on(timeout).map_err(PluginError::io)
        }
    }
}
