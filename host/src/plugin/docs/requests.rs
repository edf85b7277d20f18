//! Which requests an endpoint is asked for, by what its manifest says of it. Pure.

use prony_plugin_api::{PartKind, metadata::EndpointMetadata, testing::Turn};
use serde::{Deserialize, Serialize};

/// The model of every request.
pub(super) const MODEL: &str = "example-model";

/// How many output tokens are asked for, where the endpoint gives tokens.
pub(super) const LIMIT: u64 = 64;

const QUESTION: &str = "How high is the Eiffel Tower?";

/// The first bytes of a file of each kind: formats look at those.
const IMAGE: &str = "data:image/png;base64,iVBORw0KGgo=";
const AUDIO: &str = "data:audio/wav;base64,UklGRg==";
const VIDEO: &str = "data:video/mp4;base64,AAAA";

/// One request that an endpoint is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ExampleRequest {
    pub(super) content: Content,
    /// A medium has a text beside it.
    pub(super) has_text: bool,
    /// The response is to stream.
    pub(super) streams: bool,
    /// It asks for [`LIMIT`] tokens.
    pub(super) has_limit: bool,
}

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Content {
    Text,
    Passages,
    Image,
    Audio,
    Video,
    Conversation,
    Tools,
}

impl Content {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Text => "A text",
            Self::Passages => "A query and passages",
            Self::Image => "An image",
            Self::Audio => "Audio",
            Self::Video => "A video",
            Self::Conversation => "A conversation",
            Self::Tools => "Calls of tools and their results",
        }
    }
}

/// The requests that show what an endpoint does: the simplest one first, also as a stream where it has any.
pub(super) fn wanted(declared: Option<&EndpointMetadata>) -> Vec<ExampleRequest> {
    let Some(declared) = declared else {
        let text = ExampleRequest { content: Content::Text, has_text: true, streams: false, has_limit: true };
        return vec![text, ExampleRequest { streams: true, ..text }];
    };
    let simplest = ExampleRequest {
        content: simplest(declared),
        has_text: declared.tokenizes_input,
        streams: false,
        has_limit: declared.produces_tokens,
    };
    let streamed = declared.supports_streaming.then_some(ExampleRequest { streams: true, ..simplest });
    let others = others(declared).into_iter().filter(|content| *content != simplest.content);
    let others = others.map(|content| ExampleRequest { content, ..simplest });
    [simplest].into_iter().chain(streamed).chain(others).collect()
}

fn simplest(declared: &EndpointMetadata) -> Content {
    match declared {
        EndpointMetadata { ranks_passages: true, .. } => Content::Passages,
        EndpointMetadata { requires_images: true, .. } => Content::Image,
        EndpointMetadata { requires_audio: true, .. } => Content::Audio,
        _ => Content::Text,
    }
}

fn others(declared: &EndpointMetadata) -> Vec<Content> {
    // What cannot go without a medium, or ranks, has no conversations.
    let converses = declared.produces_tokens && simplest(declared) == Content::Text;
    let all = [
        (converses, Content::Conversation),
        (declared.supports_images, Content::Image),
        (declared.supports_audio, Content::Audio),
        (declared.supports_videos, Content::Video),
        (declared.supports_tools, Content::Tools),
    ];
    all.into_iter().filter_map(|(is_wanted, content)| is_wanted.then_some(content)).collect()
}

/// The turn of a request.
pub(super) fn turn(wanted: ExampleRequest) -> Turn {
    let medium = |kind, data| {
        let before = if wanted.has_text { Turn::user(QUESTION) } else { Turn::empty() };
        before.part(kind, "", data)
    };
    let turn = match wanted.content {
        Content::Text => Turn::user(QUESTION),
        Content::Passages => Turn::empty()
            .part(PartKind::TEXT, "query", QUESTION)
            .part(PartKind::TEXT, "passages", "The Eiffel Tower is 330 metres high.")
            .part(PartKind::TEXT, "passages", "The Rhine is 1,233 kilometres long."),
        Content::Image => medium(PartKind::IMAGE, IMAGE),
        Content::Audio => medium(PartKind::AUDIO, AUDIO),
        Content::Video => medium(PartKind::VIDEO, VIDEO),
        Content::Conversation => Turn::empty()
            .message("system", "Be brief.")
            .message("user", QUESTION)
            .message("assistant", "330 metres.")
            .message("user", "And in feet?"),
        Content::Tools => Turn::called_tools(),
    };
    let turn = turn.model(MODEL);
    let turn = if wanted.has_limit { turn.max_tokens(LIMIT) } else { turn };
    if wanted.streams { turn.streaming() } else { turn }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn declared(more: &Value) -> EndpointMetadata {
        let mut all = json!({
            "endpoint_path": "/v1/x", "supports_streaming": true, "produces_tokens": true, "tokenizes_input": true,
        });
        for (key, value) in more.as_object().unwrap() {
            all[key.as_str()] = value.clone();
        }
        serde_json::from_value(all).unwrap()
    }

    fn contents(declared: &EndpointMetadata) -> Vec<(Content, bool)> {
        wanted(Some(declared)).iter().map(|wanted| (wanted.content, wanted.streams)).collect()
    }

    #[test]
    fn what_the_manifest_says_decides_what_is_shown() {
        let chat = declared(&json!({"supports_images": true, "supports_tools": true}));
        let all = [
            (Content::Text, false),
            (Content::Text, true),
            (Content::Conversation, false),
            (Content::Image, false),
            (Content::Tools, false),
        ];
        assert_eq!(contents(&chat), all);
    }

    #[test]
    fn the_simplest_request_is_one_that_the_endpoint_takes() {
        let ranking =
            declared(&json!({"ranks_passages": true, "produces_tokens": false, "supports_streaming": false}));
        assert_eq!(contents(&ranking), [(Content::Passages, false)]);
        let speech =
            declared(&json!({"requires_audio": true, "supports_audio": true, "tokenizes_input": false}));
        assert_eq!(contents(&speech), [(Content::Audio, false), (Content::Audio, true)]);
        assert!(!wanted(Some(&speech))[0].has_text);
    }

    #[test]
    fn a_type_without_a_manifest_is_asked_for_a_text() {
        let wanted = wanted(None);
        assert!(wanted.iter().all(|wanted| wanted.content == Content::Text && wanted.has_limit));
        assert_eq!(wanted.iter().map(|wanted| wanted.streams).collect::<Vec<_>>(), [false, true]);
    }
}
