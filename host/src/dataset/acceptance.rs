//! Whether an endpoint takes what a dataset holds, by its manifest: told before the load, and not by each request.

use prony_plugin_api::{PartKind, metadata::EndpointMetadata};

use super::{PAYLOAD, Part, Script, Step};
use crate::explain::Explain;

/// What an endpoint does not take. Places are entries of the dataset, from 1, with their names.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AcceptanceError {
    /// A medium that the API format has no form for.
    #[error("send the {medium} of {place} to the endpoint `{endpoint}`: it does not take any")]
    NotTaken { medium: &'static str, place: String, endpoint: String },
    /// A link, to a server that follows none.
    #[error("send the linked {medium} of {place} to the endpoint `{endpoint}`: its server follows no links")]
    Linked { medium: &'static str, place: String, endpoint: String },
    /// Content without what the API format is about.
    #[error("send {place} to the endpoint `{endpoint}`: it has no {medium}")]
    Missing {
        /// What it should have.
        medium: &'static str,
        /// Where it should be.
        place: String,
        endpoint: String,
    },
    /// Tool calls, which the API format has no form for.
    #[error(
        "send {place} to the endpoint `{endpoint}`: it repeats tool calls or their results, and the endpoint takes none"
    )]
    Tools {
        /// The entry of the dataset, with its number from 1 and its name.
        place: String,
        endpoint: String,
    },
    /// Content for several APIs.
    #[error("send {place} to `{other}` and the ones before it to `{first}`: a run has one API format")]
    Paths {
        /// The first entry that is for another API.
        place: String,
        first: String,
        other: String,
    },
}

impl Explain for AcceptanceError {
    fn hint(&self) -> String {
        match self {
            Self::NotTaken { .. } => {
                "take it out, or choose an endpoint that does: `prony plugins endpoint NAME` says what each takes".to_owned()
            }
            Self::Linked { .. } => "name a local file, or give a data URL".to_owned(),
            Self::Tools { .. } => {
                "choose an endpoint that does, such as `chat`, `responses` or `messages`, or give a file without tools".to_owned()
            },
            Self::Paths { .. } => "give each API a file of its own".to_owned(),
            Self::Missing { medium, .. } => format!("give each row of the file an `{medium}`"),
        }
    }
}

/// Who the content is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Audience<'a> {
    /// What the endpoint takes.
    pub(super) endpoint: &'a EndpointMetadata,
    pub(super) name: &'a str,
}

/// The path of the API that all content is for, as far as it says one.
#[derive(Debug, Default)]
pub(super) struct Paths(Option<String>);

impl Paths {
    /// Checks the path of the script with this number, from 0, and name.
    pub(super) fn check(&mut self, path: &str, number: usize, id: &str) -> Result<(), AcceptanceError> {
        let first = self.0.get_or_insert_with(|| path.to_owned());
        if first == path {
            return Ok(());
        }
        let place = place(number, id);
        Err(AcceptanceError::Paths { place, first: first.clone(), other: path.to_owned() })
    }
}

/// An entry of the dataset, with its name.
fn place(number: usize, id: &str) -> String {
    format!("entry {} (`{id}`)", number + 1)
}

/// Checks every part of every script.
pub(super) fn check(scripts: &[Script], audience: Audience<'_>) -> Result<(), AcceptanceError> {
    let mut paths = Paths::default();
    for (number, script) in scripts.iter().enumerate() {
        for path in script.steps.iter().filter_map(|step| step.path.as_ref()) {
            paths.check(path, number, &script.id)?;
        }
    }
    scripts.iter().enumerate().try_for_each(|(number, script)| check_script(script, number, audience))
}

/// Checks every part of the script with this number, from 0.
pub(super) fn check_script(
    script: &Script,
    number: usize,
    audience: Audience<'_>,
) -> Result<(), AcceptanceError> {
    let Audience { endpoint, name } = audience;
    let place = || place(number, &script.id);
    let kinds = [
        (PartKind::IMAGE, "image", endpoint.supports_images, endpoint.requires_images),
        (PartKind::AUDIO, "audio", endpoint.supports_audio, endpoint.requires_audio),
        (PartKind::VIDEO, "video", endpoint.supports_videos, false),
    ];
    if !endpoint.supports_tools && repeats_tools(script) {
        return Err(AcceptanceError::Tools { place: place(), endpoint: name.to_owned() });
    }
    for (kind, medium, is_supported, is_required) in kinds {
        // What cannot be done without is taken, whatever else the manifest says.
        let is_supported = is_supported || is_required;
        let parts = script.steps.iter().flat_map(Step::parts);
        let mut parts = parts.filter(|part| part.kind == kind).peekable();
        let endpoint_name = || name.to_owned();
        if parts.peek().is_none() {
            // A payload says what it likes, where only the server looks.
            if is_required && !holds_payload(script) {
                return Err(AcceptanceError::Missing { medium, place: place(), endpoint: endpoint_name() });
            }
        } else if !is_supported {
            return Err(AcceptanceError::NotTaken { medium, place: place(), endpoint: endpoint_name() });
        } else if endpoint.requires_inline_media && parts.any(is_linked) {
            return Err(AcceptanceError::Linked { medium, place: place(), endpoint: endpoint_name() });
        }
    }
    Ok(())
}

/// A request of it, or what later requests repeat, holds tool calls.
fn repeats_tools(script: &Script) -> bool {
    let is_repeated =
        |at: usize| script.steps.iter().any(|step| step.context.is_some_and(|of| of as usize == at));
    let mut steps = script.steps.iter().enumerate();
    steps.any(|(at, step)| {
        let reply = step.reply.iter().filter(|_| is_repeated(at)).flat_map(|reply| &reply.parts);
        step.parts()
            .chain(reply)
            .any(|part| [PartKind::TOOL_CALL, PartKind::TOOL_RESULT].contains(&part.kind))
    })
}

/// A script that is a whole body.
fn holds_payload(script: &Script) -> bool {
    let mut parts = script.steps.iter().flat_map(Step::parts);
    parts.any(|part| part.kind == PartKind::RAW && part.name == PAYLOAD)
}

fn is_linked(part: &Part) -> bool {
    part.data.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"))
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use rstest::rstest;

    use super::*;
    use crate::dataset::{Message, Step};

    fn endpoint(keys: &str) -> EndpointMetadata {
        let json = format!(
            r#"{{"endpoint_path": null, "supports_streaming": true, "produces_tokens": true, "tokenizes_input": true{keys}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    fn of(endpoint: &EndpointMetadata) -> Audience<'_> {
        Audience { endpoint, name: "e" }
    }

    fn dataset(kind: PartKind, data: &str) -> Vec<Script> {
        let script = |id: &str, parts| Script::single(id.to_owned(), Step::first(Message::user(parts)));
        let medium = |kind, data: &str| Part { kind, name: String::new(), data: data.into() };
        let image = || medium(PartKind::IMAGE, "data:image/png;base64,AA==");
        vec![
            script("a", vec![image()]),
            script("b", vec![Part::text("Hi".into()), image(), medium(kind, data)]),
        ]
    }

    #[test]
    fn tool_calls_need_an_endpoint_that_writes_them() {
        let (calls, what) = (dataset(PartKind::TOOL_CALL, "{}"), r#", "supports_images": true"#);
        let error = check(&calls, of(&endpoint(what))).unwrap_err();
        assert!(
            error.to_string().starts_with("send entry 2 (`b`) to the endpoint `e`: it repeats tool calls")
        );
        check(&calls, of(&endpoint(&format!(r#"{what}, "supports_tools": true"#)))).unwrap();
    }

    const IMAGES: &str = r#", "supports_images": true"#;

    #[rstest]
    #[case::an_image(
        "",
        PartKind::TEXT,
        "Hi",
        "send the image of entry 1 (`a`) to the endpoint `e`: it does not take any"
    )]
    #[case::audio(
        IMAGES,
        PartKind::AUDIO,
        "wav,AA==",
        "send the audio of entry 2 (`b`) to the endpoint `e`: it does not take any"
    )]
    #[case::a_video(
        IMAGES,
        PartKind::VIDEO,
        "https://h/v.mp4",
        "send the video of entry 2 (`b`) to the endpoint `e`: it does not take any"
    )]
    #[case::a_link(
        r#", "supports_images": true, "requires_inline_media": true"#,
        PartKind::IMAGE,
        "HTTPS://h/a.png",
        "send the linked image of entry 2 (`b`) to the endpoint `e`: its server follows no links"
    )]
    #[case::nothing_to_hear(
        r#", "supports_images": true, "supports_audio": true, "requires_audio": true"#,
        PartKind::AUDIO,
        "wav,AA==",
        "send entry 1 (`a`) to the endpoint `e`: it has no audio"
    )]
    fn what_an_endpoint_does_not_take_is_named(
        #[case] keys: &str,
        #[case] kind: PartKind,
        #[case] data: &str,
        #[case] text: &str,
    ) {
        let error = check(&dataset(kind, data), of(&endpoint(keys))).unwrap_err();
        assert_eq!(error.to_string(), text);
        assert!(!error.hint().is_empty() && error.source().is_none());
    }

    #[rstest]
    #[case(r#", "supports_images": true, "requires_images": true, "supports_videos": true"#, PartKind::VIDEO)]
    #[case(r#", "supports_images": true, "supports_audio": true"#, PartKind::AUDIO)]
    #[case(IMAGES, PartKind::IMAGE)]
    fn what_it_takes_may_be_sent(#[case] keys: &str, #[case] kind: PartKind) {
        check(&dataset(kind, "https://h/a"), of(&endpoint(keys))).unwrap();
    }
}
