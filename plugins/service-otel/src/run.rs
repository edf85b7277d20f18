//! What is known of the run: exports [`Run`].

use serde::Deserialize;

/// The run, as far as telemetry tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) id: String,
    /// Nanoseconds since 1970 at its start.
    pub(crate) wall_start_ns: u64,
    /// `gen_ai.operation.name`.
    pub(crate) operation: String,
    /// `gen_ai.provider.name`.
    pub(crate) provider: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Facts {
    run_id: String,
    wall_start_ns: u64,
    endpoint_type: String,
}

/// Operations and providers of API formats, in the words of the semantic conventions.
const OF_ENDPOINTS: [(&str, &str, &str); 13] = [
    ("chat", "chat", "openai"),
    ("azure_chat", "chat", "azure.ai.openai"),
    ("responses", "chat", "openai"),
    ("completions", "text_completion", "openai"),
    ("embeddings", "embeddings", "openai"),
    ("chat_embeddings", "embeddings", "openai"),
    ("nim_embeddings", "embeddings", "nvidia"),
    ("messages", "chat", "anthropic"),
    ("bedrock_converse_stream", "chat", "aws.bedrock"),
    ("ollama_chat", "chat", "ollama"),
    ("huggingface_generate", "text_completion", "huggingface"),
    ("llamacpp_completion", "text_completion", "llama_cpp"),
    ("cohere_rankings", "cohere_rankings", "cohere"),
];

impl Run {
    /// Reads what the host says of it; `provider` is what the user says, if that is not empty.
    pub(crate) fn read(facts: &str, provider: &str) -> Self {
        let Facts { run_id, wall_start_ns, endpoint_type } = serde_json::from_str(facts).unwrap_or_default();
        let known = OF_ENDPOINTS.iter().find(|(name, _, _)| *name == endpoint_type);
        // An API format that the conventions do not know has its own name.
        let (operation, usual) =
            known.map_or((endpoint_type.as_str(), endpoint_type.as_str()), |it| (it.1, it.2));
        let provider = if provider.is_empty() { usual } else { provider };
        Self { id: run_id, wall_start_ns, operation: operation.to_owned(), provider: provider.to_owned() }
    }

    /// An instant of the run, as OTLP writes it: nanoseconds since 1970, as a text.
    pub(crate) fn wall(&self, run_ns: u64) -> String {
        self.wall_start_ns.saturating_add(run_ns).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operation_and_provider_follow_from_the_endpoint_unless_told() {
        let facts = r#"{"run_id": "r", "wall_start_ns": 5, "endpoint_type": "messages", "newer": 1}"#;
        let run = Run::read(facts, "");
        assert_eq!(
            (run.operation.as_str(), run.provider.as_str(), run.wall(2)),
            ("chat", "anthropic", "7".into())
        );
        assert_eq!(Run::read(facts, "vllm").provider, "vllm");
        let odd = Run::read(r#"{"endpoint_type": "kserve_v2"}"#, "");
        assert_eq!((odd.operation.as_str(), odd.provider.as_str()), ("kserve_v2", "kserve_v2"));
    }
}
