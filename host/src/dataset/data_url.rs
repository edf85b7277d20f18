//! Data URLs: media that are sent with a request, and the types that files of media have.

use std::{path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prony_plugin_api::PartKind;

/// File extensions and their media types, by kind of part.
const TYPES: [(PartKind, &[(&str, &str)]); 3] = [
    (
        PartKind::IMAGE,
        &[
            ("png", "image/png"),
            ("jpg", "image/jpeg"),
            ("jpeg", "image/jpeg"),
            ("webp", "image/webp"),
            ("gif", "image/gif"),
            ("bmp", "image/bmp"),
        ],
    ),
    (
        PartKind::AUDIO,
        &[
            ("wav", "audio/wav"),
            ("mp3", "audio/mpeg"),
            ("flac", "audio/flac"),
            ("ogg", "audio/ogg"),
            ("m4a", "audio/mp4"),
        ],
    ),
    (
        PartKind::VIDEO,
        &[
            ("mp4", "video/mp4"),
            ("webm", "video/webm"),
            ("mov", "video/quicktime"),
            ("mkv", "video/x-matroska"),
        ],
    ),
];

/// The data URL of a medium of this type.
pub(super) fn data_url((media_type, bytes): (&str, Vec<u8>)) -> Arc<str> {
    let mut url = format!("data:{media_type};base64,");
    STANDARD.encode_string(bytes, &mut url);
    url.into()
}

/// What a data URL of ours holds; nothing if it is none.
pub(super) fn bytes_of(url: &str) -> Option<Vec<u8>> {
    let (_, encoded) = url.split_once(";base64,")?;
    STANDARD.decode(encoded).ok()
}

/// The media type of a file by its extension; nothing if that is of no medium of this kind.
pub(super) fn media_type(kind: PartKind, path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    types(kind).find(|(known, _)| *known == extension).map(|(_, media_type)| media_type)
}

/// The extensions of a kind of media, in words.
pub(super) fn extensions(kind: PartKind) -> String {
    types(kind).map(|(extension, _)| format!("`.{extension}`")).collect::<Vec<_>>().join(", ")
}

fn types(kind: PartKind) -> impl Iterator<Item = (&'static str, &'static str)> {
    TYPES.into_iter().filter(move |(of, _)| *of == kind).flat_map(|(_, types)| types).copied()
}
