//! Units of metrics that the code asks for: the words that the catalogue's rows and files have for them.

/// Milliseconds.
pub(crate) const MS: &str = "ms";
/// A number of requests.
pub(crate) const REQUESTS: &str = "requests";
/// A number of tokens.
pub(crate) const TOKENS: &str = "tokens";
/// Tokens in a second, of one user.
pub(crate) const TOKENS_PER_SECOND_OF_A_USER: &str = "tokens/sec/user";
/// A part of a whole that is 1.
pub(crate) const RATIO: &str = "ratio";
/// A part of a whole that is 100.
pub(crate) const PERCENT: &str = "%";

/// Units of things that are counted: their whole values are shown without decimals.
pub(super) const COUNTED: [&str; 5] = [REQUESTS, TOKENS, "events", "images", "sessions"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::catalogue::CATALOGUE;

    /// A unit that no row has would be asked for in vain.
    #[test]
    fn each_is_the_unit_of_a_metric() {
        let others = [MS, TOKENS_PER_SECOND_OF_A_USER, RATIO, PERCENT];
        for unit in COUNTED.into_iter().chain(others) {
            assert!(CATALOGUE.iter().any(|metric| metric.unit == unit), "{unit}");
        }
    }
}
