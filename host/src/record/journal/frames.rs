//! From bytes to the payloads of frames, checked and not decoded: [`Frames`]. Damage costs the frames that it is in, in files of
//! version 3, and everything behind it in older ones, whose frames say no more than how long they are.

use std::io::Read;

use memchr::memmem;

use super::{
    damage::Damage,
    format::{HEAD_BYTES, Head, MAGIC, MARKER, MAX_FRAME_BYTES, OLDER_MAGICS, Salt, Tag},
    lookahead::Lookahead,
    older,
};

/// Reads the frames of a file.
#[derive(Debug)]
pub(super) struct Frames<R> {
    lookahead: Lookahead<R>,
    version: Version,
    /// Number of the next frame; of older versions, of the next record without a count.
    next: u64,
    /// The last frame has been read. Nothing after it counts.
    is_over: bool,
    /// Bytes are missing, and no frame behind them has said how many frames they were.
    is_counting: bool,
    damage: Damage,
}

#[derive(Debug)]
enum Version {
    /// 1 and 2.
    Older,
    /// 3.
    Tagged([Salt; 2]),
}

/// What is known of a payload besides its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meta {
    pub(super) tag: Tag,
    /// The frame's number; of a record without a count, the one that its count refers to.
    pub(super) number: u64,
    /// Bytes of the payload that only say what it is.
    pub(super) head: usize,
}

impl<R: Read> Frames<R> {
    /// Those of a file; `None` when it is none of ours.
    pub(super) fn of(file: R) -> Option<Self> {
        let mut lookahead = Lookahead::new(file);
        let magic = lookahead.next()?;
        let version = if magic == MAGIC {
            let salts = [lookahead.next()?, lookahead.next()?];
            Version::Tagged(salts.map(|salt| Salt(u64::from_le_bytes(salt))))
        } else if OLDER_MAGICS.contains(&magic) {
            Version::Older
        } else {
            return None;
        };
        let damage = Damage::default();
        Some(Self { lookahead, version, next: 0, is_over: false, is_counting: false, damage })
    }

    /// Whether it is of a version whose frames have no tags.
    pub(super) fn are_older(&self) -> bool {
        matches!(self.version, Version::Older)
    }

    /// What could not be read so far.
    pub(super) fn damage(&self) -> &Damage {
        &self.damage
    }

    /// A payload was whole, and did not say what it should.
    pub(super) fn was_not_understood(&mut self) {
        self.damage.not_understood += 1;
    }

    /// Appends the payload of the next frame that is whole; `None` at the end.
    pub(super) fn next(&mut self, payloads: &mut Vec<u8>) -> Option<Meta> {
        if self.is_over {
            return self.end();
        }
        let meta = match self.version {
            Version::Older => self.next_older(payloads),
            Version::Tagged(salts) => self.next_tagged(salts, payloads),
        }?;
        self.is_over = meta.tag == Tag::END;
        Some(meta)
    }

    /// Nothing counts any more.
    fn end(&mut self) -> Option<Meta> {
        let rest = self.lookahead.skip(u64::MAX);
        if rest > 0 {
            match self.version {
                Version::Older => self.damage.ends_early = true,
                Version::Tagged(_) => self.lose(rest),
            }
        }
        self.finish()
    }

    fn finish(&mut self) -> Option<Meta> {
        if std::mem::take(&mut self.is_counting) {
            // What broke off, or could not be read up to the end, was one frame or more.
            self.damage.frames += 1;
            self.damage.has_lost_end = true;
        }
        self.damage.ends_early |= self.lookahead.failed();
        None
    }

    fn lose(&mut self, bytes: u64) {
        self.damage.bytes += bytes;
        self.is_counting = true;
    }

    fn next_tagged(&mut self, salts: [Salt; 2], payloads: &mut Vec<u8>) -> Option<Meta> {
        let start = payloads.len();
        loop {
            let Some(head) = self.next_head(salts) else { return self.finish() };
            let Head { tag, number, length, payload_crc } = head;
            let all_bytes = HEAD_BYTES as u64 + u64::from(length);
            // The head is whole, and says where the next one is: what its payload holds is never taken for heads.
            let Some(missing) = number.checked_sub(self.next) else {
                let found = self.lookahead.skip(length.into());
                self.damage.bytes += all_bytes - (u64::from(length) - found);
                continue;
            };
            self.is_counting = false;
            self.damage.frames = self.damage.frames.saturating_add(missing);
            self.next = number.saturating_add(1);
            let found = self.lookahead.read_to(length as usize, payloads);
            if found == length as usize && crc32fast::hash(&payloads[start..]) == payload_crc {
                return Some(Meta { tag, number, head: 0 });
            }
            payloads.truncate(start);
            self.damage.bytes += HEAD_BYTES as u64 + found as u64;
            self.damage.frames = self.damage.frames.saturating_add(1);
            self.damage.has_lost_end |= found < length as usize;
        }
    }

    /// Takes the next head that is whole, and whatever is before it.
    fn next_head(&mut self, salts: [Salt; 2]) -> Option<Head> {
        loop {
            let bytes = self.lookahead.peek(HEAD_BYTES);
            let Some(first) = bytes.first_chunk() else {
                let rest = bytes.len();
                self.lookahead.take(rest);
                if rest > 0 {
                    self.lose(rest as u64);
                }
                return None;
            };
            if let Some(head) = Head::read(first, salts) {
                self.lookahead.take(HEAD_BYTES);
                return Some(head);
            }
            // The last bytes may be the first ones of a head.
            let none = bytes.len() - (MARKER.len() - 1);
            let gap = memmem::find(&bytes[1..], &MARKER).map_or(none, |at| at + 1);
            self.lookahead.take(gap);
            self.lose(gap as u64);
        }
    }

    fn next_older(&mut self, payloads: &mut Vec<u8>) -> Option<Meta> {
        let start = payloads.len();
        if self.damage.ends_early || self.lookahead.peek(1).is_empty() {
            return self.finish();
        }
        let read = self.read_older(payloads);
        if read.is_none() {
            payloads.truncate(start);
            self.damage.ends_early = true;
        }
        let (tag, head) = older::look(&payloads[start..]);
        let number = self.next;
        self.next += u64::from(tag == Tag::UNCOUNTED);
        read.map(|()| Meta { tag, number, head })
    }

    /// A length and a CRC-32, and a payload that fits them.
    fn read_older(&mut self, payloads: &mut Vec<u8>) -> Option<()> {
        let start = payloads.len();
        let length = u32::from_le_bytes(self.lookahead.next()?);
        let crc = u32::from_le_bytes(self.lookahead.next()?);
        if length > MAX_FRAME_BYTES {
            return None;
        }
        let found = self.lookahead.read_to(length as usize, payloads);
        (found == length as usize && crc32fast::hash(&payloads[start..]) == crc).then_some(())
    }
}
