//! What the users of other load testers write, and what that is here.
//!
//! One table a tool. The refusals of flags are made from them ([`super::foreign`]), and so are the tables of
//! `docs/FROM_OTHER_TOOLS.md`, which a test there writes. Texts are Markdown.

/// A tool whose users come here.
pub(super) struct Tool {
    /// Its name, as it stands over its table.
    pub(super) name: &'static str,
    /// A row of its table each.
    pub(super) rows: &'static [Row],
}

/// What is written for the tool, and what here.
pub(super) struct Row {
    pub(super) theirs: Theirs,
    pub(super) ours: Ours,
}

/// What is written for the tool.
pub(super) enum Theirs {
    /// Flags that prony does not have. Each is refused with what this row says.
    Flags(&'static [&'static str]),
    /// Anything else: flags with a value that leads elsewhere than others (`--profile sweep`), flags that prony takes as they are, and
    /// what stands in files.
    Shown(&'static str),
}

/// What is written here.
pub(super) enum Ours {
    /// This.
    Use(&'static str),
    /// Nothing, for this reason.
    Nothing(&'static str),
}

const fn flags(flags: &'static [&'static str], ours: &'static str) -> Row {
    Row { theirs: Theirs::Flags(flags), ours: Ours::Use(ours) }
}

const fn nothing(flags: &'static [&'static str], because: &'static str) -> Row {
    Row { theirs: Theirs::Flags(flags), ours: Ours::Nothing(because) }
}

const fn shown(theirs: &'static str, ours: &'static str) -> Row {
    Row { theirs: Theirs::Shown(theirs), ours: Ours::Use(ours) }
}

const ENDPOINTS: &str = "`--endpoint-type`; `prony plugins endpoint` lists the names";
const PROMPTS: &str = "`--input-file` for prompts of your own, or `--isl` and `--osl` for generated ones";
const PERCENTILES: &str = "the report has every percentile of every metric";

/// All of them.
pub(super) const TOOLS: &[Tool] = &[
    Tool { name: "`vllm bench serve`", rows: VLLM },
    Tool { name: "`guidellm benchmark`", rows: GUIDELLM },
    Tool { name: "k6", rows: K6 },
    Tool { name: "another tool", rows: OTHERS },
];

const VLLM: &[Row] = &[
    // Target.
    flags(&["--base-url"], "`--url`"),
    flags(&["--host", "--port"], "`--url http://HOST:PORT`"),
    shown("`--backend openai-chat`", "`--endpoint-type chat`"),
    shown("`--backend vllm`, `--backend openai`", "`--endpoint-type completions`"),
    flags(&["--backend"], ENDPOINTS),
    shown("`--endpoint PATH`", "`--custom-endpoint PATH`, of which `--endpoint` is another name"),
    shown("`--model`", "`--model`, with the name that the server knows"),
    flags(&["--served-model-name"], "`--model`, and `--tokenizer` for the name of the tokenizer"),
    shown("`--header`, `--insecure`", "`--header`, `--insecure`"),
    flags(&["--ready-check-timeout-sec"], "`--wait-for-model-timeout`"),
    // Load.
    shown(
        "`--num-prompts 1000`",
        "`--request-count 1000`; `--num-prompts` is here, as in AIPerf, the number of different prompts",
    ),
    shown("`--request-rate inf`", "`--concurrency N`, with N as many as `--request-count` for all at once"),
    shown("`--request-rate 8`", "`--request-rate 8`"),
    flags(&["--burstiness"], "`--arrival-smoothness`"),
    flags(
        &["--max-concurrency"],
        "`--concurrency`. Beside a rate, waiting for a free place counts as latency",
    ),
    flags(
        &["--ramp-up-strategy", "--ramp-up-start-rps", "--ramp-up-end-rps"],
        "`--request-rate-series rates.json`, or `--request-rate-ramp-duration` from near 0",
    ),
    flags(&["--num-warmups"], "`--warmup-request-count`"),
    flags(&["--seed"], "`--random-seed`"),
    // Prompts.
    shown(
        "`--dataset-name random`",
        "`--isl` and `--osl`, with `--prompt-corpus random` for tokens without a meaning",
    ),
    shown(
        "`--dataset-name prefix_repetition`",
        "`--num-prefix-prompts`, `--prefix-prompt-length`, and `--isl` for what is behind it",
    ),
    shown(
        "`--dataset-name sharegpt`, `--dataset-name burstgpt`",
        "`--input-file FILE`; the format is detected, or named with `--custom-dataset-type`",
    ),
    shown(
        "`--dataset-name custom`",
        "`--input-file FILE`, one `{\"text\": \"…\", \"output_length\": 40}` a line",
    ),
    flags(&["--dataset-name", "--dataset-path"], PROMPTS),
    flags(&["--random-input-len", "--input-len"], "`--isl`"),
    flags(
        &["--random-output-len", "--output-len", "--sharegpt-output-len", "--custom-output-len"],
        "`--osl`",
    ),
    shown("`--random-range-ratio`", "`--random-range-ratio`, in vLLM's arithmetic"),
    flags(&["--random-prefix-len"], "`--prefix-prompt-length`, with `--num-prefix-prompts 1`"),
    flags(&["--prefix-repetition-prefix-len"], "`--prefix-prompt-length`"),
    flags(&["--prefix-repetition-num-prefixes"], "`--num-prefix-prompts`"),
    flags(&["--prefix-repetition-suffix-len"], "`--isl`"),
    flags(&["--prefix-repetition-output-len"], "`--osl`"),
    nothing(
        &["--disable-shuffle"],
        "a file is read in order. `--dataset-sampling-strategy shuffle` shuffles",
    ),
    shown("`--tokenizer`", "`--tokenizer`, a folder or a name in the Hugging Face cache"),
    nothing(&["--trust-remote-code"], "no code of a model is run"),
    // The body.
    flags(&["--extra-body"], "`--extra-inputs`"),
    flags(&["--ignore-eos"], "`--extra-inputs ignore_eos:true`"),
    flags(&["--temperature"], "`--extra-inputs temperature:VALUE`"),
    flags(&["--top-p"], "`--extra-inputs top_p:VALUE`"),
    flags(&["--top-k"], "`--extra-inputs top_k:VALUE`"),
    flags(&["--min-p"], "`--extra-inputs min_p:VALUE`"),
    flags(&["--frequency-penalty"], "`--extra-inputs frequency_penalty:VALUE`"),
    flags(&["--presence-penalty"], "`--extra-inputs presence_penalty:VALUE`"),
    flags(&["--repetition-penalty"], "`--extra-inputs repetition_penalty:VALUE`"),
    flags(&["--logprobs"], "`--extra-inputs logprobs:VALUE`"),
    flags(
        &["--lora-modules"],
        "`--model` with several names, or `--class` with an `adapter` and a share for each",
    ),
    // Results.
    shown("`--goodput ttft:300 tpot:20`", "`--goodput 'time_to_first_token:300 inter_token_latency:20'`"),
    flags(&["--profile"], "`--server-profiler`"),
    nothing(
        &["--save-result", "--save-detailed", "--result-filename"],
        "results are always written. `--artifact-dir` says where, and `--compat vllm` writes vLLM's file as well",
    ),
    flags(&["--result-dir"], "`--artifact-dir`"),
    nothing(&["--percentile-metrics", "--metric-percentiles"], PERCENTILES),
    flags(&["--disable-tqdm"], "`--ui none`"),
];

const GUIDELLM: &[Row] = &[
    // Target.
    flags(&["--target"], "`--url`"),
    shown("`--model`", "`--model`"),
    flags(&["--processor"], "`--tokenizer`"),
    flags(&["--backend", "--request-type", "--request-format"], ENDPOINTS),
    flags(&["--backend-kwargs", "--backend-args"], "`--extra-inputs`, `--header` or `--api-key`"),
    // Load.
    shown("`--profile synchronous`", "`--concurrency 1`"),
    shown("`--profile concurrent --rate N`", "`--concurrency N`"),
    shown("`--profile throughput`", "`--concurrency N`, with N as many as the server can hold"),
    shown("`--profile constant --rate N`", "`--request-rate N --arrival-pattern constant`"),
    shown("`--profile poisson --rate N`", "`--request-rate N --arrival-pattern poisson`"),
    shown("`--profile sweep`", "`prony search --over rate`, or a list: `--request-rate 1,2,4,8`"),
    flags(
        &["--profile", "--rate-type"],
        "`--concurrency` for a closed loop, or `--request-rate` with `--arrival-pattern poisson`, `constant` or `gamma`",
    ),
    flags(
        &["--rate"],
        "`--request-rate` for requests a second, or `--concurrency` for requests in flight; both take a list such as 1,4,16",
    ),
    flags(&["--max-seconds"], "`--benchmark-duration`"),
    flags(&["--max-requests"], "`--request-count`"),
    flags(
        &["--max-errors", "--max-error-rate", "--max-global-error-rate"],
        "`--failed-request-threshold 0.1`, a share",
    ),
    flags(
        &["--warmup"],
        "`--warmup-duration` or `--warmup-request-count`: requests of their own, that are left out",
    ),
    nothing(
        &["--cooldown"],
        "a closed loop's last requests are part of it. `--benchmark-grace-period` bounds them",
    ),
    flags(&["--rampup"], "`--concurrency-ramp-duration` or `--request-rate-ramp-duration`"),
    nothing(
        &["--stop-over-saturation"],
        "the verdict says `saturated`, and `prony search` looks for the edge. `--deadline 15m` bounds the whole",
    ),
    shown("`--random-seed`", "`--random-seed`"),
    // Prompts.
    shown("`--data \"prompt_tokens=256,output_tokens=128\"`", "`--isl 256 --osl 128`"),
    shown("`prompt_tokens_stdev`, `output_tokens_stdev`", "`--isl-stddev`, `--osl-stddev`"),
    shown(
        "`turns`, `prefix_tokens`",
        "`--conversation-turn-mean`, `--prefix-prompt-length` with `--num-prefix-prompts`",
    ),
    flags(&["--data"], PROMPTS),
    flags(&["--data-samples"], "`--num-dataset-entries`"),
    // Results.
    flags(&["--output-dir", "--output-path"], "`--artifact-dir`"),
    nothing(
        &["--outputs"],
        "JSON, CSV and HTML are always written. `--compat guidellm` writes `benchmarks.json` as well",
    ),
    flags(&["--disable-progress", "--disable-console-interactive"], "`--ui none`"),
    flags(&["--disable-console"], "`--quiet`"),
];

const K6: &[Row] = &[
    // Load.
    flags(&["--vus"], "`--concurrency`"),
    shown("`vus: 50`, `-u 50`", "`--concurrency 50`; `-u` is here the URL"),
    flags(&["--duration", "-d"], "`--benchmark-duration`"),
    shown("`duration: '5m'`", "`--benchmark-duration 5m`"),
    flags(&["--iterations", "-i"], "`--request-count`"),
    shown("`iterations: 1000`", "`--request-count 1000`"),
    flags(&["--rps"], "`--request-rate`"),
    shown(
        "`constant-vus`, `shared-iterations`",
        "`--concurrency` with `--benchmark-duration` or `--request-count`",
    ),
    shown("`ramping-vus`", "`--concurrency-ramp-duration`, or phases in a file"),
    shown("`constant-arrival-rate`, `rate: 20`", "`--request-rate 20 --arrival-pattern constant`"),
    shown("`ramping-arrival-rate`, `stages`", "`--request-rate-series rates.json`"),
    flags(&["--stage", "-s"], "`--request-rate-series rates.json`, or `--concurrency-ramp-duration`"),
    shown(
        "`maxVUs: 100`",
        "`--concurrency 100` beside the rate. k6 drops iterations that find nobody; here they wait, and are late",
    ),
    shown(
        "`per-vu-iterations`, `sleep(2)`",
        "`--num-users 20 --user-centric-rate 4`, or `--conversation-turn-delay-mean 2000`",
    ),
    shown("several `scenarios`", "phases in a file, or `--class` for kinds of requests at once"),
    shown("`gracefulStop: '30s'`", "`--benchmark-grace-period 30`"),
    // Objectives.
    shown("`thresholds: {http_req_duration: ['p(95)<500']}`", "`--slo 'request_latency p95 < 500ms'`"),
    shown("`thresholds: {http_req_failed: ['rate<0.01']}`", "`--slo 'error_rate < 1%'`"),
    shown("`abortOnFail: true`", "`--failed-request-threshold 0.01`"),
    // Connections.
    shown("`timeout: '60s'`", "`--request-timeout-seconds 60`"),
    flags(&["--no-connection-reuse", "--no-vu-connection-reuse"], "`--connection-reuse-strategy never`"),
    flags(&["--insecure-skip-tls-verify"], "`--insecure`"),
    shown("`tlsAuth`", "`--client-cert` with `--client-key`"),
    // Results.
    shown("`--out experimental-opentelemetry`", "`--otel-url`"),
    nothing(
        &["--out"],
        "each run writes `profile_export.jsonl`, a line a request; `--export-level raw` writes bodies, too",
    ),
    flags(&["--summary-export"], "`--format json`, which prints the summary on standard output"),
    shown("`handleSummary`", "`--format json` on standard output"),
    nothing(&["--summary-trend-stats"], PERCENTILES),
    shown("`--quiet`", "`--quiet`"),
];

/// Names that several tools have, among them genai-perf.
const OTHERS: &[Row] = &[
    // Target.
    flags(&["--server-url", "--api-base"], "`--url`"),
    flags(&["--backend-type", "--service-kind", "--api-type"], ENDPOINTS),
    flags(&["--path", "--endpoint-path"], "`--custom-endpoint`"),
    flags(&["--model-name", "--model-id"], "`--model`"),
    flags(&["--headers"], "`--header`"),
    flags(&["--token", "--openai-api-key", "--auth-token"], "`--api-key`"),
    flags(&["--timeout", "--request-timeout"], "`--request-timeout-seconds`"),
    nothing(&["--verify"], "certificates are checked unless `--insecure` is given"),
    flags(&["--request-params"], "`--extra-inputs`"),
    // Load.
    flags(&["--users", "--connections", "-c"], "`--concurrency`"),
    flags(&["--qps"], "`--request-rate`"),
    flags(&["--measurement-interval"], "`--benchmark-duration`"),
    flags(&["--grace-period"], "`--benchmark-grace-period`"),
    flags(&["--requests", "-n"], "`--request-count`"),
    flags(&["--warmup-requests"], "`--warmup-request-count`"),
    // Prompts.
    flags(&["--input-tokens", "--prompt-tokens"], "`--isl`"),
    flags(&["--output-tokens", "--max-tokens"], "`--osl`"),
    flags(&["--dataset", "--input-dataset", "--prompt-file"], PROMPTS),
    // Results.
    flags(&["--output", "-o"], "`--artifact-dir`"),
    nothing(&["--percentiles"], PERCENTILES),
    flags(&["--server-metrics-url"], "`--server-metrics`"),
];
