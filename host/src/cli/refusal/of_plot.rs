//! Flags of the command `plot` of AIPerf that the one of prony does not take.

/// Flags of `aiperf plot`, and what to do in place of each.
const FLAGS: &[(&[&str], &str)] = &[
    (&["--config"], "leave it out: the charts are those of `report.html`, which need no settings"),
    (
        &["--dashboard", "--host", "--port"],
        "open `report.html` in the folder of a run or an experiment: it needs no server, and lets requests be searched and sorted",
    ),
    (
        &[
            "--mlflow-tracking-uri",
            "--mlflow-experiment",
            "--mlflow-run-name",
            "--mlflow-tag",
            "--mlflow-parent-run-id",
        ],
        "leave it out: nothing is uploaded. The files are in the folder that `--output` names",
    ),
];

/// What to do in place of a flag of `aiperf plot`; nothing where it is none.
pub(super) fn flag(name: &str) -> Option<&'static str> {
    FLAGS.iter().find(|(flags, _)| flags.contains(&name)).map(|(_, hint)| *hint)
}
