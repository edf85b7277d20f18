//! MP3 files: how one is made of a WAV file, and how long one plays, by its head alone.

use std::{ffi::OsString, path::Path};

use super::{
    ffmpeg::{self, ALIKE, QUIETLY},
    outline::{MediaError, Product},
    wav,
};

/// Bits a second of most files; those with few samples a second have fewer.
pub(super) const BITS_A_SECOND: f64 = 128_000.0;

/// Bytes of the head of a frame.
const HEAD: usize = 4;

/// Bytes of the head of a tag in front of the frames.
const TAG_HEAD: usize = 10;

/// Makes a file of a WAV file, with one bit rate and without tags.
///
/// # Errors
/// There is no ffmpeg, it fails, or there is no place for files.
pub(super) fn of_wav(what: &dyn Fn() -> String, wav: &[u8]) -> Result<Vec<u8>, MediaError> {
    ffmpeg::made(what, Product::Clip, arguments, |encoder| encoder.give(wav))
}

fn arguments(file: &Path) -> Vec<OsString> {
    let line = format!("{QUIETLY} -f wav -i pipe:0 -threads 1 {ALIKE} -write_xing 0 -id3v2_version 0 -f mp3");
    let mut words = ffmpeg::words(&line);
    words.push(file.into());
    words
}

/// Seconds that audio in a data URL, or in the form `mp3,<base64>`, plays, its padding included; nothing if it is no MP3 file, or one
/// whose bit rate changes and that does not say how many frames it has.
///
/// The form of frames is that of ISO/IEC 11172-3 and 13818-3, layer III; the number of frames is that of a Xing header.
pub(super) fn seconds(data: &str) -> Option<f64> {
    let (head, file_bytes) = wav::head(data)?;
    let start = behind_tag(&head);
    // A tag with a picture is longer than the head.
    let frames = if start == 0 { head } else { wav::bytes_from(data, start)? };
    let first = Frame::at(&frames, 0)?;
    if let Some(count) = first.frames_of_file(&frames) {
        return Some(f64::from(count) * first.seconds());
    }
    // One of another bit rate is the next one of a file whose rate changes.
    let second = Frame::at(&frames, first.bytes())?;
    let bytes = file_bytes.saturating_sub(start as u64);
    (second.bits_a_second == first.bits_a_second).then(|| bytes as f64 * 8.0 / f64::from(first.bits_a_second))
}

/// Where the first frame is: behind a tag of the form `ID3v2`, if there is one.
fn behind_tag(head: &[u8]) -> usize {
    match head.get(..TAG_HEAD) {
        Some([b'I', b'D', b'3', _, _, _, size @ ..]) => {
            // Seven bits of each byte count.
            TAG_HEAD + size.iter().fold(0, |sum, byte| (sum << 7) | usize::from(byte & 0x7f))
        }
        _ => 0,
    }
}

/// What the head of a frame says.
struct Frame {
    bits_a_second: u32,
    samples_a_second: u32,
    samples: u32,
    padding: u32,
    /// Bytes between the head and the samples.
    side: usize,
}

impl Frame {
    fn at(file: &[u8], at: usize) -> Option<Self> {
        let head = file.get(at..at.checked_add(HEAD)?)?;
        let [sync, kind, rates, mode] = head else { return None };
        let is_layer_3 = *sync == 0xff && (kind & 0xe6) == 0xe2;
        // 3 is version 1; the others have half as many samples in a frame, and halves or quarters of its rates.
        let version = (kind >> 3) & 3;
        let (is_first, halves) = match version {
            3 => (true, 0),
            2 => (false, 1),
            0 => (false, 2),
            _ => return None,
        };
        let kilobits = kilobits(is_first, rates >> 4)?;
        let samples_a_second = *[44_100, 48_000, 32_000].get(usize::from((rates >> 2) & 3))? >> halves;
        let is_mono = mode >> 6 == 3;
        let side = match (is_first, is_mono) {
            (true, false) => 32,
            (true, true) | (false, false) => 17,
            (false, true) => 9,
        };
        is_layer_3.then_some(Self {
            bits_a_second: kilobits * 1000,
            samples_a_second,
            samples: if is_first { 1152 } else { 576 },
            padding: u32::from((rates >> 1) & 1),
            side,
        })
    }

    fn bytes(&self) -> usize {
        (self.samples / 8 * self.bits_a_second / self.samples_a_second + self.padding) as usize
    }

    fn seconds(&self) -> f64 {
        f64::from(self.samples) / f64::from(self.samples_a_second)
    }

    /// How many frames a file has behind this one, which is its first, if that is said in it.
    fn frames_of_file(&self, file: &[u8]) -> Option<u32> {
        let header = file.get(HEAD + self.side..)?;
        let (name, rest) = header.split_first_chunk::<4>()?;
        let (flags, rest) = rest.split_first_chunk::<4>()?;
        let is_said = (name == b"Xing" || name == b"Info") && u32::from_be_bytes(*flags) & 1 == 1;
        is_said.then(|| rest.first_chunk::<4>().map(|frames| u32::from_be_bytes(*frames)))?
    }
}

/// Thousands of bits a second, by their number in a frame's head.
fn kilobits(is_first_version: bool, number: u8) -> Option<u32> {
    const OF_FIRST: [u32; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const OF_OTHERS: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let rates = if is_first_version { OF_FIRST } else { OF_OTHERS };
    // 0 is a rate that stands nowhere.
    rates.get(usize::from(number).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use rstest::rstest;

    use super::*;

    /// Version 2, 24 kbit/s, 16 kHz, mono: 108 bytes, and 36 ms.
    const LOW: [u8; 4] = [0xff, 0xf3, 0x38, 0xc4];
    /// Version 1, 128 kbit/s, 44.1 kHz, stereo: 417 bytes, and 26 ms.
    const HIGH: [u8; 4] = [0xff, 0xfb, 0x90, 0x44];
    /// The same with 160 kbit/s.
    const HIGHER: [u8; 4] = [0xff, 0xfb, 0xa0, 0x44];

    fn frame(head: [u8; 4], bytes: usize, at: usize, said: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; bytes];
        frame[..4].copy_from_slice(&head);
        frame[at..at + said.len()].copy_from_slice(said);
        frame
    }

    fn low(count: usize) -> Vec<u8> {
        frame(LOW, 108, 4, &[]).repeat(count)
    }

    fn tagged(file: &[u8]) -> Vec<u8> {
        [b"ID3\x04\0\0\0\0\x01\x02".as_slice(), &[0; 130], file].concat()
    }

    /// More bytes than are looked at.
    fn with_a_picture(file: &[u8]) -> Vec<u8> {
        [b"ID3\x04\0\0\0\0\x27\x08".as_slice(), &[0; 5000], file].concat()
    }

    #[rstest]
    #[case::one_rate(low(58), Some(2.088))]
    #[case::behind_a_tag(tagged(&low(58)), Some(2.088))]
    #[case::behind_a_picture(with_a_picture(&low(58)), Some(2.088))]
    #[case::a_picture_and_no_more(with_a_picture(&[]), None)]
    #[case::as_many_frames_as_it_says(
        [frame(HIGH, 417, 36, b"Xing\0\0\0\x01\0\0\x03\xe8"), frame(HIGHER, 522, 4, &[])].concat(),
        Some(26.122)
    )]
    #[case::a_rate_that_changes([frame(HIGH, 417, 4, &[]), frame(HIGHER, 522, 4, &[])].concat(), None)]
    #[case::a_single_frame(low(1), None)]
    #[case::no_frame(b"RIFF and more".to_vec(), None)]
    fn a_head_says_how_long_it_plays(#[case] file: Vec<u8>, #[case] expected: Option<f64>) {
        let data = STANDARD.encode(file);
        for url in [format!("data:audio/mpeg;base64,{data}"), format!("mp3,{data}")] {
            let near = |seconds: f64| (seconds * 1000.0).round() / 1000.0;
            assert_eq!(seconds(&url).map(near), expected);
        }
    }
}
