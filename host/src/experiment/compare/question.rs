//! What a comparison is made by, as the user types it.

use super::answer::Margin;
use crate::{
    experiment::{
        best::Key,
        number::{self, NumberError},
    },
    explain::Explain,
    metrics::{Statistic, catalogue::CATALOGUE, tags},
};

/// What is compared where nothing is said; the first that both sides have decides.
const USUAL: [(&str, Statistic); 7] = [
    (tags::REQUEST_LATENCY, Statistic::P50),
    (tags::REQUEST_LATENCY, Statistic::P99),
    (tags::TIME_TO_FIRST_TOKEN, Statistic::P50),
    (tags::TIME_TO_FIRST_TOKEN, Statistic::P99),
    (tags::INTER_TOKEN_LATENCY, Statistic::P50),
    (tags::OUTPUT_TOKEN_THROUGHPUT, Statistic::Avg),
    (tags::REQUEST_THROUGHPUT, Statistic::Avg),
];

/// Why a text is no number of a run, or no gate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QuestionError {
    #[error(transparent)]
    Number(#[from] NumberError),
    #[error("`{0}` is no gate")]
    Gate(String),
    #[error("`{text}` is no gate: `{tag}` is worse when it is {}", worse_when(*.larger_is_better))]
    Sign { text: String, tag: &'static str, larger_is_better: bool },
    #[error("`{text}` is no gate: `{share}` is no share by which `{tag}` can become worse")]
    GateShare { text: String, share: String, tag: &'static str, larger_is_better: bool },
    #[error("`{0}` is no share")]
    Share(String),
}

fn worse_when(larger_is_better: bool) -> &'static str {
    if larger_is_better { "smaller" } else { "larger" }
}

impl Explain for QuestionError {
    fn hint(&self) -> String {
        match self {
            Self::Number(error) => error.hint(),
            Self::Gate(_) => "write a metric, a statistic of it, and by how much it may become worse: `time_to_first_token.p99 +5%`, `output_token_throughput -3%`".to_owned(),
            Self::Sign { larger_is_better, .. } => {
                let sign = if *larger_is_better { '-' } else { '+' };
                format!("write `{sign}` in front of the share")
            }
            Self::GateShare { larger_is_better: true, .. } => {
                "write `-3%` or `-0.03`; it is 0 or more and below 100 %".to_owned()
            }
            Self::GateShare { .. } => "write `+5%` or `+0.05`; it is 0 or more".to_owned(),
            Self::Share(_) => "write `2%` or 0.02; it is 0 or more and below 1".to_owned(),
        }
    }

    fn is_statement(&self) -> bool {
        true
    }
}

/// A number that may not become worse by more than a share.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gate {
    /// As it was typed.
    pub(crate) text: String,
    pub(crate) key: Key,
    pub(crate) margin: Margin,
}

/// The usual numbers.
pub(crate) fn usual_keys() -> Vec<Key> {
    USUAL.map(|(metric, statistic)| Key::known(metric, statistic)).to_vec()
}

/// A metric and its statistic: `time_to_first_token.p99` or `ttft p99`.
///
/// # Errors
/// There is no such number.
pub(crate) fn key(text: &str) -> Result<Key, QuestionError> {
    let mut words = text.split([' ', '.', ':']).filter(|word| !word.is_empty());
    let typed = words.next().unwrap_or_default().replace('-', "_").to_lowercase();
    let metric = number::metric(&typed)?;
    let typed = words.collect::<Vec<_>>().join(".").to_lowercase();
    let statistic = number::statistic_of(metric, &typed)?;
    Ok(Key::known(metric.tag, statistic))
}

/// A gate: `time_to_first_token.p99 +5%`. The sign says where worse is; it must be that of the metric.
///
/// # Errors
/// It is none.
pub(crate) fn gate(text: &str) -> Result<Gate, QuestionError> {
    let text = text.trim();
    let at = sign(text).ok_or_else(|| QuestionError::Gate(text.to_owned()))?;
    let (what, share) = text.split_at(at);
    let key = key(what.trim())?;
    let metric = CATALOGUE.iter().find(|metric| metric.tag == key.metric);
    let (tag, larger_is_better) = metric.map_or(("", false), |metric| (metric.tag, metric.larger_is_better));
    if share.starts_with('-') != larger_is_better {
        return Err(QuestionError::Sign { text: text.to_owned(), tag, larger_is_better });
    }
    let typed = share[1..].trim();
    let share = self::share(typed).filter(|share| !larger_is_better || *share < 1.0);
    let share = share.ok_or_else(|| QuestionError::GateShare {
        text: text.to_owned(),
        share: typed.to_owned(),
        tag,
        larger_is_better,
    })?;
    Ok(Gate { text: text.to_owned(), key, margin: Margin::of_gate(share, larger_is_better) })
}

/// The place of the sign of a gate. Names and numbers may have a `-` in them (`time-to-first-token`, `1e-3`), so a sign stands behind
/// white space.
fn sign(text: &str) -> Option<usize> {
    let is_behind_space = |at: usize| text[..at].ends_with(char::is_whitespace);
    text.match_indices(['+', '-']).map(|(at, _)| at).rfind(|at| is_behind_space(*at))
}

/// A margin: `2%` or 0.02.
///
/// # Errors
/// It is none, or not from 0 to below 1.
pub(crate) fn margin(text: &str) -> Result<Margin, QuestionError> {
    let share = share(text).filter(|share| *share < 1.0);
    share.map(Margin::of).ok_or_else(|| QuestionError::Share(text.to_owned()))
}

/// A share of 0 or more: `2%` or 0.02.
fn share(text: &str) -> Option<f64> {
    let (number, unit) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    let share = number.trim().parse::<f64>().ok()? / unit;
    (share.is_finite() && share >= 0.0).then_some(share)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("time_to_first_token.p99 +5%", "time_to_first_token_p99", 0.05)]
    #[case("ttft p50 + 0.1", "time_to_first_token_p50", 0.1)]
    #[case("output_token_throughput -3%", "output_token_throughput_avg", 0.03)]
    #[case("time-to-first-token.p99 +150%", "time_to_first_token_p99", 1.5)]
    #[case("output-token-throughput -1e-2", "output_token_throughput_avg", 0.01)]
    fn a_gate_names_a_number_and_a_share(#[case] text: &str, #[case] number: &str, #[case] share: f64) {
        let gate = gate(text).unwrap();
        assert_eq!(gate.key.joined(), number);
        assert!((gate.margin.share() - share).abs() < 1e-12);
    }

    #[rstest]
    #[case::without_a_share("time-to-first-token.p99", "is no gate")]
    #[case::better("time_to_first_token.p99 -5%", "is worse when it is larger")]
    #[case::more_is_not_worse("output_token_throughput +3%", "is worse when it is smaller")]
    #[case::no_number("request_latency.p99 +x", "`x` is no share")]
    #[case::nothing_left("output_token_throughput -100%", "`100%` is no share")]
    fn another_text_is_no_gate(#[case] text: &str, #[case] expected: &str) {
        let error = gate(text).unwrap_err().to_string();
        assert!(error.contains(text) && error.contains(expected), "{error}");
    }

    #[test]
    fn unknown_names_have_their_nearest() {
        let unknown =
            NumberError::Unknown { tag: "request_latncy".to_owned(), near: Some("request_latency") }.into();
        assert_eq!(key("request_latncy.p50"), Err(unknown));
        assert_eq!(key("request_latency"), Err(NumberError::NoStatistic { tag: "request_latency" }.into()));
    }
}
