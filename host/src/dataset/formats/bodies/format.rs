//! Which API formats are known, and by what.

/// An API format whose bodies can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFormat {
    /// OpenAI's chat completions.
    Chat,
    /// OpenAI's text completions.
    Completions,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Messages,
}

/// How the paths of these formats end.
const PATHS: [(&str, BodyFormat); 4] = [
    ("/chat/completions", BodyFormat::Chat),
    ("/completions", BodyFormat::Completions),
    ("/responses", BodyFormat::Responses),
    ("/messages", BodyFormat::Messages),
];

impl BodyFormat {
    /// The format of the bodies at this path, by how the path ends: servers have it below prefixes of their own.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        let path = path.trim_end_matches('/');
        PATHS.iter().find(|(end, _)| path.ends_with(end)).map(|(_, format)| *format)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/v1/chat/completions", Some(BodyFormat::Chat))]
    #[case("/openai/v1/completions/", Some(BodyFormat::Completions))]
    #[case("/v1/responses", Some(BodyFormat::Responses))]
    #[case("/v1/messages", Some(BodyFormat::Messages))]
    #[case("/v1/messages/count_tokens", None)]
    #[case("/v1/models", None)]
    #[case("/", None)]
    fn a_path_tells_the_format(#[case] path: &str, #[case] expected: Option<BodyFormat>) {
        assert_eq!(BodyFormat::of_path(path), expected);
    }
}
