//! The form of a batch and of its acknowledgement. All numbers are little-endian.
//!
//! | bytes | of a batch |
//! |---|---|
//! | 16 | whose it is: a random number of the sender |
//! | 8 | number of its first message; a sender's first message has number 0 |
//! | 4 and as many as they say | length of a message in bytes, and the message; repeated up to the end |
//!
//! An acknowledgement is one number of 8 bytes: that of the message that the receiver takes next.

/// What a message takes beside its own bytes.
const LENGTH_BYTES: usize = 4;

/// What a batch says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch<'a> {
    pub(super) sender: u128,
    pub(super) first: u64,
    pub(super) messages: Vec<&'a [u8]>,
}

/// Bytes that a message of so many bytes takes in a batch.
pub(super) fn size(message: &[u8]) -> usize {
    LENGTH_BYTES + message.len()
}

/// Writes a batch. Messages are short enough for their length: longer ones are refused where they are left to be sent.
pub(super) fn batch<'a>(sender: u128, first: u64, messages: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = sender.to_le_bytes().to_vec();
    bytes.extend(first.to_le_bytes());
    for message in messages {
        bytes.extend(u32::try_from(message.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(message);
    }
    bytes
}

/// Reads a batch. Nothing for what is none.
pub(super) fn read(bytes: &[u8]) -> Option<Batch<'_>> {
    let (sender, rest) = bytes.split_first_chunk()?;
    let (first, mut rest) = rest.split_first_chunk()?;
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (message, behind) = behind.split_at_checked(length)?;
        messages.push(message);
        rest = behind;
    }
    Some(Batch { sender: u128::from_le_bytes(*sender), first: u64::from_le_bytes(*first), messages })
}

/// Writes an acknowledgement.
pub(super) fn acknowledgement(next: u64) -> Vec<u8> {
    next.to_le_bytes().to_vec()
}

/// Reads an acknowledgement. Nothing for what is none.
pub(super) fn acknowledged(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_read_as_it_was_written() {
        let messages: [&[u8]; 3] = [b"one", b"", b"three"];
        let bytes = batch(7, 9, messages.into_iter());
        assert_eq!(read(&bytes), Some(Batch { sender: 7, first: 9, messages: messages.to_vec() }));
        assert_eq!(bytes.len(), 24 + messages.map(size).iter().sum::<usize>());
    }

    #[test]
    fn a_batch_that_is_cut_inside_a_message_is_none() {
        let bytes = batch(7, 9, [b"one".as_slice()].into_iter());
        for length in (0..bytes.len()).filter(|length| *length != 24) {
            assert_eq!(read(&bytes[..length]), None, "cut to {length}");
        }
    }

    #[test]
    fn an_acknowledgement_is_a_number() {
        assert_eq!(acknowledged(&acknowledgement(513)), Some(513));
        assert_eq!(acknowledged(b""), None);
        assert_eq!(acknowledged(b"123456789"), None);
    }
}
