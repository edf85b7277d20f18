//! [`ApiFormat`]: an API that is served, and where.

/// An API that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ApiFormat {
    Chat,
    /// Chat completions at the place where Azure has them.
    AzureChat,
    Completions,
    Responses,
    Messages,
    Embeddings,
    /// Rankings as Cohere has them.
    Rerank,
    /// Rankings as Hugging Face's text-embeddings-inference has them.
    TeiRerank,
    /// Rankings as NVIDIA's NIM has them.
    NimRanking,
    /// Hugging Face's text-generation-inference, in one piece.
    Generate,
    /// The same as a stream.
    GenerateStream,
    /// llama.cpp's own completions.
    LlamaCompletion,
    /// Ollama's own chat.
    OllamaChat,
    /// Bedrock's Converse, in one piece.
    Converse,
    /// The same as a stream.
    ConverseStream,
    /// Solido's answers from documents.
    Solido,
    /// The same as a stream, which is asked for by a header.
    SolidoStream,
    /// The open inference protocol, with a text in and a text out.
    Infer,
    /// NVIDIA's detection of things in images.
    ImageRetrieval,
    /// Pictures from a prompt.
    Images,
    /// Pictures from pictures.
    ImageEdits,
    /// Videos from a prompt, made by jobs.
    Videos,
    /// Text from speech.
    Transcriptions,
}

impl ApiFormat {
    /// All that have a path of their own.
    const ALL: [Self; 22] = [
        Self::Chat,
        Self::AzureChat,
        Self::Completions,
        Self::Responses,
        Self::Messages,
        Self::Embeddings,
        Self::Rerank,
        Self::TeiRerank,
        Self::NimRanking,
        Self::Generate,
        Self::GenerateStream,
        Self::LlamaCompletion,
        Self::OllamaChat,
        Self::Converse,
        Self::ConverseStream,
        Self::Solido,
        Self::Infer,
        Self::ImageRetrieval,
        Self::Images,
        Self::ImageEdits,
        Self::Videos,
        Self::Transcriptions,
    ];

    /// The API format that is spoken at a path.
    pub(super) fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|api_format| match api_format.path().split_once("{model}") {
            None => api_format.path() == path,
            Some((before, after)) => {
                let model = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                model.is_some_and(|model| !model.is_empty() && !model.contains('/'))
            }
        })
    }

    /// The API format of a request whose head says whether it accepts events.
    pub(super) fn accepting(self, events: bool) -> Self {
        if self == Self::Solido && events { Self::SolidoStream } else { self }
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::AzureChat => "/openai/deployments/{model}/chat/completions",
            Self::Completions => "/v1/completions",
            Self::Responses => "/v1/responses",
            Self::Messages => "/v1/messages",
            Self::Embeddings => "/v1/embeddings",
            Self::Rerank => "/v2/rerank",
            Self::TeiRerank => "/rerank",
            Self::NimRanking => "/v1/ranking",
            Self::Generate => "/generate",
            Self::GenerateStream => "/generate_stream",
            Self::LlamaCompletion => "/completion",
            Self::OllamaChat => "/api/chat",
            Self::Converse => "/model/{model}/converse",
            Self::ConverseStream => "/model/{model}/converse-stream",
            Self::Solido | Self::SolidoStream => "/rag/api/prompt",
            // Any model's.
            Self::Infer => "/v2/models/{model}/infer",
            Self::ImageRetrieval => "/v1/infer",
            Self::Images => "/v1/images/generations",
            Self::ImageEdits => "/v1/images/edits",
            Self::Videos => "/v1/videos",
            Self::Transcriptions => "/v1/audio/transcriptions",
        }
    }

    /// What an answer's id starts with.
    pub(super) fn id_prefix(self) -> &'static str {
        match self {
            Self::Chat | Self::AzureChat => "chatcmpl",
            Self::Completions => "cmpl",
            Self::Responses => "resp",
            Self::Messages => "msg",
            Self::Embeddings => "embd",
            Self::Rerank | Self::TeiRerank | Self::NimRanking => "rank",
            Self::Generate
            | Self::GenerateStream
            | Self::LlamaCompletion
            | Self::OllamaChat
            | Self::Converse
            | Self::ConverseStream
            | Self::Solido
            | Self::SolidoStream => "gen",
            Self::Infer | Self::ImageRetrieval => "infer",
            Self::Images | Self::ImageEdits => "img",
            Self::Videos => "video",
            Self::Transcriptions => "asr",
        }
    }

    /// Its requests are forms.
    pub(super) fn takes_forms(self) -> bool {
        matches!(self, Self::ImageEdits | Self::Videos | Self::Transcriptions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_api_format_is_found_where_it_is() {
        for api_format in ApiFormat::ALL {
            assert_eq!(ApiFormat::at(&api_format.path().replace("{model}", "m-1")), Some(api_format));
        }
        assert_eq!(ApiFormat::at("/v2/models//infer"), None);
        assert_eq!(ApiFormat::at("/model/a/b/converse"), None);
        assert_eq!(ApiFormat::at("/v1/chat"), None);
    }
}
