//! API formats that the user writes himself: `raw` sends payloads as they are, `template` makes them from a template.
//!
//! `template` is what a body is made with, `options` what can be set. Answers of both are read by `parser`: `selection`
//! finds what the user's `JMESPath` expression points at, `guess` what stands in the usual places, and `found` is what
//! either of them comes to. `known` tells responses that another endpoint reads and these two would misread. An unknown shape has to be read as a tree of values: this is the one library that
//! allocates for each event.

mod endpoint;
mod found;
mod guess;
mod known;
mod options;
mod parser;
mod selection;
mod template;
#[cfg(test)]
mod tests;

use endpoint::{RawEndpoint, TemplateEndpoint};

prony_plugin_api::export_plugin! { capabilities: [files], endpoints: [RawEndpoint, TemplateEndpoint] }
