//! Rankings: a query and passages go out, a score for each passage comes back.
//!
//! Three API formats that differ in their members' names: `cohere`, `tei` (Hugging Face's text-embeddings-inference) and
//! `nim` (NVIDIA). `request` finds the query and the passages in a turn, and `parser` reads the answers of all three.

mod cohere;
mod nim;
mod parser;
mod request;
mod tei;
#[cfg(test)]
mod tests;

use cohere::CohereRankingsEndpoint;
use nim::NimRankingsEndpoint;
use tei::TeiRankingsEndpoint;

prony_plugin_api::export_plugin! {
    capabilities: [],
    endpoints: [CohereRankingsEndpoint, TeiRankingsEndpoint, NimRankingsEndpoint]
}
