//! What API formats of JSON share: reading answers without allocating, recognising errors, counting tokens, writing bodies.
//!
//! Nothing here is part of the boundary, and no API format must use it. Whoever does gets what experience with real servers
//! has taught: an error is recognised in each of its shapes ([`Failure`]), a text that needs no unescaping is borrowed
//! from the bytes ([`Text`]), a list of one costs no allocation ([`Few`]), token counts are found under all their names
//! ([`Usage`]), and the user's own fields win ([`Body`]).
//!
//! The feature `json` turns it on.

mod arguments;
mod body;
mod facts;
mod failure;
mod few;
mod segment;
mod text;
mod texts;
mod usage;

pub use arguments::written_arguments;
pub use body::{extras, raw, Body, Field};
pub use facts::Facts;
pub use failure::{answer, event, unexpected, unreadable, whole_event, Failure};
pub use few::Few;
pub use segment::path_segment;
pub use text::{Arguments, Name, Text};
pub use texts::texts;
pub use usage::Usage;
