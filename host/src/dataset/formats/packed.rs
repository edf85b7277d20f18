//! Compressed files: what a file is packed with is known by its first bytes, whatever it is called.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

/// What gzip files begin with (RFC 1952).
const GZIP: &[u8] = &[0x1f, 0x8b];

/// What a frame of Zstandard begins with (RFC 8878).
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// The text of a file, and the name of the program that it is packed with, if it is.
///
/// # Errors
/// The file cannot be read.
pub(super) fn unpack<'a>(
    mut file: Box<dyn BufRead + 'a>,
) -> io::Result<(Box<dyn BufRead + 'a>, Option<&'static str>)> {
    let head = file.fill_buf()?;
    if head.starts_with(GZIP) {
        Ok((Box::new(BufReader::new(MultiGzDecoder::new(file))), Some("gzip")))
    } else if head.starts_with(ZSTD) {
        Ok((Box::new(BufReader::new(Frames::Between(Some(file)))), Some("zstd")))
    } else {
        Ok((file, None))
    }
}

/// The frames of a Zstandard file, one after the other.
enum Frames<R: BufRead> {
    /// The next frame begins here, or the file ends. Without a file there was an error.
    Between(Option<R>),
    /// Boxed: it holds the tables of a frame.
    Within(Box<StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>),
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self {
                Self::Between(file) => {
                    let Some(mut rest) = file.take() else { return Ok(0) };
                    if rest.fill_buf()?.is_empty() {
                        return Ok(0);
                    }
                    *self =
                        Self::Within(Box::new(StreamingDecoder::new(rest).map_err(|_| damaged("header"))?));
                }
                Self::Within(frame) => {
                    let count = frame.read(buffer).map_err(|_| damaged("block"))?;
                    if count > 0 || buffer.is_empty() {
                        return Ok(count);
                    }
                    let Self::Within(frame) = std::mem::replace(self, Self::Between(None)) else {
                        return Ok(0);
                    };
                    *self = Self::Between(Some(frame.into_inner()));
                }
            }
        }
    }
}

/// The library's own words are for those who know its inside.
fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a {what} of it ends early or is wrong"))
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use flate2::{Compression, write::GzEncoder};
    use rstest::rstest;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(vec![], Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    fn plain(text: &[u8]) -> Vec<u8> {
        text.to_vec()
    }

    fn text(bytes: Vec<u8>) -> io::Result<String> {
        let mut text = String::new();
        unpack(Box::new(Cursor::new(bytes)))?.0.read_to_string(&mut text)?;
        Ok(text)
    }

    #[rstest]
    #[case::gzip(gzip, Some("gzip"))]
    #[case::zstd(zstd, Some("zstd"))]
    #[case::plain(plain, None)]
    fn files_are_unpacked_part_by_part(#[case] pack: fn(&[u8]) -> Vec<u8>, #[case] format: Option<&str>) {
        let long = "a longer text. ".repeat(40_000);
        let bytes = [pack(b"first\n"), pack(long.as_bytes())].concat();
        assert_eq!(unpack(Box::new(Cursor::new(bytes.clone()))).unwrap().1, format);
        assert_eq!(text(bytes).unwrap(), format!("first\n{long}"));
    }

    #[rstest]
    #[case::gzip(gzip)]
    #[case::zstd(zstd)]
    fn half_a_file_is_an_error(#[case] pack: fn(&[u8]) -> Vec<u8>) {
        let bytes = pack(b"some text that is packed, and some more of it");
        for end in 4..bytes.len() - 9 {
            assert!(text(bytes[..end].to_vec()).is_err(), "{end} of {} bytes", bytes.len());
        }
    }
}
