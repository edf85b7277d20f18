//! Where a token stands in the table of all tokens. The build script, which makes the table, has this file as well.

/// Slots of the table, as a power of two: 2.6 for each token, so that most are found at the first look.
pub(super) const SLOT_BITS: u32 = 19;

/// An odd number whose bits are in no order (from the golden ratio, as in Fibonacci hashing).
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// The slot at which the search for these bytes begins.
pub(super) fn slot(bytes: &[u8]) -> usize {
    let hash = bytes.chunks(8).fold(bytes.len() as u64, |hash, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        let mixed = (hash ^ u64::from_le_bytes(word)).wrapping_mul(MIX);
        mixed ^ (mixed >> 32)
    });
    // The upper bits depend on all lower ones.
    (hash.wrapping_mul(MIX) >> (u64::BITS - SLOT_BITS)) as usize
}
