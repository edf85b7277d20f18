//! What an endpoint may make the host keep: bounds far above anything real, so that only a broken or hostile plugin
//! meets them. They are part of the contract: `prony_plugin_api::endpoint` documents them.

use prony_plugin_api::abi::convert::beginning;

/// Text, calls of tools, finish reasons and facts that one answer may have, in bytes.
pub(crate) const ANSWER_BYTES: usize = 64 << 20;

/// Choices times channels that one answer may have texts of.
pub(crate) const PASSAGES: usize = 1024;

/// Finish reasons that one answer may give.
pub(crate) const FINISHES: usize = 1024;

/// Calls of tools that one answer may have.
pub(crate) const TOOL_CALLS: usize = 1024;

/// Names of facts that one answer may have.
pub(crate) const FACTS: usize = 64;

/// Embeddings, and ranked documents, that one answer may have.
pub(crate) const ITEMS: u32 = 1 << 20;

/// Tokens that one count of an answer may claim.
pub(crate) const TOKENS: u64 = 1 << 32;

/// Bodies that one answer may be followed up by.
pub(crate) const FOLLOW_UPS: u32 = 1 << 20;

/// The body of a request, in bytes.
pub(crate) const REQUEST_BYTES: usize = 512 << 20;

/// Path and headers of a request, in bytes.
pub(crate) const HEAD_BYTES: usize = 1 << 20;

/// Headers of a request that an endpoint may set.
pub(crate) const HEADERS: usize = 256;

/// What a server's error may be long, in bytes. The rest is cut off: an error that is shortened still explains more
/// than one that is replaced.
pub(crate) const ERROR_BYTES: usize = 16 << 10;

/// An endpoint went beyond a bound. Fits after "endpoint `x`".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Breach {
    /// [`ANSWER_BYTES`].
    #[error("reported more than {ANSWER_BYTES} bytes of one response")]
    AnswerBytes,
    /// [`PASSAGES`].
    #[error("reported texts of more than {PASSAGES} choices and channels of one response")]
    Passages,
    /// [`FINISHES`].
    #[error("reported more than {FINISHES} finish reasons of one response")]
    Finishes,
    /// [`TOOL_CALLS`].
    #[error("reported more than {TOOL_CALLS} calls of tools in one response")]
    ToolCalls,
    /// [`FACTS`].
    #[error("reported more than {FACTS} facts of one response")]
    Facts,
    /// [`ITEMS`].
    #[error("reported more than {ITEMS} embeddings, ranked documents or media of one response")]
    Items,
    /// [`TOKENS`].
    #[error("reported a usage of {0} tokens, and {TOKENS} is the most that one response can have")]
    Tokens(u64),
    /// A score that cannot be compared with others.
    #[error("reported a score that is not a finite number")]
    Score,
    /// [`FOLLOW_UPS`].
    #[error("followed one response up more than {FOLLOW_UPS} times")]
    FollowUps,
    /// [`HEAD_BYTES`], of a follow-up.
    #[error("followed a response up at a path of more than {HEAD_BYTES} bytes")]
    FollowUpPath,
    /// [`REQUEST_BYTES`].
    #[error("wrote a body of more than {REQUEST_BYTES} bytes")]
    RequestBytes,
    /// [`HEAD_BYTES`].
    #[error("wrote a path and headers of more than {HEAD_BYTES} bytes")]
    HeadBytes,
    /// [`HEADERS`].
    #[error("wrote more than {HEADERS} headers")]
    Headers,
}

/// `text`, or as much of it as an error may be long.
pub(crate) fn cut(text: &str) -> &str {
    beginning(text, ERROR_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = format!("x{}", "é".repeat(ERROR_BYTES));
        assert_eq!(cut(&long).len(), ERROR_BYTES - 1);
    }
}
