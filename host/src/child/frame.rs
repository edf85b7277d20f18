//! Frames: what travels between a parent and a child. A little-endian `u32` with the length of what follows, and a
//! value as MessagePack with named fields.

use std::{
    io::{self, BufReader, Read, Write},
    os::unix::net::UnixStream,
};

use serde::{Serialize, de::DeserializeOwned};

/// Longest frame that is read, in bytes: more is garbage, or an attempt to use up our memory.
const LONGEST: usize = 256 << 20;

/// Reads frames of at most 256 MiB.
#[derive(Debug)]
pub(crate) struct FrameReader<R = BufReader<UnixStream>> {
    from: R,
    buffer: Vec<u8>,
}

impl FrameReader {
    /// Reads from a socket.
    pub(crate) fn new(socket: UnixStream) -> Self {
        Self::of(BufReader::new(socket))
    }
}

impl<R: Read> FrameReader<R> {
    /// Reads from anything else.
    pub(crate) fn of(from: R) -> Self {
        Self { from, buffer: Vec::new() }
    }

    /// The next value, or nothing when the other side has closed between two frames.
    ///
    /// # Errors
    /// The socket failed, the other side was cut off in the middle of a frame, or what it sent is not a `T`.
    pub(crate) fn read<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let mut length = [0; 4];
        match read_some(&mut self.from, &mut length[..1])? {
            0 => return Ok(None),
            _ => self.from.read_exact(&mut length[1..])?,
        }
        let length = u32::from_le_bytes(length) as usize;
        if length > LONGEST {
            let text = format!("a frame of {length} bytes; {LONGEST} are the limit");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        // Memory grows with what arrives, not with what is announced.
        self.buffer.clear();
        if self.from.by_ref().take(length as u64).read_to_end(&mut self.buffer)? < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        rmp_serde::from_slice(&self.buffer)
            .map(Some)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

/// Reads what there is. A process that was suspended meanwhile goes on waiting.
fn read_some(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

#[derive(Debug)]
pub(crate) struct FrameWriter<W = UnixStream> {
    to: W,
    buffer: Vec<u8>,
}

impl<W: Write> FrameWriter<W> {
    /// Writes to a socket.
    pub(crate) fn new(to: W) -> Self {
        Self { to, buffer: Vec::new() }
    }

    /// Sends a value, waiting while the other side's buffer is full.
    ///
    /// # Errors
    /// The other side is gone, or the value is too long for a frame.
    pub(crate) fn write<T: Serialize>(&mut self, value: &T) -> io::Result<()> {
        self.buffer.clear();
        self.buffer.extend([0; 4]);
        rmp_serde::encode::write_named(&mut self.buffer, value)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let length = self.buffer.len() - 4;
        if length > LONGEST {
            let text = format!("a frame of {length} bytes; {LONGEST} are the limit");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        // Below the limit, hence below 2^32.
        self.buffer[..4].copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        self.to.write_all(&self.buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(bytes: &[u8]) -> FrameReader<&[u8]> {
        FrameReader::of(bytes)
    }

    fn written(values: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = FrameWriter::new(&mut bytes);
        for value in values {
            writer.write(value).unwrap();
        }
        bytes
    }

    #[test]
    fn what_is_written_is_read_until_the_end() {
        let bytes = written(&["one", ""]);
        let mut reader = reader(&bytes);
        assert_eq!(reader.read::<String>().unwrap().as_deref(), Some("one"));
        assert_eq!(reader.read::<String>().unwrap().as_deref(), Some(""));
        assert_eq!(reader.read::<String>().unwrap(), None);
    }

    #[test]
    fn a_frame_that_is_cut_anywhere_is_an_error() {
        let bytes = written(&["one"]);
        for length in 1..bytes.len() {
            assert!(reader(&bytes[..length]).read::<String>().is_err(), "cut to {length}");
        }
    }

    #[test]
    fn garbage_is_an_error_and_takes_no_memory() {
        let error = reader(&[0xff; 8]).read::<String>().unwrap_err();
        assert_eq!(error.to_string(), "a frame of 4294967295 bytes; 268435456 are the limit");
        assert!(reader(&[1, 0, 0, 0, 0xc1]).read::<String>().is_err());
    }
}
