//! Lengths of prompts and outputs, as the server sees them.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;

use prony_tests::{MockServer, Run, Tool};
use rstest::rstest;
use serde_json::Value;

/// What the server was asked for: words of the prompt, and output tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    words: u64,
    tokens: Option<u64>,
}

fn measure(words: &[&str]) -> (MockServer, Run) {
    let server = MockServer::start([]);
    let load = ["--concurrency", "4", "--no-server-metrics"];
    let run = Tool::profile(&server).args(load).args(words).run();
    run.succeeds();
    (server, run)
}

/// By their sessions and turns, input tokens as they were counted here, and what the server was asked for.
fn requests(server: &MockServer, run: &Run) -> BTreeMap<(u64, u64), (u64, Asked)> {
    let truth = server.truth();
    let seen = truth["requests"].as_array().unwrap().iter().map(|request| {
        let asked = Asked {
            words: request["prompt_tokens"].as_u64().unwrap(),
            tokens: request["requested_tokens"].as_u64(),
        };
        (request["request_id"].as_str().unwrap(), asked)
    });
    let seen: BTreeMap<&str, Asked> = seen.collect();
    let records = run.records().into_iter().map(|record| {
        let metadata = &record["metadata"];
        let input = record["metrics"]["input_sequence_length"]["value"].as_f64().unwrap();
        let asked = seen[metadata["x_request_id"].as_str().unwrap()];
        let place = ["session_num", "turn_index"].map(|key| metadata[key].as_u64().unwrap());
        (place.into(), (whole(input), asked))
    });
    records.collect()
}

fn whole(number: f64) -> u64 {
    format!("{number:.0}").parse().unwrap()
}

/// Long prompts ask for short outputs, and the other way round. Bounds are four standard errors of a share.
#[test]
fn a_mix_of_lengths_arrives_as_pairs_in_their_shares() {
    let mix = "20,9:75;400|30,3:25";
    let (server, run) = measure(&["--seq-dist", mix, "--request-count", "400"]);
    let requests = requests(&server, &run);
    assert_eq!(requests.len(), 400);
    let mut short = 0.0;
    for (input, asked) in requests.values() {
        match asked.tokens {
            Some(9) => {
                assert_eq!(*input, 20);
                assert!(asked.words <= 20, "{asked:?}");
                short += 1.0;
            }
            Some(3) => {
                assert!((250..550).contains(input), "{input}");
                assert!(asked.words > 100, "{asked:?}");
            }
            _ => panic!("{asked:?} is of no pair"),
        }
    }
    assert!((short / 400.0 - 0.75_f64).abs() < 4.0 * (0.75_f64 * 0.25 / 400.0).sqrt(), "{short}");
}

#[rstest]
#[case::mix(&["--seq-dist", r#"{"pairs":[{"isl":20,"osl":9,"prob":50},{"isl":90,"isl_stddev":9,"osl":3,"prob":50}]}"#])]
#[case::lognormal(&["--isl-distribution", "lognormal:60,40", "--osl-distribution", "uniform:1,9"])]
#[case::conversations(&["--isl-distribution", "empirical:5,50", "--osl", "4", "--conversation-turn-mean", "2"])]
fn lengths_do_not_depend_on_the_number_of_workers(#[case] words: &[&str]) {
    let of = |workers| {
        let (server, run) = measure(&[words, &["--num-conversations", "40", "--workers", workers]].concat());
        requests(&server, &run)
    };
    assert_eq!(of("1"), of("2"));
}

#[test]
fn lengths_of_a_window_stay_in_it() {
    let words = ["--isl", "40", "--osl", "8", "--random-range-ratio", r#"{"input": 0.25, "output": 0.5}"#];
    let (server, run) = measure(&[&words[..], &["--request-count", "300"]].concat());
    let requests = requests(&server, &run);
    let inputs: Vec<u64> = requests.values().map(|(input, _)| *input).collect();
    let outputs: Vec<u64> = requests.values().map(|(_, asked)| asked.tokens.unwrap()).collect();
    let ends = |lengths: &[u64]| (*lengths.iter().min().unwrap(), *lengths.iter().max().unwrap());
    assert_eq!(ends(&outputs), (4, 12));
    let (least, most) = ends(&inputs);
    assert!(least >= 30 && most <= 50 && least < 33 && most > 47, "{least} to {most}");
}

#[test]
fn lengths_that_were_observed_come_from_a_file() {
    let server = MockServer::start([]);
    let tool = Tool::profile(&server).args(["--isl-distribution", "empirical:@seen.csv", "--osl", "2"]);
    tool.file("seen.csv", "7,3\n30\n");
    let run = tool.args(["--request-count", "200", "--concurrency", "4"]).run();
    let requests = requests(&server, run.succeeds());
    let short = requests.values().filter(|(input, _)| *input == 7).count();
    assert_eq!(requests.values().filter(|(input, _)| [7, 30].contains(input)).count(), 200);
    assert!((126..=174).contains(&short), "{short} of 200 instead of 150");
    let config: &Value = &run.summary()["input_config"]["dataset"]["isl"];
    assert_eq!(config["points"][0], serde_json::json!({"value": 7, "weight": 3.0}));
}

#[rstest]
#[case::mix(&["--seq-dist", "20,9:70"], "failed to read `--seq-dist`: the shares add up to 70 %, and not to 100 %")]
#[case::law(&["--isl-distribution", "zipf:2"], "failed to read `--isl-distribution`: `zipf` is no distribution")]
#[case::file(
    &["--osl-distribution", "empirical:@nowhere"],
    "failed to read `--osl-distribution`: `nowhere`: No such file"
)]
#[case::two(&["--seq-dist", "20,9:100", "--isl", "5"], "use `--isl` together with `--seq-dist`")]
#[case::alone(&["--random-range-ratio", "0.5", "--isl", "5"], "`--random-range-ratio` requires `--osl`")]
fn what_says_no_length_is_refused_with_the_reason(#[case] words: &[&str], #[case] expected: &str) {
    let run = Tool::new(["profile", "--mock"]).args(words).run();
    run.ends_with(2);
    assert!(run.stderr.contains(expected) && run.stderr.contains("help: "), "{}", run.stderr);
}
