//! Files that use each other and are not untangled yet. What is not in this list must not be, and what is must be true: the
//! test fails for a new cycle, and for one that is gone or has other files.

/// Each with all of its files, below `host/src`.
#[rustfmt::skip]
pub(crate) const KNOWN_CYCLES: &[&[&str]] = &[
    &["cli/completions.rs", "cli/help.rs", "cli/mod.rs", "cli/service.rs"],
    &[
        "cli/plugins/add.rs", "cli/plugins/graph.rs", "cli/plugins/json.rs", "cli/plugins/list.rs",
        "cli/plugins/mod.rs", "cli/plugins/remove.rs", "cli/plugins/show.rs", "cli/plugins/validate.rs",
    ],
    &[
        "mock_server/speech/bedrock.rs", "mock_server/speech/generate.rs",
        "mock_server/speech/infer.rs", "mock_server/speech/llama.rs", "mock_server/speech/messages.rs",
        "mock_server/speech/mod.rs", "mock_server/speech/ollama.rs", "mock_server/speech/openai.rs",
        "mock_server/speech/responses.rs", "mock_server/speech/solido.rs",
        "mock_server/speech/transcript.rs",
    ],
    &[
        "plugin/validate/conflicts.rs", "plugin/validate/format.rs", "plugin/validate/libraries.rs",
        "plugin/validate/mod.rs",
    ],
    &["request/exchange.rs", "request/stream.rs"],
];
