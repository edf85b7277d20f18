//! Prompts with images and audio: [`MediaPrompt`].

use prony_plugin_api::{Part, PartKind, PluginError, Result, TurnContext, TurnMessage};
use serde::Serialize;

/// A text with a marker for each medium, and the media in that order.
#[derive(Debug, Serialize)]
pub(crate) struct MediaPrompt<'a> {
    prompt_string: String,
    multimodal_data: Vec<&'a str>,
}

impl<'a> MediaPrompt<'a> {
    /// The prompt of a turn with media; nothing if it has none. Where the texts have no marker, each medium gets one, on a
    /// line of its own where it stands among them.
    ///
    /// # Errors
    /// `unsupported` for a turn that follows others, for media that are not in the turn itself, and for a number of markers
    /// that is not the number of media.
    pub(crate) fn of(turn: TurnContext<'a>, marker: &str) -> Result<Option<Self>> {
        let parts: Vec<Part<'a>> = turn
            .messages()
            .flat_map(|message: TurnMessage<'a>| message.parts().collect::<Vec<_>>())
            .collect();
        let multimodal_data: Vec<&str> =
            parts.iter().copied().filter(|part| is_medium(*part)).map(data).collect::<Result<_>>()?;
        if multimodal_data.is_empty() {
            return Ok(None);
        }
        if turn.messages().len() > 1 {
            return Err(PluginError::unsupported(
                "send the media of a conversation: this API format takes single prompts",
            )
            .hint("use the `chat` endpoint, or a dataset of single turns"));
        }
        if let Some(odd) = parts.iter().find(|part| part.kind() != PartKind::TEXT && !is_medium(**part)) {
            let what = match odd.kind() {
                PartKind::VIDEO => "a video",
                PartKind::RAW => "raw JSON beside media",
                _ => "a part of an unknown kind",
            };
            return Err(PluginError::unsupported(format_args!(
                "send {what}: this API format has no form for it"
            ))
            .hint("use the `chat` endpoint"));
        }
        let texts = parts.iter().filter(|part| part.kind() == PartKind::TEXT);
        let placed: usize = texts.map(|text| text.data().matches(marker).count()).sum();
        if placed > 0 && placed != multimodal_data.len() {
            return Err(PluginError::unsupported(format_args!(
                "place {} media at {placed} markers",
                multimodal_data.len()
            ))
            .hint(format_args!("write as many `{marker}` as there are media, or none")));
        }
        let line = |part: &Part<'a>| match part.kind() {
            PartKind::TEXT => part.data().to_owned(),
            _ if placed == 0 => marker.to_owned(),
            _ => String::new(),
        };
        let lines: Vec<String> = parts.iter().map(line).filter(|line| !line.is_empty()).collect();
        Ok(Some(Self { prompt_string: lines.join("\n"), multimodal_data }))
    }
}

fn is_medium(part: Part<'_>) -> bool {
    matches!(part.kind(), PartKind::IMAGE | PartKind::AUDIO)
}

/// What the server decodes: of a data URL, and of `wav,<base64>`, what stands behind the comma.
fn data(part: Part<'_>) -> Result<&str> {
    let url = part.data();
    let data = url.split_once(',').filter(|(head, _)| match head.strip_prefix("data:") {
        Some(head) => head.ends_with(";base64"),
        None => !head.is_empty() && head.bytes().all(|byte| byte.is_ascii_alphanumeric()),
    });
    data.map(|(_, data)| data).ok_or_else(|| {
        let excerpt: String = url.chars().take(40).collect();
        PluginError::unsupported(format_args!("send the medium `{excerpt}`: the server takes base64 only"))
            .hint("name a local file, or give a `data:<type>;base64,` URL")
    })
}
