//! Which files a run leaves, beside those that every run leaves: [`Exports`].

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Another tool, in whose files results can be written as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Compat {
    /// NVIDIA's AIPerf.
    Aiperf,
    /// `vllm bench serve`.
    Vllm,
    /// `guidellm benchmark run`.
    Guidellm,
}

/// How much is written of single requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExportLevel {
    /// Nothing: only what all of them come to.
    Summary,
    /// A line for each.
    #[default]
    Records,
    /// That, and the bodies of requests and responses.
    Raw,
}

/// A form in which the servers' own metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ServerMetricsFormat {
    /// Statistics of every series.
    Json,
    /// The same as one table.
    Csv,
    /// Every scrape, one a line.
    Jsonl,
}

/// The forms in which the servers' own metrics are written where the user does not say.
pub(crate) const SERVER_METRICS_FORMATS: [ServerMetricsFormat; 2] =
    [ServerMetricsFormat::Json, ServerMetricsFormat::Csv];

/// Which files a run leaves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Exports {
    /// Other tools whose files are written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) compat: Vec<Compat>,
    pub(crate) level: ExportLevel,
    /// Length of a slice of time, in seconds, if there are to be slices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) slice_s: Option<f64>,
    /// What file names begin with, in place of what they begin with otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prefix: Option<String>,
    /// None where the user does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_metrics: Option<Vec<ServerMetricsFormat>>,
}

impl Exports {
    /// Names of the files that a folder may have, of a run or of several, as they are without a prefix.
    pub(crate) const FILE_NAMES: [&str; 36] = [
        "plan.yaml",
        "journal.prony",
        "profile_export_raw.jsonl",
        "inputs.json",
        "profile_export.jsonl",
        "profile_export_prony.jsonl",
        "profile_export_warmup.jsonl",
        "server_metrics_export.jsonl",
        "gpu_telemetry_export.jsonl",
        "profile_export_network_latency.jsonl",
        "profile_export_sessions.jsonl",
        "outputs.json",
        "server_metrics_export.json",
        "server_metrics_export.csv",
        "profile_export_prony.json",
        "profile_export_prony.csv",
        "slices.json",
        "slices.csv",
        "profile_export_aiperf.json",
        "profile_export_aiperf.csv",
        "profile_export_aiperf_timeslices.json",
        "profile_export_aiperf_timeslices.csv",
        "vllm_bench.json",
        "benchmarks.json",
        "profile_export_prony.md",
        "report.html",
        "profile_export_console.txt",
        "manifest.json",
        "records.parquet",
        "trace.json",
        "experiment.json",
        "experiment_results.json",
        "experiment.csv",
        "experiment_console.txt",
        "search.json",
        "search_console.txt",
    ];

    /// Whether they are those of a run of which nothing else is asked.
    pub(crate) fn are_default(&self) -> bool {
        *self == Self::default()
    }

    /// What a file is called that has this name without a prefix. Names with `_prony` stay: prony looks for them itself.
    pub(crate) fn file_name<'a>(&self, name: &'a str) -> Cow<'a, str> {
        let Some(prefix) = self.prefix.as_deref().filter(|_| !name.contains("_prony")) else {
            return name.into();
        };
        let rest = name.strip_prefix("profile_export_aiperf").or_else(|| name.strip_prefix("profile_export"));
        if let Some(rest) = rest {
            return format!("{prefix}{rest}").into();
        }
        let of_collector = ["server_metrics", "gpu_telemetry"].into_iter().find_map(|collector| {
            let rest = name.strip_prefix(collector)?.strip_prefix("_export")?;
            Some(format!("{prefix}_{collector}{rest}"))
        });
        of_collector.map_or(name.into(), Cow::from)
    }

    /// A file whose place another one would take under the prefix. Some systems take capital and small letters for the same.
    pub(crate) fn overwritten(&self) -> Option<&'static str> {
        let taken = |name: &'static str| {
            let new = self.file_name(name);
            Self::FILE_NAMES.into_iter().find(|known| *known != name && new.eq_ignore_ascii_case(known))
        };
        self.prefix.as_ref().and_then(|_| Self::FILE_NAMES.into_iter().find_map(taken))
    }

    /// Whether files of this tool are written.
    pub(crate) fn has(&self, tool: Compat) -> bool {
        self.compat.contains(&tool)
    }

    /// Whether the servers' own metrics are written in this form.
    pub(crate) fn has_server_metrics(&self, format: ServerMetricsFormat) -> bool {
        self.server_metrics.as_deref().unwrap_or(&SERVER_METRICS_FORMATS).contains(&format)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("profile_export_aiperf.json", "foo.json")]
    #[case("profile_export.jsonl", "foo.jsonl")]
    #[case("profile_export_raw.jsonl", "foo_raw.jsonl")]
    #[case("profile_export_aiperf_timeslices.csv", "foo_timeslices.csv")]
    #[case("profile_export_console.txt", "foo_console.txt")]
    #[case("server_metrics_export.json", "foo_server_metrics.json")]
    #[case("gpu_telemetry_export.jsonl", "foo_gpu_telemetry.jsonl")]
    #[case("profile_export_network_latency.jsonl", "foo_network_latency.jsonl")]
    #[case("profile_export_prony.json", "profile_export_prony.json")]
    #[case("report.html", "report.html")]
    fn a_prefix_stands_where_aiperf_has_it(#[case] name: &str, #[case] expected: &str) {
        let exports = Exports { prefix: Some("foo".to_owned()), ..Exports::default() };
        assert_eq!(exports.file_name(name), expected);
        assert_eq!(Exports::default().file_name(name), name);
    }

    #[rstest]
    #[case::own_name("profile_export", false)]
    #[case::own_name_of_aiperf("profile_export_aiperf", false)]
    #[case::free("monday", false)]
    #[case::summary("profile_export_prony", true)]
    #[case::slices("slices", true)]
    #[case::capitals("SLICES", true)]
    #[case::server_metrics("server_metrics_export", true)]
    #[case::experiment("experiment", true)]
    fn a_prefix_may_lead_to_a_name_that_another_file_has(#[case] prefix: &str, #[case] expected: bool) {
        let exports = Exports { prefix: Some(prefix.to_owned()), ..Exports::default() };
        assert_eq!(exports.overwritten().is_some(), expected, "{:?}", exports.overwritten());
    }
}
