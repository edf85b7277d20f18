//! How long a WAV file plays, by its head alone.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

/// As much of a data URL as is looked at: heads are short, and a request's clip may be large.
const HEAD: usize = 4096;

/// Seconds that audio in a data URL, or in the form `wav,<base64>`, plays; nothing if it is no WAV file.
pub(super) fn seconds(data: &str) -> Option<f64> {
    let (head, file_bytes) = head(data)?;
    seconds_of(&head, file_bytes)
}

/// The first bytes of a file in a data URL, or behind a format and a comma, and how many it has.
pub(super) fn head(data: &str) -> Option<(Vec<u8>, u64)> {
    let encoded = encoded(data)?;
    Some((decoded(encoded, 0)?, encoded.len() as u64 * 3 / 4))
}

/// Bytes of such a file from this one on, about as many as a head has.
pub(super) fn bytes_from(data: &str, first: usize) -> Option<Vec<u8>> {
    // Three bytes are four characters.
    let mut bytes = decoded(encoded(data)?, (first / 3).checked_mul(4)?)?;
    let before = first % 3;
    (before <= bytes.len()).then(|| bytes.split_off(before))
}

fn encoded(data: &str) -> Option<&str> {
    let (head, encoded) = data.split_once(',')?;
    let is_encoded = head.strip_prefix("data:").is_none_or(|head| head.ends_with(";base64"));
    is_encoded.then(|| encoded.trim_end_matches('='))
}

fn decoded(encoded: &str, from: usize) -> Option<Vec<u8>> {
    let rest = encoded.get(from..)?;
    STANDARD_NO_PAD.decode(rest.get(..HEAD.min(rest.len() - rest.len() % 4))?).ok()
}

/// By the first bytes of a file of so many. A file that was written as a stream does not know its own length.
fn seconds_of(head: &[u8], file_bytes: u64) -> Option<f64> {
    let is_wave = head.get(..4)? == b"RIFF" && head.get(8..12)? == b"WAVE";
    let mut at = is_wave.then_some(12)?;
    let mut bytes_a_second = None;
    loop {
        let (id, length) = (head.get(at..at + 4)?, number(head, at + 4)?);
        let content = at + 8;
        match id {
            b"fmt " => bytes_a_second = number(head, content + 8).filter(|rate| *rate > 0),
            b"data" => {
                let there = file_bytes.saturating_sub(content as u64);
                let length = if length == 0 { there } else { there.min(length.into()) };
                return Some(length as f64 / f64::from(bytes_a_second?)).filter(|seconds| *seconds > 0.0);
            }
            _ => {}
        }
        // Chunks begin at even positions.
        at = content.checked_add(usize::try_from(length).ok()?)?.checked_next_multiple_of(2)?;
    }
}

fn number(head: &[u8], at: usize) -> Option<u32> {
    let bytes = head.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use rstest::rstest;

    use super::*;

    /// A head with these chunks, and a second of silence at 8000 bytes a second.
    fn file(chunks: &[(&[u8; 4], &[u8])], data_length: u32) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVE".to_vec();
        for (id, content) in chunks {
            file.extend_from_slice(*id);
            file.extend_from_slice(&u32::try_from(content.len()).unwrap().to_le_bytes());
            file.extend_from_slice(content);
            file.resize(file.len().next_multiple_of(2), 0);
        }
        file.extend_from_slice(b"data");
        file.extend_from_slice(&data_length.to_le_bytes());
        file.resize(file.len() + 8000, 0);
        file
    }

    /// One channel, 8000 samples a second, 8 bits.
    const FORMAT: &[u8] = &[1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x40, 0x1f, 0, 0, 1, 0, 8, 0];

    #[rstest]
    #[case::plain(&[(b"fmt ", FORMAT)], 8000, Some(1.0))]
    #[case::less_than_the_file(&[(b"fmt ", FORMAT)], 4000, Some(0.5))]
    #[case::with_tags_of_odd_length(&[(b"LIST", b"odd" as &[u8]), (b"fmt ", FORMAT)], 8000, Some(1.0))]
    #[case::a_stream(&[(b"fmt ", FORMAT)], u32::MAX, Some(1.0))]
    #[case::an_older_stream(&[(b"fmt ", FORMAT)], 0, Some(1.0))]
    #[case::no_format(&[], 8000, None)]
    #[case::no_rate(&[(b"fmt ", &[0_u8; 16] as &[u8])], 8000, None)]
    #[case::tags_without_end(&[(b"LIST", &[0_u8; 5000] as &[u8]), (b"fmt ", FORMAT)], 8000, None)]
    fn a_head_says_how_long_it_plays(
        #[case] chunks: &[(&[u8; 4], &[u8])],
        #[case] length: u32,
        #[case] expected: Option<f64>,
    ) {
        let data = STANDARD.encode(file(chunks, length));
        for url in [format!("data:audio/wav;base64,{data}"), format!("wav,{data}")] {
            let near = |seconds: f64| (seconds * 1000.0).round() / 1000.0;
            assert_eq!(seconds(&url).map(near), expected, "{}", &url[..30]);
        }
    }

    #[rstest]
    fn what_is_no_wav_file_says_nothing(
        #[values(
            "",
            "https://h/a.wav",
            "data:audio/mpeg;base64,SUQzBAAAAAAA",
            "data:audio/wav,RIFF",
            "wav,UklGRg==",
            "wav,\u{1F980}\u{1F980}"
        )]
        data: &str,
    ) {
        assert_eq!(seconds(data), None);
    }
}
