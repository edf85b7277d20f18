//! Energy of a GPU over some time, from readings at instants: exports [`of_counter`] and [`of_power`].

use crate::clock::RunNs;

/// A part of the time that has to lie between two readings, for energy to be told of all of it.
const LEAST_COVERED: f64 = 0.5;

/// A value at an instant.
pub(super) type Point = (RunNs, f64);

/// What a counter grew by in some stretches of time, in its own unit; nothing where it was set back there, or too little of the time
/// is between two readings. In between it is taken to grow evenly, and what is not covered is taken to be as the rest.
pub(super) fn of_counter(points: &[Point], parts: &[(RunNs, RunNs)]) -> Option<f64> {
    over(points, parts, |inside| {
        inside.windows(2).all(|pair| pair[1].1 >= pair[0].1).then_some(())?;
        Some(inside.last()?.1 - inside.first()?.1)
    })
}

/// The integral of a power over some stretches of time, in its unit times seconds. In between two readings it is a straight line.
pub(super) fn of_power(points: &[Point], parts: &[(RunNs, RunNs)]) -> Option<f64> {
    over(points, parts, |inside| {
        let area =
            |pair: &[Point]| (pair[1].0 - pair[0].0) as f64 / 1e9 * f64::midpoint(pair[0].1, pair[1].1);
        Some(inside.windows(2).map(area).sum())
    })
}

/// The sum over all stretches of what is reported of the readings inside of each, ends included.
fn over(points: &[Point], parts: &[(RunNs, RunNs)], of: impl Fn(&[Point]) -> Option<f64>) -> Option<f64> {
    let (first, last) = (points.first()?.0, points.last()?.0);
    let (mut sum, mut covered_ns, mut all_ns) = (0.0, 0, 0);
    for (start, end) in parts {
        all_ns += end - start;
        let (from, to) = ((*start).max(first), (*end).min(last));
        if from >= to {
            continue;
        }
        let begin = points.partition_point(|(at, _)| *at <= from);
        let finish = points.partition_point(|(at, _)| *at < to);
        let mut inside = vec![(from, at(points, from)?)];
        inside.extend(points.get(begin..finish)?);
        inside.push((to, at(points, to)?));
        sum += of(&inside)?;
        covered_ns += to - from;
    }
    let covered = covered_ns as f64 / all_ns.max(1) as f64;
    (covered >= LEAST_COVERED).then(|| sum / covered)
}

/// The value on the straight line between the two readings around an instant.
fn at(points: &[Point], instant: RunNs) -> Option<f64> {
    let after = points.partition_point(|(at, _)| *at < instant);
    let (right, right_value) = *points.get(after)?;
    if right == instant {
        return Some(right_value);
    }
    let (left, left_value) = *points.get(after.checked_sub(1)?)?;
    let share = (instant - left) as f64 / (right - left) as f64;
    Some(left_value + share * (right_value - left_value))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const S: u64 = 1_000_000_000;

    /// A counter of joules that grows by 100 a second, read at odd instants.
    fn counter() -> Vec<Point> {
        [9, 10, 13, 17, 21].map(|s| (s * S, s as f64 * 100.0)).to_vec()
    }

    #[rstest]
    #[case::between_readings(&[(10 * S, 20 * S)], Some(1000.0))]
    #[case::at_readings(&[(10 * S, 17 * S)], Some(700.0))]
    #[case::inside_of_a_gap(&[(14 * S, 15 * S)], Some(100.0))]
    #[case::two_parts(&[(10 * S, 11 * S), (19 * S, 21 * S)], Some(300.0))]
    #[case::a_little_outside(&[(8 * S, 21 * S)], Some(1300.0))]
    #[case::mostly_outside(&[(0, 11 * S)], None)]
    #[case::outside(&[(30 * S, 40 * S)], None)]
    #[case::no_time(&[], None)]
    fn a_counter_tells_of_any_time_between_its_readings(
        #[case] parts: &[(u64, u64)],
        #[case] expected: Option<f64>,
    ) {
        let found = of_counter(&counter(), parts);
        assert_eq!(found.map(|joules| (joules * 1e6).round() / 1e6), expected);
    }

    #[test]
    fn a_counter_that_was_set_back_tells_nothing() {
        let mut points = counter();
        points[3].1 = 0.0;
        assert_eq!(of_counter(&points, &[(10 * S, 20 * S)]), None);
        assert_eq!(of_counter(&points, &[(9 * S, 12 * S)]), Some(300.0));
    }

    #[test]
    fn power_is_integrated_along_straight_lines() {
        let points = [(0, 0.0), (10 * S, 100.0), (20 * S, 100.0)];
        assert_eq!(of_power(&points, &[(0, 20 * S)]), Some(1500.0));
        assert_eq!(of_power(&points, &[(5 * S, 15 * S)]), Some(375.0 + 500.0));
        assert_eq!(of_power(&points[..1], &[(0, 20 * S)]), None);
        assert_eq!(of_power(&[], &[(0, S)]), None);
    }
}
