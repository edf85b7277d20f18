//! Numbers and messages as they stand in a text for people.

use crate::metrics::units;

/// Longer messages are cut: the files have them whole.
const MESSAGE_CHARS: usize = 160;

/// Two decimals, and a comma between thousands.
pub(super) fn decimal(value: f64) -> String {
    let plain = format!("{value:.2}");
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let digits = whole.trim_start_matches('-');
    let mut text = whole[..whole.len() - digits.len()].to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{text}.{fraction}")
}

/// Digits of a price of less than a cent, from the first that is not 0.
const DIGITS_OF_A_PRICE: i32 = 3;

/// A price: one of less than a cent has as many decimals as it needs to say something.
pub(super) fn price(value: f64) -> String {
    if value <= 0.0 || value >= 0.01 {
        return decimal(value);
    }
    #[expect(clippy::cast_possible_truncation, reason = "the logarithm of a number is below 400")]
    let first = -value.log10().floor() as i32;
    let decimals = usize::try_from(first + DIGITS_OF_A_PRICE - 1).unwrap_or_default();
    format!("{value:.decimals$}")
}

/// A number with its unit behind it.
pub(super) fn with_unit(number: &str, unit: &str) -> String {
    match unit {
        units::RATIO => number.to_owned(),
        unit => format!("{number} {unit}"),
    }
}

/// A message without line breaks, cut where it is long.
pub(super) fn one_line(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0.0, "0.00")]
    #[case(999.994, "999.99")]
    #[case(1_000.0, "1,000.00")]
    #[case(1_234_567.891, "1,234,567.89")]
    #[case(-12_345.6, "-12,345.60")]
    #[case(-123.0, "-123.00")]
    fn numbers_have_two_decimals_and_commas(#[case] value: f64, #[case] text: &str) {
        assert_eq!(decimal(value), text);
    }

    #[rstest]
    #[case(12.5, "12.50")]
    #[case(0.000_371, "0.000371")]
    #[case(0.000_000_321_9, "0.000000322")]
    #[case(0.009_1, "0.00910")]
    #[case(0.0, "0.00")]
    fn small_prices_have_more_decimals(#[case] value: f64, #[case] text: &str) {
        assert_eq!(price(value), text);
    }

    #[test]
    fn a_page_of_html_is_one_short_line() {
        let page = format!("<html>\n  <b>{}</b>", "ü".repeat(500));
        let line = one_line(&page);
        assert!(line.starts_with("<html> <b>ü") && line.ends_with('…') && !line.contains('\n'));
        assert_eq!(line.chars().count(), MESSAGE_CHARS + 1);
    }
}
