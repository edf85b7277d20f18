//! A number of a run as the user types it: a metric, and a statistic of it.

use super::statistic::{self, NoStatistic};
use crate::{
    config::{goodput, near::near},
    explain::Explain,
    metrics::{Metric, Statistic, catalogue::CATALOGUE},
};

/// Why a text is no number of a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NumberError {
    #[error("there is no metric `{tag}`")]
    Unknown { tag: String, near: Option<&'static str> },
    #[error("`{tag}` has many values: the statistic is missing")]
    NoStatistic { tag: &'static str },
    #[error("`{tag}` has no statistic `{statistic}`")]
    Statistic { tag: &'static str, statistic: String, is_one_number: bool },
}

impl Explain for NumberError {
    fn hint(&self) -> String {
        match self {
            Self::Unknown { near: Some(near), .. } => format!("did you mean `{near}`?"),
            Self::Unknown { near: None, .. } => "`prony metrics` lists all metrics".to_owned(),
            Self::NoStatistic { tag } => format!("write `{tag} p99`, `{tag} p50` or `{tag} avg`"),
            Self::Statistic { tag, is_one_number: true, .. } => {
                format!("it is one number: write `{tag}` alone")
            }
            Self::Statistic { .. } => format!("use one of {}", statistic::names()),
        }
    }

    fn is_statement(&self) -> bool {
        true
    }
}

/// The metric with this tag, or with another tool's name for it.
///
/// # Errors
/// There is none.
pub(super) fn metric(typed: &str) -> Result<&'static Metric, NumberError> {
    let tag = goodput::usual_tag(typed);
    CATALOGUE.iter().find(|metric| metric.tag == tag).ok_or_else(|| NumberError::Unknown {
        tag: typed.to_owned(),
        near: near(tag, CATALOGUE.iter().map(|metric| metric.tag)),
    })
}

/// The statistic that the user means. A metric that is one number has it as its mean.
///
/// # Errors
/// The metric has no such statistic.
pub(super) fn statistic_of(metric: &'static Metric, typed: &str) -> Result<Statistic, NumberError> {
    let tag = metric.tag;
    statistic::statistic_of(metric, typed).map_err(|error| match error {
        NoStatistic::Missing => NumberError::NoStatistic { tag },
        NoStatistic::OneNumber | NoStatistic::Unknown => NumberError::Statistic {
            tag,
            statistic: typed.to_owned(),
            is_one_number: !metric.has_many_values(),
        },
    })
}
