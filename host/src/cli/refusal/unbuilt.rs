//! Command lines of AIPerf 0.13 that prony cannot run yet.
//!
//! prony takes AIPerf's flags under their names. One that it does not have must neither be ignored, which would
//! measure something else than was asked for, nor look like a typo. This file knows all of them by name. It grows
//! shorter as flags are built; a test compares it with those.

/// Flags for which there is something else to do, each group with what that is.
const WITH_ALTERNATIVE: &[(&[&str], &str)] = &[
    (
        &[
            "--optuna-sampler",
            "--optuna-acquisition",
            "--optuna-terminator",
            "--search-percentile-pooling",
            "--bo-constraint-mode",
            "--search-sla-tier",
        ],
        "`prony search --over concurrency --slo 'time_to_first_token p95 < 500ms'` finds the highest load that keeps to objectives",
    ),
    (
        &["--search-random-seed"],
        "leave it out: a search draws nothing but what its runs send, and `--random-seed` is the seed of that",
    ),
    (
        &["--degradation-threshold", "--degradation-metric-tag", "--degradation-stat"],
        "`--search-recipe concurrency-ramp` says at which load the 99th percentile of the latency is more than 1.2 times that of the \
         lowest one, and `prony search` finds the highest load within a bound",
    ),
    (
        &["--network-latency-mean"],
        "use `--network-latency`: the time that the network takes stands beside latencies, and is not subtracted from them",
    ),
    (
        &["--stream"],
        "use `--streaming` if a stream of tokens is meant; `--otel-url URL` sends metrics and spans to a collector",
    ),
];

/// All other flags of `aiperf profile`, by the order of its help.
#[rustfmt::skip]
const WITHOUT_ALTERNATIVE: &[&str] = &[
    // Endpoint.
    "--per-chunk-usage",
    "--request-content-type", "--download-video-content", "--uuid-and-strip", "--wait-for-model-mode",
    "--wait-for-model-interval",
    // Tokenizer.
    "--tokenizer-trust-remote-code",
    // Input.
    "--hf-subset", "--hf-weka-dataset", "--dataset-filter", "--allow-dataset-wrap",
    // Conversations.
    "--open-loop-strict", "--omit-kv-hints",
    // Output, integrations.
    "--show-trace-timing", "--mlflow-tracking-uri", "--mlflow-experiment", "--mlflow-run-name", "--mlflow-tag",
    "--mlflow-parent-run-id", "--mlflow-artifact-glob", "--wandb-project", "--wandb-entity", "--wandb-run-name",
    "--wandb-tag",
    // Telemetry, service.
    "--stats-interval", "--record-processors", "--record-processor-service-count",
    "--zmq-host", "--zmq-ipc-path", "--zmq-dual-bind",
    // Accuracy.
    "--accuracy-benchmark", "--accuracy-tasks", "--accuracy-n-shots", "--accuracy-enable-cot", "--accuracy-grader",
    "--accuracy-system-prompt", "--accuracy-verbose",
];

/// Where there is nothing in place of a command.
const HELP: &str = "`prony --help` lists what there is";

/// Commands of `aiperf`, and what to do in place of each.
const COMMANDS: &[(&str, &str)] = &[
    (
        "analyze",
        "`report.html` in the folder of a run has its sessions as lanes, and each turn with its times; `prony plot RUN` writes \
         the lanes as a file, and `prony export RUN --format chrome-trace` all sessions as a timeline for Perfetto. What was said \
         in turns is in `outputs.json`, with `--export-outputs-json`",
    ),
    (
        "analyze-trace",
        "`prony dataset inspect FILE` says what is in a trace, and what a cache could have of it",
    ),
    ("chat", HELP),
    ("kube", HELP),
    ("proxy", HELP),
    (
        "synthesize",
        "`prony dataset convert FILE` with the `--synthesis-...` flags makes a trace of another one",
    ),
    ("validate", "`prony dataset validate FILE` lists everything that is wrong with a file"),
];

/// What to do in place of a flag of AIPerf's that is not built; nothing where it is none of them.
pub(super) fn flag(name: &str) -> Option<&'static str> {
    let with = WITH_ALTERNATIVE.iter().find(|(flags, _)| flags.contains(&name)).map(|(_, hint)| *hint);
    with.or_else(|| {
        WITHOUT_ALTERNATIVE.contains(&name).then_some("`prony profile --help` lists what there is")
    })
}

/// What to do in place of a command of AIPerf's; nothing where it is none of them.
pub(super) fn command(name: &str) -> Option<&'static str> {
    COMMANDS.iter().find(|(command, _)| *command == name).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cli::{help, refusal::tests::built};

    /// The flags that most users of AIPerf use, one line a section of its help.
    const COMMON: &str = "
        --model -m --model-names --url -u --endpoint-type --custom-endpoint --endpoint --streaming
        --request-timeout-seconds --api-key --use-server-token-count --connection-reuse-strategy
        --wait-for-model-timeout --tokenizer --tokenizer-trust-remote-code --config -f --extra-inputs --header -H
        --input-file --custom-dataset-type --public-dataset --dataset-sampling-strategy --random-seed
        --fixed-schedule --goodput --num-conversations --conversation-num --num-sessions --num-dataset-entries
        --num-prompts --conversation-turn-mean --session-turns-mean --conversation-turn-stddev
        --session-turns-stddev --conversation-turn-delay-mean --session-turn-delay-mean --isl
        --prompt-input-tokens-mean --synthetic-input-tokens-mean --isl-stddev --prompt-input-tokens-stddev
        --synthetic-input-tokens-stddev --osl --output-tokens-mean --prompt-output-tokens-mean --osl-stddev
        --output-tokens-stddev --prompt-output-tokens-stddev --seq-dist --sequence-distribution --batch-size -b
        --prompt-batch-size --batch-size-text --system-prompt --system-prompt-file --shared-system-prompt-length
        --num-prefix-prompts --prompt-prefix-pool-size --prefix-prompt-pool-size --prefix-prompt-length
        --prompt-prefix-length --image-width-mean --image-height-mean --audio-length-mean --concurrency
        --prefill-concurrency --request-rate --arrival-pattern --request-rate-mode --arrival-smoothness
        --vllm-burstiness --request-count --num-requests --benchmark-duration --benchmark-grace-period
        --concurrency-ramp-duration --warmup-request-count --num-warmup-requests --warmup-duration
        --user-centric-rate --num-users --request-cancellation-rate --artifact-dir --output-artifact-dir
        --profile-export-prefix --profile-export-file --export-level --profile-export-level --slice-duration
        --gpu-telemetry --no-gpu-telemetry --server-metrics --no-server-metrics --ui --ui-type --log-level -v
        --verbose --extra-verbose --workers-max --max-workers --num-profile-runs";

    fn listed() -> Vec<&'static str> {
        let with = WITH_ALTERNATIVE.iter().flat_map(|(flags, _)| flags.iter());
        with.chain(WITHOUT_ALTERNATIVE).copied().collect()
    }

    #[test]
    fn no_flag_is_both_built_and_listed() {
        let built = built();
        let both: Vec<&str> = listed().into_iter().filter(|flag| built.contains(*flag)).collect();
        assert!(both.is_empty(), "{both:?}");
    }

    #[test]
    fn no_flag_is_listed_twice() {
        let mut seen = BTreeSet::new();
        let twice: Vec<&str> = listed().into_iter().filter(|flag| !seen.insert(*flag)).collect();
        assert!(twice.is_empty(), "{twice:?}");
    }

    #[test]
    fn every_common_flag_is_built_or_listed() {
        let (built, listed) = (built(), listed());
        let known = |flag: &&str| built.contains(*flag) || listed.contains(flag);
        let forgotten: Vec<&str> = COMMON.split_whitespace().filter(|flag| !known(flag)).collect();
        assert!(forgotten.is_empty(), "{forgotten:?}");
    }

    #[test]
    fn no_command_is_both_built_and_listed() {
        let command = help::command();
        assert!(command.get_subcommands().all(|built| super::command(built.get_name()).is_none()));
    }
}
