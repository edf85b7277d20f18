//! What a turn asks to be ranked: [`Question`].

use prony_plugin_api::{PartKind, PluginError, Result, TurnContext, TurnMessage};
use serde::Serialize;

/// A query and what to rank by it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Question<'a> {
    pub(crate) query: &'a str,
    /// At least one.
    pub(crate) passages: Vec<&'a str>,
}

/// The value of one field of a body.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Field<'a> {
    Text(&'a str),
    Texts(Vec<&'a str>),
    Wrapped(Wrapped<'a>),
    WrappedTexts(Vec<Wrapped<'a>>),
}

/// A text in an object of its own.
#[derive(Debug, Serialize)]
pub(crate) struct Wrapped<'a> {
    pub(crate) text: &'a str,
}

impl<'a> Question<'a> {
    /// Takes a turn apart: the first text that is named `query` (or `queries`), and those that are named `passages` (or
    /// `passage`). Where none has a name, the first is the query and the others are the passages.
    ///
    /// # Errors
    /// `unsupported` for a turn that asks nothing, that follows others, or that brings media.
    pub(crate) fn of(turn: TurnContext<'a>) -> Result<Self> {
        let mut messages = turn.messages();
        if messages.len() > 1 {
            return Err(PluginError::unsupported(format_args!(
                "rank by a conversation of {} messages: this API format takes one query",
                messages.len()
            ))
            .hint("use a dataset of single turns"));
        }
        let (mut query, mut passages, mut unnamed) = (None, Vec::new(), Vec::new());
        for part in messages.next().iter().flat_map(TurnMessage::parts) {
            if part.kind() != PartKind::TEXT {
                return Err(PluginError::unsupported("rank a medium: this API format takes text only"));
            }
            match part.name() {
                "query" | "queries" => query = query.or(Some(part.data())),
                "passages" | "passage" => passages.push(part.data()),
                _ => unnamed.push(part.data()),
            }
        }
        let mut unnamed = unnamed.into_iter();
        let query = query.or_else(|| unnamed.next());
        if passages.is_empty() {
            passages.extend(unnamed);
        }
        match query {
            Some(query) if !passages.is_empty() => Ok(Self { query, passages }),
            _ => Err(PluginError::unsupported("rank: the turn has no query, or no passages").hint(
                "give a text named `query` and texts named `passages`, or leave out `--input-file` to have them made",
            )),
        }
    }
}
