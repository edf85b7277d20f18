//! What an answer comes to: [`Found`].

use prony_plugin_api::{EventSink, TextKind};

/// What was found in an answer, or in an event of one.
#[derive(Debug, PartialEq)]
pub(crate) enum Found<'a> {
    /// Text by choice.
    Texts(Vec<Saying<'a>>),
    /// Numbers of dimensions; 0 where an embedding is encoded.
    Embeddings(Vec<usize>),
    /// Scores by document.
    Scores(Vec<(u32, f64)>),
}

/// Text of a channel of a choice, and why the choice ended, if it did.
#[derive(Debug, PartialEq)]
pub(crate) struct Saying<'a> {
    pub(crate) choice: u32,
    pub(crate) kind: TextKind,
    pub(crate) text: &'a str,
    pub(crate) finish: &'a str,
}

impl<'a> Saying<'a> {
    pub(crate) fn of(choice: u32, text: &'a str) -> Self {
        Self { choice, kind: TextKind::CONTENT, text, finish: "" }
    }

    /// It says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.finish.is_empty()
    }
}

impl Found<'_> {
    /// Tells the host.
    pub(crate) fn tell(&self, out: &mut EventSink<'_>) {
        match self {
            Self::Texts(texts) => {
                for saying in texts {
                    if !saying.text.is_empty() {
                        out.text(saying.kind, saying.choice, saying.text);
                    }
                    if !saying.finish.is_empty() {
                        out.finish(saying.choice, saying.finish);
                    }
                }
            }
            Self::Embeddings(embeddings) => {
                for (index, dimensions) in (0..).zip(embeddings) {
                    out.embedding(index, u32::try_from(*dimensions).unwrap_or(u32::MAX));
                }
            }
            Self::Scores(scores) => scores.iter().for_each(|(index, score)| out.ranking(*index, *score)),
        }
    }
}
