//! The flags about the files that a run leaves.

use clap::Args;

use super::choice::{ChoiceParser, OUTPUT};
use crate::{
    config::units::{self, Choice},
    plan::{Compat, ExportLevel, ServerMetricsFormat},
};

/// Which files are written, and what they are called.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ExportFlags {
    /// Write the results in the files of other tools as well: `aiperf`, `vllm`, `guidellm`; several separated by commas.
    ///
    /// They stand beside prony's own, with the definitions of the tool. What prony does not know as the tool defines it is left out.
    /// `prony report DIR --compat …` writes them later.
    #[arg(long, value_name = "TOOL", value_delimiter = ',', help_heading = OUTPUT)]
    #[arg(value_parser = ChoiceParser::<Compat>::new())]
    pub(crate) compat: Vec<Compat>,

    /// How much is written of single requests: `summary` (nothing), `records` (a line for each) or `raw` (their bodies, too)
    /// [default: records].
    ///
    /// `raw` writes the bodies of requests and responses to `profile_export_raw.jsonl` while the run goes on, 1 GiB at most.
    #[arg(long, alias = "profile-export-level", value_name = "LEVEL", help_heading = OUTPUT)]
    #[arg(value_parser = ChoiceParser::<ExportLevel>::new())]
    pub(crate) export_level: Option<ExportLevel>,

    /// Write the results of each slice of time of this length, to slices.json and slices.csv.
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = OUTPUT)]
    pub(crate) slice_duration: Option<f64>,

    /// What the names of exported files begin with, in place of `profile_export`.
    ///
    /// Files that prony itself reads keep their names: `profile_export_prony.*`, plan.yaml, the journal. The same as
    /// --profile-export-file.
    #[arg(long, alias = "profile-export-file", value_name = "NAME", help_heading = OUTPUT)]
    pub(crate) profile_export_prefix: Option<String>,

    /// Forms in which the servers' own metrics are written: `json`, `csv`, `jsonl` (every scrape) [default: json,csv].
    #[arg(long, value_name = "FORMAT", num_args = 1.., value_delimiter = ',', help_heading = OUTPUT)]
    #[arg(value_parser = ChoiceParser::<ServerMetricsFormat>::new())]
    pub(crate) server_metrics_formats: Vec<ServerMetricsFormat>,
}

impl Choice for Compat {
    const NAMES: &'static [(&'static str, Self)] =
        &[("aiperf", Self::Aiperf), ("vllm", Self::Vllm), ("guidellm", Self::Guidellm)];
}

impl Choice for ExportLevel {
    const NAMES: &'static [(&'static str, Self)] =
        &[("summary", Self::Summary), ("records", Self::Records), ("raw", Self::Raw)];
}

impl Choice for ServerMetricsFormat {
    const NAMES: &'static [(&'static str, Self)] =
        &[("json", Self::Json), ("csv", Self::Csv), ("jsonl", Self::Jsonl)];
    const NOT_BUILT: &'static [&'static str] = &["parquet"];
    const INSTEAD: &'static [(&'static str, &'static str)] =
        &[("parquet", "use `jsonl`, which has every scrape, and which programs for Parquet read as well")];
}
