//! Media of a turn, as files to be uploaded: [`File`].

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prony_plugin_api::{PluginError, Result};

use crate::content::audio;

/// A file of a form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct File<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) content_type: Cow<'a, str>,
    pub(crate) bytes: Vec<u8>,
}

/// The type of an image, by the bytes that it begins with.
const IMAGES: [(&[u8], &str); 5] = [
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
    (b"BM", "image/bmp"),
];

impl<'a> File<'a> {
    /// The image of a data URL, under the type that its bytes have.
    ///
    /// # Errors
    /// `unsupported` when it is none.
    pub(crate) fn image(data: &'a str) -> Result<Self> {
        let (declared, encoded) = data
            .strip_prefix("data:")
            .and_then(|rest| rest.split_once(','))
            .and_then(|(head, encoded)| Some((head.strip_suffix(";base64")?, encoded)))
            .ok_or_else(|| unusable("image", data, "an `http(s)` or `data:image/<format>;base64,` URL"))?;
        let declared = declared.split_once(';').map_or(declared, |(kind, _)| kind);
        let bytes = decoded("image", encoded)?;
        let known = IMAGES.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, kind)| *kind);
        let content_type = known.unwrap_or(if declared.is_empty() { "image/png" } else { declared });
        let extension = content_type.rsplit_once('/').map_or("png", |(_, extension)| extension);
        Ok(Self { name: format!("image.{extension}").into(), content_type: content_type.into(), bytes })
    }

    /// The audio of `<format>,<base64>` or of a data URL.
    ///
    /// # Errors
    /// `unsupported` when it is neither.
    pub(crate) fn audio(data: &str) -> Result<Self> {
        let audio = audio(data)?;
        let subtype = match audio.format {
            "mp3" | "mpga" => "mpeg",
            "m4a" => "mp4",
            other => other,
        };
        Ok(Self {
            name: format!("audio.{}", audio.format).into(),
            content_type: format!("audio/{subtype}").into(),
            bytes: decoded("audio", audio.data)?,
        })
    }
}

fn decoded(what: &str, encoded: &str) -> Result<Vec<u8>> {
    STANDARD.decode(encoded).map_err(|error| {
        PluginError::unsupported(format_args!("send the {what}: its base64 is damaged: {error}"))
            .hint("encode the file anew, or name it by its path")
    })
}

fn unusable(what: &str, data: &str, wanted: &str) -> PluginError {
    let excerpt: String = data.chars().take(40).collect();
    PluginError::unsupported(format_args!("send the {what} `{excerpt}`"))
        .hint(format!("give an {what} as {wanted}, or by the path of its file"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::png("data:image/png;base64,iVBORw0KGgo=", "image.png", "image/png")]
    #[case::a_wrong_type("data:image/png;base64,/9j/4AA=", "image.jpeg", "image/jpeg")]
    #[case::no_type("data:;base64,UklGRg==", "image.webp", "image/webp")]
    #[case::an_unknown_type("data:image/avif;q=1;base64,AAAA", "image.avif", "image/avif")]
    fn an_image_is_what_its_bytes_say(#[case] data: &str, #[case] name: &str, #[case] content_type: &str) {
        let file = File::image(data).unwrap();
        assert_eq!((&*file.name, &*file.content_type), (name, content_type));
    }

    #[rstest]
    #[case::short("wav,UklGRg==", "audio.wav", "audio/wav")]
    #[case::mp3("data:audio/mpeg;base64,UklGRg==", "audio.mp3", "audio/mpeg")]
    #[case::m4a("m4a,UklGRg==", "audio.m4a", "audio/mp4")]
    fn audio_is_what_it_is_called(#[case] data: &str, #[case] name: &str, #[case] content_type: &str) {
        let file = File::audio(data).unwrap();
        assert_eq!((&*file.name, &*file.content_type, &*file.bytes), (name, content_type, &b"RIFF"[..]));
    }

    #[rstest]
    #[case::a_path("cat.png", "cat.png")]
    #[case::not_base64("data:image/svg+xml,<svg/>", "data:image/svg+xml,<svg/>")]
    #[case::damaged("data:image/png;base64,?", "damaged")]
    fn what_is_no_image_is_refused(#[case] data: &str, #[case] named: &str) {
        let error = File::image(data).unwrap_err();
        assert!(error.message.contains(named) && !error.hint.is_empty(), "{error:?}");
    }
}
