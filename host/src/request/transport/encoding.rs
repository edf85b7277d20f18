//! Undoes the content encoding of a response, read by read.
//!
//! Requests ask for none. A server, or a proxy in front of it, that encodes all the same must not cost the measurement:
//! what a read brings is decoded at once and keeps the stamp of that read.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use brotli_decompressor::DecompressorWriter;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::{HeaderMap, HeaderValue, header::CONTENT_ENCODING};

/// No read becomes larger: a few bytes may stand for gigabytes.
const MAX_DECODED_BYTES: usize = 64 << 20;

/// Room for what brotli decodes in one step.
const BROTLI_STEP_BYTES: usize = 16 << 10;

/// Why a body cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub(super) enum EncodingError {
    /// It is encoded in a way that is not decoded here.
    #[error(
        "the body is encoded with `{0}`, which prony does not decode: it decodes `gzip`, `deflate` and `br`, and asks \
         for no encoding at all"
    )]
    Unknown(String),
    /// It is not what its header says.
    #[error("the body is not what `Content-Encoding: {name}` says: {source}")]
    Broken {
        /// The encoding.
        name: &'static str,
        /// What the decoder found.
        source: io::Error,
    },
}

/// A decoder for one body.
pub(super) enum Decoder {
    Gzip(Box<MultiGzDecoder<Bounded>>),
    /// RFC 9110 means the zlib format by `deflate`, and some servers send bare deflate: the first byte decides.
    Deflate,
    Zlib(Box<ZlibDecoder<Bounded>>),
    BareDeflate(Box<DeflateDecoder<Bounded>>),
    Brotli(Box<DecompressorWriter<Bounded>>),
    Unknown(String),
}

/// What a read was decoded to.
#[derive(Debug, Default)]
pub(super) struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_DECODED_BYTES {
            return Err(io::Error::other("one read of it decodes to more than 64 MiB"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Decoder {
    /// The decoder for a body with these headers; `None` where it needs none.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let values: Vec<_> = headers.get_all(CONTENT_ENCODING).iter().map(HeaderValue::as_bytes).collect();
        let said = String::from_utf8_lossy(&values.join(&b","[..])).trim().to_ascii_lowercase();
        match said.as_str() {
            "" | "identity" => None,
            "gzip" | "x-gzip" => Some(Self::Gzip(Box::new(MultiGzDecoder::new(Bounded::default())))),
            "deflate" => Some(Self::Deflate),
            "br" => {
                let decoder = DecompressorWriter::new(Bounded::default(), BROTLI_STEP_BYTES);
                Some(Self::Brotli(Box::new(decoder)))
            }
            _ => Some(Self::Unknown(said)),
        }
    }

    /// What these bytes bring.
    ///
    /// # Errors
    /// They are not encoded as the header says, or in a way that is not decoded here.
    pub(super) fn decode(&mut self, bytes: &[u8]) -> Result<&[u8], EncodingError> {
        if let (Self::Deflate, Some(first)) = (&*self, bytes.first()) {
            // The first byte of the zlib format names its method, 8, and its window.
            *self = if first & 0x0f == 8 && first >> 4 <= 7 {
                Self::Zlib(Box::new(ZlibDecoder::new(Bounded::default())))
            } else {
                Self::BareDeflate(Box::new(DeflateDecoder::new(Bounded::default())))
            };
        }
        let broken = |name| move |source| EncodingError::Broken { name, source };
        match self {
            Self::Gzip(decoder) => {
                decoder.get_mut().0.clear();
                decoder.write_all(bytes).and_then(|()| decoder.flush()).map_err(broken("gzip"))?;
                Ok(&decoder.get_ref().0)
            }
            Self::Zlib(decoder) => {
                decoder.get_mut().0.clear();
                decoder.write_all(bytes).and_then(|()| decoder.flush()).map_err(broken("deflate"))?;
                Ok(&decoder.get_ref().0)
            }
            Self::BareDeflate(decoder) => {
                decoder.get_mut().0.clear();
                decoder.write_all(bytes).and_then(|()| decoder.flush()).map_err(broken("deflate"))?;
                Ok(&decoder.get_ref().0)
            }
            Self::Brotli(decoder) => {
                decoder.get_mut().0.clear();
                decoder.write_all(bytes).map_err(broken("br"))?;
                Ok(&decoder.get_ref().0)
            }
            Self::Deflate => Ok(&[]),
            Self::Unknown(name) => Err(EncodingError::Unknown(name.clone())),
        }
    }
}

/// No body is decoded to more bytes: see [`decoded`].
const MAX_BODY_BYTES: usize = 256 << 20;

/// A whole body with these headers, decoded; `None` if it cannot be. Of one that is cut, what came is decoded.
pub(crate) fn decoded<'a>(headers: &HeaderMap, body: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    let Some(mut decoder) = Decoder::of(headers) else { return Some(Cow::Borrowed(body)) };
    let mut whole = Vec::new();
    for piece in body.chunks(BROTLI_STEP_BYTES) {
        whole.extend_from_slice(decoder.decode(piece).ok()?);
        if whole.len() > MAX_BODY_BYTES {
            return None;
        }
    }
    Some(Cow::Owned(whole))
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gzip(_) => "gzip",
            Self::Deflate | Self::Zlib(_) | Self::BareDeflate(_) => "deflate",
            Self::Brotli(_) => "br",
            Self::Unknown(name) => name,
        })
    }
}

#[cfg(test)]
mod tests {
    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };
    use rstest::rstest;

    use super::*;

    const EVENTS: [&str; 3] = ["data: one\n\n", "data: two\n\n", "data: [DONE]\n\n"];

    /// The same three events, as Node's zlib writes them when it is flushed after each.
    const BROTLI: [&[u8]; 3] = [
        b"\x0b\x05\x80\x64\x61\x74\x61\x3a\x20\x6f\x6e\x65\x0a\x0a",
        b"\x50\x00\x80\x5f\x5a\xe1\x8d\xee\x4e\x11\xa2\x4a\x04\x60\x0b",
        b"\x68\x00\x80\x5f\x52\x61\xab\x2b\x09\x50\x44\x93\x50\x49\x35\xf8\x31\x00",
    ];

    fn decoder(encoding: &'static str) -> Option<Decoder> {
        Decoder::of(&HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(encoding))]))
    }

    /// What an encoder writes for each event, when it is flushed after each.
    fn pieces<W: Write>(mut encoder: W, take: impl Fn(&mut W) -> Vec<u8>) -> Vec<Vec<u8>> {
        let piece = |event: &&str| {
            encoder.write_all(event.as_bytes()).unwrap();
            encoder.flush().unwrap();
            take(&mut encoder)
        };
        EVENTS.iter().map(piece).collect()
    }

    fn encoded(how: &str) -> Vec<Vec<u8>> {
        let level = Compression::default();
        match how {
            "gzip" => pieces(GzEncoder::new(vec![], level), |encoder| std::mem::take(encoder.get_mut())),
            "zlib" => pieces(ZlibEncoder::new(vec![], level), |encoder| std::mem::take(encoder.get_mut())),
            "bare" => pieces(DeflateEncoder::new(vec![], level), |encoder| std::mem::take(encoder.get_mut())),
            _ => BROTLI.iter().map(|piece| piece.to_vec()).collect(),
        }
    }

    #[rstest]
    #[case::gzip("gzip", "gzip")]
    #[case::gzip_by_its_old_name("X-GZIP", "gzip")]
    #[case::deflate("deflate", "zlib")]
    #[case::deflate_without_a_header("deflate", "bare")]
    #[case::brotli("br", "br")]
    fn each_read_gives_what_it_brings(#[case] encoding: &'static str, #[case] how: &str) {
        let decoder_of = decoder;
        let mut decoder = decoder_of(encoding).unwrap();
        for (piece, event) in encoded(how).iter().zip(EVENTS) {
            assert_eq!(decoder.decode(piece).unwrap(), event.as_bytes());
        }
        // However small the reads are.
        let mut decoder = decoder_of(encoding).unwrap();
        let bytes = encoded(how).concat();
        let decoded: Vec<u8> =
            bytes.iter().flat_map(|byte| decoder.decode(&[*byte]).unwrap().to_vec()).collect();
        assert_eq!(decoded, EVENTS.concat().as_bytes());
    }

    #[rstest]
    #[case::none("identity")]
    #[case::empty("")]
    fn what_is_not_encoded_is_not_decoded(#[case] encoding: &'static str) {
        assert!(decoder(encoding).is_none());
    }

    #[rstest]
    #[case::unknown("zstd", "encoded with `zstd`, which prony does not decode")]
    #[case::several("gzip, br", "encoded with `gzip, br`")]
    #[case::no_gzip("gzip", "not what `Content-Encoding: gzip` says")]
    #[case::no_deflate("deflate", "not what `Content-Encoding: deflate` says")]
    #[case::no_brotli("br", "not what `Content-Encoding: br` says")]
    fn what_cannot_be_decoded_is_named(#[case] encoding: &'static str, #[case] says: &str) {
        let error = decoder(encoding).unwrap().decode(b"\xff\xffdata: one\n\ndata: two\n\n").unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }

    #[test]
    fn a_bomb_is_refused() {
        let mut encoder = GzEncoder::new(vec![], Compression::best());
        encoder.write_all(&vec![0; MAX_DECODED_BYTES + 1]).unwrap();
        let error = decoder("gzip").unwrap().decode(&encoder.finish().unwrap()).unwrap_err();
        assert!(error.to_string().contains("64 MiB"), "{error}");
    }
}
