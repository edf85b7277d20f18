//! The command line: what is refused, and how.

use prony_tests::Tool;
use rstest::rstest;

#[test]
fn a_number_is_no_url() {
    let run = Tool::new(["profile", "--model", "m", "--url", "8000"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("the URL `8000` is a number"), "{}", run.stderr);
    assert!(run.stderr.contains("write `localhost:8000`"), "{}", run.stderr);
}

#[rstest]
#[case::help(&["--help"])]
#[case::command_help(&["profile", "--help"])]
#[case::version(&["--version"])]
fn help_and_version_need_nothing(#[case] words: &[&str]) {
    let run = Tool::new(words).env("PRONY_PLUGIN_PATH", "/nowhere").env("PRONY_API_KEY", "x").run();
    run.succeeds();
    assert!(run.stderr.is_empty(), "{}", run.stderr);
    assert!(!run.stdout.is_empty());
}

#[rstest]
#[case(&["--wandb-project", "p"], "--wandb-project")]
#[case(&["--search-space", "concurrency:1,8:int", "--search-random-seed", "5"], "--search-random-seed")]
#[case(&["--num-users", "3"], "--num-users")]
fn a_flag_of_aiperf_that_is_not_built_is_refused_by_name(#[case] words: &[&str], #[case] named: &str) {
    let run = Tool::new(["profile", "--model", "m"]).args(words).run();
    run.ends_with(2);
    assert!(run.stderr.contains(named), "{}", run.stderr);
    assert!(run.stderr.contains("help: "), "{}", run.stderr);
}

#[rstest]
#[case::unknown_flag(&["--concurency", "4"], "--concurrency")]
#[case::empty_model(&["--model="], "--model")]
#[case::negative(&["--model", "m", "--request-rate", "-1"], "--request-rate")]
#[case::word(&["--model", "m", "--isl", "many"], "--isl")]
#[case::grace_alone(&["--model", "m", "--benchmark-grace-period", "3"], "--benchmark-duration")]
#[case::ftp(&["--model", "m", "--url", "ftp://h"], "ftp")]
#[case::bad_header(&["--model", "m", "-H", "no colon"], "--header")]
#[case::no_agent(&["--model", "m", "--agents", "0"], "use `--agents 0`: it must be a number of agents from 1 to 1000")]
#[case::no_machine(&["--model", "m", "--agents", "ssh:-h"], "use `--agents ssh:-h`: it must be `ssh:` and a machine")]
#[case::no_ssh(&["--model", "m", "--agents", "h"], "use `h` of `--agents`: no `ssh:` stands in front of it")]
#[case::ssh_alone(&["--model", "m", "--agents", "2", "--ssh", "ssh -p 2"], "`--ssh` requires a machine in `--agents`")]
#[case::nats_alone(&["--model", "m", "--nats", "h"], "`--nats` requires `--agents`")]
#[case::no_address_of_nats(&["--model", "m", "--agents", "2", "--nats", "http://h"], "nats://")]
fn a_usage_error_says_what_and_where(#[case] words: &[&str], #[case] named: &str) {
    let run = Tool::new(["profile"]).args(words).run();
    run.ends_with(2);
    assert!(run.stderr.contains(named), "{}", run.stderr);
}

#[rstest]
#[case::nowhere_to_wait(&[], "`--nats` is missing")]
#[case::no_word(&["--nats", "h", "--name", "../a"], "use `--name ../a`: it must be a word")]
#[case::unknown_flag(&["--nats", "h", "--label", "a"], "unknown flag `--label`")]
fn an_agent_that_cannot_be_meant_is_refused(#[case] words: &[&str], #[case] text: &str) {
    let run = Tool::new(["agent"]).args(words).run();
    run.ends_with(2);
    assert!(run.stderr.contains(text), "{}", run.stderr);
}

/// The environment of a machine may say where NATS is, whatever is run there. A list of requests needs no agents.
#[rstest]
#[case::no_agents(&[])]
#[case::agents(&["--agents", "3"])]
fn a_variable_that_names_nats_is_no_mistake(#[case] words: &[&str]) {
    let tool = Tool::new(["profile", "--model", "m", "--dry-run", "1"]).args(words);
    let run = tool.env("PRONY_NATS", "nats://nats.example.org:4222").env("PRONY_AGENT_NAME", "a");
    let run = run.env("PRONY_SSH", "ssh -p 2222").run();
    run.succeeds();
    assert!(!run.stderr.contains("PRONY_"), "{}", run.stderr);
}

#[rstest]
#[case::missing("nowhere.jsonl", None, "nowhere.jsonl")]
#[case::empty("p.jsonl", Some(""), "p.jsonl")]
#[case::not_json("p.jsonl", Some("{\"text\": \"a\"}\nhello\n"), "p.jsonl:2")]
#[case::typo("p.jsonl", Some("{\"txet\": \"a\"}\n"), "txet")]
fn a_bad_input_file_is_named_by_line(
    #[case] name: &str,
    #[case] contents: Option<&str>,
    #[case] named: &str,
) {
    let tool = Tool::new(["profile", "--model", "m", "--input-file", name]);
    if let Some(contents) = contents {
        tool.file(name, contents);
    }
    let run = tool.run();
    run.ends_with(2);
    assert!(run.stderr.contains(named), "{}", run.stderr);
}

#[rstest]
#[case::a_typo("txet", "help: did you mean `text`?")]
#[case::a_beginning("output", "help: did you mean `output_length`?")]
#[case::a_name_of_another_tool("prompt", "help: did you mean `text`?")]
#[case::nothing_like_it(
    "texture",
    "help: name its format with `--custom-dataset-type`; tried were single-turn, "
)]
fn a_key_that_is_not_known_leads_to_a_near_one_only(#[case] key: &str, #[case] help: &str) {
    let tool = Tool::new(["profile", "--model", "m", "--input-file", "p.jsonl"]);
    tool.file("p.jsonl", format!("{{\"{key}\": \"a\"}}\n"));
    let run = tool.run();
    run.ends_with(2);
    assert!(run.stderr.contains(help), "{}", run.stderr);
}

#[test]
fn a_tokenizer_of_a_hub_is_refused_because_nothing_is_downloaded() {
    let run = Tool::new(["profile", "--mock", "--tokenizer", "org/name"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("org/name") && run.stderr.contains("fetches nothing"), "{}", run.stderr);
}

#[test]
fn completions_are_printed_for_a_shell() {
    let run = Tool::new(["completions", "bash"]).run();
    run.succeeds();
    assert!(run.stdout.contains("prony"), "{}", run.stdout);
}

#[test]
fn a_service_by_itself_is_refused_by_name() {
    let run = Tool::new(["service", "server_metrics"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("server_metrics"), "{}", run.stderr);
}
