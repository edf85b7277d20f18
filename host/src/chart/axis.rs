//! Axes: which values a picture shows, and where its ticks are.

/// With more decades, a logarithmic axis has only powers of ten as ticks.
const FEW_DECADES: f64 = 2.5;
/// Fewer ticks do not say what the values between them are.
const FEWEST: usize = 3;

/// The values from one side of a picture to the other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    label: String,
    low: f64,
    high: f64,
    is_log: bool,
}

impl Axis {
    /// From zero to the largest of these values, in equal steps. The label has the unit.
    pub(crate) fn from_zero(label: impl Into<String>, values: impl IntoIterator<Item = f64>) -> Self {
        let most = finite(values).fold(0.0, f64::max);
        let high = if most > 0.0 { most } else { 1.0 };
        Self { label: label.into(), low: 0.0, high, is_log: false }
    }

    /// Between two instants or numbers that are known.
    pub(crate) fn between(label: impl Into<String>, low: f64, high: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self { label: label.into(), low, high, is_log: false }
    }

    /// From the smallest to the largest of these values, in equal ratios. Values that are not positive have no place on it.
    pub(crate) fn log(label: impl Into<String>, values: impl IntoIterator<Item = f64>) -> Self {
        let positive = finite(values).filter(|value| *value > 0.0);
        let (low, high) =
            positive.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low <= high { (low, high) } else { (1.0, 10.0) };
        // Values that are nearly equal would fill the whole picture with their noise.
        let (low, high) = if high / low < 2.0 { (low / 1.5, high * 1.5) } else { (low / 1.05, high * 1.05) };
        Self { label: label.into(), low, high, is_log: true }
    }

    /// What its values are.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Makes room up to the next tick.
    pub(super) fn rounded(mut self, most: usize) -> Self {
        if !self.is_log {
            let step = step(self.high - self.low, most);
            self.high = self.low + ((self.high - self.low) / step - 1e-9).ceil() * step;
        }
        self
    }

    /// Where a value is, from 0 to 1; nothing where it is not on the axis.
    pub(super) fn share(&self, value: f64) -> Option<f64> {
        let share = if self.is_log {
            (value > 0.0).then(|| (value / self.low).ln() / (self.high / self.low).ln())?
        } else {
            (value - self.low) / (self.high - self.low)
        };
        (share.is_finite() && (-1e-6..=1.0 + 1e-6).contains(&share)).then(|| share.clamp(0.0, 1.0))
    }

    /// Where a value is, or the nearer end of the axis; nothing where it is no number.
    pub(super) fn share_within(&self, value: f64) -> Option<f64> {
        if value.is_nan() { None } else { self.share(value.clamp(self.low, self.high)) }
    }

    /// The ticks, about so many at most.
    pub(super) fn ticks(&self, most: usize) -> Vec<(f64, String)> {
        if self.is_log { self.log_ticks(most) } else { self.linear_ticks(most) }
    }

    fn linear_ticks(&self, most: usize) -> Vec<(f64, String)> {
        let step = step(self.high - self.low, most);
        let first = (self.low / step - 1e-9).ceil() * step;
        let values = (0..=2 * most).map(|count| first + count as f64 * step);
        values
            .take_while(|value| *value <= self.high + step * 1e-6)
            .map(|value| if value.abs() < step * 1e-6 { 0.0 } else { value })
            .map(|value| (value, number(value)))
            .collect()
    }

    fn log_ticks(&self, most: usize) -> Vec<(f64, String)> {
        let decades = (self.high / self.low).log10();
        let factors: &[f64] = if decades <= FEW_DECADES { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let first = self.low.log10().floor();
        let every = (decades / most as f64).ceil().max(1.0);
        let powers = (0..).map(|count| first + f64::from(count) * every);
        let values = powers
            .take_while(|power| *power <= self.high.log10())
            .flat_map(|power| factors.iter().map(move |factor| factor * 10_f64.powf(power)));
        let inside = values.filter(|value| (self.low..=self.high).contains(value));
        let ticks: Vec<(f64, String)> = inside.map(|value| (value, number(value))).collect();
        // A narrow range has too few of them, and is nearly linear.
        if ticks.len() < FEWEST { self.linear_ticks(most) } else { ticks }
    }
}

fn finite(values: impl IntoIterator<Item = f64>) -> impl Iterator<Item = f64> {
    values.into_iter().filter(|value| value.is_finite())
}

/// A step of 1, 2 or 5 times a power of ten, with which a range has at most so many steps.
fn step(range: f64, most: usize) -> f64 {
    let least = range / most.max(1) as f64;
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= least * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// A number as people read it: three significant digits or all whole ones, a comma between thousands, millions as `M`.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "-".to_owned();
    }
    if size >= 1e9 {
        return short(value / 1e9) + "G";
    }
    if size >= 1e6 {
        return short(value / 1e6) + "M";
    }
    if size >= 1000.0 {
        return with_commas(value.round());
    }
    short(value)
}

/// Three significant digits, without zeros at the end.
fn short(value: f64) -> String {
    let size = value.abs();
    if size > 0.0 && size < 1e-4 {
        return format!("{value:.1e}");
    }
    let decimals = match size {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        0.1.. => 3,
        0.01.. => 4,
        _ => 5,
    };
    let text = format!("{value:.decimals$}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text.as_str() };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn with_commas(whole: f64) -> String {
    let plain = format!("{whole:.0}");
    let digits = plain.trim_start_matches('-');
    let mut text = plain[..plain.len() - digits.len()].to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn labels(axis: Axis, most: usize) -> Vec<String> {
        axis.rounded(most).ticks(most).into_iter().map(|(_, label)| label).collect()
    }

    #[rstest]
    #[case(7.3, &["0", "2", "4", "6", "8"])]
    #[case(0.43, &["0", "0.1", "0.2", "0.3", "0.4", "0.5"])]
    #[case(12_345.0, &["0", "5,000", "10,000", "15,000"])]
    #[case(0.0, &["0", "0.2", "0.4", "0.6", "0.8", "1"])]
    fn ticks_are_round_numbers(#[case] most: f64, #[case] expected: &[&str]) {
        assert_eq!(labels(Axis::from_zero("", [most]), 5), expected);
    }

    #[test]
    fn a_logarithmic_axis_has_powers_of_ten_or_their_twofold_and_fivefold() {
        assert_eq!(
            labels(Axis::log("", [10.0, 1_000_000.0]), 6),
            ["10", "100", "1,000", "10,000", "100,000", "1M"]
        );
        assert_eq!(labels(Axis::log("", [9.0, 60.0]), 6), ["10", "20", "50"]);
        assert_eq!(labels(Axis::log("", [190.0, 420.0]), 6), ["200", "250", "300", "350", "400"]);
    }

    #[test]
    fn values_without_a_place_have_none() {
        let axis = Axis::log("", [1.0, 100.0]);
        assert_eq!([0.0, -1.0, f64::NAN, 1e9].map(|value| axis.share(value)), [None; 4]);
        assert_eq!(Axis::between("", 0.0, 10.0).share(5.0), Some(0.5));
    }

    #[rstest]
    #[case(0.0, "0")]
    #[case(0.123_456, "0.123")]
    #[case(12.0, "12")]
    #[case(1234.5, "1,235")]
    #[case(2_500_000.0, "2.5M")]
    #[case(-0.000_000_1, "-1.0e-7")]
    #[case(f64::NAN, "-")]
    fn numbers_are_short(#[case] value: f64, #[case] text: &str) {
        assert_eq!(number(value), text);
    }
}
