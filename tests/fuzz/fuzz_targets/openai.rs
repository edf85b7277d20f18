#![no_main]

use endpoint_openai as _;

#[path = "../linked/root.rs"]
mod linked;

const ENDPOINTS: &[&str] = &[
    "ResponsesEndpoint",
    "NimEmbeddingsEndpoint",
    "ChatEmbeddingsEndpoint",
    "ImagesEndpoint",
    "AzureChatEndpoint",
    "ImageEditsEndpoint",
    "VideosEndpoint",
    "TranscriptionsEndpoint",
];

libfuzzer_sys::fuzz_target!(|data: &[u8]| prony_entries::any_answer(linked::root(), ENDPOINTS, data));
