//! Rates that change with time, from a file: [`RateSeries`].
//!
//! ```json
//! {"points": [{"time_s": 0, "qps": 5}, {"time_s": 60, "qps": 20}]}
//! ```

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::units::MAX_RATE;
use crate::{
    bounded,
    explain::Explain,
    plan::{Ramp, RampError},
};

/// A point a second for a month takes less.
const MOST_MEGABYTES: u64 = 128;

/// The curve of a rate, from a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RateSeries {
    /// Seconds, and requests a second. At least two points; the times ascend from 0 or later.
    points: Vec<(f64, f64)>,
}

/// Why a file holds no series of rates.
#[derive(Debug, thiserror::Error)]
#[error("`{}{}`: {problem}", .file.display(), .place.as_ref().map(|place| format!(", {place}")).unwrap_or_default())]
pub(crate) struct RateSeriesError {
    file: PathBuf,
    /// Where in it, if it is about a place.
    place: Option<String>,
    problem: Problem,
}

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("{0}")]
    Unreadable(io::Error),
    #[error("{0}")]
    Format(String),
    #[error("a series has two points or more")]
    TooShort,
    #[error("`time_s` must be 0 or more, and at least the first one must be")]
    Early,
    #[error("`time_s` must be later than that of the point before it, which is {0}")]
    NotLater(f64),
    #[error("`qps` must be above 0, and at most {MAX_RATE}")]
    NoRate,
}

impl Explain for RateSeriesError {
    fn hint(&self) -> String {
        match self.problem {
            Problem::Unreadable(_) => "check what stands there, and that you may read it".to_owned(),
            _ => {
                r#"write it as `{"points": [{"time_s": 0, "qps": 5}, {"time_s": 60, "qps": 20}]}`"#.to_owned()
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    points: Vec<Point>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Point {
    time_s: f64,
    qps: f64,
}

impl RateSeries {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, is no JSON of this form, or its points are no curve: with the file and the place in it.
    pub(crate) fn read(file: &str) -> Result<Self, RateSeriesError> {
        let path = Path::new(file);
        let failure = |place, problem| RateSeriesError { file: path.to_owned(), place, problem };
        let text = bounded::read_to_string(path, MOST_MEGABYTES)
            .map_err(|error| failure(None, Problem::Unreadable(error)))?;
        let File { points } = serde_json::from_str(&text).map_err(|error| {
            let place = format!("line {} column {}", error.line(), error.column());
            let text = error.to_string().replace(&format!(" at {place}"), "");
            failure(Some(place), Problem::Format(text))
        })?;
        if points.len() < 2 {
            return Err(failure(None, Problem::TooShort));
        }
        let mut before: Option<f64> = None;
        for (number, Point { time_s, qps }) in (1_u64..).zip(&points) {
            let is_rate = *qps > 0.0 && *qps <= MAX_RATE;
            let problem = match before {
                _ if !is_rate => Some(Problem::NoRate),
                None if *time_s < 0.0 => Some(Problem::Early),
                Some(before) if *time_s <= before => Some(Problem::NotLater(before)),
                _ => None,
            };
            if let Some(problem) = problem {
                return Err(failure(Some(format!("point {number}")), problem));
            }
            before = Some(*time_s);
        }
        Ok(Self { points: points.into_iter().map(|Point { time_s, qps }| (time_s, qps)).collect() })
    }

    /// Its first rate.
    pub(crate) fn first(&self) -> f64 {
        self.points[0].1
    }

    /// The curve that begins after so many seconds, and the rate at the start of the phase before that: straight from it to
    /// the first rate.
    ///
    /// # Errors
    /// The rate at the start is not above 0.
    pub(crate) fn ramp(&self, before: Option<(f64, f64)>) -> Result<Ramp<f64>, RampError> {
        let delay_s = before.map_or(0.0, |(delay_s, _)| delay_s);
        let start = before.map(|(_, rate)| (0.0, rate));
        let first = Some((delay_s, self.first())).filter(|_| self.points[0].0 > 0.0);
        let shifted = self.points.iter().map(|(time_s, rate)| (time_s + delay_s, *rate));
        Ramp::series(start.into_iter().chain(first).chain(shifted).collect())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(text: &str) -> Result<RateSeries, RateSeriesError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rates.json");
        std::fs::write(&path, text).unwrap();
        RateSeries::read(path.to_str().unwrap())
    }

    #[rstest]
    #[case::from_the_start(0, None, &[(0.0, 5.0), (30.0, 12.5), (60.0, 20.0), (99.0, 20.0)])]
    #[case::later(10, None, &[(0.0, 5.0), (10.0, 5.0), (35.0, 12.5), (60.0, 20.0)])]
    #[case::behind_a_ramp(0, Some((10.0, 1.0)), &[(0.0, 1.0), (5.0, 3.0), (10.0, 5.0), (40.0, 12.5), (70.0, 20.0)])]
    #[case::later_behind_a_ramp(10, Some((10.0, 1.0)), &[(0.0, 1.0), (10.0, 5.0), (20.0, 5.0), (45.0, 12.5)])]
    fn a_rate_goes_straight_from_point_to_point(
        #[case] first_s: u32,
        #[case] before: Option<(f64, f64)>,
        #[case] expected: &[(f64, f64)],
    ) {
        let text = format!(r#"{{"points":[{{"time_s":{first_s},"qps":5}},{{"time_s":60,"qps":20}}]}}"#);
        let ramp = read(&text).unwrap().ramp(before).unwrap();
        let found: Vec<_> = expected.iter().map(|(time_s, _)| (*time_s, ramp.at(*time_s))).collect();
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case::no_json("{\"points\":\n[", ", line 2 column 1`: EOF while parsing a list")]
    #[case::no_points(r#"{"rates": []}"#, ", line 1 column 8`: unknown field `rates`, expected `points`")]
    #[case::no_rate(r#"{"points":[{"time_s":0}]}"#, ", line 1 column 23`: missing field `qps`")]
    #[case::one_point(r#"{"points":[{"time_s":0,"qps":5}]}"#, "`: a series has two points or more")]
    #[case::early(
        r#"{"points":[{"time_s":-1,"qps":5},{"time_s":1,"qps":5}]}"#,
        ", point 1`: `time_s` must be 0 or more"
    )]
    #[case::backwards(
        r#"{"points":[{"time_s":4,"qps":5},{"time_s":4,"qps":5}]}"#,
        ", point 2`: `time_s` must be later than that of the point before it, which is 4"
    )]
    #[case::nothing(
        r#"{"points":[{"time_s":0,"qps":5},{"time_s":1,"qps":0}]}"#,
        ", point 2`: `qps` must be above 0, and at most 1000000000"
    )]
    fn a_mistake_is_named_with_its_place(#[case] text: &str, #[case] expected: &str) {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(&format!("rates.json{expected}")), "{error}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = RateSeries::read("/no/such/rates.json").unwrap_err();
        assert!(error.to_string().starts_with("`/no/such/rates.json`: No such file"), "{error}");
    }
}
