//! What a mistake is told as: what is wrong, and what to write instead.

use std::fs;

use prony_tests::{MockServer, Run, Script, ScriptedServer, Tool};
use rstest::rstest;

/// It was refused before anything was sent, with these words.
#[track_caller]
fn is_refused(run: &Run, error: &str, help: &str) {
    run.ends_with(2);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert!(lines.contains(&format!("error: {error}").as_str()), "{}", run.stderr);
    assert!(lines.iter().any(|line| line.starts_with(&format!("help: {help}"))), "{}", run.stderr);
}

/// Every mistake has its line and its help, in the order of the flags in `--help`, whatever the order of the words.
#[test]
fn several_mistakes_are_told_at_once() {
    let words = "--osl-stddev 4 --warmup-concurrency 2 --concurrency 3 --api-key= --model=";
    let run = Tool::new(["profile"]).args(words.split(' ')).run();
    run.ends_with(2);
    let lines: Vec<&str> = run.stderr.lines().collect();
    let expected = [
        "error: `--model` is empty",
        "help: add `--model NAME`, or try `prony profile --mock`, which needs no server",
        "error: the API key is empty: `--api-key` is set to nothing",
        "help: give `--api-key` the key that the server takes, or do not set it where the server wants none",
        "error: `--warmup-concurrency` requires `--warmup-request-count`",
        "help: add `--warmup-request-count`, or leave out `--warmup-concurrency`",
        "error: `--osl-stddev` requires `--osl`",
        "help: add `--osl`, or leave out `--osl-stddev`",
    ];
    assert_eq!(lines, expected, "{}", run.stderr);
}

/// It was refused with these errors and no others, in this order, and each has its help.
#[track_caller]
fn is_refused_for(run: &Run, expected: &[&str]) {
    run.ends_with(2);
    let errors: Vec<&str> =
        run.stderr.lines().filter_map(|line| line.strip_prefix("error: failed to ")).collect();
    assert_eq!(errors.len(), expected.len(), "{}", run.stderr);
    for (error, begin) in errors.iter().zip(expected) {
        assert!(error.starts_with(begin), "{begin}: {}", run.stderr);
    }
    let helps = run.stderr.lines().filter(|line| line.starts_with("help: ")).count();
    assert_eq!(helps, expected.len(), "{}", run.stderr);
}

/// Of several values of one setting, of switches that say the opposite, and of names that mean nothing on this machine.
#[test]
fn mistakes_of_all_kinds_are_told_in_one_answer() {
    let run = Tool::new(["profile", "-m", "m", "-H", "A: 1", "no-colon", "B C: 2"])
        .args(["--slo", "joy p99 < 5", "--slo", "request_latency p99", "--tokenizer", "no/such"])
        .args([
            "--public-dataset",
            "no/dataset",
            "--auto-plot",
            "--no-auto-plot",
            "--quiet",
            "--ui",
            "simple",
        ])
        .run();
    let expected = [
        "use `--auto-plot` together with `--no-auto-plot`",
        "use `--quiet` together with `--ui simple`: no progress is shown then",
        "read value 2 of `--header`: there is no `:` between a name and a value",
        "use the header `B C`: its name holds characters that HTTP does not allow there",
        "read `--slo`: there is no metric `joy`",
        "read `--slo`: `request_latency p99` is no bound on a metric",
        "find the tokenizer `no/such` on this machine",
        "find the dataset `no/dataset` on this machine",
    ];
    is_refused_for(&run, &expected);
}

/// Whatever the first of them is: clap would tell of that one alone.
#[test]
fn values_that_cannot_be_read_are_told_with_the_others() {
    let words = "--isl abc --concurrency 0 --transport pigeon --osl-stddev 5 --slo x";
    let run = Tool::new(["profile", "-m", "m"]).args(words.split(' ')).run();
    run.ends_with(2);
    for part in ["`--isl abc`", "`--concurrency 0`", "`--transport pigeon`", "`--osl`", "`x` is no bound"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    assert_eq!(run.stderr.lines().filter(|line| line.starts_with("error: ")).count(), 5, "{}", run.stderr);
    let search = Tool::new(["search", "-m", "m", "--isl", "abc", "--osl", "0", "--slo", "joy p99 < 5"]).run();
    for part in ["`--isl abc`", "`--osl 0`", "`joy`"] {
        assert!(search.ends_with(2).stderr.contains(part), "{part}: {}", search.stderr);
    }
}

/// They are opened later, where nothing else is wrong.
#[test]
fn files_that_are_not_there_are_told_beside_other_mistakes() {
    let words = ["profile", "--mock", "--mock-answer", "none.txt", "--input-file", "none.jsonl"];
    let of_both = Tool::new(words).args(["--goodput", "joy:5 glee:6"]).run();
    let expected = [
        "read `--goodput`: there is no metric `joy`",
        "read `--goodput`: there is no metric `glee`",
        "read the input file `none.jsonl`",
        "read the response `none.txt`",
    ];
    is_refused_for(&of_both, &expected);
    let alone = Tool::new(["profile", "--mock", "--mock-answer", "none.txt"]).run();
    is_refused_for(&alone, &["read the response `none.txt`"]);
}

/// The flags about several runs are told of with those of the runs.
#[test]
fn mistakes_of_flags_about_several_runs_are_told_with_the_others() {
    let run = Tool::new(["profile", "-m", "m", "--num-profile-runs", "2", "--header", "no-colon"])
        .args(["--set-consistent-seed", "--no-set-consistent-seed"])
        .run();
    let expected = [
        "use `--set-consistent-seed` together with `--no-set-consistent-seed`",
        "read value 1 of `--header`: there is no `:` between a name and a value",
    ];
    is_refused_for(&run, &expected);
}

/// Who has the key in the environment is told its name, and not that of a flag.
#[test]
fn a_mistake_in_the_environment_is_told_with_the_variable() {
    let run = Tool::new(["profile", "-m", "m", "--url", "http://user:secret@localhost:1"])
        .env("PRONY_API_KEY", "0123456789")
        .run();
    is_refused(
        &run,
        "failed to log in to the server: credentials in `--url` contradict `PRONY_API_KEY`",
        "give the credentials in one place",
    );
}

#[rstest]
#[case::empty_model("--model=", "`--model` is empty", "add `--model NAME`")]
#[case::unknown_format(
    "-m m --endpoint-type openai",
    "unknown endpoint `openai`",
    "did you mean `completions`? `prony plugins endpoint` lists all"
)]
#[case::unknown_format_of_chats(
    "-m m --endpoint-type openai-chat",
    "unknown endpoint `openai-chat`",
    "did you mean `chat`? `prony plugins endpoint` lists all"
)]
#[case::unknown_format_of_anthropic(
    "-m m --endpoint-type anthropic",
    "unknown endpoint `anthropic`",
    "did you mean `messages`?"
)]
#[case::typo_of_a_format(
    "-m m --endpoint-type embedings",
    "unknown endpoint `embedings`",
    "did you mean `embeddings`? `prony plugins endpoint` lists all"
)]
#[case::nothing_like_it(
    "-m m --endpoint-type zzzzz",
    "unknown endpoint `zzzzz`",
    "`prony plugins endpoint` lists all"
)]
#[case::switch_with_a_value("--streaming true", "`--streaming` takes no value", "write `--streaming` alone")]
#[case::switch_set_to_a_value(
    "--streaming=false",
    "`--streaming` takes no value",
    "write `--streaming` alone"
)]
#[case::not_built(
    "--wandb-project p",
    "`--wandb-project` of AIPerf is not supported yet",
    "`prony profile --help`"
)]
#[case::guidellm("--max-seconds 60", "unknown flag `--max-seconds`", "use `--benchmark-duration`")]
#[case::sampling("--temperature 0", "unknown flag `--temperature`", "use `--extra-inputs temperature:VALUE`")]
#[case::timeout("--timeout 60", "unknown flag `--timeout`", "use `--request-timeout-seconds`")]
#[case::backend("--backend vllm", "unknown flag `--backend`", "use `--endpoint-type completions`")]
#[case::another_backend("--backend x", "unknown flag `--backend`", "use `--endpoint-type`; `prony plugins")]
#[case::vllm_bench("--max-concurrency 8", "unknown flag `--max-concurrency`", "use `--concurrency`")]
#[case::near("--concurency 8", "unknown flag `--concurency`", "did you mean `--concurrency`?")]
#[case::far("--sparkle 8", "unknown flag `--sparkle`", "`prony profile --help` lists what there is")]
fn a_slip_on_the_command_line_leads_to_what_was_meant(
    #[case] line: &str,
    #[case] error: &str,
    #[case] help: &str,
) {
    is_refused(&Tool::new(["profile"]).args(line.split_whitespace()).run(), error, help);
}

#[test]
fn a_model_that_nobody_names_is_required() {
    let server = ScriptedServer::start([Script::status("404 Not Found", &["Content-Length: 0"])]);
    let run = Tool::new(["profile", "--url", &server.url()]).run();
    let list = format!("`{}/v1/models`", server.url());
    let error = format!(
        "the server responds with 404 Not Found; {list} was asked which model to measure, since there is no `--model`"
    );
    let help =
        "check `--url`: this server does not list its models there; with `--model NAME` prony need not ask";
    is_refused(&run, &error, help);
}

#[test]
fn a_space_in_a_url_is_told_as_one() {
    let run = Tool::new(["profile", "-m", "m", "--url", "http://h:18431 /v1"]).run();
    is_refused(&run, "the URL `http://h:18431 /v1` contains a space", "remove the space");
}

#[test]
fn an_entry_without_its_category_is_led_to_the_whole_command() {
    let run = Tool::new(["plugins", "show", "chat"]).run();
    is_refused(&run, "the category of `chat` is missing", "write `prony plugins show endpoint chat`");
}

#[rstest]
#[case::prompt("{\"prompt\": \"a\"}\n", "the key `prompt` is not known", "did you mean `text`?")]
#[case::limit(
    "{\"text\": \"a\", \"max_tokens\": 5}\n",
    "the key `max_tokens` is not known",
    "did you mean `output_length`?"
)]
fn a_key_of_another_tools_file_leads_to_ours(#[case] rows: &str, #[case] cause: &str, #[case] help: &str) {
    let tool = Tool::new(["profile", "-m", "m", "--input-file", "p.jsonl"]);
    tool.file("p.jsonl", rows);
    let run = tool.run();
    is_refused(&run, "failed to read the row at `p.jsonl:1`", help);
    assert!(run.stderr.contains(cause), "{}", run.stderr);
}

#[test]
fn rows_that_may_be_bodies_or_messages_are_to_be_named() {
    let tool = Tool::new(["profile", "-m", "m", "--input-file", "p.jsonl"]);
    tool.file("p.jsonl", "{\"model\": \"m\", \"messages\": []}\n");
    let says =
        "the input file `p.jsonl` may be raw-payload or openai-messages: what it begins with fits both";
    is_refused(
        &tool.run(),
        says,
        "name it: `--custom-dataset-type raw-payload` or `--custom-dataset-type openai-messages`",
    );
}

#[test]
fn a_file_of_no_known_format_is_told_with_what_was_tried() {
    let tool = Tool::new(["profile", "-m", "m", "--input-file", "p.csv"]);
    tool.file("p.csv", "when,how many\n1,2\n");
    let says = "the format of the input file `p.csv` is not known: it begins with `when,how many`";
    is_refused(
        &tool.run(),
        says,
        "name its format with `--custom-dataset-type`; tried were single-turn, multi-turn,",
    );
}

#[rstest]
#[case::object("{\n  \"text\": \"a\"\n}\n", "write it as lines: `jq -c '.' p.json > lines.jsonl`")]
#[case::list("[\n  {\"text\": \"a\"}\n]\n", "write it as lines: `jq -c '.[]' p.json > lines.jsonl`")]
fn json_over_several_lines_is_told_as_that(#[case] text: &str, #[case] help: &str) {
    let tool = Tool::new(["profile", "-m", "m", "--input-file", "p.json"]);
    tool.file("p.json", text);
    let error = "the input file `p.json` looks like JSON over several lines; it must be one object a line";
    is_refused(&tool.run(), error, help);
}

#[rstest]
#[case::alone(false, "give a `tokenizer.json` as the `tokenizers` library writes it, or `builtin`")]
#[case::beside_a_tokenizer(true, "give `tokenizer.json`")]
fn a_json_file_that_is_no_tokenizer_is_told_as_that(#[case] has_tokenizer: bool, #[case] help: &str) {
    let tool = Tool::new(["profile", "-m", "m", "--tokenizer", "config.json"]);
    tool.file("config.json", "{\n \"architectures\": [\"Llama\"], \"vocab_size\": 5\n}");
    if has_tokenizer {
        tool.file("tokenizer.json", "{}");
    }
    is_refused(&tool.run(), "`config.json` is JSON, but not a `tokenizer.json`", help);
}

#[rstest]
#[case::seconds("1")]
#[case::unit("1s")]
#[case::milliseconds("800ms")]
#[case::minutes("0.01m")]
fn a_time_is_a_number_of_seconds_or_has_a_unit(#[case] time: &str) {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--benchmark-duration", time, "--osl", "2", "--isl", "4"]).run();
    let duration = run.succeeds().summary()["input_config"]["phases"][0]["duration_s"].as_f64().unwrap();
    let expected = match time {
        "1" | "1s" => 1.0,
        "800ms" => 0.8,
        _ => 0.6,
    };
    assert!((duration - expected).abs() < 1e-9, "{duration}");
}

#[test]
fn a_time_that_is_none_says_what_one_looks_like() {
    let run = Tool::new(["profile", "--mock", "--benchmark-duration", "1d"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("it must be a time such as `60`, `60s`, `1m` or `500ms`"), "{}", run.stderr);
}

#[test]
fn a_file_in_the_place_of_a_folder_is_a_usage_error() {
    let server = MockServer::start([]);
    let tool = Tool::new(["profile", "-m", "m", "--url", server.url(), "--artifact-dir", "notes.txt"]);
    let file = tool.file("notes.txt", "mine");
    let run = tool.run();
    is_refused(&run, "`notes.txt` is a file; give a folder", "choose another `--artifact-dir`");
    assert_eq!(fs::read_to_string(run.dir().join(file.file_name().unwrap())).unwrap(), "mine");
}

#[rstest]
#[case::folder("run")]
#[case::journal("run/journal.prony")]
fn a_report_is_made_from_a_folder_or_the_journal_in_it(#[case] path: &str) {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "1", "--isl", "4"]).run();
    run.succeeds();
    let again = Tool::new(["report"]).arg(run.dir().join(path)).run();
    assert_eq!(again.succeeds().stdout, run.stdout);
}

#[test]
fn an_error_that_the_server_reports_is_called_that() {
    let refusal =
        Script::events().event(r#"{"error":{"message":"Invalid API Key","code":401}}"#).last_chunk();
    let server = ScriptedServer::start([refusal]);
    let run = Tool::profile_at(&server.url()).args(["--request-count", "1", "--no-server-metrics"]).run();
    run.ends_with(1);
    assert!(run.stderr.contains("Invalid API Key"), "{}", run.stderr);
    assert!(run.stderr.contains("help: error reported by the server"), "{}", run.stderr);
}

#[rstest]
#[case("1", "cause: 1 request ended with")]
#[case("2", "cause: 2 requests ended with")]
fn one_request_is_not_one_requests(#[case] count: &str, #[case] words: &str) {
    let server = ScriptedServer::start([Script::status("500 Oops", &["Content-Length: 0"])]);
    let run = Tool::profile_at(&server.url()).args(["--request-count", count, "--no-server-metrics"]).run();
    run.ends_with(1);
    assert!(run.stderr.contains(words), "{}", run.stderr);
}

#[rstest]
#[case::short(&["profile", "-h"], &["--concurrency", "--model", "-h, --help"], &["--image-width-mean", "--http2"])]
#[case::long(&["profile", "--help"], &["--concurrency", "--image-width-mean", "--http2"], &[])]
#[case::as_a_command(&["help", "profile"], &["--concurrency", "--image-width-mean", "--http2"], &[])]
#[case::of_the_program(&["help"], &["profile", "report", "completions"], &["extra-verbose"])]
#[case::of_an_action(&["help", "plugins", "show"], &["<CATEGORY>"], &[])]
fn help_is_short_or_long(#[case] words: &[&str], #[case] has: &[&str], #[case] lacks: &[&str]) {
    let run = Tool::new(words).run();
    run.succeeds();
    for word in has {
        assert!(run.stdout.contains(word), "{word}: {}", run.stdout);
    }
    for word in lacks {
        assert!(!run.stdout.contains(word), "{word}: {}", run.stdout);
    }
    let lines = run.stdout.lines().count();
    assert!(words != ["profile", "-h"] || lines <= 42, "{lines} lines:\n{}", run.stdout);
}

#[rstest]
fn completions_know_the_names_of_api_formats_and_nothing_hidden(
    #[values("bash", "zsh", "fish")] shell: &str,
) {
    let run = Tool::new(["completions", shell]).run();
    run.succeeds();
    for name in ["huggingface_generate", "cohere_rankings", "server_metrics"] {
        assert!(run.stdout.contains(name), "{name}");
    }
    for hidden in ["extra-verbose", "probe"] {
        assert!(!run.stdout.contains(hidden), "{hidden}");
    }
}

#[rstest]
#[case("-v")]
#[case("-vv")]
fn a_verbose_run_logs_what_prony_does_and_not_what_its_libraries_do(
    #[case] flag: &str,
    #[values("timed", "portable")] transport: &str,
) {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "2", "--transport", transport, flag]).run();
    run.succeeds();
    let lines: Vec<&str> =
        run.stderr.lines().filter(|line| line.contains("DEBUG") || line.contains("TRACE")).collect();
    assert!(lines.iter().any(|line| line.contains(" prony::")), "{}", run.stderr);
    for library in ["hyper", "reqwest", "h2::", "tower", "rustls"] {
        assert!(!lines.iter().any(|line| line.contains(library)), "{library}: {}", run.stderr);
    }
}

#[rstest]
#[case::word("loud", "invalid `PRONY_LOG`: `loud` is no log level")]
#[case::among_others("prony=debug,warning", "invalid `PRONY_LOG`: `warning` is no log level")]
#[case::level_of_a_module("prony=loud", "invalid `PRONY_LOG`: `prony=loud`")]
fn a_log_level_that_is_none_is_refused(#[case] value: &str, #[case] error: &str) {
    let run = Tool::new(["profile", "--mock"]).env("PRONY_LOG", value).run();
    is_refused(&run, error, "use off, error, warn, info, debug or trace");
}

/// The wait is as long as it says, and the last answer is told.
#[rstest]
fn a_wait_for_a_model_lasts_as_long_as_it_says(#[values("1", "1500ms")] time: &str) {
    let refusal = Script::status("503 Service Unavailable", &["Content-Length: 7"]).bytes("loading");
    let server = ScriptedServer::start([refusal]);
    let run = Tool::profile_at(&server.url()).args(["--wait-for-model-timeout", time]).run();
    run.ends_with(4);
    let seconds = if time == "1" { "1" } else { "1.5" };
    let error = format!("failed to get a response from the model within {seconds} s");
    assert!(
        run.stderr.contains(&error)
            && run.stderr.contains("the last attempt said: POST /v1/chat/completions: loading"),
        "{}",
        run.stderr
    );
    // One at once, one each half second, and one at the end.
    let least = if time == "1" { 2 } else { 3 };
    let attempts = server.requests().len();
    assert!(attempts >= least, "{attempts} attempts");
}
