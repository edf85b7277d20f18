//! Several values of one setting in one text: `1,2,4`, `1..64x2`, `10..50+10`.

use crate::explain::Explain;

/// Most values that one text may stand for.
const MOST_VALUES: usize = 10_000;

/// Values below this part of a step beyond the end of a range are taken for the end: `0.1..0.3+0.1` has three.
const ROUNDING: f64 = 1e-9;

/// Why a text is no list of values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SeveralError {
    /// Nothing between two commas.
    #[error("there is no value between two commas")]
    Empty,
    /// Text with `..` in it that is no range.
    #[error("`{0}` is no range")]
    Range(String),
    /// A range that would not come to its end.
    #[error("the range `{0}` does not come to its end")]
    Endless(String),
    /// More than anybody could wait for.
    #[error("these are more than {MOST_VALUES} values")]
    TooMany,
    /// Two runs would be the same one.
    #[error("the value `{0}` stands there twice")]
    Twice(String),
}

impl Explain for SeveralError {
    fn hint(&self) -> String {
        match self {
            Self::Empty => "write it as in `1,2,4`".to_owned(),
            Self::Range(_) => {
                "write `1..64x2` for 1, 2, 4 and so on to 64, or `10..50+10` for 10, 20 and so on to 50".to_owned()
            }
            Self::Endless(_) => {
                "a range begins with its smaller end, above 0 with `x`; `+` needs a number above 0, and `x` one above 1"
                    .to_owned()
            }
            Self::TooMany => "take larger steps".to_owned(),
            Self::Twice(_) => "`--num-profile-runs` measures a value more than once".to_owned(),
        }
    }
}

/// The values that a text lists, each as one that stands alone is typed.
///
/// # Errors
/// It is no such list.
pub(crate) fn values(text: &str) -> Result<Vec<String>, SeveralError> {
    let separator = if text.contains(';') { ';' } else { ',' };
    let mut values: Vec<String> = Vec::new();
    for item in text.split(separator).map(str::trim) {
        match item {
            "" => return Err(SeveralError::Empty),
            range if is_meant_as_range(range) => values.extend(values_of(range)?),
            value => values.push(value.to_owned()),
        }
        if values.len() > MOST_VALUES {
            return Err(SeveralError::TooMany);
        }
    }
    match first_twice(&values) {
        Some(at) => Err(SeveralError::Twice(values.swap_remove(at))),
        None => Ok(values),
    }
}

/// The place of the first value that stands before it as well.
pub(crate) fn first_twice<T: PartialEq>(values: &[T]) -> Option<usize> {
    (1..values.len()).find(|at| values[..*at].contains(&values[*at]))
}

/// Whether a text lists several of these, so that a stray comma in one is not taken for a list. A range is one even if it is
/// written wrong: what is wrong with it is known then.
pub(super) fn is_list_of(text: &str, is_item: impl Fn(&str) -> bool) -> bool {
    let is_several = text.contains(',') || is_meant_as_range(text);
    is_several && text.split(',').map(str::trim).all(|item| is_meant_as_range(item) || is_item(item))
}

/// Whether two numbers with `..` between them begin here.
fn is_meant_as_range(text: &str) -> bool {
    text.split_once("..").is_some_and(|(start, rest)| {
        start.parse::<f64>().is_ok() && rest.starts_with(|c: char| c.is_ascii_digit() || c == '.')
    })
}

/// How a range goes on.
#[derive(Clone, Copy)]
enum Step {
    Plus(f64),
    Times(f64),
}

/// The values of `START..END+STEP` or `START..ENDxFACTOR`. The end is one of them if the steps meet it.
fn values_of(range: &str) -> Result<Vec<String>, SeveralError> {
    let (start, end, step) = parts(range).ok_or_else(|| SeveralError::Range(range.to_owned()))?;
    let goes_up = match step {
        Step::Plus(step) => step > 0.0,
        Step::Times(factor) => factor > 1.0 && start > 0.0,
    };
    if !goes_up || end < start {
        return Err(SeveralError::Endless(range.to_owned()));
    }
    // Each is reckoned from the start, so that errors of rounding do not add up.
    let value = |at: usize| match step {
        Step::Plus(step) => step.mul_add(at as f64, start),
        Step::Times(factor) => start * factor.powf(at as f64),
    };
    let most = end + (end - start).max(1.0) * ROUNDING;
    let values = (0..=MOST_VALUES).map(value).take_while(|value| *value <= most);
    Ok(values.map(shortest).collect())
}

fn parts(range: &str) -> Option<(f64, f64, Step)> {
    let (start, rest) = range.split_once("..")?;
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    let (end, step) = match (rest.split_once('x'), rest.split_once('+')) {
        (Some((end, factor)), None) => (end, Step::Times(number(factor)?)),
        (None, Some((end, step))) => (end, Step::Plus(number(step)?)),
        _ => return None,
    };
    Some((number(start)?, number(end)?, step))
}

/// A number with nine decimals at most.
fn shortest(value: f64) -> String {
    let text = format!("{value:.9}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::list("1,2, 4", "1 2 4")]
    #[case::one("7", "7")]
    #[case::texts("a,b-c", "a b-c")]
    #[case::with_commas("lognormal:5,4;uniform:1,9", "lognormal:5,4 uniform:1,9")]
    #[case::times("1..64x2", "1 2 4 8 16 32 64")]
    #[case::times_beyond("3..50x3", "3 9 27")]
    #[case::plus("10..50+10", "10 20 30 40 50")]
    #[case::plus_beyond("10..45+10", "10 20 30 40")]
    #[case::decimals("0.1..0.5+0.1", "0.1 0.2 0.3 0.4 0.5")]
    #[case::thirds("0.3..0.9+0.3", "0.3 0.6 0.9")]
    #[case::from_nothing("0..4+2", "0 2 4")]
    #[case::both("1,2,8..32x2", "1 2 8 16 32")]
    #[case::one_step("5..5+1", "5")]
    #[case::large("1..1000000x10", "1 10 100 1000 10000 100000 1000000")]
    fn a_text_lists_values(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(values(text).unwrap().join(" "), expected);
    }

    #[rstest]
    #[case("1,,2", SeveralError::Empty)]
    #[case("1,", SeveralError::Empty)]
    #[case("1..8", SeveralError::Range("1..8".to_owned()))]
    #[case("1..8x", SeveralError::Range("1..8x".to_owned()))]
    #[case("1..8x2+1", SeveralError::Range("1..8x2+1".to_owned()))]
    #[case("8..1x2", SeveralError::Endless("8..1x2".to_owned()))]
    #[case("1..8x1", SeveralError::Endless("1..8x1".to_owned()))]
    #[case("0..8x2", SeveralError::Endless("0..8x2".to_owned()))]
    #[case("1..8+0", SeveralError::Endless("1..8+0".to_owned()))]
    #[case("1..1000000+1", SeveralError::TooMany)]
    #[case("1,2,1", SeveralError::Twice("1".to_owned()))]
    #[case("4,1..8x2", SeveralError::Twice("4".to_owned()))]
    fn what_is_no_list_is_named(#[case] text: &str, #[case] expected: SeveralError) {
        assert_eq!(values(text), Err(expected.clone()));
        assert!(!expected.hint().is_empty());
    }

    #[rstest]
    #[case("1,2", true)]
    #[case("1..8x2", true)]
    #[case("1..8", true)]
    #[case("1, 2..8x2", true)]
    #[case("1", false)]
    #[case("1,x", false)]
    #[case("x..y", false)]
    #[case("1..", false)]
    #[case("1.5", false)]
    fn a_list_is_told_from_a_wrong_number(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(is_list_of(text, |item| item.parse::<u64>().is_ok()), expected);
    }
}
