//! What comparisons say of real runs, which are drawn again a hundred times. `tests/compare/runs.py` has measured them.

use std::collections::BTreeMap;

use rand::RngExt as _;

use super::{
    question::usual_keys,
    side::SideRun,
    tests::{only_numbers, side_of},
    *,
};
use crate::{experiment::measured::Measured, seed::Seed};

/// Runs of each side.
const RUNS: usize = 5;

/// Comparisons.
const TIMES: u64 = 100;

type Stored = BTreeMap<String, Vec<BTreeMap<String, f64>>>;

fn stored() -> Stored {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/compare/runs.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn run(numbers: &BTreeMap<String, f64>) -> SideRun {
    let key = |name: &str| {
        let (metric, statistic) = name.split_once(' ').unwrap();
        Key::new(metric, statistic)
    };
    let numbers = numbers.iter().map(|(name, number)| (key(name), *number)).collect();
    SideRun { measured: Measured { numbers, ..Measured::default() }, ..only_numbers() }
}

/// Some of these runs, each of which may come several times.
fn drawn(runs: &[BTreeMap<String, f64>], label: &str, time: u64) -> Side {
    let mut rng = Seed::new(time).stream(label);
    let runs = (0..RUNS).map(|_| run(&runs[rng.random_range(0..runs.len())])).collect();
    side_of(BTreeMap::from([(String::new(), runs)]))
}

/// The answers of each comparison, by number.
fn answers(first: &str, second: &str) -> Vec<BTreeMap<String, Answer>> {
    let stored = stored();
    let question = Question { keys: usual_keys(), margin: Margin::of(0.02), level: 0.95 };
    let compared = |time| {
        let sides = [drawn(&stored[first], "first", time), drawn(&stored[second], "second", time)];
        let rows = compare(&sides[0], &sides[1], &question);
        rows.into_iter().map(|row| (format!("{} {}", row.metric, row.statistic), row.answer)).collect()
    };
    (0..TIMES).map(compared).collect()
}

fn is_difference(answer: Answer) -> bool {
    matches!(answer, Answer::Better | Answer::Worse)
}

/// How many comparisons have a difference in any of their numbers.
fn with_a_difference(answers: &[BTreeMap<String, Answer>]) -> usize {
    answers.iter().filter(|answers| answers.values().any(|answer| is_difference(*answer))).count()
}

#[test]
fn a_server_differs_from_itself_at_most_5_times_of_100() {
    let found = with_a_difference(&answers("as_it_is", "as_it_is"));
    assert!(found <= 5, "{found}");
}

#[test]
fn a_server_that_is_slower_by_10_percent_is_worse_95_times_of_100() {
    let answers = answers("as_it_is", "slower_by_10_percent");
    for key in usual_keys() {
        let name = format!("{} {}", key.metric, key.statistic);
        let worse = answers.iter().filter(|answers| answers[&name] == Answer::Worse).count();
        assert!(worse >= 95, "{name}: {worse}");
    }
}

/// Two per cent are the margin itself, and what decides is taken for a difference as seldom as a server beside itself is.
#[test]
fn a_difference_of_the_margin_is_none() {
    let answers = answers("as_it_is", "slower_by_2_percent");
    for key in usual_keys() {
        let name = format!("{} {}", key.metric, key.statistic);
        let found = answers.iter().filter(|answers| is_difference(answers[&name])).count();
        assert!(found <= 5, "{name}: {found}");
    }
}
