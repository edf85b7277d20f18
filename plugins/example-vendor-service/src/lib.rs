//! A service of Example Vendor's, beside the load. `CHANGE` marks what is theirs; the rest can stay.
use prony_plugin_api::message::{PhaseRecorded, RecordBatch, Table};
use prony_plugin_api::{HostHandle, LogLevel, Message, PluginError, RawMessage, Result, Service};
use serde::{Deserialize, Serialize};

/// What it publishes when a phase is over; it stands in the report's summary. CHANGE: your own message.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    pub requests: u64,
    pub failed: u64,
    pub output_tokens: u64,
    /// Shown on the console. Leave it out where there is nothing to show.
    pub prony_table: Table,
}

impl Tally {
    /// With the table that people see. CHANGE: what is in it.
    #[must_use]
    pub fn with_table(mut self) -> Self {
        self.prony_table = Table {
            title: "Requests as counted by Example Vendor".to_owned(),
            columns: ["requests", "failed", "output tokens"].map(str::to_owned).into(),
            rows: vec![vec![self.requests.into(), self.failed.into(), self.output_tokens.into()]],
        };
        self
    }
}

impl Message for Tally {
    const TYPE: &'static str = "example_vendor_service_tally";
}

/// Counts. It is called from one thread at a time and must return soon: long work goes into a thread of its own.
#[derive(Debug)]
pub struct ExampleVendorService {
    host: HostHandle,
    tally: Tally,
}

impl Service for ExampleVendorService {
    // CHANGE: what it wants to hear.
    const SUBSCRIPTIONS: &'static [&'static str] = &[RecordBatch::TYPE, PhaseRecorded::TYPE];

    // CHANGE: what it publishes. `prony plugins graph` shows both.
    const PUBLISHES: &'static [&'static str] = &[Tally::TYPE];

    fn new(_options: &str, host: HostHandle) -> Result<Self> {
        Ok(Self { host, tally: Tally::default() })
    }

    fn on_message(&mut self, message: &RawMessage<'_>) -> Result<()> {
        // CHANGE: what it does with what it hears.
        if let Some(batch) = message.decode::<RecordBatch>() {
            for record in batch?.records {
                self.tally.requests += 1;
                self.tally.failed += u64::from(record.error.is_some());
                self.tally.output_tokens += record.output_tokens;
            }
        } else if message.message_type() == PhaseRecorded::TYPE {
            let tally = std::mem::take(&mut self.tally);
            self.host.log(LogLevel::Info, Tally::TYPE, || format!("{tally:?}"));
            self.host.publish(&tally.with_table()).map_err(PluginError::io)?;
        }
        Ok(())
    }
}

prony_plugin_api::export_plugin! { capabilities: [], services: [ExampleVendorService] }
