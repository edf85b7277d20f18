//! SHA-256 (FIPS 180-4) of what is read or written piece by piece, and its digits as `sha256sum` prints them.

use std::io::{self, ErrorKind, Read, Write};

use sha2::{Digest, Sha256};

/// Bytes that are read or written at a time.
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

/// Writes on to something, and has the digest of what was written.
#[derive(Debug)]
pub(crate) struct Hashing<W> {
    to: W,
    sum: Sha256,
    bytes: u64,
}

impl<W: Write> Hashing<W> {
    /// Nothing has been written yet.
    pub(crate) fn new(to: W) -> Self {
        Self { to, sum: Sha256::new(), bytes: 0 }
    }

    /// The digest of all that was written so far, and how many bytes that was.
    pub(crate) fn digest(&self) -> ([u8; 32], u64) {
        (self.sum.clone().finalize().into(), self.bytes)
    }

    /// What is written to.
    pub(crate) fn get_ref(&self) -> &W {
        &self.to
    }
}

impl<W: Write> Write for Hashing<W> {
    /// Takes no more than a cache has room for, so that it is still there when its digest is computed.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(&bytes[..bytes.len().min(PIECE)])?;
        self.sum.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
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

    /// Takes two bytes at a time.
    struct Narrow(Vec<u8>);

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(2);
            self.0.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_written_has_the_digest_of_what_is_read() {
        let mut written = Hashing::new(Narrow(Vec::new()));
        written.write_all(b"abcde").unwrap();
        assert_eq!(written.to.0, b"abcde");
        assert_eq!(written.digest(), of(&mut b"abcde".as_slice()).unwrap());
    }
}
