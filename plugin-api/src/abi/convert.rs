//! From the safe types to those that cross, and back.

use abi_stable::std_types::{RErr, ROk, RString};

use super::{AbiError, AbiResult, Usage};
use crate::{
    endpoint::TokenUsage,
    error::{ErrorKind, PluginError, Result, LONGEST_ERROR},
};

impl From<PluginError> for AbiError {
    fn from(error: PluginError) -> Self {
        Self { kind: error.kind.0, message: error.message.into(), hint: error.hint.into() }
    }
}

impl From<AbiError> for PluginError {
    fn from(error: AbiError) -> Self {
        Self { kind: ErrorKind(error.kind), message: shortened(error.message), hint: shortened(error.hint) }
    }
}

fn shortened(text: RString) -> String {
    if text.len() <= LONGEST_ERROR {
        return text.into();
    }
    beginning(&text, LONGEST_ERROR).to_owned()
}

/// As much of a text as `most` bytes hold, cut between two characters. For everyone who bounds what another side says.
#[doc(hidden)]
pub fn beginning(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

/// Lets a result cross.
pub(super) fn to_abi<T>(result: Result<T>) -> AbiResult<T> {
    match result {
        Ok(value) => ROk(value),
        Err(error) => RErr(error.into()),
    }
}

/// Takes a result that crossed.
pub(super) fn from_abi<T>(result: AbiResult<T>) -> Result<T> {
    match result {
        ROk(value) => Ok(value),
        RErr(error) => Err(error.into()),
    }
}

impl Usage {
    /// What a count reads as when the server did not report it.
    pub const ABSENT: u64 = u64::MAX;
}

impl From<&TokenUsage> for Usage {
    fn from(usage: &TokenUsage) -> Self {
        let count = |value: Option<u64>| value.unwrap_or(Self::ABSENT);
        Self {
            prompt: count(usage.prompt),
            completion: count(usage.completion),
            total: count(usage.total),
            reasoning: count(usage.reasoning),
            cache_read: count(usage.cache_read),
            cache_write: count(usage.cache_write),
        }
    }
}

impl From<&Usage> for TokenUsage {
    fn from(usage: &Usage) -> Self {
        let count = |value: u64| (value != Usage::ABSENT).then_some(value);
        Self {
            prompt: count(usage.prompt),
            completion: count(usage.completion),
            total: count(usage.total),
            reasoning: count(usage.reasoning),
            cache_read: count(usage.cache_read),
            cache_write: count(usage.cache_write),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_error_is_shortened_between_characters() {
        let error = PluginError::config("é".repeat(1 << 20)).hint(format!("x{}", "é".repeat(1 << 20)));
        let taken = PluginError::from(AbiError::from(error));
        assert_eq!((taken.message.len(), taken.hint.len()), (LONGEST_ERROR, LONGEST_ERROR - 1));
    }

    #[test]
    fn a_count_that_was_not_reported_is_not_a_zero() {
        let usage = TokenUsage { prompt: Some(0), completion: Some(7), ..TokenUsage::default() };
        assert_eq!(TokenUsage::from(&Usage::from(&usage)), usage);
    }
}
