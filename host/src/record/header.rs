//! What a journal says of its run before anything happened: the [`RunHeader`].

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::host_facts::HostFacts;
use super::settings::{RunSettings, of_older, older_hint};
use crate::plugin::UsedPlugin;

/// What the journal begins with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "StoredHeader")]
pub(crate) struct RunHeader {
    /// Identity of the run, a UUID.
    pub(crate) run_id: String,
    /// Version of the tool that made it.
    pub(crate) version: String,
    /// What reports read of the configuration.
    pub(crate) settings: RunSettings,
    /// The resolved configuration, without secrets. It is only shown, so that no reader has to understand it.
    pub(crate) config: Value,
    /// The command line, secrets redacted.
    pub(crate) command: String,
    /// What counts tokens, with the SHA-256 of its vocabulary; nothing when nothing does.
    pub(crate) tokenizer: Option<String>,
    /// Wall-clock nanoseconds since the Unix epoch at the run's start.
    pub(crate) wall_start_ns: u64,
    /// What decides which metrics make sense.
    pub(crate) capabilities: Capabilities,
    /// Which plugins might be used, and who decided it.
    pub(crate) plugin_policy: PolicyRecord,
    /// The plugins that were in use when the run began.
    pub(crate) plugins: Vec<UsedPlugin>,
    /// The machine; unknown in journals that are older than this field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<HostFacts>,
}

/// A header of any version, as it stands in a journal.
#[derive(Deserialize)]
struct StoredHeader {
    run_id: String,
    version: String,
    /// Newer than the other fields.
    #[serde(default)]
    settings: Option<Value>,
    config: Value,
    command: String,
    #[serde(default)]
    tokenizer: Option<String>,
    wall_start_ns: u64,
    capabilities: StoredCapabilities,
    #[serde(default)]
    plugin_policy: PolicyRecord,
    #[serde(default)]
    plugins: Vec<UsedPlugin>,
    #[serde(default)]
    host: Option<HostFacts>,
}

/// Capabilities of any version.
#[derive(Deserialize)]
struct StoredCapabilities {
    #[serde(flatten)]
    now: Capabilities,
    /// Older than the endpoint's own words.
    #[serde(default)]
    legacy_limit: Option<String>,
}

impl StoredCapabilities {
    fn read(self, settings: &Value) -> Capabilities {
        let Self { now, legacy_limit } = self;
        let hint = now.longer_output_hint.clone();
        Capabilities {
            longer_output_hint: hint.or_else(|| older_hint(legacy_limit.as_deref(), settings)),
            ..now
        }
    }
}

impl From<StoredHeader> for RunHeader {
    fn from(stored: StoredHeader) -> Self {
        let mut config = stored.config;
        let settings = stored.settings.unwrap_or_else(|| of_older(&mut config));
        Self {
            // Every field of its own is lenient: only something that is no map at all gives nothing.
            capabilities: stored.capabilities.read(&settings),
            settings: serde_json::from_value::<RunSettings>(settings).unwrap_or_default(),
            run_id: stored.run_id,
            version: stored.version,
            config,
            command: stored.command,
            tokenizer: stored.tokenizer,
            wall_start_ns: stored.wall_start_ns,
            plugin_policy: stored.plugin_policy,
            plugins: stored.plugins,
            host: stored.host,
        }
    }
}

impl RunHeader {
    /// What stands for one that is damaged: nothing is known, so that every metric may make sense.
    pub(crate) fn lost() -> Self {
        Self {
            run_id: UNKNOWN.to_owned(),
            version: UNKNOWN.to_owned(),
            settings: RunSettings::default(),
            config: Value::Null,
            command: UNKNOWN.to_owned(),
            tokenizer: None,
            wall_start_ns: 0,
            capabilities: Capabilities {
                metrics_title: "Metrics".to_owned(),
                produces_tokens: true,
                tokenizes_input: true,
                streaming: true,
                longer_output_hint: None,
            },
            plugin_policy: PolicyRecord::default(),
            plugins: Vec::new(),
            host: None,
        }
    }
}

/// What is said of what a lost header would have said.
const UNKNOWN: &str = "unknown";

/// A plugin policy, as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PolicyRecord {
    /// `any`, `pinned` or `builtin`; empty in journals that are older than policies.
    pub(crate) name: String,
    /// Who set it: a flag, a variable, a file.
    pub(crate) set_by: String,
}

/// What the endpoint's manifest says about its answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Capabilities {
    /// Title of the console table.
    pub(crate) metrics_title: String,
    /// Output is text, countable in tokens.
    pub(crate) produces_tokens: bool,
    /// Input is text, countable in tokens.
    pub(crate) tokenizes_input: bool,
    /// The run streams.
    pub(crate) streaming: bool,
    /// What to try where answers are longer than asked for, as the endpoint says it.
    pub(crate) longer_output_hint: Option<String>,
}
