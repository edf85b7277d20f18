//! The JSON Schemas of the files that prony writes: the texts of `docs/schemas`, so that the program and the documents are one.
//!
//! They are strict: a key that they do not name is an error, so that a file of a newer version, which may have more keys, does not
//! pass those of an older one. Nothing here knows how the files are made.

/// A schema, in JSON Schema's draft 2020-12.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schema {
    /// Its name, and that of its file in `docs/schemas`.
    pub(crate) name: &'static str,
    /// Names of the files that it is of; none where it is of what a command prints.
    pub(crate) files: &'static [&'static str],
    /// Version of what it describes.
    pub(crate) version: &'static str,
    /// It describes each line of the file, and not the whole.
    pub(crate) is_of_lines: bool,
    /// What it is of, in a few words.
    pub(crate) about: &'static str,
    pub(crate) text: &'static str,
}

macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("../../docs/schemas/", $name, ".json"))
    };
}

/// All of them: those of a run, of several runs, and of what commands print.
pub(crate) static SCHEMAS: [Schema; 17] = [
    Schema {
        name: "run",
        files: &["profile_export_prony.json"],
        version: "2.0",
        is_of_lines: false,
        about: "the summary of a run",
        text: text!("run"),
    },
    Schema {
        name: "request",
        files: &["profile_export.jsonl", "profile_export_prony.jsonl", "profile_export_warmup.jsonl"],
        version: "1.0",
        is_of_lines: true,
        about: "a request",
        text: text!("request"),
    },
    Schema {
        name: "session",
        files: &["profile_export_sessions.jsonl"],
        version: "1.0",
        is_of_lines: true,
        about: "a conversation of several requests",
        text: text!("session"),
    },
    Schema {
        name: "slices",
        files: &["slices.json"],
        version: "1.0",
        is_of_lines: false,
        about: "the numbers of each slice of time",
        text: text!("slices"),
    },
    Schema {
        name: "exchange",
        files: &["profile_export_raw.jsonl"],
        version: "1.0",
        is_of_lines: true,
        about: "the bodies of a request and its response",
        text: text!("exchange"),
    },
    Schema {
        name: "server-metrics",
        files: &["server_metrics_export.json"],
        version: "1.0",
        is_of_lines: false,
        about: "the servers' own metrics",
        text: text!("server-metrics"),
    },
    Schema {
        name: "scrape",
        files: &["server_metrics_export.jsonl"],
        version: "1.0",
        is_of_lines: true,
        about: "a scrape of the servers' own metrics",
        text: text!("scrape"),
    },
    Schema {
        name: "gpu-reading",
        files: &["gpu_telemetry_export.jsonl"],
        version: "1.0",
        is_of_lines: true,
        about: "a reading of a GPU",
        text: text!("gpu-reading"),
    },
    Schema {
        name: "network-probe",
        files: &["profile_export_network_latency.jsonl"],
        version: "1.0",
        is_of_lines: true,
        about: "a connection that measures the way to a server",
        text: text!("network-probe"),
    },
    Schema {
        name: "outputs",
        files: &["outputs.json"],
        version: "1.0",
        is_of_lines: false,
        about: "the generated texts",
        text: text!("outputs"),
    },
    Schema {
        name: "manifest",
        files: &["manifest.json"],
        version: "1.0",
        is_of_lines: false,
        about: "what stands in a folder, and what made it",
        text: text!("manifest"),
    },
    Schema {
        name: "experiment",
        files: &["experiment.json"],
        version: "1",
        is_of_lines: false,
        about: "what an experiment is, and how far it is",
        text: text!("experiment"),
    },
    Schema {
        name: "experiment-results",
        files: &["experiment_results.json"],
        version: "1.0",
        is_of_lines: false,
        about: "what the runs of an experiment came to",
        text: text!("experiment-results"),
    },
    Schema {
        name: "search",
        files: &["search.json"],
        version: "2.0",
        is_of_lines: false,
        about: "a search for the highest load",
        text: text!("search"),
    },
    Schema {
        name: "compare",
        files: &[],
        version: "1.0",
        is_of_lines: false,
        about: "a comparison, as `prony compare --format json` prints it",
        text: text!("compare"),
    },
    Schema {
        name: "conformance",
        files: &[],
        version: "1.1",
        is_of_lines: false,
        about: "a conformance report, as `prony plugins check --report` writes it",
        text: text!("conformance"),
    },
    Schema {
        name: "conformance-trace",
        files: &[],
        version: "1.0",
        is_of_lines: true,
        about: "a call into a library, as `prony plugins check --trace` writes it",
        text: text!("conformance-trace"),
    },
];

/// The schema of a file, by its name or path.
pub(crate) fn of_file(name: &str) -> Option<&'static Schema> {
    let own = name.rsplit('/').next().unwrap_or(name);
    SCHEMAS.iter().find(|schema| schema.files.contains(&own))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn a_file_has_the_schema_of_its_name_wherever_it_is() {
        let name = |file: &str| of_file(file).map(|schema| schema.name);
        assert_eq!(name("runs/isl_5/run_1/manifest.json"), Some("manifest"));
        assert_eq!((name("profile_export_warmup.jsonl"), name("report.html")), (Some("request"), None));
    }

    /// What a schema says of the version of its file is what its row says.
    #[test]
    fn each_schema_is_json_and_knows_its_version() {
        for Schema { name, version, text, .. } in SCHEMAS {
            let schema: Value = serde_json::from_str(text).unwrap();
            assert!(schema["title"].is_string() && schema["description"].is_string(), "{name}");
            assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
            let stated = &schema["properties"]["schema_version"]["const"];
            assert!(stated.is_null() || stated == version, "{name}: {stated}");
        }
    }

    /// The contract for scripts has a row for each.
    #[test]
    fn the_versions_are_those_of_the_contract_for_scripts() {
        let page = include_str!("../../docs/EXIT_CODES_AND_FILES.md");
        let (_, table) = page.split_once("\n| schema | files | version |\n|---|---|---|\n").unwrap();
        let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
        let row = |schema: &Schema| {
            let files: Vec<String> = schema.files.iter().map(|file| format!("`{file}`")).collect();
            let files = if files.is_empty() { schema.about.to_owned() } else { files.join(", ") };
            format!("| `{}` | {files} | {} |", schema.name, schema.version)
        };
        assert_eq!(rows, SCHEMAS.iter().map(row).collect::<Vec<_>>());
    }

    #[test]
    fn names_are_names_of_one_schema() {
        let names: BTreeSet<&str> = SCHEMAS.iter().map(|schema| schema.name).collect();
        let files: BTreeSet<&str> = SCHEMAS.iter().flat_map(|schema| schema.files).copied().collect();
        let count: usize = SCHEMAS.iter().map(|schema| schema.files.len()).sum();
        assert_eq!((names.len(), files.len()), (SCHEMAS.len(), count));
        assert!(names.is_disjoint(&files));
    }
}
