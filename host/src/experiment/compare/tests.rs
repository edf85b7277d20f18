//! Sides that are made up.

use std::collections::BTreeMap;

use super::{side::SideRun, *};
use crate::experiment::measured::Measured;

/// A run of which no more is known than its numbers.
pub(super) fn only_numbers() -> SideRun {
    SideRun { measured: Measured::default(), settings: BTreeMap::new(), dir: None, requests: BTreeMap::new() }
}

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
        ..only_numbers()
    };
    let runs = latencies.iter().zip(throughputs).map(run).collect();
    side_of(BTreeMap::from([(String::new(), runs)]))
}

pub(super) fn side_of(cells: BTreeMap<String, Vec<SideRun>>) -> Side {
    Side { name: "side".to_owned(), cells, left_out: 0, strange: Vec::new() }
}

/// Each of these numbers is one of every run.
fn side_with(numbers: &[(Key, [f64; 4])]) -> Vec<SideRun> {
    let run = |at: usize| SideRun {
        measured: Measured {
            numbers: numbers.iter().map(|(key, values)| (key.clone(), values[at])).collect(),
            ..Measured::default()
        },
        ..only_numbers()
    };
    (0..4).map(run).collect()
}

fn state_of(gate: &str, first: &Side, second: &Side) -> GateState {
    gated(&question::gate(gate).unwrap(), first, second, 0.95).unwrap().0
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
    assert_eq!((rows[0].why, rows[0].further_runs), (Some(Why::OneRunASide), Some(3)));
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

const FOUR: [f64; 4] = [100.0, 101.0, 99.5, 100.5];

#[test]
fn a_gate_on_a_throughput_is_a_share_of_the_first_side() {
    let first = side(&[100.0; 4], &FOUR);
    let second = side(&[100.0; 4], &FOUR.map(|value| value * 0.6));
    assert_eq!(state_of("request_throughput -50%", &first, &second), GateState::Kept);
    assert_eq!(state_of("request_throughput -30%", &first, &second), GateState::Broken);
    assert_eq!(state_of("request_throughput -40%", &first, &second), GateState::CannotTell);
}

/// Runs that differ by a factor of two tell of a loss that is larger than that, and of no smaller one.
#[test]
fn noise_does_not_widen_a_gate() {
    let first = side(&[100.0, 140.0, 80.0, 120.0], &[50.0; 4]);
    let worse = side(&[180.0, 400.0, 200.0, 320.0], &[50.0; 4]);
    let mixed = side(&[60.0, 140.0, 90.0, 115.0], &[50.0; 4]);
    assert_eq!(state_of("request_latency.p50 +5%", &first, &worse), GateState::Broken);
    assert_eq!(state_of("request_latency.p50 +5%", &first, &mixed), GateState::CannotTell);
}

#[test]
fn a_gate_on_what_was_zero_is_judged_by_ranks() {
    let errors = |values: [f64; 4]| {
        let numbers = [(Key::new("error_request_count", "avg"), values)];
        side_of(BTreeMap::from([(String::new(), side_with(&numbers))]))
    };
    let gate = |first, second| state_of("error_request_count +10%", &errors(first), &errors(second));
    assert_eq!(gate([0.0; 4], [50.0, 52.0, 55.0, 58.0]), GateState::Broken);
    assert_eq!(gate([0.0; 4], [0.0; 4]), GateState::Kept);
    assert_eq!(gate([0.0, 0.0, 0.0, 1.0], [0.0; 4]), GateState::Kept);
    assert_eq!(gate([0.0; 4], [0.0, 0.0, 0.0, 1.0]), GateState::CannotTell);
}

/// Of four runs a side, no difference has a probability below 1/35: two numbers that are judged together cannot differ.
#[test]
fn among_several_numbers_four_runs_do_not_tell() {
    let keys = ["p50", "p90", "p99"].map(|statistic| Key::new("request_latency", statistic));
    let all = |factor: f64| {
        let numbers = keys.clone().map(|key| (key, FOUR.map(|value| value * factor)));
        side_of(BTreeMap::from([(String::new(), side_with(&numbers))]))
    };
    let question = Question { keys: keys.to_vec(), ..question() };
    let rows = compare(&all(1.0), &all(1.5), &question);
    let answers: Vec<_> = rows.iter().map(|row| (row.answer, row.why, row.further_runs)).collect();
    let unclear = (Answer::CannotTell, Some(Why::AmongMany { numbers: 2 }), Some(1));
    assert_eq!(answers, [(Answer::Worse, None, None), unclear, unclear]);
    let table = text::table(&rows, crate::screen::Screen::UNLIMITED);
    assert!(table.contains("`request_latency p90` is not clear among 2 numbers"), "{table}");
    assert!(table.contains("5 runs a side would probably do"), "{table}");
}

#[test]
fn the_cells_of_a_sweep_are_judged_together_and_counted() {
    let key = Key::new("request_latency", "p50");
    let all = |factors: [f64; 2]| {
        let cells = ["c1", "c2"].into_iter().zip(factors).map(|(name, factor)| {
            (name.to_owned(), side_with(&[(key.clone(), FOUR.map(|value| value * factor))]))
        });
        side_of(cells.collect())
    };
    let question = Question { keys: vec![key.clone()], ..question() };
    let rows = compare(&all([1.0, 1.0]), &all([1.0, 1.5]), &question);
    assert_eq!((rows[0].answer, rows[1].answer), (Answer::Same, Answer::CannotTell));
    let headline = text::headline(&rows, false).unwrap();
    assert_eq!(headline, "same in 1, cannot tell in 1 of 2 cells: request_latency p50");
    let table = text::table(&rows, crate::screen::Screen::UNLIMITED);
    assert!(table.contains("`c2: request_latency p50` is not clear"), "{table}");
}

#[test]
fn margins_that_differ_have_a_column() {
    let noisy = side(&[100.0, 140.0, 80.0, 120.0, 95.0], &[50.0; 5]);
    let rows = compare(&noisy, &noisy, &question());
    let table = text::table(&rows, crate::screen::Screen::UNLIMITED);
    assert!(table.contains("margin") && table.contains("within the margin of each row"), "{table}");
    let rows = &rows[1..];
    assert!(text::markdown(rows).contains("Differences within 2.0 % count as none"));
}

#[test]
fn three_runs_against_five_are_enough() {
    let first = side(&[100.0, 101.0, 99.0], &[50.0; 3]);
    let second = side(&[150.0, 151.0, 149.0, 152.0, 150.5], &[50.0; 5]);
    assert_eq!(answers(&first, &second), [Answer::Worse, Answer::Same]);
    let strict = Question { level: 0.999, ..question() };
    let row = compare(&first, &first, &strict).remove(0);
    assert_eq!((row.why, row.further_runs), (Some(Why::TooFewRuns), Some(4)));
}

#[test]
fn each_run_of_both_sides_has_the_settings_of_the_first() {
    let with = |levels: [u32; 4]| {
        let mut runs = side_with(&[]);
        for (run, level) in runs.iter_mut().zip(levels) {
            run.settings = BTreeMap::from([("concurrency".to_owned(), level.into())]);
        }
        side_of(BTreeMap::from([(String::new(), runs)]))
    };
    let found = |first, second| {
        let differences = differences(&with(first), &with(second));
        differences.into_iter().map(|difference| difference.values).collect::<Vec<_>>()
    };
    let expected = [[Some("1".to_owned()), Some("2".to_owned())]];
    assert!(found([1; 4], [1; 4]).is_empty());
    assert_eq!(found([1; 4], [1, 1, 2, 1]), expected);
    assert_eq!(found([1, 1, 1, 2], [1; 4]), expected);
}
