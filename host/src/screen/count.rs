//! Numbers of things, in words.

use std::fmt::Display;

/// `1 request`, `2 requests`: for nouns whose plural ends with an s.
pub(crate) fn counted(count: impl Display, noun: &str) -> String {
    let count = count.to_string();
    let plural = if count == "1" { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// The form of a verb that goes with a number of things.
pub(crate) fn agreeing<'a>(count: u64, one: &'a str, several: &'a str) -> &'a str {
    if count == 1 { one } else { several }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        let all = [0, 1, 2].map(|count: u64| counted(count, "request"));
        assert_eq!(all, ["0 requests", "1 request", "2 requests"]);
    }
}
