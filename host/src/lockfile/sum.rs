//! [`Sum`]: the SHA-256 of a file, as a lock file has it.

use std::{collections::BTreeMap, fmt, io::Read, path::PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::fingerprint;

/// Hexadecimal digits of a SHA-256 (FIPS 180-4).
const DIGITS: usize = 64;

/// A SHA-256 as hexadecimal digits in lower case, as `sha256sum` prints them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Sum(String);

impl Sum {
    /// The SHA-256 of some bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(fingerprint::hex(&Sha256::digest(bytes)))
    }

    /// A digest of 32 bytes, as digits.
    pub(crate) fn of_digest(digest: &[u8; 32]) -> Self {
        Self(fingerprint::hex(digest))
    }

    /// That of all that is read.
    ///
    /// # Errors
    /// Not all of it can be read.
    pub(crate) fn of_reader(from: &mut impl Read) -> std::io::Result<Self> {
        fingerprint::of(from).map(|(digest, _)| Self::of_digest(&digest))
    }
}

/// A file that was read, and the SHA-256 of what was read of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileSum {
    pub(crate) path: PathBuf,
    pub(crate) sum: Sum,
}

/// The sums of a thing's files, by their names in it.
pub(crate) type Files = BTreeMap<String, Sum>;

impl TryFrom<String> for Sum {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == DIGITS && text.bytes().all(is_digit) {
            return Ok(Self(text));
        }
        Err(format!("`{text}` is not a SHA-256: it takes {DIGITS} hexadecimal digits in lower case"))
    }
}

impl From<Sum> for String {
    fn from(sum: Sum) -> Self {
        sum.0
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256-{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    // printf abc | sha256sum
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_sum_is_that_of_sha256sum() {
        assert_eq!(Sum::of(b"abc"), Sum::try_from(ABC.to_owned()).unwrap());
        assert_eq!(Sum::of_reader(&mut b"abc".as_slice()).unwrap().to_string(), format!("sha256-{ABC}"));
    }

    #[rstest]
    #[case::nothing("")]
    #[case::short("ba7816")]
    #[case::capitals("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD")]
    #[case::with_its_name("sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    #[case::no_digits("zz7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    fn anything_else_is_refused(#[case] text: &str) {
        assert!(Sum::try_from(text.to_owned()).unwrap_err().contains("is not a SHA-256"));
    }
}
