#![no_main]

use endpoint_bedrock as _;

#[path = "../linked/root.rs"]
mod linked;

libfuzzer_sys::fuzz_target!(|data: &[u8]| prony_entries::answer(linked::root(), "ConverseEndpoint", data));
