//! What other load testers call things: their flags, commands and endpoint types, and what each is here.
//!
//! Users come from `vllm bench serve`, guidellm, genai-perf and AIPerf, and type what they are used to. A test checks that
//! every flag that is suggested here exists.

/// Flags of other tools, each group with what to use in its place. None of them is a flag of prony's.
const FLAGS: &[(&[&str], &str)] = &[
    // Target.
    (&["--target", "--base-url", "--server-url", "--api-base"], "use `--url`"),
    (&["--host", "--port"], "use `--url http://HOST:PORT`"),
    (
        &[
            "--backend",
            "--backend-type",
            "--service-kind",
            "--request-type",
            "--request-format",
            "--api-type",
        ],
        "use `--endpoint-type`; `prony plugins endpoint` lists the names",
    ),
    (&["--path", "--endpoint-path"], "use `--custom-endpoint`"),
    (&["--served-model-name", "--model-name", "--model-id"], "use `--model`"),
    (&["--headers"], "use `--header`"),
    (&["--token", "--openai-api-key", "--auth-token"], "use `--api-key`"),
    (&["--timeout", "--request-timeout"], "use `--request-timeout-seconds`"),
    (&["--ready-check-timeout-sec"], "use `--wait-for-model-timeout`"),
    (&["--verify"], "leave it out: certificates are checked unless `--insecure` is given"),
    // The body.
    (&["--extra-body", "--backend-kwargs", "--backend-args", "--request-params"], "use `--extra-inputs`"),
    (&["--temperature"], "use `--extra-inputs temperature:VALUE`"),
    (&["--top-p"], "use `--extra-inputs top_p:VALUE`"),
    (&["--top-k"], "use `--extra-inputs top_k:VALUE`"),
    (&["--min-p"], "use `--extra-inputs min_p:VALUE`"),
    (&["--frequency-penalty"], "use `--extra-inputs frequency_penalty:VALUE`"),
    (&["--presence-penalty"], "use `--extra-inputs presence_penalty:VALUE`"),
    (&["--repetition-penalty"], "use `--extra-inputs repetition_penalty:VALUE`"),
    (&["--logprobs"], "use `--extra-inputs logprobs:VALUE`"),
    (&["--ignore-eos"], "use `--extra-inputs ignore_eos:true`"),
    // Load.
    (&["--max-concurrency", "--users", "--connections", "-c"], "use `--concurrency`"),
    (&["--rps", "--qps"], "use `--request-rate`"),
    (&["--rate"], "use `--request-rate` for requests a second, or `--concurrency` for requests in flight"),
    (
        &["--rate-type", "--profile"],
        "use `--concurrency` for a closed loop, or `--request-rate` with `--arrival-pattern poisson`, `constant` or `gamma`",
    ),
    (&["--burstiness"], "use `--arrival-smoothness`"),
    (&["--max-seconds", "--duration", "--measurement-interval", "-d"], "use `--benchmark-duration`"),
    (&["--grace-period"], "use `--benchmark-grace-period`"),
    (&["--max-requests", "--requests", "-n"], "use `--request-count`"),
    (&["--num-warmups", "--warmup", "--warmup-requests"], "use `--warmup-request-count`"),
    (&["--seed"], "use `--random-seed`"),
    // Prompts.
    (&["--random-input-len", "--input-len", "--input-tokens", "--prompt-tokens"], "use `--isl`"),
    (
        &["--random-output-len", "--output-len", "--output-tokens", "--max-tokens", "--sharegpt-output-len"],
        "use `--osl`",
    ),
    (
        &["--dataset-name", "--dataset-path", "--dataset", "--data", "--input-dataset", "--prompt-file"],
        "use `--input-file` for prompts of your own, or `--isl` and `--osl` for generated ones",
    ),
    (&["--processor"], "use `--tokenizer`"),
    // Output.
    (&["--result-dir", "--output-path", "--output-dir", "--output", "-o"], "use `--artifact-dir`"),
    (
        &["--save-result", "--save-detailed", "--result-filename"],
        "leave it out: results are always written; `--artifact-dir` says where",
    ),
    (
        &["--percentile-metrics", "--metric-percentiles", "--percentiles"],
        "leave it out: the report has every percentile of every metric",
    ),
    (&["--disable-tqdm", "--disable-progress"], "use `--ui none`"),
    (&["--server-metrics-url"], "use `--server-metrics`"),
];

/// Commands of other tools.
const COMMANDS: &[(&[&str], &str)] = &[
    (&["bench", "benchmark", "run"], "use `prony profile`"),
    (&["serve", "mock"], "use `prony mock-server`"),
];

/// Endpoint types of other tools, as other spellings of ours cannot be told from them.
const ENDPOINTS: &[(&[&str], &str)] = &[
    (&["openai", "openai-chat", "openai_http", "openai-http", "vllm", "sglang", "chat_completions"], "chat"),
    (&["openai-completions", "text_completions"], "completions"),
    (&["anthropic", "anthropic_messages", "claude"], "messages"),
    (&["openai-embeddings"], "embeddings"),
    (&["openai-responses"], "responses"),
    (&["tgi", "generate"], "huggingface_generate"),
    (&["triton", "v2"], "kserve_v2"),
];

/// What to use in place of another tool's flag.
pub(super) fn flag(name: &str) -> Option<&'static str> {
    find(FLAGS, name)
}

/// What to use in place of another tool's command.
pub(super) fn command(name: &str) -> Option<&'static str> {
    find(COMMANDS, name)
}

/// Our name of another tool's endpoint type.
pub(super) fn endpoint(name: &str) -> Option<&'static str> {
    find(ENDPOINTS, &name.to_ascii_lowercase())
}

fn find(table: &[(&[&str], &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(names, _)| names.contains(&name)).map(|(_, ours)| *ours)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cli::refusal::{tests::built, unbuilt};

    #[test]
    fn every_flag_that_is_suggested_exists() {
        let built = built();
        for (_, hint) in FLAGS {
            let suggested = hint.split('`').skip(1).step_by(2).filter_map(|word| word.split(' ').next());
            for flag in suggested.filter(|word| word.starts_with("--")) {
                assert!(built.contains(flag), "{flag}");
            }
        }
    }

    #[test]
    fn no_flag_is_ours_or_known_twice() {
        let built = built();
        let mut seen = BTreeSet::new();
        for flag in FLAGS.iter().flat_map(|(flags, _)| *flags) {
            assert!(!built.contains(*flag), "{flag} is built");
            assert!(unbuilt::flag(flag).is_none(), "{flag} is one of AIPerf's");
            assert!(seen.insert(flag), "{flag} stands twice");
        }
    }
}
