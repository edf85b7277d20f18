//! Curves over the time of a phase: how many sessions there are, or how high a rate is, at each moment.

use std::{cmp::Ordering, fmt, num::NonZeroU32};

use serde::{Deserialize, Serialize};

/// A number that a curve can have: above 0 and finite.
pub(crate) trait Level: Copy + PartialOrd + fmt::Display {
    fn number(self) -> f64;
    /// The level on the line from one level to another, after a share of the way. A whole number counts once it is reached.
    fn on_line(from: Self, to: Self, share: f64) -> Self;
}

/// More than a few operations on a number of this size round away, and far less than anybody notices.
const ROUNDING: f64 = 1e-9;

impl Level for u32 {
    fn number(self) -> f64 {
        self.into()
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is a part of the distance"
    )]
    fn on_line(from: Self, to: Self, share: f64) -> Self {
        let distance = from.abs_diff(to);
        // What rounding has taken from a whole number is given back.
        let way = ((f64::from(distance) * share * (1.0 + ROUNDING) + ROUNDING).floor() as Self).min(distance);
        if to > from { from.saturating_add(way) } else { from.saturating_sub(way) }
    }
}

impl Level for f64 {
    fn number(self) -> f64 {
        self
    }

    fn on_line(from: Self, to: Self, share: f64) -> Self {
        from + share * (to - from)
    }
}

/// Why points are no curve.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum RampError {
    /// None at all.
    #[error("draw a curve without a point")]
    Empty,
    /// A curve has a value from the start of its phase on.
    #[error("begin a curve {0} s after its phase: its first point belongs to the time 0")]
    LateStart(f64),
    /// Points that do not follow each other.
    #[error("draw a point of a curve at {0} s: it must be later than the point before it")]
    NotLater(f64),
    /// A value that no rate and no number of sessions has.
    #[error("draw a curve through {0}: all its values must be above 0")]
    NotPositive(String),
}

/// A curve over the time of a phase. Behind its last point it keeps the value of that point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written<T>", into = "Written<T>")]
#[serde(bound(serialize = "T: Level + Serialize", deserialize = "T: Level + Deserialize<'de>"))]
pub(crate) struct Ramp<T> {
    /// Seconds since the start of the phase, and the value then. Never empty; the first is at 0, and times ascend.
    points: Vec<(f64, T)>,
    between: Between,
}

/// What the curve does between two points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    /// It keeps the value of the earlier one.
    Hold,
    /// It goes straight from one to the other.
    Line,
}

/// A part of a curve that is a straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Piece {
    /// When it begins, in seconds since the start of the phase.
    pub(crate) begin_s: f64,
    /// When it ends; infinite for the last one.
    pub(crate) end_s: f64,
    /// Value at its begin.
    pub(crate) from: f64,
    /// Value that it reaches at its end.
    pub(crate) to: f64,
}

impl Piece {
    /// How much the value grows a second.
    pub(crate) fn slope(&self) -> f64 {
        // The last piece has no end, and holds.
        if self.end_s.is_finite() { (self.to - self.from) / (self.end_s - self.begin_s) } else { 0.0 }
    }
}

impl<T: Level> Ramp<T> {
    /// The same value all the time.
    ///
    /// # Errors
    /// It is not above 0.
    pub(crate) fn constant(value: T) -> Result<Self, RampError> {
        Self::through(vec![(0.0, value)], Between::Hold)
    }

    /// Straight from one value to another, in so many seconds.
    ///
    /// # Errors
    /// A value is not above 0, or the time is not.
    pub(crate) fn linear(from: T, to: T, over_s: f64) -> Result<Self, RampError> {
        Self::through(vec![(0.0, from), (over_s, to)], Between::Line)
    }

    /// Each value from its time on, in seconds since the start of the phase.
    ///
    /// # Errors
    /// There is no point, the first is not at 0, times do not ascend, or a value is not above 0.
    pub(crate) fn steps(points: Vec<(f64, T)>) -> Result<Self, RampError> {
        Self::through(points, Between::Hold)
    }

    /// Straight from each point to the next one.
    ///
    /// # Errors
    /// As those of [`Self::steps`].
    pub(crate) fn series(points: Vec<(f64, T)>) -> Result<Self, RampError> {
        Self::through(points, Between::Line)
    }

    fn through(points: Vec<(f64, T)>, between: Between) -> Result<Self, RampError> {
        let (start_s, _) = *points.first().ok_or(RampError::Empty)?;
        if start_s != 0.0 {
            return Err(RampError::LateStart(start_s));
        }
        if let Some(late) = points.windows(2).find(|pair| !(pair[1].0 > pair[0].0 && pair[1].0.is_finite())) {
            return Err(RampError::NotLater(late[1].0));
        }
        let is_level = |value: T| value.number() > 0.0 && value.number().is_finite();
        match points.iter().find(|(_, value)| !is_level(*value)) {
            Some((_, value)) => Err(RampError::NotPositive(value.to_string())),
            None => Ok(Self { points, between }),
        }
    }

    /// The value at a time, in seconds since the start of the phase.
    pub(crate) fn at(&self, time_s: f64) -> T {
        let next = self.points.partition_point(|(at, _)| *at <= time_s);
        let (begin, value) = self.points[next.saturating_sub(1)];
        match (self.between, self.points.get(next)) {
            (Between::Line, Some((end, following))) if next > 0 => {
                T::on_line(value, *following, (time_s - begin) / (end - begin))
            }
            _ => value,
        }
    }

    /// The value, if it is the same all the time.
    pub(crate) fn as_constant(&self) -> Option<T> {
        let (_, first) = self.points[0];
        self.points.iter().all(|(_, value)| *value == first).then_some(first)
    }

    /// The highest value that it has at any time.
    pub(crate) fn most(&self) -> T {
        let (_, first) = self.points[0];
        self.points.iter().fold(first, |most, (_, value)| if *value > most { *value } else { most })
    }

    /// Its value, or its first and its last one, as they can stand in the name of a file.
    pub(crate) fn short(&self) -> String {
        let ((_, first), (_, last)) = (self.points[0], self.points[self.points.len() - 1]);
        if self.as_constant().is_some() { first.to_string() } else { format!("{first}-{last}") }
    }

    /// The straight lines that it consists of. The last one has no end.
    pub(crate) fn pieces(&self) -> Vec<Piece> {
        let of = |(at, &(begin_s, value)): (usize, &(f64, T))| {
            let next = self.points.get(at + 1);
            let to = next.filter(|_| self.between == Between::Line).map_or(value, |(_, to)| *to);
            let end_s = next.map_or(f64::INFINITY, |(end_s, _)| *end_s);
            Piece { begin_s, end_s, from: value.number(), to: to.number() }
        };
        self.points.iter().enumerate().map(of).collect()
    }
}

impl Ramp<u32> {
    /// The same curve where it is not above a number, and that number elsewhere.
    pub(crate) fn at_most(&self, most: NonZeroU32) -> Self {
        let most = most.get();
        let capped = self.points.iter().map(|(time_s, value)| (*time_s, (*value).min(most)));
        let points = match self.between {
            Between::Hold => capped.collect(),
            Between::Line => {
                let crossings = self.pieces().into_iter().filter_map(|piece| {
                    let is_crossed = (piece.from - f64::from(most)) * (piece.to - f64::from(most)) < 0.0;
                    is_crossed.then(|| (piece.begin_s + (f64::from(most) - piece.from) / piece.slope(), most))
                });
                let mut points: Vec<_> = capped.chain(crossings).collect();
                points.sort_by(|one, other| one.0.total_cmp(&other.0));
                points.dedup_by(|later, first| later.0 <= first.0);
                points
            }
        };
        Self { points, between: self.between }
    }
}

impl From<NonZeroU32> for Ramp<u32> {
    fn from(value: NonZeroU32) -> Self {
        Self { points: vec![(0.0, value.get())], between: Between::Hold }
    }
}

/// Values that follow a line are looked at no more often than this, in seconds.
const SHORTEST_HOLD_S: f64 = 1e-3;

impl Ramp<u32> {
    /// When the whole number that [`Self::at`] gives may be another one, after a time; never again without a value. Both are
    /// in seconds since the start of the phase.
    pub(crate) fn next_change_s(&self, after_s: f64) -> Option<f64> {
        let next = self.points.partition_point(|(at, _)| *at <= after_s);
        let (next_s, _) = *self.points.get(next)?;
        let piece = self.pieces()[next.saturating_sub(1)];
        let step = match piece.to.partial_cmp(&piece.from) {
            Some(Ordering::Greater) => 1.0,
            Some(Ordering::Less) => -1.0,
            Some(Ordering::Equal) | None => return Some(next_s),
        };
        let border = self.at(after_s).number() + step;
        let reached_s = piece.begin_s + (border - piece.from) / piece.slope();
        Some(reached_s.max(after_s + SHORTEST_HOLD_S).min(next_s))
    }
}

/// Of a curve with more points the ends are shown.
const MOST_SHOWN_POINTS: usize = 6;

/// As a reader sees it: a constant is its number.
impl<T: Level> fmt::Display for Ramp<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(value) = self.as_constant() {
            return write!(f, "{value}");
        }
        let points = self.points.len();
        if points > MOST_SHOWN_POINTS {
            let ((_, first), (end_s, last)) = (self.points[0], self.points[points - 1]);
            return write!(
                f,
                "{first} to {last} in {end_s} s by way of {points} points, at most {}",
                self.most()
            );
        }
        let joint = if self.between == Between::Hold { ", then " } else { " to " };
        for (at, (time_s, value)) in self.points.iter().enumerate() {
            match at {
                0 => write!(f, "{value}")?,
                _ => write!(f, "{joint}{value} at {time_s} s")?,
            }
        }
        Ok(())
    }
}

/// As it stands in files: a constant is its number.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Written<T> {
    Constant(T),
    Curve(Curve<T>),
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Curve<T> {
    Linear { from: T, to: T, over_s: f64 },
    Steps(Vec<(f64, T)>),
    Series(Vec<(f64, T)>),
}

impl<T: Level> From<Ramp<T>> for Written<T> {
    fn from(Ramp { points, between }: Ramp<T>) -> Self {
        match (between, points.as_slice()) {
            (Between::Hold, [(_, value)]) => Self::Constant(*value),
            (Between::Hold, _) => Self::Curve(Curve::Steps(points)),
            (Between::Line, [(_, from), (over_s, to)]) => {
                Self::Curve(Curve::Linear { from: *from, to: *to, over_s: *over_s })
            }
            (Between::Line, _) => Self::Curve(Curve::Series(points)),
        }
    }
}

impl<T: Level> TryFrom<Written<T>> for Ramp<T> {
    type Error = RampError;

    fn try_from(written: Written<T>) -> Result<Self, RampError> {
        match written {
            Written::Constant(value) => Self::constant(value),
            Written::Curve(Curve::Linear { from, to, over_s }) => Self::linear(from, to, over_s),
            Written::Curve(Curve::Steps(points)) => Self::steps(points),
            Written::Curve(Curve::Series(points)) => Self::series(points),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// Any curve of up to six points.
    fn ramps() -> impl Strategy<Value = Ramp<u32>> {
        let points = proptest::collection::vec((1u32..400, 1u32..500), 1..6);
        (points, any::<bool>()).prop_map(|(gaps, holds)| {
            let mut time_s = 0.0;
            let mut points = Vec::new();
            for (eighths, value) in gaps {
                points.push((time_s, value));
                time_s += f64::from(eighths) / 8.0;
            }
            if holds { Ramp::steps(points) } else { Ramp::series(points) }.unwrap()
        })
    }

    proptest! {
        #[test]
        fn a_curve_stays_between_the_values_of_its_points(ramp in ramps(), time_s in 0.0f64..400.0) {
            let least = ramp.points.iter().map(|(_, value)| *value).min().unwrap();
            prop_assert!((least..=ramp.most()).contains(&ramp.at(time_s)));
        }

        #[test]
        fn a_curve_goes_through_its_points_and_keeps_the_last_value(ramp in ramps(), later in 0.0f64..1e9) {
            for (time_s, value) in &ramp.points {
                prop_assert_eq!(ramp.at(*time_s), *value);
            }
            let (end_s, last) = ramp.points[ramp.points.len() - 1];
            prop_assert_eq!(ramp.at(end_s + later), last);
        }

        #[test]
        fn the_pieces_are_the_curve(ramp in ramps(), time_s in 0.0f64..400.0) {
            let pieces = ramp.pieces();
            let piece = pieces.iter().find(|piece| (piece.begin_s..piece.end_s).contains(&time_s)).unwrap();
            let value = piece.from + piece.slope() * (time_s - piece.begin_s);
            // A whole number is less than 1 behind the line.
            prop_assert!((value - ramp.at(time_s).number()).abs() <= 1.0 + 1e-6, "{} {:?}", value, piece);
        }

        /// A reader that looks at each change, and never between two, knows the value all the time, but for the milliseconds by
        /// which changes are apart at least.
        #[test]
        fn nothing_changes_before_the_next_change(ramp in ramps(), share in 0.0f64..1.0) {
            let (mut now_s, mut looks) = (0.0, 0);
            while let Some(next_s) = ramp.next_change_s(now_s) {
                prop_assert!(next_s > now_s);
                let between_s = now_s + share * (next_s - SHORTEST_HOLD_S - now_s);
                if between_s > now_s {
                    prop_assert_eq!(ramp.at(between_s), ramp.at(now_s), "{} s, {:?}", between_s, ramp);
                }
                now_s = next_s;
                looks += 1;
                prop_assert!(looks < 10_000, "it comes to no end");
            }
            prop_assert_eq!(ramp.at(now_s), ramp.at(1e9));
        }

        #[test]
        fn a_capped_curve_is_the_lower_of_both(ramp in ramps(), most in 1u32..500, time_s in 0.0f64..400.0) {
            let capped = ramp.at_most(NonZeroU32::new(most).unwrap());
            // At a crossing the cap may be reached an instant sooner or later.
            prop_assert!(capped.at(time_s).abs_diff(ramp.at(time_s).min(most)) <= 1, "{:?} {:?}", ramp, capped);
        }

        #[test]
        fn a_curve_is_read_as_it_was_written(ramp in ramps()) {
            let json: Ramp<u32> = serde_json::from_str(&serde_json::to_string(&ramp).unwrap()).unwrap();
            let packed: Ramp<u32> = rmp_serde::from_slice(&rmp_serde::to_vec_named(&ramp).unwrap()).unwrap();
            prop_assert_eq!(&json, &ramp);
            prop_assert_eq!(&packed, &ramp);
        }
    }

    #[rstest]
    #[case::no_point(Ramp::steps(vec![]), RampError::Empty)]
    #[case::late(Ramp::steps(vec![(1.0, 1.0)]), RampError::LateStart(1.0))]
    #[case::twice(Ramp::series(vec![(0.0, 1.0), (0.0, 2.0)]), RampError::NotLater(0.0))]
    #[case::backwards(Ramp::series(vec![(0.0, 1.0), (5.0, 2.0), (4.0, 2.0)]), RampError::NotLater(4.0))]
    #[case::endless(Ramp::linear(1.0, 2.0, f64::INFINITY), RampError::NotLater(f64::INFINITY))]
    #[case::nothing(Ramp::constant(0.0), RampError::NotPositive("0".into()))]
    #[case::below_nothing(Ramp::linear(1.0, -2.0, 5.0), RampError::NotPositive("-2".into()))]
    #[case::no_number(Ramp::constant(f64::NAN), RampError::NotPositive("NaN".into()))]
    fn points_that_are_no_curve_are_refused(
        #[case] ramp: Result<Ramp<f64>, RampError>,
        #[case] error: RampError,
    ) {
        assert_eq!(ramp.unwrap_err(), error);
    }

    #[rstest]
    #[case("5", "5")]
    #[case(r#"{"steps": [[0, 5], [10, 5]]}"#, "5")]
    #[case(r#"{"linear": {"from": 1, "to": 9, "over_s": 60}}"#, "1 to 9 at 60 s")]
    #[case(r#"{"steps": [[0, 1], [10, 5], [20, 9]]}"#, "1, then 5 at 10 s, then 9 at 20 s")]
    #[case(
        r#"{"series": [[0, 1], [1, 9], [2, 3], [3, 9], [4, 3], [5, 9], [6, 5]]}"#,
        "1 to 5 in 6 s by way of 7 points, at most 9"
    )]
    fn a_curve_is_told_in_words(#[case] written: &str, #[case] words: &str) {
        assert_eq!(serde_json::from_str::<Ramp<u32>>(written).unwrap().to_string(), words);
    }

    /// Step number `v` of a ramp from 1 to `n` in `d` seconds is due at `d (v - 1) / (n - 1)`.
    #[rstest]
    #[case(1, 5, &[(0.0, 1), (0.999, 1), (1.0, 2), (2.0, 3), (3.999, 4), (4.0, 5)])]
    #[case(1, 2, &[(3.999, 1), (4.0, 2)])]
    #[case(5, 1, &[(0.0, 5), (0.999, 5), (1.0, 4), (4.0, 1)])]
    fn a_whole_number_counts_once_the_line_has_reached_it(
        #[case] from: u32,
        #[case] to: u32,
        #[case] expected: &[(f64, u32)],
    ) {
        let ramp = Ramp::linear(from, to, 4.0).unwrap();
        let found: Vec<_> = expected.iter().map(|(time_s, _)| (*time_s, ramp.at(*time_s))).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_constant_is_written_as_its_number() {
        let (rate, sessions) = (Ramp::constant(40.0).unwrap(), Ramp::constant(8_u32).unwrap());
        assert_eq!(serde_json::to_string(&(rate, sessions)).unwrap(), "[40.0,8]");
        assert!(serde_json::from_str::<Ramp<u32>>("0").is_err());
    }
}
