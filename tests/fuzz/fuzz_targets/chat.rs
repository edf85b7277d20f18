#![no_main]

#[path = "../linked/openai.rs"]
mod openai;

libfuzzer_sys::fuzz_target!(|data: &[u8]| prony_entries::answer(openai::root(), "ChatEndpoint", data));
