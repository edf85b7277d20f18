//! Names of the files that a report consists of. Which of them belong together stands in [`super::writers`].

/// The settings of the run, in a form that repeats it. It is written before the first request.
pub(crate) const SETTINGS: &str = "plan.yaml";

/// Profiled requests, one a line.
pub(crate) const REQUESTS: &str = "profile_export.jsonl";

/// Requests of the warm-up, one a line.
pub(crate) const WARMUP_REQUESTS: &str = "profile_export_warmup.jsonl";

/// Profiled sessions of several requests, one a line.
pub(crate) const SESSIONS: &str = "profile_export_sessions.jsonl";

/// The generated texts.
pub(crate) const OUTPUTS: &str = "outputs.json";

/// The servers' own metrics.
pub(crate) const SERVER_METRICS: &str = "server_metrics_export.json";

/// The servers' own metrics as one table.
pub(crate) const SERVER_METRICS_TABLE: &str = "server_metrics_export.csv";

/// Every metric and everything else that is known of the run.
pub(crate) const SUMMARY: &str = "profile_export_prony.json";

/// Every metric as one table.
pub(crate) const SUMMARY_TABLE: &str = "profile_export_prony.csv";

/// The report as Markdown.
pub(crate) const MARKDOWN: &str = "profile_export_prony.md";

/// Everything as one page for a browser.
pub(crate) const PAGE: &str = "report.html";

/// What the console showed.
pub(crate) const CONSOLE: &str = "profile_export_console.txt";

/// All files, with their sizes and sums, and what made them.
pub(crate) const MANIFEST: &str = "manifest.json";

/// The records as a table for programs, where somebody has asked for it.
pub(crate) const PARQUET: &str = "records.parquet";

/// The sessions on a timeline, where somebody has asked for it.
pub(crate) const CHROME_TRACE: &str = "trace.json";
