//! Choices that follow from the input alone, so that a finding is found again.

/// A stream of numbers: `SplitMix64`.
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// Numbers that depend on every byte of `data` (FNV-1a).
    pub(crate) fn of(data: &[u8]) -> Self {
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Self(data.iter().fold(0xcbf2_9ce4_8422_2325, mix))
    }

    /// A number below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap_or(0)
    }

    /// `data` in pieces of up to `longest` bytes, some of them empty.
    pub(crate) fn pieces<'a>(&mut self, data: &'a [u8], longest: usize) -> Vec<&'a [u8]> {
        let (mut rest, mut pieces) = (data, Vec::new());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(self.below(longest + 1).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces
    }
}
