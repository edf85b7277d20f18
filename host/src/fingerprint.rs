//! SHA-256 (FIPS 180-4) of what is read piece by piece, and its digits as `sha256sum` prints them.

use std::io::{self, ErrorKind, Read};

use sha2::{Digest, Sha256};

/// Bytes that are read at a time.
const PIECE: usize = 256 << 10;

/// The digest of all that is read, and how many bytes that was.
///
/// # Errors
/// Not all of it can be read.
pub(crate) fn of(from: &mut impl Read) -> io::Result<([u8; 32], u64)> {
    let (mut sum, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; PIECE]);
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok((sum.finalize().into(), bytes)),
            Ok(read) => {
                sum.update(&piece[..read]);
                bytes += read as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Hexadecimal digits of bytes, two for each.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // printf abc | sha256sum
    #[test]
    fn a_digest_is_that_of_sha256sum() {
        let (sum, bytes) = of(&mut b"abc".as_slice()).unwrap();
        assert_eq!(hex(&sum), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(bytes, 3);
    }
}
