#![no_main]

use endpoint_rankings as _;

#[path = "../linked/root.rs"]
mod linked;

const ENDPOINTS: &[&str] = &["CohereRankingsEndpoint", "TeiRankingsEndpoint", "NimRankingsEndpoint"];

libfuzzer_sys::fuzz_target!(|data: &[u8]| prony_entries::any_answer(linked::root(), ENDPOINTS, data));
