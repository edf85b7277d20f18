//! Calls of tools as an answer holds them: put together from the pieces that its parser reports.

use serde::{Deserialize, Serialize};

use super::limits;

/// One call of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ToolCall {
    /// Index of the choice.
    pub(crate) choice: u32,
    /// Tells it apart from the other calls of its choice while its pieces arrive.
    #[serde(skip)]
    index: u32,
    /// Its id, to which the tool's result refers; empty where the API format has none.
    pub(crate) id: String,
    /// Name of the tool.
    pub(crate) name: String,
    /// What the tool is given: a JSON text, unless the model wrote something else.
    pub(crate) arguments: String,
}

/// A piece of a call, as a parser reports it.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    /// Index of the choice.
    pub(super) choice: u32,
    /// Number of the call in its choice.
    pub(super) index: u32,
    /// Its id, or empty.
    pub(super) id: &'a str,
    /// Name of the tool, or empty.
    pub(super) name: &'a str,
    /// What comes behind the arguments so far.
    pub(super) arguments: &'a str,
}

impl Piece<'_> {
    /// How much of it is kept at most.
    pub(super) fn bytes(&self) -> usize {
        self.id.len() + self.name.len() + self.arguments.len()
    }

    fn is_of(&self, call: &ToolCall) -> bool {
        (call.choice, call.index) == (self.choice, self.index)
    }
}

/// Adds a piece to the call that it belongs to, which it may begin. `false` if there would be too many.
pub(super) fn add(calls: &mut Vec<ToolCall>, piece: Piece<'_>) -> bool {
    // Pieces of one call follow each other, so mostly the last entry is the one.
    let place = match calls.iter().rposition(|call| piece.is_of(call)) {
        Some(place) => place,
        None if calls.len() == limits::TOOL_CALLS => return false,
        None => {
            calls.push(ToolCall { choice: piece.choice, index: piece.index, ..ToolCall::default() });
            calls.len() - 1
        }
    };
    let call = &mut calls[place];
    for (kept, reported) in [(&mut call.id, piece.id), (&mut call.name, piece.name)] {
        if kept.is_empty() {
            reported.clone_into(kept);
        }
    }
    call.arguments.push_str(piece.arguments);
    true
}
