//! What a sweep over one number says as a whole: where latency begins to rise, and what a token of a prompt costs.

use serde::Serialize;

use super::{
    best::Key,
    results::{CellResults, Results},
};

/// Latency has risen where it is more than so many times that of the lowest load. Source: what AIPerf takes for its knee.
const RISEN: f64 = 1.2;

/// Settings that are loads.
const LOADS: [&str; 3] = ["concurrency", "request-rate", "num-users"];

/// A line explains less than this part of the spread: there is none. Source: where AIPerf fits another curve.
const LEAST_EXPLAINED: f64 = 0.85;

/// Where latency begins to rise with a load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct LatencyRise {
    setting: String,
    by: String,
    factor: f64,
    /// The lowest load, which the others are compared with.
    lowest: f64,
    /// The first load with more than so many times its latency; none where no load has it.
    first: Option<f64>,
    /// How many times: that of the first one, or else the most.
    times: f64,
}

/// The time to first token as a straight line over the length of prompts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct FirstTokenLine {
    setting: String,
    by: String,
    /// What each token of a prompt adds.
    ms_per_token: f64,
    /// What is there without any.
    ms_besides: f64,
    /// The part of the spread that the line explains, from 0 to 1.
    r_squared: f64,
}

/// Where latency begins to rise, in a sweep over a load alone.
pub(super) fn latency_rise(results: &Results) -> Option<LatencyRise> {
    let key = Key::new("request_latency", "p99");
    let (setting, points) = points(results, &key, &LOADS)?;
    let ((lowest, least), more) = points.split_first().filter(|((_, least), _)| *least > 0.0)?;
    let times = |&(load, latency): &(f64, f64)| (load, latency / least);
    let first = more.iter().map(times).find(|(_, times)| *times > RISEN);
    let most = more.iter().map(times).map(|(_, times)| times).reduce(f64::max)?;
    Some(LatencyRise {
        setting,
        by: key.joined(),
        factor: RISEN,
        lowest: *lowest,
        first: first.map(|(load, _)| load),
        times: first.map_or(most, |(_, times)| times),
    })
}

/// The line of the time to first token, in a sweep over the length of prompts alone.
pub(super) fn first_token_line(results: &Results) -> Option<FirstTokenLine> {
    let key = Key::new("time_to_first_token", "p50");
    let (setting, points) = points(results, &key, &["isl"])?;
    let (ms_per_token, ms_besides, r_squared) = line(&points)?;
    Some(FirstTokenLine { setting, by: key.joined(), ms_per_token, ms_besides, r_squared })
}

impl LatencyRise {
    /// For people.
    pub(super) fn note(&self) -> String {
        let Self { setting, by, factor, lowest, times, .. } = self;
        match self.first {
            Some(first) => format!(
                "latency rises: {setting} {first} is the first with a {by} of more than {factor} times that of {setting} {lowest}, {times:.2} \
                 times"
            ),
            None => format!(
                "latency does not rise: no {setting} has a {by} of more than {factor} times that of {setting} {lowest}, {times:.2} times at \
                 most"
            ),
        }
    }
}

impl FirstTokenLine {
    /// For people.
    pub(super) fn note(&self) -> String {
        let Self { setting, by, ms_per_token, ms_besides, r_squared } = self;
        if *r_squared < LEAST_EXPLAINED {
            return format!("{by} is no straight line over {setting} (R² {r_squared:.2})");
        }
        format!(
            "{by} is about {ms_per_token:.4} ms for each token of {setting}, and {ms_besides:.2} ms (R² {r_squared:.3})"
        )
    }
}

/// The means of a number by the only setting that cells differ in, in its order; nothing where that is none of these.
fn points(results: &Results, key: &Key, settings: &[&str]) -> Option<(String, Vec<(f64, f64)>)> {
    let swept = results.settings();
    let [setting] = swept.as_slice() else { return None };
    if !settings.contains(&setting.as_str()) {
        return None;
    }
    let point = |cell: &CellResults| {
        let value: f64 = cell.cell.value(setting).parse().ok()?;
        Some((value, cell.get(key)?.mean))
    };
    let mut points: Vec<(f64, f64)> = results.cells.iter().filter_map(point).collect();
    points.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    Some((setting.clone(), points))
}

/// Slope, value at 0 and R² of the straight line with the least squares; nothing of fewer than three points, through which there
/// always is one.
fn line(points: &[(f64, f64)]) -> Option<(f64, f64, f64)> {
    if points.len() < 3 {
        return None;
    }
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x_mean, y_mean) = (mean(|point| point.0), mean(|point| point.1));
    let sum =
        |of: fn(f64, f64) -> f64| -> f64 { points.iter().map(|(x, y)| of(x - x_mean, y - y_mean)).sum() };
    let (of_x, of_y, of_both) = (sum(|x, _| x * x), sum(|_, y| y * y), sum(|x, y| x * y));
    if of_x <= 0.0 {
        return None;
    }
    let slope = of_both / of_x;
    let r_squared = if of_y > 0.0 { of_both * of_both / (of_x * of_y) } else { 1.0 };
    Some((slope, slope.mul_add(-x_mean, y_mean), r_squared))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::results::tests::results;

    #[test]
    fn the_first_load_with_more_latency_is_named() {
        let cells: [(&str, &[(f64, f64)]); 3] =
            [("1", &[(10.0, 2.0)]), ("8", &[(20.0, 5.0)]), ("4", &[(15.0, 2.3)])];
        let rise = latency_rise(&results(1, &cells)).unwrap();
        assert_eq!((rise.lowest, rise.first, rise.times), (1.0, Some(8.0), 2.5));
        let expected = "concurrency 8 is the first with a request_latency_p99 of more than 1.2 times that of concurrency 1, 2.50 times";
        assert!(rise.note().ends_with(expected), "{}", rise.note());
        let rise =
            latency_rise(&results(1, &cells[..1])).or(latency_rise(&results(1, &[cells[0], cells[2]])));
        assert_eq!(rise.map(|rise| rise.first), Some(None));
    }

    #[test]
    fn a_line_is_that_with_the_least_squares() {
        let (slope, besides, r_squared) = line(&[(1.0, 12.0), (2.0, 14.0), (5.0, 20.0)]).unwrap();
        let near = |one: f64, other: f64| (one - other).abs() < 1e-9;
        assert!(near(slope, 2.0) && near(besides, 10.0) && near(r_squared, 1.0));
        let (.., r_squared) = line(&[(1.0, 1.0), (2.0, 9.0), (3.0, 1.0)]).unwrap();
        assert!(near(r_squared, 0.0));
        assert_eq!(line(&[(1.0, 1.0), (2.0, 9.0)]), None);
        assert_eq!(line(&[(1.0, 1.0), (1.0, 2.0), (1.0, 9.0)]), None);
    }

    #[test]
    fn a_line_that_explains_little_is_none() {
        let of = |r_squared| FirstTokenLine {
            setting: "isl".to_owned(),
            by: "time_to_first_token_p50".to_owned(),
            ms_per_token: 0.05,
            ms_besides: 12.0,
            r_squared,
        };
        let expected =
            "time_to_first_token_p50 is about 0.0500 ms for each token of isl, and 12.00 ms (R² 0.990)";
        assert_eq!(of(0.99).note(), expected);
        assert_eq!(of(0.5).note(), "time_to_first_token_p50 is no straight line over isl (R² 0.50)");
    }
}
