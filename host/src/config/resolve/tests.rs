use std::{path::PathBuf, sync::LazyLock};

use rstest::rstest;

use super::*;
use crate::{
    config::{goodput::tests::METRICS, redact, spec::tests::spec},
    explain::Explain,
    plan::{
        ContextConfig, DialogueConfig, LengthLaw, PromptCorpus, Secret, SequenceLaw, SequenceLengths,
        ServerMetricsConfig, TokenizerChoice, media::MediaConfig,
    },
};

fn facts() -> Environment {
    Environment { cores: 8, seed: 42, ..Environment::default() }
}

fn chat() -> EndpointMetadata {
    let json = r#"{"endpoint_path": "/v1/chat/completions", "supports_streaming": true,
                   "produces_tokens": true, "tokenizes_input": true}"#;
    serde_json::from_str(json).unwrap()
}

fn embeddings() -> EndpointMetadata {
    EndpointMetadata { supports_streaming: false, produces_tokens: false, ..chat() }
}

fn images() -> EndpointMetadata {
    EndpointMetadata { tokenizes_input: false, ..embeddings() }
}

/// An endpoint that takes one of the extra inputs as an option.
fn of(metadata: &EndpointMetadata) -> EndpointFacts<'_> {
    static OWN: LazyLock<[String; 1]> = LazyLock::new(|| ["own".to_owned()]);
    EndpointFacts { name: "chat", metadata, own_inputs: &*OWN, metrics: &METRICS }
}

fn resolved(line: &str) -> Resolved {
    resolve(&spec(line), of(&chat()), &facts()).unwrap()
}

fn refused(line: &str, endpoint: &EndpointMetadata) -> ConfigErrors {
    resolve(&spec(line), of(endpoint), &facts()).unwrap_err()
}

#[test]
#[expect(clippy::too_many_lines, reason = "they are the plan that is expected")]
fn a_model_is_enough_and_every_default_is_filled_in() {
    let Resolved { plan, warnings } = resolved("--model org/m");
    insta::assert_json_snapshot!(redact::plan(&plan, &redact::Redactor::default()), @r#"
    {
      "target": {
        "urls": [
          "http://localhost:8000"
        ],
        "proxies": [],
        "model": "org/m",
        "endpoint_type": "chat",
        "streaming": false,
        "custom_endpoint": null,
        "request_timeout_s": 1800.0,
        "first_byte_timeout_s": null,
        "idle_timeout_s": null,
        "wait_for_model_timeout_s": 0.0,
        "headers": [],
        "session_headers": [],
        "extra_inputs": {},
        "endpoint_options": {},
        "use_server_token_count": false,
        "transport": "timed",
        "http2": false,
        "connection_reuse": "pooled",
        "preconnect": false,
        "connect_timeout_s": 10.0,
        "tls": {
          "insecure": false,
          "ca_cert": null,
          "client_cert": null,
          "client_key": null
        }
      },
      "dataset": {
        "type": "synthetic",
        "entries": 10,
        "isl": {
          "mean": 550.0,
          "stddev": 0.0
        },
        "osl": null,
        "batch_size": 1
      },
      "tokenizer": "builtin",
      "phases": [
        {
          "kind": "profiling",
          "arrival": {
            "law": "closed_loop"
          },
          "concurrency": 1,
          "request_count": 10,
          "duration_s": null,
          "grace_s": null
        }
      ],
      "random_seed": 42,
      "workers": 1,
      "artifact_dir": "artifacts/chat_c1",
      "server_metrics": {
        "enabled": true,
        "urls": [
          "http://localhost:8000/metrics"
        ],
        "interval_s": null,
        "headers": []
      },
      "isolate": [],
      "services": {
        "start": [],
        "leave_out": [],
        "options": []
      },
      "export_outputs": false,
      "export_http_trace": false,
      "drain_s": 8.0,
      "deadline_s": null,
      "replies": "live"
    }
    "#);
    assert!(warnings.is_empty());
}

#[test]
fn a_full_command_line_is_obeyed() {
    let line = "-m m -u h:1/v1 --streaming --concurrency 8 --request-count 200 --isl 100 --isl-stddev 10 \
                --osl 32 --osl-stddev 4 -b 2 --random-seed 7 --workers 3 --tokenizer ./tok --artifact-dir D \
                --server-metrics h:2 http://h:1/metrics --num-prompts 50";
    let Plan { target, dataset, tokenizer, random_seed, workers, artifact_dir, server_metrics, .. } =
        resolved(line).plan;
    assert_eq!((target.urls, target.streaming), (vec!["http://h:1/v1".to_owned()], true));
    let law = |mean, stddev| SequenceLaw::Normal(LengthLaw { mean, stddev });
    let lengths = SequenceLengths::Apart { isl: law(100.0, 10.0), osl: Some(law(32.0, 4.0)) };
    assert_eq!(
        dataset,
        DatasetConfig::Synthetic {
            entries: Some(50),
            lengths,
            batch_size: 2,
            media: MediaConfig::default(),
            dialogue: DialogueConfig::default(),
            context: ContextConfig::default(),
            corpus: PromptCorpus::default(),
        }
    );
    assert_eq!(tokenizer, TokenizerChoice::Local("./tok".into()));
    assert_eq!((random_seed, workers, artifact_dir), (7, 3, PathBuf::from("D")));
    assert_eq!(server_metrics.urls, ["http://h:1/metrics", "http://h:2/metrics"]);
}

#[test]
fn the_mock_server_needs_no_model_and_gets_its_address_later() {
    let mut resolved = resolved("--mock --server-metrics h:2");
    assert_eq!(resolved.plan.target.model, "mock-model");
    assert!(resolved.plan.target.streaming);
    assert!(resolved.plan.target.urls.is_empty());
    resolved.plan.aim_at("http://127.0.0.1:9");
    assert_eq!(resolved.plan.target.urls, ["http://127.0.0.1:9"]);
    let pages = ["http://127.0.0.1:9/metrics", "http://h:2/metrics"];
    assert_eq!(resolved.plan.server_metrics.urls, pages);
}

#[test]
fn server_metrics_that_are_off_stay_off() {
    let mut resolved = resolved("--mock --no-server-metrics");
    resolved.plan.aim_at("http://127.0.0.1:9");
    assert_eq!(resolved.plan.server_metrics, ServerMetricsConfig::default());
}

#[rstest]
#[case::closed_loop("--concurrency 4", 8, 1)]
#[case::one_full_share("--concurrency 512", 8, 1)]
#[case::several_shares("--concurrency 1025", 8, 3)]
#[case::more_than_cores("--concurrency 9000", 8, 7)]
#[case::two_cores("--concurrency 9000", 2, 2)]
#[case::one_core("--concurrency 9000", 1, 1)]
#[case::open_loop("--request-rate 5", 8, 7)]
#[case::open_loop_with_a_limit("--request-rate 5 --concurrency 600", 8, 2)]
#[case::typed("--concurrency 100 --workers 20", 8, 20)]
#[case::busiest_phase("--concurrency 2 --warmup-request-count 9 --warmup-concurrency 600", 8, 2)]
fn workers_follow_cores_and_concurrency(#[case] line: &str, #[case] cores: usize, #[case] workers: usize) {
    let spec = spec(&format!("-m m {line}"));
    let resolved = resolve(&spec, of(&chat()), &Environment { cores, ..facts() }).unwrap();
    assert_eq!(resolved.plan.workers, workers);
}

#[test]
fn idle_workers_are_warned_of() {
    let Resolved { plan, warnings } = resolved("-m m --concurrency 2 --workers 5");
    assert_eq!(plan.workers, 2);
    let expected = "2 of 5 workers are started: a closed loop has no work for more than its concurrency";
    assert_eq!(warnings, [expected]);
}

#[rstest]
#[case::blank_model("--model=", "`--model` is empty")]
#[case::empty_key("-m m --api-key=", "the API key is empty: `--api-key` is set to nothing")]
#[case::models("-m a,b,a", "use the model `a` twice: `--model` names it more than once")]
#[case::spread("-m m --osl-stddev 3", "`--osl-stddev` requires `--osl`")]
#[case::no_file("-m m --custom-dataset-type single_turn", "`--custom-dataset-type` requires `--input-file`")]
#[case::file(
    "-m m --input-file p.jsonl --isl 5",
    "use `--isl` together with `--input-file`: the file says what is sent"
)]
#[case::file_batch(
    "-m m --input-file p.jsonl -b 5",
    "use `--batch-size` together with `--input-file`: the file says what is sent"
)]
#[case::url("-m m -u ftp://h", "use the URL `ftp://h`: prony does not speak `ftp`")]
#[case::key_twice(
    "-m m -u u:p@h --api-key k",
    "log in to the server: credentials in `--url` contradict `--api-key`"
)]
#[case::header_twice(
    "-m m -u u:p@h -H authorization:x",
    "log in to the server: credentials in `--url` contradict an `Authorization` header"
)]
#[case::two_users(
    "-m m -u u:p@h -u v:p@h",
    "log in to the server: credentials in `--url` contradict those of another `--url`"
)]
fn what_cannot_be_meant_is_refused_with_a_next_step(#[case] line: &str, #[case] text: &str) {
    let error = refused(line, &chat());
    assert_eq!(error.to_string(), text);
    assert!(error.others.is_empty() && !error.first.hint().is_empty());
}

#[test]
fn everything_that_is_wrong_is_told_at_once_in_the_order_of_the_help() {
    let line = "--warmup-concurrency 2 -m a,a --osl-stddev 3 --input-file p.jsonl --isl 5 --api-key= -H nothing \
                --service-option x --server-metrics ftp://h --idle-timeout-seconds 5000 --benchmark-grace-period 5 \
                --url ftp://h --rankings-passages-mean 4";
    let ConfigErrors { first, others } = refused(line, &chat());
    let texts: Vec<String> = std::iter::once(&*first).chain(&others).map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "use the model `a` twice: `--model` names it more than once",
            "use the URL `ftp://h`: prony does not speak `ftp`",
            "the API key is empty: `--api-key` is set to nothing",
            "read value 1 of `--header`: there is no `:` between a name and a value",
            "use `--idle-timeout-seconds` together with `--request-timeout-seconds`: the limit for the whole request is \
             reached first",
            "`--benchmark-grace-period` requires `--benchmark-duration`",
            "`--warmup-concurrency` requires `--warmup-request-count`",
            "use `--isl` together with `--input-file`: the file says what is sent",
            "`--osl-stddev` requires `--osl`",
            "use `--rankings-passages-mean` with the endpoint `chat`: it ranks no passages",
            "use the URL `ftp://h`: prony does not speak `ftp`",
            "read value 1 of `--service-option`: it is not `NAME.KEY=VALUE`",
        ]
    );
}

#[test]
fn what_would_be_added_to_payloads_is_told_with_the_rest() {
    let line = "-m m --input-file p.jsonl --custom-dataset-type raw-payload --extra-inputs own:1 n:2 --osl 4";
    let ConfigErrors { first, others } = refused(line, &chat());
    let texts: Vec<String> = std::iter::once(&*first).chain(&others).map(ToString::to_string).collect();
    let with = "together with `--custom-dataset-type raw-payload`: a payload is sent as it is";
    assert_eq!(texts, [format!("use `--extra-inputs` {with}"), format!("use `--osl` {with}")]);
}

#[test]
fn what_an_endpoint_takes_out_of_the_extra_inputs_is_added_to_no_payload() {
    resolved("-m m --input-file p.jsonl --custom-dataset-type raw-payload --extra-inputs own:1");
}

/// `--isl` is of no use to the endpoint, and of none beside a file.
#[test]
fn one_reason_against_a_setting_is_enough() {
    let error = refused("-m m --input-file p.jsonl --isl 5", &images());
    assert!(error.others.is_empty(), "{error}");
}

#[rstest]
#[case("--streaming", embeddings(), "stream from the endpoint `chat`: its responses come in one piece")]
#[case("--osl 5", embeddings(), "use `--osl` with the endpoint `chat`: its output is not counted in tokens")]
#[case(
    "--rankings-passages-mean 5",
    embeddings(),
    "use `--rankings-passages-mean` with the endpoint `chat`: it ranks no passages"
)]
#[case("--isl 5", images(), "use `--isl` with the endpoint `chat`: its input is not counted in tokens")]
#[case(
    "--tokenizer builtin",
    images(),
    "use `--tokenizer` with the endpoint `chat`: its content is not counted in tokens"
)]
fn an_api_format_is_not_asked_for_what_it_cannot_do(
    #[case] line: &str,
    #[case] endpoint: EndpointMetadata,
    #[case] text: &str,
) {
    assert_eq!(refused(&format!("-m m {line}"), &endpoint).to_string(), text);
}

#[test]
fn an_api_format_that_counts_its_input_takes_a_length_and_a_tokenizer() {
    let spec = spec("-m m --isl 5 --tokenizer builtin");
    assert!(resolve(&spec, of(&embeddings()), &facts()).is_ok());
}

#[rstest]
#[case("-m meta/llama:8b --concurrency 4", "artifacts/chat_c4")]
#[case("-m m --request-rate 10 --concurrency 8", "artifacts/chat_r10_c8")]
#[case("-m m --request-rate 0.5", "artifacts/chat_r0.5")]
#[case("-m m --warmup-request-count 1 --warmup-concurrency 9", "artifacts/chat_c1")]
fn the_folder_is_named_after_what_is_measured(#[case] line: &str, #[case] folder: &str) {
    assert_eq!(resolved(line).plan.artifact_dir, Path::new(folder));
}

#[rstest]
#[case("--benchmark-duration 14m")]
#[case("--request-count 50")]
#[case("--num-conversations 5")]
#[case("--cache-bust none")]
#[case("--trace-idle-gap-cap-seconds 9")]
#[case("--custom-dataset-type mooncake-trace")]
#[case("--ignore-trace-delays")]
#[case("--inter-turn-delay-cap-seconds 5")]
#[case("--conversation-turn-delay-ratio 2")]
#[case("--max-idle-gap-cap-seconds 5")]
#[case("--open-loop-replay")]
#[case("--no-open-loop-replay")]
#[case("--synthesis-max-osl 50")]
#[case("--replies live")]
#[case("--osl 50")]
#[case("--extra-inputs ignore_eos:false")]
#[case("--extra-inputs max_tokens:5")]
#[case("--session-leave-rate 5")]
#[case("--request-cancellation-rate 5")]
fn a_scenario_without_one_of_its_locks_is_a_plan(#[case] broken: &str) {
    let line = format!("-m m --scenario inferencex-agentx-mvp --input-file f {broken}");
    // The scenario marks conversations.
    let endpoint = EndpointMetadata { supports_cache_bust: true, ..chat() };
    let refused = refused(&line, &endpoint);
    assert!(refused.others.is_empty() && refused.to_string().contains("scenario"), "{refused}");
    let spec = spec(&format!("{line} --unsafe-override"));
    let plan = resolve(&spec, of(&endpoint), &facts()).unwrap().plan;
    assert_eq!(plan.scenario.unwrap().departures.len(), 1);
}

#[test]
fn what_a_scenario_sets_is_not_told_as_if_it_was_typed() {
    let line = "-m m --scenario inferencex-agentx-mvp --input-file f";
    let refused = refused(line, &chat());
    assert_eq!(
        refused.to_string(),
        "use `--cache-bust (set by --scenario inferencex-agentx-mvp)` with the endpoint `chat`: it has no place for messages \
         in front of the prompt"
    );
    assert_eq!(refused.first.hint(), "leave out `--scenario`, or use `--endpoint-type chat`");
}

#[test]
fn the_journal_gets_no_secrets() {
    let line = "-m m -u u:pw@h/v1?token=tk -H X-Api-Key:hk -H X-Team:a -H Link:http://u:pw@h --custom-endpoint /v1?key=ck \
                --extra-inputs secret:xs n:1 --server-metrics http://u:pw@h:2 --proxy http://u:proxy-pass@p:3128";
    let mut plan = resolved(line).plan;
    plan.target.api_key = Some(Secret::new("ak".to_owned()));
    let journalled = redact::plan(&plan, &redact::Redactor::default());
    assert_eq!(journalled.target.api_key, None);
    let text = serde_json::to_string(&journalled).unwrap();
    for secret in ["dTpwdw==", "tk\"", "hk", "xs", "pw", "ck"] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    assert!(text.contains("http://<redacted>@p:3128") && !text.contains("proxy-pass"), "{text}");
    assert!(text.contains(r#"["X-Team","a"]"#), "{text}");
}
