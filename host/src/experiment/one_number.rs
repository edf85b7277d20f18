//! What a sweep over one number says as a whole: where latency begins to rise, and what a token of a prompt costs.

use serde::Serialize;

use super::{
    best::Key,
    estimate::Estimate,
    results::{CellResults, Results},
};
use crate::metrics::{Statistic, tags};

/// Latency has risen where it is more than so many times that of the lowest load. Source: what AIPerf takes for its knee.
const RISEN: f64 = 1.2;

/// Settings that are loads, alone or together with another one. `--user-centric-rate` is the rate of all users together, so that more users
/// alone send no more.
const LOADS: [&[&str]; 3] = [&["concurrency"], &["request-rate"], &["num-users", "user-centric-rate"]];

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
    /// The first load that has more than so many times its latency; none where no load is known to have it.
    first: Option<f64>,
    /// How many times: that of the first one, or else the most.
    times: f64,
    /// Loads below the first one of which the intervals do not tell.
    unclear: Vec<f64>,
    /// There are no intervals: each load was run once.
    is_of_one_run_each: bool,
    /// Loads of which something is missing.
    with_failures: Vec<f64>,
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
    /// Lengths of which something is missing.
    with_failures: Vec<f64>,
}

/// Where latency begins to rise, in a sweep over a load alone.
pub(super) fn latency_rise(results: &Results) -> Option<LatencyRise> {
    let key = Key::known(tags::REQUEST_LATENCY, Statistic::P99);
    let Points { setting, list, with_failures } = points(results, &key, &LOADS)?;
    let ((lowest, least), more) = list.split_first().filter(|((_, least), _)| least.mean > 0.0)?;
    let is_of_one_run_each = list.iter().all(|(_, latency)| latency.spread.is_none());
    let risen = |latency: &Estimate| {
        if is_of_one_run_each { Some(latency.mean > RISEN * least.mean) } else { has_risen(least, latency) }
    };
    let times = |latency: &Estimate| latency.mean / least.mean;
    let first = more.iter().find(|(_, latency)| risen(latency) == Some(true));
    let before = more.iter().take_while(|(_, latency)| risen(latency) != Some(true));
    let unclear = before.filter(|(_, latency)| risen(latency).is_none()).map(|(load, _)| *load).collect();
    let most = more.iter().map(|(_, latency)| times(latency)).reduce(f64::max)?;
    Some(LatencyRise {
        setting,
        by: key.joined(),
        factor: RISEN,
        lowest: *lowest,
        first: first.map(|(load, _)| *load),
        times: first.map_or(most, |(_, latency)| times(latency)),
        unclear,
        is_of_one_run_each,
        with_failures,
    })
}

/// Whether a latency has risen above the least one, so far as the intervals of both tell; one of a single run tells nothing.
fn has_risen(least: &Estimate, latency: &Estimate) -> Option<bool> {
    let (least, latency) = (least.spread?, latency.spread?);
    if latency.ci_low > RISEN * least.ci_high {
        Some(true)
    } else if latency.ci_high <= RISEN * least.ci_low {
        Some(false)
    } else {
        None
    }
}

/// The line of the time to first token, in a sweep over the length of prompts alone.
pub(super) fn first_token_line(results: &Results) -> Option<FirstTokenLine> {
    let key = Key::known(tags::TIME_TO_FIRST_TOKEN, Statistic::P50);
    let Points { setting, list, with_failures } = points(results, &key, &[&["isl"]])?;
    let means: Vec<(f64, f64)> = list.iter().map(|(length, time)| (*length, time.mean)).collect();
    let (ms_per_token, ms_besides, r_squared) = line(&means)?;
    Some(FirstTokenLine { setting, by: key.joined(), ms_per_token, ms_besides, r_squared, with_failures })
}

impl LatencyRise {
    /// For people.
    pub(super) fn note(&self) -> String {
        let Self { setting, by, factor, lowest, times, .. } = self;
        let unclear = listed(&self.unclear);
        let text = match self.first {
            Some(first) if self.unclear.is_empty() => format!(
                "latency rises: {setting} {first} is the first with a {by} of more than {factor} times that of {setting} {lowest}, {times:.2} \
                 times"
            ),
            Some(first) => format!(
                "latency rises: {setting} {first} has a {by} of more than {factor} times that of {setting} {lowest}, {times:.2} times; the \
                 intervals do not tell whether {setting} {unclear} has it as well"
            ),
            None if self.unclear.is_empty() => format!(
                "latency does not rise: no {setting} has a {by} of more than {factor} times that of {setting} {lowest}, {times:.2} times at \
                 most"
            ),
            None => format!(
                "whether latency rises cannot be told: the intervals do not tell whether the {by} of {setting} {unclear} is more than \
                 {factor} times that of {setting} {lowest}"
            ),
        };
        let one_run = if self.is_of_one_run_each { " (one run each)" } else { "" };
        format!("{text}{one_run}{}", failures(setting, &self.with_failures))
    }
}

impl FirstTokenLine {
    /// For people.
    pub(super) fn note(&self) -> String {
        let Self { setting, by, ms_per_token, ms_besides, r_squared, with_failures } = self;
        let (percent, failures) = (r_squared * 100.0, failures(setting, with_failures));
        if *r_squared < LEAST_EXPLAINED {
            return format!(
                "{by} is no straight line over {setting}: a line explains {percent:.1} % of the spread{failures}"
            );
        }
        format!(
            "{by} is about {ms_per_token:.4} ms for each token of {setting}, and {ms_besides:.2} ms besides; the line explains \
             {percent:.1} % of the spread{failures}"
        )
    }
}

/// What is said of values of which something is missing, behind the rest.
fn failures(setting: &str, values: &[f64]) -> String {
    if values.is_empty() {
        return String::new();
    }
    format!("; runs or requests of {setting} {} failed or are missing", listed(values))
}

fn listed(values: &[f64]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What was measured over the values of one setting.
struct Points {
    setting: String,
    /// Each value that has the number, and that, in the order of the values.
    list: Vec<(f64, Estimate)>,
    /// Values of which a run or a request failed or is missing.
    with_failures: Vec<f64>,
}

/// A number by the only settings that cells differ in, of which the first one is the value; nothing where they are none of these, or a
/// value is that of several cells.
fn points(results: &Results, key: &Key, known: &[&[&str]]) -> Option<Points> {
    let swept = results.settings();
    let is_swept = |settings: &&&[&str]| {
        settings.len() == swept.len() && swept.iter().all(|name| settings.contains(&name.as_str()))
    };
    let setting = *known.iter().find(is_swept)?.first()?;
    let of_cell = |cell: &CellResults| cell.cell.value(setting).parse::<f64>().ok();
    let cells = results.cells.iter().filter_map(|cell| Some((of_cell(cell)?, cell)));
    let mut cells: Vec<(f64, &CellResults)> = cells.collect();
    cells.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    if cells.windows(2).any(|pair| pair[0].0.total_cmp(&pair[1].0).is_eq()) {
        return None;
    }
    let list = cells.iter().filter_map(|(value, cell)| Some((*value, *cell.get(key)?))).collect();
    let with_failures =
        cells.iter().filter(|(_, cell)| has_failures(cell)).map(|(value, _)| *value).collect();
    Some(Points { setting: setting.to_owned(), list, with_failures })
}

fn has_failures(cell: &CellResults) -> bool {
    let errors = cell.get(&Key::known(tags::ERROR_REQUEST_COUNT, Statistic::Avg));
    let has_errors = errors.is_some_and(|errors| errors.max > 0.0);
    has_errors || cell.measured == 0 || !cell.failed.is_empty() || !cell.incomplete.is_empty()
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
    use crate::experiment::{cell::tests::cell, results::tests::results};

    #[test]
    fn the_first_load_with_more_latency_is_named() {
        let cells: [(&str, &[(f64, f64)]); 3] =
            [("1", &[(10.0, 2.0)]), ("8", &[(20.0, 5.0)]), ("4", &[(15.0, 2.3)])];
        let rise = latency_rise(&results(1, &cells)).unwrap();
        assert_eq!((rise.lowest, rise.first, rise.times), (1.0, Some(8.0), 2.5));
        let expected = "concurrency 8 is the first with a request_latency_p99 of more than 1.2 times that of concurrency 1, 2.50 times (one run each)";
        assert!(rise.note().ends_with(expected), "{}", rise.note());
        let rise =
            latency_rise(&results(1, &cells[..1])).or(latency_rise(&results(1, &[cells[0], cells[2]])));
        assert_eq!(rise.map(|rise| rise.first), Some(None));
    }

    #[test]
    fn users_are_a_load_together_with_their_rate() {
        let rise = |users: [&[(&str, &str)]; 2]| {
            let mut results = results(1, &[("1", &[(10.0, 2.0)]), ("2", &[(20.0, 5.0)])]);
            for (known, values) in results.cells.iter_mut().zip(users) {
                known.cell = cell(values);
            }
            latency_rise(&results).map(|rise| (rise.setting, rise.first))
        };
        let more = [
            &[("num-users", "1"), ("user-centric-rate", "0.5")],
            &[("num-users", "2"), ("user-centric-rate", "1")],
        ];
        assert_eq!(rise(more.map(|values| &values[..])), Some(("num-users".to_owned(), Some(2.0))));
        assert_eq!(rise([&[("num-users", "1")], &[("num-users", "2")]]), None);
        // Each user with each rate: no one load.
        let each = [
            &[("num-users", "1"), ("user-centric-rate", "1")],
            &[("num-users", "1"), ("user-centric-rate", "2")],
        ];
        assert_eq!(rise(each.map(|values| &values[..])), None);
    }

    #[test]
    fn latency_has_risen_only_where_the_intervals_show_it() {
        let few: &[(f64, f64)] = &[(10.0, 2.0), (10.0, 2.01), (10.0, 1.99)];
        let wide: &[(f64, f64)] = &[(10.0, 2.0), (10.0, 4.0), (10.0, 6.0)];
        let much: &[(f64, f64)] = &[(10.0, 9.0), (10.0, 9.01), (10.0, 8.99)];
        let rise = |cells: &[(&str, &[(f64, f64)])]| latency_rise(&results(3, cells)).unwrap();
        let all = rise(&[("1", few), ("2", few), ("4", wide), ("8", much)]);
        assert_eq!((all.first, all.unclear.as_slice()), (Some(8.0), &[4.0][..]));
        assert!(all.note().ends_with("do not tell whether concurrency 4 has it as well"), "{}", all.note());
        let unclear = rise(&[("1", few), ("2", few), ("4", wide)]);
        assert_eq!((unclear.first, unclear.unclear.as_slice()), (None, &[4.0][..]));
        assert!(unclear.note().starts_with("whether latency rises cannot be told"), "{}", unclear.note());
        let none = rise(&[("1", few), ("2", few)]);
        assert!(
            none.unclear.is_empty() && none.note().starts_with("latency does not rise"),
            "{}",
            none.note()
        );
    }

    #[test]
    fn loads_of_which_something_is_missing_are_named() {
        let mut results =
            results(1, &[("1", &[(10.0, 2.0)]), ("2", &[(10.0, 2.1)]), ("4", &[]), ("8", &[(9.0, 2.2)])]);
        results.cells[1].incomplete = vec![(1, "1 request was still in flight".to_owned())];
        let rise = latency_rise(&results).unwrap();
        assert_eq!((rise.lowest, rise.with_failures.as_slice()), (1.0, &[2.0, 4.0][..]));
        let expected =
            "1.10 times at most (one run each); runs or requests of concurrency 2, 4 failed or are missing";
        assert!(rise.note().ends_with(expected), "{}", rise.note());
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
            with_failures: Vec::new(),
        };
        let expected = "time_to_first_token_p50 is about 0.0500 ms for each token of isl, and 12.00 ms besides; the line explains 99.0 % of the spread";
        assert_eq!(of(0.99).note(), expected);
        let expected =
            "time_to_first_token_p50 is no straight line over isl: a line explains 50.0 % of the spread";
        assert_eq!(of(0.5).note(), expected);
    }
}
