//! Flags that have no effect in a run: which, and why.
//!
//! One table, [`RULES`], holds what every flag needs to have an effect, unless a combination is an error anyway. Flags that
//! ask for a state and not for an action (`--no-proxy`, `--overwrite`, `--random-seed`) are never without effect: the state
//! is there, whoever brought it about.

use prony_plugin_api::metadata::EndpointMetadata;

use super::{
    agents_word::AgentsWord,
    content, size,
    spec::{Origin, RunSpec},
};
use crate::{
    plan::{CacheBustTarget, Class, Classes, DatasetConfig, DealOrder, Phase, Role, Target, common_divisor},
    screen::counted,
};

/// What decides whether a flag has an effect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation<'a> {
    /// What is asked for.
    pub(super) spec: &'a RunSpec,
    /// What the endpoint can do.
    pub(super) endpoint: &'a EndpointMetadata,
    /// Where requests go.
    pub(super) target: &'a Target,
    /// What they say.
    pub(super) dataset: &'a DatasetConfig,
    /// What kinds of sessions there are.
    pub(super) classes: &'a Classes,
    /// How many there are.
    pub(super) phases: &'a [Phase],
}

/// A setting, and what it needs to have an effect.
struct Rule {
    origin: fn(&RunSpec) -> Option<Origin>,
    has_effect: fn(&Situation<'_>) -> bool,
    /// What is said where it has none.
    because: &'static str,
}

const ONE_TURN: &str =
    "every conversation has one turn, as long as `--conversation-turn-mean` does not say otherwise";
const NO_TLS: &str = "no `--url` begins with `https://`";

const RULES: [Rule; 26] = [
    Rule { origin: |spec| spec.ca_cert.origin(), has_effect: uses_tls, because: NO_TLS },
    Rule { origin: |spec| spec.client_cert.origin(), has_effect: uses_tls, because: NO_TLS },
    Rule { origin: |spec| spec.client_key.origin(), has_effect: uses_tls, because: NO_TLS },
    Rule { origin: |spec| spec.insecure.origin(), has_effect: uses_tls, because: NO_TLS },
    Rule {
        origin: |spec| spec.model.origin(),
        has_effect: |run| run.spec.model.list().len() > 1 || for_some(run, |class| class.model.is_none()),
        because: "each `--class` names a model or an adapter",
    },
    Rule {
        origin: |spec| spec.isl.origin().or(spec.isl_distribution.origin()),
        has_effect: |run| for_some(run, |class| class.isl.is_none()),
        because: "each `--class` has an `isl` of its own",
    },
    Rule {
        origin: |spec| spec.osl.origin().or(spec.osl_distribution.origin()),
        has_effect: |run| for_some(run, |class| class.osl.is_none()),
        because: "each `--class` has an `osl` of its own",
    },
    Rule {
        origin: |spec| spec.goodput.origin(),
        has_effect: |run| for_some(run, |class| class.goodput.is_none()),
        because: "each `--class` has objectives of its own",
    },
    Rule {
        origin: |spec| spec.model_selection_strategy.origin(),
        has_effect: |run| run.spec.model.list().len() > 1,
        because: "there is only one `--model`",
    },
    Rule {
        origin: |spec| spec.url_strategy.origin(),
        has_effect: |run| run.target.urls.len() > 1,
        because: "there is only one `--url`",
    },
    Rule {
        origin: |spec| spec.use_legacy_max_tokens.origin(),
        has_effect: asks_for_output_lengths,
        because: "no request asks for an output length, as `--osl` does",
    },
    Rule {
        origin: |spec| spec.conversation_turn_delay_mean.origin(),
        has_effect: has_later_turns,
        because: ONE_TURN,
    },
    Rule {
        origin: |spec| spec.conversation_turn_delay_ratio.origin(),
        has_effect: |run| is_of_a_file(run) || run.spec.conversation_turn_delay_mean.is_given(),
        because: "there is no delay between turns, as `--conversation-turn-delay-mean` asks for",
    },
    Rule {
        origin: |spec| spec.workers.origin(),
        has_effect: |run| !run.spec.agents.is_given(),
        because: "each agent has its own, by `prony agent --workers`",
    },
    Rule { origin: |spec| spec.session_leave_rate.origin(), has_effect: has_sessions, because: ONE_TURN },
    Rule {
        origin: |spec| spec.trajectory_start_min_ratio.origin(),
        has_effect: has_sessions,
        because: ONE_TURN,
    },
    Rule {
        origin: |spec| spec.trajectory_start_max_ratio.origin(),
        has_effect: has_sessions,
        because: ONE_TURN,
    },
    Rule {
        origin: |spec| spec.replies.origin(),
        has_effect: |run| is_of_a_file(run),
        because: "only an `--input-file` has recorded replies",
    },
    Rule {
        origin: |spec| spec.dataset_sampling_strategy.origin().filter(|_| draws(spec)),
        has_effect: |run| content::has_pool(run.spec),
        because: "each session has a prompt of its own, as long as `--num-dataset-entries` does not say how many there are",
    },
    Rule {
        origin: |spec| spec.apply_chat_template.origin(),
        has_effect: |run| run.endpoint.consumes_system_message && run.endpoint.tokenizes_input,
        because: "this endpoint sends no messages of a chat",
    },
    Rule {
        origin: |spec| spec.data_dir.origin(),
        has_effect: |run| run.spec.public_dataset.is_given() || run.spec.named_tokenizer.is_some(),
        because: "neither `--tokenizer` nor `--public-dataset` has a name that is looked up",
    },
    Rule {
        origin: |spec| spec.tokenizer_revision.origin(),
        has_effect: |run| run.spec.named_tokenizer.as_ref().is_some_and(|found| found.has_revisions),
        because: "the tokenizer is not in the Hugging Face cache, which has revisions",
    },
    Rule {
        origin: |spec| spec.cache_bust.origin().filter(|_| marks_warmups(spec)),
        has_effect: |run| run.phases.iter().any(|phase| phase.role == Role::Warmup),
        because: "there is no warm-up to be marked",
    },
    Rule {
        origin: |spec| spec.hook_timeout.origin(),
        has_effect: |run| has_commands(run.spec),
        because: "there is no command before or after the run or a phase",
    },
    Rule {
        origin: |spec| spec.use_server_token_count.origin(),
        has_effect: |run| run.endpoint.produces_tokens || run.endpoint.tokenizes_input,
        because: "the content of this endpoint is not counted in tokens",
    },
    Rule {
        origin: |spec| spec.export_outputs_json.origin(),
        has_effect: |run| run.endpoint.produces_tokens,
        because: "the responses of this endpoint are no text",
    },
];

/// A warning for each flag that has no effect, or less than its words say.
pub(super) fn warnings(run: Situation<'_>) -> Vec<String> {
    let idle = RULES.iter().filter_map(|rule| {
        let origin = (rule.origin)(run.spec).filter(|_| !(rule.has_effect)(&run))?;
        Some(format!("`{origin}` has no effect: {}", rule.because))
    });
    let others = [
        unused_prompts(&run),
        repeated_prompts(&run),
        early_deadline(&run),
        tied_models(&run),
        repeated_markers(&run),
        distant_mock(run.spec),
        left_out_hooks(run.spec),
    ];
    idle.chain(others.into_iter().flatten()).collect()
}

/// A warning that URLs and models, both of which sessions take in turn, go together: a comparison of models compares servers then.
fn tied_models(run: &Situation<'_>) -> Option<String> {
    let (urls, models) = (run.target.urls.len(), run.classes.list.len());
    let is_tied =
        run.classes.order == DealOrder::RoundRobin && common_divisor(urls as u64, models as u64) > 1;
    is_tied.then(|| {
        format!(
            "sessions take the {urls} URLs and the {models} models in turn, so that each URL gets some of the models only: use \
             `--model-selection-strategy random` to mix them"
        )
    })
}

/// Variables of AIPerf, and the flags that say the same.
const OF_AIPERF: [(&str, &str); 7] = [
    ("AIPERF_HTTP_SSL_VERIFY", "--insecure"),
    ("AIPERF_HTTP_TRUST_ENV", "--no-proxy"),
    ("AIPERF_HTTP_X_SESSION_AFFINITY_FROM_CORRELATION_ID", "--session-header"),
    ("AIPERF_SERVER_METRICS_COLLECTION_INTERVAL", "--server-metrics-interval"),
    ("AIPERF_SERVICE_PROFILE_CONFIGURE_TIMEOUT", "--wait-for-model-timeout"),
    ("AIPERF_TIMING_CANCEL_DRAIN_TIMEOUT", "--drain-timeout"),
    ("AIPERF_WORKER_MAX_WORKERS_CAP", "--workers"),
];

/// A warning about variables that AIPerf reads and prony does not.
pub(super) fn foreign_variables(names: &[String]) -> Option<String> {
    let ours = |name: &String| OF_AIPERF.iter().find(|(theirs, _)| theirs == name);
    let with_ours = |name: &String| match ours(name) {
        Some((_, flag)) => format!("`{name}` (here `{flag}`)"),
        None => format!("`{name}`"),
    };
    let list: Vec<String> = names.iter().map(with_ours).collect();
    let verb = if list.len() == 1 { "has" } else { "have" };
    (!list.is_empty())
        .then(|| format!("{} {verb} no effect: prony reads no variables of AIPerf", list.join(", ")))
}

/// What holds for sessions by themselves holds for some of these.
fn for_some(run: &Situation<'_>, holds: fn(&Class) -> bool) -> bool {
    run.classes.is_empty() || run.classes.list.iter().any(holds)
}

fn has_commands(spec: &RunSpec) -> bool {
    let of_run = spec.before_run.is_given() || spec.after_run.is_given();
    of_run || spec.before_phase.is_given() || spec.after_phase.is_given()
}

fn marks_warmups(spec: &RunSpec) -> bool {
    spec.cache_bust.value().is_some_and(CacheBustTarget::is_of_warmup)
}

fn draws(spec: &RunSpec) -> bool {
    spec.dataset_sampling_strategy.value().is_some_and(|sampling| !sampling.is_sequential())
}

fn uses_tls(run: &Situation<'_>) -> bool {
    run.target.urls.iter().any(|url| url.starts_with("https:"))
}

fn has_later_turns(run: &Situation<'_>) -> bool {
    matches!(run.dataset, DatasetConfig::Synthetic { dialogue, .. } if !dialogue.is_single())
}

fn has_sessions(run: &Situation<'_>) -> bool {
    has_later_turns(run) || is_of_a_file(run)
}

fn is_of_a_file(run: &Situation<'_>) -> bool {
    matches!(run.dataset, DatasetConfig::File { .. })
}

fn asks_for_output_lengths(run: &Situation<'_>) -> bool {
    match run.dataset {
        DatasetConfig::Synthetic { lengths, .. } => lengths.have_output(),
        // A row may name one.
        DatasetConfig::File { .. } => true,
        DatasetConfig::Rankings { .. } | DatasetConfig::RawPayloads { .. } => false,
    }
}

/// `--num-prompts` is a number of requests to other tools. Here, prompts beyond the last request are never sent.
fn unused_prompts(run: &Situation<'_>) -> Option<String> {
    let prompts = run.spec.num_dataset_entries.value()? as u64;
    let requests = size::sessions(run.phases)?;
    (prompts > requests).then(|| {
        format!(
            "`--num-dataset-entries` (`--num-prompts`) asks for {}, and the run sends only {}: `--request-count \
             {prompts}` sends each prompt once",
            counted(prompts, "prompt"),
            counted(requests, "request")
        )
    })
}

/// Whoever says how many prompts there are, and nothing about the number of requests, may mean that.
fn repeated_prompts(run: &Situation<'_>) -> Option<String> {
    let spec = run.spec;
    let prompts = spec.num_dataset_entries.value()? as u64;
    let requests = size::sessions(run.phases)?;
    let says_how_many =
        spec.request_count.is_given() || spec.num_conversations.is_given() || spec.phases.is_given();
    let is_pool = spec.dataset_sampling_strategy.is_given() || is_of_a_file(run);
    (prompts < requests && !says_how_many && !is_pool).then(|| {
        format!(
            "`--num-dataset-entries` (`--num-prompts`) is the number of different prompts, and nothing says how many requests \
             are sent: it is {requests}, with {} in turn. `--request-count {prompts}` sends each prompt once",
            counted(prompts, "prompt")
        )
    })
}

/// A seed of the user's own gives every run the same markers.
fn repeated_markers(run: &Situation<'_>) -> Option<String> {
    let (&target, by) = run.spec.cache_bust.given()?;
    let seed = run.spec.random_seed.value()?;
    let differs = target != CacheBustTarget::None && !target.is_of_warmup();
    differs.then(|| {
        format!(
            "`{by}` marks conversations alike in every run with `--random-seed {seed}`: a second run finds those of the \
             first one in the cache of a server that was not restarted. Use another seed each time, or none"
        )
    })
}

/// The mock server is not where agents are that are reached by a server of another machine, or by ssh.
fn distant_mock(spec: &RunSpec) -> Option<String> {
    let (mock, (words, agents)) = (spec.mock.origin()?, spec.agents.given()?);
    let is_here = |nats: &String| ["localhost", "127.0.0.1", "[::1]"].iter().any(|own| nats.contains(own));
    let is_by_ssh = words.iter().any(|word| matches!(word, AgentsWord::Ssh(_)));
    (is_by_ssh || spec.nats.get().is_some_and(|nats| !is_here(nats))).then(|| {
        format!(
            "`{mock}` is reached from this machine only: those of `{agents}` that are elsewhere get no answer"
        )
    })
}

/// Whoever wants to see what a run would do should not take it that this is carried out, too.
fn left_out_hooks(spec: &RunSpec) -> Option<String> {
    let dry_run = spec.dry_run.origin()?;
    let hooks = [
        spec.before_run.origin(),
        spec.after_run.origin(),
        spec.before_phase.origin(),
        spec.after_phase.origin(),
        spec.reset_kv_cache.origin(),
        spec.server_profiler.origin(),
    ];
    let list: Vec<String> = hooks.into_iter().flatten().map(|by| format!("`{by}`")).collect();
    let verb = if list.len() == 1 { "has" } else { "have" };
    (!list.is_empty()).then(|| {
        format!(
            "{} {verb} no effect: `{dry_run}` carries out no command and calls no server",
            list.join(", ")
        )
    })
}

/// A deadline that is over before the load may be.
fn early_deadline(run: &Situation<'_>) -> Option<String> {
    let (deadline, by) = run.spec.deadline.given()?;
    let (duration, of_duration) = run.spec.benchmark_duration.given()?;
    (deadline <= duration).then(|| {
        format!(
            "`{}` ends the run before `{}` does: the run cannot be complete",
            by.with_value(deadline),
            of_duration.with_value(duration)
        )
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::{
        class::Surroundings,
        classes, content,
        environment::Environment,
        goodput::{Measurable, tests::METRICS},
        load,
        problems::Problems,
        spec::{NamedTokenizer, tests::spec},
        target,
    };

    const TEXT: &str = r#"{"endpoint_path": "/x", "supports_streaming": true, "produces_tokens": true,
                           "tokenizes_input": true}"#;
    const NUMBERS: &str = r#"{"endpoint_path": "/x", "supports_streaming": false, "produces_tokens": false,
                              "tokenizes_input": false}"#;

    fn warned(line: &str, endpoint: &str) -> Vec<String> {
        warned_of(&spec(&format!("-m m {line}")), endpoint)
    }

    fn warned_of(spec: &RunSpec, endpoint: &str) -> Vec<String> {
        let mut problems = Problems::default();
        let phases = load::phases(spec, &mut problems);
        let (target, _) = target::target(spec, &Environment::default(), "x", &mut problems);
        let dataset = content::dataset(spec, &phases, &mut problems);
        problems.finish().unwrap();
        let endpoint = &serde_json::from_str(endpoint).unwrap();
        let around = Surroundings {
            endpoint,
            measurable: Measurable {
                metrics: &METRICS,
                is_stream: true,
                counts_output: true,
                counts_input: true,
                is_scheduled: true,
                has_trace: false,
            },
            extra_inputs: &target.extra_inputs,
        };
        let classes = &classes::classes(spec, around, &mut Problems::default());
        let (target, dataset, phases) = (&target, &dataset, &phases);
        warnings(Situation { spec, endpoint, target, dataset, classes, phases })
    }

    #[rstest]
    #[case::authority(
        "--ca-cert a.pem",
        TEXT,
        "`--ca-cert` has no effect: no `--url` begins with `https://`"
    )]
    #[case::own_key(
        "--insecure --client-cert a.pem --client-key b.pem --url http://h",
        TEXT,
        "`--client-cert` has no effect: no `--url` begins with `https://`\n\
         `--client-key` has no effect: no `--url` begins with `https://`\n\
         `--insecure` has no effect: no `--url` begins with `https://`"
    )]
    #[case::agents_elsewhere(
        "--mock --agents 2 --nats nats.example.org",
        TEXT,
        "`--mock` is reached from this machine only: those of `--agents` that are elsewhere get no answer"
    )]
    #[case::agents_by_ssh(
        "--mock --agents ssh:a,b",
        TEXT,
        "`--mock` is reached from this machine only: those of `--agents` that are elsewhere get no answer"
    )]
    #[case::workers_of_agents(
        "--agents 2 --workers 3 --concurrency 4",
        TEXT,
        "`--workers` has no effect: each agent has its own, by `prony agent --workers`"
    )]
    #[case::agents_here("--mock --agents 2 --nats nats://localhost:4222", TEXT, "")]
    #[case::no_length(
        "--use-legacy-max-tokens",
        TEXT,
        "`--use-legacy-max-tokens` has no effect: no request asks for an output length, as `--osl` does"
    )]
    #[case::no_turns(
        "--conversation-turn-delay-mean 5 --replies recorded",
        TEXT,
        "`--conversation-turn-delay-mean` has no effect: every conversation has one turn, as long as \
         `--conversation-turn-mean` does not say otherwise\n\
         `--replies` has no effect: only an `--input-file` has recorded replies"
    )]
    #[case::no_delay(
        "--conversation-turn-mean 4 --conversation-turn-delay-ratio 5",
        TEXT,
        "`--conversation-turn-delay-ratio` has no effect: there is no delay between turns, as \
         `--conversation-turn-delay-mean` asks for"
    )]
    #[case::numbers(
        "--use-server-token-count --export-outputs-json",
        NUMBERS,
        "`--use-server-token-count` has no effect: the content of this endpoint is not counted in tokens\n\
         `--export-outputs-json` has no effect: the responses of this endpoint are no text"
    )]
    #[case::prompts(
        "--num-prompts 40",
        TEXT,
        "`--num-dataset-entries` (`--num-prompts`) asks for 40 prompts, and the run sends only 10 requests: \
         `--request-count 40` sends each prompt once"
    )]
    #[case::prompts_in_turn(
        "--num-prompts 4",
        TEXT,
        "`--num-dataset-entries` (`--num-prompts`) is the number of different prompts, and nothing says how many requests are sent: \
         it is 10, with 4 prompts in turn. `--request-count 4` sends each prompt once"
    )]
    #[case::classes(
        "--isl 5 --osl 5 --goodput request_latency:5 --class a:model=x,isl=4,osl=3,goodput=request_latency:4",
        TEXT,
        "`--model` has no effect: each `--class` names a model or an adapter\n\
         `--isl` has no effect: each `--class` has an `isl` of its own\n\
         `--osl` has no effect: each `--class` has an `osl` of its own\n\
         `--goodput` has no effect: each `--class` has objectives of its own"
    )]
    #[case::tied_models(
        "-m n --url http://a --url http://b",
        TEXT,
        "sessions take the 2 URLs and the 2 models in turn, so that each URL gets some of the models only: use \
         `--model-selection-strategy random` to mix them"
    )]
    #[case::no_command(
        "--hook-timeout 5",
        TEXT,
        "`--hook-timeout` has no effect: there is no command before or after the run or a phase"
    )]
    #[case::hooks_of_a_dry_run(
        "--dry-run 5 --before-run ls --reset-kv-cache",
        TEXT,
        "`--before-run`, `--reset-kv-cache` have no effect: `--dry-run` carries out no command and calls no server"
    )]
    #[case::early_deadline(
        "--deadline 30 --benchmark-duration 30",
        TEXT,
        "`--deadline 30` ends the run before `--benchmark-duration 30` does: the run cannot be complete"
    )]
    fn a_flag_without_effect_is_named_with_the_reason(
        #[case] line: &str,
        #[case] endpoint: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(warned(line, endpoint).join("\n"), expected);
    }

    #[rstest]
    #[case("--ca-cert a.pem --client-cert a.pem --client-key b.pem --url http://h --url https://h")]
    #[case("--insecure --url https://h")]
    #[case("--isl 5 --osl 5 --goodput request_latency:5 --class a:model=x,isl=4,osl=3 --class b")]
    #[case("--use-legacy-max-tokens --osl 5")]
    #[case("-m n --url http://a --url http://b --url http://c")]
    #[case("-m n --url http://a --url http://b --model-selection-strategy random")]
    #[case("--conversation-turn-mean 4 --conversation-turn-delay-mean 5 --conversation-turn-delay-ratio 5")]
    #[case("--replies recorded --conversation-turn-delay-ratio 5 --input-file p.jsonl")]
    #[case("--use-legacy-max-tokens --input-file p.jsonl")]
    #[case("--use-server-token-count --export-outputs-json")]
    #[case("--num-prompts 40 --request-count 40")]
    #[case("--num-prompts 4 --request-count 40")]
    #[case("--num-prompts 4 --num-conversations 40")]
    #[case("--num-prompts 4 --input-file p.jsonl")]
    #[case("--num-prompts 40 --request-count 30 --warmup-request-count 10")]
    #[case("--num-prompts 4000 --benchmark-duration 5")]
    #[case("--deadline 40 --benchmark-duration 30")]
    #[case("--deadline 40")]
    #[case("--conversation-turn-mean 4 --session-leave-rate 5 --trajectory-start-min-ratio 0")]
    #[case("--dataset-sampling-strategy shuffle --num-prompts 4")]
    #[case("--dataset-sampling-strategy random --input-file p.jsonl")]
    #[case("--dataset-sampling-strategy sequential")]
    #[case("--no-proxy --random-seed 4 --overwrite --artifact-dir D")]
    #[case("--hook-timeout 5 --after-run ls")]
    #[case("--dry-run 5")]
    fn a_flag_with_an_effect_is_not(#[case] line: &str) {
        assert!(warned(line, TEXT).is_empty(), "{:?}", warned(line, TEXT));
    }

    #[rstest]
    #[case::built_in("builtin", None, &["--data-dir", "--tokenizer-revision"])]
    #[case::a_path("/snapshots/tokenizer.json", None, &["--data-dir", "--tokenizer-revision"])]
    #[case::a_folder_of_the_users("o/n", Some(false), &["--tokenizer-revision"])]
    #[case::in_a_cache("o/n", Some(true), &[])]
    fn where_a_name_is_looked_up_has_an_effect_on_names_only(
        #[case] tokenizer: &str,
        #[case] has_revisions: Option<bool>,
        #[case] idle: &[&str],
    ) {
        let line = format!("-m m --tokenizer {tokenizer} --data-dir D --tokenizer-revision v1");
        let found =
            has_revisions.map(|has_revisions| NamedTokenizer { folder: "D/o/n".into(), has_revisions });
        let warned = warned_of(&spec(&line).located(found, None), TEXT);
        assert_eq!(warned.len(), idle.len(), "{warned:?}");
        assert!(idle.iter().zip(&warned).all(|(flag, warned)| warned.contains(flag)), "{warned:?}");
    }

    #[test]
    fn each_flag_that_stands_for_a_variable_of_aiperf_is_one() {
        let keys = crate::config::keys::Keys::all();
        for (variable, flag) in OF_AIPERF {
            assert!(keys.iter().any(|key| format!("--{}", key.name) == flag), "{variable}: {flag}");
        }
    }

    #[rstest]
    #[case(&[], None)]
    #[case(&["AIPERF_A"], Some("`AIPERF_A` has no effect: prony reads no variables of AIPerf"))]
    #[case(&["AIPERF_A", "AIPERF_B"], Some("`AIPERF_A`, `AIPERF_B` have no effect: prony reads no variables of AIPerf"))]
    #[case(
        &["AIPERF_HTTP_SSL_VERIFY"],
        Some("`AIPERF_HTTP_SSL_VERIFY` (here `--insecure`) has no effect: prony reads no variables of AIPerf")
    )]
    fn variables_of_aiperf_are_named(#[case] names: &[&str], #[case] expected: Option<&str>) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        assert_eq!(foreign_variables(&names).as_deref(), expected);
    }
}
