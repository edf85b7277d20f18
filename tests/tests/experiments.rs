//! Several runs of one command: sweeps, repeats, what lies between runs, and experiments that were killed and go on.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use prony_tests::{MockServer, Run, Running, Tool};
use serde_json::{Value, json};

/// Nine cells, each twice, of four requests.
const NINE_CELLS_TWICE: [&str; 11] = [
    "--no-server-metrics",
    "--concurrency",
    "1..4x2",
    "--isl",
    "8,16,32",
    "--osl",
    "4",
    "--request-count",
    "4",
    "--num-profile-runs",
    "2",
];

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn state(run: &Run) -> Value {
    read(&run.artifact("experiment.json"))
}

fn results(run: &Run) -> Value {
    read(&run.artifact("experiment_results.json"))
}

fn resume(run: &Run, words: &[&str]) -> Run {
    Tool::new(["profile", "--resume"]).arg(run.dir().join("run")).args(words).run()
}

/// Runs that are over, as the state of an experiment that goes on says it.
fn over(running: &Running) -> usize {
    let bytes = fs::read(running.dir().join("run/experiment.json")).unwrap_or_default();
    let state: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    state["runs"].as_array().map_or(0, Vec::len)
}

/// Folders with a summary below this one.
fn runs_below(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let folders = entries.filter(|path| path.is_dir());
    let below = folders.flat_map(|path| runs_below(&path));
    let own = folder.join("profile_export_prony.json").exists().then(|| folder.to_owned());
    below.chain(own).collect()
}

/// All of the results that does not depend on time.
fn timeless(run: &Run) -> Value {
    const METRICS: [&str; 5] = [
        "request_count_avg",
        "error_request_count_avg",
        "input_sequence_length_avg",
        "input_sequence_length_max",
        "output_sequence_length_avg",
    ];
    let results = results(run);
    let cells = results["per_combination_metrics"].as_array().unwrap();
    let cells = cells.iter().map(|cell| {
        let metrics = METRICS.map(|name| cell["metrics"][name].clone());
        assert!(metrics.iter().all(|metric| metric["mean"].is_number()), "{cell:#}");
        json!([cell["name"], cell["parameters"], cell["measured_runs"], cell["failed_runs"], metrics])
    });
    let mut runs: Vec<Value> = results["runs"].as_array().unwrap().clone();
    runs.sort_by_key(|run| run["folder"].as_str().unwrap().to_owned());
    let runs = runs.iter().map(|run| json!([run["folder"], run["random_seed"], run["state"]]));
    json!({ "cells": cells.collect::<Vec<_>>(), "runs": runs.collect::<Vec<_>>(), "progress": results["progress"] })
}

#[test]
fn an_experiment_that_was_killed_goes_on_and_comes_to_what_one_comes_to_that_was_not() {
    let server = MockServer::start(["--ttft-ms", "20"]);
    let whole = Tool::profile(&server).args(NINE_CELLS_TWICE).spawn();
    let killed = Tool::profile(&server).args(NINE_CELLS_TWICE).spawn();
    killed.until("four runs are over and the fifth has begun", || {
        let has_begun = killed.dir().join("run/runs/concurrency_2-isl_16/run_1/journal.prony").exists();
        (over(&killed) == 4 && has_begun).then_some(())
    });
    killed.signal("KILL");
    let killed = killed.wait();
    killed.ends_with(128 + 9);
    let done: BTreeSet<PathBuf> = runs_below(&killed.artifact("runs"));
    let resumed = resume(&killed, &["--ui", "none"]);
    resumed.succeeds();
    let whole = whole.wait();
    whole.succeeds();

    assert_eq!(timeless(&killed), timeless(&whole));
    assert_eq!(results(&killed)["progress"], "complete");
    let all = runs_below(&killed.artifact("runs"));
    assert_eq!((all.len(), state(&killed)["runs"].as_array().unwrap().len()), (18, 18));
    assert!(done.is_subset(&all) && done.len() < 6, "{done:?}");
    assert!(killed.artifact("unfinished/concurrency_2-isl_16-run_1").exists());
    // The table is that of the whole, with a best cell and intervals.
    for stdout in [&resumed.stdout, &whole.stdout] {
        assert!(
            stdout.contains("concurrency") && stdout.contains("best") && stdout.contains('±'),
            "{stdout}"
        );
    }
    // Each run is a whole one.
    let one = Tool::new(["report"]).arg(killed.artifact("runs/concurrency_4-isl_32/run_2")).run();
    assert!(one.succeeds().stdout.contains("Request Count"));
    let table = Tool::new(["report"]).arg(killed.artifact("")).run();
    assert!(table.succeeds().stdout.contains("best"), "{}", table.stdout);
    // There is nothing left to do.
    let again = resume(&killed, &[]);
    assert!(again.succeeds().stdout.contains("concurrency"), "{}", again.stdout);
    assert_eq!(timeless(&killed), timeless(&whole));
}

#[test]
fn ctrl_c_ends_the_current_run_as_a_run_ends_and_the_rest_can_be_measured_later() {
    // The first run lasts for as long as another process needs to be refused, also on a busy machine.
    let server = MockServer::start(["--ttft-ms", "2000"]);
    let words = ["--no-server-metrics", "--concurrency", "1,2", "--request-count", "2", "--osl", "2"];
    let running = Tool::profile(&server).args(words).args(["-H", "X-Key:very-secret"]).spawn();
    running.until("a request is in flight", || (server.truth()["in_flight"] == 1).then_some(()));

    // Nobody else may use the folder meanwhile.
    let other = Tool::new(["profile", "--resume"]).arg(running.dir().join("run")).run();
    other.ends_with(2);
    assert!(other.stderr.contains("another process works there"), "{}", other.stderr);

    running.signal("INT");
    let run = running.wait();
    run.ends_with(130).keeps(&["very-secret"]);
    assert_eq!((state(&run)["progress"].as_str(), &state(&run)["runs"]), (Some("interrupted"), &json!([])));
    let hint = format!("`prony profile --resume {}`", run.dir().join("run").display());
    assert!(run.stderr.contains(&hint), "{}", run.stderr);

    // It goes on with the same settings only, and secrets are not kept.
    let other = resume(&run, &["-H", "X-Key:very-secret", "--concurrency", "1,4", "--isl", "5"]);
    other.ends_with(2);
    assert!(other.stderr.contains("it was begun with another `--concurrency`, `--isl`"), "{}", other.stderr);
    let without = resume(&run, &[]);
    without.ends_with(2);
    assert!(without.stderr.contains("give `--header` again"), "{}", without.stderr);
    let another = Tool::new(["profile", "--mock", "--num-profile-runs", "2", "--artifact-dir"]);
    let another = another.arg(run.dir().join("run")).run();
    another.ends_with(2);
    assert!(another.stderr.contains("for this experiment: another one is in it"), "{}", another.stderr);
    resume(&run, &["-H", "X-Key:very-secret"]).succeeds();
    assert_eq!(state(&run)["runs"].as_array().unwrap().len(), 2);
}

#[test]
fn a_cell_that_fails_is_in_the_table_and_the_others_are_measured() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server)
        .args(["--no-server-metrics", "--request-count", "2", "--osl", "2", "--between", "echo reset"])
        .args(["--variant", "right: concurrency=2", "--variant", "wrong: custom_endpoint=/nowhere"])
        .args(["--variant", "small: isl=5, concurrency=1"])
        .run();
    run.ends_with(6);
    assert!(run.stdout.contains("failed: wrong: failed to measure anything"), "{}", run.stdout);
    let cells = results(&run)["per_combination_metrics"].clone();
    let measured = |at: usize| cells[at]["measured_runs"].as_u64().unwrap();
    assert_eq!([measured(0), measured(1), measured(2)], [1, 0, 1]);
    assert_eq!(cells[2]["parameters"], json!({ "isl": 5, "concurrency": 1 }));
    assert_eq!(cells[2]["metrics"]["input_sequence_length_avg"]["mean"], 5.0);
    let kept: BTreeSet<String> = fs::read_dir(run.artifact("between"))
        .unwrap()
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    assert_eq!(kept, BTreeSet::from(["reset\n".to_owned()]));
}

#[test]
fn a_run_that_could_not_begin_is_run_when_the_experiment_goes_on_in_any_directory() {
    let server = MockServer::start([]);
    // The second run finds no file.
    let run = Tool::profile(&server)
        .args(["--no-server-metrics", "--request-count", "2", "--osl", "2", "--concurrency", "1,2"])
        .args(["--input-file", "p.jsonl", "--between", "mv p.jsonl away.jsonl"])
        .under(&["sh", "-c", r#"echo '{"text": "one"}' > p.jsonl; exec "$@""#, "sh"])
        .run();
    run.ends_with(6);
    let states = |run: &Run| -> Vec<Value> {
        state(run)["runs"].as_array().unwrap().iter().map(|run| run["state"].clone()).collect()
    };
    assert_eq!(states(&run), ["measured", "not_begun"], "{}", run.stderr);
    assert_eq!(state(&run)["progress"], "stopped");
    let folder = run.artifact("");
    let listed = Tool::new(["runs"]).arg(&folder).run();
    assert!(listed.succeeds().stdout.contains("1 of 2 runs measured, 1 failed"), "{}", listed.stdout);
    let known = Tool::new(["runs", "--json"]).arg(&folder).run();
    let known: Value = serde_json::from_str(&known.succeeds().stdout).unwrap();
    assert_eq!(
        (&known[0]["kind"], &known[0]["state"], &known[0]["swept"]),
        (&json!("experiment"), &json!("stopped"), &json!({ "concurrency": ["1", "2"] }))
    );
    let shown = Tool::new(["show"]).arg(&folder).run();
    assert_eq!(shown.succeeds().stdout, run.read("experiment_console.txt"));

    // This process works in another directory, which has such a file as well.
    fs::copy(run.dir().join("away.jsonl"), run.dir().join("p.jsonl")).unwrap();
    let resumed = Tool::new(["profile", "--resume"])
        .arg(&folder)
        .under(&["sh", "-c", r#"touch p.jsonl; exec "$@""#, "sh"])
        .run();
    resumed.succeeds();
    assert_eq!(states(&run), ["measured", "measured"]);
    let page = run.read("report.html");
    assert!(
        page.contains("Latency against throughput") && page.matches("/report.html\">").count() == 2,
        "{page}"
    );
    let plots = Tool::new(["plot"]).arg(&folder).run();
    assert!(plots.succeeds().stdout.contains("throughput_and_latency.svg"), "{}", plots.stdout);
}

#[test]
fn an_interrupt_between_runs_is_noted() {
    let server = MockServer::start([]);
    let running = Tool::profile(&server)
        .args(["--no-server-metrics", "--request-count", "2", "--osl", "2", "--num-profile-runs", "2"])
        .args(["--between", "touch has_begun; sleep 60"])
        .spawn();
    running.until("the command has begun", || running.dir().join("has_begun").exists().then_some(()));
    running.signal("INT");
    let run = running.wait();
    run.ends_with(130);
    let state = state(&run);
    let over = state["runs"].as_array().unwrap().len();
    assert_eq!((state["progress"].as_str(), over), (Some("interrupted"), 1), "{}", run.stderr);
}

#[test]
fn a_command_between_runs_that_fails_ends_the_experiment() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server)
        .args(["--no-server-metrics", "--request-count", "2", "--osl", "2", "--num-profile-runs", "3"])
        .args(["--between", "echo broken >&2; exit 3"])
        .run();
    run.ends_with(6);
    assert!(run.stderr.contains("the command of `--between` failed with exit code 3"), "{}", run.stderr);
    assert_eq!(fs::read_to_string(run.artifact("between/before_run_2.txt")).unwrap(), "broken\n");
    assert_eq!(state(&run)["progress"], "stopped");
    assert_eq!(server.truth()["requests_ok"], 2);
}

#[test]
fn a_target_that_is_not_there_ends_all_at_once() {
    let run =
        Tool::profile_at("http://127.0.0.1:1").args(["--concurrency", "1,2,4", "--request-count", "2"]).run();
    run.ends_with(4);
    assert!(run.stderr.contains("the experiment ends before its time"), "{}", run.stderr);
    assert_eq!(state(&run)["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_wrong_with_any_cell_is_told_before_anything_is_sent() {
    let server = MockServer::start([]);
    let wrong = |words: &[&str], expected: &str| {
        let run = Tool::profile(&server).args(words).run();
        run.ends_with(2);
        assert!(run.stderr.contains(expected), "{}", run.stderr);
        assert!(!run.artifact("experiment.json").exists());
    };
    wrong(&["--isl", "5,0"], "use `--isl 0`: it must be a whole number, 1 or more (in the run with isl 0)");
    let both = Tool::profile(&server).args(["--sweep", "isl=0,5,0.5"]).run();
    both.ends_with(2);
    for value in ["0", "0.5"] {
        assert!(both.stderr.contains(&format!("(in the run with isl {value})")), "{}", both.stderr);
    }
    wrong(&["--concurrency", "1..8"], "read `--concurrency 1..8`: `1..8` is no range");
    wrong(&["--concurrency", "1,x"], "use `--concurrency 1,x`: it must be a whole number, 1 or more");
    wrong(&["--concurrency", "1,2", "--osl-stddev", "2"], "`--osl-stddev` requires `--osl`\n");
    wrong(&["--concurrency", "1,2", "--dry-run"], "use `--dry-run` with several runs: it sends nothing");
    assert_eq!(server.truth()["requests_total"], 0);
}

#[test]
fn a_state_that_cannot_be_written_is_told_with_its_file() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server)
        .args(NINE_CELLS_TWICE)
        .under(&["sh", "-c", "ulimit -f 1; exec \"$@\"", "sh"])
        .run();
    run.ends_with(1);
    let file = run.artifact("experiment.json");
    assert!(run.stderr.contains(&format!("failed to write `{}`", file.display())), "{}", run.stderr);
    assert_eq!(server.truth()["requests_total"], 0);
}

#[test]
fn a_run_that_cannot_be_kept_ends_the_experiment_and_is_measured_later() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server)
        .args(["--no-server-metrics", "--request-count", "2,2000", "--concurrency", "8", "--osl", "2"])
        .under(&["sh", "-c", "ulimit -f 800; exec \"$@\"", "sh"])
        .run();
    run.ends_with(6);
    assert!(run.stderr.contains("what a run measured could not be kept"), "{}", run.stderr);
    assert_eq!(state(&run)["runs"].as_array().unwrap().len(), 1);
    resume(&run, &[]).succeeds();
    let results = results(&run);
    let second = &results["per_combination_metrics"][1];
    assert_eq!(
        (second["metrics"]["request_count_avg"]["mean"].as_f64(), &results["progress"]),
        (Some(2000.0), &json!("complete"))
    );
}

/// A server whose first token takes so long.
fn server_of(ttft_ms: &str) -> MockServer {
    MockServer::start(["--ttft-ms", ttft_ms, "--itl-ms", "1"])
}

/// The runs of an experiment in the order in which they ended: cell and repetition.
fn runs_in(dir: &Path) -> Vec<String> {
    let state = read(&dir.join("experiment.json"));
    let name = |run: &Value| format!("{}/{}", run["cell"].as_str().unwrap(), run["repeat"]);
    state["runs"].as_array().unwrap().iter().map(name).collect()
}

/// Four runs against a server whose first token takes so long.
fn four_runs(ttft_ms: &str, words: &[&str]) -> Run {
    runs_at(ttft_ms, &[&["--request-count", "8", "--num-profile-runs", "4"], words].concat())
}

fn runs_at(ttft_ms: &str, words: &[&str]) -> Run {
    let server = server_of(ttft_ms);
    Tool::profile(&server).args(["--no-server-metrics", "--osl", "4"]).args(words).run()
}

fn compare(sides: &[&Run], words: &[&str]) -> Run {
    let sides = sides.iter().map(|run| run.dir().join("run"));
    sides.fold(Tool::new(["compare"]), Tool::arg).args(words).run()
}

#[test]
fn a_slower_server_is_worse_and_breaks_the_gate() {
    let (before, after) = (four_runs("20", &[]), four_runs("40", &[]));
    let gate = ["--gate", "time_to_first_token.p50 +5%"];
    let broken = compare(&[&before, &after], &gate);
    broken.ends_with(5);
    assert!(broken.stdout.contains("gate `time_to_first_token.p50 +5%`: broken"), "{}", broken.stdout);
    let compared = compare(&[&before, &after], &["--metric", "time_to_first_token.p50", "--format", "json"]);
    let compared: Value = serde_json::from_str(&compared.succeeds().stdout).unwrap();
    let row = &compared["comparisons"][0]["rows"][0];
    assert_eq!((&row["answer"], &row["runs"]), (&json!("worse"), &json!([4, 4])));
    let ratio = row["ratio"].as_f64().unwrap();
    assert!((1.5..2.5).contains(&ratio), "{ratio}");
    let turned = compare(&[&after, &before], &gate);
    assert!(turned.succeeds().stdout.contains("\nbetter: "), "{}", turned.stdout);
    let junit = compare(&[&before, &after], &[&gate[..], &["--format", "junit"]].concat());
    junit.ends_with(5);
    assert!(
        junit.stdout.contains("<testcase name=\"gate time_to_first_token.p50 +5%\"><failure "),
        "{}",
        junit.stdout
    );
}

#[test]
fn two_servers_are_measured_by_turns_and_compared() {
    let (first, second) = (server_of("20"), server_of("40"));
    let run = Tool::new(["compare", "--against", first.url(), second.url()])
        .args(["--repeats", "4", "--metric", "time_to_first_token.p50", "--format", "json"])
        .args(["--artifact-dir", "ab", "--", "--model", "m", "--endpoint-type", "chat", "--streaming"])
        .args(["--no-server-metrics", "--osl", "4", "--request-count", "8"])
        .run();
    let compared: Value = serde_json::from_str(&run.succeeds().stdout).unwrap();
    let comparison = &compared["comparisons"][0];
    assert_eq!((&comparison["first"], &comparison["second"]), (&json!(first.url()), &json!(second.url())));
    assert_eq!(comparison["rows"][0]["answer"], "worse");
    let order = runs_in(&run.dir().join("ab"));
    assert_eq!(order.join(" "), "first/1 second/1 second/2 first/2 first/3 second/3 second/4 first/4");
    let again =
        Tool::new(["compare"]).arg(run.dir().join("ab")).args(["--metric", "time_to_first_token.p50"]).run();
    assert!(again.succeeds().stdout.contains("second against first"), "{}", again.stdout);
}

#[test]
fn one_run_a_side_has_an_interval_and_no_answer() {
    let one = |ttft_ms| runs_at(ttft_ms, &["--request-count", "40"]);
    let (before, after) = (one("5"), one("15"));
    let metric = ["--metric", "time_to_first_token.p50", "--gate", "time_to_first_token.p50 +5%"];
    let compared = compare(&[&before, &after], &[&metric[..], &["--format", "json"]].concat());
    compared.ends_with(6);
    let compared: Value = serde_json::from_str(&compared.stdout).unwrap();
    let row = &compared["comparisons"][0]["rows"][0];
    assert_eq!((&row["answer"], &row["why"]["reason"]), (&json!("cannot_tell"), &json!("one_run_a_side")));
    assert!(row["interval"][0].as_f64().unwrap() > 1.0, "{row}");
}

#[test]
fn runs_of_other_settings_are_not_compared() {
    let (before, after) = (four_runs("1", &[]), four_runs("1", &["--concurrency", "2"]));
    let refused = compare(&[&before, &after], &[]);
    refused.ends_with(2);
    assert!(refused.stderr.contains("have other settings: concurrency: "), "{}", refused.stderr);
    compare(&[&before, &after], &["--anyway"]).succeeds();
    let absent = compare(&[&before, &before], &["--metric", "goodput"]);
    absent.ends_with(2);
    assert!(absent.stderr.contains("has the number `goodput avg`"), "{}", absent.stderr);
    let nothing = Tool::new(["compare", "nowhere"]).arg(before.dir().join("run")).run();
    nothing.ends_with(2);
    assert!(nothing.stderr.contains("`nowhere`"), "{}", nothing.stderr);
}
