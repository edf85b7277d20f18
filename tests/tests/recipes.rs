//! AIPerf's recipes and the best value of a metric: sweeps that are asked for in the words of a search.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use prony_tests::{MockServer, Run, Tool};
use rstest::rstest;
use serde_json::{Value, json};

fn file(run: &Run, name: &str) -> Value {
    serde_json::from_str(&run.read(name)).unwrap()
}

/// The values of each combination, in their order.
fn parameters(run: &Run) -> Value {
    let results = file(run, "experiment_results.json");
    let cells = results["per_combination_metrics"].as_array().unwrap();
    assert!(cells.iter().all(|cell| cell["measured_runs"] == 1), "{results:#}");
    cells.iter().map(|cell| cell["parameters"].clone()).collect()
}

fn best(run: &Run) -> Value {
    file(run, "experiment_results.json")["best_configurations"]["best"].clone()
}

/// A server that works on one request at a time, for 10 ms: the latency is 10 ms for each request in flight.
fn one_at_a_time() -> MockServer {
    MockServer::start(["--slots", "1", "--ttft-ms", "10", "--itl-ms", "0"])
}

fn of_requests(count: &str, server: &MockServer) -> Tool {
    Tool::profile(server).args(["--no-server-metrics", "--request-count", count])
}

#[rstest]
#[case::ramp(
    "concurrency-ramp --concurrency-max 4 --concurrency-steps 3 --isl 8 --osl 2",
    json!([{ "concurrency": 1 }, { "concurrency": 2 }, { "concurrency": 4 }]),
    "concurrency=1,2,4",
    ("/latency_rise/lowest", json!(1.0))
)]
#[case::prefill(
    "prefill-ttft-curve --isl-min 8 --isl-max 32 --isl-steps 3 --osl 2",
    json!([{ "isl": 8 }, { "isl": 16 }, { "isl": 32 }]),
    "isl=8,16,32",
    ("/first_token_line/setting", json!("isl"))
)]
#[case::decode(
    "decode-itl-curve --concurrency-max 2 --concurrency-steps 2 --osl-min 2 --osl-max 4 --osl-steps 2 --isl 8",
    json!([
        { "concurrency": 1, "osl": 2 }, { "concurrency": 1, "osl": 4 },
        { "concurrency": 2, "osl": 2 }, { "concurrency": 2, "osl": 4 }
    ]),
    "osl=2,4",
    ("/latency_rise", Value::Null)
)]
#[case::pareto(
    "pareto-sweep --isl-osl-pairs 8/2,16/4 --concurrency 1,2",
    json!([
        { "concurrency": 1, "isl": 8, "osl": 2 }, { "concurrency": 1, "isl": 16, "osl": 4 },
        { "concurrency": 2, "isl": 8, "osl": 2 }, { "concurrency": 2, "isl": 16, "osl": 4 }
    ]),
    "isl/osl=8/2,16/4",
    ("/first_token_line", Value::Null)
)]
fn a_recipe_is_the_sweep_of_its_ranges(
    #[case] recipe: &str,
    #[case] cells: Value,
    #[case] kept: &str,
    #[case] in_results: (&str, Value),
) {
    let server = one_at_a_time();
    let run = of_requests("4", &server).arg("--search-recipe").args(recipe.split(' ')).run();
    run.succeeds();
    assert_eq!(parameters(&run), cells);
    assert!(run.read("experiment.json").contains(kept), "{}", run.read("experiment.json"));
    let results = file(&run, "experiment_results.json");
    let (pointer, expected) = in_results;
    assert_eq!(results.pointer(pointer), Some(&expected), "{results:#}");
}

/// The folder has a sweep, and nothing of the search's words.
#[test]
fn a_recipe_that_is_over_goes_on_as_a_sweep() {
    let server = one_at_a_time();
    let words = ["--search-recipe", "concurrency-ramp", "--concurrency-max", "2", "--concurrency-steps", "2"];
    let run = of_requests("4", &server).args(["--isl", "8", "--osl", "2"]).args(words).run();
    run.succeeds();
    let measured = server.answered();
    let again = Tool::new(["profile", "--ui", "none", "--resume"]).arg(run.dir().join("run")).run();
    again.succeeds();
    assert_eq!(server.answered(), measured);
    let other = Tool::new(["profile", "--ui", "none", "--search-recipe", "concurrency-ramp", "--resume"]);
    let other = other.arg(run.dir().join("run")).run();
    other.ends_with(2);
    assert!(other.stderr.contains("it was begun with another `--sweep`"), "{}", other.stderr);
}

#[rstest]
#[case::least("minimize", "concurrency 1")]
#[case::most("maximize", "concurrency 8")]
fn the_best_load_is_that_of_the_metric(#[case] direction: &str, #[case] expected: &str) {
    let server = one_at_a_time();
    let words = ["--search-space", "concurrency:1,8:int", "--search-metric", "request_latency"];
    let words = words.into_iter().chain(["--search-max-iterations", "2", "--search-direction", direction]);
    let run = of_requests("16", &server).args(["--isl", "8", "--osl", "1"]).args(words).run();
    run.succeeds();
    assert_eq!(parameters(&run), json!([{ "concurrency": 1 }, { "concurrency": 8 }]));
    assert_eq!((&best(&run)["name"], &best(&run)["by"]), (&json!(expected), &json!("request_latency_avg")));
}

/// At eight at once nearly all requests take 80 ms.
#[test]
fn a_load_that_breaks_an_objective_is_not_the_best_one() {
    let server = one_at_a_time();
    let words = ["search", "--model", "m", "--url", server.url(), "--no-server-metrics", "--ui", "none"];
    let tool =
        Tool::new(words).args(["--artifact-dir", "run", "--request-count", "40", "--isl", "8", "--osl", "1"]);
    let tool =
        tool.args(["--over", "concurrency", "--range", "1..8", "--max-runs", "2", "--random-seed", "1"]);
    let tool = tool.args(["--search-metric", "request_latency", "--search-direction", "maximize"]);
    let run = tool.args(["--slo", "request_latency p50 < 40ms"]).run();
    run.ends_with(5);
    assert_eq!(best(&run)["name"], "concurrency 1");
    assert!(run.stdout.contains("of those that break no objective"), "{}", run.stdout);
}

/// Nothing is sent for it, and nothing has to be there that could answer.
#[rstest]
#[case::no_streams(&["--search-recipe", "prefill-ttft-curve"], &["add `--streaming`"])]
#[case::no_pairs(&["--search-recipe", "pareto-sweep"], &["add `--isl-osl-pairs 128/128,512/256`"])]
#[case::all_at_once(
    &["--search-recipe", "decode-itl-curve", "--isl-min", "5", "--osl-min", "5000", "--precision", "0.1"],
    &["use `--isl-min` with", "use `--precision` with", "sweep `--osl` from 5000 to 1024", "add `--streaming`"]
)]
#[case::settings_as_well(
    &["--search-recipe", "prefill-ttft-curve", "--sweep", "concurency=1,2", "--num-users", "3"],
    &["add `--streaming`", "there is no setting `concurency`", "`--num-users` requires `--user-centric-rate`"]
)]
#[case::too_few_requests(
    &["--search-recipe", "concurrency-ramp", "--concurrency-max", "64", "--request-count", "40"],
    &["use `--request-count 40` with a concurrency of 64 in a sweep", "raise `--request-count`"]
)]
#[case::two_metrics(
    &["--search-recipe", "max-concurrency-under-sla", "--e2e-sla-ms", "5", "--search-metric", "goodput"],
    &["use `--search-metric` in a search for the highest load"]
)]
#[case::no_metric(
    &["--search-metric", "request_throghput"],
    &["use `--search-metric`: there is no metric `request_throghput`"]
)]
#[case::no_statistic(
    &["--search-metric", "request_latency", "--search-stat", "p98"],
    &["use `--search-stat`: there is no statistic `p98`"]
)]
#[case::said_twice(&["--search-metric", "goodput", "--best", "goodput"], &["`--best` together with `--search-metric`"])]
#[case::swept_twice(
    &["--search-metric", "goodput", "--concurrency", "1,2"],
    &["use `--concurrency` with `--search-metric`: it decides itself which loads are run", "`--range` says"]
)]
fn what_no_recipe_can_mean_is_refused(#[case] words: &[&str], #[case] expected: &[&str]) {
    let run = Tool::new(["profile", "--model", "m", "--ui", "none"]).args(words).run();
    run.ends_with(2);
    for expected in expected {
        assert!(run.stderr.contains(expected), "{expected}: {}", run.stderr);
    }
}
