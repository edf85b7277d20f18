//! Fingerprints of libraries: the `integrity` of a manifest, in the notation of Subresource Integrity (W3C), which is
//! `sha256-` and the digest in base64; hexadecimal, as `sha256sum` prints it, is accepted too.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::{fingerprint, lockfile::Sum};

const PREFIX: &str = "sha256-";

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// The digest of some bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The same as a lock file has it.
    pub(super) fn sum(&self) -> Sum {
        Sum::of_digest(&self.0)
    }

    /// Its hexadecimal digits alone, as `sha256sum` prints them.
    pub(super) fn hex(&self) -> String {
        fingerprint::hex(&self.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digest = text.strip_prefix(PREFIX).and_then(|digest| match digest.len() {
            64 => from_hex(digest.as_bytes()),
            43 | 44 => from_base64(digest.trim_end_matches('=').as_bytes()),
            _ => None,
        });
        digest.map(Self).ok_or_else(|| {
            format!("`{text}` is not an integrity value: write `{PREFIX}` and the SHA-256 in base64 or hexadecimal")
        })
    }
}

fn from_hex(text: &[u8]) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(text.chunks_exact(2)) {
        let digits = std::str::from_utf8(pair).ok().filter(|_| pair.iter().all(u8::is_ascii_hexdigit))?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(digest)
}

fn from_base64(text: &[u8]) -> Option<[u8; 32]> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::with_capacity(33);
    let (mut pending, mut bits) = (0_u32, 0);
    for &letter in text {
        let value = ALPHABET.iter().position(|&other| other == letter)?;
        pending = pending << 6 | u32::try_from(value).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(pending >> bits & 0xff).ok()?);
        }
    }
    bytes.try_into().ok()
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    // printf abc | sha256sum; printf abc | openssl dgst -sha256 -binary | base64
    const HEX: &str = "sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const BASE64: &str = "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";

    #[rstest]
    #[case::hexadecimal(HEX)]
    #[case::base64(BASE64)]
    #[case::base64_without_padding(BASE64.trim_end_matches('='))]
    fn both_notations_name_the_same_digest(#[case] text: &str) {
        let digest = Digest::try_from(text.to_owned()).unwrap();
        assert_eq!(digest, Digest::of(b"abc"));
        assert_eq!(digest.to_string(), HEX);
    }

    #[rstest]
    #[case("")]
    #[case("sha256-")]
    #[case("sha512-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=")]
    #[case("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    #[case("sha256-zz7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    #[case("sha256-+a7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    #[case("sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD?YfIAFa0=")]
    fn anything_else_is_refused(#[case] text: &str) {
        assert!(Digest::try_from(text.to_owned()).is_err());
    }
}
