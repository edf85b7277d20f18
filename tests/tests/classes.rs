//! Classes, several models and objectives: what a server is sent, and what is said of it.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;

use prony_tests::{MockServer, Run, Tool};
use rstest::rstest;
use serde_json::{Value, json};

const CHAT: &str = "chat:share=80,model=llama,priority=0,isl=20,osl=2,goodput=request_latency:30s";
const BATCH: &str = "batch:share=20,adapter=sql-lora,priority=7,isl=90,osl=3";

/// Of each request that the server has seen by its id: the model, the priority, and the output length that it asked for.
fn asked(server: &MockServer) -> BTreeMap<String, (Value, Value, Value)> {
    let truth = server.truth();
    let requests = truth["requests"].as_array().unwrap().iter();
    requests
        .map(|request| {
            let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
            let [model, priority, most] =
                ["model", "priority", "max_completion_tokens"].map(|key| body[key].clone());
            (request["request_id"].as_str().unwrap().to_owned(), (model, priority, most))
        })
        .collect()
}

/// The class of each session, and that of all its requests.
fn dealt(run: &Run) -> BTreeMap<u64, String> {
    let mut classes = BTreeMap::new();
    for record in run.records() {
        let metadata = &record["metadata"];
        let class = metadata["class"].as_str().unwrap().to_owned();
        let known = classes.insert(metadata["session_num"].as_u64().unwrap(), class.clone());
        assert!(known.is_none_or(|known| known == class), "{metadata}");
    }
    classes
}

fn by_two_classes(server: &MockServer, more: &[&str]) -> Run {
    let run = Tool::profile(server)
        .args(["--class", CHAT, "--class", BATCH, "--concurrency", "8"])
        .args(more)
        .run();
    run.succeeds();
    run
}

/// Rows of classes add up to the row of the run.
fn adds_up(summary: &Value) {
    let classes = summary["classes"].as_array().unwrap();
    for tag in ["request_count", "error_request_count", "request_throughput", "output_token_throughput"] {
        let parts: f64 = classes.iter().map(|class| class[tag]["avg"].as_f64().unwrap()).sum();
        let whole = summary[tag]["avg"].as_f64().unwrap();
        assert!((parts - whole).abs() <= whole * 1e-9, "{tag}: {parts} and {whole}");
    }
    for tag in ["request_latency", "time_to_first_token", "input_sequence_length"] {
        for statistic in ["count", "sum"] {
            let parts: f64 = classes.iter().map(|class| class[tag][statistic].as_f64().unwrap()).sum();
            let whole = summary[tag][statistic].as_f64().unwrap();
            assert!((parts - whole).abs() <= whole * 1e-9, "{tag}, {statistic}: {parts} and {whole}");
        }
    }
}

#[test]
fn each_class_is_sent_as_it_is_described_whatever_sends_it() {
    let mut of_first = None;
    for place in [&["--workers", "1"][..], &["--workers", "2"], &["--isolate", "chat"]] {
        let server = MockServer::start(["--ttft-ms", "1", "--keep-texts"]);
        let run = by_two_classes(&server, &[&["--request-count", "50"], place].concat());
        let asked = asked(&server);
        for record in run.records() {
            let metadata = &record["metadata"];
            let expected = match metadata["class"].as_str().unwrap() {
                "chat" => (json!("llama"), json!(0), json!(2)),
                _ => (json!("sql-lora"), json!(7), json!(3)),
            };
            assert_eq!(metadata["requested_model"], expected.0);
            assert_eq!(asked[metadata["x_request_id"].as_str().unwrap()], expected, "{metadata}");
            let tokens = &record["metrics"]["input_sequence_length"]["value"];
            assert_eq!(*tokens, if expected.1 == 0 { json!(20) } else { json!(90) });
            assert_eq!(record["good"], if expected.1 == 0 { json!(true) } else { Value::Null });
        }
        let dealt = dealt(&run);
        let chats = dealt.values().filter(|class| *class == "chat").count();
        assert!((39..=41).contains(&chats), "{dealt:?}");
        assert_eq!(of_first.get_or_insert_with(|| dealt.clone()), &dealt, "{place:?}");
    }
}

/// All phases and all flags decide alike what is sent: what a dry run lists is what a run sends.
#[test]
fn a_dry_run_lists_the_classes_that_a_run_sends() {
    let flags = ["--class", CHAT, "--class", BATCH, "--request-count", "12", "--warmup-request-count", "5"];
    let server = MockServer::start(["--ttft-ms", "1", "--keep-texts"]);
    let run = Tool::profile(&server).args(flags).run();
    let dry = Tool::profile_at("http://127.0.0.1:9").args(flags).args(["--dry-run", "17"]).run();
    run.succeeds();
    let listed: Vec<(Value, Value)> = dry
        .succeeds()
        .stdout
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["class"] == "chat", line["body"]["model"] == "llama", "{line}");
            (line["body"]["model"].clone(), line["body"]["messages"].clone())
        })
        .collect();
    let truth = server.truth();
    let bodies = truth["requests"].as_array().unwrap().iter().map(|request| {
        let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
        (body["model"].clone(), body["messages"].clone())
    });
    assert_eq!(bodies.collect::<Vec<_>>(), listed);
}

#[test]
fn the_results_have_rows_for_each_class() {
    let server = MockServer::start(["--ttft-ms", "1", "--itl-ms", "5"]);
    let run = by_two_classes(&server, &["--num-conversations", "25", "--conversation-turn-mean", "2"]);
    let summary = run.summary();
    adds_up(&summary);
    let [chat, batch] = [0, 1].map(|at| &summary["classes"][at]);
    assert_eq!(
        (&chat["name"], &chat["share"], &chat["sent_share"]),
        (&json!("chat"), &json!(0.8), &json!(0.8))
    );
    assert_eq!(
        (&batch["sessions"], &batch["requests"], &batch["adapter"]),
        (&json!(5), &json!(10), &json!("sql-lora"))
    );
    assert_eq!(
        (&chat["good_request_fraction"]["avg"], &summary["good_request_count"]["avg"]),
        (&json!(1), &json!(40))
    );
    assert!(batch["good_request_count"].is_null());
    let fairness = &summary["fairness"];
    assert!(fairness["time_to_first_token_p99_ratio"].as_f64().unwrap() >= 1.0, "{fairness}");
    let index = fairness["jain_index_output_token_throughput_per_user"].as_f64().unwrap();
    assert!((0.5..=1.0).contains(&index), "{fairness}");
    assert!(run.stdout.contains("chat (80 %, model llama, priority 0"), "{}", run.stdout);
    let table = run.stdout.split("By class").nth(1).unwrap();
    let row = table.lines().find(|line| line.starts_with("batch")).unwrap();
    assert_eq!(row.split_whitespace().nth(3), Some("10"), "{table}");
    assert!(table.contains("fairness: Jain's index"), "{table}");
    let sessions = run.read("profile_export_sessions.jsonl");
    assert_eq!(sessions.matches(r#""class":"batch""#).count(), 5, "{sessions}");
    let rows = run.read("profile_export_prony.csv");
    assert_eq!(rows.lines().filter(|row| row.starts_with("Request Count,10,")).count(), 1, "{rows}");
    let again = Tool::new(["report"]).arg(run.dir().join("run")).run();
    assert_eq!(again.succeeds().stdout, run.stdout);
}

#[test]
fn several_models_share_the_sessions_in_turn() {
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "1"]);
    let run = Tool::profile(&server)
        .args(["--model", "org/a,org/b", "--request-count", "9", "--wait-for-model-timeout", "20"])
        .run();
    let summary = run.succeeds().summary();
    adds_up(&summary);
    let dealt: Vec<String> = dealt(&run).into_values().collect();
    // Behind the one that each run of these tests names.
    let names: Vec<&str> =
        summary["classes"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!((summary["class_kind"].as_str(), names.len()), (Some("model"), 3));
    assert!(dealt.iter().zip(names.iter().cycle()).all(|(class, name)| class == name), "{dealt:?}");
    let truth = server.truth();
    let of = |name: &str| {
        let requests = truth["requests"].as_array().unwrap();
        requests.iter().filter(|request| request["model"] == name).count()
    };
    // Each was waited for with a request of its own.
    assert_eq!((of("org/a"), of("org/b")), (4, 4));
    assert!(run.stdout.contains("By model") && !run.stdout.contains("the server ran"), "{}", run.stdout);
}

/// Every second request fails, and those that succeed take longer than the second objective allows.
#[rstest]
#[case::kept("request_latency:30s time_to_first_token:30s", 5)]
#[case::one_of_two("request_latency:30s time_to_first_token:20", 0)]
fn a_good_request_succeeds_and_keeps_to_all_objectives(#[case] goodput: &str, #[case] good: u64) {
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "40", "--error-every", "2"]);
    let run = Tool::profile(&server)
        .args(["--request-count", "10", "--concurrency", "10", "--goodput", goodput])
        .run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["good_request_count"]["avg"], json!(good));
    assert_eq!(
        summary["good_request_fraction"]["avg"],
        if good == 0 { json!(0) } else { json!(good as f64 / 10.0) }
    );
    let goodput = summary["goodput"]["avg"].as_f64().unwrap();
    let expected = good as f64 / summary["benchmark_duration"]["avg"].as_f64().unwrap();
    assert!((goodput - expected).abs() <= 1e-9 * expected, "{goodput} and {expected}");
    let lines = run.records();
    assert_eq!(lines.iter().filter(|line| line["good"] == true).count() as u64, good);
    assert!(lines.iter().all(|line| line["good"].is_boolean()), "{lines:?}");
}

#[rstest]
#[case(&["--goodput", "time_to_frist_token:5"], "there is no metric `time_to_frist_token`", "write `time_to_first_token`")]
#[case(&["--goodput", "time_to_first_token:5tokens"], "`5tokens` is no value of `time_to_first_token`", "`time_to_first_token:0.3s`")]
#[case(&["--class", "a:share=0"], "read value 1 of `--class`: `share=0`: it must be a number above 0", "write it as in")]
#[case(&["--class", "a", "--class", "b:input_file=x"], "value 2 of `--class`: a class has no input file", "use one `--input-file`")]
fn what_cannot_be_meant_is_refused_before_anything_is_sent(
    #[case] flags: &[&str],
    #[case] text: &str,
    #[case] hint: &str,
) {
    let run = Tool::profile_at("http://127.0.0.1:9").args(flags).run();
    run.ends_with(2);
    assert!(run.stderr.contains(text) && run.stderr.contains(hint), "{}", run.stderr);
}

/// What a server with speculative decoding says of a response.
const SPECULATED: &str = r#"{"choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}],
    "metrics": {"speculative_decoding": {"num_spec_steps": 2, "num_draft_tokens": 8, "num_accepted_draft_tokens": 3}}}"#;

/// A run over SPEED-Bench has a class for each category of the file, and the report of several such runs puts them beside each other.
#[test]
fn categories_of_speed_bench_are_classes() {
    let row = |id: usize, category: &str| {
        let messages = json!([{"role": "user", "content": "Sort a list."}]);
        json!({"question_id": format!("q{id}"), "category": category, "messages": messages}).to_string()
            + "\n"
    };
    let rows: String =
        ["math", "qa", "math", "math"].iter().enumerate().map(|(id, name)| row(id, name)).collect();
    let words =
        ["profile", "--mock", "--mock-answer", "a.json", "--endpoint-type", "chat", "--isolate", "chat"];
    let tool = Tool::new(words).args(["--input-file", "q.jsonl", "--request-count", "8"]);
    let tool = tool.args(["--dataset-sampling-strategy", "shuffle", "--artifact-dir", "run"]);
    tool.file("a.json", SPECULATED);
    tool.file("q.jsonl", &rows);
    let run = tool.run();
    let text = &run.succeeds().stdout;
    assert!(text.contains("By category") && !text.contains("fairness"), "{text}");
    let path = run.dir().join("run/profile_export_prony.json");
    let summary: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let facts = |class: &Value| {
        let length = class["spec_decode_acceptance_length"]["avg"].clone();
        (class["name"].clone(), class["requests"].clone(), length)
    };
    let found: Vec<_> = summary["classes"].as_array().unwrap().iter().map(facts).collect();
    assert_eq!(found, [(json!("math"), json!(6), json!(2.5)), (json!("qa"), json!(2), json!(2.5))]);
    let report = Tool::new(["speed-bench-report", "--json"]).arg(run.dir().join("run")).run();
    let lines: Vec<Value> =
        report.succeeds().stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let facts = |line: &Value| {
        ["category", "requests", "acceptance_length", "acceptance_rate"].map(|key| line[key].clone())
    };
    let found: Vec<_> = lines.iter().map(facts).collect();
    assert_eq!(
        found,
        [
            [json!("math"), json!(6), json!(2.5), json!(37.5)],
            [json!("qa"), json!(2), json!(2.5), json!(37.5)]
        ]
    );
    let none = Tool::new(["speed-bench-report", "nothing"]).run();
    none.ends_with(2);
    assert!(none.stderr.contains("failed to find the report of a run in `nothing`"), "{}", none.stderr);
}
