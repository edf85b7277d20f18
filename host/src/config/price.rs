//! What a run costs, as the user types it.

use crate::{explain::Explain, plan::Price};

const KEYS: [&str; 3] = ["input", "output", "hour"];

const EXAMPLE: &str = "write dollars for a million tokens, as in `--price 'input=0.5,output=1.5'`, or for an hour of all servers, as in \
     `--price hour=12`";

/// Why a text is no price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PriceError {
    #[error("`{0}` is not `KEY=VALUE`")]
    NoPair(String),
    #[error("there is no price of `{0}`")]
    Key(String),
    #[error("`{text}` is no price of `{key}`")]
    Value { key: &'static str, text: String },
    #[error("`{0}` has two prices")]
    Twice(&'static str),
    #[error("the {0} of the endpoint is not counted in tokens, and cannot be paid by them")]
    NoTokens(&'static str),
}

impl Explain for PriceError {
    fn hint(&self) -> String {
        match self {
            Self::NoPair(_) | Self::Key(_) => EXAMPLE.to_owned(),
            Self::Value { key, .. } => format!("write a number above 0, as in `{key}=0.5`"),
            Self::Twice(key) => format!("give `{key}` once"),
            Self::NoTokens(_) => "give the price of an hour, as in `--price hour=12`".to_owned(),
        }
    }
}

/// Reads pairs of a key and a price, with commas between them.
///
/// # Errors
/// Some of them are none, or the endpoint has nothing that could be paid so: one error for each of these.
pub(super) fn price(
    texts: &[String],
    counts_input: bool,
    counts_output: bool,
) -> Result<Price, Vec<PriceError>> {
    let mut price = Price::default();
    let pairs = texts.iter().flat_map(|text| text.split(','));
    let errors: Vec<PriceError> =
        pairs.filter_map(|pair| add(&mut price, pair, (counts_input, counts_output)).err()).collect();
    if errors.is_empty() { Ok(price) } else { Err(errors) }
}

/// Adds a pair to a price. `is_counted` says of input and of output whether the endpoint counts its tokens.
fn add(price: &mut Price, pair: &str, is_counted: (bool, bool)) -> Result<(), PriceError> {
    let (key, text) = pair.split_once('=').ok_or_else(|| PriceError::NoPair(pair.to_owned()))?;
    let (name, text) = (key.trim(), text.trim());
    let key = KEYS.into_iter().find(|known| *known == name);
    let key = key.ok_or_else(|| PriceError::Key(name.to_owned()))?;
    let (of_key, is_counted) = match key {
        "input" => (&mut price.input, is_counted.0),
        "output" => (&mut price.output, is_counted.1),
        _ => (&mut price.hour, true),
    };
    if !is_counted {
        return Err(PriceError::NoTokens(key));
    }
    let value = text.trim_start_matches('$').parse::<f64>().ok();
    let value = value.filter(|value| value.is_finite() && *value > 0.0);
    let value = value.ok_or_else(|| PriceError::Value { key, text: text.to_owned() })?;
    if of_key.replace(value).is_some() {
        return Err(PriceError::Twice(key));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(text: &str) -> Result<Price, Vec<PriceError>> {
        price(&[text.to_owned()], true, true)
    }

    #[test]
    fn a_price_is_of_tokens_or_of_time_or_of_both() {
        let of_tokens = Price { input: Some(0.5), output: Some(1.5), hour: None };
        assert_eq!(read("input=0.5,output=$1.5"), Ok(of_tokens));
        assert_eq!(read("hour=12"), Ok(Price { hour: Some(12.0), ..Price::default() }));
    }

    #[rstest]
    #[case("0.5", "`0.5` is not `KEY=VALUE`")]
    #[case("gpu=0.5", "there is no price of `gpu`")]
    #[case("input=cheap", "`cheap` is no price of `input`")]
    #[case("input=0", "`0` is no price of `input`")]
    #[case("input=1,input=2", "`input` has two prices")]
    #[case("gpu=0.5,hour=12,input=cheap", "there is no price of `gpu`; `cheap` is no price of `input`")]
    fn what_is_no_price_is_refused(#[case] text: &str, #[case] expected: &str) {
        let errors = read(text).unwrap_err();
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts.join("; "), expected);
        assert!(errors.iter().all(|error| !error.hint().is_empty()), "{errors:?}");
    }

    #[test]
    fn tokens_that_nobody_counts_have_no_price() {
        let errors = price(&["output=1".to_owned()], true, false).unwrap_err();
        assert_eq!(errors, [PriceError::NoTokens("output")]);
    }
}
