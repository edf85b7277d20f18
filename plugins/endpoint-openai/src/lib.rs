//! The OpenAI API formats: chat completions, text completions, responses, embeddings, pictures, videos and transcriptions.
//!
//! Requests are written by `chat`, `completions` and `embeddings`, each on top of `body`, with `content` and `prompt` for
//! the two ways to state an input. Chat and text completions share one reader, `answer`, because servers mix their shapes
//! anyway; it stands on `wire` (what a reply looks like), `said` (what a chat message holds) and `likeness` (chunks that need not
//! be read, since they are like one before). `responses` has a shape of
//! its own both ways, and so has `images`. `azure` is `chat` at another place. `nim_embeddings` and `chat_embeddings` ask
//! in other words for what `embeddings` reads. `image_edits`, `videos` and `transcriptions` are sent as a `form`, with a
//! `file` where a turn brings one. Errors, token counts and texts that cost no allocation are read by what the contract
//! crate has for all API formats of JSON.
//!
//! Nothing here looks at a clock or a socket, and no good answer is judged by its `object` member.

mod answer;
mod azure;
mod body;
mod chat;
mod chat_embeddings;
mod completions;
mod content;
mod embeddings;
mod file;
mod form;
mod image_edits;
mod images;
mod likeness;
mod nim_embeddings;
mod options;
mod prompt;
mod responses;
mod said;
mod speculation;
#[cfg(test)]
mod tests;
mod transcriptions;
mod videos;
mod wire;

use azure::AzureChatEndpoint;
use chat::ChatEndpoint;
use chat_embeddings::ChatEmbeddingsEndpoint;
use completions::CompletionsEndpoint;
use embeddings::EmbeddingsEndpoint;
use image_edits::ImageEditsEndpoint;
use images::ImagesEndpoint;
use nim_embeddings::NimEmbeddingsEndpoint;
use responses::ResponsesEndpoint;
use transcriptions::TranscriptionsEndpoint;
use videos::VideosEndpoint;

prony_plugin_api::export_plugin! {
    capabilities: [],
    endpoints: [
        ChatEndpoint,
        CompletionsEndpoint,
        ResponsesEndpoint,
        EmbeddingsEndpoint,
        NimEmbeddingsEndpoint,
        ChatEmbeddingsEndpoint,
        ImagesEndpoint,
        AzureChatEndpoint,
        ImageEditsEndpoint,
        VideosEndpoint,
        TranscriptionsEndpoint,
    ]
}
