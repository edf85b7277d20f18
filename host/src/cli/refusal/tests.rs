use std::collections::BTreeSet;

use rstest::rstest;

use super::*;
use crate::cli::{exit::Form, help};

/// Every flag of `prony profile`, with its aliases.
pub(super) fn built() -> BTreeSet<String> {
    let mut command = help::command();
    command.build();
    let profile = command.find_subcommand("profile").unwrap();
    let long = profile.get_arguments().flat_map(|arg| {
        let aliases = arg.get_all_aliases().unwrap_or_default();
        arg.get_long().into_iter().chain(aliases).map(|name| format!("--{name}")).collect::<Vec<_>>()
    });
    let short = profile.get_arguments().filter_map(Arg::get_short).map(|name| format!("-{name}"));
    long.chain(short).collect()
}

fn refused(line: &str) -> Option<Failure> {
    let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
    let mut command = help::command();
    let error = command.try_get_matches_from_mut(&words).unwrap_err();
    of(&error, &words, &command)
}

/// The statement and the hint.
fn refusal_of(line: &str) -> (String, String) {
    let failure = refused(line).unwrap();
    assert_eq!((failure.exit, failure.form), (Exit::Usage, Form::Statement), "{failure:?}");
    (failure.message, failure.hint.unwrap_or_default())
}

#[rstest]
#[case(
    "--wandb-project p",
    "`--wandb-project` of AIPerf is not supported yet",
    "`prony profile --help` lists"
)]
#[case(
    "-m m --network-latency-mean=1",
    "`--network-latency-mean` of AIPerf is not supported yet",
    "use `--network-latency`"
)]
#[case("--max-seconds 30", "unknown flag `--max-seconds`", "use `--benchmark-duration`")]
#[case("--max-seconds=30", "unknown flag `--max-seconds`", "use `--benchmark-duration`")]
#[case("--vus 5", "unknown flag `--vus`", "use `--concurrency`")]
#[case("--profile sweep", "unknown flag `--profile`", "use `prony search --over rate`, or a list")]
#[case("--profile=sweep", "unknown flag `--profile`", "use `prony search --over rate`, or a list")]
#[case("--temperature 0", "unknown flag `--temperature`", "use `--extra-inputs temperature:VALUE`")]
#[case("-n 30", "unknown flag `-n`", "use `--request-count`")]
#[case("--concurency 4", "unknown flag `--concurency`", "did you mean `--concurrency`?")]
#[case(
    "--benchmark-durations 4",
    "unknown flag `--benchmark-durations`",
    "did you mean `--benchmark-duration`?"
)]
#[case("--warmup-request 4", "unknown flag `--warmup-request`", "did you mean `--warmup-request-count`?")]
#[case("--grace-period 4", "unknown flag `--grace-period`", "use `--benchmark-grace-period`")]
#[case("http://h:8000", "unexpected word `http://h:8000`", "did you mean `--url http://h:8000`?")]
#[case("-m m https://u:secret@h", "unexpected word `https://<redacted>@h`", "did you mean `--url https://")]
#[case("-m m llama", "unexpected word `llama`", "put a flag in front of it; `prony profile --help`")]
#[case("--fancy 4", "unknown flag `--fancy`", "`prony profile --help` lists what there is")]
#[case("-Z", "unknown flag `-Z`", "`prony profile --help` lists what there is")]
#[case("--streaming true", "`--streaming` takes no value", "write `--streaming` alone, or leave it out")]
#[case("--streaming=true", "`--streaming` takes no value", "write `--streaming` alone, or leave it out")]
#[case("-k yes", "`--insecure` takes no value", "write `--insecure` alone, or leave it out")]
fn a_flag_that_is_not_there_leads_to_what_is(#[case] line: &str, #[case] message: &str, #[case] hint: &str) {
    let (said, next) = refusal_of(&format!("prony profile {line}"));
    assert_eq!(said, message);
    assert!(next.starts_with(hint), "{next}");
}

#[rstest]
#[case("prony report --timeout 3 D", "unknown flag `--timeout`", "`prony report --help` lists what there is")]
#[case("prony plugins list --jsn", "unknown flag `--jsn`", "did you mean `--json`?")]
#[case(
    "prony proxy D",
    "the command `proxy` of AIPerf is not supported yet",
    "`prony --help` lists what there is"
)]
#[case(
    "prony search --search-sla-tier gold:ttft",
    "`--search-sla-tier` of AIPerf is not supported yet",
    "`prony search --over concurrency --slo 'time_to_first_token p95 < 500ms'` finds the highest load that keeps to objectives"
)]
#[case("prony bench", "unknown command `bench`", "use `prony profile`")]
#[case("prony profle", "unknown command `profle`", "did you mean `prony profile`?")]
#[case("prony fly", "unknown command `fly`", "`prony --help` lists what there is")]
#[case(
    "prony plugins show chat",
    "the category of `chat` is missing",
    "write `prony plugins show endpoint chat`, or `service` in place of `endpoint`"
)]
#[case(
    "prony plugins show endpoint",
    "which endpoint to show is missing",
    "write `prony plugins show endpoint NAME`"
)]
#[case(
    "prony search --concurrency 1,2",
    "a search takes one value of `concurrency`",
    "give one value; for several, make a search for each"
)]
fn other_commands_are_refused_in_words_of_their_own(
    #[case] line: &str,
    #[case] message: &str,
    #[case] hint: &str,
) {
    assert_eq!(refusal_of(line), (message.to_owned(), hint.to_owned()));
}

#[rstest]
#[case(
    "prony dataset inspect FILE --isl-block-size 16,32",
    "use `--isl-block-size 16,32`: only sweeps of `prony profile` take several values",
    "give one value"
)]
#[case(
    "prony profile --custom-dataset-type baseten_trace",
    "use `--custom-dataset-type baseten_trace`: prony does not have this choice yet",
    "choose one of: single-turn, multi-turn, raw-payload, random-pool, inputs-json, mooncake-trace, bailian-trace, burst-gpt-trace, azure-trace, openai-messages, openai-batch, sharegpt, sagemaker-data-capture, dag-jsonl, weka-trace, tracelab, mlperf, otel, atif, claude-code, codex, speed-bench, prony-sessions"
)]
#[case("prony completions bsh", "use `SHELL bsh`: there is no such choice", "did you mean `bash`?")]
fn a_value_that_aiperf_knows_is_refused_by_name(
    #[case] line: &str,
    #[case] message: &str,
    #[case] hint: &str,
) {
    let expected = Failure::new(Exit::Usage, message).with_hint(hint);
    assert_eq!(refused(line), Some(expected));
}

#[test]
fn a_value_out_of_range_is_told_what_would_do() {
    let expected = Failure::new(Exit::Usage, "use `--isl 0`: it must be a whole number, 1 or more");
    assert_eq!(refused("prony profile --isl 0"), Some(expected));
}

#[rstest]
#[case(
    "prony --verbose --log-level debug plugins",
    "use `--verbose` together with `--log-level`",
    "leave out `--verbose` or `--log-level`"
)]
#[case(
    "prony plugins graph --json --dot",
    "use `--json` together with `--dot`",
    "leave out `--json` or `--dot`"
)]
#[case("prony profile --isl 5 --isl 6", "`--isl` is given more than once", "give it once")]
fn flags_that_exclude_each_other_are_named(#[case] line: &str, #[case] message: &str, #[case] hint: &str) {
    let failure = refused(line).unwrap();
    assert_eq!((failure.exit, failure.message.as_str()), (Exit::Usage, message));
    assert!(failure.hint.unwrap().starts_with(hint));
}

#[test]
fn what_nobody_knows_is_left_to_clap() {
    assert_eq!(refused("prony --help"), None);
}
