//! Sides that are made up.

use std::collections::BTreeMap;

use super::{side::SideRun, *};
use crate::experiment::measured::Measured;

/// A side whose runs have these medians of the latency and these throughputs.
fn side(latencies: &[f64], throughputs: &[f64]) -> Side {
    let run = |(latency, throughput): (&f64, &f64)| SideRun {
        measured: Measured {
            numbers: vec![
                (Key::new("request_latency", "p50"), *latency),
                (Key::new("request_throughput", "avg"), *throughput),
            ],
            ..Measured::default()
        },
        settings: BTreeMap::new(),
    };
    let runs = latencies.iter().zip(throughputs).map(run).collect();
    Side { name: "side".to_owned(), cells: BTreeMap::from([(String::new(), runs)]), left_out: 0 }
}

fn question() -> Question {
    let keys = vec![Key::new("request_latency", "p50"), Key::new("request_throughput", "avg")];
    Question { keys, margin: Margin::of(0.02), level: 0.95 }
}

fn answers(first: &Side, second: &Side) -> Vec<Answer> {
    compare(first, second, &question()).iter().map(|row| row.answer).collect()
}

#[test]
fn a_slower_server_is_worse_in_latency_and_in_throughput() {
    let first = side(&[100.0, 101.0, 99.0, 100.5, 99.5], &[50.0, 50.5, 49.5, 50.2, 49.8]);
    let second = side(&[110.0, 111.0, 109.0, 110.5, 109.5], &[45.0, 45.5, 44.5, 45.2, 44.8]);
    assert_eq!(answers(&first, &second), [Answer::Worse, Answer::Worse]);
    assert_eq!(answers(&second, &first), [Answer::Better, Answer::Better]);
}

#[test]
fn equal_servers_are_the_same() {
    let first = side(&[100.0, 100.4, 99.8, 100.2, 99.9], &[50.0; 5]);
    let second = side(&[100.1, 99.7, 100.3, 100.0, 99.8], &[50.0; 5]);
    assert_eq!(answers(&first, &second), [Answer::Same, Answer::Same]);
}

/// Runs of one side that differ by much make differences of that size mean nothing.
#[test]
fn noise_widens_the_margin() {
    let first = side(&[100.0, 140.0, 80.0, 120.0, 95.0], &[50.0; 5]);
    let row = compare(&first, &first, &question()).remove(0);
    assert!(row.margin > 0.1, "{}", row.margin);
    assert_eq!(row.answer, Answer::CannotTell);
}

#[test]
fn one_run_a_side_tells_nothing() {
    let (first, second) = (side(&[100.0], &[50.0]), side(&[200.0], &[25.0]));
    let rows = compare(&first, &second, &question());
    assert_eq!((rows[0].answer, rows[0].further_runs), (Answer::CannotTell, Some(3)));
    assert!((rows[0].ratio.unwrap() - 2.0).abs() < 1e-9);
}

/// Runs that differ by 2 %, as the standard deviation of their logarithms.
#[test]
fn two_sides_of_one_server_are_seldom_taken_for_different_ones() {
    let mut state = 1_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut latency = |mean: f64| mean * (0.02 * (0..12).map(|_| uniform()).sum::<f64>() - 0.12).exp();
    let mut counted = |mean: f64, wanted: &[Answer]| {
        let trials = (0..200).filter(|_| {
            let sides = [100.0, mean].map(|mean| (0..5).map(|_| latency(mean)).collect::<Vec<f64>>());
            let [first, second] = sides.map(|values| side(&values, &[50.0; 5]));
            wanted.contains(&answers(&first, &second)[0])
        });
        trials.count()
    };
    let false_alarms = counted(100.0, &[Answer::Better, Answer::Worse]);
    let found = counted(110.0, &[Answer::Worse]);
    assert!(false_alarms <= 10, "{false_alarms} of 200");
    assert!(found >= 190, "{found} of 200");
}
