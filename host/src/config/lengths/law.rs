//! Laws of lengths as the user writes them: `NAME:NUMBERS`.

use std::{collections::BTreeMap, path::Path};

use super::error::LengthsError;
use crate::{
    bounded,
    plan::{LengthLaw, ObservedLength, SequenceLaw},
};

/// A length a line: some ten million of them.
const MOST_MEGABYTES: u64 = 128;

/// Reads a law. A file of observed lengths is read as well.
///
/// # Errors
/// It is none, or the file is none of lengths.
pub(crate) fn law(text: &str) -> Result<SequenceLaw, LengthsError> {
    let (name, numbers) = text.split_once(':').unwrap_or((text, ""));
    match name.trim().to_ascii_lowercase().as_str() {
        "normal" => {
            let [mean, stddev] = two(numbers, "a mean and a standard deviation")?;
            let is_law = is_mean(mean) && is_stddev(stddev);
            let law = SequenceLaw::Normal(LengthLaw { mean, stddev });
            checked(
                law,
                is_law,
                "a mean is 1 or more, a standard deviation 0 or more, and both at most 4294967295",
            )
        }
        "uniform" => {
            let [lowest, highest] = two(numbers, "a lowest and a highest length")?;
            let is_law = [lowest, highest].into_iter().all(is_length) && lowest <= highest;
            let law = SequenceLaw::Uniform { lowest: whole(lowest), highest: whole(highest) };
            let otherwise = "lengths are whole numbers from 1 to 4294967295, and the lowest one comes first";
            checked(law, is_law, otherwise)
        }
        "lognormal" => {
            let [mean, median] = two(numbers, "a mean and a median")?;
            let is_law = is_mean(median) && is_mean(mean) && mean >= median;
            checked(
                SequenceLaw::Lognormal { mean, median },
                is_law,
                "a median is 1 or more, a mean not below it, and both at most 4294967295",
            )
        }
        "empirical" => match numbers.trim().strip_prefix('@') {
            Some(file) => of_file(Path::new(file)),
            None => of_list(numbers),
        },
        _ => Err(LengthsError::Law(format!("`{name}` is no distribution"))),
    }
}

fn checked(law: SequenceLaw, is_law: bool, otherwise: &str) -> Result<SequenceLaw, LengthsError> {
    if is_law { Ok(law) } else { Err(LengthsError::Law(otherwise.to_owned())) }
}

fn two(numbers: &str, expected: &str) -> Result<[f64; 2], LengthsError> {
    let numbers: Option<Vec<f64>> = numbers.split(',').map(number).collect();
    numbers
        .and_then(|numbers| numbers.try_into().ok())
        .ok_or_else(|| LengthsError::Law(format!("behind the `:` stand two numbers: {expected}")))
}

fn of_list(numbers: &str) -> Result<SequenceLaw, LengthsError> {
    let lengths: Option<Vec<f64>> =
        numbers.split(',').map(|text| number(text).filter(|x| is_length(*x))).collect();
    let lengths = lengths.ok_or_else(|| {
        LengthsError::Law(
            "behind the `:` stand lengths: whole numbers from 1 to 4294967295, with commas between them"
                .to_owned(),
        )
    })?;
    Ok(observed(lengths.into_iter().map(|length| (whole(length), 1.0))))
}

fn of_file(file: &Path) -> Result<SequenceLaw, LengthsError> {
    let text = bounded::read_to_string(file, MOST_MEGABYTES)
        .map_err(|source| LengthsError::File { file: file.to_owned(), source })?;
    let failure =
        |line, problem: &str| LengthsError::Line { file: file.to_owned(), line, problem: problem.to_owned() };
    let (mut lengths, mut total) = (Vec::new(), 0.0);
    for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        let (length, weight) = text.split_once(',').unwrap_or((text, "1"));
        let length = number(length).filter(|length| is_length(*length));
        let length =
            length.ok_or_else(|| failure(line, "a length is a whole number from 1 to 4294967295"))?;
        let weight = number(weight).filter(|weight| *weight > 0.0);
        let weight = weight.ok_or_else(|| failure(line, "a weight is a number above 0"))?;
        total += weight;
        if !f64::is_finite(total) {
            return Err(failure(line, "the weights up to here add up to more than a number can hold"));
        }
        lengths.push((whole(length), weight));
    }
    if lengths.is_empty() {
        return Err(failure(1, "there is no length in the file"));
    }
    Ok(observed(lengths))
}

/// Equal lengths are one point, so that the law of a long list is short.
fn observed(lengths: impl IntoIterator<Item = (u64, f64)>) -> SequenceLaw {
    let mut weights = BTreeMap::<u64, f64>::new();
    for (length, weight) in lengths {
        *weights.entry(length).or_default() += weight;
    }
    let points = weights.into_iter().map(|(value, weight)| ObservedLength { value, weight });
    SequenceLaw::Empirical { points: points.collect() }
}

pub(super) fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// Whether it is a length that a flag takes: a whole number from 1, of 32 bits.
pub(super) fn is_length(number: f64) -> bool {
    is_mean(number) && number.fract() == 0.0
}

/// Whether it is a mean or a median of such lengths.
fn is_mean(number: f64) -> bool {
    (1.0..=f64::from(u32::MAX)).contains(&number)
}

/// Whether it is a standard deviation of such lengths.
pub(super) fn is_stddev(number: f64) -> bool {
    (0.0..=f64::from(u32::MAX)).contains(&number)
}

/// A length as a whole number, which it is.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number of 32 bits")]
fn whole(length: f64) -> u64 {
    length as u64
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rstest::rstest;
    use tempfile::NamedTempFile;

    use super::*;
    use crate::explain::Explain;

    fn points(points: &[(u64, f64)]) -> SequenceLaw {
        let points = points.iter().map(|&(value, weight)| ObservedLength { value, weight });
        SequenceLaw::Empirical { points: points.collect() }
    }

    #[rstest]
    #[case("normal:550,50", SequenceLaw::Normal(LengthLaw { mean: 550.0, stddev: 50.0 }))]
    #[case("Uniform: 100 , 900", SequenceLaw::Uniform { lowest: 100, highest: 900 })]
    #[case("lognormal:550,400.5", SequenceLaw::Lognormal { mean: 550.0, median: 400.5 })]
    #[case("empirical:7,5,7", points(&[(5, 1.0), (7, 2.0)]))]
    #[case("empirical:7", points(&[(7, 1.0)]))]
    fn a_law_has_a_name_and_numbers(#[case] text: &str, #[case] expected: SequenceLaw) {
        assert_eq!(law(text).unwrap(), expected);
    }

    #[rstest]
    #[case("zipf:1,2", "`zipf` is no distribution")]
    #[case("550", "`550` is no distribution")]
    #[case("normal:550", "two numbers: a mean and a standard deviation")]
    #[case("normal:0,5", "a mean is 1 or more")]
    #[case("normal:5,-5", "a standard deviation 0 or more")]
    #[case("normal:nan,5", "two numbers")]
    #[case("normal:1e15,0", "both at most 4294967295")]
    #[case("normal:5,1e300", "both at most 4294967295")]
    #[case("lognormal:1e300,1", "both at most 4294967295")]
    #[case("lognormal:1e300,1e300", "both at most 4294967295")]
    #[case("empirical:5,4294967296", "from 1 to 4294967295")]
    #[case("uniform:9,5", "the lowest one comes first")]
    #[case("uniform:0,5", "from 1 to 4294967295")]
    #[case("uniform:1.5,5", "whole numbers")]
    #[case("uniform:1,1e300", "whole numbers")]
    #[case("lognormal:400,550", "a mean not below it")]
    #[case("lognormal:4,0", "a median is 1 or more")]
    #[case("empirical:", "behind the `:` stand lengths")]
    #[case("empirical:5,x", "behind the `:` stand lengths")]
    #[case("empirical:@/nowhere/at-all", "`/nowhere/at-all`: ")]
    fn what_is_no_law_is_refused(#[case] text: &str, #[case] expected: &str) {
        let error = law(text).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.hint().is_empty());
    }

    fn read(text: &str) -> Result<SequenceLaw, LengthsError> {
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        law(&format!("empirical:@{}", file.path().display()))
    }

    #[test]
    fn a_file_has_a_length_a_line_and_may_weigh_it() {
        assert_eq!(read("90\n10,2.5\n\n 90 \n").unwrap(), points(&[(10, 2.5), (90, 2.0)]));
    }

    #[rstest]
    #[case("5\n0\n", "line 2`: a length is a whole number")]
    #[case("5,1e308\n7,1e308\n", "line 2`: the weights up to here add up to more than a number can hold")]
    #[case("5,0\n", "line 1`: a weight is a number above 0")]
    #[case("length\n5\n", "line 1`: a length")]
    #[case("\n", "there is no length in the file")]
    fn a_wrong_line_is_named(#[case] text: &str, #[case] expected: &str) {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
