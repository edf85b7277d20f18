//! The bytes around the payloads of version 3: what a file begins with, and the head of a frame. Pure; see [`super`] for the
//! layout.

/// What a journal of this version begins with.
pub(super) const MAGIC: [u8; 8] = *b"PRONYJ\x03\n";

/// The same for the versions before it: 2, and 1, which had no uncounted records.
pub(super) const OLDER_MAGICS: [[u8; 8]; 2] = [*b"PRONYJ\x02\n", *b"PRONYJ\x01\n"];

/// No frame is larger: a length beyond it is damage, not data.
pub(super) const MAX_FRAME_BYTES: u32 = 256 << 20;

/// What a head begins with. No UTF-8 text has its first byte.
pub(super) const MARKER: [u8; 4] = *b"\xffPJF";

/// Size of a head.
pub(super) const HEAD_BYTES: usize = 26;

/// Size of what stands before the first frame: the magic, and the salt twice.
pub(super) const START_BYTES: usize = 24;

/// A number of the file's own that goes into the checksum of each head. A server whose words end up in a payload does not know
/// it, and cannot make a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Salt(pub(super) u64);

/// What a file begins with.
pub(super) fn start(Salt(salt): Salt) -> [u8; START_BYTES] {
    let mut start = [0; START_BYTES];
    start[..8].copy_from_slice(&MAGIC);
    start[8..16].copy_from_slice(&salt.to_le_bytes());
    start[16..].copy_from_slice(&salt.to_le_bytes());
    start
}

/// What a frame holds. Within a version, a number keeps its meaning; newer writers may use more of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(pub(super) u16);

impl Tag {
    pub(super) const HEADER: Self = Self(1);
    pub(super) const PHASE_STARTED: Self = Self(2);
    pub(super) const PHASE_ENDED: Self = Self(3);
    pub(super) const RECORD: Self = Self(4);
    pub(super) const UNCOUNTED: Self = Self(5);
    pub(super) const COUNTED: Self = Self(6);
    pub(super) const MESSAGE: Self = Self(7);
    pub(super) const END: Self = Self(8);
    pub(super) const MARK: Self = Self(9);
    pub(super) const NODE: Self = Self(10);
    /// In `journal.texts`: the run that they are of.
    pub(super) const RUN_ID: Self = Self(16);
    /// In `journal.texts`: the texts of one record.
    pub(super) const TEXTS: Self = Self(17);
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// What the payload is.
    pub(super) tag: Tag,
    /// How many frames stand before it.
    pub(super) number: u64,
    /// Size of the payload.
    pub(super) length: u32,
    /// CRC-32 of the payload.
    pub(super) payload_crc: u32,
}

impl Head {
    /// As it stands in a file with this salt.
    pub(super) fn to_bytes(self, salt: Salt) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..4].copy_from_slice(&MARKER);
        bytes[4..6].copy_from_slice(&self.tag.0.to_le_bytes());
        bytes[6..14].copy_from_slice(&self.number.to_le_bytes());
        bytes[14..18].copy_from_slice(&self.length.to_le_bytes());
        bytes[18..22].copy_from_slice(&self.payload_crc.to_le_bytes());
        let crc = crc_of(salt, &bytes[4..22]);
        bytes[22..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a head; `None` for anything else. One of the salts has to fit: they stand in the file twice, and one of them may
    /// be damaged.
    pub(super) fn read(bytes: &[u8; HEAD_BYTES], salts: [Salt; 2]) -> Option<Self> {
        let [m0, m1, m2, m3, t0, t1, n0, n1, n2, n3, n4, n5, n6, n7, rest @ ..] = *bytes;
        let [l0, l1, l2, l3, p0, p1, p2, p3, c0, c1, c2, c3] = rest;
        let crc = u32::from_le_bytes([c0, c1, c2, c3]);
        let is_whole = || {
            let [first, second] = salts.map(|salt| move || crc_of(salt, &bytes[4..22]) == crc);
            first() || second()
        };
        if [m0, m1, m2, m3] != MARKER || !is_whole() {
            return None;
        }
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        (length <= MAX_FRAME_BYTES).then_some(Self {
            tag: Tag(u16::from_le_bytes([t0, t1])),
            number: u64::from_le_bytes([n0, n1, n2, n3, n4, n5, n6, n7]),
            length,
            payload_crc: u32::from_le_bytes([p0, p1, p2, p3]),
        })
    }
}

fn crc_of(Salt(salt): Salt, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALTS: [Salt; 2] = [Salt(7), Salt(7)];

    fn head() -> Head {
        Head { tag: Tag::RECORD, number: 1 << 40, length: 300, payload_crc: 5 }
    }

    #[test]
    fn a_head_with_any_bit_flipped_is_none() {
        let bytes = head().to_bytes(Salt(7));
        assert_eq!(Head::read(&bytes, SALTS), Some(head()));
        for bit in 0..HEAD_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Head::read(&flipped, SALTS), None, "bit {bit}");
        }
    }

    #[test]
    fn a_head_is_read_with_either_salt_and_not_with_another() {
        let bytes = head().to_bytes(Salt(7));
        assert_eq!(Head::read(&bytes, [Salt(1), Salt(7)]), Some(head()));
        assert_eq!(Head::read(&bytes, [Salt(7), Salt(1)]), Some(head()));
        assert_eq!(Head::read(&bytes, [Salt(1), Salt(2)]), None);
    }

    #[test]
    fn no_frame_is_larger_than_the_largest() {
        let large = Head { length: MAX_FRAME_BYTES + 1, ..head() };
        assert_eq!(Head::read(&large.to_bytes(Salt(7)), SALTS), None);
    }
}
