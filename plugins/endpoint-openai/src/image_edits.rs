//! Pictures from pictures and a prompt: [`ImageEditsEndpoint`].

use prony_plugin_api::{
    Endpoint, NO_OPTIONS, Part, PartKind, PluginError, RequestWriter, Result, TurnContext, TurnMessage,
};

use crate::{file::File, form::Form, images::ImagesParser};

/// `POST /v1/images/edits`.
#[derive(Debug)]
pub(crate) struct ImageEditsEndpoint;

impl Endpoint for ImageEditsEndpoint {
    type Parser = ImagesParser;

    const OPTIONS: &'static str = NO_OPTIONS;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let (prompt, images) = prompt_and_images(*turn)?;
        let mut form = Form::default();
        form.field("prompt", prompt);
        form.field("model", turn.model());
        form.field("response_format", "b64_json");
        form.field("n", "1");
        if turn.streaming() {
            form.field("stream", "true");
        }
        let name = if images.len() == 1 { "image" } else { "image[]" };
        for image in images {
            if ["http://", "https://"].iter().any(|scheme| image.starts_with(scheme)) {
                form.field("url", image);
            } else {
                form.file(name, File::image(image)?);
            }
        }
        form.merge_extras(*turn)?;
        form.write(request);
        Ok(())
    }

    fn parser(&self) -> ImagesParser {
        ImagesParser::default()
    }
}

/// The one text of a turn, and its images.
fn prompt_and_images(turn: TurnContext<'_>) -> Result<(&str, Vec<&str>)> {
    let mut messages = turn.messages();
    let parts: Vec<Part<'_>> = messages.next().iter().flat_map(TurnMessage::parts).collect();
    let of = |kind: PartKind| {
        parts.iter().filter(move |part| part.kind() == kind).map(Part::data).filter(|data| !data.is_empty())
    };
    let (texts, images) = (of(PartKind::TEXT).collect::<Vec<_>>(), of(PartKind::IMAGE).collect::<Vec<_>>());
    let others = parts.iter().any(|part| ![PartKind::TEXT, PartKind::IMAGE].contains(&part.kind()));
    if others || texts.len() > 1 || images.is_empty() || messages.len() > 0 {
        return Err(PluginError::unsupported("edit anything but images by one text")
            .hint("give one prompt and at least one image a turn"));
    }
    Ok((texts.first().copied().unwrap_or_default(), images))
}
